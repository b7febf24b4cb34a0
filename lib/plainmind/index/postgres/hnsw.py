"""An index of vectors by HNSW, pgvector's: the events that are nearest to a question are found
without a comparison of every vector, most of them, and not surely all.

It is made where the setting index.vectors says so and a model has many vectors. What it finds is
ranked by the vectors themselves, as always.
"""

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ..vector_bytes import HALF

if TYPE_CHECKING:
    from .connection import ServerConnection, Vector

#: vectors; of 10,000 a comparison of all costs half as much, of 100,000 three times as much
LEAST = 30_000
DEPTH = 1000  # nearest ones that are found at once: pgvector looks at no more
LONGEST = 4000  # dimensions of a halfvec that it takes
_PREFIX = "vectors_hnsw_"


def _name(model: str, dimensions: int) -> str:
    digest = blake2b(f"{model} {dimensions}".encode(), digest_size=8).hexdigest()
    return f"{_PREFIX}{digest}"


def _only(model: str, dimensions: int) -> str:
    """What a row of the index has. It has to stand in a question as it stands in the index, so
    the model is part of the statement."""
    escaped = re.sub(r"\W", lambda found: f"\\+{ord(found[0]):06X}", model, flags=re.ASCII)
    return (
        f"kind = 'event' AND model = U&'{escaped}' AND embedding IS NOT NULL "
        f"AND vector_dims(embedding) = {dimensions}"
    )


def _column(dimensions: int) -> str:
    return f"(embedding::halfvec({dimensions}))"


def _made(db: "ServerConnection") -> dict[str, bool]:
    """Name -> whether it can be used: one that was not made to its end cannot."""
    return dict(
        db.execute(
            "SELECT relname::text, indisvalid FROM pg_index "
            "JOIN pg_class ON pg_class.oid = indexrelid "
            f"WHERE indrelid = 'vectors'::regclass AND starts_with(relname, '{_PREFIX}')"
        ).fetchall()
    )


def is_made(db: "ServerConnection", model: str, dimensions: int) -> bool:
    return _made(db).get(_name(model, dimensions), False)


def find_nearest(
    db: "ServerConnection", model: str, query: "Vector"
) -> Sequence[tuple[float, int]]:
    """(cosine, event) of up to DEPTH that are nearest, greatest first. The caller holds a
    transaction."""
    dimensions = len(query) // HALF
    column = _column(dimensions)
    # the server does not know how much a comparison costs, and may take a scan for cheaper
    db.execute(f"SET LOCAL hnsw.ef_search = {DEPTH}")
    db.execute("SET LOCAL enable_seqscan = off")
    db.execute("SET LOCAL enable_sort = off")
    rows = db.execute(
        f"SELECT -({column} <#> ?1), owner FROM vectors WHERE {_only(model, dimensions)} "
        f"ORDER BY {column} <#> ?1 LIMIT {DEPTH}",
        (query,),
    ).fetchall()
    db.execute("SET LOCAL enable_seqscan TO DEFAULT")
    db.execute("SET LOCAL enable_sort TO DEFAULT")
    return rows


def build(index: Any, model: str) -> None:
    """Make the index of a model's vectors, if it is wanted, and remove every other one. Others
    read and write meanwhile. The caller holds no transaction."""
    db, made = index.db, _made(index.db)
    dimensions = _read_dimensions(db, model) if index.approximate else 0
    wanted = _name(model, dimensions)
    drop(db, lambda name: name != wanted or not made[name])
    if dimensions and not made.get(wanted) and _are_many(db, model, dimensions):
        db.execute(
            f"CREATE INDEX CONCURRENTLY {wanted} ON vectors "
            f"USING hnsw ({_column(dimensions)} halfvec_ip_ops) WHERE {_only(model, dimensions)}"
        )


def _read_dimensions(db: "ServerConnection", model: str) -> int:
    """Of a model's vectors; 0 where there is none, or where pgvector indexes none so long."""
    mine = "kind = 'event' AND model = ? AND embedding IS NOT NULL"
    row = db.execute(
        f"SELECT vector_dims(embedding) FROM vectors WHERE {mine} LIMIT 1", (model,)
    ).fetchone()
    return row[0] if row and row[0] <= LONGEST else 0


def _are_many(db: "ServerConnection", model: str, dimensions: int) -> bool:
    sql = f"SELECT count(*) FROM vectors WHERE {_only(model, dimensions)}"
    return db.execute(sql).fetchone()[0] >= LEAST


def drop(db: "ServerConnection", which: Callable[[str], bool] = lambda name: True) -> None:
    for name in filter(which, _made(db)):
        db.execute(f"DROP INDEX IF EXISTS {name}")
