"""Waiting for a lock in the kernel's queue, for as long as the queue moves.

The kernel tells who has a lock (`/proc/locks`, on Linux). So who waits sees that others get it, and
that who has it works: then its turn comes, however long the queue and however busy the machine. A
wait that began again every few seconds would lose its place, and may never end.
"""

import _thread
import fcntl
import os
import time

MOST = 12  # as long as that, times a wait, one process may have it that works
#: nobody has it: the next one was woken, and on a busy machine does not run yet
FREE = -1


def wait(fd: int, kind: int, seconds: float) -> bool:
    """Get the lock, LOCK_EX or LOCK_SH, once it is free. False when one process had it for so long,
    and did nothing."""
    turn = _Turn(fd, kind)
    before, since = _find_holder(fd), time.monotonic()
    while not turn.has_come(seconds):
        now = _find_holder(fd)
        if now != before:
            before, since = now, time.monotonic()
        elif not (now == FREE or _works(now)) or time.monotonic() - since > MOST * seconds:
            return False
    if turn.failure:
        raise turn.failure
    return True


class _Turn:
    """A thread that stands in the queue. If nobody waits for it any more, the lock goes with its
    descriptor as soon as it has it."""

    def __init__(self, fd: int, kind: int):
        self._fd, self._kind = os.dup(fd), kind
        self._come = _thread.allocate_lock()
        self._come.acquire()
        self.failure: OSError | None = None
        _thread.start_new_thread(self._stand, ())

    def has_come(self, seconds: float) -> bool:
        """Whether it has the lock, after this time at the latest."""
        return self._come.acquire(timeout=seconds)

    def _stand(self) -> None:
        try:
            fcntl.flock(self._fd, self._kind)
        except OSError as error:
            self.failure = error
        finally:
            os.close(self._fd)
            self._come.release()


def _find_holder(fd: int) -> int:
    """The process that has the lock, or FREE; 0 where that is not told."""
    file = b":%d" % os.fstat(fd).st_ino
    try:
        with open("/proc/locks", "rb") as locks:
            for line in locks:  # 1: FLOCK ADVISORY WRITE PID DEVICE:INODE 0 EOF
                words = line.split()
                if words[1] == b"FLOCK" and words[5].endswith(file):
                    return max(0, int(words[4]))
    except (OSError, ValueError, IndexError):
        return 0
    return FREE


def _works(process: int) -> bool:
    """Whether a thread of a process runs, would run, or waits for a disk. This one does not count:
    it waits for ever if it has the lock itself."""
    try:
        threads = os.listdir(f"/proc/{process}/task") if process else []
        return any(_is_busy(process, thread) for thread in threads)
    except OSError:
        return False


def _is_busy(process: int, thread: str) -> bool:
    if int(thread) == _thread.get_native_id():
        return False
    with open(f"/proc/{process}/task/{thread}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] in (b"R", b"D")
