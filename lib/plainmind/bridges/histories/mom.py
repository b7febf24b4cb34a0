"""mom's channels: `<workspace>/<channel>/log.jsonl`, what was said, and `context.jsonl`, what the
model saw (a session of pi's).

    {"date":…,"ts":"1732531234.567890","user":"U1","userName":"ann","text":…,
      "attachments":[{"original":…,"local":…}],"isBot":false}

Texts come from the log, where they are as they were written; calls of tools from the context beside
it, where alone they are. A context without a log gives all it has."""

import itertools
from collections.abc import Callable, Iterator

from ...ground.errors import Failure
from . import items, pi
from .conservation import conserve
from .items import HistoryEvent, HistoryItem, Skipped, Times, as_text
from .sources import HistoryReader, RawRecord, Records, Source, read_lines


class Mom(HistoryReader):
    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] in ("log.jsonl", "context.jsonl")

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        context = items.context_of("mom", source.folder)
        if source.name == "context.jsonl":
            if source.beside("log.jsonl"):
                return iter([Skipped("read with the log")])
            return _used(source, context, note)
        log, seen = (
            read_events(read_lines(source, note), context, Times(source.instant)),
            source.beside("context.jsonl"),
        )
        if not seen:
            return log
        return itertools.chain(log, _tools(_used(seen, context)))


def _used(
    source: Source, context: str, note: Callable[[int], None] = lambda count: None
) -> Iterator[HistoryItem]:
    """What is in a context."""
    lines, left = read_lines(source, note), pi.find_left(source)
    yield from pi.read_events(lines, "mom", lambda first: [first], left, context)


def _tools(found: Iterator[HistoryItem]) -> Iterator[HistoryItem]:
    """The calls in a context; one that cannot be read does not keep the log's messages back."""
    try:
        for one in found:
            told = isinstance(one, HistoryEvent) and one.role != "tool"
            yield Skipped("read with the log", one) if told else one
    except Failure as failure:
        yield failure


def read_events(records: Records, context: str, times: Times) -> Iterator[HistoryItem]:
    """The messages of a channel's log."""
    for record in records:
        if not isinstance(record, RawRecord):
            yield record
            continue
        place, value = record
        ts, content = as_text(value.get("ts")), as_text(value.get("text"))
        instant, undated = times.of(value.get("date"), ts)
        files = items.texts_of(value.get("attachments"), "original")
        meta = items.make_meta(files=files, thread=as_text(value.get("thread_ts")))
        names = [as_text(value.get(key)) for key in ("displayName", "userName", "user")]
        author, role = next(filter(None, names), ""), "user"
        if value.get("isBot"):
            author, role = "", "agent"
        blank = HistoryEvent(context, ts, instant, role, content, author, {**meta, **undated})
        yield from conserve("mom", value, [items.clean_event(blank, place)])
