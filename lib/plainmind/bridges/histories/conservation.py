"""Every word arrives: what a record gave is held against what stands in it.

A reader takes the fields it knows. Whatever words stand in others, today's or those a later version
of the tool adds, are counted by the name of their field. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from ...formats.log import injected_blocks
from ...formats.page.summary import ConversationSummary
from ...ground.errors import Failure
from .items import Held, HistoryEvent, HistoryItem, HistoryPage, Skipped, walk
from .machine_fields import names_of

LONGEST_NAME = 40
_WORD = re.compile(r"[^\W_]+")
#: no words: signs, times, digests
_NOTHING = re.compile(r"[\W_]*|\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-][\d:]+)?|[0-9a-fA-F-]{16,}")


def conserve(
    tool: str,
    value: Any,
    found: Iterable[HistoryItem | Held],
    clean: Callable[[str], str] = lambda text: text,
) -> Iterator[HistoryItem]:
    """What a record of `tool` gave, then a Skipped for each text in it that is in none of that.
    `clean` takes marks of the tool's out of a text."""
    told: list[str] = []
    for one in found:
        if isinstance(one, Held | Skipped):
            told += [text for _, text in walk(one.value)]
        elif isinstance(one, HistoryEvent):
            told += [one.content, one.author, *(text for _, text in walk(one.meta))]
        elif isinstance(one, ConversationSummary):
            told.append(one.content)
        elif isinstance(one, HistoryPage):
            told += [text for _, text in walk(list(one))]
        elif isinstance(one, Failure):
            told += [text for _, text in walk(value)]  # the failure names all of it
        if not isinstance(one, Held):
            yield one
    whole = "\n".join(told)
    for name, text in walk(value, _machine(tool)):
        if text not in whole and not _NOTHING.fullmatch(text):
            yield from _count(name, text, whole, clean)


def _count(name: str, text: str, whole: str, clean: Callable[[str], str]) -> Iterator[Skipped]:
    """Why a text is in none of the events; nothing, when all of its words are."""
    plain = clean(text)
    own = injected_blocks.strip(plain, echoes=False)
    if own != plain:
        yield Skipped("injected", text)
    if any(word not in whole for word in _WORD.findall(own)):
        shown = name if name.isprintable() and len(name) <= LONGEST_NAME else "…"
        yield Skipped(f"field '{shown}'", text)


@lru_cache
def _machine(tool: str) -> frozenset[str]:
    return names_of(tool)


class Reasons:
    """Counts by reason. Names of fields come from files: so many different ones, and the rest under
    one name, whatever is in there."""

    MOST = 100

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, reason: str) -> None:
        full = len(self.counts) >= self.MOST and reason not in self.counts
        self.counts["other fields" if full else reason] += 1
