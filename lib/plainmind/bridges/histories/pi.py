"""pi's sessions: `~/.pi/agent/sessions/--<cwd>--/<time>_<id>.jsonl`, a header, then entries with
ids.

    {"type":"session","version":3,"id":…,"timestamp":…,"cwd":…,"parentSession":"/…/other.jsonl"?}
    {"type":"message","id":"a1b2c3d4","parentId":…,"timestamp":…,
      "message":{"role":"user"|"assistant"|"toolResult"|"bashExecution",…}}

What `mem-hook pi` keeps is read by this, too: an import of what it has logged adds nothing. The
entries are a tree, and the branch that ends with the last one is the conversation. A fork repeats
the entries from before it: they belong to the session they were said in."""

from collections.abc import Callable, Container, Iterator
from typing import Any

from ...ground.errors import BadData, Failure
from . import branches, items
from .branches import OTHER_BRANCH, Node
from .conservation import conserve
from .items import (
    Calls,
    Held,
    HistoryEvent,
    HistoryItem,
    Skipped,
    Times,
    as_mapping,
    as_text,
)  # fmt: skip
from .sources import HistoryReader, RawRecord, Records, Source, read_lines

REMEMBERED = ("user", "assistant", "toolResult", "bashExecution")


class Pi(HistoryReader):
    sessions = True
    surface = "pi"

    def wanted(self, path: str) -> bool:
        return path.endswith(".jsonl")

    def cwd(self, source: Source) -> str:
        return as_text(read_header(source).get("cwd"))

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        lines, left = read_lines(source, note), find_left(source)
        return read_events(lines, self.surface, lambda first: find_lineage(first, source), left)


def find_left(source: Source) -> set[str]:
    """The ids of entries on branches that were left."""
    nodes = [
        Node(id, as_text(record.value.get("parentId")))
        for record in read_lines(source)
        if isinstance(record, RawRecord)
        and record.value.get("type") != "session"
        and (id := as_text(record.value.get("id")))
    ]
    return branches.find_abandoned(nodes) if any(node.parent for node in nodes) else set()


def read_header(source: Source) -> dict[str, Any]:
    """The first line of a session's file, {} when it is not a header."""
    first = next(read_lines(source), None)
    if isinstance(first, RawRecord) and first.value.get("type") == "session":
        return first.value
    return {}


def find_lineage(first: dict[str, Any], source: Source) -> list[dict[str, Any]]:
    """A header, then those of the sessions it was forked from, as far as they are still there. They
    are looked for where the header says, then beside the file: the history may come from another
    machine."""
    headers, seen = [first], set()
    path = as_text(first.get("parentSession") or first.get("branchedFrom"))
    while path and path not in seen:
        seen.add(path)
        parent: dict[str, Any] = {}
        beside = source.beside(path.replace("\\", "/").rpartition("/")[2])
        for place in (Source(path, 0, 0), beside):
            try:
                parent = parent or (read_header(place) if place else {})
            except (OSError, ValueError, Failure):  # ValueError: no name a file can have
                continue
        if not parent:
            break
        headers.append(parent)
        path = as_text(parent.get("parentSession") or parent.get("branchedFrom"))
    return headers


def read_events(
    records: Records,
    surface: str,
    ancestry: Callable[[dict[str, Any]], list[dict[str, Any]]],
    left: Container[str],
    context: str = "",
) -> Iterator[HistoryItem]:
    """The events of a session, but for entries that were `left`: in `context`, or in that of the
    session each was said in."""
    headers: list[dict[str, Any]] = []
    calls, times = Calls(), Times(None)
    for record in records:
        if not isinstance(record, RawRecord):
            yield record
            continue
        place, entry = record
        if not headers:
            _check(entry, place, surface, ids=not context)
            headers, times = ancestry(entry), Times(items.parse_instant(entry.get("timestamp")))
            yield from conserve(surface, entry, ())
        elif as_text(entry.get("id")) in left:
            yield Skipped(OTHER_BRANCH, entry)
        else:
            home = context or items.context_of(surface, as_text(_origin(headers, entry).get("id")))
            found = _read_entry(entry, place, home, calls, times)
            yield from conserve(surface, entry, found)
    yield from calls.end()


