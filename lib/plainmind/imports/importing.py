"""An import: every file of a history, read in order; what is found, counted; session files, archived.

Owns which sessions belong to a repository, and that one file that fails does not stop the rest. Refuses to know the
tools' layouts, and where the lines go.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..ground import files
from ..ground.errors import Failure
from ..ground.paths import Home
from .said import Found, Page, Said, Skipped
from .sources import History, Source, sources


class Choice(NamedTuple):
    """Which files are read: those of sessions in the repository `root` is the top of, or all; `archive` is where they are kept."""

    paths: tuple[str, ...]
    root: str = ""
    archive: Home | None = None


def run(history: History, choice: Choice, progress: Callable[[int, int], None]) -> Iterator[Found]:
    """What is in the files, in order; failures are among it. `progress` is told (bytes read, of all)."""
    found = list(sources(choice.paths, history.wanted))
    total = sum(source.size for source in found if isinstance(source, Source))
    before = 0
    for source in found:
        if not isinstance(source, Source):
            yield source
            continue
        read = _Reading(before, source.size, total, progress)
        try:
            if choice.root and not is_inside(history.cwd(source), choice.root):
                yield Skipped("elsewhere")
            else:
                yield from _archived(choice.archive, source, history.cwd(source)) if choice.archive else ()
                yield from history.read(source, read)
        except Failure as failure:
            failure.place = failure.place or source.place
            yield failure
        except OSError as error:
            yield files.failure(error)
        before += source.size
        progress(before, total)


def _archived(home: Home, source: Source, cwd: str) -> Iterator[Failure]:
    """Keep a session's file; that this failed does not keep its events back."""
    try:
        archive(home, source, cwd)
    except OSError as error:
        yield files.failure(error)


class _Reading:
    """Bytes read of one file. A file that is read twice is not counted twice."""

    def __init__(self, before: int, size: int, total: int, progress: Callable[[int, int], None]):
        self._before, self._size, self._total, self._progress = before, size, total, progress
        self._read = self._told = 0

    def __call__(self, count: int) -> None:
        self._read = min(self._read + count, self._size)
        if self._read - self._told > 256 * 1024:  # often enough to be seen to move
            self._told = self._read
            self._progress(self._before + self._read, self._total)


class Tally:
    """What an import found, in numbers. `line` is that of something to keep."""

    def __init__(self) -> None:
        self.read = False  # whether there was anything at all
        self.conversations: set[str] = set()
        self.kept: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def add(self, found: Found) -> None:
        self.read = True
        if isinstance(found, Said):
            self.conversations.add(found.context)
            self.kept[found.role] += 1
        elif isinstance(found, Page):
            self.kept["page"] += 1
        else:
            self.skipped[found.reason if isinstance(found, Skipped) else "broken"] += 1

    def counts(self) -> dict[str, int]:
        kept = {name: self.kept[name] for name in ("user", "agent", "tool", "page") if self.kept[name]}
        skipped = {f"skipped {reason}": self.skipped[reason] for reason in sorted(self.skipped)}
        return {"conversations": len(self.conversations), **kept, **skipped}


def repository(folder: str) -> str:
    """The top of the repository a folder is in; the folder itself when it is in none."""
    start = path = os.path.realpath(folder)  # sessions name folders so, too
    while not os.path.exists(os.path.join(path, ".git")):
        if path == os.path.dirname(path):
            return start
        path = os.path.dirname(path)
    return path


def is_inside(cwd: str, root: str) -> bool:
    return os.path.isabs(cwd) and "\0" not in cwd and f"{os.path.normpath(cwd)}/".startswith(root.rstrip("/") + "/")


def archive(home: Home, source: Source, cwd: str) -> None:
    """Keep a session's file below raw/sessions/, unless the same is there already."""
    name = source.name if source.name.endswith(".jsonl") else f"{source.name}.jsonl"
    path = home.path("raw", "sessions", os.path.normpath(cwd).replace("/", "-"), name)
    with source.opened() as file:
        data = file.read()
    if not os.path.exists(path):
        files.create(path, data)
    elif files.read(path) != data:
        files.replace(path, data)
