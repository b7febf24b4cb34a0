"""Excerpts: the part of an event that matched, cut at words, within a budget. Pure."""

import re
from typing import NamedTuple

from ..formats import words as grammar
from ..ground.tokens import CHARACTERS

_WORD = re.compile(r"\S+")


class Excerpt(NamedTuple):
    text: str
    truncated: bool


def excerpt(content: str, terms: list[str], most: int) -> Excerpt:
    """At most `most` estimated tokens of a content on one line: the stretch that holds most of the
    terms.

    Cut at words, with … where something is left out. Control characters become spaces.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in content).split())
    width = most * CHARACTERS
    if len(line) <= width:
        return Excerpt(line, False)
    words = list(_WORD.finditer(line))
    start = _best_start(words, set(terms), width - 2) if terms else 0
    begin = words[start].start()
    room = width - (2 if start else 1)
    kept = line[begin : begin + room]
    if begin + room < len(line):
        if not line[begin + room].isspace() and " " in kept:
            kept = kept.rsplit(" ", 1)[0]
        kept = kept.rstrip() + "…"
    return Excerpt(("…" if start else "") + kept, True)


def _best_start(words: list[re.Match], terms: set[str], width: int) -> int:
    """The word to start with, so that `width` holds most terms, then most places of them."""
    places = [
        (i, word)
        for i, match in enumerate(words)
        for word in grammar.terms(match[0])
        if word in terms
    ]
    if not places:
        return 0
    best, best_value = 0, (0, 0, 0)
    for at, (first, _) in enumerate(places):
        # a little before the first term, so that it is read in its sentence, but is there
        start = max(0, first - 6)
        while start < first and words[first].end() - words[start].start() > width // 2:
            start += 1
        begin = words[start].start()
        inside = []
        for i, term in places[at : at + width]:
            if words[i].end() - begin > width:
                break
            inside.append(term)
        value = (len(set(inside)), len(inside), -start)
        if value > best_value:
            best, best_value = start, value
    if words[-1].end() - words[0].start() <= width or words[best].start() <= 0:
        return 0
    # no space wasted after the last word
    while best and words[-1].end() - words[best - 1].start() <= width:
        best -= 1
    return best
