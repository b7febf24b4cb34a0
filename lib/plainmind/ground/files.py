"""Durable files: append, replace, exchange, lock. What returned is on disk.

Owns every write of the suite to a file that holds truth. Refuses to know what is written.
A failed fsync is reported and never retried: the kernel has already dropped the dirty pages,
so a second fsync that succeeds would prove nothing.
"""

import errno
import fcntl
import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from . import clock
from .errors import Busy, Failure, InputOutput, NoInput, NotPermitted

LOCK_WAIT = 5.0  # seconds
PAUSE = 0.01  # seconds before an edit is tried again
SETTLING = 0.03  # seconds in which a program that has read a file saves it

#: the end of a temporary file's name: whose it is, and of an edit the digests of what was read and what was made
_LEFT = re.compile(r"(\d+)-\d+\.(?:tmp|([0-9a-f]{16})-([0-9a-f]{16})\.swap)")


def sync(fd: int) -> None:
    """fsync that means it: macOS's own fsync leaves data in the drive's cache."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
        except OSError:  # not every file system has it
            pass
    os.fsync(fd)


def sync_path(path: str) -> None:
    """Make durable what a file or a folder holds, whoever wrote it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync(fd)
    finally:
        _close(fd)


def sync_folder(path: str) -> None:
    sync_path(path)


def settle(folder: str) -> None:
    """Make a folder's entries durable, and the folder itself.

    Whoever made it may have been killed before that. Every folder is made durable before the next
    is made in it, so this can be missing for one folder only.
    """
    sync_folder(folder)
    try:
        sync_folder(os.path.dirname(folder))
    except PermissionError:  # above the home: not ours, and not made by us
        pass


