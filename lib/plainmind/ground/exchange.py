"""A change of a file that a person may be saving at this moment: the two are exchanged, and what
came out is looked at.

Owns the exchange, what is done when a save collides with it, and what a death in between leaves
behind. Refuses to know what is changed, and who else of ours may be changing it: the caller holds
the lock of all edits."""

import errno
import fcntl
import itertools
import os
import re
import signal
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from . import clock, file_states, files, regular
from .errors import Busy, NotPermitted

PAUSE = 0.01  # seconds before an edit is tried again
SETTLING = 0.03  # seconds in which a program that has read a file saves it

#: the end of a temporary file's name: whose it is, and of an edit the digests of what was read and
#: what was made
_LEFT = re.compile(r"(\d+)-\d+\.(?:tmp|([0-9a-f]{16})-([0-9a-f]{16})\.(?:swap|gone))")
_BESIDE = re.compile(r"\.(.+)\." + _LEFT.pattern)


class Edited(NamedTuple):
    """What an edit put in place (None: nothing was to be changed), and where saves that collided
    with it are kept."""

    identity: file_states.Identity | None
    conflicts: list[str]


def edit(
    path: str,
    change: Callable[[bytes], bytes],
    *,
    attempts: int = 5,
    follow: bool = True,
    announce: Callable[[file_states.Identity], None] = lambda placed: None,
) -> Edited:
    """Rewrite a file a human may be saving at this moment: `change(old bytes) -> new bytes`.

    The new file is exchanged with the one in place, and what came out is looked at: if it is not
    what was read, somebody saved in between, so it is put back and the change is made again on
    theirs. A link is followed; without `follow`, one in the file's place is NotPermitted, and of
    the path, which is real, none is followed that somebody puts there meanwhile. Mode, owner and
    extended attributes stay. `announce` is told what the file will be, right before it is put in
    place. Where the system cannot exchange two files, a rename right after a check comes closest.
    A process that is killed meanwhile leaves a file that `recover` understands."""
    if not follow and os.path.islink(path):
        raise NotPermitted("a link", place=path, cure="put the file itself here")
    if follow:
        path = os.path.realpath(path)  # whatever becomes a link from here on is not followed
    conflicts: list[str] = []
    for attempt in range(attempts):
        if attempt:
            clock.sleep(PAUSE)
        old = _read(path)
        if not is_still(path, old):  # half of a save is nothing to look for a line in
            continue
        new = change(old)
        if new == old:
            # whoever made it so may have been killed before that
            files.sync_folder(os.path.dirname(path))
            return Edited(None, conflicts)
        beside = _stage(path, old, new)
        placed = file_states.identify(os.stat(beside))
        try:
            announce(placed)
        except BaseException:
            os.unlink(beside)
            raise
        if _place(beside, path, old, new, conflicts):
            files.sync_folder(os.path.dirname(path))
            return Edited(placed, conflicts)
    raise Busy(f"'{path}' is being edited", cure="try again")


def recover(path: str) -> None:
    """Clear up after an `edit` that was killed. What it had taken out of the way and not put back
    is kept beside the file, unless it is what the edit had read or made. The caller holds the lock
    of all edits."""
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    name = files.shorten_name(name)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for left in sorted(names):
        match = left.startswith(f".{name}.") and _LEFT.fullmatch(left, len(name) + 2)
        if match and not files.is_running(int(match[1])):
            whole = os.path.join(folder, left)
            if not stat.S_ISREG(os.lstat(whole).st_mode):
                # nobody's save, but perhaps a link that was put here to have a secret copied
                with suppress(OSError):
                    os.unlink(whole)
                continue
            if match[2] and _digest(_read(whole)) not in (match[2], match[3]):
                _keep(_read(whole), path, [])
            os.unlink(whole)
            files.sync_folder(folder)


def remove(path: str, old: bytes) -> bool:
    """Delete a file if it still holds `old`; False when somebody saved meanwhile, and theirs stays.
    It gets another name first, and what came out is looked at. A process that is killed meanwhile
    leaves a file that `recover` understands. The path is real, but may be a link, which stays. The
    caller holds the lock of all edits."""
    if not is_still(path, old):
        return False
    folder, name = os.path.split(path)
    digest = _digest(old)
    stem = f".{files.shorten_name(name)}.{os.getpid()}"
    names = (os.path.join(folder, f"{stem}-{n}.{digest}-{digest}.gone") for n in itertools.count())
    away = next(name for name in names if not os.path.lexists(name))
    os.rename(path, away)
    still = is_still(away, old)
    if not still:
        _give_back(away, path)
    if os.path.lexists(away):
        os.unlink(away)
    files.sync_folder(folder)
    return still


def _give_back(away: str, path: str) -> None:
    """Let what was taken out of the way have its name again, unless somebody has saved it again by
    now: then keep it beside that."""
    try:
        os.link(away, path, follow_symlinks=False)
    except FileExistsError:
        _keep(_read(away), path, [])
    except OSError:  # a file system where a file has one name
        os.rename(away, path)


