"""The suite's own commands, for use inside a sandbox: run outside of it, on the home as it is, and
with its keys.

A command inside hands its arguments and its three streams over (`forward`); the broker runs the
same command outside and gives its exit code back. Owns which programs it runs; which of them may be
used so, and with which options, they know themselves (`cli` refuses when MIND_INSIDE is set). One
thread: it is served by whoever waits for the sandbox.
"""

import os
import signal
import socket
import subprocess
from contextlib import suppress
from typing import NamedTuple

NAME = "broker"
AT_ONCE = 16  # commands; the next ones wait
LONGEST = 1 << 20  # bytes of arguments
#: variables of whoever asks that the command gets; forward.py sends their values in this order
PASSED_ON = ("MIND_SESSION", "MIND_AGENT")
#: of one command, which may be fed without end: 1 GiB of memory, 4 GiB a file, 10 minutes of CPU
_LIMITS = "ulimit -c 0 -d 1048576 -f 4194304 -t 600; "
STREAMS = 3  # standard input, output and error


class _Running(NamedTuple):
    process: subprocess.Popen
    connection: socket.socket  # where its exit code is sent


class Broker:
    """Listens in a folder of its own; a sandbox that shares no folder inherits a descriptor,
    `inherited`, instead."""

    def __init__(self, folder: str, checkout: str, environment: dict[str, str]):
        """`environment` is what commands get; they start in the root, no path of who asks."""
        self._checkout, self._environment = os.path.realpath(checkout), environment
        self.inherited, self._handed_over = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener = _listener(os.path.join(folder, NAME))
        self._requests: dict[socket.socket, _Request] = {}
        self._running: dict[int, _Running] = {}  # by a descriptor that ends with the process

    def list_sources(self) -> list[int]:
        """The descriptors to wait for; call `serve` with those that are ready."""
        fds = [connection.fileno() for connection in self._requests] + list(self._running)
        if len(self._requests) + len(self._running) < AT_ONCE:
            fds += [self._handed_over.fileno()]
            fds += [self._listener.fileno()] if self._listener else []
        return fds + [running.connection.fileno() for running in self._running.values()]

    def serve(self, ready: list[int]) -> None:
        """Handle what is ready. Nothing that is asked ends the broker."""
        for fd, running in list(self._running.items()):
            if fd in ready:
                self._finish(fd, running)
            elif running.connection.fileno() in ready:  # whoever asked is gone
                _kill(running.process)
        for connection in list(self._requests):
            if connection.fileno() in ready:
                self._receive(connection)
        if self._handed_over.fileno() in ready:
            self._accept_handed_over()
        if self._listener and self._listener.fileno() in ready:
            with suppress(OSError):  # gone again
                self._requests[self._listener.accept()[0]] = _Request()

    def close(self) -> None:
        """End what still runs."""
        for fd, running in self._running.items():
            _kill(running.process)
            running.process.wait()
            running.connection.close()
            os.close(fd)
        for connection, request in self._requests.items():
            request.close()
            connection.close()
        for one in (self.inherited, self._handed_over, self._listener):
            if one:
                one.close()

    def _accept_handed_over(self) -> None:
        """A connection through the inherited socket, because the sandbox allows no other."""
        _, fds, _, _ = socket.recv_fds(self._handed_over, 1, 1)
        for fd in fds:
            try:
                self._requests[socket.socket(fileno=fd)] = _Request()
            except OSError:  # it is not a socket
                os.close(fd)

    def _receive(self, connection: socket.socket) -> None:
        request = self._requests[connection]
        try:
            # whoever is inside may share the socket, and have read meanwhile what was ready
            data, fds, _, _ = socket.recv_fds(connection, 65536, STREAMS, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        request.data += data
        request.streams += fds
        unfinished = data and request.may_complete and not request.complete
        if unfinished and len(request.streams) <= STREAMS:
            return
        del self._requests[connection]
        try:
            self._start(connection, request)
        finally:
            request.close()

    def _start(self, connection: socket.socket, request: "_Request") -> None:
        words = os.fsdecode(request.data.partition(b"\n")[2]).split("\0")
        passed = {name: value for name, value in zip(PASSED_ON, words) if value}
        program, *arguments = [*words[len(PASSED_ON) :], ""][: max(1, len(words) - len(PASSED_ON))]
        # what was looked at is what runs: a path of theirs could lead elsewhere a moment later
        program = os.path.realpath(program)
        if not request.complete or len(request.streams) != STREAMS or not self._is_ours(program):
            _answer(connection, 77)
            return
        left, right = os.pipe()  # the command holds the right end; the left one ends with it
        try:
            process = subprocess.Popen(
                ["bash", "-c", _LIMITS + 'exec "$0" "$@"', program, *arguments],
                stdin=request.streams[0], stdout=request.streams[1], stderr=request.streams[2],
                cwd="/", env={**self._environment, **passed, "MIND_INSIDE": "1"},
                start_new_session=True, pass_fds=(right,),
            )  # fmt: skip
        except (OSError, ValueError):
            os.close(left)
            _answer(connection, 126)
            return
        finally:
            os.close(right)
        self._running[left] = _Running(process, connection)

    def _is_ours(self, program: str) -> bool:
        """Whether it is one of the suite's: a file of bin/, or of a skill that was shipped."""
        parts = os.path.relpath(program, self._checkout).split(os.sep)
        return (len(parts), parts[0]) in ((2, "bin"), (3, "skills")) and os.access(program, os.X_OK)

    def _finish(self, fd: int, running: _Running) -> None:
        os.close(fd)
        del self._running[fd]
        code = running.process.wait()
        _answer(running.connection, 128 - code if code < 0 else code)


class _Request:
    """What came of a request: a line with the size; PASSED_ON, program, arguments, NULs between."""

    def __init__(self) -> None:
        self.data = b""
        self.streams: list[int] = []

    @property
    def complete(self) -> bool:
        size, mark, rest = self.data.partition(b"\n")
        return bool(mark) and size.isdigit() and len(size) < 8 and len(rest) == int(size)

    @property
    def may_complete(self) -> bool:
        """Whether it can still become complete."""
        size, mark, _ = self.data.partition(b"\n")
        return len(size) < 8 and len(self.data) <= LONGEST and (not mark or size.isdigit())

    def close(self) -> None:
        for fd in self.streams:
            os.close(fd)
        self.streams = []


def _listener(path: str) -> socket.socket | None:
    """A socket at a path; None where the path is too long for one, and only `inherited` serves."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        return None
    listener.listen(AT_ONCE)
    listener.setblocking(False)
    return listener


def _answer(connection: socket.socket, code: int) -> None:
    with connection, suppress(OSError):
        connection.send(str(code).encode(), socket.MSG_DONTWAIT)


def _kill(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
