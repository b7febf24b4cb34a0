"""The second rung on Linux, Landlock for files and seccomp for sockets; and the last one anywhere,
none. Both start the command through `confine`, which ends all that descends from it.
"""

import json
import os
import sys

from . import bounds, confine
from .bounds import Bounds

_DEVICES = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
#: of /proc only what tells of the machine: nothing of any process, whose arguments anybody may read
_MACHINE = "cpuinfo filesystems loadavg meminfo stat sys uptime version".split()
_PROC = [f"/proc/{name}" for name in _MACHINE]


def explain_missing() -> str:
    """Why this rung cannot be had, '' when it can."""
    abi, least = confine.read_landlock_abi(), confine.LEAST_ABI
    return "" if abi >= least else f"the kernel's Landlock is version {abi}, not {least}"


def render_instructions(limits: Bounds, protected: list[str]) -> bytes:
    """What `confine` is given for a command within bounds, as JSON."""
    read = [*limits.system, "/sys/devices/system/cpu", *_PROC, *limits.readable, *protected]
    write = [limits.temporary]
    for root in limits.writable:
        granted, listed = _split(root, protected)
        write += granted
        read += listed
    allowed = {"read": read, "write": write, "list": [limits.listed], "devices": _DEVICES}
    allowed["unlinked"] = list(limits.writable)  # where another turn's command may put a link
    return _encode(allowed, limits.network)


def render_unconfined() -> bytes:
    """The same for one without bounds: only its processes are kept together."""
    return _encode(None, True)


def build_command(instructions: int, argv: list[str]) -> list[str]:
    """The command line that runs `argv` as instructed, by a descriptor."""
    return [sys.executable, "-IS", confine.__file__, str(instructions), *argv]


def _encode(landlock: dict | None, network: bool) -> bytes:
    return json.dumps({"landlock": landlock, "network": network, "parent": os.getpid()}).encode()


def _split(root: str, protected: list[str]) -> tuple[list[str], list[str]]:
    """What may be written of a folder, and what only be read, so that nothing protected changes.

    Landlock can only allow: a folder with something protected below is opened child by child, and
    nothing new can be made right in it.
    """
    inside = [path for path in protected if bounds.holds(root, path)]
    if not inside:
        return [root], []
    write: list[str] = []
    read: list[str] = [root]
    for entry in os.scandir(root):
        if entry.path not in inside and not entry.is_symlink():
            granted, listed = _split(entry.path, inside)
            write += granted
            read += listed
    return write, read
