"""Where a page leads to: addresses of a board that runs, or names of files that were published;
and where a `path:line` does, alone or in a text."""

import hashlib
import re
from collections.abc import Collection
from typing import Protocol
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from ..ground import stream
from .pages import BoardPage, find_page

#: a reference to a window or a page, with a line or without
_REF = re.compile(
    r"(logs/[a-z][a-z0-9-]*/[a-z0-9_-]+/\d{8}T\d{6}Z(?:_\d{4,})?\.md"
    r"|knowledge/[^\s:<>\"'`()\[\]|]{1,250}\.md)(?::(\d{1,12})(?:-\d{1,12})?)?",
    re.ASCII,
)

_LONGEST = 100  # characters of a part in the name of a file


class Links(Protocol):
    asks: bool  # whether who is here showed a token, and can log out
    live: bool  # whether somebody answers: a search, an award, what changes

    def to(self, name: str, part: str = "", /, **query: str) -> str:
        """Where a page or a part of one is; '' when it is nowhere."""

    def to_static(self, path: str) -> str:
        """Where a file of `static/` is."""


class LiveLinks:
    live = True

    def __init__(self, *, asks: bool = False):
        self.asks = asks

    def to(self, name: str, part: str = "", /, **query: str) -> str:
        page = find_page(name)
        path = f"/{name}/{quote(part)}" if part else page.path
        asked = {key: value for key, value in query.items() if value}
        return f"{path}?{urlencode(asked)}" if asked else path

    def to_static(self, path: str) -> str:
        return f"/static/{path}"


class FileLinks:
    """Of files in one folder. `published` has the (page, part) that there are."""

    asks = live = False

    def __init__(self, published: Collection[tuple[str, str]]):
        self.published = published

    def to(self, name: str, part: str = "", /, **query: str) -> str:
        there = (name, part) in self.published and not any(query.values())
        return quote(name_file(find_page(name), part)) if there else ""

    def to_static(self, path: str) -> str:
        return f"static/{path}"


def name_file(page: BoardPage, part: str = "") -> str:
    """The file that a page is published as; the first one is index.html. The part of a page has
    its name; where that holds what a file's name cannot hold everywhere (two cases of a letter are
    one to some), or is long, a hash tells it from every other."""
    if part:
        plain = re.sub(r"[^a-zA-Z0-9_.-]", "~", part)[:_LONGEST]
        digits = hashlib.blake2b(stream.encode(part), digest_size=8).hexdigest()
        return f"{page.name}.{plain if plain == part == part.lower() else f'{plain}~{digits}'}.html"
    own = page.path.removeprefix("/")
    return own if own.endswith(".html") else f"{own or 'index'}.html"


def refer(links: Links, ref: str) -> str:
    """Where a reference such as `logs/cli/a/20260130T142355Z.md:3` or `knowledge/x.md` leads; ''
    for one of something else, or that is nowhere."""
    match = _REF.fullmatch(ref)
    if not match:
        return ""
    path, line = match[1], match[2] or ""
    name, _, part = path.partition("/")
    if name == "knowledge":
        address = links.to(name, part)
        return f"{address}#L{line}" if address and line else address
    address = links.to("log", part, at=line) if links.live else links.to("log", part)
    return f"{address}#L{line}" if address and line else address


def link_refs(links: Links, text: str) -> Markup:
    """A text as HTML, in which each reference leads where `refer` says."""
    made, at = [], 0
    for match in _REF.finditer(text):
        made.append(escape(text[at : match.start()]))
        if address := refer(links, match[0]):
            made.append(Markup('<a href="{}">{}</a>').format(address, match[0]))
        else:
            made.append(escape(match[0]))
        at = match.end()
    return Markup("").join([*made, escape(text[at:])])
