"""As much of a memory file as a prompt is given: cut at a line, and nothing in it forged. Pure."""

import re
from typing import NamedTuple

#: what a terminal or a reader does not see, or obeys: controls, marks that turn a line around, tags
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\U000e0000-\U000e0fff]"
)
#: lines that only the prompt itself may have
_MARKER = re.compile(
    r"^(?=[ \t]*(?:#+[ \t]*(?:Persistent memory|(?:Global|Project) MEMORY)|INJECTED_CONTEXT_"
    r"|\(There is more in the file|\(Memory fault))",
    re.M | re.I,
)


class IndexExcerpt(NamedTuple):
    """`text` is that of the first `size` bytes, `lines` of them, of a file."""

    text: str
    size: int
    lines: int
    whole: bool


def cut(data: bytes, most_lines: int, most_bytes: int) -> IndexExcerpt:
    """The lines at the beginning of a file that are within both caps; `data` is the file, or more
    of its beginning than `most_bytes`."""
    end = lines = 0
    while lines < most_lines and end < len(data):
        after = data.find(b"\n", end) + 1 or len(data)
        if after > most_bytes:
            break
        end, lines = after, lines + 1
    return IndexExcerpt(render(data[:end]), end, lines, end == len(data))


def render(data: bytes) -> str:
    """Bytes of a memory file as a prompt has them: one kind of line end, what cannot be seen made
    visible, and a line that looks like one of the prompt's own behind a backslash."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    text = _UNSAFE.sub(lambda match: _escape(ord(match[0])), text)
    return _MARKER.sub(r"\\", text).strip("\n")


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
