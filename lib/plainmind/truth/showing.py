"""What a reference, a path or a page's name stands for, as its file has it: events, or a page."""

from collections.abc import Iterator
from typing import Any

from ..ground import stream
from ..ground.paths import Home
from . import naming
from .log import reader
from .pages import page_files


def show(
    home: Home, name: str, around: int = 0, *, whole: bool = False, parsed: bool = False
) -> Iterator[tuple[Any, str]]:
    """Each event, with those `around` it or the `whole` window, or the page: as an object ({}
    unless `parsed`), and as text. NoInput, BadData, NotPermitted."""
    named = naming.resolve(home, name)
    if page_files.place_of(home, named.path):
        yield page_files.render_page(home, named.path, parsed=parsed)
        return
    if whole or not named.line:
        window = reader.read_window(home, named.path)
        events = window.blocks()
    else:
        window = reader.read_part(home, *named, around)
        events = reader.find_around(window, named.line, named.end_line, around)
    for event in events:
        record = window.event(event).record() if parsed else {}
        yield record, stream.decode(window.text(event))
