"""JSON that a provider answers: no deeper than what reads it can go, only numbers that JSON has.

Python reads NaN, Infinity and 1e999, which no log and no server takes; they are as null.
"""

import json
import re
from math import isfinite
from typing import Any

from ..ground.errors import Unavailable

DEEPEST = 100  # lists and objects within one another

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?P<end>"|\Z)|[\[\]{}]', re.S)
_HALF_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*+(\\(?:u[0-9a-fA-F]{0,3})?)\Z")


class TooMuch(Unavailable):
    """An answer without end. What came of it is worth having: it was paid for."""


def parse(data: bytes | str, who: str) -> Any:
    """Raises ValueError for what is not JSON, and Unavailable for what is nested too deep."""
    try:
        value = json.loads(data, parse_constant=lambda name: None, parse_float=_number)
        deep = is_deep(value)
    except RecursionError:
        deep = True
    if deep:
        raise Unavailable(f"{who} answered JSON nested deeper than {DEEPEST} levels")
    return value


def close_cut(data: bytes) -> bytes:
    """The beginning of a JSON text that was cut off, most likely in a long string, with what closes
    it: an answer that was paid for is not lost for its length."""
    data = data.decode("utf-8", "ignore").encode()
    if half := _HALF_ESCAPE.search(data, max(0, len(data) - 100)):
        data = data[: half.start(1)]
    closing, quote = b"", b""
    for token in _TOKEN.finditer(data):
        if token[0] in (b"{", b"["):
            closing = (b"}" if token[0] == b"{" else b"]") + closing
        elif token[0] in (b"}", b"]"):
            closing = closing[1:]
        elif not token["end"]:  # a string that goes on to the end
            quote = b'"'
    return data + quote + closing


def is_deep(value: Any) -> bool:
    """Whether it is nested too deep."""
    level: list[Any] = [[value]]
    for _ in range(DEEPEST + 1):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _number(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None
