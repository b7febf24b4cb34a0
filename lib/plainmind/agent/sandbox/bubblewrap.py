"""The first rung on Linux: bubblewrap. Own mounts, own processes, no network; started from an empty environment.

What is not mounted does not exist inside. Everything that a command started dies with it, since its first process does.
"""

import os
import shutil
import subprocess

from . import bounds
from .bounds import Bounds

NAME = "bubblewrap"
SOCKET = "/run/plainmind"  # where the broker's folder is, inside

# bubblewrap itself stays readable at /proc/1 inside, so its own environment is empty (--setenv fills the command's)
_NAMESPACES = [
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--die-with-parent",
    "--cap-drop",
    "ALL",
    "--hostname",
    "sandbox",
]


def missing() -> str:
    """Why this rung cannot be had, '' when it can. Asks by doing: distributions forbid user namespaces in several ways."""
    program = shutil.which("bwrap")
    if not program:
        return "bwrap is not installed"
    mounts = [part for path in bounds.system() for part in ("--ro-bind", path, path)]
    tried = subprocess.run(
        [program, *_NAMESPACES, *mounts, "--proc", "/proc", "--dev", "/dev", "true"],
        env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    said = tried.stderr.decode("utf-8", "replace").strip().split("\n")[0]
    return "" if tried.returncode == 0 else said or f"bwrap ended with {tried.returncode}"


def command(
    limits: Bounds, protected: list[str], environment: dict[str, str], broker: str, life: int, argv: list[str]
) -> list[str]:
    """The command line that runs `argv` within bounds.

    `broker` is the folder of the broker's socket. `life` is a descriptor that the first process inside holds, and the
    kernel ends that one last.
    """
    made = [shutil.which("bwrap") or "bwrap", *_NAMESPACES, *(["--share-net"] if limits.network else []), "--sync-fd", str(life)]

    def mount(how: str, *paths: str) -> None:
        for path in paths:
            made.extend((how, path, path))

    mount("--ro-bind", *bounds.system())
    made += ["--proc", "/proc", "--dev", "/dev", "--bind", limits.temporary, "/tmp", "--ro-bind", broker, SOCKET]
    home = environment.get("HOME", "")
    if os.path.isabs(home) and home != "/":
        made += ["--tmpfs", home]  # for programs that insist on one; gone with the command
    # the outer before the inner, or the outer would hide it
    for path in sorted({*limits.readable, *limits.writable}):
        mount("--bind" if path in limits.writable else "--ro-bind", path)
    # a folder that holds a mount could be renamed, and another put in its place: not one that is a mount itself
    mount("--bind", *bounds.between(limits.writable, protected))
    mount("--ro-bind", *protected)
    for name, value in environment.items():
        made += ["--setenv", name, value]
    return [*made, "--chdir", limits.folder, "--", *argv]
