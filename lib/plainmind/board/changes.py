"""What changed in the memory folder, without reading it: a digest of the files of each topic.

Owns which files a page is made of. Two looks give the same digest if nothing was written between
them; a page that says how long ago something was is new every minute besides.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator

from ..formats.work import session
from ..ground import file_states
from ..ground.environment import Environment
from ..ground.paths import Home
from ..reminders import file as reminders_file
from ..truth.pages import page_files

#: of a file: its path, or what its folder says of it
Place = str | os.DirEntry[str]

MINUTE = 60_000
_NEWEST = 50  # sessions whose files are looked at; the older ones have ended
_LOGGED = 10  # of these, how many have their logs looked at


def _log(home: Home, env: Environment) -> Iterator[Place]:
    yield home.path("raw", "maintenance-log", "window-heads.jsonl")
    yield home.path("pins", "pins.md")


def _work(home: Home, env: Environment) -> Iterator[Place]:
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


def _knowledge(home: Home, env: Environment) -> Iterator[Place]:
    for place in page_files.places(home):
        for _, entry in page_files.list_entries(home, place):
            yield entry


def _reminders(home: Home, env: Environment) -> Iterator[Place]:
    yield reminders_file.locate(home, env)
    yield from _files_of(home.path("remind"))


def _memory(home: Home, env: Environment) -> Iterator[Place]:
    for folder in ("memory", "resident"):
        yield from _files_of(home.path(folder))


def _care(home: Home, env: Environment) -> Iterator[Place]:
    for folder in ("relay", ".changes", os.path.join("raw", "maintenance-log")):
        yield from _files_of(home.path(folder))


def _files_of(folder: str) -> "Iterator[os.DirEntry[str]]":
    """Without what reading changes: locks, what is being written, SQLite's shared memory."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for one in found:
        if not one.name.startswith(".") and not one.name.endswith(("lock", "-shm", "-journal")):
            yield one


#: topic -> the files it is in
TOPICS: dict[str, Callable[[Home, Environment], Iterable[Place]]] = {
    "log": _log,
    "work": _work,
    "knowledge": _knowledge,
    "reminders": _reminders,
    "memory": _memory,
    "care": _care,
}
#: what every page depends on
_ALWAYS = ("config.toml", ".env")


def digest(home: Home, env: Environment, topics: Collection[str]) -> str:
    """Of the names and the state of the files of these topics, in hexadecimal digits: of those that
    are the truth, a point, and of the index, which looking may bring up to date."""
    found: list[Place] = [home.path(name) for name in _ALWAYS]
    for topic in topics:
        found += TOPICS[topic](home, env)
    return f"{_hash(found)}.{_hash_index(home, topics)}"


def renew(home: Home, topics: Collection[str], known: str) -> str:
    """The digest after something was made of these files: of the truth as it was before, and of
    the index as making it left it."""
    return f"{known.partition('.')[0]}.{_hash_index(home, topics)}"


def list_states(folder: str) -> list[tuple]:
    """(name, state) of the files of a folder: what is made of them alone stays the same with it."""
    found: list[tuple] = []
    for one in _files_of(folder):
        try:
            found.append((one.name, *file_states.state_of(one.stat())))
        except OSError:
            found.append((one.name,))
    return found


def _hash_index(home: Home, topics: Collection[str]) -> str:
    return _hash(_files_of(home.index) if "care" in topics else ())


def _hash(places: Iterable[Place]) -> str:
    parts = []
    for place in places:
        try:
            state = file_states.state_of(os.stat(place) if isinstance(place, str) else place.stat())
        except OSError:
            state = (0, 0, 0, 0)
        parts.append(f"{os.fspath(place)}\0{state}")
    whole = os.fsencode("\0".join(parts))
    return hashlib.blake2b(whole, digest_size=8).hexdigest()
