"""Things that run later: files in a folder of commands that a shell, git, an editor or a vault will run, outside any sandbox.

Owns which they are, finding them before a command so that a rung can protect them, and setting aside those that a
command made: renamed, so that nothing is lost and nothing runs. What a person knowingly runs (a Makefile, a script) is not
among them.
"""

import os
import re
from collections import deque
from collections.abc import Iterator

from ...ground import files

SUFFIX = ".set-aside"
MOST = 20_000  # folders looked into, those at the top first

#: read and obeyed by programs that a person starts for another purpose; compared without case, as macOS does
NAMES = frozenset(
    ".bash_aliases .bash_login .bash_logout .bash_profile .bashrc .claude .codex .cursor .devcontainer .direnv .emacs .envrc .exrc "
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

Found = dict[str, str]  # path -> what it was when it was found: 'there', or where a link led


def find(roots: tuple[str, ...]) -> Found:
    """What is there now."""
    found: Found = {}
    for path in _walk(roots):
        found[path] = os.readlink(path) if os.path.islink(path) else "there"
        real = os.path.realpath(path)
        if real != path and os.path.exists(real) and any(real.startswith(root.rstrip("/") + "/") for root in roots):
            found[real] = "there"
    return found


def protectable(found: Found) -> list[str]:
    """What a rung can be asked to keep as it is: a link cannot be, what it leads to can."""
    return sorted(path for path, was in found.items() if was == "there")


def set_aside(roots: tuple[str, ...], before: Found) -> list[str]:
    """Disarm what is there now and was not before, and put links back; remarks for whoever reads the output."""
    remarks = []
    for path, was in before.items():
        if was != "there" and not (os.path.islink(path) and os.readlink(path) == was):
            if os.path.lexists(path):
                remarks.append(_aside(path))
            os.symlink(was, path)
    for path in list(_walk(roots)):
        if path not in before and os.path.lexists(path) and not _harmless(path):
            remarks.append(_aside(path))
    return remarks


def _walk(roots: tuple[str, ...]) -> Iterator[str]:
    """Paths of all that runs later, the outermost first; what is below one of them is not looked at."""
    waiting, looked = deque(roots), 0
    while waiting and looked < MOST:
        folder, looked = waiting.popleft(), looked + 1
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        names = {entry.name for entry in entries}
        # a repository, whole or not yet; git enters one that is no .git as readily
        if os.path.basename(folder).lower() == ".git" or {"HEAD", "objects", "refs"} <= names:
            yield from _in_repository(folder, names)
            waiting += [entry.path for entry in entries if entry.name in ("modules", "worktrees") and _is_folder(entry)]
            continue
        for entry in entries:
            if _runs_later(entry, folder):
                yield entry.path
            elif _is_folder(entry):
                waiting.append(entry.path)


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
    """A new repository brings a configuration and sample hooks, and is left usable."""
    name = os.path.basename(path)
    if os.path.islink(path):
        return False
    if name == "hooks":
        return all(hook.endswith(".sample") for hook in os.listdir(path))
    if name == "config":
        try:
            return all(_TAME.match(line) for line in files.read(path).split(b"\n"))
        except OSError:
            return False
    return False


def _aside(path: str) -> str:
    target = path + SUFFIX
    number = 1
    while os.path.lexists(target):
        number += 1
        target = f"{path}{SUFFIX}-{number}"
    os.rename(path, target)
    return f"'{path}' would run later, outside the sandbox: it is now '{os.path.basename(target)}'"
