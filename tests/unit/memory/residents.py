"""A home, a project beside it, and resident memory asked as the command asks it."""

import os
from pathlib import Path

import pytest
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Failure
from plainmind.ground.masks import Mask
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory, resident
from plainmind.memory.resident import verbs
from plainmind.truth.resident import trust
from scene import NOW


class Place:
    """A home with a project of its own; `said` is what was remarked."""

    def __init__(self, folder: Path, *, inside: bool = False, secret: str = ""):
        self.home, self.project = Home(str(folder / "home")), folder / "app"
        self.project.mkdir(exist_ok=True)
        self.said: list[str] = []
        settings = Settings("", "", lambda name: "")
        given = Environment()
        given.__dict__["mask"] = Mask([secret] if secret else [])
        here = self.home, given, settings, lambda: NOW, self.said.append
        self.memory = Memory(*here, inside=inside)

    def write(self, scope: str, text: str | bytes, name: str = "MEMORY.md") -> Path:
        """A file of a scope: 'global' or 'project'."""
        folder = Path(self.home.path("memory"))
        folder = folder if scope == "global" else self.project / ".pi" / "memory"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder / name

    def trust(self) -> None:
        trust.trust(self.home, str(self.project))

    def block(self, folder: Path | None = None, context: str | None = None) -> str:
        where = str(folder or self.project)
        found = resident.find_in_prompt(self.memory, where, context)
        return resident.build_block(self.memory, found)

    def ask(self, verb: str, *words: str, **options: object) -> tuple[list[str], int]:
        """What a verb prints, and its exit code."""
        call = verbs.parse(verb, words, str(self.project), options)
        answer = verbs.carry_out(self.memory, call)
        rows = list(answer.rows)
        return [row.what if isinstance(row, Failure) else row.text for row in rows], answer.code


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything below a folder, with mode and time."""
    found = {}
    for above, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = os.path.join(above, name)
            status = os.lstat(path)
            found[os.path.relpath(path, folder)] = (status.st_mode, status.st_mtime_ns)
    return found


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)
