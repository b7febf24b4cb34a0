"""Several machines have the memory: windows whose names never meet, one conversation of them."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.agent import turn_log
from plainmind.agent.turn_log import UserMessage
from plainmind.ground import clock, files
from plainmind.ground.paths import window_sort_key
from plainmind.truth import machines
from plainmind.truth.log import reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.machines import Machine
from scene import NOW, STAMP

pytestmark = pytest.mark.usefixtures("unsynced")

CONTEXT = "test/many"
LAPTOP, DESKTOP = Machine(1, "a" * 16, "laptop"), Machine(2, "b" * 16, "desktop")


def say(home, text: str, at: int = NOW) -> str:
    (written,) = Log(home).append(CONTEXT, [EventDraft(at, "user", text, {})], at)
    return os.path.basename(written.path)


def first_line(home, name: str) -> str:
    return files.read(home.path("logs", CONTEXT, name)).split(b"\n")[0].decode()


@given(
    steps=st.lists(st.tuples(st.integers(1, 4), st.integers(-3, 3)), min_size=1, max_size=400),
    first=st.sampled_from(["", f"{STAMP}.md", f"{STAMP}_0099.md", f"{STAMP}_99999.md"]),
)
def test_names_sort_after_all_there_are_and_say_whose_they_are(steps, first):
    names = [first] if first else []
    for number, seconds in steps:
        machine = Machine(number, "", "x")
        stamp = machine.name_window(
            clock.to_stamp(NOW + 1000 * seconds), names[-1] if names else ""
        )
        assert machine.owns(f"{stamp}.md") and machines.number_of(f"{stamp}.md") == number
        assert not names or window_sort_key(f"{stamp}.md") > window_sort_key(names[-1])
        names.append(f"{stamp}.md")


def test_a_hundred_windows_of_one_second_leave_the_machine_its_own_names():
    names = [f"{STAMP}.md"]
    for _ in range(250):
        names.append(f"{LAPTOP.name_window(STAMP, names[-1])}.md")
    assert len(set(names)) == 251 and all(map(LAPTOP.owns, names[1:]))


def test_a_machine_goes_on_in_a_window_of_its_own(home):
    before = say(home, "before there were two")
    machines.write(home, LAPTOP)
    first = say(home, "on the laptop", NOW + 2000)
    assert say(home, "more", NOW + 3000) == first != before
    machines.write(home, DESKTOP)
    second = say(home, "on the desktop", NOW + 4000)
    machines.write(home, LAPTOP)
    third = say(home, "on the laptop again", NOW + 5000)
    titles = [first_line(home, name) for name in (before, first, second, third)]
    assert titles == [
        f"# {CONTEXT} {STAMP}",
        f"# {CONTEXT} 20260130T142357Z_0100 on laptop, going on",
        f"# {CONTEXT} 20260130T142359Z_0200 on desktop, going on",
        f"# {CONTEXT} 20260130T142400Z_0100 on laptop, going on",
    ]
    assert [*verify.verify_windows(home, [])] == []


def test_the_title_is_part_of_the_chain(home):
    machines.write(home, LAPTOP)
    path = home.path("logs", CONTEXT, say(home, "mine"))
    data = files.read(path)
    for title in (b" on desktop, going on", b" on laptop", b""):
        with open(path, "wb") as file:
            file.write(data.replace(b" on laptop, going on", title))
        assert [found.code for found in verify.verify_windows(home, [])] == ["chain"]


def test_history_is_that_of_all_machines_by_time_since_the_last_new_window(home):
    machines.write(home, LAPTOP)
    say(home, "forgotten by mem-new")
    Log(home).start_window(CONTEXT, NOW + 1000)
    say(home, "one", NOW + 2000)
    machines.write(home, DESKTOP)
    say(home, "two", NOW + 3000)
    machines.write(home, LAPTOP)
    say(home, "four", NOW + 6000)
    path = reader.read_conversation(home, CONTEXT)[1].path
    machines.write(home, DESKTOP)  # it was offline, and had not seen the last one
    os.rename(home.path("logs", CONTEXT, last := home.list_windows(CONTEXT)[-1]), home.path("away"))
    say(home, "three", NOW + 5000)
    os.rename(home.path("away"), home.path("logs", CONTEXT, last))
    log = turn_log.read(home, CONTEXT, UserMessage("", {}), 1000)
    assert [event.content for event in log.history] == ["one", "two", "three", "four"]
    assert log.history[2].path == path and log.window.endswith(last)


def test_what_ids_are_there_is_known_of_every_machine(home):
    machines.write(home, LAPTOP)
    draft = EventDraft(NOW, "user", "once", {"id": "7"})
    (first,) = Log(home).append(CONTEXT, [draft], NOW)
    machines.write(home, DESKTOP)
    (again,) = Log(home).append(CONTEXT, [draft], NOW)
    assert (again.ref, again.fresh) == (first.ref, False)


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", '{"number":1}', '{"number":"1","id":"","host":""}', "[" * 100_000,
    '{"number":-1,"id":"","host":""}', '{"number":true,"id":"","host":""}',
])  # fmt: skip
def test_what_is_not_a_machine_is_none(home, text):
    files.replace(home.path(machines.PATH), text.encode())
    assert machines.read(home) == Machine()
    assert say(home, "x") == f"{STAMP}.md"


@pytest.mark.parametrize("name, host", [
    ("Ann's MacBook.local", "ann-s-macbook"), ("läptop", "l-ptop"), ("", "machine"),
    ("..", "machine"), ("a" * 99, "a" * 32), ("x\n## evil", "x-evil"),
])  # fmt: skip
def test_names_of_hosts_as_titles_have_them(home, name, host):
    assert machines.name_host(name) == host
    files.replace(
        home.path(machines.PATH), json.dumps({"number": 3, "id": "", "host": name}).encode()
    )
    assert first_line(home, say(home, "x")).endswith(f"Z_0300 on {host}, going on")
