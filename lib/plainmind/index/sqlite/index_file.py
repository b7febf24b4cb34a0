"""The index file: an open index (index.rows.store) that SQLite keeps, with its transactions.

Refuses to know how it keeps words and vectors (index.sqlite.tables).
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from ...ground import files, lock_queue
from ...ground.paths import Home
from ..rows.database import Damaged, Outdated
from ..rows.store import Store

#: seconds for a transaction of another process to end: who writes holds the lock, and who reads is
#: as long as a recall; on a busy machine that may be long, and it has as long again if it goes on
BUSY = 60.0


class FileConnection(sqlite3.Connection):
    """A connection that takes up its file only while that is in its place.

    SQLite finds a journal by its name. Of a file that was deleted it would take the journal of the
    one in its place for its own, play it back and delete it: whoever is writing then has an I/O
    error, and whoever died while writing an index that is half of two. Once it has begun to read a
    file it looks for none any more.
    """

    index: "IndexFile | None" = None  # as soon as it is known which file is open

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.in_transaction or self.index is None:
            return self._execute(sql, parameters)
        with self.index.kept_in_place():
            return self._execute(sql, parameters)

    def _execute(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        for _ in range(lock_queue.MOST):
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not self.index:
                    raise
                if not lock_queue.goes_on(self.index.path, files.LOCK_WAIT):
                    raise
        return super().execute(sql, parameters)


def connect(address: str) -> FileConnection:
    return sqlite3.connect(
        address,
        uri=True,
        timeout=BUSY,
        isolation_level=None,
        check_same_thread=False,
        factory=FileConnection,
    )


def keep_files(folder: str) -> AbstractContextManager[None]:
    """Nobody of us takes away or replaces a file of the index in this folder meanwhile. A folder
    that may not be looked into cannot be locked, and nothing is replaced in it."""
    return files.lock(folder, shared=True) if os.access(folder, os.R_OK) else nullcontext()


class IndexFile(Store):
    """An open index file."""

    db: FileConnection

    def __init__(self, home: Home, db: FileConnection, inode: int, *, fts5: bool, writable: bool):
        super().__init__(home)
        self.db, self.fts5, self.writable = db, fts5, writable
        # its bytes: Python would take them for UTF-8, whatever names are in here
        file = "SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'"
        self.path = os.fsdecode(db.execute(file).fetchone()[0] or b"")
        self.folder = os.path.dirname(self.path)
        self.inode = inode  # of the file that is open
        self.moved = False  # whether another file, or none, was in its place when it was closed
        self._pretence: ExitStack | None = None
        self._holds = False  # the lock, until the end
        db.index = self

    def pretend(self) -> None:
        """Take back, at the end, whatever is written: until then it is in this process' memory."""
        self.db.execute("PRAGMA cache_spill = OFF")
        # with WAL nothing is written before a commit; to leave WAL would be written at once
        if self.db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            self.db.execute("PRAGMA journal_mode = MEMORY")
        self._pretence = ExitStack()

    @property
    def pretends(self) -> bool:
        return self._pretence is not None

    def close(self) -> None:
        self.moved = not self.is_in_place()  # its number may be another's from here on
        self.db.close()
        self.db.index = None  # a circle would wait for the collector
        if self._pretence:
            self._pretence.close()

    @contextmanager
    def writing(self, wait: float = files.LOCK_WAIT) -> Iterator[sqlite3.Connection]:
        """A transaction, alone: all of it is on disk afterwards, or none."""
        if not self.writable:
            raise Outdated
        if self.db.in_transaction and not self._holds:
            # what was read was of one moment until now; who has the lock waits for its end
            self.db.execute("ROLLBACK")
        lock = files.lock(os.path.join(self.folder, "lock"), wait)
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
        `on`, those that come later, too, until something is written."""
        begun = not self.db.in_transaction
        if begun:
            with self.kept_in_place():
                self.db.execute("BEGIN")
                self.db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        try:
            yield self.db
        finally:
            if begun and not on and self.db.in_transaction:  # damage ends it
                self.db.execute("ROLLBACK")

    @contextmanager
    def kept_in_place(self) -> Iterator[None]:
        """Nobody of us replaces the file meanwhile. Damaged when it was replaced."""
        with keep_files(self.folder):
            if not self.is_in_place():
                raise Damaged("it was replaced")
            yield

    def is_in_place(self) -> bool:
        try:
            return os.stat(self.path).st_ino == self.inode
        except OSError:
            return False

    def is_to_blame(self, error: Exception) -> bool:
        if isinstance(error, sqlite3.DatabaseError):
            return True
        if isinstance(error, FileNotFoundError):  # somebody deletes the index meanwhile
            return f"{error.filename}{os.sep}".startswith(self.folder + os.sep)
        from . import damage

        return damage.is_suspect(error)

    def columns(self, table: str) -> list[tuple[str, int]]:
        info = self.db.execute(f"PRAGMA table_info({table})")
        return [(name, place) for _, name, *_, place in info]

    @contextmanager
    def without_indexes(self, tables: Sequence[str], but: str) -> Iterator[None]:
        found = self.db.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL "
            f"AND name <> ? AND tbl_name IN ({', '.join('?' * len(tables))})",
            (but, *tables),
        ).fetchall()
        for name, _ in found:
            self.db.execute(f"DROP INDEX {name}")
        yield
        for _, sql in found:
            self.db.execute(sql)

    def insert(self, sql: str, row: Sequence[Any]) -> int:
        return self.db.execute(sql, row).lastrowid or 0
