"""How much of the disk a memory folder takes, by its folders, and what is left."""

import os
import shutil
from contextlib import suppress
from typing import NamedTuple

from ..formats import copies
from ..memory import Memory
from ..reminders import file as reminders_file
from ..truth.pages import page_files

_MOST = 50_000  # files that are counted


class FolderSize(NamedTuple):
    name: str
    files: int
    bytes: int


class DiskUse(NamedTuple):
    free: int  # bytes
    total: int
    folders: list[FolderSize]  # the largest first
    cut: bool  # there are more files than were counted
    copies: list[str]  # what synchronisers and colliding saves left beside files


def measure(memory: Memory) -> DiskUse:
    home, root = memory.home, memory.home.root
    while not os.path.isdir(root) and root != os.path.dirname(root):
        root = os.path.dirname(root)
    use = shutil.disk_usage(root)
    folders, left = [], _MOST
    try:
        names = sorted(os.listdir(home.root))
    except OSError:
        names = []
    for name in names:
        found = _add_up(home.path(name), left)
        left -= found[0]
        folders.append(FolderSize(name, *found))
    folders.sort(key=lambda one: -one.bytes)
    kept = [*page_files.find_copies(home)] if names else []
    beside = {home.path("pins"), os.path.dirname(reminders_file.locate(home, memory.env))}
    for folder in sorted(filter(os.path.isdir, beside)):
        with suppress(OSError):  # closed: it is named where it is read
            full = (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
            kept += [one for one in full if one.endswith(".md") and copies.is_copy(one)]
    short = (one.removeprefix(f"{home.root}{os.sep}") for one in kept)
    return DiskUse(use.free, use.total, folders, left <= 0, list(dict.fromkeys(short)))


def _add_up(path: str, most: int) -> tuple[int, int]:
    """Files and their bytes, of a file or of a folder; links are not followed."""
    count = total = 0
    if not os.path.isdir(path) or os.path.islink(path):
        return 1, os.lstat(path).st_size
    for folder, _, names in os.walk(path):
        for name in names:
            if count >= most:
                return count, total
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
                count += 1
            except OSError:
                continue
    return count, total
