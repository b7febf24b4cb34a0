"""Waiting for a lock in the kernel's queue, for as long as the queue moves.

The kernel tells who has a lock, and whether that one runs (`/proc`, on Linux). So who waits sees
that others get it, and that who has it goes on, however slowly: then its turn comes, however long
the queue and however busy the machine. A wait that began again every few seconds would lose its
place, and may never end.
"""

import _thread
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MOST = 12  # as long as that, times a wait, one may be waited for of which nothing moves
#: nobody has it: the next one was woken, and on a busy machine does not run yet
FREE = -1


def wait(fd: int, kind: int, seconds: float, *, bounded: bool = False) -> bool:
    """Get the lock, LOCK_EX or LOCK_SH, once it is free. False when one process had it all the
    time, and did nothing; or after these seconds, `bounded`."""
    turn = _Turn(fd, kind)
    before, since = _look(fd), time.monotonic()
    while not turn.has_come(seconds):
        if bounded:
            return False
        now = _look(fd)
        if now != before:
            before, since = now, time.monotonic()
        elif not now.runs and time.monotonic() - since > seconds * (MOST if now.may_move else 0):
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


class _Look(NamedTuple):
    """Who has a lock, and how often each of its threads ran or went to sleep until now: one that
    works at the lowest priority, or sleeps until SQLite's own lock is free, does so again and
    again; one that hangs or was stopped does not."""

    holder: int
    turns: dict[str, bytes]  # by the thread
    runs: bool  # a thread runs, or would if a processor were free
    may_move: bool  # one waits for a disk; or nobody has the lock


def _look(fd: int) -> _Look:
    return _look_at(_find_holder(fd))


def _look_at(holder: int) -> _Look:
    threads = _read_threads(holder)
    states = {state for state, _ in threads.values()}
    turns = {thread: turns for thread, (_, turns) in threads.items()}
    return _Look(holder, turns, b"R" in states, b"D" in states or holder == FREE)


def _find_holder(fd: int) -> int:
    """The process that has the lock, or FREE; 0 where that is not told. Of one that waits for
    another lock, who has that one: who waits looks every few seconds, and does nothing else. 0 if
    they wait for each other."""
    try:
        with open("/proc/locks", "rb") as locks:
            holders, waits = _read_locks(locks)
    except (OSError, ValueError, IndexError):
        return 0
    file = next(_named(holders, os.fstat(fd)), b"")
    holder, passed = holders.get(file, FREE), set[int]()
    while holder in waits:
        if holder in passed:
            return 0
        passed.add(holder)
        holder = holders.get(waits[holder], FREE)
    return holder


def _named(files: Iterable[bytes], at: os.stat_result) -> Iterator[bytes]:
    """How the kernel names a file among these. The same number on another device is another file,
    which a daemon may have for ever; but of Btrfs it names another device than `at` does."""
    number = b":%d" % at.st_ino
    alike = [file for file in files if file.endswith(number)]
    exact = b"%02x:%02x%b" % (os.major(at.st_dev), os.minor(at.st_dev), number)
    yield from [exact] if exact in alike else alike


def _read_locks(locks: Iterable[bytes]) -> tuple[dict[bytes, int], dict[int, bytes]]:
    """(who has the lock of each file, the file that each waits for)."""
    holders: dict[bytes, int] = {}
    waits: dict[int, bytes] = {}
    for line in locks:  # 1: FLOCK ADVISORY WRITE PID DEVICE:INODE 0 EOF; 1: -> FLOCK … of who waits
        words = line.split()
        if words[1] == b"->" and words[2] == b"FLOCK":
            waits[int(words[5])] = words[6]
        elif words[1] == b"FLOCK":
            holders.setdefault(words[5], max(0, int(words[4])))
    return holders, waits


def goes_on(path: str, seconds: float) -> bool:
    """Whether others that have locked parts of a file, as SQLite does, do something within this
    time, or have let go by then."""
    before = _look_at_parts(path)
    time.sleep(seconds)
    now = _look_at_parts(path)
    return now is not None and (not now or now != before or any(look.runs for look in now))


def _look_at_parts(path: str) -> list[_Look] | None:
    """At each of them; None where that is not told."""
    owners: dict[bytes, set[int]] = {}
    try:
        at = os.stat(path)
        with open("/proc/locks", "rb") as locks:
            for words in map(bytes.split, locks):
                if words[1] == b"POSIX":
                    owners.setdefault(words[5], set()).add(max(0, int(words[4])))
    except (OSError, ValueError, IndexError):
        return None
    found = set[int]().union(*(owners[file] for file in _named(owners, at)))
    return [_look_at(process) for process in sorted(found - {os.getpid()})]


def _read_threads(process: int) -> dict[str, tuple[bytes, bytes]]:
    """(state, how often it was given the processor and left it) of each thread of a process. This
    one does not count: it waits for ever if it has the lock itself."""
    found = {}
    try:
        threads = os.listdir(f"/proc/{process}/task") if process > 0 else []
        for thread in threads:
            if int(thread) != _thread.get_native_id():
                found[thread] = _read_thread(process, thread)
    except OSError:  # it ended meanwhile
        pass
    return found


def _read_thread(process: int, thread: str) -> tuple[bytes, bytes]:
    with open(f"/proc/{process}/task/{thread}/status", "rb") as file:
        lines = file.read().split(b"\n")
    state = next(line.split()[1] for line in lines if line.startswith(b"State:"))
    return state, b" ".join(line for line in lines if b"ctxt_switches:" in line)
