"""A change that lasts, as a file of `.changes/` holds it: to be read, to be made, to be undone.

    time: 2026-01-30T14:23:55.120Z
    turn: 3f9c2a1b 4711 discord-thread/123
    kind: L1
    file: "knowledge/language.md"
    before: none
    after: 9f2c41d07a3b…
    mode: 600
    at: 1
    +---
    +tier: L1

`turn` has the turn's own digits, its process and its context. Then come the files, each with the
SHA-256 of what it was and of what it becomes (`none` if it does not exist), and with the lines that
change, from line `at`, two lines around them. Lines are cut at \\n alone, so every byte is there.

The id of a change is made of all these bytes: what was shown under an id is what is made. Pure.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..ground import clock, stream
from ..ground.errors import NO_MATCH, BadData, Failure

AROUND = 2  # lines before and after those that change
EXCERPT = 200  # characters of a change that are shown on one line
#: how many of these are asked for, until a place is found that is the only one
_LESS = ((AROUND, AROUND), (AROUND, 0), (0, AROUND), (1, 1), (1, 0), (0, 1), (0, 0))
_HEAD = re.compile(rb"\s*---\n.*?\n---\n", re.S)


class FileChange(NamedTuple):
    """What becomes of one file. `before` and `after` are digests, '' if the file does not exist."""

    path: str
    before: str
    after: str
    at: int  # the first line of `lines`, from 1
    lines: tuple[bytes, ...]  # each begins with ' ', '-' or '+'
    mode: int = 0o600

    @classmethod
    def of(
        cls, path: str, before: bytes | None, after: bytes | None, mode: int = 0o600
    ) -> "FileChange":
        old, new = (data.split(b"\n") if data is not None else [] for data in (before, after))
        first = _count_equal(old, new)
        last = _count_equal(old[first:][::-1], new[first:][::-1])
        start, end = max(0, first - AROUND), len(old) - last
        lines = [
            *(b" " + line for line in old[start:first]),
            *(b"-" + line for line in old[first:end]),
            *(b"+" + line for line in new[first : len(new) - last]),
            *(b" " + line for line in old[end : end + AROUND]),
        ]
        return cls(path, digest(before), digest(after), start + 1, tuple(lines), mode)

    def reverse(self) -> "FileChange":
        lead, trail = self._around
        middle = self.lines[lead : len(self.lines) - trail]
        goes = (b"-" + line[1:] for line in middle if line[:1] == b"+")
        comes = (b"+" + line[1:] for line in middle if line[:1] == b"-")
        lines = (*self.lines[:lead], *goes, *comes, *self.lines[len(self.lines) - trail :])
        return self._replace(before=self.after, after=self.before, lines=lines)

    @property
    def _around(self) -> tuple[int, int]:
        """How many lines before, and after, those that change are here to tell their place."""
        signs = [line[:1] for line in self.lines]
        lead = next((n for n, sign in enumerate(signs) if sign != b" "), 0)
        return lead, next((n for n, sign in enumerate(signs[::-1]) if sign != b" "), 0)

    def apply(self, data: bytes | None) -> bytes | None:
        """What the file becomes, None if it is to go. What else was changed in it since stays; a
        Failure with code 1 if it is then not certain where the lines belong."""
        old = [line[1:] for line in self.lines if line[:1] != b"+"]
        new = [line[1:] for line in self.lines if line[:1] != b"-"]
        if not self.before or not self.after:
            if digest(data) != self.before:
                raise self._is_changed()
            return b"\n".join(new) if self.after else None
        if data is None:
            raise self._is_changed()
        there = data.split(b"\n")
        if digest(data) == self.before:
            made = _replace(there, self.at - 1, old, new)
            if digest(made) != self.after:
                raise BadData("the change does not lead to what it says", place=self.path)
            return made
        lead, trail = self._around
        for before, after in _LESS:
            head, tail = max(0, lead - before), max(0, trail - after)
            part, by = old[head : len(old) - tail], new[head : len(new) - tail]
            places = _find_all(there, part) if any(part) else []
            if len(places) == 1:
                return _replace(there, places[0], part, by)
        raise self._is_changed()

    def _is_changed(self) -> Failure:
        what = "it was changed since, so that these lines have no certain place"
        return Failure(what, place=self.path, cure="change it by hand", code=NO_MATCH)

    @property
    def name(self) -> str:
        """Its path on one line, whatever a command called it."""
        return self.path if self.path.isprintable() else json.dumps(self.path)

    @property
    def verb(self) -> str:
        """What becomes of the file, in a word."""
        if not self.before or not self.after:
            return "removed" if self.before else "new"
        signs = {line[:1] for line in self.lines} - {b" "}
        return {frozenset({b"+"}): "added", frozenset({b"-"}): "removed"}.get(
            frozenset(signs), "changed"
        )

    @property
    def text(self) -> str:
        """What is new in the file, else what goes, without the head of a page."""
        sign = b"+" if any(line[:1] == b"+" for line in self.lines) else b"-"
        data = b"\n".join(line[1:] for line in self.lines if line[:1] == sign)
        head = _HEAD.match(data)
        return data[head.end() if head else 0 :].decode("utf-8", "replace").strip()


class LastingChange(NamedTuple):
    """A change of one or more files, made by a turn or waiting for a person's yes."""

    instant: int
    turn: str  # digits that are this turn's own
    pid: int
    context: str  # '' for none
    kind: str  # a word of turn.may, or what commands cannot ask for
    files: tuple[FileChange, ...]  # the one that says what it is comes last

    def render(self) -> bytes:
        head = {
            "time": clock.to_text(self.instant),
            "turn": f"{self.turn} {self.pid} {self.context}".rstrip(),
            "kind": self.kind,
        }
        rows = [f"{key}: {value}".encode() for key, value in head.items()]
        for file in self.files:
            told = {
                "file": json.dumps(file.path),
                "before": file.before or "none",
                "after": file.after or "none",
                "mode": f"{file.mode:o}",
                "at": file.at,
            }
            rows += [f"{key}: {value}".encode() for key, value in told.items()]
            rows += file.lines
        return b"\n".join(rows) + b"\n"

    def name(self) -> str:
        """What it is in some words that are ours, for the log."""
        first = self.files[-1]
        others = f" and {len(self.files) - 1} more files" if len(self.files) > 1 else ""
        always = " (L1, in every prompt)" if self.kind == "L1" else ""
        return f"{first.name}{others}{always}, {first.verb}"

    def describe(self, mask: Callable[[str], str] = str) -> str:
        """What it is on one line, for a person, with the beginning of what is new, masked."""
        printable = "".join(c if c.isprintable() else " " for c in self.files[-1].text)
        text = mask(" ".join(printable.split()))
        more = f" … and {len(text) - EXCERPT} characters more" if len(text) > EXCERPT else ""
        shown = text[:EXCERPT].replace('"', "'")
        return f'{self.name()}: "{shown}"{more}'


