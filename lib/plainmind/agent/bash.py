"""The one tool: bash, with limits of time and output, a clean environment, and its processes ended.

Owns what the model gets to see of a command. Refuses to know what a sandbox is made of (`sandbox`).
"""

import os
import re
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ground import clock, files
from ..ground.environment import TurnRights
from ..ground.errors import Failure, Misconfigured
from ..ground.paths import Home
from ..ground.settings import KEYS, split
from ..truth.resident.scopes import MemoryScope
from .sandbox import NONE, bounds

if TYPE_CHECKING:
    from . import watch
    from .sandbox import rungs
    from .sandbox.broker import Broker

LONGEST = 600  # seconds
SHOWN = 8 * 1024  # bytes of the head, and of the tail, that the model sees of a long output
KEPT = 16 * 1024 * 1024  # bytes of an output that are kept in a file
MARGIN = 4 * 1024  # bytes of a tail more, so that a secret at the cut is seen whole, and masked
GRACE = 2.0  # seconds for the last output of processes that were killed
PIPE = 65_536  # bytes that a pipe holds: read even if time is up

#: the only variables a command gets, where they are set
PASSED_ON = (
    "HOME LANG LC_ALL LC_CTYPE LOGNAME MIND_AGENT MIND_SESSION SHELL TMPDIR TZ USER"
).split()

_COMMAND = {"type": "string", "description": "the command"}
_TIMEOUT = {"type": "integer", "description": f"seconds it may take, at most {LONGEST}"}
TOOL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a bash command on the user's machine and see its output "
        "(standard output and error together).",
        "parameters": {
            "type": "object",
            "properties": {"command": _COMMAND, "timeout": _TIMEOUT},
            "required": ["command"],
        },
    },
}

_DISKS = r"/dev/(?:sd|nvme|disk|hd|vd|mmcblk)"
#: accidents, not attacks: a pattern is not a boundary
_DENIED = {
    "removes everything": r"\brm\s+(?:-\w+\s+|--\S+\s+)*-\w*[rR]\w*\s+(?:-\S+\s+)*"
    r"(?:/|~|\$HOME|/\*|~/\*|\"\$HOME\")(?:\s|;|&|\||$)",
    "is a fork bomb": r":\s*\(\s*\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;\s*:",
    "overwrites a disk": rf"\bmkfs(?:\.\w+)?\s|\bdd\b[^|;&]*\bof={_DISKS}|>\s*{_DISKS}",
}


class Output(NamedTuple):
    """What a command did. `exit` is None when it was ended at its time limit."""

    text: str
    exit: int | None
    seconds: float
    full: str  # path of the whole output relative to the home, '' when `text` is whole
    sandbox: str  # the rung it ran on, 'none' too; '' when it was not started

    @property
    def for_model(self) -> str:
        """The text with the exit code, which says more than silence."""
        return "\n".join(filter(None, (self.text, f"(exit {self.exit})" if self.exit else "")))

    def meta(self) -> dict[str, Any]:
        """What the log keeps of it besides the text."""
        meta = {"exit": self.exit, "seconds": round(self.seconds, 3)}
        more = {"sandbox": self.sandbox, "full": self.full}
        return meta | {key: value for key, value in more.items() if value}


class ShellOptions(NamedTuple):
    """What commands may reach, and who hears of them."""

    sandbox: str = "auto"  # turn.sandbox
    network: bool = False
    readable: tuple[str, ...] = ()  # paths that are read besides the system and the home
    memories: tuple[MemoryScope, ...] = ()  # of resident memory: in the prompt, and written
    mask: Callable[[str], str] = str  # what hides secrets in an output
    say: Callable[[str], None] = lambda remark: None
    announce: Callable[[str], None] = lambda command: None  # told what is run, before it is
    may: str = KEYS["turn.may"].default

    @classmethod
    def of(
        cls,
        settings: Any,
        attached: Iterable[str],
        memories: Iterable[MemoryScope] = (),
        **more: Any,
    ) -> "ShellOptions":
        """As the settings say; what came with the message can be read too.

        Misconfigured for a path in turn.readable that is not absolute.
        """
        of = settings.section("turn")
        readable = [os.path.expanduser(path) for path in of["readable"].split(":") if path]
        if wrong := [path for path in readable if not os.path.isabs(path)]:
            what = f"turn.readable: '{wrong[0]}' is not an absolute path"
            raise Misconfigured(what, cure="begin it with / or ~")
        given = (*map(os.path.normpath, readable), *attached)
        more["may"] = of["may"]
        return cls(of["sandbox"], of["network"], given, tuple(memories), **more)


