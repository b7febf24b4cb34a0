"""A graph as a picture: dots with names, and lines with arrows and words, each at its place.

Lengths that belong to the screen rather than to the sheet (letters, dots, strokes) are in ems: who
shows a large graph as a whole enlarges the letters, and of each name is known how far it may be
before it covers another. Owns places and what is clipped. Refuses to know markup and colours. Pure,
and the same for the same triples in any order.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from . import layout, lettering

EM = 12  # pixels of the sheet
UNITS = (45.0, 32.0, 22.0, 16.0, 11.0, 8.0, 5.6, 4.0, 2.8, 2.4, 2.0, 1.7, 1.4, 1.2, 1.0, 0.7, 0.5)
LONGEST = 22  # ems of a name; the whole of it is in the title
HUB = 8  # links from which a name is written larger
MARGIN = 40
_LABEL = 0.83  # ems of the words on a line
_BEND = 0.1  # of a line's length, where another one leads back
_HEAD = 0.7  # of a line, where its arrow is
_ALONG = (0.42, 0.35, 0.5, 0.28, 0.58, 0.2, 0.64)  # of a line, where its words may be
_CELL = 90


class Dot(NamedTuple):
    """`radius`, `size` of its letters and `below`, from its dot's centre to their baseline, in ems.
    `unit`: the largest times that letters may be enlarged while the name covers no greater one."""

    name: str
    shown: str
    x: float
    y: float
    links: int
    radius: float
    size: float
    below: float
    unit: float


class Arrow(NamedTuple):
    """All that is said of one entity and another in this direction. `path`: of SVG, with a vertex
    in its middle; `unit`: as of an entity, of its words at x, y; 0: there is no room for them."""

    subject: str
    object: str
    predicates: tuple[str, ...]
    path: str
    words: str
    x: float
    y: float
    unit: float

    @property
    def title(self) -> str:
        one, other, *names = map(lettering.make_printable, (*self[:2], *self.predicates))
        return "\n".join(f"{one} {name} {other}" for name in names)


class Picture(NamedTuple):
    width: float
    height: float
    entities: list[Dot]  # the one with most links first
    lines: list[Arrow]
    triples: int

    @property
    def title(self) -> str:
        entities = _count(len(self.entities), "entity", "entities")
        return f"{entities}, {_count(self.triples, 'triple', 'triples')}"


class _Box(NamedTuple):
    """By its centre."""

    x: float
    y: float
    width: float
    height: float


_Grid = dict[tuple[int, int], list[_Box]]


def draw(triples: Sequence[tuple[str, str, str]]) -> Picture:
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for subject, predicate, object in sorted(set(triples)):
        said[subject, object].append(predicate)
    counts: Counter[str] = Counter()
    for ends in said:
        counts.update(set(ends))
    names = sorted(counts, key=lambda name: (-counts[name], name))
    number = {name: at for at, name in enumerate(names)}
    entities = [_describe(name, counts[name]) for name in names]
    boxes = [_measure(one) for one in entities]
    sizes = [layout.Size(box.width + 12, box.height + 10) for box in boxes]
    pairs = [(number[one], number[other]) for one, other in said if one != other]
    points = layout.place(sizes, pairs)
    placed = [
        one._replace(x=round(x - box.x + MARGIN, 1), y=round(y - box.y + MARGIN, 1))
        for one, box, (x, y) in zip(entities, boxes, points)
    ]
    entities = _show_names(placed)
    lines = []
    for (one, other), predicates in said.items():
        course = _Course.of(entities[number[one]], entities[number[other]], (other, one) in said)
        words = lettering.clip(", ".join(map(lettering.make_printable, predicates)), LONGEST)
        said_of = tuple(predicates)
        lines.append((course, Arrow(one, other, said_of, course.path, words, 0, 0, 0)))
    shown = _show_words(entities, lines)
    width = max([150.0, *(x + size.width / 2 for (x, _), size in zip(points, sizes))])
    height = max([20.0, *(y + size.height / 2 for (_, y), size in zip(points, sizes))])
    sheet = round(width + 2 * MARGIN), round(height + 2 * MARGIN)
    return Picture(*sheet, entities, shown, len(set(triples)))


def _describe(name: str, links: int) -> Dot:
    shown = lettering.clip(lettering.make_printable(name), LONGEST)
    radius, size = round(0.3 + 0.13 * math.sqrt(links), 2), 1.25 if links >= HUB else 1.0
    return Dot(name, shown, 0, 0, links, radius, size, round(radius + size * 0.95, 2), 0)


def _measure(one: Dot, unit: float = 1) -> _Box:
    """What a dot and its name cover."""
    em = EM * unit
    width = max(_width(one.shown) * one.size * (1.08 if one.links >= HUB else 1), 1)
    height = one.radius + one.below + one.size * 0.3
    return _Box(one.x, one.y + (height / 2 - one.radius) * em, width * em, height * em)


class _Course(NamedTuple):
    """A quadratic Bézier curve from the centre of one dot to that of another."""

    start: layout.Point
    control: layout.Point
    end: layout.Point

    @classmethod
    def of(cls, one: Dot, other: Dot, returns: bool) -> "_Course":
        (x0, y0), (x1, y1) = (one.x, one.y), (other.x, other.y)
        if one.name == other.name:
            far = 2 * (one.radius * EM + 12)
            return cls((x0, y0), (x0 + far, y0 - far), (x1, y1))
        bend = 2 * _BEND if returns else 0
        control = (x0 + x1) / 2 - (y1 - y0) * bend, (y0 + y1) / 2 + (x1 - x0) * bend
        return cls((x0, y0), control, (x1, y1))

    def at(self, t: float) -> layout.Point:
        (x0, y0), (x1, y1), (x2, y2) = self
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        return a * x0 + b * x1 + c * x2, a * y0 + b * y1 + c * y2

    @property
    def spots(self) -> list[layout.Point]:
        """Where words may be, the best one first."""
        if self.start == self.end:
            x, y = self.at(0.5)
            return [(x + 6, y - EM), (x + 6, y + 2 * EM)]
        return [self.at(t) for t in _ALONG]

    @property
    def path(self) -> str:
        """With a vertex where its arrow is."""
        (x0, y0), (x1, y1), (x2, y2) = self
        if self.start == self.end:
            x, y = self.at(0.5)
            arc = f"A{(x - x0) * 0.71:.1f},{(x - x0) * 0.71:.1f} 0 0 1 "
            return f"M{x0:.1f},{y0:.1f}{arc}{x:.1f},{y:.1f}{arc}{x0:.1f},{y0:.1f}"
        x, y = self.at(_HEAD)
        near = f"{x0 + (x1 - x0) * _HEAD:.1f},{y0 + (y1 - y0) * _HEAD:.1f}"
        far = f"{x1 + (x2 - x1) * _HEAD:.1f},{y1 + (y2 - y1) * _HEAD:.1f}"
        return f"M{x0:.1f},{y0:.1f}Q{near} {x:.1f},{y:.1f}Q{far} {x2:.1f},{y2:.1f}"


def _show_names(entities: Sequence[Dot]) -> list[Dot]:
    """Entities, greatest first, each with the unit from which on its name is seen: it never gives
    way to a smaller one."""
    grids: dict[float, _Grid] = {unit: {} for unit in UNITS[: UNITS.index(1) + 1]}
    found = []
    for one in entities:
        seen: list[tuple[float, _Box]] = []  # from the nearest unit on, while there is room
        for unit in reversed(grids):
            box = _measure(one, unit)
            if unit > 1 and not _is_free(grids[unit], box, unit):
                break
            seen.append((unit, box))
        for unit, box in seen:
            _put(grids[unit], box, unit)
        found.append(one._replace(unit=seen[-1][0]))
    return found


def _show_words(entities: Sequence[Dot], lines: Sequence[tuple[_Course, Arrow]]) -> list[Arrow]:
    """Lines, each with where its words have room, and from which unit on."""
    shown: dict[tuple[str, str], Arrow] = {}
    for unit in UNITS[UNITS.index(1) :]:
        grid: _Grid = {}
        for one in entities:
            _put(grid, _measure(one, unit), unit)
        for line in shown.values():
            _put(grid, _measure_words(line, unit), unit)
        for course, line in lines:
            if line[:2] in shown:
                continue
            for x, y in course.spots:
                put = line._replace(x=round(x, 1), y=round(y, 1), unit=unit)
                box = _measure_words(put, unit)
                if _is_free(grid, box, unit):
                    _put(grid, box, unit)
                    shown[line[:2]] = put
                    break
    return [shown.get(line[:2], line) for _, line in lines]


def _measure_words(line: Arrow, unit: float) -> _Box:
    em = EM * unit
    return _Box(line.x, line.y, (_width(line.words) * _LABEL + 0.4) * em, 1.15 * em)


@lru_cache(4096)
def _width(text: str) -> float:
    return lettering.width(text, 1)


def _cells(box: _Box, unit: float) -> Iterator[tuple[int, int]]:
    cell = _CELL * unit
    for x in range(int((box.x - box.width / 2) // cell), int((box.x + box.width / 2) // cell) + 1):
        low, high = int((box.y - box.height / 2) // cell), int((box.y + box.height / 2) // cell)
        yield from ((x, y) for y in range(low, high + 1))


def _put(grid: _Grid, box: _Box, unit: float) -> None:
    for cell in _cells(box, unit):
        grid.setdefault(cell, []).append(box)


def _is_free(grid: _Grid, box: _Box, unit: float) -> bool:
    return not any(
        abs(other.x - box.x) * 2 < other.width + box.width
        and abs(other.y - box.y) * 2 < other.height + box.height
        for cell in _cells(box, unit)
        for other in grid.get(cell, ())
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
