"""Receiving: what the gateway tells and what history has kept, into the ledger, each message once.

Owns which message is new, late or missed, its attachments, and how far everything has been seen. Refuses to know how messages are
answered: it wakes whoever does.
"""

import asyncio
from collections.abc import Callable

import discord

from ...ground import clock
from . import attachments, delivery, listening, snowflake
from .ledger import Incoming, done, kept, received
from .life import notify
from .tools import Tools

BEHIND = 10 * 60_000  # ms that the cursor stays behind the clock, and
CLOSE = 60_000  # behind the newest message: what comes out of order is not taken for old
FETCHES = 3  # tries at what came with a message


class Receiving:
    """`wake` is called with a context in which there is something to answer."""

    def __init__(self, tools: Tools, wake: Callable[[str], None]):
        self.tools, self.wake = tools, wake
        self.ledger, self.journal, self.life, self.say = (
            tools.ledger,
            tools.journal,
            tools.life,
            tools.say,
        )
        self.arrivals: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.fetching: dict[int, asyncio.Task[None]] = {}
        self.caught_up = asyncio.Event()  # no turn begins while older messages may still come
        self.whole = False  # all that was said since the cursor is in the ledger
        self.taking, self.catching_up = asyncio.Lock(), asyncio.Lock()

    async def receive(self) -> None:
        """Messages as the gateway tells them, in order, as many at once as have come."""
        while True:
            batch = [await self.arrivals.get()]
            while not self.arrivals.empty():
                batch.append(self.arrivals.get_nowait())
            try:
                await self.take_in(batch, live=True)
            except (
                delivery.TROUBLE
            ) as error:  # whose thread it is could not be asked; history tells it again
                self.say(f"a message could not be taken in: {delivery.told_of(error)}")
                self.tools.in_background(self.catch_up())

    def ready(self) -> None:
        """The gateway has begun or resumed a session."""
        notify("READY=1")
        self.tools.in_background(self.catch_up())

    async def take_in(self, messages: list[discord.Message], live: bool = False) -> None:
        """Messages from the gateway or from history, known ones among them. They are in the ledger when this returns."""
        async with self.taking:  # history and the gateway tell the same message at once
            await self._take_in(messages, live)

    async def _take_in(self, messages: list[discord.Message], live: bool) -> None:
        found = []
        for message in messages:
            if not self.ledger.knows(message.id) and listening.is_for_us(
                message, self.tools.allowed, self.life.stranger, self.say
            ):
                context = await self.tools.places.context(message.channel)
                if context:
                    found.append(listening.incoming(message, context))
        # whatever the clock says, what is said now is not old
        old = (
            0
            if live
            else clock.system_now()
            - int(self.tools.settings["relay.catchup"] * 3600 * clock.SECOND)
        )
        if late := [message for message in found if snowflake.instant(message.id) < old]:
            await self._log_as_read(late)
        if fresh := [message for message in found if snowflake.instant(message.id) >= old]:
            await self.journal.write(*map(received, fresh))
        for new in fresh:
            self._fetch(new)
            self.wake(new.context)

    async def _log_as_read(self, late: list[Incoming]) -> None:
        """What nobody answers any more belongs to the past all the same."""
        for context in dict.fromkeys(message.context for message in late):
            await self.tools.log(
                context,
                *(
                    listening.event(message, read=True)
                    for message in late
                    if message.context == context
                ),
            )
        await self.journal.write(done(message.id for message in late))

    async def edited(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A person changed a message: the log keeps both."""
        event = listening.edit_event(payload, self.tools.allowed)
        if event and (
            context := await self.tools.places.context(discord.Object(payload.channel_id))
        ):
            await self.tools.log(context, event)

    def _fetch(self, message: Incoming) -> None:
        if (
            message.attached
            and message.id not in self.ledger.kept
            and message.id not in self.fetching
        ):
            task = self.tools.in_background(self._keep(message))
            self.fetching[message.id] = task
            task.add_done_callback(lambda _: self.fetching.pop(message.id, None))

    async def _keep(self, message: Incoming) -> None:
        """What came with a message, on disk; addresses expire."""
        try:
            paths, notes = await self.tools.post.patiently(
                lambda: attachments.keep(self.tools.home, message),
                "an attachment",
                FETCHES,
                timeout=attachments.SECONDS,
            )
        except Exception as error:
            paths, notes = (
                [],
                [f"what was attached could not be fetched: {delivery.told_of(error)}"],
            )
        await self.journal.write(kept(message.id, paths, notes))

    async def catch_up(self) -> None:
        """What was said while nobody listened; after each connection that could have missed something."""
        async with self.catching_up:
            self.caught_up.clear()
            self.whole = False
            await self._catch_up()

    async def _catch_up(self) -> None:
        try:
            cursor = self.life.cursor
            if cursor is None:  # the relay is new here: what was said before is no message to it
                await asyncio.to_thread(self.life.keep_cursor, await self.tools.history.newest())
            else:
                await self.tools.history.missed(cursor, self.take_in)
            self.whole = True
        except delivery.TROUBLE as error:
            self.say(
                f"what was said meanwhile could not be read: {delivery.told_of(error)}; trying again in a minute"
            )
        finally:
            self.caught_up.set()
            for context in self.ledger.contexts:
                for message in self._open(context):
                    self._fetch(message)
                self.wake(context)

    async def advance(self) -> None:
        """Move the cursor to where everything has been seen."""
        if self.whole and self.tools.client.connected and self.life.cursor is not None:
            newest = snowflake.instant(self.ledger.latest) if self.ledger.latest else 0
            seen = snowflake.at(min(clock.system_now() - BEHIND, newest - CLOSE))
            if seen > self.life.cursor:
                await asyncio.to_thread(self.life.keep_cursor, seen)
                self.ledger.forget(seen)

    def _open(self, context: str) -> list[Incoming]:
        turn = self.ledger.unfinished(context)
        return [*(turn.of if turn else ()), *self.ledger.waiting.get(context, {}).values()]
