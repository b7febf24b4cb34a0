"""What would be left if the power went: files and names that no fsync has covered are not.

A model of the strictest file system POSIX allows, fed with traces: data is there after an fsync of
its file, a name after an fsync of its folder. Nothing else makes anything durable.
"""

import itertools
import os
import re

from traced import Call

#: made again, or of no use once whoever wrote it is gone; of the log of care, what others rely on
#: is durable: what was judged, and what was deleted
_DERIVED = re.compile(
    r"(index|vectors|workspace|work/logs|work/turns)/|remind/seen\.json|(.*/)?\.[^/]*\Z"
    r"|resident/[^/]+/page-table\.jsonl|\.changes/[^/]+\.watch"
    r"|raw/maintenance-log/(?!last-audit\.json|\d{4}-\d\d\.jsonl)"
)


class Disk:
    """One home over one or more traced runs. What was there at the start is durable."""

    def __init__(self, home: str):
        self.home = home
        self.before = {
            os.path.join(folder, name)
            for folder, folders, names in os.walk(home)
            for name in folders + names
        }
        self.inodes: dict[str, int] = {}  # path -> a number of ours
        self.numbers = itertools.count()
        self.folders: set[str] = set()
        self.unsynced: set[int] = set()  # inodes with data that may be lost
        self.unnamed: set[str] = set()  # paths whose names may be lost
        self.lost: list[str] = []  # what was acknowledged too early

    def play(self, calls: list[Call], acknowledged_by) -> None:
        """Follow a run. `acknowledged_by(printed text)` gives the paths that a line printed vouches
        for."""
        for call in calls:
            if call.result is None and call.name != "exit_group":
                continue  # it died there
            if call.name == "write" and call.fd == 1:
                text = call.paths[-1].encode().decode("unicode_escape")
                self._vouch(acknowledged_by(text), f"printed {text.split(chr(10))[0]!r}")
            elif call.name == "exit_group" and call.text == "0":
                everything = [path for path in self.inodes if self._is_truth(path)]
                self._vouch(everything, "ended with 0")
            elif call.result is not None and call.result >= 0:
                self._follow(call)

    def durable(self, path: str) -> bool:
        while path != self.home and path.startswith(self.home):
            if path in self.unnamed or self.inodes.get(path) in self.unsynced:
                return False
            path = os.path.dirname(path)
        return True

    def _vouch(self, paths: list[str], when: str) -> None:
        self.lost += [
            f"{os.path.relpath(path, self.home)} is not durable when the command {when}"
            for path in paths
            if not self.durable(path)
        ]

    def _is_truth(self, path: str) -> bool:
        """Any file that a command wrote, but those that can be made again."""
        part = os.path.relpath(path, self.home)
        return path not in self.folders and not _DERIVED.match(part)

    def _inode(self, path: str) -> int:
        return self.inodes.setdefault(path, next(self.numbers))

    def _follow(self, call: Call) -> None:
        paths = [path for path in call.paths if path.startswith(self.home)]
        if not paths:
            return
        path = paths[0]
        if call.name == "openat" and "O_CREAT" in call.text and path not in self.inodes:
            self.inodes[path] = next(self.numbers)
            if path not in self.before:
                self.unnamed.add(path)
        elif call.name in ("write", "pwrite64", "writev", "ftruncate", "truncate"):
            self.unsynced.add(self._inode(path))
        elif call.name in ("fsync", "fdatasync"):
            self.unsynced.discard(self._inode(path))
            self.unnamed = {name for name in self.unnamed if os.path.dirname(name) != path}
        elif call.name in ("link", "linkat"):
            self.inodes[paths[1]] = self._inode(paths[0])
            self.unnamed.add(paths[1])
        elif call.name in ("rename", "renameat", "renameat2") and "RENAME_EXCHANGE" in call.text:
            self.inodes[paths[0]], self.inodes[paths[1]] = (
                self._inode(paths[1]),
                self._inode(paths[0]),
            )
            self.unnamed |= set(paths)
        elif call.name in ("rename", "renameat", "renameat2"):
            self.inodes[paths[1]] = self._inode(paths[0])
            self.inodes.pop(paths[0])
            self.unnamed.add(paths[1])
        elif call.name in ("unlink", "unlinkat"):
            self.inodes.pop(path, None)
            self.unnamed.discard(path)
        elif call.name in ("mkdir", "mkdirat"):
            self.inodes[path] = next(self.numbers)
            self.unnamed.add(path)
            self.folders.add(path)
