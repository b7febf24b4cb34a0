"""A graph of (subject, predicate, object) as a picture: Graphviz's language, or SVG.

Owns the order of the work. Refuses to know where triples come from, files, and programs that draw.
Pure, and the same for the same triples in any order.
"""

import re
from collections.abc import Sequence

from . import picture, sheet

Triples = Sequence[tuple[str, str, str]]


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
    """A picture that stands alone, light or dark as its reader's screen is."""
    return sheet.write(picture.draw(triples))
