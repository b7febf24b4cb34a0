import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground import clock
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers.chat import BrokenOff
from plainmind.providers.retry import ACROSS_RUNS, next_try, run


class Failing:
    """Raises these errors in turn, then answers; the clock moves by what is slept."""

    def __init__(self, monkeypatch, *errors: Exception):
        self.errors, self.tries, self.slept = list(errors), 0, []
        self.now = 1000.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.now)

    def __call__(self):
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def run(self, attempts=4, **more):
        return run(self, attempts=attempts, sleep=self.sleep, jitter=lambda: 0.0, **more)


def test_waits_double_up_to_half_a_minute(monkeypatch):
    work = Failing(monkeypatch, *[Unavailable("down")] * 8)
    assert work.run(attempts=9, deadline=1000) == "answer"
    assert work.slept == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_jitter_takes_up_to_half_off(monkeypatch):
    work = Failing(monkeypatch, Unavailable("down"))
    run(work, attempts=2, sleep=work.sleep, jitter=lambda: 0.999)
    assert 0.25 <= work.slept[0] < 0.26


def test_the_last_failure_is_raised_after_the_last_attempt(monkeypatch):
    last = Unavailable("still down")
    work = Failing(monkeypatch, Unavailable("down"), Unavailable("down"), last)
    with pytest.raises(Unavailable) as caught:
        work.run(attempts=3)
    assert caught.value is last
    assert (work.tries, len(work.slept)) == (3, 2)


def test_retry_after_is_the_least_that_is_waited(monkeypatch):
    work = Failing(
        monkeypatch, Unavailable("busy", retry_after=7), Unavailable("busy", retry_after=0.1)
    )
    assert work.run() == "answer"
    assert work.slept == [7, 1]


def test_a_wait_beyond_the_deadline_is_left_to_the_next_run(monkeypatch):
    work = Failing(monkeypatch, Unavailable("busy", retry_after=61))
    with pytest.raises(Unavailable) as caught:
        work.run(deadline=60)
    assert caught.value.retry_after == 61
    assert work.slept == []


def test_slow_failures_use_the_deadline_up_too(monkeypatch):
    work = Failing(monkeypatch, *[Unavailable("slow")] * 9)

    def slow():
        work.now += 25
        return work()

    with pytest.raises(Unavailable):
        run(slow, attempts=9, deadline=60, sleep=work.sleep, jitter=lambda: 0.0)
    assert work.tries == 3


@pytest.mark.parametrize(
    "error", [BadData("refused"), Misconfigured("no key"), ValueError("bug"), KeyboardInterrupt()]
)
def test_nothing_else_is_tried_again(monkeypatch, error):
    work = Failing(monkeypatch, error)
    with pytest.raises(type(error)):
        work.run()
    assert work.tries == 1


def test_an_answer_that_was_half_shown_is_not_asked_for_again(monkeypatch):
    work = Failing(monkeypatch, BrokenOff("died", "Half an ans"))
    with pytest.raises(BrokenOff):
        work.run()
    assert work.tries == 1


NOW = 1_769_783_035_120


@given(st.integers(0, 10**6), st.floats(0, 0.999), st.none() | st.floats(0, 10**6))
def test_the_next_run_waits_longer_each_time_and_never_less_than_asked(
    attempts, jitter, retry_after
):
    wait = (next_try(attempts, NOW, retry_after, jitter) - NOW) / 1000
    assert wait >= (retry_after or 0) - 0.001
    assert 15 <= wait <= max(ACROSS_RUNS.longest, retry_after or 0)
    assert next_try(attempts + 1, NOW, retry_after, jitter) >= next_try(
        attempts, NOW, retry_after, jitter
    )


def test_waits_between_runs():
    assert [(next_try(n, NOW, None, 0.0) - NOW) // 1000 for n in (1, 2, 3, 10, 11, 99)] == [
        30,
        60,
        120,
        15_360,
        21_600,
        21_600,
    ]
