"""The REST routes of interactions: commands registered, calls answered, edited; webhooks."""

import time

from aiohttp import web

from . import asked, bodies, cast, mentions, shapes
from .channels import Message
from .commands import Commands
from .interactions import EPHEMERAL, LOADING, Interaction, Interactions
from .refusal import Refused, invalid, unknown
from .routes import EMPTY, Routes
from .world import World

PONG, SAY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9


class Answers:
    def __init__(
        self, world: World, commands: Commands, interactions: Interactions, routes: Routes
    ) -> None:
        self.world = world
        self.commands = commands
        self.interactions = interactions
        self.routes = routes

    def table(self) -> list[tuple[str, str, object]]:
        everywhere = "/applications/{application_id}/commands"
        guild = "/applications/{application_id}/guilds/{guild_id}/commands"
        hook = "/webhooks/{webhook_id}/{webhook_token}"
        return [
            *[
                (m, p, f)
                for p in (everywhere, guild)
                for m, f in (("GET", self.listed), ("PUT", self.put), ("POST", self.add))
            ],
            *[("DELETE", p + "/{command_id}", self.remove) for p in (everywhere, guild)],
            ("POST", "/interactions/{webhook_id}/{webhook_token}/callback", self.callback),
            ("GET", hook, self.webhook),
            ("POST", hook, self.follow),
            ("GET", hook + "/messages/{message_id}", self.message),
            ("PATCH", hook + "/messages/{message_id}", self.edit),
            ("DELETE", hook + "/messages/{message_id}", self.delete),
        ]

    # --- commands

    def _place(self, request: web.Request) -> str:
        if request.match_info["application_id"] != cast.BOT:
            raise Refused(
                403, 20012, "You are not authorized to perform this action on this application"
            )
        if "guild_id" not in request.match_info:
            return ""
        asked.in_guild(request)
        return cast.GUILD

    async def listed(self, request: web.Request) -> object:
        return list(self.commands.registered.get(self._place(request), {}).values())

    async def put(self, request: web.Request) -> object:
        said, _ = await bodies.body(request)
        return self.commands.put(self._place(request), said)  # type: ignore[arg-type]

    async def add(self, request: web.Request) -> object:
        said, _ = await bodies.body(request)
        return self.commands.add(self._place(request), said)

    async def remove(self, request: web.Request) -> object:
        if not self.commands.remove(self._place(request), request.match_info["command_id"]):
            raise unknown(10063, "application command")
        return asked.nothing()

    # --- the first answer

    async def callback(self, request: web.Request) -> object:
        interaction = self.interactions.open(
            request.match_info["webhook_id"], request.match_info["webhook_token"]
        )
        said, files = await bodies.body(request)
        kind = said.get("type")
        if kind not in (PONG, SAY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL):
            raise invalid(
                "type", "BASE_TYPE_CHOICES", "Value must be one of {1, 4, 5, 6, 7, 8, 9, 10, 12}."
            )
        data = said.get("data") or {}
        message = None
        if kind == SAY:
            message = self._say(interaction, data, files)
        elif kind == DEFER:
            flags = data.get("flags", 0) & EPHEMERAL | LOADING
            message = self.interactions.say(interaction, "", [], None, None, flags)
        interaction.answer = {"type": kind, "data": data}
        interaction.answered_after = time.monotonic() - interaction.started
        if request.query.get("with_response") not in ("1", "true", "True"):
            return asked.nothing()
        about = {"id": interaction.id, "type": interaction.type}
        if message is None:
            return {"interaction": about, "resource": {"type": kind}}
        about |= {
            "response_message_id": message.id, "response_message_loading": kind == DEFER,
            "response_message_ephemeral": bool(message.flags & EPHEMERAL),
        }  # fmt: skip
        return {
            "interaction": about,
            "resource": {"type": kind, "message": self.world.show(message)},
        }

    def _say(
        self, interaction: Interaction, data: dict, files: dict[str, tuple[str, bytes]]
    ) -> Message:
        content = bodies.content_of(data)
        mentions.check(data.get("allowed_mentions"))
        if not content and not files and not data.get("embeds"):
            raise EMPTY
        flags = data.get("flags", 0) & (1 << 2 | 1 << 12 | EPHEMERAL)
        return self.interactions.say(
            interaction, content, bodies.described(data, files), data.get("allowed_mentions"),
            data.get("embeds"), flags
        )  # fmt: skip

    # --- what follows it

    async def follow(self, request: web.Request) -> object:
        if request.match_info["webhook_id"] != cast.BOT:
            return await self._through_webhook(request)
        interaction = self.interactions.answered(request.match_info["webhook_token"])
        said, files = await bodies.body(request)
        original = interaction.original
        if original and original.flags & LOADING:
            # the first follow-up of a deferred answer takes its place, and stays as visible as that
            self._fill(interaction, original, said, files)
            return self.world.show(original)
        return self.world.show(self._say(interaction, said, files))

    async def message(self, request: web.Request) -> object:
        return self.world.show(self._named(request)[1])

    async def edit(self, request: web.Request) -> object:
        interaction, message = self._named(request)
        said, files = await bodies.body(request)
        self._fill(interaction, message, said, files)
        return self.world.show(message)

    async def delete(self, request: web.Request) -> object:
        interaction, message = self._named(request)
        interaction.messages.remove(message)
        if message.id in message.channel.messages:
            self.world.delete(message)
        return asked.nothing()

    def _fill(
        self,
        interaction: Interaction,
        message: Message,
        said: dict,
        files: dict[str, tuple[str, bytes]],
    ) -> None:
        loading = bool(message.flags & LOADING)
        self.routes.change(
            message, said, files, silent=loading, more={"flags": message.flags & ~LOADING}
        )
        interaction.edits += 1

    def _named(self, request: web.Request) -> tuple[Interaction, Message]:
        interaction = self.interactions.answered(request.match_info["webhook_token"])
        id = request.match_info["message_id"]
        for message in interaction.messages:
            if message.id == id or (id == "@original" and message is interaction.original):
                return interaction, message
        raise unknown(10008, "Message")

    # --- webhooks

    def _webhook(self, request: web.Request) -> tuple[str, str, str]:
        id = request.match_info["webhook_id"]
        token, name, channel = self.world.webhooks.get(id, ("", "", ""))
        if not token or token != request.match_info["webhook_token"]:
            raise unknown(10015, "Webhook")
        return id, name, channel

    async def webhook(self, request: web.Request) -> object:
        id, name, channel = self._webhook(request)
        token = request.match_info["webhook_token"]
        return {
            "id": id, "type": 1, "name": name, "avatar": None, "channel_id": channel,
            "guild_id": cast.GUILD, "token": token, "application_id": None,
        }  # fmt: skip

    async def _through_webhook(self, request: web.Request) -> object:
        id, name, channel_id = self._webhook(request)
        said, files = await bodies.body(request)
        channel = self.world.channel(request.query.get("thread_id", channel_id))
        content = bodies.content_of(said)
        mentions.check(said.get("allowed_mentions"))
        if not content and not files and not said.get("embeds"):
            raise EMPTY
        author = shapes.user(id, said.get("username") or name, bot=True)
        message = self.world.post(
            channel, author, content, files=bodies.described(said, files),
            allowed=said.get("allowed_mentions"), embeds=said.get("embeds"),
            more={"webhook_id": id}, nonce=bodies.nonce_of(said),
        )  # fmt: skip
        return (
            self.world.show(message)
            if request.query.get("wait", "").lower() in ("1", "true")
            else asked.nothing()
        )
