"""Skills: which there are, and what the model is told of them.

A skill is a folder with a SKILL.md (formats.skill). One in `skills/` of the home replaces the
shipped one of the same name, and hides it if it is hidden itself.

Every turn asks for them, and importing the YAML library costs more than all the rest of it: what
was read is kept in `index/skills.json` by the SHA-256 of the whole file.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ..formats import copies, skill
from ..formats.skill import FILE, Skill
from ..ground import files
from ..ground.errors import Failure
from ..ground.paths import Home
from ..ground.stream import json_line

_ADVICE = (
    "Skills tell how to do certain things. Before a task that one of them is for, read its file "
    "with bash (cat) and follow it; paths in it are relative to its folder."
)


def discover(
    home: Home, shipped: str, say: Callable[[str], None], *, dry: bool = False
) -> list[Skill]:
    """Every skill of the home and of the folder `shipped`, by name.

    A broken one is left out, with one remark. A dry run writes nothing, not even the cache.
    """
    cache, values = _read_cache(home), {}
    found: dict[str, Skill] = {}
    for path in (*_skill_files(shipped, say), *_skill_files(home.path("skills"), say)):
        try:
            data = files.read(path, 0, skill.MOST + 1)
            digest = hashlib.sha256(data).hexdigest()
            values[digest], one = skill.load(data, path, cache.get(digest))
            found[one.name] = one
        except Failure as failure:
            say(str(failure))
        except OSError as error:
            say(str(files.to_failure(error)))
    if not dry and not values.keys() <= cache.keys():
        _write_cache(home, values)
    return [found[name] for name in sorted(found)]


def prompt_text(skills: list[Skill]) -> str:
    """The prompt's part, one line a skill, the same bytes for the same skills; '' for none."""
    from shlex import quote

    lines = [f"- {one.name}: {one.summary} ({quote(one.path)})" for one in skills if not one.hidden]
    return "\n".join([_ADVICE, "", *lines]) if lines else ""


def _skill_files(folder: str, say: Callable[[str], None]) -> Iterator[str]:
    """Paths of the SKILL.md files one folder down, also links; of nothing that blocks a reader."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        say(str(files.to_failure(error)))
        return
    kept = (name for name in names if name[0] != "." and not copies.is_copy(name))
    paths = (os.path.join(folder, name, FILE) for name in kept)
    yield from (path for path in paths if os.path.isfile(path))


def _read_cache(home: Home) -> dict[str, Any]:
    try:
        value = json.loads(files.read(os.path.join(home.index, "skills.json")))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _write_cache(home: Home, values: dict[str, Any]) -> None:
    if not os.path.isdir(home.index):  # a home is not made by asking it something
        return
    with suppress(OSError):  # on a disk that is full or read-only they are read once more
        files.replace(os.path.join(home.index, "skills.json"), json_line(values).encode())
