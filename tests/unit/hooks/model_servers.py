"""Model servers on this machine for the agents that call us: whatever is asked, they answer with
one text, and keep what they were asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

from loopback import listening


class ModelServer:
    def __init__(self) -> None:
        self.answer, self.tokens = "Heard.", 1
        #: what chat completions answer first: deltas
        self.answers: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self.asked, self.may_answer = Event(), Event()
        self.may_answer.set()

    def said(self, number: int = -1) -> str:
        """All of a request, as one text; the line ends of its texts are line ends."""
        return json.dumps(self.requests[number], ensure_ascii=False).replace("\\n", "\n")


def _anthropic(model: str, text: str) -> list[dict[str, Any]]:
    """Events of a streamed answer of /v1/messages."""
    message = {"id": "m1", "type": "message", "role": "assistant", "model": model, "content": []}
    usage = {"input_tokens": 1, "output_tokens": 1}
    return [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]


def _responses(model: str, text: str) -> list[dict[str, Any]]:
    """Those of /v1/responses."""
    content = [{"type": "output_text", "text": text}]
    item = {"type": "message", "role": "assistant", "id": "m1", "content": content}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return [
        {"type": "response.created", "response": {"id": "r1"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": "r1", "usage": usage}},
    ]


def _gemini(text: str, tokens: int) -> dict[str, Any]:
    """That of …:generateContent."""
    usage = {"promptTokenCount": tokens, "candidatesTokenCount": 1, "totalTokenCount": tokens + 1}
    content = {"role": "model", "parts": [{"text": text}]}
    one = {"content": content, "finishReason": "STOP", "index": 0}
    return {"candidates": [one], "usageMetadata": usage}


def _chat(model: str, delta: dict[str, Any]) -> list[dict[str, Any]]:
    """Chunks of /v1/chat/completions."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model}
    reason = "tool_calls" if "tool_calls" in delta else "stop"
    changes = (({"role": "assistant", **delta}, None), ({}, reason))
    return [
        {**chunk, "choices": [{"index": 0, "delta": change, "finish_reason": end}]}
        for change, end in changes
    ]


@contextmanager
def serving() -> Iterator[ModelServer]:
    server = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            server.requests.append(asked)
            server.asked.set()
            server.may_answer.wait(60)
            model, chat = asked.get("model", ""), "chat/completions" in self.path
            if "enerateContent" in self.path:
                events = [_gemini(server.answer, server.tokens)]
            elif chat:
                delta = server.answers.pop(0) if server.answers else {"content": server.answer}
                events = _chat(model, delta)
            elif "responses" in self.path:
                events = _responses(model, server.answer)
            else:
                events = _anthropic(model, server.answer)
            streamed = "generateContent" not in self.path  # it says streamGenerateContent else
            self.send_response(200)
            self.send_header(
                "Content-Type", "text/event-stream" if streamed else "application/json"
            )
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # it was killed
                for each in events:
                    body = json.dumps(each)
                    head = f"event: {each['type']}\n" if "type" in each else ""
                    whole = f"{head}data: {body}\n\n" if streamed else body
                    self.wfile.write(whole.encode())
                if chat:
                    self.wfile.write(b"data: [DONE]\n\n")

    with listening(Handler) as server.url:
        try:
            yield server
        finally:
            server.may_answer.set()