def parse(data: bytes) -> LastingChange:
    """A change from its bytes. BadData if they are not one."""
    try:
        sections = list(_split(data.removesuffix(b"\n").split(b"\n")))
        (head, _), *rest = sections
        turn, pid, *context = head["turn"].split(" ")
        made = tuple(_read_file(told, lines) for told, lines in rest)
        if not made:
            raise ValueError("no file")
        where = context[0] if context else ""
        return LastingChange(clock.parse(head["time"]), turn, int(pid), where, head["kind"], made)
    except (KeyError, ValueError, TypeError) as error:
        raise BadData(f"not a change ({error})") from None


def _read_file(told: dict[str, str], lines: Sequence[bytes]) -> FileChange:
    before, after = ("" if told[key] == "none" else told[key] for key in ("before", "after"))
    path, at, mode = json.loads(told["file"]), int(told["at"]), int(told["mode"], 8)
    return FileChange(path, before, after, at, tuple(lines), mode)


def _split(rows: Sequence[bytes]) -> Iterator[tuple[dict[str, str], list[bytes]]]:
    """The head, then what is told of each file with its lines."""
    told: dict[str, str] = {}
    lines: list[bytes] = []
    for row in rows:
        if row[:1] in (b" ", b"-", b"+"):
            lines.append(row)
            continue
        key, mark, value = stream.decode(row).partition(": ")
        if not mark:
            raise ValueError("a line that is neither a key nor of a file")
        if key == "file":
            yield told, lines
            told, lines = {}, []
        told[key] = value
    yield told, lines


def make_id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _count_equal(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """How many lines at the start are the same."""
    pairs = enumerate(zip(one, other))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _replace(there: list[bytes], start: int, old: Sequence[bytes], new: Sequence[bytes]) -> bytes:
    return b"\n".join([*there[:start], *new, *there[start + len(old) :]])


def _find_all(there: list[bytes], part: list[bytes]) -> list[int]:
    """Where a part begins, two places at most: a second one means that none is certain."""
    text, wanted = (b"\n".join([b"", *lines, b""]) for lines in (there, part))
    found: list[int] = []
    at = text.find(wanted)
    while at >= 0 and len(found) < 2:
        found.append(text.count(b"\n", 0, at))
        at = text.find(wanted, at + 1)
    return found
