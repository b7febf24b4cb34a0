"""A packed vector's cosine is never further from the true one than is claimed, and the error costs
no rank; nothing is missing of the best ones."""

import random
import struct
import zlib
from array import array
from math import fsum, hypot, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.evidence import Question, Scope, dot
from plainmind.index import vector_file, vector_packing
from plainmind.index.sqlite import vectors
from plainmind.index.vector_bytes import from_blob, to_blob
from plainmind.index.vector_file import Cosines, VectorFile
from plainmind.index.vector_packing import Packing
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores

pytestmark = pytest.mark.usefixtures("unsynced")


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("files"))


@given(
    kind=st.sampled_from(KINDS),
    asked=st.sampled_from([*KINDS, "one of them"]),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 70),
    dimensions=st.sampled_from([1, 2, 8, 16, 384, 768]),
)
def test_no_cosine_is_further_off_than_claimed_and_none_of_the_best_is_missing(
    folder, kind, asked, seed, count, dimensions
):
    rnd = random.Random(seed)
    given = some_vectors(kind, rnd, count, dimensions)
    query = (
        rnd.choice(given) if asked == "one of them" else some_vectors(asked, rnd, 1, dimensions)[0]
    )
    true = [fsum(a * b for a, b in zip(query, v, strict=True)) for v in given]
    packing = Packing.of(given)
    token = vector_file.create(folder, packing)
    path = vector_file.name(folder, token)
    ids, seen = list(range(1, count + 1)), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_file, "CHUNK", 16)
        for few, load in ((1, vector_file._load), (1000, lambda: None)):
            patch.setattr(vector_packing, "FEW", few)
            patch.setattr(vector_file, "_load", load)
            packed = packing.pack(ids, given)
            vector_file.append(path, VectorFile(path, token, 0).start, packed.records)
            scan = Cosines(VectorFile(path, token, count), query, packed.error, packed.reach)
            cosines = scan.cosines()
            assert cosines == list(map(scan.cosine, range(count)))
            assert [scan.id(place) for place in range(count)] == ids == scan.file.ids().tolist()
            worst = max(abs(a - b) for a, b in zip(cosines, true, strict=True))
            assert worst <= scan.error
            # a bound of any size would hold; this one must be of use
            assert scan.error < 0.02 * sqrt(dimensions) + 2e-3
            for least in (*rnd.sample(cosines, 1), rnd.uniform(-1, 1), -2.0, 2.0, -1e40, 1e40):
                above = [place for place in range(count) if scan.cosine(place) >= least]
                assert scan.above(least) == above
            wanted = rnd.choice([0, 1, 8, count, count + 1])
            best = [scan.cosine(place) for place in scan.best(wanted)]
            assert best == sorted(map(scan.cosine, range(count)), reverse=True)[:wanted]
            seen.append(packed.records)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("few", [1, 1000])
def test_next_to_nothing_is_lost_along_the_mean_and_an_older_file_claims_more(
    folder, monkeypatch, few
):
    monkeypatch.setattr(vector_packing, "FEW", few)
    rnd = random.Random(7)
    given = [unit([2.0 + rnd.gauss(0, 1) for _ in range(384)]) for _ in range(200)]
    packing = Packing.of(given)
    packed = packing.pack(range(1, 201), given)
    token = vector_file.create(folder, packing)
    path = vector_file.name(folder, token)
    start = VectorFile(path, token, 0).start
    vector_file.append(path, start, packed.records)
    claimed = Cosines(VectorFile(path, token, 200), given[0], packed.error, packed.reach).error
    assert claimed < 0.6 * packed.error
    for place, vector in enumerate(given):
        codes = array("b", packed.records[396 * place : 396 * place + 384])
        lost = [(v - m) / packing.step - c for v, m, c in zip(vector, packing.mean, codes)]
        along = sum(a * m for a, m in zip(lost, packing.mean)) / hypot(*packing.mean)
        assert abs(along) <= vector_packing.ALONG + 1e-9
    with open(path, "r+b") as file:
        head = vector_file.OLDER + file.read(start)[len(vector_file.OLDER) : -4]
        file.seek(0)
        file.write(head + struct.pack("<I", zlib.crc32(head)))
    older = Cosines(VectorFile(path, token, 200), given[0], packed.error, packed.reach).error
    assert packed.error <= older < 1.1 * packed.error


def rows(index, model):
    """Event -> its vector, as the index keeps it."""
    sql = "SELECT owner, embedding FROM vectors WHERE model = ? AND kind = 'event'"
    found = index.db.execute(f"{sql} AND embedding IS NOT NULL", (model,))
    return {event: from_blob(blob) for event, blob in found}


def check(index, model, query):
    """Every vector is in the scan once, and is what it was."""
    exact = rows(index, model)
    scan = vectors.scan(index, model, query)
    if scan is None:
        assert exact == {}
        return
    ids = [scan.id(place) for place in range(len(scan))]
    assert ids == scan.ids().tolist()
    assert sorted(filter(None, ids)) == sorted(exact)
    for place, event in enumerate(ids):
        assert not event or abs(scan.cosine(place) - dot(query, exact[event])) <= scan.error
    places = {event: place for place, event in enumerate(ids) if event}
    evidence = index.evidence(Question((), query, model), Scope())
    episodes = [*evidence.episodes(evidence.all_episodes())]
    at_once = index.evidence(Question((), query, model), Scope()).cosines_of
    for episode, together in zip(episodes, at_once([one.id for one in episodes]), strict=True):
        events = range(episode.id, episode.id + len(episode.times))
        cosines = [scan.cosine(places[one]) if one in places else None for one in events]
        assert evidence.cosines(episode) == together == cosines


@pytest.mark.parametrize(
    ("order", "looked"),
    [("0123", 1), ("3210", 1), ("2301", 2), ("013", 2), ("1", 2), ("0312", 2), ("01230", 2)],
)
def test_what_was_embedded_together_is_found_by_the_place_of_the_first(home, order, looked):
    """In the order of the events, or against it; else all places are asked of the rows."""
    Log(home).append("note/a", [EventDraft(NOW, "user", f"event {n}", {}) for n in range(4)], NOW)
    with stores.opened(home) as index:
        embedder = stores.Fake()
        texts = sorted(index.pending(embedder.model, NOW), key=lambda one: one.id)
        for number in order:
            stores.run(index, embedder, [texts[int(number)]])
        query = embedder.vector("query")
        check(index, embedder.model, query)
        evidence = index.evidence(Question((), query, embedder.model), Scope())
        (episode,) = evidence.episodes(evidence.all_episodes())
        asked: list[str] = []
        index.db.set_trace_callback(asked.append)
        evidence.cosines(episode)
        assert len(asked) == looked


@pytest.mark.parametrize("batch", [4, 16, 4096])
def test_a_scan_has_every_vector_once(home, monkeypatch, batch):
    monkeypatch.setattr(vectors, "BATCH", batch)
    shape = stores.Shape(seed=5, events=60, contexts=2)
    stores.fill(home, shape)
    with stores.opened(home) as index:
        embedder = stores.embed_some(index, shape)
        query = embedder.vector("query")
        check(index, embedder.model, query)
        assert len(rows(index, embedder.model)) > 30
        assert vectors.scan(index, "fake:another", query) is None
