"""The one retry policy: within a run by tenacity, across runs by a time to try again."""

from collections.abc import Callable
from typing import TypeVar

from ..ground import backoff, chance, clock
from ..ground.backoff import Backoff
from ..ground.errors import Unavailable

T = TypeVar("T")

WITHIN_A_RUN = Backoff(0.5, 30.0)
ACROSS_RUNS = Backoff(30.0, 6 * 3600.0)


def run(
    work: Callable[[], T],
    *,
    attempts: int,
    deadline: float = 60.0,
    sleep: Callable[[float], None] = backoff.sleep,
    jitter: Callable[[], float] = chance.draw_fraction,
) -> T:
    """`work()`, again when it raises Unavailable: exponential backoff with jitter, or Retry-After.

    Gives up with the last Unavailable after so many attempts, or when the next one would start more
    than `deadline` seconds after the first: a wait the server asks for is never cut short, it is
    left to the next run. What was broken off after some of it had been shown (`partial`) is not
    asked for again.
    """
    start = clock.monotonic()
    try:
        return work()
    except Unavailable as error:
        failed = [error]
    # loaded only now: it takes as long as all of the first attempt's own work in here
    import tenacity

    def attempt() -> T:
        if failed:
            raise failed.pop()
        return work()

    def may_pass(error: BaseException) -> bool:
        return isinstance(error, Unavailable) and not getattr(error, "partial", "")

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        least = getattr(error, "retry_after", None) or 0.0
        return max(WITHIN_A_RUN.delay(state.attempt_number, jitter()), least)

    def stop(state: tenacity.RetryCallState) -> bool:
        would_begin = clock.monotonic() - start + state.upcoming_sleep
        return state.attempt_number >= attempts or would_begin > deadline

    policy = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass), wait=wait, stop=stop, sleep=sleep, reraise=True
    )
    return policy(attempt)


def next_try(attempts: int, now: int, retry_after: float | None, jitter: float) -> int:
    """The instant (ms) before which something is left alone after so many failed runs.

    30 s, doubled up to 6 h, less up to half by `jitter` in [0, 1); not before Retry-After (s).
    """
    seconds = ACROSS_RUNS.delay(max(attempts, 1), jitter)
    return now + int(1000 * max(seconds, retry_after or 0.0))
