"""All pages of a memory folder, and what a check asks of them: what exists, what replaces what."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cached_property

from ....formats.page import likeness, page
from ....formats.page.link import LinkTable, link_key, parse_link
from ....formats.page.page import Page, PageProblem
from ....ground.errors import Failure, NotPermitted
from ....ground.paths import Home
from ...log import reader
from .. import first_seen, page_files
from ..page_facts import KnownFacts, PageFacts
from ..vault_rules import VaultRules


class Vault:
    """`facts` of all pages, by path; `checked` are to be looked at, `whole` when that is all."""

    def __init__(
        self,
        home: Home,
        facts: Mapping[str, PageFacts],
        checked: Sequence[Page],
        known: KnownFacts,
        today: date,
        *,
        whole: bool,
    ):
        self.home, self.facts, self.checked = home, facts, checked
        self.pages = {path: one.page for path, one in facts.items()}
        self.rules = VaultRules(home)
        self.known, self.today, self.whole = known, today, whole

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
        return self.rules.is_template(one, self.facts[one.path].is_template)

    def list_wrong(self, one: Page, problems: Iterable[PageProblem]) -> list[PageProblem]:
        """The problems of a page that are some by its owner's rules."""
        return self.rules.list_wrong(one, problems, self.facts[one.path].is_template)

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

    def digest_event(self, ref: str) -> str:
        """page.digest_content of what an event says; '' when there is none at this line."""
        digest = self.known.find_cited(ref)
        if digest is None:
            path, _, number = ref.rpartition(":")
            digest, line = "", int(number)
            with suppress(Failure):
                window = reader.read_part(self.home, path, line, line)
                for raw in window.blocks():
                    if raw.line == line:
                        digest = page.digest_content(window.event(raw).content)
            self.known.keep_cited(ref, digest)
        return digest

    def find_share(self, one: PageFacts, other: PageFacts) -> float:
        """likeness.measure_share of two bodies, which are read again; 0 when one is gone, or
        changed meanwhile."""
        share = self.known.find_share(one, other)
        if share is None:
            try:
                bodies = [page_files.read_page(self.home, it.page.path).body for it in (one, other)]
            except (OSError, Failure):
                return 0.0
            share = likeness.measure_share(*map(likeness.extract_features, bodies))
            self.known.keep_share(one, other, share)
        return share

    def is_file(self, path: str) -> bool:
        """Whether there is such a file in the memory folder."""
        try:
            return os.path.isfile(self.home.path(self.home.relative(path)))
        except (NotPermitted, ValueError):
            return False
