"""`resident/writeback-journal.jsonl`: operations that were staged, and what became of them.

The caller holds the lock (`trust.lock`). What a call returned from is on disk. What is done is left
out: a text that somebody takes back, or that is a secret, must not stand here."""

import os

from ...formats.resident import operation
from ...formats.resident.operation import Journal, Operation
from ...ground import files
from ...ground.errors import BadData
from ...ground.paths import Home

MOST = 1000  # operations that wait, or were rejected


def read(home: Home) -> Journal:
    return operation.read(_read(home))


def stage(home: Home, staged: Operation, at: str) -> None:
    """BadData when too many are waiting."""
    there = read(home)
    if len(there.staged) + len(there.rejected) >= MOST:
        cure = "commit them with 'mem-resident flush', or drop some"
        raise BadData(f"{MOST} operations are waiting or rejected", cure=cure)
    append(home, operation.render_stage(staged, at))


def append(home: Home, lines: bytes) -> None:
    """Add lines."""
    files.append(home.writeback_journal, _end(_read(home)) + lines)
    # always: whoever made the file may have been killed before that
    files.sync_with_parent(home.path("resident"))


def settle(home: Home) -> None:
    """Make durable what is read from here on: its writer may have been killed before that."""
    files.sync_path(home.writeback_journal)
    files.sync_with_parent(home.path("resident"))


def tidy(home: Home, at: str, lines: bytes = b"") -> None:
    """Leave out what is done, with these lines too. Of a flush that is not over, nothing may be."""
    data = _read(home)
    new = operation.compact(operation.read(data + _end(data) + lines), at)
    if lines or len(new) < len(data):
        files.replace(home.writeback_journal, new)


def _end(data: bytes) -> bytes:
    """What ends the line that a crash left half of."""
    return b"\n" if data and data[-1:] != b"\n" else b""


def _read(home: Home) -> bytes:
    return files.read(home.writeback_journal) if os.path.exists(home.writeback_journal) else b""
