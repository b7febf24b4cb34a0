"""An index of resident memory as bullets under headings: reading them, changing one. Pure.

    ## Build

    - make test takes a minute (2026-01-30)
    - [Quirks](build.md) — sccache breaks -Werror

A bullet begins with `-`, `*` or `+` in the first column and goes on to the next bullet, heading or
blank line. Whatever is in brackets as a date at its end is the day it was last confirmed. A change
keeps every byte that it is not about, and the file's line ends.
"""

import re
from typing import NamedTuple

_BULLET = re.compile(rb"[-*+][ \t]+")
_HEADING = re.compile(rb"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*\Z")
_FENCE = re.compile(rb"[ ]{0,3}(```|~~~)")
_DATE = re.compile(r"\s*\((\d{4}-\d\d-\d\d)\)\Z")
_POINTER = re.compile(r"\[[^\]\n]*\]\(<?([^()<>\n]+?)>?\)")
#: a topic file's name: in the index's own folder, and not hidden
_NAME = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*\.md\Z")


class Bullet(NamedTuple):
    """A bullet: `text` is its words on one line, without its mark; bytes `start` to `end` of the
    file are its lines, the last one's end not among them."""

    line: int
    topic: str
    text: str
    start: int
    end: int

    @property
    def fact(self) -> str:
        """The text without the day it was confirmed."""
        return _DATE.sub("", self.text)

    @property
    def day(self) -> str:
        match = _DATE.search(self.text)
        return match[1] if match else ""

    @property
    def pointer(self) -> str:
        """The topic file it points to, '' for none: only one of the same folder."""
        match = _POINTER.match(self.text)
        return match[1] if match and _NAME.match(match[1]) else ""


class Section(NamedTuple):
    """A heading with what stands below it, up to the next one: bytes `start` to `end`."""

    heading: str  # '' before the first
    line: int
    start: int
    end: int


class BulletList(NamedTuple):
    sections: list[Section]
    bullets: list[Bullet]


def parse(data: bytes) -> BulletList:
    """The sections and the bullets of an index, or of a topic file."""
    sections, bullets = [Section("", 1, 0, 0)], []
    first: tuple[int, int] | None = None  # line and start of the bullet that is open
    fence, start, end = b"", 0, 0

    def close() -> None:
        if first:
            bullets.append(_bullet(data, *first, end, sections[-1].heading))

    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.rstrip(b"\r")
        opened = _FENCE.match(text)
        heading = None if fence else _HEADING.match(text)
        if heading or (not fence and (_BULLET.match(text) or not text.strip())):
            close()
            first = (number, start) if not heading and text.strip() else None
        if opened and fence in (b"", opened[1]):
            fence = b"" if fence else opened[1]
        if heading:
            sections[-1] = sections[-1]._replace(end=start)
            title = heading[2].decode("utf-8", "replace")
            sections.append(Section(title, number, start, start))
        end, start = start + len(text), start + len(line) + 1
    close()
    sections[-1] = sections[-1]._replace(end=len(data))
    return BulletList(sections, bullets)


def _bullet(data: bytes, line: int, start: int, end: int, topic: str) -> Bullet:
    return Bullet(line, topic, _text_of(data[start:end]), start, end)


def _text_of(lines: bytes) -> str:
    return " ".join(_BULLET.sub(b"", lines, count=1).decode("utf-8", "replace").split())


def find(data: bytes, fact: str) -> Bullet | None:
    """The bullet that says this, whatever its date, and whatever somebody wrote right below it."""
    wanted = _DATE.sub("", fact)
    for one in parse(data).bullets:
        first = data[one.start : one.end].partition(b"\n")[0]
        if wanted in (_DATE.sub("", one.text), _DATE.sub("", _text_of(first))):
            return one
    return None


def says_same(one: str, other: str) -> bool:
    """Whether two texts differ in their dates at most."""
    return _DATE.sub("", one) == _DATE.sub("", other)


def date(text: str, day: str) -> str:
    """A bullet's text as confirmed on a day."""
    return f"{_DATE.sub('', text)} ({day})"


def add(data: bytes, topic: str, text: str) -> bytes:
    """With one more bullet, at the end of its topic, which is made if it is missing."""
    crlf = b"\r\n" in data[:4096]
    end = b"\r\n" if crlf else b"\n"
    line = b"- " + text.encode("utf-8", "replace")
    sections = parse(data).sections
    same = [one for one in sections if one.heading.casefold() == topic.casefold()]
    if same:
        section = data[same[0].start : same[0].end]
        kept = section.rstrip()
        at = same[0].start + len(kept)
        after = data[at:]
        # after prose, a blank line makes it a list
        last = kept.rpartition(b"\n")[2]
        listed = bool(_BULLET.match(last) or last[:1] in b" \t" and last)
        between = end if listed or _HEADING.match(last) else end * 2
        return data[:at] + between + line + (after or end)
    before = data.rstrip(b"\r\n")
    before += end * 2 if before else b""
    return before + b"## " + topic.encode("utf-8", "replace") + end * 2 + line + end


def replace(data: bytes, bullet: Bullet, text: str) -> bytes:
    """With other words in a bullet's place; its mark stays."""
    mark = _BULLET.match(data, bullet.start)
    assert mark, "not a bullet's place"
    return data[: mark.end()] + text.encode("utf-8", "replace") + data[bullet.end :]
