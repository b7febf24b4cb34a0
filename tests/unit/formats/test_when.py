"""Moments as a person says them.

It is Friday, 2026-01-30, 14:23:55 in London, unless a test says otherwise.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import when
from plainmind.formats.reminder.occurrence import to_instant
from plainmind.ground import clock
from plainmind.ground.errors import BadData, Usage
from scene import NOW


def told(moment) -> str:
    date, time = moment
    return f"{date} {time:%H:%M}"


@pytest.mark.parametrize("text, expected", [
    ("tomorrow 09:00", "2026-01-31 09:00"), ("today 18:00", "2026-01-30 18:00"),
    ("today 09:00", "2026-01-30 09:00"), ("Tomorrow at 9am", "2026-01-31 09:00"),
    ("18:00", "2026-01-30 18:00"), ("14:23", "2026-01-31 14:23"), ("14:24", "2026-01-30 14:24"),
    ("0:00", "2026-01-31 00:00"), ("9:05pm", "2026-01-30 21:05"), ("12am", "2026-01-31 00:00"),
    ("12pm", "2026-01-31 12:00"), ("12:30AM", "2026-01-31 00:30"),
    ("friday 17:30", "2026-01-30 17:30"), ("friday 09:00", "2026-02-06 09:00"),
    ("fri 09:00", "2026-02-06 09:00"), ("thursday 09:00", "2026-02-05 09:00"),
    ("SATURDAY 9am", "2026-01-31 09:00"), ("sun 5pm", "2026-02-01 17:00"),
    ("monday 09:00", "2026-02-02 09:00"), ("2026-03-29 01:30", "2026-03-29 01:30"),
    ("2026-03-29T01:30", "2026-03-29 01:30"), (" 2020-01-01   09:00 ", "2020-01-01 09:00"),
    ("2028-02-29 at 7pm", "2028-02-29 19:00"),
])  # fmt: skip
def test_at(text, expected):
    assert told(when.parse(text, NOW)) == expected


@pytest.mark.parametrize("text, said", [
    ("", "'' is not a time; write it as 'tomorrow 09:00'"), ("tomorrow", "is not a time"),
    ("9", "is not a time"), ("friday", "is not a time"), ("next friday 09:00", "is not a time"),
    ("24:00", "is not a time"), ("09:60", "is not a time"), ("13pm", "is not a time"),
    ("0am", "is not a time"), ("9:5", "is not a time"), ("09:00:00", "is not a time"),
    ("someday 09:00", "'someday' is not a day; use today, tomorrow"),
    ("2026-02-30 09:00", "'2026-02-30' is not a day"), ("2026-03-29T01:30Z", "is not a time"),
    ("09:00 tomorrow", "is not a time"), ("t09:00", "is no"), ("fridays 09:00", "is not a day"),
    ("٠٩:٠٠", "is not a time"), ("09:00\n09:00", "is not a time"),
], ids=ascii)  # fmt: skip
def test_what_is_no_moment(text, said):
    with pytest.raises(BadData) as failed:
        when.parse(text, NOW)
    assert said in str(failed.value)


@pytest.mark.parametrize("text, expected", [
    ("2h", "2026-01-30 16:24"), ("45m", "2026-01-30 15:09"), ("1h30m", "2026-01-30 15:54"),
    ("90 minutes", "2026-01-30 15:54"), ("1 hour 30 min", "2026-01-30 15:54"),
    ("3d", "2026-02-02 14:24"), ("1w", "2026-02-06 14:24"), ("1w 1d 1h 1m", "2026-02-07 15:25"),
    ("2 Weeks", "2026-02-13 14:24"), ("0h1m", "2026-01-30 14:25"),
    # the clock goes forward on 2026-03-29: days keep the hour, hours do not care
    ("60d", "2026-03-31 14:24"), ("1440h", "2026-03-31 15:24"),
])  # fmt: skip
def test_in(text, expected):
    assert told(when.parse_span(text, NOW)) == expected


@pytest.mark.parametrize("text, said", [
    ("", "'' is not a duration; write it as 2h, 45m"), ("2", "is not a duration"),
    ("h", "is not a duration"), ("0m", "is not a duration"), ("-1h", "is not a duration"),
    ("1.5h", "is not a duration"), ("2h tomorrow", "is not a duration"),
    ("1h1h", "is not a duration"), ("1y", "is not a duration"), ("1 month", "is not a duration"),
    ("1mo", "is not a duration"), ("30s", "is not a duration"), ("999999w", "ends after year 9999"),
    ("9999999h", "is not a duration"), ("٢h", "is not a duration"),
], ids=ascii)  # fmt: skip
def test_what_is_no_span(text, said):
    with pytest.raises(BadData) as failed:
        when.parse_span(text, NOW)
    assert said in str(failed.value)


@pytest.mark.parametrize("now, span, expected", [
    ("2026-10-25T00:10:00Z", "30m", "2026-10-25 01:40"),  # 01:10, the first one: the first 01:40
    ("2026-10-25T00:40:00Z", "30m",
      "2026-10-25 02:00"),  # 01:40, the first one: the second 01:10 cannot be said
    ("2026-10-25T01:10:00Z", "30m", "2026-10-25 02:00"),
    ("2026-10-25T01:10:00Z", "2h", "2026-10-25 03:10"),
    ("2026-03-29T00:50:00Z", "20m", "2026-03-29 02:10"),
    ("2026-03-28T01:30:00Z", "1d", "2026-03-29 02:00"),  # which has no 01:30
])  # fmt: skip
def test_in_where_the_clock_changes(now, span, expected):
    assert told(when.parse_span(span, clock.parse(now))) == expected


@given(
    st.integers(clock.parse("1990-01-01"), clock.parse("2060-01-01")),
    st.integers(0, 72),
    st.integers(1, 59),
)
def test_in_is_never_early_and_hardly_late(now, hours, minutes):
    """A minute at most; two hours where the end is a minute that comes twice."""
    wanted = now + hours * 3_600_000 + minutes * 60_000
    late = to_instant(*when.parse_span(f"{hours}h{minutes}m", now)) - wanted
    assert (
        0 <= late < 60_000
        or 0 <= late <= 3_600_000
        and to_instant(*when.parse_span(f"{hours}h{minutes}m", now)) % 3_600_000 == 0
    )


@pytest.mark.parametrize("given, said", [
    ((None, None, None, None), "say when; give --date and --time, or --at, or --in"),
    (("2026-01-01", None, None, None), "--time is missing"),
    ((None, "09:00", None, None), "--date is missing"),
    (("2026-01-01", "09:00", "18:00", None), "say when"), ((None, None, "18:00", "2h"), "say when"),
    ((None, "09:00", None, "2h"), "say when"),
])  # fmt: skip
def test_one_way_to_say_when(given, said):
    with pytest.raises(Usage) as failed:
        when.from_options(NOW, *given)
    assert said in str(failed.value)


def test_each_way_to_say_when():
    assert told(when.from_options(NOW, "2026-01-01", "09:00", None, None)) == "2026-01-01 09:00"
    assert told(when.from_options(NOW, None, None, "18:00", None)) == "2026-01-30 18:00"
    assert told(when.from_options(NOW, None, None, None, "2h")) == "2026-01-30 16:24"


@pytest.mark.parametrize(
    "text",
    [
        "2026-1-01", "01-01-2026", "2026-02-30", "2026-01-01 ", "", "２026-01-01", "2026-W01-1",
        "20260101",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_day(text):
    with pytest.raises(BadData, match="is not a day; write it as 2026-03-29"):
        when.parse_day(text)


@pytest.mark.parametrize(
    "text", ["9:00", "24:00", "09:60", "0900", "", "09:00 ", "09:00:00", "９:00"], ids=ascii
)
def test_what_is_no_time_of_day(text):
    with pytest.raises(BadData, match="is not a time of day; write it as 09:30"):
        when.parse_minute(text)


def test_an_end_is_local_or_has_a_zone():
    now = clock.parse("2026-06-30T12:00:00Z")  # a Tuesday
    for text, expected in {
        "2026-07-01T12:00": "2026-07-01T11:00:00.000Z",
        "2026-07-01 12:00": "2026-07-01T11:00:00.000Z",
        "2026-07-01T12:00:00Z": "2026-07-01T12:00:00.000Z",
        "2026-07-01T12:00Z": "2026-07-01T12:00:00.000Z",
        "2026-07-01T12:00:00+02:00": "2026-07-01T10:00:00.000Z",
        "2026-07-01": "2026-07-01T22:59:00.000Z",
        "tomorrow": "2026-07-01T22:59:00.000Z",
        "Friday": "2026-07-03T22:59:00.000Z",
        "tomorrow 9am": "2026-07-01T08:00:00.000Z",
    }.items():
        assert clock.to_text(when.parse_end(text, now)) == expected, text
    with pytest.raises(BadData, match="'later' is not a day; use today"):
        when.parse_end("later", now)


@pytest.mark.parametrize("text", ["tomorrow 09:00", "friday 5pm", "09:00"])
def test_there_is_nothing_after_year_9999(text):
    with pytest.raises(BadData, match="is after year 9999"):
        when.parse(text, clock.parse("9999-12-31T12:00:00Z"))


def test_the_first_day_there_is_has_a_local_time():
    assert (
        when.parse("tomorrow 09:00", clock.parse("0001-01-01T00:00:00Z"))[0].isoformat()
        == "0001-01-02"
    )
