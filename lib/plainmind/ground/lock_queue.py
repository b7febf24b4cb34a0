"""Waiting for a lock in the kernel's queue, for as long as the queue moves.

Whoever gets a lock signs its file; nothing else is in it. So who waits sees that others get it,
and that who holds it works: then its turn comes, however long the queue and however busy the
machine. A wait that began again every few seconds would lose its place, and may never end.
"""

import _thread
import fcntl
import os
import time
from contextlib import suppress

MOST = 12  # as long as that, times a wait, one holder may take that works
_LENGTH = 40


def sign(fd: int) -> None:
    """Say that this thread has the lock, since now. Where that cannot be said, who waits does not
    see it."""
    signature = f"{_thread.get_native_id()} {time.monotonic_ns()}".ljust(_LENGTH - 1) + "\n"
    with suppress(OSError):
        os.pwrite(fd, signature.encode(), 0)


def wait(fd: int, seconds: float) -> bool:
    """Get the lock, once it is free. False when nobody got it for so long, and its holder did
    nothing."""
    turn = _Turn(fd)
    before, since = _read(fd), time.monotonic()
    while not turn.has_come(seconds):
        now = _read(fd)
        if now != before:
            before, since = now, time.monotonic()
        elif not _works(now) or time.monotonic() - since > MOST * seconds:
            return False
    if turn.failure:
        raise turn.failure
    return True


class _Turn:
    """A thread that stands in the queue. If nobody waits for it any more, the lock goes with its
    descriptor as soon as it has it."""

    def __init__(self, fd: int):
        self._fd = os.dup(fd)
        self._come = _thread.allocate_lock()
        self._come.acquire()
        self.failure: OSError | None = None
        _thread.start_new_thread(self._stand, ())

    def has_come(self, seconds: float) -> bool:
        """Whether it has the lock, after this time at the latest."""
        return self._come.acquire(timeout=seconds)

    def _stand(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except OSError as error:
            self.failure = error
        finally:
            os.close(self._fd)
            self._come.release()


def _read(fd: int) -> bytes:
    try:
        return os.pread(fd, _LENGTH, 0)
    except OSError:  # a folder is locked by its descriptor, and signed by nobody
        return b""


def _works(signature: bytes) -> bool:
    """Whether the thread that signed runs, would run, or waits for a disk; where that is told. This
    one waits for ever if it has the lock itself."""
    try:
        thread = int(signature.split()[0])
        with open(f"/proc/{thread}/stat", "rb") as file:
            return thread != _thread.get_native_id() and file.read().rpartition(b")")[2].split()[
                0
            ] in (b"R", b"D")
    except (OSError, ValueError, IndexError):
        return False
