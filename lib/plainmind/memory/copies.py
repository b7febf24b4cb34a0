"""What goes with a forgotten event: files it names, its pins, copies of its text in other journals,
and what a killed writer left beside its window.

Owns which files those are. An attachment that somebody else names, too, or that lies outside of the
memory folder, stays.
"""

import fcntl
import glob
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..formats.log import event as events
from ..formats.log import forgotten
from ..ground import exchange, files, stream
from ..ground.errors import Failure, NotPermitted
from ..ground.paths import Home
from ..truth.log import pinning, reader
from ..truth.log.blanking import TargetEvent
from ..truth.log.verify import Finding
from . import absence

OURS = (
    "work/logs/tool-",
    "work/turns/",
    "raw/images/",
    "relay/files/",
)  # where files that came with events are
#: journals of other things that may quote an event, one object a line
JOURNALS = ("relay/*.jsonl", "raw/sessions/*/*.jsonl", "raw/maintenance-log/*.jsonl")
IN_PLACE = "(forgotten)"

Noting = Callable[[], AbstractContextManager[None]]


def clean(
    home: Home,
    targets: Sequence[TargetEvent],
    lines: Sequence[str],
    noting: Noting,
    *,
    dry: bool = False,
) -> Iterator[Finding]:
    """Delete or blank all that, and say so; in a `dry` run, only say so."""
    if not dry:
        with noting(), files.lock(home.lock):
            _finish_others(home, targets)
    named = [path for target in targets for path in files_of(target)]
    for path in dict.fromkeys([*named, *_kept_answers(home, targets)]):
        with noting():
            yield from _delete(home, path, targets, dry)
    for pin in pinning.read_pins(home):
        if any(pin.path == t.path and _has_line(t, pin.line) for t in targets):
            with noting():
                if not dry:
                    pinning.unpin(home, pin.path, pin.line)
                yield Finding("pins/pins.md", pin.row, "unpinned", pin.ref)
    for journal in list_journals(home):
        with noting():
            yield from _blank_lines(home, journal, lines, dry)


def _finish_others(home: Home, targets: Sequence[TargetEvent]) -> None:
    """Clear up after writers that were killed, this command among them: what they left may hold a
    text, and what they did may not be on disk."""
    for folder in folders_of(home, targets):
        exchange.sweep(folder)
    exchange.recover(home.pins)
    places = {os.path.dirname(home.path(part)) for part in (*OURS, home.pins)}
    for folder in filter(os.path.isdir, places):
        files.sync_folder(folder)


def folders_of(home: Home, targets: Sequence[TargetEvent]) -> set[str]:
    """Where the windows are, beside which a killed writer may have left some of a text."""
    return {os.path.dirname(home.path(target.path)) for target in targets}


def list_cleaned(home: Home, targets: Sequence[TargetEvent]) -> Iterator[str]:
    """The files out of which the text goes, or that go themselves."""
    yield from list_journals(home)
    yield home.pins
    yield from (home.path(path) for target in targets for path in files_of(target))
    yield from (home.path(path) for path in _kept_answers(home, targets))
    for folder in folders_of(home, targets):
        yield from exchange.list_abandoned(folder)


def _kept_answers(home: Home, targets: Sequence[TargetEvent]) -> list[str]:
    """What models said in turns of these contexts that have no reply yet, which may quote them."""
    folders = {home.path("work", "turns", *t.path.split("/")[1:3]) for t in targets}
    found = [path for each in folders for path in glob.iglob(glob.escape(each) + "/*.json")]
    return sorted(os.path.relpath(path, home.root) for path in found)


def _has_line(target: TargetEvent, line: int) -> bool:
    return target.block.line <= line <= target.block.end_line


def list_journals(home: Home) -> list[str]:
    """Their paths, but for the journal of window heads, which has no words."""
    found = (path for each in JOURNALS for path in glob.iglob(glob.escape(home.root) + "/" + each))
    return sorted(path for path in found if path != home.window_heads)


