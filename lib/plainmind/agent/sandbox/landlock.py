"""The second rung on Linux: Landlock for files, seccomp for sockets. And the last rung anywhere: none.

Both start the command through `confine`, which ends all that descends from it.
"""

import json
import os
import sys

from . import bounds, confine
from .bounds import Bounds

NAME = "landlock"

_DEVICES = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
#: of /proc only what tells of the machine: nothing of any process, whose arguments anybody may read
_PROC = [f"/proc/{name}" for name in ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version")]


def missing() -> str:
    """Why this rung cannot be had, '' when it can."""
    abi = confine.landlock_abi()
    return "" if abi >= confine.LEAST_ABI else f"the kernel's Landlock is version {abi}, not {confine.LEAST_ABI}"


def command(limits: Bounds, protected: list[str], argv: list[str]) -> list[str]:
    """The command line that runs `argv` within bounds."""
    read = [*bounds.system(), "/sys/devices/system/cpu", *_PROC, *limits.readable, *protected]
    write = [limits.temporary]
    for root in limits.writable:
        granted, listed = _without(root, protected)
        write += granted
        read += listed
    files = {"read": read, "write": write, "list": [limits.listed], "devices": _DEVICES}
    return _started({"landlock": files, "network": limits.network}, argv)


def unconfined(argv: list[str]) -> list[str]:
    """The command line that runs `argv` without bounds; only its processes are kept together."""
    return _started({"landlock": None, "network": True}, argv)


def _started(order: dict, argv: list[str]) -> list[str]:
    return [sys.executable, "-IS", confine.__file__, json.dumps({**order, "parent": os.getpid()}), *argv]


def _without(root: str, protected: list[str]) -> tuple[list[str], list[str]]:
    """What may be written of a folder, and what only be read, so that nothing protected can be changed.

    Landlock can only allow: a folder with something protected below is opened child by child, and nothing new can be
    made right in it.
    """
    inside = [path for path in protected if bounds.holds(root, path)]
    if not inside:
        return [root], []
    write: list[str] = []
    read: list[str] = [root]
    for entry in os.scandir(root):
        if entry.path not in inside and not entry.is_symlink():
            granted, listed = _without(entry.path, inside)
            write += granted
            read += listed
    return write, read
