"""The suite's commands as processes of their own, run from the loop of the relay.

Owns how they are started, stopped and listened to. What they do and print is theirs.
"""

import asyncio
import os
import signal
import tempfile
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import NamedTuple

from ...ground import stream
from ...ground.errors import MISCONFIGURED

LONGEST = 1 << 20  # bytes of output that are kept
GRACE = 4.0  # seconds between asking a process to end and the next, less polite time


class Outcome(NamedTuple):
    """What a process printed and how it ended: by a code, or a signal, whose negative it is."""

    code: int
    out: str
    err: str
    is_cut: bool = False  # it printed more than LONGEST

    @property
    def complaint(self) -> str:
        """What it said last, without its name."""
        lines = [line for line in self.err.split("\n") if line.strip()]
        if lines:
            return lines[-1].partition(": ")[2] or lines[-1]
        code = self.code
        return f"it was killed by signal {-code}" if code < 0 else f"it ended with {code}"


class Suite:
    """The commands of one checkout, on one home."""

    def __init__(self, checkout: str, home: str):
        self.checkout, self.home = checkout, home

    async def start(self, name: str, *arguments: str, given: str = "") -> "Running":
        """Start a command of the suite by its name, or any program by its path, in a session of its
        own: a Ctrl-C at the relay's terminal is the relay's."""
        path = name if os.sep in name else os.path.join(self.checkout, "bin", name)
        # no pipe: if the relay dies now, a turn must not take half of a message for all
        with tempfile.TemporaryFile() as whole:
            whole.write(stream.encode(given))
            whole.seek(0)
            command = (path, "--home", self.home, *arguments)
            process = await asyncio.create_subprocess_exec(
                *command, stdin=whole, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
            return Running(process)

    async def run(self, name: str, *arguments: str, given: str = "") -> Outcome:
        try:
            return await (await self.start(name, *arguments, given=given)).outcome()
        except OSError as error:
            return Outcome(MISCONFIGURED, "", f"{name}: {error.strerror or error}")


class Running:
    """A process that runs."""

    def __init__(self, process: Process):
        self.process = process
        self.over = asyncio.Event()  # it has ended, and so has all that holds its output

    async def outcome(self) -> Outcome:
        """Its outcome, once it has ended. A task that is cancelled meanwhile kills the process."""
        try:
            out, err = await asyncio.gather(_all(self.process.stdout), _all(self.process.stderr))
            code = await self.process.wait()
        except asyncio.CancelledError:
            self.kill()
            raise
        self.over.set()
        said = (out[:LONGEST].decode("utf-8", "replace"), err.decode("utf-8", "replace"))
        return Outcome(code, *said, is_cut=len(out) > LONGEST)

    async def stop(self, *signals: int, grace: float = GRACE) -> None:
        """Ask it to end, with one signal after the other; what it leaves running is killed."""
        for number in signals or (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            self._signal(number)
            try:
                await asyncio.wait_for(self.over.wait(), grace)
                return
            except TimeoutError:
                if self.process.returncode is not None:
                    break
        self.kill()

    def kill(self) -> None:
        """It and all of its own at once."""
        if not self.over.is_set():
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


async def _all(reader: asyncio.StreamReader | None) -> bytes:
    """All that comes; what is beyond the limit is read, and dropped but for a byte that tells."""
    kept = bytearray()
    while reader is not None and (piece := await reader.read(1 << 16)):
        kept += piece[: LONGEST + 1 - len(kept)]
    return bytes(kept)
