"""Which pages of resident memory are in mind, and at which fidelity, within a budget. Pure: the
same pages and budget give the same choice.

First every page gets the floor of its type. Then pages are raised, all of them by one step before
any by two, in the order of PRIORITY and within a type as they stand. If even the floors do not fit,
that is a fault: pages that must hold keep theirs as far as there is room, and nothing is cut in
silence.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..formats.resident import page_types
from ..formats.resident.memory_pages import FULL, MemoryPage

PRIORITY = (
    page_types.CONSTRAINT,
    page_types.BOOTSTRAP,
    page_types.PLAN,
    page_types.PREFERENCE,
    page_types.EVIDENCE,
    page_types.CONVERSATION,
)
_RANKS = {kind: rank for rank, kind in enumerate(PRIORITY)}
OUT = -1  # the fidelity of a page that is not in mind


class Residency(NamedTuple):
    """Fidelities by page, OUT for one that is left out; tokens used, and what the floors take."""

    fidelities: list[int]
    used: int
    least: int

    @property
    def is_fault(self) -> bool:
        return OUT in self.fidelities


def choose(pages: Sequence[MemoryPage], budget: int) -> Residency:
    """A fidelity for every page, in their order."""
    ranks = [_RANKS[page.type] for page in pages]
    order = sorted(range(len(pages)), key=ranks.__getitem__)  # stable: as they stand
    floors = [page.floor for page in pages]
    least = sum(page.costs[floor] for page, floor in zip(pages, floors))
    if least > budget:
        return _choose_least(pages, order, budget, least)
    costs = [page.costs for page in pages]
    left = budget - least
    for level in range(1, FULL + 1):
        for number in order:
            if floors[number] == level - 1:
                more = costs[number][level] - costs[number][level - 1]
                if more <= left:
                    floors[number], left = level, left - more
    return Residency(floors, budget - left, least)


def _choose_least(
    pages: Sequence[MemoryPage], order: Sequence[int], budget: int, least: int
) -> Residency:
    fidelities, left = [OUT] * len(pages), budget
    for number in order:
        page = pages[number]
        if (cost := page.costs[page.floor]) <= left:
            fidelities[number], left = page.floor, left - cost
    return Residency(fidelities, budget - left, least)
