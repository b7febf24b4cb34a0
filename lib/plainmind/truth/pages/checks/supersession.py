"""supersedes: a page that is not there, or itself, round in a circle. superseded: still L1."""

from collections.abc import Iterator

from ....formats.page.page import Page, PageProblem
from ....ground import masks
from .vault import Vault


def find_problems(one: Page, vault: Vault) -> Iterator[PageProblem]:
    for name in one.supersedes:
        other, line = vault.find(name, one.path), one.lines["supersedes"]
        if not other:
            message = f"no page '{masks.cut(name, 80)}'; remove it, or fix the name"
            yield PageProblem(line, "supersedes", message)
        elif _leads_to(vault, other, one.path):
            message = f"'{masks.cut(name, 80)}' takes the place of this page, too; remove one"
            yield PageProblem(line, "supersedes", message)
    successor = vault.successors.get(one.path)
    if one.tier == "L1" and successor:
        cure = f"mem-note --update {one.name} --tier L2"
        message = f"still L1, and '{successor}' takes its place; {cure}"
        yield PageProblem(one.lines.get("tier", 1), "superseded", message)


def _leads_to(vault: Vault, start: str, goal: str) -> bool:
    seen, edge = set(), [start]
    while edge:
        path = edge.pop()
        if path == goal:
            return True
        if path not in seen:
            seen.add(path)
            edge.extend(vault.superseded.get(path, ()))
    return False
