"""Tool calls as JSON text, for models that know no native ones: `{"command": …}` or `{"answer":
…}`.

Owns the translation there and back; the agent above sees calls like any others. Knows no provider.
"""

import json
from typing import Any

from .chat import Call, OnText, Reply

_RULES = """\
Reply with one JSON object and nothing else: {"answer": "what you say"}, or, to use the tool '%s' \
first, its arguments:
%s
Its result comes in the next message."""


def translate_request(
    request: dict[str, Any],
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The messages without native calls, and the JSON schema of the next reply; None when there is
    no tool."""
    tools = request.get("tools") or []
    messages = [_as_text(message) for message in request["messages"]]
    if not tools:
        return messages, None
    function = tools[0]["function"]
    parameters = function.get("parameters") or {"type": "object"}
    rules = _RULES % (function["name"], json.dumps(parameters.get("properties", {})))
    if messages and messages[0]["role"] == "system":
        messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{rules}"}
    else:
        messages.insert(0, {"role": "system", "content": rules})
    answer = {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return messages, {"anyOf": [{**parameters, "additionalProperties": False}, answer]}


def translate_reply(reply: Reply, request: dict[str, Any], on_text: OnText | None = None) -> Reply:
    """The reply with its call or answer taken out of the JSON; what there is to read is told at
    once."""
    found = _taken_apart(reply, request)
    if on_text and found.text:
        on_text(found.text)
    return found


def _taken_apart(reply: Reply, request: dict[str, Any]) -> Reply:
    """Text that is not such JSON is an answer as it stands."""
    value = _object(reply.text)
    if value is None:
        return reply
    if isinstance(value.get("answer"), str):
        return reply._replace(text=value["answer"])
    tools = request.get("tools") or []
    if tools:
        function = tools[0]["function"]
        required = (function.get("parameters") or {}).get("required") or ["command"]
        if all(key in value for key in required):
            id = f"call_{len(request['messages'])}"
            return reply._replace(
                text="",
                calls=[Call(id, function["name"], json.dumps(value, ensure_ascii=False))],
                finish="tool_calls",
            )
    return reply


def _as_text(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("tool_calls"):
        # one call a message: that is all this form can say
        return {"role": "assistant", "content": message["tool_calls"][0]["function"]["arguments"]}
    if message["role"] == "tool":
        return {"role": "user", "content": f"Result:\n{message['content']}"}
    return {"role": message["role"], "content": message.get("content") or ""}


def _object(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text, in whatever prose or fence it is wrapped."""
    start = text.find("{")
    while start >= 0:
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
        start = text.find("{", start + 1)
    return None
