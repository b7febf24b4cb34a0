"""All pages of a memory folder, and what a check asks of them: what exists, what replaces what."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

from ....formats.page import page
from ....formats.page.page import Page, PageProblem
from ....ground.errors import Failure, NotPermitted
from ....ground.paths import Home
from ...log import reader
from .. import first_seen, page_files

Mask = Callable[[str], str]  # hides secrets
_OURS = ("date", "type", "tier")  # keys that a page of ours has
LONGEST_SECRET = 4096  # bytes, of one that two pieces of a page have between them


class ByteScan(NamedTuple):
    """What there is to say of all of a page's bytes."""

    secrets: list[int]  # lines that look like one
    times: float  # how long it is, of what is read of it


def scan(pieces: Iterable[bytes], read: int, mask: Mask) -> ByteScan:
    """`pieces` are all of the page, of which the first `read` bytes are read as one."""
    lines: dict[int, None] = {}
    size, number, before = 0, 1, b""
    for piece in pieces:
        size += len(piece)
        data = before + piece
        text = data.decode("utf-8", "replace")
        if mask(text) != text:
            rows = [at for at, row in enumerate(text.split("\n"), number) if mask(row) != row]
            # one of several lines is found in the whole only
            lines |= dict.fromkeys(rows or [number])
        before = data[-LONGEST_SECRET:]
        before = before[before.find(b"\n") + 1 :]
        number += data.count(b"\n") - before.count(b"\n")
    return ByteScan(list(lines), size / max(read, 1))


class Vault:
    """`pages` by path, all of them; `checked` are to be looked at, `whole` when that is all."""

    def __init__(
        self,
        home: Home,
        pages: Mapping[str, Page],
        checked: Sequence[Page],
        scans: Mapping[str, ByteScan],
        today: date,
        *,
        whole: bool,
    ):
        self.home, self.pages, self.checked = home, pages, checked
        self.scans, self.today, self.whole = scans, today, whole
        self._events: dict[str, dict[int, str]] = {}

    @cached_property
    def paths(self) -> dict[str, str]:
        """Of each page of knowledge, by what a link to it says."""
        paths: dict[str, str] = {}
        for path, one in self.pages.items():
            if page_files.is_knowledge(path):
                paths.setdefault(page.link_key(one.name), path)
        return paths

    @cached_property
    def successors(self) -> dict[str, str]:
        """The name of the page that supersedes one, by the key of the latter."""
        successors: dict[str, str] = {}
        for one in self.pages.values():
            for name in one.supersedes:
                successors.setdefault(page.link_key(name), one.name)
        return successors

    @cached_property
    def superseded(self) -> dict[str, list[str]]:
        """The keys of the pages that a page supersedes, by its own."""
        key = page.link_key
        return {key(one.name): list(map(key, one.supersedes)) for one in self.pages.values()}

    @cached_property
    def names(self) -> frozenset[str]:
        """What a link may also say: names that pages give themselves, and files of the vault."""
        known = {page.link_key(name) for one in self.pages.values() for name in one.aliases}
        for place in (page_files.KNOWLEDGE, "raw/images"):
            for _, folders, files in os.walk(self.home.path(place)):
                folders[:] = [name for name in folders if not name.startswith(".")]
                known |= {page.link_key(name) for name in files}
        return frozenset(known)

    @cached_property
    def is_obsidian(self) -> bool:
        return os.path.isdir(self.home.path(page_files.KNOWLEDGE, ".obsidian"))

    def is_theirs(self, one: Page, problem: PageProblem) -> bool:
        """Whether it is right by the rules of a vault that Obsidian keeps: there, a page need not
        say what ours do, and its type may be one of its owner's."""
        unsaid = one.lines.get(problem.code, 1) == 1 and problem.code in ("head", *_OURS)
        own_type = problem.code == "type" and problem.message.startswith("unknown type")
        return self.is_obsidian and "tier" not in one.lines and (unsaid or own_type)

    def leads(self, name: str) -> bool:
        """Whether a link leads to a page or a file, wherever in the vault it lies."""
        key = page.link_key(name.rpartition("/")[2])
        return key.removesuffix(".md") in self.paths or key in self.names

    @cached_property
    def seen(self) -> first_seen.Sightings:
        """How long retention has known the pages."""
        return first_seen.load(self.home)

    def read_events(self, path: str) -> dict[int, str]:
        """What the events of a window say, by line; nothing when it cannot be read."""
        if path not in self._events:
            try:
                window = reader.read_window(self.home, path)
                blocks = window.blocks()
                self._events[path] = {raw.line: window.event(raw).content for raw in blocks}
            except Failure:
                self._events[path] = {}
        return self._events[path]

    def is_file(self, path: str) -> bool:
        """Whether there is such a file in the memory folder."""
        try:
            return os.path.isfile(self.home.path(self.home.relative(path)))
        except (NotPermitted, ValueError):
            return False
