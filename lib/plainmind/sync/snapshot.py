"""What the files of a memory folder are now, as a tree: every file that goes to other machines.

A file that is as it was at the last look is not read again: `sync/seen.json` knows the state of
each and its oid, and can be deleted. Owns which files are looked at; writes nothing but that cache.
"""

import json
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..ground import file_states, files, regular
from ..ground.paths import Home
from . import rules
from .repository import Repository, Tree

SEEN = "sync/seen.json"
FEW = 5  # files that somebody may delete at once without being asked


class FilesNow(NamedTuple):
    """`files`: what is there. `away`: folders whose disk seems not to be there. `unreadable`: files
    that nobody could read. `unknown`: files of a kind that no rule knows."""

    files: Tree
    away: list[str]
    unreadable: list[str]
    unknown: list[str]

    def is_away(self, path: str) -> bool:
        return path.split("/", 1)[0] in self.away or path in self.unreadable


def take(
    repository: Repository,
    before: Tree,
    *,
    vectors: bool = False,
    deleted: bool = False,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> FilesNow:
    """The files as they are. `before`: what they were; a folder that had many, and has none, is
    away unless a person says that all were `deleted`."""
    home, seen = repository.home, _load(repository.home)
    found: Tree = {}
    known: dict[str, list] = {}
    unreadable: list[str] = []
    unknown: list[str] = []
    away: list[str] = []
    there = list(_list_files(home, unknown, vectors))
    for number, (path, full) in enumerate(there, 1):
        progress(number, len(there))
        try:
            state = list(file_states.state_of(os.stat(full)))
            if seen.get(path, [None])[:4] == state:
                known[path] = seen[path]
                found[path] = seen[path][4]
                continue
            data = _read(home, path, full)
        except FileNotFoundError:
            continue
        except OSError:
            unreadable.append(path)
            continue
        found[path] = repository.put(data)
        known[path] = [*file_states.settle(tuple(state)), found[path]]  # type: ignore[arg-type]
    if known != seen:
        _save(home, known)
    for folder in rules.FOLDERS:
        gone = [path for path in before if path.startswith(f"{folder}/")]
        is_empty = not any(path.startswith(f"{folder}/") for path in found)
        dangling = os.path.islink(home.path(folder)) and not os.path.isdir(home.path(folder))
        if gone and (dangling or is_empty and len(gone) >= FEW and not deleted):
            away.append(folder)
    return FilesNow(found, away, unreadable, unknown)


def _read(home: Home, path: str, full: str) -> bytes:
    """A file as a whole: one that is being appended to is waited for."""
    rule = rules.find(path)
    assert rule
    if rule.kind == rules.WINDOW:
        with files.lock(home.lock):
            return files.read(full)
    return files.read(full)


def _list_files(home: Home, unknown: list[str], vectors: bool) -> Iterator[tuple[str, str]]:
    """(path, full path) of what goes to other machines. A folder at the top may be a link; what is
    one below is passed over."""
    try:
        top = sorted(os.scandir(home.root), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in top:
        if entry.name in rules.FOLDERS:
            if entry.is_dir():
                yield from _walk(home, entry.name, unknown, vectors)
        elif entry.is_file(follow_symlinks=False):
            if rules.find_shared(entry.name):
                yield entry.name, entry.path
            elif rules.find(entry.name) is None and not entry.name.startswith("."):
                unknown.append(entry.name)


def _walk(home: Home, folder: str, unknown: list[str], vectors: bool) -> Iterator[tuple[str, str]]:
    try:
        entries = sorted(os.scandir(home.path(folder)), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in entries:
        path = f"{folder}/{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(home, path, unknown, vectors)
        elif entry.is_file(follow_symlinks=False):
            if rules.find_shared(path, vectors=vectors):
                yield path, entry.path
            elif rules.find(path) is None:
                unknown.append(path)
        elif not entry.is_symlink() and stat.S_ISREG(entry.stat().st_mode):
            unknown.append(path)


def _load(home: Home) -> dict[str, list]:
    try:
        with regular.open_file(home.path(SEEN)) as file:
            value = json.loads(file.read())
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _save(home: Home, known: dict[str, list]) -> None:
    data = json.dumps(known, separators=(",", ":")).encode("utf-8", "surrogatepass")
    files.make_folder(home.path("sync"))
    files.overwrite(home.path(SEEN), data, 0)
