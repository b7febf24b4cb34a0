"""name: another page has the same but for case, spaces or hyphens, so that a link may mean either.

Or no line of output can show it."""

import os
from collections import defaultdict
from collections.abc import Iterator

from ....formats.page import link, page
from ...log.verify import Finding
from .. import page_files
from .vault import Vault


def find_findings(vault: Vault) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    curated = [path for path in vault.pages if page_files.is_curated(vault.home, path)]
    for path in curated:
        groups[_key(path)].append(path)
    for one in vault.checked:
        if not page_files.is_printable(one.path):
            what = "a control character, or bytes that are not valid UTF-8, in its name"
            yield Finding(one.path, 1, "name", f"{what}, so that nothing reads it; rename it")
        others = [path for path in groups.get(_key(one.path), ()) if path != one.path]
        if others and page_files.is_curated(vault.home, one.path):
            message = f"a link to it may mean {others[0]} as well; rename one"
            yield Finding(one.path, 1, "name", message)


def _key(path: str) -> tuple[str, str]:
    """What tells pages apart: in two folders, Obsidian lets them have one name."""
    return os.path.dirname(path), link.link_key(page.name_of(path))
