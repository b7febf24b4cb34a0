"""What mem-hook keeps of a session of pi, and what an import of its file gives, are the same."""

import json
import shutil
from pathlib import Path
from typing import Any

import histories
import pytest
from plainmind.bridges.histories import importing, registry
from plainmind.bridges.histories.items import HistoryEvent
from plainmind.hooks.clients import CLIENTS, shape


def imported(*paths: Path) -> list[dict[str, Any]]:
    choice = importing.ImportChoice(tuple(map(str, paths)))
    found = importing.run(registry.load_reader("pi"), choice, lambda done, of: None)
    return [json.loads(one.line()) for one in found if isinstance(one, HistoryEvent)]


def logged(*paths: Path) -> list[dict[str, Any]]:
    """The events that mem-hook makes of the same entries."""
    found: list[Any] = []
    for path in paths:
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        event = {"hook_event_name": "Stop", "session_id": "s", "entries": entries}
        told = shape.read(CLIENTS["pi"], json.dumps(event).encode())
        found += CLIENTS["pi"].read_entries(told)
    return [json.loads(one.line()) for one in found if isinstance(one, HistoryEvent)]


@pytest.fixture
def sessions(tmp_path) -> list[Path]:
    """A session, a fork of it, and a fork of that, whose ids the log does not take for contexts."""
    first = histories.jsonl(
        tmp_path / "1.jsonl", histories.header("first"), *histories.pi_entries()
    )
    fork = histories.header("Fork É 𝄞", 10, parentSession=str(first))
    second = histories.jsonl(
        tmp_path / "2.jsonl", fork, *histories.pi_entries(), *histories.pi_entries(10)
    )
    last = histories.header("third/", 11, parentSession=str(second))
    third = histories.jsonl(
        tmp_path / "3.jsonl", last, *histories.pi_entries(), *histories.pi_entries(10),
        *histories.pi_entries(11),
    )  # fmt: skip
    return [first, second, third]


def test_an_import_gives_the_events_that_mem_hook_keeps(sessions):
    events = imported(*sessions)
    known = {(event["context"], event["id"]): event for event in logged(*sessions)}
    assert {(event["context"], event["id"]): event for event in events} == known
    assert len(events) == len(known)
    assert {event["context"] for event in events} == {
        "pi/first",
        *(e["context"] for e in events if len(e["context"]) == 35),
    }
    assert len({(event["context"], event["id"]) for event in events}) == 3 * len(histories.PI)


def test_a_branch_that_was_left_is_not_imported(tmp_path):
    """Also when the first message was edited, and when a parent is not there any more."""
    chains = {
        "edited": [("a", ""), ("b", "a"), ("c", "a"), ("d", "c")],
        "from the start": [("a", ""), ("b", "a"), ("c", ""), ("d", "c")],
        "torn": [("a", ""), ("b", "a"), ("c", "gone"), ("d", "c")],
        "circle": [("a", "b"), ("b", "a"), ("c", ""), ("d", "c")],
    }
    kept = {}
    for name, chain in chains.items():
        entries = [
            {**histories.entry(n, "user", id), "id": id, "parentId": parent or None}
            for n, (id, parent) in enumerate(chain, 1)
        ]
        path = histories.jsonl(tmp_path / f"{name}.jsonl", histories.header(), *entries)
        kept[name] = "".join(event["id"] for event in imported(path))
    assert kept == {"edited": "acd", "from the start": "cd", "torn": "abcd", "circle": "abcd"}


def test_what_a_fork_repeats_belongs_to_its_origin_even_when_the_files_were_moved(
    sessions, tmp_path
):
    before = imported(*sessions)
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in sessions:
        shutil.move(path, moved)
    assert imported(moved) == before


def test_a_fork_whose_origin_is_gone_has_all_of_it(tmp_path):
    fork = histories.header("fork", 10, parentSession="/nowhere/gone.jsonl")
    path = histories.jsonl(tmp_path / "f.jsonl", fork, *histories.pi_entries())
    assert {event["context"] for event in imported(path)} == {"pi/fork"}


def test_the_first_format_and_what_is_no_session_are_refused(tmp_path):
    old = histories.jsonl(
        tmp_path / "old.jsonl",
        {**histories.header(), "version": 1},
        histories.entry(1, "user", "x"),
    )
    other = histories.jsonl(tmp_path / "other.jsonl", {"type": "message"})
    good = histories.jsonl(
        tmp_path / "z.jsonl", histories.header(), histories.entry(1, "user", "x")
    )
    found = list(
        importing.run(
            registry.load_reader("pi"),
            importing.ImportChoice((str(tmp_path),)),
            lambda done, of: None,
        )
    )
    assert [str(one).partition(": ")[0] for one in found[:2]] == [f"{old}:1", f"{other}:1"]
    assert isinstance(found[2], HistoryEvent) and good.exists()
