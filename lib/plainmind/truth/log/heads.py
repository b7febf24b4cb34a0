"""The last digest of every window, to be kept outside the memory folder, and what it proves.

A journal of heads in the folder itself goes back with it when all of it is set back. Heads that
another machine, a remote or a sheet of paper keeps do not. Only reads."""

import os
from collections.abc import Iterable, Iterator

from ...formats.log import event as events
from ...formats.log import window_heads
from ...formats.log.window_heads import WindowHead
from ...ground import files
from ...ground.errors import BadData, NoInput, NotPermitted
from ...ground.paths import Home
from .. import machines
from . import moved, reader
from .verify import Finding

BEHIND = "behind"  # the code of what another machine has and this one does not have yet


def read_heads(home: Home) -> Iterator[WindowHead]:
    """The head of every window that can be read, of one without an event its title's line."""
    for path in reader.list_windows(home):
        try:
            opened = reader.read_window(home, path)
        except (BadData, NoInput, NotPermitted):
            continue
        yield find_head(opened)


def find_head(opened: reader.Window) -> WindowHead:
    blocks = opened.blocks()
    if blocks:
        last = blocks[-1]
        return WindowHead(opened.path, last.end, last.line, last.digest)
    stamp = os.path.basename(opened.path).removesuffix(".md")
    digest = events.first_digest(opened.context, stamp, opened.data)
    return WindowHead(opened.path, len(opened.data), 1, digest)


def read_kept(path: str) -> list[WindowHead]:
    """The heads in a file. NoInput; BadData for one that has none, which would prove nothing."""
    try:
        data = files.read(path)
    except OSError as error:
        raise files.to_failure(error) from None
    found = window_heads.parse(data)
    if not found:
        cure = "make it with 'mem-lint --logs --heads'"
        raise BadData("no digests of windows", place=path, cure=cure)
    return found


def compare(home: Home, kept: Iterable[WindowHead]) -> Iterator[Finding]:
    """What is missing here of what heads that were kept elsewhere know: of a window of this
    machine's a `rollback`, of another's only `behind`."""
    machine = machines.read(home)
    found: dict[str, reader.Window | None] = {}
    for head in kept:
        if head.window not in found:
            found[head.window] = _read(home, head.window)
        opened = found[head.window]
        if opened and (_has(opened, head) or head.digest in moved.find_digests(home, opened.path)):
            continue
        what = f"the event with digest {head.digest} is not here" if opened else "it is not here"
        name = os.path.basename(head.window)
        if machine.number and not machine.owns(name):
            yield Finding(head.window, head.line, BEHIND, f"{what} yet: run mem-sync")
        else:
            why = "set back since, or cut short; restore it from a backup that has it"
            yield Finding(head.window, head.line, "rollback", f"{what}: {why}")


def _read(home: Home, path: str) -> reader.Window | None:
    try:
        return reader.read_window(home, path)
    except (BadData, NoInput, NotPermitted):
        return None


def _has(opened: reader.Window, head: WindowHead) -> bool:
    if head.line == 1:  # of a window without an event
        return find_head(opened).digest == head.digest if not opened.blocks() else True
    return any((one.line, one.digest) == (head.line, head.digest) for one in opened.blocks())
