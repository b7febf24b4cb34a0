"""Where the boxes of a graph go: near what they are linked to, none on another, parts that do not
hang together side by side.

Owns distances, the making of room, and packing. Refuses to know what is in the boxes. Pure, and the
same for the same input.

Distances on paper follow distances along the links: stress, minimised by gradient descent one pair
at a time (Zheng, Pawar, Goodman, "Graph drawing by stochastic gradient descent", 2018), here in a
fixed order; in large parts only to some pivots (Ortmann, Klimenta, Brandes, "A sparse stress
model", 2016).
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..page.triple import find_components

ROUNDS = 18  # of descent: more change nothing that can be seen
FULL = 260  # boxes, up to which every pair is looked at
PIVOTS = 48
SHAPE = 1.5  # width to height of the whole, as a screen is

Point = tuple[float, float]
Near = list[dict[int, float]]  # for each box, how far its neighbours should be


class Size(NamedTuple):
    """Of a box with the room that is to be left around it."""

    width: float
    height: float


class Spring(NamedTuple):
    """Two boxes by number; `room` is what a label on the line between them needs."""

    one: int
    other: int
    room: float = 0


class _Pull(NamedTuple):
    """A box is to be `far` from another; `weight`: how much it counts, `back`: for the other."""

    box: int
    other: int
    far: float
    weight: float
    back: float


def place(sizes: Sequence[Size], links: Sequence[Spring], gap: float = 34) -> list[Point]:
    """The centres of the boxes, from 0 on to the right and down.

    `gap`: what is left between linked boxes at least.
    """
    near = _lengths(sizes, links, gap)
    parts = []
    components = find_components({box: others.keys() for box, others in enumerate(near)})
    # most boxes first
    for members in sorted(map(sorted, components), key=lambda part: (-len(part), part)):
        number = {box: at for at, box in enumerate(members)}
        inside = [{number[other]: far for other, far in near[box].items()} for box in members]
        own = [sizes[box] for box in members]
        sheet = 1.5 * math.sqrt(sum((width + gap) * (height + gap) for width, height in own)) + 400
        arrows = [(number[link.one], number[link.other]) for link in links if link.one in number]
        parts.append((members, _apart(_level(_descend(inside, sheet), arrows), own)))
    return _packed(sizes, parts)


def _lengths(sizes: Sequence[Size], links: Sequence[Spring], gap: float) -> Near:
    """How long links should be: room for both boxes, the label, and around many neighbours."""
    near: Near = [{} for _ in sizes]
    for link in links:
        if link.one != link.other:
            room = max(link.room, near[link.one].get(link.other, 0))
            near[link.one][link.other] = near[link.other][link.one] = room
    half = [width * 0.36 + height * 0.14 for width, height in sizes]
    around = [math.sqrt(sum(half[other] ** 2 for other in others) * 1.5) for others in near]
    crowd = [max(0.0, full - own) for full, own in zip(around, half)]
    for at, others in enumerate(near):
        for other, room in others.items():
            length = half[at] + half[other] + gap + room * 0.6
            others[other] = length + max(crowd[at], crowd[other]) / 2
    return near


def _from(start: int, near: Near, sheet: float) -> list[float]:
    """How far each box is along the links (Dijkstra); beyond the `sheet` less, so chains curl."""
    far = [math.inf] * len(near)
    far[start] = 0.0
    todo = [(0.0, start)]
    while todo:
        here, box = heapq.heappop(todo)
        if here == far[box]:
            for other, length in near[box].items():
                if here + length < far[other]:
                    far[other] = here + length
                    heapq.heappush(todo, (here + length, other))
    return [here if here < sheet else sheet * (here / sheet) ** 0.1 for here in far]


def _pulls(near: Near, sheet: float) -> list[_Pull]:
    count = len(near)
    if count <= FULL:
        rows = [_from(box, near, sheet) for box in range(count)]
        pairs = [(a, b, rows[a][b]) for a in range(count) for b in range(a)]
        return [_Pull(a, b, far, far**-2, far**-2) for a, b, far in pairs]
    found = {(a, b): far for a in range(count) for b, far in near[a].items() if b < a}
    # those around one box are equally far from all pivots: they would fall into one point
    for others in near:
        ring = list(others.items())
        for step in {1, 2, 3, 5, 8, len(ring) // 3, len(ring) // 2}:
            for at in range(len(ring) if 0 < step < len(ring) else 0):
                (a, here), (b, there) = ring[at], ring[at - step]
                if a != b and b not in near[a]:
                    found[max(a, b), min(a, b)] = here + there
    pulls = [_Pull(a, b, far, far**-2, far**-2) for (a, b), far in found.items()]
    pivots, rows = _pivots(near, sheet)
    closest = [min(range(len(pivots)), key=lambda p: rows[p][box]) for box in range(count)]
    for number, (pivot, row) in enumerate(zip(pivots, rows)):
        region = sorted(row[box] for box in range(count) if closest[box] == number)
        for box in range(count):
            if box != pivot and box not in near[pivot]:
                stands_for = sum(1 for far in region if far <= row[box] / 2) or 1
                pulls.append(_Pull(box, pivot, row[box], stands_for * row[box] ** -2, 0.0))
    return pulls


def _pivots(near: Near, sheet: float) -> tuple[list[int], list[list[float]]]:
    """Boxes far apart, each with how far all others are: first the one with most links."""
    pivots = [max(range(len(near)), key=lambda box: (len(near[box]), -box))]
    rows = [_from(pivots[0], near, sheet)]
    least = rows[0]
    while len(pivots) < PIVOTS:
        pivots.append(max(range(len(near)), key=lambda box: (least[box], -box)))
        rows.append(_from(pivots[-1], near, sheet))
        least = list(map(min, least, rows[-1]))
    return pivots, rows


def _descend(near: Near, sheet: float) -> list[Point]:
    """Positions whose distances are as much as can be those along the links."""
    count = len(near)
    pulls = _pulls(near, sheet)
    if not pulls:
        return [(0.0, 0.0)] * count
    span = max(pull.far for pull in pulls)
    turn = math.pi * (3 - math.sqrt(5))  # a sunflower: no two at one place, no direction preferred
    radii = [span / 2 * math.sqrt((at + 0.5) / count) for at in range(count)]
    xs = [radius * math.cos(at * turn) for at, radius in enumerate(radii)]
    ys = [radius * math.sin(at * turn) for at, radius in enumerate(radii)]
    weights = [pull.weight for pull in pulls]
    first, last = 1 / min(weights), 0.1 / max(weights)
    for number in range(ROUNDS):
        step = first * (last / first) ** (number / (ROUNDS - 1))
        for box, other, far, weight, back in _mixed(pulls, number):
            dx, dy = xs[box] - xs[other], ys[box] - ys[other]
            now = math.sqrt(dx * dx + dy * dy) or 1e-9
            ratio = (far - now) / (2 * now)
            move = ratio * min(1.0, weight * step)
            xs[box] += dx * move
            ys[box] += dy * move
            if back:
                move = ratio * min(1.0, back * step)
                xs[other] -= dx * move
                ys[other] -= dy * move
    return list(zip(xs, ys))


def _mixed(pulls: Sequence[_Pull], number: int) -> Iterator[_Pull]:
    """All of them, neighbours in the list far apart: in order, boxes would be dragged along."""
    count = len(pulls)
    stride = int(count * (0.618 - 0.013 * number)) | 1
    while math.gcd(stride, count) > 1:
        stride += 2
    return (pulls[at * stride % count] for at in range(count))


def _level(points: list[Point], arrows: Sequence[tuple[int, int]]) -> list[Point]:
    """Turned so that the longest way lies flat, mirrored so that arrows go right and down."""
    middle_x, middle_y = (sum(axis) / len(points) for axis in zip(*points))
    moved = [(x - middle_x, y - middle_y) for x, y in points]
    skew = 2 * sum(x * y for x, y in moved)
    angle = math.atan2(skew, sum(x * x - y * y for x, y in moved)) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    moved = [(x * cos + y * sin, y * cos - x * sin) for x, y in moved]
    right, down = (
        sum(moved[other][axis] - moved[one][axis] for one, other in arrows) for axis in (0, 1)
    )
    return [(-x if right < 0 else x, -y if down < 0 else y) for x, y in moved]


def _apart(points: list[Point], sizes: Sequence[Size]) -> list[Point]:
    """Pushed until no box is on another; where pushing does not get there, the whole grows."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    for number in range(1, 2000):
        if not _push(xs, ys, sizes):
            break
        if number % 12 == 0:
            xs, ys = [x * 1.06 for x in xs], [y * 1.06 for y in ys]
    return list(zip(xs, ys))


