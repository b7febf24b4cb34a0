"""The disk fails: the command says so and ends with 74, what was there is there, nothing is
acknowledged."""

import kill
import pytest
from traced import needs_strace
from writers import WRITERS

pytestmark = needs_strace

BY_NAME = {writer.name: writer for writer in WRITERS}


CASES = [
    ("EIO", name)
    for name in (
        "the first event of a home",
        "one more event",
        "an event after a torn one",
        "a new window",
        "many lines",
        "a pin in a person's file",
        "a pin removed",
        "a run in a session",
        "a task",
        "the first event of work",
        "an event of work after a torn one",
        "many events of work",
        "the first reminder",
        "one more reminder",
        "a reminder changed",
        "a reminder removed",
    )
]


@pytest.mark.parametrize(
    "error, name",
    [*CASES, ("ENOSPC", "one more event"), ("EROFS", "a pin removed"), ("ENOSPC", "a task")],
)
def test_every_call_fails(error, name, tmp_path):
    """One call fails, the command ends, and the next run makes it good."""
    report = kill.grid(BY_NAME[name], str(tmp_path), fault=f"error={error}")
    assert report.wrong == []
    assert report.faults >= 5


def test_an_error_that_is_passed_over_is_noticed(tmp_path):
    report = kill.grid(
        BY_NAME["one more event"],
        str(tmp_path),
        fault="error=EIO",
        sabotage="careless",
        until="torn",
    )
    assert any("is not durable" in one or "torn" in one for one in report.wrong), report.wrong
