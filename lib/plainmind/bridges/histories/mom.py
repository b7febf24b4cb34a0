"""mom's channels: `<workspace>/<channel>/log.jsonl`, what was said, and `context.jsonl`, what the
model saw (a session of pi's).

    {"date":…,"ts":"1732531234.567890","user":"U1","userName":"ann","text":…,
      "attachments":[{"original":…,"local":…}],"isBot":false}

Texts come from the log, where they are as they were written; calls of tools from the context beside
it, where alone they are. A context without a log gives all it has."""

import heapq
from collections.abc import Callable, Iterator

from ...ground.errors import BadData, Failure
from . import items, pi
from .items import HistoryEvent, HistoryItem, Skipped, as_list, as_text
from .sources import RawRecord, Records, Source, read_lines


class Mom:
    sessions = False

    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] in ("log.jsonl", "context.jsonl")

    def cwd(self, source: Source) -> str:
        return ""

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        context = items.context_of("mom", source.folder)
        if source.name == "context.jsonl":
            if source.beside("log.jsonl"):
                return iter([Skipped("read with the log")])
            return pi.read_events(read_lines(source, note), "mom", lambda first: [first], context)
        seen = source.beside("context.jsonl")
        used = (
            _tools(pi.read_events(read_lines(seen), "mom", lambda first: [first], context))
            if seen
            else iter(())
        )
        return heapq.merge(read_events(read_lines(source, note), context), used, key=_Order())


class _Order:
    """When something was found: what has no time of its own stays with what came before it."""

    def __call__(self, found: HistoryItem) -> int:
        return found.instant if isinstance(found, HistoryEvent) else 0


def _tools(found: Iterator[HistoryItem]) -> Iterator[HistoryItem]:
    """The calls in a context; one that cannot be read does not keep the log's messages back."""
    try:
        yield from (one for one in found if not isinstance(one, HistoryEvent) or one.role == "tool")
    except Failure as failure:
        yield failure


def read_events(records: Records, context: str) -> Iterator[HistoryItem]:
    """The messages of a channel's log."""
    for record in records:
        if not isinstance(record, RawRecord):
            yield record
            continue
        place, value = record
        ts = as_text(value.get("ts"))
        instant = items.parse_instant(value.get("date"), ts)
        if instant is None:
            yield BadData("no time", place=place, cure="fix the line or take it out")
            continue
        files = [
            as_text(items.as_mapping(file).get("original"))
            for file in as_list(value.get("attachments"))
        ]
        author = (
            as_text(value.get("displayName"))
            or as_text(value.get("userName"))
            or as_text(value.get("user"))
        )
        meta = items.make_meta(
            files=[file for file in files if file], thread=as_text(value.get("thread_ts"))
        )
        if value.get("isBot"):
            one = HistoryEvent(context, ts, instant, "agent", as_text(value.get("text")), meta=meta)
        else:
            one = HistoryEvent(
                context, ts, instant, "user", as_text(value.get("text")), author, meta
            )
        yield items.clean_event(one, place)
