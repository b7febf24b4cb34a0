"""Drafts of skills: a folder is read and checked, and what was read becomes a skill of the home."""

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from ..formats import skill
from ..formats.change import FileChange
from ..formats.skill import FILE
from ..ground import environment, exchange, files, regular
from ..ground.errors import NO_MATCH, BadData, Failure, InputOutput, NoInput, NotPermitted
from ..ground.paths import Home
from ..truth import changes

MOST_FILES, LARGEST, MOST = 200, 1 << 20, 8 << 20  # files, bytes of one, bytes of all


class DraftFinding(NamedTuple):
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class DraftFile(NamedTuple):
    path: str  # relative to the skill's folder
    data: bytes
    executable: bool


class SkillDraft(NamedTuple):
    """A folder as it was when it was read: what was checked is what is added."""

    name: str
    files: list[DraftFile]
    findings: list[DraftFinding]


def read_of_turn(home: Home, folder: str) -> SkillDraft:
    """The same for a turn, which may name no folder but one of workspace/, and no link."""
    full = os.path.normpath(os.path.join(home.workspace, folder))
    if not full.startswith(home.workspace + os.sep):
        what = f"refused from inside the sandbox: '{folder}' is not in {home.workspace}"
        raise NotPermitted(what, cure="draft it there")
    try:
        with regular.open_folder(home.root, os.path.relpath(full, home.root)) as fd:
            return read(full, fd)
    except OSError:
        raise NoInput(f"no such folder: '{folder}'", cure="a link is none") from None


def read(folder: str, opened: int | None = None) -> SkillDraft:
    """Read and check a folder that is to become a skill; `opened` is its descriptor, if it is open
    already. NoInput when it is none."""
    if opened is None and not os.path.isdir(folder):
        cure = "name the folder that holds the draft's SKILL.md"
        raise NoInput(f"no such folder: '{folder}'", cure=cure)
    draft = SkillDraft(os.path.basename(os.path.abspath(folder)), [], [])
    # it may be a link itself; what is in it may not
    root = os.path.realpath(folder) if opened is None else "."
    for here, name, fd in _entries(root, opened):
        relative = os.path.relpath(os.path.join(here, name), root)
        _add_entry(draft, os.path.join(folder, relative), relative, fd)
        size = sum(len(file.data) for file in draft.files)
        if len(draft.files) + len(draft.findings) > MOST_FILES or size > MOST:
            problem = f"more than {MOST_FILES} files or {MOST >> 20} MB; a skill is small"
            draft.findings.insert(0, DraftFinding(folder, 1, problem))
            break
    draft.findings.extend(_check_text(draft, os.path.abspath(folder), folder))
    return draft


def _entries(root: str, opened: int | None) -> Iterator[tuple[str, str, int]]:
    """Folder, name and the folder's descriptor of all that is below a folder.

    Each folder is held open: one that is swapped for a link meanwhile leads nowhere.
    """

    def stop(error: OSError) -> None:
        raise error

    for here, folders, names, fd in os.fwalk(root, onerror=stop, dir_fd=opened):
        folders.sort()
        for name in sorted({*folders, *names}):
            yield here, name, fd
        folders[:] = [name for name in folders if not name.startswith(".")]


def _add_entry(draft: SkillDraft, path: str, relative: str, folder: int) -> None:
    """Read one entry of a folder into the draft, or say why it cannot be."""
    name = os.path.basename(path)
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    data, problem = b"", ""
    if name.startswith(".") or not name.isprintable():
        problem = (
            "hidden, or not printable: nobody would see that it comes along; rename or remove it"
        )
    elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        problem = "a link, or not a file; put the file itself here"
    elif stat.S_ISREG(mode):
        try:
            data = regular.read_at(folder, name, LARGEST + 1)
        except OSError as error:
            problem = f"{files.to_failure(error).what}; make it readable"
        if len(data) > LARGEST:
            problem = f"more than {LARGEST >> 20} MB; a skill is small"
        elif data.startswith(b"#!") and not mode & stat.S_IXUSR:
            problem = "a script that cannot be run; chmod +x it"
    if problem:
        draft.findings.append(DraftFinding(path, 1, problem))
    elif stat.S_ISREG(mode):
        draft.files.append(DraftFile(relative, data, bool(mode & stat.S_IXUSR)))


def _check_text(draft: SkillDraft, place: str, shown: str) -> Iterator[DraftFinding]:
    """What is wrong with the SKILL.md itself."""
    data = next((file.data for file in draft.files if file.path == FILE), None)
    path = os.path.join(shown, FILE)
    if data is None:
        yield DraftFinding(path, 1, "no SKILL.md that can be read; write one")
        return
    try:
        head = skill.read_frontmatter(data, os.path.join(place, FILE))
        path_in_place = os.path.join(place, FILE)
        problems = [*skill.find_refused(head, path_in_place)]
        problems = problems or [*skill.find_problems(head, path_in_place)]
        empty = not skill.read_body(data).strip()
    except BadData as failure:
        problems, empty = [failure], False
    for problem in problems:
        line = int(problem.place.rpartition(":")[2])
        yield DraftFinding(path, line, f"{problem.what}; {problem.cure}")
    if empty:
        line = data.rstrip().count(b"\n") + 1
        yield DraftFinding(path, line, "nothing below the frontmatter; say how it is done")


def add(home: Home, draft: SkillDraft, *, replace: bool) -> str:
    """Make a draft without findings a skill of the home, all of it or nothing. The path of its
    SKILL.md. A name that is taken is a Failure, unless the skill is to be replaced.
    """
    folder = home.path("skills")
    target, staging = os.path.join(folder, draft.name), os.path.join(folder, f".{draft.name}.tmp")
    files.make_folder(folder)
    with files.lock(os.path.join(folder, ".lock")):
        _remove(staging)  # what a killed one left
        if os.path.islink(target):
            cure = "remove it, or change what it points at"
            raise NotPermitted("a link, which is yours", place=target, cure=cure)
        there = os.path.lexists(target)
        if there and not replace:
            what, cure = f"there is a skill '{draft.name}' already", "look at it; then --replace"
            raise Failure(what, place=target, cure=cure, code=NO_MATCH)
        if turn := environment.read_turn():
            changes.keep(home, turn, "skills", tuple(_compare(home, draft)))
        for path, data, executable in draft.files:
            mode = 0o700 if executable else 0o600
            files.replace(os.path.join(staging, path), data, mode=mode)
        if not there:
            os.rename(staging, target)
        elif not exchange.swap(staging, target):
            _remove(staging)
            what, cure = "this file system cannot exchange two folders", "remove the old one first"
            raise InputOutput(what, place=target, cure=cure)
        files.sync_with_parent(folder)
        _remove(staging)
    return os.path.join(target, FILE)


def _compare(home: Home, draft: SkillDraft) -> Iterator[FileChange]:
    """What becomes of the files of the skill that has the name, its SKILL.md last."""
    made = {file.path: file for file in draft.files}
    top = home.path("skills", draft.name)
    there = [os.path.relpath(os.path.join(h, n), top) for h, _, ns in os.walk(top) for n in ns]
    for path in sorted({*made, *there}, key=lambda path: (path == FILE, path)):
        new, full = made.get(path), os.path.join(top, path)
        old = files.read(full) if os.path.lexists(full) else None
        mode = 0o700 if new and new.executable else 0o600
        part = os.path.join("skills", draft.name, path)
        if not new or new.data != old:
            yield FileChange.of(part, old, new.data if new else None, mode)


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
