"""The graph: which triples a question matches, and which of them hold on a day."""

import os
import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.ground.paths import Home
from plainmind.index import graph
from plainmind.memory import pages
from unit.index import stores
from unit.index.vaults import everything, write, write_office

pytestmark = pytest.mark.usefixtures("unsynced", "engine")
numbers = iter(range(10**6))
TODAY = date(2026, 1, 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture
def office(home) -> Home:
    write_office(home)
    return home


def ask(home: Home, *asked: str, as_of: str = "") -> list[str]:
    then = date.fromisoformat(as_of) if as_of else None
    with stores.opened(home) as index:
        found = [*graph.matching(index.graph(), asked, TODAY, then)]
        names = ["" if name == graph.ANYTHING else name for name in (*asked, "", "", "")]
        some = index.graph(names[0], names[2])  # of these names alone
        assert [*graph.matching(some, asked, TODAY, then)] == found
        return [" ".join(fact[:3]) for fact in found]


# --- what matches

ALL = [
    "Ann Lee owns auth-service", "Ann-Lee owns ?", "Bob owns auth-service",
    "ann-lee works_at Straße 5", "auth_service uses_model e5",
    "bob works_at STRASSE-5",
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "matched"),
    [
        ((), ALL),
        (("?",), ALL),
        (("?", "?", "?"), ALL),
        (("Ann Lee",), [ALL[0], ALL[1], ALL[3]]),
        (("ANN_LEE",), [ALL[0], ALL[1], ALL[3]]),
        (("ann-lee", "owns"), [ALL[0], ALL[1]]),
        (("?", "owns"), [ALL[0], ALL[1], ALL[2]]),
        (("?", "OWNS", "Auth Service"), [ALL[0], ALL[2]]),
        (("auth-service",), [ALL[4]]),
        (("?", "uses_model"), [ALL[4]]),
        (("?", "uses model"), [ALL[4]]),
        (("?", "usesModel"), [ALL[4]]),
        (("?", "Uses-Model", "E5"), [ALL[4]]),
        (("?", "works at", "strasse 5"), [ALL[3], ALL[5]]),
        (("?", "?", "straße_5"), [ALL[3], ALL[5]]),
        (("bob", "?", "auth-service"), [ALL[2]]),
        (("bo",), []),
        (("", "", ""), []),
        (("?", "!!!"), []),
        (("?", "own"), []),
        (("Ann%", "?"), []),
        (("' OR 1 --",), []),
    ],
)
def test_a_question(office, asked, matched):
    assert ask(office, *asked) == matched


def test_a_fact_says_where_it_is_stated(office):
    with stores.opened(office) as index:
        facts = list(graph.matching(index.graph(), ("?", "works_at"), TODAY, None))
        assert [fact.ref for fact in facts] == ["knowledge/b.md:6", "knowledge/b.md:7"]
        assert {fact.date for fact in facts} == {"2026-01-30"}


def test_only_what_is_curated_is_a_fact(home):
    write(home, "a", "[b, owns, c] is said", triples="[[a, owns, b]]")
    write(home, "b", place="raw/compaction", triples="[[b, owns, c]]")
    write(home, "c", place="raw/observations", triples="[[c, owns, d]]")
    assert ask(home) == ["a owns b"]


def test_what_is_no_triple_hides_no_other(home):
    odd = "[a, b], x, [a, [b], c], [a, '!', c], ['', owns, b]"
    write(home, "a", triples=f"[[a, owns, b], {odd}, [c, owns, d]]")
    write(home, "b", triples="nonsense")
    write(home, "c", triples="[[c, owns")
    assert ask(home) == ["a owns b", "c owns d"]


def test_a_name_is_one_field_of_one_line(home):
    write(home, "a", triples='[["\\e[2Ja\\tb", "ow\\ens\\tx", "c\\u2028d\\ne"], [x, "own\\tS", y]]')
    assert ask(home) == ["x own_s y", "\ufffd[2Ja b ow_ns_x c-d-e"]
    with stores.opened(home) as index:
        predicates = {each.predicate for each in graph.written(index.graph())}
        assert predicates == {"ow\ufffdns\ufffdx", "own\ufffdS"}


# --- when it holds


def day(before: int) -> str:
    return (TODAY - timedelta(before)).isoformat()


