"""The one tool: bash, with a time limit, a cap on output, a clean environment, and its processes ended with it.

Owns running a command and what the model gets to see of it. Refuses to know what a sandbox is made of (`sandbox`).
"""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..ground import clock, files
from ..ground.errors import Failure, Misconfigured
from ..ground.paths import Home
from .sandbox import bounds, ladder
from .sandbox.broker import Broker

LONGEST = 600  # seconds
SHOWN = 8 * 1024  # bytes of the head, and of the tail, that the model sees of a long output
KEPT = 16 * 1024 * 1024  # bytes of an output that are kept in a file
MARGIN = 4 * 1024  # bytes more, so that a secret at the cut is seen whole, and masked
GRACE = 2.0  # seconds for the last output of processes that were killed

#: the only variables a command gets, where they are set
PASSED_ON = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "MIND_AGENT",
    "MIND_SESSION",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
)

TOOL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a bash command on the user's machine and see its output (standard output and error together).",
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

# accidents, not attacks: a pattern is no boundary
_DENIED = [
    (
        re.compile(
            r"\brm\s+(?:-\w+\s+|--\S+\s+)*-\w*[rR]\w*\s+(?:-\S+\s+)*(?:/|~|\$HOME|/\*|~/\*|\"\$HOME\")(?:\s|;|&|\||$)"
        ),
        "removes everything",
    ),
    (re.compile(r":\s*\(\s*\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;\s*:"), "is a fork bomb"),
    (
        re.compile(
            r"\bmkfs(?:\.\w+)?\s|\bdd\b[^|;&]*\bof=/dev/(?:sd|nvme|disk|hd|vd|mmcblk)|>\s*/dev/(?:sd|nvme|disk|hd|vd|mmcblk)"
        ),
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
    def told(self) -> str:
        """The text with the exit code, which says more than silence."""
        return "\n".join(
            part for part in (self.text, f"(exit {self.exit})" if self.exit else "") if part
        )

    def meta(self) -> dict:
        found = {"exit": self.exit, "seconds": round(self.seconds, 3), "sandbox": self.sandbox}
        return {
            key: value
            for key, value in {**found, "full": self.full}.items()
            if key == "exit" or value != ""
        }


class Terms(NamedTuple):
    """On what terms commands run."""

    sandbox: str = "auto"  # turn.sandbox
    network: bool = False
    readable: tuple[str, ...] = ()  # paths that are read besides the system and the home
    mask: Callable[[str], str] = str  # what hides secrets in an output
    say: Callable[[str], None] = lambda remark: None
    announce: Callable[[str], None] = lambda command: None  # told what is run, before it is

    @classmethod
    def of(cls, settings: Any, attached: Iterable[str], **more: Any) -> "Terms":
        """The terms of the settings; what came with the message can be read too. Misconfigured for a path that is none."""
        readable = [
            os.path.expanduser(path) for path in settings["turn.readable"].split(":") if path
        ]
        if wrong := [path for path in readable if not os.path.isabs(path)]:
            raise Misconfigured(
                f"turn.readable: '{wrong[0]}' is no whole path", cure="begin it with / or ~"
            )
        paths = (*map(os.path.normpath, readable), *attached)
        return cls(settings["turn.sandbox"], settings["turn.network"], paths, **more)


class Shell:
    """Runs commands in one folder, in one sandbox. To be closed."""

    def __init__(
        self, home: Home, checkout: str, folder: str | None = None, terms: Terms = Terms()
    ):
        """`checkout` is where the suite's own commands are, which are found first. NotPermitted for a folder that may not be opened."""
        self.home, self.terms = home, terms
        self.folder = folder or home.workspace
        self.checkout = checkout
        self._sandbox: ladder.Sandbox | None = None
        self._environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        self._environment |= {
            "PATH": f"{checkout}/bin:{path}",
            "MIND_HOME": home.root,
            "TERM": "dumb",
        }
        if terms.sandbox != ladder.NONE:
            bounds.check(home, checkout, self.folder)

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_) -> None:
        if self._sandbox:
            self._sandbox.close()

    @property
    def sandbox(self) -> ladder.Sandbox:
        """The sandbox, chosen when first asked for. Misconfigured when one is required and there is none."""
        if not self._sandbox:
            choice = ladder.choose(self.terms.sandbox)
            if choice.rung == ladder.NONE and self.terms.sandbox != ladder.NONE:
                self.terms.say(f"no sandbox: commands run as you ({choice.reasons})")
            self._sandbox = ladder.Sandbox(
                choice.rung,
                self.home,
                self.checkout,
                self.folder,
                network=self.terms.network,
                more=self.terms.readable,
            )
        return self._sandbox

    def run(self, command: str, timeout: int) -> Output:
        """Run a command; all that it started is killed afterwards."""
        reason = denied(command)
        if reason:
            return Output(f"refused: this {reason}", 126, 0.0, "", "")
        self.terms.announce(f"$ {command}")
        files.make_folder(self.home.workspace)
        files.make_folder(self.folder)
        start, sandbox = clock.monotonic(), self.sandbox
        with tempfile.TemporaryFile() as spool:
            reading, writing = os.pipe()
            ending, life = os.pipe()
            try:
                process = self._start(sandbox.prepared(command, self._environment, life), writing)
            except (
                Failure,
                OSError,
                ValueError,
            ) as error:  # ValueError: a NUL in it, or half a character
                os.close(reading)
                os.close(ending)
                return Output(
                    f"not run: {getattr(error, 'strerror', '') or error}", 127, 0.0, "", ""
                )
            finally:
                os.close(writing)
                os.close(life)
            try:
                end = start + min(max(timeout, 1), LONGEST)
                size, tail = _collect(reading, spool, process, end, sandbox.broker)
                ended = process.poll()
            finally:
                _end(process, ending)
                os.close(reading)
                os.close(ending)
                remarks = self._looked_after(sandbox)
            text, full = self._shown(spool, size, tail)
        seconds = clock.monotonic() - start
        if ended is None:
            remarks.insert(0, f"ended after {seconds:.0f} s: the time limit")
        text = "\n".join([*([text] if text else []), *(f"({remark})" for remark in remarks)])
        return Output(text, ended, seconds, full, sandbox.rung)

    def _looked_after(self, sandbox: ladder.Sandbox) -> list[str]:
        """What a command left, or why it could not be looked at: what it did is logged in any case."""
        try:
            return sandbox.after()
        except (Failure, OSError) as error:
            return [f"what it left in '{self.folder}' could not be looked at: {error}"]

    def _start(self, prepared: ladder.Prepared, writing: int) -> subprocess.Popen:
        try:
            return subprocess.Popen(
                prepared.argv, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, cwd=self.folder,
                env=prepared.environment, start_new_session=True, pass_fds=prepared.inherited,
            )  # fmt: skip
        finally:
            for fd in prepared.closed:
                os.close(fd)

    def _shown(self, spool, size: int, tail: bytes) -> tuple[str, str]:
        spool.seek(0)
        data, mask = spool.read(), self.terms.mask
        if size <= 2 * SHOWN:
            return mask(data.decode("utf-8", "replace")).removesuffix("\n"), ""
        name = f"work/logs/bash-{clock.to_stamp(clock.system_now())}-{os.getpid()}-{clock.system_now() % 1000:03d}.txt"
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


def denied(command: str) -> str:
    """Why a command is refused, '' when it is not."""
    return next((reason for pattern, reason in _DENIED if pattern.search(command)), "")


def _collect(
    reading: int, spool, process: subprocess.Popen, end: float, broker: Broker
) -> tuple[int, bytes]:
    """Read output until all writers are gone, or the shell is, or the time. Returns its size, and its last bytes."""
    import select

    size, tail, over = 0, b"", False
    while (left := end - clock.monotonic()) > 0:
        if not over and process.poll() is not None:
            # what it left in the background is not waited for
            over = True
            _kill(process)
            end = min(end, clock.monotonic() + GRACE)
            continue
        ready, _, _ = select.select([reading, *broker.sources()], [], [], min(left, 0.05))
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


def _wait_serving(process: subprocess.Popen, end: float, broker: Broker) -> None:
    """Wait for a shell that says no more, but may use the broker."""
    import select

    while process.poll() is None and (left := end - clock.monotonic()) > 0:
        ready, _, _ = select.select(broker.sources(), [], [], min(left, 0.02))
        broker.serve(ready)


def _end(process: subprocess.Popen, ending: int) -> None:
    """End a command with all that it started, and wait until it has ended: `ending` is at its end then."""
    import select

    if process.poll() is None:
        process.terminate()  # a launcher first ends what would escape from the group
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
    _kill(process)
    select.select([ending], [], [], GRACE)


def _kill(process: subprocess.Popen) -> None:
    """Kill a command with its group and its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
    # job control and timeout(1) make groups of their own in the session; a second look finds what was being forked
    for _ in range(5):
        left = _session(process.pid)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if not left:
            return


def _session(leader: int) -> list[int]:
    """Processes of a session, as far as there is a /proc to ask."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == leader and state not in b"ZX":
            found.append(int(name))
    return found
