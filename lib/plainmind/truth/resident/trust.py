"""Which projects are trusted, and where resident memory is switched off: a person's own decisions,
in the home, where no project and no agent can write.

    resident/trust.json    {"projects": ["/srv/app"]}
    resident/switch.json   {"home": false, "contexts": {"discord-thread/1": true}}

A project is known by its path, without links. Nothing of a folder is looked at to see whether it is
trusted.
"""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ...ground import files
from ...ground.errors import BadData, NoInput, NotPermitted
from ...ground.paths import Home
from ...ground.stream import json_record

LARGEST = 1 << 20  # bytes


def lock(home: Home) -> AbstractContextManager[None]:
    """Held for one change of what is in `resident/`, and of memory files by a flush."""
    return files.lock(home.path("resident", ".lock"))


def list_trusted(home: Home) -> list[str]:
    """The projects that are trusted: none that would hold everything, whoever wrote it into the
    record. BadData when nobody can tell."""
    return [path for path in _list_named(home) if not _is_wide(path)]


def _list_named(home: Home) -> list[str]:
    """The paths in the record."""
    found = _read(home, "trust.json").get("projects", [])
    if type(found) is not list:
        raise _malformed(home, "trust.json")
    return [path for path in found if type(path) is str]


def _is_wide(project: str) -> bool:
    """Whether a path is the home directory, or what that is in."""
    own = os.path.realpath(os.path.expanduser("~"))
    return f"{own}{os.sep}".startswith(project.rstrip(os.sep) + os.sep)


def find_project(home: Home, folder: str) -> str | None:
    """The trusted project that a folder is in, the innermost one; None in the memory folder."""
    projects = list_trusted(home)
    if not projects:
        return None
    real = os.path.realpath(folder)
    if real == os.path.realpath(home.root) or real.startswith(os.path.realpath(home.root) + os.sep):
        return None
    inside = [p for p in projects if real == p or real.startswith(p.rstrip(os.sep) + os.sep)]
    return max(inside, key=len) if inside else None


def name_project(folder: str) -> str:
    """The project of a folder: its repository, or the folder itself. NoInput when there is none."""
    if not os.path.isdir(folder):
        raise NoInput("no such folder", place=folder, cure="name the project's folder")
    real = above = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(above, ".git")):
        if above == os.path.dirname(above):
            return real
        above = os.path.dirname(above)
    return above


def check_narrow(project: str) -> None:
    """NotPermitted for the home directory, and for what it is in: whatever is saved or unpacked
    there would be trusted with it."""
    if _is_wide(project):
        what = "all that is in it would be trusted with it"
        raise NotPermitted(what, place=project, cure="name one project's folder; 'git init' it")


def trust(home: Home, project: str) -> None:
    _change_projects(home, lambda found: found if project in found else [*found, project])


def untrust(home: Home, project: str) -> None:
    """NoInput when it is not in the record."""

    def remove(found: list[str]) -> list[str]:
        if project not in found:
            cure = "see 'mem-resident show'"
            raise NoInput(f"'{project}' is not a trusted project", cure=cure)
        return [path for path in found if path != project]

    remove(_list_named(home))  # what is refused makes no folder for a lock
    _change_projects(home, remove)


def is_on(home: Home, context: str | None) -> bool:
    """Whether resident memory goes into the prompts of a context, or of none."""
    switch = _read(home, "switch.json")
    contexts = switch.get("contexts")
    own = contexts.get(context) if context and type(contexts) is dict else None
    return own if type(own) is bool else switch.get("home") is not False


def switch(home: Home, context: str | None, on: bool) -> None:
    """Switch it on or off, for one context or for the home."""
    with lock(home):
        old = _read(home, "switch.json")
        contexts = old.get("contexts")
        contexts = dict(contexts) if type(contexts) is dict else {}
        contexts |= {context: on} if context else {}
        new = {**old, "contexts": contexts} | ({} if context else {"home": on})
        files.replace(home.path("resident", "switch.json"), json_record(new))


def _change_projects(home: Home, change: Callable[[list[str]], list[str]]) -> None:
    with lock(home):
        new = {**_read(home, "trust.json"), "projects": change(_list_named(home))}
        files.replace(home.path("resident", "trust.json"), json_record(new))


def _read(home: Home, name: str) -> dict[str, Any]:
    """The object that a file holds, {} when there is none."""
    try:
        data = files.read(home.path("resident", name), 0, LARGEST)
    except FileNotFoundError:
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if type(value) is not dict:
        raise _malformed(home, name)
    return value


def _malformed(home: Home, name: str) -> BadData:
    path = home.path("resident", name)
    return BadData("not a record of ours", place=path, cure="fix it, or delete it")