@pytest.mark.parametrize(
    ("fields", "as_of", "holds"),
    [
        ({}, "", True),
        ({"date": day(-5)}, "", True),  # what is known now counts, whatever its date
        ({"date": "someday"}, "", True),
        ({"date": day(5)}, day(5), True),
        ({"date": day(5)}, day(6), False),
        ({"date": day(5)}, day(-99), True),
        ({"date": "someday"}, "0001-01-01", True),
        ({"valid_from": day(0)}, "", True),
        ({"valid_from": day(-1)}, "", False),
        ({"valid_from": day(-1)}, day(-1), True),
        ({"valid_from": day(9), "date": day(1)}, day(9), True),
        ({"valid_from": day(9), "date": day(20)}, day(10), False),
        ({"valid_to": day(0)}, "", True),
        ({"valid_to": day(1)}, "", False),
        ({"valid_to": day(1), "date": day(9)}, day(1), True),
        ({"valid_to": day(1), "date": day(9)}, day(0), False),
        ({"valid_to": day(1), "date": day(9)}, day(9), True),
        ({"valid_to": day(1), "date": day(9)}, day(10), False),
        ({"valid_from": day(5), "valid_to": day(5)}, day(5), True),
        ({"valid_from": day(5), "valid_to": day(9)}, day(7), False),
    ],
)
def test_a_page_holds(home, fields, as_of, holds):
    write(home, "a", triples="[[a, owns, b]]", **fields)
    assert ask(home, as_of=as_of) == ["a owns b"] * holds


@pytest.mark.parametrize(
    ("as_of", "holding"),
    [("", "new"), *zip(map(day, (20, 11, 10, 0, 21)), ("old", "old", "new", "new", ""))],
)
@pytest.mark.parametrize("start", ["date", "valid_from"])
def test_a_page_is_superseded_from_its_successor_s_start(home, start, as_of, holding):
    write(home, "old", date=day(20), triples="[[a, owns, old]]")
    more = {"date": day(10)} if start == "date" else {"date": day(30), "valid_from": day(10)}
    write(home, "new", supersedes="Old", triples="[[a, owns, new]]", **more)
    assert ask(home, "a", as_of=as_of) == [f"a owns {holding}"] * bool(holding)


def test_the_successor_that_has_not_begun(home):
    write(home, "old", triples="[[a, owns, old]]")
    write(home, "new", supersedes="old", valid_from=day(-1), triples="[[a, owns, new]]")
    assert ask(home) == ["a owns old"]
    assert ask(home, as_of=day(-1)) == ["a owns new"]


def test_a_successor_that_ended_leaves_nothing(home):
    write(home, "old", triples="[[a, owns, old]]")
    write(home, "new", supersedes="old", valid_to=day(1), triples="[[a, owns, new]]")
    assert ask(home) == []


@pytest.mark.parametrize(
    ("pairs", "holding"),
    [
        ({"b": "a"}, "bc"),
        ({"b": "a", "c": "b"}, "c"),
        ({"c": "[a, b]"}, "c"),
        ({"a": "a"}, "abc"),
        ({"a": "b", "b": "a"}, "abc"),
        ({"a": "b", "b": "c", "c": "a"}, "abc"),
        ({"a": "b", "b": "a", "c": "a"}, "c"),
    ],
)
def test_chains_and_circles(home, pairs, holding):
    for name in "abc":
        write(home, name, supersedes=pairs.get(name, ""), triples=f"[[x, owns, {name}]]")
    assert ask(home) == [f"x owns {name}" for name in holding]


# --- the tables


@settings(max_examples=20, phases=stores.UNSHRUNK)
@given(seed=st.integers(0, 2**32))
def test_the_graph_made_again_is_the_same(folder, seed):
    home, rnd = Home(str(folder / str(next(numbers)))), random.Random(seed)
    names = ["ann", "Ann", "bob lee", "bob-lee", "ü", "x"]
    relations = ["owns", "uses model", "usesModel", "is"]
    for _ in range(3):
        for number in range(5):
            triples = [
                [rnd.choice(names), rnd.choice(relations), rnd.choice(names)]
                for _ in range(rnd.randrange(4))
            ]
            place = rnd.choice(["knowledge", "knowledge", "raw/compaction"])
            path = write(home, f"p{number}", place=place, triples=repr(triples) if triples else "")
            if rnd.random() < 0.2:
                os.unlink(home.path(path))
        with stores.opened(home) as index:
            before = everything(index)
            index.remake_graph()
            assert everything(index) == before
            counted: dict[str, int] = {}
            for _, _, subject, _, object_, _ in before["kg_triples"].elements():
                for name in (subject, object_):
                    counted[name] = counted.get(name, 0) + 1
            assert {name: times for name, times, _ in before["kg_entities"]} == counted


def test_health_is_of_what_the_pages_say(office):
    found = pages.health(stores.memory(office))
    assert found.triples == 6
    assert found.predicates == [("owns", 3), ("works_at", 2), ("uses_model", 1)]
    assert {concern.code for concern in found.concerns} >= {"spaces", "name"}
    nowhere = stores.memory(Home("/nowhere"))
    assert pages.health(nowhere) == pages.health(nowhere, rebuild=True)
