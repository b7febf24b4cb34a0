"""Decisions of agent-route in the journal: made, written down, and made again from what was.

`team.routing` decides; this knows what it is given, and what of that a line records. Refuses to
know models.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ground.errors import BadData, NoInput, Usage
from ..ground.paths import Home
from ..team import routing
from ..team.routing import Decision, Rates

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

    def decide(self, task: str, attached: Sequence[str] = ()) -> Fields:
        """The decision on a task, with all that it was made from: the fields of a journal line.
        Usage for a task that says nothing."""
        task = task.strip("\n").encode(errors="replace").decode()
        if not task.strip() and not attached:
            raise Usage("the task is empty", cure="give it as an argument or on standard input")
        length, task = len(task), self.mask(task)
        inputs: Fields = {"rules": routing.version(), "characters": max(length, len(task))}
        if attached:
            inputs["attachments"] = len(attached)
        kept = task[: routing.LONGEST] if task.strip() else "(none)"
        made = _decide(kept, inputs, self.rates)
        inputs["boundary"] = made.boundary
        if made.rates:
            inputs["rates"] = {kind: dict(by_route) for kind, by_route in made.rates.items()}
        found = {"decision": made.decision, "rule": made.rule, "score": made.score}
        more = {"evidence": made.evidence, "inputs": inputs}
        return {"type": "route", "task": kept, **found, **more}

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


def _decide(task: str, inputs: Fields, rates: Rates | Callable[[Sequence[str]], Rates]) -> Decision:
    if count := inputs.get("attachments"):
        against = {"against": [f"{count} attached"]}
        return Decision("cloud", "attachments", 0.0, routing.BOUNDARY, against, {})
    return routing.decide(task, rates, inputs["characters"])


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
    from ..formats.work.journal import render
    from ..truth.work import journal

    def rank(fields: Fields) -> tuple[str, bytes]:
        """Of lines with one id, the least counts."""
        return fields["at"], render(fields)

    events: dict[str, Fields] = {}
    voids: dict[str, list[str]] = {}
    for row in journal.read(home):
        if isinstance(row, BadData):
            report(row)
        elif row.line.type == "void":
            voids.setdefault(row.line.fields["of"], []).append(row.line.id)
        elif row.line.type == "route" and id in ("", row.line.id):
            known = events.setdefault(row.line.id, row.line.fields)
            if rank(row.line.fields) < rank(known):
                events[row.line.id] = row.line.fields
    standing = [fields for key, fields in events.items() if not _is_void(key, voids, ())]
    if id and not standing:
        what = f"no decision '{id}' in the journal"
        raise NoInput(what, cure="'agent-route --replay --json' prints all of them with their ids")
    standing.sort(key=lambda fields: (fields["at"], fields["id"]))
    return ((fields, find_difference(fields)) for fields in standing)


def _is_void(id: str, voids: dict[str, list[str]], above: tuple[str, ...]) -> bool:
    """Whether an event is taken back by one that is not taken back itself."""
    return id not in above and any(
        not _is_void(void, voids, (*above, id)) for void in voids.get(id, ())
    )


def find_difference(decision: Fields) -> str:
    """How the decision that follows from what a line recorded differs from the one recorded; '' if
    it does not."""
    inputs = decision.get("inputs", {})
    try:
        again = _decide(decision["task"], inputs, _read_rates(inputs))
    except (KeyError, TypeError, ValueError, AttributeError):
        return "has inputs that cannot be read"
    made = (again.decision, again.rule, again.score, again.evidence)
    if made == tuple(decision.get(key, {}) for key in ("decision", "rule", "score", "evidence")):
        return ""
    was = f"'{decision['decision']}' by '{decision['rule']}'"
    why = "" if inputs.get("rules") == routing.version() else "; the rules have changed"
    return f"was {was}, and is '{again.decision}' by '{again.rule}' when made again{why}"


def _read_rates(inputs: Fields) -> Rates:
    return {
        kind: {route: (int(count), float(mean)) for route, (count, mean) in by_route.items()}
        for kind, by_route in inputs.get("rates", {}).items()
    }
