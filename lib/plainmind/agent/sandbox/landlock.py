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
_PROC = [
    f"/proc/{name}"
    for name in ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version")
]


def missing() -> str:
    """Why this rung cannot be had, '' when it can."""
    abi = confine.landlock_abi()
    return (
        ""
        if abi >= confine.LEAST_ABI
        else f"the kernel's Landlock is version {abi}, not {confine.LEAST_ABI}"
    )


def order(limits: Bounds, protected: list[str]) -> bytes:
    """What `confine` is told for a command within bounds."""
    read = [*limits.system, "/sys/devices/system/cpu", *_PROC, *limits.readable, *protected]
    write = [limits.temporary]
    for root in limits.writable:
        granted, listed = _without(root, protected)
        write += granted
        read += listed
    return _told(
        {"read": read, "write": write, "list": [limits.listed], "devices": _DEVICES}, limits.network
    )


def unconfined() -> bytes:
    """What it is told for one without bounds: only its processes are kept together."""
    return _told(None, True)


def command(order: int, argv: list[str]) -> list[str]:
    """The command line that runs `argv` as the order says, which a descriptor gives."""
    return [sys.executable, "-IS", confine.__file__, str(order), *argv]


def _told(landlock: dict | None, network: bool) -> bytes:
    return json.dumps({"landlock": landlock, "network": network, "parent": os.getpid()}).encode()


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