def _push(xs: list[float], ys: list[float], sizes: Sequence[Size]) -> bool:
    """Each pair that overlaps, apart the shorter way, the small one more than the large one.

    Whether there was any.
    """
    found = False
    tops = sorted((y - size.height / 2, box) for box, (y, size) in enumerate(zip(ys, sizes)))
    for at, (_, one) in enumerate(tops):
        width, height = sizes[one]
        for place in range(at + 1, len(tops)):
            top, other = tops[place]
            # boxes are wider than high: fewest are met on the way down
            if top >= ys[one] + height / 2:
                break
            over_x = (width + sizes[other][0]) / 2 - abs(xs[other] - xs[one])
            if over_x <= 1e-6:
                continue
            over_y = (height + sizes[other][1]) / 2 - abs(ys[other] - ys[one])
            if over_y <= 1e-6:
                continue
            found = True
            own = width * height
            part = own / (own + sizes[other].width * sizes[other].height)
            if over_x < over_y:
                push = (over_x + 0.2) * (1 if xs[other] >= xs[one] else -1)
                xs[one] -= push * (1 - part)
                xs[other] += push * part
            else:
                push = (over_y + 0.2) * (1 if (ys[other], other) >= (ys[one], one) else -1)
                ys[one] -= push * (1 - part)
                ys[other] += push * part
    return found


