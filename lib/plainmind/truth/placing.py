"""Putting what another machine made into a file of the memory folder, whoever changes it meanwhile.

Owns that a file is only ever replaced by what was made of the bytes that stand in it: what an
append, a command or a person changed since those bytes were read is merged again, under the lock of
all our own writers of the file, and by exchange with a person's save. Refuses to know how two
versions are merged.
"""

import os
from collections.abc import Callable

from ..formats.log.window_heads import WindowHead
from ..formats.merging import Merged
from ..formats.merging.windows import MergedWindow
from ..ground import exchange, files
from ..ground.errors import Busy
from ..ground.paths import Home
from .log import heads, reader
from .log.writer import Log

Merge = Callable[[bytes, bytes, bytes], Merged]  # (base, ours, theirs)
Keep = Callable[[bytes], None]  # our version of what could not be merged, before it goes


def place(
    home: Home,
    path: str,
    lock: str,
    versions: tuple[bytes | None, bytes | None],
    merge: Merge,
    keep: Keep,
    *,
    grows: bool = False,
) -> None:
    """Let a file that was the first of two versions become the second, None where there is none. A
    change that was made meanwhile is merged. One that `grows` is appended to where that is enough.
    Busy, OSError, NotPermitted where a link leads outside."""
    old, new = versions
    full = home.path(home.relative(path))
    with files.lock(home.path(lock)):
        if os.path.isdir(os.path.dirname(full)):
            exchange.recover(full)
        if new is None:
            if old is not None and os.path.isfile(full):
                exchange.remove(full, old)  # what was changed meanwhile stays
        elif not os.path.lexists(full):
            runs = path.startswith("skills/") and new.startswith(b"#!")
            files.create(full, new, 0o700 if runs else 0o600)
        elif grows and new.startswith(now := files.read(full)) and now.startswith(old or b""):
            if len(new) > len(now):
                files.append(full, new[len(now) :])
        else:
            exchange.edit(full, lambda now: _become(now, old, new, merge, keep))


def _become(now: bytes, old: bytes | None, new: bytes, merge: Merge, keep: Keep) -> bytes:
    if now in (old, new):
        return new
    merged = merge(old or b"", now, new)
    if not merged.is_whole:
        keep(now)
    return merged.data


def place_window(log: Log, path: str, merge: Callable[[bytes], MergedWindow]) -> bool:
    """Let a window become what `merge` makes of it, and note its head. Busy when it was appended to
    meanwhile, and has to be looked at again."""
    home = log.home
    full = home.path(home.relative(path))
    with files.lock(home.lock):
        if not os.path.lexists(full):
            files.create(full, merge(b"").data)
        else:
            exchange.recover(full)
            now = files.read(full)
            merged = merge(now)
            if merged.tail or merged.altered:
                raise Busy(f"'{path}' was changed meanwhile", cure="run mem-sync again")
            if merged.data == now:
                return False
            if merged.data.startswith(now) and os.access(full, os.W_OK):
                files.append(full, merged.data[len(now) :])
            else:
                exchange.edit(full, lambda data: merge(data).data, follow=False)
        _note(log, path)
    return True


def move_tail(log: Log, path: str, before: bytes, new: bytes) -> None:
    """Let a window that is still `before` become `new`, which does not have all of it: the rest was
    put elsewhere. Busy when it is not."""
    full = log.home.path(log.home.relative(path))
    with files.lock(log.home.lock):
        exchange.recover(full)
        if files.read(full) == new:
            return
        if files.read(full) != before:
            raise Busy(f"'{path}' was appended to meanwhile", cure="run mem-sync again")
        exchange.edit(full, lambda data: new if data == before else data, follow=False)
        _note(log, path)


def _note(log: Log, path: str) -> None:
    """An index looks only at windows that the journal names."""
    head = heads.find_head(reader.read_window(log.home, path))
    size = os.path.getsize(log.home.path(path))
    log.journal(WindowHead(path, size, head.line, head.digest))
