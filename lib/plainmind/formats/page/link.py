"""What a link means: a page's name or another that it gives itself, as Obsidian decides it.

A link may say folders, from the linking page on or as the end of a path: `[[projects/tea]]`. Of
several pages that fit, the one beside or below the linking page is meant, then the one in fewer
folders. A page that only calls itself so (`aliases`, `name:`) comes after those that are called so.
Pure; what is compared are keys, in which case does not matter and a space may stand for a hyphen.
"""

import posixpath
import re
from collections.abc import Iterable
from typing import NamedTuple

_GAPS = re.compile(r"[\s_-]+")


class LinkKey(NamedTuple):
    """A link as it is compared: the key of its last part, and those of the folders before."""

    name: str
    folder: str = ""


def link_key(name: str) -> str:
    """What links and names are compared by."""
    if not name.isascii():
        from ..normal_form import to_form

        # macOS writes names of files decomposed; accents stay, as é.md and e.md are two pages
        name = to_form("NFC", name)
    return "-".join(_GAPS.split(name.strip().casefold()))


def parse_link(link: str) -> LinkKey:
    """A link as it is written, without .md."""
    folder, _, name = link.rpartition("/")
    return LinkKey(link_key(name), _path_key(folder))


def _path_key(path: str) -> str:
    return "/".join(map(link_key, path.split("/")))


class LinkTable:
    """Pages by what links call them. `names` and `aliases` are (key, path)."""

    def __init__(self, names: Iterable[tuple[str, str]], aliases: Iterable[tuple[str, str]] = ()):
        self._names: dict[str, list[str]] = {}
        self._aliases: dict[str, list[str]] = {}
        for known, pairs in ((self._names, names), (self._aliases, aliases)):
            for key, path in pairs:
                known.setdefault(key, []).append(path)

    def find(self, link: LinkKey, source: str) -> str:
        """The path of the page that a link in the page at `source` means; '' for none."""
        found = self._names.get(link.name, [])
        if link.folder:
            found = [path for path in found if _fits(path, link.folder, source)]
        elif not found:
            found = self._aliases.get(link.name, [])
        if len(found) < 2:
            return found[0] if found else ""
        return min(found, key=lambda path: _rank(path, link.folder, source))


def _fits(path: str, folder: str, source: str) -> bool:
    """Whether a page is in the folder that a link names."""
    if _is_relative(path, folder, source):
        return True
    own = _path_key(posixpath.dirname(path))
    return not folder.startswith(".") and f"/{own}".endswith(f"/{folder.lstrip('/')}")


def _is_relative(path: str, folder: str, source: str) -> bool:
    """Whether a folder, from the linking page on, is the page's."""
    meant = posixpath.normpath(posixpath.join(_path_key(posixpath.dirname(source)), folder))
    return (_path_key(posixpath.dirname(path)) or ".") == (meant or ".")


def _rank(path: str, folder: str, source: str) -> tuple[bool, bool, bool, int, str]:
    """What comes first of pages that fit; what other programs left is last."""
    near = posixpath.dirname(source)
    exact = _is_relative(path, folder, source)
    below = not near or path.startswith(f"{near}/")
    return path.startswith("raw/"), not exact, not below, path.count("/"), path
