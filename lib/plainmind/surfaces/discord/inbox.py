"""What the gateway tells and what history has kept, into the ledger, each message once.

Owns which message is new, late or missed, its attachments, and how far everything has been seen.
Refuses to know how messages are answered: it wakes whoever does.
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import discord

from ...ground import clock
from . import attachments
from .changes import Changes
from .ledger import Incoming, done_step, kept_step, received_step
from .messages import RawMessage, is_from_person, to_event, to_id, to_incoming, to_instant
from .presence import notify_systemd
from .removals import UNKNOWN_CHANNEL
from .requests import TROUBLE, Refused, describe
from .services import Services

BEHIND = 10 * 60_000  # ms that the cursor stays behind the clock, and
CLOSE = 60_000  # behind the newest message: what comes out of order is not taken for old
FETCHES = 3  # tries at what came with a message


class Inbox:
    """`wake` is called with a context in which there is something to answer."""

    def __init__(self, services: Services, wake: Callable[[str], None]):
        self.services, self.wake = services, wake
        self.ledger, self.writer = services.ledger, services.writer
        self.may_write = asyncio.Event()  # what could not be said, or was not: to be tried
        self.may_write.set()
        self.changes = Changes(services, self.fetch, self.may_write.set)
        #: messages, and what is to be done about changes of them, in the order they were told
        self.arrivals: asyncio.Queue[RawMessage | Callable[[], Coroutine[Any, Any, None]]] = (
            asyncio.Queue()
        )
        self.fetching: dict[int, asyncio.Task[None]] = {}
        self.caught_up = asyncio.Event()  # no turn begins while older messages may still come
        self.whole = False  # all that was said since the cursor is in the ledger
        self.taking, self.catching_up = asyncio.Lock(), asyncio.Lock()
        self.awaited = False  # a reading of history that is about to begin

    def listen(self, report: Callable[[str], None]) -> None:
        """Have the client tell what happens; `report` is called with what raised meanwhile."""
        client = self.services.client

        async def on_connect() -> None:
            client.connected = True
            self.caught_up.clear()  # nothing is answered before what is older than it

        async def on_ready() -> None:
            notify_systemd("READY=1")
            self.services.in_background(self.catch_up())

        async def on_resumed() -> None:
            client.connected = True
            await on_ready()

        async def on_way(*_: object) -> None:
            """A thread was unlocked, or who may write where has changed."""
            self.may_write.set()

        async def on_error(event: str, *_: object, **__: object) -> None:
            report(event)

        async def on_edit(payload: discord.RawMessageUpdateEvent) -> None:
            await self.arrivals.put(partial(self.changes.hear_edit, payload))

        async def on_delete(payload: Any) -> None:
            ids = getattr(payload, "message_ids", None) or [payload.message_id]
            await self.arrivals.put(
                partial(self.changes.hear_deletion, payload.channel_id, sorted(ids))
            )

        handlers: dict[str, Any] = {
            "on_told_message": self.arrivals.put,
            "on_raw_message_edit": on_edit,
            "on_raw_message_delete": on_delete,
            "on_raw_bulk_message_delete": on_delete,
            "on_raw_thread_update": on_way,
            "on_guild_channel_update": on_way,
            "on_guild_role_update": on_way,
            "on_connect": on_connect,
            "on_ready": on_ready,
            "on_resumed": on_resumed,
            "on_error": on_error,
            **self.changes.removals.make_handlers(self.arrivals.put),
        }
        for name, handler in handlers.items():
            setattr(client, name, handler)

    async def receive(self) -> None:
        """Messages as the gateway tells them, in order, as many at once as have come."""
        while True:
            batch = [await self.arrivals.get()]
            while not self.arrivals.empty():
                batch.append(self.arrivals.get_nowait())
            try:
                for _, arrived in itertools.groupby(batch, lambda one: isinstance(one, dict)):
                    some: list[Any] = list(arrived)
                    if isinstance(some[0], dict):
                        await self.take_in(some, live=True)
                    else:
                        for change in some:
                            await change()
            except TROUBLE as error:  # whose thread it is is not known; history tells it again
                self.services.say(f"a message could not be taken in: {describe(error)}")
                self.services.in_background(self.catch_up())

    async def take_in(self, messages: list[RawMessage], live: bool = False) -> None:
        """Messages of the gateway or of history, known ones among them, into the ledger."""
        async with self.taking:  # history and the gateway tell the same message at once
            await self._take_in(messages, live)

    async def _take_in(self, messages: list[RawMessage], live: bool) -> None:
        services, new = self.services, []
        for message in messages:
            if (
                not self.ledger.knows(int(message["id"]))
                and is_from_person(message)
                and services.allowed.admits(int(message["author"]["id"]))
                and (context := await services.places.find_context(int(message["channel_id"])))
            ):
                new.append(to_incoming(message, context, services.client.find_name))
        # whatever the clock says, what is said now is not old
        catchup = int(services.settings["relay.catchup"] * 3600 * clock.SECOND)
        old = 0 if live else clock.system_now() - catchup
        if late := [m for m in new if to_instant(m.id) < old]:
            await self._log_as_read(late)
        if fresh := [m for m in new if to_instant(m.id) >= old]:
            await self.writer.write(*map(received_step, fresh))
        for one in fresh:
            self.fetch(one)
            self.wake(one.context)

    async def _log_as_read(self, late: list[Incoming]) -> None:
        """What nobody answers any more belongs to the past all the same."""
        for context in dict.fromkeys(m.context for m in late):
            events = [to_event(m, read=True) for m in late if m.context == context]
            await self.services.log.append(context, *events)
        await self.writer.write(done_step(m.id for m in late))

    def fetch(self, message: Incoming) -> None:
        id = message.id
        if message.attached and id not in self.ledger.kept and id not in self.fetching:
            task = self.fetching[id] = self.services.in_background(self._keep(message))
            task.add_done_callback(lambda _: self.fetching.pop(id, None))

    async def _keep(self, message: Incoming) -> None:
        """What came with a message, on disk; addresses expire."""
        download = partial(attachments.keep, self.services.home, message)
        ask, timeout = self.services.requests.ask, attachments.SECONDS
        try:
            paths, notes = await ask(download, "an attachment", FETCHES, timeout)
        except Exception as error:
            paths, notes = [], [f"what was attached could not be fetched: {describe(error)}"]
        if message.id in self.ledger.waiting.get(message.context, {}):
            await self.writer.write(kept_step(message.id, paths, notes))
            return
        for path in paths:  # it was deleted meanwhile, or nobody is to answer it
            with suppress(FileNotFoundError):
                os.unlink(path)

    async def await_attachments(self, messages: Iterable[Incoming]) -> None:
        """Until what came with these messages is on disk, or given up."""
        if fetching := [self.fetching[m.id] for m in messages if m.id in self.fetching]:
            await asyncio.wait(fetching)

    def retry(self) -> None:
        """Have history read again that could not be read. Never while it is being read: it may take
        longer than until the next call, and the cursor would stand still."""
        if not self.whole and self.services.client.connected and not self.catching_up.locked():
            self.services.in_background(self.catch_up())

    async def catch_up(self) -> None:
        """What was said while nobody listened; after each connection that may have missed some."""
        if self.awaited:
            return
        self.awaited = True
        async with self.catching_up:
            self.awaited = False
            self.caught_up.clear()
            self.whole = False
            await self._catch_up()

    async def _catch_up(self) -> None:
        cursor, history = self.services.cursor, self.services.history
        try:
            if cursor.id is None:  # the relay is new here: what was said before is not for it
                await asyncio.to_thread(cursor.move, await history.find_newest())
            else:
                await history.read_missed(cursor.id, self.take_in)
                await self.changes.look_back()
            self.whole = True
        except TROUBLE as error:
            if isinstance(error, Refused) and error.error == UNKNOWN_CHANNEL:
                self.changes.removals.check_channel(self.services.places.channel)
            what = f"what was said meanwhile could not be read: {describe(error)}"
            self.services.say(f"{what}; trying again in a minute")
        finally:
            self.caught_up.set()
            self.changes.wanted.set()
            for context in self.ledger.contexts:
                for message in self.ledger.list_unanswered(context):
                    self.fetch(message)
                self.wake(context)

    async def advance(self) -> None:
        """Move the cursor to where everything has been seen. Never while history is read from where
        it was: what is forgotten meanwhile would be told again, and be answered again."""
        if self.catching_up.locked():
            return
        async with self.catching_up:
            cursor = self.services.cursor
            if self.whole and self.services.client.connected and cursor.id is not None:
                newest = to_instant(self.ledger.latest) if self.ledger.latest else 0
                seen = to_id(min(clock.system_now() - BEHIND, newest - CLOSE))
                if seen > cursor.id:
                    await asyncio.to_thread(cursor.move, seen)
                    self.ledger.forget(seen)
