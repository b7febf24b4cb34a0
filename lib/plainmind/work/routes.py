"""Decisions of agent-route in the journal: made, written down, and made again from what was.

`team.routing` decides; this knows what it is given, and what of that a line records. Refuses to
know models.
"""

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ground.errors import BadData, NoInput, Usage
from ..ground.paths import Home
from ..team import routing
from ..team.routing import Decision, Rates, Reading

if TYPE_CHECKING:
    from ..index.engine import Index

Fields = dict[str, Any]

#: of a decision, as agent-route prints it
KEYS = ("id", "at", "task", "decision", "rule", "score", "evidence", "inputs")


RECENT = 200  # rewards of a kind that count, the last ones


class Router(NamedTuple):
    """Decides for one home, by the rules and its rewards."""

    home: Home
    now: int
    mask: Callable[[str], str]
    rates: Callable[[Sequence[str]], Rates]  # of kinds

    @classmethod
    def of(cls, memory: Any) -> "Router":
        """Of a home's memory (memory.Memory)."""
        rates = partial(read_rates, memory.home, memory.opened)
        return cls(memory.home, memory.now(), memory.env.mask, rates)

    def decide(self, task: str) -> Fields:
        """The decision on a task, with all that it was made from: the fields of a journal line.
        Usage for a task that says nothing."""
        task = task.strip("\n").encode(errors="replace").decode()
        if not task.strip():
            raise Usage("the task is empty", cure="give it as an argument or on standard input")
        length, task = len(task), self.mask(task)
        kept, length = task[: routing.LONGEST], max(length, len(task))
        reading = routing.read(kept, length)
        return self._conclude(kept, reading, {"characters": length})

    def decide_message(self, text: str, attached: int, name: str) -> Fields:
        """The decision on a message of a log, `name`. The line keeps what was seen in it, and none
        of its own words: nobody could take them back."""
        reading = routing.read(text, len(text))
        if attached:
            reading = Reading("attachments", against=(f"{attached} attached",))
        words = (tuple(map(_hide_name, words)) for words in reading[2:])
        reading = Reading(reading.rule, reading.needs, *words)
        told = {"rule": reading.rule, "needs": [list(need) for need in reading.needs]}
        return self._conclude(name, reading, {"reading": told})

    def _conclude(self, task: str, reading: Reading, inputs: Fields) -> Fields:
        made = routing.conclude(reading, self.rates)
        inputs = {"rules": routing.version(), **inputs, "boundary": made.boundary}
        if made.rates:
            inputs["rates"] = {kind: dict(by_route) for kind, by_route in made.rates.items()}
        found = {"decision": made.decision, "rule": made.rule, "score": made.score}
        more = {"evidence": made.evidence, "inputs": inputs}
        return {"type": "route", "task": task, **found, **more}

    def log(self, decision: Fields, id: str | None = None) -> Fields:
        """Write a decision down; as it stands in the journal."""
        from ..truth.work import journal  # five milliseconds, which a dry run need not pay

        named = {**decision, "id": id} if id else decision
        return journal.log(self.home, [named], self.now)[0]


def read_rates(home: Home, opened: Callable[[], "Iterable[Index]"], kinds: Sequence[str]) -> Rates:
    """Past success: how many of the last rewards of these kinds each route has, and their mean."""
    if not os.path.exists(home.path("work", "events.jsonl")):
        return {}  # and no index is made for it
    rates: Rates = {}
    for index in opened():
        with index:
            rates = {
                kind: _count(index.work_rows("rewards", last=RECENT, kind=kind)) for kind in kinds
            }
    return {kind: by_route for kind, by_route in rates.items() if by_route}


def _count(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[int, float]]:
    values = {
        route: [row["value"] for row in rows if row["route"] == route] for route in routing.ROUTES
    }
    return {
        route: (len(given), round(math.fsum(given) / len(given), 6))
        for route, given in values.items()
        if given
    }


def _hide_name(word: str) -> str:
    """A word of the rules as it is; '…' for what stood in its place: a file's name, a value."""
    return word if re.fullmatch("[a-z0-9 ]+|U\\+.*", word) else "…"


def _decide_again(decision: Fields) -> Decision:
    inputs = decision["inputs"]
    rates = {
        kind: {route: (int(count), float(mean)) for route, (count, mean) in by_route.items()}
        for kind, by_route in inputs.get("rates", {}).items()
    }
    if seen := inputs.get("reading"):
        evidence = decision["evidence"]
        words = (tuple(evidence.get(name, ())) for name in ("for", "doubts", "against"))
        needs = tuple((str(kind), float(score)) for kind, score in seen["needs"])
        return routing.conclude(Reading(seen["rule"], needs, *words), rates)
    return routing.decide(decision["task"], rates, inputs["characters"])


def to_record(decision: Fields) -> Fields:
    """A decision as agent-route prints it with --json."""
    return {key: decision[key] for key in KEYS if key in decision}


def to_line(decision: Fields) -> str:
    """A decision as agent-route prints it for people."""
    words = decision.get("evidence", {})
    return routing.render(decision["decision"], decision["rule"], decision["score"], words)


# --- again


def read_decisions(
    home: Home, id: str, report: Callable[[BadData], None]
) -> Iterator[tuple[Fields, str]]:
    """The decisions in the journal that no event took back, or the one of an id, in the order of
    their times, each with `find_difference`. NoInput for an id that none has."""
    from ..formats.work.journal import Line, find_voided, render
    from ..truth.work import journal

    def rank(line: Line) -> tuple[int, bytes]:
        """Of lines with one id, the least counts."""
        return line.unix_ms, render(line.fields)

    events: dict[str, Line] = {}
    for row in journal.read(home):
        if isinstance(row, BadData):
            report(row)
        elif row.line.type == "void" or row.line.type == "route":
            known = events.setdefault(row.line.id, row.line)
            if rank(row.line) < rank(known):
                events[row.line.id] = row.line
    voids = (
        (one.id, one.unix_ms, one.fields["of"]) for one in events.values() if one.type == "void"
    )
    voided = find_voided(voids)
    standing = [
        one.fields
        for one in events.values()
        if one.type == "route" and id in ("", one.id) and one.id not in voided
    ]
    if id and not standing:
        what = f"no decision '{id}' in the journal"
        raise NoInput(what, cure="'agent-route --replay --json' prints all of them with their ids")
    standing.sort(key=lambda fields: (fields["at"], fields["id"]))
    return ((fields, find_difference(fields)) for fields in standing)


def find_difference(decision: Fields) -> str:
    """How the decision that follows from what a line recorded differs from the one recorded; '' if
    it does not."""
    try:
        again = _decide_again(decision)
    except (KeyError, TypeError, ValueError, AttributeError):
        return "has inputs that cannot be read"
    made = (again.decision, again.rule, again.score, again.evidence)
    if made == tuple(decision.get(key, {}) for key in ("decision", "rule", "score", "evidence")):
        return ""
    was = f"'{decision['decision']}' by '{decision['rule']}'"
    why = "" if decision["inputs"].get("rules") == routing.version() else "; the rules have changed"
    return f"was {was}, and is '{again.decision}' by '{again.rule}' when made again{why}"
