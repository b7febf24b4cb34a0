"""Answering: turns, one after the other in each context, and their answers to Discord, part by part.

Owns the order: which messages make a turn, when it may begin, that its answer is in the ledger before it is posted, and what
is given up. How a turn is tried is turns', how a part gets there delivery's.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from weakref import WeakValueDictionary

from ...ground import clock, files, stream
from . import delivery, lanes, life
from .ledger import Incoming, Turn, answered, done, posted, posting
from .receiving import Receiving
from .tools import Tools
from .turns import FAILED, Attempts, HandedBack


class Answering:
    """`ending` is set when nothing new may begin."""

    def __init__(self, tools: Tools, ending: asyncio.Event):
        self.tools, self.ending = tools, ending
        self.ledger, self.journal, self.say = tools.ledger, tools.journal, tools.say
        self.receiving = Receiving(tools, self.wake)
        self.slots = asyncio.Semaphore(tools.settings["relay.concurrency"])
        self.lanes: dict[str, asyncio.Task[None]] = {}
        self.attempts: dict[str, Attempts] = {}
        self.running = 0  # of them, those that have a slot
        self._gates: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def wake(self, context: str) -> None:
        if context not in self.lanes and not self.ending.is_set():
            task = self.tools.in_background(self._lane(context))
            self.lanes[context] = task
            task.add_done_callback(partial(self._asleep, context))

    def _asleep(self, context: str, lane: asyncio.Task[None]) -> None:
        del self.lanes[context]
        failed = lane.cancelled() or lane.exception()
        if (
            not failed and context in self.ledger.waiting and self.receiving.caught_up.is_set()
        ):  # it came in the last moment
            self.wake(context)

    async def _lane(self, context: str) -> None:
        """The turns of one context, one after the other, until there is nothing to answer."""
        while True:
            await self.receiving.caught_up.wait()
            turn = self.ledger.unfinished(context)
            of = turn.of if turn else lanes.together(self.ledger.waiting.get(context, {}).values())
            if not of or self.ending.is_set():
                return
            try:
                await self._turn(turn, of)
            except HandedBack:
                return

    async def _turn(self, turn: Turn | None, of: list[Incoming]) -> None:
        if turn is None or turn.text is None:
            async with self._gate(of[0].context):
                await self._answer(of)
        await self._deliver(self.ledger.turns[of[-1].id])

    async def _answer(self, of: list[Incoming]) -> None:
        """Take the turn, and have its answer in the ledger."""
        context, started = of[0].context, clock.monotonic()
        typing = Lazy(partial(self._type, of[0].channel))
        busy = partial(self._busy, typing)
        attempts = Attempts(
            self.tools.suite, self.tools.settings["relay.turn"], self.journal, self.say, busy
        )
        self.attempts[context] = attempts
        try:
            if fetching := [
                self.receiving.fetching[message.id]
                for message in of
                if message.id in self.receiving.fetching
            ]:
                await asyncio.wait(fetching)
            found = [
                self.ledger.kept[message.id] for message in of if message.id in self.ledger.kept
            ]
            await self.tools.start_thread(context)
            answer = await attempts.answer(
                of,
                [path for k in found for path in k.files],
                [note for k in found for note in k.notes],
            )
        finally:
            typing.cancel()
            del self.attempts[context]
        if answer.how == FAILED:
            await self._dead(of, answer.text)
        self.tools.life.last = life.Last(
            clock.system_now(), clock.monotonic() - started, context, answer.how
        )
        await self.journal.write(answered(of[-1].id, answer.text, answer.how))

    def _gate(self, context: str) -> asyncio.Lock:
        return self._gates.setdefault(context, asyncio.Lock())

    @asynccontextmanager
    async def held(self, context: str) -> AsyncIterator[bool]:
        """No turn begins in a context meanwhile, and one that runs is stopped; whether there was one."""
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
    async def _busy(self, typing: "Lazy") -> AsyncIterator[None]:
        """One of the slots for turns. From the first on it shows that an answer is being made, also between two attempts."""
        async with self.slots:
            typing.begin()
            self.running += 1
            try:
                yield
            finally:
                self.running -= 1

    async def _type(self, channel: int) -> None:
        """Show that an answer is being made, while it is."""
        while True:
            try:
                await asyncio.wait_for(
                    self.tools.client.http.send_typing(channel),
                    self.tools.settings["relay.timeout"],
                )
            except delivery.TROUBLE:  # nothing depends on it
                pass
            await asyncio.sleep(8)

    async def _deliver(self, turn: Turn) -> None:
        """Post what is not posted yet of an answer."""
        parts = delivery.parts(self.tools.home, turn.text or "")
        try:
            for number, part in enumerate(parts):
                if number not in turn.posted:
                    last = number == len(parts) - 1
                    id = await self._part(turn, number, part)
                    await self.journal.write(
                        posted(turn.id, number, id),
                        *([done(m.id for m in turn.of)] if last else []),
                    )
        except delivery.Refused as refused:
            self.say(f"an answer to {turn.context} could not be posted: {refused}")
            await self._dead(turn.of, f"not posted: {refused}", turn.text or "")
        if turn.id in self.ledger.turns:  # nothing to post, or nothing that Discord takes
            await self.journal.write(done(m.id for m in turn.of))

    async def _part(self, turn: Turn, number: int, part: delivery.Part) -> int:
        nonce, reply_to = f"{turn.id}-{number}", None if number else turn.id
        after = turn.posted.get(number - 1, turn.id)
        in_doubt = turn.posting == number  # the relay died over it
        if not in_doubt:
            await self.journal.write(posting(turn.id, number))
        try:
            return await self.tools.post.part(turn.channel, part, nonce, after, reply_to, in_doubt)
        except delivery.Refused as refused:
            if not part.files:
                raise
            said = f"{part.content}\n(its files could not be sent: {refused})".strip()
            return await self.tools.post.part(
                turn.channel,
                delivery.Part(said[-2000:], (), part.whole),
                f"{nonce}-t",
                after,
                reply_to,
            )

    async def leave(self, patience: float) -> None:
        """Let turns end that do so soon; have the others handed back."""
        if running := list(self.lanes.values()):
            await asyncio.wait(running, timeout=patience)
        await asyncio.gather(
            *(attempts.hand_back() for attempts in list(self.attempts.values())),
            return_exceptions=True,
        )
        if running := list(self.lanes.values()):
            await asyncio.wait(running, timeout=1)
        for task in (*self.lanes.values(), *self.receiving.fetching.values()):
            task.cancel()

    async def _dead(self, of: list[Incoming], why: str, text: str = "") -> None:
        """A line for a person to find, about what had no answer or could not be posted."""
        line = {
            "at": clock.to_text(clock.system_now()),
            "context": of[0].context,
            "of": [m.id for m in of],
            "why": why,
        }
        data = stream.encode(stream.json_line(line | ({"answer": text} if text else {})) + "\n")
        path = self.tools.home.path("relay", "dead.jsonl")
        await asyncio.to_thread(_append, path, data)

    async def stop(self, context: str) -> bool:
        """Stop the turn that runs or waits in a context; whether there was one."""
        attempts = self.attempts.get(context)
        if attempts:
            await attempts.stop()
        return attempts is not None


class Lazy:
    """A task that begins when it is first asked to."""

    def __init__(self, work: Callable[[], Coroutine[None, None, None]]):
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._task or asyncio.create_task(self._work())

    def cancel(self) -> None:
        if self._task:
            self._task.cancel()


def _append(path: str, data: bytes) -> None:
    files.make_folder(os.path.dirname(path))
    files.append(path, data)
