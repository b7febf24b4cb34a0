"""The checks that `mem-lint` makes of pages. Adding one is one module and one line.

What `formats.page` itself says of a page needs no line: it is in the page that was read."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

#: of each page by itself: modules with `find_problems(page, scan)`
OF_ONE = ["text", "secrets"]

#: of each page, with the others at hand: modules with `find_problems(page, vault)`
OF_PAGES = ["links", "sources", "supersession", "dates"]

#: of all pages together: modules with `find_findings(vault)`
OF_VAULTS = ["names", "duplicates", "places", "skills"]


def load(names: Iterable[str]) -> Iterator[Any]:
    return (import_module(f"{__package__}.{name}") for name in names)
