"""Memory: how it grew, what turns were given of it, what is always in mind, which vectors wait."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ...formats.log.pins import Pin
from ...ground import clock, zone
from ...ground.errors import BadData, Failure
from ...memory import Memory, care, embedding, moments
from ...memory.care import DayOfMemory
from ...recall.inject import excerpt
from ...truth.log import pinning
from ...truth.pages import given
from ..problems import attempt

DAYS, LEAST = 90, 14  # of growth
RECALL_DAYS = 31  # as long as it is recorded
TURNS, MOST = 12, 10  # that are shown of what was given, and of what was given most often
PINS, FAULTS, STALE = 50, 20, 10
WORDS = 40  # estimated tokens of an excerpt

#: what is known of records by this process
_counting = given.Counting()


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    remarks: list[str] = []
    # nothing that is only looked at leaves a record
    memory = memory._replace(say=remarks.append)
    counts = attempt(lambda: care.state(memory), {}, remarks)
    if not counts:
        return {"counts": {}, "problems": remarks}
    turns = attempt(lambda: given.read_last(memory.home, TURNS), [], remarks)
    often = attempt(
        lambda: _counting.count(memory.home), given.GivenCounts({}, Counter(), Counter()), remarks
    )
    days = attempt(lambda: care.list_days(memory, often.days), [], remarks)
    pins = attempt(lambda: pinning.read_pins(memory.home), [], remarks)
    refs = {ref for turn in turns for ref in (turn.message, *(one.ref for one in turn.events))}
    refs |= {ref for ref, _ in often.events.most_common(MOST)} | {pin.ref for pin in pins[:PINS]}
    mask, found = memory.env.mask, moments.find_events(memory, refs)
    said = {ref: _describe(event, mask) for ref, event in found.items()}
    return {
        "counts": counts, "vectors": embedding.status(memory, served=True), "problems": remarks,
        **_chart(days, memory.now()), **_chart_recalls(days, memory.now()),
        "turns": [_describe_turn(turn, said) for turn in turns],
        "often_events": _list_often(often.events, said), "often_pages": _list_often(often.pages),
        "pins": [_describe_pin(pin, said) for pin in pins[:PINS]], "pin_count": len(pins),
        "resident": attempt(lambda: _read_resident(memory, remarks), _NOTHING, remarks),
    }  # fmt: skip


# --- by day


def _chart(days: Sequence[DayOfMemory], now: int) -> dict[str, Any]:
    """The last days, each one, with what was new and what there was in all; those that there are,
    where nothing was new for so long."""
    today = zone.to_day(now)
    names = [(today - timedelta(ago)).isoformat() for ago in range(DAYS - 1, -1, -1)]
    known = {day.day: day for day in days}
    # a young memory is drawn from its first day on
    names = [name for name in names[:-LEAST] if days and name >= days[0].day] + names[-LEAST:]
    if not any(name in known for name in names):
        names = [day.day for day in days[-DAYS:]]
    before = [day for day in days if names and day.day < names[0]]
    last = (before[-1].all_events, before[-1].all_pages) if before else (0, 0)
    fresh, total = [], []
    for name in names:
        day = known.get(name)
        last = (day.all_events, day.all_pages) if day else last
        fresh.append((name, day.events if day else 0, day.pages if day else 0))
        total.append((name, *last))
    return {
        "fresh_events": [(name, events) for name, events, _ in fresh],
        "fresh_pages": [(name, pages) for name, _, pages in fresh],
        "all_events": [(name, events) for name, events, _ in total],
        "all_pages": [(name, pages) for name, _, pages in total],
        "first_day": days[0].day if days else "", "new_today": _find_today(days, today.isoformat()),
    }  # fmt: skip


def _find_today(days: Sequence[DayOfMemory], today: str) -> dict[str, int]:
    found = next((day for day in reversed(days) if day.day == today), None)
    return {"events": found.events, "pages": found.pages} if found else {"events": 0, "pages": 0}


def _chart_recalls(days: Sequence[DayOfMemory], now: int) -> dict[str, Any]:
    today = zone.to_day(now)
    names = [(today - timedelta(ago)).isoformat() for ago in range(RECALL_DAYS - 1, -1, -1)]
    known = {day.day: (day.turns, day.given_events, day.given_pages) for day in days}
    rows = [known.get(name, (0, 0, 0)) for name in names]
    turns, events, pages = map(sum, zip(*rows))
    told = {"turns": turns, "events": events, "pages": pages}
    return {"recalls": [(name, *row[1:]) for name, row in zip(names, rows)], "recalled": told}


# --- what was given


def _describe(event: Any, mask: Callable[[str], str]) -> dict[str, Any]:
    who, text = event.author or event.role, excerpt(mask(event.content), [], WORDS).text
    return {"who": who, "time": event.timestamp, "text": text}


def _describe_turn(turn: given.GivenTurn, said: Mapping[str, Any]) -> dict[str, Any]:
    events = [{**one._asdict(), "said": said.get(one.ref)} for one in turn.events]
    return {
        "time": turn.time, "message": turn.message, "said": said.get(turn.message),
        "events": events, "pages": list(turn.pages),
    }  # fmt: skip


def _list_often(counts: Counter[str], said: Mapping[str, Any] | None = None) -> list[Any]:
    again = [one for one in counts.items() if one[1] > 1]
    often = sorted(again, key=lambda one: (-one[1], one[0]))[:MOST]
    return [{"ref": ref, "count": count, "said": (said or {}).get(ref)} for ref, count in often]


def _describe_pin(pin: Pin, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"ref": pin.ref, "note": pin.note, "said": said.get(pin.ref)}


# --- what is always in mind


def _read_resident(memory: Memory, problems: list[str]) -> dict[str, Any]:
    """As mem-resident prints it, where the board was started. Dry: looking leaves no trace."""
    from ...memory.resident import find_scopes, paging, verbs

    folder = memory.env.get("MIND_PROJECT") or os.curdir
    memory = memory._replace(dry=True)

    def ask(verb: str) -> list[Any]:
        carry_out = lambda: list(verbs.carry_out(memory, verbs.parse(verb, (), folder, {})).rows)
        rows = attempt(carry_out, [], problems)
        return [row.record for row in rows if not isinstance(row, Failure)]

    shown = ask("show")
    scopes = {scope.path: scope for scope in find_scopes(memory._replace(say=_drop), folder)}
    files = []
    for row in shown:
        scope = scopes.get(row["path"])
        most = scope.config.max_bytes if scope and not scope.config.page_table else 0
        files.append({**row, "most": most})
    chosen = []
    for group in paging.group_scopes(scopes.values()):
        one = paging.choose(memory._replace(say=_drop), group)
        names = ", ".join(scope.name for scope in group)
        told = {"scope": names, "used": one.choice.used, "budget": one.budget}
        told |= {"fault": one.choice.is_fault, "pages": list(paging.list_rows(one))}
        chosen.append(told)
    faults = [
        {"at": _read_time(row.get("at")),
         **{key: _tell(row.get(key, "")) for key in ("type", "scope", "what")}}
        for row in reversed(ask("faults"))
    ]  # fmt: skip
    stale = ask("stale")
    return {
        "files": files, "chosen": chosen, "block": "".join(row["block"] for row in ask("")),
        "faults": faults[:FAULTS], "fault_count": len(faults),
        "stale": stale[:STALE], "stale_count": len(stale),
        "drift": [row["drift"] for row in ask("verify")],
    }  # fmt: skip


#: where it cannot be told
_NOTHING: dict[str, Any] = {
    "files": [], "chosen": [], "block": "", "faults": [], "fault_count": 0, "stale": [],
    "stale_count": 0, "drift": [],
}  # fmt: skip


def _drop(text: str) -> None:
    """What was said once already."""


def _read_time(value: Any) -> int | None:
    """An instant of a record, which anybody may have written."""
    try:
        return clock.parse(str(value))
    except BadData:
        return None


def _tell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
