"""Ids that hold the time they were made at. Knows nothing of what carries them."""

import time
from datetime import datetime, timezone

EPOCH = 1_420_070_400_000


def now() -> int:
    return time.time_ns() // 1_000_000


def at(ms: int) -> int:
    """The first id of a millisecond."""
    return (ms - EPOCH) << 22


def made(snowflake: str | int) -> int:
    """The millisecond an id was made at."""
    return (int(snowflake) >> 22) + EPOCH


def written(ms: int) -> str:
    """A time as Discord writes it: microseconds are always there."""
    return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="microseconds")


def read(time_of_day: str | int | float) -> int:
    """Milliseconds from what a test says: RFC 3339 text, or seconds since 1970."""
    if isinstance(time_of_day, str):
        return round(datetime.fromisoformat(time_of_day.replace("Z", "+00:00")).timestamp() * 1000)
    return round(time_of_day * 1000)


class Mint:
    """Ids, none given twice; those of now each greater than the last."""

    def __init__(self) -> None:
        self.last = 0
        self.given: set[int] = set()

    def new(self) -> str:
        self.last = self._free(max(at(now()), self.last + 1))
        return str(self.last)

    def then(self, ms: int) -> str:
        """An id of another time, which may be still to come."""
        return str(self._free(at(ms)))

    def _free(self, snowflake: int) -> int:
        while snowflake in self.given:
            snowflake += 1
        self.given.add(snowflake)
        return snowflake
