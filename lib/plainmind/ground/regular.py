"""Opening what a name stands for, and nothing else: a file that is a file (a pipe never ends), a
folder that no link leads to.

Owns these checks: the open file is judged, not its name, which somebody may change meanwhile; and
which file it is, so that a secret is read by no other name and through no link.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import BinaryIO

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: what is opened to go on from, or to be named by its descriptor, whatever its mode forbids
PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC

_roots: set[str] = set()  # memory folders
_guarded: set[str] = set()  # the same, by their real path
#: where their `.env` leads: name -> real paths
_told: dict[str, set[str]] = {}


def guard(root: str) -> None:
    """Let no memory folder's secrets be opened as a file of it, by whatever name or link."""
    _roots.add(root)
    _guarded.add(os.path.realpath(root))
    real = os.path.realpath(os.path.join(root, ".env"))
    _told.setdefault(os.path.basename(real), set()).add(real)


def is_secret(name: str) -> bool:
    """Whether something of this name, right in a memory folder, may hold a secret: `.env`, a copy
    of it, and whatever else is hidden."""
    return name.startswith(".") or ".env" in name


def open_file(path: str, *, secret: bool = False) -> BinaryIO:
    """A file, to be read. OSError, with its path, for a folder, a pipe or a device, and for what
    is a secret, unless it is meant as one: a link may lead there, or be another name of it."""
    try:
        fd, linked = os.open(path, _READ | os.O_NOFOLLOW), False
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        fd, linked = os.open(path, _READ), True
    folder, _, name = path.rpartition(os.sep)
    asked_for = not linked and folder in _roots and is_secret(name)  # by its own name
    return _check_file(fd, path, secret or asked_for, linked)


def open_file_below(root: str, part: str) -> BinaryIO:
    """The same of a path below `root`. OSError when a link is anywhere in `part`."""
    return _check_file(open_below(root, part, _READ), os.path.join(root, part))


