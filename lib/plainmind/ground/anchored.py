"""A new file where no link leads: folders are opened step by step, and the file gets its name in
the one that is open, whatever becomes of the names above it meanwhile.

Owns making such a file and the folders on the way to it. A process that is killed meanwhile leaves
what `files.finish_creating` understands."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from . import files, regular


def create(path: str, data: bytes, mode: int = 0o600) -> None:
    """As `files.create`, of an absolute path without any link in it, as `realpath` gives it.
    OSError when somebody put one there, FileExistsError when the name is taken."""
    above, name = os.path.split(path)
    with _open_made(above) as folder:
        temporary = _write_temporary(folder, path, data, mode)
        try:
            files.give_name(temporary, name, folder)
            try:
                _sync_with_parent(folder)
            except BaseException:
                os.unlink(name, dir_fd=folder)
                raise
        finally:
            with suppress(FileNotFoundError):  # a file that has one name only
                os.unlink(temporary, dir_fd=folder)


@contextmanager
def _open_made(path: str) -> Iterator[int]:
    """The descriptor of a folder; it and those above it are made, mode 0700, each made durable
    before the next is made in it."""
    how = regular.PASS | os.O_DIRECTORY | os.O_NOFOLLOW
    fd = os.open("/", how)
    try:
        for step in filter(None, path.split("/")):
            try:
                inner = os.open(step, how, dir_fd=fd)
            except FileNotFoundError:
                _sync_with_parent(fd)
                with suppress(FileExistsError):
                    os.mkdir(step, 0o700, dir_fd=fd)
                _sync(fd, ".")
                inner = os.open(step, how, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def _sync_with_parent(folder: int) -> None:
    _sync(folder, ".")
    with suppress(PermissionError):  # above the home: not ours, and not made by us
        _sync(folder, "..")


def _sync(folder: int, name: str) -> None:
    fd = os.open(name, regular.FOLDER, dir_fd=folder)
    try:
        files.sync(fd)
    finally:
        files.close(fd)


def _write_temporary(folder: int, path: str, data: bytes, mode: int) -> str:
    name = os.path.basename(path)
    for number in itertools.count():
        temporary = f".{files.shorten_name(name)}.{os.getpid()}-{number}.tmp"
        try:
            fd = os.open(temporary, files.NEW, 0o600, dir_fd=folder)
        except FileExistsError:
            continue
        try:
            os.fchmod(fd, mode)
            files.write_all(fd, data)
        except BaseException as error:
            files.name_error(error, path)
            files.close(fd)
            os.unlink(temporary, dir_fd=folder)
            raise
        files.close(fd)
        return temporary
    raise AssertionError
