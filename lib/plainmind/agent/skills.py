"""Skills: which there are, what the model is told of them, and how a draft becomes one.

A skill is a folder with a SKILL.md (formats.skill). One in `skills/` of the home stands for the
shipped one of the same name, and hides it if it is hidden itself. Owns finding, checking and adding
them. Refuses to know what they do.

Every turn asks for them, and importing the YAML library costs more than all the rest of it, so the
heads that were read are kept in `index/skills.json` by the hash of the whole file: they can be out
of date only where SHA-256 is.
"""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..formats import skill
from ..formats.skill import FILE, Skill
from ..ground import exchange, files
from ..ground.errors import NO_MATCH, BadData, Failure, InputOutput, NoInput, NotPermitted
from ..ground.paths import Home
from ..ground.stream import json_line

MOST_FILES, LARGEST, MOST = 200, 1 << 20, 8 << 20  # of a draft: files, bytes of one, bytes of all

_ADVICE = (
    "Skills tell how to do certain things. Before a task that one of them is for, read its file with bash (cat) and follow it; "
    "paths in it are relative to its folder."
)


def discover(
    home: Home, shipped: str, say: Callable[[str], None], *, dry: bool = False
) -> list[Skill]:
    """Every skill of the home and of the folder `shipped`, by name. A broken one is left out, with
    one remark.

    A dry run writes nothing, not even what it read.
    """
    known, heads = _known(home), {}
    found: dict[str, Skill] = {}
    for path in (*_places(shipped, say), *_places(home.path("skills"), say)):
        try:
            data = files.read(path, 0, skill.MOST + 1)
            digest = hashlib.sha256(data).hexdigest()
            heads[digest] = _values(known.get(digest), path) or skill.check(data, path)
            made = skill.from_values(heads[digest], path)
            found[made.name] = made
        except Failure as failure:
            say(str(failure))
        except OSError as error:
            say(str(files.to_failure(error)))
    if not dry and not heads.keys() <= known.keys():
        _keep(home, heads)
    return [found[name] for name in sorted(found)]


def text(skills: list[Skill]) -> str:
    """The prompt's part: one line a skill;

    '' when there is none to show. The same skills give the same bytes.
    """
    from shlex import quote

    lines = [
        f"- {each.name}: {each.summary} ({quote(each.path)})" for each in skills if not each.hidden
    ]
    return "\n".join([_ADVICE, "", *lines]) if lines else ""