def _packed(
    sizes: Sequence[Size], parts: list[tuple[list[int], list[Point]]], gap: float = 40
) -> list[Point]:
    """The parts on one sheet, largest first, each as high up as it fits and then as far left."""
    frames = []
    for members, points in parts:
        left = min(x - sizes[box].width / 2 for box, (x, _) in zip(members, points))
        top = min(y - sizes[box].height / 2 for box, (_, y) in zip(members, points))
        right = max(x + sizes[box].width / 2 for box, (x, _) in zip(members, points))
        bottom = max(y + sizes[box].height / 2 for box, (_, y) in zip(members, points))
        frames.append((members, points, left, top, right - left + gap, bottom - top + gap))
    frames.sort(key=lambda frame: (-frame[4] * frame[5], frame[0]))
    area = sum(width * height for *_, width, height in frames)
    sheet = max([math.sqrt(area * SHAPE), *(width for *_, width, _ in frames)])
    skyline: list[tuple[float, float, float]] = [(0.0, sheet, 0.0)]  # from x to x, taken down to y
    found: list[Point] = [(0.0, 0.0)] * len(sizes)
    for members, points, left, top, width, height in frames:
        levels = []
        for at, _, _ in skyline:
            if at + width <= sheet + 1e-6:
                low, high = at + 1e-6, at + width - 1e-6
                levels.append((max(y for s, e, y in skyline if s < high and e > low), at))
        level, at = min(levels)
        left_of = [(s, min(e, at), y) for s, e, y in skyline]
        right_of = [(max(s, at + width), e, y) for s, e, y in skyline]
        rest = [stretch for stretch in left_of + right_of if stretch[0] < stretch[1]]
        skyline = sorted([*rest, (at, at + width, level + height)])
        for box, (x, y) in zip(members, points):
            found[box] = (x - left + at, y - top + level)
    return found
