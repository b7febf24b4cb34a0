"""Pages of resident memory: types, fidelities, floors, the choice, faults, traces, sidecars."""

import os
import shutil
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.resident import memory_pages, page_types
from plainmind.formats.resident.memory_pages import NAMES, MemoryPage
from plainmind.ground.errors import NoInput
from plainmind.ground.masks import Mask
from plainmind.memory.resident import paging
from plainmind.recall import residency
from plainmind.recall.residency import OUT
from plainmind.truth.resident import records
from residents import Place, tree

pytestmark = pytest.mark.usefixtures("unsynced")

# --- types


@pytest.mark.parametrize(
    "name, kind",
    [
        ("Constraints", "constraint"),
        ("Rules", "constraint"),
        ("Build rules", "constraint"),
        ("Setup", "bootstrap"),
        ("Bootstrap", "bootstrap"),
        ("Getting started", "bootstrap"),
        ("install.md", "bootstrap"),
        ("Plan for May", "plan"),
        ("TODO", "plan"),
        ("Preferences", "preference"),
        ("coding-style.md", "preference"),
        ("Conversations", "conversation"),
        ("Findings", "evidence"),
        ("", "evidence"),
        ("Plants", "evidence"),
    ],
)
def test_a_heading_or_a_name_means_a_type(name, kind):
    assert page_types.type_of(name) == kind


@pytest.mark.parametrize(
    "head, name, kind",
    [
        ("---\ntype: plan\n---\n", "setup.md", "plan"),
        ("---\ntype: 'Constraint'\n---\n", "x.md", "constraint"),
        ("---\ntype: nonsense\n---\n", "rules.md", "constraint"),
        ("", "rules.md", "constraint"),
        ("", "x.md", "evidence"),
    ],
)
def test_a_topic_files_type_is_its_heads_else_its_names(head, name, kind):
    page = memory_pages.of_topic(f"{head}text\n".encode(), "global", "/p", name, Mask())
    assert page.type == kind


@pytest.mark.parametrize(
    "kind, floor",
    [
        ("bootstrap", "structured"),
        ("constraint", "structured"),
        ("plan", "pointer"),
        ("preference", "pointer"),
        ("evidence", "pointer"),
        ("conversation", "pointer"),
    ],
)
def test_floors(kind, floor):
    assert NAMES[memory_pages.FLOORS[kind]] == floor


# --- fidelities

LONG = (
    "## Rules\n\nNever push to main. It is protected, and the server says so at length.\n\n"
    "- owner: Ann, who is in Berlin. She knows.\n"
    "- one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen\n"
    "```\ncode that is long enough to matter\n```\n"
)
SHOWN = {
    "full": LONG.strip("\n"),
    "compressed": "## Rules\nNever push to main.\n- owner: Ann, who is in Berlin. She knows.\n"
    "- one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen",
    "structured": "## Rules\nNever push to main.\n- owner: Ann, who is in Berlin. She knows.\n"
    "- one two three four five six seven eight nine ten eleven …",
    "pointer": "- Rules (constraint, 65 tokens): /x/MEMORY.md:1",
}


@pytest.mark.parametrize("fidelity", SHOWN)
def test_fidelities(fidelity):
    (page,) = memory_pages.of_index(LONG.encode(), "global", "/x/MEMORY.md", Mask())
    assert page.texts[NAMES.index(fidelity)] == SHOWN[fidelity]


SECRET = "open it. Then say sesame, and nobody has to know of it, nor of what comes behind"


@pytest.mark.parametrize("fidelity", SHOWN)
@pytest.mark.parametrize("heading", ["Notes", f"Door {SECRET}"])
def test_a_secret_is_hidden_before_it_is_cut(tmp_path, heading, fidelity):
    place = Place(tmp_path, secret=SECRET)
    place.write("global", f"## {heading}\nThe door: {SECRET}. More.\n\n- of the door {SECRET}\n")
    (page,) = paging.read_pages(place.memory, _scope(place))
    text = page.texts[NAMES.index(fidelity)]
    assert "open it" not in f"{page.id} {text}" and (fidelity == "pointer" or "***" in text)


words = st.text(st.sampled_from("ab .:#-`\n*é"), max_size=300)


@given(words)
def test_a_fidelity_never_costs_more_than_a_better_one(text):
    for page in memory_pages.of_index(text.encode(), "global", "/p", Mask()):
        assert list(page.costs) == sorted(page.costs)
        assert "global" in page.id and page.type in page_types.TYPES


# --- the choice


def page(number: int, kind: str, *costs: int) -> MemoryPage:
    texts = tuple("x" * 4 * cost for cost in costs)
    return MemoryPage(f"global:{number}", "global", "/p", number, kind, texts, costs, str(number))


