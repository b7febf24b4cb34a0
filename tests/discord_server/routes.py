"""The REST routes of the guild: who is there, channels, messages, files."""

from aiohttp import web

from . import asked, bodies, cast, mentions, shapes
from .asked import THREAD_LOCKED, nothing
from .channels import Channel, Message
from .refusal import Refused, invalid, unknown
from .snowflake import now
from .world import World

ANOTHERS = Refused(403, 50005, "Cannot edit a message authored by another user")
EMPTY = Refused(400, 50006, "Cannot send an empty message")


class Routes:
    def __init__(self, world: World, nonce_seconds: float = 300) -> None:
        self.world = world
        self.nonce_seconds = nonce_seconds

    def table(self) -> list[tuple[str, str, object]]:
        channel, message = "/channels/{channel_id}", "/channels/{channel_id}/messages/{message_id}"
        return [
            ("GET", "/users/@me", self.me),
            ("GET", "/users/{user_id}", self.person),
            ("POST", "/users/@me/channels", self.direct),
            ("GET", "/oauth2/applications/@me", self.application),
            ("GET", "/applications/@me", self.application),
            ("GET", "/guilds/{guild_id}", self.guild),
            ("GET", "/guilds/{guild_id}/channels", self.guild_channels),
            ("GET", "/guilds/{guild_id}/members/{user_id}", self.member),
            ("GET", channel, self.channel),
            ("PATCH", channel, self.change_channel),
            ("POST", channel + "/typing", self.typing),
            ("GET", channel + "/messages", self.history),
            ("POST", channel + "/messages", self.post),
            ("GET", message, self.message),
            ("PATCH", message, self.edit),
            ("DELETE", message, self.delete),
            ("PUT", message + "/reactions/{emoji}/@me", self.react),
            ("DELETE", message + "/reactions/{emoji}/@me", self.unreact),
        ]

    # --- who is there

    async def me(self, request: web.Request) -> object:
        return shapes.myself(self.world.users[cast.BOT])

    async def person(self, request: web.Request) -> object:
        id = request.match_info["user_id"]
        if id not in self.world.users:
            raise unknown(10013, "User")
        return self.world.users[id]

    async def application(self, request: web.Request) -> object:
        return shapes.application(self.world.users[cast.OWNER])

    async def guild(self, request: web.Request) -> object:
        asked.in_guild(request)
        return shapes.guild()

    async def guild_channels(self, request: web.Request) -> object:
        asked.in_guild(request)
        return [self.world.show_channel(c) for c in self.world.channels.values() if c.type == 0]

    async def member(self, request: web.Request) -> object:
        asked.in_guild(request)
        return shapes.member(await self.person(request))  # type: ignore[arg-type]

    async def direct(self, request: web.Request) -> object:
        said, _ = await bodies.body(request)
        if str(said.get("recipient_id")) != cast.OWNER:
            raise Refused(400, 50007, "Cannot send messages to this user")
        return self.world.show_channel(self.world.channel(cast.DM))

    # --- channels

    async def channel(self, request: web.Request) -> object:
        return self.world.show_channel(asked.channel(self.world, request))

    async def change_channel(self, request: web.Request) -> object:
        channel = asked.channel(self.world, request)
        said, _ = await bodies.body(request)
        channel.name = said.get("name", channel.name)
        if channel.is_thread and ("archived" in said or "locked" in said):
            self.world.archive(
                channel, said.get("archived", channel.archived), said.get("locked", channel.locked)
            )
        return self.world.show_channel(channel)

    async def typing(self, request: web.Request) -> object:
        self.world.typing.append(
            {"at": now() / 1000, "channel": asked.channel(self.world, request).id}
        )
        return nothing()

    # --- messages

    async def history(self, request: web.Request) -> object:
        channel = asked.channel(self.world, request)
        limit = bodies.number(request, "limit", 1, 100, 50)
        before, after, around = (
            bodies.snowflake(request, name) for name in ("before", "after", "around")
        )
        return [self.world.show(m) for m in channel.page(limit, before, after, around)]

    async def message(self, request: web.Request) -> object:
        return self.world.show(asked.message(self.world, request))

    async def post(self, request: web.Request) -> object:
        world, channel = self.world, asked.channel(self.world, request)
        said, files = await bodies.body(request)
        nonce = bodies.nonce_of(said)
        if nonce is not None and said.get("enforce_nonce"):
            message, at = world.nonces.get((cast.BOT, channel.id, str(nonce)), (None, 0))
            if message and now() - at < self.nonce_seconds * 1000:
                return world.show(message) | {"nonce": nonce}
        if channel.archived and channel.locked:
            raise THREAD_LOCKED
        content = bodies.content_of(said)
        mentions.check(said.get("allowed_mentions"))
        if not content and not files and not said.get("embeds") and not said.get("sticker_ids"):
            raise EMPTY
        reference = self._reference(channel, said.get("message_reference"))
        message = world.post(
            channel, world.users[cast.BOT], content, files=bodies.described(said, files),
            type=19 if reference else 0, reference=reference, allowed=said.get("allowed_mentions"),
            nonce=nonce, enforce=bool(said.get("enforce_nonce")), embeds=said.get("embeds"),
            flags=said.get("flags", 0) & (1 << 2 | 1 << 12),
        )  # fmt: skip
        return world.show(message) | ({} if nonce is None else {"nonce": nonce})

    async def edit(self, request: web.Request) -> object:
        message = asked.message(self.world, request)
        said, files = await bodies.body(request)
        if message.author["id"] != cast.BOT:
            raise ANOTHERS
        self.change(message, said, files)
        return self.world.show(message)

    def change(
        self,
        message: Message,
        said: dict,
        files: dict,
        silent: bool = False,
        more: dict | None = None,
    ) -> None:
        """What a PATCH of a message says; interactions edit theirs the same way."""
        mentions.check(said.get("allowed_mentions"))
        changes = dict(more or {})
        if "content" in said:
            changes["content"] = bodies.content_of(said)
        if "embeds" in said:
            changes["embeds"] = said["embeds"] or []
        if "attachments" in said or files:
            kept = {str(a.get("id")) for a in said.get("attachments") or []}
            new = [self.world.keep(message.channel, f) for f in bodies.described(said, files)]
            changes["attachments"] = [
                a for a in message.attachments if a["id"] in kept or "attachments" not in said
            ] + new
        text = changes.get("content", message.content)
        if (
            not text
            and not changes.get("attachments", message.attachments)
            and not changes.get("embeds", message.embeds)
        ):
            raise EMPTY
        if "content" in said:
            allowed = changes["allowed_mentions"] = said.get("allowed_mentions")
            changes["pinged"] = mentions.pinged(text, allowed, self.world.users, {cast.ROLE}, None)
        self.world.edit(
            message, changes, live=message.id in message.channel.messages, silent=silent
        )

    async def delete(self, request: web.Request) -> object:
        self.world.delete(asked.message(self.world, request))
        return nothing()

    async def react(self, request: web.Request) -> object:
        message, emoji = asked.message(self.world, request), request.match_info["emoji"]
        if emoji not in message.reactions:
            message.reactions.append(emoji)
        return nothing()

    async def unreact(self, request: web.Request) -> object:
        message, emoji = asked.message(self.world, request), request.match_info["emoji"]
        if emoji in message.reactions:
            message.reactions.remove(emoji)
        return nothing()

    def _reference(self, channel: Channel, said: dict | None) -> dict | None:
        if not said:
            return None
        id = str(said.get("message_id"))
        if id not in channel.messages:
            if said.get("fail_if_not_exists", True):
                raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
            return None
        return {"type": 0, "message_id": id, "channel_id": channel.id, "guild_id": cast.GUILD}
