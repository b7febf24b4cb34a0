"""Files that run later: what a shell, git, an editor or a vault will run, outside any sandbox.

Owns which they are, finding them before a command so that a rung can protect them, and setting
aside those that a command made: renamed, so that nothing is lost and nothing runs. What a person
knowingly runs (a Makefile, a script) is not among them.

Commands of other turns may change every name here meanwhile: below the roots no link is followed,
and what is changed is changed in an open folder.
"""

import errno
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from ...ground import regular
from ...ground.errors import NotPermitted
from . import bounds

SUFFIX = ".set-aside"
MOST = 100_000  # folders; a command in more is not run, for nobody could tell what it plants

#: obeyed by programs that a person starts for another purpose; without case, as macOS compares
NAMES = frozenset(
    (
        ".githooks .pre-commit-config.yaml lefthook.yml .bash_aliases .bash_login .bash_logout "
        ".bash_profile .bashrc .claude .codex .cursor .devcontainer .direnv .emacs .envrc .exrc "
        ".gdbinit .gitconfig .husky .idea .inputrc .lldbinit .login .mcp.json .netrc .npmrc "
        ".obsidian .pi .profile .pypirc .pythonrc .screenrc .ssh .tmux.conf .vim .vimrc .vscode "
        ".xinitrc .xprofile .xsession .zlogin .zlogout .zprofile .zshenv .zshrc autostart crontab "
        "crontabs launchagents launchdaemons sitecustomize.py usercustomize.py"
    ).split()
)
_SYSTEMD = ("systemd", "user")  # ~/.config/systemd/user

#: what a repository's configuration may say without naming a program
_TAME = (
    rb"(?i)\s*"
    rb"(?:[#;].*|\[(?:core|init|user|remote \"[^\"]*\"|branch \"[^\"]*\"|submodule \"[^\"]*\""
    rb"|pull|push|fetch|merge|color|gc|extensions)\]"
    rb"|(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode"
    rb"|symlinks|autocrlf|eol|safecrlf|sparsecheckout|worktreeconfig|objectformat|defaultbranch"
    rb"|name|email|fetch|merge|rebase|ff|default|autosetupremote|prune|auto|ui|active"
    rb"|url\s*=\s*(?!ext::)(?![^:/]*::)[^\s-]\S*)(?:\s*=.*)?)?\s*\Z"
)

LARGEST = 1 << 20  # bytes of a configuration
FEW = 800  # paths to protect; where there are more, whole folders are

THERE, ABSENT = "there", "absent"
#: path -> what it was: THERE, ABSENT but named by a configuration, or where a link led
Snapshot = dict[str, str]

#: what a repository, or a part of one, consists of
_REPOSITORIES = ({"HEAD", "objects", "refs"}, {"HEAD", "commondir"}, {"objects", "refs", "config"})
_NO_REPOSITORIES = ("objects", "refs", "logs", "hooks")

_SETTING = re.compile(rb"\s*(?:\[[^\]]*\]\s*)?([\w.-]+)\s*=\s*(.*)")
#: settings whose value is a path, even without a slash
_PATHS = (b"hookspath", b"path", b"attributesfile")


def find(roots: tuple[str, ...]) -> Snapshot:
    """What is there now. NotPermitted when there is too much to look through."""
    found: Snapshot = {}
    for path in _walk(roots, MOST):
        found[path] = os.readlink(path) if os.path.islink(path) else THERE
        real = os.path.realpath(path)
        if real != path and os.path.exists(real) and _inside(roots, real):
            found[real] = THERE
        if os.path.basename(path) in ("config", "config.worktree") and not os.path.islink(path):
            for named in _paths_named(path, roots):
                found[named] = THERE if os.path.lexists(named) else ABSENT
    return found


def list_protectable(roots: tuple[str, ...], found: Snapshot) -> list[str]:
    """What a rung is asked to keep as it is. A link cannot be kept, what it leads to can.

    A rung keeps a thousand paths, not a hundred thousand: where there are too many, it is the
    folders right below the roots that hold them. NotPermitted when even those are too many.
    """
    there = (path for path, was in found.items() if was == THERE and os.path.lexists(path))
    paths = {path for path in there if not os.path.islink(path)}
    if len(paths) > FEW:
        paths = {_top(roots, path) for path in paths}
    if len(paths) > FEW:
        what = f"more than {FEW} folders of '{roots[-1]}' hold what would run later"
        raise NotPermitted(what, cure="name a smaller one with --cwd")
    return sorted(paths)


