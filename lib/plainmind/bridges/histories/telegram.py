"""Telegram Desktop's export in its machine-readable form: `result.json` of one chat or of all.

    {"name":…,"type":"personal_chat"|"private_group"|"bot_chat"…,"id":…,"messages":[
      {"id":…,"type":"message"|"service","date":"2021-01-01T10:00:00","date_unixtime":"1609491600",
      "from":…,"from_id":"user123","text":…|[…,{"type":"link","text":…}],"file":…,"poll":{…}}]}
    {"chats":{"list":[…of such…]},"left_chats":{"list":[…]},"personal_information":{…}}

A chat is a context. What a message carries beside its text (a poll, a list of tasks, a place, a
contact) is part of it. What it was forwarded from is named, and quoted: it is not its sender's. In
a chat with a bot, what the bot said is the agent's. Left out: what happened in a chat without being
said, reactions, contacts. Memory: one message at a time."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ...formats import quotation
from ...ground import zone
from . import items, sources
from .conservation import conserve
from .items import Held, HistoryEvent, HistoryItem, Skipped, Times, as_list, as_mapping, as_text
from .sources import HistoryReader, Source

#: what a message carries, in the order it is told
CARRIED = (
    "todo_list", "contact_information", "place_name", "address", "performer", "title",
    "game_title", "game_description", "game_link", "giveaway_information", "sticker_emoji",
    "author", "via_bot",
)  # fmt: skip


class Telegram(HistoryReader):
    export = True

    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] == "result.json"

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        chat, times, context = None, Times(source.instant), ""
        names: list[str] = []
        for found in sources.read_nested(source, "messages", "message", note):
            if not isinstance(found, tuple):
                yield found
                continue
            about, (place, value) = found
            if not about:
                account = {key: one for key, one in value.items() if key != "chats"}
                told: list[HistoryItem | Held] = [Held(names)]
                told += [Skipped("about the account", account)] if account else []
                yield from conserve("telegram", value, told)
                continue
            if about is not chat:
                chat, times = about, Times(source.instant)
                context = items.context_of("telegram", as_text(about.get("id")) or place)
                instant, _ = _when(times, value)
                yield from items.name_event(context, instant, about, "name")
                names.append(as_text(about.get("name")))
            message = _read_message(value, context, about, times, place)
            yield from conserve("telegram", value, message)


def _when(times: Times, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Older exports have only the time of the machine that wrote them, which was the person's."""
    local: int | None = None
    try:
        moment = datetime.fromisoformat(as_text(message.get("date")))
        local = zone.to_instant(moment.date(), moment.time())
    except (ValueError, OverflowError):
        pass
    return times.of(message.get("date_unixtime"), local)


def _read_message(
    message: dict[str, Any], context: str, chat: dict[str, Any], times: Times, place: str
) -> Iterator[HistoryItem]:
    if message.get("type") == "service":
        yield Skipped("notification", message)
        return
    instant, undated = _when(times, message)
    id, sender = as_text(message.get("id")), as_text(message.get("from_id"))
    is_bot = chat.get("type") == "bot_chat" and sender == f"user{as_text(chat.get('id'))}"
    meta = items.make_meta(
        author_id=sender, message_id=id, reply_to=as_text(message.get("reply_to_message_id")),
        files=_files(message),
    )  # fmt: skip
    blank = HistoryEvent(
        context, f"telegram-{id}" if id else "", instant, "agent" if is_bot else "user",
        "\n".join(filter(None, _lines(message))), as_text(message.get("from")),
        {**meta, **undated},
    )  # fmt: skip
    yield items.clean_event(blank, place)
    if reactions := message.get("reactions"):
        yield Skipped("reaction", reactions)


def _files(message: dict[str, Any]) -> list[str]:
    """The names of its files; of one that was left out of the export, there is a remark."""
    path = as_text(message.get("file")) or as_text(message.get("photo"))
    name = as_text(message.get("file_name")) or path.rpartition("/")[2]
    return [name] if name and not name.startswith("(File") else []


def _lines(message: dict[str, Any]) -> Iterator[str]:
    origin = as_text(message.get("forwarded_from")) or as_text(message.get("saved_from"))
    if origin:
        yield f"(forwarded from {' '.join(origin.split())})"
    yield from quotation.quote(_said(message)) if origin else _said(message)


def _said(message: dict[str, Any]) -> Iterator[str]:
    yield _shown(message.get("text")) or _shown(message.get("text_entities"))
    if poll := as_mapping(message.get("poll")):
        yield f"(poll) {_shown(poll.get('question'))}"
        for answer in map(as_mapping, as_list(poll.get("answers"))):
            yield f"- {_shown(answer.get('text'))}: {as_text(answer.get('voters'))}"
    for key in CARRIED:
        yield " ".join(text for _, text in items.walk(message.get(key)))
    if place := as_mapping(message.get("location_information")):
        yield f"(location) {place.get('latitude')}, {place.get('longitude')}"
    if bill := as_mapping(message.get("invoice_information")):
        price = f"{bill.get('amount')} {as_text(bill.get('currency'))}, in its smallest unit"
        yield f"(invoice) {as_text(bill.get('title'))}: {as_text(bill.get('description'))}: {price}"
    for row in as_list(message.get("inline_bot_buttons")):
        for button in map(as_mapping, as_list(row)):
            link = f" ({as_text(button.get('data'))})" if button.get("type") == "url" else ""
            yield f"(button) {as_text(button.get('text'))}{link}"


def _shown(value: Any) -> str:
    """A text, plain or in pieces."""
    return "".join(map(_text, value)) if isinstance(value, list) else as_text(value)


def _text(piece: Any) -> str:
    """A piece of a text; a link that stands behind other words, after them."""
    told, link = as_mapping(piece), as_text(as_mapping(piece).get("href"))
    text = as_text(told.get("text")) or as_text(piece)
    return f"{text} ({link})" if link else text
