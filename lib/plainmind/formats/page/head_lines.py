r"""Reading a head a line at a time, where YAML refuses it as a whole.

A line that YAML refuses costs that line at most. Of many there is only one thing that can be meant,
a text, and it is read as if it were in quotes:

    title: Re: the flat          "Re: the flat"
    author: @ann                 "@ann"; the same after % or `
    tone: *very* calm            "*very* calm"
    quote: "Yes" and no          "\"Yes\" and no"
    note: [x] done, [a](b.md)    "[x] done, [a](b.md)"
    tags: [#one, @two, three]    ["#one", "@two", three]
    <tab>- one                   two spaces in place of a tab that indents
    * one                        - one

Every other one is passed over. A line, here, is what a key says up to the next key, when the key's
own line is refused; and one line of it, when that is refused.

Owns which lines are refused and what they mean. Refuses to know what keys mean. Linear: each line
is tried in the text of its key only.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ...ground.errors import BadData
from . import yaml_nodes
from .yaml_nodes import FIRST, YamlEntry

MOST_KEYS, MOST_LINES = 1000, 100  # of a head, and of a key, that are tried one by one
ROUNDS = 10  # of keys that YAML refuses for what other keys say, such as aliases

_KEY = re.compile(r"[^\s#*\-\[\]{},][^\n]*?:(?=[ \t\r]|\Z)")
_PARTS = re.compile(
    r"""([ ]*(?:-[ ]+)?(?:"[^"\n]*"|'[^'\n]*'|[^\W\d][\w ./-]*?):[ ]+|[ ]*-[ ]+)(\S.*?)(\s*)\Z"""
)
_AN_ITEM = re.compile(r"-[ ]+")
_SCALAR = re.compile(r"[:-][ \t]+[|>][-+0-9]*[ \t]*(?:#.*)?\r?\Z")  # begins a text of many lines
_ITEM = re.compile(r"[#@%`]?[^\W_][^\[\]{}\"'#:,]*")


class RefusedLine(NamedTuple):
    """A line of the file that YAML refuses, and what of it is read: '' when it is passed over."""

    line: int
    what: str  # is wrong, and what cures it
    text: str


class ReadHead(NamedTuple):
    """`text` is the YAML with as many lines, of which none is refused: those that are passed over
    are comments, and as long.
    """

    entries: list[YamlEntry]
    text: str
    refused: list[RefusedLine]


# a repair looks again at what was found, and at what it made of it
@lru_cache(maxsize=2)
def read(yaml: str, path: str, *, aliases: bool = False) -> ReadHead:
    """The keys of a head, in order, and the lines that are refused.

    BadData where no line of it is a key's.
    """
    try:
        return ReadHead(yaml_nodes.read_entries(yaml, path, aliases=aliases), yaml, [])
    except BadData as failure:
        lines = yaml.split("\n")
        blocks = list(_blocks(lines))
        if not 0 < len(blocks) <= MOST_KEYS:
            raise
        whole = failure
    refused = _drop_preamble(lines, blocks[0][0], whole)
    for first, rows in blocks:
        made, found = _mend(rows, lambda text: yaml_nodes.check_syntax(text, path, aliases))
        lines[first : first + len(rows)] = made
        refused += [one._replace(line=one.line + first) for one in found]
    for _ in range(ROUNDS):
        try:
            text = "\n".join(lines)
            entries = yaml_nodes.read_entries(text, path, aliases=aliases)
            return ReadHead(entries, text, sorted(refused))
        except BadData as failure:
            at = int(failure.place.rpartition(":")[2]) - FIRST
            first, rows = next((one for one in reversed(blocks) if one[0] <= at), blocks[0])
            refused.append(_put_right(lines, at, first, len(rows), failure))
    raise whole


def _refused(number: int, failure: BadData, text: str = "") -> RefusedLine:
    return RefusedLine(number + FIRST, f"{failure.what}; {failure.cure}", text)


