"""Changing a page's text where it must change and nowhere else: comments, unknown keys, the order
and the ends of lines stay.

`compose` writes a new page, `with_fields` changes keys of one that is there; `applied` is the
surgery. What it made is read back before it is given. Owns text surgery. Refuses to know files, and
what ought to be changed.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from ...ground.errors import BadData
from . import page, yaml_nodes
from .page import PageParts
from .yaml_nodes import YamlEntry, is_block

_PLAIN = re.compile(r"[A-Za-z][\w@/.-]*(?: [\w@/.-]+)*\Z")
#: what stands without marks in a line and in a list, in every YAML
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9/._-]*(?: [A-Za-z0-9][A-Za-z0-9/._-]*)*\Z")
_RESERVED = frozenset("y yes n no true false on off null nan inf".split())
# what YAML takes for something else, or not at all
_ODD = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class Edit(NamedTuple):
    """Characters `start` to `end` of the YAML become `text`."""

    start: int
    end: int
    text: str


def compose(fields: Mapping[str, Any], body: str) -> bytes:
    """A new page.

    Values are texts, dates, lists of texts, and lists of triples; empty ones are left out.
    """
    kept = {key: _plain(value) for key, value in fields.items() if value}
    if (lines := _render_bare(kept)) is not None:
        return encode_text(f"---\n{lines}---\n\n{body.strip(chr(10))}".strip() + "\n")
    import frontmatter
    import yaml

    class Lines(yaml.SafeDumper):
        """One key a line, lists in brackets: a head in braces could not take a key more."""

        def represent_mapping(self, tag, mapping, flow_style=None):
            return super().represent_mapping(tag, mapping, flow_style=False)

    post = frontmatter.Post(body.strip("\n"), **kept)
    said = json.dumps(kept, ensure_ascii=False, default=str)
    encode_text(said)  # the dumper would escape what no reader takes
    style: dict[str, Any] = {"sort_keys": False, "default_flow_style": None, "width": 1 << 30}
    text = frontmatter.dumps(post, Dumper=Lines, allow_unicode=not _ODD.search(said), **style)
    return encode_text(text + "\n")


def _render_bare(kept: Mapping[str, Any]) -> str | None:
    """A head as the dumper writes it, if all its values are such as need no marks, as they are of
    most pages; None otherwise. To import the dumper takes a third of a mem-note."""
    lines = []
    for key, value in kept.items():
        if isinstance(value, list) and value and all(isinstance(one, list) for one in value):
            rows = [_render_bare_list(one) for one in value]
            said = None if None in rows else "".join(f"\n- {row}" for row in rows)
        elif isinstance(value, list):
            said = _render_bare_list(value, " ")
        elif isinstance(value, date):
            said = f" {value.isoformat()}" if type(value) is date else None
        else:
            said = f" {value}" if _is_bare(value) else None
        if said is None or not _is_bare(key):
            return None
        lines.append(f"{key}:{said}\n")
    return "".join(lines)


def _render_bare_list(values: list[Any], before: str = "") -> str | None:
    return f"{before}[{', '.join(values)}]" if all(map(_is_bare, values)) else None


def _is_bare(value: Any) -> bool:
    is_text = isinstance(value, str) and value.lower() not in _RESERVED
    return is_text and _BARE.match(value) is not None


def encode_text(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        what = f"the character U+{ord(text[error.start]):04X}, half of one"
        raise BadData(what, cure="send text") from None


def _plain(value: Any) -> Any:
    """What YAML's safe dumper takes: no subclass of tuple or str."""
    if isinstance(value, str):
        return str(value)
    return [_plain(each) for each in value] if isinstance(value, Sequence) else value


