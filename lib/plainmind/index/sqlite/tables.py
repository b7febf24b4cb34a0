"""An open index file with its tables of words and of vectors."""

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...ground.errors import Busy, Misconfigured
from . import words
from .index_file import IndexFile

if TYPE_CHECKING:
    from ..rows.database import VectorTables, WordTables


class FileTables(IndexFile):
    @property
    def word_tables(self) -> "WordTables":
        return words

    @property
    def vector_tables(self) -> "VectorTables":
        from . import vectors

        return vectors

    def note_setting(self, name: str, value: Any) -> None:
        if self.writable and not self.pretends:
            with suppress(Busy, sqlite3.OperationalError), self.writing(wait=0):
                self.put_setting(name, value)

    def readers(self) -> list[str]:
        return []

    def share(self, role: str) -> None:
        cure = "name a PostgreSQL database in index.engine"
        raise Misconfigured("the index is a file, which is not shared with roles", cure=cure)

    def unshare(self, role: str) -> None:
        self.share(role)

    def describe(self) -> dict[str, Any]:
        from . import vectors

        pragma = lambda name: self.db.execute(f"PRAGMA {name}").fetchone()[0]
        return {
            "bytes": pragma("page_count") * pragma("page_size") + vectors.count_bytes(self),
            "words": "fts5" if self.fts5 else "fts4",
            "journal": pragma("journal_mode"),
        }
