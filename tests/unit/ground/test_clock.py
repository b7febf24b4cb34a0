import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground import clock
from plainmind.ground.errors import BadData
from scene import NOW, STAMP, TIME

FIRST, LAST = clock.parse("0001-01-01T00:00:00Z"), clock.parse("9999-12-31T23:59:59.999Z")


@pytest.mark.parametrize("value, text", [
    ("2026-01-30T14:23:55.120Z", TIME),
    ("2026-01-30T14:23:55Z", "2026-01-30T14:23:55.000Z"),
    ("2026-01-30T14:23Z", "2026-01-30T14:23:00.000Z"),
    ("20260130T142355Z", "2026-01-30T14:23:55.000Z"),
    ("2026-01-30 14:23:55+00:00", "2026-01-30T14:23:55.000Z"),
    ("2026-01-30T14:23:55.120+01:00", "2026-01-30T13:23:55.120Z"),
    ("2026-01-30T00:30:00+14:00", "2026-01-29T10:30:00.000Z"),
    ("2026-01-30T14:23:55-03:30", "2026-01-30T17:53:55.000Z"),
    ("2026-01-30T14:23:55.9999Z", "2026-01-30T14:23:55.999Z"),
    ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ("0999-12-31T00:00:00Z", "0999-12-31T00:00:00.000Z"),
    ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
])  # fmt: skip
def test_times(value, text):
    assert clock.to_text(clock.parse(value)) == text


@pytest.mark.parametrize("value, said", [
    ("", "'' is not a time; write it as 2026-01-30T14:23:55Z"), ("now", "is not a time"),
    ("2026", "is not a time"), ("2026-13-01", "is not a time"),
    ("2026-02-30", "is not a time"), ("2026-01-30T25:00:00Z", "is not a time"),
    ("2026-01-30T14:23:60Z", "is not a time"), ("1769783035", "is not a time"),
    ("2026-01-30T14:23:55", "names no zone; end it with Z or an offset such as +01:00"),
    ("2026-01-30T14", "names no zone"), ("2026-01-30", "names no zone"),
    ("２０２６-01-30", "is not a time"), ("٢٠٢٦-01-30", "is not a time"),
    ("2026-W05-5", "is not a time"), ("2026W05T10", "is not a time"),
    ("2026-01-30T14:23:55Z ", "is not a time"),
    ("0001-01-01T00:00:00+01:00", "is out of range; use a year from 1 to 9999"),
    ("9999-12-31T23:59:59-01:00", "is out of range"),
    ("2026-01-30T14:23:55Z\n", "is not a time"), ("-2026-01-30", "is not a time"),
    ("12026-01-30", "is not a time"),
], ids=ascii)  # fmt: skip
def test_what_is_no_time(value, said):
    with pytest.raises(BadData) as failed:
        clock.parse(value)
    assert said in str(failed.value)


@given(st.integers(FIRST, LAST))
def test_every_instant_reads_back(instant):
    assert clock.parse(clock.to_text(instant)) == instant


@given(st.integers(FIRST, LAST), st.integers(FIRST, LAST))
def test_texts_and_stamps_sort_as_instants_do(one, other):
    earlier, later = sorted((one, other))
    assert clock.to_text(earlier) <= clock.to_text(later)
    assert clock.to_stamp(earlier) <= clock.to_stamp(later)


def test_stamps():
    assert clock.to_stamp(NOW) == STAMP
    assert clock.to_stamp(clock.parse("0500-01-01T00:00:00Z")) == "05000101T000000Z"


def test_boot_is_the_same_twice():
    assert clock.boot_id() == clock.boot_id()
