"""A page's image, the file that its key `image` names, shown in its body as ![](../raw/images/…).

Owns whether and where a body shows it, and keeping that so when key or body change. Knows no files.
"""

import posixpath
import re
from collections.abc import Iterator

from . import page, page_links
from .page import Page


def render_image(image: str, path: str) -> str:
    """What shows a file of the memory folder in the page at `path`, wherever that is opened."""
    name = posixpath.relpath(image, posixpath.dirname(path) or ".").replace("%", "%25")
    return f"![](<{name}>)" if re.search(r"[\s()]", name) else f"![]({name})"


def is_shown(read: Page, image: str) -> bool:
    return any(True for _ in _spans(read, image))


def keep_shown(data: bytes, path: str, before: str) -> bytes:
    """The page with its image in the body: in place of the one it had `before`, or at the end. The
    old one goes with its key. Every other byte stays."""
    read = page.parse(data, path)
    if read.image == before and not before or read.image and is_shown(read, read.image):
        return data
    old = list(_spans(read, before)) if before else []
    shown = render_image(read.image, path) if read.image else ""
    body = read.body
    for start, end in reversed(old):
        if not shown:
            start, end = _line_around(body, start, end)
        body = body[:start] + shown + body[end:]
    if shown and not old:
        newline = "\r\n" if "\r\n" in body else page.split(data, path).newline
        gap = "" if not body or body.endswith("\n") else newline
        body += f"{gap}{newline}{shown}{newline}"
    kept = data[: len(data) - len(read.body.encode())]
    made = kept + body.encode()
    # a name that no link can hold, or a body that ends in code
    return made if not shown or is_shown(page.parse(made, path), read.image) else data


def _spans(read: Page, image: str) -> Iterator[tuple[int, int]]:
    """Where a body shows a file: by its path from the page or from the memory folder, or, as
    Obsidian embeds it, by its name."""
    folder = posixpath.dirname(read.path)
    for shown in page_links.find_shown(read):
        places = {posixpath.normpath(posixpath.join(folder, shown.name)), shown.name.lstrip("/")}
        if shown.embedded:
            places.add(posixpath.join(posixpath.dirname(image), shown.name))
        if image in places:
            yield shown.start, shown.end


def _line_around(body: str, start: int, end: int) -> tuple[int, int]:
    """A link that has its line to itself goes with the line, and with the blank one before it."""
    first = body.rfind("\n", 0, start) + 1
    last = len(body) if (at := body.find("\n", end)) < 0 else at + 1
    if body[first:start].strip() or body[end:last].strip():
        return start, end
    blank = re.search(r"(?<=\n)[ \t]*\r?\n\Z", body[:first])
    return (blank.start() if blank else first), last
