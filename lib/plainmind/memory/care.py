"""Looking after the index: its state, a new one, the proof that it says what files say."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..formats.evidence import Scope
from ..ground import masks, scratch
from ..index import embedding
from ..index.cache import from_blob
from ..index.engine import Index
from ..recall import pages, search
from . import Memory

ANSWERS = 40  # questions asked of both indexes


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


def rebuild(memory: Memory) -> None:
    memory.engine.rebuild(memory.home)
    state(memory, "rebuilding")


def verify(memory: Memory) -> list[Difference]:
    """What an index made again from the files would say differently."""
    found: list[Difference] = []
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


class _Rows:
    """The rows of an index, what is asked of them, and its answers."""

    def __init__(self, index: Index):
        self.index, self.model = index, index.model()
        self.tables = {table: Counter(rows) for table, rows in index.rows().items()}
        of = {row[:2]: (len(row[-1]), row[4]) for row in self.tables["events"]}
        #: (length of the content, time, vector) of each event that has a vector
        self.vectors = [(*of[row[:2]], row[-1]) for row in self.tables["vectors"]]

    def questions(self) -> Iterator[str]:
        """The first words of events from all of the past, and of pages."""
        events = sorted((row[4], row[-1]) for row in self.tables["events"].elements())
        titled = sorted(self.tables["pages"].elements(), key=lambda row: row[0])
        for some in ([text for _, text in events], [f"{row[-2]} {row[-1]}" for row in titled]):
            for content in some[:: max(1, len(some) // ANSWERS)]:
                yield " ".join(content.split()[:12])

    def answer(self, question: str, now: int) -> list[tuple[str, float]]:
        """References and scores of moments and pages, by words and, where there is one, by the
        vector of an event of about its length."""
        length = len(question)
        near = min(self.vectors, key=lambda v: (abs(v[0] - length), *v[1:]), default=None)
        query = search.Query(question, now, from_blob(near[2]) if near else None, self.model)
        hits = search.search(query, self.index, Scope(), search.Limits(10, -1.0)).hits
        scores = [(hit.ref, hit.pick.score) for hit in hits]
        known = pages.search(query, self.index, pages.Policy())
        scores += [(each.path, each.score) for each in known.given]
        return [(ref, round(score, 9)) for ref, score in scores]


def _compare(index: Index, fresh: Index, now: int) -> list[Difference]:
    ours, theirs = _Rows(index), _Rows(fresh)
    found = []
    for table, mine in ours.tables.items():
        more, less = mine - theirs.tables[table], theirs.tables[table] - mine
        # a vector that is in no cache cannot be made again for nothing; all else must be equal
        for row in sorted(more + less if not table.startswith("vectors") else more, key=str)[:20]:
            what = "is not in the files" if row in more else "is missing"
            found.append(Difference(table, f"{row[0]}:{row[1]} {what}"))
    for question in ours.questions():
        if ours.answer(question, now) != theirs.answer(question, now):
            found.append(
                Difference("answers", f"'{masks.cut(question, 60)}' is answered differently")
            )
    return found
