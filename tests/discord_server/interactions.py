"""What people ask for with commands, and how it was answered: one record for each."""

import secrets
import time
from dataclasses import dataclass, field

from . import cast, shapes
from .channels import Channel, Message
from .commands import ATTACHMENT_OPTION, CHAT, MESSAGE, USER_OPTION, Commands, called
from .refusal import Refused, unknown
from .world import File, World

EPHEMERAL, LOADING = 1 << 6, 1 << 7
COMMAND, MODAL_SUBMIT = 2, 5


@dataclass
class Interaction:
    id: str
    token: str
    type: int
    channel: Channel
    user: dict
    data: dict
    at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    answered_after: float | None = None
    answer: dict | None = None
    original: Message | None = None
    messages: list[Message] = field(default_factory=list)
    edits: int = 0

    @property
    def deferred(self) -> bool:
        return bool(self.answer) and self.answer["type"] in (5, 6)  # type: ignore[index]

    @property
    def ephemeral(self) -> bool:
        return bool(self.original and self.original.flags & EPHEMERAL)


class Interactions:
    def __init__(self, world: World, commands: Commands) -> None:
        self.world = world
        self.commands = commands
        self.all: dict[str, Interaction] = {}
        self.by_token: dict[str, Interaction] = {}
        #: Discord waits 3 s for an answer, and takes follow-ups for 15 minutes
        self.seconds = 3.0

    def call(
        self,
        command: str,
        user: str,
        channel: str,
        options: dict | None = None,
        target: str | None = None,
    ) -> Interaction:
        """A person uses a command: its words, or a message command's name with its target."""
        place, person = self.world.channel(channel), self.world.user(user)
        if target is not None:
            definition = self.commands.find(cast.GUILD, MESSAGE, command)
            message = self.world.message(place, target)
            data: dict = {
                "target_id": target,
                "resolved": {"messages": {target: self.world.show(message)}},
            }
        else:
            name, *words = command.split()
            definition = self.commands.find(cast.GUILD, CHAT, name)
            tree = called(definition, words, options or {})
            resolved = self._resolve(place, tree)
            data = {"options": tree, **({"resolved": resolved} if resolved else {})}
        guild = {"guild_id": definition["guild_id"]} if "guild_id" in definition else {}
        head = {"id": definition["id"], "name": definition["name"], "type": definition["type"]}
        return self._start(COMMAND, place, person, head | guild | data)

    def submit(self, asked: Interaction, values: dict[str, str]) -> Interaction:
        """The modal that was the answer comes back filled in."""
        modal = (asked.answer or {}).get("data") or {}
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": k, "value": v}]}
            for k, v in values.items()
        ]
        return self._start(
            MODAL_SUBMIT,
            asked.channel,
            asked.user,
            {"custom_id": modal.get("custom_id", ""), "components": rows},
        )

    def _start(self, kind: int, channel: Channel, user: dict, data: dict) -> Interaction:
        interaction = Interaction(
            self.world.mint.new(),
            "aW50ZXJhY3Rpb24" + secrets.token_urlsafe(48),
            kind,
            channel,
            user,
            data,
        )
        self.all[interaction.id] = self.by_token[interaction.token] = interaction
        self.deliver(interaction)
        return interaction

    def deliver(self, interaction: Interaction) -> None:
        self.world.tell("INTERACTION_CREATE", self.event(interaction))

    def event(self, interaction: Interaction) -> dict:
        channel = self.world.show_channel(interaction.channel) | {
            "permissions": shapes.ALL_PERMISSIONS
        }
        data = {
            "id": interaction.id, "application_id": cast.BOT, "type": interaction.type,
            "token": interaction.token, "version": 1, "data": interaction.data, "channel": channel,
            "channel_id": interaction.channel.id, "locale": "en-US",
            "app_permissions": shapes.ALL_PERMISSIONS, "entitlements": [],
            "entitlement_sku_ids": [], "authorizing_integration_owners": {"0": cast.GUILD},
            "attachment_size_limit": 10 * 1024 * 1024,
        }  # fmt: skip
        if "guild_id" not in channel:
            return data | {"user": interaction.user, "context": 1}
        return data | {
            "guild_id": cast.GUILD, "guild": {"id": cast.GUILD, "locale": "en-US", "features": []},
            "guild_locale": "en-US", "member": shapes.member(interaction.user, permissions=True),
            "context": 0,
        }  # fmt: skip

    def _resolve(self, place: Channel, tree: list[dict]) -> dict:
        """People and files are ids in a call's options; what they stand for is beside it."""
        found: dict = {}
        for option in tree:
            if "options" in option:
                found |= self._resolve(place, option["options"])
            elif option["type"] == USER_OPTION:
                user = self.world.user(str(option["value"]))
                option["value"] = user["id"]
                found.setdefault("users", {})[user["id"]] = user
                found.setdefault("members", {})[user["id"]] = shapes.member(permissions=True)
            elif option["type"] == ATTACHMENT_OPTION:
                file = self.world.keep(place, option["value"])
                option["value"] = file["id"]
                found.setdefault("attachments", {})[file["id"]] = file | {"ephemeral": True}
        return found

    # --- answers

    def open(self, id: str, token: str) -> Interaction:
        """One that can still be answered the first time."""
        interaction = self.all.get(id)
        if interaction is None or interaction.token != token:
            raise unknown(10062, "interaction")
        if interaction.answer:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if time.monotonic() - interaction.started > self.seconds:
            raise unknown(10062, "interaction")
        return interaction

    def answered(self, token: str) -> Interaction:
        """One that can be followed up."""
        interaction = self.by_token.get(token)
        if interaction is None or interaction.answer is None:
            raise unknown(10015, "Webhook")
        if time.monotonic() - interaction.started > 900:
            raise Refused(401, 50027, "Invalid Webhook Token")
        return interaction

    def say(
        self,
        interaction: Interaction,
        content: str,
        files: list[File],
        allowed: dict | None,
        embeds: list | None,
        flags: int,
    ) -> Message:
        """A message of an answer: the first belongs to the command, later ones reply to it.
        Ephemeral ones are in no channel."""
        first = interaction.original is None
        kind = {CHAT: 20, MESSAGE: 23}.get(interaction.data.get("type", 0), 0) if first else 19
        reference = None
        if not first and interaction.original:
            reference = {
                "type": 0,
                "message_id": interaction.original.id,
                "channel_id": interaction.channel.id,
                "guild_id": cast.GUILD,
            }
        about = {
            "id": interaction.id,
            "type": interaction.type,
            "user": interaction.user,
            "authorizing_integration_owners": {"0": cast.GUILD},
        }
        more = {"webhook_id": cast.BOT, "application_id": cast.BOT, "interaction_metadata": about}
        message = self.world.post(
            interaction.channel, self.world.users[cast.BOT], content, files=files, type=kind,
            reference=reference, allowed=allowed, more=more, embeds=embeds, flags=flags,
            hidden=bool(flags & EPHEMERAL),
        )  # fmt: skip
        interaction.messages.append(message)
        interaction.original = interaction.original or message
        return message
