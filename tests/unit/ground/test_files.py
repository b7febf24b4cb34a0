"""Durable files: what fails leaves things as they were, and what a human saves is never lost."""

import errno
import fcntl
import multiprocessing
import os
import stat
import threading
import time
from glob import glob

import pytest
from plainmind.ground import anchored, exchange, file_states, files
from plainmind.ground.errors import Busy, InputOutput, NoInput, NotPermitted
from scene import PATIENCE

fork = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path) -> str:
    path = str(tmp_path / "file")
    with open(path, "wb") as file:
        file.write(b"old\n")
    return path


def fail(error: int):
    def failing(*_, **__):
        raise OSError(error, os.strerror(error))

    return failing


def names(path: str) -> list[str]:
    return os.listdir(os.path.dirname(path))


# ---- append


def test_append_gives_the_length_before(path):
    assert files.append(path, b"new\n") == 4
    assert files.read(path) == b"old\nnew\n"


def test_a_short_write_is_cut_back(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:2]))
    with pytest.raises(OSError) as failed:
        files.append(path, b"new\n")
    assert failed.value.errno == errno.ENOSPC
    assert files.read(path) == b"old\n"


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_failed_fsync_is_cut_back_and_not_tried_again(path, monkeypatch, error):
    calls = []
    monkeypatch.setattr(files, "sync", lambda fd: calls.append(fd) or fail(error)())
    with pytest.raises(OSError) as failed:
        files.append(path, b"new\n")
    assert failed.value.errno == error
    assert files.read(path) == b"old\n"
    assert len(calls) == 1


def test_what_a_human_appended_meanwhile_is_not_cut_off(path, monkeypatch):
    def a_human_appends_and_the_disk_fails(fd):
        with open(path, "ab") as file:
            file.write(b"theirs\n")
        fail(errno.EIO)()

    monkeypatch.setattr(files, "sync", a_human_appends_and_the_disk_fails)
    with pytest.raises(OSError):
        files.append(path, b"ours\n")
    assert files.read(path).endswith(b"theirs\n")


def test_append_follows_no_link(path):
    os.symlink(path, path + ".link")
    with pytest.raises(OSError):
        files.append(path + ".link", b"x")
    assert files.read(path) == b"old\n"


# ---- create and replace


CREATORS = pytest.mark.parametrize("create", [files.create, anchored.create])


@CREATORS
def test_create_never_writes_over(path, create):
    with pytest.raises(FileExistsError):
        create(path, b"new\n")
    assert files.read(path) == b"old\n" and names(path) == ["file"]


@CREATORS
@pytest.mark.parametrize("step", ["write", "link", "unlink", "fsync"])
def test_a_create_that_fails_leaves_nothing(tmp_path, monkeypatch, step, create):
    """A temporary file may stay when it cannot be removed; the name itself never is half made."""
    path = str(tmp_path / "folder" / "file")
    os.mkdir(os.path.dirname(path))
    if step == "fsync":
        monkeypatch.setattr(files, "sync", fail(errno.EIO))
    else:
        monkeypatch.setattr(os, step, fail(errno.EIO))
    with pytest.raises(OSError):
        create(path, b"new\n")
    monkeypatch.undo()
    assert [n for n in names(path) if not n.endswith(".tmp")] == (
        ["file"] if step == "unlink" else []
    )
    if step != "unlink":
        assert names(path) == []


@CREATORS
@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_create_where_a_file_has_one_name_only(tmp_path, monkeypatch, number, create):
    """As on FAT, and on many a mounted phone or cloud."""
    path = str(tmp_path / "file")
    monkeypatch.setattr(os, "link", fail(number))
    create(path, b"new\n")
    assert (
        files.read(path) == b"new\n"
        and names(path) == ["file"]
        and os.stat(path).st_mode & 0o777 == 0o600
    )
    with pytest.raises(FileExistsError):
        create(path, b"newer\n")
    assert files.read(path) == b"new\n" and names(path) == ["file"]
    os.unlink(path)
    monkeypatch.setattr(os, "rename", fail(errno.EIO))
    with pytest.raises(OSError):
        create(path, b"new\n")
    assert names(path) == []