def _top(roots: tuple[str, ...], path: str) -> str:
    root = max((root.rstrip("/") for root in roots if _inside((root,), path)), key=len)
    return os.path.join(root, path[len(root) + 1 :].split("/")[0])


def set_aside(roots: tuple[str, ...], before: Snapshot) -> list[str]:
    """Disarm what is there now and was not before, and put links back. Remarks for the reader."""
    remarks: list[str] = []
    for path, was in before.items():
        if was not in (THERE, ABSENT) and not (os.path.islink(path) and os.readlink(path) == was):
            _record(_restore_link, roots, path, was, remarks)
    for path in [*(path for path, was in before.items() if was == ABSENT), *_walk(roots, None)]:
        is_new = before.get(path, ABSENT) == ABSENT and os.path.lexists(path)
        if is_new and not _harmless(roots, path):
            _record(_rename_aside, roots, path, "", remarks)
    return remarks


Roots = tuple[str, ...]


def _record(
    change: Callable[[Roots, str, str], str], roots: Roots, path: str, was: str, remarks: list[str]
) -> None:
    """Change a path and note the remark; one that cannot be changed stops none of the others."""
    try:
        remarks.append(change(roots, path, was))
    except OSError as error:
        remarks.append(f"{_would_run(path)}, and cannot be set aside: {error.strerror}")


def _walk(roots: tuple[str, ...], most: int | None) -> Iterator[str]:
    """Paths of all that runs later, the outermost first; nothing below one of them is visited."""
    waiting, looked = deque((root, False) for root in roots), 0
    while waiting:
        (folder, within), looked = waiting.popleft(), looked + 1
        if most is not None and looked > most:
            what = f"more than {most:,} folders below '{roots[-1]}'"
            raise NotPermitted(what, cure="name another with --cwd, or remove some of them")
        entries = _list(roots, folder)
        names = {entry.name for entry in entries}
        # a repository, whole or not yet, or a part of one; git enters one of any name as readily
        is_git = within or os.path.basename(folder).lower() == ".git"
        if is_git or any(kind <= names for kind in _REPOSITORIES):
            obeyed = ("config", "config.worktree", "commondir", "hooks")
            yield from (os.path.join(folder, name) for name in obeyed if name in names)
            # modules, work trees: more repositories
            more = (entry for entry in entries if entry.name not in _NO_REPOSITORIES)
            waiting += [(entry.path, True) for entry in more if entry.is_folder]
            continue
        for entry in entries:
            if _is_autorun(entry, folder):
                yield entry.path
            elif entry.is_folder:
                waiting.append((entry.path, False))


class _Entry(NamedTuple):
    name: str
    path: str
    is_folder: bool


@contextmanager
def _open_folder(roots: Roots, folder: str, how: int = regular.FOLDER) -> Iterator[int]:
    """A folder, opened from its root on. OSError when a link is on the way."""
    inside = (root.rstrip("/") for root in roots if bounds.holds(root.rstrip("/"), folder))
    root = max(inside, key=len)
    part = folder[len(root) + 1 :]
    fd = regular.open_below(root, part, how) if part else os.open(root, how)
    try:
        yield fd
    finally:
        os.close(fd)


def _list(roots: Roots, folder: str) -> list[_Entry]:
    """What is in a folder, by name. One closed to its own user would hide it, and is opened."""
    for _ in range(2):
        try:
            with _open_folder(roots, folder) as fd, os.scandir(fd) as entries:
                return sorted(
                    _Entry(e.name, os.path.join(folder, e.name), e.is_dir(follow_symlinks=False))
                    for e in entries
                )
        except OSError:
            _make_accessible(roots, folder)
    return []


