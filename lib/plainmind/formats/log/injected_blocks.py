"""The blocks a recall puts before a message: their markers, and text without them.

What was injected must never be stored, embedded or recalled as if it had been said.
"""

import json
import re

MEMORIES = "INJECTED_CONTEXT_RELEVANT_MEMORIES"
KNOWLEDGE = "INJECTED_CONTEXT_KNOWLEDGE"

_DECODER = json.JSONDecoder()
_MARKER = re.compile(rf"^[^\S\n]*(?:{MEMORIES}|{KNOWLEDGE})[^\n]*\n?", re.M)
_RECALLED = re.compile(
    r"^(?:(?:logs|raw)/\S+|(?:knowledge|memory)/[^\n]*?)\.md:\d+(?:-\d+)?[:\t][^\n]*\n?", re.M
)


def strip(text: str, *, keep_lines: bool = False) -> str:
    """`text` less every injected block: the marker line, and the JSON object after it.

    A block that was cut off, so that its JSON no longer parses, goes up to the next empty line.
    With `keep_lines`, empty lines stand in its place, so that what comes after it has the same
    number.
    """
    if "INJECTED_CONTEXT_" not in text:
        return text
    parts, at = [], 0
    while match := _MARKER.search(text, at):
        parts.append(text[at : match.start()])
        at = _end_of_object(text, match.end())
        if keep_lines:
            parts.append("\n" * text.count("\n", match.start(), at))
    return "".join([*parts, text[at:]])


def strip_recalled_lines(text: str, *, keep_lines: bool = False) -> str:
    """A tool's output less, or with empty ones for, the lines of a recall (path:line: …)."""
    return _RECALLED.sub("\n" if keep_lines else "", text) if ".md:" in text else text


def _end_of_object(text: str, at: int) -> int:
    start = at
    while start < len(text) and text[start].isspace():
        start += 1
    if text.startswith("{", start):
        marker = _MARKER.search(text, start)
        try:
            end = _object(text, start, marker.start() if marker else len(text))
            return end + 1 if text.startswith("\n", end) else end
        except (ValueError, RecursionError):
            pass
        empty = text.find("\n\n", start)
        return len(text) if empty < 0 else empty + 1
    return at


def _object(text: str, start: int, end: int) -> int:
    """Where a JSON object ends.

    One that is broken costs what it is long: the error counts the lines before it.
    """
    return start + _DECODER.raw_decode(text[start:end])[1]
