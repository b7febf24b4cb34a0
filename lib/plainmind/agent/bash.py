"""The one tool: bash, with a time limit, a cap on output, a clean environment, and its processes
ended with it.

Owns running a command and what the model gets to see of it. Refuses to know what a sandbox is made
of (`sandbox`).
"""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ground import clock, files
from ..ground.errors import Failure, Misconfigured
from ..ground.paths import Home
from .sandbox import NONE, bounds

if TYPE_CHECKING:
    from .sandbox import rungs
    from .sandbox.broker import Broker

LONGEST = 600  # seconds
SHOWN = 8 * 1024  # bytes of the head, and of the tail, that the model sees of a long output
KEPT = 16 * 1024 * 1024  # bytes of an output that are kept in a file
MARGIN = 4 * 1024  # bytes more, so that a secret at the cut is seen whole, and masked
GRACE = 2.0  # seconds for the last output of processes that were killed

#: the only variables a command gets, where they are set
PASSED_ON = (
    "HOME LANG LC_ALL LC_CTYPE LOGNAME MIND_AGENT MIND_SESSION SHELL TMPDIR TZ USER"
).split()

TOOL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": (
            "Run a bash command on the user's machine and see its output "
            "(standard output and error together)."
        ),
        "parameters": {
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "the command"},
                "timeout": {
                    "type": "integer",
                    "description": f"seconds it may take, at most {LONGEST}",
                },
            },
            "required": ["command"],
        },
    },
}

_DISKS = r"/dev/(?:sd|nvme|disk|hd|vd|mmcblk)"
# accidents, not attacks: a pattern is not a boundary
_DENIED = [
    (
        re.compile(
            r"\brm\s+(?:-\w+\s+|--\S+\s+)*-\w*[rR]\w*\s+(?:-\S+\s+)*"
            r"(?:/|~|\$HOME|/\*|~/\*|\"\$HOME\")(?:\s|;|&|\||$)"
        ),
        "removes everything",
    ),
    (re.compile(r":\s*\(\s*\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;\s*:"), "is a fork bomb"),
    (
        re.compile(rf"\bmkfs(?:\.\w+)?\s|\bdd\b[^|;&]*\bof={_DISKS}|>\s*{_DISKS}"),
        "overwrites a disk",
    ),
]


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
        return "\n".join(
            part for part in (self.text, f"(exit {self.exit})" if self.exit else "") if part
        )

    def meta(self) -> dict[str, Any]:
        """What the log keeps of it besides the text."""
        values = {
            "exit": self.exit,
            "seconds": round(self.seconds, 3),
            "sandbox": self.sandbox,
            "full": self.full,
        }
        return {key: value for key, value in values.items() if key == "exit" or value != ""}


