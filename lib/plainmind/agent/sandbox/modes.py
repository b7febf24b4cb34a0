"""The modes of what lasts: of resident memory, which commands write, and of the whole memory folder
for rungs that let a command change those of files it may not write (Landlock governs no chmod).
Looked at before and after, and put back.

What a person, or a command of the suite, closes meanwhile stays closed: only what was opened to
others is undone, and what its owner may no longer do.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ...ground import regular
from ...ground.paths import Home, window_sort_key
from ...truth.resident.scopes import MemoryScope

DEEPEST = 16  # folders of resident memory in each other that are looked at


class Modes:
    """Of one turn. New files are held to what others may do with the folder they are in."""

    def __init__(self, home: Home, memories: Iterable[MemoryScope], everything: bool):
        """`memories`: scopes of resident memory, which are the commands' own; `everything`: the
        rest of the memory folder, too."""
        self._home, self._everything = home, everything
        self._scopes = {scope.folder: scope for scope in memories}
        self._writable = {home.workspace, *self._scopes}
        self._known: dict[str, int] = {}
        self._changed = 0

    def begin(self) -> None:
        """Before a command."""
        if not self._known:
            self._known = dict(self._walk()) if self._everything else {}
            self._known |= self._visit_memories()

    def put_back(self) -> list[str]:
        """After it. Remarks for the reader."""
        found = dict(self._walk(open_closed=True)) if self._everything else {}
        changed = 0
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
        own = self._visit_memories(put_back=True)
        changed += self._changed
        self._known = {**own, **found}
        return [f"modes of what lasts were changed: {changed} put back"] if changed else []

    def _visit_memories(self, put_back: bool = False) -> dict[str, int]:
        """Paths and modes of resident memory, as they are or as they were put back. All is opened
        step by step: a command of another turn may put a link there meanwhile."""
        found: dict[str, int] = {}
        self._changed = 0
        for path, scope in self._scopes.items():
            above = 0o755 if scope.project else 0o700
            with suppress(OSError), scope.opened(regular.PASS | os.O_DIRECTORY) as fd:
                self._visit(fd, path, above, put_back, found)
        return found

    def _visit(
        self, fd: int, path: str, above: int, put_back: bool, found: dict[str, int], depth: int = 0
    ) -> None:
        """What is open as `fd`, and what is in it; `above`: the mode of its folder."""
        status = os.fstat(fd)
        mode, is_folder = stat.S_IMODE(status.st_mode), stat.S_ISDIR(status.st_mode)
        if not is_folder and not stat.S_ISREG(status.st_mode):
            return
        if put_back:
            own = 0o700 if is_folder else 0o600
            was = self._known.get(path, mode & (0o700 | above) | own)
            right = (mode & was) | (was & 0o700)
            if right != mode:
                regular.change_open_mode(fd, right)
                mode, self._changed = right, self._changed + 1
        found[path] = mode
        if is_folder and depth < DEEPEST:
            with suppress(OSError):  # one that is closed to us, and was
                inner = os.open(".", regular.FOLDER, dir_fd=fd)
                try:
                    for name in os.listdir(inner):
                        with suppress(OSError):
                            entry = os.open(name, regular.PASS | os.O_NOFOLLOW, dir_fd=inner)
                            try:
                                below = os.path.join(path, name)
                                self._visit(entry, below, mode, put_back, found, depth + 1)
                            finally:
                                os.close(entry)
                finally:
                    os.close(inner)

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
