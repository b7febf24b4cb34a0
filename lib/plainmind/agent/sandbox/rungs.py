"""Which rung of sandbox this machine offers, and how a command is started within it.

Owns the order of the rungs. Knows no rung's own language.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from ...ground import scratch
from ...ground.errors import Misconfigured
from ...ground.paths import Home
from ...truth.resident.scopes import MemoryScope
from . import NONE, autorun, bounds, broker, modes, tasks

if TYPE_CHECKING:
    from . import mounts

_CURES = {"linux": "install bubblewrap"}
_CURE = _CURES.get(sys.platform, "set turn.sandbox = auto to run without")
#: who commits when a repository does not say; a repository's own and the user's word count more
_GIT = "[user]\n\tname = Plainmind agent\n\temail = agent@localhost\n"


class ChosenRung(NamedTuple):
    rung: str
    reasons: str  # why none of the better ones


def choose(setting: str) -> ChosenRung:
    """The rung that a setting gets on this machine. Misconfigured when it requires one in vain."""
    if setting == NONE:
        return ChosenRung(NONE, f"turn.sandbox is '{NONE}'")
    reasons: list[str] = []
    for name in _by_preference() if setting in ("auto", "required") else [setting]:
        reason = _missing(name)
        if not reason:
            return ChosenRung(name, "; ".join(reasons))
        reasons.append(f"{name}: {reason}")
    if setting == "auto":
        return ChosenRung(NONE, "; ".join(reasons))
    what = f"turn.sandbox is '{setting}', and none can be had ({'; '.join(reasons)})"
    raise Misconfigured(what, cure=_CURE)


class Launch(NamedTuple):
    """A command line to start, with what it needs."""

    argv: list[str]
    environment: dict[str, str]
    inherited: tuple[int, ...]  # descriptors
    to_close: tuple[int, ...] = ()  # those of them that are of no use here once it is started
    #: to be called with the process; Failure, and it has ended, when it may not go on
    settle: Callable[[subprocess.Popen], None] = lambda process: None


class Sandbox:
    """One rung, for the commands of one turn, with a temporary folder and the broker in it."""

    def __init__(
        self,
        rung: str,
        home: Home,
        checkout: str,
        folder: str,
        network: bool,
        more: Iterable[str],
        turn: dict[str, str],
        memories: tuple[MemoryScope, ...] = (),
    ):
        """`turn`: variables by which the suite's own commands know whose turn it is; `memories`:
        scopes of resident memory that commands write."""
        self.rung, self.folder = rung, folder
        self._real_folder = os.path.realpath(folder) if folder == home.workspace else folder
        self._home, self._checkout, self._network, self._more = home, checkout, network, tuple(more)
        self._stack = ExitStack()
        own = self._stack.enter_context(scratch.open_folder())
        self._temporary = os.path.join(own, "tmp")
        self._way_out = os.path.join(own, "way-out")
        os.mkdir(self._temporary, 0o700)
        os.mkdir(self._way_out, 0o700)
        with open(os.path.join(self._way_out, "gitconfig"), "w", encoding="utf-8") as file:
            file.write(_GIT)
        self._turn = turn
        self._memories = memories
        project = next((scope.project for scope in memories if scope.project), "")
        outside = {**os.environ, "MIND_HOME": home.root, "MIND_PROJECT": project, **turn}
        self.broker = broker.Broker(self._way_out, checkout, outside)
        self.tasks = tasks.TaskLimit(counts_from_zero=rung == "bubblewrap")
        self._modes = modes.Modes(home, memories, rung == "landlock") if rung != NONE else None
        self._before: autorun.Snapshot = {}
        # the first can be read, its end, once this process is gone
        self._parent_watch, self._parent_held = os.pipe()

    def launch(self, command: str, environment: dict[str, str], alive: int) -> Launch:
        """How to start a bash command. `alive` should stay open until all it started has ended."""
        if self._modes:
            self._modes.begin()
        launch = self._launch(command, environment, alive)
        return launch._replace(argv=self.tasks.enter(launch.argv))

    def _launch(self, command: str, environment: dict[str, str], alive: int) -> Launch:
        memories = tuple(scope.folder for scope in self._memories if scope.is_there())
        limits = bounds.compute(
            self._home,
            self._checkout,
            self.folder,
            self._temporary,
            self._network,
            self._more,
            tuple(dict.fromkeys(memories)),
        )
        self._before = autorun.find(limits.writable) if self.rung != NONE else {}
        protected = autorun.list_protectable(limits.writable, self._before)
        script = f'{{ {self._ulimits()}; }} 2> /dev/null; exec bash -c "$1"'
        argv = ["bash", "-c", script, "bash", command]
        if self.rung == NONE:
            from . import landlock

            fd = _as_descriptor(landlock.render_unconfined())
            inside = {**environment, **self._turn, "TMPDIR": self._temporary}
            return Launch(landlock.build_command(fd, argv), inside, (fd,), (fd,))
        inside = {**environment, "PATH": bounds.filter_path(limits, environment["PATH"])}
        inside["GIT_CONFIG_SYSTEM"] = f"{self._way_out}/gitconfig"
        if self.rung == "bubblewrap":
            return self._launch_in_bubblewrap(limits, protected, inside, argv, alive)
        # a folder that is forbidden stops programs which go on without one that is not there
        way_out = self.broker.inherited.fileno()
        inside |= {"TMPDIR": self._temporary, "HOME": self._temporary, "MIND_BROKER": str(way_out)}
        limits = limits._replace(readable=(*limits.readable, self._way_out))
        if self.rung == "landlock":
            from . import landlock

            fd = _as_descriptor(landlock.render_instructions(limits, protected))
            return Launch(landlock.build_command(fd, argv), inside, (way_out, fd), (fd,))
        from . import seatbelt

        return Launch(seatbelt.build_command(limits, protected, argv), inside, (way_out,))

    def _launch_in_bubblewrap(
        self,
        limits: bounds.Bounds,
        protected: list[str],
        inside: dict[str, str],
        argv: list[str],
        alive: int,
    ) -> Launch:
        from . import bubblewrap, confine

        place, way_out = bubblewrap.SOCKET, self.broker.inherited.fileno()
        inside |= {
            "TMPDIR": "/tmp",
            "GIT_CONFIG_SYSTEM": f"{place}/gitconfig",
            # sockets without a path are shared with a network: no socket but the internet's then
            "MIND_BROKER": str(way_out) if self._network else f"{place}/{broker.NAME}",
        }
        families = confine.INTERNET if self._network else (*confine.UNIX, *confine.INTERNET)
        calls = _as_descriptor(confine.build_call_filter(families, shared=True))
        # bubblewrap follows who started it only once it is set up: what is inside looks for itself
        watch = self._parent_watch
        argv[2] = f"read -t 0 -u {watch} && exit 143; exec {watch}<&-; {argv[2]}"
        check = self._check_mounts(limits, protected)
        options = bubblewrap.build_options(
            limits, protected, inside, self._way_out, alive, calls, check.options if check else ()
        )
        fd = _as_descriptor(options)
        own = (calls, fd, *(check.inherited if check else ()))
        launch = Launch(bubblewrap.build_command(fd, argv), {}, (alive, way_out, watch, *own), own)
        return launch._replace(settle=check.settle) if check else launch

    def _check_mounts(
        self, limits: bounds.Bounds, protected: list[str]
    ) -> "mounts.MountCheck | None":
        """A check of what commands of other turns can rename; mostly there is nothing of it."""
        fixed = (self._home.workspace, self._home.path("memory"))
        paths = [path for path in limits.writable if path not in fixed]
        paths += [*bounds.list_between(limits.writable, protected), *protected]
        if not paths:
            return None
        from . import mounts

        real = {root: os.path.realpath(root) for root in limits.writable}
        return mounts.MountCheck({**real, self.folder: self._real_folder}, paths)

    def put_back_modes(self) -> list[str]:
        """Undo what the command did to the modes of what lasts; remarks on it."""
        return self._modes.put_back() if self._modes else []

    def disarm(self) -> list[str]:
        """Set aside what the command left to run later, once nothing of it runs; remarks on it."""
        if self.rung == NONE:
            return []
        there = [scope for scope in self._memories if scope.is_there()]
        roots = self._home.workspace, self.folder, *(scope.folder for scope in there)
        # what began in the meantime, and holds nothing but memory, runs nothing
        begun = [os.path.dirname(scope.folder) for scope in there if scope.project]
        alone = {path: autorun.THERE for path in begun if _holds_only_memory(path)}
        return autorun.set_aside(tuple(dict.fromkeys(roots)), {**alone, **self._before})

    def close(self) -> None:
        self.broker.close()
        self.tasks.close()
        os.close(self._parent_watch)
        os.close(self._parent_held)
        self._stack.close()

    def _ulimits(self) -> str:
        """A command's limits, as bash sets them: no core, 4 GiB a file, tasks, all memory (KiB)."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
        return f"ulimit -c 0; ulimit -f 4194304; {self.tasks.ulimit}; ulimit -d {memory}"


def _holds_only_memory(folder: str) -> bool:
    try:
        return os.listdir(folder) == ["memory"]
    except OSError:  # closed by the command: who knows what else is in it
        return False


def _as_descriptor(data: bytes) -> int:
    """A descriptor that gives these bytes: there may be more of them than fit into arguments."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())


def _by_preference() -> tuple[str, ...]:
    return ("sandbox-exec",) if sys.platform == "darwin" else ("bubblewrap", "landlock")


def _missing(name: str) -> str:
    module = import_module("." + {"sandbox-exec": "seatbelt"}.get(name, name), __package__)
    return str(module.explain_missing())