made = st.lists(
    st.builds(
        lambda kind, sizes: (kind, tuple(sorted(sizes))),
        st.sampled_from(page_types.TYPES),
        st.lists(st.integers(1, 50), min_size=4, max_size=4),
    ),
    max_size=12,
)


@given(made, st.integers(0, 600))
def test_the_choice_is_a_function_of_pages_and_budget(rows, budget):
    pages = [page(number, kind, *costs) for number, (kind, costs) in enumerate(rows)]
    choice = residency.choose(pages, budget)
    assert choice == residency.choose(list(pages), budget)
    used = sum(p.costs[level] for p, level in zip(pages, choice.fidelities) if level != OUT)
    assert used == choice.used <= budget
    floors = sum(p.costs[p.floor] for p in pages)
    assert choice.is_fault == (floors > budget) and choice.least == floors
    for p, level in zip(pages, choice.fidelities):
        assert level == OUT and choice.is_fault or level >= p.floor
        if choice.is_fault:
            assert level in (OUT, p.floor)
    if not choice.is_fault:  # nothing more would fit
        for p, level in zip(pages, choice.fidelities):
            better = [p.costs[n] - p.costs[level] for n in range(level + 1, 4)]
            assert all(more > budget - used for more in better[:1])


def test_rules_are_raised_first_and_all_by_one_step_before_any_by_two():
    pages = [page(0, "evidence", 1, 2, 3, 9), page(1, "constraint", 1, 2, 3, 9)]
    levels = {budget: residency.choose(pages, budget).fidelities for budget in (3, 4, 5, 6, 12, 18)}
    assert levels == {3: [0, 1], 4: [1, 1], 5: [1, 2], 6: [2, 2], 12: [2, 3], 18: [3, 3]}


def test_where_the_floors_do_not_fit_rules_stay_longest():
    pages = [page(0, "evidence", 5, 5, 5, 5), page(1, "constraint", 5, 5, 5, 5)]
    choice = residency.choose(pages, 6)
    assert choice.fidelities == [OUT, 1] and choice.is_fault and choice.least == 10


def test_a_thousand_pages_are_chosen_in_a_millisecond():
    kinds = page_types.TYPES
    pages = [page(n, kinds[n % 6], 5, 20, 40, 90) for n in range(1000)]
    best = min(_time(pages) for _ in range(20))
    assert best < 0.001, f"{best * 1000:.2f} ms"


def _time(pages) -> float:
    start = time.perf_counter()
    residency.choose(pages, 40_000)
    return time.perf_counter() - start


# --- in the block

CONFIG = '{"pageTableInjection": true, "maxMemoryTokens": %d}'
INDEX = "## Rules\n- never push. Never, whatever they say to you about it.\n\n"
INDEX += "## Build\n- [Quirks](build.md) — sccache\n- [Out](../../x.md)\n- [Sub](sub/x.md)\n"


def paged(place, tokens: int = 4096):
    place.write("global", CONFIG % tokens, "config.json")
    place.write("global", INDEX)
    place.write("global", "# Quirks\n\nsccache breaks -Werror. " + "More words. " * 40, "build.md")


def test_topic_files_that_the_index_points_to_are_pages(place):
    paged(place)
    (place.project.parent / "x.md").write_text("out\n")
    rows, code = place.ask("pages")
    assert [row.split("\t")[0] for row in rows] == [
        "global:Rules",
        "global:Build",
        "global:build.md",
    ]
    assert code == 0 and "sccache breaks -Werror. More words" in place.block()
    assert "\nout\n" not in place.block()


def test_a_tight_budget_keeps_rules_and_compresses_the_rest(place):
    paged(place, 60)
    text = place.block()
    assert "- never push." in text and "sccache breaks -Werror." in text
    assert "More words. More" not in text and place.said == []
    assert place.ask("faults") == ([], 1)


def test_where_the_floors_do_not_fit_it_is_a_fault_and_said(place):
    paged(place, 10)
    assert "(Memory fault: pages not shown: 2 of 3." in place.block()
    place.block()
    rows, code = place.ask("faults")
    assert code == 0 and len(rows) == 1 and "pinned-invariant\tglobal\t['global:Build'" in rows[0]


def test_show_counts_chosen_pages_and_cuts_nothing(place):
    paged(place)
    path = place.write("global", INDEX + "## Long\n" + "- a word\n" * 1000)
    rows, _ = place.ask("show")
    text = place.block().partition(f"### Global MEMORY.md ({path})\n\n")[2].strip("\n")
    sizes = f"{path.stat().st_size}\tinjected {len(text.encode())}\tcapped 0"
    assert f"global\t{path}\t{sizes}\tindex" in rows and place.said == []


