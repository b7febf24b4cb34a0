"""What runs of every minute tell each other: an outage is said once, quiet is kept."""

import pytest
from plainmind.ground import files
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.ground.outages import LONGEST, OutageReports, Outages
from scene import NOW

AWAY = [Unavailable("Discord cannot be reached"), Unavailable("Discord answered 503: x")]


def run(home, *failures, asked=True, always=False):
    """What one run says."""
    said = []
    tell = lambda failure, told: None if told else said.append(failure.what)
    reports = OutageReports(home, "remind-scan", tell, always=always)
    reports.asked = asked
    for failure in failures:
        reports.report(failure)
    reports.end(lambda text: said.append(text.partition(";")[0]))
    return said


def test_an_outage_is_said_once_and_its_end_once(home):
    assert run(home) == []
    assert run(home, AWAY[0]) == [AWAY[0].what]
    assert run(home, AWAY[1]) == run(home, AWAY[0]) == []
    assert run(home, AWAY[0], always=True) == [AWAY[0].what]  # whoever watches sees it
    assert run(home, asked=False) == []  # nothing was due: nobody knows
    assert run(home, Misconfigured("no token")) == ["no token"]
    assert run(home, BadData("refused", cure="change a"), BadData("refused", cure="change b")) == (
        ["refused", "refused"]
    )
    assert run(home, BadData("refused", cure="change b")) == []
    assert run(home) == ["it works again"]
    assert run(home) == [] and run(home, AWAY[0]) == [AWAY[0].what]


@pytest.mark.parametrize(
    "kept", [b"", b"x", b"[]", b'{"said":[]}', b'{"said":{"remind-scan":1},"quiet":{"a":"b"}}']
)
def test_what_is_not_ours_or_was_deleted_costs_one_more_line(home, kept):
    outages = Outages(home)
    outages.keep_quiet("a", 5, NOW)
    files.replace(outages.path, kept)
    assert outages.quiet_left("a", NOW) == 0 and outages.end("remind-scan") is None
    assert run(home, AWAY[0]) == [AWAY[0].what]


def test_quiet_is_kept_by_every_process_for_as_long_as_it_was_asked_for(home):
    Outages(home).keep_quiet("channel 1", 400.0, NOW)
    Outages(home).keep_quiet("channel 2", 0.5, NOW)
    left = [Outages(home).quiet_left(f"channel {n}", NOW + 100_000) for n in (1, 2, 3)]
    assert left == [300.0, 0, 0]
    assert Outages(home).quiet_left("channel 1", NOW + 400_000) == 0
    assert Outages(home).quiet_left("channel 1", NOW - 2 * LONGEST) == 0  # the clock was wrong
