"""What the files of a memory folder are now, as a tree: every file that goes to other machines.

A file that is as it was when it was committed is not read again: `sync/seen.json` knows the state
of each and its oid, and can be deleted. An oid that no commit has counts for nothing: the run that
saw it may have been killed before it wrote the blob. Owns which files are looked at; writes nothing
but that cache.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from ..ground import backoff, exchange, file_states, files, regular
from ..ground.paths import Home
from . import rules
from .repository import Repository, Tree

SEEN = "sync/seen.json"
SAVING = 0.05  # seconds in which an editor puts a new file in the place of one
FEW = 5  # files that somebody may delete at once without being asked


class FilesNow(NamedTuple):
    """`files`: what is there. `away`: folders whose disk seems not to be there. `unreadable`: what
    nobody could read, or somebody is saving. `links`: what is not looked behind. `unknown`: files
    of a kind that no rule knows."""

    files: Tree
    away: list[str]
    unreadable: list[str]
    links: list[str]
    unknown: list[str]

    def is_away(self, path: str) -> bool:
        """Whether nobody can tell what this file is now: then it is as it was."""
        hidden = (*self.away, *self.unreadable, *self.links)
        return any(path == one or path.startswith(f"{one}/") for one in hidden)


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
    now = FilesNow(found, [], [], [], [])
    there = list(_list_files(home, now, vectors))
    missing = {path for path in before if rules.find_shared(path, vectors=vectors)}
    missing -= {path for path, _ in there}
    if missing:  # an editor may be putting a new file in the place of one
        backoff.sleep(SAVING)
        there += [(path, home.path(path)) for path in missing if os.path.isfile(home.path(path))]
    for number, (path, full) in enumerate(there, 1):
        progress(number, len(there))
        if now.links and now.is_away(path):
            continue
        try:
            state = list(file_states.state_of(os.stat(full)))
            if seen.get(path) == [*state, before.get(path)]:
                known[path] = seen[path]
                found[path] = before[path]
                continue
            data = _read(home, path, full)
        except FileNotFoundError:
            continue
        except OSError:
            now.unreadable.append(path)
            continue
        if data is None:
            now.unreadable.append(path)
            continue
        found[path] = repository.put(data)
        known[path] = [*file_states.settle(tuple(state)), found[path]]  # type: ignore[arg-type]
    if known != seen:
        _save(home, known)
    then, left = _count_by_folder(before), _count_by_folder(found)
    for folder in rules.FOLDERS:
        gone, is_empty = then[folder], not left[folder]
        dangling = os.path.islink(home.path(folder)) and not os.path.isdir(home.path(folder))
        if gone and (dangling or is_empty and gone >= FEW and not deleted):
            now.away.append(folder)
    return now


def _count_by_folder(paths: Iterable[str]) -> Counter[str]:
    return Counter(path.partition("/")[0] for path in paths if "/" in path)


def _read(home: Home, path: str, full: str) -> bytes | None:
    """A file as a whole: one that is being appended to is waited for, None for one that a person is
    saving."""
    rule = rules.find(path)
    assert rule
    if rule.kind == rules.WINDOW:
        with files.lock(home.lock):
            return files.read(full)
    data = files.read(full)
    if rule.kind in (rules.TEXT, rules.UNION) and not exchange.is_still(full, data):
        backoff.sleep(SAVING)
        data = files.read(full)
        return data if exchange.is_still(full, data) else None
    return data


def _list_files(home: Home, now: FilesNow, vectors: bool) -> Iterator[tuple[str, str]]:
    """(path, full path) of what goes to other machines. A folder at the top may be a link; what is
    one below is passed over."""
    try:
        top = sorted(os.scandir(home.root), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in top:
        if entry.name in rules.FOLDERS:
            if entry.is_dir():
                yield from _walk(home, entry.name, now, vectors)
        elif entry.is_file(follow_symlinks=False):
            if rules.find_shared(entry.name):
                yield entry.name, entry.path
            elif rules.find(entry.name) is None and not entry.name.startswith("."):
                now.unknown.append(entry.name)
        elif entry.is_symlink() and rules.find_shared(entry.name):
            now.links.append(entry.name)


def _walk(home: Home, folder: str, now: FilesNow, vectors: bool) -> Iterator[tuple[str, str]]:
    try:
        entries = sorted(os.scandir(home.path(folder)), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError:
        now.unreadable.append(folder)
        return
    for entry in entries:
        path = f"{folder}/{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_symlink():
            now.links.append(path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(home, path, now, vectors)
        elif entry.is_file(follow_symlinks=False):
            if rules.find_shared(path, vectors=vectors):
                yield path, entry.path
            elif rules.find(path) is None:
                now.unknown.append(path)


def _load(home: Home) -> dict[str, list]:
    try:
        with regular.open_file(home.path(SEEN)) as file:
            value = json.loads(file.read())
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _save(home: Home, known: dict[str, list]) -> None:
    data = json.dumps(known, separators=(",", ":")).encode("utf-8", "surrogatepass")
    with suppress(OSError):  # of a disk that may not be written, too, --status tells what is new
        files.make_folder(home.path("sync"))
        files.overwrite(home.path(SEEN), data, 0)
