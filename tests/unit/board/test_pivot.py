"""Records to the rows of a chart: nothing is lost on the way, and nothing made up."""

from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.board import pivot

DAYS = ["2026-01-29", "2026-01-30", "2026-01-31"]
RECORDS = st.lists(st.fixed_dictionaries({
    "day": st.sampled_from(DAYS), "of": st.sampled_from("abcdefgh"),
    "n": st.none() | st.integers(0, 99),
}))  # fmt: skip


@given(RECORDS)
@example([{"day": DAYS[n % 2], "of": name, "n": n} for n, name in enumerate("abcdefgh")])
def test_each_day_has_what_its_records_have(records):
    columns, rows = pivot.by_day(records, DAYS, "of", "n")
    told = [record for record in records if record["n"] is not None]
    assert [row[0] for row in rows] == DAYS
    assert len(columns) == min(len({record["of"] for record in told}), pivot.MOST)
    for day, *numbers in rows:
        of = [record["n"] for record in told if record["day"] == day]
        assert len(numbers) == len(columns)
        assert sum(n for n in numbers if n is not None) == sum(of)
        assert (not of) == all(n is None for n in numbers)
    sums = [sum(row[at] or 0 for row in rows) for at in range(1, len(columns) + 1)]
    named = sums[: -1 if columns[-1:] == ["others"] else None]
    assert named == sorted(named, reverse=True)
    for name, total in zip(columns, named):
        assert total == sum(record["n"] for record in told if record["of"] == name)