class Shell:
    """Runs commands in one folder, in one sandbox. To be closed."""

    def __init__(
        self,
        home: Home,
        checkout: str,
        folder: str | None = None,
        options: ShellOptions = ShellOptions(),
    ):
        """`checkout` is where the suite's own commands are, which are found first.

        NotPermitted for a folder that may not be opened.
        """
        self.home, self.options = home, options
        self.context = ""  # whose turn it is
        self.folder = bounds.resolve(home, folder) if folder else home.workspace
        if folder and self.folder != os.path.abspath(folder):
            options.say(f"commands start in '{self.folder}', where '{folder}' leads")
        self.checkout = checkout
        self._sandbox: rungs.Sandbox | None = None
        self._watch: watch.Watch
        self._environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = f"{checkout}/bin:{os.environ.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
        self._environment |= {"PATH": path, "MIND_HOME": home.root, "TERM": "dumb"}
        if options.sandbox != NONE:
            bounds.check(home, checkout, self.folder)

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_) -> None:
        if self._sandbox:
            self._sandbox.close()
            self._watch.close()

    @cached_property
    def rights(self) -> TurnRights:
        """What commands know of the turn, and may change for good."""
        from ..ground import chance

        may = frozenset(split(self.options.may))
        agent = os.environ.get("MIND_AGENT", "")
        return TurnRights(chance.draw(4).hex(), os.getpid(), self.context, may, agent)

    @property
    def sandbox(self) -> "rungs.Sandbox":
        """The sandbox, chosen when first asked for.

        Misconfigured when one is required and there is none.
        """
        if not self._sandbox:
            from . import watch
            from .sandbox import rungs

            options, place = self.options, (self.home, self.checkout, self.folder)
            rung, reasons = rungs.choose(options.sandbox)
            if rung == NONE and options.sandbox != NONE:
                options.say(f"no sandbox: commands run as you ({reasons})")
            turn, opened = self.rights.to_variables(), (options.network, options.readable)
            self._sandbox = rungs.Sandbox(rung, *place, *opened, turn, self._writable_memories)
            everything = rung == NONE
            self._watch = watch.Watch(self.home, self.rights, options.memories, everything)
        return self._sandbox

    @property
    def _writable_memories(self) -> tuple[MemoryScope, ...]:
        return self.options.memories if "memory" in self.rights.may else ()

    def run(self, command: str, seconds: float) -> Output:
        """Run a command for at most `seconds` (and LONGEST); then all that it started is killed."""
        if reason := find_denial(command):
            return Output(f"refused: this {reason}", 126, 0.0, "", "")
        self.options.announce(f"$ {command}")
        files.make_folder(self.home.workspace)
        files.make_folder(self.folder)
        start, sandbox = clock.monotonic(), self.sandbox
        self._watch.begin()
        with tempfile.TemporaryFile() as spool:
            reading, writing = os.pipe()
            ended, alive = os.pipe()  # `ended` can be read, its end, once all it started is gone
            try:
                launch = sandbox.launch(command, self._environment, alive)
                process = self._start(launch, writing)
                launch.settle(process)
            except (Failure, OSError, ValueError) as error:  # a NUL in it, or half a character
                os.close(reading)
                os.close(ended)
                why = getattr(error, "strerror", "") or error
                return Output(f"not run: {why}", 127, 0.0, "", "")
            finally:
                os.close(writing)
                os.close(alive)
            try:
                end = start + min(seconds, LONGEST)
                size, tail = _collect(reading, spool, process, end, sandbox.broker)
                exit = process.poll()
            finally:
                _end(process, ended)
                os.close(reading)
                os.close(ended)
                remarks = self._disarm(sandbox)
            text, full = self._shorten(spool, size, tail)
        took = clock.monotonic() - start
        if exit is None:
            remarks.insert(0, f"ended after {took:.0f} s: the time limit")
        text = "\n".join([*([text] if text else []), *(f"({remark})" for remark in remarks)])
        return Output(text, exit, took, full, sandbox.rung)

    def _disarm(self, sandbox: "rungs.Sandbox") -> list[str]:
        """Remarks on what a command left; why it could not be examined is one of them."""
        remarks: list[str] = []
        for examine in (sandbox.put_back_modes, sandbox.disarm, self._watch.end):
            try:
                remarks += examine() or []
            except (Failure, OSError) as error:
                remarks += [f"what it left in '{self.folder}' could not be examined: {error}"]
        return remarks

    def _start(self, launch: "rungs.Launch", writing: int) -> subprocess.Popen:
        try:
            return subprocess.Popen(
                launch.argv, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
                cwd=self.folder, env=launch.environment, start_new_session=True,
                pass_fds=launch.inherited,
            )  # fmt: skip
        finally:
            for fd in launch.to_close:
                os.close(fd)

    def _shorten(self, spool, size: int, tail: bytes) -> tuple[str, str]:
        """An output as the model sees it, masked; and where the whole is, '' when this is it."""
        spool.seek(0)
        data, mask = spool.read(), self.options.mask
        if size <= 2 * SHOWN:
            return mask(data.decode("utf-8", "replace")).removesuffix("\n"), ""
        now = clock.system_now()
        name = f"work/logs/bash-{clock.to_stamp(now)}-{os.getpid()}-{now % 1000:03d}.txt"
        whole = mask(f"{data.decode('utf-8', 'surrogateescape')}…")[:-1]
        masked = whole.encode("utf-8", "surrogateescape")
        files.replace(self.home.path(name), masked)
        part = "whole is" if size <= KEPT else f"first {KEPT} bytes are"
        last = masked if size <= KEPT else self._mask_tail(tail)
        head, foot = (end.decode("utf-8", "ignore") for end in (masked[:SHOWN], last[-SHOWN:]))
        left_out = f"… {size - 2 * SHOWN} bytes left out; the {part} in {name} …"
        return f"{head}\n{left_out}\n{foot}", name

    def _mask_tail(self, tail: bytes) -> bytes:
        """The end of an output, without a word at its beginning that may be half a secret."""
        masked = self.options.mask(f"…{tail.decode('utf-8', 'ignore')}")[1:]
        word = re.match(rf"\S{{0,{MARGIN}}}", masked)
        return masked[word.end() if word else 0 :].encode()


