"""The scopes of resident memory, and reading their files.

    global    MIND_HOME/memory/MEMORY.md
    project   PROJECT/.pi/memory/MEMORY.md
    local     PROJECT/.pi/memory/MEMORY.local.md

Beside each are topic files, config.json and archive/. Whoever can write there may put a link or a
pipe in the place of a file, or of a project's folder: neither is followed or waited for. Never
makes anything: `writing` does, on the first write.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ...formats.resident import config
from ...formats.resident.config import ResidentConfig
from ...ground import regular
from ...ground.paths import Home

GLOBAL, PROJECT, LOCAL = "global", "project", "local"
PART = os.path.join(".pi", "memory")
INDEXES = ("MEMORY.md", "MEMORY.local.md")
NO_LINK = "put the folder itself here"


class MemoryScope(NamedTuple):
    """A scope: `file` is its index, in a folder that is `part` of `root`. `config` says how much of
    it is in the prompt."""

    name: str
    root: str
    part: str
    file: str = "MEMORY.md"
    config: ResidentConfig = ResidentConfig()

    @property
    def folder(self) -> str:
        return os.path.join(self.root, self.part)

    @property
    def path(self) -> str:
        """The index."""
        return os.path.join(self.folder, self.file)

    @property
    def project(self) -> str:
        """The project, '' for the global scope."""
        return "" if self.name == GLOBAL else self.root

    @contextmanager
    def opened(self, how: int = regular.FOLDER) -> Iterator[int]:
        """The descriptor of the folder. OSError where there is none, or a link leads to it that is
        not the person's own: a home, or its memory/, may be on another disk."""
        start, part = self.root, self.part
        if self.project:
            start, name = os.path.split(self.root)
            part = os.path.join(name or ".", self.part)
        with regular.open_folder(start, part, how) as folder:
            yield folder

    def find_link(self) -> str:
        """The folder on the way from a project to its memory that is a link; '' for none."""
        steps = (self.folder, os.path.dirname(self.folder)) if self.project else ()
        return next((step for step in reversed(steps) if os.path.islink(step)), "")

    def report(self, name: str, error: OSError, say: Callable[[str], None]) -> None:
        """Say that a file is left out, and why; not where a link is in the way: `find` says it."""
        why = (error.strerror or str(error)).lower()
        if not self.find_link():
            closed = error.errno == errno.EACCES
            cure = "let it be read, with 'chmod u+r'" if closed else "replace it with a file"
            say(f"{os.path.join(self.folder, name)}: {why}; {cure}, or remove it")

    def is_there(self) -> bool:
        """Whether the folder is there, and no link of a project's leads to it."""
        try:
            with self.opened():
                return True
        except OSError:
            return False

    def read(self, name: str, size: int) -> bytes | None:
        """At most so many bytes of a file of the folder; None when there is none. OSError for what
        is not a file, or is reached through a link."""
        try:
            with self.opened() as folder:
                return regular.read_at(folder, name, size)
        except FileNotFoundError:
            return None

    def list_files(self, most: int = 10_000) -> list[str]:
        """Names of the Markdown files and the config.json of the folder, by name."""
        try:
            with self.opened() as folder:
                names = os.listdir(folder)
        except OSError:
            return []
        found = (name for name in names if name.endswith(".md") and name[0] != ".")
        return sorted([*found, *(name for name in names if name == "config.json")])[:most]

    def list_topics(self) -> list[str]:
        """Names of the Markdown files beside the indexes, by name."""
        return [n for n in self.list_files() if n.endswith(".md") and n not in INDEXES]

    def measure(self, name: str) -> int | None:
        """Bytes of a file of the folder; None when it is not one."""
        try:
            found = os.lstat(os.path.join(self.folder, name))
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None


def find(home: Home, project: str | None, say: Callable[[str], None]) -> list[MemoryScope]:
    """The scopes of a home and of a project that is trusted, with their configurations."""
    own = MemoryScope(GLOBAL, home.root, "memory")
    own = own._replace(config=_read_config(own, ResidentConfig(), say))
    if not project:
        return [own]
    shared = MemoryScope(PROJECT, project, PART)
    shared = shared._replace(config=_read_config(shared, own.config, say))
    return [own, shared, shared._replace(name=LOCAL, file="MEMORY.local.md")]


def _read_config(
    scope: MemoryScope, base: ResidentConfig, say: Callable[[str], None]
) -> ResidentConfig:
    path = os.path.join(scope.folder, "config.json")
    if link := scope.find_link():
        say(f"{link}: a link; {NO_LINK}")
        return base
    try:
        data = scope.read("config.json", config.LARGEST + 1)
    except OSError as error:
        scope.report("config.json", error, say)
        return base
    return base if data is None else config.parse(data, base, path, say)
