"""What may stand in a field of the journal of work: one check a kind, named in `schemas`.

A check gives the value as it is kept, or raises `Wrong` with what it is not. It is all that stands
between a line that anybody wrote and the tables: a million lines go through it, so the common case
comes first in each. Refuses to know which field has which kind.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from ...ground import clock
from ...ground.errors import BadData
from .. import strict_json
from . import session

LONGEST_NAME, LONGEST_LINE = 200, 2000
LARGEST = 1e300  # of any number
LARGEST_WHOLE = 1e12  # so that millions of them, added, are a number of 64 bits
_EXACT = 2**53  # whole numbers up to here are what they say in a table, too
_DEEPEST = 16  # of an object in a field

#: what a name or a line may not have: what a terminal obeys, turns around or takes for a line's end
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z", re.ASCII).match
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z", re.ASCII).match

Check = Callable[[Any], Any]


class Wrong(Exception):
    """What a value is not, after 'FIELD: VALUE ', and the cure."""

    def __init__(self, what: str, cure: str):
        super().__init__(what)
        self.what, self.cure = what, cure


def check_name(value: Any, most: int = LONGEST_NAME) -> str:
    """A text on one line, with nothing in it that cannot be seen."""
    if type(value) is not str:
        raise Wrong("is not a text", "give a text")
    if value.isprintable() and len(value) <= most and value.strip(" ") == value:
        return value
    if len(value) > most:
        raise Wrong(f"has {len(value)} characters", f"give at most {most}")
    if value.strip() != value:
        raise Wrong("begins or ends with a blank", "leave it out")
    if found := _CONTROL.search(value):
        _refuse_bytes(value)
        raise Wrong(f"has the character U+{ord(found[0]):04X}", "leave it out")
    return value


def check_line(value: Any) -> str:
    return check_name(value, LONGEST_LINE)


def check_text(value: Any) -> str:
    """A text of any lines; only what is not Unicode is refused."""
    if type(value) is not str:
        raise Wrong("is not a text", "give a text")
    if value.isspace():
        raise Wrong("says nothing", "give a text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            _refuse_bytes(value)
            raise Wrong("is not valid Unicode", "leave half a surrogate pair out") from None
    return value


def _refuse_bytes(text: str) -> None:
    """Wrong for bytes of an argument that were not UTF-8: `os.fsdecode` keeps each as a half."""
    if found := re.search("[\udc80-\udcff]", text):
        byte = ord(found[0]) - 0xDC00
        raise Wrong(f"has the byte 0x{byte:02X}, and is not valid UTF-8", "convert it to UTF-8")


def check_agent(value: Any, known: set[str] = set()) -> str:  # noqa: B006 (a memory of ours)
    if type(value) is str and value in known:
        return value
    _check_by(session.check_agent, value)
    if len(known) < 1000:
        known.add(value)
    return value


def check_session(value: Any, known: set[str] = set()) -> str:  # noqa: B006
    if type(value) is str and value in known:
        return value
    _check_by(session.check_session, value)
    if len(known) > 1000:
        known.clear()
    known.add(value)
    return value


def _check_by(check: Callable[[str], str], value: Any) -> None:
    if type(value) is not str:
        raise Wrong("is not a text", "give a text")
    try:
        check(value)
    except BadData as error:
        raise Wrong(f"is an {error.what.partition(' ')[0]} name", error.cure) from None


def check_agents(value: Any) -> list[str]:
    if type(value) is not list or len(value) > 1000:
        raise Wrong("is not a list of agents", 'give ["backend", "frontend"], at most 1000')
    for name in value:
        check_agent(name)
    return value


def check_id(value: Any) -> str:
    if type(value) is not str or not _ID(value):
        raise Wrong("is not an id", "use 1 to 64 letters, digits, '.', '_', ':' and '-'")
    return value


def read_time(value: Any) -> tuple[str, int]:
    """As `2026-02-07T22:15:00.000Z`, whatever the zone was, and in ms since the epoch."""
    if type(value) is str and _INSTANT(value):
        try:
            return value, clock.parse_text(value)
        except ValueError:
            pass
    try:
        instant = clock.parse(value)
        return clock.to_text(instant), instant
    except BadData as error:
        what = error.what.rpartition("' ")[2] if type(value) is str else "is not a time"
        raise Wrong(what, error.cure) from None


def check_time(value: Any) -> str:
    return read_time(value)[0]


def check_flag(value: Any) -> bool:
    if type(value) is not bool:
        raise Wrong("is not true or false", "write true or false")
    return value


def check_object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Wrong("is not an object", "write FIELD:={…}")
    try:
        strict_json.check_depth(value, _DEEPEST)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except BadData:
        raise Wrong(f"is nested deeper than {_DEEPEST}", "keep it flat") from None
    except UnicodeEncodeError:
        raise Wrong("is not valid Unicode", "leave half a surrogate pair out") from None
    except (ValueError, TypeError):
        raise Wrong("is not JSON", "leave NaN and infinite numbers out") from None
    return value


def make_number(least: float = -LARGEST, most: float = LARGEST, *, whole: bool = False) -> Check:
    """A check for numbers from `least` to `most`."""
    most = min(most, LARGEST_WHOLE) if whole else most
    span = f"a number from {least:,.15g} to {most:,.15g}" if most < LARGEST else "a finite number"
    span = f"a number from {least:,.15g} on" if most == LARGEST and least > -LARGEST else span

    def check(value: Any) -> int | float:
        kind = type(value)
        if kind is not int and (kind is not float or whole):
            name = "a whole number" if whole else "a number"
            raise Wrong(f"is not {name}", f"give {name}")
        if not least <= value <= most:  # NaN neither
            raise Wrong("is out of range", f"give {span}")
        return value if kind is float or -_EXACT <= value <= _EXACT else float(value)

    return check


def make_choice(kind: str, choices: tuple[str, ...]) -> Check:
    known, cure = frozenset(choices), "use one of " + ", ".join(choices)

    def check(value: Any) -> str:
        if type(value) is not str or value not in known:
            raise Wrong(f"is not a {kind}", cure)
        return value

    return check


#: what is one of a few words
WORDS = {
    "status": session.STATUSES,
    "route": ("local", "cloud"),
    "direction": ("higher", "lower"),
    "verdict": ("running", "keep", "kill", "double_down"),
    "pattern": ("success", "failure", "repetition"),
}
#: the check of each kind, but of numbers, which have spans, and of the type itself
CHECKS: dict[str, Check] = {
    "name": check_name,
    "line": check_line,
    "text": check_text,
    "agent": check_agent,
    "agents": check_agents,
    "session": check_session,
    "id": check_id,
    "time": check_time,
    "flag": check_flag,
    "object": check_object,
    **{kind: make_choice(kind, words) for kind, words in WORDS.items()},
}
