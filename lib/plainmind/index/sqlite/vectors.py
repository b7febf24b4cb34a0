"""Vectors in the index: the rows that have them, and the file in which those of events are packed
(index.vector_file).

A scan gives every event's cosine within a known error; `exact` gives the vector itself. Vectors
have length 1, so a cosine is a dot product.

The file is written before the rows that tell of it are committed: killed in between, what is in it
does not count. What is of no event any more is a hole when that is committed, and overwritten after
it: killed in between, the next writer does it. A file is never written again where it counts, so
whoever reads as of an earlier moment reads it on; one that is made again has another name.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import TypeVar

from ...ground import files
from ...ground.errors import Busy, InputOutput
from .. import vector_file
from ..rows.database import Damaged, Outdated, check
from ..rows.events import EVENT, THERE
from ..vector_bytes import from_blob
from ..vector_file import Unusable, VectorFile
from ..vector_packing import ROOM, Packed, Packing, Unfit
from . import vector_scan
from .index_file import IndexFile
from .vector_scan import COLUMNS, PackedFile, open_file, row_of

Answer = TypeVar("Answer")

scan = vector_scan.scan
BATCH = 4096  # vectors appended at once; the most that a file is fitted to
AT_ONCE = 1024  # of them, that are numbers at a time
SPARE = 1024  # dead records that a file may have

_HOLES = (
    "INSERT OR IGNORE INTO vector_holes SELECT token, place FROM vectors "
    "JOIN vector_files ON vector_files.model = vectors.model WHERE {} AND place >= 0"
)
_OF_EVENTS = "FROM vectors WHERE model = ? AND kind = 'event' AND embedding IS NOT NULL"


def exact(db: sqlite3.Connection, model: str, events: Sequence[int]) -> dict[int, Sequence[float]]:
    """The vectors of these events, as far as there are any."""
    found: dict[int, Sequence[float]] = {}
    for start in range(0, len(events), 500):
        some = events[start : start + 500]
        marks = ",".join("?" * len(some))
        rows = db.execute(
            "SELECT owner, embedding, checksum FROM vectors "
            f"WHERE kind = 'event' AND owner IN ({marks}) AND model = ? AND embedding IS NOT NULL",
            (*some, model),
        )
        for event, *kept in rows:
            found[event] = _vector(*kept)
    return found


def passages(
    db: sqlite3.Connection, model: str, query: Sequence[float]
) -> dict[int, dict[int, float]]:
    """Page -> passage -> its cosine with the query, in [0, 1], exactly: they are few."""
    from ...formats.evidence import dot

    found: dict[int, dict[int, float]] = {}
    for page, passage, *kept in db.execute(
        "SELECT page, passages.id, embedding, checksum "
        "FROM vectors JOIN passages ON passages.id = owner "
        "WHERE model = ? AND kind = 'passage' AND status = 'ok' AND embedding IS NOT NULL",
        (model,),
    ):
        cosine = min(1.0, max(0.0, dot(query, _vector(*kept))))
        found.setdefault(page, {})[passage] = cosine
    return found


def _vector(embedding: bytes, kept: int) -> tuple[float, ...]:
    check(kept, embedding)
    return from_blob(embedding)


# --- what goes


def drop(db: sqlite3.Connection, kind: str, first: int, last: int) -> None:
    """Remove the vectors of these events, or passages. The caller holds a transaction, and has
    `overwrite` called after it."""
    mine = "kind = ? AND owner BETWEEN ? AND ?"
    db.execute(_HOLES.format(mine), (kind, first, last))
    db.execute(f"DELETE FROM vectors WHERE {mine}", (kind, first, last))


def drop_model(db: sqlite3.Connection, model: str) -> None:
    """Remove all vectors of a model. As above."""
    for table in ("vectors", "vector_files"):
        db.execute(f"DELETE FROM {table} WHERE model = ?", (model,))


def overwrite(index: IndexFile) -> None:
    """Take what is of no event any more out of the bytes of files, and what does not count; and
    files that are of no model out of the folder."""
    if index.pretends or not index.is_in_place():
        return  # the files there are of the one that took its place
    if not any(_list_unclean(index)) and not _list_stray(index):
        return
    with index.writing() as db:
        for row in list(_list_unclean(index)):
            holes = "FROM vector_holes WHERE token = ?"
            some = list(chain(*db.execute(f"SELECT place {holes}", (row.token,))))
            with suppress(Unusable):  # who scans it makes it again
                there = open_file(index, row)
                vector_file.take_out(there, some)
                if there.state == row.state:
                    _keep_state(index, row)
            db.execute(f"DELETE {holes}", (row.token,))
            dead = "UPDATE vector_files SET dead = dead + ? WHERE token = ?"
            db.execute(dead, (len(some), row.token))
        db.execute("DELETE FROM vector_holes WHERE token NOT IN (SELECT token FROM vector_files)")
        for name in _list_stray(index):
            os.unlink(os.path.join(index.folder, name))


def _list_unclean(index: IndexFile) -> Iterator[PackedFile]:
    """Files that hold something that is of no event. That of a home is not touched where this is a
    copy of its index."""
    hole = "SELECT 1 FROM vector_holes WHERE token = ? LIMIT 1"
    for row in map(
        PackedFile._make, index.db.execute(f"SELECT {COLUMNS} FROM vector_files").fetchall()
    ):
        path = vector_file.name(index.folder, row.token)
        if os.path.isfile(path) and (
            os.path.getsize(path) > vector_file.end_of(row.dimensions, row.records)
            or index.db.execute(hole, (row.token,)).fetchone()
        ):
            yield row


def optimize(index: IndexFile, model: str) -> None:
    pass


def settle(index: IndexFile, model: str, wait: float = files.LOCK_WAIT) -> None:
    """Look at a file into which somebody else wrote, so that who scans it need not any more."""
    row = row_of(index.db, model)
    with suppress(Unusable):  # who scans it makes it again
        if row and (there := open_file(index, row)).state != row.state:
            there.ids()
            with index.writing(wait):
                _keep_state(index, row, there.state)


def _keep_state(index: IndexFile, row: PackedFile, state: str = "") -> None:
    state = state or open_file(index, row).state
    index.db.execute("UPDATE vector_files SET state = ? WHERE token = ?", (state, row.token))


def count_bytes(index: IndexFile) -> int:
    """Of the files of all models."""
    tokens = index.db.execute("SELECT token FROM vector_files")
    paths = [vector_file.name(index.folder, token) for (token,) in tokens]
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path))


def _list_stray(index: IndexFile) -> list[str]:
    """Files of vectors in the folder that are none of this index's."""
    tokens = index.db.execute("SELECT token FROM vector_files")
    known = {os.path.basename(vector_file.name("", token)) for (token,) in tokens}
    stray = (n for n in os.listdir(index.folder) if vector_file.is_name(n) and n not in known)
    return [name for name in stray if not os.path.isdir(os.path.join(index.folder, name))]


