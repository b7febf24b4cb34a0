"""Rows of another tool's SQLite database. It is copied, with what its journal has not yet written
into it, so nothing happens to the tool's own file. A copy into which the tool wrote meanwhile is
made again: the database of one moment with the journal of another has rows that never were.

Only tables are read: a view or a virtual table could run for ever, or run code of an extension. The
one place outside the index that speaks SQL. Refuses to know what a table means."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from ...ground import clock, file_states, regular, scratch
from ...ground.errors import BadData
from .sources import CHUNK, Source

MAGIC = b"SQLite format 3\0"
MOST_STEPS = 100  # million of the database's own steps for one table
TRIES, PAUSE = 5, 0.2  # copies of a database that is being written, and seconds between them
JOURNALS = ("-wal", "-journal")
HEAD = 32  # bytes of a journal, which are others when it begins again

Row = dict[str, Any]


@contextmanager
def open_copy(source: Source, note: Callable[[int], None]) -> Iterator["Database"]:
    with scratch.open_folder() as folder:
        path = _copy_whole(source, folder, note)
        with closing(sqlite3.connect(path)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            yield Database(connection, source.place)


def _copy_whole(source: Source, folder: str, note: Callable[[int], None]) -> str:
    """The path of a copy of one moment. BadData when the tool keeps writing."""
    for number in range(TRIES):
        before, path = _look_at(source), os.path.join(folder, f"{number}.db")
        _copy(source, path, note)
        for end in JOURNALS:
            if journal := source.beside(f"{source.name}{end}"):
                _copy(journal, f"{path}{end}", note)
        if before == _look_at(source):
            return path
        clock.sleep(PAUSE)
    cure = "end the program it belongs to, and try again"
    raise BadData("it is being written all the time", place=source.place, cure=cure)


def _look_at(source: Source) -> list[object]:
    """What is another one once something was written into the database, or its journal began again:
    what is only added to that is seen to be cut off."""
    if source.zip:
        return []
    found: list[object] = [file_states.state_of(os.stat(source.path))]
    for end in JOURNALS:
        try:
            with regular.open_file(source.path + end) as file:
                found.append(file.read(HEAD))
        except OSError:
            found.append(None)
    return found


def _copy(source: Source, path: str, note: Callable[[int], None]) -> None:
    with source.opened(note) as data, open(path, "xb") as file:
        while piece := data.read(CHUNK):
            file.write(piece)


class Database:
    def __init__(self, connection: sqlite3.Connection, place: str):
        self._connection, self._place = connection, place

    def list_tables(self) -> list[str]:
        """The tables that hold rows, in order of their names."""
        question = "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"
        try:
            found = self._connection.execute(question).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._failure("", error) from None
        virtual = "create virtual"
        names = [name for name, sql in found if not str(sql).lower().lstrip().startswith(virtual)]
        return [name for name in names if not name.startswith("sqlite_")]

    def read_rows(self, table: str) -> Iterator[Row | BadData]:
        """The rows of a table, columns in lower case; what cannot be read ends it as a failure."""
        steps = iter(range(MOST_STEPS))
        self._connection.set_progress_handler(lambda: next(steps, None) is None, 1_000_000)
        quoted = table.replace('"', '""')
        try:
            cursor = self._connection.execute(f'SELECT * FROM "{quoted}"')
            names = [column[0].lower() for column in cursor.description]
            for values in cursor:
                yield dict(zip(names, values, strict=True))
        except (sqlite3.DatabaseError, UnicodeError) as error:
            yield self._failure(table, error)

    def _failure(self, table: str, error: Exception) -> BadData:
        place = f"{self._place}: {table}" if table.isprintable() and table else self._place
        return BadData(f"not readable ({error})", place=place, cure="repair it with 'sqlite3'")
