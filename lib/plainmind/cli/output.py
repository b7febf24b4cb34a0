"""Everything a command prints: records on standard output, remarks and progress on standard error.

A record becomes a JSON object on a line, or a line of text; a remark one line with the command's
name, without secrets, and without anything that a terminal obeys.
"""

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import click

from ..ground import clock, masks, stream
from ..ground.environment import Environment
from ..ground.errors import Failure
from ..ground.paths import FOLDERS, Home

_home: Home | None = None
# of the process's secrets, until the home's are known
masks.use(lambda: Environment().mask)


def speak_of(home: Home, environment: Environment) -> None:
    """From now on, mask the secrets of this environment, and name files of this home in full."""
    global _home
    _home = home
    masks.use(lambda: environment.mask)


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
    write_error(f"{program()}: {remark(text)}\n")


def remark(text: str) -> str:
    """A text on one line, without secrets and without what a terminal obeys."""
    return plain(masks.mask(text))


def describe(failure: Failure) -> str:
    """What is said of a failure. A file of the home is named by a path that can be pasted
    anywhere."""
    place, text = failure.place, str(failure)
    first = place.partition("/")[0]
    if _home and first in FOLDERS and not os.path.lexists(re.sub(r":[\d-]+\Z", "", place)):
        return _home.path(place) + text.removeprefix(place)
    return text


def plain(text: str) -> str:
    """A text on one line that cannot move a cursor, turn the direction or look like other lines."""
    if text.isprintable():
        return text
    unsafe = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
    return re.sub(unsafe, lambda match: f"\\x{ord(match[0]):02x}", text)


def write_error(text: str) -> None:
    end_progress()
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:  # nobody listens; the exit code still tells
        pass


# --- progress

PATIENCE = 1.0  # seconds of work that need no bar
_bar: Any = None  # the one on the screen


def progress(label: str, wanted: bool) -> Callable[[int, int], None]:
    """What work calls with (done, of). On a terminal, a bar with the time left shows it once the
    work has taken a second; whatever is written to standard error ends its line."""
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        return lambda done, of: None
    started, bar = clock.monotonic(), None

    def step(done: int, of: int) -> None:
        global _bar
        nonlocal bar
        if bar is None or bar is not _bar:
            if done >= of or clock.monotonic() - started < PATIENCE:
                return
            end_progress()
            bar = _bar = click.progressbar(length=of, label=label, show_pos=True, file=sys.stderr)
            bar.render_progress()
        bar.length = of
        bar.update(done - bar.pos)
        if done >= of:
            end_progress()

    return step


def end_progress() -> None:
    """End the line of the bar on the screen, if there is one."""
    global _bar
    bar, _bar = _bar, None
    if bar is not None:
        bar.render_finish()
