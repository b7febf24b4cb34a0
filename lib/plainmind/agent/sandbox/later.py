"""Things that run later: files in a folder of commands that a shell, git, an editor or a vault will run, outside any sandbox.

Owns which they are, finding them before a command so that a rung can protect them, and setting aside those that a
command made: renamed, so that nothing is lost and nothing runs. What a person knowingly runs (a Makefile, a script) is not
among them.
"""

import errno
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator

from ...ground import files
from ...ground.errors import NotPermitted

SUFFIX = ".set-aside"
MOST = (
    100_000  # folders; a command in more of them is not run, for nobody could tell what it plants
)

#: read and obeyed by programs that a person starts for another purpose; compared without case, as macOS does
NAMES = frozenset(
    ".githooks .pre-commit-config.yaml lefthook.yml .bash_aliases .bash_login .bash_logout .bash_profile .bashrc .claude .codex .cursor .devcontainer .direnv .emacs .envrc .exrc "
    ".gdbinit .gitconfig .husky .idea .inputrc .lldbinit .login .mcp.json .netrc .npmrc .obsidian .pi .profile .pypirc "
    ".pythonrc .screenrc .ssh .tmux.conf .vim .vimrc .vscode .xinitrc .xprofile .xsession .zlogin .zlogout .zprofile .zshenv "
    ".zshrc autostart crontab crontabs launchagents launchdaemons sitecustomize.py usercustomize.py".split()
)
_SYSTEMD = ("systemd", "user")  # ~/.config/systemd/user

#: what a repository's configuration may say without naming a program
_TAME = re.compile(
    rb"\s*(?:[#;].*|\[(?:core|init|user|remote \"[^\"]*\"|branch \"[^\"]*\"|submodule \"[^\"]*\"|pull|push|fetch|merge|color|gc|extensions)\]"
    rb"|(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol|safecrlf|sparsecheckout"
    rb"|worktreeconfig|objectformat|defaultbranch|name|email|fetch|merge|rebase|ff|default|autosetupremote|prune|auto|ui|active"
    rb"|url\s*=\s*(?!ext::)(?![^:/]*::)[^\s-]\S*)(?:\s*=.*)?)?\s*\Z",
    re.I,
)

LARGEST = 1 << 20  # bytes of a configuration
FEW = 800  # paths to protect; where there are more, whole folders are

THERE, ABSENT = "there", "absent"
Found = dict[
    str, str
]  # path -> what it was when it was found: THERE, ABSENT but named by a configuration, or where a link led

#: what a repository, or a part of one, consists of
_REPOSITORIES = ({"HEAD", "objects", "refs"}, {"HEAD", "commondir"}, {"objects", "refs", "config"})

_SETTING = re.compile(rb"\s*(?:\[[^\]]*\]\s*)?([\w.-]+)\s*=\s*(.*)")
_PATHS = (
    b"hookspath",
    b"path",
    b"attributesfile",
)  # settings whose value is a path, even without a slash


def find(roots: tuple[str, ...]) -> Found:
    """What is there now. NotPermitted when there is too much to look through."""
    found: Found = {}
    for path in _walk(roots, MOST):
        found[path] = os.readlink(path) if os.path.islink(path) else THERE
        real = os.path.realpath(path)
        if real != path and os.path.exists(real) and _inside(roots, real):
            found[real] = THERE
        if os.path.basename(path) in ("config", "config.worktree") and not os.path.islink(path):
            found |= {
                named: THERE if os.path.lexists(named) else ABSENT for named in _named(path, roots)
            }
    return found


def protectable(roots: tuple[str, ...], found: Found) -> list[str]:
    """What a rung is asked to keep as it is. A link cannot be kept, what it leads to can.

    A rung keeps a thousand paths, not a hundred thousand: where there are too many, it is the folders right below the
    roots that hold them. NotPermitted when even those are too many.
    """
    paths = [
        path
        for path, was in found.items()
        if was == THERE and os.path.lexists(path) and not os.path.islink(path)
    ]
    if len(paths) > FEW:
        paths = [_top(roots, path) for path in paths]
    if len(set(paths)) > FEW:
        raise NotPermitted(
            f"more than {FEW} folders of '{roots[-1]}' hold what would run later",
            cure="name a smaller one with --cwd",
        )
    return sorted(set(paths))


def _top(roots: tuple[str, ...], path: str) -> str:
    root = max((root.rstrip("/") for root in roots if _inside((root,), path)), key=len)
    return os.path.join(root, path[len(root) + 1 :].split("/")[0])


def set_aside(roots: tuple[str, ...], before: Found) -> list[str]:
    """Disarm what is there now and was not before, and put links back; remarks for whoever reads the output."""
    remarks: list[str] = []
    for path, was in before.items():
        if was not in (THERE, ABSENT) and not (os.path.islink(path) and os.readlink(path) == was):
            _tried(_put_back, path, was, remarks)
    for path in [*(path for path, was in before.items() if was == ABSENT), *_walk(roots, None)]:
        if before.get(path, ABSENT) == ABSENT and os.path.lexists(path) and not _harmless(path):
            _tried(_aside, path, "", remarks)
    return remarks


