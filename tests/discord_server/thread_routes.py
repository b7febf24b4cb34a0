"""The REST routes of threads: made, listed, joined."""

from aiohttp import web

from . import asked, bodies, cast
from .asked import THREAD_LOCKED, nothing
from .channels import Channel
from .refusal import Refused, invalid
from .snowflake import read
from .world import World

HAS_A_THREAD = Refused(400, 160004, "A thread has already been created for this message")


class ThreadRoutes:
    def __init__(self, world: World) -> None:
        self.world = world

    def table(self) -> list[tuple[str, str, object]]:
        channel = "/channels/{channel_id}"
        return [
            ("GET", "/guilds/{guild_id}/threads/active", self.active),
            ("POST", channel + "/messages/{message_id}/threads", self.thread_from_message),
            ("POST", channel + "/threads", self.thread),
            ("GET", channel + "/threads/archived/public", self.archived_public),
            ("GET", channel + "/threads/archived/private", self.archived_private),
            ("GET", channel + "/users/@me/threads/archived/private", self.archived_joined),
            ("PUT", channel + "/thread-members/@me", self.join),
            ("DELETE", channel + "/thread-members/@me", self.leave),
        ]

    async def thread_from_message(self, request: web.Request) -> object:
        message = asked.message(self.world, request)
        said, _ = await bodies.body(request)
        if message.thread or message.id in self.world.channels:
            raise HAS_A_THREAD
        bot = self.world.users[cast.BOT]
        return self.world.show_channel(
            self.world.start_thread(
                message.channel, bot, asked.name(said), message=message, joined=True
            )
        )

    async def thread(self, request: web.Request) -> object:
        channel = asked.channel(self.world, request)
        said, _ = await bodies.body(request)
        bot, private = self.world.users[cast.BOT], said.get("type", 12) == 12
        return self.world.show_channel(
            self.world.start_thread(channel, bot, asked.name(said), private=private, joined=True)
        )

    async def active(self, request: web.Request) -> object:
        asked.in_guild(request)
        return self._listed(sorted(self.world.threads(False), key=lambda t: -int(t.id)))

    async def archived_public(self, request: web.Request) -> object:
        return self._archived(request, lambda t: t.type == 11)

    async def archived_private(self, request: web.Request) -> object:
        return self._archived(request, lambda t: t.type == 12)

    async def archived_joined(self, request: web.Request) -> object:
        """These are ordered by their ids, not by when they were archived."""
        channel, before = asked.channel(self.world, request), bodies.snowflake(request, "before")
        found = [
            t
            for t in self.world.threads(True)
            if t.parent is channel and t.type == 12 and cast.BOT in t.members
        ]
        found = sorted(
            (t for t in found if before is None or int(t.id) < before), key=lambda t: -int(t.id)
        )
        return self._paged(found, bodies.number(request, "limit", 2, 100, 50))

    def _archived(self, request: web.Request, kind) -> dict:
        channel, limit = (
            asked.channel(self.world, request),
            bodies.number(request, "limit", 2, 100, 50),
        )
        found = [t for t in self.world.threads(True) if t.parent is channel and kind(t)]
        if "before" in request.query:
            try:
                before = read(request.query["before"].replace(" ", "+"))
            except ValueError:
                raise invalid(
                    "before", "DATE_TIME_TYPE_PARSE", "Could not parse. Should be ISO8601."
                ) from None
            found = [t for t in found if t.archived_at < before]
        return self._paged(sorted(found, key=lambda t: (-t.archived_at, -int(t.id))), limit)

    def _paged(self, threads: list[Channel], limit: int) -> dict:
        return self._listed(threads[:limit]) | {"has_more": len(threads) > limit}

    def _listed(self, threads: list[Channel]) -> dict:
        joined = [self.world.show_membership(t) for t in threads if cast.BOT in t.members]
        return {"threads": [self.world.show_channel(t) for t in threads], "members": joined}

    async def join(self, request: web.Request) -> object:
        thread = asked.channel(self.world, request)
        if thread.archived:
            raise THREAD_LOCKED
        if cast.BOT not in thread.members:
            self.world.join(thread)
        return nothing()

    async def leave(self, request: web.Request) -> object:
        asked.channel(self.world, request).members.discard(cast.BOT)
        return nothing()
