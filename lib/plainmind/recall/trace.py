"""A recall on record: everything the ranking was made from, so that it can be made again, byte for byte.

One JSON object: the question, and every turn of the pool with its numbers and content, and the pair
similarities that were needed. Replaying needs no index, no model and no clock.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from ..ground.errors import BadData
from . import rank, search
from .search import Hit, Result

VERSION = 1


class Recorded:
    """A field that was written down (rank.Field)."""

    def __init__(self, trace: Mapping[str, Any]):
        rows = trace["turns"]
        self.hits = {
            i: Hit._make((*row["hit"], rank.Pick(i, 0, 0, 0, 0, False)))
            for i, row in enumerate(rows)
        }
        self._sim = {i: row["sim"] for i, row in enumerate(rows)}
        # all of the pool is looked at again, those that do not exceed the floor, too
        self.upper = dict.fromkeys(self._sim, inf)
        self.recency = {i: row["recency"] for i, row in enumerate(rows)}
        self.pinned = [i for i, row in enumerate(rows) if row["pinned"]]
        self._order = {
            i: (row["order"][0], row["order"][1], row["order"][2]) for i, row in enumerate(rows)
        }
        self._pairs = {(a, b): value for a, b, value in trace["pairs"]}

    def exact(self, turns: Sequence[int]) -> dict[int, float]:
        return {turn: self._sim[turn] for turn in turns}

    def pair(self, one: int, other: int) -> float:
        return self._pairs.get((min(one, other), max(one, other)), 0.0)

    def order(self, turn: int) -> tuple:
        return self._order[turn]


class Recorder:
    """Passes a field on and remembers what was asked of it."""

    def __init__(self, field):
        self._field = field
        self.upper, self.recency, self.pinned = field.upper, field.recency, field.pinned
        self.terms, self.touched = field.terms, field.touched
        self.pairs: dict[tuple[int, int], float] = {}

    def exact(self, turns: Sequence[int]) -> Mapping[int, float]:
        return self._field.exact(turns)

    def pair(self, one: int, other: int) -> float:
        value = self._field.pair(one, other)
        self.pairs[min(one, other), max(one, other)] = value
        return value

    def order(self, turn: int) -> tuple:
        return self._field.order(turn)


def record(recorder: Recorder, question: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """The trace of one search; `result` holds every turn of its pool."""
    everything = [*result.hits, *(hit for hit, _ in result.dropped)]
    number = {hit.pick.turn: i for i, hit in enumerate(everything)}
    pinned = set(recorder.pinned)
    return {
        "trace": VERSION,
        "question": dict(question),
        "terms": result.terms,
        "scope_turns": result.turns,
        "postings": result.postings,
        "widened": result.widened,
        "turns": [
            {
                "hit": list(hit[:-1]),
                "sim": hit.pick.sim,
                "recency": hit.pick.recency,
                "pinned": hit.pick.turn in pinned,
                "order": list(recorder.order(hit.pick.turn)),
            }
            for hit in everything
        ],
        "pairs": [
            [*sorted((number[a], number[b])), value] for (a, b), value in recorder.pairs.items()
        ],
    }


def replay(trace: Any, path: str) -> Result:
    """The result of a recorded search, ranked again. BadData when it is no trace."""
    try:
        if trace["trace"] != VERSION:
            raise BadData(
                f"made by version {trace['trace']} of the trace, this is {VERSION}",
                place=path,
                cure="record it anew",
            )
        question = trace["question"]
        field = Recorded(trace)
        ranking = rank.rank(field, question["k"], question["floor"], len(field.hits))._replace(
            widened=trace["widened"]
        )
        return search.assemble(
            ranking,
            field.hits,
            trace["terms"],
            trace["scope_turns"],
            trace["postings"],
            question["floor"],
        )
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise BadData(
            f"no trace of a recall: {error}", place=path, cure="make one with mem-recall --trace"
        ) from None
