"""Durable files: append, create, replace, lock. What returned is on disk.

Owns every write of the suite to a file that holds truth. Refuses to know what is written. A failed
fsync is reported and never retried: the kernel has already dropped the dirty pages, so a second
fsync that succeeds would prove nothing."""

import errno
import fcntl
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from . import lock_queue, regular
from .errors import Busy, Failure, InputOutput, NoInput, NotPermitted

LOCK_WAIT = 5.0  # seconds
# bytes of a file's name in that of one beside it: no name may have more than 255
LONGEST_NAME = 190
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def sync(fd: int) -> None:
    """fsync that means it: macOS's own fsync leaves data in the drive's cache."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
        except OSError:  # not every file system has it
            pass
    os.fsync(fd)


def sync_path(path: str) -> None:
    """Make durable what a file or a folder holds, whoever wrote it."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        sync(fd)
    finally:
        close(fd)


def sync_folder(path: str) -> None:
    sync_path(path)


def sync_with_parent(folder: str) -> None:
    """Make a folder's entries durable, and the folder itself. Whoever made it may have been killed
    before that. Every folder is made durable before the next is made in it, so this can be missing
    for one folder only."""
    sync_folder(folder)
    try:
        sync_folder(os.path.dirname(folder))
    except PermissionError:  # above the home: not ours, and not made by us
        pass


def make_folder(path: str) -> None:
    """The folder and its parents, mode 0700, each made durable in its parent."""
    missing = []
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    if missing:
        sync_with_parent(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise
            continue
        sync_folder(os.path.dirname(folder))


@contextmanager
def lock(
    path: str, wait: float = LOCK_WAIT, *, shared: bool = False, bounded: bool = False
) -> Iterator[None]:
    """Hold the lock of `path`, a file nothing else is ever done with, alone or shared. Waits in
    the kernel's queue, which is fair; Busy when nobody got it for `wait` seconds, and who has it
    does nothing, or, `bounded`, whatever that one does. A lock file is never removed or replaced:
    flock on a file that can be renamed away protects nothing. So may a folder be."""
    if os.path.isdir(path):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    else:
        make_folder(os.path.dirname(path))
        fd = regular.open_lock(path)
    try:
        if not _flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait, bounded):
            raise Busy(f"'{path}' is held by another process", cure="try again")
        yield
    finally:
        close(fd)


def _flock(fd: int, kind: int, wait: float, bounded: bool) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return wait > 0 and lock_queue.wait(fd, kind, wait, bounded=bounded)
    return True


def append(path: str, data: bytes, *, durable: bool = True) -> int:
    """Append `data` with one write; returns the length before it. The caller holds the lock.

    After a short write, a full disk or a failed fsync the file is cut back to its old length, so
    that what was never acknowledged is not found later, and the failure is raised. `durable=False`
    is for journals whose loss is noticed and costs nothing (formats.log.window_heads)."""
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, how, 0o600)
    try:
        before = os.fstat(fd).st_size
        written = 0
        try:
            written = os.write(fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                sync(fd)
        except BaseException as error:
            name_error(error, path)
            # else a human appended, too, and theirs stays
            if os.fstat(fd).st_size == before + written:
                os.ftruncate(fd, before)
            raise
        return before
    finally:
        close(fd)


def overwrite(path: str, data: bytes, at: int) -> None:
    """Put `data` in a file from a place on; from its beginning, it is all of it. Not durable: for
    what can be made again."""
    fd = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600
    )
    try:
        if os.pwrite(fd, data, at) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if not at:
            os.ftruncate(fd, len(data))
    finally:
        close(fd)


def create(path: str, data: bytes, mode: int = 0o600) -> None:
    """A new file with all its content, or FileExistsError: never a half-made one, never over
    another."""
    folder = os.path.dirname(path)
    make_folder(folder)
    temporary = write_temporary(path, data, mode)
    try:
        give_name(temporary, path)
        try:
            sync_with_parent(folder)
        except BaseException:
            os.unlink(path)
            raise
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)  # last: its second name tells that the folder is not settled yet


