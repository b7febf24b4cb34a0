"""The person's days, as periods that an index is asked for."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ..ground import zone
from ..ground.errors import Usage

if TYPE_CHECKING:
    from ..index.engine import Period

DAYS, MOST = 30, 3660


def list_days(now: int, count: int) -> "list[Period]":
    """The person's last so many days, today's the last, by their dates; none before year 1."""
    from ..index.engine import Period

    today = zone.to_day(now)
    days = [today - timedelta(back) for back in reversed(range(min(count, today.toordinal() - 1)))]
    return [Period(day.isoformat(), zone.start_of(day), zone.end_of(day)) for day in days]


def parse_days(words: Sequence[str], most: int = MOST) -> int:
    """A number of days, as a command or an address has it; DAYS without one. Usage for another."""
    if not words:
        return DAYS
    if not re.fullmatch("[0-9]{1,9}", text := " ".join(words)) or not 1 <= int(text) <= most:
        raise Usage(f"'{text}' is not a number of days from 1 to {most:,}")
    return int(text)
