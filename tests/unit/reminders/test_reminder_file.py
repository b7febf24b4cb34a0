"""The reminders file on disk: where it is, a read that holds still, changes that lose nothing."""

import math
import os
import time

import pytest
from plainmind.ground import clock, file_states, files, regular
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Busy, Misconfigured, NoInput
from plainmind.reminders import file

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def path(home) -> str:
    os.mkdir(home.root)
    files.replace(home.path("reminders.md"), b"mine\n")
    return home.path("reminders.md")


@pytest.mark.parametrize("given, expected", [
    ("", "HOME/reminders.md"), ("/vault/To do.md", "/vault/To do.md"),
    ("vault/r.md", "HOME/vault/r.md"), ("~/vault/r.md", "/users/ann/vault/r.md"),
])  # fmt: skip
def test_where_it_is(home, monkeypatch, given, expected):
    monkeypatch.setenv("REMINDERS_FILE", given)
    monkeypatch.setenv("HOME", "/users/ann")
    assert file.locate(home, Environment()) == expected.replace("HOME", home.root)


def test_a_home_s_env_file_may_say_where_it_is(home):
    os.mkdir(home.root)
    files.replace(home.path(".env"), b'REMINDERS_FILE="/a vault/r.md"\n')
    assert file.locate(home, Environment(home.root)) == "/a vault/r.md"


# ---- a stable read


@pytest.fixture
def quick(monkeypatch):
    """Pauses that do something instead of waiting; the list of what they are to do."""
    steps: list = []
    monkeypatch.setattr(clock, "sleep", lambda seconds: steps.pop(0)() if steps else None)
    return steps


def test_a_read_tells_what_it_read(path):
    snapshot = file.read_stable(path)
    assert snapshot == (b"mine\n", file_states.identify(os.stat(path)))


def changing(monkeypatch, path, *saves):
    """Each read is followed by the next of these saves, before the second look at the file."""
    left, stat = list(saves), os.stat

    def looking(name, *more, **options):
        if name == path and looking.opened and left:
            left.pop(0)()
            looking.opened = False
        return stat(name, *more, **options)

    looking.opened = False
    fstat = os.fstat

    def opened(fd):
        looking.opened = True
        return fstat(fd)

    monkeypatch.setattr(os, "stat", looking)
    monkeypatch.setattr(os, "fstat", opened)
    return left


def append(path, data):
    with open(path, "ab") as opened:
        opened.write(data)


def touch_later(path):
    os.utime(path, ns=(0, os.lstat(path).st_mtime_ns + 1_000_000))


@pytest.mark.parametrize("save, expected", [
    (lambda path: append(path, b"more\n"), b"mine\nmore\n"),
    (lambda path: files.replace(path, b"new!\n"), b"new!\n"),
    (touch_later, b"mine\n"),
], ids=["in place", "by rename", "the same size"])  # fmt: skip
def test_a_save_during_the_read_is_read_again(path, quick, monkeypatch, save, expected):
    left = changing(monkeypatch, path, lambda: save(path))
    assert file.read_stable(path).data == expected and left == []


def test_a_file_that_never_holds_still_is_busy(path, quick, monkeypatch):
    changing(monkeypatch, path, *[lambda: append(path, b"x")] * file.ATTEMPTS)
    with pytest.raises(Busy, match=r"reminders.md: it is being written; try again"):
        file.read_stable(path)


def test_a_file_that_comes_back_in_time_was_being_saved(path, quick):
    os.rename(path, path + ".kept")
    quick += [lambda: None, lambda: os.rename(path + ".kept", path)]
    assert file.read_stable(path).data == b"mine\n"


def test_no_file_is_said_with_a_cure(home, quick):
    with pytest.raises(
        NoInput,
        match=r"reminders.md: no such file; add a reminder with remind-add, or set REMINDERS_FILE",
    ):
        file.read_stable(home.path("reminders.md"))


def test_what_is_no_file_is_not_waited_for(home, path):
    os.mkfifo(path + ".pipe")
    for name in (path + ".pipe", os.path.dirname(path)):
        with pytest.raises(
            Misconfigured, match="not a file; let REMINDERS_FILE name a markdown file"
        ):
            file.read_stable(name)
        with pytest.raises(Misconfigured, match="not a file"):
            file.edit(home, name, lambda data: data + b"ours\n")


