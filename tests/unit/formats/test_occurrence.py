"""When reminders are due, against the library whenever: every change of the clock, and any minute.

A local time that a change leaves out is moved by the width of the gap in whenever (and in RFC 5545,
and java.time: 01:30 becomes 02:30), and to the next valid minute here (02:00), as the specification
has it; `by_whenever` asks for that one. `TABLE`, written by hand from tzdata, holds both to it.
"""

import datetime
import os
import shutil
import subprocess
import sys
import time as stdlib_time

import pytest
import tzdata
import whenever
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.reminder import occurrence, reminder
from plainmind.formats.reminder.occurrence import count_until, find_between, find_latest, find_next
from plainmind.ground import clock, zone
from plainmind.ground.zone import to_instant, to_local
from scene import ROOT

#: local time -> UTC, from the rules GB-Eire and EU of tzdata's `europe` and the zone's own lines
TABLE = {
    # spring 2026: 01:00 UTC on the last Sunday of March; 01:00 to 01:59 do not exist
    "2026-01-30 14:23": "2026-01-30 14:23", "2026-03-29 00:59": "2026-03-29 00:59",
    "2026-03-29 01:30": "2026-03-29 01:00", "2026-03-29 02:01": "2026-03-29 01:01",
    # autumn 2026: 01:00 UTC on the last Sunday of October; 01:00 to 01:59 come twice
    "2026-10-25 01:30": "2026-10-25 00:30", "2026-10-25 02:00": "2026-10-25 02:00",
    # the rule goes on where the list of changes in tzdata ends
    "2099-03-29 01:30": "2099-03-29 01:00", "2099-10-25 01:30": "2099-10-25 00:30",
    "2400-07-01 12:00": "2400-07-01 11:00", "9999-12-31 23:59": "9999-12-31 23:59",
    # 1968 to 1971 an hour ahead all year; in the war an hour ahead in winter, two in summer
    "1969-01-15 12:00": "1969-01-15 11:00", "1940-12-25 12:00": "1940-12-25 11:00",
    "1941-05-04 02:30": "1941-05-04 01:00", "1941-07-15 12:00": "1941-07-15 10:00",
    # until 1847-12-01 London was 75 s behind Greenwich: 00:00 and 00:01 do not exist, and 00:02 is
    # the next whole minute
    "1847-11-30 23:59": "1847-12-01 00:00:15", "1847-12-01 00:01": "1847-12-01 00:02",
    "0001-01-01 00:00": "0001-01-01 00:01:15",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def the_package_s_rules():
    """whenever asks the machine's tables first; here it is to read the same ones as we do."""
    whenever.reset_tzpath([])
    whenever.clear_tzcache()
    yield
    whenever.reset_tzpath()


def ms(utc: str) -> int:
    return clock.parse(utc.replace(" ", "T") + ("Z" if " " in utc else "T00:00Z"))


def parts(text: str) -> tuple[datetime.date, datetime.time]:
    moment = datetime.datetime.fromisoformat(text)
    return moment.date(), moment.time()


def made(start: str, recur: str) -> reminder.Reminder:
    return reminder.make(*parts(start), recur, "x", "x")


RECURRING = reminder.RECURRENCES[1:]
#: with a day that is left out, half an hour's change, a change at midnight, none, the farthest
ZONES = """America/New_York Pacific/Apia Australia/Lord_Howe America/Sao_Paulo Asia/Kathmandu
Pacific/Kiritimati""".split()


def by_whenever(date: datetime.date, time: datetime.time) -> int:
    """The same rule by another library: the earlier of two, else the next minute there is."""
    local = datetime.datetime.combine(date, time)
    while True:
        moment = whenever.PlainDateTime.parse_iso(local.isoformat())
        try:
            zoned = moment.assume_tz(zone.name(), disambiguation="raise")
        except whenever.RepeatedTime:
            zoned = moment.assume_tz(zone.name(), disambiguation="earlier")
        except whenever.SkippedTime:
            local += datetime.timedelta(minutes=1)
            continue
        return zoned.timestamp(unit="millisecond")


@pytest.mark.parametrize("said, utc", TABLE.items())
def test_the_table(said, utc):
    assert to_instant(*parts(said)) == by_whenever(*parts(said)) == ms(utc)


def changes() -> list[int]:
    """The day before each change of the clock, 1847 to 2060, in seconds, by every day's offset."""
    days = range(-3_852_662_400, 2_840_140_800, 86_400)
    offsets = [whenever.Instant.from_timestamp(day).to_tz("Europe/London").offset for day in days]
    return [day for day, before, after in zip(days, offsets, offsets[1:]) if before != after]


def test_every_minute_around_every_change_there_was_and_will_be():
    found = changes()
    assert len(found) > 250
    for second in found:
        start = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)
        for minute in (*range(5), *range(30, 300, 7), *range(1380, 1445)):
            moment = start + datetime.timedelta(minutes=minute)
            when = moment.date(), moment.time()
            assert to_instant(*when) == by_whenever(*when), moment


