"""What a drawing of a graph is made of: entities, panels of entities, and the lines between them.

Owns what is put together. All that is said of one entity and another in one direction is one line.
Entities that hang on one other and on nothing else, several of them, are one panel: a list with the
relation as its heading, not forty lines. Refuses to know where they stand and how they look. Pure,
and the same for the same triples in any order.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from . import layout, lettering

PANEL = 3  # entities that hang on another in the same way, from which they are a panel
MIXED = 10  # in different ways, from which they are a panel with the relation beside each
LONGEST = 22  # ems of a name; the whole of it is in the title
SMALL = 10  # size of the labels of lines
ROW = 22  # height of a row of a panel, in pixels as all lengths
BETWEEN = 8  # columns
CAPTION = 14  # height of a label


class Edge(NamedTuple):
    """All that is said of one entity and another in this direction."""

    subject: str
    object: str
    predicates: tuple[str, ...]

    @property
    def label(self) -> str:
        return lettering.clip(", ".join(map(lettering.make_printable, self.predicates)), 30)

    @property
    def title(self) -> str:
        one, other, *names = map(lettering.make_printable, (*self[:2], *self.predicates))
        return "\n".join(f"{one} {name} {other}" for name in names)


class Component(NamedTuple):
    """What has a place of its own: an entity, or a panel of several. `width`, `height` of what is
    drawn, without `spare`, the height left for a label above or below it, and without `loop`, that
    for a line from an entity to itself.
    """

    names: tuple[str, ...]
    links: tuple[Edge, ...]  # of an entity at the end of one link, and of a panel; of others none
    size: float  # of the letters
    degree: int
    width: float
    height: float
    spare: float = 0
    loop: float = 0
    # of a panel: widths of the labels, 0 where it has a heading, and of the boxes
    columns: tuple[tuple[float, float], ...] = ()
    wide: float = 0  # of the label above or below, or of the loop

    @property
    def room(self) -> layout.Size:
        side, free = 60 if self.loop else 0, min(30.0, 1.5 * self.degree)  # arrows need room
        width, height = max(self.width + side, self.wide), self.height + self.spare + self.loop
        return layout.Size(width + 15 + free, height + 13 + free)


def bundle(triples: Sequence[tuple[str, str, str]]) -> list[Edge]:
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for subject, predicate, object in sorted(set(triples)):
        said[subject, object].append(predicate)
    return [Edge(*ends, tuple(predicates)) for ends, predicates in said.items()]


def gather(links: Iterable[Edge]) -> list[Component]:
    """Entities and panels. The one with most links first."""
    of: dict[str, list[Edge]] = defaultdict(list)
    for link in links:
        of[link.subject].append(link)
        if link.object != link.subject:
            of[link.object].append(link)
    alike: dict[tuple, list[str]] = defaultdict(list)
    for name, own in of.items():
        link = own[0]
        if len(own) == 1 and link.subject != link.object:
            first = link.subject == name
            other = link.object if first else link.subject
            alike[first, other, link.predicates].append(name)
    mixed: dict[tuple, list[str]] = defaultdict(list)
    for way in [way for way, names in alike.items() if len(names) < PANEL]:
        mixed[way[:2]].extend(alike.pop(way))
    parts, inside = [], set()
    for names in [*alike.values(), *(names for names in mixed.values() if len(names) >= MIXED)]:
        names.sort(key=lambda name: (_in_order(of[name][0].label), _in_order(name)))
        inside.update(names)
        parts.append(_panel(names, [of[name][0] for name in names]))
    for name, own in of.items():
        if name not in inside:
            part, link = _entity(name, own), own[0]
            # of two that are alone, neither hangs on the other
            if len(own) == 1 and len(of[link.subject]) != len(of[link.object]):
                part = part._replace(links=(link,), spare=CAPTION, wide=wide(link))
            parts.append(part)
    return sorted(parts, key=lambda part: (-part.degree, part.names))


def _entity(name: str, own: list[Edge]) -> Component:
    others = [link for link in own if link.subject != link.object]
    degree = len(others)
    size = 12 if degree < 2 else min(22.0, 11.5 + 2 * math.log2(degree))
    letters = size * (1.08 if degree >= 8 else 1)
    width = max(30.0, lettering.width(shown_name(name), letters) + size * 1.3)
    part = Component((name,), (), size, degree, round(width), round(size * 2))
    if degree < len(own):
        own_label = wide(next(link for link in own if link.subject == link.object))
        part = part._replace(loop=26, wide=2 * own_label + 40 - part.width)
    return part


def _panel(names: list[str], links: list[Edge]) -> Component:
    """Rows in as many columns as make it somewhat wider than high."""
    headed = len({link.predicates for link in links}) == 1
    beside = [0 if headed else round(wide(link)) + 8 for link in links]
    widths = [round(lettering.width(shown_name(name), 12)) + 16 for name in names]
    across = max(beside) + max(widths)

    def rows_of(count: int) -> int:
        return math.ceil(len(names) / count)

    def oddity(count: int) -> float:
        return abs(math.log(across * count / (rows_of(count) * ROW) / 1.3))

    rows = rows_of(min(range(1, 13), key=oddity))
    slices = [slice(at, at + rows) for at in range(0, len(names), rows)]
    columns = tuple((max(beside[part]), max(widths[part])) for part in slices)
    width = sum(map(sum, columns)) + BETWEEN * (len(columns) - 1) + 16
    if headed:
        width = max(width, round(lettering.width(links[0].label, 11) * 1.1) + 24)
    height = rows * ROW + (30 if headed else 13)
    return Component(tuple(names), tuple(links), 12, 1, width, height, columns=columns)


def _in_order(name: str) -> list[tuple[int, str]]:
    """As people sort names: 9 before 10, whatever the case."""
    pieces = re.findall("[0-9]+|[^0-9]+", name.casefold())
    digits = "0123456789"
    return [(len(p.lstrip("0")) if p[0] in digits else 0, p) for p in [*pieces, name]]


def wide(link: Edge) -> float:
    return lettering.width(link.label, SMALL)


def shown_name(name: str) -> str:
    return lettering.clip(lettering.make_printable(name), LONGEST)
