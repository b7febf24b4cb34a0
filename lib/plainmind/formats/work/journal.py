"""The journal of work, `work/events.jsonl`: what a team of agents did, one event a line.

    {"id":"019c3a8f6fa01f3a5b7c","at":"2026-02-07T22:15:00.000Z","type":"task","agent":"backend",
     "description":"Generate migration","status":"completed","duration_s":95}

It is UTF-8, one JSON object a line (here broken for the page), at most 64 KiB each, no key twice.
Every event has an id, a time and a type; each type has fields of its own. A field that is null or
'' is not given. Keys that are not known here are refused by work-log; in the file they are passed
over. A line that does not fit is told of by 'work-log check', and counts nowhere; the rest goes on.
The last line counts once it has ended.

Events count in the order of their times, and of their ids at one time. In which order lines arrived
changes no figure, so journals of two machines may be put together in any way. Of lines with one id
the one with the earliest time counts, once. An event is never changed: one of type void takes
another back, whichever came first, and can be taken back itself.

Owns the grammar of a line, what every type has in common, and who may write what. Refuses to know
files.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...ground import chance, clock, stream
from ...ground.errors import BadData, NotPermitted
from .. import strict_json
from . import session
from .kinds import Check, Wrong, read_time
from .schemas import COMMON, SCHEMAS

PATH = "work/events.jsonl"
MOST = 64 * 1024  # bytes of a line, with its end
AHEAD = clock.DAY  # an event may be so far in the future: clocks differ, and zones are mistaken
#: what nobody says of themselves, and who counts as somebody else for all agents
_BY_OTHERS = ("praise", "award")
#: what is for the orchestrator to say: it is not of one agent
_LEADS = ("session", "void")

Fields = dict[str, Any]


class Line(NamedTuple):
    """One event. `fields` has every key that is given, id, at and type too; times in it are as
    `clock.to_text` writes them. Keys that the type does not know are still there."""

    id: str
    unix_ms: int
    type: str
    fields: Fields


class Row(NamedTuple):
    """A line of the file that can be read: where it begins, its bytes with its end, its number."""

    offset: int
    bytes: int
    number: int
    line: Line


class _Rules(NamedTuple):
    checks: dict[str, Check]  # of all fields but type and at
    required: frozenset[str]


def _make_rules(type: str) -> _Rules:
    fields = (*COMMON, *SCHEMAS[type].fields)
    required = frozenset(field.name for field in fields if field.required)
    own = [field for field in fields if field.name not in ("type", "at")]
    return _Rules({field.name: field.make_check() for field in own}, required)


_rules: dict[str, _Rules] = {}
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    object_pairs_hook=strict_json.make_object, parse_constant=strict_json.refuse_constant
).scan_once  # type: ignore[attr-defined]


def _rules_of(type: Any) -> _Rules:
    if not isinstance(type, str) or type not in SCHEMAS:
        what = "missing" if type in (None, "") else f"{session.tell(type)} is not a type of event"
        raise BadData(f"type: {what}", cure="use one of " + ", ".join(SCHEMAS))
    if type not in _rules:
        _rules[type] = _make_rules(type)
    return _rules[type]


# --- text to records and back


def parse(data: bytes) -> Line:
    """The event of a line. BadData says which field is wrong."""
    return _make_line(parse_object(data))


def _make_line(fields: Fields) -> Line:
    instant = check(fields)
    return Line(fields["id"], instant, fields["type"], fields)


def refuse_long(place: str = "") -> BadData:
    cure = "put what is long in a file, and name the file"
    return BadData(f"a line of more than {MOST >> 10} KiB", place=place, cure=cure)


def parse_object(data: bytes) -> Fields:
    """The JSON object of a line."""
    if len(data) > MOST:
        raise refuse_long()
    try:
        text = data.decode().strip(" \t\r\n\ufeff")
        value, end = _scan(text, 0)
    except UnicodeDecodeError:
        raise BadData("not valid UTF-8", cure="save it as UTF-8") from None
    except (StopIteration, json.JSONDecodeError):
        raise BadData("not valid JSON", cure="write one JSON object a line") from None
    except ValueError as error:  # strict_json's, or more digits than Python reads
        raise BadData(str(error).partition(";")[0], cure="correct it") from None
    except RecursionError:
        raise BadData("nested too deep", cure="keep it flat") from None
    if end != len(text) or type(value) is not dict:
        raise BadData("not one JSON object", cure='write {"type": …}')
    return value


def check(fields: Fields) -> int:
    """When an event happened, in ms since the epoch. Afterwards the fields are as they are kept,
    without those that are not given. BadData says which one is wrong."""
    type = fields.get("type")
    rules = _rules.get(type) if type.__class__ is str else None  # type: ignore[arg-type]
    checks, required = rules or _rules_of(type)
    empty: tuple[str, ...] = ()
    instant, key = 0, ""
    try:
        for key, value in fields.items():
            if not value and (value is None or value == ""):
                empty += (key,)
            elif rule := checks.get(key):
                kept = rule(value)
                if kept is not value:
                    fields[key] = kept
            elif key == "at":
                fields[key], instant = read_time(value)
    except Wrong as wrong:
        what = f"{key}: {session.tell(fields[key])} {wrong.what}"
        raise BadData(what, cure=wrong.cure) from None
    for key in empty:
        del fields[key]
    if not required <= fields.keys():
        raise _refuse_missing(fields)
    return instant


def _refuse_missing(fields: Fields) -> BadData:
    every = (*COMMON, *SCHEMAS[fields["type"]].fields)
    missing = next(field for field in every if field.required and field.name not in fields)
    cure = f"give {missing.name}=…: {missing.meaning.partition(';')[0]}"
    return BadData(f"{missing.name}: missing", cure=cure)


def scan(data: bytes, offset: int = 0, number: int = 1) -> Iterator[Row | BadData]:
    """The lines of a piece of the file that begins at a line, what cannot be read as a failure with
    its place. A last line without an end is left alone: it may still be being written."""
    lines = data.split(b"\n")
    for first in range(0, len(lines) - 1, _TOGETHER):
        group = lines[first : min(first + _TOGETHER, len(lines) - 1)]
        objects = _parse_together(group)
        for place, line in enumerate(group):
            size = len(line) + 1
            try:
                if objects:
                    yield Row(offset, size, number, _make_line(objects[place]))
                elif line:
                    yield Row(offset, size, number, parse(line + b"\n"))
            except BadData as error:
                error.place = f"{PATH}:{number}"
                yield error
            offset, number = offset + size, number + 1


_TOGETHER = 64  # lines


def _parse_together(lines: list[bytes]) -> list[Fields]:
    """The object of each line, made at once in three quarters of the time; nothing where one has
    none. Between each two lines is a number that none of them can have, so that two lines cannot
    make one object of each other's halves."""
    if max(map(len, lines)) >= MOST:
        return []
    mark = int.from_bytes(chance.draw(7)) + (1 << 56)
    try:
        text = (b"[" + (b",%d," % mark).join(lines) + b"]").decode()
        values, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError):
        return []
    objects = values[::2]
    alone = values[1::2] == [mark] * (len(lines) - 1) and len(objects) == len(lines)
    right = end == len(text) and alone and all(type(value) is dict for value in objects)
    return objects if right else []


