"""Pages written by hand, with vectors made by hand, for the tests of what is known."""

import os
from array import array
from collections import Counter
from math import sqrt

from plainmind.ground.paths import Home
from plainmind.index.engine import EmbeddingOutcome, Index
from plainmind.index.vector_bytes import from_blob, to_blob
from unit.index import stores
from unit.index.stores import MODEL

QUERY = array("f", [1.0, 0.0])  # the vector of every question


def write(home: Home, name: str, body: str = "", *, place: str = "knowledge", **fields: str) -> str:
    """A page whose head has date, type, tier and these fields, as YAML; '' leaves one out. Returns
    its path."""
    head = {"date": "2026-01-30", "type": "reference", "tier": "L2", **fields}
    lines = "".join(f"{key}: {value}\n" for key, value in head.items() if value)
    return write_bytes(home, f"{place}/{name}.md", f"---\n{lines}---\n{body}\n".encode())


def write_bytes(home: Home, path: str, data: bytes) -> str:
    full = home.path(path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data)
    return path


def write_office(home: Home) -> None:
    """Two pages that state six facts, spelt in several ways."""
    owns = (
        "[Ann Lee, owns, auth-service], [auth_service, uses model, e5], [Bob, owns, auth-service]"
    )
    write(home, "a", triples=f"[{owns}]")
    works = "\n- [ann-lee, worksAt, Straße 5]\n- [bob, Works-At, STRASSE-5]\n- [Ann-Lee, owns, '?']"
    write(home, "b", triples=works)


def with_cosine(cosine: float) -> "array[float]":
    """A vector that has this cosine with QUERY."""
    return array("f", [cosine, sqrt(1 - cosine * cosine)])


def kept_cosine(cosine: float) -> float:
    """The cosine with QUERY of what is kept of such a vector, in two bytes a dimension."""
    return from_blob(to_blob(with_cosine(cosine)))[0]


def give(index: Index, path: str, *cosines: float | None) -> None:
    """Vectors for the passages of a page, in order, by their cosines with QUERY; None leaves one
    out."""
    # of a model that has none: those that have one get another
    texts = index.pending("fake:none", stores.NOW, at=[(path, 1)])
    assert len(texts) == len(cosines), f"{path} has {len(texts)} passages"
    some = [(text, cosine) for text, cosine in zip(texts, cosines) if cosine is not None]
    outcomes = [EmbeddingOutcome(text, to_blob(with_cosine(cosine)), 0) for text, cosine in some]
    index.keep(MODEL, outcomes)


def everything(index: Index) -> dict[str, Counter]:
    """The rows of an index: what two of one home must have in common."""
    return {table: Counter(rows) for table, rows in index.rows().items()}
