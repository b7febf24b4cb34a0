"""What of Discord's events is a message to the agent: from whom, of which kind, in which context.

Only people whose numbers are allowed, in the one channel and the threads made from it. Refuses to know what becomes of it.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import discord

from .history import History
from .ledger import Attached, Incoming

if TYPE_CHECKING:
    from .connection import Connection
    from .receiving import Receiving

CHANNEL, THREAD = "discord-channel/", "discord-thread/"
TYPES = (discord.MessageType.default, discord.MessageType.reply)
QUOTED = 1000  # characters of what a message replies to
KNOWN = 1000  # threads


class Places:
    """Which context a channel's messages belong to; what a thread belongs to is asked once."""

    def __init__(self, channel: int, history: History):
        self.channel, self.history = channel, history
        self._parents: OrderedDict[int, int] = OrderedDict()

    async def context(self, place: Any) -> str:
        """The context of a channel or thread, '' for one that is not ours. `place` has an id, and maybe a parent."""
        if place.id == self.channel:
            return f"{CHANNEL}{place.id}"
        parent = getattr(place, "parent_id", None) or self._parents.get(place.id)
        if parent is None:
            parent = await self.history.parent(place.id)
            self._parents[place.id] = parent
            if len(self._parents) > KNOWN:
                self._parents.popitem(last=False)
        return f"{THREAD}{place.id}" if parent == self.channel else ""


def listen(client: "Connection", receiving: "Receiving", broken: Callable[[str], None]) -> None:
    """Have the client tell what happens; `broken` is called where that raised."""

    async def on_message(message: discord.Message) -> None:
        receiving.arrivals.put_nowait(message)

    async def on_connect() -> None:
        client.connected = True
        receiving.caught_up.clear()  # nothing is answered before what is older than it

    async def on_ready() -> None:
        receiving.ready()

    async def on_resumed() -> None:
        client.connected = True
        receiving.ready()

    async def on_raw_message_edit(payload: discord.RawMessageUpdateEvent) -> None:
        await receiving.edited(payload)

    async def on_error(event: str, *_: Any, **__: Any) -> None:
        broken(event)

    for handler in (on_message, on_connect, on_ready, on_resumed, on_raw_message_edit, on_error):
        setattr(client, handler.__name__, handler)


def is_for_us(
    message: discord.Message,
    allowed: frozenset[int],
    first_time: Callable[[int], bool],
    say: Callable[[str], None],
) -> bool:
    """Whether a message is a person's who may speak to the agent."""
    if message.type not in TYPES or message.webhook_id or message.author.bot:
        return False
    if message.author.id not in allowed and first_time(message.author.id):
        say(f"user {message.author.id} is not in relay.allow, and is ignored")
    return message.author.id in allowed


def incoming(message: discord.Message, context: str) -> Incoming:
    text = message.content
    if message.stickers:
        text = "\n".join(
            [
                *([text] if text else []),
                *(f"(sticker: {sticker.name})" for sticker in message.stickers),
            ]
        )
    if not text and not message.attachments:
        text = "(a message without text)"
    return Incoming(
        message.id, context, message.channel.id, _plain(message.author.display_name), message.author.id, _plain(text), quoted(message),
        tuple(Attached(found.filename, found.url, found.size) for found in message.attachments),
    )  # fmt: skip


def quoted(message: discord.Message) -> str:
    """What a message replies to, as far as Discord tells."""
    found = (
        message.reference.resolved
        if message.reference and message.type == discord.MessageType.reply
        else None
    )
    if not isinstance(found, discord.Message) or not found.content.strip():
        return ""
    text = " ".join(_plain(found.content).split())
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"


def _plain(text: str) -> str:
    """Text as it can be an argument of a process."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def event(message: Incoming, **meta: Any) -> dict[str, Any]:
    """A message as an event of the log, as mem-append --jsonl takes it."""
    from ...ground import clock
    from . import snowflake

    text = message.text + "".join(f"\n(attached: {found.name})" for found in message.attached)
    return {
        "role": "user", "content": text, "author": message.author, "id": f"discord-{message.id}",
        "timestamp": clock.to_text(snowflake.instant(message.id)),
        "meta": {"author_id": str(message.author_id), "message_id": str(message.id), **meta},
    }  # fmt: skip


def starter_event(message: discord.Message, context: str, me: int) -> dict[str, Any]:
    """The message a thread was made from, as the first event of the thread's log."""
    made = event(incoming(message, context), starter=True) | {"id": f"starter-{message.id}"}
    if message.author.id == me:
        made["role"] = "agent"
        del made["author"], made["meta"]["author_id"]
    return made


def edit_event(
    payload: discord.RawMessageUpdateEvent, allowed: frozenset[int]
) -> dict[str, Any] | None:
    """What a person changed their message to, as an event; None for a change of something else, or by somebody else."""
    data: Any = payload.data
    when = data.get("edited_timestamp")
    if not when or "content" not in data or int(data.get("author", {}).get("id", 0)) not in allowed:
        return None
    return {
        "role": "system", "content": f"the user changed an earlier message to: {data['content']}",
        "id": f"edit-{payload.message_id}-{when}", "meta": {"edits": str(payload.message_id)},
    }  # fmt: skip
