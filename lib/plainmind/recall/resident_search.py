"""Lines of resident memory that a question is about, by its words. Pure.

Few and short: no index is needed. A line counts the terms it shares with the question, each by how
few lines have it (inverse document frequency), those of its heading half.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..formats import words

MOST = 8


class MemoryLine(NamedTuple):
    ref: str
    heading: str
    text: str


class FoundLine(NamedTuple):
    ref: str
    text: str
    score: float


def search(lines: Sequence[MemoryLine], query: str, most: int = MOST) -> list[FoundLine]:
    """The best lines first; equal ones in their order. Nothing where no word is shared."""
    wanted = set(words.terms(query)) or set(words.tokens(query))
    own = [set(words.terms(line.text)) & wanted for line in lines]
    above = [set(words.terms(line.heading)) & wanted for line in lines]
    counts = Counter(term for one, other in zip(own, above) for term in one | other)
    weights = {term: math.log(1 + len(lines) / count) for term, count in counts.items()}
    scores = [
        sum(weights[term] for term in one) + sum(weights[term] for term in other - one) / 2
        for one, other in zip(own, above)
    ]
    order = sorted(range(len(lines)), key=lambda number: -scores[number])
    return [
        FoundLine(lines[number].ref, lines[number].text, round(scores[number], 4))
        for number in order[:most]
        if own[number] or above[number]
    ]
