"""The first rung on Linux: bubblewrap. Own mounts, own processes, no network; started from an
empty environment.

What is not mounted does not exist inside. Everything that a command started dies with it, since its
first process does.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable

from . import bounds
from .bounds import Bounds

SOCKET = "/run/plainmind"  # where the broker's folder is, inside

# bubblewrap itself stays readable at /proc/1 inside: its own environment is empty, --setenv fills
# the command's
_NAMESPACES = (
    "--unshare-all --unshare-user --disable-userns --die-with-parent --cap-drop ALL "
    "--hostname sandbox"
).split()


def explain_missing() -> str:
    """Why this rung cannot be had, '' when it can.

    Asks by doing: distributions forbid user namespaces in several ways.
    """
    program = shutil.which("bwrap")
    if not program:
        return "bwrap is not installed"
    mounts = [part for path in bounds.list_system() for part in ("--ro-bind", path, path)]
    tried = subprocess.run(
        [program, *_NAMESPACES, *mounts, "--proc", "/proc", "--dev", "/dev", "true"],
        env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    error = tried.stderr.decode("utf-8", "replace").strip().split("\n")[0]
    return "" if tried.returncode == 0 else error or f"bwrap ended with {tried.returncode}"


def build_options(
    limits: Bounds,
    protected: list[str],
    env: dict[str, str],
    broker: str,
    alive: int,
    calls: int,
    more: Iterable[str] = (),
) -> bytes:
    """The options for a command within bounds, for `build_command`.

    `broker` is the folder of the broker's socket. Descriptors: `alive` is held by the first process
    inside, which the kernel ends last; `calls` gives a filter of system calls, which may be empty.
    `more`: further options.
    """
    arguments = [*_NAMESPACES, *(["--share-net"] if limits.network else [])]
    arguments += ["--sync-fd", str(alive), *more]
    if os.fstat(calls).st_size:
        arguments += ["--seccomp", str(calls)]

    def mount(how: str, *paths: str) -> None:
        for path in paths:
            arguments.extend((how, path, path))

    home = env.get("HOME", "")
    # what holds a place of the sandbox's own comes before it, or would hide it
    own = ("/proc", "/dev", "/tmp", SOCKET, home)
    readable = sorted(limits.readable)
    first = [path for path in readable if any(bounds.holds(path, place) for place in own)]
    mount("--ro-bind", *first)
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--bind", limits.temporary, "/tmp", "--ro-bind", broker, SOCKET]
    mount("--ro-bind", *limits.system)
    if os.path.isabs(home) and home != "/":
        arguments += ["--tmpfs", home]  # for programs that insist on one; gone with the command
    # the outer before the inner, or the outer would hide it
    for path in sorted({*limits.readable, *limits.writable} - {*first}):
        mount("--bind" if path in limits.writable else "--ro-bind", path)
    # resident memory of a project lies below .pi, which is kept as it is; and may hold such itself
    inner = [one for one in protected if any(bounds.holds(m, one) for m in limits.memories)]
    for kept in ([one for one in protected if one not in inner], inner):
        # a folder that holds a mount could be renamed and replaced: not one that is a mount itself
        mount("--bind", *bounds.list_between(limits.writable, kept))
        mount("--ro-bind", *kept)
        if kept is not inner:
            mount("--bind", *limits.memories)
    for name, value in env.items():
        arguments += ["--setenv", name, value]
    return os.fsencode("\0".join([*arguments, "--chdir", limits.folder]) + "\0")


def build_command(options: int, argv: list[str]) -> list[str]:
    """The command line that runs `argv` as the options say, which a descriptor gives."""
    return [shutil.which("bwrap") or "bwrap", "--args", str(options), "--", *argv]