@pytest.mark.parametrize("work", [files.append, files.create, anchored.create, files.replace])
def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch, work):
    path = str(tmp_path / "file")
    monkeypatch.setattr(os, "write", fail(errno.ENOSPC))
    with pytest.raises(OSError) as failed:
        work(path, b"new\n")
    assert str(files.to_failure(failed.value)) == f"{path}: no space left on device"


def test_folders_on_the_way_are_made_and_none_is_a_link(tmp_path):
    anchored.create(str(tmp_path / "a" / "b" / "file"), b"new\n", 0o640)
    assert files.read(str(tmp_path / "a" / "b" / "file")) == b"new\n"
    modes = [(tmp_path / part).stat().st_mode & 0o777 for part in ("a", "a/b", "a/b/file")]
    assert modes == [0o700, 0o700, 0o640]
    (tmp_path / "link").symlink_to("a")
    for part in ("link/file", "link/b/other"):
        with pytest.raises(OSError):
            anchored.create(str(tmp_path / part), b"new\n")
    assert os.listdir(tmp_path / "a") == ["b"] and os.listdir(tmp_path / "a" / "b") == ["file"]


def test_a_create_whose_folder_cannot_be_made_durable_is_taken_back(tmp_path, monkeypatch):
    path = str(tmp_path / "file")
    monkeypatch.setattr(files, "sync_with_parent", fail(errno.EIO))
    with pytest.raises(OSError):
        files.create(path, b"new\n")
    assert names(path) == []


def test_replace_is_all_or_nothing(path, monkeypatch):
    monkeypatch.setattr(os, "rename", fail(errno.EIO))
    with pytest.raises(OSError):
        files.replace(path, b"new\n")
    assert files.read(path) == b"old\n" and names(path) == ["file"]
    monkeypatch.undo()
    files.replace(path, b"new\n")
    assert files.read(path) == b"new\n" and names(path) == ["file"]


def test_what_a_person_names_and_is_not_a_file_is_written_to(tmp_path):
    """A trace to /dev/full, by root, once made a file of the device."""
    pipe, folder = str(tmp_path / "pipe"), str(tmp_path / "folder")
    os.mkfifo(pipe)
    os.mkdir(folder)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_out(pipe, b"new\n")
    assert os.read(reader, 100) == b"new\n" and stat.S_ISFIFO(os.stat(pipe).st_mode)
    os.close(reader)
    with pytest.raises(IsADirectoryError):
        files.write_out(folder, b"new\n")
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]
    files.replace(pipe, b"ours\n")  # and one of our own files is one again, whatever it became
    assert files.read(pipe) == b"ours\n" and os.listdir(tmp_path / "folder") == []


def test_what_a_killed_process_left_is_not_written_over(path):
    """It may be all that is left of a human's save; and a later process may have the
    same number."""
    left = os.path.join(os.path.dirname(path), f".file.{os.getpid()}-0.tmp")
    with open(left, "w") as file:
        file.write("a human's")
    files.replace(path, b"new\n")
    exchange.edit(path, lambda data: data + b"more\n")
    assert files.read(left) == b"a human's" and files.read(path) == b"new\nmore\n"
    assert sorted(names(path)) == sorted([os.path.basename(left), "file"])


