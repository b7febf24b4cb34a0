"""YAML as nodes that know their places: composed, never constructed.

No tag is ever obeyed and no value made, so a file can say nothing that runs. Nesting over 16 is
refused from the event stream first, because libyaml's composer recurses in C until the process
dies; and aliases that would stand for too much, because merged ones grow exponentially.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...ground.errors import BadData

DEEPEST = 16
MOST = 10_000  # nodes, each alias counted as what it stands for

_KINDS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value")
}


class YamlEntry(NamedTuple):
    """A key of a mapping, the node of its value, and the key's line in the file."""

    key: str
    node: Any
    line: int
    start: int  # characters of the text before the key
    end: int  # and up to its end

    @property
    def aliased(self) -> bool:
        """Whether the value stands somewhere else, and here only its alias."""
        return self.node.start_mark.index < self.end


def read_entries(
    text: str, path: str, first_line: int, *, aliases: bool = False
) -> list[YamlEntry]:
    """The keys of a mapping, in order, also those that appear twice; [] when there is nothing.

    `first_line` is where `text` starts in the file. BadData with `path:line` when it is not a
    mapping, or may not be read.
    """
    import yaml

    try:
        root = _root(text, path, first_line, aliases)
    except yaml.YAMLError as error:
        raise _to_failure(error, text, path, first_line) from None
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise BadData(
            "the frontmatter is not a list of 'key: value'",
            place=f"{path}:{first_line}",
            cure="write one 'key: value' a line",
        )
    found, number, at = [], first_line, 0
    for key, value in root.value:
        start = key.start_mark.index
        if start < at:  # an alias: the key stands before
            number, at = first_line, 0
        number, at = number + text.count("\n", at, start), start
        found.append(
            YamlEntry(
                key.value if isinstance(key.value, str) else "?",
                value,
                number,
                start,
                key.end_mark.index,
            )
        )
    if aliases:
        _check_size(root, text, path, first_line)
    return found


def _to_failure(error: Exception, text: str, path: str, first_line: int) -> BadData:
    # a character that may not be there has an offset and no mark
    mark, offset = getattr(error, "problem_mark", None), getattr(error, "position", 0)
    line = (
        _line_of(text, mark, first_line)
        if mark
        else first_line + text.encode("utf-8", "replace")[:offset].count(b"\n")
    )
    what = getattr(error, "problem", None) or getattr(error, "reason", "damaged")
    cure = "put the value in quotes, or fix the line"
    return BadData(f"not valid YAML: {what}", place=f"{path}:{line}", cure=cure)


def line_of(text: str, node: Any, first_line: int) -> int:
    """Where a node starts, as `sed` counts: YAML knows more ends of a line than \\n."""
    return _line_of(text, node.start_mark, first_line)


def _line_of(text: str, mark: Any, first_line: int) -> int:
    return first_line + text.count("\n", 0, mark.index)


def kind_of(node: Any) -> str:
    """str, int, float, bool, null, timestamp, seq or map; '' for a tag not of YAML's own."""
    return node.tag.rpartition(":")[2] if node.tag in _KINDS else ""


def read_scalar(node: Any) -> str | None:
    """A value as it is written; None for a list or a mapping."""
    return node.value if isinstance(node.value, str) and kind_of(node) != "null" else None


def _root(text: str, path: str, first_line: int, aliases: bool) -> Any:
    """The YAML as nodes, None when it is empty."""
    import yaml

    loader = getattr(
        yaml, "CSafeLoader", yaml.SafeLoader
    )  # a build without libyaml has the slow one only
    depth = values = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
            event, yaml.CollectionEndEvent
        )
        alias = isinstance(event, yaml.AliasEvent) and not aliases
        if alias or depth > DEEPEST:
            place = f"{path}:{_line_of(text, event.start_mark, first_line)}"
            if alias:
                raise BadData(
                    "an alias in the frontmatter",
                    place=place,
                    cure="write out what it stands for; put a * in quotes",
                )
            raise BadData("frontmatter nested too deep", place=place, cure="keep it flat")
        values += isinstance(event, yaml.NodeEvent)
        if values > MOST:
            place = f"{path}:{_line_of(text, event.start_mark, first_line)}"
            raise BadData(
                f"frontmatter of more than {MOST:,} values", place=place, cure="keep it short"
            )
    return yaml.compose(text, Loader=loader)


def _check_size(root: Any, text: str, path: str, first_line: int) -> None:
    """BadData for tags that are not YAML's own, for aliases that go round in circles, and for those
    that stand for too much.
    """
    sizes: dict[int, int] = {}
    open_: set[int] = set()

    def refusal(node: Any, what: str, cure: str) -> BadData:
        return BadData(what, place=f"{path}:{line_of(text, node, first_line)}", cure=cure)

    def size(node: Any) -> int:
        if id(node) in open_:
            raise refusal(node, "an alias that stands for itself", "write out what it stands for")
        if id(node) not in sizes:
            if not kind_of(node):
                raise refusal(
                    node,
                    f"the tag '{node.tag[:80]}'",
                    "remove it; a page has texts, numbers and lists only",
                )
            open_.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            open_.discard(id(node))
        if sizes[id(node)] > MOST:
            raise refusal(
                node,
                f"aliases that stand for more than {MOST:,} values",
                "write out what is needed",
            )
        return sizes[id(node)]

    size(root)


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node.value, list):
        for child in node.value:
            if isinstance(child, tuple):
                yield from child
            else:
                yield child
