"""Everything a command prints: records on standard output, remarks and progress on standard error.

A record becomes a JSON object on a line, or a line of text; a remark one line with the command's
name, without secrets, and without anything that a terminal obeys.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..ground import stream
from ..ground.environment import Environment

#: what messages are masked with: the process's secrets, and the home's as soon as it is known
_environment: Environment | None = None


def mask_with(environment: Environment) -> None:
    """Mask the secrets of this environment from now on."""
    global _environment
    _environment = environment


def mask(text: str) -> str:
    return (_environment or Environment()).mask(text)


def program() -> str:
    return os.path.basename(sys.argv[0])


def json_text(record: Any, key: str) -> str:
    """A record (a NamedTuple or a dict) as JSON; a bare text is the value of `key`."""
    if isinstance(record, str):
        record = {key: record}
    return stream.json_line(record if isinstance(record, dict) else record._asdict())


def line_text(record: Any) -> str:
    """A record as one line: a bare text, its type's own text, or its values with tabs."""
    if isinstance(record, str):
        return plain(record)
    if type(record).__str__ is not object.__str__ and not isinstance(record, dict):
        return plain(str(record))
    values = record.values() if isinstance(record, dict) else record
    return "\t".join(plain(str(value)) for value in values).rstrip("\t")


def complain(text: str) -> None:
    """One line on standard error, its secrets masked, its control characters made visible."""
    write_error(f"{program()}: {plain(mask(text))}\n")


def plain(text: str) -> str:
    """A text on one line that cannot move a cursor, turn the direction or look like other lines."""
    if text.isprintable():
        return text
    unsafe = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
    return re.sub(unsafe, lambda match: f"\\x{ord(match[0]):02x}", text)


def write_error(text: str) -> None:
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:  # nobody listens; the exit code still tells
        pass


@contextmanager
def progress(label: str, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left, on a terminal; called with (done, of)."""
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, of: None
        return
    bar = click.progressbar(length=1, label=label, show_pos=True, file=sys.stderr)

    def step(done: int, of: int) -> None:
        bar.length = of
        bar.update(done - bar.pos)

    with bar:
        yield step
