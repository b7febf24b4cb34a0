"""An answer of nothing but `EXPAND path:line[-line]` lines asks for more. Pure."""

import re
from collections.abc import Iterable

from ..formats import reference
from ..formats.log.injected_blocks import escape, head_expanded
from ..formats.reference import Reference
from ..ground.errors import Failure
from ..ground.tokens import CHARACTERS

BUDGET = 2000  # estimated tokens for all ranges of one answer

_LINE = re.compile(r"EXPAND\s+(\S+|(?:knowledge|memory)/.*)")  # a person's names may have spaces


def ranges(answer: str) -> list[Reference]:
    """The ranges an answer asks for; none when it says anything else as well."""
    lines = [line.strip().strip("`") for line in answer.strip().split("\n") if line.strip()]
    found = []
    for line in lines:
        match = _LINE.fullmatch(line)
        try:
            found.append(reference.parse(match[1]))  # type: ignore[index]
        except (TypeError, Failure):
            return []
    return found


def asks(answer: str) -> bool:
    """Whether an answer asks for ranges, and says nothing else."""
    return bool(ranges(answer))


def render(expanded: Iterable[tuple[str, str]]) -> str:
    """(reference, lines) of each range, one after another, within the budget."""
    parts, left = [], BUDGET * CHARACTERS
    for ref, text in expanded:
        text = escape(text)
        if len(text) > left:
            text = text[:left].rsplit("\n", 1)[0] + "\n… (cut: too long)"
        left -= min(len(text), left)
        parts.append(f"{ref}\n{text}")
        if not left:
            break
    return head_expanded("\n".join(parts))
