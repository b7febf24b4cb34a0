"""A message that came in pieces goes back as one that came whole, and only to who sent it."""

import json

import pytest
from plainmind.ground.errors import BadData
from plainmind.providers import registry
from plainmind.providers.chat import to_openai
from provider_servers import TOOL, asking, says, sse, streams

ARGUMENTS = '{ "command":"ls" }'
CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": ARGUMENTS}}
SECOND = {**CALL, "id": "c2"}
DETAIL = {"type": "reasoning.text", "text": "Hm. So.", "signature": "s", "index": 0}
SEALED = {"type": "reasoning.encrypted", "data": "AAA=", "id": "rs", "index": 1}
GOOGLE = {"extra_content": {"google": {"thought_signature": "c2ln"}}}


def piece(index, arguments="", **more):
    return {"index": index, **more, "function": {"arguments": arguments}}


#: what came, in pieces -> the message it is
MESSAGES = {
    "DeepSeek": (
        [
            {"role": "assistant", "content": None, "reasoning_content": "Hm. "},
            {"reasoning_content": "So."},
            {"content": ""},
            {"tool_calls": [{"index": 0, **CALL, "function": {"name": "bash", "arguments": ""}}]},
            {"tool_calls": [piece(0, ARGUMENTS[:5])]},
            {"tool_calls": [piece(0, ARGUMENTS[5:])]},
            {"tool_calls": [{"index": 1, **SECOND}]},
        ],
        {"content": "", "reasoning_content": "Hm. So.", "tool_calls": [CALL, SECOND]},
    ),
    "OpenRouter": (
        [
            {"reasoning": "Hm.",
             "reasoning_details": [{**DETAIL, "text": "Hm.", "signature": None}]},
            {"reasoning": " So.", "reasoning_details": [{**DETAIL, "text": " So."}]},
            {"reasoning_details": [SEALED]},
            {"tool_calls": [{"index": 0, **CALL}]},
        ],
        {"content": None, "reasoning": "Hm. So.", "reasoning_details": [DETAIL, SEALED],
         "tool_calls": [CALL]},
    ),
    "Gemini behind OpenAI's interface": (
        [{"tool_calls": [{**CALL, **GOOGLE}]}, {"tool_calls": [SECOND]}],
        {"content": None, "tool_calls": [{**CALL, **GOOGLE}, SECOND]},
    ),
    "Mistral": (
        [
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
            {"content": "I look."},
            {"tool_calls": [{"index": 0, **CALL}]},
        ],
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                     {"type": "text", "text": "I look."}], "tool_calls": [CALL]},
    ),
    "thoughts in the text": (
        [{"content": "<think>Hm."}, {"content": "</think>I look."}, {"tool_calls": [CALL]}],
        {"content": "<think>Hm.</think>I look.", "tool_calls": [CALL]},
    ),
}  # fmt: skip


def send_back(chat, reply, *more):
    """The request after an answer with calls."""
    made = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
        for c in reply.calls
    ]
    asked = {"role": "assistant", "content": "", "tool_calls": made, "native": reply.native}
    results = [{"role": "tool", "tool_call_id": c.id, "content": "a.txt"} for c in reply.calls]
    return asking("List.", asked, *results, *more, tools=[TOOL])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_stream_goes_back_as_one_message(serve, env, settings, monkeypatch, name):
    pieces, message = MESSAGES[name]
    message = {"role": "assistant", **message}
    events = [{"choices": [{"delta": delta}]} for delta in pieces]
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    whole = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    server = serve(streams(sse(*events, end, b"[DONE]")), says(whole))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    chat = registry.open_chat("openai:m", env, settings)
    streamed = chat.complete(asking(tools=[TOOL]), lambda piece: None)
    assert streamed.native["message"] == message
    assert chat.complete(asking(tools=[TOOL])).native == streamed.native
    request = send_back(chat, streamed)
    chat.complete(request)
    assert server.seen[-1].body["messages"][2] == message
    assert server.seen[-1].body["messages"] == to_openai(request, chat.by)["messages"]
    # another model of the server, and another server, get the calls without the rest
    other = registry.open_chat("openai:m2", env, settings)
    other.complete(request)
    elsewhere = serve(says(whole))
    monkeypatch.setenv("OPENAI_BASE_URL", elsewhere.url)
    registry.open_chat("openai:m", env, settings).complete(request)
    for seen in (server.seen[-1], elsewhere.seen[-1]):
        assert set(seen.body["messages"][2]) == {"role", "content", "tool_calls"}


def test_calls_without_ids_get_those_that_their_results_name(serve, env, settings, monkeypatch):
    bare = {"function": {"name": "bash", "arguments": {"command": "ls"}}}
    answer = {"choices": [{"message": {"content": None, "tool_calls": [bare, bare]}}]}
    server = serve(says(answer))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    chat = registry.open_chat("openai:m", env, settings)
    chat.complete(send_back(chat, chat.complete(asking(tools=[TOOL]))))
    _, _, asked, *results = server.seen[-1].body["messages"]
    ids = [call["id"] for call in asked["tool_calls"]]
    assert ids == [result["tool_call_id"] for result in results] and len(set(ids)) == 2


