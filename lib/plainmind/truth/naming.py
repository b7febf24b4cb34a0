"""What an argument of a person names: an event, a window or a page.

A path is relative to the memory folder or to the working directory, or absolute; a word without a
slash may be the name of a page.
"""

import os
import re
from typing import NamedTuple

from ..formats import reference
from ..ground.errors import BadData
from ..ground.paths import Home
from .pages import page_files


class Named(NamedTuple):
    """A file of the memory folder, relative to it, and lines of it; without `line`, all of it."""

    path: str
    line: int = 0
    end_line: int = 0


def resolve(home: Home, text: str) -> Named:
    """What `path:line`, a path, or a page's name is. NoInput, NotPermitted; BadData for ''."""
    try:
        ref = reference.parse(text)
    except BadData:
        if re.search(r"(\A|:[\d-]*:?)\Z", text.strip()):
            raise
        return Named(find(home, text))
    return Named(find(home, ref.path), ref.line, ref.end_line)


def find(home: Home, path: str) -> str:
    """The file that a path or a page's name means, relative to the home."""
    part = home.find(path)
    if "/" in path or os.path.lexists(home.path(part)):
        return part
    return page_files.find_page(home, path)
