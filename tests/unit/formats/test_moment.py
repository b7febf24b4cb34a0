"""The minutes of reminders, as a person says them.

It is Friday, 2026-01-30, 14:23:55 in London, unless a test says otherwise.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.reminder import moment
from plainmind.ground import clock
from plainmind.ground.errors import BadData, Usage
from plainmind.ground.zone import to_instant
from scene import NOW


def told(found) -> str:
    date, time = found
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
    # written as it is, even where the clock skips it: what recurs comes at 01:30 the next day
    ("2026-03-29T01:30Z", "2026-03-29 02:30"), ("09:00:00", "2026-01-31 09:00"),
    ("in 2h", "2026-01-30 16:24"), ("2h ago", "2026-01-30 12:24"), ("now", "2026-01-30 14:24"),
    ("2026-01-30 14:23:01", "2026-01-30 14:24"), ("2026-10-25T01:10Z", "2026-10-25 02:00"),
])  # fmt: skip
def test_at(text, expected):
    assert told(moment.parse(text, NOW)) == expected


@pytest.mark.parametrize("text, said", [
    ("soon", "'soon' is not a time; write it as"),
    ("tomorrow", "'tomorrow' has no time of day; write it as 'tomorrow 09:00'"),
    ("friday", "has no time of day"), ("2026-03-29", "has no time of day"),
    ("last week", "is more than a day"),
])  # fmt: skip
def test_what_is_no_moment(text, said):
    with pytest.raises(BadData) as failed:
        moment.parse(text, NOW)
    assert said in str(failed.value)


@pytest.mark.parametrize("text, expected", [
    ("2h", "2026-01-30 16:24"), ("45m", "2026-01-30 15:09"), ("1h30m", "2026-01-30 15:54"),
    ("90 minutes", "2026-01-30 15:54"), ("1 hour 30 min", "2026-01-30 15:54"),
    ("3d", "2026-02-02 14:24"), ("1w", "2026-02-06 14:24"), ("1w 1d 1h 1m", "2026-02-07 15:25"),
    ("2 Weeks", "2026-02-13 14:24"), ("0h1m", "2026-01-30 14:25"), ("30s", "2026-01-30 14:25"),
    ("1 month", "2026-02-28 14:24"), ("1y", "2027-01-30 14:24"), ("two hours", "2026-01-30 16:24"),
    # the clock goes forward on 2026-03-29: days keep the hour, hours do not care
    ("60d", "2026-03-31 14:24"), ("1440h", "2026-03-31 15:24"),
])  # fmt: skip
def test_in(text, expected):
    assert told(moment.from_options(NOW, None, None, None, text)) == expected


@pytest.mark.parametrize("text, said", [
    ("", "'' is not a duration; write it as 2h, 45m"), ("2", "is not a duration"),
    ("h", "is not a duration"), ("0m", "is not a duration"), ("-1h", "is not a duration"),
    ("1.5h", "is not a duration"), ("2h tomorrow", "is not a duration"),
    ("1h1h", "is not a duration"), ("2x", "is not a duration"), ("999999w", "ends after year 9999"),
    ("9999999h", "is not a duration"), ("٢h", "is not a duration"),
], ids=ascii)  # fmt: skip
def test_what_is_no_span(text, said):
    with pytest.raises(BadData) as failed:
        moment.from_options(NOW, None, None, None, text)
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
    assert told(moment.from_options(clock.parse(now), None, None, None, span)) == expected


@given(
    st.integers(clock.parse("1990-01-01T00:00Z"), clock.parse("2060-01-01T00:00Z")),
    st.integers(0, 72),
    st.integers(1, 59),
)
def test_in_is_never_early_and_hardly_late(now, hours, minutes):
    """A minute at most; two hours where the end is a minute that comes twice."""
    wanted = now + hours * 3_600_000 + minutes * 60_000
    ends = to_instant(*moment.from_options(now, None, None, None, f"{hours}h{minutes}m"))
    late = ends - wanted
    assert 0 <= late < 60_000 or 0 <= late <= 3_600_000 and ends % 3_600_000 == 0


@pytest.mark.parametrize("given, said", [
    ((None, None, None, None), "say when; give --date and --time, or --at, or --in"),
    (("2026-01-01", None, None, None), "--time is missing"),
    ((None, "09:00", None, None), "--date is missing"),
    (("2026-01-01", "09:00", "18:00", None), "say when"), ((None, None, "18:00", "2h"), "say when"),
    ((None, "09:00", None, "2h"), "say when"),
])  # fmt: skip
def test_one_way_to_say_when(given, said):
    with pytest.raises(Usage) as failed:
        moment.from_options(NOW, *given)
    assert said in str(failed.value)


def test_each_way_to_say_when():
    assert told(moment.from_options(NOW, "2026-01-01", "09:00", None, None)) == "2026-01-01 09:00"
    assert told(moment.from_options(NOW, None, None, "18:00", None)) == "2026-01-30 18:00"
    assert told(moment.from_options(NOW, None, None, None, "2h")) == "2026-01-30 16:24"


@pytest.mark.parametrize("text, said", [
    ("2026-02-30", "is not a day; write it as 2026-01-30"), ("", "is not a day"),
    ("01-01", "is not a day"), ("2026-01-01 09:00", "has a time of day; use --at for both"),
    ("last month", "is more than a day"),
])  # fmt: skip
def test_what_is_no_day(text, said):
    with pytest.raises(BadData) as failed:
        moment.parse_day(text, NOW)
    assert said in str(failed.value)


@pytest.mark.parametrize("text", ["24:00", "09:60", "0900", "", "9", "９:00", "0am"], ids=ascii)
def test_what_is_no_time_of_day(text):
    with pytest.raises(BadData, match="is not a time of day; write it as 09:30"):
        moment.parse_minute(text)


@pytest.mark.parametrize("text", ["tomorrow 09:00", "friday 9am", "09:00"])
def test_there_is_nothing_after_year_9999(text):
    with pytest.raises(BadData, match="is out of range"):
        moment.parse(text, clock.parse("9999-12-31T12:00:00Z"))


def test_the_first_day_there_is_has_a_local_time():
    assert (
        moment.parse("tomorrow 09:00", clock.parse("0001-01-01T00:00:00Z"))[0].isoformat()
        == "0001-01-02"
    )
