"""What is to come, in order."""

import datetime
from itertools import islice

import pytest
from plainmind.formats.reminder import reminder
from plainmind.ground import clock, zone
from plainmind.reminders import agenda
from scene import NOW


def made(when: str, recur: str = "none", msg: str = "x", line: int = 1) -> reminder.Reminder:
    moment = datetime.datetime.fromisoformat(when)
    return reminder.make(moment.date(), moment.time(), recur, msg, f"id{line}")._replace(line=line)


FILE = [
    made("2026-02-01 09:00", "none", "once", 1),
    made("2026-01-01 08:00", "daily", "pills", 2),
    made("2026-01-30 14:00", "none", "missed", 3),
    made("2026-01-29 09:00", "weekly", "bins", 4),
    made("2027-01-31 09:00", "monthly", "rent", 5),
    made("2026-02-01 08:00", "none", "same minute", 6),
]


def told(found) -> list[str]:
    return [f"{clock.to_text(instant)[5:16]} {r.msg}" for instant, r in found]


def test_the_next_of_each():
    assert told(agenda.list_upcoming(FILE, NOW)) == [
        "01-30T14:00 missed", "01-31T08:00 pills", "02-01T08:00 same minute", "02-01T09:00 once",
        "02-05T09:00 bins", "01-31T09:00 rent"
    ]  # fmt: skip


def test_the_first_of_all():
    assert told(agenda.list_upcoming(FILE, NOW, 6)) == [
        "01-30T14:00 missed", "01-31T08:00 pills", "02-01T08:00 pills", "02-01T08:00 same minute",
        "02-01T09:00 once", "02-02T08:00 pills"
    ]  # fmt: skip


def test_all_up_to_a_time():
    until = clock.parse("2026-02-01T08:00Z")
    assert told(agenda.list_upcoming(FILE, NOW, None, until)) == [
        "01-30T14:00 missed", "01-31T08:00 pills", "02-01T08:00 pills", "02-01T08:00 same minute"
    ]  # fmt: skip
    assert told(agenda.list_upcoming(FILE, NOW, 2, until)) == [
        "01-30T14:00 missed",
        "01-31T08:00 pills",
    ]
    assert told(agenda.list_upcoming(FILE, NOW, None, until - 1)) == [
        "01-30T14:00 missed",
        "01-31T08:00 pills",
    ]


def test_this_very_minute_is_to_come():
    at = clock.parse("2026-01-31T08:00Z")
    assert told(agenda.list_upcoming([FILE[1]], at)) == ["01-31T08:00 pills"]
    assert told(agenda.list_upcoming([FILE[1]], at + 1)) == ["02-01T08:00 pills"]


def test_as_many_as_no_machine_counts():
    until = clock.parse("2026-02-01T08:00Z")
    assert len(told(agenda.list_upcoming(FILE, NOW, 10**30, until))) == 4


def test_without_an_end_there_is_no_end():
    assert len(list(islice(agenda.list_upcoming(FILE, NOW, 100_000), 5000))) == 5000
    assert list(agenda.list_upcoming([], NOW)) == list(agenda.list_upcoming([], NOW, 3)) == []


@pytest.mark.parametrize(
    "name", ["Asia/Tokyo", "Pacific/Kiritimati", "America/New_York", "Pacific/Pago_Pago"]
)
def test_the_end_of_time_is_east_and_west_of_london_as_well(name):
    """What is asked for without an end is asked for up to the last minute that has a local time and
    one in UTC: 'remind-list --next' ended as an internal error everywhere east of London."""
    late = [made("9999-12-31 23:59", r, r, n) for n, r in enumerate(reminder.RECURRENCES)]
    zone.use(lambda: name)
    try:
        assert len(list(agenda.list_upcoming(FILE, NOW, 5))) == 5
        for now, count in ((NOW, None), (NOW, 100), (zone.last_instant(), 100)):
            for coming in agenda.list_upcoming([*late, FILE[1]], now, count):
                assert agenda.to_record(coming.reminder, coming.instant)["next_utc"][:4] <= "9999"
        assert [agenda.remark_on(r, NOW, 0) for r in late] == [""] * len(late)
        assert zone.to_local(zone.end_of(datetime.date.max)) <= datetime.datetime.max
    finally:
        zone.use(lambda: zone.DEFAULT)


@pytest.mark.parametrize("when, next, utc", [
    ("2026-03-29 01:30", "2026-03-29T02:00", "2026-03-29T01:00Z"),
    ("2026-10-25 01:30", "2026-10-25T01:30", "2026-10-25T00:30Z"),
    ("2026-07-01 00:30", "2026-07-01T00:30", "2026-06-30T23:30Z"),
])  # fmt: skip
def test_a_record(when, next, utc):
    one = made(when, "none", 'say "hi"', 7)
    assert agenda.to_record(one, agenda.find_upcoming(one, NOW)) == {
        "id": "id7", "date": when[:10], "time": when[11:], "recur": "none", "msg": 'say "hi"',
        "line": 7, "next": next, "next_utc": utc,
    }  # fmt: skip


def test_a_reminder_that_never_comes_has_no_next():
    last = made("9999-12-30 09:00", "weekly")
    told = agenda.to_record(last, agenda.find_upcoming(last, clock.parse("9999-12-31T00:00Z")))
    assert told["next"] is told["next_utc"] is None


def test_a_row_is_one_line_of_five_columns():
    one = made("2026-03-29 01:30", "none", "a\tb")._replace(id="")
    assert (
        agenda.to_row(agenda.Upcoming(clock.parse("2026-03-29T01:00Z"), one))
        == "2026-03-29T02:00\t2026-03-29T01:00Z\tnone\t-\ta b"
    )


@pytest.mark.parametrize(
    "day, time, recur, said",
    [
        ("2026-06-15", "12:01", "none", ""),
        ("2026-06-15", "12:00", "none", ""),
        ("2026-06-15", "11:59", "none", "2026-06-15 11:59 is past; it fires at the next scan"),
        ("2027-03-28", "01:30", "none", "a clock change leaves out 01:30; it fires at 02:00"),
        ("2026-06-15", "18:00", "daily", ""),
        ("2026-06-15", "09:00", "daily", "2026-06-15 09:00 is past; it fires at the next scan"),
        (
            "2026-05-01",
            "23:30",
            "daily",
            "2026-05-01 23:30 is past; it first fires at 2026-06-15 23:30",
        ),
        (
            "2026-06-14",
            "18:00",
            "weekly",
            "2026-06-14 18:00 is past; it first fires at 2026-06-21 18:00",
        ),
        (
            "2026-01-31",
            "09:00",
            "monthly",
            "2026-01-31 09:00 is past; it first fires at 2026-06-30 09:00",
        ),
    ],
)
def test_what_somebody_who_sets_it_may_not_expect(day, time, recur, said):
    now = clock.parse("2026-06-15T11:00:00Z")  # noon in London
    assert agenda.remark_on(made(f"{day} {time}", recur), now, 12) == said
