"""Opening what a name stands for, and nothing else: a file that is a file (a pipe never ends), a
folder that no link leads to.

Owns these checks: the open file is judged, not its name, which somebody may change meanwhile.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def open_file(path: str) -> BinaryIO:
    """A file, to be read. OSError, with its path, for a folder, a pipe or a device."""
    fd = os.open(path, _READ)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a file, but a pipe or a device", path)
        return open(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


@contextmanager
def open_folder(root: str, part: str) -> Iterator[int]:
    """The descriptor of a folder below `root`, opened step by step. A link at the first step is
    followed: a person may have `raw` on another disk. At a later one, OSError."""
    first, *rest = part.split(os.sep)
    fd = os.open(os.path.join(root, first), _FOLDER)
    try:
        for name in rest:
            inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
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
    fd = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a file", name)
        with open(fd, "rb", closefd=False) as file:
            return file.read(size)
    finally:
        os.close(fd)
