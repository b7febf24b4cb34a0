"""A long list on several pages: which of its rows are on one, and where those before and after it
begin. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from ..ground.errors import Usage


class Turned(NamedTuple):
    """Rows from number `first` to before `end`. `newer` and `older`: what `from` is asked for then;
    '' where there are none."""

    first: int
    end: int
    newer: str
    older: str


def turn(query: Mapping[str, str], count: int, each: int) -> Turned:
    """Of so many rows, newest first, so many on a page: those `from` a number on, or `all`."""
    if "all" in query:
        return Turned(0, count, "", "")
    first = read_number(query, "from", count)
    end = first + each
    newer = str(max(0, first - each)) if first else ""
    return Turned(first, end, newer, str(end) if end < count else "")


def read_number(query: Mapping[str, str], key: str, most: int) -> int:
    """A whole number from 0 to `most` that was asked for, or 0."""
    text = query.get(key, "")
    if text and not (text.isascii() and text.isdecimal() and len(text) < 13):
        raise Usage(f"'{text}' is not a number", cure=f"write {key}=120")
    return min(int(text or 0), most)
