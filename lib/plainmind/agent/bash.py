"""The one tool: bash, with a time limit, a cap on output, a clean environment, and its processes ended with it.

Owns running a command and what the model gets to see of it. Refuses to know what a sandbox is made of; that
has its place between `Shell` and the program it starts.
"""

import os
import re
import signal
import subprocess
import tempfile
from typing import NamedTuple

from ..ground import clock, files
from ..ground.paths import Home

LONGEST = 600  # seconds
SHOWN = 8 * 1024  # bytes of the head, and of the tail, that the model sees of a long output
KEPT = 16 * 1024 * 1024  # bytes of an output that are kept in a file
GRACE = 2.0  # seconds for the last output of processes that were killed

#: the only variables a command gets, where they are set
PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "SHELL", "TMPDIR", "TZ", "USER")

TOOL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a bash command on the user's machine and see its output (standard output and error together).",
        "parameters": {
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "the command"},
                "timeout": {"type": "integer", "description": f"seconds it may take, at most {LONGEST}"},
            },
            "required": ["command"],
        },
    },
}

# accidents, not attacks: a pattern is no boundary
_DENIED = [
    (
        re.compile(r"\brm\s+(?:-\w+\s+|--\S+\s+)*-\w*[rR]\w*\s+(?:-\S+\s+)*(?:/|~|\$HOME|/\*|~/\*|\"\$HOME\")(?:\s|;|&|\||$)"),
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

    def meta(self) -> dict:
        found = {"exit": self.exit, "seconds": round(self.seconds, 3), "sandbox": "none"}
        return {**found, **({"full": self.full} if self.full else {})}


class Shell:
    """Runs commands in one folder."""

    def __init__(self, home: Home, commands: str, folder: str | None = None):
        """`commands` is the folder of the suite's own commands, which are found first."""
        self.home = home
        self.folder = folder or home.workspace
        self._environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        self._environment |= {"PATH": f"{commands}:{path}", "MIND_HOME": home.root, "TERM": "dumb"}

    def run(self, command: str, timeout: int) -> Output:
        """Run a command; every process of its group and of its session is killed afterwards."""
        reason = denied(command)
        if reason:
            return Output(f"refused: this {reason}", 126, 0.0, "")
        files.make_folder(self.folder)
        start = clock.monotonic()
        with tempfile.TemporaryFile() as spool:
            reading, writing = os.pipe()
            try:
                process = subprocess.Popen(
                    ["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
                    cwd=self.folder, env=self._environment, start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as error:  # ValueError: a NUL in it, or half a character
                os.close(reading)
                return Output(f"bash cannot be started: {getattr(error, 'strerror', '') or error}", 127, 0.0, "")
            finally:
                os.close(writing)
            try:
                size, tail = _collect(reading, spool, process, start + min(max(timeout, 1), LONGEST))
                ended = process.poll()
            finally:
                _kill(process)
                os.close(reading)
            text, full = self._shown(spool, size, tail)
        seconds = clock.monotonic() - start
        if ended is None:
            text += f"\n(ended after {seconds:.0f} s: the time limit)"
        return Output(text, ended, seconds, full)

    def _shown(self, spool, size: int, tail: bytes) -> tuple[str, str]:
        spool.seek(0)
        data = spool.read()
        if size <= 2 * SHOWN:
            return data.decode("utf-8", "replace").removesuffix("\n"), ""
        name = f"work/logs/bash-{clock.stamp(clock.system_now())}-{os.getpid()}-{clock.system_now() % 1000:03d}.txt"
        files.replace(self.home.path(name), data)
        where = f"the whole is in {name}" if size <= KEPT else f"the first {KEPT} bytes are in {name}"
        head, end = data[:SHOWN].decode("utf-8", "ignore"), tail.decode("utf-8", "ignore")
        return f"{head}\n… {size - 2 * SHOWN} bytes left out; {where} …\n{end}", name


def denied(command: str) -> str:
    """Why a command is refused, '' when it is not."""
    return next((reason for pattern, reason in _DENIED if pattern.search(command)), "")


def _collect(reading: int, spool, process: subprocess.Popen, end: float) -> tuple[int, bytes]:
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
        ready, _, _ = select.select([reading], [], [], min(left, 0.05))
        if not ready:
            continue
        piece = os.read(reading, 65536)
        if not piece:
            try:
                process.wait(left)
            except subprocess.TimeoutExpired:
                pass
            break
        if size < KEPT:
            spool.write(piece[: KEPT - size])
        size += len(piece)
        tail = (tail + piece)[-SHOWN:]
    return size, tail


def _kill(process: subprocess.Popen) -> None:
    """End a command with all it started, except what made itself a session of its own."""
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