def make_folder(path: str) -> None:
    """The folder and its parents, mode 0700, each made durable in its parent."""
    missing = []
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    if missing:
        settle(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
            continue
        sync_folder(os.path.dirname(folder))


@contextmanager
def lock(path: str, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Hold the exclusive lock of `path`, a file nothing else is ever done with.

    Waits in the kernel's queue, which is fair, at most `wait` seconds; then Busy. A lock file is never
    removed or replaced: flock on a file that can be renamed away protects nothing.
    """
    make_folder(os.path.dirname(path))
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _flock(fd, wait):
            raise Busy(f"'{path}' is held by another process", cure="try again")
        yield
    finally:
        _close(fd)


class _TimeIsUp(Exception):
    pass


def _flock(fd: int, wait: float) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        if wait <= 0:
            return False
    if threading.current_thread() is not threading.main_thread():
        return _flock_polling(fd, wait)

    def ring(*_):
        raise _TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, wait)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return True
    except _TimeIsUp:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _flock_polling(fd: int, wait: float) -> bool:
    """Only the main thread may have an alarm; the others ask again."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        time.sleep(0.01)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            continue
    return False


def append(path: str, data: bytes, *, durable: bool = True) -> int:
    """Append `data` with one write; returns the length before it. The caller holds the lock.

    After a short write, a full disk or a failed fsync the file is cut back to its old length, so
    that what was never acknowledged is not found later, and the failure is raised.
    `durable=False` is for journals whose loss is noticed and costs nothing (formats.heads).
    """
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(fd).st_size
        written = 0
        try:
            written = os.write(fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                sync(fd)
        except BaseException:
            if os.fstat(fd).st_size == before + written:  # else a human appended, too, and theirs stays
                os.ftruncate(fd, before)
            raise
        return before
    finally:
        _close(fd)


def create(path: str, data: bytes) -> None:
    """A new file with all its content, or FileExistsError: never a half-made one, never over another."""
    folder = os.path.dirname(path)
    make_folder(folder)
    temporary = _write_temporary(path, data)
    try:
        os.link(temporary, path)
        try:
            settle(folder)
        except BaseException:
            os.unlink(path)
            raise
    finally:
        os.unlink(temporary)  # last: its second name tells that the folder is not settled yet


def finish_creating(path: str) -> None:
    """What a `create` that was killed left to do: settle the folder, remove the temporary name."""
    folder, name = os.path.split(path)
    settle(folder)
    for other in os.listdir(folder):
        if other.startswith(f".{name}.") and os.path.samefile(os.path.join(folder, other), path):
            os.unlink(os.path.join(folder, other))


def replace(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in the place of `path`: a reader sees all of the old file or all of the new.

    What is no file (a pipe, /dev/stdout) keeps its place, and is written to.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            file.write(data)
        return
    make_folder(os.path.dirname(path))
    temporary = _write_temporary(path, data, mode)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


class Identity(NamedTuple):
    """What tells whether a file is the one it was, without reading it."""

    device: int
    inode: int
    size: int
    mtime_ns: int


def identity(found: os.stat_result) -> Identity:
    return Identity(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Edited(NamedTuple):
    """What an edit put in place (None: nothing was to be changed), and where saves that collided with it are kept."""

    identity: Identity | None
    conflicts: list[str]


def edit(path: str, change: Callable[[bytes], bytes], *, attempts: int = 5) -> Edited:
    """Rewrite a file a human may be saving at this moment: `change(old bytes) -> new bytes`.

    The new file is exchanged with the one in place, and what came out is looked at: if it is not what
    was read, somebody saved in between, so it is put back and the change is made again on theirs. A link is
    followed; mode, owner and extended attributes stay. Where the system cannot exchange two files, a rename
    right after a check comes closest. A process that is killed meanwhile leaves a file that `recover` understands.
    """
    path = os.path.realpath(path)
    conflicts: list[str] = []
    for attempt in range(attempts):
        if attempt:
            clock.sleep(PAUSE)
        old = read(path)
        if not _is_still(path, old):  # half of a save is nothing to look for a line in
            continue
        new = change(old)
        if new == old:
            sync_folder(os.path.dirname(path))  # whoever made it so may have been killed before that
            return Edited(None, conflicts)
        beside = _stage(path, old, new)
        placed = identity(os.stat(beside))
        if _place(beside, path, old, new, conflicts):
            sync_folder(os.path.dirname(path))
            return Edited(placed, conflicts)
    raise Busy(f"'{path}' is being edited", cure="try again")


def recover(path: str) -> None:
    """Clear up after an `edit` that was killed. What it had taken out of the way and not put back is kept
    beside the file, unless it is what the edit had read or made. The caller holds the lock of all edits."""
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for left in sorted(names):
        match = left.startswith(f".{name}.") and _LEFT.fullmatch(left, len(name) + 2)
        if match and not _is_running(int(match[1])):
            whole = os.path.join(folder, left)
            if match[2] and _digest(read(whole)) not in (match[2], match[3]):
                _keep(read(whole), path, [])
            os.unlink(whole)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()[:16]


def _stage(path: str, old: bytes, new: bytes) -> str:
    """`new` in a file beside `path`, whose name tells what an exchange may leave in it that is nobody's but ours."""
    temporary = _write_temporary(path, new, like=path)
    beside = f"{temporary.removesuffix('.tmp')}.{_digest(old)}-{_digest(new)}.swap"
    try:
        os.rename(temporary, beside)
    except BaseException:
        os.unlink(temporary)
        raise
    return beside


def _place(beside: str, path: str, old: bytes, new: bytes, conflicts: list[str]) -> bool:
    """Put `beside`, which holds `new`, in the place of `path` if that still holds `old`."""
    try:
        still = _is_still(path, old)  # most saves are seen here, before the human could see ours
        swapped = still and exchange(beside, path)
    except OSError:
        os.unlink(beside)
        raise
    if not still:
        os.unlink(beside)
        return False
    still = _is_still(beside if swapped else path, old)
    if not swapped and still:
        os.rename(beside, path)
    elif swapped and not still:
        _put_back(beside, path, new, conflicts)
    else:
        os.unlink(beside)
    return still


def _put_back(beside: str, path: str, ours: bytes, conflicts: list[str]) -> None:
    """Give the human's file its name back. What comes out in exchange must be what we had placed; when it is
    not, they saved once more meanwhile, and that goes back too, in the place of the older one.

    Whoever read the file while their save was out of the way may save without it. So the file is looked at once
    more after a moment, and whatever of theirs is not in it then is kept beside it.
    """
    placed, theirs = ours, []
    while True:
        theirs.append(read(beside))
        exchange(beside, path)
        if _is_still(beside, placed):
            break
        placed = theirs[-1]
    for _ in range(5):
        clock.sleep(SETTLING)
        if _is_still(path, read(path)):  # else they are saving again
            break
    for save in reversed(theirs):
        _keep(save, path, conflicts)
    os.unlink(beside)


def _keep(save: bytes, path: str, conflicts: list[str]) -> None:
    """Keep a human's save under a name they see, unless the file in place, or one kept already, has every line of it, in order."""
    there = os.path.exists(path)  # or they have deleted it
    for name in (*([path] if there else []), *conflicts):
        lines = iter(read(name).split(b"\n"))
        if all(line in lines for line in save.split(b"\n")):
            return
    stem, ending = os.path.splitext(path)
    stamp = clock.stamp(clock.system_now())
    names = (f"{stem} (conflict {stamp}{f'-{n}' if n > 1 else ''}){ending}" for n in itertools.count(1))
    kept = next(name for name in names if not os.path.lexists(name))
    os.rename(_write_temporary(path, save, like=path if there else ""), kept)
    sync_folder(os.path.dirname(path))
    conflicts.append(kept)


def _is_still(path: str, data: bytes) -> bool:
    """Whether a file holds `data` and nobody is about to write to it, as far as the system tells.

    Linux grants a read lease only on a file that no process has open for writing.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if hasattr(fcntl, "F_SETLEASE"):
            try:
                fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)  # ignored; SIGIO would end the process
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    return False
        return read(path) == data
    finally:
        _close(fd)


def exchange(one: str, other: str) -> bool:
    """Swap two names atomically; False where the system cannot."""
    import ctypes
    import sys

    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        result = libc.renamex_np(a, b, 2)  # RENAME_SWAP
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(-100, a, -100, b, 2)  # AT_FDCWD, RENAME_EXCHANGE
    else:
        return False
    if result == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), other)


def _close(fd: int) -> None:
    """What was fsynced is on disk, whatever close says: a failure here would take back what is there."""
    try:
        os.close(fd)
    except OSError:
        pass


def read(path: str, start: int = 0, size: int = -1) -> bytes:
    with open(path, "rb") as file:
        if start:
            file.seek(start)
        return file.read(size)


def count_lines(path: str, end: int) -> int:
    """Line ends in the first `end` bytes."""
    lines, left = 0, end
    with open(path, "rb", buffering=0) as file:
        while left > 0 and (chunk := file.read(min(left, 1 << 20))):
            lines += chunk.count(b"\n")
            left -= len(chunk)
    return lines


def failure(error: OSError) -> Failure:
    """The system's error as one of ours, with the file it speaks of."""
    name = error.filename if isinstance(error.filename, str) else ""
    what = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError):
        return NoInput(what, place=name)
    if isinstance(error, PermissionError):
        return NotPermitted(what, place=name)
    return InputOutput(what, place=name)


def _write_temporary(path: str, data: bytes, mode: int = 0o600, like: str = "") -> str:
    """A durable file beside `path`, with this mode, or with mode, owner and extended attributes of another."""
    fd, temporary = _new_temporary(path)
    try:
        if like:
            _dress(fd, like)
        else:
            os.fchmod(fd, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        sync(fd)
    except BaseException:
        _close(fd)
        os.unlink(temporary)
        raise
    _close(fd)
    return temporary


def _dress(fd: int, like: str) -> None:
    wanted, made = os.stat(like), os.fstat(fd)
    if (wanted.st_uid, wanted.st_gid) != (made.st_uid, made.st_gid):
        try:
            os.fchown(fd, wanted.st_uid, wanted.st_gid)
        except PermissionError:
            raise NotPermitted("it belongs to others, and would not any more", place=like, cure="run as its owner") from None
    if wanted.st_mode != os.fstat(fd).st_mode:  # some file systems have one mode for all, and refuse
        os.fchmod(fd, wanted.st_mode & 0o7777)
    if hasattr(os, "listxattr"):  # Linux: access lists are among them
        for name in _attributes(like):
            try:
                os.setxattr(fd, name, os.getxattr(like, name))
            except OSError:  # the system's own, which it has set itself
                continue


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError:  # a file system that has none
        return []


def _new_temporary(path: str) -> tuple[int, str]:
    """A new file beside `path`. One that a killed process left is never written over: it may be all
    that is left of a human's save."""
    folder, name = os.path.split(path)
    for number in itertools.count():
        temporary = os.path.join(folder, f".{name}.{os.getpid()}-{number}.tmp")
        try:
            return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), temporary
        except FileExistsError:
            continue
    raise AssertionError
