"""Proving windows: grammar, chain, torn tails, and the journal of heads kept outside them."""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...formats import copies
from ...formats.log import event as events
from ...formats.log import forgotten, window_heads
from ...formats.log.window_heads import WindowHead
from ...ground import files
from ...ground.errors import BadData, NoInput, NotPermitted
from ...ground.paths import Home
from . import blanking, moved, pinning, reader

Entry = events.RawEvent | events.Gap


class Finding(NamedTuple):
    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code}: {self.message}"


def verify_windows(
    home: Home,
    paths: list[str],
    key: bytes = b"",
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Finding]:
    """What is wrong with these windows (all there are, when none is named)."""
    journal = _heads(home)
    records: dict[str, blanking.Records] = {}  # by context
    chosen = paths or sorted({*reader.list_windows(home, every=True), *journal})
    for number, path in enumerate(chosen, 1):
        progress(number, len(chosen))
        full = home.path(path)
        if not paths and os.path.lexists(full) and not os.path.isfile(full):
            what = "the window is not a file, or a link to none; restore it from a backup"
            yield Finding(path, 1, "missing", what)
            continue
        try:
            opened = reader.read_window(home, path)
        except (BadData, NoInput, NotPermitted):
            if paths:
                raise
            yield Finding(path, 1, "missing", "the window is gone; restore it from a backup")
            continue
        context = opened.context
        if context not in records:
            records[context] = blanking.read_records(home, context, key)
        yield from _window(opened, records[context], key)
        yield from _rollback(home, opened, journal.get(opened.path, []))
    if not paths:
        if os.path.exists(home.path(blanking.UNFINISHED)):
            what = "mem-forget was cut off; run it again, if need be with < /dev/null"
            yield Finding(blanking.UNFINISHED, 1, "unfinished", what)
        yield from _copies(home)
        yield from verify_pins(home)


def _copies(home: Home) -> Iterator[Finding]:
    """What a synchroniser made of a window, which nothing reads."""
    for context in home.list_contexts():
        for name in sorted(os.listdir(home.path("logs", context))):
            if name[0] != "." and copies.is_copy(name):
                what = "a synchroniser's copy, which nothing reads; see what it has of its own"
                yield Finding(f"logs/{context}/{name}", 1, "copy", what)


def verify_pins(home: Home) -> Iterator[Finding]:
    """Pins that point nowhere."""
    for pin in pinning.read_pins(home):
        try:
            reader.read_event(home, pin.ref)
        except (NoInput, NotPermitted, BadData):
            message = f"'{pin.ref}' points nowhere; delete the line or mem-pin --remove it"
            yield Finding("pins/pins.md", pin.row, "pin", message)


def _window(opened: reader.Window, records: blanking.Records, key: bytes) -> Iterator[Finding]:
    name = opened.path.rsplit("/", 1)[-1].removesuffix(".md")
    title = events.parse_title(opened.data)
    if not title or title[:2] != (opened.context, name):
        yield Finding(opened.path, 1, "title", f"the title is not '# {opened.context} {name}'")
    previous = events.first_digest(opened.context, name, opened.data)
    unkeyed = 0
    for entry, after in zip(opened.entries, [*opened.entries[1:], None]):
        if isinstance(entry, events.Gap):
            yield from _gap(opened, entry, after)
            continue
        digest = forgotten.digest_now(entry, previous, key)
        blanks = records.get((opened.path, entry.line, entry.digest), ())
        if digest == entry.digest:
            if blanks and digest not in blanks:  # of one without a body they are the same
                what = "its text is still here; run mem-forget again for it"
                yield Finding(opened.path, entry.line, "unforgotten", what)
        elif digest not in blanks:
            if key and forgotten.digest_now(entry, previous, b"") == entry.digest:
                unkeyed = unkeyed or entry.line
            else:
                hint = "" if key else ", or MIND_KEY is not set"
                what = f"digest {entry.digest} does not follow: changed, moved or removed here"
                yield Finding(opened.path, entry.line, "chain", what + hint)
        previous = entry.digest
    if unkeyed:
        what = "the digests from here on were made without MIND_KEY"
        yield Finding(opened.path, unkeyed, "unkeyed", what)


def _rollback(home: Home, opened: reader.Window, heads: list[WindowHead]) -> Iterator[Finding]:
    """A head whose event is not here, nor where it was moved to."""
    here = {(block.line, block.digest) for block in opened.blocks()}
    elsewhere: set[str] | None = None
    for head in heads:
        is_new = head.line == 1 and len(opened.data) >= head.size  # of a window without an event
        if (head.line, head.digest) not in here and not is_new:
            elsewhere = moved.find_digests(home, opened.path) if elsewhere is None else elsewhere
            if head.digest in elsewhere:
                continue
            what = f"the event with digest {head.digest} is not here: cut short or rolled back"
            yield Finding(opened.path, head.line, "rollback", what)
            break


def _gap(opened: reader.Window, gap: events.Gap, after: Entry | None) -> Iterator[Finding]:
    if after is None:
        what = f"{gap.lines}: a torn write; the next append closes it"
        yield Finding(opened.path, gap.line, "torn", what)
        return
    if isinstance(after, events.RawEvent) and after.role == "system":
        match events.parse_meta(after).get("torn"):
            case [gap.line, end_line] if end_line <= gap.end_line:
                return  # noticed and closed when it happened
    yield Finding(opened.path, gap.line, "grammar", f"{gap.lines}: no event")


def _heads(home: Home) -> dict[str, list[WindowHead]]:
    """Every head of every window: an append after a rollback does not hide it."""
    journal: dict[str, list[WindowHead]] = {}
    try:
        for head in window_heads.parse(files.read(home.window_heads)):
            journal.setdefault(head.window, []).append(head)
    except FileNotFoundError:
        pass
    return journal