def test_gpt_oss_leaves_its_channel_in_a_name(serve, env, settings, monkeypatch):
    name = "functions.bash<|channel|>commentary"
    call = {**CALL, "function": {"name": name, "arguments": ARGUMENTS}}
    server = serve(says({"choices": [{"message": {"tool_calls": [call]}}]}))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    chat = registry.open_chat("openai:m", env, settings)
    assert [c.name for c in chat.complete(asking(tools=[TOOL])).calls] == ["bash"]


def test_ollamas_cloud_refuses_its_own_thoughts(serve, env, settings, monkeypatch):
    call = {"function": {"name": "bash", "arguments": {"command": "ls"}}}
    lines = [{"message": {"thinking": t}} for t in ("Hm. ", "So.")]
    lines += [{"message": {"content": "", "tool_calls": [call]}}, {"done": True, "message": {}}]
    strict = lambda seen: "thinking" in json.dumps(seen.body["messages"])
    refuse = says({"error": "bad request"}, 400)
    fine = says({"message": {"content": "Done."}, "done": True})
    server = serve(
        streams(b"".join(json.dumps(line).encode() + b"\n" for line in lines)),
        lambda handler, seen: (refuse if strict(seen) else fine)(handler, seen),
    )
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    chat = registry.open_chat("ollama:kimi-k2", env, settings)
    reply = chat.complete(asking(tools=[TOOL]), lambda piece: None)
    assert reply.native["message"] == {
        "role": "assistant", "content": "", "thinking": "Hm. So.", "tool_calls": [call]
    }  # fmt: skip
    for _ in range(2):
        assert chat.complete(send_back(chat, reply)).text == "Done."
    assert [strict(seen) for seen in server.seen] == [False, True, False, False]


def test_a_refusal_that_names_no_field_of_ours_stands(serve, env, settings, monkeypatch):
    call = {"choices": [{"message": {"reasoning": "Hm.", "tool_calls": [CALL]}}]}
    server = serve(says(call), says({"error": {"message": "too 'long'"}}, 400))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    chat = registry.open_chat("openai:m", env, settings)
    with pytest.raises(BadData):
        chat.complete(send_back(chat, chat.complete(asking(tools=[TOOL]))))
    assert len(server.seen) == 2


def test_gemini_in_pieces(serve, env, settings, monkeypatch):
    """Texts are joined, but none with a signature; one may come in a part of its own."""
    parts = [
        [{"text": "Hm", "thought": True}], [{"text": ".", "thought": True}], [{"text": "I "}],
        [{"text": "look."}],
        [{"functionCall": {"id": "f1", "name": "bash", "args": {"command": "ls"}},
          "thoughtSignature": "c2ln"}],
        [{"functionCall": {"id": "f2", "name": "bash", "args": {"command": "ls"}}}],
        [{"text": "", "thoughtSignature": "bGFzdA=="}],
    ]  # fmt: skip
    contents = [{"role": "model", "parts": part} for part in parts]
    events = [{"candidates": [{"content": content}]} for content in contents]
    events[-1]["candidates"][0]["finishReason"] = "STOP"
    done = {"candidates": [{"content": {"parts": [{"text": "Done."}]}, "finishReason": "STOP"}]}
    server = serve(streams(sse(*events), Content_Type="text/event-stream"), says(done))
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
    monkeypatch.setenv("GEMINI_API_KEY", "x")
    chat = registry.open_chat("google:gemini-3-pro", env, settings)
    reply = chat.complete(asking(tools=[TOOL]), lambda piece: None)
    assert reply.text == "I look."
    kept = json.loads(json.dumps(reply._replace(calls=reply.calls).native))
    chat.complete(send_back(chat, reply._replace(native=kept)))
    _, asked, results = server.seen[-1].body["contents"]
    assert asked["parts"][:2] == [{"text": "Hm.", "thought": True}, {"text": "I look."}]
    assert [part.get("thoughtSignature") for part in asked["parts"][2:]] == [
        "c2ln", None, "bGFzdA==",
    ]  # fmt: skip
    assert [part["functionResponse"]["id"] for part in results["parts"]] == ["f1", "f2"]


def test_a_program_gets_back_what_it_added(env, settings, tmp_path):
    program, seen = tmp_path / "model", tmp_path / "seen"
    answer = {"text": "I look.", "tool_calls": [CALL], "memo": [1, {"a": None}], "usage": {}}
    program.write_text(f"#!/bin/sh\ncat > {seen}; cat <<'.'\n{json.dumps(answer)}\n.\n")
    program.chmod(0o700)
    chat = registry.open_chat(f"command:{program}", env, settings)
    chat.complete(send_back(chat, chat.complete(asking(tools=[TOOL]))))
    assert json.loads(seen.read_text())["messages"][2] == {
        "role": "assistant", "content": "I look.", "tool_calls": [CALL], "memo": [1, {"a": None}]
    }  # fmt: skip
