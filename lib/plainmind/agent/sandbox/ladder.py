"""Which rung there is, and a command within it. Owns the order of the rungs and what is recorded of them."""

import os
import sys
import tempfile
from collections.abc import Iterable
from importlib import import_module
from typing import NamedTuple

from ...ground.errors import Misconfigured
from ...ground.paths import Home
from . import bounds, broker, later

NONE = "none"

_CURE = (
    "install bubblewrap" if sys.platform == "linux" else "set turn.sandbox = auto to run without"
)

#: who commits when a repository does not say; a repository's own and the user's word count more
_GIT = "[user]\n\tname = Plainmind agent\n\temail = agent@localhost\n"

PROCESSES = 1024  # that one command may have at a time


class Choice(NamedTuple):
    rung: str
    reasons: str  # why it is no higher one


def choose(setting: str) -> Choice:
    """The rung that a setting gets on this machine. Misconfigured when it gets none and wants one."""
    if setting == NONE:
        return Choice(NONE, f"turn.sandbox is '{NONE}'")
    reasons: list[str] = []
    for name in _order() if setting in ("auto", "required") else [setting]:
        reason = _missing(name)
        if not reason:
            return Choice(name, "; ".join(reasons))
        reasons.append(f"{name}: {reason}")
    if setting == "auto":
        return Choice(NONE, "; ".join(reasons))
    raise Misconfigured(
        f"turn.sandbox is '{setting}', and there is none ({'; '.join(reasons)})", cure=_CURE
    )


class Prepared(NamedTuple):
    """A command line to start, with what it needs."""

    argv: list[str]
    environment: dict[str, str]
    inherited: tuple[int, ...]  # descriptors
    closed: tuple[int, ...] = ()  # those of them that are of no use here once it is started


class Sandbox:
    """One rung, for the commands of one turn. It owns a temporary folder, and the broker in it, until `close`."""

    def __init__(
        self,
        rung: str,
        home: Home,
        checkout: str,
        folder: str,
        *,
        network: bool,
        more: Iterable[str] = (),
    ):
        self.rung, self.folder = rung, folder
        self._own = tempfile.TemporaryDirectory(prefix="plainmind-")
        self._temporary, self._way_out = (
            os.path.join(self._own.name, "tmp"),
            os.path.join(self._own.name, "way-out"),
        )
        os.mkdir(self._temporary, 0o700)
        os.mkdir(self._way_out, 0o700)
        self._home, self._checkout, self._network, self._more = home, checkout, network, tuple(more)
        with open(os.path.join(self._way_out, "gitconfig"), "w", encoding="utf-8") as file:
            file.write(_GIT)
        self.broker = broker.Broker(self._way_out, checkout, {**os.environ, "MIND_HOME": home.root})
        self._before: later.Found = {}
        self._alive, self._held = (
            os.pipe()
        )  # the first can be read, its end, once this process is gone

    def prepared(self, command: str, environment: dict[str, str], life: int) -> Prepared:
        """How to start a bash command. `life` is a descriptor that should stay open until all it started has ended."""
        limits = bounds.bounds(
            self._home, self._checkout, self.folder, self._temporary, self._network, self._more
        )
        self._before = later.find(limits.writable) if self.rung != NONE else {}
        protected = later.protectable(limits.writable, self._before)
        argv = [
            "bash",
            "-c",
            f'{{ {self._limits()}; }} 2> /dev/null; exec bash -c "$1"',
            "bash",
            command,
        ]
        way_out = self.broker.inherited.fileno()
        from . import landlock

        if self.rung == NONE:
            order = _handed(landlock.unconfined())
            return Prepared(
                landlock.command(order, argv),
                {**environment, "TMPDIR": self._temporary},
                (order,),
                (order,),
            )
        inside = {
            **environment,
            "PATH": bounds.commands(limits, environment["PATH"]),
            "GIT_CONFIG_SYSTEM": f"{self._way_out}/gitconfig",
        }
        if self.rung == "bubblewrap":
            from . import bubblewrap, confine

            place = bubblewrap.SOCKET
            inside |= {
                "TMPDIR": "/tmp",
                "GIT_CONFIG_SYSTEM": f"{place}/gitconfig",
                "MIND_BROKER": f"{place}/{broker.NAME}",
            }
            if self._network:
                inside["MIND_BROKER"] = str(
                    way_out
                )  # sockets without a path are shared then: no socket but the internet's
            families = confine.INTERNET if self._network else (*confine.UNIX, *confine.INTERNET)
            calls = _handed(confine.call_filter(families, shared=True))
            # bubblewrap follows who started it only once it is set up: what is inside looks for itself
            argv[2] = f"read -t 0 -u {self._alive} && exit 143; exec {self._alive}<&-; {argv[2]}"
            order = _handed(bubblewrap.order(limits, protected, inside, self._way_out, life, calls))
            return Prepared(
                bubblewrap.command(order, argv),
                {},
                (life, way_out, self._alive, calls, order),
                (calls, order),
            )
        # a folder that is forbidden stops programs which go on without one that is not there
        inside |= {"TMPDIR": self._temporary, "HOME": self._temporary, "MIND_BROKER": str(way_out)}
        limits = limits._replace(readable=(*limits.readable, self._way_out))
        if self.rung == landlock.NAME:
            order = _handed(landlock.order(limits, protected))
            return Prepared(landlock.command(order, argv), inside, (way_out, order), (order,))
        from . import seatbelt

        return Prepared(seatbelt.command(limits, protected, argv), inside, (way_out,))

    def after(self) -> list[str]:
        """Look at what the command left, once nothing of it runs; remarks about it."""
        roots = tuple(dict.fromkeys((self._home.workspace, self.folder)))
        return later.set_aside(roots, self._before) if self.rung != NONE else []

    def close(self) -> None:
        self.broker.close()
        os.close(self._alive)
        os.close(self._held)
        self._own.cleanup()

    def _limits(self) -> str:
        """Limits of one command as bash sets them: no core file, 4 GiB a file, processes, memory of the machine (KiB)."""
        own = (
            _processes() if self.rung != "bubblewrap" else 0
        )  # they are counted by user, but anew within bubblewrap
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
        return f"ulimit -c 0; ulimit -f 4194304; ulimit -u {own + PROCESSES}; ulimit -d {memory}"


def _handed(data: bytes) -> int:
    """A descriptor that gives these bytes: there may be more of them than fit into arguments."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())


def _order() -> tuple[str, ...]:
    return ("sandbox-exec",) if sys.platform == "darwin" else ("bubblewrap", "landlock")


def _missing(name: str) -> str:
    module = import_module("." + {"sandbox-exec": "seatbelt"}.get(name, name), __package__)
    return str(module.missing())


def _processes() -> int:
    """Tasks of this user, which the limit counts as well."""
    found, uid = 0, os.getuid()
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:
                found += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            pass
    return found
