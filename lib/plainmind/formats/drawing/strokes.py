"""Lines between boxes that go around the boxes of others, and where along them there is room for a
label.

Owns curves and what is taken on the sheet. Refuses to know what the boxes and labels say. Pure.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

CELL = 50  # pixels of the grid that tells what is near
BENDS = (0.0, 0.1, -0.1, 0.2, -0.2, 0.32, -0.32, 0.45, -0.45)  # of the distance, to the side
TURNED = 0.35  # how much more of a bend is worth one box less under the line
SPOTS = tuple(at / 30 for at in range(3, 28))  # of a curve, where a label may be
CROSSED = 0.2  # how much of a curve's length a label is moved for one line less under it
HEAD = 7  # pixels of an arrow's head

Point = tuple[float, float]


class Box(NamedTuple):
    """By its centre."""

    x: float
    y: float
    width: float
    height: float

    def holds(self, x: float, y: float, margin: float = 0) -> bool:
        over_x = self.width / 2 + margin - abs(x - self.x)
        return over_x > 0 and self.height / 2 + margin > abs(y - self.y)

    def meets(self, other: "Box") -> bool:
        over_x = (self.width + other.width) / 2 - abs(self.x - other.x)
        return over_x > 0 and (self.height + other.height) / 2 > abs(self.y - other.y)


class Curve(NamedTuple):
    """A quadratic Bézier curve, from the edge of one box to the edge of another."""

    start: Point
    middle: Point
    end: Point

    @property
    def length(self) -> float:
        return math.dist(self.start, self.end)

    def at(self, t: float) -> Point:
        (x0, y0), (x1, y1), (x2, y2) = self
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        return a * x0 + b * x1 + c * x2, a * y0 + b * y1 + c * y2

    def between(self, low: float, high: float) -> "Curve":
        """The stretch of it from one t to another."""
        (x0, y0), (x1, y1), (x2, y2) = self
        a, b = (1 - low) * (1 - high), low + high - 2 * low * high
        middle = a * x0 + b * x1 + low * high * x2, a * y0 + b * y1 + low * high * y2
        return Curve(self.at(low), middle, self.at(high))

    def arrow(self) -> list[Point]:
        """The three corners of a head at the end, the tip first."""
        dx, dy = self.end[0] - self.middle[0], self.end[1] - self.middle[1]
        long = math.hypot(dx, dy) or 1.0
        dx, dy = dx / long * HEAD, dy / long * HEAD
        x, y = self.end[0] - dx, self.end[1] - dy
        dx, dy = dx * 0.42, dy * 0.42
        return [self.end, (x - dy, y + dx), (x + dy, y - dx)]


class Taken:
    """What stands on the sheet: the boxes, in a grid, and the labels as they are put down."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        self._cells: dict[tuple[int, int], list[tuple[int, Box]]] = defaultdict(list)
        self._lines: dict[tuple[int, int], list[tuple[tuple[int, int], Point]]] = defaultdict(list)
        self._count = 0
        for box in boxes:
            self.add(box)

    def add(self, box: Box) -> None:
        for cell in _cells(box):
            self._cells[cell].append((self._count, box))
        self._count += 1

    def free(self, box: Box) -> bool:
        near = (other for cell in _cells(box) for _, other in self._cells.get(cell, ()))
        return not any(other.meets(box) for other in near)

    def under(self, curve: Curve) -> set[int]:
        """The numbers of the boxes that the curve goes through."""
        steps = max(2, int(curve.length / 9))
        found = set()
        for at in range(steps + 1):
            x, y = curve.at(at / steps)
            for number, box in self._cells.get((int(x // CELL), int(y // CELL)), ()):
                if box.holds(x, y, 2):
                    found.add(number)
        return found

    def line(
        self, one: Sequence[Box], other: Sequence[Box], ends: Sequence[int], aside: bool
    ) -> Curve:
        """From one box to another, bent no more than it must be; `aside`: leaving the straight way
        to the line back.

        `one`, `other`: a box and what else is in the way there; `ends`: the numbers of the boxes
        that it may touch.
        """
        best, least = None, math.inf
        for bend in [abs(bend) for bend in BENDS if bend > 0] if aside else BENDS:
            curve = _trimmed(one, other, bend)
            cost = len(self.under(curve).difference(ends)) + abs(bend) / TURNED
            if cost < least:
                best, least = curve, cost
            if least <= abs(bend) / TURNED:
                break
        assert best is not None
        return best

    def draw(self, curve: Curve, ends: tuple[int, int]) -> None:
        """A line that labels of others had better not be on."""
        steps = max(2, int(curve.length / 7))
        for at in range(steps + 1):
            x, y = curve.at(at / steps)
            self._lines[int(x // CELL), int(y // CELL)].append((ends, (x, y)))

    def _crossing(self, box: Box, ends: tuple[int, int]) -> int:
        """How many other lines go through a box."""
        near = [point for cell in _cells(box) for point in self._lines.get(cell, ())]
        return len({other for other, (x, y) in near if box.holds(x, y)} - {ends})

    def spot(
        self, curve: Curve, ends: tuple[int, int], wanted: float, width: float, height: float
    ) -> Point | None:
        """The centre of a label on the curve near the `wanted` t, or else close to it; on nothing
        else. None: there is no room.
        """
        for aside in (0, height, -height, 2 * height, -2 * height, 3 * height, -3 * height):
            best, least = None, math.inf
            for t in sorted(SPOTS, key=lambda t: abs(t - wanted)):
                if abs(t - wanted) >= least:
                    break
                x, y = curve.at(t)
                box = Box(x, y + aside, width, height)
                if self.free(box):
                    cost = abs(t - wanted) + CROSSED * self._crossing(box, ends)
                    if cost < least:
                        best, least = box, cost
            if best is not None:
                self.add(best)
                return best.x, best.y
        return None


def _cells(box: Box) -> list[tuple[int, int]]:
    left, right = int((box.x - box.width / 2) // CELL), int((box.x + box.width / 2) // CELL)
    top, bottom = int((box.y - box.height / 2) // CELL), int((box.y + box.height / 2) // CELL)
    return [(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]


def _trimmed(one: Sequence[Box], other: Sequence[Box], bend: float) -> Curve:
    """From centre to centre, less what is inside the boxes."""
    (x0, y0, *_), (x1, y1, *_) = one[0], other[0]
    middle = (x0 + x1) / 2 - (y1 - y0) * bend, (y0 + y1) / 2 + (x1 - x0) * bend
    whole = Curve((x0, y0), middle, (x1, y1))
    low = max(_leaving(whole, box, 0.0, 1.0, 1) for box in one)
    high = min(_leaving(whole, box, 1.0, 0.0, 3) for box in other)
    return whole.between(low, high) if low < high else whole


def _leaving(curve: Curve, box: Box, inside: float, outside: float, margin: float) -> float:
    """Where the curve, seen from one of its ends, leaves a box: found by halving."""
    steps = [inside + (outside - inside) * at / 24 for at in range(25)]
    within = [at for at, t in enumerate(steps[:-1]) if box.holds(*curve.at(t), margin)]
    if not within:
        return inside
    inside, outside = steps[within[-1] : within[-1] + 2]
    for _ in range(8):
        middle = (inside + outside) / 2
        if box.holds(*curve.at(middle), margin):
            inside = middle
        else:
            outside = middle
    return outside
