"""Where the boxes of a graph go: near what they are linked to, none on another, parts that do not
hang together side by side.

The forces are rustworkx's. It knows points only: owns the room for boxes, and packing. Refuses to
know what is in the boxes. Pure, and the same for the same input.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rustworkx import PyGraph

SHAPE = 1.5  # width to height of the whole, as a screen is
ROUNDS = 200  # of the forces: more change nothing that can be seen
ROOM = 5  # of a part, for one of its boxes' area
LINK = 240  # pixels of a link's words, for which there is room besides
SEED = 7

Point = tuple[float, float]


class Size(NamedTuple):
    """Of a box with the room that is to be left around it."""

    width: float
    height: float


def place(sizes: Sequence[Size], links: Iterable[tuple[int, int]]) -> list[Point]:
    """The centres of the boxes, from 0 on to the right and down. A link is between two boxes by
    number."""
    from rustworkx import PyGraph, connected_components

    graph: PyGraph[int, None] = PyGraph(multigraph=False)
    graph.add_nodes_from(list(range(len(sizes))))
    graph.add_edges_from_no_data(sorted({(min(ends), max(ends)) for ends in links}))
    parts = []
    for members in sorted(map(sorted, connected_components(graph))):
        own = [sizes[box] for box in members]
        parts.append((members, _apart(_spread(graph.subgraph(members), own), own)))
    return _packed(sizes, parts)


def _spread(part: "PyGraph[int, None]", sizes: Sequence[Size]) -> list[Point]:
    """By forces between them, on a sheet with about enough room."""
    from rustworkx import spring_layout

    if len(sizes) == 2:  # one arrow, to the right
        return [(0.0, 0.0), ((sizes[0].width + sizes[1].width) / 2 + LINK * 0.7, 0.0)]
    side = (math.sqrt(ROOM * sum(width * height for width, height in sizes)) + LINK) / 2
    across, down = side * math.sqrt(SHAPE), side / math.sqrt(SHAPE)
    found = spring_layout(part, seed=SEED, num_iter=ROUNDS)
    points = _level([(found[box][0], found[box][1]) for box in range(len(sizes))])
    return [(x * across, y * down) for x, y in points]


def _level(points: list[Point]) -> list[Point]:
    """Turned so that the longest way lies flat."""
    middle_x, middle_y = (sum(axis) / len(points) for axis in zip(*points))
    moved = [(x - middle_x, y - middle_y) for x, y in points]
    skew = 2 * sum(x * y for x, y in moved)
    angle = math.atan2(skew, sum(x * x - y * y for x, y in moved)) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x * cos + y * sin, y * cos - x * sin) for x, y in moved]


def _apart(points: list[Point], sizes: Sequence[Size]) -> list[Point]:
    """Pushed until no box is on another; where pushing does not get there, the whole grows."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    for number in range(1, 2000):
        if not _push(xs, ys, sizes):
            break
        if number % 8 == 0:
            xs, ys = [x * 1.08 for x in xs], [y * 1.08 for y in ys]
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