def set_fields(data: bytes, path: str, fields: Mapping[str, Any], body: str | None = None) -> bytes:
    """The page with these keys set (None or empty takes one away) and, if given, another body.

    BadData when its head cannot be read.
    """
    parts = page.split(data, path)
    if not parts.headed:
        cure = "begin with a line ---, date:, type: and tier:"
        raise BadData("no frontmatter", place=f"{path}:1", cure=cure)
    edits = []
    entries = yaml_nodes.read_entries(parts.yaml, path, aliases=True)
    for key, value in fields.items():
        found = [entry for entry in entries if entry.key == key]
        if len(found) > 1:
            place = f"{path}:{found[1].line}"
            raise BadData(f"'{key}' appears twice", place=place, cure="remove one")
        if found:
            edits.append(_set(parts, found[0], value))
        elif value:
            edits.append(add_line(parts, f"{key}: {render_value(value)}"))
    made = apply_edits(parts, edits, body)
    wanted = list_values(entries, fields)
    wanted += [(key, _value(render_value(value))) for key, value in fields.items() if value]
    if sorted(wanted, key=repr) != sorted(list_values(read_entries(made, path)), key=repr):
        what = "frontmatter that cannot be changed in place"
        cure = "write one 'key: value' a line, without aliases"
        raise BadData(what, place=f"{path}:1", cure=cure)
    return made


def read_entries(data: bytes, path: str) -> list[YamlEntry]:
    """The keys of a page's head; none when it cannot be read."""
    try:
        return yaml_nodes.read_entries(page.split(data, path).yaml, path, aliases=True)
    except BadData:
        return []


def list_values(entries: Sequence[YamlEntry], but: Collection[str] = ()) -> list[tuple[str, Any]]:
    """Keys and what they hold, to be compared."""
    return [(entry.key, _shape(entry.node)) for entry in entries if entry.key not in but]


def _value(text: str) -> Any:
    return _shape(yaml_nodes.read_entries(f"x: {text}", "x")[0].node)


def _shape(node: Any) -> Any:
    """A node's tag and what it holds: a text, its items, or its keys each with its value."""
    if isinstance(node, tuple):
        return [_shape(each) for each in node]
    inner = node.value
    return node.tag, inner if isinstance(inner, str) else [_shape(child) for child in inner]


def render_value(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, str):
        safe = _PLAIN.match(value) and value.lower() not in _RESERVED
        quoted = json.dumps(value, ensure_ascii=False)
        return value if safe else _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", quoted)
    if isinstance(value, date):
        return value.isoformat()
    return f"[{', '.join(render_value(each) for each in value)}]"


def apply_edits(parts: PageParts, edits: Sequence[Edit], body: str | None = None) -> bytes:
    yaml = parts.yaml
    for edit in sorted(edits, reverse=True):
        yaml = yaml[: edit.start] + edit.text.replace("\n", parts.newline) + yaml[edit.end :]
    after = parts.text[parts.at + len(parts.yaml) :]
    if body is not None:
        mark = after[: len(after) - len(parts.body)]
        # between the head and the text, as they have it
        gap = parts.body[: len(parts.body) - len(parts.body.lstrip("\r\n"))]
        if not mark.endswith("\n"):
            gap = parts.newline + gap
        text = body.strip("\n").replace(parts.newline, "\n").replace("\n", parts.newline)
        after = mark + gap + text + parts.newline
    return encode_text("\ufeff" * parts.marked + parts.text[: parts.at] + yaml + after)


def add_line(parts: PageParts, line: str) -> Edit:
    """A line more, after the last one of the head."""
    end = len(parts.yaml)
    before = "" if not parts.yaml or parts.yaml.endswith("\n") else "\n"
    return Edit(end, end, f"{before}{line}\n")


def _set(parts: PageParts, entry: YamlEntry, value: Any) -> Edit:
    yaml, node = parts.yaml, entry.node
    end = _end_of_entry(yaml, entry)
    if not value:
        line_end = yaml.find("\n", end)
        return Edit(entry.start, len(yaml) if line_end < 0 else line_end + 1, "")
    text = render_value(value)
    if entry.aliased or not isinstance(node.value, str) or is_block(node):
        return Edit(entry.end, end, f": {text}")
    at = node.start_mark.index
    return Edit(at, node.end_mark.index, text if yaml[at - 1 : at].isspace() else f" {text}")


def _end_of_entry(yaml: str, entry: YamlEntry) -> int:
    """Where the text of a value ends, comments after it left out."""
    if entry.aliased:
        return len(yaml) if (end := yaml.find("\n", entry.end)) < 0 else end
    return _end_of(yaml, entry.node)


def _end_of(yaml: str, node: Any) -> int:
    if isinstance(node.value, list) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end_of(yaml, last[1] if isinstance(last, tuple) else last)
    end = node.end_mark.index
    return len(yaml[:end].rstrip("\r\n")) if is_block(node) else end
