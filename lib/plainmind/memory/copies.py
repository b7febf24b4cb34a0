"""What goes with a forgotten event: files it names, its pins, copies of its text in other journals,
and what a killed writer left beside its window.

Owns which files those are. An attachment that somebody else names, too, or that lies outside of the
memory folder, or behind a link, stays. Of a journal, only what is this event's own is blanked.
"""

import fcntl
import glob
import json
import os
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

from ..formats.log import event as events
from ..formats.log import forgotten
from ..formats.resident import operation
from ..ground import exchange, files, regular, stream
from ..ground.errors import Failure, NotPermitted
from ..ground.paths import Home
from ..truth import changes
from ..truth.log import pinning, reader
from ..truth.log.blanking import TargetEvent
from ..truth.log.verify import Finding
from ..truth.resident import journal as writeback
from ..truth.resident import trust
from . import absence

OURS = (
    "work/logs/tool-",
    "work/turns/",
    "raw/images/",
    "relay/files/",
)  # where files that came with events are
#: journals of other things that may quote an event, one object a line
JOURNALS = (
    "relay/*.jsonl", "remind/*.jsonl", "raw/sessions/*/*.jsonl", "raw/maintenance-log/*.jsonl",
)  # fmt: skip
IN_PLACE = "(forgotten)"
#: keys of those whose values people and models wrote; others are structure, and stay
WORDS = frozenset(
    """arguments command content display error input lastPrompt message output prompt query quoted
    reasoning reasoning_content reply result stderr stdout summary text thinking title""".split()
)
#: where a file that came with an event may be named, but for what has its bytes, and archives
NAMING = ("knowledge", "memory", "raw", "skills", "remind")
SILENT = ("raw/images/", "raw/sessions/", "raw/maintenance-log/", "remind/journal.jsonl")

Noting = Callable[[], AbstractContextManager[None]]


def clean(
    home: Home,
    targets: Sequence[TargetEvent],
    texts: Sequence[str],
    noting: Noting,
    at: str,
    *,
    dry: bool = False,
) -> Iterator[Finding]:
    """Delete or blank all that, and say so; in a `dry` run, only say so. `at` is the present."""
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
            yield from _blank_rows(home, journal, Wanted.of(targets, texts), dry)
    yield from _delete_changes(home, texts, noting, dry)
    with noting():
        yield from _drop_operations(home, texts, at, dry)


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
    yield home.pins
    yield from (home.path(path) for target in targets for path in files_of(target))
    yield from (home.path(path) for path in _kept_answers(home, targets))
    for folder in folders_of(home, targets):
        yield from exchange.list_abandoned(folder)


def _kept_answers(home: Home, targets: Sequence[TargetEvent]) -> list[str]:
    """What models said in turns of these contexts that have no reply yet, which may quote them."""
    folders = {os.path.join("work", "turns", *t.path.split("/")[1:3]) for t in targets}
    return sorted(f"{each}/{name}" for each in folders for name in _list_answers(home, each))


def _list_answers(home: Home, folder: str) -> list[str]:
    try:
        with regular.open_folder(home.root, folder) as fd:
            return [name for name in os.listdir(fd) if name.endswith(".json")]
    except OSError:  # there is none; or a link is there, to what is somebody else's
        return []


def _has_line(target: TargetEvent, line: int) -> bool:
    return target.block.line <= line <= target.block.end_line


def list_journals(home: Home) -> list[str]:
    """Their paths, but for the journal of window heads, which has no words. What a link leads to
    is somebody else's."""
    found = (path for each in JOURNALS for path in glob.iglob(glob.escape(home.root) + "/" + each))
    return sorted(
        path
        for path in found
        if path != home.window_heads
        and regular.is_below(home.root, os.path.relpath(path, home.root))
    )


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
    if not os.path.isfile(full):
        return
    if not part.startswith(OURS):
        yield Finding(part, 1, "attached", "it came with the event, and is yours: it stays")
    elif not regular.is_below(home.root, part):
        yield Finding(part, 1, "attached", "a link leads to it: it stays")
    elif names := _find_other(home, os.path.basename(part), targets):
        yield Finding(part, 1, "attached", f"'{names}' names it, too: it stays")
    else:
        if not dry:
            with regular.open_folder(home.root, os.path.dirname(part)) as fd:
                os.unlink(os.path.basename(part), dir_fd=fd)
                files.sync(fd)
        yield Finding(part, 1, "deleted", "it came with the event")


def _delete_changes(
    home: Home, texts: Sequence[str], noting: Noting, dry: bool
) -> Iterator[Finding]:
    """What turns changed, or wait to, and that says a text: it can be neither undone nor made."""
    needles = [piece.encode() for text in texts for piece in absence.pieces(text)]
    for name in changes.list_names(home):
        path = home.path(changes.FOLDER, name)
        with noting():
            if any(needle in files.read(path) for needle in needles):
                if not dry:
                    os.unlink(path)
                    files.sync_folder(os.path.dirname(path))
                yield Finding(f"{changes.FOLDER}/{name}", 1, "deleted", "a change that says it")


