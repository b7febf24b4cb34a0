"""Looking after the index: its state, a new one, the proof that it says what files say."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from ..formats.evidence import Scope
from ..ground import masks, scratch
from ..index import embedding
from ..index.engine import Index
from ..index.vector_bytes import from_blob
from ..recall import pages, search
from . import Memory

ANSWERS = 40  # questions asked of both indexes, about events and about pages
MOST = 20  # differences told of a table


class Difference(NamedTuple):
    table: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}: {self.what}"


def state(memory: Memory, work: str = "taking in") -> dict[str, Any]:
    """Sizes and counts of the index; nothing without a home."""
    counts: dict[str, Any] = {}
    for index in memory.opened(work=work):
        with index:
            counts = index.counts()
    return counts


class DayOfMemory(NamedTuple):
    """A local day on which something was said, written or recalled, and what there was at its end.
    A page counts on its date."""

    day: str
    events: int
    pages: int
    all_events: int
    all_pages: int
    turns: int  # that were given anything
    given_events: int
    given_pages: int


def list_days(memory: Memory, given: Mapping[str, tuple[int, int, int]]) -> list[DayOfMemory]:
    """The days, oldest first; pages without a date are there from the start. `given`: what turns
    were given on a day (`truth.pages.given`)."""
    events: dict[str, int] = {}
    pages: dict[str, int] = {}
    for index in memory.opened():
        with index:
            events, pages = index.days()
    found, all_events, all_pages = [], 0, pages.pop("", 0)
    for day in sorted({*events, *pages, *given}):
        counts = events.get(day, 0), pages.get(day, 0)
        all_events, all_pages = all_events + counts[0], all_pages + counts[1]
        found.append(DayOfMemory(day, *counts, all_events, all_pages, *given.get(day, (0, 0, 0))))
    return found


def rebuild(memory: Memory) -> None:
    def fill(index: Index) -> None:
        index.progress, index.say = memory.progress("rebuilding"), memory.say
        index.counts()
        index.optimize()

    memory.engine.rebuild(memory.home, fill)
    for index in memory.opened(work="rebuilding"):
        with index:
            index.counts()
            index.optimize()


def share(memory: Memory, role: str = "", no_longer: str = "") -> list[str]:
    """Let a role of the database read the index, or one no longer; those that may then."""
    readers: list[str] = []
    for index in memory.opened():
        with index:
            if role:
                index.share(role)
            if no_longer:
                index.unshare(no_longer)
            readers = index.readers()
    return readers


def verify(memory: Memory) -> list[Difference]:
    """What an index made again from the files would say differently."""
    found: list[Difference] = []
    # both compare all vectors: what HNSW misses would look like a difference
    memory.settings.override("index.vectors", "exact")
    for index in memory.opened(thorough=True):
        with index:
            if model := index.model():
                embedding.from_cache(index, model)  # as the other one does
            with (
                scratch.open_folder() as folder,
                memory.engine.made_in(memory.home, folder) as fresh,
            ):
                fresh.progress = memory.progress("verifying")
                found = _compare(index, fresh, memory.now())
    return found


class _Sample:
    """Questions to both indexes, drawn from the rows of one while they are compared: the first
    words of events and of pages, and vectors."""

    def __init__(self, index: Index):
        counts = index.counts()
        self._sizes = {
            "events": counts["turns"],
            "pages": counts["knowledge pages"],
            "vectors": counts["vectors"],
        }
        self.questions: list[str] = []
        self.vectors: list[bytes] = []

    def draw(self, table: str, rows: Iterable[tuple]) -> Iterator[tuple]:
        """The rows, of which some are taken."""
        step = max(1, self._sizes.get(table, 0) // ANSWERS)
        for number, row in enumerate(rows):
            yield row
            if number % step == 0 and table in self._sizes:
                self._take(table, row)

    def _take(self, table: str, row: tuple) -> None:
        if table == "vectors":
            self.vectors.append(row[-1])
        else:
            text = row[-1] if table == "events" else f"{row[-2]} {row[-1]}"
            self.questions.append(" ".join(text.split()[:12]))


def _compare(index: Index, fresh: Index, now: int) -> list[Difference]:
    """Row by row: what a million lines of a journal are made into need not be in memory."""
    found, sample, theirs = [], _Sample(index), fresh.rows()
    for table, rows in index.rows().items():
        several = _find_differences(sample.draw(table, rows), theirs[table])
        # a vector that is in no cache cannot be made again for nothing; all else must be equal
        told = (one for one in several if one[0] or not table.startswith("vectors"))
        for ours, row in islice(told, MOST):
            what = "is not in the files" if ours else "is missing"
            found.append(Difference(table, f"{row[0]}:{row[1]} {what}"))
        deque(told, 0)  # to the end, for the sample
    for number, question in enumerate(sample.questions):
        vector = sample.vectors[number % len(sample.vectors)] if sample.vectors else None
        if _answer(index, question, vector, now) != _answer(fresh, question, vector, now):
            found.append(
                Difference("answers", f"'{masks.cut(question, 60)}' is answered differently")
            )
    return found


def _find_differences(
    ours: Iterator[tuple], theirs: Iterator[tuple]
) -> Iterator[tuple[bool, tuple]]:
    """The rows that only one has, and whether that is ours. Both are in order (`Index.rows`)."""
    mine, other = next(ours, None), next(theirs, None)
    while mine is not None or other is not None:
        if mine == other:
            mine, other = next(ours, None), next(theirs, None)
        elif other is None or mine is not None and _place(mine) < _place(other):
            yield True, mine or ()
            mine = next(ours, None)
        else:
            yield False, other
            other = next(theirs, None)


def _place(row: tuple) -> list[tuple[int, Any]]:
    """What a row is sorted by."""
    ranks = {type(None): 0, int: 1, float: 1, str: 2, bytes: 3}
    return [(ranks[type(value)], 0 if value is None else value) for value in row]


def _answer(index: Index, question: str, vector: bytes | None, now: int) -> list[tuple[str, float]]:
    """References and scores of moments and pages, by words and, where there is one, by a vector."""
    query = search.Query(question, now, from_blob(vector) if vector else None, index.model())
    hits = search.search(query, index, Scope(), search.Limits(10, -1.0)).hits
    scores = [(hit.ref, hit.pick.score) for hit in hits]
    known = pages.search(query, index, pages.Policy())
    scores += [(each.path, each.score) for each in known.given]
    return [(ref, round(score, 9)) for ref, score in scores]
