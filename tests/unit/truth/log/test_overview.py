"""mem-log: what the files hold, against reading all of them; and what comes, each event once."""

import os
import random
import signal
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.log import event as events
from plainmind.ground import clock, file_states, files
from plainmind.ground.errors import NoInput
from plainmind.ground.paths import Home, is_within
from plainmind.truth.log import overview, reader, window_notes
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT

pytestmark = pytest.mark.usefixtures("unsynced")

ROLES = ("user", "agent", "tool", "system")
CONTEXTS = ("cli/a", "cli/b", "note/a")


def draft(rnd, number):
    at = NOW + number * 1000 + rnd.choice((0, 0, 0, -5_000_000, 500))
    body = rnd.choice(
        ["", f"word {number}", f"## 2026 user n=1\n\n> {number}", "x" * 9000, "é\n" * 40]
    )
    return EventDraft(at, rnd.choice(ROLES), body, {"author": "Ann"} if rnd.random() < 0.5 else {})


def tear(home, context, rnd):
    """Leave the beginning of an event at the end of the current window, as a crash does."""
    window = home.current_window(context)
    whole = events.render("0" * 12, NOW, "user", "torn\n\nto pieces")[0]
    if window:
        with open(home.path(window), "ab") as file:
            file.write(whole[: rnd.randrange(1, len(whole) - 1)])


def fill(home, rnd, count):
    log = Log(home)
    for number in range(count):
        context = rnd.choice(CONTEXTS)
        match rnd.randrange(10):
            case 0:
                log.start_window(context, NOW + number * 1000)
            case 1:
                tear(home, context, rnd)
                log = Log(home)
            case _:
                log.append(context, [draft(rnd, number)], NOW + number * 1000)


def read_all(home, wanted=None):
    """Every event, by window."""
    windows = (reader.read_window(home, path) for path in reader.list_windows(home, wanted))
    return {opened.path: [opened.event(b) for b in opened.blocks()] for opened in windows}


def in_order(windows):
    """By time, but never before one that stands before it in its window."""
    keyed = [
        (min(later.timestamp for later in window[place:]), event.path, event.line, event)
        for window in windows for place, event in enumerate(window)
    ]  # fmt: skip
    return [event for *_, event in sorted(keyed, key=lambda one: one[:3])]


@given(st.integers(0, 10**6), st.integers(0, 25), st.integers(0, 9), st.booleans())
def test_what_there_is_and_what_was_last(tmp_path_factory, seed, count, most, noted):
    """Also with what was noted of windows before some of them grew."""
    home, rnd = Home(str(tmp_path_factory.mktemp("home"))), random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_notes, "LEAST", 0 if noted else 10**6)
        patch.setattr(file_states, "UNSETTLED", -(10**12))
        fill(home, rnd, count)
        overview.list_contexts(home, None)
        fill(home, rnd, rnd.choice([0, 3]))
        for _ in range(1 + noted):
            check_what_there_is(home, rnd, most)


