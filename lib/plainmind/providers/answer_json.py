"""JSON that a provider answers: no deeper than what reads it can go, only numbers that JSON has.

Python reads NaN, Infinity and 1e999, which no log and no server takes; they are as null.
"""

import json
from math import isfinite
from typing import Any

from ..ground.errors import Unavailable

DEEPEST = 100  # lists and objects within one another


def parse(data: bytes | str, who: str) -> Any:
    """Raises ValueError for what is not JSON, and Unavailable for what is nested too deep."""
    try:
        value = json.loads(data, parse_constant=lambda name: None, parse_float=_number)
        deep = is_deep(value)
    except RecursionError:
        deep = True
    if deep:
        raise Unavailable(f"{who} answered JSON nested deeper than {DEEPEST} levels")
    return value


def is_deep(value: Any) -> bool:
    """Whether it is nested too deep."""
    level: list[Any] = [[value]]
    for _ in range(DEEPEST + 1):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _number(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None
