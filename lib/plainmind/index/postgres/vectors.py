"""Vectors as pgvector keeps them. A scan is exact, but for the float32 arithmetic of the server,
whose error is bounded here; what is chosen by it is compared by the vectors themselves. Where an
index by HNSW was made, a question that is not answered by the nearest few asks for a scan.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import dist, inf
from typing import TYPE_CHECKING, Any, TypeVar

from ...formats.evidence import dot
from ..rows.events import THERE
from ..vector_bytes import from_blob
from . import hnsw

if TYPE_CHECKING:
    from .connection import ServerConnection

Answer = TypeVar("Answer")

_OF_EVENTS = "FROM vectors WHERE kind = 'event' AND model = ? AND embedding IS NOT NULL"
AT_ONCE = 400  # stretches that are asked for by one statement
_COLUMNS = "embedding attempts status error next_try checksum".split()


class ServerScan:
    """The cosine of a question with the vector of every event; `approximate`: of most of those
    that are nearest, as HNSW finds them."""

    def __init__(self, index: Any, model: str, query: Sequence[float], approximate: bool):
        from .connection import Vector

        self._index, self._db, self._model = index, index.db, model
        self.approximate = approximate
        form = struct.Struct(f"<{len(query)}e")
        self._query = Vector(form.pack(*query))
        # what is lost of the query, and of a sum of so many products in float32; vectors have
        # length 1
        self.error = 1.01 * dist(query, form.unpack(self._query)) + len(query) * 2.0**-22 + 1e-6

    def of_events(self, first: int, count: int) -> list[float | None]:
        """Of events with consecutive ids."""
        found: list[float | None] = [None] * count
        rows = self._db.execute(
            f"SELECT owner, -(embedding <#> ?) {_OF_EVENTS} AND owner BETWEEN ? AND ?",
            (self._query, self._model, first, first + count - 1),
        )
        for owner, cosine in rows:
            found[owner - first] = cosine
        return found

    def of_spans(self, spans: Sequence[tuple[int, int]]) -> Iterator[list[float | None]]:
        """The same of many: (first, count)."""
        for start in range(0, len(spans), AT_ONCE):
            some = spans[start : start + AT_ONCE]
            # one by one: what "BETWEEN first AND last" finds is thought a ninth of all, and all are
            # read for it, where there are a million
            ids = [id for first, count in some for id in range(first, first + count)]
            rows = self._db.execute(
                f"SELECT owner, -(embedding <#> ?) {_OF_EVENTS} AND owner = ANY(?::bigint[])",
                (self._query, self._model, ids),
            )
            cosines = dict(rows.fetchall())
            for first, count in some:
                yield [*map(cosines.get, range(first, first + count))]

    def along(self, vector: Sequence[float]) -> "ServerScan":
        return ServerScan(self._index, self._model, vector, self.approximate)

    @cached_property
    def _found(self) -> Sequence[tuple[float, int]]:
        """By HNSW."""
        return hnsw.find_nearest(self._db, self._model, self._query) if self.approximate else ()

    def near(self, cosine: float) -> list[tuple[float, int]]:
        if self._found and self._found[-1][0] < cosine:
            return [one for one in self._found if one[0] >= cosine]
        rows = self._db.execute(
            f"SELECT -(embedding <#> ?1), owner {_OF_EVENTS.replace('?', '?2')} "
            "AND embedding <#> ?1 <= ?3",
            (self._query, self._model, -cosine),
        )
        return rows.fetchall()

    def nearest(self, count: int) -> tuple[list[tuple[float, int]], float]:
        if found := [*self._found[:count]]:
            return found, found[-1][0]
        rows = self._db.execute(
            f"SELECT -(embedding <#> ?1), owner {_OF_EVENTS.replace('?', '?2')} "
            "ORDER BY embedding <#> ?1 LIMIT ?3",
            (self._query, self._model, count),
        ).fetchall()
        return rows, rows[-1][0] if len(rows) == count and rows else -inf


def scan(index: Any, model: str, query: Sequence[float]) -> ServerScan | None:
    row = index.db.execute(
        f"SELECT vector_dims(embedding) {_OF_EVENTS} LIMIT 1", (model,)
    ).fetchone()
    if not row or row[0] != len(query):
        return None
    approximate = index.approximate and hnsw.is_made(index.db, model, len(query))
    return ServerScan(index, model, query, approximate)


def exact(db: "ServerConnection", model: str, events: Sequence[int]) -> dict[int, Sequence[float]]:
    """The vectors of these events, as far as there are any."""
    rows = db.execute(
        f"SELECT owner, embedding {_OF_EVENTS} AND owner = ANY(?::bigint[])", (model, list(events))
    )
    return {event: from_blob(kept) for event, kept in rows}


def passages(
    db: "ServerConnection", model: str, query: Sequence[float]
) -> dict[int, dict[int, float]]:
    """Page -> passage -> its cosine with the query, in [0, 1], by our own arithmetic."""
    found: dict[int, dict[int, float]] = {}
    rows = db.execute(
        "SELECT page, passages.id, embedding "
        "FROM vectors JOIN passages ON passages.id = owner "
        "WHERE model = ? AND kind = 'passage' AND status = 'ok' AND embedding IS NOT NULL",
        (model,),
    )
    for page, passage, kept in rows:
        found.setdefault(page, {})[passage] = min(1.0, max(0.0, dot(query, from_blob(kept))))
    return found


def with_file(index: Any, model: str, ask: Callable[[], Answer]) -> Answer:
    return ask()


def put(index: Any, kind: str, rows: Sequence[tuple]) -> None:
    """What became of texts, those that are still there: (id, model, vector, attempts, status,
    error, next try, checksum). The caller holds a transaction."""
    from .connection import Vector

    changed = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS)
    index.db.executemany(
        f"INSERT INTO vectors (kind, owner, model, place, {', '.join(_COLUMNS)}) "
        f"SELECT '{kind}', ?1, ?2, -1, ?3::halfvec, ?4, ?5, ?6, ?7, ?8 "
        f"WHERE EXISTS (SELECT 1 FROM {THERE[kind]} WHERE id = ?1) "
        f"ON CONFLICT (kind, owner, model) DO UPDATE SET {changed}",
        [(*row[:2], None if row[2] is None else Vector(row[2]), *row[3:]) for row in rows],
    )


def is_unpacked(db: "ServerConnection", model: str) -> bool:
    return False


def pack_new(index: Any, model: str) -> None:
    pass


def drop(db: "ServerConnection", kind: str, first: int, last: int) -> None:
    mine = "kind = ? AND owner BETWEEN ? AND ?"
    db.execute(f"DELETE FROM vectors WHERE {mine}", (kind, first, last))


def drop_model(db: "ServerConnection", model: str) -> None:
    db.execute("DELETE FROM vectors WHERE model = ?", (model,))


def overwrite(index: Any) -> None:
    pass


def optimize(index: Any, model: str) -> None:
    hnsw.build(index, model)


def settle(index: Any, model: str) -> None:
    pass
