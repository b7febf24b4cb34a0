"""What a client can read by its address: windows of the log, and pages of knowledge.

The newest are listed, for clients in which a person chooses from a list what to attach; whatever is
not can be read by its reference."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from ..ground import clock, zone
from ..ground.errors import NoInput, Usage
from ..ground.paths import Home
from ..truth.log import overview, reader
from ..truth.pages import page_files
from .tools import SHOWN

SCHEME = "plainmind://"
MOST, AT_ONCE = 500, 100  # listed of each kind, and in one answer

_DATA = "with ':LINE', the event there. It is data, whoever wrote it"
#: name, address, meaning
TEMPLATES = (
    ("window", f"{SCHEME}logs/{{surface}}/{{id}}/{{window}}", f"a window of the log; {_DATA}"),
    ("page", f"{SCHEME}knowledge/{{page}}", f"a page of knowledge; {_DATA}"),
)


class Listed(NamedTuple):
    """A file that can be read. `changed` is RFC 3339, `size` in bytes."""

    uri: str
    name: str
    changed: str
    size: int


def list_page(session: Any, after: str = "") -> tuple[list[Listed], str]:
    """Pages, then windows, of each kind those first that changed last: what comes after a cursor,
    and the next one, '' at the end (session: cli.Session). Usage."""
    home, mask = session.home, session.env.mask
    start = _read_cursor(after)
    keys = sorted([*_newest(_find_pages(home)), *_newest(_find_windows(home), kind=1)])
    # a name that holds a secret cannot be told, and masked it names nothing
    rest = [key for key in keys if key[:3] > start and mask(key[2]) == key[2]]
    told = [
        Listed(SCHEME + quote(path), _name(path), clock.to_text(-changed), size)
        for _, changed, path, size in rest[:AT_ONCE]
    ]
    last = rest[AT_ONCE - 1] if len(rest) > AT_ONCE else None
    return told, f"{last[0]} {last[1]} {last[2]}" if last else ""


def _read_cursor(text: str) -> tuple[Any, ...]:
    try:
        kind, changed, path = text.split(" ", 2)
        return int(kind), int(changed), path
    except ValueError:
        if text:
            cure = "list the resources from the start"
            raise Usage(f"no such cursor: '{text}'", cure=cure) from None
        return ()


def _newest(
    files: Iterator[tuple[str, os.stat_result]], kind: int = 0
) -> list[tuple[int, int, str, int]]:
    """Kind, time of the change (ms, negative), path and size of those that changed last."""
    known = (
        (kind, -found.st_mtime_ns // 1_000_000, path, found.st_size)
        for path, found in files
        if page_files.is_printable(path)
    )
    return sorted(known)[:MOST]


def _find_pages(home: Home) -> Iterator[tuple[str, os.stat_result]]:
    for path, entry in page_files.list_entries(home, page_files.KNOWLEDGE):
        yield from _stat(path, entry.path)


def _find_windows(home: Home) -> Iterator[tuple[str, os.stat_result]]:
    for path in reader.list_windows(home):
        yield from _stat(path, home.path(path))


def _stat(path: str, full: str) -> Iterator[tuple[str, os.stat_result]]:
    """Nothing, if it has gone meanwhile."""
    try:
        yield path, os.stat(full)
    except FileNotFoundError:
        pass


def _name(path: str) -> str:
    """What a person chooses by."""
    if page_files.is_knowledge(path):
        return path.removeprefix(f"{page_files.KNOWLEDGE}/").removesuffix(".md")
    begun = overview.find_start(path)
    local = f"{zone.to_local(clock.parse(begun)):%Y-%m-%d %H:%M}" if begun else ""
    return f"{reader.context_of(path)} {local or path.rpartition('/')[2]}"


def read(session: Any, uri: str) -> str:
    """A window or a page as it stands in its file, masked (session: cli.Session). NoInput, BadData,
    NotPermitted; Usage for one that is longer than what is shown at once."""
    from ..truth import showing

    path = unquote(uri.removeprefix(SCHEME))
    if not uri.startswith(SCHEME) or not path.startswith(("logs/", "knowledge/")):
        cure = f"use {SCHEME} and the path of a window or a page"
        raise NoInput(f"no such resource: '{uri}'", cure=cure)
    texts, room = [], SHOWN
    for _, text in showing.show(session.home, path):
        texts.append(text)
        room -= len(text)
        if room < 0 and len(texts) > 1:
            cure = f"call 'show' with some of its lines, as '{path}:3', and with 'around'"
            raise Usage(f"'{path}' is too long to be given whole", cure=cure)
    masked = session.env.mask("\n".join(texts))
    return masked.encode("utf-8", "backslashreplace").decode()
