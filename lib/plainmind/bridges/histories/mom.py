"""mom's channels: `<workspace>/<channel>/log.jsonl`, what was said, and `context.jsonl`, what the model saw (a session of pi's).

    {"date":…,"ts":"1732531234.567890","user":"U1","userName":"ann","text":…,"attachments":[{"original":…,"local":…}],"isBot":false}

Texts come from the log, where they are as they were written; calls of tools from the context beside it, where alone they are.
A context without a log gives all it has.
"""

import heapq
from collections.abc import Callable, Iterator

from ...ground.errors import BadData, Failure
from . import pi, said
from .said import Found, Said, Skipped, plain, sequence
from .sources import Record, Records, Source, lines


class Mom:
    sessions = False

    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] in ("log.jsonl", "context.jsonl")

    def cwd(self, source: Source) -> str:
        return ""

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[Found]:
        context = said.context_of("mom", source.folder)
        if source.name == "context.jsonl":
            if source.beside("log.jsonl"):
                return iter([Skipped("read with the log")])
            return pi.events(lines(source, note), "mom", lambda first: [first], context)
        seen = source.beside("context.jsonl")
        used = (
            _tools(pi.events(lines(seen), "mom", lambda first: [first], context))
            if seen
            else iter(())
        )
        return heapq.merge(events(lines(source, note), context), used, key=_Order())


class _Order:
    """When something was found: what has no time of its own stays with what came before it."""

    def __call__(self, found: Found) -> int:
        return found.instant if isinstance(found, Said) else 0


def _tools(found: Iterator[Found]) -> Iterator[Found]:
    """The calls among what a context holds; that it is none does not keep the log's messages back."""
    try:
        yield from (one for one in found if not isinstance(one, Said) or one.role == "tool")
    except Failure as failure:
        yield failure


def events(records: Records, context: str) -> Iterator[Found]:
    """The messages of a channel's log."""
    for record in records:
        if not isinstance(record, Record):
            yield record
            continue
        place, value = record
        ts = plain(value.get("ts"))
        instant = said.instant(value.get("date"), ts)
        if instant is None:
            yield BadData("no time", place=place, cure="mend the line or take it out")
            continue
        files = [
            plain(said.mapping(file).get("original")) for file in sequence(value.get("attachments"))
        ]
        author = (
            plain(value.get("displayName"))
            or plain(value.get("userName"))
            or plain(value.get("user"))
        )
        meta = said.meta(
            files=[file for file in files if file], thread=plain(value.get("thread_ts"))
        )
        if value.get("isBot"):
            one = Said(context, ts, instant, "agent", plain(value.get("text")), meta=meta)
        else:
            one = Said(context, ts, instant, "user", plain(value.get("text")), author, meta)
        yield said.remembered(one, place)
