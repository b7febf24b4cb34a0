"""Triples: how they are written, which names are one, and what splits a graph."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.formats.page import triple
from plainmind.formats.page.triple import Triple, check_health

# --- normalising


@pytest.mark.parametrize("text, wanted", [
    ("owns", "owns"), ("uses model", "uses_model"), ("usesModel", "uses_model"),
    ("Uses-Model", "uses_model"), ("USES", "uses"), ("  uses   model ", "uses_model"),
    ("uses.model/v2", "uses_model_v2"), ("__uses__", "uses"), ("v2Model", "v2_model"),
    ("HTTPServer", "httpserver"), ("gehört", "gehört"), ("gehört_ZU", "gehört_zu"), ("所有", "所有"),
    ("मालिक है", "मालिक_है"), ("e\u0301te\u0301", "été"), ("İx", "i̇x"), ("--", ""), ("", ""),
    ("🍵", ""),
])  # fmt: skip
def test_predicates(text, wanted):
    assert triple.normalize_predicate(text) == wanted


@pytest.mark.parametrize("text, wanted", [
    ("alice", "alice"), ("alice smith", "alice-smith"), ("  alice \t smith\n", "alice-smith"),
    ("DeepSeek V4", "DeepSeek V4"), ("  Alice \t Smith\n", "Alice Smith"), ("im Wald", "im Wald"),
    ("auth_service", "auth_service"), ("auth-service", "auth-service"), ("C++", "C++"),
    ("10 %", "10 %"), ("e\u0301", "é"), ("日本 語", "日本 語"), ("a\u00a0b", "a-b"),
])  # fmt: skip
def test_entities(text, wanted):
    assert triple.normalize_entity(text) == wanted


@given(st.text(max_size=30))
@example("İx")
@example("a__B c")
def test_what_is_normalised_stays(text):
    assert triple.normalize_predicate(
        triple.normalize_predicate(text)
    ) == triple.normalize_predicate(text)
    assert triple.normalize_entity(triple.normalize_entity(text)) == triple.normalize_entity(text)
    assert triple.comparison_key(triple.normalize_entity(text)) == triple.comparison_key(
        text
    ) and triple.comparison_key(triple.comparison_key(text)) == triple.comparison_key(text)


@pytest.mark.parametrize("names, one", [
    (("Auth Service", "auth-service", "AUTH_SERVICE", " auth  service", "Auth--Service"), True),
    (("Straße", "STRASSE"), True), (("ﬁle", "file"), True), (("Ａlice", "alice"), True),
    (("Été", "e\u0301te\u0301"), True), (("auth", "auths"), False),
    (("auth.service", "auth-service"), False), (("C", "C++"), False), (("e", "é"), False),
    (("authservice", "auth-service"), False),
])  # fmt: skip
def test_the_same_name(names, one):
    assert (len({triple.comparison_key(name) for name in names}) == 1) is one


# --- health


CLEAN = [Triple(*row.split()) for row in (
    "alice owns auth-service", "bob owns billing", "auth-service uses postgres",
    "billing uses postgres", "billing uses stripe", "alice mentors bob", "postgres runs_on db-1",
    "carol works_at acme", "alice works_at acme",
)]  # fmt: skip


def concerns(*rows: str, base: list[Triple] = CLEAN) -> list[tuple[str, tuple[str, ...], int]]:
    return [
        (each.code, each.names, each.times)
        for each in check_health([*base, *(Triple(*row.split("|")) for row in rows)]).concerns
    ]


def test_a_clean_graph_is_no_concern():
    found = check_health(CLEAN)
    assert found.concerns == [] and (found.triples, found.entities, found.components) == (9, 9, [9])
    assert found.predicates == [
        ("uses", 3), ("owns", 2), ("works_at", 2), ("mentors", 1), ("runs_on", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("rows, concern", [
    # predicates that say nothing
    (["alice|is|bob"], ("copula", ("is",), 1)),
    (["alice|has|bob", "bob|has|billing"], ("copula", ("has",), 2)),
    (["alice|is a|bob"], ("copula", ("is_a",), 1)),
    (["alice|related_to|bob"], ("vague", ("related_to",), 1)),
    (["alice|linkedTo|bob"], ("vague", ("linked_to",), 1)),
    # spelled in other ways
    (["alice|reports on|billing", "bob|reports on|billing"], ("spaces", ("reports on",), 2)),
    (["alice|reportsOn|billing"], ("spaces", ("reportsOn",), 1)),
    (["alice|use|stripe"], ("spelling", ("uses", "use"), 4)),
    (["alice|using|stripe"], ("spelling", ("uses", "using"), 4)),
    (["alice|address|acme", "alice|addresses|bob"], ("spelling", ("address", "addresses"), 2)),
    (["alice|work_at|acme"], ("spelling", ("works_at", "work_at"), 3)),
    (["bob|working_at|acme"], ("spelling", ("works_at", "working_at"), 3)),
    # both directions of one relation
    (["billing|owned_by|bob"], ("inverse", ("owns", "owned_by"), 3)),
    (["bob|owner_of|billing"], ("inverse", ("owns", "owner_of"), 3)),
    (["bob|mentored_by|alice"], ("inverse", ("mentors", "mentored_by"), 2)),
    (["alice|manages|bob", "bob|reports_to|alice"], ("inverse", ("manages", "reports_to"), 2)),
    (["a-1|part_of|billing", "billing|contains|a-1"], ("inverse", ("contains", "part_of"), 2)),
    (["db-1|used_by|billing"], ("inverse", ("uses", "used_by"), 4)),
    # names
    (["Alice|mentors|carol"], ("name", ("alice", "Alice"), 4)),
    (["auth_service|uses|stripe"], ("name", ("auth-service", "auth_service"), 3)),
    (["Auth Service|uses|stripe"], ("name", ("auth-service", "Auth Service"), 3)),
    # parts
    (["dora|owns|tea"], ("orphan", ("dora", "tea"), 1)),
    (["dora|owns|dora"], ("orphan", ("dora",), 1)),
    (["dora|owns|tea", "dora|owns|milk"], ("island", ("dora", "milk", "tea"), 2)),
], ids=lambda value: value[0] if isinstance(value, tuple) else None)  # fmt: skip
def test_what_splits_a_graph_is_found_and_nothing_else(rows, concern):
    assert concern in concerns(*rows)
    rest = [each for each in concerns(*rows) if each != concern]
    assert all(concern[0] == "name" and code == "orphan" for code, _, _ in rest), rest


@pytest.mark.parametrize("rows", [
    ["alice|works_on|billing"], ["alice|used|billing-x", "billing-x|runs_on|db-1"][1:],
    ["alice|proud_of|bob"], ["billing|close_by|acme"], ["alice|mother_of|bob"],
    ["alice|thesis|bob"], ["alice|basis|bob"],
])  # fmt: skip
def test_what_only_looks_like_it_is_no_concern(rows):
    assert [each for each in concerns(*rows) if each[0] != "orphan"] == []


def test_all_of_it_at_once_and_the_records():
    rows = [
        "alice|is|bob", "alice|related_to|bob", "billing|owned_by|bob", "alice|use|stripe",
        "Alice|mentors|carol", "dora|owns|tea", "alice|runs on|db-1",
    ]  # fmt: skip
    found = check_health([*CLEAN, *(Triple(*row.split("|")) for row in rows)])
    assert [each.code for each in found.concerns] == [
        "copula", "vague", "spaces", "inverse", "spelling", "name", "orphan",
    ]  # fmt: skip
    assert found.components == [10, 2] and all(each.detail for each in found.concerns)
    records = found.records()
    assert records[:3] == [
        ("triples", 16, "", ""),
        ("entities", 12, "", ""),
        ("parts", 2, "", "83% of the entities are in the largest"),
    ]
    assert records[-1][:3] == ("orphan", 1, "dora, tea")


def test_an_empty_graph():
    assert check_health([]) == (0, 0, [], [], []) and check_health([]).records()[2] == (
        "parts", 0, "", "",
    )  # fmt: skip


def test_a_large_graph_in_time():
    """A chain of 20,000 and as many spellings: nothing here is quadratic, and nothing recurses."""
    import time

    begun = time.process_time()
    found = check_health(
        [Triple(f"e{n}", f"p{n % 500}", f"e{n + 1}") for n in range(20_000)]
        + [Triple(f"x{n}", "owns", f"y{n}") for n in range(10_000)]
    )
    assert found.components[0] == 20_001 and len(found.concerns) == 10_000
    assert time.process_time() - begun < 4