def give_name(temporary: str, path: str, folder: int | None = None) -> None:
    """Let a file be found as `path`, too; where a file has one name only, as `path` instead. Both
    may be names in an open folder. FileExistsError."""
    try:
        os.link(temporary, path, src_dir_fd=folder, dst_dir_fd=folder)
        return
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    close(os.open(path, NEW, 0o600, dir_fd=folder))  # the name is ours from here
    try:
        os.rename(temporary, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(path, dir_fd=folder)
        raise


def finish_creating(path: str) -> None:
    """What a `create` that was killed left to do: settle the folder, remove the temporary name."""
    folder, name = os.path.split(path)
    sync_with_parent(folder)
    start = f".{shorten_name(name)}."
    for other in [os.path.join(folder, one) for one in os.listdir(folder) if one.startswith(start)]:
        if os.path.samefile(other, path):
            os.unlink(other)


def replace(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in the place of `path`: a reader sees all of the old file or all of the new. What
    stood there, a pipe also, is gone."""
    make_folder(os.path.dirname(path))
    temporary = write_temporary(path, data, mode)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def write_out(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """As `replace`, to a name that a person gave: what is not a file (a pipe, /dev/stdout) keeps
    its place, and is written to."""
    if os.path.isfile(path) or not os.path.exists(path):
        return replace(path, data, mode=mode)
    with open(path, "wb") as file:
        file.write(data)


def is_running(pid: int) -> bool:
    """Whether there is a process of this number; another one may have it by now."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def close(fd: int) -> None:
    """What was fsynced is on disk, whatever close says: a failure here would take back what is
    there."""
    try:
        os.close(fd)
    except OSError:
        pass


def read(path: str, start: int = 0, size: int = -1) -> bytes:
    """Bytes of a file. OSError for anything else: a pipe would be waited for."""
    with regular.open_file(path) as file:
        if start:
            file.seek(start)
        return file.read(size)


def shorten_name(name: str) -> str:
    """A file's name as it is part of that of a file beside it: of a long one its beginning, digits
    of a hash, and its ending."""
    data = os.fsencode(name)
    if len(data) <= LONGEST_NAME:
        return name
    import hashlib

    ending = os.fsencode(os.path.splitext(name)[1])
    ending = ending if len(ending) <= 16 else b""
    end = b"~" + hashlib.sha256(data).hexdigest()[:8].encode() + ending
    return os.fsdecode(truncate_text(data, LONGEST_NAME - len(end)) + end)


def truncate_text(data: bytes, most: int) -> bytes:
    """At most so many bytes of a text in UTF-8, cut between two characters."""
    end = most
    while most - 3 <= end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return data[:end]


def read_tail(path: str, size: int, length: int) -> tuple[int, bytes]:
    """Line ends in the first `size` bytes, and the last `length` of those; read in pieces."""
    lines, kept, left = 0, b"", size
    with regular.open_file(path) as file:
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            lines += piece.count(b"\n")
            left -= len(piece)
            kept = (kept + piece)[-length:]
    return lines, kept


def to_failure(error: OSError | Failure) -> Failure:
    """The system's error as one of ours, with the file it speaks of; one of ours as it is."""
    if isinstance(error, Failure):
        return error
    name = error.filename if isinstance(error.filename, str) else ""
    what = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError):
        return NoInput(what, place=name)
    if isinstance(error, PermissionError):
        return NotPermitted(what, place=name)
    return InputOutput(what, place=name)


def write_temporary(path: str, data: bytes, mode: int = 0o600, like: str = "") -> str:
    """A durable file beside `path`, with this mode, or with mode, owner and extended attributes of
    another."""
    fd, temporary = _new_temporary(path)
    try:
        if like:
            _dress(fd, like)
        else:
            os.fchmod(fd, mode)
        write_all(fd, data)
    except BaseException as error:
        name_error(error, path)
        close(fd)
        os.unlink(temporary)
        raise
    close(fd)
    return temporary


def write_all(fd: int, data: bytes) -> None:
    """Durably."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    sync(fd)


def name_error(error: BaseException, path: str) -> None:
    """Let an error of a descriptor's (a full disk) say which file it was."""
    if isinstance(error, OSError) and error.filename is None and error.errno:
        error.filename = path


def _dress(fd: int, like: str) -> None:
    wanted, made = os.stat(like, follow_symlinks=False), os.fstat(fd)
    if stat.S_ISLNK(wanted.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), like)
    if (wanted.st_uid, wanted.st_gid) != (made.st_uid, made.st_gid):
        try:
            os.fchown(fd, wanted.st_uid, wanted.st_gid)
        except PermissionError:
            what = "it belongs to others, and would not any more"
            raise NotPermitted(what, place=like, cure="run as its owner") from None
    # some file systems have one mode for all, and refuse
    if wanted.st_mode != os.fstat(fd).st_mode:
        os.fchmod(fd, wanted.st_mode & 0o7777)
    if hasattr(os, "listxattr"):  # Linux: access lists are among them
        for name in _attributes(like):
            try:
                os.setxattr(fd, name, os.getxattr(like, name))
            except OSError:  # the system's own, which it has set itself
                continue


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError:  # a file system that has none
        return []


def _new_temporary(path: str) -> tuple[int, str]:
    """A new file beside `path`. One that a killed process left is never written over: it may be all
    that is left of a human's save."""
    folder, name = os.path.split(path)
    for number in itertools.count():
        temporary = os.path.join(folder, f".{shorten_name(name)}.{os.getpid()}-{number}.tmp")
        try:
            return os.open(temporary, NEW, 0o600), temporary
        except FileExistsError:
            continue
        except OSError as error:
            error.filename = folder or path  # what refuses it: nobody knows the file by this name
            raise
    raise AssertionError