def find_leftovers(folder: str) -> list[str]:
    """Paths of the files of a folder beside which something was left, or is for the moment."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    stems = {match[1] for name in names if (match := _BESIDE.fullmatch(name))}
    whole = {files.shorten_name(name): name for name in names} if stems else {}
    # of one that is gone, its short name has to do
    return sorted(os.path.join(folder, whole.get(stem, stem)) for stem in stems)


def recover_all(folder: str) -> None:
    """`recover` every file of a folder of which something was left."""
    for path in find_leftovers(folder):
        recover(path)


def list_abandoned(folder: str, *, age: float = 0) -> list[str]:
    """The temporary files of a folder whose makers were killed before they gave them a name, and
    that are older than `age` seconds. What an `edit` left is not among them: it may be a person's,
    and only `recover` may judge."""
    found = []
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        match = _BESIDE.fullmatch(name)
        if match and not match[3] and not files.is_running(int(match[2])):
            path = os.path.join(folder, name)
            try:
                old = clock.system_now() / 1000 - os.lstat(path).st_mtime >= age
            except FileNotFoundError:  # another process was faster
                continue
            found += [path] * (old or not age)
    return found


def sweep(folder: str, *, age: float = 0) -> list[str]:
    """Delete those, and say which."""
    gone = list_abandoned(folder, age=age)
    for path in gone:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
    if gone:
        files.sync_folder(folder)
    return gone


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()[:16]


def _stage(path: str, old: bytes, new: bytes) -> str:
    """`new` in a file beside `path`, whose name tells what an exchange may leave in it that is
    nobody's but ours."""
    temporary = files.write_temporary(path, new, like=path)
    beside = f"{temporary.removesuffix('.tmp')}.{_digest(old)}-{_digest(new)}.swap"
    try:
        os.rename(temporary, beside)
    except BaseException:
        os.unlink(temporary)
        raise
    return beside


def _place(beside: str, path: str, old: bytes, new: bytes, conflicts: list[str]) -> bool:
    """Put `beside`, which holds `new`, in the place of `path` if that still holds `old`."""
    try:
        still = is_still(path, old)  # most saves are seen here, before the human could see ours
        swapped = still and swap(beside, path)
    except OSError:
        os.unlink(beside)
        raise
    if not still:
        os.unlink(beside)
        return False
    still = is_still(beside if swapped else path, old)
    if not swapped and still:
        os.rename(beside, path)
    elif swapped and not still:
        _put_back(beside, path, new, conflicts)
    else:
        os.unlink(beside)
    return still


def _put_back(beside: str, path: str, ours: bytes, conflicts: list[str]) -> None:
    """Give the human's file its name back. What comes out in exchange must be what we had placed;
    when it is not, they saved once more meanwhile, and that goes back too, in the place of the
    older one.

    Whoever read the file while their save was out of the way may save without it. So the file is
    looked at once more after a moment, and whatever of theirs is not in it then is kept beside it.
    """
    placed, theirs = ours, []
    while True:
        if os.path.islink(beside):  # what it leads to was not judged, and is not read
            swap(beside, path)
            if is_still(beside, placed):
                os.unlink(beside)
            raise NotPermitted("a link", place=path, cure="put the file itself here")
        theirs.append(_read(beside))
        swap(beside, path)
        if is_still(beside, placed):
            break
        placed = theirs[-1]
    for _ in range(5):
        clock.sleep(SETTLING)
        if is_still(path, _read(path)):  # else they are saving again
            break
    for save in reversed(theirs):
        _keep(save, path, conflicts)
    os.unlink(beside)


def _keep(save: bytes, path: str, conflicts: list[str]) -> None:
    """Keep a human's save under a name they see, unless the file in place, or one kept already, has
    every line of it, in order."""
    there = os.path.exists(path)  # or they have deleted it
    for name in (*([path] if there else []), *conflicts):
        lines = iter(_read(name).split(b"\n"))
        if all(line in lines for line in save.split(b"\n")):
            return
    folder, name = os.path.split(path)
    stem, ending = os.path.splitext(os.path.join(folder, files.shorten_name(name)))
    stamp = clock.to_stamp(clock.system_now())
    numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (f"{stem} (conflict {stamp}{number}){ending}" for number in numbers)
    kept = next(name for name in names if not os.path.lexists(name))
    os.rename(files.write_temporary(path, save, like=path if there else ""), kept)
    files.sync_folder(folder)
    conflicts.append(kept)


def is_still(path: str, data: bytes) -> bool:
    """Whether a file holds `data` and nobody is about to write to it, as far as the system tells.
    Linux grants a read lease only on a file that no process has open for writing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise
    try:
        if hasattr(fcntl, "F_SETLEASE"):
            try:
                # ignored; SIGIO would end the process
                fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    return False
        return _read(path) == data
    finally:
        files.close(fd)


def in_real_folder(path: str) -> str:
    """The real path of what has this name, which may itself be a link."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _read(path: str) -> bytes:
    """A file's bytes. OSError when anything of the path, which is real, has become a link."""
    with regular.open_direct(path) as file:
        return file.read()


def swap(one: str, other: str) -> bool:
    """Swap two names atomically; False where the system cannot."""
    import ctypes
    import sys

    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        result = libc.renamex_np(a, b, 2)  # RENAME_SWAP
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(-100, a, -100, b, 2)  # AT_FDCWD, RENAME_EXCHANGE
    else:
        return False
    if result == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), other)
