"""Temporary folders: gone at the end, whatever is in them, and those that killed processes left are
swept by the next one. Owns deleting what somebody else filled.
"""

import fcntl
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from . import files, regular

_NAME = re.compile(r"mind-(\d+)-\w+")


@contextmanager
def open_folder() -> Iterator[str]:
    """A folder that goes at the end, and those that killed processes of this user left."""
    import tempfile

    place = tempfile.gettempdir()
    for name in os.listdir(place):
        left = name.startswith("mind-") and _NAME.fullmatch(name)
        if left and not files.is_running(int(left[1])):
            _remove_abandoned(os.path.join(place, name))
    path = tempfile.mkdtemp(prefix=f"mind-{os.getpid()}-")
    fd = os.open(path, regular.FOLDER)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # a number tells nothing in a container
        yield path
    finally:
        remove_tree(path)
        files.close(fd)


def _remove_abandoned(path: str) -> None:
    with suppress(OSError):  # another process is faster, or uses it
        fd = os.open(path, regular.FOLDER | os.O_NOFOLLOW)
        try:
            if os.fstat(fd).st_uid == os.geteuid():
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(path)
        finally:
            files.close(fd)


def remove_tree(path: str) -> None:
    """Delete a folder and all that is in it, as far as that can be, whatever modes somebody gave to
    it, and however deep it is. No link is followed."""
    with suppress(OSError):
        regular.change_mode(path, 0o700)
        top = os.open(path, regular.FOLDER | os.O_NOFOLLOW)
        try:
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(path)


def _empty(top: int) -> None:
    """What is in a folder of a folder is moved up into `top`: no depth, no heap of descriptors."""
    numbers = itertools.count()
    stuck: set[str] = set()
    while names := set(os.listdir(top)) - stuck:
        for name in names:
            if not _remove_file(name, top):
                with suppress(OSError):
                    regular.change_mode(name, 0o700, top)
                    folder = os.open(name, regular.FOLDER | os.O_NOFOLLOW, dir_fd=top)
                    try:
                        for inner in os.listdir(folder):
                            if not _remove_file(inner, folder):
                                _move_up(inner, folder, top, numbers)
                    finally:
                        os.close(folder)
                    os.rmdir(name, dir_fd=top)
                    continue
                stuck.add(name)


def _remove_file(name: str, folder: int) -> bool:
    """Whether it is gone: not when it is a folder."""
    try:
        os.unlink(name, dir_fd=folder)
    except (IsADirectoryError, PermissionError):  # macOS says the latter of a folder
        return False
    except FileNotFoundError:
        pass
    return True


def _move_up(name: str, folder: int, top: int, numbers: Iterator[int]) -> None:
    regular.change_mode(name, 0o700, folder)  # its `..` changes, too
    for number in numbers:
        with suppress(FileExistsError, NotADirectoryError):
            os.rename(name, f"up-{number}", src_dir_fd=folder, dst_dir_fd=top)
            return
