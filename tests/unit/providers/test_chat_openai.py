"""OpenAI's interface: loopback servers, and llama.cpp's real one."""

import json
import time

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers import http, registry, retry, servers, traits
from plainmind.providers.chat import BrokenOff, Call
from plainmind.providers.chat_openai import OpenAIChat
from provider_servers import CALLED, TOOL, asking, dribbles, hangs, resets, says, sse, streams
from scene import PATIENCE


@pytest.fixture
def openai(env, settings, monkeypatch):
    def start(url, name="m") -> OpenAIChat:
        monkeypatch.setenv("OPENAI_BASE_URL", url + "/v1" if not url.endswith("/v1") else url)
        return registry.open_chat(f"openai:{name}" if name else "openai", env, settings)

    return start


def whole(message, finish="stop", **more):
    return {
        "model": "m-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        ],
        **more,
    }


def delta(finish=None, **delta):
    return {"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.002}


def test_a_reply(serve, openai, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1234567")
    server = serve(says(whole({"content": "Hello."}, usage=USAGE)))
    reply = openai(server.url).complete(asking(tools=[TOOL]))
    assert reply[:5] == (
        "Hello.",
        [],
        {"input_tokens": 7, "output_tokens": 3, "cost": 0.002},
        "stop",
        "m-1",
    )
    seen = server.seen[0]
    assert (seen.path, seen.headers["authorization"]) == (
        "/v1/chat/completions",
        "Bearer canary-1234567",
    )
    assert seen.body == {
        "model": "m",
        "messages": asking()["messages"],
        "max_tokens": 64,
        "tools": [TOOL],
    }


def test_tool_calls_keep_what_the_model_wrote(serve, openai):
    made = [
        {
            "id": "c7",
            "type": "function",
            "function": {"name": "bash", "arguments": '{"command": "ls'},
        },
        {"type": "function", "function": {"name": "bash", "arguments": {"command": "pwd"}}},
        "garbage",
        {"function": None},
    ]
    reply = openai(
        serve(says(whole({"content": None, "tool_calls": made}, "tool_calls"))).url
    ).complete(asking())
    assert reply.calls == [
        Call("c7", "bash", '{"command": "ls'),
        Call("call_2_1", "bash", '{"command": "pwd"}'),
    ]
    assert (reply.text, reply.finish) == ("", "tool_calls")


def test_a_stream(serve, openai):
    server = serve(
        streams(
            b": keep alive\n\n",
            sse(
                delta(role="assistant", content=None),
                delta(reasoning_content="Hmm."),
                delta(content="Hé"),
            )[:-40],
            sse(
                delta(role="assistant", content=None),
                delta(reasoning_content="Hmm."),
                delta(content="Hé"),
            )[-40:],
            b"data: {broken\n\nevent: x\ndata:"
            + json.dumps(delta(content="llo.")).encode()
            + b"\r\n\r\n",
            sse(delta("stop"), {"choices": [], "usage": USAGE}, b"[DONE]"),
        )
    )
    pieces = []
    reply = openai(server.url).complete(asking(), pieces.append)
    assert pieces == ["Hé", "llo."]
    assert reply[:5] == (
        "Héllo.",
        [],
        {"input_tokens": 7, "output_tokens": 3, "cost": 0.002},
        "stop",
        "m-1",
    )
    assert server.seen[0].body["stream"] is True


def piece(**call):
    return delta(tool_calls=[call])


@pytest.mark.parametrize(
    "events",
    [
        [
            piece(index=0, id="a", function={"name": "bash", "arguments": ""}),
            piece(index=0, function={"arguments": '{"command":'}),
            piece(index=0, function={"arguments": ' "ls"}'}),
            piece(index=1, id="b", function={"name": "bash", "arguments": '{"command": "pwd"}'}),
        ],
        [  # no index: a new id is a new call
            piece(id="a", function={"name": "bash", "arguments": '{"command":'}),
            piece(function={"arguments": ' "ls"}'}),
            piece(id="b", function={"name": "bash", "arguments": {"command": "pwd"}}),
        ],
    ],
)
def test_tool_calls_in_a_stream(serve, openai, events):
    reply = openai(serve(streams(sse(*events, delta("tool_calls"), b"[DONE]"))).url).complete(
        asking(), lambda piece: None
    )
    assert reply.calls == [
        Call("a", "bash", '{"command": "ls"}'),
        Call("b", "bash", '{"command": "pwd"}'),
    ]


def test_a_server_that_cannot_stream(serve, openai):
    pieces = []
    reply = openai(
        serve(says(json.dumps(whole({"content": "Hello."}), indent=1).encode())).url
    ).complete(asking(), pieces.append)
    assert (reply.text, pieces) == ("Hello.", ["Hello."])


@pytest.mark.parametrize("end", [resets, None, hangs])
def test_an_answer_that_dies_in_the_middle_keeps_what_was_said(
    serve, openai, settings, expire, end
):
    shown = []
    settings.override("turn.timeout", expire(lambda: len(shown) == 2))
    server = serve(streams(sse(delta(content="Half an "), delta(content="ans")), then=end))
    with pytest.raises(BrokenOff, match="after 11 characters") as caught:
        retry.run(
            lambda: openai(server.url).complete(asking(), shown.append),
            attempts=4,
            sleep=lambda s: None,
        )
    assert caught.value.partial == "".join(shown) == "Half an ans"
    assert len(server.seen) == 1


def test_nothing_shown_yet_is_asked_again(serve, openai):
    server = serve(
        resets,
        says({}, 429, Retry_After="0"),
        says({}, 503),
        streams(sse(delta(content="Hello."), delta("stop"), b"[DONE]")),
    )
    waits = []
    reply = retry.run(
        lambda: openai(server.url).complete(asking(), lambda piece: None),
        attempts=4,
        sleep=waits.append,
    )
    assert reply.text == "Hello."
    assert len(server.seen) == 4


NOTHING = [
    {}, [], 7, None, {"choices": []}, {"choices": None}, {"choices": [None]}, {"choices": [{}]},
    {"choices": [{"message": None}]}, whole({}), whole({"content": ""}), whole({"content": " \n"}),
    whole({"content": 7}), whole({"content": None, "reasoning_content": "Hmm."}),
    whole({"tool_calls": [{}]}), {"error": "oops"}, {"error": {"message": "oops", "code": 503}},
]  # fmt: skip


@pytest.mark.parametrize("answer", NOTHING)
def test_no_answer_is_no_reply(serve, openai, answer):
    with pytest.raises(Unavailable):
        openai(serve(says(answer)).url).complete(asking())
    with pytest.raises(Unavailable):
        openai(serve(streams(sse(answer, b"[DONE]"))).url).complete(asking(), lambda piece: None)
    with pytest.raises(Unavailable):
        openai(serve(streams(sse(answer))).url).complete(asking(), lambda piece: None)


def test_tokens_used_up_by_thinking_are_a_matter_of_settings(serve, openai):
    with pytest.raises(Misconfigured, match="raise turn.max_tokens"):
        openai(
            serve(says(whole({"content": "", "reasoning_content": "Hmm"}, "length"))).url
        ).complete(asking())


def test_errors(serve, openai):
    chat = openai(
        serve(
            says({"error": {"message": "context too long"}}, 400),
            says({"error": "key"}, 401),
            says({"error": "no model"}, 404),
            resets,
        ).url
    )
    for kind in (BadData, Misconfigured, Misconfigured, Unavailable):
        with pytest.raises(kind):
            chat.complete(asking())
    with pytest.raises(BadData):
        error = {"error": {"message": "too long", "code": "context_length_exceeded"}}
        openai(serve(streams(sse(error))).url).complete(asking(), lambda piece: None)


@pytest.mark.parametrize("answer", [hangs, dribbles(b"HTTP/1.1 200 OK\r\n\r\n", b": x\n")])
def test_faults_are_bounded(serve, openai, settings, answer):
    settings.override("turn.timeout", 0.3)
    chat, start = openai(serve(answer).url), time.monotonic()
    for on_text in (None, lambda piece: None):
        with pytest.raises(Unavailable):
            chat.complete(asking(), on_text)
    assert time.monotonic() - start < PATIENCE


def test_without_a_name_the_first_model_listed_answers(serve, openai):
    server = serve(
        says({"data": [{"id": "qwen3"}, {"id": "other"}]}), says(whole({"content": "Hello."}))
    )
    chat = openai(server.url, name="")
    assert chat.name == "openai"
    chat.complete(asking())
    assert [seen.path for seen in server.seen] == ["/v1/models", "/v1/chat/completions"]
    assert server.seen[1].body["model"] == "qwen3"
    assert chat.name == "openai:qwen3"
    with pytest.raises(Misconfigured, match="lists no model"):
        openai(serve(says({"data": []})).url, name="").complete(asking())


def test_openai_itself_gets_the_new_name_of_the_limit(env, settings, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1234567")
    sent = {}
    monkeypatch.setattr(
        http,
        "post",
        lambda url, body, **more: sent.update(url=url, **body) or whole({"content": "Hi."}),
    )
    registry.open_chat("openai:gpt-4o", env, settings).complete(asking())
    assert sent["url"] == servers.OPENAI + "/chat/completions"
    assert sent["max_completion_tokens"] == 64
    assert "max_tokens" not in sent


def test_a_model_without_native_calls_gets_a_schema(serve, openai):
    server = serve(
        says(whole({"content": '{"command": "ls"}'})),
        says(whole({"content": '{"answer": "a.txt"}'})),
    )
    chat, shown = openai(server.url, "gemma-3-4b"), []
    assert chat.tools == "json"
    reply = chat.complete(asking(tools=[TOOL]), shown.append)
    assert [json.loads(call.arguments) for call in reply.calls] == [{"command": "ls"}]
    reply = chat.complete(asking("Hi.", *CALLED, tools=[TOOL]), shown.append)
    assert (reply.text, shown) == ("a.txt", ["a.txt"])
    body = server.seen[1].body
    assert "tools" not in body and body["response_format"]["type"] == "json_schema"
    assert "tool_calls" not in json.dumps(body["messages"])


def test_real_llama_cpp(llama, openai):
    chat = openai(llama, name="")
    reply = chat.complete(asking("What is 2+2?", max_tokens=24))
    assert reply.text.strip()
    assert reply.usage["input_tokens"] > 5 and 0 < reply.usage["output_tokens"] <= 24
    assert chat.profile == "small"  # known by the name that the server told
    pieces = []
    streamed = chat.complete(asking("What is 2+2?", max_tokens=24), pieces.append)
    assert streamed.text == "".join(pieces) and len(pieces) > 1
    assert streamed.usage["output_tokens"] > 0
    assert streamed.finish in ("stop", "length")


def test_real_llama_cpp_writes_calls_by_the_schema(llama, openai, monkeypatch):
    monkeypatch.setattr(traits, "MODELS", [("smollm", traits.Traits(tools="json"))])
    reply = openai(llama, "smollm").complete(
        asking("List the files. Run: ls", tools=[TOOL], max_tokens=48)
    )
    assert reply.calls and json.loads(reply.calls[0].arguments)["command"] or reply.text


def test_real_llama_cpp_refuses_what_does_not_fit(llama, openai):
    with pytest.raises(BadData, match="exceeds"):
        openai(llama, "smollm").complete(asking("word " * 5000))
