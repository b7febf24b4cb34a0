"""Nothing rewrites a log, and a reader can prove it: every change to a window is a finding."""

import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.log import event as events
from plainmind.formats.log import window_heads
from plainmind.ground import files
from plainmind.ground.errors import BadData, NoInput, NotPermitted
from plainmind.ground.paths import Home
from plainmind.truth.log import heads, pinning, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, STAMP

pytestmark = pytest.mark.usefixtures("unsynced")

CONTEXT = "test/proof"
PATH = f"logs/{CONTEXT}/{STAMP}.md"
DRAFTS = [
    EventDraft(NOW, "user", "one\ntwo", {"author": "Ann"}), EventDraft(NOW + 1, "agent", "", {}),
    EventDraft(NOW + 2, "tool", "a\rb", {"name": "bash"}), EventDraft(NOW + 3, "user", "last", {}),
]  # fmt: skip


@pytest.fixture
def window(home) -> str:
    Log(home).append(CONTEXT, DRAFTS, NOW)
    return home.path(PATH)


def codes(home: Home, key: bytes = b"", *paths: str) -> list[str]:
    return [finding.code for finding in verify.verify_windows(home, list(paths), key)]


def put(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def test_what_was_written_is_right(home, window):
    assert codes(home) == []


def test_every_changed_byte_is_found(home, window):
    data = files.read(window)
    for at in range(len(data)):
        for byte in {b"0", b"x", b" ", b"\n", b">", bytes([data[at] ^ 1])} - {data[at : at + 1]}:
            put(window, data[:at] + byte + data[at + 1 :])
            assert codes(home), (at, byte)


def test_every_byte_put_in_or_taken_out_is_found(home, window):
    data = files.read(window)
    for at in range(len(data)):
        put(window, data[:at] + data[at + 1 :])
        assert codes(home), ("out", at)
        for byte in (b"0", b"\n", b" ", b">"):
            put(window, data[:at] + byte + data[at:])
            assert codes(home), ("in", at, byte)


@given(order=st.permutations(range(4)), length=st.integers(0, 4))
def test_events_that_were_swapped_or_removed_are_found(tmp_path_factory, order, length):
    home = Home(str(tmp_path_factory.mktemp("proof")))
    Log(home).append(CONTEXT, DRAFTS, NOW)
    data = files.read(home.path(PATH))
    blocks = [data[b.offset : b.end] for b in events.scan(data)]
    put(
        home.path(PATH),
        events.render_title(CONTEXT, STAMP) + b"".join(blocks[n] for n in order[:length]),
    )
    assert codes(home) == [] if list(order[:length]) == [0, 1, 2, 3] else codes(home) != []


def test_a_window_cut_at_an_event_shows_by_the_journal(home, window):
    """The chain of what is left is whole; only what was noted outside the window tells."""
    data = files.read(window)
    for block in events.scan(data):
        put(window, data[: block.offset])
        assert codes(home) == ["rollback"]


def test_an_older_copy_shows_and_goes_on_showing(home, window):
    """The next append must not hide that the window had been rolled back."""
    older = files.read(window)
    Log(home).append(CONTEXT, [EventDraft(NOW, "user", "gone", {})], NOW)
    put(window, older)
    assert codes(home) == ["rollback"]
    Log(home).append(CONTEXT, [EventDraft(NOW, "user", "instead", {})], NOW)
    assert codes(home) == ["rollback"]


def test_a_history_written_anew_shows_by_the_journal(home, window):
    """Every digest is right in itself; but it is not the one that was noted."""
    shutil.rmtree(home.logs)
    fresh = Home(home.root + "-forged")
    Log(fresh).append(CONTEXT, [*DRAFTS[:-1], EventDraft(NOW + 3, "user", "forged", {})], NOW)
    shutil.copytree(fresh.logs, home.logs)
    assert codes(home) == ["rollback"]


def test_a_window_that_is_gone(home, window):
    os.unlink(window)
    assert [(f.path, f.code) for f in verify.verify_windows(home, [])] == [(PATH, "missing")]


def test_a_window_under_another_name(home, window):
    os.rename(window, home.path(f"logs/{CONTEXT}/20270101T000000Z.md"))
    assert sorted(codes(home)) == ["chain", "missing", "title"]


def test_a_torn_write_is_named_with_its_lines(home, window):
    with open(window, "ab") as file:
        file.write(b"## 2026-01-30T14:23:55.120Z user n=2 h=000000000000\n> o")
    found = list(verify.verify_windows(home, []))
    assert [(f.line, f.code, f.message) for f in found] == [
        (15, "torn", "lines 15-16: a torn write; the next append closes it")
    ]


def test_lines_that_are_no_event_are_no_torn_write_when_events_follow(home, window):
    """Only the writer's own notice excuses a gap."""
    data = files.read(window)
    second = events.scan(data)[1].offset
    put(window, data[:second] + b"somebody wrote here\n\n" + data[second:])
    assert codes(home) == ["grammar", "rollback"]


@pytest.mark.parametrize("wrote, reads, found", [
    (b"", b"", []),
    (b"secret", b"secret", []),
    (b"secret", b"", ["chain"] * 4),
    (b"secret", b"other", ["chain"] * 4),
    (b"", b"secret", ["unkeyed"]),
], ids=["no key", "the key", "key missing", "wrong key", "key set later"])  # fmt: skip
def test_the_key(home, wrote, reads, found):
    Log(home, wrote).append(CONTEXT, DRAFTS, NOW)
    assert codes(home, reads) == found


def test_without_the_key_nobody_appends_unnoticed(home):
    Log(home, b"secret").append(CONTEXT, DRAFTS, NOW)
    Log(home, b"").append(CONTEXT, [EventDraft(NOW, "user", "forged", {})], NOW)
    Log(home, b"secret").append(CONTEXT, DRAFTS, NOW)
    assert [(f.line, f.code) for f in verify.verify_windows(home, [], b"secret")] == [
        (15, "unkeyed")
    ]


def test_named_windows_only(home, window):
    Log(home).append("test/other", DRAFTS, NOW)
    put(home.path(f"logs/test/other/{STAMP}.md"), b"rubbish")
    assert codes(home, b"", PATH) == []
    assert codes(home, b"", window) == []
    with pytest.raises(NoInput):
        codes(home, b"", f"logs/{CONTEXT}/20300101T000000Z.md")
    with pytest.raises(NotPermitted):
        codes(home, b"", "/etc/passwd")


def test_pins_that_point_nowhere(home, window):
    pinning.pin(home, reader.read_event(home, f"{PATH}:3"))
    with open(home.pins, "ab") as file:
        file.write(
            f"- {PATH}:900 gone\n- logs/../../etc/passwd.md:1\n- {PATH}:0 no line\n- "
            f"{PATH}:4 inside an event\n".encode()
        )
    assert [(f.line, f.code) for f in verify.verify_windows(home, [])] == [
        (4, "pin"), (5, "pin"), (6, "pin"),
    ]  # fmt: skip


def test_a_damaged_journal_stops_nothing(home, window):
    """Every whole line still counts; a path in it that leads outside is a window that
    is not there."""
    with open(home.window_heads, "ab") as file:
        file.write(
            b'{"window":"../../etc/passwd","size":1,"line":1,"h":"x"}\n[1]\n{"size":1e999}\n'
            + b"[" * 100_000
            + b'\n\xff\n{"window"'
        )
    assert codes(home) == ["missing"]
    Log(home).append(CONTEXT, DRAFTS, NOW)
    assert codes(home) == ["missing"]


def of_other(home: Home) -> bytes:
    """The last event of another context, as it stands there."""
    Log(home).append("test/other", [EventDraft(NOW + 9, "user", "theirs", {})], NOW)
    data = files.read(home.path(f"logs/test/other/{STAMP}.md"))
    return data[next(iter(events.scan(data))).offset :]


#: the edits by which agmi (agent-memory-integrity) judges a store, its T1 to T8, of a window's
#: title and its four events
EDITS = {
    "T1 content": lambda home, title, e: [title, e[0].replace(b"two", b"six"), *e[1:]],
    "T2 the end is cut off": lambda home, title, e: [title, *e[:3]],
    "T3 one is taken out": lambda home, title, e: [title, e[0], *e[2:]],
    "T4 two are swapped": lambda home, title, e: [title, e[1], e[0], *e[2:]],
    "T5 one is put in": lambda home, title, e: [title, e[0], e[0].replace(b"one", b"two"), *e[1:]],
    "T6 one of another context": lambda home, title, e: [title, *e, of_other(home)],
    "T7 an older state": lambda home, title, e: [title, *e[:2]],
    "T8 metadata": lambda home, title, e: [title, e[0].replace(b"Ann", b"Bob"), *e[1:]],
}


@pytest.mark.parametrize("key", [b"", b"secret"], ids=["no key", "key"])
@pytest.mark.parametrize("edit", EDITS)
def test_edits_by_which_stores_are_judged_are_found(home, edit, key):
    Log(home, key).append(CONTEXT, DRAFTS, NOW)
    data = files.read(home.path(PATH))
    blocks = [data[b.offset : b.end] for b in events.scan(data)]
    put(home.path(PATH), b"".join(EDITS[edit](home, events.render_title(CONTEXT, STAMP), blocks)))
    found = {(f.path, f.code) for f in verify.verify_windows(home, [], key)}
    assert (PATH, "rollback" if edit[:2] in ("T2", "T7") else "chain") in found


def test_a_home_that_is_set_back_as_a_whole_looks_whole(home, window):
    """T9, where nothing outside of the home is asked."""
    shutil.copytree(home.root, f"{home.root}-older")
    Log(home).append(CONTEXT, [EventDraft(NOW + 9, "user", "newer", {})], NOW)
    shutil.rmtree(home.root)
    os.rename(f"{home.root}-older", home.root)
    assert codes(home) == []


def test_heads_that_were_kept_elsewhere_tell_that_it_was_set_back(home, window, tmp_path):
    """T9, and with it nine of nine (bench/integrity.py has agmi itself make the edits)."""
    shutil.copytree(home.root, f"{home.root}-older")
    Log(home).append(CONTEXT, [EventDraft(NOW + 9, "user", "newer", {})], NOW)
    Log(home).append("test/new", [EventDraft(NOW + 9, "user", "newer", {})], NOW)
    kept = tmp_path / "heads"
    kept.write_bytes(b"".join(map(window_heads.render, heads.read_heads(home))))
    assert list(heads.compare(home, heads.read_kept(str(kept)))) == []
    shutil.rmtree(home.root)
    os.rename(f"{home.root}-older", home.root)
    found = list(heads.compare(home, heads.read_kept(str(kept))))
    assert [(one.path.split("/")[2], one.code) for one in found] == [
        ("new", "rollback"), ("proof", "rollback"),
    ]  # fmt: skip
    kept.write_bytes(b"not heads")
    with pytest.raises(BadData, match="no digests of windows"):
        heads.read_kept(str(kept))
