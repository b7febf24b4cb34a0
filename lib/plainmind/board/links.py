"""Where a page leads to: addresses of a board that runs, or names of files that were published."""

from collections.abc import Collection
from typing import Protocol
from urllib.parse import quote, urlencode

from .pages import BoardPage, find_page


class Links(Protocol):
    live: bool  # whether somebody answers: a search, an award, what changes

    def to(self, name: str, part: str = "", **query: str) -> str:
        """Where a page or a part of one is; '' when it is nowhere."""

    def to_static(self, path: str) -> str:
        """Where a file of `static/` is."""


class LiveLinks:
    live = True

    def to(self, name: str, part: str = "", **query: str) -> str:
        page = find_page(name)
        path = f"/{name}/{quote(part)}" if part else page.path
        asked = {key: value for key, value in query.items() if value}
        return f"{path}?{urlencode(asked)}" if asked else path

    def to_static(self, path: str) -> str:
        return f"/static/{path}"


class FileLinks:
    """Of files in one folder. `published` has the (page, part) that there are."""

    live = False

    def __init__(self, published: Collection[tuple[str, str]]):
        self.published = published

    def to(self, name: str, part: str = "", **query: str) -> str:
        there = (name, part) in self.published and not any(query.values())
        return quote(name_file(find_page(name), part)) if there else ""

    def to_static(self, path: str) -> str:
        return f"static/{path}"


def name_file(page: BoardPage, part: str = "") -> str:
    """The file that a page is published as: the first one is index.html, and the part of a page
    has its name with `~` for what a file's name cannot have."""
    if part:
        flat = "".join(c if c.isalnum() or c in "-_." else "~" for c in part)
        return f"{page.name}.{flat}.html"
    return (
        page.path.rpartition("/")[2] or "index.html"
        if "." in page.path
        else ("index.html" if page.path == "/" else f"{page.name}.html")
    )
