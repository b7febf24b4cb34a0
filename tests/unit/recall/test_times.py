"""The times that a question names, read on Sunday 2026-11-29 at 21:00 in London."""

import pytest
from plainmind.ground import clock, zone
from plainmind.recall import times

NOW = clock.parse("2026-11-29T21:00:00Z")


@pytest.mark.parametrize(
    "text, days",
    [
        ("what did I say yesterday?", ["2026-11-28 2026-11-28"]),
        ("What happened last night and this morning", ["2026-11-28 2026-11-28",
                                                       "2026-11-29 2026-11-29"]),
        ("the plan of last Tuesday", ["2026-11-24 2026-11-24"]),
        ("what did she do on Friday", ["2026-11-27 2026-11-27"]),
        ("on March 18", ["2026-03-18 2026-03-18"]),
        ("on 18th of March 2025?", ["2025-03-18 2025-03-18"]),
        ("December 3 was cold", ["2025-12-03 2025-12-03"]),
        ("the eighth of May, 2024", ["2024-05-08 2024-05-08"]),
        ("on July twenty-first", ["2026-07-21 2026-07-21"]),
        ("2026-05-08 and 25.12.2025", ["2026-05-08 2026-05-08", "2025-12-25 2025-12-25"]),
        ("three days ago", ["2026-11-26 2026-11-26"]),
        ("a couple of weeks ago", ["2026-11-12 2026-11-18"]),
        ("two\nmonths ago", ["2026-09-01 2026-09-30"]),
        ("a year ago", ["2025-01-01 2025-12-31"]),
        ("last week", ["2026-11-16 2026-11-22"]),
        ("LAST WEEKEND", ["2026-11-21 2026-11-22"]),
        ("in the past week", ["2026-11-22 2026-11-29"]),
        ("this month or last year", ["2026-11-01 2026-11-30", "2025-01-01 2025-12-31"]),
        ("in May", ["2026-05-01 2026-05-31"]),
        ("in May 2025, or since June", ["2025-05-01 2025-05-31", "2026-06-01 2026-06-30"]),
        ("the trip of Sept 2024", ["2024-09-01 2024-09-30"]),
        ("what changed in 2023", ["2023-01-01 2023-12-31"]),
        # no time, or one that no calendar has, or that may be two
        ("may I march on", []), ("mayor of Marching", []), ("31 June", []), ("03/04/2026", []),
        ("version 1.2023, port 2023", []), ("this Saturday", []), ("2 a.m.", []), ("", []),
        ("what do I usually do", []), ("a decade ago", []),
        ("99 years ago was 1", ["1927-01-01 1927-12-31"]),
        ("999 years ago", ["1027-01-01 1027-12-31"]),
        # the same twice is one; a list of days asks about none of them
        ("today, TODAY", ["2026-11-29 2026-11-29"]),
        (", ".join(f"{day} May 2024" for day in range(1, 6)), []),
    ],
)  # fmt: skip
def test_a_time_is_read_as_it_is_meant(text, days):
    found = times.find(text, NOW)
    assert [f"{zone.to_day(one.start)} {zone.to_day(one.end)}" for one in found] == days
    assert all(one.text in " ".join(text.split()) for one in found)
    assert [one.until - one.end for one in found] == [3 * clock.DAY] * len(found)
