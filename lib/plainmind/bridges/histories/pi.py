"""pi's sessions: `~/.pi/agent/sessions/--<cwd>--/<time>_<id>.jsonl`, a header, then entries with ids.

    {"type":"session","version":3,"id":…,"timestamp":…,"cwd":…,"parentSession":"/…/other.jsonl"?}
    {"type":"message","id":"a1b2c3d4","parentId":…,"timestamp":…,"message":{"role":"user"|"assistant"|"toolResult"|"bashExecution",…}}

Remembers what skills/pi logs, under the same contexts and ids, so that importing what it has logged adds nothing. A fork
repeats the entries from before it: they belong to the session they were said in.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ...ground.errors import BadData, Failure
from . import said
from .said import Calls, Found, Said, Skipped, mapping, plain
from .sources import Record, Records, Source, lines

REMEMBERED = ("user", "assistant", "toolResult", "bashExecution")


class Pi:
    sessions = True
    surface = "pi"

    def wanted(self, path: str) -> bool:
        return path.endswith(".jsonl")

    def cwd(self, source: Source) -> str:
        return plain(header(source).get("cwd"))

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[Found]:
        return events(lines(source, note), self.surface, lambda first: lineage(first, source))


def header(source: Source) -> dict[str, Any]:
    """The first line of a session's file, {} when it is no header."""
    first = next(lines(source), None)
    return first.value if isinstance(first, Record) and first.value.get("type") == "session" else {}


def lineage(first: dict[str, Any], source: Source) -> list[dict[str, Any]]:
    """A header, then those of the sessions it was forked from, as far as they are still there.

    They are looked for where the header says, then beside the file: the history may come from another machine.
    """
    headers, seen = [first], set()
    path = plain(first.get("parentSession") or first.get("branchedFrom"))
    while path and path not in seen:
        seen.add(path)
        parent: dict[str, Any] = {}
        for place in (
            Source(path, 0, 0),
            source.beside(path.replace("\\", "/").rpartition("/")[2]),
        ):
            try:
                parent = parent or (header(place) if place else {})
            except (OSError, ValueError, Failure):  # ValueError: no name a file can have
                continue
        if not parent:
            break
        headers.append(parent)
        path = plain(parent.get("parentSession") or parent.get("branchedFrom"))
    return headers


def events(
    records: Records,
    surface: str,
    ancestry: Callable[[dict[str, Any]], list[dict[str, Any]]],
    context: str = "",
) -> Iterator[Found]:
    """The events of a session: in `context`, or in that of the session each was said in."""
    headers: list[dict[str, Any]] = []
    calls = Calls()
    for record in records:
        if not isinstance(record, Record):
            yield record
            continue
        place, entry = record
        if not headers:
            _check(entry, place, surface, ids=not context)
            headers = ancestry(entry)
            continue
        message = mapping(entry.get("message"))
        if entry.get("type") != "message":
            yield Skipped(
                "summary" if entry.get("type") in ("compaction", "branch_summary") else "other"
            )
            continue
        instant = said.instant(entry.get("timestamp"), message.get("timestamp"))
        if instant is None or not message:
            yield BadData(
                "no message" if not message else "no time",
                place=place,
                cure="mend the entry or take it out",
            )
            continue
        home = context or said.context_of(surface, plain(_origin(headers, entry).get("id")))
        yield from _event(
            message, calls, Said(home, plain(entry.get("id")), instant, "", ""), place
        )


def _check(entry: dict[str, Any], place: str, surface: str, ids: bool) -> None:
    """BadData when a first line is no header, or one of entries without the `ids` that tell what has been imported."""
    if entry.get("type") != "session" or not plain(entry.get("id")):
        raise BadData(
            f"no session of {surface}: its first line is no header",
            place=place,
            cure="give session files only",
        )
    version = entry.get("version")
    if ids and (not isinstance(version, (int, float)) or version < 2):
        raise BadData(
            "entries without ids, pi's first format", place=place, cure="open it once with pi"
        )


def _origin(headers: list[dict[str, Any]], entry: dict[str, Any]) -> dict[str, Any]:
    when = plain(entry.get("timestamp"))
    return next(
        (header for header in headers if plain(header.get("timestamp")) <= when), headers[-1]
    )


def _event(message: dict[str, Any], calls: Calls, blank: Said, place: str) -> Iterator[Found]:
    role, content = message.get("role"), said.text(message.get("content"))
    if role == "user":
        yield said.remembered(blank._replace(role="user", content=content), place)
    elif role == "assistant":
        yield from _agent(message, calls, blank._replace(role="agent", content=content), place)
    elif role == "toolResult":
        known = calls.of(message.get("toolCallId"), message.get("toolName"))
        meta = {**known, **said.meta(error=bool(message.get("isError")))}
        yield said.remembered(blank._replace(role="tool", content=content, meta=meta), place)
    elif role == "bashExecution" and not message.get("excludeFromContext"):
        exit = message.get("exitCode")
        meta = {
            "name": "bash",
            "by": "user",
            "args": said.clipped({"command": plain(message.get("command"))}),
            "exit": exit if type(exit) is int else None,
        }
        yield said.remembered(
            blank._replace(role="tool", content=plain(message.get("output")), meta=meta), place
        )
    else:
        yield Skipped("hidden")


def _agent(message: dict[str, Any], calls: Calls, blank: Said, place: str) -> Iterator[Found]:
    for part in said.parts(message.get("content")):
        if part.get("type") == "toolCall":
            calls.add(part.get("id"), part.get("name"), part.get("arguments"))
        elif part.get("type") == "thinking":
            yield Skipped("thinking")
    if blank.content:
        model = f"{plain(message.get('provider'))}:{plain(message.get('model'))}".strip(":")
        yield said.remembered(blank._replace(meta=said.meta(model=model)), place)
