"""supersedes: a page that is not there, or itself, round in a circle. superseded: still L1."""

from collections.abc import Iterator

from ....formats.page import page
from ....formats.page.page import Page, PageProblem
from ....ground import masks
from .vault import Vault


def find_problems(one: Page, vault: Vault) -> Iterator[PageProblem]:
    for name in one.supersedes:
        key, line = page.link_key(name), one.lines["supersedes"]
        if key not in vault.paths:
            message = f"no page '{masks.cut(name, 80)}'; remove it, or fix the name"
            yield PageProblem(line, "supersedes", message)
        elif _leads_to(vault, key, page.link_key(one.name)):
            message = f"'{masks.cut(name, 80)}' takes the place of this page, too; remove one"
            yield PageProblem(line, "supersedes", message)
    successor = vault.successors.get(page.link_key(one.name))
    if one.tier == "L1" and successor:
        cure = f"mem-note --update {one.name} --tier L2"
        message = f"still L1, and '{successor}' takes its place; {cure}"
        yield PageProblem(one.lines.get("tier", 1), "superseded", message)


def _leads_to(vault: Vault, start: str, goal: str) -> bool:
    seen, edge = set(), [start]
    while edge:
        key = edge.pop()
        if key == goal:
            return True
        if key not in seen:
            seen.add(key)
            edge.extend(vault.superseded.get(key, ()))
    return False
