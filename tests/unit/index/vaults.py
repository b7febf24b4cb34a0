"""Pages written by hand, with vectors made by hand, for the tests of what is known."""

import os
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import sqrt

from plainmind.ground.paths import Home
from plainmind.index import pages, vectors
from plainmind.index.store import Store
from unit.index import stores
from unit.index.stores import MODEL

QUERY = array("f", [1.0, 0.0])  # the vector of every question


def write(home: Home, name: str, body: str = "", *, place: str = "knowledge", **fields: str) -> str:
    """A page whose head has date, type, tier and these fields, as YAML; '' leaves one out. Returns its path."""
    head = {"date": "2026-01-30", "type": "reference", "tier": "L2", **fields}
    lines = "".join(f"{key}: {value}\n" for key, value in head.items() if value)
    return write_bytes(home, f"{place}/{name}.md", f"---\n{lines}---\n{body}\n".encode())


def write_bytes(home: Home, path: str, data: bytes) -> str:
    full = home.path(path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data)
    return path


@contextmanager
def taken_in(home: Home) -> Iterator[Store]:
    """The index of a home that has all of its pages."""
    with stores.opened(home) as made:
        pages.take_in(made)
        yield made


def with_cosine(cosine: float) -> "array[float]":
    """A vector that has this cosine with QUERY."""
    return array("f", [cosine, sqrt(1 - cosine * cosine)])


def give(store: Store, path: str, *cosines: float | None) -> None:
    """Vectors for the passages of a page, in order, by their cosines with QUERY; None leaves one out."""
    sql = "SELECT passages.id FROM passages JOIN pages ON pages.id = page WHERE path = ? ORDER BY passages.line, passages.id"
    ids = [row[0] for row in store.db.execute(sql, (path,))]
    assert len(ids) == len(cosines), f"{path} has {len(ids)} passages"
    with store.writing() as db:
        for id, cosine in zip(ids, cosines, strict=True):
            if cosine is not None:
                db.execute(
                    "INSERT OR REPLACE INTO vectors (turn, model, status, attempts, error, next_try, block, embedding) "
                    "VALUES (?, ?, 'ok', 0, '', '', 0, ?)",
                    (-id, MODEL, vectors.to_blob(with_cosine(cosine))),
                )


def everything(store: Store, queries: dict[str, str]) -> dict[str, Sequence[tuple]]:
    """The rows of each query, sorted: what two indexes must have in common."""
    return {name: sorted(store.db.execute(sql), key=repr) for name, sql in queries.items()}
