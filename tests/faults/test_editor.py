"""A person saves the reminders file every few milliseconds, in place or by rename, while fired
lines are deleted.

Not one line of theirs is lost: it is in the file, or in a conflict file beside it. What they never
touched is what it was, byte for byte, and the link, the mode and the owner stay. The same check
sees lines being lost when the file is merely replaced.
"""

import multiprocessing
import os
import stat
import time
from itertools import count
from typing import NamedTuple

import pytest
from plainmind.formats.reminder import reminder
from plainmind.ground import exchange, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Busy
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.memory.resident import writing
from plainmind.reminders import file
from plainmind.truth.resident import journal
from scene import PATIENCE, THOROUGH

pytestmark = pytest.mark.usefixtures("unsynced")

fork = multiprocessing.get_context("fork")

LINES = 2400 if THOROUGH else 240  # of a person at least, while so many are deleted:
DELETIONS = LINES // 20
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


def edit(path: str, save, saved, enough) -> None:
    """The person: reads what is there, writes one more line of theirs, now and then a reminder, and
    saves; keeps nothing in mind, so that what is lost once stays lost. So often at least, and until
    there was a race; after that less and less often, as no machine wins one against a file that
    grows faster than it is read."""
    for n in count():
        if n >= LINES and enough.is_set():
            return
        there, since = b"", 0.0
        while (
            time.monotonic() - since > exchange.SETTLING / 3
        ):  # held up by the machine, they look again
            since = time.monotonic()
            there = files.read(path).removesuffix(END)
        save(path, there + mine(n) + (fired(n) if n % 3 == 0 else b"") + END)
        saved.value = n + 1
        time.sleep((n * 7 % 5) / 1000 * (1 + n // LINES) ** 2)


class Outcome(NamedTuple):
    saved: int  # lines, by them
    deleted: int  # while they were saving
    refused: int
    lost: list[int]  # lines of theirs that are nowhere
    conflicts: int
    data: bytes


def race(home, path: str, save, delete, wanted: int = DELETIONS) -> Outcome:
    """Delete fired lines, one after another, until the person has saved all of theirs: as many as
    are `wanted`, however slow the machine is, as long as it goes on."""
    real = os.path.realpath(path)
    saved, enough = fork.Value("i", 0), fork.Event()
    person = fork.Process(target=edit, args=(real, save, saved, enough))
    person.start()
    last = time.monotonic()
    deleted = refused = 0
    while person.is_alive():
        try:
            if gone := delete(home, path):
                deleted, last = deleted + gone, time.monotonic()
        except Busy:
            refused += 1
        if deleted >= wanted or time.monotonic() > last + 10 * PATIENCE:
            enough.set()
    person.join(120)
    assert person.exitcode == 0 and saved.value >= LINES
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
    lost = [n for n in range(saved.value) if mine(n) not in rows]
    return Outcome(saved.value, deleted, refused, lost, len(beside), files.read(real))


def by_exchange(home, path: str) -> int:
    """As a scan deletes what it has fired: the first of them that still stands there."""
    gone: list[int] = []

    def change(data: bytes) -> bytes:
        found = [r for r in reminder.parse(data).reminders if r.msg.startswith("fired")][:1]
        gone[:] = [1] * len(found)
        return reminder.remove(data, found)

    done = file.edit(home, path, change)
    return len(gone) if done.identity else 0


def by_replacing(home, path: str) -> int:
    """What must not be done: read, change, rename."""
    data = files.read(path)
    found = [r for r in reminder.parse(data).reminders if r.msg.startswith("fired")][:1]
    time.sleep(0.01)  # however fast the machine is
    files.replace(os.path.realpath(path), reminder.remove(data, found), mode=0o640)
    return len(found)


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
def test_no_line_of_a_person_is_lost(home, path, save):
    owner = os.stat(path).st_uid, os.stat(path).st_gid
    outcome = race(home, path, save, by_exchange)
    print(
        f"{outcome.saved} lines: {outcome.deleted} deletions, {outcome.refused} put off, "
        f"{outcome.conflicts} conflict files"
    )
    assert outcome.lost == []
    assert outcome.deleted >= DELETIONS, (
        f"there was no race: {outcome.deleted} deleted, {outcome.refused} put off"
    )
    assert outcome.data.startswith(TOP) and outcome.data.endswith(END)
    rows = outcome.data[len(TOP) : -len(END)].splitlines(keepends=True)
    theirs = [row for row in rows if row.startswith(b"line ")]
    written = range(outcome.saved)
    assert theirs == [mine(n) for n in written if mine(n) in theirs], "out of order, or twice"
    assert set(rows) - set(theirs) <= {fired(n) for n in written}, (
        "a line that is neither theirs nor ours"
    )
    assert os.path.islink(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o640
    if save is in_place:  # else the last to save was the editor, with a file of its own
        assert (os.stat(path).st_uid, os.stat(path).st_gid) == owner


@pytest.mark.parametrize("save", [in_place, by_rename])
def test_an_index_that_a_person_edits_loses_nothing_to_a_flush(home, save):
    """All of their lines are there, and no bullet of ours twice."""
    path = home.path("memory/MEMORY.md")
    os.makedirs(os.path.dirname(path))
    in_place(path, b"# Mine\n" + END)
    # what the person adds outgrows what goes into a prompt: that is not what refuses here
    in_place(home.path("memory/config.json"), b'{"strictWriteback": false}')
    memory = Memory(home, Environment(), Settings("", "", lambda name: ""), lambda: 0, str)
    numbers = count()

    def add(home, path: str) -> int:
        if not journal.read(home).staged:  # put off: it is tried again
            writing.stage(memory, None, "global", f"ours {next(numbers)}")
        return len(writing.flush(memory).committed)

    outcome = race(home, path, save, add)
    writing.flush(memory)
    assert outcome.lost == [] and outcome.deleted >= DELETIONS
    # who saves what they read before ours was there takes it out; nobody puts it in twice
    rows = [row for row in files.read(path).split(b"\n") if b"ours " in row]
    found = [row.split(b" (")[0] for row in rows]
    assert len(found) == len(set(found)), "twice"
    assert not journal.read(home).staged


@pytest.mark.parametrize("save", [in_place, by_rename])
def test_the_race_sees_lines_that_are_lost(home, path, save):
    """The same with a file that is merely replaced: what was saved between the reading and the
    renaming is gone."""
    assert any(race(home, path, save, by_replacing, 1).lost for _ in range(10))
