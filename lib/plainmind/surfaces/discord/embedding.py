"""Vectors for what was said: `mem-embed` as a process of its own, when no turn runs.

Owns when it runs: at start-up, after turns once it is quiet, and at least every hour, one at a
time. A turn that begins ends it at once: whatever it has done is kept, and the next run goes on.
Refuses to know what a vector is.
"""

import asyncio
from contextlib import suppress

from ...ground import backoff, chance
from ...ground.backoff import Backoff
from ...ground.errors import BUSY, MISCONFIGURED
from .programs import Outcome, Running, Suite
from .requests import Say

QUIET = 5.0  # seconds without a turn before it runs
EVERY = 3600.0  # seconds: what waited for its time, or was appended elsewhere, gets its vector
LONGEST = 3600.0  # seconds of one run; the next goes on
SHORTEST_WAIT = 1.0  # seconds, whatever MIND_BACKOFF says: a process is started each time
AFTER_FAILURES = Backoff(30.0, EVERY)


class Embedding:
    """`begin` and `end` tell it of turns; `run` never returns."""

    def __init__(self, suite: Suite, say: Say):
        self.suite, self.say = suite, say
        self.turns = self.failures = 0
        self._process: Running | None = None
        self._interrupted = False
        self._wanted, self._quiet = asyncio.Event(), asyncio.Event()
        self._quiet.set()
        self._said = ""  # the last complaint, which is not repeated

    def begin(self) -> None:
        """A turn begins, and has the machine to itself."""
        self.turns += 1
        self._quiet.clear()
        self._interrupt()

    def end(self) -> None:
        """A turn is over: there may be something to embed."""
        self.turns -= 1
        if not self.turns:
            self._wanted.set()
            self._quiet.set()

    async def run(self) -> None:
        self._wanted.set()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), EVERY)
            await self._wait_until_quiet()
            self._wanted.clear()
            outcome = await self._embed()
            if self._interrupted:  # by a turn, whose end may have come already
                self._wanted.set()
            elif outcome and outcome.code:
                await self._wait_after_failure(outcome)
            else:
                self.failures, self._said = 0, ""

    async def _wait_until_quiet(self) -> None:
        while True:
            await self._quiet.wait()
            await asyncio.sleep(QUIET)
            if not self.turns:
                return

    async def _embed(self) -> Outcome | None:
        """How it ended; None when it took too long."""
        self._interrupted = False
        try:
            self._process = await self.suite.start("mem-embed")
            if self.turns:  # one began while it was started
                self._interrupt()
            return await asyncio.wait_for(self._process.outcome(), LONGEST)
        except TimeoutError:
            return None
        except OSError as error:
            return Outcome(MISCONFIGURED, "", f"mem-embed: {error.strerror or error}")
        finally:
            self._process = None

    def _interrupt(self) -> None:
        if self._process:
            self._interrupted = True
            self._process.kill()

    async def _wait_after_failure(self, outcome: Outcome) -> None:
        """Say what is wrong, once; try again ever later, and see to nothing else meanwhile."""
        if outcome.code != BUSY and outcome.complaint != self._said:  # busy: cron's is at work
            self._said = outcome.complaint
            self.say(f"mem-embed ended with {outcome.code}: {outcome.complaint}")
        self.failures += 1
        delay = AFTER_FAILURES.delay(self.failures, chance.draw_fraction())
        await asyncio.sleep(max(SHORTEST_WAIT, backoff.scale(delay)))
        self._wanted.set()