def find_denial(command: str) -> str:
    """Why a command is refused, '' when it is not."""
    return next((why for why, pattern in _DENIED.items() if re.search(pattern, command)), "")


def _collect(
    reading: int, spool, process: subprocess.Popen, end: float, broker: "Broker"
) -> tuple[int, bytes]:
    """The size and the last bytes of an output, read until all writers are gone, or the shell is,
    or time is up."""
    size, tail, over, rest = 0, b"", False, PIPE
    while rest > 0:
        left = max(0.0, end - clock.monotonic())
        if left and not over and process.poll() is not None:
            over = True  # what it left in the background is not waited for
            _kill(process)
            end = min(end, clock.monotonic() + GRACE)
            continue
        ready, _, _ = select.select([reading, *broker.list_sources()], [], [], min(left, 0.05))
        broker.serve(ready)
        if reading not in ready:
            if not left:
                break
            continue
        piece = os.read(reading, 65536)
        if not piece:
            _wait_serving(process, end, broker)
            break
        if not left:  # printed in time; we were not let run
            rest -= len(piece)
        if size < KEPT:
            spool.write(piece[: KEPT - size])
        size += len(piece)
        tail = (tail + piece)[-SHOWN - MARGIN :]
    return size, tail


def _wait_serving(process: subprocess.Popen, end: float, broker: "Broker") -> None:
    """Wait for a shell that prints no more, but may use the broker."""
    while process.poll() is None and (left := end - clock.monotonic()) > 0:
        ready, _, _ = select.select(broker.list_sources(), [], [], min(left, 0.02))
        broker.serve(ready)


def _end(process: subprocess.Popen, ended: int) -> None:
    """End a command with all that it started, which is gone once `ended` is at its end."""
    if process.poll() is None:
        process.terminate()  # a launcher first ends what would escape from the group
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    _kill(process)
    select.select([ended], [], [], GRACE)


def _kill(process: subprocess.Popen) -> None:
    """Kill a command with its group and its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # job control and timeout(1) make groups of their own in the session; a second look finds what
    # was being forked
    for _ in range(5):
        left = _processes_of_session(process.pid)
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return


def _processes_of_session(leader: int) -> list[int]:
    """Ids of the living processes of a session, as far as there is a /proc to ask."""
    from .sandbox.confine import list_processes

    return [pid for pid, (state, *_) in list_processes(leader) if state not in b"ZX"]