minutes = st.datetimes(datetime.datetime(1840, 1, 1), datetime.datetime(2200, 1, 1)).map(
    lambda d: d.replace(second=0, microsecond=0)
)


@given(minutes)
def test_any_minute(moment):
    assert to_instant(moment.date(), moment.time()) == by_whenever(moment.date(), moment.time())


@pytest.mark.parametrize("name", ZONES)
@given(moment=minutes)
def test_any_minute_of_any_zone(name, moment):
    zone.use(lambda: name)
    try:
        test_any_minute.hypothesis.inner_test(moment)
        test_local_time_and_back.hypothesis.inner_test(moment)
    finally:
        zone.use(lambda: zone.DEFAULT)


@given(minutes)
def test_local_time_and_back(moment):
    """Every local minute comes back; one that does not exist comes back as a later one."""
    instant = to_instant(moment.date(), moment.time())
    back = to_local(instant)
    assert back >= moment.replace(fold=0) and instant == to_instant(back.date(), back.time())


# ---- recurrences


def by_library(start: datetime.datetime, recur: str, k: int) -> int:
    day = whenever.Date(start.year, start.month, start.day)
    steps = {"daily": (0, 1), "weekly": (0, 7), "monthly": (1, 0), "yearly": (12, 0)}
    months, days = steps[recur]
    moved = day.add(months=k * months, days=k * days)
    return by_whenever(moved.to_stdlib(), start.time())


def test_occurrences_from_each_end_of_a_month():
    """A month without the day takes its last one, and those after it do not drift; days keep their
    local time when the clock changes."""
    days = [datetime.datetime(2023, 12, 25, 1, 30) + datetime.timedelta(days=n) for n in range(70)]
    for start in [*days, datetime.datetime(2096, 2, 29, 1, 30)]:
        for recur in RECURRING:
            each = reminder.make(start.date(), start.time(), recur, "x", "x")
            found = [occurrence.find_nth(each, k) for k in range(50)]
            assert found == [by_library(start, recur, k) for k in range(50)], each
    found = find_between(made("2026-01-31 01:30", "monthly"), 0, ms("2026-04-30 18:00"))
    assert [to_local(t).isoformat(" ", "minutes") for t in found] == [
        "2026-01-31 01:30", "2026-02-28 01:30", "2026-03-31 01:30", "2026-04-30 01:30",
    ]  # fmt: skip
    found = find_between(made("2024-02-29 09:00", "yearly"), 0, ms("2028-12-31 18:00"))
    assert [to_local(t).isoformat(" ", "minutes")[:10] for t in found] == [
        "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29",
    ]  # fmt: skip


