"""Reminders and sudden death: nothing is lost, and no repeat goes unmarked."""

import firing
import kill
import pytest
from firing import ALL, SINGLE, Case
from traced import needs_strace

pytestmark = needs_strace


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power cut"])
def test_a_scan_that_dies_at_any_call(tmp_path, power):
    case = Case(ALL, power=power)
    calls = firing.points(str(tmp_path), case)
    assert len(calls) > 60
    report = firing.grid(str(tmp_path), case, [[call] for call in kill.sample(calls)])
    assert report.wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power cut"])
def test_a_scan_that_dies_and_whose_next_dies_too(tmp_path, power):
    case = Case(SINGLE, power=power)
    calls = [call for call in firing.points(str(tmp_path), case) if kill.changes(call)]
    report = firing.grid(
        str(tmp_path), case, [[first, second] for first in calls for second in calls]
    )
    assert report.faults == len(calls) ** 2 > 900 and report.wrong == []


def test_a_sample_of_double_deaths(tmp_path):
    """One pair of calls in 71: a prime, so that every call has its turn as the first and as the
    second."""
    case = Case(SINGLE, power=True)
    calls = [call for call in firing.points(str(tmp_path), case) if kill.changes(call)]
    pairs = [[first, second] for first in calls for second in calls]
    report = firing.grid(str(tmp_path), case, pairs[::71])
    assert report.faults > 8 and report.wrong == []


@pytest.mark.parametrize(
    "sabotage, power, said",
    [
        ("unsynced_journal", True, "a repeat is not marked"),
        ("unintended", False, "a repeat is not marked"),
        ("deleting_first", False, "was lost"),
    ],
)
def test_a_broken_promise_is_noticed(tmp_path, sabotage, power, said):
    """The controls: without the journal's fsync, without an intent, with the line gone before its
    message."""
    case = Case(SINGLE, sabotage, power)
    calls = [call for call in firing.points(str(tmp_path), case) if kill.changes(call)]
    report = firing.grid(str(tmp_path), case, [[call] for call in calls], until=said)
    assert any(said in wrong for wrong in report.wrong), report.wrong