def find_voided(voids: Iterable[tuple[str, int, str]]) -> set[str]:
    """The ids of events that were taken back, by the id of each void, its time in ms, and the id of
    what it takes back. A void is taken back by a later one alone, so that none depends on
    itself."""
    order = sorted(((unix_ms, id), of) for id, unix_ms, of in voids)
    positions = {position[1]: position for position, _ in order}
    voided: set[str] = set()
    for position, of in reversed(order):
        if position[1] not in voided and (of not in positions or positions[of] < position):
            voided.add(of)
    return voided


def render(fields: Fields) -> bytes:
    """The line of an event that `compose` made. BadData when it is too long."""
    data = stream.json_record(fields)
    if len(data) > MOST:
        cure = f"at most {MOST:,}; put it in a file, and name the file"
        raise BadData(f"the event would have {len(data):,} bytes", cure=cure)
    return data


# --- making events


class Author(NamedTuple):
    """Who writes: the agent and the session that the environment names, '' for a person. `inside`:
    it is a command of the model's, whose word counts for itself alone."""

    agent: str = ""
    session: str = ""
    inside: bool = False


class Mint:
    """Makes ids: 12 hexadecimal digits of the time in ms and 8 that nobody guesses, then a number
    for the second and later ones of a process, which keeps their order at one instant."""

    def __init__(self) -> None:
        self._drawn, self._count = chance.draw(4).hex(), 0

    def make(self, now: int) -> str:
        count, self._count = self._count, self._count + 1
        return f"{max(now, 0):012x}{self._drawn}" + (f"-{count:06x}" if count else "")


