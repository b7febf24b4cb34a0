"""The database of an index as the modules of its tables see it: transactions, settings, damage; and
what engines do each in its own way.

Refuses to know what the rows mean, and what an index answers (index.rows.store).
"""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from ...ground.paths import Home

if TYPE_CHECKING:
    from ...formats.evidence import Posting
    from ...formats.words import Words
    from ..engine import Removed

VERSION = 18  # of the schema and of everything rows are computed with: tokens, stems, episodes


class Damaged(Exception):
    """The index is corrupt, foreign, or of another version: it is to be rebuilt.

    `version` is that of a whole index of another version.
    """

    version = 0


class Outdated(Exception):
    """The index does not say what the files say, and may not be written: a copy of it may."""


def checksum(*values: bytes | None) -> int:
    """What shows that a row was damaged whose values SQLite takes as they come (CRC-32)."""
    return zlib.crc32(b"".join(filter(None, values)))


def check(kept: int, *values: bytes) -> None:
    """Damaged when these are not the values that this checksum was made of."""
    if checksum(*values) != kept:
        raise Damaged("damaged (a checksum)")


class Selected(Protocol):
    """What a statement gave: rows, as tuples."""

    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def fetchmany(self, size: int) -> list[Any]: ...


class SqlConnection(Protocol):
    """Statements have '?' for a value, or '?1'. What is read while more is asked was read before,
    or is read then: a loop that changes what it reads reads it as a whole first."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Selected: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any: ...


class WordTables(Protocol):
    """Which events and pages hold a term."""

    def add(self, index: Any, rows: Iterable[tuple[int, Words]]) -> None:
        """Put events in."""

    def remove(self, index: Any, rows: Iterable[tuple[int, Words]]) -> None:
        """Take events out, with all that was put in of them."""

    def add_pages(self, index: Any, rows: Iterable[tuple[int, Words]]) -> None: ...

    def remove_page(self, index: Any, id: int) -> None: ...

    def postings(self, index: Any, term: str) -> list[Posting]:
        """The events that hold a term, by ascending id; how often, up to word_counts.MOST."""

    def newest(self, index: Any, term: str, count: int) -> list[Posting]:
        """The last so many of them, of more."""

    def page_postings(self, index: Any, term: str) -> list[Posting]:
        """The pages that hold a term, by ascending id."""

    def page_texts(self, index: Any) -> str:
        """A query of the words of pages: path, line, opening, rest."""

    def totals(self, index: Any) -> str:
        """A query of each term of events, in how many it is, and how often."""

    def purge(self, index: Any, table: str) -> None:
        """Take what was removed from a table, words or page_words, out of the bytes of files."""


class EventScan(Protocol):
    """The cosine of a question with the vector of every event."""

    error: float  # no cosine is further off
    approximate: bool  # some that are near may be missing

    def of_events(self, first: int, count: int) -> list[float | None]:
        """Of events with consecutive ids; None where there is no vector."""

    def of_spans(self, spans: Sequence[tuple[int, int]]) -> Iterator[list[float | None]]:
        """The same of many: (first, count)."""

    def along(self, vector: Sequence[float]) -> EventScan:
        """The same of another vector of length 1."""

    def near(self, cosine: float) -> list[tuple[float, int]]:
        """(cosine, event) of all that have at least this one."""

    def nearest(self, count: int) -> tuple[list[tuple[float, int]], float]:
        """(cosine, event) of about so many with the greatest ones, greatest first; and what no
        other one exceeds."""


class VectorTables(Protocol):
    """The vectors of events and of passages. Who changes them holds a transaction, and has
    `overwrite` called after it."""

    def scan(self, index: Any, model: str, query: Sequence[float]) -> EventScan | None:
        """None when there is no vector."""

    def exact(self, db: Any, model: str, events: Sequence[int]) -> dict[int, Sequence[float]]:
        """The vectors of these events, as far as there are any."""

    def passages(self, db: Any, model: str, query: Sequence[float]) -> dict[int, dict[int, float]]:
        """Page -> passage -> its cosine with the query, in [0, 1], exactly."""

    def with_file(self, index: Any, model: str, ask: Callable[[], Any]) -> Any:
        """What `ask` returns; what it needs beside the tables is made again if unusable."""

    def put(self, index: Any, kind: str, rows: Sequence[tuple]) -> None:
        """What became of texts that are still there: (id, model, vector, attempts, status, error,
        next try, checksum)."""

    def is_unpacked(self, db: Any, model: str) -> bool:
        """Whether `pack_new` has anything to do."""

    def pack_new(self, index: Any, model: str) -> None:
        """Make ready for `scan` what is not yet."""

    def drop(self, db: Any, kind: str, first: int, last: int) -> None:
        """Remove the vectors of these events, or passages."""

    def drop_model(self, db: Any, model: str) -> None: ...

    def overwrite(self, index: Any) -> None:
        """Take what was removed out of the bytes of files."""

    def settle(self, index: Any, model: str) -> None:
        """A model answers from now on."""

    def optimize(self, index: Any, model: str) -> None:
        """Make what speeds up a later `scan`, or remove it, as the settings say, however long that
        takes. The caller holds no transaction."""


class IndexDatabase(ABC):
    """An open database. Reading needs nothing; writing goes through `writing()`."""

    home: Home
    db: SqlConnection

    @property
    @abstractmethod
    def word_tables(self) -> WordTables: ...

    @property
    @abstractmethod
    def vector_tables(self) -> VectorTables: ...

    def __init__(self, home: Home):
        self.home = home
        self.progress: Callable[[int, int], None] = lambda done, of: None
        self.say: Callable[[str], None] = lambda text: None
        self.removed: Callable[[Sequence[Removed], AbstractSet[str]], None] = lambda one, all: None

    @property
    @abstractmethod
    def pretends(self) -> bool:
        """Whether all that is written is taken back at the end."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def writing(self) -> AbstractContextManager[SqlConnection]:
        """A transaction, alone: all of it is on disk afterwards, or none."""

    @abstractmethod
    def note_setting(self, name: str, value: Any) -> None:
        """Keep what spares the next one a look, unless that could keep anybody waiting; what was
        being read as of one moment ends with it. An engine need not."""

    @abstractmethod
    def reading(self, *, on: bool = False) -> AbstractContextManager[SqlConnection]:
        """Several questions that are answered as of one moment, whoever writes meanwhile; with
        `on`, those that come later, too, until something is written."""

    @abstractmethod
    def is_in_place(self) -> bool:
        """Whether it is still the one that was opened, and not another in its place."""

    @abstractmethod
    def is_to_blame(self, error: Exception) -> bool:
        """Whether an error is one of the database's own."""

    @abstractmethod
    def insert(self, sql: str, row: Sequence[Any]) -> int:
        """Insert a row that is given an id; returns that."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Its bytes, and how it keeps words and transactions."""

    @abstractmethod
    def readers(self) -> list[str]:
        """Other roles of the database that may read it."""

    @abstractmethod
    def share(self, role: str) -> None: ...

    @abstractmethod
    def unshare(self, role: str) -> None: ...

    @abstractmethod
    def columns(self, table: str) -> list[tuple[str, int]]:
        """The columns of a table or a view, and the place of each in its primary key, from 1; 0 is
        none."""

    def without_indexes(self, tables: Sequence[str], but: str) -> AbstractContextManager[None]:
        """Much is put into these tables: their indexes, `but` for one, may be made at the end."""
        return nullcontext()

    def stream(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple]:
        """Rows one by one, which need not be in memory at once."""
        yield from self.db.execute(query, parameters)

    def setting(self, name: str) -> Any:
        return self.settings(name)[0]

    def settings(self, *names: str) -> list[Any]:
        """Values of the table of settings, as of one moment; None for what is not set."""
        asked = f"SELECT name, value FROM settings WHERE name IN ({', '.join('?' * len(names))})"
        found = dict(self.db.execute(asked, names).fetchall())
        return [_decode(name, found.get(name)) for name in names]

    def put_setting(self, name: str, value: Any) -> None:
        is_plain = isinstance(value, str) and not _is_json(value)
        text = value if is_plain else json.dumps(value)
        put = "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
        self.db.execute(f"{put}SET value = excluded.value", (name, text))


def upsert(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """A statement that puts a row in the place of the one with its key, if there is one."""
    rest = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
    marks = ", ".join("?" * len(columns))
    there = f"DO UPDATE SET {rest}" if rest else "DO NOTHING"
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) "
        f"ON CONFLICT ({', '.join(key)}) {there}"
    )


def _decode(name: str, value: Any) -> Any:
    if not _is_json(value):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Damaged(f"malformed setting {name}") from None


def _is_json(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in '[{"'
