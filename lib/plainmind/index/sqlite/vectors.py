"""Vectors in the index: packing them into blocks, and the cosine of a query with all of them.

Owns the packed form and its error bound. A scan gives every event's cosine within a known error;
`exact` gives the cosine itself. Vectors have length 1, so a cosine is a dot product.

The scan needs no numpy, whose import alone takes longer: a block keeps one byte string a dimension.
Spread into 32-bit fields and read as one big integer, a dimension is multiplied by its weight and
added to the sum by two operations of C speed. Past NUMPY_FROM vectors numpy's import pays for
itself.
"""

import sqlite3
import sys
from array import array
from collections.abc import Iterator, Sequence
from operator import mul, sub
from typing import NamedTuple

from ...formats.evidence import dot
from ..cache import from_blob
from .index_file import check, checksum

EVENT, PASSAGE = "event", "passage"  # what a vector may belong to
BLOCK = 2048  # vectors a block
NUMPY_FROM = 100_000  # vectors in blocks; measured by bench/vectors.py

#: vectors of a model's events that are in no block yet
_LOOSE = "model = ? AND kind = 'event' AND block = 0 AND status = 'ok' AND embedding IS NOT NULL"


class Scanned(NamedTuple):
    """Cosines of some events; each is at most `error` from the true one."""

    events: Sequence[int]
    cosines: list[float]
    error: float


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


def scan(db: sqlite3.Connection, model: str, query: Sequence[float]) -> Iterator[Scanned]:
    """The query's cosine with every event's vector, block by block, then the loose ones."""
    of_model = "FROM vector_blocks WHERE model = ?"
    (total,) = db.execute(f"SELECT coalesce(sum(count), 0) {of_model}", (model,)).fetchone()
    packed_dot = _dot_numpy if total >= NUMPY_FROM else _dot_integers
    blocks = f"SELECT count, events, low, step, error, codes, checksum {of_model} ORDER BY id"
    for count, events, low, step, error, codes, kept in db.execute(blocks, (model,)):
        check(kept, events, low, step)
        ids = array("q")
        ids.frombytes(events)
        cosines, rounding = packed_dot(query, count, from_blob(low), from_blob(step), codes)
        yield Scanned(ids, cosines, error + rounding)
    loose_ids, loose = array("q"), []
    rows = db.execute(f"SELECT owner, embedding, checksum FROM vectors WHERE {_LOOSE}", (model,))
    for event, *embedding in rows:
        loose_ids.append(event)
        loose.append(dot(query, _vector(*embedding)))
    if loose:
        yield Scanned(loose_ids, loose, 0.0)


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


def drop(db: sqlite3.Connection, kind: str, first: int, last: int) -> None:
    """Remove the vectors of these events, or passages. The others of a block that loses one become
    loose, and are packed again by the next mem-embed. The caller holds a transaction."""
    span = (kind, first, last)
    mine = "kind = ? AND owner BETWEEN ? AND ?"
    blocks = db.execute(f"SELECT DISTINCT block FROM vectors WHERE {mine} AND block > 0", span)
    for block in blocks.fetchall():
        db.execute("DELETE FROM vector_blocks WHERE id = ?", block)
        db.execute("UPDATE vectors SET block = 0 WHERE block = ?", block)
    db.execute(f"DELETE FROM vectors WHERE {mine}", span)


def _dot_integers(query, count: int, low, step, codes: bytes) -> tuple[list[float], float]:
    """(dot products, how far rounding the weights may have moved them).

    sum_j q_j (low_j + step_j u_ij) = base + sum_j w_j u_ij. The weights become whole numbers so
    large that no 32-bit field can overflow: sum_j |k_j| * 255 < 2^32.
    """
    base = sum(map(mul, query, low))
    weights = list(map(mul, query, step))
    scale = (2**32 - 1 - 255 * len(weights)) / 255 / (sum(map(abs, weights)) or 1.0)
    plus = minus = 0
    field = bytearray(4 * count)
    at = 0
    lost = 0.0
    for weight in weights:
        whole = round(weight * scale)
        lost += abs(weight - whole / scale)
        if whole:
            field[0::4] = codes[at : at + count]
            if whole > 0:
                plus += int.from_bytes(field, "little") * whole
            else:
                minus += int.from_bytes(field, "little") * -whole
        at += count
    fine = 1.0 / scale
    sums = map(sub, _fields(plus, count), _fields(minus, count))
    return [base + value * fine for value in sums], 255 * lost + 1e-6


def _fields(total: int, count: int) -> "array[int]":
    fields = array("I")
    fields.frombytes(total.to_bytes(4 * count, "little"))
    if sys.byteorder == "big":
        fields.byteswap()
    return fields


def _dot_numpy(query, count: int, low, step, codes: bytes) -> tuple[list[float], float]:
    import numpy

    q = numpy.array(query, dtype=numpy.float32)
    weights = q * numpy.asarray(step, dtype=numpy.float32)
    grid = numpy.frombuffer(codes, dtype=numpy.uint8).reshape(len(q), count)
    base = float(q @ numpy.asarray(low, dtype=numpy.float32))
    return (weights @ grid.astype(numpy.float32) + base).tolist(), 1e-4


def is_block_loose(db: sqlite3.Connection, model: str) -> bool:
    """Whether there are enough loose vectors of events for a block."""
    sql = f"SELECT count(*) FROM vectors WHERE {_LOOSE}"
    return db.execute(sql, (model,)).fetchone()[0] >= BLOCK


def pack_loose(db: sqlite3.Connection, model: str) -> None:
    """Pack loose vectors of events into full blocks; what is left over stays loose. The caller
    holds a transaction."""
    if not is_block_loose(db, model):
        return
    rows = db.execute(
        f"SELECT id, owner, embedding FROM vectors WHERE {_LOOSE} ORDER BY owner", (model,)
    ).fetchall()
    for start in range(0, len(rows) - BLOCK + 1, BLOCK):
        some = rows[start : start + BLOCK]
        packed = pack([blob for _, _, blob in some])
        events = array("q", [event for _, event, _ in some]).tobytes()
        cursor = db.execute(
            "INSERT INTO vector_blocks (model, count, events, low, step, error, codes, checksum) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (model, len(some), events, *packed, checksum(events, *packed[:2])),
        )
        places = ((cursor.lastrowid, id) for id, _, _ in some)
        db.executemany("UPDATE vectors SET block = ? WHERE id = ?", places)


def pack(blobs: list[bytes]) -> tuple[bytes, bytes, float, bytes]:
    """(low, step, error, codes) of vectors: each dimension has 256 steps from its least to its
    greatest value.

    `error` is the greatest distance of a vector from its packed form, which by Cauchy and Schwarz
    bounds the error of its dot product with any query of length 1.
    """
    import numpy

    vectors = numpy.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(blobs), -1)
    vectors = vectors.astype(numpy.float32)
    low = vectors.min(axis=0)
    step = (vectors.max(axis=0) - low) / numpy.float32(255)
    step[step == 0] = 1e-9
    codes = numpy.clip(numpy.rint((vectors - low) / step), 0, 255).astype(numpy.uint8)
    near = low.astype(numpy.float64) + codes.astype(numpy.float64) * step.astype(numpy.float64)
    error = float(numpy.sqrt(((vectors.astype(numpy.float64) - near) ** 2).sum(axis=1)).max())
    low, step = low.astype("<f4").tobytes(), step.astype("<f4").tobytes()
    return low, step, error * (1 + 1e-9), codes.T.tobytes()
