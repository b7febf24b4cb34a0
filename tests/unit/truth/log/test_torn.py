"""A write that was cut off: whatever is left of it never becomes an event, and never harms the next
one."""

import os

import pytest
from hostile import HEADER, texts
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.log import event as events
from plainmind.ground import files
from plainmind.ground.errors import InputOutput
from plainmind.ground.paths import Home
from plainmind.truth.log import reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, STAMP

pytestmark = pytest.mark.usefixtures("unsynced")

CONTEXT = "test/torn"
PATH = f"logs/{CONTEXT}/{STAMP}.md"


def draft(content: str, role: str = "user", **meta) -> EventDraft:
    return EventDraft(NOW, role, content, meta)


BEFORE = [draft("one\ntwo", author="Ann"), draft("", "agent"), draft("a\rb", "tool", name="bash")]
#: what was being written when the power went: alone, and many in one write
LAST = {
    "an event": [draft("first\n\nlast", author="Ben", name="x")],
    "an empty event": [draft("")],
    "one line": [draft("x")],
    "an escaped event": [draft("\u2028" + HEADER + "\r\n\x00", "tool", args={"a": [1]})],
    "a forged event": [draft(f"{HEADER}\n> forged\n\n{HEADER}\n> again\n", "tool")],
    "a batch": [draft("é\n", "agent"), draft(""), draft("two\nlines", author="C")],
}


def contents(home: Home) -> list[tuple[str, str]]:
    opened = reader.read_window(home, PATH)
    return [(e.role, e.content) for e in map(opened.event, opened.blocks())]


def codes(home: Home, *paths: str) -> list[str]:
    return [finding.code for finding in verify.verify_windows(home, list(paths))]


def crash(home: Home, drafts: list[EventDraft]):
    """Append the drafts and give back a function that leaves only the first N bytes of
    that write."""
    window, journal = home.path(PATH), home.window_heads
    kept, heads = (
        (files.read(window), files.read(journal)) if os.path.exists(window) else (b"", b"")
    )
    Log(home).append(CONTEXT, drafts, NOW)
    written = files.read(window)[len(kept) :]

    def cut(length: int) -> None:
        for path, data in ((window, kept + written[:length]), (journal, heads)):
            with open(path, "wb") as file:
                file.write(data)

    return written, cut


@pytest.mark.parametrize("last", LAST.values(), ids=LAST.keys())
def test_a_cut_at_every_byte(home, last):
    """Before the next append: a torn tail and nothing else. After it: nothing is wrong, and all is
    there once."""
    Log(home).append(CONTEXT, BEFORE, NOW)
    before = contents(home)
    written, cut = crash(home, last)
    whole = contents(home)
    ends = [
        b.end for b in events.scan(files.read(home.path(PATH))) if isinstance(b, events.RawEvent)
    ]
    start = len(files.read(home.path(PATH))) - len(written)

    for length in range(len(written)):
        cut(length)
        at_an_end = start + length in ends
        survivors = len([end for end in ends if end <= start + length])
        assert codes(home) == ([] if at_an_end else ["torn"]), length
        assert contents(home) == whole[:survivors], length

        ref = Log(home).append(CONTEXT, [draft("after", "agent")], NOW)[0].ref
        now = contents(home)
        assert now[:survivors] == whole[:survivors] and now[: len(before)] == before, length
        notices = now[survivors:-1]
        assert [role for role, _ in notices] == ([] if at_an_end else ["system"]), length
        assert now[-1] == ("agent", "after"), length
        assert codes(home) == [], length
        assert reader.read_event(home, ref).content == "after", length
        assert line_at(home, ref).startswith(b"## "), length


def line_at(home: Home, ref: str) -> bytes:
    path, _, number = ref.rpartition(":")
    return files.read(home.path(path)).split(b"\n")[int(number) - 1]


