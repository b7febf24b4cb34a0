"""`raw/maintenance-log/`: what was done to knowledge, how many writes there were, and when somebody
last looked it over.

    <YYYY-MM>.jsonl        tombstones: {"time","event":"forgotten","path","sha256","date","rule"}
    recalled-<YYYY-MM>.jsonl   what turns were given (given); not synced
    last-forget.json       {"writes": since the last retention, "total": ever, "first": time of
                           the first, "time": of the last retention}
    first-seen.json        how long retention has known each page (first_seen)
    last-audit.json        {"time", "total": writes there were then}
    traces.txt             paths of traces that commands were told to write, so that what is
                           forgotten can be taken out of them
    .lock                  held for one change: of a page, by retention, by an audit's end

Monthly files age out by retention; the others are markers and stay. Owns this folder, but for the
journal of heads."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from ...ground import clock, files, regular
from ...ground.errors import BadData
from ...ground.paths import Home
from ...ground.stream import json_line
from .foreign import ForeignVault

FORGET_EVERY = 50  # writes
AUDIT_DAYS, AUDIT_WRITES = 7, 20


class Writes(NamedTuple):
    """How often knowledge was written. Times in ms, 0 when there was none."""

    since: int  # the last retention
    total: int
    first: int
    forgot: int


def folder(home: Home) -> str:
    return os.path.dirname(home.window_heads)


def lock(home: Home) -> AbstractContextManager[None]:
    """Held for one change of knowledge; in somebody else's vault, of a page of it."""
    return files.lock(home.root if isinstance(home, ForeignVault) else home.knowledge_lock)


def read_writes(home: Home) -> Writes:
    """The counter; all 0 when there is none, or none that can be read."""
    value = _read(home, "last-forget.json")
    since, total = _number(value, "writes"), _number(value, "total")
    return Writes(since, total, _instant(value, "first"), _instant(value, "time"))


def count_write(home: Home, now: int) -> bool:
    """Count one write; True when retention is due. The caller holds the lock."""
    since, total, first, forgot = read_writes(home)
    _put(home, Writes(since + 1, total + 1, first or now, forgot))
    return is_retention_due(home)


def is_retention_due(home: Home) -> bool:
    """Whether so many writes went by that retention is to run."""
    return read_writes(home).since >= FORGET_EVERY


def record_retention(home: Home, now: int) -> None:
    """Retention ran: the next one is due so many writes from here. The caller holds the lock."""
    _put(home, read_writes(home)._replace(since=0, forgot=now))


def map_tombstones(home: Home) -> dict[tuple[str, str], str]:
    """Path and digest of what has a tombstone -> the monthly file that has it."""
    found = ((month, line) for month in list_monthly(home, "") for line in _tombstones(month))
    return {(str(line.get("path")), str(line.get("sha256"))): month for month, line in found}


def record_forgotten(
    home: Home, now: int, path: str, digest: str, day: str, rule: str, known: Mapping[Any, str]
) -> None:
    """A tombstone, on disk before its file goes. Once for the same file and content, however often
    it is tried: `known` has those of earlier runs, also of one before midnight."""
    line = {"time": clock.to_text(now), "event": "forgotten", "path": path}
    line |= {"sha256": digest, "date": day, "rule": rule}
    month = known.get((path, digest), "")
    if os.path.exists(month):
        files.sync_path(month)
    else:
        _append(os.path.join(folder(home), f"{clock.to_text(now)[:7]}.jsonl"), line, durable=True)
    files.sync_with_parent(folder(home))


def read_tombstones(home: Home) -> Iterator[dict[str, Any]]:
    for name in list_monthly(home, ""):
        yield from _tombstones(name)


def _tombstones(name: str) -> list[dict[str, Any]]:
    return [line for line in _lines(name) if line.get("event") == "forgotten"]


def append_monthly(home: Home, now: int, prefix: str, line: dict[str, Any]) -> None:
    """A line more of this month's file of a kind; not durable. Busy."""
    files.make_folder(folder(home))
    name = os.path.join(folder(home), f"{prefix}{clock.to_text(now)[:7]}.jsonl")
    with lock(home):
        _append(name, line, durable=False)


