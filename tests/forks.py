"""Commands forked from a process that has imported the house: they start in a tenth of the time.

`Nursery.start` gives a process that waits, for a tracer to be attached, until it is told to go on.
What its start-up does is not seen; tests of that start a command itself. Run as a program, this is
the process that forks; it never runs a command itself.
"""

import ctypes
import functools
import gc
import importlib
import marshal
import os
import pkgutil
import random
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

_HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(os.path.dirname(_HERE), ".venv", "bin", "python")
LIBRARIES = (
    "discord sqlite3 numpy requests tenacity frontmatter dotenv Stemmer hashlib uuid".split()
)
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)


class Order(NamedTuple):
    """What a forked process is to run: `argv` begins with the path of a page or a script."""

    argv: list[str]
    env: dict[str, str]
    folder: str = "."
    umask: int | None = None  # the nursery's


class Ended(NamedTuple):
    code: int
    out: bytes
    complaints: bytes


class Child:
    """A process that waits until it is told to go on; then as subprocess has it."""

    def __init__(self, order: Order, line: socket.socket):
        self.args, self.returncode, self._line = order.argv, None, line
        self._said = b""
        self.pid = int(self._read_line(None))

    def go_on(self) -> "Child":
        self._line.sendall(b"\n")
        return self

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, seconds: float | None = None) -> int:
        if self.returncode is None:
            try:
                self.returncode = int(self._read_line(seconds))
            except OSError as error:
                raise subprocess.TimeoutExpired(self.args, seconds or 0) from error
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read_line(self, seconds: float | None) -> bytes:
        self._line.settimeout(seconds)
        while not self._said.endswith(b"\n"):
            self._said += self._line.recv(1)
        self._line.settimeout(None)
        line, self._said = self._said, b""
        return line


class Nursery:
    """One a test process; ends with it. `place`: where another process's is."""

    def __init__(self, place: str = "") -> None:
        self.place = place
        if place:
            return
        self._folder = tempfile.TemporaryDirectory(prefix="nursery-")
        self.place = os.path.join(self._folder.name, "s")
        self._process = subprocess.Popen(
            [PYTHON, "-P", os.path.abspath(__file__), self.place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **_ENVIRONMENT},
        )
        assert self._process.stdout and self._process.stdout.readline() == b"ready\n"

    def run(self, order: Order, stdin: bytes, tracer: Sequence[str] = ()) -> Ended:
        """Run it to its end. A tracer takes `-p PID`, and says when it is attached."""
        given, out, complaints = (os.pipe() for _ in range(3))
        child = self.start(order, given[0], out[1], complaints[1])
        for descriptor in (given[0], out[1], complaints[1]):
            os.close(descriptor)
        if tracer:
            tracing = subprocess.Popen([*tracer, "-p", str(child.pid)], stderr=subprocess.PIPE)
            assert tracing.stderr
            attached = tracing.stderr.readline()
            assert b" attached" in attached, attached
        child.go_on()
        with ThreadPoolExecutor(2) as pool:
            said = [pool.submit(_read_all, end) for end in (out[0], complaints[0])]
            _write_all(given[1], stdin)
            code = child.wait()
            if tracer:
                tracing.communicate()
            return Ended(code, said[0].result(), said[1].result())

    def start(self, order: Order, stdin: int, stdout: int, stderr: int) -> Child:
        line = socket.socket(socket.AF_UNIX)
        line.connect(self.place)
        data = marshal.dumps(tuple(order))
        socket.send_fds(line, [b"%d\n" % len(data)], [stdin, stdout, stderr])
        line.sendall(data)
        return Child(order, line)


@functools.cache
def nursery() -> Nursery:
    """The one of this process."""
    return Nursery()


def run(argv: list[str], env: dict[str, str], stdin: bytes = b"", folder: str = ".") -> Ended:
    """Run a page or a script to its end; a relative `folder` begins at the checkout."""
    return nursery().run(Order(argv, env, folder), stdin)


def start(argv: list[str], env: dict[str, str], stderr: int) -> Child:
    """A process beside this one, with this one's standard input and output."""
    return nursery().start(Order(argv, env), 0, 1, stderr).go_on()


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def _write_all(descriptor: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as file:
        file.write(data)


def serve(place: str) -> None:
    """Fork for everybody who connects, until standard input ends."""
    import select

    _load()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    gc.collect()
    gc.freeze()
    os.write(1, b"ready\n")
    lines: dict[int, socket.socket] = {}  # to who ordered it, of each process that runs
    ended, end = os.pipe()
    os.set_blocking(end, False)
    signal.set_wakeup_fd(end)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([listener, ended, 0], [], [])
        if 0 in ready:
            return
        if ended in ready:
            os.read(ended, 1 << 10)
            _tell_ends(lines)
        if listener in ready:
            line, _ = listener.accept()
            with suppress(OSError):  # who has gone orders nothing
                pid = _fork(line, [listener, *lines.values()], (ended, end))
                lines[pid] = line


def _load() -> None:
    import plainmind

    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(plainmind.__path__, "plainmind."):
        importlib.import_module(module.name)


def _tell_ends(lines: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with suppress(OSError), lines.pop(ended[0]) as line:
                line.sendall(b"%d\n" % os.waitstatus_to_exitcode(ended[1]))


def _fork(line: socket.socket, others: list[socket.socket], pipe: tuple[int, int]) -> int:
    first, descriptors, _, _ = socket.recv_fds(line, 32, 3)
    length, _, data = first.partition(b"\n")
    while len(data) < int(length or 1):
        more = line.recv(1 << 16)
        if not more:
            raise ConnectionError("who ordered it has gone")
        data += more
    child = os.fork()
    if not child:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in others:
                other.close()
            for descriptor in pipe:
                os.close(descriptor)
            _become(line, Order(*marshal.loads(data)), list(descriptors))
        finally:
            os._exit(70)  # a command ends by itself
    for descriptor in descriptors:
        os.close(descriptor)
    return child


def _become(line: socket.socket, order: Order, descriptors: list[int]) -> None:
    ctypes.CDLL(None).prctl(_SET_PTRACER, _ANYBODY, 0, 0, 0)
    for wanted, descriptor in enumerate(descriptors):
        os.dup2(descriptor, wanted)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update({**order.env, **_ENVIRONMENT})
    time.tzset()
    sys.path[:0] = filter(None, order.env.get("PYTHONPATH", "").split(os.pathsep))
    os.chdir(order.folder)
    if order.umask is not None:
        os.umask(order.umask)
    random.seed()
    sys.argv = order.argv
    line.sendall(b"%d\n" % os.getpid())
    line.recv(1)
    line.close()
    runpy.run_path(order.argv[0], run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1])