# ---- changes


def test_a_change(home, path):
    edited = file.edit(home, path, lambda data: data + b"ours\n")
    assert files.read(path) == b"mine\nours\n" and edited.conflicts == []
    assert edited.identity == file.read_stable(path).identity


def test_a_dry_run_writes_nothing(home, path):
    before, seen = os.stat(path), []
    file.edit(home, path, lambda data: seen.append(data) or b"changed", dry_run=True)
    file.edit(home, path + ".none", lambda data: seen.append(data) or b"changed", dry_run=True)
    assert seen == [b"mine\n", b""] and os.stat(path) == before
    assert os.listdir(home.root) == ["reminders.md"]  # not even a lock


def test_a_file_that_is_not_there_is_made(home):
    edited = file.edit(home, home.path("reminders.md"), lambda data: data + b"ours\n")
    found = os.stat(home.path("reminders.md"))
    assert files.read(home.path("reminders.md")) == b"ours\n" and found.st_mode & 0o777 == 0o600
    assert edited.identity == file_states.identify(found)
    assert file.edit(home, home.path("other.md"), lambda data: data).identity is None
    assert not os.path.exists(home.path("other.md"))


def test_a_link_that_leads_nowhere_yet_is_followed(home, tmp_path):
    os.mkdir(home.root)
    os.symlink(str(tmp_path / "vault.md"), home.path("reminders.md"))
    file.edit(home, home.path("reminders.md"), lambda data: data + b"ours\n")
    assert (tmp_path / "vault.md").read_bytes() == b"ours\n"
    assert os.path.islink(home.path("reminders.md"))


def test_a_vault_that_is_not_mounted_is_not_made_up(home, tmp_path):
    with pytest.raises(
        NoInput, match="vault: no such folder; mount or make it, or fix REMINDERS_FILE"
    ):
        file.edit(home, str(tmp_path / "vault" / "r.md"), lambda data: data + b"ours\n")
    assert not (tmp_path / "vault").exists()


def test_a_dry_run_sees_it_too(home, tmp_path):
    with pytest.raises(
        NoInput, match="vault: no such folder; mount or make it, or fix REMINDERS_FILE"
    ):
        file.edit(
            home, str(tmp_path / "vault" / "r.md"), lambda data: data + b"ours\n", dry_run=True
        )
    file.edit(home, home.path("reminders.md"), lambda data: data + b"ours\n", dry_run=True)
    assert not os.path.exists(home.root)


def test_one_that_a_backup_gave_another_name_is_changed(home):
    path = home.path("reminders.md")
    os.makedirs(home.root)
    with open(path, "wb") as made:
        made.write(b"one\n")
    os.link(path, home.path("backup"))
    regular.guard(home.root)
    file.edit(home, path, lambda data: data + b"two\n")
    assert files.read(path) == b"one\ntwo\n" and files.read(home.path("backup")) == b"one\n"


def test_somebody_else_makes_it_first(home):
    os.mkdir(home.root)
    path = home.path("reminders.md")

    def change(data: bytes) -> bytes:
        if not os.path.exists(path):
            files.replace(path, b"theirs\n")
        return data + b"ours\n"

    file.edit(home, path, change)
    assert files.read(path) == b"theirs\nours\n"


def test_changes_of_ours_wait_for_each_other(home, path, monkeypatch):
    flock = files._flock
    monkeypatch.setattr(files, "_flock", lambda fd, kind, wait, bounded: flock(fd, kind, 0, True))
    with files.lock(home.lock), pytest.raises(Busy, match="is held by another process"):
        file.edit(home, path, lambda data: data + b"ours\n")
    assert files.read(path) == b"mine\n"


# ---- whose change it was


def test_the_age_of_a_foreign_edit(path, home):
    assert 0 <= file.foreign_edit_age(path, None) < 5
    ours = file.edit(home, path, lambda data: data + b"ours\n").identity
    assert file.foreign_edit_age(path, ours) == math.inf
    append(path, b"theirs\n")
    assert 0 <= file.foreign_edit_age(path, ours) < 5


def test_a_synchroniser_that_sets_the_time_of_yesterday_was_here_now(path):
    yesterday = time.time() - 86_400
    os.utime(path, (yesterday, yesterday))
    assert file.foreign_edit_age(path, None) < 5
