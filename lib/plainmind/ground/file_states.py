"""What tells whether a file is the one it was, without reading it."""

import os
from typing import NamedTuple

from . import clock

_MOST = (1 << 62) - 1
UNSETTLED = 2_000_000_000  # ns in which a file may change again without its time showing it


class Identity(NamedTuple):
    device: int
    inode: int
    size: int
    mtime_ns: int


def identify(found: os.stat_result) -> Identity:
    return Identity(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def state_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """Inode, times and size; the third, of the change, nobody can set back. As numbers that a
    database has, and two of them added: some file systems have inodes of 64 bits, and a file may
    have the time of a year after 2116, which then is the last moment of that one."""
    modified, changed = found.st_mtime_ns, found.st_ctime_ns
    return found.st_ino & _MOST, min(modified, _MOST), min(changed, _MOST), found.st_size


def is_settled(changed: int) -> bool:
    """Whether a next change would show in the time (ns) of the change."""
    return clock.system_now() * 1_000_000 - changed > UNSETTLED


def settle(state: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The same to be kept; of a file that may change again unseen, one that no file has."""
    return state if is_settled(state[2]) else (*state[:2], 0, state[3])
