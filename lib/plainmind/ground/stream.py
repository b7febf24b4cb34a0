"""Standard input and output as bytes: UTF-8, `\n` only, whatever the locale says."""

import errno
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from .errors import InputOutput

# a batch ends at so many lines, or so many bytes: neither memory nor the time under a lock grows
BATCH_LINES = 4000
BATCH_BYTES = 8 * 1024 * 1024

MOMENT = 100  # ms that a pipe is waited for


def read() -> bytes:
    return sys.stdin.buffer.read()


def lines() -> Iterable[bytes]:
    """Lines of standard input split on `\n` only, with it. A last line may lack it."""
    return sys.stdin.buffer if sys.stdin is not None else ()


def list_batches(lines: Iterable[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    """The lines that are not blank, each with its number, in batches that are written at once."""
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        batch.append((number, line))
        size += len(line)
        if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_short_lines(most: int) -> Iterable[bytes]:
    """The same; of a line that is longer than `most` bytes, only so many and one more."""
    file = sys.stdin.buffer if sys.stdin is not None else io.BytesIO()
    while line := file.readline(most + 1):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(most + 1)


def stdin_is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()


def is_input_waiting() -> bool:
    """Whether a pipe or a file has something on standard input. Nothing is read: it may be meant
    for another, in a shell's loop. A pipe in which nothing is yet is given a moment."""
    import fcntl
    import select
    import stat
    import termios

    try:
        found = os.fstat(0)
        if stat.S_ISREG(found.st_mode):
            return os.lseek(0, 0, os.SEEK_CUR) < found.st_size
        if not stat.S_ISFIFO(found.st_mode) and not stat.S_ISSOCK(found.st_mode):
            return False
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.poll(MOMENT)
        return any(fcntl.ioctl(0, termios.FIONREAD, b"\0" * 4))
    except OSError:
        return False


def stderr_is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def stdout_is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def columns() -> int:
    """How wide the terminal is; 80 where nobody knows."""
    import shutil

    return shutil.get_terminal_size().columns


def encode(text: str) -> bytes:
    """Text to bytes; a byte that came in and was not UTF-8 goes out as it was."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


#: what a terminal obeys, and what turns a line around; JSON escapes those below a space itself
_OBEYED = r"\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_UNSAFE = rf"[\x00-\x08\x0b-\x1f{_OBEYED}]"  # compiled where there is a terminal
_UNSAFE_IN_JSON = re.compile(rf"[{_OBEYED}\u2028\u2029]")


def json_line(value: Any) -> str:
    """Compact JSON on one line, in UTF-8. Escaped stays what a terminal obeys, wherever it is
    shown, what others take for a line's end, and lone surrogates, which UTF-8 cannot carry."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def json_record(value: Any) -> bytes:
    """The same as a line of a file."""
    return encode(json_line(value) + "\n")


class ReaderLeft(Exception):
    """Whoever read our standard output has closed it: there is nothing left to do."""


def visible(text: str) -> str:
    """`text` as it may go to standard output: a terminal obeys nothing in it."""
    if not stdout_is_terminal():
        return text
    return re.sub(_UNSAFE, lambda match: f"\\x{ord(match[0]):02x}", text)


def write(text: str, *, at_once: bool = False) -> None:
    """Raises ReaderLeft, and InputOutput for a full disk or a closed standard output."""
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        if at_once:
            sys.stdout.buffer.flush()
    except OSError as error:
        raise _output_failed(error) from None


def show(text: str) -> None:
    """Write to a terminal at once; nothing in the text is obeyed as a command to it."""
    write(visible(text), at_once=True)


def reader_left() -> bool:
    """Whether whoever read a pipe on our standard output has closed it; asked without writing."""
    import select

    if sys.stdout is None:
        return True
    asked = select.poll()
    asked.register(1, 0)  # errors and ends are told in any case
    return any(told & (select.POLLERR | select.POLLNVAL) for _, told in asked.poll(0))


def flush() -> None:
    """As write; what was printed before a flush returned may be lost."""
    try:
        if sys.stdout is not None:
            sys.stdout.buffer.flush()
    except OSError as error:
        raise _output_failed(error) from None


def fill() -> None:
    """Open what is closed of the three standard streams: else the next file opened, a log say, has
    its number, and what is meant for a terminal is written there."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _output_failed(error: OSError) -> Exception:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what is still in the buffer is not tried again
    os.close(null)
    if isinstance(error, BrokenPipeError):
        return ReaderLeft()
    return InputOutput((error.strerror or str(error)).lower(), place="standard output")