def _put_right(lines: list[str], at: int, first: int, count: int, failure: BadData) -> RefusedLine:
    """Line `at` as a text, such as a * that begins no alias; or its whole key passed over."""
    quoted = _quote(lines[at]) if "alias" in failure.what else ""
    if quoted and quoted != lines[at]:
        lines[at] = quoted
    else:
        quoted = ""
        lines[first : first + count] = [_blank(row) for row in lines[first : first + count]]
    return _refused(at, failure, quoted)


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines of each key, and the number of the first."""
    first = next((line for line in lines if _KEY.match(line.lstrip(" "))), "")
    indent = " " * (len(first) - len(first.lstrip(" ")))
    keys = (line.startswith(indent) and _KEY.match(line, len(indent)) for line in lines)
    starts = [number for number, is_key in enumerate(keys) if is_key]
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        yield start, lines[start:end]


def _drop_preamble(lines: list[str], end: int, failure: BadData) -> list[RefusedLine]:
    """What stands before the first key is passed over, unless it is a comment."""
    numbers = [at for at in range(end) if not re.match(r"\s*(?:#|\Z)", lines[at])]
    for at in numbers:
        lines[at] = _blank(lines[at])
    return [_refused(at, failure) for at in numbers]


def _mend(rows: list[str], check: Callable[[str], None]) -> tuple[list[str], list[RefusedLine]]:
    """The lines of a key with those replaced that YAML refuses."""
    failure = _failure(rows, check)
    if failure is None:
        return rows, []
    made, found = list(rows), {}
    for _ in rows[:MOST_LINES]:
        at = min(int(failure.place.rpartition(":")[2]) - FIRST, len(rows) - 1)
        near = [at, *reversed(range(at)), *range(at + 1, len(rows))][:MOST_LINES]
        number, text = next(_repairs(made, near, check, failure), (0, ""))
        found[number] = _refused(number, failure, text)
        made[number] = text or _blank(made[number])
        if not number and not text:  # without its key, what follows would be another's
            break
        failure = _failure(made, check)
        if failure is None:
            return made, list(found.values())
    return _keep_sound(rows, check, failure)


def _keep_sound(
    rows: list[str], check: Callable[[str], None], failure: BadData
) -> tuple[list[str], list[RefusedLine]]:
    """The lines of a key, each kept if YAML takes it after those that were."""
    sound = [at for at in range(1, min(len(rows), MOST_LINES)) if not _failure(rows[:at], check)]
    if not sound:
        return list(map(_blank, rows)), [_refused(0, failure)]
    kept, found = rows[: sound[-1]], []
    for number, row in enumerate(rows[sound[-1] :], sound[-1]):
        if row.strip() and (number > MOST_LINES or _failure([*kept, row], check) is not None):
            found.append(_refused(number, failure))
            row = _blank(row)
        kept.append(row)
    return kept, found


def _repairs(
    rows: list[str], near: list[int], check: Callable[[str], None], failure: BadData
) -> Iterator[tuple[int, str]]:
    """(number, text) of a line that may stand in place of one, the best first; '' for none."""
    for number in near:
        text = _quote(rows[number])
        if text == rows[number] or not _stands_alone(rows, number, text):
            continue
        if _is_better(rows, number, text, check, failure):
            yield number, text
    for number in near:
        if number and _is_better(rows, number, _blank(rows[number]), check, failure):
            yield number, ""


def _stands_alone(rows: list[str], number: int, text: str) -> bool:
    """Whether a line that loses its tabs is an item or a key of its own, the first below a key or
    beside one of its kind, and not the next line of a text; True where it has none."""
    row = rows[number]
    if "\t" not in row[: len(row) - len(row.lstrip(" \t"))]:
        return True
    before = next((one for one in reversed(rows[:number]) if one.strip(" #\r")), "")
    indent = text[: len(text) - len(text.lstrip(" "))]
    kind = _AN_ITEM if _AN_ITEM.match(text, len(indent)) else _KEY
    beside = before.startswith(indent) and kind.match(before, len(indent))
    below = before.rstrip(" \r").endswith(":")
    return bool(beside or below) and not any(map(_SCALAR.search, rows[:number]))


def _is_better(
    rows: list[str], number: int, text: str, check: Callable[[str], None], failure: BadData
) -> bool:
    """Whether YAML, with this line, comes further than before."""
    found = _failure([*rows[:number], text, *rows[number + 1 :]], check)
    line = int(failure.place.rpartition(":")[2])
    return found is None or int(found.place.rpartition(":")[2]) > max(line, number + FIRST)


def _failure(rows: list[str], check: Callable[[str], None]) -> BadData | None:
    try:
        check("\n".join(rows))
    except BadData as failure:
        return failure
    return None


def _blank(row: str) -> str:
    """A comment as long as the line, so that everything else stays where it is."""
    plain = row.removesuffix("\r")
    return "#".ljust(len(plain)) + row[len(plain) :] if plain else row


def _quote(row: str) -> str:
    """A line as it is meant, if that can be one thing only; else as it is."""
    indent = row[: len(row) - len(row.lstrip(" \t"))]
    plain = indent.replace("\t", "  ") + re.sub(r"^([^\"':]*:)\t+", r"\1 ", row[len(indent) :])
    plain = re.sub(r"^( *)\*(?= +\S)", r"\1-", plain)
    match = _PARTS.match(plain)
    if not match or not match[2].isprintable():
        return plain
    start, value, end = match.groups()
    if value[0] == "[" and value[-1] == "]":
        return f"{start}{_quote_items(value)}{end}"
    begins_odd = value[0] in "@%`" or _is_linked_text(value)
    begins_odd = begins_odd or value[0] == "*" and "*" in value[1:]
    begins_odd = begins_odd or re.fullmatch(r'"[^"\\]*"[^"#]+(?:"[^"]*"[^"#]*)*', value) is not None
    plain_text = value[0] not in "\"'[]{}|>&!#,?-" and re.search(r":(?:\s|\Z)", value)
    if " #" in value or not (begins_odd or plain_text):
        return plain
    return f"{start}{json.dumps(value, ensure_ascii=False)}{end}"


def _is_linked_text(value: str) -> bool:
    """Whether a text begins with a link or a box, and goes on."""
    whole = value.count("[") == value.count("]")
    return value[0] == "[" and value[-1] != "]" and whole


def _quote_items(value: str) -> str:
    items = [item.strip() for item in value[1:-1].split(",")]
    if not all(map(_ITEM.fullmatch, items)):
        return value
    quoted = (json.dumps(one, ensure_ascii=False) if one[0] in "#@%`" else one for one in items)
    return f"[{', '.join(quoted)}]"