def check_what_there_is(home, rnd, most):
    everything = read_all(home)
    shown = overview.list_contexts(home, None)
    assert [one.time for one in shown] == sorted((one.time for one in shown), reverse=True)
    assert {one.context for one in shown} == {reader.context_of(path) for path in everything}
    for one in shown:
        windows = {p: all for p, all in everything.items() if reader.context_of(p) == one.context}
        assert (one.windows, one.events) == (len(windows), sum(map(len, windows.values())))
        assert one.path == home.current_window(one.context)
        assert one.last == ([e for all in windows.values() for e in all] or [None])[-1]
        for row in overview.list_windows(home, one.context):
            all = everything[row.path]
            assert (row.events, row.last) == (len(all), all[-1] if all else None)
    wanted = rnd.choice((None, "cli", "note/a"))
    role = rnd.choice((None, "user"))
    sizes = overview.list_sizes(home, wanted)
    chosen = {
        path: [event for event in all if role in (None, event.role)]
        for path, all in everything.items() if is_within(reader.context_of(path), wanted)
    }  # fmt: skip
    selects = lambda block: role in (None, block.role)
    found = overview.read_latest(home, sizes, most, "", selects)
    everyone = in_order(chosen.values())
    assert found == everyone[max(0, len(everyone) - most) :]
    assert overview.read_latest(home, sizes, None, "", selects) == everyone
    since = clock.to_text(NOW + rnd.randrange(25) * 1000)
    late = [[event for event in all if event.timestamp >= since] for all in chosen.values()]
    allows = lambda block: selects(block) and block.timestamp >= since
    assert overview.read_latest(home, sizes, None, since, allows) == in_order(late)
    assert overview.read_latest(home, sizes, 3, since, allows) == in_order(late)[-3:]
    early = [[event for event in all if event.timestamp <= since] for all in chosen.values()]
    allows = lambda block: selects(block) and block.timestamp <= since
    assert (
        overview.read_latest(home, sizes, most, "", allows, since)
        == in_order(early)[max(0, sum(map(len, early)) - most) :]
    )


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(1, 40))
def test_what_comes_is_shown_once_and_whole(tmp_path_factory, seed, before, steps):
    """Windows are rolled, contexts begun, writes torn, the journal lost, a file exchanged, cut."""
    home, rnd = Home(str(tmp_path_factory.mktemp("home"))), random.Random(seed)
    fill(home, rnd, before)
    old = {event for all in read_all(home, "cli").values() for event in map(key, all)}
    follower = overview.Follower(home, "cli", overview.list_sizes(home, "cli"), lambda block: True)
    log, seen = Log(home), []
    for number in range(100, 100 + steps):
        context = rnd.choice(CONTEXTS)
        match rnd.randrange(12):
            case 0:
                log.start_window(context, NOW + number * 1000)
            case 1:
                tear(home, context, rnd)
                log = Log(home)
            case 2 if os.path.exists(home.window_heads):
                os.unlink(home.window_heads)
            case 3 if path := home.current_window(context):
                files.replace(home.path(path), files.read(home.path(path)))
            case 4 | 5:
                seen += follower.read_new()
            case 6 if path := home.current_window(context):  # cut, and restored
                whole = files.read(home.path(path))
                os.truncate(home.path(path), rnd.choice([0, len(whole) // 2]))
                follower._look_again = 0.0
                seen += follower.read_new()
                with open(home.path(path), "r+b") as file:
                    file.write(whole)
            case _:
                drafts = [draft(rnd, number) for _ in range(rnd.randrange(1, 3))]
                log.append(context, drafts, NOW + number * 1000)
    follower._look_again = 0.0  # what a pause of a second would do
    seen += follower.read_new()
    new = [e for all in read_all(home, "cli").values() for e in all if key(e) not in old]
    assert sorted(seen, key=key) == sorted(new, key=key)
    for path in {event.path for event in seen}:
        lines = [event.line for event in seen if event.path == path]
        assert sorted(lines) == lines


def key(event):
    return event.path, event.line


def test_a_poll_looks_at_no_window_that_did_not_grow(tmp_path, monkeypatch):
    home = Home(str(tmp_path))
    fill(home, random.Random(1), 20)
    follower = overview.Follower(home, None, overview.list_sizes(home, None), lambda block: True)
    assert follower.read_new() == []
    opened = []
    monkeypatch.setattr(reader, "list_windows", lambda *_: opened.append("all") or [])
    monkeypatch.setattr(
        files, "read", lambda path, *_, real=files.read: opened.append(path) or real(path, *_)
    )
    follower._look_again = clock.monotonic() + 60
    assert follower.read_new() == [] and opened == []
    Log(home).append("cli/a", [draft(random.Random(2), 1)], NOW)
    assert len(follower.read_new()) == 1
    assert {home.window_heads, home.path(home.current_window("cli/a"))} >= set(opened[-2:])


def test_the_last_events_are_read_from_the_ends(tmp_path, monkeypatch):
    """Of a large log, the ends of its windows, and all of those few that hold them."""
    home, log = Home(str(tmp_path)), Log(Home(str(tmp_path)))
    for number in range(60):
        drafts = [EventDraft(NOW + number * 1000 + n, "user", "word " * 40, {}) for n in range(100)]
        log.append(f"cli/{number}", drafts, NOW)
    read = []
    monkeypatch.setattr(
        files, "read", lambda *a, real=files.read: read.append(real(*a)) or read[-1]
    )
    sizes = overview.list_sizes(home, None)
    assert len(overview.read_latest(home, sizes, 20, "", lambda block: True)) == 20
    assert sum(map(len, read)) < sum(sizes.values()) / 4


def test_of_many_windows_those_are_read_that_changed_or_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(file_states, "UNSETTLED", -(10**12))
    home, log, hour = Home(str(tmp_path)), Log(Home(str(tmp_path))), 3_600_000
    for number in range(120):
        at = NOW + number * hour
        log.start_window("cli/a", at)
        log.append("cli/a", [EventDraft(at + n, "user", "word " * 9, {}) for n in range(20)], at)
    read: list[str] = []
    real = files.read
    monkeypatch.setattr(files, "read", lambda path, *a: read.append(path) or real(path, *a))
    first = overview.list_contexts(home, None)
    assert len({*read}) >= 120

    def look(since, until, count):
        read.clear()
        lower, upper, selects = overview.select(since, until, None)
        sizes = overview.list_sizes(home, None)
        found = overview.read_latest(home, sizes, count, lower, selects, upper)
        return len(found), len({path for path in read if path.endswith(".md")})

    assert look(None, None, 30) == (30, 2)
    assert look(NOW + 118 * hour, None, None) == (40, 2)
    assert look(None, NOW + 5 * hour + 10, 3) == (3, 1)
    log.append("cli/a", [EventDraft(NOW + 200 * hour, "user", "more", {})], NOW + 200 * hour)
    assert look(NOW + 119 * hour, None, None) == (21, 1)
    read.clear()
    (now,) = overview.list_contexts(home, None)
    assert len({path for path in read if path.endswith(".md")}) == 1
    assert now.events == first[0].events + 1 and now.last.content == "more"
    with open(home.path("index/windows.json"), "r+b") as file:
        file.write(b"x")  # damaged: made again
    assert overview.list_contexts(home, None) == [now]


def test_a_window_with_another_name_than_a_time(tmp_path):
    home = Home(str(tmp_path))
    fill(home, random.Random(3), 20)
    before = overview.list_contexts(home, None)
    files.replace(home.path("logs/cli/x/99999999T999999Z.md"), b"x")
    *others, strange = overview.list_contexts(home, None)
    assert others == before
    assert strange.row("cli/x", 1, 0) == "cli/x\t1\t0" and strange.time == ""


def test_a_context_that_is_not_there(tmp_path):
    home = Home(str(tmp_path))
    fill(home, random.Random(3), 20)
    overview.check_there(home, "cli")
    overview.check_there(home, None)
    for wanted, what in (("cli/nosuch", "context"), ("tui", "surface")):
        with pytest.raises(NoInput, match=f"no such {what}: '{wanted}'; see 'mem-log'"):
            overview.check_there(home, wanted)


@pytest.mark.parametrize("how, code, given", [
    ("interrupted", 130, ["-n", "1"]), ("closed", 0, ["-n", "0", "note"]),
])  # fmt: skip
def test_following_ends_quietly(tmp_path, how, code, given):
    home = Home(str(tmp_path))
    log = Log(home)
    log.append("cli/a", [EventDraft(NOW, "user", "before", {})], NOW)
    env = {"PATH": os.environ["PATH"], "MIND_HOME": str(tmp_path)}
    with subprocess.Popen(
        [f"{ROOT}/bin/mem-log", "-f", *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    ) as ended:
        if how == "closed":  # nothing was printed before, and it is said what is waited for
            waits = b"mem-log: no such surface yet: 'note'; waiting for it\n"
            assert ended.stderr.readline() == waits
        else:
            assert b"before" in ended.stdout.readline()
        log.append("note/b", [EventDraft(NOW, "tool", "after", {})], NOW)
        assert b"tool: after" in ended.stdout.readline()
        if how == "closed":
            ended.stdout.close()
        else:
            ended.send_signal(signal.SIGINT)
        assert ended.wait(20) == code and ended.stderr.read().strip() == b""
