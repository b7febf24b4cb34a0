"""The pages of knowledge, for a process that is asked again: each is read when its file has
changed. What links to what, and what takes the place of what. Writes nothing."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...formats.page import page, page_links
from ...formats.page.link import LinkTable, link_key, parse_link
from ...formats.page.page import Page
from ...formats.page.triple import comparison_key
from ...ground import file_states, files
from ...ground.errors import Failure
from ...ground.paths import Home
from . import page_files

State = tuple[int, int, int, int]


class KnownPage(NamedTuple):
    """A page without its body. `size` in bytes; `links` as they are written."""

    page: Page
    title: str
    size: int
    links: Sequence[str]


class Library(NamedTuple):
    """All pages of knowledge, by path; and between them, by path, those that one links to, those
    that link to it, those that it supersedes and those that supersede it."""

    pages: Mapping[str, KnownPage]
    unread: Sequence[Failure]
    links: Mapping[str, Sequence[str]]
    backlinks: Mapping[str, Sequence[str]]
    supersedes: Mapping[str, Sequence[str]]
    successors: Mapping[str, Sequence[str]]
    table: LinkTable

    def find(self, link: str, source: str) -> str:
        """The path of the page that a link in the page at `source` means; '' for none."""
        return self.table.find(parse_link(link.removesuffix(".md")), source)

    def name_pages(self) -> dict[str, str]:
        """What the graph's names are compared by -> the page that is called so."""
        return {comparison_key(one.page.name): path for path, one in self.pages.items()}


class KnownPages:
    """Used by one thread at a time, or by several of which each may read what another does."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[State, KnownPage]] = {}
        self._library: tuple[list[tuple[str, State]], Library] | None = None

    def read(self, home: Home) -> Library:
        states: list[tuple[str, State]] = []
        for path, entry in page_files.list_entries(home, page_files.KNOWLEDGE):
            try:
                states.append((path, file_states.state_of(entry.stat())))
            except OSError:  # gone meanwhile
                continue
        library = self._library
        if library and library[0] == states:
            return library[1]
        known: dict[str, tuple[State, KnownPage]] = {}
        unread: list[Failure] = []
        for path, wanted in states:
            before = self._known.get(path)
            try:
                now = before if before and before[0] == wanted else _read(home, path, wanted)
            except FileNotFoundError:
                continue
            except OSError as error:
                unread.append(files.to_failure(error))
                continue
            except Failure as failure:
                unread.append(failure)
                continue
            known[path] = now
        made = _relate({path: one for path, (_, one) in known.items()}, unread)
        self._known = known
        if not unread:  # else it is tried again
            self._library = [(path, state) for path, (state, _) in known.items()], made
        return made


def _read(home: Home, path: str, state: State) -> tuple[State, KnownPage]:
    read = page_files.read_page(home, path)
    links = [target.name for target in page_links.find_links(read)]
    links = list(dict.fromkeys(links))
    return file_states.settle(state), KnownPage(
        read._replace(body=""), read.title, state[-1], links
    )


def _relate(pages: Mapping[str, KnownPage], unread: list[Failure]) -> Library:
    aliases = ((link_key(name), path) for path, one in pages.items() for name in one.page.aliases)
    table = LinkTable(((link_key(page.name_of(path)), path) for path in pages), aliases)
    links: dict[str, list[str]] = {}
    backlinks: dict[str, list[str]] = {}
    supersedes: dict[str, list[str]] = {}
    successors: dict[str, list[str]] = {}
    for path, one in pages.items():
        for names, there, back in (
            (one.links, links, backlinks),
            (one.page.supersedes, supersedes, successors),
        ):
            found = [table.find(parse_link(name.removesuffix(".md")), path) for name in names]
            for other in dict.fromkeys(found):
                if other and other != path:
                    there.setdefault(path, []).append(other)
                    back.setdefault(other, []).append(path)
    return Library(pages, unread, links, backlinks, supersedes, successors, table)
