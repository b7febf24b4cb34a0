"""Turns, one after the other in each context, and at once in different ones.

Owns the order: which messages make a turn, when it may begin, that its answer is in the ledger
before it is posted. How it is tried is attempts' affair, how its answer gets there the outbox's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from weakref import WeakValueDictionary

import discord

from ...ground import clock, masks
from .attempts import FAILED, Attempts, HandedBack
from .embedding import Embedding
from .inbox import Inbox
from .ledger import Incoming, PendingTurn
from .messages import take_turn
from .outbox import Outbox
from .presence import LastTurn
from .requests import TROUBLE, describe
from .services import Services

WIND_UP = 1.0  # seconds at the relay's end for what is left to do
HOUR = 3600.0
TYPING_EVERY = 8.0  # seconds; Discord shows it for 10


class TypingSign:
    """The sign in Discord that an answer is being made, from the first `begin` to `end`."""

    def __init__(self, client: discord.Client, channel: int, timeout: float):
        self.client, self.channel, self.timeout = client, channel, timeout
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._task or asyncio.create_task(self._show())

    def end(self) -> None:
        if self._task:
            self._task.cancel()

    async def _show(self) -> None:
        while True:
            with suppress(*TROUBLE):  # nothing depends on it
                await asyncio.wait_for(self.client.http.send_typing(self.channel), self.timeout)
            await asyncio.sleep(TYPING_EVERY)


class Lanes:
    """`ending` is set when nothing new may begin."""

    def __init__(self, services: Services, ending: asyncio.Event, embedding: Embedding):
        self.services, self.ending, self.embedding = services, ending, embedding
        self.ledger = services.ledger
        self.inbox, self.outbox = Inbox(services, self.wake), Outbox(services)
        self.slots = asyncio.Semaphore(services.settings["relay.concurrency"])
        self.lanes: dict[str, asyncio.Task[None]] = {}
        self.attempts: dict[str, Attempts] = {}
        self.running = 0  # of them, those that have a slot
        self._gates: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def wake(self, context: str) -> None:
        """There is something to answer in a context."""
        if context not in self.lanes and not self.ending.is_set():
            task = self.services.in_background(self._run_lane(context))
            self.lanes[context] = task
            task.add_done_callback(partial(self._end_lane, context))

    def _end_lane(self, context: str, lane: asyncio.Task[None]) -> None:
        del self.lanes[context]
        failed = lane.cancelled() or lane.exception()
        # something may have come in the last moment
        if not failed and context in self.ledger.waiting and self.inbox.caught_up.is_set():
            self.wake(context)

    async def _run_lane(self, context: str) -> None:
        """The turns of one context, one after the other, until there is nothing to answer."""
        while True:
            await self.inbox.caught_up.wait()
            turn = self.ledger.find_unfinished(context)
            of = turn.of if turn else take_turn(self.ledger.waiting.get(context, {}).values())
            if not of or self.ending.is_set():
                return
            try:
                await self._take(turn, of)
            except HandedBack:
                return
            self.inbox.changes.wanted.set()

    async def tell_refused(self) -> None:
        """Post answers that were refused once Discord may let us: when it says that something has
        changed, and every hour."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.inbox.may_write.wait(), HOUR)
            self.inbox.may_write.clear()
            await self.inbox.caught_up.wait()
            try:
                await self.outbox.tell_refused()
                await self.outbox.tell_gone()
            except TROUBLE as error:
                self.services.say(f"an answer could not be posted: {describe(error)}")

    async def _take(self, turn: PendingTurn | None, of: list[Incoming]) -> None:
        if turn is None or turn.text is None:
            async with self._gate(of[0].context):
                if not turn:
                    of = await self.inbox.changes.reread(of)
                if not of:
                    return
                await self._answer(of)
        await self.outbox.deliver(self.ledger.turns[of[-1].id])

    async def _answer(self, of: list[Incoming]) -> None:
        """Take the turn, and have its answer in the ledger."""
        services, context, started = self.services, of[0].context, clock.monotonic()
        typing = TypingSign(services.client, of[0].channel, services.settings["relay.timeout"])
        slot, program = partial(self._slot, typing), services.settings["relay.turn"]
        attempts = Attempts(services.suite, program, services.writer, services.say, slot)
        self.attempts[context] = attempts
        try:
            await self.inbox.await_attachments(of)
            kept = [self.ledger.kept[m.id] for m in of if m.id in self.ledger.kept]
            await services.log.start_thread(context)
            paths = [path for one in kept for path in one.files]
            notes = [note for one in kept for note in one.notes]
            answer = await attempts.answer(of, paths, notes)
            answer = answer._replace(text=masks.mask(answer.text))  # of any relay.turn
        finally:
            typing.end()
            del self.attempts[context]
        if answer.how == FAILED:
            await self.outbox.write_off(of, answer.text)
        took = clock.monotonic() - started
        services.presence.last_turn = LastTurn(clock.system_now(), took, context, answer.how)
        await self.outbox.write_down(of, answer.text, answer.how)

    def _gate(self, context: str) -> asyncio.Lock:
        return self._gates.setdefault(context, asyncio.Lock())

    @asynccontextmanager
    async def hold(self, context: str) -> AsyncIterator[bool]:
        """No turn begins in a context meanwhile. Yields whether one ran, which is stopped."""
        gate = self._gate(context)
        next_in_line = asyncio.create_task(gate.acquire())
        await asyncio.sleep(0)  # in line before the lane's next turn
        stopped = await self.stop(context)
        await next_in_line
        try:
            yield stopped
        finally:
            gate.release()

    @asynccontextmanager
    async def _slot(self, typing: TypingSign) -> AsyncIterator[None]:
        """One of the slots for turns; from the first on Discord shows that an answer is made."""
        async with self.slots:
            typing.begin()
            self.running += 1
            self.embedding.begin()
            try:
                yield
            finally:
                self.running -= 1
                self.embedding.end()

    async def leave(self, patience: float) -> None:
        """Let turns end that do so within so many seconds; have the others handed back."""
        if running := list(self.lanes.values()):
            await asyncio.wait(running, timeout=patience)
        given_back = [attempts.hand_back() for attempts in self.attempts.values()]
        await asyncio.gather(*given_back, return_exceptions=True)
        if running := list(self.lanes.values()):
            await asyncio.wait(running, timeout=WIND_UP)
        for task in (*self.lanes.values(), *self.inbox.fetching.values()):
            task.cancel()

    async def stop(self, context: str) -> bool:
        """Stop the turn that runs or waits in a context; whether there was one."""
        attempts = self.attempts.get(context)
        if attempts:
            await attempts.stop()
        return attempts is not None
