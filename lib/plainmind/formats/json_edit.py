"""JSON text changed where its value changes, and nowhere else: whoever wrote it knows it again, and
so does `git diff`. Knows no record; the text is what `strict_json` reads."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def edit(text: str, old: Any, new: Any) -> str:
    """`text`, which says `old`, as it says `new`. What is added is laid out as what it is added to;
    where there is nothing to follow, as the whole."""
    start = _skip(text, 0)
    line = text[start + 1 : _skip(text, start + 1)] if old else "\n"
    layout = _Layout("" if "\n" in line else None, line.rpartition("\n")[2] or "  ")
    made, end = _edit(text, start, old, new, layout)
    return text[:start] + made + text[end:]


class _Layout(NamedTuple):
    """How a value is written that is new. `indent` begins its line; None: all is on one line."""

    indent: str | None
    unit: str

    def render(self, value: Any) -> str:
        if self.indent is None:
            return json.dumps(value, ensure_ascii=False)
        text = json.dumps(value, ensure_ascii=False, indent=self.unit)
        return text.replace("\n", f"\n{self.indent}")

    def within(self, gap: str) -> "_Layout":
        """That of a value before which this stands."""
        return self._replace(indent=gap.rpartition("\n")[2]) if "\n" in gap else self


def _edit(text: str, at: int, old: Any, new: Any, layout: _Layout) -> tuple[str, int]:
    """The value at `at` as it says `new`, and where the old one ends."""
    if _is_same(old, new):
        end = _decode(text, at)[1]
        return text[at:end], end
    news = _extension(old, new) if old else None
    if news is None:  # nothing of it to keep
        return layout.render(new), _decode(text, at)[1]
    made, end, gap, count = text[at], at + 1, "", 0
    for (key, inner), value in zip(_pairs(old), news):
        first = _skip(text, end) if not count else _skip(text, _skip(text, end) + 1)
        gap = text[end:first].replace(",", "", 1)
        made, count, end = made + text[end:first], count + 1, first
        if key is not None:
            end = _skip(text, _skip(text, _decode(text, first)[1]) + 1)
            made += text[first:end]
        inside, end = _edit(text, end, inner, value, layout.within(gap))
        made += inside
    within = layout.within(gap) if "\n" in gap else layout._replace(indent=None)
    for key, value in [*_pairs(new)][count:]:
        made += "," + (gap if "\n" in gap else " ")
        made += ("" if key is None else within.render(key) + ": ") + within.render(value)
    close = _skip(text, end) + 1
    return made + text[end:close], close


def _pairs(value: Any) -> list[tuple[str | None, Any]]:
    return list(value.items()) if type(value) is dict else [(None, inner) for inner in value]


def _extension(old: Any, new: Any) -> list[Any] | None:
    """The values of `new` where it has all places of `old` first, and maybe more after them."""
    if type(old) is not type(new) or type(old) not in (dict, list):
        return None
    pairs = _pairs(new)
    if [key for key, _ in _pairs(old)] != [key for key, _ in pairs[: len(old)]]:
        return None
    return [value for _, value in pairs]


def _is_same(one: Any, other: Any) -> bool:
    """Equal in JSON, too: 1 is neither true nor 1.0."""
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return list(one) == list(other) and all(_is_same(one[key], other[key]) for key in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(_is_same, one, other))
    return one == other and (one != 0 or str(one) == str(other))  # -0.0


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def remove(text: str, path: Sequence[str | int]) -> str:
    """`text` without the member or element at `path`, and without what set it apart from the
    others. What `edit` had put behind others is gone without a trace."""
    at = _locate(text, path[:-1])
    members = list(_members(text, at))
    number = next(n for n, one in enumerate(members) if one.key == path[-1])
    one = members[number]
    if number:
        return text[: members[number - 1].end] + text[one.end :]
    if len(members) > 1:
        return text[: one.start] + text[members[1].start :]
    return text[: at + 1] + text[_skip(text, one.end) :]


class _Member(NamedTuple):
    """Where a member or element begins, where its value does, and where that ends."""

    key: str | int
    start: int
    value: int
    end: int


def _members(text: str, at: int) -> Iterator[_Member]:
    """Those of the object or array at `at`."""
    is_object, at, count = text[at] == "{", _skip(text, at + 1), 0
    while text[at] not in "}]":
        start, key = at, count
        if is_object:
            key, end = _decode(text, at)  # no key comes twice
            at = _skip(text, _skip(text, end) + 1)
        end = _decode(text, at)[1]
        yield _Member(key, start, at, end)
        at, count = _skip(text, end), count + 1
        at = _skip(text, at + 1) if text[at] == "," else at


def find_inner(text: str, path: Sequence[str | int]) -> str:
    """What stands between the brackets of an empty object or array."""
    at = _locate(text, path)
    return text[at + 1 : _skip(text, at + 1)]


def set_inner(text: str, path: Sequence[str | int], inner: str) -> str:
    """`text` with this between the brackets of an empty object or array."""
    at = _locate(text, path)
    return text[: at + 1] + inner + text[_skip(text, at + 1) :]


def _locate(text: str, path: Sequence[str | int]) -> int:
    """Where the value at a path begins."""
    at = _skip(text, 0)
    for step in path:
        at = next(one.value for one in _members(text, at) if one.key == step)
    return at
