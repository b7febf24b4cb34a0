"""Discord's history: DiscordChatExporter's JSON of a channel, or the data package Discord sends to
its users.

    {"guild":{…},"channel":{"id":…,"type":"GuildTextChat"|"GuildPublicThread"…,"name":…},…,
      "messages":[{"id":…,"type":"Default"|"Reply"|…,"timestamp":…,"content":…,
      "author":{"id":…,"name":…,"nickname":…,"isBot":…},"attachments":[{"fileName":…}],…}]}

    messages/c<id>/channel.json  {"id":…,"type":"GUILD_TEXT"|"PUBLIC_THREAD"|0|11…}
    messages/c<id>/messages.json [{"ID":…,"Timestamp":"2021-10-13 15:35:46","Contents":…,
      "Attachments":"https://… https://…"}]
    messages/c<id>/messages.csv  the same in older packages

Contexts and ids are those of discord-relay. What bots said is the agent's, under their name. What
a message says beside its text (embeds, polls, stickers, what it forwards with a text of its own) is
an event of its own. The package has only its owner's messages, the newest first."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from ...formats import discord_message
from ...ground.errors import BadData
from . import items, sources
from .conservation import conserve
from .items import LARGEST, HistoryEvent, HistoryItem, Skipped, as_list, as_mapping, as_text
from .sources import FIX_LINE, LEFT_OUT, HistoryReader, RawRecord, Records, Source

FORWARDED = "(forwarded)"  # all that is left of a message whose text is taken already
EPOCH = 1_420_070_400_000  # ms: Discord's ids count from here
#: types of messages that somebody wrote, by name or number
SPOKEN = (
    "Default Reply ChatInputCommand ContextMenuCommand ThreadStarterMessage PollResult "
    "0 19 20 21 23 46".split()
)

_PACKAGED = re.compile(r"messages\.(json|csv)\Z")
_NOT_CHANNELS = re.compile(r"(package|user|index|channel|guild|audit-log)\.json\Z")
_OF_PACKAGE = re.compile(
    r"(^|/)(account|activit\w+|activity|ads|programs|servers|support_tickets)/", re.I
)
_NUMBER = re.compile(r"c?(\d{5,20})\Z", re.ASCII)


class Discord(HistoryReader):
    export = True

    def wanted(self, path: str) -> bool:
        """Of a package the files of messages; else every JSON that DiscordChatExporter may have
        written."""
        folder, _, name = path.rpartition("/")
        if _PACKAGED.match(name) and _NUMBER.match(folder.rpartition("/")[2]):
            return True
        other = _NOT_CHANNELS.match(name) or _OF_PACKAGE.search(path)
        return name.endswith(".json") and not other

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        if source.name.endswith(".csv"):
            return read_package(read_rows(source, note), _packaged_context(source))
        if sources.read_beginning(source).startswith(b"["):
            messages = sources.read_elements(source, "item", "message", note)
            return read_package(messages, _packaged_context(source))
        return read_export(source, note)


def context_of(channel: dict[str, Any]) -> str:
    kind = as_text(channel.get("type")).lower().replace("_", "")
    thread = kind.endswith("thread") or kind in ("10", "11", "12")
    surface = "discord-thread" if thread else "discord-channel"
    return items.context_of(surface, as_text(channel.get("id")))


def _packaged_context(source: Source) -> str:
    described = source.beside("channel.json")
    channel = (
        sources.first_value(sources.read_elements(described, "", "channel")) if described else {}
    )
    number = _NUMBER.match(source.folder)
    id = as_text(channel.get("id")) or (number[1] if number else source.folder)
    return context_of({"type": channel.get("type"), "id": id})


def read_export(source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
    """The messages of a channel, as DiscordChatExporter has them."""
    context = ""
    for found in sources.read_nested(source, "messages", "message", note):
        if not isinstance(found, tuple) or isinstance(found, RawRecord):
            yield found
            continue
        about, (place, value) = found
        channel = as_mapping((about or value).get("channel"))
        if not context and not as_text(channel.get("id")):
            cure = "give DiscordChatExporter's JSON or Discord's package"
            raise BadData("no export of a channel", place=source.place, cure=cure)
        context = context or context_of(channel)
        if about:
            yield from conserve("discord", value, _exported(value, context, place))
        else:
            names = [channel, value.get("guild")]
            yield from conserve("discord", value, [Skipped("about the channel", names)])


def _exported(message: dict[str, Any], context: str, place: str) -> Iterator[HistoryItem]:
    if as_text(message.get("type")) not in ("", *SPOKEN):
        yield Skipped("notification", message)
        return
    id = as_text(message.get("id"))
    instant = items.parse_instant(message.get("timestamp"), _when(id))
    if instant is None:
        yield BadData("no time", place=place, cure=LEFT_OUT)
        return
    author, reference = as_mapping(message.get("author")), as_mapping(message.get("reference"))
    forwarded = as_mapping(message.get("forwardedMessage"))
    attached = as_list(message.get("attachments")) + as_list(forwarded.get("attachments"))
    meta = items.make_meta(
        author_id=as_text(author.get("id")), message_id=as_text(message.get("id")),
        files=items.texts_of(attached, "fileName"),
        reply_to=as_text(reference.get("messageId")), forwarded=bool(forwarded),
    )  # fmt: skip
    content, quoted = as_text(message.get("content")), as_text(forwarded.get("content"))
    name = as_text(author.get("nickname")) or as_text(author.get("name"))
    role = "agent" if author.get("isBot") is True else "user"
    own_id = f"discord-{id}" if id else ""
    only = {"message_snapshots": [{"message": {"content": quoted}}] if quoted else []}
    said = content or discord_message.read_message(only).text
    blank = HistoryEvent(context, own_id, instant, role, said, name, meta)
    beside = _beside(message, {**forwarded, "content": quoted if content else ""})
    if blank.content.strip() or meta.get("files") or not beside:
        yield items.clean_event(blank, place)
    if beside:  # an event of its own: the message may have been imported without it
        yield items.clean_event(blank, place, id=own_id and f"{own_id}-beside", content=beside)
    if reactions := message.get("reactions"):
        yield Skipped("reaction", reactions)


def _beside(message: dict[str, Any], forwarded: dict[str, Any]) -> str:
    """What a message says beside its text, in the words of the relay."""
    forward = forwarded if message.get("forwardedMessage") else {}
    api = discord_message.from_export({**message, "content": "", "forwardedMessage": forward})
    text = discord_message.read_message(api).text
    return "" if text == FORWARDED else text


def read_package(records: Records, context: str) -> Iterator[HistoryItem]:
    """The messages of a channel in a package."""

    def convert(place: str, row: dict[str, Any]) -> HistoryItem:
        id, time = as_text(row.get("ID")), as_text(row.get("Timestamp"))
        instant = items.parse_instant(_when(id), f"{time}Z", time)
        if instant is None:
            return BadData("neither an ID nor a time", place=place, cure=LEFT_OUT)
        urls = as_text(row.get("Attachments")).split()
        files = [url.partition("?")[0].rpartition("/")[2] for url in urls]
        meta, content = items.make_meta(message_id=id, files=files), as_text(row.get("Contents"))
        blank = HistoryEvent(context, f"discord-{id}" if id else "", instant, "user", content)
        return items.clean_event(blank, place, meta=meta)

    for record in records:
        if isinstance(record, RawRecord):
            yield from conserve("discord", record.value, [convert(*record)])
        else:
            yield record


def _when(id: str) -> int | None:
    """When a message was sent, which its id tells."""
    if id.isascii() and id.isdigit() and 2**22 <= int(id) < 2**64:
        return (int(id) >> 22) + EPOCH
    return None


def read_rows(source: Source, note: Callable[[int], None]) -> Records:
    """The rows of a CSV file with a header."""
    csv.field_size_limit(LARGEST)
    with source.opened(note) as file:
        text = io.TextIOWrapper(io.BufferedReader(_Raw(file)), "utf-8", newline="")
        reader = csv.DictReader(text)
        while True:
            try:
                row = next(reader, None)
            except csv.Error:
                place = f"{source.place}:{reader.line_num}"
                yield BadData("not a row of CSV", place=place, cure=FIX_LINE)
                continue
            if row is None:
                return
            values = {str(name): value for name, value in row.items()}
            yield RawRecord(f"{source.place}:{reader.line_num}", values)


class _Raw(io.RawIOBase):
    """What a text layer reads from: UTF-8 whatever the bytes are."""

    def __init__(self, file: Any):
        self._text = sources.Text(file)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._left or self._text.read(len(buffer))
        count = min(len(data), len(buffer))
        buffer[:count], self._left = data[:count], data[count:]
        return count
