"""Episodes: what recall has to know of every turn, packed, a row a stretch of conversation.

Owns the packed columns and the totals over all turns. Refuses to know how they are weighed.
"""

import sqlite3
import sys
from array import array
from typing import NamedTuple

from ..formats.log.event import ROLES
from .store import Store
from .text import Words

QUESTION = 8  # added to the kind of a turn that ends with a question mark


class Totals(NamedTuple):
    """Of all turns in the index."""

    turns: int
    words: int
    heads: int


class Episode(NamedTuple):
    """A stretch of one window. Entry i of each column is the turn with id + i."""

    id: int
    lengths: "array[int]"
    heads: "array[int]"
    times: "array[int]"
    kinds: "array[int]"
    authors: "array[int]"

    @classmethod
    def starting(cls, id: int) -> "Episode":
        return cls(id, *(array(code) for code in _CODES))

    @property
    def questions(self) -> list[bool]:
        return [kind >= QUESTION for kind in self.kinds]

    @property
    def words(self) -> int:
        return sum(self.lengths)

    def goes_on(self, instant: int, gap: int, most: int) -> bool:
        return len(self.times) < most and abs(instant - self.times[-1]) <= gap

    def add(self, instant: int, role: str, author: int, content: str, words: Words) -> None:
        self.lengths.append(min(words.length, 0xFFFF))
        self.heads.append(min(len(words.head), 0xFF))
        self.times.append(instant)
        self.kinds.append(
            ROLES.index(role) + QUESTION * content.rstrip().endswith(("?", "？", "؟"))
        )
        self.authors.append(author)


_CODES = "HBqBI"  # lengths, heads, times, kinds, authors


def put(db: sqlite3.Connection, episode: Episode) -> None:
    blobs = [_bytes(column) for column in episode[1:]]
    db.execute(
        "INSERT OR REPLACE INTO episodes VALUES (?, ?, ?, ?, ?, ?, ?)",
        (episode.id, episode.words, *blobs),
    )


def ending_with(db: sqlite3.Connection, turn: int) -> Episode | None:
    """The episode a turn belongs to."""
    row = db.execute(
        "SELECT id, lengths, heads, times, kinds, authors FROM episodes WHERE id <= ? ORDER BY id DESC LIMIT 1",
        (turn,),
    )
    return next(map(_episode, row), None)


def everything(db: sqlite3.Connection) -> list[Episode]:
    """All episodes, by id."""
    return list(
        map(
            _episode,
            db.execute(
                "SELECT id, lengths, heads, times, kinds, authors FROM episodes ORDER BY id"
            ),
        )
    )


def author_id(db: sqlite3.Connection, name: str) -> int:
    row = db.execute("SELECT id FROM authors WHERE name = ?", (name,)).fetchone()
    if row:
        return row[0]
    return db.execute("INSERT INTO authors (name) VALUES (?)", (name,)).lastrowid or 0


def totals(store: Store) -> Totals:
    return Totals(*(store.setting("totals") or (0, 0, 0)))


def count(store: Store, turns: int, words: int, heads: int) -> None:
    """Add to the totals."""
    store.put_setting(
        "totals", [a + b for a, b in zip(totals(store), (turns, words, heads), strict=True)]
    )


def _episode(row: tuple) -> Episode:
    columns = []
    for code, blob in zip(_CODES, row[1:], strict=True):
        column = array(code)
        column.frombytes(blob)
        if sys.byteorder == "big":
            column.byteswap()
        columns.append(column)
    return Episode(row[0], *columns)


def _bytes(column: "array[int]") -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()