class Audit(NamedTuple):
    time: int  # of the last one, ms; 0 when there was none
    writes: int  # since then
    overdue: bool


def read_audit(home: Home, now: int) -> Audit:
    """Overdue when there were 20 writes and 7 days went by since the last one, or since the first
    write ever."""
    value, known = _read(home, "last-audit.json"), read_writes(home)
    time = _instant(value, "time")
    since = max(0, known.total - _number(value, "total"))
    days = (now - (time or known.first or now)) / clock.DAY
    return Audit(time, since, since >= AUDIT_WRITES and days >= AUDIT_DAYS)


def audit_notice(home: Home, now: int) -> str:
    """One line when an audit of memory is due, the same one until it was done; else ''."""
    audit = read_audit(home, now)
    if not audit.overdue:
        return ""
    since = f"since {clock.to_text(audit.time)[:10]}" if audit.time else "yet"
    return (
        f"(notice) No audit of the memory {since}: offer the user one, with the skill memory-audit."
    )


def record_audit(home: Home, now: int) -> None:
    from .. import changes

    path = os.path.join(folder(home), "last-audit.json")
    with lock(home), changes.admission(home) as admit:
        line = json_line({"time": clock.to_text(now), "total": read_writes(home).total})
        old = files.read(path) if os.path.exists(path) else None
        files.replace(path, admit("pages", path, old, f"{line}\n".encode()))
        # whoever made the folder may have been killed before that
        files.sync_with_parent(folder(home))


def record_trace(home: Home, path: str) -> None:
    """A trace is written to `path`: what is forgotten is to be taken out of it."""
    name = os.path.join(folder(home), "traces.txt")
    if path not in read_traces(home) and "\n" not in path and os.path.isdir(home.root):
        with lock(home):
            files.append(name, f"{path}\n".encode("utf-8", "surrogateescape"), durable=False)


def read_traces(home: Home) -> list[str]:
    try:
        data = files.read(os.path.join(folder(home), "traces.txt"))
    except FileNotFoundError:
        return []
    paths = data.decode("utf-8", "surrogateescape").split("\n")
    return list(dict.fromkeys(filter(None, paths)))


def _put(home: Home, known: Writes) -> None:
    since, total, first, forgot = known
    value = {"writes": since, "total": total, "first": _text(first), "time": _text(forgot)}
    files.replace(os.path.join(folder(home), "last-forget.json"), f"{json_line(value)}\n".encode())


def _append(name: str, line: dict[str, Any], durable: bool) -> None:
    """One line more, on a line of its own also after one that was torn."""
    try:
        with regular.open_file(name) as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            torn = file.read(1) not in (b"", b"\n")
    except FileNotFoundError:
        torn = False
    files.append(name, b"\n" * torn + json_line(line).encode() + b"\n", durable=durable)


def list_monthly(home: Home, prefix: str) -> list[str]:
    """The monthly files of a kind, oldest first."""
    try:
        names = sorted(os.listdir(folder(home)))
    except FileNotFoundError:
        return []
    pattern = re.compile(rf"{prefix}\d{{4}}.{{3}}\.jsonl")
    return [os.path.join(folder(home), name) for name in names if pattern.fullmatch(name)]


def _lines(name: str) -> Iterator[dict[str, Any]]:
    try:
        data = files.read(name)
    except FileNotFoundError:
        return
    yield from parse_lines(data)


def parse_lines(data: bytes) -> Iterator[dict[str, Any]]:
    """Every line that is an object; a torn one is passed over."""
    for row in data.split(b"\n"):
        try:
            value = json.loads(row)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _read(home: Home, name: str) -> dict[str, Any]:
    return next(_lines(os.path.join(folder(home), name)), {})


def _number(value: dict[str, Any], key: str) -> int:
    found = value.get(key)
    return found if type(found) is int and 0 <= found < 1 << 53 else 0


def _instant(value: dict[str, Any], key: str) -> int:
    try:
        return clock.parse(str(value.get(key) or ""))
    except BadData:
        return 0


def _text(instant: int) -> str:
    return clock.to_text(instant) if instant else ""