@given(minutes, st.sampled_from(RECURRING), st.integers(0, 800))
def test_any_occurrence(start, recur, k):
    made = reminder.make(start.date(), start.time(), recur, "x", "x")
    assert occurrence.find_nth(made, k) == by_library(start, recur, k)


@given(
    minutes,
    st.sampled_from(reminder.RECURRENCES),
    st.integers(-3, 100),
    st.integers(-100_000_000, 100_000_000),
    st.integers(0, 40),
)
def test_the_questions_agree_with_counting_from_the_first_day(start, recur, k, offset, span):
    """Wherever the two instants lie; an oracle that walks through all occurrences."""
    made = reminder.make(start.date(), start.time(), recur, "x", "x")
    all = [t for n in range(300) if (t := occurrence.find_nth(made, n)) is not None]
    assert all == sorted(set(all)) and len(all) == (1 if recur == "none" else 300)
    after = all[min(max(k, 0), len(all) - 1)] + offset * (k >= 0) - 1
    until = after + span * 86_400_000
    assert count_until(made, after) == sum(t <= after for t in all)
    assert list(find_between(made, after, until)) == [t for t in all if after < t <= until]
    assert find_next(made, after) == next((t for t in all if t > after), None)
    between = [t for t in all if after < t <= until]
    assert find_latest(made, until, after) == ((between[-1], len(between) - 1) if between else None)
    before = [t for t in all if t <= until]
    assert find_latest(made, until) == ((before[-1], len(before) - 1) if before else None)


def test_the_very_minute_is_at_and_not_after():
    made_once, at = made("2026-01-30 14:23", "none"), ms("2026-01-30 14:23")
    assert (count_until(made_once, at - 1), count_until(made_once, at)) == (0, 1)
    assert find_next(made_once, at - 1) == at and find_next(made_once, at) is None
    assert [*find_between(made_once, at - 1, at), *find_between(made_once, at, at + 1)] == [at]


@pytest.mark.parametrize("recur", RECURRING)
def test_time_ends(recur):
    made_late = made("9999-12-30 23:59", recur)
    first = ms("9999-12-30 23:59")
    assert find_next(made_late, first - 1) == first
    assert find_next(made_late, first) == (first + 86_400_000 if recur == "daily" else None)
    assert occurrence.find_nth(made_late, 2) is None and occurrence.find_nth(made_late, -1) is None
    left = list(find_between(made_late, 0, ms("9999-12-31 23:59:59.999")))
    assert len(left) == (2 if recur == "daily" else 1)


def test_a_start_long_ago_costs_nothing():
    old = [made("0001-01-01 09:00", recur) for recur in reminder.RECURRENCES]
    start = stdlib_time.process_time()
    for minute in range(2000):
        for each in old:
            find_next(each, ms("2026-01-30 14:23") + minute * 60_000)
            find_latest(each, ms("2026-01-30 14:23") + minute * 60_000)
    # 8,000 questions; two thousand years of days are 740,000 steps each
    assert stdlib_time.process_time() - start < 2


def test_the_machine_s_own_tables_are_never_asked(tmp_path):
    """A machine whose Europe/London is Tokyo's, by TZ and its tables, gives the same instants."""
    fake = tmp_path / "Europe"
    fake.mkdir()
    tables = os.path.join(os.path.dirname(str(tzdata.__file__)), "zoneinfo")
    shutil.copy(os.path.join(tables, "Asia", "Tokyo"), fake / "London")
    script = (
        "import datetime, zoneinfo\nfrom plainmind.ground import zone\n"
        "print(zone.to_instant(datetime.date(2026, 7, 1), datetime.time(12)),"
        " datetime.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo('Europe/London')).utcoffset())"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.path.join(ROOT, "lib")}
    env |= {"PYTHONTZPATH": str(tmp_path), "TZ": "Asia/Tokyo"}
    said = subprocess.check_output([sys.executable, "-c", script], text=True, env=env)
    assert said.split() == [str(ms("2026-07-01 11:00")), "9:00:00"]
