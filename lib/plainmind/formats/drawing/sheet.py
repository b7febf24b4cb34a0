"""A picture of a graph as SVG that stands alone, light or dark as its reader's screen is.

Owns colours and markup. Pure.
"""

from .lettering import make_printable, markup
from .picture import EM, HUB, Arrow, Dot, Picture

_STYLE = """
svg, .paper { background: #fbfaf8; fill: #fbfaf8 }
text { fill: #23262b; stroke: #fbfaf8; stroke-width: .28em; stroke-linejoin: round;
  paint-order: stroke; text-anchor: middle; font-family: sans-serif }
.line { fill: none; stroke: #b6bac2; stroke-width: .1em }
.head { fill: #858a94 }
.label { fill: #5b616b; font-size: .83em }
.dot { fill: #8ea3c9; stroke: #fbfaf8; stroke-width: .1em }
.hub .dot { fill: #2f5597 }
.hub text { font-weight: bold }
.link:hover .line { stroke: #c2571a; stroke-width: .2em }
"""
_DARK = """
svg, .paper { background: #16181c; fill: #16181c }
text { fill: #e3e5e8; stroke: #16181c }
.line { stroke: #4d535d }
.head { fill: #858c99 }
.label { fill: #a8aeb9 }
.dot { fill: #6580b4; stroke: #16181c }
.hub .dot { fill: #8fb0ec }
.link:hover .line { stroke: #ff9a55 }
"""


def write(picture: Picture) -> str:
    """Names too long are clipped, whole in titles."""
    size = f'width="{picture.width}" height="{picture.height}"'
    frame = f'viewBox="0 0 {picture.width} {picture.height}" {size} font-size="{EM}"'
    body = [*map(_draw_arrow, picture.lines), *map(_draw_entity, picture.entities)]
    body += [_write_words(line) for line in picture.lines if line.unit >= 1]
    if not picture.entities:
        body = ['<text x="75" y="43">nothing is linked yet</text>']
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {frame} role="img">',
            f"<title>{picture.title}</title>",
            f"<style>{_STYLE}@media (prefers-color-scheme: dark) {{{_DARK}}}\n</style>",
            '<marker id="head" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path class="head" d="M1 1L8 4L1 7z"/></marker>',
            f'<rect class="paper" {size}/>',
            *body,
            "</svg>",
            "",
        ]
    )


def _draw_arrow(line: Arrow) -> str:
    path = f'<path class="line" marker-mid="url(#head)" d="{line.path}"/>'
    return f'<g class="link"><title>{markup(line.title)}</title>{path}</g>'


def _write_words(line: Arrow) -> str:
    inside = f"<title>{markup(line.title)}</title>{markup(line.words)}"
    return f'<text class="label" x="{line.x}" y="{line.y}" dy=".3em">{inside}</text>'


def _draw_entity(one: Dot) -> str:
    title, name = markup(make_printable(one.name)), markup(one.shown)
    dot = f'<circle class="dot" cx="{one.x}" cy="{one.y}" r="{one.radius}em"/>'
    y = round(one.y + one.below * EM, 1)
    text = f'<text x="{one.x}" y="{y}" font-size="{one.size}em">{name}</text>'
    kind = "entity hub" if one.links >= HUB else "entity"
    return f'<g class="{kind}"><title>{title}</title>{dot}{text}</g>'
