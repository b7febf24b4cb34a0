"""What a command may see and touch, in words every rung understands. Knows no rung.

The system is read, the home is read without its secrets, one or two folders are written. Everything
else of the machine, the person's own folder first, is not there.
"""

import glob
import os
import sys
from collections.abc import Iterable
from typing import NamedTuple

from ...ground import regular
from ...ground.errors import NotPermitted
from ...ground.paths import IS_INSTALLED, PACKAGE, Home

#: what programs need to start; of /etc only what holds no secret, not even for root
SYSTEM = tuple(
    "/usr /bin /sbin /lib /lib32 /lib64 /libx32 /opt /nix/store /snap /gnu/store".split()
)
SETTINGS = (
    "alternatives bash.bashrc ca-certificates* crypto-policies debian_version default/locale fonts "
    "gai.conf group host.conf hostname hosts inputrc java* ld.so.* locale.* localtime magic* "
    "mime.types networks nsswitch.conf os-release passwd perl pki/ca-trust pki/tls/cert.pem "
    "pki/tls/certs profile profile.d protocols python* resolv.conf services shells ssl/certs "
    "ssl/*.pem ssl/*.cnf terminfo timezone xdg"
).split()


class Bounds(NamedTuple):
    """The bounds of one command. All paths are absolute."""

    folder: str  # where it starts
    writable: tuple[str, ...]
    readable: tuple[str, ...]  # beyond the system
    system: tuple[str, ...]
    listed: str  # a folder whose names may be seen, whatever of it may be read
    temporary: str  # stands for /tmp; writable
    network: bool
    memories: tuple[
        str, ...
    ] = ()  # of `writable`, those of resident memory: also below what is kept


def compute(
    home: Home,
    checkout: str,
    folder: str,
    temporary: str,
    network: bool,
    more: Iterable[str] = (),
    memories: tuple[str, ...] = (),
) -> Bounds:
    """What a command that starts in `folder` may touch; `more` is read as well, and `memories`,
    folders of resident memory, are written. NotPermitted for a
    folder that holds too much.
    """
    check(home, checkout, folder)
    own = [os.path.join(checkout, name) for name in ("bin", "lib", "skills", ".venv")]
    if IS_INSTALLED:
        own = [PACKAGE, sys.prefix]
    # what can be written anyway has names that lead anywhere
    asked = [path for path in more if not any(holds(w, path) for w in (home.workspace, folder))]
    opened = _carve_all((*own, *_interpreter(), *asked), [home.root])
    readable = dict.fromkeys([*opened, *list_visible(home.root)])
    return Bounds(
        folder,
        writable=tuple(dict.fromkeys((home.workspace, folder, *memories))),
        readable=tuple(filter(os.path.exists, readable)),
        system=_carve_all(list_system(), [home.root, checkout, os.path.expanduser("~")]),
        listed=home.root,
        temporary=temporary,
        network=network,
        memories=memories,
    )


def _carve_all(roots: Iterable[str], closed: list[str]) -> tuple[str, ...]:
    return tuple(part for root in roots for part in carve_out(root, closed))


def filter_path(limits: Bounds, path: str) -> str:
    """The folders of a PATH that can be seen: a shell gives up at the first it may not enter."""
    seen = (*limits.system, *limits.readable, *limits.writable)
    folders = path.split(":")
    return ":".join(folder for folder in folders if any(holds(root, folder) for root in seen))


def resolve(home: Home, folder: str) -> str:
    """The folder that commands are to start in, as it is now: a person's link is followed once.
    NotPermitted for one in the workspace, which may be the model's.
    """
    folder = os.path.abspath(folder)
    if not holds(home.workspace, folder):
        return os.path.realpath(folder)
    part = folder[len(home.workspace) + 1 :]
    try:
        if part:
            os.close(regular.open_below(home.workspace, part, regular.PASS | os.O_DIRECTORY))
    except FileNotFoundError:
        pass
    except OSError:
        what = f"'{folder}' is not a folder, or is reached through a link in the workspace"
        raise NotPermitted(what, cure="name the folder itself") from None
    return folder


