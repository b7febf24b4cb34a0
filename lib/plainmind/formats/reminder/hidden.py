"""The lines of a Markdown file that are shown as code, or not at all: fences and comments.

A fence (``` or ~~~) ends with one as long of its kind, with the quote or list item it stands in,
or with the file. A comment is from `%%` to `%%`, or from `<!--` to `-->`, on one line or many;
marks in the quotes of a message and in `code` open none. Indented code is not told from a nested
list.

Pure. Refuses to know what is looked for on the other lines.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class HiddenPart(NamedTuple):
    """The lines between two offsets. `line` is where it opens, from 1; `closed`, whether it ends
    before what it stands in does. A CALLOUT is not shown as code."""

    start: int
    end: int
    line: int
    what: str
    closed: bool


class _Opened(NamedTuple):
    line: int
    start: int  # of the next line
    mark: bytes  # of a fence all of it, of a comment what closes it
    what: str
    quotes: int = 0
    column: int = 0  # where the contents of the list item that it stands in begin


CALLOUT = "an admonition"  # a fence that Obsidian's plugin of that name shows as a callout
_MARK = re.compile(rb"```|~~~|%%|<!--")
_COMMENTED = "a comment"
_SHAPE = re.compile(rb"((?:[ \t]*+>)*+)([ \t]*+)((?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+)([^\n]*)", re.S)
_FENCE = re.compile(rb"(`{3,})[^`]*\Z|(~{3,})")
_QUIET = re.compile(rb'msg="(?:[^"\\]|\\.)*+"|(`+)(?!`).*?(?<!`)\1(?!`)')
_COMMENT = re.compile(rb"%%|<!--")


def find_hidden(data: bytes) -> list[HiddenPart]:
    """The parts of a file whose lines are hidden, in order."""
    return list(_parts(data)) if _MARK.search(data) else []


def _parts(data: bytes) -> Iterator[HiddenPart]:
    opened: _Opened | None = None
    items: list[int] = []  # where the contents of the list items around a line begin
    depth, offset = 0, 0
    for number, line in enumerate(data.split(b"\n"), 1):
        begin, offset = offset, offset + len(line) + 1
        if opened and opened.what == _COMMENTED:
            at = line.find(opened.mark)
            if at < 0:
                continue
            yield HiddenPart(opened.start, offset, opened.line, opened.what, True)
            opened = _find_comment(line[at + len(opened.mark) :], number, offset)
            continue
        if opened:
            left, closes = _ends(opened, line)
            if left or closes:
                end = begin if left else offset
                yield HiddenPart(opened.start, end, opened.line, opened.what, closes)
                opened = None
            if not left:
                continue
        quotes, indent, markers, rest = _SHAPE.match(line).groups()  # type: ignore[union-attr]
        if not rest.strip() and not markers:
            continue
        if quotes.count(b">") != depth:
            depth, items = quotes.count(b">"), []
        column = _width(indent)
        while items and column < items[-1]:
            items.pop()
        around = items[-1] if items else 0
        if markers:
            items.append(_width(indent + markers))
        fence = _FENCE.match(rest) if markers or column - around < 4 else None
        if fence:
            inside = items[-1] if items else 0
            mark = fence[1] or fence[2]
            what = CALLOUT if rest[len(mark) :].startswith(b"ad-") else "a code block"
            opened = _Opened(number, offset, mark, what, depth, inside)
        else:
            opened = _find_comment(rest, number, offset)
    if opened:
        yield HiddenPart(opened.start, len(data), opened.line, opened.what, False)


def _ends(fence: _Opened, line: bytes) -> tuple[bool, bool]:
    """Whether a line is no more in what a fence stands in, and whether it closes the fence."""
    inside = re.match(rb"(?:[ \t]*>){%d}" % fence.quotes, line)
    if not inside:
        return True, False
    body = line[inside.end() :]
    text = body.strip()
    if not text:
        return False, False
    if _width(body[: len(body) - len(body.lstrip(b" \t"))]) < fence.column:
        return True, False
    return False, len(text) >= len(fence.mark) and not text.strip(fence.mark[:1])


def _find_comment(text: bytes, line: int, start: int) -> _Opened | None:
    """A comment that opens in a text and does not close in it."""
    text, at = _QUIET.sub(b"", text), 0
    while found := _COMMENT.search(text, at):
        mark = b"%%" if found[0] == b"%%" else b"-->"
        at = text.find(mark, found.end())
        if at < 0:
            return _Opened(line, start, mark, _COMMENTED)
        at += len(mark)
    return None


def _width(indent: bytes) -> int:
    return len(indent.expandtabs(4))
