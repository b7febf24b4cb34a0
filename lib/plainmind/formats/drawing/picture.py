"""How a drawing of a graph looks: its figures, where they stand.

SVG that stands alone, light or dark as its reader's screen is.

Owns colours, shapes and markup. Refuses to know why anything stands where it does. Pure.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import lettering, strokes
from .figures import BETWEEN, CAPTION, ROW, Component, Edge, shown_name, wide

_STYLE = """
svg { background: #fbfaf8 }
text { fill: #23262b; font-family: sans-serif }
.paper { fill: #fbfaf8 }
.line { fill: none; stroke: #a9adb5; stroke-width: 1.3 }
.head { fill: #858a94 }
.label { fill: #5b616b; font-size: 10px; stroke: #fbfaf8; stroke-width: 3.5px;
  stroke-linejoin: round; paint-order: stroke }
.leaf { fill: #ffffff; stroke: #cdd0d6 }
.node { fill: #e9eef8; stroke: #8ea3c9 }
.hub { fill: #2f5597; stroke: #2f5597 }
.on-hub { fill: #ffffff; font-weight: bold }
.panel { fill: #f2f1ed; stroke: #d9d8d2 }
.heading { font-size: 11px; font-weight: bold; fill: #5b616b }
.beside { font-size: 10px; fill: #5b616b }
.link:hover .line { stroke: #c2571a; stroke-width: 2.5 }
.link:hover .head { fill: #c2571a }
"""
_DARK = """
svg, .paper { background: #16181c; fill: #16181c }
text { fill: #e3e5e8 }
.line { stroke: #5d636e }
.head { fill: #858c99 }
.label { fill: #a8aeb9; stroke: #16181c }
.leaf { fill: #1f2227; stroke: #454a53 }
.node { fill: #25324a; stroke: #4c6595 }
.hub { fill: #8fb0ec; stroke: #8fb0ec }
.on-hub { fill: #10131a }
.panel { fill: #1b1d22; stroke: #34383f }
.heading, .beside { fill: #a8aeb9 }
.link:hover .line { stroke: #ff9a55 }
.link:hover .head { fill: #ff9a55 }
"""


class Place(NamedTuple):
    """A part where it stands; `above`: its label is over it, not under it."""

    part: Component
    box: strokes.Box
    above: bool

    @property
    def caption(self) -> strokes.Box:
        away = (self.box.height + CAPTION) / 2
        y = self.box.y - away if self.above else self.box.y + away
        return strokes.Box(self.box.x, y, self.part.wide + 4, CAPTION)

    @property
    def looped(self) -> strokes.Box:
        """Of the label of a line from an entity to itself, and of the line."""
        box, wide = self.box, (self.part.wide - 40 + self.part.width) / 2
        x, y = box.x + (box.width - wide) / 2, box.y - box.height / 2 - 11
        return strokes.Box(x, y, wide + 50, 22)

    @property
    def boxes(self) -> list[strokes.Box]:
        """What lines end at."""
        labels = [self.caption] * bool(self.part.spare) + [self.looped] * bool(self.part.loop)
        return [self.box, *labels]


def _title(links: Sequence[Edge]) -> str:
    return f"<title>{lettering.markup(chr(10).join(link.title for link in links))}</title>"


def line(curve: strokes.Curve, links: Sequence[Edge]) -> str:
    short = curve.between(0, max(0.0, 1 - (strokes.HEAD - 1) / max(curve.length, strokes.HEAD)))
    (x0, y0), (x1, y1), (x2, y2) = short
    head = " ".join(f"{x:.1f},{y:.1f}" for x, y in curve.arrow())
    line = f"M{x0:.1f},{y0:.1f}Q{x1:.1f},{y1:.1f} {x2:.1f},{y2:.1f}"
    path = f'<path class="line" d="{line}"/>'
    return f'<g class="link">{_title(links)}{path}<polygon class="head" points="{head}"/></g>'


def loop(place: Place, links: Sequence[Edge]) -> str:
    box = place.box
    x, top = box.x + box.width / 2, box.y - box.height / 2
    start = f"M{x - 14:.1f},{top:.1f}C{x - 14:.1f},{top - 26:.1f}"
    line = f"{start} {x + 32:.1f},{top - 20:.1f} {x + 8:.1f},{box.y:.1f}"
    head = f"{x + 2:.1f},{box.y:.1f} {x + 9:.1f},{box.y - 3:.1f} {x + 9:.1f},{box.y + 3:.1f}"
    shape = f'<path class="line" d="{line}"/><polygon class="head" points="{head}"/>'
    text = label(x - 18 - wide(links[0]) / 2, top - 9, links)
    return f'<g class="link">{_title(links)}{shape}{text}</g>'


def label(x: float, y: float, links: Sequence[Edge]) -> str:
    """By its centre."""
    text = lettering.markup(links[0].label)
    place = f'x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle"'
    return f'<text class="label" {place}>{_title(links)}{text}</text>'


def figure(place: Place) -> Iterator[str]:
    part, box = place.part, place.box
    if not part.columns:
        kind = "leaf" if part.degree < 2 else "node" if part.degree < 8 else "hub"
        yield _entry(part.names[0], box, kind, part.size)
        return
    left, top = box.x - box.width / 2, box.y - box.height / 2
    yield f'<rect class="panel" {_corners(box)} rx="8"/>'
    headed = not part.columns[0][0]
    first = top + (24 if headed else 7) + ROW / 2
    if headed:
        heading = lettering.markup(part.links[0].label)
        yield f'<text class="heading" x="{left + 11:.1f}" y="{top + 16:.1f}">{heading}</text>'
    rows, x = math.ceil(len(part.names) / len(part.columns)), left + 8
    for at, (beside, width) in enumerate(part.columns):
        x += beside
        for row, name in enumerate(part.names[at * rows : (at + 1) * rows]):
            link = part.links[at * rows + row]
            cell = strokes.Box(x + width / 2, first + row * ROW, width, ROW - 3)
            if not headed:
                spot = f'x="{x - 6:.1f}" y="{cell.y + 3.5:.1f}" text-anchor="end"'
                yield f'<text class="beside" {spot}>{lettering.markup(link.label)}</text>'
            yield _entry(name, cell, "leaf", 12, link.title)
        x += width + BETWEEN


def _entry(name: str, box: strokes.Box, kind: str, size: float, more: str = "") -> str:
    full = lettering.make_printable(name)
    title = lettering.markup(f"{full}\n{more}" if more else full)
    on = ' class="on-hub"' if kind == "hub" else ""
    spot = f'x="{box.x:.1f}" y="{box.y + size * 0.36:.1f}" font-size="{size:.4g}"'
    round_by = min(8.0, box.height / 2)
    return (
        f'<g class="entity"><title>{title}</title>'
        f'<rect class="{kind}" {_corners(box)} rx="{round_by:.3g}"/>'
        f'<text{on} {spot} text-anchor="middle">{lettering.markup(shown_name(name))}</text></g>'
    )


def _corners(box: strokes.Box) -> str:
    x, y = box.x - box.width / 2, box.y - box.height / 2
    return f'x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'


def sheet(places: Sequence[Place], body: Sequence[str], title: str, margin: float = 24) -> str:
    if not places:
        spot = f'x="{margin}" y="{margin * 1.8:.0f}" font-size="12"'
        body = [*body, f"<text {spot}>nothing is linked yet</text>"]
    boxes = [box for place in places for box in place.boxes]
    left = min([0.0, *(place.box.x - place.part.room.width / 2 for place in places)]) - margin
    right = max([150.0, *(place.box.x + place.part.room.width / 2 for place in places)]) + margin
    top = min([0.0, *(box.y - box.height / 2 for box in boxes)]) - margin
    bottom = max([20.0, *(box.y + box.height / 2 for box in boxes)]) + margin
    width, height = right - left, bottom - top
    size = f'width="{width:.0f}" height="{height:.0f}"'
    frame = f'viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" {size}'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {frame} role="img">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}@media (prefers-color-scheme: dark) {{{_DARK}}}\n</style>",
            f'<rect class="paper" x="{left:.0f}" y="{top:.0f}" {size}/>',
            *body,
            "</svg>",
            "",
        ]
    )
