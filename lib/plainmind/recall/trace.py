"""A recall on record: everything the ranking was made from, so that it can be made again, byte for
byte.

One JSON object: the question, and every event of the pool with its numbers and content, and the
pair similarities that were needed. Replaying needs no index, no model and no clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from ..ground.errors import BadData
from . import rank, search
from .search import Hit, Moments

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

    def exact(self, events: Sequence[int]) -> dict[int, float]:
        return {event: self._sim[event] for event in events}

    def pair(self, one: int, other: int) -> float:
        return self._pairs.get((min(one, other), max(one, other)), 0.0)

    def order(self, event: int) -> tuple:
        return self._order[event]


class Recorder:
    """Passes a field on and remembers what was asked of it (search.Asked)."""

    def __init__(self, field: search.EventField):
        self._field = field
        self.upper, self.recency, self.pinned = field.upper, field.recency, field.pinned
        self.terms, self.postings = field.terms, field.postings
        self.pairs: dict[tuple[int, int], float] = {}

    def exact(self, events: Sequence[int]) -> Mapping[int, float]:
        return self._field.exact(events)

    def pair(self, one: int, other: int) -> float:
        value = self._field.pair(one, other)
        self.pairs[min(one, other), max(one, other)] = value
        return value

    def order(self, event: int) -> tuple:
        return self._field.order(event)

    def hits(self, picks: Iterable[rank.Pick]) -> Mapping[int, Hit]:
        return self._field.hits(picks)


def record(recorder: Recorder, question: Mapping[str, Any], result: Moments) -> dict[str, Any]:
    """The trace of one search; `result` holds every event of its pool."""
    everything = [*result.hits, *(hit for hit, _ in result.dropped)]
    number = {hit.pick.event: i for i, hit in enumerate(everything)}
    pinned = set(recorder.pinned)
    return {
        "trace": VERSION,
        "question": dict(question),
        "terms": result.terms,
        "scope_turns": result.events,
        "postings": result.postings,
        "widened": result.widened,
        "turns": [
            {
                "hit": list(hit[:-1]),
                "sim": hit.pick.sim,
                "recency": hit.pick.recency,
                "pinned": hit.pick.event in pinned,
                "order": list(recorder.order(hit.pick.event)),
            }
            for hit in everything
        ],
        "pairs": [
            [*sorted((number[a], number[b])), value] for (a, b), value in recorder.pairs.items()
        ],
    }


def replay(trace: Any, path: str) -> Moments:
    """The result of a recorded search, ranked again. BadData when it is not a trace."""
    try:
        if trace["trace"] != VERSION:
            raise BadData(
                f"made by version {trace['trace']} of the trace, this is {VERSION}",
                place=path,
                cure="record it again",
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
            f"not a trace of a recall: {error}", place=path, cure="make one with mem-recall --trace"
        ) from None
