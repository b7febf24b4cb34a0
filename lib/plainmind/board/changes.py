"""What changed in the memory folder, without reading it: a digest of the files of each topic.

Owns which files a page is made of. Two looks give the same digest if nothing was written between
them; a page that says how long ago something was is new every minute besides.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator

from ..formats.work import session
from ..ground.environment import Environment
from ..ground.paths import Home
from ..index.reading import state_of
from ..reminders import file as reminders_file
from ..truth.pages import page_files

MINUTE = 60_000
_NEWEST = 50  # sessions whose files are looked at; the older ones have ended
_LOGGED = 10  # of these, how many have their logs looked at


def _log(home: Home, env: Environment) -> Iterator[str]:
    yield home.path("raw", "maintenance-log", "window-heads.jsonl")
    yield home.path("pins", "pins.md")


def _work(home: Home, env: Environment) -> Iterator[str]:
    yield home.path("work", "events.jsonl")
    yield home.path("work", "teams.toml")
    try:
        names = [name for name in os.listdir(home.path("work")) if session.is_session(name)]
    except OSError:
        return
    newest = sorted(names, key=session.second_of, reverse=True)[:_NEWEST]
    for name in newest:
        yield from _files_of(home.path("work", name))
    for name in newest[:_LOGGED]:
        yield from _files_of(home.path("work", "logs", name))


def _knowledge(home: Home, env: Environment) -> Iterator[str]:
    for path in page_files.list_paths(home):
        yield home.path(path)


def _reminders(home: Home, env: Environment) -> Iterator[str]:
    yield reminders_file.locate(home, env)
    yield from _files_of(home.path("remind"))


def _memory(home: Home, env: Environment) -> Iterator[str]:
    for folder in ("memory", "resident"):
        yield from _files_of(home.path(folder))


def _care(home: Home, env: Environment) -> Iterator[str]:
    for folder in ("index", "relay", ".changes", os.path.join("raw", "maintenance-log")):
        yield from _files_of(home.path(folder))


def _files_of(folder: str) -> Iterator[str]:
    """Without what reading changes: locks, what is being written, SQLite's shared memory."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if not name.startswith(".") and not name.endswith(("lock", "-shm", "-journal")):
            yield os.path.join(folder, name)


#: topic -> the files it is in
TOPICS: dict[str, Callable[[Home, Environment], Iterable[str]]] = {
    "log": _log,
    "work": _work,
    "knowledge": _knowledge,
    "reminders": _reminders,
    "memory": _memory,
    "care": _care,
}
#: what every page depends on
_ALWAYS = ("config.toml", ".env")


def digest(home: Home, env: Environment, topics: Iterable[str]) -> str:
    """Of the names and the state of the files of these topics, in hexadecimal digits: of those that
    are the truth, a point, and of the index, which looking may bring up to date."""
    made, derived = hashlib.blake2b(digest_size=8), hashlib.blake2b(digest_size=8)
    paths = [home.path(name) for name in _ALWAYS]
    for topic in topics:
        paths += TOPICS[topic](home, env)
    for path in paths:
        try:
            state = state_of(os.stat(path))
        except OSError:
            state = (0, 0, 0, 0)
        part = derived if path.startswith(home.index) else made
        part.update(os.fsencode(path))
        part.update(repr(state).encode())
    return f"{made.hexdigest()}.{derived.hexdigest()}"
