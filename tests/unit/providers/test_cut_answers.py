"""An answer without end was paid for: what came of it is the answer, marked as cut."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import BaseHTTPRequestHandler, listening
from plainmind.ground.environment import Environment
from plainmind.ground.settings import Settings
from plainmind.providers import answer_json, chat_command, http
from plainmind.providers.chat_command import CommandChat
from plainmind.providers.chat_ollama import OllamaChat
from plainmind.providers.chat_openai import OpenAIChat

SETTINGS = Settings("", "config.toml", lambda name: "")
LONG = 'many words \U0001f600 \\ " \n' * 4_000
REQUEST = {"messages": [{"role": "user", "content": "go on"}], "tools": [], "max_tokens": 9}


@given(st.text(min_size=1), st.integers(0, 10_000))
def test_a_cut_text_is_the_beginning_of_it(text, size):
    for ascii in (True, False):
        whole = json.dumps({"a": [1, {"b": "x"}], "text": text}, ensure_ascii=ascii).encode()
        start = whole.index(b'"text": "') + len(b'"text": "')
        data = whole[: start + size % (len(whole) - start)]
        found = json.loads(answer_json.close_cut(data))["text"]
        assert text.startswith(found.removesuffix(found[-1:] if found[-1:] >= "\ud800" else ""))
        # of a character at most, and of an escape, is lost
        assert len(json.dumps(found, ensure_ascii=ascii).encode()) - 2 >= len(data) - start - 12


@pytest.fixture
def serve(monkeypatch):
    """A server that answers every request with these bytes; its address."""

    def answering(data: bytes):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)

        return listening(Handler)

    monkeypatch.setattr(http, "MOST", 100_000)
    return answering


def check(reply) -> None:
    assert 20_000 < len(reply.text) < len(LONG) and LONG.startswith(reply.text[:-1])


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("kind", ["openai", "ollama"])
def test_a_server_that_says_too_much(serve, monkeypatch, kind, streams):
    pieces = [LONG[n : n + 500] for n in range(0, len(LONG), 500)] if streams else [LONG]
    key = "delta" if streams else "message"
    if kind == "openai":
        made = [json.dumps({"choices": [{key: {"content": piece}}]}) for piece in pieces]
        data = "".join(f"data: {one}\n\n" if streams else one for one in made)
    else:
        made = [json.dumps({"message": {"content": piece}}) for piece in pieces]
        data = "".join(f"{one}\n" for one in made)
    with serve(data.encode()) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OLLAMA_HOST", url)
        chat = {"openai": OpenAIChat, "ollama": OllamaChat}[kind]("m", Environment(), SETTINGS)
        seen = []
        reply = chat.complete(REQUEST, seen.append if streams else None)
    check(reply)
    assert reply.cut == "size" or not streams  # of one piece the turn itself says so


def test_a_program_that_says_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(chat_command, "MOST", 100_000)
    path = tmp_path / "model.py"
    path.write_text(f"print({json.dumps({'text': LONG})!r})\nwhile True: print('x' * 4096)\n")
    chat = CommandChat(f"'{sys.executable}' '{path}'", Environment(), SETTINGS)
    reply = chat.complete(REQUEST)
    check(reply)
    assert reply.cut == "size"
