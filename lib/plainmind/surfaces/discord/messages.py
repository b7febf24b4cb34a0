"""Discord's messages as the relay's records and as events of the log, and which make a turn.

Pure. Refuses to know whose message may be answered, and what becomes of it.
"""

from collections.abc import Collection, Iterable
from typing import Any

from ...formats import discord_message
from ...formats.discord_message import DEFAULT, REPLY, FindName
from ...formats.quotation import quote_text
from ...ground import clock, stream
from .ledger import Attached, Incoming

EventRecord = dict[str, Any]  # as mem-append --jsonl takes it
RawMessage = dict[str, Any]  # as Discord's API has it

TYPES = (DEFAULT, REPLY)

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


def is_from_person(message: RawMessage) -> bool:
    """Whether it is something said, and neither by a bot nor by a webhook."""
    bot = message["author"].get("bot") or message.get("webhook_id")
    return message.get("type") in TYPES and not bot


def to_incoming(message: RawMessage, context: str, find_name: FindName) -> Incoming:
    words = discord_message.read_message(message, find_name)
    text = words.text or ("" if words.files else discord_message.NOTHING)
    return Incoming(
        int(message["id"]),
        context,
        int(message["channel_id"]),
        discord_message.name_author(message),
        int(message["author"]["id"]),
        text,
        discord_message.read_quote(message, find_name),
        tuple(Attached(file.name, file.url, file.size) for file in words.files),
        words.seen,
        str(message.get("edited_timestamp") or ""),
    )


def meta_of(messages: Iterable[Incoming]) -> dict[str, Any]:
    """What an event's metadata has of messages beside what is said of each turn: by id, who and
    what was meant; of a changed one, when; of more than one, which they are."""
    messages = list(messages)
    seen = {id: shown for message in messages for id, shown in message.seen.items()}
    edited = max((message.edited for message in messages), default="")
    of = [str(message.id) for message in messages] if len(messages) > 1 else []
    meta = {"mentions": seen, "edited": edited, "of": of}
    return {name: value for name, value in meta.items() if value}


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
        "meta": {**ids, **meta_of([message]), **meta},
    }


def to_starter_event(message: Incoming, me: int, stranger: str = "") -> EventRecord:
    """The message a thread was made from, as the first event of the thread's log. `stranger`: what
    its author is, when nobody who may talk with us; then it is told, and quoted."""
    event = to_event(message, starter=True) | {"id": f"starter-{message.id}"}
    if message.author_id == me:
        event["role"] = "agent"
        del event["author"], event["meta"]["author_id"]
    elif stranger:
        told = f"this thread was made from a message of {name_stranger(message, stranger)}"
        event |= {"role": "system", "content": f"{told}:\n{quote_text(event['content'])}"}
    return event


def name_stranger(message: Incoming, stranger: str) -> str:
    return f"{stream.json_line(message.author or 'somebody')}, {stranger}"


def describe_stranger(message: RawMessage, admitted: Collection[int], me: int) -> str:
    """What the author of a message is, '' for us and whoever may talk with us."""
    if int(message["author"]["id"]) == me:
        return ""
    if message.get("webhook_id"):
        return "a webhook"
    if message["author"].get("bot"):
        return "a bot"
    return "" if int(message["author"]["id"]) in admitted else "a stranger"


def to_edit_event(messages: Iterable[Incoming], changed: Incoming) -> EventRecord:
    """What a person changed one of the messages of an event to: all of them as they are now."""
    messages = list(messages)
    text = "\n".join(str(to_event(message)["content"]) for message in messages)
    return {
        "role": "system",
        "content": f"the user changed an earlier message to: {text}",
        "id": f"edit-{changed.id}-{changed.edited}",
        "meta": {**meta_of(messages), "edits": str(changed.id), "edited": changed.edited},
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
