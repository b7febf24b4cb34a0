"""The reminders file, which a person edits at any time: a stable read, a change that loses nothing.

Owns the lock among our own writers and the waiting for a file that is being saved. How a change is
exchanged with what the person may be saving is ground.exchange's; what the lines mean is
formats.reminder's.
"""

import math
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from ..ground import anchored, clock, exchange, file_states, files, regular
from ..ground.environment import Environment
from ..ground.errors import Busy, Misconfigured, NoInput
from ..ground.paths import Home

DEFAULT = "reminders.md"
ENDINGS = (".md", ".markdown")  # of a Markdown file's name; no file of a system's has them
ATTEMPTS, PAUSE = 5, 0.02  # reads of a file that changes meanwhile; seconds between two


class Snapshot(NamedTuple):
    data: bytes
    identity: file_states.Identity


def locate(home: Home, env: Environment) -> str:
    """REMINDERS_FILE (a relative one is below the home), else reminders.md of the home."""
    return os.path.join(home.root, os.path.expanduser(env.get("REMINDERS_FILE") or DEFAULT))


def read_stable(path: str) -> Snapshot:
    """All of the file when nobody writes it. NoInput: it is missing; Busy: it never holds still."""
    for attempt in range(ATTEMPTS):
        if attempt:
            clock.sleep(PAUSE)
        try:
            real = _resolve(path)
            with regular.open_direct(real) as file:
                before = file_states.identify(os.fstat(file.fileno()))
                data = file.read()
            if before == file_states.identify(os.stat(real)) and len(data) == before.size:
                return Snapshot(data, before)
        except FileNotFoundError:  # also between the two steps of an editor's save
            if attempt == ATTEMPTS - 1 or not os.path.isdir(os.path.dirname(path)):
                cure = "add a reminder with remind-add, or set REMINDERS_FILE"
                raise NoInput("no such file", place=path, cure=cure) from None
    raise Busy("it is being written", place=path, cure="try again")


def read(home: Home, path: str) -> bytes:
    """All of the file; b'' where the home's own was never made. A named one has to be there."""
    try:
        return read_stable(path).data
    except NoInput:
        if path == os.path.join(home.root, DEFAULT):
            return b""
        raise


def edit(
    home: Home,
    path: str,
    change: Callable[[bytes], bytes],
    *,
    dry_run: bool = False,
    wait: float = files.LOCK_WAIT,
    kind: str | Callable[[str, bytes | None, bytes], str] = "reminders",
) -> exchange.Edited:
    """Give the file the content `change` makes of it; one that is not there is b'' and is made.

    `change` is called again when somebody saved meanwhile, with what they saved, which may hold
    what it did before: it must find its lines again and do nothing twice. A dry run calls it, and
    writes nothing. `wait`: seconds for the lock. `kind`: what it is to turn.may.
    """
    from ..truth import changes

    if dry_run:
        there = os.path.exists(path)
        if change(read_stable(path).data if there else b"") and not there:
            _check_folder(home, os.path.realpath(path))
        return exchange.Edited(None, [])
    if not os.path.isdir(home.root):  # what is refused makes no folder for a lock
        change(read_stable(path).data if os.path.exists(path) else b"")
    with files.lock(home.lock, wait), changes.admission(home) as admit:
        exchange.recover(path)
        if not os.path.exists(path):
            try:
                data = change(b"")
                return _create(home, path, admit(kind, path, None, data) if data else data)
            except FileExistsError:
                pass
        real = _resolve(path)
        return exchange.edit(real, lambda data: admit(kind, path, data, change(data)), follow=False)


def _resolve(path: str) -> str:
    """The file itself, where a person's link leads. Misconfigured if it is not a Markdown file: the
    link may be a model's, in a vault that it was given as its folder."""
    real = os.path.realpath(path)
    cure = "let REMINDERS_FILE name a markdown file"
    if not stat.S_ISREG(os.stat(real).st_mode):  # opening a pipe would wait for ever
        raise Misconfigured("not a file", place=path, cure=cure)
    if not real.lower().endswith(ENDINGS):
        what = (
            f"'{real}' is not a Markdown file (its name ends neither in {' nor in '.join(ENDINGS)})"
        )
        raise Misconfigured(what, place=path, cure=cure)
    return real


def _create(home: Home, path: str, data: bytes) -> exchange.Edited:
    target = os.path.realpath(path)
    if not target.lower().endswith(ENDINGS):
        what = f"'{target}' would not be a Markdown file"
        raise Misconfigured(what, place=path, cure="let REMINDERS_FILE name a markdown file")
    if not data:
        return exchange.Edited(None, [])
    _check_folder(home, target)
    anchored.create(target, data)
    return exchange.Edited(file_states.identify(os.stat(target)), [])


def _check_folder(home: Home, target: str) -> None:
    folder = os.path.dirname(target)
    if not os.path.isdir(folder) and folder != os.path.realpath(home.root):
        cure = "mount or make it, or fix REMINDERS_FILE"
        raise NoInput("no such folder", place=folder, cure=cure)


def foreign_edit_age(path: str, ours: file_states.Identity | None) -> float:
    """Seconds since somebody else changed the file; infinite when what is there is `ours`.

    By the change time: a synchroniser sets the other, and may set it to an hour ago.
    """
    found = os.stat(path)
    if file_states.identify(found) == ours:
        return math.inf
    return max(0.0, clock.system_now() / 1000 - found.st_ctime)
