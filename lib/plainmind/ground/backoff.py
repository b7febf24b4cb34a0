"""Waiting before another try: one schedule of delays, and the one door through which they are
slept.

MIND_BACKOFF, which tests set, is a factor of every such sleep; 0 sleeps not at all. It changes how
long a process sleeps and nothing that is decided: deadlines and what a server asks for are weighed
as they are.
"""

import os
from typing import NamedTuple

from . import clock
from .errors import Misconfigured


class Backoff(NamedTuple):
    """Seconds between tries: `first`, doubled after each failure, never more than `longest`."""

    first: float
    longest: float

    def delay(self, failures: int, jitter: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row, 0 after none. `jitter`, in [0, 1), takes
        up to half of it off, so that many do not come back at once."""
        if failures < 1:
            return 0.0
        # at most 30 doublings: a float does not hold more failures than there may be
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30)) * (1 - jitter / 2)


def scale(seconds: float) -> float:
    """How long such a wait is slept here. Misconfigured when MIND_BACKOFF is not a number."""
    factor = os.environ.get("MIND_BACKOFF") or "1"
    try:
        return seconds * float(factor)
    except ValueError:
        raise Misconfigured(f"MIND_BACKOFF: '{factor}' is not a number", cure="unset it") from None


def sleep(seconds: float) -> None:
    clock.sleep(scale(seconds))


async def sleep_async(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(scale(seconds))