# --- what comes


def is_unpacked(db: sqlite3.Connection, model: str) -> bool:
    """Whether an event has a vector that is in no file yet."""
    sql = f"SELECT 1 {_OF_EVENTS} AND place < 0 LIMIT 1"
    return db.execute(sql, (model,)).fetchone() is not None


def put(index: IndexFile, kind: str, rows: Sequence[tuple]) -> None:
    """What became of texts, those that are still there: (id, model, vector, attempts, status,
    error, next try, checksum). The caller holds a transaction, and has `overwrite` called after
    it."""
    if kind == EVENT:
        which = "kind = 'event' AND owner = ? AND vectors.model = ?"
        index.db.executemany(_HOLES.format(which), (row[:2] for row in rows))
    index.db.executemany(
        "INSERT OR REPLACE INTO vectors "
        "(kind, owner, model, embedding, attempts, status, error, next_try, checksum, place) "
        f"SELECT '{kind}', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, -1 "
        f"WHERE EXISTS (SELECT 1 FROM {THERE[kind]} WHERE id = ?1)",
        rows,
    )


def pack_new(index: IndexFile, model: str) -> None:
    """Append the vectors that are in no file yet. The caller holds a transaction, and has
    `overwrite` called after it."""
    if not is_unpacked(index.db, model):
        return
    if index.pretends:
        raise Outdated
    row = row_of(index.db, model)
    (new,) = index.db.execute(f"SELECT count(*) {_OF_EVENTS} AND place < 0", (model,)).fetchone()
    if row is None or _is_outgrown(row, new) or not _is_here(index, row):
        _pack_all(index, model)
        return
    try:
        _append(index, model, row)
    except Unfit as error:
        _pack_all(index, model, error.length)
    except Unusable as error:
        _tell(index, error)
        _pack_all(index, model)


