"""A person saves the reminders file every few milliseconds, in place or by rename, while fired
lines are deleted.

Not one line of theirs is lost: it is in the file, or in a conflict file beside it. What they never
touched is what it was, byte for byte, and the link, the mode and the owner stay. The same check
sees lines being lost when the file is merely replaced. In which order their steps and ours follow
each other is the machine's affair here; test_interleaving has all orders.
"""

import os
import stat
import time
from itertools import count
from typing import NamedTuple

import pytest
from person import Person
from plainmind.formats.reminder import reminder
from plainmind.ground import files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Busy
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.memory.resident import writing
from plainmind.reminders import file
from plainmind.truth.resident import journal
from scene import THOROUGH

pytestmark = pytest.mark.usefixtures("unsynced")

LINES = 2400 if THOROUGH else 240  # of a person, while so many are deleted:
REST = 20
DELETIONS = LINES // REST
TOP = (
    "\ufeff# Mine\r\n- [ ] buy milk\r\n\ttabs\t \n"
    '- [x] date=2026-03-29 time=01:30 recur=none msg="a" id=x\n'
).encode() + b"\xff\x00\x85 \n"
END = b"no end"


def fired(n: int) -> bytes:
    return f'- [ ] date=2026-01-30 time=14:23 recur=none msg="fired {n}" id=rid_{n}\n'.encode()


def mine(n: int) -> bytes:
    return b"line %d of mine, saved as it was written\n" % n


def in_place(path: str, data: bytes) -> None:
    """As many an editor does: the file is empty for a moment, then half there."""
    with open(path, "wb", buffering=0) as opened:
        opened.write(data[: len(data) // 2])
        opened.write(data[len(data) // 2 :])


def by_rename(path: str, data: bytes) -> None:
    with open(path + "~", "wb") as opened:
        opened.write(data)
    os.chmod(path + "~", 0o640)
    os.rename(path + "~", path)


def edit(path: str, save, n: int) -> None:
    """The person: reads what is there, writes one more line of theirs, now and then a reminder, and
    saves; keeps nothing in mind, so that what is lost once stays lost."""
    there = files.read(path).removesuffix(END)
    save(path, there + mine(n) + (fired(n) if n % 3 == 0 else b"") + END)


class Outcome(NamedTuple):
    deleted: int
    refused: int
    lost: list[int]  # lines of theirs that are nowhere
    conflicts: int
    data: bytes


def race(path: str, save, delete, monkeypatch) -> Outcome:
    """Delete fired lines, one after another, until the person has saved all of theirs."""
    real = os.path.realpath(path)
    person = Person(lambda n: edit(real, save, n), LINES, REST)
    refused = 0

    def change() -> int:
        nonlocal refused
        try:
            return delete(person)
        except Busy:
            refused += 1
            return 0

    deleted = person.work_beside(change, monkeypatch)
    folder, name = os.path.split(real)
    beside = [other for other in os.listdir(folder) if other not in (name, "config.json")]
    assert [other for other in beside if "(conflict " not in other] == [], (
        "something was left lying about"
    )
    rows = {
        row
        for other in [name, *beside]
        for row in files.read(os.path.join(folder, other)).splitlines(keepends=True)
    }
    lost = [n for n in range(LINES) if mine(n) not in rows]
    return Outcome(deleted, refused, lost, len(beside), files.read(real))


def by_exchange(home, path: str) -> int:
    """As a scan deletes what it has fired: the first of them that still stands there."""
    gone: list[int] = []

    def change(data: bytes) -> bytes:
        found = [r for r in reminder.parse(data).reminders if r.msg.startswith("fired")][:1]
        gone[:] = [1] * len(found)
        return reminder.remove(data, found)

    done = file.edit(home, path, change)
    return len(gone) if done.identity else 0


def by_replacing(person: Person, path: str) -> int:
    """What must not be done: read, change, rename."""
    data = files.read(path)
    person.wait_for_save()
    with person.reading:  # else their next save brings back what this one loses
        files.replace(os.path.realpath(path), data, mode=0o640)
    return 1


@pytest.fixture
def path(home, tmp_path) -> str:
    """A link in the home to a file in a vault."""
    os.mkdir(home.root)
    vault = tmp_path / "a vault"
    vault.mkdir()
    (vault / "To do.md").write_bytes(TOP + END)
    (vault / "To do.md").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(vault / "To do.md", 1234, 5678)
    os.symlink(vault / "To do.md", home.path("reminders.md"))
    return home.path("reminders.md")


@pytest.mark.parametrize("save", [in_place, by_rename])
def test_no_line_of_a_person_is_lost(home, path, save, monkeypatch):
    owner = os.stat(path).st_uid, os.stat(path).st_gid
    outcome = race(path, save, lambda person: by_exchange(home, path), monkeypatch)
    print(
        f"{LINES} lines: {outcome.deleted} deletions, {outcome.refused} put off, "
        f"{outcome.conflicts} conflict files"
    )
    assert outcome.lost == [] and outcome.deleted >= DELETIONS
    assert outcome.data.startswith(TOP) and outcome.data.endswith(END)
    rows = outcome.data[len(TOP) : -len(END)].splitlines(keepends=True)
    theirs = [row for row in rows if row.startswith(b"line ")]
    written = range(LINES)
    assert theirs == [mine(n) for n in written if mine(n) in theirs], "out of order, or twice"
    assert set(rows) - set(theirs) <= {fired(n) for n in written}, (
        "a line that is neither theirs nor ours"
    )
    assert os.path.islink(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o640
    if save is in_place:  # else the last to save was the editor, with a file of its own
        assert (os.stat(path).st_uid, os.stat(path).st_gid) == owner


@pytest.mark.parametrize("save", [in_place, by_rename])
def test_an_index_that_a_person_edits_loses_nothing_to_a_flush(home, save, monkeypatch):
    """All of their lines are there, and no bullet of ours twice."""
    path = home.path("memory/MEMORY.md")
    os.makedirs(os.path.dirname(path))
    in_place(path, b"# Mine\n" + END)
    # what the person adds outgrows what goes into a prompt: that is not what refuses here
    in_place(home.path("memory/config.json"), b'{"strictWriteback": false}')
    memory = Memory(home, Environment(), Settings("", "", lambda name: ""), lambda: 0, str)
    numbers = count()

    def add(person: Person) -> int:
        if not journal.read(home).staged:  # put off: it is tried again
            writing.stage(memory, None, "global", f"ours {next(numbers)}")
        return len(writing.flush(memory).committed)

    outcome = race(path, save, add, monkeypatch)
    writing.flush(memory)
    assert outcome.lost == [] and outcome.deleted >= DELETIONS
    # who saves what they read before ours was there takes it out; nobody puts it in twice
    rows = [row for row in files.read(path).split(b"\n") if b"ours " in row]
    found = [row.split(b" (")[0] for row in rows]
    assert len(found) == len(set(found)), "twice"
    assert not journal.read(home).staged


@pytest.mark.parametrize("save", [in_place, by_rename])
def test_the_race_sees_lines_that_are_lost(home, path, save, monkeypatch):
    """The same with a file that is merely replaced: what was saved between the reading and the
    renaming is gone."""
    done: list[int] = []

    def replace_once(person: Person) -> int:
        time.sleep(0.001)
        done.append(1 if done else by_replacing(person, path))
        return 1

    assert race(path, save, replace_once, monkeypatch).lost