def is_unreadable(path: str) -> bool:
    """Whether a file is, or may be, there and cannot be read now: nobody took its text out."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        if os.access(path, os.R_OK):
            with open_file(path) as file:
                file.read(1)
            return False
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:  # its folder is closed, or the disk fails
        return error.errno not in (errno.ELOOP, errno.EPERM)
    return True


def open_direct(path: str) -> BinaryIO:
    """The same of an absolute path without any link in it, as `realpath` gives it: if somebody puts
    a link there meanwhile, OSError."""
    return open_file_below("/", path.lstrip("/"))


def open_below(root: str, part: str, how: int) -> int:
    """The descriptor of what a path below `root` stands for, opened step by step. `root` itself may
    be, or be reached by, a link: a person's. OSError when `part` leads through one."""
    *folders, name = (step for step in part.split("/") if step not in ("", "."))
    if ".." in (*folders, name):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), part)
    fd = os.open(root, PASS | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, PASS | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
        return os.open(name, how | os.O_NOFOLLOW, dir_fd=fd)
    except OSError as error:
        error.filename = os.path.join(root, part)
        raise
    finally:
        os.close(fd)


def open_lock(path: str) -> int:
    """The descriptor of a lock file, which holds nothing and is made when it is not there. What has
    its name and is not a file can be locked by nobody, and makes way; its mode is put right."""
    for _ in range(3):
        try:
            fd = os.open(path, _LOCK, 0o600)
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return fd
            os.close(fd)
            error = OSError(errno.EINVAL, "not a file, but a pipe or a device", path)
        except OSError as failure:
            error = failure
        if not _make_way(path):
            break
    raise error


def _make_way(path: str) -> bool:
    """Whether opening a lock file is worth another try. Its folder is locked meanwhile: who comes
    second would set aside what the first one made."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(path) or ".", FOLDER)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            there = os.lstat(path)
            if not stat.S_ISREG(there.st_mode):
                set_aside(path)
                return True
            if there.st_mode & 0o600 != 0o600:
                change_mode(path, 0o600)
                return True
        except FileNotFoundError:
            return True
        finally:
            os.close(folder)
    return False


def set_aside(path: str) -> str:
    """Give what has this name another, beside it; which."""
    aside = f"{path}.{os.getpid()}-{time.time_ns()}.bad"
    os.rename(path, aside)
    return aside


@contextmanager
def open_folder(root: str, part: str, how: int = FOLDER) -> Iterator[int]:
    """The descriptor of a folder below `root`, opened step by step. A link at the first step is
    followed: a person may have `raw` on another disk. At a later one, OSError."""
    first, _, rest = part.partition(os.sep)
    fd = open_below(os.path.join(root, first), rest, how) if rest else -1
    fd = os.open(os.path.join(root, first), how) if fd < 0 else fd
    try:
        yield fd
    finally:
        os.close(fd)


def is_file(fd: int, name: str) -> bool:
    """Whether an entry of an open folder is a file, and no link."""
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def is_below(root: str, part: str) -> bool:
    """Whether a path below `root` is a file that no link leads to."""
    folder, name = os.path.split(part)
    try:
        with open_folder(root, folder) as fd:
            return is_file(fd, name)
    except OSError:
        return False


def read_at(folder: int, name: str, size: int = -1) -> bytes:
    """Bytes of a file of an open folder. OSError, with its name, for a link, a pipe, a folder."""
    with _check_file(os.open(name, _READ | os.O_NOFOLLOW, dir_fd=folder), name) as file:
        return file.read(size)


def change_mode(name: str, mode: int, folder: int | None = None) -> None:
    """Give a file or a folder these permissions, by its path or its name in an open folder. OSError
    for a link: what it leads to keeps its own."""
    if not hasattr(os, "O_PATH"):
        os.chmod(name, mode, dir_fd=folder, follow_symlinks=False)
        return
    fd = os.open(name, PASS | os.O_NOFOLLOW, dir_fd=folder)
    try:
        if stat.S_ISLNK(os.fstat(fd).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        change_open_mode(fd, mode)
    finally:
        os.close(fd)


def change_open_mode(fd: int, mode: int) -> None:
    """The same of what is open, be it only as PASS."""
    if hasattr(os, "O_PATH"):
        os.chmod(f"/proc/self/fd/{fd}", mode)  # an open path has no other way
    else:
        os.fchmod(fd, mode)


def _check_file(fd: int, path: str, secret: bool = False, linked: bool = False) -> BinaryIO:
    """An open file that is one; it is closed when it is not. `linked`: the last step of `path` may
    have been a link."""
    try:
        found = os.fstat(fd)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a file, but a pipe or a device", path)
        if not secret and _guarded and _is_secret_file(fd, found, "" if linked else path):
            raise PermissionError(errno.EPERM, "a file of secrets, or another name of one", path)
        return open(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def _is_secret_file(fd: int, found: os.stat_result, path: str) -> bool:
    """`path`: '' when its last step is not known to be the file's own name."""
    name = path.rpartition(os.sep)[2]
    if found.st_nlink == 1 and name and name not in _told and not _may_hold_secret(name):
        return False  # nearly every file: asking the system takes as long as opening it
    real = _find_name(fd)
    folder, _, name = real.rpartition(os.sep)
    if real in _told.get(name, ()) or folder in _guarded and _may_hold_secret(name):
        return True
    # of a file with one name, this was it
    return (found.st_nlink > 1 or not real) and any(
        os.path.samestat(found, other) for other in _list_secrets()
    )


def _find_name(fd: int) -> str:
    """The real path of an open file; '' where the system does not tell."""
    with suppress(OSError):
        if hasattr(fcntl, "F_GETPATH"):
            return os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
        return os.readlink(f"/proc/self/fd/{fd}")
    return ""


def _may_hold_secret(name: str) -> bool:
    # the ends are of what a change of another file is made with (ground.exchange)
    return is_secret(name) and (".env" in name or not name.endswith((".tmp", ".swap", ".gone")))


def _list_secrets() -> Iterator[os.stat_result]:
    for path in chain.from_iterable(_told.values()):
        with suppress(OSError):
            yield os.stat(path)
    for root in _guarded:
        with suppress(OSError):
            for name in filter(_may_hold_secret, os.listdir(root)):
                with suppress(OSError):
                    yield os.lstat(os.path.join(root, name))
