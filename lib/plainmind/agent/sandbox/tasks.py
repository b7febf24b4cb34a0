"""How many processes a command may have at a time: by `ulimit`, which binds a user, and for root,
whom it does not bind, by a cgroup, where one can be made.

Owns the cgroup: finding where, making it, and removing it and those that killed turns left. Knows
no rung. Sources: cgroups(7), the kernel's admin-guide/cgroup-v1/pids and cgroup-v2.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress

from ...ground import chance, files

MOST = 1024  # of one command
_SPARE = 8  # the launcher's own

_NAME = re.compile(r"plainmind-(\d+)-[0-9a-f]+")
_ENTER = 'echo $$ > "$0"; exec "$@"'


class TaskLimit:
    """The limit of one turn's commands. To be closed, once nothing of them runs."""

    def __init__(self, counts_from_zero: bool):
        """`counts_from_zero`: in a namespace of users of its own, a user has no processes yet."""
        self._counts_from_zero = counts_from_zero
        self._group = _make_group() if sys.platform == "linux" and os.geteuid() == 0 else ""

    @property
    def ulimit(self) -> str:
        """As bash sets it, of a command that starts now."""
        return f"ulimit -u {MOST + (0 if self._counts_from_zero else _count_tasks())}"

    @property
    def binds(self) -> bool:
        """Whether there is one, for this user."""
        return os.geteuid() != 0 or bool(self._group)

    def enter(self, argv: list[str]) -> list[str]:
        """The command line that runs `argv` within the limit."""
        procs = os.path.join(self._group, "cgroup.procs")
        return ["sh", "-c", _ENTER, procs, *argv] if self._group else argv

    def close(self) -> None:
        if self._group:
            with suppress(OSError):  # what the kernel has not buried yet: the next turn removes it
                os.rmdir(self._group)


def _make_group() -> str:
    """The folder of a cgroup that counts, '' where none can be made."""
    for place in _find_places():
        with suppress(OSError):
            for name in os.listdir(place):
                left = _NAME.fullmatch(name)
                if left and not files.is_running(int(left[1])):
                    with suppress(OSError):  # it is not empty
                        os.rmdir(os.path.join(place, name))
            group = os.path.join(place, f"plainmind-{os.getpid()}-{chance.draw(4).hex()}")
            os.mkdir(group)
            try:
                with open(os.path.join(group, "pids.max"), "w", encoding="ascii") as file:
                    file.write(str(MOST + _SPARE))
                return group
            except OSError:  # nothing is counted there
                os.rmdir(group)
    return ""


def _find_places() -> Iterator[str]:
    """Where a cgroup may be made that counts processes: beside or below our own."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        own = [line.rstrip("\n").split(":", 2) for line in file]
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split() for line in file]
    for _, controllers, path in own:
        for mount in mounts:
            kind, *_, options = mount[mount.index("-") + 1 :]
            counts = kind == "cgroup" and "pids" in options.split(",")
            if kind == "cgroup2" and not controllers:
                # one with processes of its own passes no controller on
                yield mount[4] + os.path.dirname(path).rstrip("/")
                yield mount[4] + path.rstrip("/")
            elif counts and "pids" in controllers.split(","):
                yield mount[4] + path.rstrip("/")


def _count_tasks() -> int:
    """Tasks of this user, which the limit counts as well."""
    count, uid = 0, os.getuid()
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            pass
    return count
