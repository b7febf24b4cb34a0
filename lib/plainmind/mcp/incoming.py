"""What the client sends and the SDK cannot read: it answers nothing then, and the client waits.

JavaScript writes half of a surrogate pair where it has cut a character; UTF-8 cannot carry it, and
it is told escaped. Any other request is answered with the protocol's error.
"""

import json
from typing import Any

import mcp_types as types
from mcp.shared.message import SessionMessage

from .tools import clean

Item = SessionMessage | Exception


class ReadableMessages:
    """The SDK's stream of messages, in which what it could not read is read again."""

    def __init__(self, stream: Any, answers: Any):
        self._stream, self._answers = stream, answers

    @property
    def last_context(self) -> Any:
        return self._stream.last_context

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> "ReadableMessages":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> "ReadableMessages":
        return self

    async def __anext__(self) -> Item:
        item: Item = await self._stream.__anext__()
        if not isinstance(item, Exception):
            return item
        value = _read_again(item)
        try:
            message = types.jsonrpc_message_adapter.validate_python(clean(value), by_name=False)
            return SessionMessage(message)
        except (ValueError, RecursionError):
            if answer := _refuse(value):
                await self._answers.send(SessionMessage(answer))
            return item


def _read_again(error: Exception) -> Any:
    """The value of a line that is JSON all the same; None of any other."""
    try:
        for found in error.errors():  # type: ignore[attr-defined]
            if found["type"] == "json_invalid":
                return json.loads(found["input"])
            if isinstance(found["input"], dict) and "method" in found["input"]:
                return found["input"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        pass
    return None


def _refuse(value: Any) -> types.JSONRPCError | None:
    """The answer to what is surely a request."""
    id = value.get("id") if isinstance(value, dict) and "method" in value else None
    if type(id) not in (int, str):
        return None
    error = types.ErrorData(code=types.INVALID_REQUEST, message="a message that cannot be read")
    return types.JSONRPCError(jsonrpc="2.0", id=id, error=error)
