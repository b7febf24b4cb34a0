"""The approximate index of vectors in PostgreSQL: when it is made, asked and removed."""

import random

import pytest
from plainmind import index as index_package
from plainmind.formats.evidence import Scope
from plainmind.ground.paths import Home
from plainmind.index.postgres import hnsw
from plainmind.index.postgres.vectors import scan
from plainmind.memory import care
from plainmind.recall import report, trace
from plainmind.recall.search import Limits, Query, search
from scene import NOW
from unit.index import stores
from unit.index.engines import engine_on

pytestmark = pytest.mark.usefixtures("unsynced")
SHAPE = stores.Shape(5, 300, 4, embedded=1.0)
HOSTILE = "a ?1 \\ '; DROP TABLE vectors; -- \N{SNOWMAN}"


@pytest.fixture(scope="module", autouse=True)
def few():
    """As few vectors as these tests have are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hnsw, "LEAST", 100)
        patch.setattr(hnsw, "DEPTH", 40)
        yield


@pytest.fixture(scope="module")
def engine(server):
    made = engine_on(server)
    made.approximate = True
    return made


@pytest.fixture(scope="module")
def home(engine, tmp_path_factory):
    """One with vectors, and without the index of them."""
    home = Home(str(tmp_path_factory.mktemp("home") / "home"))
    stores.fill(home, SHAPE)
    with engine.made_in(home, home.index) as index:
        stores.embed_some(index, SHAPE)
        assert not scan(index, stores.MODEL, stores.Fake().vector("restart")).approximate
    return home


@pytest.fixture
def index(home, engine):
    with engine.made_in(home, home.index) as index:
        index.optimize()
        yield index


def exactly(index, vector) -> list[tuple[float, int]]:
    index.approximate = False
    try:
        return scan(index, stores.MODEL, vector).nearest(100)[0]
    finally:
        index.approximate = True


def test_most_of_the_nearest_are_found_and_no_other(index):
    met = 0
    for seed in range(20):
        vector = stores.unit(random.Random(seed), 8)
        of = scan(index, stores.MODEL, vector)
        with index.reading():
            found, rest = of.nearest(10)
            deep = of.near(found[-1][0])
        exact = exactly(index, vector)
        assert of.approximate and rest == found[-1][0] and [*deep[:10]] == found
        assert {event for _, event in found} <= {event for _, event in exact}
        met += len({event for _, event in found} & {event for _, event in exact[:10]})
    assert met > 180


def test_who_asks_for_more_than_the_nearest_gets_all(index):
    vector = stores.unit(random.Random(1), 8)
    with index.reading():
        found = scan(index, stores.MODEL, vector).near(-1.0)
    index.approximate = False
    try:
        assert found == scan(index, stores.MODEL, vector).near(-1.0) and len(found) > 100
    finally:
        index.approximate = True


def test_an_explanation_says_that_it_is_approximate(index):
    field = trace.Recorder(
        Query("restart", NOW, stores.Fake().vector("restart"), stores.MODEL), index, Scope(), 0.2
    )
    limits = Limits(3, 0.2)
    found = search(field.query, index, Scope(), limits)
    form = report.Form(False, True, 1000, 250)
    assert "by HNSW (index.vectors), which may miss some" in report.make(found, form).text
    by_words = search(Query("restart", NOW), index, Scope(), limits)
    assert "HNSW" not in report.make(by_words, form).text


def test_it_is_removed_when_all_are_to_be_compared_and_made_when_not(home, index):
    assert len(hnsw._made(index.db)) == 1
    index.approximate = False
    index.optimize()
    assert hnsw._made(index.db) == {}
    index.approximate = True
    index.optimize()
    assert [*hnsw._made(index.db).values()] == [True]


def test_one_that_was_not_made_to_its_end_is_not_asked_and_made_again(index, server):
    (name,) = hnsw._made(index.db)
    invalid = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
    server.sql(f"{invalid}'{index.schema}.{name}'::regclass")
    vector = stores.Fake().vector("restart")
    assert not scan(index, stores.MODEL, vector).approximate
    index.optimize()
    assert scan(index, stores.MODEL, vector).approximate


def test_what_is_taken_back_is_not_in_it(index):
    index.purge()
    assert hnsw._made(index.db) == {}
    index.optimize()
    assert len(hnsw._made(index.db)) == 1


def test_a_model_may_have_any_name(engine, server, tmp_path):
    home = Home(str(tmp_path / "home"))
    stores.fill(home, SHAPE)
    fake = stores.Fake(HOSTILE)
    with engine.made_in(home, home.index) as index:
        stores.run(index, fake)
        index.optimize()
        of = scan(index, HOSTILE, fake.vector("restart"))
        with index.reading():
            assert of.approximate and len(of.nearest(10)[0]) == 10
        for way in ("seqscan", "sort"):
            index.db.execute(f"SET enable_{way} = off")
        plan = index.db.execute(
            f"EXPLAIN SELECT owner FROM vectors WHERE {hnsw._only(HOSTILE, 8)} "
            f"ORDER BY {hnsw._column(8)} <#> '[1,0,0,0,0,0,0,0]'::halfvec LIMIT 9"
        ).fetchall()
    assert f"Index Scan using {hnsw._name(HOSTILE, 8)}" in str(plan)


@pytest.mark.slow
def test_verifying_compares_all(home, engine, monkeypatch):
    """What HNSW misses does not look like a difference."""
    asked = []

    def chosen(name="sqlite", password="", vectors="exact"):
        asked.append(vectors)
        engine.approximate = vectors == "hnsw"
        return engine

    monkeypatch.setattr(index_package, "engine_in_use", chosen)
    memory = stores.memory(home)
    memory.settings.override("index.vectors", "hnsw")
    try:
        assert care.verify(memory) == [] and {*asked} == {"exact"}
    finally:
        engine.approximate = True
