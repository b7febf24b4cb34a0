"""YAML as nodes that know their places: composed, never constructed.

No tag is ever obeyed and no value made, so a file can say nothing that runs. Nesting over 16 is
refused from the event stream first, because libyaml's composer recurses in C until the process
dies; and aliases that would stand for too much, because merged ones grow exponentially.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...ground import masks
from ...ground.errors import BadData

DEEPEST = 16
MOST = 10_000  # nodes, each alias counted as what it stands for
FIRST = 2  # line of a file in which its YAML starts

_KINDS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in "str int float bool null timestamp seq map merge value".split()
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


def read_entries(text: str, path: str, *, aliases: bool = False) -> list[YamlEntry]:
    """The keys of a mapping, in order, also those that appear twice; [] when there is nothing.

    BadData with `path:line` when it is not a mapping, or may not be read.
    """
    import yaml

    root = _root(text, path, aliases)
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        what, cure = (
            "the frontmatter is not a list of 'key: value'",
            "write one 'key: value' a line",
        )
        raise BadData(what, place=f"{path}:{FIRST}", cure=cure)
    found, line, at = [], FIRST, 0
    for key, value in root.value:
        start = key.start_mark.index
        if start < at:  # an alias: the key stands before
            line, at = FIRST, 0
        line, at = line + text.count("\n", at, start), start
        name = key.value if isinstance(key.value, str) else "?"
        found.append(YamlEntry(name, value, line, start, key.end_mark.index))
    if aliases:
        _check_size(root, text, path)
    return found


def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # without libyaml there is the slow one


def _to_failure(error: Exception, text: str, path: str) -> BadData:
    # a character that may not be there has an offset and no mark
    mark, offset = getattr(error, "problem_mark", None), getattr(error, "position", 0)
    encoded = text.encode("utf-8", "replace")
    rows = text.count("\n", 0, mark.index) if mark else encoded[:offset].count(b"\n")
    what = getattr(error, "problem", None) or getattr(error, "reason", "damaged")
    place = f"{path}:{FIRST + rows}"
    cure = "put the value in quotes, or fix the line"
    return BadData(f"not valid YAML: {what}", place=place, cure=cure)


def line_of(text: str, node: Any) -> int:
    """Where a node or an event starts, as `sed` counts: YAML knows more ends of a line than \\n."""
    return FIRST + text.count("\n", 0, node.start_mark.index)


def _refusal(text: str, path: str, node: Any, what: str, cure: str) -> BadData:
    return BadData(what, place=f"{path}:{line_of(text, node)}", cure=cure)


def kind_of(node: Any) -> str:
    """str, int, float, bool, null, timestamp, seq or map; '' for a tag not of YAML's own."""
    return node.tag.rpartition(":")[2] if node.tag in _KINDS else ""


def read_scalar(node: Any) -> str | None:
    """A value as it is written; None for a list or a mapping."""
    return node.value if isinstance(node.value, str) and kind_of(node) != "null" else None


def is_block(node: Any) -> bool:
    """Whether it is a text of lines of its own, after | or >."""
    return getattr(node, "style", None) in ("|", ">")


def check_syntax(text: str, path: str, aliases: bool) -> None:
    """BadData with `path:line` for a text that YAML refuses, or that is nested too deep."""
    import yaml

    # of each kind of event, how it changes the depth, and whether it is a value
    opening, closing, value = (1, 1), (-1, 0), (0, 1)
    changes = {
        yaml.SequenceStartEvent: opening, yaml.MappingStartEvent: opening,
        yaml.SequenceEndEvent: closing, yaml.MappingEndEvent: closing,
        yaml.ScalarEvent: value, yaml.AliasEvent: value,
    }  # fmt: skip
    depth = values = 0
    try:
        for event in yaml.parse(text, Loader=_loader()):
            deeper, more = changes.get(type(event), (0, 0))
            depth, values = depth + deeper, values + more
            if type(event) is yaml.AliasEvent and not aliases:
                what = "an alias in the frontmatter"
                cure = "write out what it stands for; put a * in quotes"
            elif depth > DEEPEST:
                what, cure = "frontmatter nested too deep", "keep it flat"
            elif values > MOST:
                what, cure = f"frontmatter of more than {MOST:,} values", "keep it short"
            else:
                continue
            raise _refusal(text, path, event, what, cure)
    except yaml.YAMLError as error:
        raise _to_failure(error, text, path) from None


def _root(text: str, path: str, aliases: bool) -> Any:
    """The YAML as nodes, None when it is empty."""
    import yaml

    check_syntax(text, path, aliases)
    try:
        return yaml.compose(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise _to_failure(error, text, path) from None


def _check_size(root: Any, text: str, path: str) -> None:
    """BadData for tags that are not YAML's own, for aliases that go round in circles, and for those
    that stand for too much.
    """
    sizes: dict[int, int] = {}
    open_: set[int] = set()

    def size(node: Any) -> int:
        what, cure = "", "write out what it stands for"
        if id(node) in open_:
            what = "an alias that stands for itself"
        elif id(node) not in sizes:
            if kind_of(node):
                open_.add(id(node))
                sizes[id(node)] = 1 + sum(map(size, _children(node)))
                open_.discard(id(node))
            else:
                what = f"the tag '{masks.cut(node.tag, 80)}'"
                cure = "remove it; a page has texts, numbers and lists only"
        if not what and sizes[id(node)] > MOST:
            what = f"aliases that stand for more than {MOST:,} values"
            cure = "write out what is needed"
        if what:
            raise _refusal(text, path, node, what, cure)
        return sizes[id(node)]

    size(root)


def _children(node: Any) -> Iterator[Any]:
    for child in node.value if isinstance(node.value, list) else ():
        if isinstance(child, tuple):
            yield from child
        else:
            yield child
