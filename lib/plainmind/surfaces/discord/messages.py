"""Discord's messages as the relay's records and as events of the log, and which make a turn.

Pure. Refuses to know whose message may be answered, and what becomes of it.
"""

from collections.abc import Iterable
from typing import Any

from discord import Message, MessageType, RawMessageUpdateEvent

from ...ground import clock
from .ledger import Attached, Incoming

EventRecord = dict[str, Any]  # as mem-append --jsonl takes it

TYPES = (MessageType.default, MessageType.reply)
QUOTED = 1000  # characters of what a message replies to

EPOCH = 1_420_070_400_000  # ms since 1970 at which Discord's time begins
APART = 2000  # ms between messages that go together, at most
MOST = 20  # messages of one turn
LONGEST = 32_000  # characters of one turn


def to_instant(id: int) -> int:
    """When an id was made, ms since the epoch: the greater is the later, wherever it was made."""
    return (id >> 22) + EPOCH


def to_id(instant: int) -> int:
    """The least id of an instant."""
    return max(0, instant - EPOCH) << 22


def is_from_person(message: Message) -> bool:
    """Whether it is something said, and neither by a bot nor by a webhook."""
    return message.type in TYPES and not message.webhook_id and not message.author.bot


def to_incoming(message: Message, context: str) -> Incoming:
    lines = [message.content] if message.content else []
    lines += [f"(sticker: {sticker.name})" for sticker in message.stickers]
    if not lines and not message.attachments:
        lines = ["(a message without text)"]
    return Incoming(
        message.id,
        context,
        message.channel.id,
        _clean(message.author.display_name),
        message.author.id,
        _clean("\n".join(lines)),
        quote_of(message),
        tuple(Attached(file.filename, file.url, file.size) for file in message.attachments),
    )


def quote_of(message: Message) -> str:
    """What a message replies to, as far as Discord tells."""
    reference = message.reference if message.type == MessageType.reply else None
    original = reference.resolved if reference else None
    if not isinstance(original, Message) or not original.content.strip():
        return ""
    text = " ".join(_clean(original.content).split())
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"


def _clean(text: str) -> str:
    """Text as it can be an argument of a process."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def to_event(message: Incoming, **meta: Any) -> EventRecord:
    """A message as an event of the log, as mem-append --jsonl takes it."""
    text = message.text + "".join(f"\n(attached: {file.name})" for file in message.attached)
    ids = {"author_id": str(message.author_id), "message_id": str(message.id)}
    return {
        "role": "user",
        "content": text,
        "author": message.author,
        "id": f"discord-{message.id}",
        "timestamp": clock.to_text(to_instant(message.id)),
        "meta": {**ids, **meta},
    }


def to_starter_event(message: Message, context: str, me: int) -> EventRecord:
    """The message a thread was made from, as the first event of the thread's log."""
    event = to_event(to_incoming(message, context), starter=True) | {"id": f"starter-{message.id}"}
    if message.author.id == me:
        event["role"] = "agent"
        del event["author"], event["meta"]["author_id"]
    return event


def to_edit_event(payload: RawMessageUpdateEvent, allowed: frozenset[int]) -> EventRecord | None:
    """What a person changed their message to; None for a change of something else, or by others."""
    data: Any = payload.data
    when = data.get("edited_timestamp")
    if not when or "content" not in data or int(data.get("author", {}).get("id", 0)) not in allowed:
        return None
    return {
        "role": "system",
        "content": f"the user changed an earlier message to: {data['content']}",
        "id": f"edit-{payload.message_id}-{when}",
        "meta": {"edits": str(payload.message_id)},
    }


def take_turn(waiting: Iterable[Incoming]) -> list[Incoming]:
    """The messages of one context's next turn, oldest first: what one person sent in one go."""
    chosen: list[Incoming] = []
    size = 0
    for message in sorted(waiting, key=lambda m: m.id):
        size += len(message.text)
        if chosen and (
            message.author_id != chosen[-1].author_id
            or to_instant(message.id) - to_instant(chosen[-1].id) > APART
            or size > LONGEST
            or len(chosen) == MOST
        ):
            break
        chosen.append(message)
    return chosen


def turn_text(messages: Iterable[Incoming], notes: Iterable[str] = ()) -> str:
    """The messages' lines, then what is to be known of their attachments."""
    lines = [message.text for message in messages if message.text]
    return "\n".join([*lines, *(f"({note})" for note in notes)])
