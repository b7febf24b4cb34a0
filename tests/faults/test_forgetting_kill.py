"""Retention is killed at every system call and run again: what was to go is gone, from the index
too, and nothing else is.

One tombstone for each file and content, nothing left lying about; and if the power went, no file is
gone whose tombstone is not on disk. Each check is seen to fail when the promise it is about is
broken.
"""

import os

import kill
import pytest
import traced
import writers
from plainmind.ground import files
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import cache
from plainmind.memory import Memory, pages
from plainmind.truth.pages import maintenance
from scene import NOW, TIME, know
from traced import needs_strace
from writers import Writer

pytestmark = needs_strace

WORD = b"zanzibarquux"
OLD = (
    b"---\ndate: 2020-01-01\ntype: reference\ntier: L2\n---\n\nBen keeps the zanzibarquux stamps.\n"
)
SUMMARY = OLD.replace(b"reference", b"compaction").replace(b"stamps", b"albums")
GONE = ["knowledge/old.md", "raw/compaction/old.md", "raw/sessions/a/old.jsonl"]
RECENT = b'{"recent":1}\n'
DAY = 86_400_000
HASH = cache.content_hash("old\nBen keeps the zanzibarquux stamps.")  # as it is embedded


def past(home: Home, writes: int = 49) -> None:
    """A page that stays and files that are past, all in the index, one of them changed since it was
    first taken in."""
    writers.with_a_page(writers.PROJECT)(home)
    memory = Memory(home, Environment(), Settings("", "", lambda name: ""), lambda: NOW, print)
    for path, data in zip(GONE, (OLD, SUMMARY, b'{"zanzibarquux":1}\n')):
        files.replace(home.path(path), data.replace(b"stamps", b"zanzibarquuxes"))
        os.utime(home.path(path), ns=(0, (NOW - 99 * DAY) * 1_000_000))
        pages.facts(memory, ("", "", ""), None)
        files.replace(home.path(path), data)
        os.utime(home.path(path), ns=(0, (NOW - 99 * DAY) * 1_000_000))
    pages.facts(memory, ("", "", ""), None)
    files.replace(home.path("raw/sessions/a/new.jsonl"), RECENT)
    os.utime(home.path("raw/sessions/a/new.jsonl"), ns=(0, NOW * 1_000_000))
    cache.Cache(home, "m:1").put({HASH: b"\x01" * 8, b"x" * 16: b"\x02" * 8})
    known = maintenance.Writes(writes, 149, NOW, NOW)
    maintenance._put(home, known)
    know(home, GONE[0])


def check(home: Home, printed: list[str], ended: bool) -> None:
    due = maintenance.read_writes(home)
    stones = [(stone["path"], stone["sha256"]) for stone in maintenance.read_tombstones(home)]
    assert len(set(stones)) == len(stones), f"buried twice: {stones}"
    for path in GONE:
        assert os.path.exists(home.path(path)) or path in dict(stones), (
            f"{path} is gone, and nothing says so"
        )
    assert files.read(home.path("raw/sessions/a/new.jsonl")) == RECENT
    assert writers.pages_of(home)["mine.md"] == writers.PROJECT, "a page that was to stay"
    assert set(writers.pages_of(home)) <= {"mine.md", "old.md", "tea.md"}
    assert (
        not printed
        or not printed[-1].startswith("knowledge/tea")
        or writers.pages_of(home)["tea.md"] == writers.TEA_PAGE
    )
    if (
        not ended or due.since == 49
    ):  # it died before it was counted, and there was nothing to count when it was done again
        return
    assert [path for path, _ in sorted(stones)] == GONE and due.since == 0, (stones, due)
    assert not [path for path in GONE if os.path.lexists(home.path(path))], "it is still there"
    holding = [
        name for name, data in everything(home) if WORD in data or b"zanzibarquux"[:10] in data
    ]
    assert holding == [], f"the text is still in {holding}"
    assert cache.Cache(home, "m:1").get([HASH, b"x" * 16]) == {b"x" * 16: b"\x02" * 8}
    writers.nothing_left(home)
    assert not [
        name for name in os.listdir(home.path("raw/maintenance-log")) if name.endswith(".gone")
    ]


def everything(home: Home):
    for folder, _, names in os.walk(home.root):
        yield from (
            (
                os.path.relpath(os.path.join(folder, n), home.root),
                files.read(os.path.join(folder, n)),
            )
            for n in names
        )


PRUNE = Writer(
    "what is past is pruned",
    ["mem-lint", "--prune", "--apply", "--now", TIME],
    b"",
    past,
    check,
    through="unforked",
)
FIFTIETH = Writer(
    "the 50th write",
    ["mem-note", "--type", "user", "--name", "tea", "--quiet", "--now", TIME],
    writers.SAID.encode(),
    past,
    check,
    through="unforked",
)


def outside_the_index(call: traced.Call) -> bool:
    """SQLite's own calls are many, and SQLite's own; of them, those that end something."""
    return "/index/" not in call.text or call.name in ("unlink", "fdatasync")


@pytest.mark.parametrize(
    "writer", [PRUNE, pytest.param(FIFTIETH, marks=pytest.mark.slow)], ids=["prune", "50th"]
)
def test_every_death_outside_the_index(writer, tmp_path):
    report = kill.grid(writer, str(tmp_path), only=outside_the_index)
    assert report.wrong == []
    assert report.faults >= 20, "there was nothing to kill"


@pytest.mark.slow
@pytest.mark.parametrize("writer", [PRUNE, FIFTIETH], ids=["prune", "50th"])
def test_every_death(writer, tmp_path):
    report = kill.grid(writer, str(tmp_path))
    assert report.wrong == []
    assert report.faults >= 60, "there was nothing to kill"


def going(call: traced.Call) -> bool:
    """From the tombstones to the last file's end."""
    return call.name in ("rename", "unlink", "fsync", "write") and any(
        part in call.text for part in ("/knowledge", "old.", "2026-01.jsonl")
    )


@pytest.mark.parametrize("sabotage, again, said", [
    ("untold_forgetting", "", "is gone, and nothing says so"),
    ("", "unfinished", "the text is still in ['index/mind.db']"),
    ("", "unrecovered", ".gone"),
    ("unsynced", "", "is not durable when the command ended with 0"),
])  # fmt: skip
def test_a_broken_promise_is_noticed(sabotage, again, said, tmp_path):
    wrong = kill.grid(
        PRUNE, str(tmp_path), sabotage=sabotage, again=again, only=going, until=said
    ).wrong
    assert any(said in one for one in wrong), wrong