def _places(folder: str, say: Callable[[str], None]) -> Iterator[str]:
    """Paths of the SKILL.md files right below a folder, which may be links; of nothing that would
    block a reader."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        say(str(files.to_failure(error)))
        return
    paths = (os.path.join(folder, name, FILE) for name in names if not name.startswith("."))
    yield from (path for path in paths if os.path.isfile(path))


def _known(home: Home) -> dict[str, Any]:
    try:
        value = json.loads(files.read(os.path.join(home.index, "skills.json")))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _values(kept: Any, path: str) -> dict[str, str] | None:
    """What was kept of a head, if it still is that of a sound skill at this path."""
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        return None
    sound = next(skill.find_problems(skill.SkillFrontmatter(kept, {}, []), path), None) is None
    return kept if sound else None


def _keep(home: Home, heads: dict[str, Any]) -> None:
    if not os.path.isdir(home.index):  # a home is not made by asking it something
        return
    try:
        files.replace(os.path.join(home.index, "skills.json"), json_line(heads).encode())
    except OSError:  # on a disk that is full or read-only they are read once more
        pass


# --- drafts


class Finding(NamedTuple):
    path: str
    line: int
    message: str


class File(NamedTuple):
    path: str  # relative to the skill's folder
    data: bytes
    executable: bool


class Draft(NamedTuple):
    """A folder as it was when it was read: what was checked is what is added."""

    name: str
    files: list[File]
    findings: list[Finding]


def draft(folder: str) -> Draft:
    """Read and check a folder that is to become a skill. NoInput when it is none."""
    if not os.path.isdir(folder):
        raise NoInput(
            f"no such folder: '{folder}'", cure="name the folder that holds the draft's SKILL.md"
        )
    made = Draft(os.path.basename(os.path.abspath(folder)), [], [])
    root = os.path.realpath(folder)  # it may be a link itself; what is in it may not
    for here, name, fd in _entries(root):
        relative = os.path.relpath(os.path.join(here, name), root)
        _take(made, os.path.join(folder, relative), relative, fd)
        if (
            len(made.files) + len(made.findings) > MOST_FILES
            or sum(len(file.data) for file in made.files) > MOST
        ):
            made.findings.insert(
                0,
                Finding(
                    folder, 1, f"more than {MOST_FILES} files or {MOST >> 20} MB; a skill is small"
                ),
            )
            break
    made.findings.extend(_of_text(made, os.path.abspath(folder), folder))
    return made


def _entries(root: str) -> Iterator[tuple[str, str, int]]:
    """Folder, name and the folder's descriptor of all that is below a folder.

    Each folder is held open: one that is swapped for a link meanwhile leads nowhere.
    """

    def stop(error: OSError) -> None:
        raise error

    for here, folders, names, fd in os.fwalk(root, onerror=stop):
        folders.sort()
        for name in sorted({*folders, *names}):
            yield here, name, fd
        folders[:] = [name for name in folders if not name.startswith(".")]


def _take(made: Draft, path: str, relative: str, folder: int) -> None:
    """Read one entry of a folder into the draft, or say why it cannot be."""
    name = os.path.basename(path)
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    data, wrong = b"", ""
    if name.startswith(".") or not name.isprintable():
        wrong = (
            "hidden, or not printable: nobody would see that it comes along; rename or remove it"
        )
    elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        wrong = "a link, or no file; put the file itself here"
    elif stat.S_ISREG(mode):
        try:
            data = _content(name, folder)
        except OSError as error:
            wrong = f"{files.to_failure(error).what}; make it readable"
        if len(data) > LARGEST:
            wrong = f"more than {LARGEST >> 20} MB; a skill is small"
        elif data.startswith(b"#!") and not mode & stat.S_IXUSR:
            wrong = "a script that cannot be run; chmod +x it"
    if wrong:
        made.findings.append(Finding(path, 1, wrong))
    elif stat.S_ISREG(mode):
        made.files.append(File(relative, data, bool(mode & stat.S_IXUSR)))


def _content(name: str, folder: int) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with open(fd, "rb") as file:
        return file.read(LARGEST + 1)


def _of_text(made: Draft, place: str, shown: str) -> Iterator[Finding]:
    """What is wrong with the SKILL.md itself."""
    data = next((file.data for file in made.files if file.path == FILE), None)
    path = os.path.join(shown, FILE)
    if data is None:
        yield Finding(path, 1, "no SKILL.md that can be read; write one")
        return
    try:
        head = skill.read_frontmatter(data, os.path.join(place, FILE))
        wrong = list(skill.find_problems(head, os.path.join(place, FILE)))
        empty = not skill.read_body(data).strip()
    except BadData as failure:
        wrong, empty = [failure], False
    for problem in wrong:
        yield Finding(
            path, int(problem.place.rpartition(":")[2]), f"{problem.what}; {problem.cure}"
        )
    if empty:
        yield Finding(
            path, data.rstrip().count(b"\n") + 1, "nothing below the head; say how it is done"
        )


def add(home: Home, draft: Draft, *, replace: bool) -> str:
    """Make a draft without findings a skill of the home, all of it or nothing. Returns the path of
    its SKILL.md.

    Where there is one of this name already, that is a Failure, unless it is to be replaced.
    """
    folder = home.path("skills")
    target, made = os.path.join(folder, draft.name), os.path.join(folder, f".{draft.name}.tmp")
    files.make_folder(folder)
    with files.lock(os.path.join(folder, ".lock")):
        _remove(made)  # what a killed one left
        if os.path.islink(target):
            raise NotPermitted(
                "a link, which is yours",
                place=target,
                cure="remove it, or change what it points at",
            )
        there = os.path.lexists(target)
        if there and not replace:
            raise Failure(
                f"there is a skill '{draft.name}' already",
                place=target,
                cure="look at it; then --replace",
                code=NO_MATCH,
            )
        for file in draft.files:
            files.replace(
                os.path.join(made, file.path), file.data, mode=0o700 if file.executable else 0o600
            )
        if not there:
            os.rename(made, target)
        elif not exchange.swap(made, target):
            _remove(made)
            raise InputOutput(
                "this file system cannot exchange two folders",
                place=target,
                cure="remove the old one first",
            )
        files.sync_with_parent(folder)
        _remove(made)
    return os.path.join(target, FILE)


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
