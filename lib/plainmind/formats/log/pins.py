"""`pins/pins.md`: one pin a line, `- path:line excerpt`. Every other line belongs to the person."""

import re
from typing import NamedTuple

_PIN = re.compile(rb"^- (logs/[^\s:]+\.md):(\d{1,12})(?:[ \t]([^\r\n]*))?\r?$", re.M)
_HEADING = b"# Pinned\n\n"


class Pin(NamedTuple):
    path: str
    line: int
    note: str
    row: int  # line of the pins file

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"


def parse(data: bytes) -> list[Pin]:
    """The pins of the file, in order, each once."""
    pins: dict[tuple[str, int], Pin] = {}
    for match in _PIN.finditer(data):
        path, line, note = match.groups(b"")
        row = data.count(b"\n", 0, match.start()) + 1
        pin = Pin(path.decode("utf-8", "replace"), int(line), note.decode("utf-8", "replace"), row)
        pins.setdefault((pin.path, pin.line), pin)
    return list(pins.values())


def render_addition(data: bytes, ref: str, note: str) -> bytes:
    """What to append to `data` for one more pin."""
    start = _HEADING if not data else b"" if data.endswith(b"\n") else b"\n"
    return start + f"- {ref} {note}".rstrip().encode() + b"\n"


def remove(data: bytes, path: str, line: int) -> bytes:
    """`data` less the lines of that pin; every other byte stays."""

    def keep(row: bytes) -> bool:
        match = _PIN.match(row)
        return not (match and match[1].decode("utf-8", "replace") == path and int(match[2]) == line)

    return b"".join(row for row in re.findall(rb"[^\n]*\n|[^\n]+", data) if keep(row))
