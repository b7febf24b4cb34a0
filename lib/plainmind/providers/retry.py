"""The one retry policy: within a run by tenacity, across runs by a time to try again."""

from collections.abc import Callable
from typing import TypeVar

from ..ground import clock
from ..ground.errors import Unavailable

T = TypeVar("T")

FIRST, LONGEST = 0.5, 30.0  # seconds between two tries of a run
ACROSS_FIRST, ACROSS_LONGEST = 30, 6 * 3600  # and between two runs


def run(
    work: Callable[[], T],
    *,
    attempts: int,
    deadline: float = 60.0,
    sleep: Callable[[float], None] = clock.sleep,
    jitter: Callable[[], float] | None = None,
) -> T:
    """`work()`, again when it raises Unavailable: exponential backoff with jitter, Retry-After obeyed.

    Gives up with the last Unavailable after so many attempts, or when the next one would start more than
    `deadline` seconds after the first: a wait the server asks for is never cut short, it is left to the next run.
    What was broken off after some of it had been shown (`partial`) is not asked for again.
    """
    import random

    import tenacity

    start, draw = clock.monotonic(), jitter or random.random

    def again(error: BaseException) -> bool:
        return isinstance(error, Unavailable) and not getattr(error, "partial", "")

    def wait(state: tenacity.RetryCallState) -> float:
        # at most 30 doublings: a float does not hold more attempts than a patient user may set
        backoff = min(LONGEST, FIRST * 2 ** min(state.attempt_number - 1, 30)) * (1 - draw() / 2)
        error = state.outcome.exception() if state.outcome else None
        return max(backoff, getattr(error, "retry_after", None) or 0.0)

    def stop(state: tenacity.RetryCallState) -> bool:
        return (
            state.attempt_number >= attempts
            or clock.monotonic() - start + state.upcoming_sleep > deadline
        )

    policy = tenacity.Retrying(
        retry=tenacity.retry_if_exception(again), wait=wait, stop=stop, sleep=sleep, reraise=True
    )
    return policy(work)


def next_try(attempts: int, now: int, retry_after: float | None, jitter: float) -> int:
    """The instant (ms) before which a turn is left alone after so many failed runs.

    30 s, doubling up to 6 h, of which up to half is taken off (`jitter` in [0, 1)); never before Retry-After.
    """
    seconds = min(ACROSS_LONGEST, ACROSS_FIRST * 2 ** min(max(attempts, 1) - 1, 20)) * (
        1 - jitter / 2
    )
    return now + int(1000 * max(seconds, retry_after or 0.0))
