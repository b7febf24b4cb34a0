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
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from itertools import chain
from typing import NamedTuple, TypeVar

from ...formats.evidence import dot
from ...ground.errors import InputOutput
from .. import vector_file
from ..cache import from_blob
from ..vector_file import Packing, Unfit, Unusable, VectorFile
from .index_file import Damaged, IndexFile, Outdated, check

Answer = TypeVar("Answer")

EVENT, PASSAGE = "event", "passage"  # what a vector may belong to
BATCH = 4096  # vectors packed at once; the most that a file is fitted to
SPARE = 1024  # dead records that a file may have

_FILE = "token, dimensions, records, dead, fitted, error, reach, state"
_HOLES = (
    "INSERT OR IGNORE INTO vector_holes SELECT token, place FROM vectors "
    "JOIN vector_files ON vector_files.model = vectors.model WHERE {} AND place >= 0"
)
_OF_EVENTS = "FROM vectors WHERE model = ? AND kind = 'event' AND embedding IS NOT NULL"


class _File(NamedTuple):
    """A row of vector_files."""

    token: int
    dimensions: int
    records: int
    dead: int
    fitted: int
    error: float
    reach: float
    state: str  # of the file as we left it


class EventCosines(vector_file.Cosines):
    """The cosine of a query with each packed vector. `id` is 0 also of those whose event is gone,
    and that are still to be overwritten."""

    def __init__(self, file: VectorFile, query: Sequence[float], row: _File, holes: AbstractSet):
        super().__init__(file, query, row.error, row.reach)
        self._holes = holes

    def id(self, place: int, *, checked: bool = False) -> int:
        """Records were checked when somebody else may have written into the file."""
        return 0 if place in self._holes else self.file.id(place, checked=checked)

    def ids(self) -> "array[int]":
        """Of all places, in their order."""
        ids = self.file.ids()
        for place in self._holes:
            ids[place] = 0
        return ids


def exact(db: sqlite3.Connection, model: str, events: Sequence[int]) -> dict[int, "array[float]"]:
    """The vectors of these events, as far as there are any."""
    found = {}
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


def scan(index: IndexFile, model: str, query: Sequence[float]) -> EventCosines | None:
    """The query's cosine with every event's vector, None when there is none; Unusable when the file
    has to be made again."""
    row = _row(index.db, model)
    if row is None or not row.records:
        return None
    file = _open(index, row)
    if file.dimensions != len(query):
        raise Unusable("of another length", file)
    if file.state != row.state:
        file.ids()
    sql = "SELECT place FROM vector_holes WHERE token = ?"
    return EventCosines(file, query, row, frozenset(chain(*index.db.execute(sql, (row.token,)))))


def places(db: sqlite3.Connection, model: str, events: Sequence[int]) -> dict[int, int]:
    """Where these events are in a scan, as far as they have vectors."""
    found: dict[int, int] = {}
    for start in range(0, len(events), 500):
        some = events[start : start + 500]
        marks = ",".join("?" * len(some))
        found.update(
            db.execute(
                "SELECT owner, place FROM vectors "
                f"WHERE kind = 'event' AND owner IN ({marks}) AND model = ? AND place >= 0",
                (*some, model),
            )
        )
    return found


def passages(
    db: sqlite3.Connection, model: str, query: Sequence[float]
) -> dict[int, dict[int, float]]:
    """Page -> passage -> its cosine with the query, in [0, 1], exactly: they are few."""
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


def _vector(embedding: bytes, kept: int) -> "array[float]":
    check(kept, embedding)
    return from_blob(embedding)


def _row(db: sqlite3.Connection, model: str) -> _File | None:
    row = db.execute(f"SELECT {_FILE} FROM vector_files WHERE model = ?", (model,)).fetchone()
    return _File(*row) if row else None


def _open(index: IndexFile, row: _File) -> VectorFile:
    """The file beside the index, or, of a copy of it, beside the one that was copied."""
    path = vector_file.name(index.folder, row.token)
    if not os.path.lexists(path):
        path = vector_file.name(index.home.index, row.token)
    return VectorFile(path, row.token, row.records)


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
    if index.pretends or index.inode and not index.is_in_place():
        return  # the files there are of the one that took its place
    if not any(_list_unclean(index)) and not _list_stray(index):
        return
    with index.writing() as db:
        for row in list(_list_unclean(index)):
            holes = "FROM vector_holes WHERE token = ?"
            some = list(chain(*db.execute(f"SELECT place {holes}", (row.token,))))
            with suppress(Unusable):  # who scans it makes it again
                there = _open(index, row)
                vector_file.take_out(there, some)
                if there.state == row.state:
                    _keep_state(index, row)
            db.execute(f"DELETE {holes}", (row.token,))
            dead = "UPDATE vector_files SET dead = dead + ? WHERE token = ?"
            db.execute(dead, (len(some), row.token))
        db.execute("DELETE FROM vector_holes WHERE token NOT IN (SELECT token FROM vector_files)")
        for name in _list_stray(index):
            os.unlink(os.path.join(index.folder, name))


