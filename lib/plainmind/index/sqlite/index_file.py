"""The index file as the modules of its tables see it: transactions, settings, damage.

Refuses to know what the rows mean, and what an index answers (index.sqlite.store).
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...ground import files
from ...ground.paths import Home

VERSION = 5  # of the schema and of everything rows are computed with: tokens, stems, episodes


class Damaged(Exception):
    """The index is corrupt, foreign, or of another version: it is to be rebuilt.

    `version` is that of a whole index of another version.
    """

    version = 0


class IndexFile:
    """An open index file. Reading needs nothing; writing goes through `writing()`."""

    def __init__(self, home: Home, db: sqlite3.Connection, *, fts5: bool, writable: bool):
        self.home, self.db, self.fts5, self.writable = home, db, fts5, writable
        self.progress: Callable[[int, int], None] = lambda done, of: None
        self.folder = os.path.dirname(db.execute("PRAGMA database_list").fetchone()[2])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, alone: all of it is on disk afterwards, or none."""
        with files.lock(os.path.join(self.folder, "lock")):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                if self.db.in_transaction:  # a full disk ends it by itself
                    self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several questions that are answered as of one moment, whoever writes meanwhile."""
        self.db.execute("BEGIN")
        try:
            yield self.db
        finally:
            if self.db.in_transaction:  # damage ends it
                self.db.execute("ROLLBACK")

    def setting(self, name: str) -> Any:
        row = self.db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row and row[0][:1] in '[{"' else row[0] if row else None

    def put_setting(self, name: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, text))
