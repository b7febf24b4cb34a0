"""Looking after the index: its state, a new one, the proof that it says what files say."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..formats.evidence import Scope
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


def state(memory: Memory) -> dict[str, Any]:
    """Sizes and counts of the index."""
    for index in memory.engine.opened(memory.home, memory.say):
        with index:
            counts = index.counts()
    return counts


def rebuild(memory: Memory) -> None:
    memory.engine.rebuild(memory.home)
    state(memory)


def verify(memory: Memory) -> list[Difference]:
    """What an index made again from the files would say differently."""
    for index in memory.engine.opened(memory.home, memory.say, thorough=True):
        with index:
            if model := index.model():
                embedding.from_cache(index, model)  # as the other one does
            with (
                tempfile.TemporaryDirectory(prefix="mind-") as folder,
                memory.engine.made_in(memory.home, folder) as fresh,
            ):
                found = _compare(memory, index, fresh)
    return found


class _Rows:
    """The rows of an index, and what is asked of them."""

    def __init__(self, index: Index):
        self.tables = {table: Counter(rows) for table, rows in index.rows().items()}

    def questions(self) -> Iterator[str]:
        """The first words of events from all of the past, and of pages."""
        events = sorted((row[4], row[-1]) for row in self.tables["events"].elements())
        texts = [content for _, content in events]
        titled = sorted(self.tables["pages"].elements(), key=lambda row: row[0])
        for some in (texts, [f"{row[-2]} {row[-1]}" for row in titled]):
            for content in some[:: max(1, len(some) // ANSWERS)]:
                yield " ".join(content.split()[:12])

    def vectors(self) -> list[tuple[int, int, bytes]]:
        """(length of the content, time, vector) of each event that has a vector."""
        of = {row[:2]: (len(row[-1]), row[4]) for row in self.tables["events"]}
        return [(*of[row[:2]], row[-1]) for row in self.tables["vectors"]]


def _compare(memory: Memory, index: Index, fresh: Index) -> list[Difference]:
    ours, theirs = _Rows(index), _Rows(fresh)
    found = []
    for table, mine in ours.tables.items():
        more, less = mine - theirs.tables[table], theirs.tables[table] - mine
        # a vector that is in no cache cannot be made again for nothing; all else must be equal
        for row in sorted(more + less if not table.startswith("vectors") else more, key=str)[:20]:
            what = "is not in the files" if row in more else "is missing"
            found.append(Difference(table, f"{row[0]}:{row[1]} {what}"))
    now = memory.now()
    asked = [(one, one.model(), rows.vectors()) for one, rows in ((index, ours), (fresh, theirs))]
    for question in ours.questions():
        answers = [_answer(one, model, vectors, question, now) for one, model, vectors in asked]
        if answers[0] != answers[1]:
            found.append(Difference("answers", f"'{question[:60]}' is answered differently"))
    return found


def _answer(
    index: Index, model: str, vectors: Sequence[tuple[int, int, bytes]], question: str, now: int
) -> list[tuple[str, float]]:
    """References and scores of moments and pages, by words and, where there is one, by the vector
    of an event of about its length."""
    near = min(vectors, key=lambda v: (abs(v[0] - len(question)), *v[1:]), default=None)
    query = search.Query(question, now, from_blob(near[2]) if near else None, model)
    hits = search.search(query, index, Scope(), 10, -1.0).hits
    known = pages.search(query, index, pages.Policy())
    return [(hit.ref, round(hit.pick.score, 9)) for hit in hits] + [
        (each.path, round(each.score, 9)) for each in known.given
    ]
