"""Records to the rows of a chart: a row a day, a column a thing. Pure."""

from collections.abc import Iterable
from math import fsum
from typing import Any, NamedTuple

MOST = 5  # columns, as many as there are colours that are told apart


class Pivot(NamedTuple):
    columns: list[str]
    rows: list[list[Any]]  # the day, then a number for each column, or None


def by_day(
    records: Iterable[dict[str, Any]], days: Iterable[str], column: str, value: str
) -> Pivot:
    """Sums of a value by day and by what a column says, the greatest first; what is beyond MOST
    together as 'others'. None where nothing was told. Days without a record have a row, too."""
    found: dict[str, dict[str, float]] = {}
    for row in records:
        if row[value] is not None:
            of = found.setdefault(str(row[column]), {})
            of[row["day"]] = of.get(row["day"], 0) + row[value]
    order = sorted(found, key=lambda name: (-fsum(found[name].values()), name))
    shown = [found[name] for name in order]
    columns = order
    if len(order) > MOST:
        columns = [*order[: MOST - 1], "others"]
        rest: dict[str, float] = {}
        for of in shown[MOST - 1 :]:
            for day, number in of.items():
                rest[day] = rest.get(day, 0) + number
        shown = [*shown[: MOST - 1], rest]
    return Pivot(columns, [[day, *(of.get(day) for of in shown)] for day in days])
