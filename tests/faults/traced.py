"""Commands under strace: which system calls a command makes, and what a death at one of them
leaves.

Owns the reading of traces. Knows no command of ours.
"""

import os
import re
import shutil
import subprocess
from typing import NamedTuple

import forks
import pytest
from scene import ROOT

#: the calls that make, change or name files, let go of locks, or tell somebody; dying at any other
#: call leaves what dying at the next one of these leaves
CALLS = (
    "openat,creat,write,pwrite64,writev,fsync,fdatasync,link,linkat,unlink,unlinkat,rename,"
    "renameat,renameat2,mkdir,mkdirat,"
    "chmod,fchmod,fchmodat,ftruncate,truncate,symlink,flock,close,exit_group"
)
#: and those by which something leaves the machine
NETWORK = "socket,connect,sendto,sendmsg,recvfrom,shutdown"
#: and those by which processes come and go ('?': some machines do not have it)
PROCESSES = "?vfork,?fork,clone,?clone3,pipe2,socketpair,kill"
SABOTAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sabotage.py")

_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*?)(?:\) += (-?\d+|\?).*| <unfinished \.\.\.>)?$")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"^(\d+)<([^>]*)>")
#: a name in a folder that is open; strace tells where that is
_IN_FOLDER = re.compile(r'\d+<([^>]*)>, "((?:[^"\\/]|\\.)(?:[^"\\]|\\.)*)"')


def _traceable() -> bool:
    if not shutil.which("strace"):
        return False
    return (
        subprocess.run(["strace", "-e", "trace=close", "true"], capture_output=True).returncode == 0
    )


needs_strace = pytest.mark.skipif(
    not _traceable(), reason="strace is missing here or may not trace (macOS, some containers)"
)


class Call(NamedTuple):
    name: str
    nth: int  # among this run's calls of that name, counted from 1
    fd: int | None
    paths: list[str]  # of the descriptor, then the quoted ones
    text: str
    result: int | None  # None: it never returned

    def __str__(self) -> str:
        return f"{self.name} {self.nth}: {self.text[:100]}"


class Run(NamedTuple):
    code: int
    out: bytes
    complaints: bytes
    calls: list[Call]  # since the home was first spoken of


def run(
    home: str,
    argv: list[str],
    stdin: bytes,
    trace: str,
    *,
    sabotage: str = "",
    inject: str = "",
    traced: str = CALLS,
    alone: bool = False,
    **env: str,
) -> Run:
    """Run a command to its end, or to the death that `inject` (an strace expression) gives it.
    It is forked, so its start is not among the calls.

    `alone`: only the command's own process is traced, and dies; what it starts is on its own.
    """
    page = [os.path.join(ROOT, "bin", argv[0]), *argv[1:]]
    page = [SABOTAGE, sabotage or "unsettled", *page]
    order = forks.Order(page, {"PATH": os.environ["PATH"], "MIND_HOME": home, **env})
    strace = ["strace", "-y", "-s", "300", "-o", trace, "-e", f"trace={traced}"]
    strace += ["-e", "signal=none", *([] if alone else ["-f"])]
    strace += ["-e", f"inject={inject}"] if inject else []
    code, out, complaints = forks.nursery().run(order, stdin, strace)
    with open(trace, encoding="utf-8", errors="replace") as file:
        calls = read(file.read())
    first = next((n for n, call in enumerate(calls) if home in call.text), len(calls))
    return Run(code, out, complaints, calls[first:])


def read(trace: str) -> list[Call]:
    """The calls of a trace, in order."""
    calls, seen = [], {}
    for line in trace.split("\n"):
        match = _LINE.match(line)
        if not match:
            continue
        name, arguments, result = match.groups()
        seen[name] = seen.get(name, 0) + 1
        if name.endswith(("at", "at2")):
            arguments = _IN_FOLDER.sub(r'"\1/\2"', arguments)
        descriptor = _DESCRIPTOR.match(arguments)
        paths = ([descriptor[2]] if descriptor else []) + _QUOTED.findall(arguments)
        done = int(result) if result and result != "?" else None
        calls.append(
            Call(
                name, seen[name], int(descriptor[1]) if descriptor else None, paths, arguments, done
            )
        )
    return calls
