"""Whether bubblewrap mounted what was looked at. It takes names, and follows links: a command of
another turn may have put one in the place of a folder of the workspace, and the person's own folder
would be mounted instead. So it waits until the table of its mounts says what it should.

Source: proc(5) on mountinfo; bwrap(1) on --info-fd and --block-fd.
"""

import json
import os
import re
import select
import signal
import subprocess
from collections.abc import Iterable

from ...ground import clock
from ...ground.errors import NotPermitted
from . import bounds

PATIENCE = 5.0  # seconds
PAUSE = 0.001
#: readings that must agree that a mount is another: one that is made while mounts change mixes both
READINGS = 20

#: mount point -> device, path on it
Table = dict[str, tuple[str, str]]


class MountCheck:
    """Of one start. `options` are bubblewrap's, `inherited` what it has to inherit."""

    def __init__(self, real: dict[str, str], paths: Iterable[str]):
        """`paths`: what is mounted, below one of the folders that `real` tells, or one itself."""
        table = _read_table("self")
        self._expected = {path: _locate(table, _resolve(path, real)) for path in paths}
        self._host_root, self._is_set_up = table.get("/"), False
        self._info, told = os.pipe()
        waits, self._go = os.pipe()
        self.inherited = (told, waits)
        self.options = ["--info-fd", str(told), "--block-fd", str(waits)]

    def settle(self, process: subprocess.Popen) -> None:
        """Let the command run. NotPermitted, and nothing runs, when the mounts are others."""
        child = 0
        try:
            child = self._read_child()
            end, others = clock.monotonic() + PATIENCE, 0
            while child and not self._is_as_expected(child):
                others = others + 1 if self._is_set_up else 0
                late = clock.monotonic() > end or process.poll() is not None
                if others == READINGS or late:
                    what = "a folder was replaced while the sandbox was set up"
                    raise NotPermitted(what, cure="try again")
                clock.sleep(PAUSE)
        except BaseException:
            # before the pipe that it waits for is closed
            for pid in (child, process.pid) if child else (process.pid,):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
            raise
        finally:
            os.close(self._go)
            os.close(self._info)

    def _read_child(self) -> int:
        """The first process inside; 0 when bubblewrap has given up, which it says itself."""
        said = b""
        while b"}" not in said:
            ready, _, _ = select.select([self._info], [], [], PATIENCE)
            piece = os.read(self._info, 4096) if ready else b""
            if not piece:
                return 0
            said += piece
        return int(json.loads(said)["child-pid"])

    def _is_as_expected(self, child: int) -> bool:
        try:
            table = _read_table(str(child))
        except OSError:  # it is gone
            return False
        # it has its own root when it begins, and has left the old one when it is done
        begun = table.get("/") != self._host_root
        self._is_set_up = begun and not any(p.startswith(("/oldroot", "/newroot")) for p in table)
        return all(table.get(path) == place for path, place in self._expected.items())


def _resolve(path: str, real: dict[str, str]) -> str:
    """What a path was when it was looked at: no link is below the outermost root."""
    root = min((root for root in real if bounds.holds(root, path)), key=len)
    return real[root] + path[len(root.rstrip("/")) :]


def _locate(table: Table, path: str) -> tuple[str, str]:
    """Where a path is, by device and path on it."""
    point = max((point for point in table if bounds.holds(point, path)), key=len)
    device, root = table[point]
    rest = path[len(point.rstrip("/")) :]
    return device, (root.rstrip("/") + rest) or "/"


def _read_table(process: str) -> Table:
    with open(f"/proc/{process}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        lines = [line.split() for line in file]
    return {_unescape(point): (device, _unescape(root)) for _, _, device, root, point, *_ in lines}


def _unescape(word: str) -> str:
    found = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), os.fsencode(word))
    return os.fsdecode(found)
