"""The log: its contexts, their windows, the events of one. /log/SURFACE, /log/SURFACE/ID, and
/log/SURFACE/ID/WINDOW.md, with `from`, the number of an entry, or `at`, a line of the file. `q`
searches."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ...formats.log import event as events
from ...formats.log import injected_blocks
from ...ground import clock, files
from ...ground.errors import NoInput
from ...ground.masks import Mask
from ...ground.paths import check_context, check_contexts
from ...memory import Memory
from ...truth.log import overview
from ...truth.log.known_windows import Outlines, Summaries
from ..turning import read_number, turn
from . import log_search

CONTEXTS = 200  # on one page
ENTRIES = 200  # of a window, on one page
BEFORE = 40  # of these, before the one that was asked for
MOST = 5_000  # entries of a window that becomes one file
PUBLISHED_DAYS = 31
LONG, LINES = 1_500, 24  # characters and lines of a text of which only the beginning is open
SHORT = 600  # characters of that beginning

#: what is known of windows by this process
_summaries, _outlines = Summaries(), Outlines()


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    part = part.strip("/").removeprefix("logs/")
    shown = {"kind": "contexts", "wanted": part, "problems": [], "days": PUBLISHED_DAYS}
    if part.endswith(".md"):
        return shown | {"kind": "window"} | _read_window(memory, part, query)
    if query.get("q", "").strip():
        asked = {"context": part, **{key: text for key, text in query.items() if text.strip()}}
        return shown | {"kind": "search"} | log_search.search(memory, asked)
    problems: list[str] = []
    complain = lambda failure: problems.append(str(failure))
    summarize = partial(_summaries.read, complain, memory.env.mask)
    if "/" in part:
        overview.check_there(memory.home, check_context(part))
        found = overview.list_windows(memory.home, part, summarize)
        shown |= {"kind": "windows"}
    else:
        wanted = check_contexts(part) if part else None
        overview.check_there(memory.home, wanted)
        closed = lambda error: complain(files.to_failure(error))
        found = overview.list_contexts(memory.home, wanted, summarize, closed)
    turned = turn(query, len(found), CONTEXTS)
    return shown | {
        "rows": [_row(one) for one in found[turned.first : turned.end]], "count": len(found),
        "newer": turned.newer, "older": turned.older,
        "events": sum(one.events for one in found), "problems": problems,
    }  # fmt: skip


def list_parts(memory: Memory) -> Iterable[str]:
    """The contexts, and of their windows those that changed within a month."""
    since = clock.to_text(memory.now() - PUBLISHED_DAYS * clock.DAY)
    summarize = partial(_summaries.read, lambda failure: None, memory.env.mask)
    for context in overview.list_contexts(memory.home, None, summarize, lambda error: None):
        yield context.context
        for window in overview.list_windows(memory.home, context.context, summarize):
            if window.time >= since:
                yield window.path.removeprefix("logs/")


def _row(one: overview.Summary) -> dict[str, Any]:
    return {
        "context": one.context, "part": one.path.removeprefix("logs/"), "windows": one.windows,
        "events": one.events, "time": one.time, "words": one.words,
    }  # fmt: skip


# --- one window


def _read_window(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    context, _, name = part.rpartition("/")
    names = memory.home.list_windows(check_context(context))
    if name not in names:
        raise NoInput(f"no such window: '{part}'", cure="see /log")
    line = read_number(query, "at", 1 << 40)
    path = f"logs/{part}"
    try:
        found = _outlines.read(memory.home, path, partial(_select, query, line))
    except OSError as error:
        raise files.to_failure(error) from None
    end, at = found.first + len(found.entries), names.index(name)
    entries = [_describe(entry, line, memory.env.mask) for entry in found.entries]
    return {
        "path": path, "context": context, "entries": entries,
        "events": found.total - found.gaps, "first": found.first, "last": end,
        "count": found.total, "line": line,
        "is_found": not line or any(entry["marked"] for entry in entries),
        "older": str(max(0, found.first - ENTRIES)) if found.first else "",
        "newer": str(min(end, max(0, found.total - ENTRIES))) if end < found.total else "",
        "window_before": f"{context}/{names[at - 1]}" if at else "",
        "window_after": f"{context}/{names[at + 1]}" if at + 1 < len(names) else "",
    }  # fmt: skip


def _select(query: Mapping[str, str], line: int, lines: Sequence[int]) -> tuple[int, int]:
    """The entries to show: those at a line, from a number on, or the last."""
    from bisect import bisect_right

    count = len(lines)
    last = max(0, count - ENTRIES)
    if "all" in query:
        return max(0, count - MOST), count
    if line:
        first = min(last, max(0, bisect_right(lines, line) - 1 - BEFORE))
    elif "from" in query:
        first = read_number(query, "from", last)
    else:
        first = last
    return first, min(count, first + ENTRIES)


def _describe(entry: events.Event | events.Gap, line: int, mask: Mask) -> dict[str, Any]:
    marked = entry.line <= line <= entry.end_line
    if isinstance(entry, events.Gap):
        return {"gap": True, "line": entry.line, "lines": entry.lines, "marked": marked}
    tool = entry.role == "tool"
    meta, arguments = dict(entry.meta), entry.meta.get("args")
    command = arguments.get("command") if isinstance(arguments, dict) else None
    if isinstance(command, str):
        del meta["args"]
    return {
        "gap": False, "line": entry.line, "ref": entry.ref, "marked": marked,
        "at": line if marked and line != entry.line else 0, "role": entry.role,
        "who": entry.author, "time": entry.timestamp, "command": command,
        "model": str(meta.pop("model", "")) if entry.role == "agent" else "",
        "stretches": [_fold(text, injected, tool) for text, injected in _split(entry, mask)],
        "meta": [(key, _tell(value)) for key, value in meta.items()],
    }  # fmt: skip


def _split(entry: events.Event, mask: Mask) -> Iterator[tuple[str, bool]]:
    """The stretches of an event's text, and whether each was injected. Masked as a whole, which
    leaves every line where it was: half a secret is not known."""
    lines, at = mask(entry.content).split("\n"), 0
    for text, injected in injected_blocks.split(
        entry.content, echoes=entry.role in ("agent", "tool")
    ):
        end = at + text.count("\n") + 1
        yield "\n".join(lines[at:end]), injected
        at = end


def _fold(text: str, injected: bool, tool: bool) -> dict[str, Any]:
    """A stretch of an event's text: what is open, and the rest."""
    lines = text.count("\n") + 1
    told = {"injected": injected, "lines": lines, "text": text, "rest": ""}
    if injected or len(text) <= LONG and lines <= LINES:
        return told
    cut = min([SHORT, *_ends(text, LINES // (4 if tool else 2))])
    for mark in ("\n", " "):
        if (at := text.rfind(mark, SHORT // 3, cut)) > 0:
            return {**told, "text": text[:at], "rest": text[at + 1 :]}
    return {**told, "text": text[:cut], "rest": text[cut:]}


def _ends(text: str, number: int) -> list[int]:
    """Where the line of this number ends, if there is one."""
    at = -1
    for _ in range(number):
        at = text.find("\n", at + 1)
        if at < 0:
            return []
    return [at + 1]


def _tell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
