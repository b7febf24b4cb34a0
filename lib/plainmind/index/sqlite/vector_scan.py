"""The scan over a model's packed vectors: each event's cosine within a known error, and what of the
file counts (index.vector_file)."""

import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import inf
from typing import NamedTuple

from .. import vector_file
from ..vector_file import Unusable, VectorFile
from .index_file import IndexFile

COLUMNS = "token, dimensions, records, dead, fitted, error, reach, state"
AT_ONCE = 400  # stretches that are looked up by one statement
_PLACED = "vectors INDEXED BY vectors_placed WHERE kind = 'event' AND place >= 0 AND model = ?"


class PackedFile(NamedTuple):
    """A row of vector_files."""

    token: int
    dimensions: int
    records: int
    dead: int
    fitted: int
    error: float
    reach: float
    state: str  # of the file as we left it


class RecordRun(NamedTuple):
    """Records one after another that are those of a stretch of events."""

    start: int
    records: int
    step: int  # 1 or -1: one of each event, upwards or downwards; 0: as the file says


class EventCosines(vector_file.Cosines):
    """The cosine of a query with each packed vector. `id` is 0 also of those whose event is gone,
    and that are still to be overwritten."""

    approximate = False

    def __init__(self, index: IndexFile, model: str, file: VectorFile, query: Sequence[float]):
        row = row_of(index.db, model)
        assert row is not None
        super().__init__(file, query, row.error, row.reach)
        self._index, self._db, self._model = index, index.db, model
        sql = "SELECT place FROM vector_holes WHERE token = ?"
        self._holes = frozenset(chain(*index.db.execute(sql, (row.token,))))
        self._runs: dict[int, RecordRun] = {}  # by the first event
        self._step = 1  # of the run that was found last

    def id(self, place: int, *, checked: bool = False) -> int:
        """Records were checked when somebody else may have written into the file."""
        return 0 if place in self._holes else self.file.id(place, checked=checked)

    def ids(self) -> "array[int]":
        """Of all places, in their order."""
        ids = self.file.ids()
        for place in self._holes:
            ids[place] = 0
        return ids

    def of_events(self, first: int, count: int) -> list[float | None]:
        """Of events with consecutive ids."""
        if (run := self._runs.get(first)) is None:
            start = self._places_of(first, 1)
            run = self._find_run(first, count, start[0][1]) if start else None
        if run is not None:
            return self._of_run(first, count, run)
        found: list[float | None] = [None] * count
        for event, place in self._places_of(first, count):
            found[event - first] = self.cosine(place)
        return found

    def of_spans(self, spans: Sequence[tuple[int, int]]) -> Iterator[list[float | None]]:
        """The same of many: (first, count)."""
        for start in range(0, len(spans), AT_ONCE):
            some = spans[start : start + AT_ONCE]
            self._find_runs(some)
            for first, count in some:
                yield self.of_events(first, count)

    def _places_of(self, first: int, count: int) -> list[tuple[int, int]]:
        of = f"SELECT owner, place FROM {_PLACED} AND owner BETWEEN ? AND ?"
        return self._db.execute(of, (self._model, first, first + count - 1)).fetchall()

    def _find_runs(self, spans: Sequence[tuple[int, int]]) -> None:
        """The runs of these stretches: first of those all of whose events have vectors."""
        marks = ", ".join("?" * len(spans))
        of = f"SELECT owner, place FROM {_PLACED} AND owner IN ({marks})"
        places = dict(self._db.execute(of, (self._model, *(first for first, _ in spans))))
        others: list[int] = []
        for first, count in spans:
            run = self._find_run(first, count, places[first]) if first in places else None
            if run is None:
                others += first, first + count - 1
            else:
                self._runs[first] = run
        if not others:
            return
        rows = ", ".join(["(?, ?)"] * (len(others) // 2))
        of = f"WITH spans (first, last) AS (VALUES {rows}) "
        of += "SELECT first, last, min(place), max(place), count(*) FROM spans CROSS JOIN "
        of += f"{_PLACED} AND owner BETWEEN first AND last GROUP BY first, last"
        for first, last, least, most, count in self._db.execute(of, (*others, self._model)):
            ids = self.file.ids_between(least, count) if most - least + 1 == count else ()
            if ids and all(first <= id <= last for id in ids):
                self._runs[first] = RecordRun(least, count, 0)

    def _find_run(self, first: int, count: int, place: int) -> RecordRun | None:
        """That of all these events, when they were packed one right after the other, or before it
        as what is embedded later is; the first of them is at `place`."""
        for step in (self._step, -self._step):
            start = place if step > 0 else place - count + 1
            if start < 0 or start + count > self.file.count:
                continue
            ids = self.file.ids_between(start, count)
            if ids[::step] == tuple(range(first, first + count)):
                self._step = step  # the next are as these, as a rule
                if self._holes and not self._holes.isdisjoint(range(start, start + count)):
                    return None
                return RecordRun(start, count, step)
        return None

    def _of_run(self, first: int, count: int, run: RecordRun) -> list[float | None]:
        cosines = self.cosines(run.start, run.start + run.records)
        if run.step:
            return [*cosines[:: run.step]]
        found: list[float | None] = [None] * count
        for event, cosine in zip(self.file.ids_between(run.start, run.records), cosines):
            found[event - first] = cosine
        return found

    def along(self, vector: Sequence[float]) -> "EventCosines":
        return EventCosines(self._index, self._model, self.file, vector)

    def near(self, cosine: float) -> list[tuple[float, int]]:
        return self._events_at(self.above(cosine))

    def nearest(self, count: int) -> tuple[list[tuple[float, int]], float]:
        places = self.best(count)
        rest = self.cosine(places[-1]) if len(places) == count else -inf
        return self._events_at(places), rest

    def _events_at(self, places: Iterable[int]) -> list[tuple[float, int]]:
        """(cosine, event) of these places; what is taken out, or is of no event, is left out."""
        return [(self.cosine(place), event) for place in places if (event := self.id(place))]


def scan(index: IndexFile, model: str, query: Sequence[float]) -> EventCosines | None:
    """The query's cosine with every event's vector, None when there is none; Unusable when the file
    has to be made again."""
    row = row_of(index.db, model)
    if row is None or not row.records:
        return None
    file = open_file(index, row)
    if file.dimensions != len(query):
        raise Unusable("of another length", file)
    if file.state != row.state:
        file.ids()
    return EventCosines(index, model, file, query)


def row_of(db: sqlite3.Connection, model: str) -> PackedFile | None:
    row = db.execute(f"SELECT {COLUMNS} FROM vector_files WHERE model = ?", (model,)).fetchone()
    return PackedFile(*row) if row else None


def open_file(index: IndexFile, row: PackedFile) -> VectorFile:
    """The file beside the index, or, of a copy of it, beside the one that was copied."""
    path = vector_file.name(index.folder, row.token)
    if not os.path.lexists(path):
        path = vector_file.name(index.home.index, row.token)
    return VectorFile(path, row.token, row.records)
