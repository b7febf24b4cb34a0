"""Tool calls as JSON text, for models that know no native ones: `{"command": …}`, `{"answer": …}`.

Owns the translation there and back; the agent above sees calls like any others. Knows no provider.
"""

import json

from .chat import Call, JsonObject, OnText, Reply, arguments_as_text

_RULES = """\
Reply with one JSON object and nothing else: {"answer": "what you say"}, or, to use the tool '%s' \
first, its arguments:
%s
Its result comes in the next message."""


def translate_request(request: JsonObject) -> tuple[list[JsonObject], JsonObject | None]:
    """The messages without native calls, and the next reply's JSON schema, None without a tool."""
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
    }
    either = [{**schema, "additionalProperties": False} for schema in (parameters, answer)]
    return messages, {"anyOf": either}


def translate_reply(reply: Reply, request: JsonObject, on_text: OnText | None = None) -> Reply:
    """The reply with its call or answer taken out of the JSON; its text is told at once."""
    found = _taken_apart(reply, request)
    if on_text and found.text:
        on_text(found.text)
    return found


def _taken_apart(reply: Reply, request: JsonObject) -> Reply:
    """Text that is not such JSON is an answer as it stands."""
    value = None if reply.calls else _object(reply.text)
    if value is None:
        return reply
    if isinstance(value.get("answer"), str):
        return reply._replace(text=value["answer"])
    tools = request.get("tools") or []
    if tools:
        function = tools[0]["function"]
        required = (function.get("parameters") or {}).get("required") or ["command"]
        if all(key in value for key in required):
            id, arguments = f"call_{len(request['messages'])}", arguments_as_text(value)
            call = Call(id, function["name"], arguments)
            return reply._replace(text="", calls=[call], finish="tool_calls")
    return reply


def _as_text(message: JsonObject) -> JsonObject:
    if message.get("tool_calls"):
        # several calls at once, which this form cannot say, are another model's
        made = [call["function"]["arguments"] for call in message["tool_calls"]]
        return {"role": "assistant", "content": "\n".join(made)}
    if message["role"] == "tool":
        return {"role": "user", "content": f"Result:\n{message['content']}"}
    return {"role": message["role"], "content": message.get("content") or ""}


def _object(text: str) -> JsonObject | None:
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
