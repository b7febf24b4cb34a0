"""Signs of life, for people and for whoever keeps the relay running.

Owns `relay/alive`, which says when the gateway last answered, and what systemd is told.
"""

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ... import __version__
from ...ground import clock, files
from ...ground.paths import Home

if TYPE_CHECKING:
    from .connection import Connection
    from .ledger import Ledger

SILENT = 150.0  # seconds after which a relay is not alive; the gateway answers every 41


class LastTurn(NamedTuple):
    """When the last turn ended, how long it took, where, and how it went."""

    at: int
    seconds: float
    context: str
    how: str


class Presence:
    """What a running relay tells of itself."""

    def __init__(self, home: Home):
        self.home = home
        self.started = clock.monotonic()
        self.last_turn: LastTurn | None = None

    def beat(self) -> None:
        """The gateway has answered."""
        path = self.home.path("relay", "alive")
        files.make_folder(os.path.dirname(path))
        with suppress(FileNotFoundError):  # a pipe would be waited for
            os.unlink(f"{path}.new")
        with open(f"{path}.new", "x", encoding="utf-8") as file:
            file.write(f"{clock.to_text(clock.system_now())} {os.getpid()}\n")
        os.replace(f"{path}.new", path)  # lost with the power: nothing is alive then

    def describe(self, client: "Connection", ledger: "Ledger", running: int) -> list[str]:
        """How it is going, in lines. `running`: how many turns run."""
        waiting = sum(map(len, ledger.waiting.values()))
        undelivered = sum(1 for turn in ledger.turns.values() if turn.text is not None)
        ping = f"connected, {client.latency * 1000:.0f} ms"
        lines = [
            f"plainmind {__version__}, {ping if client.connected else 'not connected'}, "
            f"up {span(clock.monotonic() - self.started)}",
            f"{running} turns running, {waiting} messages waiting, "
            f"{undelivered} answers to be posted",
        ]
        refused = list(ledger.refused.values())
        lines += [f"not posted yet, an answer in {one.context}: {one.why}" for one in refused[:5]]
        lines += [f"and {len(refused) - 5} more"] if len(refused) > 5 else []
        if last := self.last_turn:
            took, ago = f"{last.seconds:.1f} s", span((clock.system_now() - last.at) / 1000)
            lines.append(f"last turn: {last.how} after {took}, {ago} ago, in {last.context}")
        return lines


class SignOfLife(NamedTuple):
    """How many seconds ago the gateway answered a relay of this home, and whether it still runs."""

    silence: float
    running: bool

    @property
    def alive(self) -> bool:
        return self.running and self.silence < SILENT

    def __str__(self) -> str:
        state = "alive" if self.alive else "not alive" if self.running else "not running"
        return f"{state}: the gateway last answered {span(self.silence)} ago"


def read_sign(home: Home, now: int) -> SignOfLife | None:
    """The last one of this home, None when there never was one."""
    path = home.path("relay", "alive")
    try:
        silence = max(0.0, now / 1000 - os.stat(path).st_mtime)
        pid = files.read(path, 0, 200).decode("utf-8", "replace").split()[-1:]
    except FileNotFoundError:
        return None
    running = bool(pid) and pid[0].isdecimal() and files.is_running(int(pid[0]))
    return SignOfLife(silence, running)


def notify_systemd(state: str) -> None:
    """Where systemd started us and wants to know (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] in ("/", "@"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, suppress(OSError):
            out.sendto(state.encode(), address.replace("@", "\0", 1))


def span(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `4 days`."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
