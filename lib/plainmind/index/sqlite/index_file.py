"""The index file as the modules of its tables see it: transactions, settings, damage.

Refuses to know what the rows mean, and what an index answers (index.sqlite.store).
"""

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ...ground import files
from ...ground.paths import Home

if TYPE_CHECKING:
    from ..engine import Removed

VERSION = 16  # of the schema and of everything rows are computed with: tokens, stems, episodes


class Damaged(Exception):
    """The index is corrupt, foreign, or of another version: it is to be rebuilt.

    `version` is that of a whole index of another version.
    """

    version = 0


def checksum(*values: bytes | None) -> int:
    """What shows that a row was damaged whose values SQLite takes as they come (CRC-32)."""
    return zlib.crc32(b"".join(filter(None, values)))


def check(kept: int, *values: bytes) -> None:
    """Damaged when these are not the values that this checksum was made of."""
    if checksum(*values) != kept:
        raise Damaged("damaged (a checksum)")


class Outdated(Exception):
    """The index does not say what the files say, and may not be written: a copy of it may."""


class IndexFile:
    """An open index file. Reading needs nothing; writing goes through `writing()`."""

    def __init__(self, home: Home, db: sqlite3.Connection, *, fts5: bool, writable: bool):
        self.home, self.db, self.fts5, self.writable = home, db, fts5, writable
        self.progress: Callable[[int, int], None] = lambda done, of: None
        self.say: Callable[[str], None] = lambda text: None
        self.removed: Callable[[Sequence[Removed], AbstractSet[str]], None] = lambda one, all: None
        # its bytes: Python would take them for UTF-8, whatever names are in here
        file = "SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'"
        self.path = os.fsdecode(db.execute(file).fetchone()[0] or b"")
        self.folder = os.path.dirname(self.path)
        self.inode = 0  # of the file that is open, when somebody looks at that
        self._pretence: ExitStack | None = None
        self._holds = False  # the lock, until the end

    def pretend(self) -> None:
        """Take back, at the end, whatever is written: until then it is in this process' memory."""
        self.db.execute("PRAGMA cache_spill = OFF")
        self.db.execute("PRAGMA journal_mode = MEMORY")  # one that has WAL keeps it
        self._pretence = ExitStack()

    @property
    def pretends(self) -> bool:
        return self._pretence is not None

    def close(self) -> None:
        self.db.close()
        if self._pretence:
            self._pretence.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, alone: all of it is on disk afterwards, or none."""
        if not self.writable:
            raise Outdated
        if self.db.in_transaction and not self._holds:
            # what was read was of one moment until now; who has the lock waits for its end
            self.db.execute("ROLLBACK")
        lock = files.lock(os.path.join(self.folder, "lock"))
        if self._pretence:
            if not self._holds:
                self._pretence.enter_context(lock)
                self.db.execute("BEGIN IMMEDIATE")
                self._holds = True
            yield self.db
            return
        with lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                if self.db.in_transaction:  # a full disk ends it by itself
                    self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    @contextmanager
    def reading(self, *, on: bool = False) -> Iterator[sqlite3.Connection]:
        """Several questions that are answered as of one moment, whoever writes meanwhile; with
        `on`, those that come later, too, until something is written.

        A file that was deleted must not be read from: SQLite would take the journal of the one in
        its place for its own. While it is read from, that cannot happen any more.
        """
        begun = not self.db.in_transaction
        if begun:
            self.db.execute("BEGIN")
            self.db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if self.inode and not self.is_in_place():
                raise Damaged("it was replaced")
        try:
            yield self.db
        finally:
            if begun and not on and self.db.in_transaction:  # damage ends it
                self.db.execute("ROLLBACK")

    def is_in_place(self) -> bool:
        try:
            return os.stat(self.path).st_ino == self.inode
        except OSError:
            return False

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
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, text))


def _decode(name: str, value: Any) -> Any:
    if not _is_json(value):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise sqlite3.DatabaseError(f"malformed setting {name}") from None


def _is_json(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in '[{"'
