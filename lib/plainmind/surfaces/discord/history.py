"""What was said while the relay was away, in the channel and all of its threads, archived ones too.

Ids are made of the time, so one number, the cursor, says what has been seen, wherever it was said.
Owns `relay/cursor.json`. Refuses to know which of it matters.
"""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from discord import Thread

from ...ground import files, stream
from ...ground.paths import Home
from .connection import Connection
from .messages import RawMessage, to_instant
from .requests import Refused, Request, Requests

PAGE = 100  # messages of one request
ATTEMPTS = 5
UNKNOWN_MESSAGE = 10008  # Discord's code

Take = Callable[[list[RawMessage]], Awaitable[None]]


class Cursor:
    """How far everything has been seen: `id`, None as long as no relay has run here."""

    def __init__(self, home: Home):
        self.path = home.path("relay", "cursor.json")
        self.id: int | None = None
        with suppress(FileNotFoundError, ValueError, TypeError, KeyError, OverflowError):
            self.id = int(json.loads(files.read(self.path))["cursor"])

    def move(self, id: int) -> None:
        """On disk when it returns."""
        self.id = id
        files.replace(self.path, stream.json_record({"cursor": id}))


class ChannelHistory:
    """The past of one channel. `take` gets messages page by page, each place's in order."""

    def __init__(self, client: Connection, requests: Requests, channel: int):
        self.client, self.requests, self.channel = client, requests, channel

    async def find_newest(self) -> int:
        """The id of the newest message there is, in the channel and its threads; 0 for none."""
        found = await self._ask(lambda: self._page(self.channel, None), "the newest message")
        newest = int(found[-1]["id"]) if found else 0
        return max([newest, *(t.last_message_id or 0 for t in await self._threads(newest))])

    async def read_missed(self, cursor: int, take: Take) -> None:
        """All that was said after the cursor. When it raises, part may have been taken already."""
        await self._after(self.channel, cursor, take)
        for thread in await self._threads(cursor):
            await self._after(thread.id, cursor, take)

    async def find_starter(self, thread: int) -> RawMessage | None:
        """The message that a thread was made from: it has the thread's id."""
        return await self.find_message(self.channel, thread)  # a thread can be made from nothing

    async def find_message(self, place: int, id: int) -> RawMessage | None:
        """A message as it stands now, None when there is none. Refused when it may not be read."""
        request = partial(self.client.http.get_message, place, id)
        try:
            return await self._ask(request, "a message")
        except Refused as refused:
            if refused.error == UNKNOWN_MESSAGE:
                return None
            raise

    async def read_page(self, place: int, after: int) -> list[RawMessage]:
        """The oldest PAGE messages after an id, in order."""
        return await self._ask(partial(self._page, place, after), f"the messages of {place}")

    async def find_parent(self, channel: int) -> int:
        """The channel a thread belongs to, 0 for a thread that we may not see."""
        try:
            request = partial(self.client.http.get_channel, channel)
            found = await self._ask(request, "a thread's channel")
        except Refused:
            return 0
        return int(found.get("parent_id") or 0) if "thread_metadata" in found else 0

    async def _after(self, place: int, cursor: int, take: Take) -> None:
        full = True
        try:
            while full and (page := await self.read_page(place, cursor)):
                await take(page)
                cursor, full = int(page[-1]["id"]), len(page) >= PAGE
        except Refused:  # a thread that was deleted, or is not for us
            if place == self.channel:
                raise

    async def _threads(self, cursor: int) -> list[Thread]:
        """Threads in which something may have been said after the cursor."""
        channel = await self._ask(partial(self.client.fetch_channel, self.channel), "the channel")
        active = await self._ask(channel.guild.active_threads, "the active threads")
        found = [t for t in active if t.parent_id == self.channel]
        for private in (False, True):
            request = partial(self._archived, channel, private, cursor)
            try:
                found += await self._ask(request, "the archived threads")
            except Refused:  # private ones are not for every bot
                if not private:
                    raise
        spoken = {t.id: t for t in found if not t.last_message_id or t.last_message_id > cursor}
        return [spoken[id] for id in sorted(spoken)]

    async def _archived(self, channel: Any, private: bool, cursor: int) -> list[Thread]:
        found = []
        async for thread in channel.archived_threads(private=private, joined=private, limit=None):
            archived = int(thread.archive_timestamp.timestamp() * 1000)
            # public ones come newest first
            if not private and archived < to_instant(cursor):
                break
            found.append(thread)
        return found

    async def _page(self, place: int, after: int | None) -> list[RawMessage]:
        """The newest message, or the oldest ones after an id, in order."""
        count = 1 if after is None else PAGE
        found: Any = await self.client.http.logs_from(place, count, after=after)
        return sorted(found, key=lambda message: int(message["id"]))

    async def _ask(self, request: Request, what: str) -> Any:
        return await self.requests.ask(request, what, ATTEMPTS)
