"""The pins file: reading, adding, removing.

A human may edit it at any time; no byte of theirs is lost."""

import hashlib
import os

from ...formats.log import pins
from ...formats.log.event import Event
from ...ground import exchange, files, stream
from ...ground.errors import NoInput, Usage
from ...ground.paths import Home
from . import reader
from .writer import EventDraft, Log


def read_pins(home: Home) -> list[pins.Pin]:
    return pins.parse(_read(home))


def pin(home: Home, event: Event) -> None:
    """Pin an event; pinning it again changes nothing."""
    from .. import changes

    files.make_folder(home.path("pins"))
    with files.lock(home.lock):
        data = _read(home)
        if any((p.path, p.line) == (event.path, event.line) for p in pins.parse(data)):
            files.sync_path(home.pins)  # whoever wrote it may have been killed before that
        else:
            line = pins.render_addition(data, event.ref, make_excerpt(event.content))
            before = data if os.path.exists(home.pins) else None
            with changes.admission(home) as admit:
                admit("pins", home.pins, before, data + line)
                files.append(home.pins, line)
        files.sync_with_parent(home.path("pins"))


def append_text(log: Log, context: str, text: str, now: int) -> str:
    """Log a text that is to be pinned, and give its reference. It is one event, however often it
    is tried; one that was forgotten since is said again. Usage when it is empty."""
    if not text.strip():
        raise Usage("the text is empty", cure="give the text to pin")
    id = "pin-" + hashlib.sha256(stream.encode(text)).hexdigest()[:16]
    draft = EventDraft(now, "user", text, {"pinned": True, "id": id})
    (written,) = log.append(context, [draft], now)
    if not written.fresh and reader.read_event(log.home, written.ref).content != draft.content:
        again = draft._replace(meta={**draft.meta, "id": f"{draft.id}-{now}"})
        (written,) = log.append(context, [again], now)
    return written.ref


def unpin(home: Home, path: str, line: int) -> None:
    """Remove a pin by what it points at. NoInput when it is not pinned."""
    from .. import changes

    _check_pinned(home, path, line)  # what is refused makes no folder for a lock
    with files.lock(home.lock):
        exchange.recover(home.pins)
        _check_pinned(home, path, line)
        with changes.admission(home) as admit:
            less = lambda data: admit("pins", home.pins, data, pins.remove(data, path, line))
            exchange.edit(home.pins, less)


def _check_pinned(home: Home, path: str, line: int) -> None:
    if not any((p.path, p.line) == (path, line) for p in read_pins(home)):
        cure = "list the pins with mem-pin --list"
        raise NoInput(f"'{path}:{line}' is not pinned", cure=cure)


def make_excerpt(content: str, width: int = 72) -> str:
    """The start of a content on one line: for a human's eye, never read back."""
    printable = "".join(c if c.isprintable() else " " for c in content)
    words = " ".join(printable.replace("![", "! [").split())
    return words if len(words) <= width else words[: width - 1].rsplit(" ", 1)[0] + "…"


def _read(home: Home) -> bytes:
    try:
        return files.read(home.pins)
    except FileNotFoundError:
        return b""
