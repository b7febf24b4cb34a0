"""Taking a text back: its body blanked in the window, and the records that say so.

The one thing that changes a window. Owns the order: the record is on disk before a body goes, so
that no blank ever stands without one, and a death in between leaves a text that its record tells to
be there still. Refuses to know where else the text is (memory.event_forgetting).
"""

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...formats.log import event as events
from ...formats.log import forgotten
from ...formats.log.forgotten import Forgotten
from ...formats.log.window_heads import WindowHead
from ...ground import exchange, files
from ...ground.errors import BadData, Failure
from ...ground.paths import Home
from . import reader
from .writer import EventDraft, Log

#: what a run that was killed is still to do (memory.event_forgetting)
UNFINISHED = "raw/maintenance-log/forgetting.json"
#: (window, line, h) of an event -> the digests that it may have since it was forgotten
Records = Mapping[tuple[str, int, str], set[str]]


class TargetEvent(NamedTuple):
    """An event whose text is to go, as it stands. `previous`: the digest before it."""

    path: str
    context: str
    block: events.RawEvent
    previous: str

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.block.line}"

    @property
    def event(self) -> events.Event:
        return events.decode(self.block, self.path, self.context)

    def blanked(self, meta_too: bool) -> events.RawEvent:
        """The event without its text, and without the words in its header's metadata."""
        meta = None
        if meta_too and self.block.meta:
            found = events.parse_meta(self.block)
            meta = b" " + events.render_meta(forgotten.blank_meta(found)).encode()
        return forgotten.blank(self.block, meta)


def find_targets(opened: reader.Window, line: int, end_line: int) -> list[TargetEvent]:
    """The events that have a line in a range. NoInput when there is none."""
    wanted = reader.find_events(opened, line, end_line)
    return [
        TargetEvent(opened.path, opened.context, block, previous)
        for block, previous in with_previous(opened)
        if block in wanted
    ]


def with_previous(opened: reader.Window) -> Iterator[tuple[events.RawEvent, str]]:
    """The events of a window, each with the digest that it chains on."""
    stamp = os.path.basename(opened.path).removesuffix(".md")
    previous = events.first_digest(opened.context, stamp, opened.data)
    for block in opened.blocks():
        yield block, previous
        previous = block.digest


def read_records(home: Home, context: str, key: bytes) -> Records:
    """What was forgotten of a context: records whose own digests follow, or that were themselves
    forgotten by another such record."""
    known: dict[tuple[str, int, str], set[str]] = {}
    doubtful: list[tuple[tuple[str, int, str], str, Forgotten]] = []
    for name in home.list_windows(context):
        path = f"logs/{context}/{name}"
        try:
            opened = reader.read_window(home, path)
        except Failure:  # gone meanwhile, or damaged: then it records nothing
            continue
        if f'"{events.FORGOT}":'.encode() not in opened.data:
            continue
        for block, previous in with_previous(opened):
            record = forgotten.parse_record(block)
            if record:
                digest = forgotten.digest_now(block, previous, key)
                doubtful.append(((path, block.line, block.digest), digest, record))
    while doubtful:
        sure = [d for d in doubtful if d[1] == d[0][2] or d[1] in known.get(d[0], ())]
        if not sure:
            break
        for _, _, (path, line, digest, blank) in sure:
            known.setdefault((path, line, digest), set()).add(blank)
        doubtful = [one for one in doubtful if one not in sure]
    return known


def record(
    log: Log, targets: list[TargetEvent], meta_too: bool, reason: str, now: int
) -> list[str]:
    """Say what is about to go, in the context of each: references of the records, on disk."""
    refs = []
    for target in targets:
        digest = forgotten.digest_now(target.blanked(meta_too), target.previous, log.key)
        one = Forgotten(target.path, target.block.line, target.block.digest, digest)
        text = f"The text of {one.ref} ({one.digest}) was taken back"
        altered = forgotten.digest_now(target.block, target.previous, log.key) != one.digest
        text += "; it had been altered before" if altered else ""
        text += f": {reason}" if reason else "."
        draft = EventDraft(now, "system", text, one.meta())
        refs += [result.ref for result in log.append(target.context, [draft], now, records=True)]
    return refs


def blank(log: Log, path: str, targets: list[TargetEvent], meta_too: bool) -> list[str]:
    """Blank these events of a window, durably; where saves that collided with it are kept. BadData
    when one of them is not where it was."""
    full = exchange.in_real_folder(log.home.path(path))

    def change(data: bytes) -> bytes:
        there = {
            (b.line, b.digest): b for b in reader.Window(path, "", data, events.scan(data)).blocks()
        }
        for target in sorted(targets, key=lambda target: -target.block.line):
            block = there.get((target.block.line, target.block.digest))
            if block is None:
                what, cure = "the window was changed meanwhile", "see mem-lint --logs"
                raise BadData(what, place=target.ref, cure=cure)
            gone = events.render_raw(target.blanked(meta_too))
            data = data[: block.offset] + gone + data[block.end :]
        return data

    with files.lock(log.home.lock):
        exchange.recover(full)
        done = exchange.edit(full, change, follow=False)
        data = files.read(full)
        last = [entry for entry in events.scan(data) if isinstance(entry, events.RawEvent)][-1]
        # an index looks only at windows that the journal names
        log.journal(WindowHead(path, len(data), last.line, last.digest))
    return done.conflicts
