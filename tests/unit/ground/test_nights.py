"""Nightly work is done once a night, whenever the machine is on."""

import pytest
from plainmind.ground import clock, files
from plainmind.ground.errors import BUSY, NO_MATCH
from plainmind.ground.nights import Nights


def done(home, job, *times, code=0):
    """At which of these times a job that is started then is done."""
    at = []
    for time in times:
        now = clock.parse(time)
        if Nights(home).is_due(job, now):
            Nights(home).note(job, now, code)
            at.append(time)
    return at


@pytest.mark.parametrize("hours", [range(24), range(9, 18), (23,), (0, 1, 2), (2, 3)])
def test_a_job_is_done_once_a_night_whenever_the_machine_is_on(home, hours):
    """A machine that was on only before 3 or in office hours never pruned."""
    days = range(12, 20)
    times = [f"2026-01-{day}T{hour:02}:17:00Z" for day in days for hour in hours]
    first = min((hour for hour in hours if hour >= 3), default=0)
    expected = [f"2026-01-{day}T{first:02}:17:00Z" for day in days]
    found = done(home, "mem-lint logs", *times)
    assert [time for time in found if time != times[0]] == [t for t in expected if t != times[0]]
    assert done(home, "mem-lint prune apply", times[-1]) == [times[-1]]  # each by itself


def test_what_did_not_end_well_is_done_again_and_findings_are_an_end(home):
    day = [f"2026-01-12T{hour:02}:17:00Z" for hour in (9, 10, 11)]
    assert done(home, "a", *day, code=BUSY) == day
    assert done(home, "a", *day, code=NO_MATCH) == day[:1]
    for kept in (b"x", b"[]", b""):  # nor is anything lost with the marker
        files.replace(Nights(home).path, kept)
        assert done(home, "a", *day) == day[:1]
