"""What files no longer say: out of the index, and told to who keeps something made of it.

Of a text that was embedded a hash stays in the table `removed`, until the next mem-embed has taken
its vector out of `vectors/`. Texts that moved, to another window or page, are not removed.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import TYPE_CHECKING

from ...ground import regular
from .. import reading
from .database import IndexDatabase, upsert

if TYPE_CHECKING:
    from ..engine import Removed, RemovedHashes

    #: what a window or a page says, and what is embedded of it, with events.same (0 of a passage)
    Texts = tuple[list[Removed], dict[str, int]]


#: what became of a window since the last look
_BECAME = {
    "changed": "changed since it was read",
    "gone": "gone since it was read",
    "unreadable": "it cannot be read any more",
}
AWAY = 100  # windows that were taken away, for which every recall looks


class Removal:
    """One look at the files, within a transaction. What is about to go is noted first; what came is
    noted then, and `settle` compares them."""

    def __init__(self, index: IndexDatabase):
        self._index = index
        self._old: list[Removed] = []
        self._embedded: dict[str, int] = {}
        self._came: list[Callable[[], Texts]] = []
        self._places: list[tuple[str, str]] = []
        self._unreadable: set[str] = set()

    def note_window(self, path: str, span: tuple[int, int], what: str) -> None:
        """A window is about to go, or to be taken in again as it is now. `span`: the least and the
        greatest id of its events."""
        self._places.append((path, what))
        if what != "unreadable":
            self._note(_of_window(self._index, path, *span))

    def note_page(self, page: int) -> None:
        self._note(_of_page(self._index, page))

    def note_unreadable(self, path: str) -> None:
        """What it says may stand: its vectors stay until it can be read again, or is gone."""
        self._unreadable.add(path)

    def _note(self, texts: "Texts") -> None:
        self._old += texts[0]
        self._embedded |= texts[1]

    def add_window(self, path: str, span: tuple[int, int]) -> None:
        """A window is taken in from its start."""
        self._came.append(lambda: _of_window(self._index, path, *span))

    def add_page(self, page: int) -> None:
        self._came.append(lambda: _of_page(self._index, page))

    def keep_look(self, gone: Sequence[str], folders: Mapping[str, reading.Times]) -> None:
        """Remember the last windows that somebody took away, and that are not back; and the folders
        that were listed, but for those of windows that could not be read: nothing tells in a folder
        that they can be again."""
        index, before = self._index, self._index.setting("gone") or []
        away = [path for path in before if not os.path.exists(index.home.path(path))]
        index.put_setting("gone", [*away, *gone][-AWAY:])
        closed = set(map(os.path.dirname, self._unreadable))
        kept = {one: [] if one in closed else times for one, times in folders.items()}
        index.put_setting("folders", kept)

    def settle(self) -> None:
        """Remember what is to be taken out of `vectors/`, and tell the texts."""
        if self._unreadable:
            before = self._index.setting("unreadable") or []
            self._index.put_setting("unreadable", sorted({*before, *self._unreadable}))
        if not self._old:
            return
        db, home = self._index.db, self._index.home
        if reading.is_away(home):
            # nobody removed anything; when it is there again, mem-embed looks at every vector
            db.execute("DELETE FROM settings WHERE name = 'swept'")
            return
        standing: set[str] = set()
        for read in self._came:
            said, embedded = read()
            standing.update(one.text for one in said)
            for text in embedded:
                self._embedded.pop(text, None)
        if os.path.isdir(home.vectors):
            from ..cache import content_hash

            rows = ((content_hash(text), same) for text, same in self._embedded.items())
            db.executemany(upsert("removed", ("hash", "same"), ("hash",)), rows)
        gone = [one for one in self._old if one.text not in standing]
        if gone:
            tables = {"words" if one.path.startswith("logs/") else "page_words" for one in gone}
            left = self._index.setting("words_left") or []
            self._index.put_setting("words_left", sorted({*left, *tables}))
        self._index.removed(gone, standing)

    def overwrite(self) -> None:
        """Take the packed vectors of windows that went out of the bytes of their file."""
        if self._places:
            self._index.vector_tables.overwrite(self._index)

    def tell(self) -> None:
        """Say once which windows were changed by something else than an append."""
        if self._places:
            path, what = self._places[0]
            more = len(self._places) - 1
            others = f", and {more} more window{'s' if more > 1 else ''}" if more else ""
            self._index.say(
                f"{self._index.home.path(path)}: {_BECAME[what]}{others}; what the logs no longer "
                "say is not recalled; see 'mem-lint --logs'"
            )


def _of_window(index: IndexDatabase, path: str, first: int, last: int) -> "Texts":
    from ..engine import Removed
    from . import texts

    rows = index.db.execute(
        "SELECT line, content FROM events WHERE id BETWEEN ? AND ? AND content <> ''", (first, last)
    )
    said = [Removed(path, *row) for row in rows]
    return said, dict(texts.of_events(index.db, "event.id BETWEEN ? AND ?", (first, last)))


def _of_page(index: IndexDatabase, page: int) -> "Texts":
    from ..engine import Removed
    from . import texts

    rows = index.db.execute(
        "SELECT path, passages.line, text FROM passages JOIN pages ON pages.id = page "
        "WHERE page = ?",
        (page,),
    )
    said = [Removed(*row) for row in rows]
    return said, dict.fromkeys(texts.of_pages(index.db, page), 0)


# --- for mem-embed


def purge(index: IndexDatabase) -> None:
    """Let the words go that a table of words only marks as deleted, and the packed vectors that a
    death kept from being overwritten."""
    index.vector_tables.overwrite(index)
    if tables := index.setting("words_left"):
        for table in tables:
            index.word_tables.purge(index, table)
        with index.writing():
            index.put_setting("words_left", [])


def hashes(index: IndexDatabase) -> "RemovedHashes":
    from ..cache import content_hash
    from ..engine import RemovedHashes

    seen = set(chain(*index.db.execute("SELECT hash FROM removed")))
    held = set(map(content_hash, _likely(index))) if seen else set()
    closed = index.setting("unreadable") or []
    if closed and not any(map(regular.is_unreadable, map(index.home.path, closed))):
        closed = []
        with index.writing() as db:  # then every vector is looked at
            db.execute("DELETE FROM settings WHERE name IN ('unreadable', 'swept')")
    return RemovedHashes(seen - held, seen, bool(closed) or index.setting("swept") is not None)


def _likely(index: IndexDatabase) -> Iterator[str]:
    """Texts among which those are that may have one of these hashes, too."""
    from . import texts

    same = "event.same IN (SELECT same FROM removed)"
    yield from (text for text, _ in texts.of_events(index.db, same))
    yield from texts.of_pages(index.db)


def settle(index: IndexDatabase, seen: AbstractSet[bytes]) -> None:
    with index.writing() as db:
        db.executemany("DELETE FROM removed WHERE hash = ?", ((hash,) for hash in seen))
        index.put_setting("swept", "1")
