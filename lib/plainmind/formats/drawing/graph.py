"""A graph of (subject, predicate, object) as a picture: Graphviz's language, or SVG of our own
making.

Owns the order of the work. Refuses to know where triples come from, files, and programs that draw.
Pure, and the same for the same triples in any order.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from . import layout, picture, strokes
from .figures import CAPTION, Component, Edge, bundle, gather, wide
from .picture import Place

Triples = Sequence[tuple[str, str, str]]
_Ends = tuple[int, int]  # numbers of the parts that a line is between


def dot(triples: Triples) -> str:
    """A digraph in Graphviz's language, a line for each triple.

    Newlines and backslashes of names are written as \\n and \\\\.
    """
    lines = [
        "digraph knowledge {",
        '  graph [charset="UTF-8", rankdir=LR];',
        "  node [shape=box, style=rounded, fontname=sans];",
        "  edge [fontname=sans, fontsize=10];",
    ]
    wanted = sorted(set(triples))
    for name in sorted({name for subject, _, object in wanted for name in (subject, object)}):
        label = f" [label={_quoted(name, label=True)}]" if "&" in name else ""
        lines.append(f"  {_quoted(name)}{label};")
    for subject, predicate, object in wanted:
        label = f"[label={_quoted(predicate, label=True)}]"
        lines.append(f"  {_quoted(subject)} -> {_quoted(object)} {label};")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str, label: bool = False) -> str:
    """As a string of Graphviz: it takes `\\N` in a label for the name, `&lt;` for `<`, and NUL for
    the end of the file.
    """
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    text = re.sub("[\x00-\x1f]", lambda found: chr(0x2400 + ord(found[0])), text)
    text = re.sub("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)
    return f'"{text.replace("&", "&amp;") if label else text}"'


def svg(triples: Triples) -> str:
    """A picture that stands alone, light or dark as its reader's screen is.

    Names too long are clipped, whole in titles.
    """
    links = bundle(triples)
    parts = gather(links)
    where = {name: at for at, part in enumerate(parts) for name in part.names}
    lines: dict[_Ends, list[Edge]] = defaultdict(list)
    for link in links:
        lines[where[link.subject], where[link.object]].append(link)
    places, curves, spots = _arranged(parts, where, lines)
    body = [
        "<g>",
        *(picture.line(curve, lines[ends]) for ends, curve in curves.items()),
        *(picture.loop(places[one], lines[one, other]) for one, other in lines if one == other),
        "</g>",
        "<g>",
        *(line for place in places for line in picture.figure(place)),
        "</g>",
        "<g>",
        *(picture.label(*p.caption[:2], p.part.links) for p in places if p.part.spare),
        *(picture.label(*spot, lines[ends]) for ends, spot in spots.items()),
        "</g>",
    ]
    entities = _count(len(where), "entity", "entities")
    title = f"{entities}, {_count(len(set(triples)), 'triple', 'triples')}"
    return picture.sheet(places, body, title)


class _Arranged(NamedTuple):
    places: list[Place]
    curves: dict[_Ends, strokes.Curve]
    # of the labels: all, unless there is nowhere to put one; its title is on the line, too
    spots: dict[_Ends, strokes.Point]


def _arranged(
    parts: Sequence[Component], where: dict[str, int], lines: dict[_Ends, list[Edge]]
) -> _Arranged:
    # the label is at one end
    named = {(a, b) for a, b in lines if parts[a].links or parts[b].links}
    room = {ends: 0 if ends in named else wide(own[0]) for ends, own in lines.items()}
    springs = [layout.Spring(*ends, label) for ends, label in room.items()]
    points = layout.place([part.room for part in parts], springs)
    places = [_stood(part, point, points, where) for part, point in zip(parts, points)]
    taken = strokes.Taken(place.box for place in places)
    boxes = [place.boxes for place in places]
    curves = {
        (a, b): taken.line(boxes[a], boxes[b], (a, b), (b, a) in lines) for a, b in lines if a != b
    }
    for label in (box for own in boxes for box in own[1:]):
        taken.add(label)
    for ends, curve in curves.items():
        taken.draw(curve, ends)
    wanted = sorted(curves.keys() - named, key=lambda ends: (curves[ends].length, ends))
    spots = {}
    for ends in wanted:
        one, other = (parts[end].degree for end in ends)
        # lines are closest to each other where there are most
        away = 0.5 + 0.25 * (one - other) / (one + other)
        if spot := taken.spot(curves[ends], ends, away, wide(lines[ends][0]) + 4, CAPTION):
            spots[ends] = spot
    return _Arranged(places, curves, spots)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _stood(
    part: Component, point: layout.Point, points: Sequence[layout.Point], where: dict[str, int]
) -> Place:
    """A part at its point, its label towards the one it hangs on."""
    x, y = point
    above = True
    if part.spare:
        link = part.links[0]
        other = link.object if link.subject in part.names else link.subject
        above = points[where[other]][1] <= y
    y += part.loop / 2 + (part.spare / 2 if above else -part.spare / 2)
    return Place(part, strokes.Box(round(x, 1), round(y, 1), part.width, part.height), above)
