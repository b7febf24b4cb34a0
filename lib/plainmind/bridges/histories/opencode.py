"""opencode's sessions: `~/.local/share/opencode/opencode.db`, an SQLite database.

    session  id, parent_id, directory, title, revert, time_created
    message  id, session_id, data {"role":"user"|"assistant","time":{"created":…},"modelID":…,…}
    part     id, message_id, session_id, data {"type":"text"|"tool"|"reasoning"|…,…}

A part that says something is an event. Left out are thinking, what opencode put among the user's
messages, and what the user took back. What an agent asked of another one is said by an agent."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ...ground.errors import BadData, Failure
from . import database, items
from .branches import OTHER_BRANCH
from .conservation import conserve
from .database import Row
from .items import NO_RESULT, Held, HistoryEvent, HistoryItem, Skipped, as_mapping, as_text
from .sources import LEFT_OUT, HistoryReader, Source

SURFACE = "opencode"
#: tables of keys, settings, and of what the three say
OTHERS = set(
    "account account_state control_account credential data_migration event event_sequence migration"
    " permission project project_directory session_context_epoch session_share workspace".split()
)


class Message(NamedTuple):
    """What of a message its parts must know. `child`: its session was started by an agent."""

    role: str
    model: str
    instant: int
    is_summary: bool
    child: bool = False
    taken_back: bool = False


class OpenCode(HistoryReader):
    def wanted(self, path: str) -> bool:
        name = path.replace("\\", "/").rpartition("/")[2]
        return name.startswith("opencode") and name.endswith(".db")

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        with source.opened() as file:
            if not file.read(len(database.MAGIC)).startswith(database.MAGIC):
                what = "not a database of opencode's"
                raise BadData(what, place=source.place, cure="give opencode.db")
        with database.open_copy(source, note) as db:
            sessions: dict[str, Row] = {}
            messages: dict[str, Message] = {}
            known = ("session", "message", "part")
            for table in sorted({*db.list_tables()} - {*known} - OTHERS):
                name = table if table.isprintable() else "…"
                yield from (Skipped(f"table '{name}'", row) for row in db.read_rows(table))
            for table in known:
                for row in _rows(db.read_rows(table), source.place):
                    if isinstance(row, Failure):
                        yield row
                        continue
                    found: Iterable[HistoryItem | Held] = ()
                    id, info = as_text(row.get("id")), as_mapping(row.get("data"))
                    session = as_text(row.get("session_id"))
                    context = items.context_of(SURFACE, session or id)
                    if table == "session":
                        sessions[id] = row
                        instant = items.parse_instant(row.get("time_created")) or source.instant
                        found = items.name_event(context, instant, row, "title")
                    elif table == "message":
                        messages[id] = _make_message(info, id, sessions.get(session, {}))
                    else:
                        message = messages.get(as_text(row.get("message_id")))
                        place = f"{source.place}: part '{id}'"
                        found = _read_part(info, id, message, context, place)
                    yield from conserve(SURFACE, row, found)


def read_messages(session: str, entries: Iterable[Any]) -> Iterator[HistoryItem | Held]:
    """The same of messages with their parts, as opencode hands them to its plugins."""
    context = items.context_of(SURFACE, session)
    for entry in entries:
        info = as_mapping(as_mapping(entry).get("info"))
        message = _make_message(info, as_text(info.get("id")), {})
        for part in items.as_parts(as_mapping(entry).get("parts")):
            yield from _read_part(part, as_text(part.get("id")), message, context, "<stdin>")


def _rows(found: Iterable[Row | BadData], place: str) -> Iterator[Row | BadData]:
    """Rows whose `data` is read; what is not JSON is a failure."""
    for row in found:
        if not isinstance(row, BadData) and "data" in row:
            try:
                value = json.loads(as_text(row["data"]), parse_constant=lambda name: None)
                yield {**row, "data": value}
            except (ValueError, RecursionError):
                yield BadData(
                    "not valid JSON", place=f"{place}: part '{row.get('id')}'", cure=LEFT_OUT
                )
        else:
            yield row


def _make_message(info: dict[str, Any], id: str, session: Row) -> Message:
    model = as_mapping(info.get("model")) or info
    name = f"{as_text(model.get('providerID'))}:{as_text(model.get('modelID'))}".strip(":")
    created = as_mapping(info.get("time")).get("created")
    try:
        back = as_mapping(json.loads(as_text(session.get("revert")) or "{}"))
    except (ValueError, RecursionError):
        back = {}
    first = as_text(back.get("messageID"))  # ids are in order of time
    return Message(
        as_text(info.get("role")),
        name,
        items.parse_instant(created) or 0,
        info.get("summary") is True,
        bool(session.get("parent_id")),
        bool(first) and id >= first,
    )


def _read_part(
    part: dict[str, Any], id: str, message: Message | None, context: str, place: str
) -> Iterator[HistoryItem | Held]:
    kind = part.get("type")
    if not message or message.role not in ("user", "assistant"):
        yield Skipped("other", part)
    elif message.taken_back:
        yield Skipped(OTHER_BRANCH, part)
    elif kind == "text" and (part.get("synthetic") is True or part.get("ignored") is True):
        yield Skipped("hidden", part)
    elif kind == "text" and message.is_summary:
        yield items.summary_of(context, id, message.instant, part.get("text"))
    elif kind == "text":
        user = message.role == "user"
        meta = items.make_meta(model="" if user else message.model)
        role = "user" if user and not message.child else "agent"
        instant = items.parse_instant(as_mapping(part.get("time")).get("start"))
        blank = HistoryEvent(context, id, instant or message.instant, role, "", meta=meta)
        yield items.clean_event(blank, place, content=as_text(part.get("text")))
    elif kind == "tool":
        yield _read_call(part, HistoryEvent(context, id, message.instant, "tool", ""), place)
    else:
        yield Skipped("thinking" if kind == "reasoning" else "other", part)


def _read_call(part: dict[str, Any], blank: HistoryEvent, place: str) -> HistoryItem:
    state = as_mapping(part.get("state"))
    failed = state.get("status") == "error"
    if not failed and state.get("status") != "completed":
        return Skipped(NO_RESULT, part)
    meta = {
        "name": as_text(part.get("tool")) or "unknown",
        "call": as_text(part.get("callID")),
        "args": items.clip(as_mapping(state.get("input"))),
        **items.make_meta(error=failed),
    }
    ended = items.parse_instant(as_mapping(state.get("time")).get("end"))
    content = as_text(state.get("error" if failed else "output"))
    done = blank._replace(instant=ended or blank.instant, meta=meta)
    return items.clean_event(done, place, content=content)
