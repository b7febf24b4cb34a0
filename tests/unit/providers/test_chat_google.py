"""The real google-genai against a loopback server that speaks Gemini's wire format."""

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers import registry
from plainmind.providers.chat import BrokenOff
from provider_servers import CALLED, TOOL, asking, dribbles, hangs, resets, says, sse, streams


@pytest.fixture
def google(env, settings, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "canary-key-1234567")

    def start(server, name="gemini-x"):
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        return registry.open_chat(f"google:{name}", env, settings)

    return start


def candidate(*parts, finish=None, **more):
    made = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return {
        "candidates": [made | ({"finishReason": finish} if finish else {})],
        "modelVersion": "gemini-x-001",
        **more,
    }


USAGE = {
    "promptTokenCount": 8,
    "candidatesTokenCount": 2,
    "thoughtsTokenCount": 3,
    "totalTokenCount": 13,
}
LS = {"functionCall": {"name": "bash", "args": {"command": "ls"}}, "thoughtSignature": "c2lnbmVk"}


def test_a_reply(serve, google):
    server = serve(
        says(
            candidate(
                {"text": "Hmm.", "thought": True},
                {"text": "Hello."},
                finish="STOP",
                usageMetadata=USAGE,
            )
        )
    )
    reply = google(server).complete(asking())
    assert reply[:5] == (
        "Hello.",
        [],
        {"input_tokens": 8, "output_tokens": 5},
        "stop",
        "gemini-x-001",
    )
    seen = server.seen[0]
    assert seen.path == "/v1/models/gemini-x:generateContent"
    assert seen.headers["x-goog-api-key"] == "canary-key-1234567"
    assert seen.body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert seen.body["contents"] == [{"parts": [{"text": "Hi."}], "role": "user"}]
    assert seen.body["generationConfig"] == {"maxOutputTokens": 64}


def test_a_function_call_and_its_result(serve, google):
    server = serve(
        says(candidate(LS, finish="STOP")), says(candidate({"text": "One file."}, finish="STOP"))
    )
    chat, request = google(server), asking("List.", tools=[TOOL])
    reply = chat.complete(request)
    (call,) = reply.calls
    assert (call.name, call.arguments) == ("bash", '{"command": "ls"}')
    declared = server.seen[0].body["tools"][0]["functionDeclarations"][0]
    assert declared["name"] == "bash"
    assert declared["parameters_json_schema"] == TOOL["function"]["parameters"]
    made = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    request["messages"] += [
        {"role": "assistant", "content": "", "tool_calls": [made], "native": reply.native},
        {"role": "tool", "tool_call_id": call.id, "content": "a.txt \udc80"},
    ]
    assert chat.complete(request).text == "One file."
    contents = server.seen[1].body["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user"]
    assert contents[1]["parts"][0]["thoughtSignature"] == LS["thoughtSignature"]
    assert contents[1]["parts"][0]["functionCall"]["args"] == {"command": "ls"}
    assert contents[2]["parts"][0]["functionResponse"] == {
        "name": "bash",
        "response": {"output": "a.txt ?"},
    }


def test_history_of_other_models(serve, google):
    server = serve(says(candidate({"text": "Ok."}, finish="STOP")))
    broken = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c2", "function": {"name": "bash", "arguments": "ls {"}}],
    }
    result = {"role": "tool", "tool_call_id": "c2", "content": "not run"}
    google(server).complete(
        asking("List.", *CALLED, broken, result, {"role": "user", "content": "Go on."})
    )
    parts = [
        (c["role"], [next(iter(p)) for p in c["parts"]]) for c in server.seen[0].body["contents"]
    ]
    assert parts == [
        ("user", ["text"]),
        ("model", ["text", "functionCall"]),
        ("user", ["functionResponse"]),
        ("model", ["functionCall"]),
        ("user", ["functionResponse", "text"]),
    ]
    assert server.seen[0].body["contents"][3]["parts"][0]["functionCall"]["args"] == {
        "command": "ls {"
    }


def test_a_stream(serve, google):
    events = sse(
        candidate({"text": "Hé"}),
        candidate({"text": "llo."}),
        candidate(LS, finish="STOP", usageMetadata=USAGE),
    )
    server = serve(streams(events[:50], events[50:], Content_Type="text/event-stream"))
    pieces = []
    reply = google(server).complete(asking(tools=[TOOL]), pieces.append)
    assert server.seen[0].path == "/v1/models/gemini-x:streamGenerateContent?alt=sse"
    assert (reply.text, pieces) == ("Héllo.", ["Hé", "llo."])
    assert len(reply.calls) == 1 and reply.usage == {"input_tokens": 8, "output_tokens": 5}


@pytest.mark.parametrize("end", [None, resets, hangs])
def test_an_answer_that_dies_in_the_middle(serve, google, settings, expire, end):
    shown = []
    settings.override("turn.timeout", expire(lambda: shown))
    server = serve(
        streams(sse(candidate({"text": "Half"})), then=end, Content_Type="text/event-stream")
    )
    with pytest.raises(BrokenOff, match="after 4 characters") as caught:
        google(server).complete(asking(), shown.append)
    assert caught.value.partial == "Half"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"candidates": []},
        candidate(finish="SAFETY"),
        {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]},
        candidate({"text": ""}),
        b"<html>",
        {"candidates": 7},
    ],
)
def test_no_answer_is_no_reply(serve, google, answer):
    with pytest.raises(Unavailable, match="Google"):
        google(serve(says(answer))).complete(asking())


def test_a_refused_prompt_is_refused_for_good(serve, google):
    with pytest.raises(BadData, match="refuses the request: SAFETY"):
        google(serve(says({"promptFeedback": {"blockReason": "SAFETY"}}))).complete(asking())


def test_tokens_used_up_by_thinking(serve, google):
    with pytest.raises(Misconfigured, match="turn.max_tokens"):
        google(serve(says(candidate(finish="MAX_TOKENS")))).complete(asking())


@pytest.mark.parametrize("on_text", [None, lambda piece: None], ids=["whole", "stream"])
def test_errors(serve, google, on_text):
    server = serve(
        *(
            says(
                {"error": {"code": s, "message": "no canary-key-1234567", "status": "X"}},
                s,
                Retry_After="3",
            )
            for s in (429, 500, 400, 403, 404)
        )
    )
    chat = google(server)
    for kind in (Unavailable, Unavailable, BadData, Misconfigured, Misconfigured):
        with pytest.raises(kind) as caught:
            chat.complete(asking(), on_text)
        assert "canary" not in str(caught.value)
    assert len(server.seen) == 5


@pytest.mark.parametrize("on_text", [None, lambda piece: None], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "answer",
    [hangs, resets, dribbles(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"\n")],
)
def test_faults_are_bounded(serve, google, settings, answer, on_text):
    settings.override("turn.timeout", 0.4)
    with pytest.raises(Unavailable):
        google(serve(answer)).complete(asking(), on_text)
