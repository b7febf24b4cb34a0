"""Ollama's own wire format, from a loopback server."""

import json

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers import registry
from plainmind.providers.chat import BrokenOff, Call
from provider_servers import CALLED, TOOL, asking, dribbles, hangs, resets, says, streams


@pytest.fixture
def ollama(env, settings, monkeypatch):
    def start(server, name="qwen3"):
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        return registry.open_chat(f"ollama:{name}", env, settings)

    return start


def lines(*objects):
    return b"".join(json.dumps(o).encode() + b"\n" for o in objects)


def part(text="", done=False, **more):
    return {
        "model": "qwen3",
        "message": {"role": "assistant", "content": text, **more},
        "done": done,
    }


END = part(done=True) | {"done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4}
MADE = {"tool_calls": [{"function": {"name": "bash", "arguments": {"command": "ls"}}}]}


def test_a_reply(serve, ollama):
    server = serve(says(END | part("Hello.", done=True)))
    reply = ollama(server).complete(asking("List.", *CALLED, tools=[TOOL]))
    assert reply[:5] == ("Hello.", [], {"input_tokens": 9, "output_tokens": 4}, "stop", "qwen3")
    body = server.seen[0].body
    assert server.seen[0].path == "/api/chat"
    assert body["options"] == {"num_predict": 64, "num_ctx": 8192}
    assert body["stream"] is False and body["tools"] == [TOOL]
    assert body["messages"][2]["tool_calls"] == [
        {"function": {"name": "bash", "arguments": {"command": "ls"}}}
    ]
    assert body["messages"][3] == {"role": "tool", "content": "a.txt", "tool_name": "bash"}


def test_a_stream(serve, ollama):
    server = serve(
        streams(
            lines(part("Hel"), part("", thinking="Hmm"))[:-9],
            lines(part("Hel"), part("", thinking="Hmm"))[-9:],
            b"broken\n",
            lines(part("lo."), END),
        )
    )
    pieces = []
    reply = ollama(server).complete(asking(), pieces.append)
    assert (reply.text, pieces, reply.usage["output_tokens"]) == ("Hello.", ["Hel", "lo."], 4)


def test_calls_get_ids_and_their_arguments_are_text(serve, ollama):
    reply = ollama(serve(streams(lines(part(**MADE), part(**MADE), END)))).complete(
        asking(tools=[TOOL]), lambda piece: None
    )
    assert reply.calls == [
        Call("call_2_0", "bash", '{"command": "ls"}'),
        Call("call_2_1", "bash", '{"command": "ls"}'),
    ]


def test_a_model_without_native_calls_gets_a_schema(serve, ollama):
    server = serve(says(END | part('{"command": "ls"}', done=True)))
    reply = ollama(server, "gemma3:4b").complete(asking(tools=[TOOL]), lambda piece: None)
    assert json.loads(reply.calls[0].arguments) == {"command": "ls"}
    assert "anyOf" in server.seen[0].body["format"] and "tools" not in server.seen[0].body


@pytest.mark.parametrize("end", [resets, None])
def test_an_answer_that_dies_in_the_middle(serve, ollama, end):
    with pytest.raises(BrokenOff, match="after 4 characters") as caught:
        ollama(serve(streams(lines(part("Half")), then=end))).complete(asking(), lambda piece: None)
    assert caught.value.partial == "Half"


@pytest.mark.parametrize(
    "answer",
    [
        b"no",
        [],
        7,
        {},
        END,
        {"error": "out of memory"},
        {"message": 7, "done": True},
        {"message": {"content": 7, "tool_calls": [7]}, "done": True},
    ],
)
def test_no_answer_is_no_reply(serve, ollama, answer):
    for on_text in (None, lambda piece: None):
        with pytest.raises(Unavailable):
            ollama(serve(says(answer))).complete(asking(), on_text)


def test_errors(serve, ollama):
    chat = ollama(
        serve(
            says({"error": "model 'x' not found"}, 404),
            says({"error": "does not support tools"}, 400),
            says({"error": "x"}, 500),
        )
    )
    for kind in (Misconfigured, BadData, Unavailable):
        with pytest.raises(kind):
            chat.complete(asking())


@pytest.mark.parametrize("answer", [hangs, resets, dribbles(b"HTTP/1.1 200 OK\r\n\r\n", b"\n")])
def test_faults_are_bounded(serve, ollama, settings, answer):
    settings.override("turn.timeout", 0.3)
    for on_text in (None, lambda piece: None):
        with pytest.raises(Unavailable):
            ollama(serve(answer)).complete(asking(), on_text)
