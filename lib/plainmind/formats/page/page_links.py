"""Where a page points: links to other pages, and pictures.

Obsidian's way and Markdown's. Code and comments (%% %%, <!-- -->) are not text, and what stands in
them points nowhere. Pure, and linear.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from .page import Page

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\n]*)")
_TICKS = re.compile(r"`+")
_BLANK = re.compile(r"(\n[ \t\r]*\n)")
_LINK = re.compile(r"(!?)\[\[([^\[\]\n|#]*)(?:#[^\[\]\n|]*)?(?:\|[^\[\]\n]*)?\]\](?!\()")
_COMMENT = re.compile(r"%%.*?%%|<!--.*?-->", re.S)
_PAGE = re.compile(
    r"(?<!!)\[[^\[\]\n]*\]\(\s*(?:<([^<>\n]+\.md(?:#[^<>\n]*)?)>|([^()\s<>]+\.md(?:#[^()\s]*)?))"
)
_IMAGE = re.compile(
    r"!\[[^\[\]\n]*\]\(\s*(?:<([^<>\n]*)>|([^()\s]+))"
    r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\)))?\s*\)"
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.I)
#: what Obsidian shows in a page
_SHOWN = re.compile(
    r"\.(?:png|jpe?g|gif|webp|svg|bmp|avif|pdf|mp[34]|flac|m4a|og[gv]|wav|webm|3gp|mkv|mov)\Z", re.I
)


class Target(NamedTuple):
    """Where a link or a picture points: a name or a path as written, and the line of the file.
    `open`: of a page that Obsidian makes when the link is followed."""

    name: str
    line: int
    open: bool = False


class Shown(NamedTuple):
    """A file that a body shows: `embedded` by ![[name]]; where that stands in the body."""

    name: str
    line: int
    embedded: bool
    start: int
    end: int


def find_links(page: Page) -> list[Target]:
    """What a page links to, its head first: pages, and with [[name.pdf]] other files."""
    found = [
        (match.start(), Target(name, line, not match[1] and name[:1] not in "./"))
        for match, name, line in _linked(page)
        if name and not (match[1] and _SHOWN.search(name))
    ]
    for match, line in _matches(_PAGE, page) if ".md" in page.body else ():
        path = (match[1] or match[2]).partition("#")[0]
        if not _ADDRESS.match(path):
            found.append((match.start(), Target(_unquoted(path).removesuffix(".md"), line)))
    heads = [
        Target(name.removesuffix(".md"), line, name[:1] not in "./") for name, line in page.linked
    ]
    return heads + [target for _, target in sorted(found)]


def find_images(page: Page) -> list[Target]:
    """The files that a page's body shows; addresses of the network are none."""
    return [Target(shown.name, shown.line) for shown in find_shown(page)]


def find_shown(page: Page) -> list[Shown]:
    """The same, and where they stand."""
    if "![" not in page.body:
        return []
    found = [
        Shown(name, line, True, *match.span())
        for match, name, line in _linked(page)
        if match[1] and _SHOWN.search(name)
    ]
    for match, line in _matches(_IMAGE, page):
        path = match[1] if match[1] is not None else match[2]
        if not _ADDRESS.match(path):
            found.append(Shown(_unquoted(path), line, False, *match.span()))
    return found


def _unquoted(path: str) -> str:
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path)


def _linked(page: Page) -> Iterator[tuple[re.Match[str], str, int]]:
    for match, line in _matches(_LINK, page) if "[[" in page.body else ():
        name = match[2].rstrip("\\")  # in a table, a bar has a backslash
        yield match, name.strip().removesuffix(".md"), line


def _matches(pattern: re.Pattern[str], page: Page) -> Iterator[tuple[re.Match[str], int]]:
    """Where a body matches outside of code and comments, each with its line of the file."""
    plain = strip_code(page.body)
    at, line = 0, page.body_line
    for match in pattern.finditer(plain):
        line += plain.count("\n", at, match.start())
        at = match.start()
        yield match, line


def strip_code(body: str) -> str:
    """A body with blanks for its code and comments."""
    return _without_comments(_without_code(body))


def _without_comments(text: str) -> str:
    """A text with blanks for its comments."""
    if "%%" not in text and "<!--" not in text:
        return text
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _without_code(body: str) -> str:
    """The body with blanks for its code, so that everything else stays where it is."""
    if "`" not in body and "~~~" not in body:
        return body
    lines, fence = body.split("\n"), ""
    for number, line in enumerate(lines):
        match = _FENCE.match(line)
        if fence:
            closes = match and match[1].startswith(fence) and not match[2].strip()
            lines[number] = " " * len(line)
            fence = "" if closes else fence
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            fence, lines[number] = match[1], " " * len(line)
    return "".join(_without_spans(part) for part in _BLANK.split("\n".join(lines)))


def _without_spans(paragraph: str) -> str:
    """A paragraph with blanks for what stands between two runs of as many backticks."""
    if "`" not in paragraph:
        return paragraph
    runs = [match.span() for match in _TICKS.finditer(paragraph)]
    places: dict[int, list[int]] = {}
    for number, (start, end) in reversed(list(enumerate(runs))):
        places.setdefault(end - start, []).append(number)  # the first of each length is last
    parts, at, number = [], 0, 0
    while number < len(runs):
        start, end = runs[number]
        others = places[end - start]
        while others and others[-1] <= number:
            others.pop()
        if others:
            until = runs[others[-1]][1]
            parts += [paragraph[at:start], re.sub(r"[^\n]", " ", paragraph[start:until])]
            at, number = until, others[-1]
        number += 1
    return "".join([*parts, paragraph[at:]])