def _list_unclean(index: IndexFile) -> Iterator[_File]:
    """Files that hold something that is of no event. That of a home is not touched where this is a
    copy of its index."""
    hole = "SELECT 1 FROM vector_holes WHERE token = ? LIMIT 1"
    for row in map(_File._make, index.db.execute(f"SELECT {_FILE} FROM vector_files").fetchall()):
        path = vector_file.name(index.folder, row.token)
        if os.path.isfile(path) and (
            os.path.getsize(path) > vector_file.end_of(row.dimensions, row.records)
            or index.db.execute(hole, (row.token,)).fetchone()
        ):
            yield row


def settle(index: IndexFile, model: str) -> None:
    """Look at a file into which somebody else wrote, so that who scans it need not any more."""
    row = _row(index.db, model)
    with suppress(Unusable):  # who scans it makes it again
        if row and (there := _open(index, row)).state != row.state:
            there.ids()
            with index.writing():
                _keep_state(index, row, there.state)


def _keep_state(index: IndexFile, row: _File, state: str = "") -> None:
    state = state or _open(index, row).state
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


def replace(db: sqlite3.Connection, model: str, events: Iterable[int]) -> None:
    """These events are about to get other vectors of a model. The caller holds a transaction."""
    which = "kind = 'event' AND owner = ? AND vectors.model = ?"
    db.executemany(_HOLES.format(which), ((event, model) for event in events))


def pack_new(index: IndexFile, model: str) -> None:
    """Append the vectors that are in no file yet. The caller holds a transaction, and has
    `overwrite` called after it."""
    if not is_unpacked(index.db, model):
        return
    if index.pretends:
        raise Outdated
    row = _row(index.db, model)
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


def _is_outgrown(row: _File, new: int) -> bool:
    """Whether a file was fitted to few vectors, or is full of what is no more."""
    live = row.records + new - row.dead
    return _is_full(row) or row.fitted < min(live // 8, BATCH)


def _is_full(row: _File) -> bool:
    return row.dead > max(SPARE, row.records // 2)


def _is_here(index: IndexFile, row: _File) -> bool:
    """Whether it may be appended to. That of a home may not, where this is a copy of its index."""
    here = os.path.lexists(vector_file.name(index.folder, row.token))
    return here or not os.path.lexists(vector_file.name(index.home.index, row.token))


def with_file(index: IndexFile, model: str, ask: Callable[[], Answer]) -> Answer:
    """What `ask` returns; if it meets a file that is Unusable, that is made again first."""
    try:
        return ask()
    except Unusable as error:
        if index.pretends:
            raise Outdated from error
        with index.writing() as db:
            row = _row(db, model)
            if row and row.token == error.token:  # nobody was faster
                _tell(index, error)
                _pack_all(index, model)
        overwrite(index)
    try:
        return ask()
    except Unusable as error:
        raise InputOutput(str(error), place=error.path, cure="check the disk") from error


def _tell(index: IndexFile, error: Unusable) -> None:
    index.say(f"{error.path}: {error}; made again from the index")


def _pack_all(index: IndexFile, model: str, least: float = 0.0) -> None:
    """Pack all vectors of a model into a new file. The caller holds a transaction.

    `least` is how far a component may be from the mean. If one is further, all is done once more,
    with room, so that it is not often."""
    old = _row(index.db, model)
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
            least = max(error.length, vector_file.ROOM * least)
            os.unlink(vector_file.name(index.folder, new.token))


def _create(index: IndexFile, model: str, least: float) -> _File | None:
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
    new = _File(token, len(packing.mean), 0, 0, len(some), 0.0, 0.0, "")
    marks = ", ".join("?" * len(new))
    db.execute(f"INSERT INTO vector_files (model, {_FILE}) VALUES (?, {marks})", (model, *new))
    return new


def _refill(index: IndexFile, model: str, new: _File) -> _File:
    """Write into a new file what has a place already, and keeps it."""
    rows = index.db.execute(
        f"SELECT place, owner, embedding, checksum {_OF_EVENTS} AND place >= 0 ORDER BY id",
        (model,),
    )
    while some := rows.fetchmany(BATCH):
        new = _write(index, new, some)
    return new


def _append(index: IndexFile, model: str, file: _File) -> None:
    """Pack what is in no file yet, in the order in which it came: Unfit, Unusable."""
    sql = f"SELECT id, owner, embedding, checksum {_OF_EVENTS} AND place < 0 ORDER BY id LIMIT ?"
    while some := index.db.execute(sql, (model, BATCH)).fetchall():
        first = file.records
        file = _write(index, file, [(at, *kept[1:]) for at, kept in enumerate(some, first)])
        places = ((at, kept[0]) for at, kept in enumerate(some, first))
        index.db.executemany("UPDATE vectors SET place = ? WHERE id = ?", places)


def _write(index: IndexFile, file: _File, rows: Sequence[tuple]) -> _File:
    """Pack the vectors of rows (place, owner, embedding, checksum) behind what counts of a file;
    what it is then. Places that no row has are dead."""
    path = vector_file.name(index.folder, file.token)
    there = VectorFile(path, file.token, file.records)
    packed = there.packing.pack([row[1] for row in rows], [_vector(*row[2:]) for row in rows])
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
    new = _File(file.token, file.dimensions, at, dead, file.fitted, *sizes, file.state)
    if not file.records or there.state == file.state:
        new = new._replace(state=_open(index, new).state)
    index.db.execute(
        "UPDATE vector_files SET records = ?, dead = ?, error = ?, reach = ?, state = ? "
        "WHERE token = ?",
        (*new[2:4], *sizes, new.state, new.token),
    )
    return new
