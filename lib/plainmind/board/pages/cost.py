"""What models cost: by day, model and route; and where agent-route sent tasks."""

from collections.abc import Mapping
from typing import Any

from ...memory import Memory
from ...work import costs
from ...work.days import DAYS, list_days, parse_days
from .. import pivot
from ..problems import attempt

CHOICES = (7, 30, 90, 365)  # days, of what is shown below the figures
FIGURES = (1, 7, 30)  # days


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    now, asked = memory.now(), query.get("days")
    count = parse_days([asked] if asked else [], CHOICES[-1])
    problems: list[str] = []
    ask = lambda: costs.read_days(memory.opened(), now, max(count, *FIGURES))
    records = attempt(ask, [], problems)
    shown = costs.of_last(records, now, count)
    total, days = costs.add_up(shown), [day.name for day in list_days(now, count)]
    tokens = [
        {"day": row["day"], "kind": kind, "tokens": row[f"{kind}_tokens"]}
        for row in shown
        for kind in ("input", "output")
    ]
    return {
        "problems": problems,
        "some": bool(records),
        "days": count,
        "choices": [str(days) for days in CHOICES],
        "default": str(DAYS),
        "figures": {days: costs.add_up(costs.of_last(records, now, days)) for days in FIGURES},
        "total": total,
        "models": [*costs.group(shown, lambda row: row["model"]).items()],
        "routes": [*costs.group(shown, lambda row: row["route"] or "").items()],
        "money": pivot.by_day(shown, days, "model", "cost") if total.cost else None,
        "tokens": pivot.by_day(tokens, days, "kind", "tokens") if total.tokens else None,
        "decisions": attempt(
            lambda: costs.count_decisions(memory.opened(), now, count), [], problems
        ),
    }
