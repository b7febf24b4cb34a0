"""References: `path:line`, and `path:line-line` for a range, both lines included.

The path is a window of a log or a page: relative to the memory folder or, where it has no such
file, to the working directory; or absolute. The line may be any line of an event; a range names
every event that has a line in it. A window without a line is all of it. A page is named by its
name, its path, or a reference to any of its lines.

Commands print references first on a line, and read them from one: what follows `: ` or a tab is
ignored, so that the output of one command can be piped into another. So can JSON Lines, of which
`ref` is read.
"""

import json
import re
from typing import NamedTuple

from ..ground.errors import BadData

_REF = re.compile(r"(.+?):(\d{1,12})(?:-(\d{1,12}))?:?\Z", re.S | re.ASCII)


class Reference(NamedTuple):
    path: str
    line: int
    end_line: int  # the same as line when no range was given

    def __str__(self) -> str:
        end = f"-{self.end_line}" if self.end_line != self.line else ""
        return f"{self.path}:{self.line}{end}"


def parse(text: str) -> Reference:
    """A reference, with or without the colon that ends it in grep-like output."""
    match = _REF.match(text.strip())
    if not match or int(match[2]) < 1:
        cure = "write path:line, such as logs/discord-thread/123/20260130T142355Z.md:3"
        if re.fullmatch(r"[a-z][a-z0-9-]*/[a-z0-9_-]+", text.strip()):
            cure = f"if it is a context, see its events with 'mem-log -n 20 {text.strip()}'"
        raise BadData(f"'{text}' is not a reference", cure=cure)
    line, end = int(match[2]), int(match[3] or match[2])
    if end < line:
        raise BadData(f"'{text}' ends before it starts", cure="write path:first-last")
    return Reference(match[1], line, end)


def take_leading(text: str) -> str:
    """The reference that starts a line of output: its first field (tab), else up to `: `; or the
    one in an object of JSON."""
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and isinstance(value.get("ref"), str):
            return value["ref"]
    return text.split("\t", 1)[0].split(": ", 1)[0].strip()
