"""The ends of the agents' logs, `work/logs/session-<unix time>/<agent>.log`, and what is added to
them. Only reads.

The logs are whatever the programs that run the agents put there. Control characters are made
visible, so that a log does nothing to the terminal it is shown on; `mask` takes the secrets out.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

from ..formats.work import session
from ..ground import clock, files, stream
from ..ground.errors import NoInput
from ..ground.paths import Home
from .report import OutputRow

PAUSE = 0.25  # seconds between two looks at logs that are followed
KEYS = ("agent", "line", "path")  # of the JSON object of a line
_CHUNK = 64 * 1024  # bytes of the first look at the end of a log
_ABOVE = 64 * 1024  # bytes above the first line that are read for the mask: longer than any key
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def folder_of(id: str) -> str:
    """Where the logs of a session are, relative to the home."""
    return f"work/logs/{session.check_session(id)}"


def read_rows(
    home: Home,
    id: str,
    agent: str | None,
    count: int,
    mask: Callable[[str], str],
    going_on: Callable[[], bool] | None = None,
) -> Iterator[OutputRow]:
    """The last lines of a session's logs, or of one; while `going_on`, what is added to them, and
    the first log is waited for."""
    logs: dict[str, _Log] = {}
    most: int | None = count
    while True:
        # asked before the logs are read: nothing falls between
        last = going_on is None or not going_on()
        for name in list_agents(home, id, agent, needed=last and not logs):
            if name not in logs:
                logs[name] = _Log(home, id, name, most)
        most = None  # what comes later is new, and read from its start
        for name, log in logs.items():
            for line in log.read_added(mask, whole=not last):
                record = {"agent": name, "line": line, "path": log.path}
                yield OutputRow(line if agent else f"{name}: {line}", record)
        if last:
            return
        stream.flush()
        clock.sleep(PAUSE)


class _Log:
    """One log, and how far it was read: first from its last `count` lines on, or its start."""

    def __init__(self, home: Home, id: str, agent: str, count: int | None = None):
        self.path = home.relative(f"{folder_of(id)}/{agent}.log")
        self._full = home.path(self.path)
        self._offset = 0 if count is None else _start_of_last(self._full, count)

    def read_added(self, mask: Callable[[str], str], whole: bool) -> Iterator[str]:
        """The lines that were added since: `whole` ones, or all. A log that became shorter is a new
        one. What is a secret in them, what stands above them may tell: it is read again."""
        size = os.path.getsize(self._full)
        if size == self._offset:
            return iter(())
        self._offset = self._offset if self._offset < size else 0
        start = max(0, self._offset - _ABOVE)
        data = files.read(self._full, start)
        if whole:
            data = data[: data.rfind(b"\n") + 1]
        above = data.count(b"\n", 0, self._offset - start)
        added = len(data) > self._offset - start
        self._offset = max(self._offset, start + len(data))
        # every line stays where it was
        return islice(_lines(mask(stream.decode(data))), above, None) if added else iter(())


def list_agents(home: Home, id: str, agent: str | None = None, needed: bool = False) -> list[str]:
    """Whose logs there are, of all or of the one that is asked for. NoInput where there is none
    and one is `needed`."""
    place = folder_of(id)
    if agent is not None:
        if os.path.isfile(home.path(place, f"{session.check_agent(agent)}.log")):
            return [agent]
        if needed:
            cure = "redirect the agent's output there"
            raise NoInput("no log", place=f"{place}/{agent}.log", cure=cure)
        return []
    names = []
    with suppress(FileNotFoundError, NotADirectoryError):
        names = [name for name in os.listdir(home.path(place)) if name.endswith(".log")]
    found = [name[:-4] for name in names if os.path.isfile(home.path(place, name))]
    agents = sorted(filter(None, (session.agent_of(f"{name}.json") for name in found)))
    if needed and not agents:
        cure = "redirect the agents' output there, to AGENT.log"
        raise NoInput("no logs", place=place, cure=cure)
    return agents


def _start_of_last(path: str, count: int) -> int:
    """Where the last `count` lines of a file begin."""
    size = os.path.getsize(path)
    length = _CHUNK
    while count:
        first = max(0, size - length)
        data = files.read(path, first, size - first)
        at = len(data) - data.endswith(b"\n")
        for _ in range(count):
            at = data.rfind(b"\n", 0, at)
            if at < 0:
                break
        if at >= 0 or not first:
            return first + at + 1
        length *= 8
    return size


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n")[: -1 if text.endswith("\n") or not text else None]:
        yield _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", line)
