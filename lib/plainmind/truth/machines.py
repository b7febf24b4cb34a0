"""Which machine this is, where several have the same memory (mem-sync): `sync/machine.json`.

    {"number": 2, "id": "9f2c41d07a3b51e0", "host": "laptop"}

It stays on this machine. The number is allotted through the remote, and is not there before: until
then, and in a memory that one machine has, every window is this machine's. With it, a machine
appends only to windows that it began: their names end with a number from its own hundred, so that
no two machines ever begin a window of the same name.

Owns this file, and what the names of windows say of machines. Refuses to know how a number is
allotted (sync.membership).
"""

import json
import os
import re
from typing import Any, NamedTuple

from ..ground import clock, files, regular
from ..ground.errors import BadData
from ..ground.paths import Home, window_sort_key

PATH = "sync/machine.json"
EACH = 100  # windows that a machine may begin in a context within a second


class Machine(NamedTuple):
    """`number`: 0 where one machine has the memory, or until one is allotted."""

    number: int = 0
    id: str = ""
    host: str = ""

    def owns(self, name: str) -> bool:
        """Whether a window with this file name is one that this machine may append to."""
        return not self.number or number_of(name) == self.number

    def name_window(self, stamp: str, newest: str) -> str:
        """The name, without its ending, of a window that is begun at a time and sorts after the
        `newest` there is, a file name; '' for none."""
        last, sequence = window_sort_key(newest) if newest else ("", 0)
        if stamp > last:
            return f"{stamp}_{self.number * EACH:04d}" if self.number else stamp
        if not self.number:
            return f"{last}_{sequence + 1:04d}"
        first = self.number * EACH
        if sequence >= first + EACH - 1:  # the second is used up, by this or a later machine
            after = _next_stamp(last)
            if not after:  # a clock of somebody's, or whoever named it, is at the end of time
                return f"{last}_{sequence + 1:04d}"
            last, sequence = after, 0
        return f"{last}_{max(first, sequence + 1):04d}"


def _next_stamp(stamp: str) -> str:
    """The stamp a second later; '' where none is a window's name."""
    try:
        after = clock.to_stamp(clock.parse(stamp) + clock.SECOND)
    except BadData:
        return ""
    return after if len(after) == len(stamp) else ""


def number_of(name: str) -> int:
    """The number of the machine that began a window, by its file name; 0 where it had none."""
    return window_sort_key(name)[1] // EACH


def read(home: Home) -> Machine:
    """This machine; one without a number where there is none, or what is there is not ours."""
    try:
        with regular.open_file(home.path(PATH)) as file:
            value = json.loads(file.read())
        number, id, host = value["number"], value["id"], value["host"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, RecursionError):
        return Machine()
    is_ours = type(number) is int and number >= 0 and type(id) is str and type(host) is str
    return Machine(number, id, name_host(host)) if is_ours else Machine()


def write(home: Home, machine: Machine) -> None:
    """The caller holds the lock of the home: appends read this under it."""
    value: dict[str, Any] = machine._asdict()
    files.replace(home.path(PATH), json.dumps(value).encode() + b"\n")


def name_host(text: str) -> str:
    """A host's name as a title, and a file's name, may have it."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", text.lower().partition(".")[0])[:32].strip(".-")
    return plain or "machine"


def host_name() -> str:
    return name_host(os.uname().nodename)
