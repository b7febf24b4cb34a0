"""A trace, written as JSON and read again, prints the same bytes in every form."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.evidence import Scope
from plainmind.ground import stream
from plainmind.ground.errors import BadData
from plainmind.ground.paths import Home
from plainmind.index.sqlite import vectors
from plainmind.recall import rank, report, trace
from plainmind.recall.search import Limits, Moments, Query, ranked
from plainmind.truth.log import reader
from unit.index import stores
from unit.index.stores import Shape

pytestmark = pytest.mark.usefixtures("unsynced", "engine")

FORMS = [
    report.Form(inject, explain, budget, most_each)
    for inject, explain, budget, most_each in [
        (0, 0, 1000, 250),
        (0, 0, 1000, 20),
        (1, 0, 1000, 250),
        (1, 0, 120, 30),
        (0, 1, 200, 30),
    ]
]


def traced(index, query, scope, k, floor, pins="always") -> tuple[Moments, bytes]:
    recorder, limits = trace.Recorder(query, index, scope, floor), Limits(k, floor, pins)
    result = ranked(recorder, limits)
    record = trace.record(recorder, {"query": query.text, **limits._asdict()}, result)
    return result, stream.encode(stream.json_line(record) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("traces")


numbers = iter(range(10**6))
widened: list[int] = []


@settings(max_examples=40, phases=stores.UNSHRUNK)
@given(
    shape=st.builds(
        Shape,
        seed=st.integers(0, 2**32),
        events=st.integers(0, 80),
        contexts=st.integers(1, 3),
        dimensions=st.just(8),
        embedded=st.sampled_from([0.5, 1.0]),
        pins=st.sampled_from([0, 0, 3, 12]),
    ),
    first_pool=st.sampled_from([1, 4, 48]),
)
def test_a_replay_prints_the_same_bytes(folder, shape, first_pool):
    home = Home(str(folder / str(next(numbers))))
    stores.fill(home, shape)
    rnd = random.Random(shape.seed + 3)
    with stores.opened(home) as index, pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BATCH", 16)
        embedder = stores.embed_some(index, shape)
        for mode in rnd.sample(["hybrid", "cosine", "words"], 2):
            said = " ".join(rnd.choices(stores.VOCABULARY, k=3))
            query = Query(said, stores.NOW, embedder.vector(said), embedder.model, 0.1, mode)
            if mode == "words":
                query = Query(said, stores.NOW)
            patch.setattr(rank, "FIRST_POOL", first_pool)
            patch.setattr(rank, "FIRST_BEST", min(first_pool, 8))
            k, floor = rnd.randint(1, 12), rnd.choice([-1.0, 0.0, 0.2])
            scope = rnd.choice([Scope(), Scope("test/0", skip_models=("embedded",))])
            pins = rnd.choice(["always", "floor"])
            result, data = traced(index, query, scope, k, floor, pins)
            widened.append(result.widened)
            printed = [report.make(result, form) for form in FORMS]
            # a replay may be made by a version with another first pool
            patch.setattr(rank, "FIRST_POOL", rnd.choice([1, 4, 48]))
            assert [report.make(report.replayed(data, "t.json"), form) for form in FORMS] == printed


def test_some_of_them_were_widened():
    assert sum(count > 0 for count in widened) >= 5


def test_what_is_not_a_trace_is_bad_data(home):
    stores.fill(home, Shape(seed=1, events=9, contexts=1))
    with stores.opened(home) as index:
        stores.embed_some(index, Shape(seed=1, events=9, contexts=1))
        _, data = traced(index, Query("restart the server", stores.NOW), Scope(), 5, -1.0)
    good = json.loads(data)
    assert report.replayed(data, "t.json").hits
    bad = [{**good, "trace": 99}]
    for key in good:
        bad += [{k: v for k, v in good.items() if k != key}, {**good, key: 7}]
    for key in ("hit", "relevance", "recency", "order"):
        bad.append({**good, "turns": [{**good["turns"][0], key: None}]})
    texts = [b"", b"{", b"[]", b"null", b"3", b'"x"', data[:-20]]
    for case in (*texts, *(json.dumps(value).encode() for value in bad)):
        try:
            report.replayed(case, "t.json")
        except BadData as error:
            assert "t.json" in str(error)
        except Exception as error:
            pytest.fail(f"{case[:200]!r}: {error!r}")


def test_an_event_that_was_changed_since_is_replayed_as_it_was(home, log):
    stores.fill(home, Shape(seed=2, events=30, contexts=1))
    with stores.opened(home) as index:
        stores.embed_some(index, Shape(seed=2, events=30, contexts=1))
        result, data = traced(index, Query("restart the server", stores.NOW), Scope(), 5, -1.0)
    for path in reader.list_windows(home):
        open(home.path(path), "wb").close()
    assert report.make(report.replayed(data, "t.json"), FORMS[0]) == report.make(result, FORMS[0])
