"""What mem-recall finds for a text, with its explanation. Reads only: no trace is written, and
nothing counts as recalled."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ...formats.evidence import Scope
from ...formats.log.roles import ROLES
from ...ground.errors import Usage
from ...ground.paths import check_contexts
from ...memory import Memory, moments
from ...recall import report

FORM = report.Form(inject=False, explain=True, budget=1000, most_each=250)
LONGEST = 2_000  # characters of a query

#: why an event is not among the answers, for people
REASONS = {
    "beyond k": "others score higher",
    "floor": "not relevant enough",
    "duplicate": "says the same as one above",
    "scope": "outside of what was searched",
    "already shown": "shown already",
    "model": "written by a model that is not recalled",
    "changed": "was changed later",
    "budget": "no room for it in a turn",
    "empty": "nothing to read in it",
}
#: of relevance, from this on
DEGREES = (
    (0.75, "very relevant"), (0.5, "relevant"), (0.25, "somewhat relevant"),
    (0.01, "barely relevant"), (0.0, "not relevant"),
)  # fmt: skip
#: model and processor are asked by one at a time
_searching = threading.Lock()


def search(memory: Memory, asked: Mapping[str, str]) -> dict[str, Any]:
    """`asked`: q, and perhaps context, role, since, until; as the options of mem-recall."""
    text = asked["q"][:LONGEST]
    remarks: list[str] = []
    memory = memory._replace(say=remarks.append)
    scope = _read_scope(asked, memory.now())
    moments.tell_missing(memory, scope.context)
    limits = moments.limits_of(memory.settings)
    with _searching:
        found = moments.recall(memory, text, scope, limits, told=True).moments
    looked_at, more = report.explain(found, FORM)
    rows = [_describe(one, found, limits, memory.env.mask) for one in looked_at]
    return {
        "asked": {**asked, "q": text}, "remarks": remarks, "words": found.terms,
        "times": list(found.times),
        "hits": [row for row in rows if row["rank"] and not _is_beside(row, limits.floor)],
        "pins": [row for row in rows if row["rank"] and _is_beside(row, limits.floor)],
        "near": [row for row in rows if not row["rank"]],
        "more": [(count, REASONS.get(reason, reason)) for reason, count in sorted(more.items())],
        "events": found.events, "pool": found.pool, "floor": limits.floor,
        "weights": limits.weights._asdict(),
    }  # fmt: skip


def _read_scope(asked: Mapping[str, str], now: int) -> Scope:
    from ...ground import when

    context, role = asked.get("context"), asked.get("role")
    if role and role not in ROLES:
        raise Usage(f"'{role}' is not a role", cure=f"use one of {', '.join(ROLES)}")
    since, until = asked.get("since"), asked.get("until")
    first = when.read(since, now).start if since else None
    last = when.read(until, now).end if until else None
    if first is not None and last is not None and last < first:
        raise Usage("the end is before the beginning", cure="nothing can be between them")
    return Scope(context and check_contexts(context), None, first, last, (role,) if role else ())


def _describe(
    one: report.LookedAt, found: Any, limits: Any, mask: Callable[[str], str]
) -> dict[str, Any]:
    """A row of the explanation: the record of mem-recall, masked before it is cut to an excerpt,
    and what each number adds."""
    hit = one.hit._replace(content=mask(one.hit.content))
    record = report.make_record(hit, one.rank, found, FORM)
    pick, weights = one.hit.pick, limits.weights
    adds = (weights.sim * pick.sim, weights.recency * pick.recency, -weights.penalty * pick.penalty)
    numbers = (pick.sim, pick.recency, pick.penalty)
    return {
        **record, "remarks": [REASONS.get(remark, remark) for remark in one.remarks],
        "told": _tell(pick), "score": pick.score, "relevance": pick.relevance,
        "parts": [*zip(("sim", "recency", "penalty"), weights, numbers, adds)],
    }  # fmt: skip


def _is_beside(row: Mapping[str, Any], floor: float) -> bool:
    """A pin that is given to every turn, and is not about what was asked."""
    return row["pinned"] and row["relevance"] <= floor


def _tell(pick: Any) -> str:
    """The numbers in words."""
    told = [next(word for least, word in DEGREES if pick.relevance >= least)]
    told += ["from the last days"] if pick.recency > 0.8 else []
    told += ["much like one above"] if pick.penalty > 0.6 else []
    return ", ".join(told)
