"""A packed vector's cosine is never further from the true one than is claimed, and the error costs
no rank."""

import random
from math import fsum, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.evidence import dot
from plainmind.index.cache import from_blob, to_blob
from plainmind.index.sqlite import vectors
from unit.index import stores


def unit(values: list[float]) -> list[float]:
    length = sqrt(fsum(v * v for v in values)) or 1.0
    return list(from_blob(to_blob(stores.array("f", [v / length for v in values]))))


def some_vectors(kind: str, rnd: random.Random, count: int, dimensions: int) -> list[list[float]]:
    gauss = lambda: [rnd.gauss(0, 1) for _ in range(dimensions)]
    first = gauss()
    return {
        "random": lambda: [unit(gauss()) for _ in range(count)],
        "near": lambda: [unit([v + rnd.gauss(0, 1e-4) for v in first]) for _ in range(count)],
        "same": lambda: [unit(first)] * count,
        "constant": lambda: [
            unit([0.0 if j % 2 else 0.5 if j % 3 else v for j, v in enumerate(gauss())])
            for _ in range(count)
        ],
        # one dimension has nearly all the length, now and then the other way round
        "outlier": lambda: [
            unit([rnd.choice([1e4, -1e4, 1e-4]), *gauss()[1:]]) for _ in range(count)
        ],
        "one dimension": lambda: [
            unit([float(j == i % dimensions) * rnd.choice([1, -1]) for j in range(dimensions)])
            for i in range(count)
        ],
        "tiny": lambda: [unit([1.0, *(v * 1e-30 for v in gauss()[1:])]) for _ in range(count)],
    }[kind]()


KINDS = ["random", "near", "same", "constant", "outlier", "one dimension", "tiny"]


@given(
    kind=st.sampled_from(KINDS),
    asked=st.sampled_from([*KINDS, "one of them"]),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 70),
    dimensions=st.sampled_from([1, 2, 8, 16, 384, 768]),
)
def test_no_cosine_is_further_off_than_claimed(kind, asked, seed, count, dimensions):
    rnd = random.Random(seed)
    packed = some_vectors(kind, rnd, count, dimensions)
    query = (
        rnd.choice(packed) if asked == "one of them" else some_vectors(asked, rnd, 1, dimensions)[0]
    )
    low, step, error, codes = vectors.pack([to_blob(stores.array("f", v)) for v in packed])
    true = [fsum(a * b for a, b in zip(query, v, strict=True)) for v in packed]
    for packed_dot in (vectors._dot_integers, vectors._dot_numpy):
        cosines, rounding = packed_dot(query, count, from_blob(low), from_blob(step), codes)
        assert len(cosines) == count
        worst = max(abs(a - b) for a, b in zip(cosines, true, strict=True))
        assert worst <= error + rounding, packed_dot.__name__
        # a bound of any size would hold; this one must be of use
        assert error + rounding < 0.02 * sqrt(dimensions) + 2e-3


@pytest.mark.parametrize("blocks", ["full", "one", "none"])
def test_a_scan_has_every_vector_once(home, monkeypatch, blocks, unsynced):
    monkeypatch.setattr(vectors, "BLOCK", {"full": 10, "one": 16, "none": 1000}[blocks])
    stores.fill(home, stores.Shape(seed=5, events=60, contexts=2))
    with stores.opened(home) as index:
        embedder = stores.embed_some(index, stores.Shape(seed=5, events=60, contexts=2))
        query = embedder.vector("query")
        exact = {
            event: from_blob(blob)
            for event, blob in index.db.execute(
                "SELECT owner, embedding FROM vectors WHERE embedding IS NOT NULL"
            )
        }
        seen: list[int] = []
        for scanned in vectors.scan(index.db, embedder.model, query):
            for event, cosine in zip(scanned.events, scanned.cosines, strict=True):
                seen.append(event)
                assert abs(cosine - dot(query, exact[event])) <= scanned.error
        assert sorted(seen) == sorted(exact)
        assert (index.db.execute("SELECT count(*) FROM vector_blocks").fetchone()[0] > 0) == (
            blocks != "none"
        )
        assert list(vectors.scan(index.db, "fake:another", query)) == []
