"""Summaries that other tools made: one page each, while its time lasts; found, and forgotten."""

import json
import os

import pytest
from plainmind.formats.page.summary import ConversationSummary
from plainmind.ground import clock, files
from plainmind.ground.errors import BadData
from plainmind.memory import forgetting, summaries
from plainmind.truth.pages import page_files
from scene import NOW
from unit.index import stores

pytestmark = pytest.mark.usefixtures("unsynced")
WORDS = "They chose tokens over sessions, because of the phones."
ONE = ConversationSummary("pi/019aa4f2", "k1", NOW - 2 * clock.DAY, WORDS)
DAYS = 24 * 3600


def pages(home) -> list[str]:
    return list(page_files.list_paths(home, (page_files.COMPACTION,)))


def test_a_summary_is_one_page_however_often_it_comes(home):
    memory = stores.memory(home)
    first = summaries.keep(memory, ONE)
    assert first and first.fresh and pages(home) == [first.path]
    read = page_files.read_page(home, first.path)
    assert (read.type, read.tier, read.source) == ("compaction", "L2", "pi/019aa4f2")
    assert read.problems == [] and read.body.strip() == WORDS and str(read.day) == "2026-01-28"
    for other in (ONE._replace(content="other words"), ONE._replace(instant=NOW)):
        assert summaries.keep(memory, other) == (first.path, False, ()) and len(pages(home)) == 1
    assert summaries.keep(memory, ONE._replace(id="k2")).path != first.path
    assert summaries.keep(memory, ONE._replace(context="claude/x")).path != first.path


@pytest.mark.parametrize("one, kept", [
    (ONE._replace(instant=NOW - 31 * clock.DAY), False),
    (ONE._replace(instant=NOW - 29 * clock.DAY), True),
    (ONE._replace(content='INJECTED_CONTEXT_KNOWLEDGE\n{"pages":[]}\n'), False),
    (ONE._replace(content="  \n"), False), (ONE._replace(content="a\0b \ud800"), True),
    (ONE._replace(content="---\ntype: user\ntier: L1\n---\nNo."), True),
])  # fmt: skip
def test_what_is_worth_keeping(home, one, kept):
    written = summaries.keep(stores.memory(home), one)
    assert bool(written) is kept and len(pages(home)) == kept
    if written:  # whatever it says, it is a summary
        assert page_files.read_page(home, written.path).type == "compaction"


@pytest.mark.parametrize("one", [
    ONE._replace(context="../x"), ONE._replace(content="x" * (256 * 1024 + 1)),
])  # fmt: skip
def test_what_cannot_be_kept(home, one):
    with pytest.raises(BadData):
        summaries.keep(stores.memory(home), one)
    assert pages(home) == []


def test_one_that_aged_out_does_not_come_back(home):
    memory, late = stores.memory(home), NOW + 31 * clock.DAY
    path = summaries.keep(memory, ONE).path
    os.utime(home.path(path), (NOW / 1000, NOW / 1000))
    assert [each.path for each in forgetting.forget(memory._replace(now=lambda: late))] == [path]
    assert summaries.keep(memory, ONE) is None and pages(home) == []


def test_a_secret_in_one_is_kept_and_told(home):
    said: list[str] = []
    summaries.keep(stores.memory(home, said.append), ONE._replace(content="sk-" + "a" * 24))
    assert len(said) == 1 and "looks like a secret" in said[0] and len(pages(home)) == 1


def line(**more) -> str:
    keys = {"context": "pi/1", "id": "k", "timestamp": clock.to_text(NOW), "content": WORDS}
    return json.dumps({**keys, **more})


def test_lines_are_kept_and_found_and_a_bad_one_stops_no_other(home, command):
    """As an importer and a hook of Claude Code hand them on."""
    lines = [line(), line(), line(id=""), line(timestamp="x"), "[]", "{", line(id="k2")]
    data = "\n".join(lines).encode()
    now = ("--now", clock.to_text(NOW))
    out = command("mem-note", "--compaction", "--jsonl", *now, stdin=data, home=home, code=65)
    assert len(out.split()) == 2 and len(pages(home)) == 2
    found = command("mem-recall", "--knowledge", "--json", *now, "tokens or sessions?", home=home)
    hits = [json.loads(row) for row in found.splitlines()]
    assert {(hit["path"], hit["type"], hit["tier"]) for hit in hits} == {
        (path, "compaction", "L2") for path in pages(home)
    }


@pytest.mark.parametrize("tool", ["pi", "claude"])
def test_an_import_takes_them_without_being_asked(home, command, tmp_path, tool):
    stamp = clock.to_text(NOW)
    if tool == "pi":
        head = {"type": "session", "version": 3, "id": "s1", "timestamp": stamp, "cwd": "/x"}
        entry = {"type": "compaction", "id": "k", "timestamp": stamp, "summary": WORDS}
        left = {**entry, "type": "branch_summary", "id": "k2", "summary": f"Left: {WORDS}"}
        old = {**entry, "id": "k3", "timestamp": "2025-12-01T00:00:00Z"}
        rows = [head, entry, left, old]
    else:
        told = {"type": "user", "uuid": "u1", "timestamp": stamp, "sessionId": "s1"}
        said = {"isCompactSummary": True, "isVisibleInTranscriptOnly": True}
        message = {"role": "user", "content": [{"type": "text", "text": WORDS}]}
        rows = [{**told, **said, "message": message}]
    path = tmp_path / "s1.jsonl"
    files.replace(str(path), "".join(json.dumps(row) + "\n" for row in rows).encode())
    args = ("--from", tool, "--now", stamp, str(path))
    counts = command("mem-import", "--dry-run", *args, home=home).decode()
    assert f"summary\t{3 if tool == 'pi' else 1}" in counts and pages(home) == []
    for _ in range(2):
        assert command("mem-import", *args, home=home) == b""
        assert len(pages(home)) == (2 if tool == "pi" else 1)
    assert WORDS in files.read(home.path(pages(home)[0])).decode()
