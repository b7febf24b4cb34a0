"""All pages of a memory folder, and what a check asks of them: what exists, what replaces what."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

from ....formats import secrets
from ....formats.page import page
from ....formats.page.link import LinkTable, link_key, parse_link
from ....formats.page.page import Page, PageProblem
from ....ground.errors import Failure, NotPermitted
from ....ground.paths import Home
from ...log import reader
from .. import first_seen, page_files
from ..vault_rules import VaultRules

Mask = Callable[[str], str]  # hides secrets
LONGEST_SECRET = 4096  # bytes, of one that two pieces of a page have between them


class ByteScan(NamedTuple):
    """What there is to say of all of a page's bytes."""

    secrets: list[int]  # lines that look like one
    times: float  # how long it is, of what is read of it
    is_template: bool = False  # as its head says


def scan(pieces: Iterable[bytes], read: int, mask: Mask) -> ByteScan:
    """`pieces` are all of the page, of which the first `read` bytes are read as one."""
    lines: dict[int, None] = {}
    size, number, before, is_template = 0, 1, b"", False
    for piece in pieces:
        is_template = is_template or not size and page.is_template(piece)
        size += len(piece)
        data = before + piece
        text = data.decode("utf-8", "replace")
        if secrets.is_masked(text, mask):
            rows = [
                at
                for at, row in enumerate(text.split("\n"), number)
                if secrets.is_masked(row, mask)
            ]
            # one of several lines is found in the whole only
            lines |= dict.fromkeys(rows or [number])
        before = data[-LONGEST_SECRET:]
        before = before[before.find(b"\n") + 1 :]
        number += data.count(b"\n") - before.count(b"\n")
    return ByteScan(list(lines), size / max(read, 1), is_template)


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
        self.rules = VaultRules(home)
        self.scans, self.today, self.whole = scans, today, whole
        self._events: dict[str, dict[int, str]] = {}

    @cached_property
    def links(self) -> LinkTable:
        """The curated pages, by what links call them."""
        curated = [one for one in self.pages.values() if page_files.is_curated(self.home, one.path)]
        aliases = ((link_key(name), one.path) for one in curated for name in one.aliases)
        return LinkTable(((link_key(one.name), one.path) for one in curated), aliases)

    @cached_property
    def superseded(self) -> dict[str, list[str]]:
        """The paths of the pages that a page supersedes, by its own."""
        return {
            path: [self.find(name, path) for name in one.supersedes]
            for path, one in self.pages.items()
            if one.supersedes
        }

    @cached_property
    def successors(self) -> dict[str, str]:
        """The name of the page that supersedes one, by the path of the latter."""
        successors: dict[str, str] = {}
        for path, gone in self.superseded.items():
            for other in gone:
                successors.setdefault(other, self.pages[path].name)
        return successors

    @cached_property
    def files(self) -> frozenset[str]:
        """The names of all files of the vault, as links are compared."""
        known: set[str] = set()
        for place in ("",) if self.is_foreign else (page_files.KNOWLEDGE, "raw/images"):
            for _, folders, files in os.walk(self.home.path(place)):
                folders[:] = [name for name in folders if not name.startswith(".")]
                known |= set(map(link_key, files))
        return frozenset(known)

    @property
    def is_foreign(self) -> bool:
        return self.rules.is_foreign

    def is_template(self, one: Page) -> bool:
        scan = self.scans.get(one.path)
        return self.rules.is_template(one, bool(scan and scan.is_template))

    def list_wrong(self, one: Page, problems: Iterable[PageProblem]) -> list[PageProblem]:
        """The problems of a page that are some by its owner's rules."""
        return self.rules.list_wrong(one, problems, self.scans[one.path].is_template)

    def find(self, name: str, source: str) -> str:
        """The path of the page that a link in the page at `source` means; '' for none."""
        return self.links.find(parse_link(name.removesuffix(".md")), source)

    def has_folder(self, name: str) -> bool:
        return (
            bool(name)
            and "\0" not in name
            and os.path.isdir(self.home.path(self.rules.place, name))
        )

    def leads(self, name: str, source: str) -> bool:
        """Whether a link leads to a page, or to a file wherever in the vault it lies; or to what
        a template is filled in with."""
        is_there = self.find(name, source) or link_key(name.rpartition("/")[2]) in self.files
        return bool(is_there) or page.is_to_fill_in(name)

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
