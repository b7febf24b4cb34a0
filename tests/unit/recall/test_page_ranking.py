"""Which pages a message is given: against the formulas written down a second time, in the spec's
order, within the budgets."""

import json
import os
import random
import subprocess
from datetime import date, timedelta
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats import words as grammar
from plainmind.formats.evidence import Question, Scope
from plainmind.formats.log import injected_blocks
from plainmind.ground import tokens
from plainmind.ground.errors import Unavailable
from plainmind.ground.paths import Home
from plainmind.ground.stream import json_line
from plainmind.memory import moments, pages
from plainmind.recall import page_block, page_report
from plainmind.recall import pages as page_ranking
from plainmind.recall.pages import Knowledge, Policy
from plainmind.recall.report import Form
from plainmind.recall.search import Limits, Query
from plainmind.truth.pages import lint
from scene import NOW, ROOT
from unit.index import stores
from unit.index.stores import MODEL
from unit.index.vaults import QUERY, everything, give, kept_cosine, write

pytestmark = pytest.mark.usefixtures("unsynced", "engine")
numbers = iter(range(10**6))
TODAY = date(2026, 1, 30)
OPEN = Policy(floor=0.0, k=100)
WEIGHTS = {"user": 1.5, "project": 1.2, "agent-feedback": 1.4, "reference": 1.0, "compaction": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vaults")


def fresh(folder) -> Home:
    return Home(str(folder / str(next(numbers))))


def day(before: int) -> str:
    return (TODAY - timedelta(before)).isoformat()


def ask(index, said: str, policy: Policy = OPEN, vector=None, baseline: float = 0.0) -> Knowledge:
    query = Query(said, NOW, vector, MODEL if vector else "", baseline)
    return page_ranking.search(query, index, policy)


def names(pages) -> list[str]:
    return [each.row.name for each in pages]


def found(index, said: str, policy: Policy = OPEN, **more) -> list[str]:
    return names(ask(index, said, policy, **more).found)


def given_names(index, said: str, policy: Policy = OPEN, **more) -> list[str]:
    return names(ask(index, said, policy, **more).given)


def entries(known: Knowledge, policy: Policy) -> list[dict]:
    block = page_block.block(page_block.fit(known, policy).shown, policy)
    return json.loads(block.split("\n")[1])["memories"] if block else []


# --- the formulas, a second time


class Made:
    """A random vault as it was written, and the numbers its pages must have."""

    def __init__(self, home: Home, seed: int):
        rnd = random.Random(seed)
        self.home, self.pages = home, {}
        for number in range(rnd.randrange(1, 14)):
            body = " ".join(stores.a_content(rnd, []).replace("#", "").split()[:60]) or "x1"
            head = {
                "date": rnd.choice(["", day(rnd.choice([-9, 0, 1, 30, 59, 60, 400]))]),
                "type": rnd.choice(list(WEIGHTS)),
                "tags": rnd.choice(["", "[server]", "[dog, 日本語]"]),
                "valid_to": rnd.choice(["", "", day(0), day(1)]),
                "valid_from": rnd.choice(["", "", day(0), day(-1)]),
            }
            path = write(home, f"page-{number}", body, **head)
            cosine = rnd.choice([None, round(rnd.random(), 3)])
            self.pages[path] = f"page-{number}", body, head, cosine

    def give(self, index) -> None:
        for path, (_, _, _, cosine) in self.pages.items():
            if cosine is not None:
                give(index, path, cosine)

    def numbers(
        self, terms: list[str], rank: str, with_vectors: bool, baseline: float
    ) -> dict[str, tuple[float, float]]:
        """Path -> (rel, score)."""
        words, common, lengths = {}, {}, {}
        for path, (name, body, head, _) in self.pages.items():
            tags = head["tags"].strip("[]").replace(",", "")
            found = grammar.of_page(name.replace("-", " "), name, tags.split(), body)
            words[path], common[path] = found.opening + found.rest, found.common
            lengths[path] = found.length
        n, mean = len(words), sum(lengths.values()) / len(words)
        lex = dict.fromkeys(words, 0.0)
        ideal = 0.0
        for term in terms:
            holding = [path for path in words if term in words[path] + common[path]]
            idf = log(1 + (max(n, 500) - len(holding) + 0.5) / (len(holding) + 0.5))
            ideal += idf
            for path in holding:
                times = (words[path] + common[path]).count(term)
                lex[path] += idf * times / (times + 1.2 * (0.5 + 0.5 * lengths[path] / mean))
        lex = {path: value / ideal if ideal else 0.0 for path, value in lex.items()}
        cosines = {
            path: kept_cosine(page[3])
            for path, page in self.pages.items()
            if with_vectors and page[3] is not None
        }
        dens = {
            path: min(1.0, max(0.0, (cosine - baseline) / (0.6 * (1 - baseline))))
            for path, cosine in cosines.items()
        }
        value = {}
        for path in words:
            waiting = min(1.0, 0.2 + 0.8 * lex[path]) if lex[path] else 0.0
            value[path] = 0.6 * lex[path] + 0.4 * dens.get(path, waiting)
        rel = dict(value)
        if rank == "rrf":
            lists = [each for each in ({p: v for p, v in lex.items() if v}, dens) if each]
            value = dict.fromkeys(words, 0.0)
            for each in lists:
                order = sorted(
                    (path for path in each if each[path] > 0), key=lambda path: (-each[path], path)
                )
                for place, path in enumerate(order, 1):
                    value[path] += 1 / (60 + place)
            value = {path: v / (len(lists) / 61) if lists else 0.0 for path, v in value.items()}
        score = {}
        for path, (_, _, head, _) in self.pages.items():
            age = (TODAY - date.fromisoformat(head["date"])).days if head["date"] else 60
            boost = 0.15 * min(1, max(0, 1 - age / 60))
            past = head["valid_to"] == day(1) or head["valid_from"] == day(-1)
            score[path] = (value[path] * WEIGHTS[head["type"]] + boost) * (0.5 if past else 1)
        return {path: (rel[path], score[path]) for path in words}


@settings(max_examples=25, phases=stores.UNSHRUNK)
@given(
    seed=st.integers(0, 2**32),
    baseline=st.sampled_from([0.0, 0.75]),
    rank=st.sampled_from(["relevance", "rrf"]),
)
def test_the_numbers_are_those_of_the_formulas(folder, seed, baseline, rank):
    vault = Made(fresh(folder), seed)
    rnd = random.Random(seed)
    with stores.opened(vault.home) as index:
        vault.give(index)
        for count in (0, 1, 3, 6):
            said = " ".join(rnd.choices([*stores.VOCABULARY, "nowhere", "page"], k=count))
            for vector in (None, QUERY):
                policy = OPEN._replace(rank=rank)
                known = ask(index, said, policy, vector=vector, baseline=baseline)
                expected = vault.numbers(known.terms, rank, vector is not None, baseline)
                assert {each.path for each in known.found} == set(expected)
                for each in known.found:
                    assert (each.rel, each.score) == pytest.approx(expected[each.path], abs=1e-6), (
                        each.path
                    )
                scores = [each.score for each in known.found]
                assert scores == sorted(scores, reverse=True)
                floor = sorted(rel for rel, _ in expected.values())[len(expected) // 2] - 1e-5
                some = ask(
                    index, said, policy._replace(floor=floor), vector=vector, baseline=baseline
                )
                assert {each.path for each in some.found} == {
                    path for path, (rel, _) in expected.items() if rel >= floor
                }
                best = ask(index, said, policy._replace(k=3), vector=vector, baseline=baseline)
                assert best.found == known.found[:3]
                assert {(each.path, why) for each, why in best.dropped} == {
                    (each.path, "beyond k") for each in known.found[3:]
                }


@pytest.mark.parametrize(("kind", "weight"), WEIGHTS.items())
def test_the_weight_of_a_type(home, kind, weight):
    write(home, "one", "the boiler hums", type=kind, date=day(60))
    with stores.opened(home) as index:
        (each,) = ask(index, "boiler").found
        assert each.score == pytest.approx(each.rel * weight) and each.row.type == kind


BOOSTS = {0: 0.15, -1: 0.15, -4000: 0.15, 15: 0.1125, 30: 0.075, 59: 0.0025, 60: 0, 61: 0, 9999: 0}


@pytest.mark.parametrize(("before", "boost"), BOOSTS.items())
def test_the_boost_of_a_date(home, before, boost):
    write(home, "one", "the boiler hums", date=day(before))
    with stores.opened(home) as index:
        (each,) = ask(index, "boiler").found
        assert each.recency == pytest.approx(boost)
        assert each.score == pytest.approx(each.rel + boost)


def test_the_settings_of_the_policy_are_those_of_the_specification():
    given = Policy.of(stores.memory(Home("/nowhere")).settings)
    assert given == Policy()
    assert (given.budget, given.l1_budget, given.each) == (4000, 2000, 500)
    assert (given.recency, given.recency_days) == (0.15, 60)


def test_a_page_without_a_vector_waits_neither_forgotten_nor_favoured(home):
    paths = [write(home, name, "the boiler hums", date=day(90)) for name in ("with", "without")]
    write(home, "other", "tomatoes", date=day(90))
    with stores.opened(home) as index:
        give(index, paths[0], 0.9)
        one, two, other = ask(index, "boiler", vector=QUERY).found
        assert (one.row.name, two.row.name, other.row.name) == ("with", "without", "other")
        assert two.den == pytest.approx(0.2 + 0.8 * two.lex) and other.rel == 0
        give(index, paths[0], 0.1)
        assert found(index, "boiler", vector=QUERY)[:2] == ["without", "with"]


def test_the_best_passage_of_a_page_speaks_for_it(home):
    long = "\n\n".join(" ".join([word] * 100) for word in ("tomato", "pepper", "leek"))
    path = write(home, "long", long, date=day(90))
    other = write(home, "other", "salad", date=day(90))
    with stores.opened(home) as index:
        give(index, path, 0.1, 0.5, None)
        give(index, other, 0.4)
        known = ask(index, "zzz", vector=QUERY)
        dens = [(each.row.name, round(each.den, 6)) for each in known.found]
        assert dens == [
            ("long", round(kept_cosine(0.5) / 0.6, 6)), ("other", round(kept_cosine(0.4) / 0.6, 6))
        ]  # fmt: skip
        (shown, _) = page_block.fit(known, OPEN._replace(each=30)).shown
        assert shown.line == 8 and shown.excerpt.startswith("…pepper")


# --- always given


@settings(max_examples=20, phases=stores.UNSHRUNK)
@given(seed=st.integers(0, 2**32))
def test_the_first_tier_is_given_always_newest_and_most_linked_first(folder, seed):
    home, rnd = fresh(folder), random.Random(seed)
    all_names = [f"p{number}" for number in range(rnd.randrange(1, 8))]
    dates = {name: rnd.choice(["", day(0), day(1), day(300)]) for name in all_names}
    links = {name: [other for other in all_names if rnd.random() < 0.4] for name in all_names}
    for name in all_names:
        body = " ".join(f"[[{other}]] [[{other.upper()}]]" for other in links[name])
        write(home, name, body, tier="L1", date=dates[name])
    linked = {name: sum(name in links[other] for other in all_names) for name in all_names}
    age = lambda name: -date.fromisoformat(dates[name] or "0001-01-01").toordinal()
    newest = sorted(all_names, key=lambda name: (age(name), name))
    most = sorted(newest, key=lambda name: -linked[name])
    worth = {name: 1 / (60 + newest.index(name)) + 1 / (60 + most.index(name)) for name in newest}
    with stores.opened(home) as index:
        for said in ("", "p0", "zzz"):
            known = ask(index, said)
            assert names(known.always) == sorted(newest, key=lambda name: -worth[name])
            assert {each.why for each in known.always} == {"L1"}
            assert known.found == known.linked == []


def test_nothing_is_known(home):
    with stores.opened(home) as index:
        assert given_names(index, "anything") == []


def test_what_may_be_given_and_what_never(home):
    write(home, "first", "the boiler is in the cellar", tier="L1")
    write(home, "second", "the boiler has a code")
    write(
        home, "claims", "the boiler was spoken of", place="raw/compaction", tier="L1", type="user"
    )
    write(home, "seen", "the boiler hums at night", place="raw/observations", tier="L1")
    write(home, "deeper", "the boiler", place="knowledge/folder")
    with stores.opened(home) as index:
        known = ask(index, "boiler")
        assert names(known.always) == ["first"]
        paths = sorted(each.path for each in known.found)
        assert paths == [
            "knowledge/folder/deeper.md",
            "knowledge/second.md",
            "raw/compaction/claims.md",
        ]
        (claims,) = (each for each in known.found if each.row.name == "claims")
        assert (claims.row.type, claims.row.tier) == ("compaction", "L2")
        assert given_names(index, "zzz", Policy()) == ["first"]


@pytest.mark.parametrize("field", ["valid_to", "valid_from"])
def test_what_does_not_hold_today_counts_half_and_is_not_given_always(home, field):
    past = {"valid_to": day(1), "valid_from": day(-1)}[field]
    write(home, "x-left", "the boiler hums", **{field: past})
    write(home, "y-kept", "the boiler hums", **{field: day(0)})
    write(home, "z-left", "the garden", tier="L1", **{field: past})
    write(home, "z-kept", "the garden", tier="L1", **{field: day(0)})
    with stores.opened(home) as index:
        known = ask(index, "boiler")
        assert names(known.always) == ["z-kept"]
        scores = {each.row.name: each.score for each in known.found}
        assert scores["x-left"] == pytest.approx(scores["y-kept"] / 2)
        assert names(known.found) == ["y-kept", "x-left", "z-left"]


# --- budgets

bodies = st.lists(
    st.sampled_from(["boiler ", "word ", 'say "it" ', "back\\slash ", "日本語 ", "🚀 ", "\n\n", "\n",
        "x" * 90 + " ", "# head\n", "\t", "\x1b[2J "]),
    max_size=400,
).map("".join)  # fmt: skip


@settings(max_examples=50)
@given(
    said=st.lists(st.tuples(bodies, st.sampled_from(["L1", "L2"]), st.integers(0, 30)), max_size=7),
    budget=st.sampled_from([0, 30, 60, 150, 300, 700, 4000]),
    l1_budget=st.sampled_from([0, 26, 40, 150, 600, 2000]),
    each=st.sampled_from([1, 2, 24, 100, 500]),
)
def test_no_budget_is_exceeded_by_what_is_printed(folder, said, budget, l1_budget, each):
    home, policy = fresh(folder), Policy(floor=0.0, budget=budget, l1_budget=l1_budget, each=each)
    for number, (body, tier, times) in enumerate(said):
        write(home, f"page-{number}", body * (1 + times // 10), tier=tier)
    with stores.opened(home) as index:
        known = ask(index, "the boiler?", policy)
        fitted = page_block.fit(known, policy)
        block = page_block.block(fitted.shown, policy)
        again = page_block.fit(ask(index, "the boiler?", policy), policy)
        assert block == page_block.block(again.shown, policy)
    assert len(fitted.shown) + len(fitted.dropped) == len(known.given)
    assert {why for _, why in fitted.dropped} <= {"budget", "empty"}
    if not block:
        return
    mark, body, end = block.split("\n")
    assert (mark, end) == ("INJECTED_CONTEXT_KNOWLEDGE", "")
    assert body.isprintable() and not block.isprintable()
    assert tokens.estimate(block) <= budget
    value = json.loads(body)
    assert value["budget_tokens_est"] == budget and "not instructions" in value["note"]
    for entry in value["memories"]:
        assert list(entry) == "path line excerpt truncated name type tier date".split()
        assert entry["tier"] == "L1" or tokens.estimate(entry["excerpt"]) <= each
    first = [entry for entry in value["memories"] if entry["tier"] == "L1"]
    assert sum(tokens.estimate(json_line(e)) for e in first) <= l1_budget
    assert value["memories"][: len(first)] == first


def test_the_whole_of_a_vault_that_is_too_large(home):
    """Budgets are used, not only kept: thirty long pages of each tier."""
    for number in range(30):
        write(home, f"one-{number:02}", "boiler pipe valve " * 400, tier="L1")
        write(home, f"two-{number:02}", "boiler pipe valve " * 400)
    policy = Policy(k=30)
    with stores.opened(home) as index:
        shown = entries(ask(index, "boiler", policy), policy)
    for tier, least in (("L1", 1900), ("L2", 1800)):
        size = sum(tokens.estimate(json_line(e)) for e in shown if e["tier"] == tier)
        assert least <= size <= 2000
    for entry in shown[3:-1]:
        assert entry["truncated"] and 400 < tokens.estimate(entry["excerpt"]) <= 500


# --- links


def test_linked_pages_come_once_after_what_was_found_in_the_order_of_the_links(home):
    write(home, "a", "boiler boiler boiler [[Far Away]] [[b]] [[nowhere]] [[a]] `[[code]]`")
    write(home, "b", "boiler [[far-away]] [[c]] [[always]]")
    for name in ("c", "far-away", "code"):
        write(home, name, "nothing of it [[a]] [[d]]")
    write(home, "d", "two links away")
    write(home, "always", "of the first tier [[code]]", tier="L1")
    policy = Policy(floor=0.1)
    with stores.opened(home) as index:
        known = ask(index, "boiler", policy)
        assert [(each.row.name, each.why) for each in known.given] == [
            ("always", "L1"),
            ("a", "relevant"),
            ("b", "relevant"),
            ("far-away", "linked from a"),
            ("c", "linked from b"),
        ]
        order, counts = names(known.given), set()
        for budget in range(0, 400, 5):
            fit = [entry["name"] for entry in entries(known, policy._replace(budget=budget))]
            counts.add(len(fit))
            assert fit == [name for name in order if name in fit]
        assert counts == set(range(6))


def test_a_link_means_the_curated_page_of_two_of_one_name(home):
    write(home, "a", "boiler [[twin]]")
    write(home, "twin", "the curated one", date=day(99))
    write(home, "twin", "the summary, and newer", place="raw/compaction")
    with stores.opened(home) as index:
        paths = [each.path for each in ask(index, "boiler", Policy(floor=0.1)).given]
        assert paths == ["knowledge/a.md", "knowledge/twin.md"]


@pytest.mark.parametrize("source, link, meant", [
    # of two of one name: the one beside or below, then the one in fewer folders
    ("hub", "tea", "a/tea"), ("a/hub", "tea", "a/tea"), ("b/c/hub", "tea", "b/c/tea"),
    ("b/hub", "tea", "b/c/tea"), ("hub", "top", "top"), ("b/hub", "top", "top"),
    # folders say which: from the page on, as the end of a path, from the top
    ("hub", "c/tea", "b/c/tea"), ("hub", "B/C/Tea", "b/c/tea"), ("a/hub", "../b/c/tea", "b/c/tea"),
    ("hub", "/a/tea", "a/tea"), ("b/hub", "./c/tea", "b/c/tea"), ("hub", "knowledge/top", "top"),
    ("a/hub", "./top", None), ("hub", "d/tea", None), ("hub", "ea", None),
    # other names of a page, which come after those of files
    ("hub", "Green Tea", "a/tea"), ("hub", "green-tea", "a/tea"), ("hub", "note_of_claude", "x"),
    ("hub", "other", "other"), ("hub", "b/Green Tea", None),
])  # fmt: skip
def test_a_link_means_the_page_that_obsidian_takes_it_for(home, source, link, meant):
    """By a page's name and by the names it gives itself; in recall, in what takes whose place, and
    in what mem-lint calls a page that is not there."""
    write(home, "a/tea", "nothing", aliases="[Green tea, other]")
    for name in ("b/c/tea", "top", "c/top", "other"):
        write(home, name, "nothing")
    write(home, "x", "nothing", **{"name ": "note-of-claude"})
    path = write(home, source, f"boiler [[{link}]]")
    with stores.opened(home) as index:
        linked = [each.path for each in ask(index, "boiler", Policy()).linked]
    assert linked == ([f"knowledge/{meant}.md"] if meant else [])
    codes = [each.code for each in lint.find_problems(home, [path], NOW, str)]
    assert ("link" in codes) is (meant is None)
    write(home, source, "boiler", supersedes=json.dumps(link))
    with stores.opened(home) as index:
        later = [each.path for each in ask(index, "nothing").given if each.superseded_by]
        assert later == ([f"knowledge/{meant}.md"] if meant else [])


def test_a_link_in_a_head_is_one_as_obsidian_s_properties_are(home):
    write(
        home, "hub", "boiler [[d]]", related='["[[a/tea|Tea]]", "see [[c]]", [[b]]]', up='"[[b]]"'
    )
    for name in ("a/tea", "b", "c", "d"):
        write(home, name, "nothing")
    with stores.opened(home) as index:
        assert names(ask(index, "boiler", Policy()).linked) == ["tea", "b", "d"]
    write(home, "hub", "boiler", related='"[[none]]"')
    (finding,) = lint.find_problems(home, ["knowledge/hub.md"], NOW, str)
    assert finding[1:3] == (5, "link")


def test_a_page_is_found_by_the_other_names_it_gives_itself(home):
    write(home, "x", "steep it", aliases="[Zimtstern]")
    with stores.opened(home) as index:
        assert names(ask(index, "Zimtstern", Policy()).found) == ["x"]


def test_no_more_links_of_a_page_are_followed_than_eight(home):
    linked = [f"p{number}" for number in range(20)]
    write(home, "hub", "boiler " + " ".join(f"[[{name}]]" for name in linked))
    for name in linked:
        write(home, name, "nothing")
    with stores.opened(home) as index:
        assert names(ask(index, "boiler", Policy()).linked) == linked[:8]


# --- what takes whose place


def test_a_superseded_page_never_comes_before_the_one_that_takes_its_place(home):
    write(home, "old", "boiler boiler boiler")
    said = "the boiler was replaced by something else altogether, in spring"
    write(home, "new", said, supersedes="Old")
    write(home, "between", "boiler boiler stove")
    with stores.opened(home) as index:
        known = ask(index, "boiler")
        assert [(each.row.name, each.why, each.superseded_by) for each in known.found] == [
            ("new", "successor of old", ""),
            ("old", "relevant", "new"),
            ("between", "relevant", ""),
        ]
        shown = {entry["name"]: entry.get("superseded_by") for entry in entries(known, OPEN)}
        assert shown == {"new": None, "old": "new", "between": None}


def test_a_successor_is_brought_along_though_it_does_not_reach_the_floor(home):
    write(home, "old", "the boiler hums")
    write(home, "new", "nothing alike", supersedes='"[[old]]"')
    with stores.opened(home) as index:
        assert found(index, "boiler", Policy()) == ["new", "old"]
        assert found(index, "boiler", Policy(k=1)) == ["new"]


def test_a_chain_leads_to_its_end(home):
    write(home, "a", "boiler boiler boiler", tier="L1")
    write(home, "b", "boiler boiler stove", supersedes="a", tier="L1")
    write(home, "c", "boiler stove stove", supersedes="b")
    with stores.opened(home) as index:
        known = ask(index, "boiler")
        later = [(each.row.name, each.superseded_by) for each in known.given]
        assert later == [("c", ""), ("a", "c"), ("b", "c")]
    write(home, "d", "the end of it", supersedes="c", tier="L1")
    with stores.opened(home) as index:
        assert given_names(index, "boiler") == ["d", "a", "b", "c"]
        assert given_names(index, "zzz", Policy()) == ["d"]


@pytest.mark.parametrize(
    "pairs",
    [
        {"a": "a"},
        {"a": "b", "b": "a"},
        {"a": "b", "b": "c", "c": "a"},
        {"a": "[b, c]", "b": "[a, c]", "c": "[a, b]"},
    ],
)
def test_pages_that_take_each_others_place_are_as_if_none_did(home, pairs):
    for name in "abc":
        write(home, name, "boiler", supersedes=pairs.get(name, ""), tier="L1")
    with stores.opened(home) as index:
        known = ask(index, "boiler")
        assert sorted(each.row.name for each in known.always) == ["a", "b", "c"]
        assert {each.superseded_by for each in known.always} == {""}


def test_the_newest_of_two_takes_the_place(home):
    write(home, "old", "boiler")
    write(home, "x", "nothing", supersedes="old", date=day(9))
    write(home, "y", "nothing", supersedes="old", date=day(2))
    with stores.opened(home) as index:
        assert found(index, "boiler", Policy()) == ["y", "old"]


def test_a_page_is_superseded_from_the_day_its_successor_begins(home):
    write(home, "old", "the boiler hums", tier="L1")
    write(home, "new", "the boiler is silent", tier="L1", supersedes="old", valid_from=day(-1))
    with stores.opened(home) as index:
        assert [each.row.name for each in ask(index, "zzz").always] == ["old"]
    write(home, "new", "the boiler is silent", tier="L1", supersedes="old", valid_from=day(0))
    with stores.opened(home) as index:
        assert [each.row.name for each in ask(index, "zzz").always] == ["new"]


def test_a_summary_of_a_conversation_takes_no_curated_page_s_place(home):
    """Whoever wrote it: only knowledge/ says what is true."""
    write(home, "fact", "the boiler hums", tier="L1")
    write(home, "said", "forget the boiler", place="raw/compaction", supersedes="fact")
    with stores.opened(home) as index:
        known = ask(index, "boiler")
        (fact,) = known.always
        assert (fact.row.name, fact.superseded_by) == ("fact", "")


def test_a_link_to_a_superseded_page_brings_its_successor_too(home):
    write(home, "a", "boiler [[old]]")
    write(home, "old", "nothing alike")
    write(home, "new", "something else", supersedes="old")
    with stores.opened(home) as index:
        known = ask(index, "boiler", Policy())
        assert [(each.row.name, each.why) for each in known.given] == [
            ("a", "relevant"),
            ("new", "successor of old"),
            ("old", "linked from a"),
        ]


def test_as_answers_too_a_page_comes_after_its_successor(home):
    """mem-recall --knowledge, where those that are given always stand among the others."""
    write(home, "first", "boiler", tier="L1")
    write(home, "old", "boiler boiler boiler boiler")
    said = "once there was a boiler, and now there is something else altogether"
    write(home, "new", said, supersedes="old")
    write(home, "older", "boiler boiler boiler")
    said = "all of the boiler is told here, in many words that matter to nobody"
    write(home, "newest", said, supersedes="older", tier="L1")
    policy = Policy(floor=0.01)
    with stores.opened(home) as index:
        shown = page_report.answers(ask(index, "boiler", policy), policy)
    order = names(each.found for each in shown)
    assert sorted(order) == ["first", "new", "newest", "old", "older"]
    assert order.index("new") < order.index("old") and order.index("newest") < order.index("older")


# --- what is shown


def lines_of(home: Home, ref: str, words: int) -> list[str]:
    """The first words from a reference on, as sed prints them."""
    path, _, line = ref.rpartition(":")
    sed = ["sed", "-n", f"{line},$p", home.path(path)]
    return subprocess.run(sed, capture_output=True, check=True).stdout.decode().split()[:words]


LONG = "\n\n".join(
    f"Part {number}. " + " ".join(f"{word}{number}" for word in ("alpha", "beta", "gamma") * 25)
    for number in range(9)
)


@pytest.mark.parametrize(
    "body",
    [
        LONG,
        "\n\n\n" + LONG,
        LONG.replace("\n", "\r\n"),
        LONG.replace(" ", "\n"),
        f'{injected_blocks.KNOWLEDGE}\n{{"memories":[],\n"note":"boiler"}}\n{LONG}',
        LONG.replace(
            "\n\n", f'\n\n{injected_blocks.MEMORIES}\n{{"memories":[{{"excerpt":"x"}}]}}\n\n', 3
        ),
        LONG.replace("\n\n", "\n\nlogs/a/b/c.md:3: said\nknowledge/x.md:4\tsaid\n", 4),
    ],
    ids="plain,late,crlf,a word a line,a block before,blocks between,answers between".split(","),
)
def test_the_line_is_where_the_excerpt_is(home, body):
    path = write(home, "long", body)
    with stores.opened(home) as index:
        for said in ("alpha0", "beta5", "gamma8", "zzz"):
            known = ask(index, said)
            for each in (20, 60, 10_000):
                (shown,) = page_block.fit(known, OPEN._replace(each=each, budget=20_000)).shown
                got = shown.excerpt.strip("…").split()
                place = f"{path}:{shown.line}"
                if not shown.excerpt.startswith("……") and each < 10_000:
                    assert lines_of(home, place, len(got) - 1) == got[:-1], (said, each)
                assert lines_of(home, place, 1) == got[:1]
                assert said == "zzz" or each < 10_000 or said in shown.excerpt
                assert injected_blocks.KNOWLEDGE not in shown.excerpt and "said" not in got


def test_what_fits_of_a_page_is_shown_and_of_the_first_tier_the_beginning(home):
    write(home, "first", LONG, tier="L1")
    write(home, "second", LONG)
    policy = OPEN._replace(each=40)
    with stores.opened(home) as index:
        first, second = page_block.fit(ask(index, "beta6", policy), policy).shown
        assert first.excerpt.startswith("Part 0. alpha0") and first.truncated
        assert second.excerpt.startswith("…Part 6. alpha6") and second.excerpt.endswith("…")
        assert second.line == 6 + 12


def test_the_part_that_fits_of_a_page_without_spaces(home):
    """Each character counts: a page in Chinese is cut as one in English is, and no model is given
    more than it reads."""
    said = ["水管在地下室" * 120, "花园里有番茄" * 120, "锅炉的密码是四七一一" * 60]
    path = write(home, "long", "。".join(said))
    with stores.opened(home) as index:
        sizes = [len(row[2]) for row in index.rows()["passages"]]
        assert max(sizes) <= 480 and sum(sizes) == sum(map(len, said)) + 2
        (shown,) = page_block.fit(ask(index, "密码"), OPEN._replace(each=30)).shown
        assert "密码" in shown.excerpt and shown.line == 6
        assert shown.excerpt.strip("…") in lines_of(home, f"{path}:6", 1)[0]


@pytest.mark.parametrize("each", [1, 2, 3])
def test_hardly_any_room_is_hardly_any_text(home, each):
    write(home, "long", LONG)
    with stores.opened(home) as index:
        for said in ("alpha0", "beta6"):
            (shown,) = page_report.answers(ask(index, said), OPEN._replace(each=each))
            assert tokens.estimate(shown.excerpt) <= each


def test_what_a_recall_injected_into_a_page_is_never_recalled_again(home):
    """Not by its words, not as a link, not as a title, not in an excerpt."""
    block = (
        f'{injected_blocks.KNOWLEDGE}\n{{"memories":[{{"excerpt":"xylophone [[friend]]"}}],\n'
        f'"x":"\n# xylophone title"}}\n'
    )
    answers = (
        "logs/test/1/20260130T142355Z.md:3: xylophone\nraw/compaction/x.md:5: xylophone\n"
        "knowledge/a page.md:5: xylophone [[friend]]\n"
    )
    write(home, "page", f"The boiler hums.\n\n{block}\nIt is old.\n\n{answers}\nVery old.")
    write(home, "friend", "nothing")
    with stores.opened(home) as index:
        assert ask(index, "xylophone").found[0].lex == 0
        known = ask(index, "boiler", Policy())
        assert [(each.row.name, each.row.title) for each in known.given] == [("page", "page")]
        (entry,) = entries(known, Policy())
        assert entry["excerpt"] == "The boiler hums. It is old. Very old." and entry["line"] == 6
        assert not index.says("xylophone") and "xylophone" not in repr(everything(index))


# --- when the embedder is down, when somebody else writes


class Down:
    model, batch = "openai:down", 1

    def query(self, said):
        raise Unavailable("nobody answers", cure="wait")


def test_without_an_embedder_words_decide_with_one_remark(home, monkeypatch):
    write(home, "a", "the boiler hums")
    write(home, "b", "tomatoes")
    said: list[str] = []
    memory = stores.memory(home, said.append)
    with stores.opened(home) as index:
        index.serve("openai:down")
    monkeypatch.setattr("plainmind.providers.registry.open_embedder_of", lambda *a: Down())
    form = Form(False, False, 1000, 250)
    printed = pages.recall(memory, "boiler", form, k=None, budget=None, each=None)
    assert len(said) == 1 and said[0].startswith("by words only: nobody answers")
    wordy = pages.recall(memory, "boiler", form, k=None, budget=None, each=None, lexical=True)
    (record,) = printed.records
    assert (
        printed == wordy
        and (record["ref"], record["excerpt"]) == ("knowledge/a.md:6", "the boiler hums")
        and len(said) == 1
    )
    share = moments.Share(Limits(5, 0.1), 1000, 250, Policy())
    past, known = moments.remember(memory, "boiler", Scope(), share)
    assert past == "" and "knowledge/a.md" in known and "knowledge/b.md" not in known
    assert len(said) == 2


def test_while_somebody_else_writes_the_answer_is_of_one_moment(home):
    """A page that appears, or goes, in the middle of a search is not half there."""
    from threading import Thread

    write(home, "a", "the boiler hums [[b]]")
    write(home, "b", "another boiler")

    def look():
        with stores.opened(home) as other:
            other.graph()

    query = Query("boiler", NOW)
    with stores.opened(home) as index:
        with index.pages(Question(query.terms)) as evidence:
            write(home, "c", "a new boiler", supersedes="a")
            write(home, "d", "a newer boiler", supersedes="c")
            os.unlink(home.path("knowledge/b.md"))
            thread = Thread(target=look)
            thread.start()
            thread.join(0.3)
            known = page_ranking.choose(query, evidence, index.page_texts, OPEN)
            assert names(known.found) == ["a", "b"]
        thread.join()
    with stores.opened(home) as index:
        assert found(index, "boiler") == ["d", "a", "c"]


def test_the_same_from_the_shell_with_a_dead_server(home, command):
    """mem-recall --knowledge with vectors of a server that is gone: one line more on stderr, the
    same answer, exit 0."""
    write(home, "a", "the boiler hums")
    with stores.opened(home) as index:
        index.serve("openai:gone")
    os.makedirs(home.vectors)
    with open(os.path.join(home.vectors, "serving"), "w") as file:
        file.write("openai:gone\n")
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root}
    env["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"
    line = [f"{ROOT}/bin/mem-recall", "--knowledge"]
    run = lambda *given: subprocess.run([*line, *given], capture_output=True, env=env)
    for form in ((), ("--json",), ("--inject",)):
        dead, wordy = run(*form, "boiler"), run(*form, "--lexical", "boiler")
        assert dead.returncode == wordy.returncode == 0 and dead.stdout == wordy.stdout != b""
        assert dead.stderr.count(b"\n") == 1 and b"by words only: " in dead.stderr
        assert wordy.stderr == b""
