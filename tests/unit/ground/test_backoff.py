import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground import backoff, clock, tokens
from plainmind.ground.backoff import Backoff
from plainmind.ground.errors import Misconfigured
from scene import PATIENCE


def test_delays_double_up_to_the_longest():
    waits = Backoff(0.5, 30.0)
    assert [waits.delay(n) for n in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]


@given(st.integers(1, 10**9), st.floats(0, 0.999), st.floats(0.001, 60), st.floats(60, 10**5))
def test_jitter_takes_at_most_half_off_and_nothing_exceeds_the_longest(
    failures, jitter, first, longest
):
    waits = Backoff(first, longest)
    assert waits.delay(failures) / 2 <= waits.delay(failures, jitter) <= waits.delay(failures)
    assert first <= waits.delay(failures) <= waits.delay(failures + 1) <= longest


def test_mind_backoff_changes_how_long_is_slept(monkeypatch):
    slept = []
    monkeypatch.setattr(clock, "sleep", slept.append)
    backoff.sleep(2.0)
    for factor in ("", "0.25", "0"):
        monkeypatch.setenv("MIND_BACKOFF", factor)
        backoff.sleep(2.0)
    assert slept == [2.0, 2.0, 0.5, 0.0]
    began = time.monotonic()
    asyncio.run(backoff.sleep_async(60.0))
    assert time.monotonic() - began < PATIENCE


def test_a_factor_that_is_not_a_number_is_told(monkeypatch):
    monkeypatch.setenv("MIND_BACKOFF", "soon")
    with pytest.raises(Misconfigured, match="MIND_BACKOFF: 'soon' is not a number; unset it"):
        backoff.scale(1.0)


def test_tokens_are_four_characters_each_rounded_up():
    assert [tokens.estimate("x" * n) for n in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]
    assert tokens.estimate("日本語文字".encode()) == 4