def _is_outgrown(row: PackedFile, new: int) -> bool:
    """Whether a file was fitted to few vectors, or is full of what is no more."""
    live = row.records + new - row.dead
    return _is_full(row) or row.fitted < min(live // 8, BATCH)


def _is_full(row: PackedFile) -> bool:
    return row.dead > max(SPARE, row.records // 2)


def _is_here(index: IndexFile, row: PackedFile) -> bool:
    """Whether it may be appended to. That of a home may not, where this is a copy of its index."""
    here = os.path.lexists(vector_file.name(index.folder, row.token))
    return here or not os.path.lexists(vector_file.name(index.home.index, row.token))


def with_file(index: IndexFile, model: str, ask: Callable[[], Answer]) -> Answer:
    """What `ask` returns; if it meets a file that is Unusable, that is made again first."""
    if index.writable and not index.pretends:
        # else each recall of a memory that was copied reads all of it: 100,000 take two floors
        with suppress(Busy, sqlite3.OperationalError):
            settle(index, model, wait=0)
    try:
        return ask()
    except Unusable as error:
        if index.pretends:
            raise Outdated from error
        with index.writing() as db:
            row = row_of(db, model)
            if row and row.token == error.token:  # nobody was faster
                _tell(index, error)
                _pack_all(index, model)
        overwrite(index)
    try:
        return ask()
    except Unusable as error:
        raise InputOutput(str(error), place=error.path, cure="check the disk") from error


def _tell(index: IndexFile, error: Unusable) -> None:
    if index.folder == index.home.index:  # of what is made again for a copy, nothing is told
        index.say(f"{error.path}: {error}; made again from the index")


def _pack_all(index: IndexFile, model: str, least: float = 0.0) -> None:
    """Pack all vectors of a model into a new file. The caller holds a transaction.

    `least` is how far a component may be from the mean. If one is further, all is done once more,
    with room, so that it is not often."""
    old = row_of(index.db, model)
    if old and _is_full(old):  # each record moves; else rows stay as they are
        index.db.execute("UPDATE vectors SET place = -1 WHERE model = ? AND place >= 0", (model,))
    while True:
        new = _create(index, model, least)
        if new is None:
            return
        try:
            _append(index, model, _refill(index, model, new))
            return
        except Unfit as error:
            least = max(error.length, ROOM * least)
            os.unlink(vector_file.name(index.folder, new.token))


def _create(index: IndexFile, model: str, least: float) -> PackedFile | None:
    """A new file, fitted to the first vectors; none where there are none."""
    db = index.db
    db.execute("DELETE FROM vector_files WHERE model = ?", (model,))
    rows = db.execute(
        f"SELECT embedding, checksum {_OF_EVENTS} ORDER BY id LIMIT {BATCH}", (model,)
    )
    some = [_vector(*kept) for kept in rows]
    if not some:
        return None
    packing = Packing.of(some, least)
    token = vector_file.create(index.folder, packing)
    new = PackedFile(token, len(packing.mean), 0, 0, len(some), 0.0, 0.0, "")
    marks = ", ".join("?" * len(new))
    db.execute(f"INSERT INTO vector_files (model, {COLUMNS}) VALUES (?, {marks})", (model, *new))
    return new


def _refill(index: IndexFile, model: str, new: PackedFile) -> PackedFile:
    """Write into a new file what has a place already, and keeps it."""
    rows = index.db.execute(
        f"SELECT place, owner, embedding, checksum {_OF_EVENTS} AND place >= 0 ORDER BY id",
        (model,),
    )
    while some := rows.fetchmany(BATCH):
        new = _write(index, new, some)
    return new


def _append(index: IndexFile, model: str, file: PackedFile) -> None:
    """Pack what is in no file yet, in the order in which it came: Unfit, Unusable."""
    sql = f"SELECT id, owner, embedding, checksum {_OF_EVENTS} AND place < 0 ORDER BY id LIMIT ?"
    while some := index.db.execute(sql, (model, BATCH)).fetchall():
        first = file.records
        file = _write(index, file, [(at, *kept[1:]) for at, kept in enumerate(some, first)])
        places = ((at, kept[0]) for at, kept in enumerate(some, first))
        index.db.executemany("UPDATE vectors SET place = ? WHERE id = ?", places)


def _pack(packing: Packing, rows: Sequence[tuple]) -> Packed:
    """Some at a time: as numbers of Python's, a vector takes 12 KB."""
    done = []
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        done.append(packing.pack([row[1] for row in some], [_vector(*row[2:]) for row in some]))
    records, errors, reaches = zip(*done)
    return Packed(b"".join(records), max(errors), max(reaches))


def _write(index: IndexFile, file: PackedFile, rows: Sequence[tuple]) -> PackedFile:
    """Pack the vectors of rows (place, owner, embedding, checksum) behind what counts of a file;
    what it is then. Places that no row has are dead."""
    path = vector_file.name(index.folder, file.token)
    there = VectorFile(path, file.token, file.records)
    packed = _pack(there.packing, rows)
    data: list[bytes] = []
    at, size = file.records, there.record
    for number, (place, *_) in enumerate(rows):
        if place < at:
            raise Damaged("its tables contradict each other")
        data += bytes(size * (place - at)), packed.records[number * size : (number + 1) * size]
        at = place + 1
    vector_file.append(path, there.start + file.records * size, b"".join(data))
    dead = file.dead + at - file.records - len(rows)
    sizes = max(file.error, packed.error), max(file.reach, packed.reach)
    new = PackedFile(file.token, file.dimensions, at, dead, file.fitted, *sizes, file.state)
    if not file.records or there.state == file.state:
        new = new._replace(state=open_file(index, new).state)
    index.db.execute(
        "UPDATE vector_files SET records = ?, dead = ?, error = ?, reach = ?, state = ? "
        "WHERE token = ?",
        (*new[2:4], *sizes, new.state, new.token),
    )
    return new
