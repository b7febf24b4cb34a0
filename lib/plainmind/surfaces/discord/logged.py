"""What the log has of Discord's messages: which event says which of them. Only reads."""

import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

from ...formats.log import event as events
from ...formats.log import forgotten
from ...ground.errors import Failure
from ...ground.paths import Home
from ...truth.log import reader

CONTEXTS = 50  # that are looked at after a time away, the last ones in which something was said


class LoggedMessage(NamedTuple):
    """An event that says messages, or to what one of them was changed. `ids`: of the messages;
    `edited`: the last change that it knows of, as Discord writes the time. `starter`: the message
    that a thread was made from, which is in the channel."""

    ref: str
    role: str
    author_id: int  # 0 when the log has none that is Discord's
    ids: tuple[int, ...]
    edited: str
    starter: bool = False


def find(home: Home, context: str, ids: Collection[int] = ()) -> list[LoggedMessage]:
    """The events of a context that say one of some messages, or a change of one; of all without
    ids."""
    found: list[LoggedMessage] = []
    wanted = frozenset(ids)
    for name in home.list_windows(context):
        opened = reader.read_window(home, f"logs/{context}/{name}")
        if not wanted or any(str(id).encode() in opened.data for id in wanted):
            found += [one for one in _read(opened) if not wanted or wanted.intersection(one.ids)]
    return found


def _read(opened: reader.Window) -> Iterator[LoggedMessage]:
    for block in opened.blocks():
        if block.role not in ("user", "system") or forgotten.is_blank(block):
            continue
        meta = events.parse_meta(block) if block.meta else {}
        of = meta.get("of")
        named = [
            *(of if isinstance(of, list) else []),
            meta.get("message_id" if block.role == "user" else "edits"),
        ]
        ids = {_to_id(id) for id in named if isinstance(id, str)} - {0}
        if ids:
            author, edited = (str(meta.get(name) or "") for name in ("author_id", "edited"))
            ref = f"{opened.path}:{block.line}"
            starter = bool(meta.get("starter"))
            yield LoggedMessage(
                ref, block.role, _to_id(author), tuple(sorted(ids)), edited, starter
            )


def _to_id(text: str) -> int:
    """An id of Discord's; 0 for anything else that a log may have in its place."""
    return int(text) if len(text) <= 20 and text.isascii() and text.isdecimal() else 0


def list_recent(home: Home, since: int) -> list[str]:
    """The contexts of Discord in which something was logged since then (ms), the latest first."""
    found = []
    for surface in ("discord-channel", "discord-thread"):
        folder = home.path("logs", surface)
        for id in os.listdir(folder) if os.path.isdir(folder) else []:
            try:
                path = home.current_window(f"{surface}/{id}")
                modified = os.stat(home.path(path)).st_mtime * 1000 if path else 0
            except (Failure, OSError):
                continue
            if modified >= since and id.isdecimal():
                found.append((modified, f"{surface}/{id}"))
    return [context for _, context in sorted(found, reverse=True)[:CONTEXTS]]
