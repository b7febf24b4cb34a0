"""When an experiment ends, and how: the one rule. Pure.

It runs until it has `SAMPLES` values. Then their mean is compared with the baseline: at least 20 %
better is double_down, at least 5 % worse is kill, anything else is keep. A baseline of 0 has no
percent: better than 0 is double_down, worse is kill. An experiment without a baseline has nothing
to be compared with, and is kept. What a person wrote as its status stands, whatever the values say.
"""

from typing import NamedTuple

SAMPLES = 10
BETTER, WORSE = 0.20, 0.05  # of the baseline
RUNNING = "running"
VERDICTS = ("keep", "kill", "double_down")
HIGHER, LOWER = BETTERS = ("higher", "lower")

_ROUNDING = 1e-9  # of floats: 0.12 is 20 % more than 0.1, whatever binary fractions make of it


class Verdict(NamedTuple):
    """`change` is how much better the mean is, as a share of |baseline|, less than 0 where it is
    worse; None where there is nothing to compare, or to divide by."""

    status: str
    change: float | None


def judge(
    samples: int,
    mean: float | None,
    baseline: float | None,
    better: str = HIGHER,
    written: str = "",
) -> Verdict:
    """What becomes of an experiment with so many values and this mean; `written` is the status a
    person gave it."""
    change = gain = None
    if mean is not None and baseline is not None:
        gain = mean - baseline if better == HIGHER else baseline - mean
        change = gain / abs(baseline) if baseline else None
    if written in VERDICTS:
        return Verdict(written, change)
    if samples < SAMPLES:
        return Verdict(RUNNING, change)
    size = abs(baseline or 0.0)
    if gain is not None and gain > 0 and gain >= BETTER * size * (1 - _ROUNDING):
        return Verdict("double_down", change)
    if gain is not None and gain < 0 and -gain >= WORSE * size * (1 - _ROUNDING):
        return Verdict("kill", change)
    return Verdict("keep", change)