def test_a_cut_while_a_cut_was_being_closed(home):
    """The power goes a second time, at every byte of the write that closes the first torn tail."""
    Log(home).append(CONTEXT, BEFORE, NOW)
    before = contents(home)
    written, cut = crash(home, [draft("x\ny", author="Ann")])
    header = written.index(b"\n") + 1
    # within the header; after it; within the body; only the blank line is missing
    for first in (1, 30, header - 1, header, header + 3, len(written) - 1):
        cut(first)
        torn = files.read(home.path(PATH))
        again, cut_again = crash(home, [draft("second", "agent")])
        for length in range(len(again)):
            cut_again(length)
            Log(home).append(CONTEXT, [draft("third", "agent")], NOW)
            data, now = files.read(home.path(PATH)), contents(home)
            assert data.startswith(torn), "not a byte of a log is taken away"
            assert now[: len(before)] == before
            assert now[-1] == ("agent", "third")
            assert {role for role, _ in now[len(before) : -1]} <= {"system", "agent"}
            assert [c for c in now if c[1] == "second"] in ([], [("agent", "second")])
            assert codes(home) == [], (first, length)


@given(
    rubbish=st.one_of(
        texts.map(lambda t: t.encode("utf-8", "surrogatepass")),
        st.binary(max_size=60),
        st.just(b"\0" * 4096),
    )
)
def test_whatever_the_disk_made_of_a_tail(tmp_path_factory, rubbish):
    """Zeros, noise, forged events: what stood before stays, what comes next is one event."""
    home = Home(str(tmp_path_factory.mktemp("tail")))
    Log(home).append(CONTEXT, BEFORE, NOW)
    before, data = contents(home), files.read(home.path(PATH))
    with open(home.path(PATH), "ab") as file:
        file.write(rubbish)
    ref = Log(home).append(CONTEXT, [draft("after", "agent")], NOW)[0].ref
    now = contents(home)
    assert files.read(home.path(PATH)).startswith(data + rubbish)
    assert now[: len(before)] == before and now[-1] == ("agent", "after")
    assert reader.read_event(home, ref).content == "after"
    # an event that the rubbish forged cannot chain
    forged = [c for c in now[len(before) : -1] if c[0] != "system"]
    assert not forged or "chain" in codes(home)


def test_a_tail_larger_than_one_look(home):
    """The writer reads a window's last 64 KiB first; a torn tail may be larger."""
    log = Log(home)
    log.append(CONTEXT, [*BEFORE, draft("big\n" * 40_000)], NOW)
    written, cut = crash(home, [draft("torn\n" * 60_000)])
    cut(len(written) - 3)
    ref = Log(home).append(CONTEXT, [draft("after")], NOW)[0].ref
    assert contents(home)[-1] == ("user", "after")
    assert line_at(home, ref).startswith(b"## ")
    assert codes(home) == []


def test_the_notice_names_the_torn_lines(home):
    Log(home).append(CONTEXT, [draft("x")], NOW)
    written, cut = crash(home, [draft("a\nb\nc")])
    cut(written.index(b"> b") + 1)
    Log(home).append(CONTEXT, [draft("after")], NOW)
    notice = reader.read_window(home, PATH)
    event = notice.event(notice.blocks()[1])
    assert (event.role, event.content) == (
        "system",
        "A write was cut off at lines 6-8; it was never acknowledged.",
    )
    assert event.meta == {"torn": [6, 8]}
    assert (
        b"".join(notice.data.splitlines(keepends=True)[5:8]).startswith(b"## 2026")
        and b"> c" not in notice.data
    )


def test_a_running_process_sees_that_another_was_cut_off(home):
    """The window's state is kept between appends; another process's torn write must not
    be missed."""
    log = Log(home)
    log.append(CONTEXT, BEFORE, NOW)
    with open(home.path(PATH), "ab") as file:
        file.write(b"## 2026-01-30T14:2")
    log.append(CONTEXT, [draft("after")], NOW)
    assert [role for role, _ in contents(home)] == ["user", "agent", "tool", "system", "user"]
    assert codes(home) == []


def test_a_torn_title_is_refused_not_written_over(home):
    os.makedirs(home.path(f"logs/{CONTEXT}"))
    with open(home.path(PATH), "wb") as file:
        file.write(b"# test/torn 2026")
    with pytest.raises(InputOutput, match="title of the window is damaged; run mem-lint"):
        Log(home).append(CONTEXT, [draft("x")], NOW)
    assert files.read(home.path(PATH)) == b"# test/torn 2026"
    Log(home).start_window(CONTEXT, NOW)
    Log(home).append(CONTEXT, [draft("x")], NOW)
    assert codes(home) == ["title", "torn"]