def compose(
    fields: Fields,
    now: int,
    mint: Mint,
    author: Author = Author(),
    mask: Callable[[Any], Any] = lambda value: value,
) -> Fields:
    """A new event of these fields: masked, filled in, checked and in order. BadData says which
    field is wrong, NotPermitted what the author may not say."""
    made = {key: value for key, value in mask(fields).items() if value is not None and value != ""}
    rules, type = _rules_of(made.get("type")), made["type"]
    for key in made:
        if key not in ("type", "at") and key not in rules.checks:
            known = ", ".join(field.name for field in SCHEMAS[type].fields)
            raise BadData(f"{session.tell(key)} is not a field of '{type}'", cure=f"it has {known}")
    if author.inside and not author.agent:
        what, cure = "a turn logs as the agent that it is", "start agent-turn with MIND_AGENT=NAME"
        raise NotPermitted(what, cure=cure)
    if author.inside and "id" in made:  # with that of another's event it could take its place
        raise NotPermitted("id: an event of a turn gets an id of its own", cure="leave it out")
    _fill(made, rules, author)
    made.setdefault("at", clock.to_text(now))
    made.setdefault("id", mint.make(now))
    if check(made) > now + AHEAD:
        raise BadData(f"at: '{made['at']}' is in the future", cure="give the time it happened")
    if ends_early(made):
        what = f"ended: '{made['ended']}' is before started, '{made['started']}'"
        raise BadData(what, cure="give both times as they were")
    check_author(made, author)
    return {name: made[name] for name in _list_names(type) if name in made}


def ends_early(fields: Mapping[str, Any]) -> bool:
    """Whether something ended before it started. Both times are as `clock.to_text` writes them."""
    started, ended = fields.get("started"), fields.get("ended")
    return started is not None and ended is not None and ended < started


def _list_names(type: str) -> list[str]:
    return [field.name for field in (*COMMON, *SCHEMAS[type].fields)]


def _fill(fields: Fields, rules: _Rules, author: Author) -> None:
    if fields["type"] == "task":
        fields.setdefault("status", "completed")
    if author.session and "session" in rules.checks and fields["type"] != "session":
        fields.setdefault("session", author.session)
    if author.agent and "agent" in rules.checks and fields["type"] not in _BY_OTHERS:
        fields.setdefault("agent", author.agent)


def check_author(fields: Fields, author: Author) -> None:
    """NotPermitted for what an agent may not say: anything of another one, the session and what
    takes an event back, unless it is the orchestrator; and praise of itself."""
    me, type = author.agent, fields["type"]
    if not me:
        return
    leads = me == session.ORCHESTRATOR and not author.inside
    named = [fields["agent"]] if "agent" in fields else []
    named += [fields["name"]] if type == "agent" else []
    if type in _LEADS and not leads or type in _BY_OTHERS and (not leads or me in named):
        whose = "the user" if type in _BY_OTHERS or author.inside else "the orchestrator"
        raise NotPermitted(f"type: '{type}' is not for '{me}' to log", cure=f"ask {whose}")
    for other in named:
        if other != me and not leads:
            what = f"agent: '{other}' is not '{me}', who logs this (MIND_AGENT)"
            raise NotPermitted(what, cure="each agent logs its own work, the orchestrator any")
