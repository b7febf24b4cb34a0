"""Conversations that are trees: what was edited, or answered again, hangs beside what replaced it.

Owns which branch stands: the one that the tool shows, else of two versions the later one. Refuses
to know what the nodes hold."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

OTHER_BRANCH = "other branch"  # the reason that is counted


class Node(NamedTuple):
    """A message in a tree. Siblings of one `kind` are versions of each other; those without a kind
    stand side by side, as calls of tools at the same time do."""

    id: str
    parent: str = ""
    kind: str = "message"


def find_abandoned(nodes: Sequence[Node], current: str = "") -> set[str]:
    """The ids of nodes that another version replaced, and of all that came after those. `nodes` are
    in the order they were written; `current` is the one that is shown, the last when not known."""
    parents = {node.id: node.parent for node in nodes}
    shown = {*_lineage(parents, current if current in parents else nodes[-1].id if nodes else "")}
    versions: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for node in nodes:
        if node.kind:
            versions[node.parent, node.kind][node.id] = None
    todo: list[str] = []
    for ids in versions.values():
        if len(ids) > 1:
            stands = next((id for id in ids if id in shown), [*ids][-1])
            todo += [id for id in ids if id != stands]
    children: dict[str, list[str]] = defaultdict(list)
    for id, parent in parents.items() if todo else ():
        children[parent].append(id)
    abandoned: set[str] = set()
    while todo:
        id = todo.pop()
        if id not in abandoned and id not in shown:
            abandoned.add(id)
            todo += children[id]
    return abandoned


def sort_by_descent(
    instants: dict[str, int | None], parents: dict[str, str], start: int
) -> dict[str, int]:
    """When each message has its turn, in ms: at its own time, or its parent's if that is later or
    its own is not known. A root whose time is not known has that of the `start`, or the earliest
    there is. In order, parents before their children."""
    known = [instant for instant in instants.values() if instant is not None]
    first = min([start, *known]) if start else min(known, default=0)
    turns: dict[str, int] = {}
    for id in instants:
        line = [one for one in _lineage(parents, id, turns) if one in instants]
        for one in reversed(line):
            own, before = instants[one], turns.get(parents.get(one, ""))
            turns[one] = max([t for t in (own, before) if t is not None] or [first])
    ordered: dict[str, int] = {}
    for id in sorted(turns, key=turns.__getitem__):
        for one in reversed(_lineage(parents, id, ordered)):
            if one in turns:
                ordered[one] = turns[one]
    return ordered


def _lineage(parents: dict[str, str], id: str, known: dict[str, int] | None = None) -> list[str]:
    """A node and its ancestors, nearest first, up to one that is `known`; a circle is cut."""
    line: dict[str, None] = {}
    while id in parents and id not in line and id not in (known or {}):
        line[id] = None
        id = parents[id]
    return list(line)
