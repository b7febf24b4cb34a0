"""The one retry policy: within a run by tenacity, across runs by a time to try again."""

import random
from typing import Callable, TypeVar

from ..ground import clock
from ..ground.errors import Unavailable

Result = TypeVar("Result")

FIRST, LONGEST = 0.5, 30.0  # seconds between two tries of a run
ACROSS_FIRST, ACROSS_LONGEST = 30, 6 * 3600  # and between two runs


def retrying(work: Callable[[], Result], *, attempts: int, deadline: float = 60.0, sleep: Callable[[float], None] = clock.sleep) -> Result:
    """`work()`, again when it raises Unavailable: exponential backoff with jitter, Retry-After obeyed.

    Gives up with the last Unavailable after so many attempts, or when the next one would start more than
    `deadline` seconds after the first: a wait the server asks for is never cut short, it is left to the next run.
    """
    import tenacity

    start = clock.monotonic()
    backoff = tenacity.wait_random_exponential(multiplier=FIRST, max=LONGEST)

    def wait(state: tenacity.RetryCallState) -> float:
        asked = getattr(state.outcome.exception() if state.outcome else None, "retry_after", None) or 0.0
        return max(asked, backoff(state))

    def stop(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= attempts or clock.monotonic() - start + state.upcoming_sleep > deadline

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Unavailable), wait=wait, stop=stop, sleep=sleep, reraise=True
    )(work)


def next_try(attempts: int, now: int, retry_after: float | None, jitter: float = -1.0) -> int:
    """The instant (ms) before which a turn is left alone after so many failed runs.

    30 s, doubling up to 6 h, of which a random half is taken off (`jitter` in [0, 1)); never before Retry-After.
    """
    if jitter < 0:
        jitter = random.random()
    seconds = min(ACROSS_LONGEST, ACROSS_FIRST * 2 ** min(attempts - 1, 20)) * (1 - jitter / 2)
    return now + int(1000 * max(seconds, retry_after or 0.0))
