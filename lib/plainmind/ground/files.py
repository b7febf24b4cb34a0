"""Durable files: append, replace, exchange, lock. What returned is on disk.

Owns every write of the suite to a file that holds truth. Refuses to know what is written.
A failed fsync is reported and never retried: the kernel has already dropped the dirty pages,
so a second fsync that succeeds would prove nothing.
"""

import errno
import fcntl
import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import Iterator

from .errors import Busy, Failure, InputOutput, NoInput, NotPermitted

LOCK_WAIT = 5.0  # seconds


def sync(fd: int) -> None:
    """fsync that means it: macOS's own fsync leaves data in the drive's cache."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
        except OSError:  # not every file system has it
            pass
    os.fsync(fd)


def sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(fd)
    finally:
        os.close(fd)


def make_folder(path: str) -> None:
    """The folder and its parents, mode 0700, each made durable in its parent."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
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
        os.close(fd)


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
        try:
            written = os.write(fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                sync(fd)
        except BaseException:
            os.ftruncate(fd, before)
            raise
        return before
    finally:
        os.close(fd)


def create(path: str, data: bytes) -> None:
    """A new file with all its content, or FileExistsError: never a half-made one, never over another."""
    folder = os.path.dirname(path)
    make_folder(folder)
    temporary = _write_temporary(path, data)
    try:
        os.link(temporary, path)
    finally:
        os.unlink(temporary)
    sync_folder(folder)


def replace(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in the place of `path`: a reader sees all of the old file or all of the new."""
    make_folder(os.path.dirname(path))
    temporary = _write_temporary(path, data, mode)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def edit(path: str, change, *, attempts: int = 5) -> None:
    """Rewrite a file a human may be saving at this moment: `change(old bytes) -> new bytes`.

    The new file is exchanged with the one in place, and what came out is looked at: if it is not what
    was read, somebody saved in between, so it is put back and the change is made again on theirs.
    Where the system cannot exchange two files, a rename right after a check comes closest.
    """
    for _ in range(attempts):
        old = read(path)
        new = change(old)
        if new == old:
            return
        temporary = _write_temporary(path, new, os.stat(path).st_mode & 0o7777)
        try:
            if not exchange(temporary, path):
                if read(path) != old:
                    continue
                os.rename(temporary, path)
                sync_folder(os.path.dirname(path))
                return
            if read(temporary) == old:
                sync_folder(os.path.dirname(path))
                return
            exchange(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    raise Busy(f"'{path}' is being edited", cure="try again")


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


def _write_temporary(path: str, data: bytes, mode: int = 0o600) -> str:
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        sync(fd)
    except BaseException:
        os.close(fd)
        os.unlink(temporary)
        raise
    os.close(fd)
    return temporary