def files_of(target: TargetEvent) -> Iterator[str]:
    """The files that an event's header names: the whole of its output, what was attached."""
    meta = events.parse_meta(target.block)
    attached = meta.get("attachments")
    for path in [meta.get("full"), *(attached if isinstance(attached, list) else [])]:
        if isinstance(path, str) and path:
            yield path


def _delete(home: Home, path: str, targets: Sequence[TargetEvent], dry: bool) -> Iterator[Finding]:
    try:
        part = home.relative(path)
    except NotPermitted:
        part = path
    full = home.path(part)
    if not os.path.isfile(full) or os.path.islink(full):
        return
    if not part.startswith(OURS):
        yield Finding(part, 1, "attached", "it came with the event, and is yours: it stays")
    elif names := _find_other(home, os.path.basename(part), targets):
        yield Finding(part, 1, "attached", f"'{names}' names it, too: it stays")
    else:
        if not dry:
            os.unlink(full)
            files.sync_folder(os.path.dirname(full))
        yield Finding(part, 1, "deleted", "it came with the event")


def _find_other(home: Home, name: str, targets: Sequence[TargetEvent]) -> str:
    """An event or a page that names a file, and is not to be forgotten; '' when there is none."""
    own = {(target.path, target.block.line) for target in targets}
    mark = events.render_meta({"": name})[5:-2].encode()
    for path in reader.list_windows(home):
        try:
            opened = reader.read_window(home, path)
        except Failure:  # gone meanwhile
            continue
        for block in opened.blocks() if mark in opened.data else ():
            is_other = (path, block.line) not in own and not forgotten.is_blank(block)
            if is_other and mark in block.meta:
                return f"{path}:{block.line}"
    for page in glob.iglob(glob.escape(home.path("knowledge")) + "/*.md"):
        if name.encode() in files.read(page):
            return os.path.relpath(page, home.root)
    return ""


def _blank_lines(home: Home, path: str, lines: Sequence[str], dry: bool) -> Iterator[Finding]:
    """Take whole lines of the text out of the objects of a journal; its writer may go on."""
    needles = [form for line in lines for form in absence.forms(line, encoded=False)]
    places: list[int] = []

    def change(data: bytes) -> bytes:
        rows = data.split(b"\n")
        places[:] = [n for n, row in enumerate(rows) if any(needle in row for needle in needles)]
        for n in list(places):
            changed = _blank_row(rows[n], lines)
            if changed == rows[n]:
                places.remove(n)
            rows[n] = changed
        return b"\n".join(rows)

    part = os.path.relpath(path, home.root)
    if dry:
        change(files.read(path))
    else:
        # without leases nothing would tell that a relay writes to what was taken out of its place
        running = part.startswith("relay/") and not hasattr(fcntl, "F_SETLEASE")
        with files.lock(home.path("relay", "lock"), wait=0) if running else nullcontext():
            exchange.recover(path)
            exchange.edit(path, change)
    yield from (Finding(part, n + 1, "blanked", "a copy of the text") for n in places)


def _blank_row(row: bytes, lines: Sequence[str]) -> bytes:
    try:
        value = json.loads(row)
    except (ValueError, RecursionError):
        return row
    made = _blank_texts(value, lines)
    return row if made == value else stream.json_line(made).encode("utf-8", "surrogateescape")


def _blank_texts(value: Any, lines: Sequence[str]) -> Any:
    """A value of JSON without the lines in its texts, and in JSON within them."""
    if isinstance(value, dict):
        return {name: _blank_texts(inner, lines) for name, inner in value.items()}
    if isinstance(value, list):
        return [_blank_texts(inner, lines) for inner in value]
    if isinstance(value, str):
        for line in lines:
            for form in absence.as_json(line):
                value = value.replace(form, IN_PLACE)
    return value
