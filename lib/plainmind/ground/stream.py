"""Standard input and output as bytes: UTF-8, `\n` only, whatever the locale says."""

import json
import os
import sys
from typing import Any, Iterator


def read() -> bytes:
    return sys.stdin.buffer.read()


def lines() -> Iterator[bytes]:
    """Lines of standard input split on `\n` only, without it. A last line may lack it."""
    for line in sys.stdin.buffer:
        yield line[:-1] if line.endswith(b"\n") else line


def stdin_is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()


def stdout_is_terminal() -> bool:
    return sys.stdout.isatty()


def encode(text: str) -> bytes:
    """Text to bytes; a byte that came in as no UTF-8 goes out as that byte."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def json_line(value: Any) -> str:
    """Compact JSON on one line. UTF-8, but what UTF-8 cannot carry (lone surrogates) stays escaped."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        line = json.dumps(value, separators=(",", ":"))
    return line


def write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))


def flush() -> None:
    sys.stdout.buffer.flush()


def close_output() -> None:
    """After a closed pipe: let nothing at exit write to it again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
