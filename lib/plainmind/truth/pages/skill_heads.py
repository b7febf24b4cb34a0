"""The heads of the memory folder's skills: finding the files, and fixing what YAML refuses in one.

A skill that is a link is somebody else's file, and what a turn runs fixes none: what a skill says
is done later. Refuses to know what a skill may say (formats.skill)."""

import os
from collections.abc import Iterator
from functools import partial

from ...formats import copies, skill
from ...formats.page import repairs
from ...ground import environment, exchange, files
from ...ground.errors import BadData, Failure
from ...ground.paths import Home
from ..log.verify import Finding

FOLDER = "skills"


def list_paths(home: Home) -> Iterator[str]:
    """The SKILL.md of each skill, relative to the home."""
    folder = home.path(FOLDER)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = f"{FOLDER}/{name}/{skill.FILE}"
        if (
            not name.startswith(".")
            and not copies.is_copy(name)
            and os.path.isfile(home.path(path))
        ):
            yield path


def fix(home: Home, *, dry: bool) -> Iterator[Finding | Failure]:
    """Put in quotes what YAML refuses and what can be one text only. Says what was, or with `dry`
    would be, done; a failure is of one skill."""
    for path in list_paths(home) if not environment.read_turn() else ():
        full = exchange.in_real_folder(home.path(path))
        if os.path.realpath(full) != os.path.join(os.path.realpath(home.path(FOLDER)), path[7:]):
            continue
        try:
            made = _repair(path, files.read(full))
            if not dry and (made.done or exchange.find_leftovers(os.path.dirname(full))):
                with files.lock(home.path(FOLDER, ".lock")):
                    exchange.recover(full)
                    exchange.edit(full, partial(_repair_data, path), follow=False)
        except (OSError, Failure) as error:
            yield files.to_failure(error)
            continue
        for line, code, message in made.done:
            yield Finding(path, line, f"{'fixable' if dry else 'fixed'}-{code}", message)


def _repair_data(path: str, data: bytes) -> bytes:
    return _repair(path, data).data


def _repair(path: str, data: bytes) -> repairs.Repaired:
    """The skill, repaired, if it then says to every reader what it says to ours."""
    made = repairs.repair(data, path, syntax_only=True)
    try:
        before, after = (skill.read_frontmatter(one, path) for one in (data, made.data))
    except BadData:
        return repairs.Repaired(data, [])
    return made if before.values == after.values else repairs.Repaired(data, [])
