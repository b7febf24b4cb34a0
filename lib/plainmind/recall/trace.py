"""A recall on record: everything the ranking was made from, so that it can be made again, byte for
byte.

One JSON object: the question, every event of the pool with its numbers and content, the pair
similarities that were needed, and the best events out of scope with their reasons. Replaying needs
no index, no model and no clock.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from ..formats.evidence import IndexedEvent, Scope
from ..ground.errors import BadData
from . import rank, search
from .field import EventField, EventSource
from .relevance import Query
from .relevance import sim as calibrate
from .search import Moments

VERSION = 3


class Recorded:
    """A field that was written down (rank.Field)."""

    def __init__(self, trace: Mapping[str, Any]):
        turns = dict(enumerate(trace["turns"]))
        self.rows = {i: IndexedEvent(*row["hit"]) for i, row in turns.items()}
        self._relevance = {i: row["relevance"] for i, row in turns.items()}
        self._by_words = trace["by_words"]
        self.reasons = {i: row["excluded"] for i, row in turns.items() if row["excluded"]}
        # all of the pool is looked at again, those that do not exceed the floor, too
        self.upper = {i: inf for i in turns if i not in self.reasons}
        self.recency = {i: row["recency"] for i, row in turns.items()}
        self.pinned = [i for i, row in turns.items() if row["pinned"]]
        self._order = {i: tuple(row["order"][n] for n in range(3)) for i, row in turns.items()}
        self._pairs = {(a, b): value for a, b, value in trace["pairs"]}
        self._equals = {i: [*row["equals"]] for i, row in turns.items()}
        self._repeats = {i: row["repeats"] for i, row in turns.items()}

    #: all that there is is looked at
    beyond = ()

    def reach(self, level: object) -> None:
        pass

    def likeness(self, events: Sequence[int], chosen: int) -> list[float]:
        return [0.0] * len(events)

    def discount(self, event: int, weights: rank.Weights) -> bool:
        return False

    def ceiling(self, event: int) -> float:
        return self.upper[event]

    def may_exceed(self, event: int) -> bool:
        return event in self.upper

    def near(self, best: float, limits: rank.Limits) -> list[tuple[rank.Pick, str]]:
        """The events out of scope."""
        return [
            (search.untaken(self, i, self._relevance[i], best, limits), reason)
            for i, reason in self.reasons.items()
        ]

    def exact(self, events: Sequence[int]) -> dict[int, float]:
        return {event: self._relevance[event] for event in events}

    def sim(self, relevance: float, best: float) -> float:
        return calibrate(relevance, best) if self._by_words else relevance

    def equals(self, event: int) -> list[int]:
        return self._equals[event]

    def repeats(self, event: int) -> int:
        return self._repeats[event]

    def pair(self, one: int, other: int) -> float:
        return self._pairs.get((min(one, other), max(one, other)), 0.0)

    def order(self, event: int) -> tuple:
        return self._order[event]


class Recorder(EventField):
    """Remembers which pair similarities were asked of it."""

    def __init__(self, query: Query, source: EventSource, scope: Scope, floor: float):
        super().__init__(query, source, scope, floor, told=True)
        self.pairs: dict[tuple[int, int], float] = {}

    def pair(self, one: int, other: int) -> float:
        value = super().pair(one, other)
        self.pairs[min(one, other), max(one, other)] = value
        return value


def record(recorder: Recorder, question: Mapping[str, Any], result: Moments) -> dict[str, Any]:
    """The trace of one search; `result` holds every event of its pool."""
    everything = [*result.hits, *(hit for hit, _ in result.dropped)]
    number = {hit.pick.event: i for i, hit in enumerate(everything)}
    excluded, pinned = recorder.excluded, set(recorder.pinned)
    return {
        "trace": VERSION,
        "question": dict(question),
        "by_words": recorder.query.by_words,
        "terms": result.terms,
        "times": [*result.times],
        "scope_turns": result.events,
        "postings": result.postings,
        "widened": result.widened,
        "excluded": dict(result.excluded),
        **({"approximate": True} if result.approximate else {}),
        "turns": [
            {
                "hit": list(hit[:-1]),
                "relevance": hit.pick.relevance,
                "recency": hit.pick.recency,
                "pinned": hit.pick.event in pinned,
                "order": list(recorder.order(hit.pick.event)),
                "equals": [number[e] for e in recorder.equals(hit.pick.event) if e in number],
                "repeats": hit.pick.repeats,
                "excluded": excluded[hit.pick.event][0] if hit.pick.event in excluded else "",
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
        field, asked = Recorded(trace), trace["question"]
        weights = rank.Weights(*map(float, asked["weights"]))
        limits = rank.Limits(asked["k"], asked["floor"], asked["pins"], weights)
        ranking = rank.rank(field, limits, len(field.rows))
        dropped = [*ranking.dropped, *field.near(ranking.best, limits)]
        ranking = ranking._replace(dropped=dropped, widened=trace["widened"])
        counts = trace["scope_turns"], trace["postings"], {**trace["excluded"]}
        found = search.assemble(ranking, field.rows, trace["terms"], *counts, [*trace["times"]])
        return found._replace(approximate=trace.get("approximate", False) is True)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        cure = "make one with mem-recall --trace"
        raise BadData(f"not a trace of a recall: {error}", place=path, cure=cure) from None