def _make_accessible(roots: Roots, folder: str) -> None:
    above, name = os.path.split(folder)
    with suppress(OSError):
        if folder in roots:
            regular.change_mode(folder, stat.S_IMODE(os.lstat(folder).st_mode) | 0o700)
            return
        with _open_folder(roots, above, regular.PASS | os.O_DIRECTORY) as fd:
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            regular.change_mode(name, stat.S_IMODE(mode) | 0o700, fd)


def _paths_named(config: str, roots: tuple[str, ...], depth: int = 5) -> Iterator[str]:
    """What a repository's configuration names that may run: hooks, programs, more configuration."""
    try:
        lines = _read_regular(roots, config).replace(b"\\\n", b" ").split(b"\n")
    except OSError:
        return
    folder = os.path.dirname(config)
    bases = (folder, os.path.dirname(folder))  # where an include, and where a program is looked for
    for line in lines:
        setting = _SETTING.match(line.strip()[:4096])
        if not setting or _tame(line):
            continue
        words = re.sub("[\"'!]", " ", os.fsdecode(setting[2])).split()
        if setting[1].lower() not in _PATHS:
            words = [word for word in words if "/" in word]  # others are looked for on PATH
        places = {os.path.join(base, os.path.expanduser(word)) for word in words for base in bases}
        for path in {os.path.normpath(place) for place in places}:
            holds_base = path in bases or any(_inside((path,), base) for base in bases)
            if _inside(roots, path) and not holds_base:
                yield path
                if depth:
                    yield from _paths_named(path, roots, depth - 1)


def _inside(roots: tuple[str, ...], path: str) -> bool:
    return any(path.startswith(root.rstrip("/") + "/") for root in roots)


def _is_autorun(entry: _Entry, folder: str) -> bool:
    name = entry.name.lower()
    if name == ".git":  # a file or a link that leads to a repository elsewhere
        return not entry.is_folder
    return name in NAMES or (os.path.basename(folder).lower(), name) == _SYSTEMD


def _harmless(roots: Roots, path: str) -> bool:
    """What a new repository or work tree brings by itself, so that it is left usable."""
    name = os.path.basename(path)
    try:
        if name == "hooks":
            with _open_folder(roots, path) as fd:
                return all(hook.endswith(".sample") for hook in os.listdir(fd))
        if name == "config":
            return all(map(_tame, _read_regular(roots, path).split(b"\n")))
        return name == "commondir" and _read_regular(roots, path).strip() == b"../.."
    except OSError:
        return False


def _read_regular(roots: Roots, path: str) -> bytes:
    """What is in a file; OSError for a large one, or what could block a reader for ever."""
    with _open_folder(roots, os.path.dirname(path), regular.PASS | os.O_DIRECTORY) as fd:
        data = regular.read_at(fd, os.path.basename(path), LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, "not a configuration")
    return data


def _tame(line: bytes) -> bool:
    """Whether a line of a configuration is harmless; stripped and short, as the pattern needs."""
    return len(line) < 1000 and bool(re.match(_TAME, line.strip()))


def _restore_link(roots: Roots, path: str, was: str) -> str:
    """Make a link lead where it did."""
    there = os.path.lexists(path)
    remark = _rename_aside(roots, path, was) if there else f"{_would_run(path)}: it is back"
    with _open_folder(roots, os.path.dirname(path), regular.PASS | os.O_DIRECTORY) as fd:
        os.symlink(was, os.path.basename(path), dir_fd=fd)
    return remark


def _rename_aside(roots: Roots, path: str, was: str) -> str:
    folder, name = os.path.split(path)
    with _open_folder(roots, folder, regular.PASS | os.O_DIRECTORY) as fd:
        target, number = name + SUFFIX, 1
        while _is_there(target, fd):
            number += 1
            target = f"{name}{SUFFIX}-{number}"
        try:
            os.rename(name, target, src_dir_fd=fd, dst_dir_fd=fd)
        except PermissionError:
            _make_accessible(roots, folder)
            os.rename(name, target, src_dir_fd=fd, dst_dir_fd=fd)
    return f"{_would_run(path)}: it is now '{target}'"


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _would_run(path: str) -> str:
    return f"'{path}' would run later, outside the sandbox"
