"""Another tool's database is read as of one moment, whatever the tool writes meanwhile."""

import sqlite3
from contextlib import closing

import pytest
from plainmind.bridges.histories import database
from plainmind.bridges.histories.sources import find_file
from plainmind.ground import clock
from plainmind.ground.errors import BadData


def write(writer: sqlite3.Connection, text: str) -> None:
    """Two rows that belong together, on pages of their own."""
    for table in ("a", "b"):
        writer.execute(f"UPDATE {table} SET text = ?", (text * 3000,))


def restart_journal(writer: sqlite3.Connection) -> None:
    """What a tool does that goes on: its journal is taken in, and begins again."""
    write(writer, "1")
    writer.execute("PRAGMA wal_checkpoint(RESTART)")
    write(writer, "2")


def end(writer: sqlite3.Connection) -> None:
    write(writer, "3")
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture
def tool(tmp_path):
    """A tool's database, and its connection to it."""
    path = tmp_path / "tool.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        for table in ("a", "b"):
            writer.execute(f"CREATE TABLE {table} (text)")
            writer.execute(f"INSERT INTO {table} VALUES ('')")
        write(writer, "0")
        yield find_file(str(path)), writer


def read(source) -> list[str]:
    with database.open_copy(source, lambda count: None) as opened:
        rows = [row for table in ("a", "b") for row in opened.read_rows(table)]
    assert not any(isinstance(row, BadData) for row in rows), rows
    return [row["text"][:1] for row in rows]


@pytest.mark.parametrize("change", [restart_journal, end, lambda writer: write(writer, "4")])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_database_that_is_written_meanwhile_is_of_one_moment(tool, monkeypatch, change, at):
    source, writer = tool
    copy, copied = database._copy, []

    def copy_beside(*given) -> None:
        if len(copied) == at:
            change(writer)
        copy(*given)
        copied.append(given)
        if len(copied) == at == 2:
            change(writer)

    monkeypatch.setattr(database, "_copy", copy_beside)
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    found = read(source)
    assert found[0] == found[1] and found[0] in "01234"


def test_one_that_is_written_all_the_time_is_told(tool, monkeypatch):
    source, writer = tool
    copy = database._copy

    def copy_beside(*given) -> None:
        restart_journal(writer)
        copy(*given)

    monkeypatch.setattr(database, "_copy", copy_beside)
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    with pytest.raises(BadData, match="written all the time"):
        read(source)