def _read_entry(
    entry: dict[str, Any], place: str, home: str, calls: Calls, times: Times
) -> Iterator[HistoryItem | Held]:
    message, kind = as_mapping(entry.get("message")), entry.get("type")
    if kind == "session_info":
        yield from items.name_event(home, times.of(entry.get("timestamp"))[0], entry, "name")
        return
    if kind not in ("message", "compaction", "branch_summary"):
        yield Skipped("other", entry)
        return
    instant, undated = times.of(entry.get("timestamp"), message.get("timestamp"))
    if kind != "message":
        yield items.summary_of(home, entry.get("id"), instant, entry.get("summary"))
    elif not message:
        yield BadData("no message", place=place, cure="fix the entry or take it out")
    else:
        id = as_text(entry.get("id"))
        blank = HistoryEvent(home, id, instant, "", "", meta=undated, turn=times.turn)
        yield from _event(message, calls, blank, place)


def _check(entry: dict[str, Any], place: str, surface: str, ids: bool) -> None:
    """BadData when a first line is not a header, or one of entries without the `ids` that tell what
    has been imported."""
    if entry.get("type") != "session" or not as_text(entry.get("id")):
        what = f"not a session of {surface}: its first line is not a header"
        raise BadData(what, place=place, cure="give session files only")
    version = entry.get("version")
    if ids and (not isinstance(version, (int, float)) or version < 2):
        what = "entries without ids, pi's first format"
        raise BadData(what, place=place, cure="open it once with pi")


def _origin(headers: list[dict[str, Any]], entry: dict[str, Any]) -> dict[str, Any]:
    when = as_text(entry.get("timestamp"))
    before = (header for header in headers if as_text(header.get("timestamp")) <= when)
    return next(before, headers[-1])


def _event(
    message: dict[str, Any], calls: Calls, blank: HistoryEvent, place: str
) -> Iterator[HistoryItem | Held]:
    role, content = message.get("role"), items.join_texts(message.get("content"))
    if role == "user":
        yield items.clean_event(blank, place, role="user", content=content)
    elif role == "assistant":
        yield from _agent(message, calls, blank._replace(role="agent", content=content), place)
    elif role == "toolResult":
        called = calls.of(message.get("toolCallId"), message.get("toolName"))
        meta = {**called, **items.make_meta(error=bool(message.get("isError"))), **blank.meta}
        yield items.clean_event(blank, place, role="tool", content=content, meta=meta)
    elif role == "bashExecution" and not message.get("excludeFromContext"):
        args = items.clip({"command": as_text(message.get("command"))})
        exit = message.get("exitCode") if type(message.get("exitCode")) is int else None
        meta = {"name": "bash", "by": "user", "args": args, "exit": exit, **blank.meta}
        content = as_text(message.get("output"))
        yield items.clean_event(blank, place, role="tool", content=content, meta=meta)
    else:
        yield Skipped("hidden", message)


def _agent(
    message: dict[str, Any], calls: Calls, blank: HistoryEvent, place: str
) -> Iterator[HistoryItem | Held]:
    for part in items.as_parts(message.get("content")):
        if part.get("type") == "toolCall":
            yield from calls.add(part.get("id"), part.get("name"), part.get("arguments"))
        elif part.get("type") == "thinking":
            yield Skipped("thinking", part)
    if blank.content:
        model = f"{as_text(message.get('provider'))}:{as_text(message.get('model'))}".strip(":")
        meta = {**items.make_meta(model=model), **blank.meta}
        yield items.clean_event(blank, place, meta=meta)
