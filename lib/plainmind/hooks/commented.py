"""JSON with comments, as some clients read it: edited between them, each comment kept. Pure."""

import re
from collections.abc import Callable

from ..ground.errors import BadData

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\r\n]*|/\*[\s\S]*?\*/')


def blank(text: str) -> str:
    """The text with spaces for its comments: what stands elsewhere is where it was."""
    return _PART.sub(
        lambda part: part[0] if part[0][0] == '"' else re.sub(r"[^\r\n]", " ", part[0]), text
    )


def apply(text: str, change: Callable[[str], str]) -> str:
    """`text` with one stretch of it changed as that changes it without comments. BadData when a
    comment stands where something is to be written."""
    plain = blank(text)
    made = change(plain)
    if plain == text:
        return made
    most = min(len(plain), len(made))
    first = next((n for n in range(most) if plain[n] != made[n]), most)
    last = next((n for n in range(most - first) if plain[~n] != made[~n]), most - first)
    whole = text[:first] + made[first : len(made) - last] + text[len(text) - last :]
    if blank(whole) != made or _comments(whole) != _comments(text):
        raise BadData("a comment stands where a hook does", cure="move it out of 'hooks'")
    return whole


def _comments(text: str) -> list[str]:
    return [part[0] for part in _PART.finditer(text) if part[0][0] == "/"]
