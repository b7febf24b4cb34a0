"""The suite's own commands, for use inside a sandbox: run outside of it, on the home as it is, and with its keys.

A command inside hands its arguments and its three streams over (`forward`); the broker runs the same command outside and
gives its exit code back. Owns which programs it runs; which of them may be used so, and with which options, they know
themselves (`cli` refuses when MIND_INSIDE is set). One thread: it is served by whoever waits for the sandbox.
"""

import os
import signal
import socket
import subprocess
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
    talk: socket.socket  # where its exit code is wanted


class Broker:
    """Listens in a folder of its own; a sandbox without a common folder inherits `inherited` instead."""

    def __init__(self, folder: str, checkout: str, environment: dict[str, str]):
        """`environment` is what the commands get. They start in the root: what they are told is no path of theirs."""
        self._checkout, self._environment = os.path.realpath(checkout), environment
        self.inherited, self._passing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listening = _listening(os.path.join(folder, NAME))
        self._asking: dict[socket.socket, _Asked] = {}
        self._running: dict[int, _Running] = {}  # by a descriptor that ends with the process

    def sources(self) -> list[int]:
        """The descriptors to wait for; call `serve` with those that are ready."""
        fds = [talk.fileno() for talk in self._asking] + list(self._running)
        if len(self._asking) + len(self._running) < AT_ONCE:
            fds += [
                self._passing.fileno(),
                *([self._listening.fileno()] if self._listening else []),
            ]
        return fds + [running.talk.fileno() for running in self._running.values()]

    def serve(self, ready: list[int]) -> None:
        """Do what there is to do. Nothing that is asked ends it."""
        for fd, running in list(self._running.items()):
            if fd in ready:
                self._ended(fd, running)
            elif running.talk.fileno() in ready:  # whoever asked is gone
                _kill(running.process)
        for talk in [talk for talk in self._asking if talk.fileno() in ready]:
            self._hear(talk)
        if self._passing.fileno() in ready:
            self._take_passed()
        if self._listening and self._listening.fileno() in ready:
            try:
                self._asking[self._listening.accept()[0]] = _Asked()
            except OSError:  # gone again
                pass

    def close(self) -> None:
        """End what still runs."""
        for fd, running in self._running.items():
            _kill(running.process)
            running.process.wait()
            running.talk.close()
            os.close(fd)
        for talk, asked in self._asking.items():
            asked.close()
            talk.close()
        for one in (self.inherited, self._passing, *([self._listening] if self._listening else [])):
            one.close()

    def _take_passed(self) -> None:
        """A connection that comes through the inherited socket, because the sandbox allows no other."""
        _, fds, _, _ = socket.recv_fds(self._passing, 1, 1)
        for fd in fds:
            try:
                self._asking[socket.socket(fileno=fd)] = _Asked()
            except OSError:  # it is no socket
                os.close(fd)

    def _hear(self, talk: socket.socket) -> None:
        asked = self._asking[talk]
        try:
            # whoever is inside may share the socket, and have read meanwhile what was ready
            data, fds, _, _ = socket.recv_fds(talk, 65536, STREAMS, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        asked.data += data
        asked.streams += fds
        if data and asked.hopeful and not asked.complete and len(asked.streams) <= STREAMS:
            return
        del self._asking[talk]
        try:
            self._start(talk, asked)
        finally:
            asked.close()

    def _start(self, talk: socket.socket, asked: "_Asked") -> None:
        words = os.fsdecode(asked.data.partition(b"\n")[2]).split("\0")
        passed = {name: value for name, value in zip(PASSED_ON, words) if value}
        program, *arguments = [*words[len(PASSED_ON) :], ""][: max(1, len(words) - len(PASSED_ON))]
        # what was looked at is what runs: a path of theirs could lead elsewhere a moment later
        program = os.path.realpath(program)
        if not asked.complete or len(asked.streams) != STREAMS or not self._own(program):
            _answer(talk, 77)
            return
        left, right = os.pipe()  # the command holds the right end; the left one ends with it
        try:
            process = subprocess.Popen(
                ["bash", "-c", _LIMITS + 'exec "$0" "$@"', program, *arguments], stdin=asked.streams[0], stdout=asked.streams[1], stderr=asked.streams[2],
                cwd="/", env={**self._environment, **passed, "MIND_INSIDE": "1"}, start_new_session=True, pass_fds=(right,),
            )  # fmt: skip
        except (OSError, ValueError):
            os.close(left)
            _answer(talk, 126)
            return
        finally:
            os.close(right)
        self._running[left] = _Running(process, talk)

    def _own(self, program: str) -> bool:
        """Whether it is one of the suite's: a file of bin/, or of a skill that was shipped."""
        parts = os.path.relpath(program, self._checkout).split(os.sep)
        return (len(parts), parts[0]) in ((2, "bin"), (3, "skills")) and os.access(program, os.X_OK)

    def _ended(self, fd: int, running: _Running) -> None:
        os.close(fd)
        del self._running[fd]
        code = running.process.wait()
        _answer(running.talk, 128 - code if code < 0 else code)


class _Asked:
    """What has come of a request so far: a line with the size, then PASSED_ON, program and arguments with a NUL between."""

    def __init__(self) -> None:
        self.data = b""
        self.streams: list[int] = []

    @property
    def complete(self) -> bool:
        size, mark, rest = self.data.partition(b"\n")
        return bool(mark) and size.isdigit() and len(size) < 8 and len(rest) == int(size)

    @property
    def hopeful(self) -> bool:
        """Whether it can still become one."""
        size, mark, _ = self.data.partition(b"\n")
        return len(size) < 8 and len(self.data) <= LONGEST and (not mark or size.isdigit())

    def close(self) -> None:
        for fd in self.streams:
            os.close(fd)
        self.streams = []


def _listening(path: str) -> socket.socket | None:
    """A socket at a path; None where the path is too long for one, and only `inherited` serves."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
    except OSError:
        made.close()
        return None
    made.listen(AT_ONCE)
    made.setblocking(False)
    return made


def _answer(talk: socket.socket, code: int) -> None:
    with talk:
        try:
            talk.send(str(code).encode(), socket.MSG_DONTWAIT)
        except OSError:
            pass


def _kill(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
