"""Taking a turn: `agent-turn` as a process of its own, once for each attempt.

Owns the attempts, their waits, and what to say when there is no answer. The same message id is
never asked twice by agent-turn: an attempt that is made again goes on where the last one was, or
gets the reply that was logged.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NamedTuple

from ...ground import backoff, stream
from ...ground.errors import BUSY, MISCONFIGURED, UNAVAILABLE
from .ledger import Incoming, began_step, returned_step
from .ledger_writer import LedgerWriter
from .messages import meta_of, turn_text
from .programs import Outcome, Running, Suite
from .requests import Say

ATTEMPTS = 3
PAUSES = (5.0, 20.0)  # seconds before the second and the third
LAST = 2.0  # seconds that a turn has when the relay ends
ELSEWHERE = 2.0  # seconds before asking whether a turn that an earlier relay started has ended

_CUT = "\n\n(cut: the answer is longer than Discord is given; the log has it)"

#: what is held while a process runs, and not between two attempts
Slot = Callable[[], AbstractAsyncContextManager[None]]

ANSWERED, STOPPED, FAILED = "answered", "stopped", "failed"


class Answer(NamedTuple):
    """What to post, and how it came to it: answered, stopped or failed."""

    text: str
    how: str


class HandedBack(Exception):
    """The relay ends; the turn is taken again by the next one."""


class Attempts:
    """The attempts of one turn, which may be stopped at any time."""

    def __init__(
        self, suite: Suite, program: str, writer: LedgerWriter, say: Say, slot: Slot = nullcontext
    ):
        self.suite, self.program, self.writer = suite, program, writer
        self.say, self.slot = say, slot
        self.running: Running | None = None
        self.over = asyncio.Event()  # a person wants no answer any more, or the relay ends
        self.ending = False

    async def answer(self, of: list[Incoming], files: list[str], notes: list[str]) -> Answer:
        """The answer, or a line that says why not. HandedBack when the relay ends before that."""
        id = of[-1].id
        while True:
            turn = self.writer.ledger.turns.get(id)
            if turn and turn.attempts >= ATTEMPTS:
                return Answer(f"(no answer: {ATTEMPTS} attempts were broken off)", FAILED)
            async with self.slot():
                if self.over.is_set():
                    return self._stopped()
                await self.writer.write(began_step(of))
                outcome = await self._attempt(of, files, notes)
            if self.ending or outcome.code == BUSY:
                await self.writer.write(returned_step(id))
            if self.over.is_set():
                return self._stopped()
            if outcome.code == 0:
                text = outcome.out.strip("\n") + (_CUT if outcome.is_cut else "")
                empty = Answer("(the agent said nothing)", FAILED)
                return Answer(text, ANSWERED) if text.strip() else empty
            self.say(f"a turn for {of[0].context} ended with {outcome.code}: {outcome.complaint}")
            attempts = self.writer.ledger.turns[id].attempts
            if outcome.code != BUSY and (
                attempts >= ATTEMPTS or outcome.code > 0 and outcome.code != UNAVAILABLE
            ):
                return Answer(f"(no answer: {outcome.complaint})", FAILED)
            if await self._is_over(ELSEWHERE if outcome.code == BUSY else PAUSES[attempts - 1]):
                return self._stopped()

    async def _attempt(self, of: list[Incoming], files: list[str], notes: list[str]) -> Outcome:
        last = of[-1]
        quoted = next((message.quoted for message in of if message.quoted), "")
        arguments = [
            f"--context={last.context}",
            f"--message-id={last.id}",
            f"--author={last.author}",
            f"--author-id={last.author_id}",
            *([f"--reply-to={quoted}"] if quoted else []),
            *([f"--meta={stream.json_line(meta)}"] if (meta := meta_of(of)) else []),
            *(f"--attach={path}" for path in files),
            "-",
        ]
        text = turn_text(of, notes)
        try:
            self.running = await self.suite.start(self.program, *arguments, given=text)
        except OSError as error:
            what = f"{self.program} cannot be run: {error.strerror or error}"
            return Outcome(MISCONFIGURED, "", f"{self.program}: {what}")
        try:
            if self.over.is_set():  # it came while the process was started
                self.running.kill()
            return await self.running.outcome()
        finally:
            self.running = None

    def _stopped(self) -> Answer:
        if self.ending:
            raise HandedBack
        return Answer("(stopped)", STOPPED)

    async def _is_over(self, pause: float) -> bool:
        try:
            await asyncio.wait_for(self.over.wait(), backoff.scale(pause))
            return True
        except TimeoutError:
            return False

    async def stop(self) -> None:
        """A person wants no answer any more."""
        self.over.set()
        if self.running:
            await self.running.stop()

    async def hand_back(self) -> None:
        """The relay ends: the turn is broken off, and taken again by the next one."""
        self.ending = True
        self.over.set()
        if self.running:
            await self.running.stop(signal.SIGTERM, grace=LAST)