def test_a_folder_that_takes_no_file_is_named_itself(path, monkeypatch):
    """Nobody knows the temporary file, which never was."""

    def refuse(name, flags, mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

    monkeypatch.setattr(files.os, "open", refuse)
    for write in (files.replace, files.create):
        with pytest.raises(PermissionError) as failed:
            write(path, b"new\n")
        assert failed.value.filename == os.path.dirname(path)


def test_folders_are_private_and_made_durable_in_their_parents(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        files, "sync_folder", lambda path: synced.append(os.path.relpath(path, tmp_path))
    )
    files.make_folder(str(tmp_path / "a" / "b" / "c"))
    assert synced == [".", "..", ".", "a", "a/b"]
    assert stat.S_IMODE(os.stat(tmp_path / "a" / "b").st_mode) == 0o700


def test_a_folder_where_a_file_is(path):
    with pytest.raises(OSError):
        files.make_folder(os.path.join(path, "below"))


# ---- lock


def hold(path: str, held, done) -> None:
    with files.lock(path):
        held.set()
        done.wait(30)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it is told to let go."""
    path, held, done = str(tmp_path / "lock"), fork.Event(), fork.Event()
    process = fork.Process(target=hold, args=(path, held, done))
    process.start()
    assert held.wait(30)
    yield path, done
    done.set()
    process.join(30)


def test_a_lock_that_is_held_is_busy_in_time(holder):
    path, _ = holder
    for wait in (0, 0.2):
        start = time.monotonic()
        with (
            pytest.raises(Busy, match="is held by another process; try again"),
            files.lock(path, wait),
        ):
            raise AssertionError
        assert wait <= time.monotonic() - start < PATIENCE


def test_a_lock_that_is_held_is_busy_in_a_thread_too(holder):
    path, _ = holder
    outcome = []

    def locking():
        try:
            with files.lock(path, 0.1):
                outcome.append("locked")
        except Busy:
            outcome.append("busy")

    thread = threading.Thread(target=locking)
    thread.start()
    thread.join(30)
    assert outcome == ["busy"]


def test_a_lock_is_had_as_soon_as_it_is_let_go(holder):
    path, done = holder
    threading.Timer(0.1, done.set).start()
    with files.lock(path, 30):
        pass


def test_a_lock_dies_with_its_process(tmp_path):
    path, held = str(tmp_path / "lock"), fork.Event()
    process = fork.Process(target=hold, args=(path, held, fork.Event()))
    process.start()
    assert held.wait(30)
    process.kill()
    process.join(30)
    with files.lock(path, 5):
        pass


def test_the_lock_s_alarm_does_not_stay(tmp_path):
    import signal

    before = signal.getsignal(signal.SIGALRM)
    with files.lock(str(tmp_path / "lock")):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_one_process_at_a_time(tmp_path):
    """Eight processes read, then write, a number 40 times each: a lost turn would be a lower
    number."""
    number, lock = str(tmp_path / "number"), str(tmp_path / "lock")
    files.replace(number, b"0")

    def count():
        for _ in range(40):
            with files.lock(lock, 60):
                value = int(files.read(number))
                with open(number, "wb") as file:
                    file.write(b"%d" % (value + 1))

    processes = [fork.Process(target=count) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert files.read(number) == b"320"


# ---- edit: a human may be saving at this moment


def save_in_place(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def save_by_rename(path: str, data: bytes) -> None:
    with open(path + ".swp", "wb") as file:
        file.write(data)
    os.rename(path + ".swp", path)


saves = pytest.mark.parametrize("save", [save_in_place, save_by_rename])


def test_an_edit_keeps_the_mode(path):
    os.chmod(path, 0o664)
    before = os.umask(0o077)
    try:
        exchange.edit(path, lambda data: data + b"ours\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o664 and names(path) == ["file"]


def test_an_edit_that_changes_nothing_touches_nothing(path):
    before = os.stat(path)
    exchange.edit(path, lambda data: data)
    assert os.stat(path) == before


def test_an_edit_of_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        exchange.edit(str(tmp_path / "none"), lambda data: b"x")


@saves
def test_a_save_while_the_change_is_made(path, save):
    """The change is made again on what they saved."""
    theirs = [b"theirs\n"]

    def change(data: bytes) -> bytes:
        if theirs:
            save(path, theirs.pop())
        return data + b"ours\n"

    exchange.edit(path, change)
    assert files.read(path) == b"theirs\nours\n" and names(path) == ["file"]


@saves
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_save_right_before_an_exchange(path, save, nth, monkeypatch):
    """Two saves: one that makes the edit go back, and one right before a later exchange."""
    swap, count = exchange.swap, []

    def exchanging(one, other):
        count.append(1)
        if len(count) == 1:
            save(other, b"first\n")
        if len(count) == nth:
            save(other, b"first\nsecond\n")
        return swap(one, other)

    monkeypatch.setattr(exchange, "swap", exchanging)
    exchange.edit(path, lambda data: data + b"ours\n")
    assert files.read(path) == b"first\nsecond\nours\n"
    assert names(path) == ["file"]


@pytest.mark.skipif(
    not hasattr(fcntl, "F_SETLEASE"), reason="only Linux tells whether a file is open for writing"
)
def test_a_save_that_is_under_way(path):
    """The editor has emptied the file and not yet written: what it will write must end up under the
    name."""
    editor = open(path, "wb")  # noqa: SIM115
    with pytest.raises(Busy, match="is being edited; try again"):
        exchange.edit(path, lambda data: data + b"ours\n")
    editor.write(b"theirs\n")
    editor.close()
    assert files.read(path) == b"theirs\n" and names(path) == ["file"]
    exchange.edit(path, lambda data: data + b"ours\n")
    assert files.read(path) == b"theirs\nours\n"


def human(path: str, save, rounds, stop) -> None:
    """Keeps all they ever wrote, and saves it over and over; reads what changed before
    most saves."""
    mine: list[bytes] = []
    while not stop.is_set():
        mine.append(b"human %d\n" % rounds.value)
        others = (
            []
            if rounds.value % 5 == 0
            else [row for row in read_rows(path) if not row.startswith(b"human")]
        )
        save(path, b"".join(mine + others))
        rounds.value += 1


def read_rows(path: str) -> list[bytes]:
    return files.read(path).splitlines(keepends=True)


@saves
def test_a_human_who_saves_all_the_time(path, save):
    """Whoever wins each race, every line of theirs is there at the end, once."""
    rounds, stop = fork.Value("i", 0), fork.Event()
    process = fork.Process(target=human, args=(path, save, rounds, stop))
    process.start()
    try:
        for attempt in range(60):  # and they save at least once between two of them
            before, row = rounds.value, b"ours %d\n" % attempt
            try:
                exchange.edit(path, lambda data, row=row: data + row)
            except (Busy, FileNotFoundError):
                pass
            while rounds.value == before and process.is_alive():
                stop.wait(0.001)
    finally:
        stop.set()
        process.join(60)
    assert process.exitcode == 0
    found = [row for row in read_rows(path) if row.startswith(b"human")]
    assert found == [b"human %d\n" % n for n in range(rounds.value)] and rounds.value >= 60
    assert [
        name for name in names(path) if name != "file" and not name.startswith("file (conflict ")
    ] == []


def conflicts(path: str) -> list[bytes]:
    folder = os.path.dirname(path)
    return [
        files.read(os.path.join(folder, name))
        for name in sorted(names(path))
        if name.startswith("file (conflict ")
    ]


@saves
@pytest.mark.parametrize(
    "second, kept",
    [(b"second\n", [b"first\n"]), (b"zero\nfirst\nsecond\n", []), (b"", [b"first\n"])],
)
def test_a_save_on_top_of_ours(path, save, second, kept, monkeypatch):
    """One save right before the exchange, one on what was put in its place: the newer one stays,
    and the older is kept beside it when it has a line that the newer has not."""
    swap, count = exchange.swap, []

    def exchanging(one, other):
        count.append(1)
        if len(count) <= 2:
            save(other, [b"first\n", second][len(count) - 1])
        return swap(one, other)

    monkeypatch.setattr(exchange, "swap", exchanging)
    edited = exchange.edit(path, lambda data: data + b"ours\n")
    assert files.read(path) == second + b"ours\n" and conflicts(path) == kept
    assert [files.read(name) for name in edited.conflicts] == kept and len(names(path)) == 1 + len(
        kept
    )
    assert edited.identity == file_states.identify(os.stat(path))


def test_conflicts_of_one_second_have_names_of_their_own(path, monkeypatch):
    monkeypatch.setattr(exchange.clock, "system_now", lambda: 1_769_783_035_120)
    for content in (b"a\n", b"b\n", b"c\n"):
        exchange._keep(content, path, [])
    assert sorted(names(path)) == [
        "file", "file (conflict 20260130T142355Z)", "file (conflict 20260130T142355Z-2)",
        "file (conflict 20260130T142355Z-3)",
    ]  # fmt: skip
    assert conflicts(path) == [b"a\n", b"b\n", b"c\n"]


def test_an_edit_writes_through_a_link(path):
    os.symlink(os.path.basename(path), path + ".link")
    os.symlink(path + ".link", path + ".again")
    exchange.edit(path + ".again", lambda data: data + b"ours\n")
    assert (
        os.path.islink(path + ".link")
        and os.path.islink(path + ".again")
        and not os.path.islink(path)
    )
    assert files.read(path) == b"old\nours\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_an_edit_keeps_the_owner(path):
    os.chown(path, 1234, 5678)
    os.chmod(path, 0o2664)
    exchange.edit(path, lambda data: data + b"ours\n")
    found = os.stat(path)
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 5678, 0o2664)


def test_an_owner_that_cannot_be_kept_is_not_taken_from_the_file(path, monkeypatch):
    monkeypatch.setattr(os, "fchown", fail(errno.EPERM))
    monkeypatch.setattr(
        os,
        "fstat",
        lambda fd, fstat=os.fstat: os.stat_result((*fstat(fd)[:4], 4321, *fstat(fd)[5:])),
    )
    with pytest.raises(
        NotPermitted, match="belongs to others, and would not any more; run as its owner"
    ):
        exchange.edit(path, lambda data: data + b"ours\n")
    monkeypatch.undo()
    assert files.read(path) == b"old\n" and names(path) == ["file"]


@pytest.mark.skipif(
    not hasattr(os, "setxattr"), reason="this system's Python has no extended attributes"
)
def test_an_edit_keeps_extended_attributes(path):
    try:
        os.setxattr(path, "user.tag", b"red")
    except OSError:
        pytest.skip("this file system has none")
    exchange.edit(path, lambda data: data + b"ours\n")
    assert os.getxattr(path, "user.tag") == b"red"


def dead() -> int:
    """The number of a process that has ended."""
    process = fork.Process(target=lambda: None)
    process.start()
    process.join(30)
    return process.pid


OLD, NEW = b"old\n", b"old\nours\n"


@pytest.mark.parametrize("in_place, left, kept", [
    (OLD, NEW, []),  # killed before the exchange
    (NEW, OLD, []),  # right after it
    (NEW, b"old\ntheirs\n", [b"old\ntheirs\n"]),  # their save had come out
    (b"old\ntheirs\n", NEW, []),  # put back already
    (b"old\ntheirs\nmore\n", b"old\ntheirs\n", []),  # put back, with a newer one
])  # fmt: skip
def test_what_a_killed_edit_left_is_recovered(path, in_place, left, kept):
    files.replace(path, in_place)
    folder = os.path.dirname(path)
    name = f".file.{dead()}-0.{exchange._digest(OLD)}-{exchange._digest(NEW)}.swap"
    files.replace(os.path.join(folder, name), left)
    files.replace(os.path.join(folder, f".file.{dead()}-3.tmp"), b"half a ch")
    exchange.recover(path)
    assert files.read(path) == in_place and conflicts(path) == kept
    assert len(names(path)) == 1 + len(kept)


LONG = "日" * 84 + ".md"  # 255 bytes


@pytest.mark.parametrize(
    "name", [LONG, "x" * 252 + ".md", "x" * 255], ids=["wide", "ending", "plain"]
)
def test_a_name_as_long_as_one_may_be(tmp_path, monkeypatch, name):
    """It was: the name of the file beside it was too long."""
    path = str(tmp_path / name)
    files.create(path, b"old\n")
    files.finish_creating(path)
    theirs, swap = [b"theirs\n", b"more\n"], exchange.swap
    monkeypatch.setattr(
        exchange,
        "swap",
        lambda *names: (theirs and files.replace(path, theirs.pop())) or swap(*names),
    )
    edited = exchange.edit(path, lambda data: data + b"ours\n")
    assert files.read(path) == b"theirs\nours\n" and [
        files.read(kept) for kept in edited.conflicts
    ] == [b"more\n"]
    assert (
        os.path.splitext(path)[1] == os.path.splitext(edited.conflicts[0])[1]
        and len(names(path)) == 2
    )
    assert exchange.remove(path, files.read(path)) and not os.path.exists(path)


def test_what_a_killed_edit_left_of_a_long_name_is_found_and_its_own(tmp_path):
    path, other = str(tmp_path / LONG), str(tmp_path / LONG.replace("日.md", "月.md"))
    for name in (path, other):
        files.replace(name, NEW)
    left = exchange._stage(path, OLD, b"theirs\n").replace(f".{os.getpid()}-", f".{dead()}-")
    os.rename(glob(os.path.join(tmp_path, ".*.swap"))[0], left)
    assert exchange.find_leftovers(str(tmp_path)) == [path]
    exchange.recover(other)
    assert os.path.exists(left)
    exchange.recover_all(str(tmp_path))
    assert sorted(names(path)) == sorted([LONG, os.path.basename(other)])


def test_what_a_killed_edit_left_of_a_file_that_is_gone(path):
    folder = os.path.dirname(path)
    os.unlink(path)
    files.replace(
        os.path.join(
            folder, f".file.{dead()}-0.{exchange._digest(OLD)}-{exchange._digest(NEW)}.swap"
        ),
        b"theirs\n",
    )
    exchange.recover(path)
    assert conflicts(path) == [b"theirs\n"] and len(names(path)) == 1


@pytest.mark.skipif(
    not hasattr(fcntl, "F_SETLEASE"), reason="only Linux tells whether a file is open for writing"
)
def test_no_line_is_looked_for_in_half_a_save(path):
    """The editor has emptied the file: a change that does not find its line there would say so to
    its caller."""
    seen = []
    editor = open(path, "r+b")  # noqa: SIM115
    editor.truncate()
    with pytest.raises(Busy):
        exchange.edit(path, lambda data: seen.append(data) or b"x")
    editor.close()
    assert seen == []


def test_a_file_system_without_attributes(path, monkeypatch):
    monkeypatch.setattr(os, "listxattr", fail(errno.ENOTSUP), raising=False)
    exchange.edit(path, lambda data: data + b"ours\n")
    assert files.read(path) == b"old\nours\n"


def test_what_a_running_edit_has_is_let_alone(path):
    folder = os.path.dirname(path)
    mine = [
        f".file.{os.getpid()}-0.{exchange._digest(OLD)}-{exchange._digest(NEW)}.swap",
        f".file.{os.getpid()}-1.tmp", ".file.swp", ".other.1-0.tmp", f".file.x{dead()}-0.tmp",
    ]  # fmt: skip
    for name in mine:
        files.replace(os.path.join(folder, name), NEW)
    exchange.recover(path)
    exchange.recover(os.path.join(folder, "no folder", "file"))
    assert sorted(names(path)) == sorted(["file", *mine])


def test_where_two_files_cannot_be_exchanged(path, monkeypatch):
    monkeypatch.setattr(exchange, "swap", lambda one, other: False)
    theirs = [b"theirs\n"]
    exchange.edit(
        path, lambda data: (theirs and save_in_place(path, theirs.pop())) or data + b"ours\n"
    )
    assert files.read(path) == b"theirs\nours\n" and names(path) == ["file"]


# ---- errors


@pytest.mark.parametrize(
    "error, kind",
    [
        (errno.ENOENT, NoInput), (errno.EACCES, NotPermitted), (errno.EPERM, NotPermitted),
        (errno.EIO, InputOutput), (errno.ENOSPC, InputOutput),
    ],
)  # fmt: skip
def test_the_system_s_errors_are_ours(error, kind):
    failure = files.to_failure(OSError(error, os.strerror(error), "/some/file"))
    assert type(failure) is kind and str(failure) == f"/some/file: {os.strerror(error).lower()}"


def test_lines_are_counted_and_the_end_is_kept(path):
    files.append(path, b"a\nb\nc")
    lines = [files.read_tail(path, end, 2) for end in (0, 3, 4, 6, 9, 99)]
    assert lines == [(0, b""), (0, b"ld"), (1, b"d\n"), (2, b"a\n"), (3, b"\nc"), (3, b"\nc")]