def _tried(work: Callable[[str, str], str], path: str, was: str, remarks: list[str]) -> None:
    """One that cannot be renamed keeps nothing else from being so."""
    try:
        remarks.append(work(path, was))
    except OSError as error:
        remarks.append(
            f"'{path}' would run later, outside the sandbox, and cannot be set aside: {error.strerror}"
        )


def _walk(roots: tuple[str, ...], most: int | None) -> Iterator[str]:
    """Paths of all that runs later, the outermost first; what is below one of them is not looked at."""
    waiting, looked = deque((root, False) for root in roots), 0
    while waiting:
        (folder, within), looked = waiting.popleft(), looked + 1
        if most is not None and looked > most:
            raise NotPermitted(
                f"more than {most:,} folders below '{roots[-1]}'",
                cure="name another with --cwd, or remove some of them",
            )
        entries = _entries(folder)
        names = {entry.name for entry in entries}
        # a repository, whole or not yet, or a part of one; git enters one that is no .git as readily
        if (
            within
            or os.path.basename(folder).lower() == ".git"
            or any(kind <= names for kind in _REPOSITORIES)
        ):
            yield from _in_repository(folder, names)
            # modules, work trees: more repositories
            more = [
                entry for entry in entries if entry.name not in ("objects", "refs", "logs", "hooks")
            ]
            waiting += [(entry.path, True) for entry in more if _is_folder(entry)]
            continue
        for entry in entries:
            if _runs_later(entry, folder):
                yield entry.path
            elif _is_folder(entry):
                waiting.append((entry.path, False))


def _entries(folder: str) -> list[os.DirEntry]:
    """What is in a folder, by name. One that is closed to its own user is opened: it would hide what it holds."""
    for _ in range(2):
        try:
            return sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            _open(folder)
    return []


def _open(folder: str) -> None:
    try:
        os.chmod(folder, stat.S_IMODE(os.lstat(folder).st_mode) | 0o700)
    except OSError:
        pass


def _named(config: str, roots: tuple[str, ...], depth: int = 5) -> Iterator[str]:
    """Files and folders that a repository's configuration names with whatever is not harmless: hooks, programs, more of it."""
    try:
        lines = _content(config).replace(b"\\\n", b" ").split(b"\n")
    except OSError:
        return
    folder = os.path.dirname(config)
    bases = (folder, os.path.dirname(folder))  # where an include, and where a program is looked for
    for line in lines:
        setting = _SETTING.match(line.strip()[:4096])
        if not setting or _tame(line):
            continue
        words = (
            os.fsdecode(setting[2]).replace('"', " ").replace("'", " ").replace("!", " ").split()
        )
        if setting[1].lower() not in _PATHS:
            words = [word for word in words if "/" in word]  # others are looked for on PATH
        for path in {
            os.path.normpath(os.path.join(base, os.path.expanduser(word)))
            for word in words
            for base in bases
        }:
            if (
                _inside(roots, path)
                and path not in bases
                and not any(_inside((path,), base) for base in bases)
            ):
                yield path
                if depth and os.path.isfile(path):
                    yield from _named(path, roots, depth - 1)


def _inside(roots: tuple[str, ...], path: str) -> bool:
    return any(path.startswith(root.rstrip("/") + "/") for root in roots)


def _runs_later(entry: os.DirEntry, folder: str) -> bool:
    name = entry.name.lower()
    if name == ".git":  # a file or a link that leads to a repository elsewhere
        return not _is_folder(entry)
    return name in NAMES or (os.path.basename(folder).lower(), name) == _SYSTEMD


def _in_repository(folder: str, names: set[str]) -> Iterator[str]:
    for name in ("config", "config.worktree", "commondir", "hooks"):
        if name in names:
            yield os.path.join(folder, name)


def _is_folder(entry: os.DirEntry) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _harmless(path: str) -> bool:
    """A new repository brings a configuration and sample hooks, a new work tree where the rest of it is: they are left usable."""
    name = os.path.basename(path)
    if os.path.islink(path):
        return False
    try:
        if name == "hooks":
            return all(hook.endswith(".sample") for hook in os.listdir(path))
        if name == "config":
            return all(map(_tame, _content(path).split(b"\n")))
        return name == "commondir" and _content(path).strip() == b"../.."
    except OSError:
        return False


def _content(path: str) -> bytes:
    """What is in a file; OSError for what is none, which a reader could wait for without end, and for what is too large."""
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        raise OSError(errno.EINVAL, "no configuration")
    return files.read(path)


def _tame(line: bytes) -> bool:
    """Whether a line of a configuration is one of the harmless ones; stripped, and short, for the pattern's sake."""
    return len(line) < 1000 and bool(_TAME.match(line.strip()))


def _put_back(path: str, was: str) -> str:
    """A link to what it was."""
    remark = (
        _aside(path, was)
        if os.path.lexists(path)
        else f"'{path}' would run later, outside the sandbox: it is back"
    )
    os.symlink(was, path)
    return remark


def _aside(path: str, was: str) -> str:
    target = path + SUFFIX
    number = 1
    while os.path.lexists(target):
        number += 1
        target = f"{path}{SUFFIX}-{number}"
    try:
        os.rename(path, target)
    except PermissionError:
        _open(os.path.dirname(path))
        os.rename(path, target)
    return f"'{path}' would run later, outside the sandbox: it is now '{os.path.basename(target)}'"
