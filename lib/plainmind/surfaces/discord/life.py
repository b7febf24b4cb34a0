"""Signs of life, for people and for whoever keeps the relay running: `relay/alive`, and what the relay remembers of itself.

Owns the files of that: when the gateway last answered, how far messages have been seen, which strangers were told of.
"""

import json
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

from ... import __version__
from ...ground import clock, exchange, files, stream
from ...ground.paths import Home
from .ledger import Ledger

if TYPE_CHECKING:
    from .connection import Connection

SILENT = 150.0  # seconds without an answer of the gateway, which come every 41 s, after which a relay is not alive
STRANGERS = 1000


class Last(NamedTuple):
    """The last turn: when it ended, how long it took, where, and how it went."""

    at: int
    seconds: float
    context: str
    how: str


class Life:
    """What a running relay tells of itself."""

    def __init__(self, home: Home, ledger: Ledger):
        self.home = home
        self.started = clock.monotonic()
        self.last: Last | None = None
        self.cursor = _cursor(home.path("relay", "cursor.json"))
        self._strangers: set[int] = set()
        ledger.forget(self.cursor or 0)

    def beat(self) -> None:
        """The gateway has answered."""
        path = self.home.path("relay", "alive")
        files.make_folder(os.path.dirname(path))
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(f"{clock.to_text(clock.system_now())} {os.getpid()}\n")
        os.replace(f"{path}.new", path)  # lost with the power: nothing is alive then

    def keep_cursor(self, cursor: int) -> None:
        self.cursor = cursor
        path = self.home.path("relay", "cursor.json")
        files.make_folder(os.path.dirname(path))
        files.replace(path, stream.encode(stream.json_line({"cursor": cursor}) + "\n"))

    def stranger(self, id: int) -> bool:
        """Whether it is the first time this one is seen."""
        if id in self._strangers or len(self._strangers) >= STRANGERS:
            return False
        self._strangers.add(id)
        return True


def _cursor(path: str) -> int | None:
    try:
        with open(path, encoding="utf-8") as file:
            return int(json.load(file)["cursor"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


class Sign(NamedTuple):
    """A sign of life: how many seconds ago the gateway answered a relay of this home, and whether that process still runs."""

    silence: float
    running: bool

    @property
    def alive(self) -> bool:
        return self.running and self.silence < SILENT

    def __str__(self) -> str:
        state = "alive" if self.alive else "not alive" if self.running else "not running"
        return f"{state}: the gateway last answered {span(self.silence)} ago"


def sign(home: Home, now: int) -> Sign | None:
    """The last one of this home, None when there never was one."""
    path = home.path("relay", "alive")
    try:
        silence = max(0.0, now / 1000 - os.stat(path).st_mtime)
        with open(path, encoding="utf-8", errors="replace") as file:
            pid = file.read(200).split()[-1:]
    except FileNotFoundError:
        return None
    return Sign(silence, bool(pid) and pid[0].isdecimal() and exchange.is_running(int(pid[0])))


def state(client: "Connection", ledger: Ledger, life: Life, running: int) -> list[str]:
    """How it is going, in lines."""
    waiting = sum(map(len, ledger.waiting.values()))
    undelivered = sum(1 for turn in ledger.turns.values() if turn.text is not None)
    connected = (
        f"connected, {client.latency * 1000:.0f} ms" if client.connected else "not connected"
    )
    rows = [
        f"plainmind {__version__}, {connected}, up {span(clock.monotonic() - life.started)}",
        f"{running} turns running, {waiting} messages waiting, {undelivered} answers to be posted",
    ]
    if last := life.last:
        ago = (clock.system_now() - last.at) / 1000
        rows.append(
            f"last turn: {last.how} after {last.seconds:.1f} s, {span(ago)} ago, in {last.context}"
        )
    return rows


def notify(state: str) -> None:
    """Tell systemd, where it started us and wants to know (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] in ("/", "@"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            try:
                out.sendto(state.encode(), address.replace("@", "\0", 1))
            except OSError:
                pass


def span(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `4 days`."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