class ShellOptions(NamedTuple):
    """What commands may reach, and who hears of them."""

    sandbox: str = "auto"  # turn.sandbox
    network: bool = False
    readable: tuple[str, ...] = ()  # paths that are read besides the system and the home
    mask: Callable[[str], str] = str  # what hides secrets in an output
    say: Callable[[str], None] = lambda remark: None
    announce: Callable[[str], None] = lambda command: None  # told what is run, before it is

    @classmethod
    def of(cls, settings: Any, attached: Iterable[str], **more: Any) -> "ShellOptions":
        """As the settings say; what came with the message can be read too.

        Misconfigured for a path in turn.readable that is not absolute.
        """
        readable = [
            os.path.expanduser(path) for path in settings["turn.readable"].split(":") if path
        ]
        if wrong := [path for path in readable if not os.path.isabs(path)]:
            raise Misconfigured(
                f"turn.readable: '{wrong[0]}' is not an absolute path", cure="begin it with / or ~"
            )
        paths = (*map(os.path.normpath, readable), *attached)
        return cls(settings["turn.sandbox"], settings["turn.network"], paths, **more)


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
        self.folder = folder or home.workspace
        self.checkout = checkout
        self._sandbox: rungs.Sandbox | None = None
        self._environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        self._environment |= {
            "PATH": f"{checkout}/bin:{path}",
            "MIND_HOME": home.root,
            "TERM": "dumb",
        }
        if options.sandbox != NONE:
            bounds.check(home, checkout, self.folder)

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_) -> None:
        if self._sandbox:
            self._sandbox.close()

    @property
    def sandbox(self) -> "rungs.Sandbox":
        """The sandbox, chosen when first asked for.

        Misconfigured when one is required and there is none.
        """
        if not self._sandbox:
            from .sandbox import rungs

            choice = rungs.choose(self.options.sandbox)
            if choice.rung == NONE and self.options.sandbox != NONE:
                self.options.say(f"no sandbox: commands run as you ({choice.reasons})")
            self._sandbox = rungs.Sandbox(
                choice.rung,
                self.home,
                self.checkout,
                self.folder,
                network=self.options.network,
                more=self.options.readable,
            )
        return self._sandbox

    def run(self, command: str, seconds: float) -> Output:
        """Run a command for at most `seconds` (and LONGEST); all that it started is killed
        afterwards."""
        reason = find_denial(command)
        if reason:
            return Output(f"refused: this {reason}", 126, 0.0, "", "")
        self.options.announce(f"$ {command}")
        files.make_folder(self.home.workspace)
        files.make_folder(self.folder)
        start, sandbox = clock.monotonic(), self.sandbox
        with tempfile.TemporaryFile() as spool:
            reading, writing = os.pipe()
            ended, alive = os.pipe()  # `ended` can be read, its end, once all it started is gone
            try:
                process = self._start(sandbox.launch(command, self._environment, alive), writing)
            # ValueError: a NUL in it, or half a character
            except (Failure, OSError, ValueError) as error:
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
        """Remarks on what a command left, or on why it could not be examined: what it did is logged
        in any case."""
        try:
            return sandbox.disarm()
        except (Failure, OSError) as error:
            return [f"what it left in '{self.folder}' could not be examined: {error}"]

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
        whole = mask(data.decode("utf-8", "surrogateescape"))
        files.replace(self.home.path(name), whole.encode("utf-8", "surrogateescape"))
        where = (
            f"the whole is in {name}" if size <= KEPT else f"the first {KEPT} bytes are in {name}"
        )
        head = (
            mask(data[: SHOWN + MARGIN].decode("utf-8", "ignore"))
            .encode()[:SHOWN]
            .decode("utf-8", "ignore")
        )
        end = mask(tail.decode("utf-8", "ignore")).encode()[-SHOWN:].decode("utf-8", "ignore")
        return f"{head}\n… {size - 2 * SHOWN} bytes left out; {where} …\n{end}", name


def find_denial(command: str) -> str:
    """Why a command is refused, '' when it is not."""
    return next((reason for pattern, reason in _DENIED if pattern.search(command)), "")


def _collect(
    reading: int, spool, process: subprocess.Popen, end: float, broker: "Broker"
) -> tuple[int, bytes]:
    """Read output until all writers are gone, or the shell is, or time is up.

    Returns its size, and its last bytes.
    """
    import select

    size, tail, over = 0, b"", False
    while (left := end - clock.monotonic()) > 0:
        if not over and process.poll() is not None:
            # what it left in the background is not waited for
            over = True
            _kill(process)
            end = min(end, clock.monotonic() + GRACE)
            continue
        ready, _, _ = select.select([reading, *broker.list_sources()], [], [], min(left, 0.05))
        broker.serve(ready)
        if reading not in ready:
            continue
        piece = os.read(reading, 65536)
        if not piece:
            _wait_serving(process, end, broker)
            break
        if size < KEPT:
            spool.write(piece[: KEPT - size])
        size += len(piece)
        tail = (tail + piece)[-SHOWN - MARGIN :]
    return size, tail


def _wait_serving(process: subprocess.Popen, end: float, broker: "Broker") -> None:
    """Wait for a shell that prints no more, but may use the broker."""
    import select

    while process.poll() is None and (left := end - clock.monotonic()) > 0:
        ready, _, _ = select.select(broker.list_sources(), [], [], min(left, 0.02))
        broker.serve(ready)


def _end(process: subprocess.Popen, ended: int) -> None:
    """End a command with all that it started, and wait until `ended` is at its end: all of it is
    gone then."""
    import select

    if process.poll() is None:
        process.terminate()  # a launcher first ends what would escape from the group
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
    _kill(process)
    select.select([ended], [], [], GRACE)


def _kill(process: subprocess.Popen) -> None:
    """Kill a command with its group and its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
    # job control and timeout(1) make groups of their own in the session; a second look finds what
    # was being forked
    for _ in range(5):
        left = _processes_of_session(process.pid)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if not left:
            return


def _processes_of_session(leader: int) -> list[int]:
    """Ids of the processes of a session, as far as there is a /proc to ask."""
    pids = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == leader and state not in b"ZX":
            pids.append(int(name))
    return pids
