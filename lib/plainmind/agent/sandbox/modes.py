"""The modes of what is in the memory folder, for rungs that let a command change those of files it
may not write (Landlock governs no chmod): looked at before and after, and put back.

What a person, or a command of the suite, closes meanwhile stays closed: only what was opened to
others is undone, and what its owner may no longer do.
"""

import os
import stat
from collections.abc import Iterable, Iterator

from ...ground import regular
from ...ground.paths import Home, window_sort_key


class Modes:
    """Of one turn. New files are held to what others may do with the folder they are in."""

    def __init__(self, home: Home, writable: Iterable[str]):
        """`writable`: folders whose files are the commands' own."""
        self._home, self._writable = home, {*writable}
        self._known: dict[str, int] = {}

    def begin(self) -> None:
        """Before a command."""
        if not self._known:
            self._known = dict(self._walk())

    def put_back(self) -> list[str]:
        """After it. Remarks for the reader."""
        found, changed = dict(self._walk(open_closed=True)), 0
        for path, mode in found.items():
            above = self._known.get(os.path.dirname(path), 0o700)
            was = self._known.get(path, mode & (0o700 | above))
            if was == mode:
                continue
            right = (mode & was) | (was & (0o500 if self._may_end(path) else 0o700))
            if right != mode:
                regular.change_mode(path, right)
                found[path] = right
                changed += 1
        self._known = found
        return [f"modes in the memory folder were changed: {changed} put back"] if changed else []

    def _may_end(self, path: str) -> bool:
        """Whether it may be a window that has ended, which nobody may write any more."""
        folder, name = os.path.split(path)
        if not path.startswith(f"{self._home.logs}/") or not name.endswith(".md"):
            return False
        names = (one for one in os.listdir(folder) if one.endswith(".md"))
        return name != max(names, key=window_sort_key)

    def _walk(self, open_closed: bool = False) -> Iterator[tuple[str, int]]:
        """Paths and modes, outer ones first; of what is writable only its own. `open_closed`: a
        folder that was closed to its owner is opened, to see what it holds."""
        waiting = [self._home.root]
        yield self._home.root, stat.S_IMODE(os.stat(self._home.root).st_mode)
        while waiting:
            folder = waiting.pop()
            try:
                entries = list(os.scandir(folder))
            except PermissionError:
                if not open_closed or folder not in self._known:
                    continue
                regular.change_mode(folder, self._known[folder])
                entries = list(os.scandir(folder))
            except FileNotFoundError:
                continue
            for entry in entries:
                try:
                    mode = entry.stat(follow_symlinks=False).st_mode
                except FileNotFoundError:  # gone meanwhile
                    continue
                if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                    yield entry.path, stat.S_IMODE(mode)
                if stat.S_ISDIR(mode) and entry.path not in self._writable:
                    waiting.append(entry.path)
