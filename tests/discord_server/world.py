"""All that is there: people, channels, threads, messages, files. Every change is told once.

Refuses to know who asked and over what: routes and control ops call it, the gateway listens.
"""

from collections.abc import Callable, Iterable
from urllib.parse import quote

from . import cast, mentions, shapes
from .channels import DIRECT, PRIVATE_THREAD, PUBLIC_THREAD, TEXT, Channel, Message
from .refusal import unknown
from .snowflake import Mint, made, now, written

HAS_THREAD = 1 << 5
#: filename, content type, bytes, description
File = tuple[str, str | None, bytes, str | None]


class World:
    def __init__(self, url: str) -> None:
        self.url = url
        self.mint = Mint()
        self.users = {id: shapes.user(id, name, bot) for id, name, bot in cast.PEOPLE}
        self.channels = {
            cast.CHANNEL: Channel(cast.CHANNEL, TEXT, "agent", 0),
            cast.ELSEWHERE: Channel(cast.ELSEWHERE, TEXT, "general", 1),
            cast.DM: Channel(cast.DM, DIRECT, ""),
        }
        self.webhooks = {cast.WEBHOOK: (cast.WEBHOOK_TOKEN, "reminders", cast.CHANNEL)}
        self.files: dict[str, tuple[str, str | None, bytes]] = {}
        self.nonces: dict[tuple[str, str, str], tuple[Message, int]] = {}
        self.typing: list[dict] = []
        #: who hears what happened: the name of an event, its data
        self.tell: Callable[[str, dict], None] = lambda name, data: None

    # --- looking

    def channel(self, id: str) -> Channel:
        if id not in self.channels:
            raise unknown(10003, "Channel")
        return self.channels[id]

    def message(self, channel: Channel, id: str) -> Message:
        if id not in channel.messages:
            raise unknown(10008, "Message")
        return channel.messages[id]

    def user(self, id: str) -> dict:
        """Anybody a test names is there from then on."""
        return self.users.setdefault(id, shapes.user(id, f"user{id[-4:]}"))

    def threads(self, archived: bool, by: str = cast.BOT) -> list[Channel]:
        return [
            c
            for c in self.channels.values()
            if c.is_thread and c.archived == archived and c.seen_by(by)
        ]

    # --- showing

    def show_channel(self, channel: Channel) -> dict:
        if channel.type == DIRECT:
            return shapes.dm(channel.id, self.users[cast.OWNER], channel.last)
        if not channel.parent:
            return shapes.text_channel(channel.id, channel.name, channel.position, channel.last)
        shown = {
            "id": channel.id, "type": channel.type, "guild_id": cast.GUILD,
            "parent_id": channel.parent.id, "owner_id": channel.owner, "name": channel.name,
            "last_message_id": channel.last, "message_count": channel.sent,
            "total_message_sent": channel.sent, "member_count": len(channel.members),
            "rate_limit_per_user": 0, "flags": 0,
            "thread_metadata": {
                "archived": channel.archived, "auto_archive_duration": 1440,
                "locked": channel.locked, "archive_timestamp": written(channel.archived_at),
                "create_timestamp": written(channel.made),
                **({"invitable": True} if channel.type == PRIVATE_THREAD else {}),
            },
        }  # fmt: skip
        return shown | (
            {"member": self.show_membership(channel)} if cast.BOT in channel.members else {}
        )

    def show_membership(self, thread: Channel) -> dict:
        return {
            "id": thread.id,
            "user_id": cast.BOT,
            "join_timestamp": written(thread.made),
            "flags": 0,
        }

    def show(self, message: Message, nested: bool = False) -> dict:
        shown = {
            "id": message.id, "type": message.type, "channel_id": message.channel.id,
            "author": message.author, "content": message.content, "timestamp": written(message.ms),
            "tts": False, "pinned": False,
            "edited_timestamp": None if message.edited is None else written(message.edited),
            "mention_everyone": message.pinged["everyone"],
            "mention_roles": message.pinged["roles"],
            "mentions": [self.users[u] for u in message.pinged["users"]],
            "attachments": message.attachments, "embeds": message.embeds, "components": [],
            "flags": message.flags, **message.more,
        }  # fmt: skip
        if message.reactions:
            shown["reactions"] = [
                {
                    "emoji": {"id": None, "name": e}, "count": 1, "me": True, "me_burst": False,
                    "burst_colors": [], "count_details": {"normal": 1, "burst": 0},
                }
                for e in message.reactions
            ]  # fmt: skip
        if message.thread:
            shown["thread"] = self.show_channel(message.thread)
        if message.reference:
            shown["message_reference"] = message.reference
            if not nested and message.type in (19, 20, 21, 23):
                origin = self.channels.get(message.reference["channel_id"])
                target = origin and origin.messages.get(message.reference.get("message_id", ""))
                shown["referenced_message"] = self.show(target, nested=True) if target else None
        return shown

    def event(self, message: Message) -> dict:
        """A message as the gateway has it: with its guild and what its author is there."""
        data = self.show(message)
        if message.channel.type == DIRECT:
            return data
        data["guild_id"] = cast.GUILD
        if "webhook_id" not in message.more:
            data["member"] = shapes.member()
        return data

    # --- messages

    def post(
        self, channel: Channel, author: dict, content: str, *, files: Iterable[File] = (),
        type: int = 0, reference: dict | None = None, allowed: dict | None = None,
        id: str | None = None, ms: int | None = None, live: bool = True, more: dict | None = None,
        nonce: str | int | None = None, enforce: bool = False, embeds: list | None = None,
        flags: int = 0, hidden: bool = False,
    ) -> Message:  # fmt: skip
        """A `hidden` one is in no channel and told to nobody: only who it was for could see it."""
        if live and channel.archived and not hidden:
            self.archive(channel, False)
        if id is None:
            id = self.mint.new() if ms is None else self.mint.then(ms)
        target = channel.messages.get(reference.get("message_id", "")) if reference else None
        replied = target.author["id"] if target and type == 19 else None
        message = Message(
            id, channel, author, content, type, made(id) if ms is None else ms,
            mentions.pinged(content, allowed, self.users, {cast.ROLE}, replied),
            reference=reference, more=more or {}, nonce=nonce, enforce_nonce=enforce,
            allowed_mentions=allowed, embeds=embeds or [], flags=flags, live=live,
        )  # fmt: skip
        message.attachments = [self.keep(channel, file) for file in files]
        if hidden:
            return message
        channel.add(message)
        if nonce is not None:
            self.nonces[author["id"], channel.id, str(nonce)] = message, now()
        if live:
            self.deliver(message)
        return message

    def deliver(self, message: Message) -> None:
        """Also a second time, when a test wants it."""
        if message.channel.seen_by(cast.BOT):
            data = self.event(message)
            self.tell(
                "MESSAGE_CREATE", data if message.nonce is None else data | {"nonce": message.nonce}
            )

    def keep(self, channel: Channel, file: File) -> dict:
        filename, content_type, content, description = file
        id = self.mint.new()
        self.files[id] = filename, content_type, content
        signed = f"ex={now() // 1000 + 86_400:x}&is={now() // 1000:x}&hm={int(id):064x}"
        url = f"{self.url}/cdn/attachments/{channel.id}/{id}/{quote(filename, safe='')}?{signed}"
        return shapes.attachment(id, filename, len(content), url, content_type, description)

    def edit(
        self, message: Message, changes: dict, live: bool = True, silent: bool = False
    ) -> None:
        """`silent` changes are no person's edits: a thread was made from it, a reaction came."""
        for name, value in changes.items():
            setattr(message, name, value)
        if not silent:
            message.edited = now()
        if live and message.channel.seen_by(cast.BOT):
            self.tell("MESSAGE_UPDATE", self.event(message))

    def delete(self, message: Message, live: bool = True) -> None:
        message.channel.remove(message)
        if live and message.channel.seen_by(cast.BOT):
            guild = {} if message.channel.type == DIRECT else {"guild_id": cast.GUILD}
            self.tell(
                "MESSAGE_DELETE", {"id": message.id, "channel_id": message.channel.id, **guild}
            )

    # --- threads

    def start_thread(
        self, parent: Channel, owner: dict, name: str, *, message: Message | None = None,
        private: bool = False, joined: bool = False, live: bool = True, ms: int | None = None,
    ) -> Channel:  # fmt: skip
        at = now() if ms is None else ms
        own = message.id if message else ""
        id = own or (self.mint.new() if ms is None else self.mint.then(ms))
        kind = PRIVATE_THREAD if private else PUBLIC_THREAD
        members = {owner["id"]} | ({cast.BOT} if joined else set())
        thread = Channel(
            id,
            kind,
            name,
            parent=parent,
            owner=owner["id"],
            made=at,
            archived_at=at,
            members=members,
        )
        self.channels[id] = thread
        if live and thread.seen_by(cast.BOT):
            self.tell("THREAD_CREATE", self.show_channel(thread) | {"newly_created": True})
        if message:
            self.edit(
                message,
                {"thread": thread, "flags": message.flags | HAS_THREAD},
                live=live,
                silent=True,
            )
            origin = {
                "type": 0,
                "message_id": message.id,
                "channel_id": parent.id,
                "guild_id": cast.GUILD,
            }
            self.post(thread, message.author, "", type=21, reference=origin, live=live, ms=ms)
        elif not private:
            origin = {"type": 0, "channel_id": id, "guild_id": cast.GUILD}
            self.post(parent, owner, name, type=18, reference=origin, live=live, ms=ms)
        return thread

    def archive(
        self,
        thread: Channel,
        archived: bool,
        locked: bool = False,
        ms: int | None = None,
        live: bool = True,
    ) -> None:
        thread.archived, thread.locked = archived, locked
        thread.archived_at = now() if ms is None else ms
        if live:
            self.changed(thread)

    def changed(self, thread: Channel) -> None:
        if thread.seen_by(cast.BOT):
            self.tell("THREAD_UPDATE", self.show_channel(thread))

    def join(self, thread: Channel) -> None:
        thread.members.add(cast.BOT)
        member = {"member": shapes.member(self.users[cast.BOT]), "presence": None}
        self.tell("THREAD_MEMBERS_UPDATE", {
            "id": thread.id, "guild_id": cast.GUILD, "member_count": len(thread.members),
            "added_members": [self.show_membership(thread) | member],
        })  # fmt: skip