def _drop_operations(home: Home, texts: Sequence[str], at: str, dry: bool) -> Iterator[Finding]:
    """What is staged for an index of resident memory, or was rejected, and says a text."""
    path = home.writeback_journal
    pieces = [" ".join(piece.split()) for text in texts for piece in absence.pieces(text)]
    if not pieces or not os.path.lexists(path):
        return
    found: dict[int, str] = {}  # line -> id
    with nullcontext() if dry else trust.lock(home):
        for number, line in enumerate(files.read(path).split(b"\n"), 1):
            with suppress(ValueError, TypeError, AttributeError, RecursionError):
                value = json.loads(line)
                said = [str(value.get(key)) for key in ("text", "base", "topic")]
                if any(piece in each for piece in pieces for each in said):
                    found[number] = str(value["id"])
        if found and not dry:
            drops = (operation.render_step("drop", at, [], id=id) for id in found.values())
            writeback.tidy(home, at, b"".join(drops))
    part = os.path.relpath(path, home.root)
    yield from (Finding(part, n, "dropped", f"{id}, which says it") for n, id in found.items())


def _find_other(home: Home, name: str, targets: Sequence[TargetEvent]) -> str:
    """An event, a page, a skill or a reminder that names a file, and is not to be forgotten; ''
    when there is none."""
    own = {(target.path, target.block.line) for target in targets}
    for path in reader.list_windows(home):
        try:
            opened = reader.read_window(home, path)
        except Failure:  # gone meanwhile
            continue
        for block in opened.blocks() if _names(opened.data, name) else ():
            is_other = (path, block.line) not in own and not forgotten.is_blank(block)
            if is_other and (_names(block.meta, name) or _names(block.body, name)):
                return f"{path}:{block.line}"
    reminders = [home.path("reminders.md")] if os.path.isfile(home.path("reminders.md")) else []
    for path in [*reminders, *(p for n in NAMING for p in absence.list_files(home.path(n)))]:
        part = os.path.relpath(path, home.root)
        if not part.startswith(SILENT) and _names(files.read(path), name):
            return part
    return ""


def _names(data: bytes, name: str) -> bool:
    """Whether a text names a file: as it is, as JSON, or as an address with its escapes, and with
    any accents in one piece or two."""
    text = data.decode("utf-8", "replace")
    plain = "".join(normalize("NFC", part) for part in (text, unquote(text) if "%" in text else ""))
    forms = {name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
    return any(normalize("NFC", form) in plain for form in forms)


class Wanted(NamedTuple):
    """What of journals is to be blanked: the words of the messages (context, id) that the events
    are, and what is wholly one of the texts; of reminders that were sent, what quotes one."""

    ids: Set[tuple[str, str]]
    texts: Set[str]
    pieces: Sequence[str] = ()

    @classmethod
    def of(cls, targets: Sequence[TargetEvent], texts: Sequence[str]) -> "Wanted":
        ids = set()
        for target in targets:
            meta = events.parse_meta(target.block)
            several = meta.get("of")
            for id in (meta.get("message_id"), *(several if isinstance(several, list) else ())):
                if id and target.block.role == "user":
                    ids.add((target.context, str(id)))
        # what is so short that others say it, too, tells nothing by itself
        return cls(ids, {text.strip() for text in texts if absence.pieces(text)})


def _blank_rows(home: Home, path: str, wanted: Wanted, dry: bool) -> Iterator[Finding]:
    """Take the texts out of the objects of a journal; its writer may go on."""
    places: list[int] = []
    part = os.path.relpath(path, home.root)
    ours = part.startswith("relay/")
    if reminded := part.startswith("remind/"):
        found = [piece for text in wanted.texts for piece in absence.pieces(text)]
        wanted = wanted._replace(pieces=found)

    def change(data: bytes) -> bytes:
        rows = data.split(b"\n")
        changed = [_blank_row(row, wanted, ours) for row in rows]
        places[:] = [n for n, row in enumerate(rows) if row != changed[n]]
        return b"\n".join(changed)

    if dry:
        change(files.read(path))
    else:
        # without leases nothing would tell that a relay writes to what was taken out of its place
        running = ours and not hasattr(fcntl, "F_SETLEASE")
        lock = files.lock(home.path("relay", "lock"), wait=0) if running else nullcontext()
        if reminded:  # a scan writes the journal again from what it has read
            lock = files.lock(home.path("remind", "lock"))
        with lock:
            exchange.recover(path)
            exchange.edit(exchange.in_real_folder(path), change, follow=False)
    yield from (Finding(part, n + 1, "blanked", "a copy of the text") for n in places)


def _blank_row(row: bytes, wanted: Wanted, ours: bool) -> bytes:
    try:
        value = json.loads(row)
    except (ValueError, RecursionError):
        return row
    made = _blank_value(value, "", wanted, ours, False)
    return row if made == value else stream.json_line(made).encode("utf-8", "surrogateescape")


def _blank_value(value: Any, key: str, wanted: Wanted, ours: bool, own: bool) -> Any:
    """A value of JSON without the texts, and without those in JSON within it. `key`: whose value it
    is; `own`: of a message that is to be forgotten."""
    if isinstance(value, dict):
        place = (str(value.get("context")), str(value.get("id")))
        own = own or ours and place in wanted.ids
        return {k: _blank_value(inner, k, wanted, ours, own) for k, inner in value.items()}
    if isinstance(value, list):
        return [_blank_value(inner, key, wanted, ours, own) for inner in value]
    if not isinstance(value, str) or key not in WORDS:
        return value
    if value.strip() in wanted.texts or own and key == "text" and value:
        return IN_PLACE
    if any(piece in value for piece in wanted.pieces):
        return IN_PLACE
    if value.startswith(("{", "[")):
        try:
            inner = json.loads(value)
        except (ValueError, RecursionError):
            return value
        made = _blank_value(inner, key, wanted, ours, own)
        return value if made == inner else stream.json_line(made)
    return value
