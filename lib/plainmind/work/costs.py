"""What models cost, by day, model and route: of the logs (what agent-turn's calls took) and of the
journal (llm_usage). And where agent-route sent tasks, by the rule that decided.

Days are the person's. Refuses to know prices: a call whose cost nobody told has none.
"""

from collections.abc import Callable, Iterable, Iterator
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from .days import DAYS, list_days

if TYPE_CHECKING:
    from ..index.engine import Index

#: of a record: a day, YYYY-MM-DD, with a model and a route
KEYS = (
    "day", "model", "route", "calls", "failed", "input_tokens", "output_tokens", "cost", "seconds",
    "unpriced",
)  # fmt: skip
_SUMS = KEYS[3:-1]


class Cost(NamedTuple):
    """Of some calls. None where no call told."""

    calls: int = 0
    failed: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None  # US dollars
    seconds: float | None = None
    unpriced: int = 0  # calls whose cost nobody told

    @property
    def tokens(self) -> int | None:
        some = [n for n in (self.input_tokens, self.output_tokens) if n is not None]
        return sum(some) if some else None

    @property
    def mean_seconds(self) -> float | None:
        """That a call took."""
        return self.seconds / self.calls if self.calls and self.seconds is not None else None


def read_days(opened: "Iterator[Index]", now: int, count: int = DAYS) -> list[dict[str, Any]]:
    """Records (KEYS) of the last so many days, the oldest first; of days without calls none."""
    periods, by = list_days(now, count), ("model", "route")
    for index in opened:
        with index:
            found = index.work_sums("llm_usage", periods, by, _SUMS)
            without = index.work_sums("llm_usage", periods, by, ("calls",), cost=None)
            unpriced = {
                (row["period"], row["model"], row["route"]): row["calls"] for row in without
            }
            return [_to_record(row, unpriced) for row in found]
    return []


def _to_record(row: dict[str, Any], unpriced: dict[tuple, int]) -> dict[str, Any]:
    key = row["period"], row["model"], row["route"]
    sums = (round(row[n], 9) if isinstance(row[n], float) else row[n] for n in _SUMS)
    return dict(zip(KEYS, (*key, *sums, unpriced.get(key, 0))))


def count_decisions(opened: "Iterator[Index]", now: int, count: int = DAYS) -> list[dict[str, Any]]:
    """How many tasks of the last so many days agent-route sent where, by which rule: decision,
    rule, count; most first."""
    periods = list_days(now, count)
    whole = [one._replace(name="", first=periods[0].first) for one in periods[-1:]]
    for index in opened:
        with index:
            found = index.work_sums("routes", whole, ("decision", "rule"), ())
            rows = [{name: row[name] for name in ("decision", "rule", "count")} for row in found]
            return sorted(rows, key=lambda row: (-row["count"], row["decision"], row["rule"]))
    return []


def add_up(records: Iterable[dict[str, Any]]) -> Cost:
    """All of these together."""
    rows = list(records)
    sums: list[Any] = []
    for name in Cost._fields:
        values = [row[name] for row in rows if row[name] is not None]
        total = round(fsum(values), 9) if name in ("cost", "seconds") else sum(values)
        sums.append(total if values else Cost._field_defaults[name])
    return Cost(*sums)


def of_last(records: Iterable[dict[str, Any]], now: int, count: int) -> list[dict[str, Any]]:
    """Those of the last so many days."""
    days = {day.name for day in list_days(now, count)}
    return [row for row in records if row["day"] in days]


def group(
    records: Iterable[dict[str, Any]], key: Callable[[dict[str, Any]], Any]
) -> dict[Any, Cost]:
    """The same by something of theirs; what costs most, then has most calls, first."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for row in records:
        found.setdefault(key(row), []).append(row)
    sums = [(name, add_up(rows)) for name, rows in found.items()]
    sums.sort(key=lambda one: (-(one[1].cost or 0), -one[1].calls, str(one[0])))
    return dict(sums)


def to_line(record: dict[str, Any]) -> str:
    """A record in columns, as `work-log cost` prints it."""
    return "\t".join("" if record[key] is None else str(record[key]) for key in KEYS[:-1])
