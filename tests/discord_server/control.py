"""What a test does and asks: one operation a call, by name, in the world the bot sees."""

import base64
from collections.abc import Awaitable, Callable

from . import cast, mentions, shapes
from .channels import Channel, Message
from .exchange import Exchange
from .gateway import INVALID, RECONNECT, Gateway
from .interactions import Interaction, Interactions
from .routes import Routes
from .snowflake import read
from .world import World


class Control:
    def __init__(
        self, world: World, gateway: Gateway, exchange: Exchange, interactions: Interactions,
        routes: Routes, another: Callable[[], Awaitable[dict]],
    ) -> None:  # fmt: skip
        self.world = world
        self.gateway = gateway
        self.exchange = exchange
        self.interactions = interactions
        self.routes = routes
        self.another = another

    def do(self, said: dict) -> object:
        name = said.pop("do", "")
        operation: Callable[..., object] | None = (
            None if name.startswith("_") or name == "do" else getattr(self, name, None)
        )
        if operation is None:
            raise ValueError(f"no such operation: '{name}'")
        return operation(**said)

    def many(self, operations: list[dict]) -> object:
        return [self.do(operation) for operation in operations]

    # --- people

    def say(
        self, content: str = "", author: str = cast.OWNER, channel: str = cast.CHANNEL,
        attachments: list[dict] | None = None, reference: str | None = None,
        type: int | None = None, webhook_id: str | None = None, bot: bool = False,
        live: bool = True, id: str | None = None, timestamp: str | float | None = None,
        allowed_mentions: dict | None = None, embeds: list | None = None, flags: int = 0,
        more: dict | None = None,
    ) -> object:  # fmt: skip
        mentions.check(allowed_mentions)
        place, person = (
            self.world.channel(str(channel)),
            self.world.user(str(author)) | ({"bot": True} if bot else {}),
        )
        origin = None
        if reference is not None:
            origin = {
                "type": 0,
                "message_id": str(reference),
                "channel_id": place.id,
                "guild_id": cast.GUILD,
            }
        if webhook_id is not None:
            person = shapes.user(str(webhook_id), person["username"], bot=True)
        message = self.world.post(
            place, person, content, files=[_file(a) for a in attachments or []],
            type=type if type is not None else 19 if origin else 0, reference=origin,
            allowed=allowed_mentions, id=None if id is None else str(id), live=live,
            ms=None if timestamp is None else read(timestamp),
            more=(more or {}) | ({} if webhook_id is None else {"webhook_id": str(webhook_id)}),
            embeds=embeds,
            flags=flags,
        )  # fmt: skip
        return self._shown(message)

    def edit(self, message: str, content: str, live: bool = True) -> object:
        found = self._message(message)
        pinged = mentions.pinged(content, None, self.world.users, {cast.ROLE}, None)
        self.world.edit(found, {"content": content, "pinged": pinged}, live=live)
        return self._shown(found)

    def delete(self, message: str, live: bool = True) -> object:
        self.world.delete(self._message(message), live=live)
        return {}

    def delete_many(self, messages: list[str]) -> object:
        """As a moderator's purge does, told as one event."""
        found = [self._message(id) for id in messages]
        for message in found:
            self.world.delete(message, live=False)
        place = {"channel_id": found[0].channel.id, "guild_id": cast.GUILD}
        self.world.tell("MESSAGE_DELETE_BULK", {"ids": list(messages), **place})
        return {}

    def delete_channel(self, channel: str, live: bool = True) -> object:
        """A thread, or a channel, with all that was said in it."""
        gone = self.world.channel(str(channel))
        shown = self.world.show_channel(gone)
        del self.world.channels[gone.id]
        if live:
            self.world.tell("THREAD_DELETE" if gone.is_thread else "CHANNEL_DELETE", shown)
        return shown

    def new_channel(self, name: str) -> object:
        made = Channel(self.world.mint.new(), 0, name, position=len(self.world.channels))
        self.world.channels[made.id] = made
        self.world.tell("CHANNEL_CREATE", self.world.show_channel(made))
        return self.world.show_channel(made)

    def thread(
        self, message: str | None = None, name: str = "thread", channel: str = cast.CHANNEL,
        owner: str = cast.OWNER, archived: bool = False, private: bool = False,
        joined: bool = False, live: bool = True, timestamp: str | float | None = None,
    ) -> object:  # fmt: skip
        """`archived` ones can still be spoken in with `live` false, as before."""
        origin = None if message is None else self._message(message)
        parent = origin.channel if origin else self.world.channel(str(channel))
        ms = None if timestamp is None else read(timestamp)
        made = self.world.start_thread(
            parent, self.world.user(str(owner)), name, message=origin, private=private,
            joined=joined, live=live, ms=ms
        )  # fmt: skip
        if archived:
            self.world.archive(made, True, ms=ms, live=live)
        return self.world.show_channel(made)

    def archive(
        self,
        thread: str,
        archived: bool = True,
        locked: bool = False,
        timestamp: str | float | None = None,
        live: bool = True,
    ) -> object:
        found = self.world.channel(str(thread))
        self.world.archive(
            found, archived, locked, ms=None if timestamp is None else read(timestamp), live=live
        )
        return self.world.show_channel(found)

    def interact(
        self,
        command: str,
        options: dict | None = None,
        user: str = cast.OWNER,
        channel: str = cast.CHANNEL,
        target: str | None = None,
    ) -> object:
        values = {k: _file(v) if isinstance(v, dict) else v for k, v in (options or {}).items()}
        made = self.interactions.call(
            command, str(user), str(channel), values, None if target is None else str(target)
        )
        return self._interaction(made)

    def submit(self, interaction: str, values: dict[str, str]) -> object:
        return self._interaction(self.interactions.submit(self._asked(interaction), values))

    # --- what there is

    def interaction(self, id: str) -> object:
        return self._interaction(self._asked(id))

    def messages(self, channel: str = cast.CHANNEL, after: str | None = None) -> object:
        place = self.world.channel(str(channel))
        order = place.order if after is None else [i for i in place.order if i > int(after)]
        return [self._shown(place.messages[str(i)]) for i in order]

    def channels(self) -> object:
        return [self.world.show_channel(c) for c in self.world.channels.values()]

    def commands(self) -> object:
        return [
            d for place in self.interactions.commands.registered.values() for d in place.values()
        ]

    def typing(self) -> object:
        return self.world.typing

    def log(self, requests_from: int = 0, gateway_from: int = 0) -> object:
        live = [
            {"number": c.number, "session": c.session.id} for c in self.gateway.live() if c.session
        ]
        return self.exchange.record.shown(requests_from, gateway_from) | {"connected": live}

    # --- what goes wrong

    def fault(
        self,
        where: str,
        what: str,
        match: dict | None = None,
        times: int | None = 1,
        skip: int = 0,
        **more: object,
    ) -> object:
        if what in ("malformed", "close_mid_stream"):
            match = match or {"event": "^MESSAGE_CREATE$"}
        self.exchange.faults.add(where, what, match, times, skip, **more)
        return self.faults()

    def faults(self) -> object:
        return self.exchange.faults.shown()

    def clear_faults(self) -> object:
        self.exchange.faults.rules.clear()
        return []

    def drop(self, code: int | None = None, forget: bool = False) -> object:
        return {"dropped": self.gateway.drop(code, forget)}

    def reconnect(self) -> object:
        return {"told": self.gateway.order(RECONNECT)}

    def invalid_session(self, resumable: bool = False) -> object:
        return {"told": self.gateway.order(INVALID, resumable)}

    def resend(self, message: str | None = None, interaction: str | None = None) -> object:
        if message is not None:
            self.world.deliver(self._message(message))
        if interaction is not None:
            self.interactions.deliver(self._asked(interaction))
        return {}

    def event(self, name: str, data: dict) -> object:
        """Anything at all, to every session."""
        self.gateway.sessions.tell(name, data)
        return {}

    def set(self, **settings: float) -> object:
        places = {
            "heartbeat_ms": self.gateway, "requests": self.exchange.limits,
            "seconds": self.exchange.limits, "nonce_seconds": self.routes,
            "interaction_seconds": self.interactions,
        }  # fmt: skip
        for name, value in settings.items():
            if name not in places:
                raise ValueError(f"no such setting: '{name}'; there are {sorted(places)}")
            setattr(places[name], name.removeprefix("interaction_"), value)
        return settings

    # --- showing

    def _message(self, id: str) -> Message:
        for channel in self.world.channels.values():
            if str(id) in channel.messages:
                return channel.messages[str(id)]
        raise ValueError(f"no such message: {id}")

    def _asked(self, id: str) -> Interaction:
        if str(id) not in self.interactions.all:
            raise ValueError(f"no such interaction: {id}")
        return self.interactions.all[str(id)]

    def _shown(self, message: Message) -> dict:
        return self.world.show(message) | {
            "nonce": message.nonce, "enforce_nonce": message.enforce_nonce,
            "allowed_mentions": message.allowed_mentions, "pinged": message.pinged,
            "live": message.live,
        }  # fmt: skip

    def _interaction(self, interaction: Interaction) -> dict:
        answer = interaction.answer or {}
        return {
            "id": interaction.id, "channel": interaction.channel.id, "user": interaction.user["id"],
            "data": interaction.data, "at": interaction.at, "answered": bool(answer),
            "answered_after": interaction.answered_after, "type": answer.get("type"),
            "answer": answer.get("data"), "deferred": interaction.deferred,
            "ephemeral": interaction.ephemeral, "edits": interaction.edits,
            "content": interaction.original.content if interaction.original else None,
            "messages": [self._shown(m) for m in interaction.messages],
        }  # fmt: skip


def _file(said: dict) -> tuple[str, str | None, bytes, str | None]:
    return (
        said["filename"],
        said.get("content_type"),
        base64.b64decode(said.get("data", "")),
        said.get("description"),
    )