def test_a_project_shares_one_budget_with_its_local_part_and_not_with_the_global(place):
    paged(place)
    place.trust()
    place.write("project", '{"maxMemoryTokens": 30}', "config.json")
    place.write("project", "## A\n- " + "word " * 30 + "\n")
    place.write("project", "## B\n- " + "word " * 30 + "\n", "MEMORY.local.md")
    text = place.block()
    assert "sccache breaks" in text and text.count("word") < 60
    assert text.index("- never push") < text.index("### Project MEMORY.md (")


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "huge"])
def test_a_topic_file_that_cannot_be_read_costs_itself(place, kind):
    paged(place)
    path = place.home.path("memory/build.md")
    os.unlink(path)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        os.symlink("/etc/passwd", path)
    elif kind == "folder":
        os.mkdir(path)
    else:
        with open(path, "w") as file:
            file.write("line\n")
        os.truncate(path, 1 << 30)
    assert "- never push" in place.block() and "root:" not in place.block()
    assert place.said


# --- traces and faults


def test_a_choice_is_traced_once_as_long_as_it_is_the_same(place):
    paged(place)
    place.block(), place.block()
    (trace,) = records.read(place.home, records.TRACES)
    assert [row[0] for row in trace["pages"]] == ["global:Rules", "global:Build", "global:build.md"]
    rows, _ = place.ask("trace", trace["id"])
    assert rows[1:3] == ["global:Rules\tconstraint\tfull\t17", "global:Build\tevidence\tfull\t21"]
    assert rows[3].startswith("global:build.md\tevidence\tfull\t") and len(rows) == 4
    place.write("global", INDEX.replace("whatever", "WHATEVER"))
    place.block()
    assert len(place.ask("traces")[0]) == 2
    with pytest.raises(NoInput):
        place.ask("trace", "tr-nothing")
    before = tree(place.home.root)
    place.memory = place.memory._replace(dry=True)
    place.write("global", INDEX.replace("whatever", "Whatever"))
    place.block()
    assert tree(place.home.path("resident")).keys() == {
        name.removeprefix("resident/") for name in before if name.startswith("resident/")
    }


def test_without_trace_enabled_none_is_kept(place):
    paged(place)
    config = '{"pageTableInjection": true, "traceEnabled": false}'
    place.write("global", config, "config.json")
    place.block()
    assert place.ask("traces") == ([], 1)


def test_no_text_of_memory_is_in_a_record(place):
    paged(place, 10)
    place.block()
    for kind in (records.TRACES, records.FAULTS):
        with open(place.home.path(f"resident/{kind}.jsonl")) as file:
            assert "never push" not in file.read()


def test_records_stay_within_bounds_the_oldest_out_first(home):
    os.mkdir(home.root)
    for n in range(2500):
        records.append(home, records.FAULTS, [{"n": n}])
    found = [one["n"] for one in records.read(home, records.FAULTS)]
    assert found == list(range(found[0], 2500)) and 500 < len(found) <= 1000
    for n in range(30):
        records.append(home, records.TRACES, [{"n": n, "x": "y" * 100_000}])
    assert os.path.getsize(home.path("resident/traces.jsonl")) <= 1_000_000
    assert records.read(home, records.TRACES)[-1]["n"] == 29


# --- sidecars


def test_verify_rebuilds_sidecars_and_tells_drift(place):
    paged(place)
    assert place.ask("verify") == ([], 0) and place.ask("verify") == ([], 0)
    table = paging.sidecar_path(place.memory, _scope(place))
    assert "page table current" in place.ask("show")[0][0]
    place.write("global", INDEX + "- more\n")
    assert "page table stale" in place.ask("show")[0][0]
    assert place.ask("verify") == (["drift\tglobal:Build"], 1)
    assert place.ask("verify") == ([], 0)
    shutil.rmtree(os.path.dirname(table))
    assert place.ask("verify") == ([], 0) and os.path.exists(table)
    with open(table, "wb") as file:
        file.write(b"\xff not ours\n{}\n[]\n")
    rows, code = place.ask("verify")
    assert len(rows) == 3 and code == 1


def test_a_flush_rebuilds_it_and_an_empty_home_gets_none(place):
    place.ask("verify"), place.ask("pages")
    assert not os.path.exists(place.home.root)
    place.ask("remember", "global", "x")
    list(place.ask("flush"))
    assert os.path.exists(paging.sidecar_path(place.memory, _scope(place)))
    assert place.ask("verify") == ([], 0)


def test_a_rule_that_the_agent_would_change_is_a_fault(place):
    place.write("global", "## Rules\n- never push\n")
    inside = Place(place.project.parent, inside=True)
    inside.ask("remember", "global", "push", replaces="memory/MEMORY.md:2")
    inside.ask("flush")
    assert "pinned-invariant" in place.ask("faults")[0][0]


def _scope(place):
    from plainmind.truth.resident import scopes

    return scopes.find(place.home, None, place.said.append)[0]
