"""Days: ISO 8601 as it is, other ways of writing one where they can mean one day only."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground import day

THE_8TH = date(2026, 5, 8)


@pytest.mark.parametrize("text", [
    "2026-05-08", "2026-05-08T09:30", "2026-05-08 09:30", "2026-05-08T09:30:15",
    "2026-05-08T09:30:15.5", "2026-05-08T09:30:15,123456789", "2026-05-08T09:30Z",
    "2026-05-08T09:30:15.120Z", "2026-05-08T23:30+02:00", "2026-05-08T00:30-0800",
    "2026-05-08 09:30:00 +02:00", "2026-05-08 09:30 Z", "2026-05-08T09:30+02",
])  # fmt: skip
def test_iso(text):
    assert day.parse_iso(text) == THE_8TH


@pytest.mark.parametrize("text", [
    "", "2026-5-8", "2026-02-30", "2026-13-01", "0000-01-01", "20260508", "2026-W19", "2026-05",
    "2026", "26-05-08", " 2026-05-08", "2026-05-08 ", "2026-05-08\n", "2026-05-08T",
    "2026-05-08T9:30", "2026-05-08T24:30", "2026-05-08T09:60", "2026-05-08T09:30+99:00",
    "2026-05-08 to 2026-05-10", "٢٠٢٦-05-08", "2026/05/08", "soon",
], ids=ascii)  # fmt: skip
def test_no_iso(text):
    assert day.parse_iso(text) is None


@pytest.mark.parametrize("text", [
    # the year first
    "2026/5/8", "2026/05/08", "2026.5.8", "2026-5-8", "2026-05-08", " 2026/5/8 ", "2026/5/8 09:30",
    "2026-5-8T9:30:15", "2026/05/08 9:30 pm", "2026-05-08 09:30:00 UTC", "2026-5-8 09:30 +0200",
    "20260508", "20260508T0930", "20260508T093015Z",
    # the month by its name
    "8 May 2026", "08 May 2026", "8th May 2026", "8th of May 2026", "8 may, 2026", "May 8 2026",
    "May 8, 2026", "May 8th, 2026", "MAY 8TH 2026", "Friday, 8 May 2026", "Fri, May 8, 2026",
    "fri 8 May 2026", "8  May\t2026",
])  # fmt: skip
def test_one_day_however_it_is_written(text):
    assert day.guess(text) == THE_8TH


@pytest.mark.parametrize("text, meant", [
    ("25.12.2026", date(2026, 12, 25)), ("25/12/2026", date(2026, 12, 25)),
    ("12/25/2026", date(2026, 12, 25)), ("25-12-2026", date(2026, 12, 25)),
    ("5/5/2026", date(2026, 5, 5)), ("13.1.2026", date(2026, 1, 13)),
    ("1/13/2026", date(2026, 1, 13)), ("3 Sept 2026", date(2026, 9, 3)),
    ("Sep. 3, 2026", date(2026, 9, 3)), ("29 February 2024", date(2024, 2, 29)),
    ("Dec 31st, 1999", date(1999, 12, 31)),
])  # fmt: skip
def test_a_number_that_can_only_be_a_day(text, meant):
    assert day.guess(text) == meant


@pytest.mark.parametrize("text", [
    # two days
    "03/04/2026", "3.4.2026", "1-2-2026", "12/12/26", "8/5/26", "2026-05-08 to 2026-05-10",
    "2026/5/8 or 2026/5/9", "2026-05-08, 2026-05-09", "2026-5-8 - 2026-5-10",
    "20260508T0930 to 20260509T0930", "8 May 2026 to 9 May 2026", "8-9 May 2026",
    # none
    "", "May 2026", "8 May", "2026", "today", "31/2/2026", "2026/13/1", "32 May 2026",
    "29 February 2026", "8 Ma 2026", "8 Mayo 2026", "2026/5-8", "25/12.2026", "1746691200",
    "99999999", "2026-5-8x", "2026/5/8 later", "2026/5/8 25",
], ids=ascii)  # fmt: skip
def test_two_days_and_none_stay(text):
    assert day.guess(text) is None


@given(st.dates())
def test_every_day_in_every_form(wanted):
    assert day.parse_iso(wanted.isoformat()) == wanted
    for form in (
        "{0.year:04}/{0.month}/{0.day}",
        "{0.year:04}{0.month:02}{0.day:02}",
        "{0.day} {1} {0.year:04}",
        "{1} {0.day}, {0.year:04}",
        "{0.day} {2} {0.year:04}",
    ):
        months = (
            "January February March April May June July August September October November "
            "December".split()
        )
        name = months[wanted.month - 1]
        assert day.guess(form.format(wanted, name, name[:3])) == wanted
    for form in ("{0.day}/{0.month}/{0.year:04}", "{0.month}/{0.day}/{0.year:04}"):
        assert day.guess(form.format(wanted)) == (
            wanted if wanted.day > 12 or wanted.day == wanted.month else None
        )


@given(st.text("0123456789-/. :TZ+Mayth,of", max_size=30))
def test_whatever_is_iso_means_that_day(text):
    strict, guessed = day.parse_iso(text), day.guess(text)
    assert strict is None or guessed == strict
