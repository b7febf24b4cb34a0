"""mom's channels: `<workspace>/<channel>/log.jsonl`, what was said, and `context.jsonl`, what the
model saw (a session of pi's).

    {"date":…,"ts":"1732531234.567890","user":"U1","userName":"ann","text":…,
      "attachments":[{"original":…,"local":…}],"isBot":false}

Texts come from the log, where they are as they were written; calls of tools from the context beside
it, where alone they are. A context without a log gives all it has."""

import heapq
from collections.abc import Callable, Iterator
from typing import Any

from ...ground.errors import BadData, Failure
from . import items, pi
from .items import HistoryEvent, HistoryItem, Skipped, as_text
from .sources import FIX_LINE, HistoryReader, Records, Source, convert_each, read_lines


class Mom(HistoryReader):
    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] in ("log.jsonl", "context.jsonl")

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        context = items.context_of("mom", source.folder)
        if source.name == "context.jsonl":
            if source.beside("log.jsonl"):
                return iter([Skipped("read with the log")])
            return pi.read_events(read_lines(source, note), "mom", lambda first: [first], context)
        log, seen = read_events(read_lines(source, note), context), source.beside("context.jsonl")
        if not seen:
            return log
        used = pi.read_events(read_lines(seen), "mom", lambda first: [first], context)
        return heapq.merge(log, _tools(used), key=_order)


def _order(found: HistoryItem) -> int:
    """What has no time of its own stays with what came before it."""
    return found.instant if isinstance(found, HistoryEvent) else 0


def _tools(found: Iterator[HistoryItem]) -> Iterator[HistoryItem]:
    """The calls in a context; one that cannot be read does not keep the log's messages back."""
    try:
        yield from (one for one in found if not isinstance(one, HistoryEvent) or one.role == "tool")
    except Failure as failure:
        yield failure


def read_events(records: Records, context: str) -> Iterator[HistoryItem]:
    """The messages of a channel's log."""

    def convert(place: str, value: dict[str, Any]) -> HistoryItem:
        ts, content = as_text(value.get("ts")), as_text(value.get("text"))
        instant = items.parse_instant(value.get("date"), ts)
        if instant is None:
            return BadData("no time", place=place, cure=FIX_LINE)
        files = items.texts_of(value.get("attachments"), "original")
        meta = items.make_meta(files=files, thread=as_text(value.get("thread_ts")))
        names = [as_text(value.get(key)) for key in ("displayName", "userName", "user")]
        author, role = next(filter(None, names), ""), "user"
        if value.get("isBot"):
            author, role = "", "agent"
        blank = HistoryEvent(context, ts, instant, role, content, author, meta)
        return items.clean_event(blank, place)

    return convert_each(records, convert)