def check(home: Home, checkout: str, folder: str) -> None:
    """NotPermitted when commands that may write `folder` could change more than what is theirs."""
    start, root = os.path.realpath(folder), os.path.realpath(home.root)
    own = {
        home.root: "the memory folder",
        checkout: "the suite's own commands",
        "~": "your own folder",
    }
    for path, what in own.items():
        if holds(start, os.path.realpath(os.path.expanduser(path))):
            what = f"'{folder}' holds {what}: commands could change all of it"
            raise NotPermitted(what, cure="give a folder inside or beside it")
    if holds(root, start) and not holds(os.path.realpath(home.workspace), start):
        what = f"'{folder}' is in the memory folder, where only workspace/ is for commands"
        raise NotPermitted(what, cure="leave out --cwd")
    for path in (os.path.abspath(home.root), *_list_linked_folders(root)):
        if leads_through(path, start):
            what = (
                f"'{path}' leads through '{folder}', where a command could put a link in its place"
            )
            raise NotPermitted(what, cure="let it lead to that folder itself, or out of it")


def _list_linked_folders(root: str) -> list[str]:
    """What a person made links to folders, right in the home. The reminders file is looked at where
    it is changed (reminders.file)."""
    try:
        with os.scandir(root) as entries:
            return sorted(one.path for one in entries if one.is_symlink() and one.is_dir())
    except OSError:
        return []


def leads_through(path: str, folder: str) -> bool:
    """Whether a name of an absolute path, or of a link on its way, is looked up in a real folder,
    or below it: whoever may write there can let the path lead anywhere."""
    here, left, links = "/", path.split("/"), 0
    while left:
        name = left.pop(0)
        if name in ("", "."):
            continue
        full = os.path.join(here, name)
        if name == "..":
            here = os.path.dirname(here)
        elif holds(folder, here):
            return True
        elif os.path.islink(full):
            target, links = os.readlink(full), links + 1
            if links > 40:  # as the system has it
                return True
            left[:0] = target.split("/")
            here = "/" if target.startswith("/") else here
        else:
            here = full
    return False


def list_visible(root: str) -> list[str]:
    """What is in the home and not a secret, as a name that starts with a dot may be, or a copy of
    `.env`."""
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return []
    shown = (name for name in names if not regular.is_secret(name))
    return [os.path.join(root, name) for name in shown if name != "workspace"]


def list_system() -> list[str]:
    """The parts of the system that are there, as they are named (`/bin` may be a link)."""
    settings = [path for pattern in SETTINGS for path in sorted(glob.glob("/etc/" + pattern))]
    return [path for path in (*SYSTEM, *settings) if os.path.exists(path)]


def carve_out(root: str, closed: Iterable[str]) -> list[str]:
    """`root`, or as much of it as holds nothing of `closed`: a home may be below a folder that is
    opened."""
    real = os.path.realpath(root)
    inside = [path for path in map(os.path.realpath, closed) if holds(real, path)]
    if not inside:
        return [root]
    if real in inside:
        return []
    found = []
    for name in sorted(os.listdir(root)):
        path = os.path.join(root, name)
        if not os.path.islink(path):  # what it leads to is opened, or not, by its own name
            found += carve_out(path, inside)
    return found


def holds(folder: str, path: str) -> bool:
    """Whether `path` is `folder`, or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def list_between(roots: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Every folder below one of `roots` and above one of `paths`, outer ones first."""
    found, roots = set(), tuple(roots)
    for path in paths:
        above = os.path.dirname(path)
        while any(above != root and holds(root, above) for root in roots):
            found.add(above)
            above = os.path.dirname(above)
    return sorted(found)


def _interpreter() -> list[str]:
    """The folders of the virtual environment's interpreter, which may be a person's own."""
    program = os.path.realpath(sys.executable)
    roots = {sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.path.dirname(program))}
    return sorted(root for root in roots if not any(holds(part, root) for part in SYSTEM))
