"""Two indexes are compared row by row, in the order that SQLite sorts values in."""

import sqlite3
import tracemalloc
from collections import Counter
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from plainmind.memory import care

VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -1.5, 2.0, 1e300]),
    st.text("aé€\U0001f600\0\uffee", max_size=2),
    st.binary(max_size=2),
)
TABLES = st.lists(st.tuples(VALUES, VALUES), max_size=12)


def in_order(rows):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (a, b)")
    db.executemany("INSERT INTO t VALUES (?, ?)", rows)
    return db.execute("SELECT a, b FROM t ORDER BY 1, 2")


@given(TABLES, TABLES, TABLES)
def test_each_row_that_only_one_has_is_found(both, ours, theirs):
    found = list(care._find_differences(in_order(both + ours), in_order(theirs + both)))
    mine, other = Counter(both + ours), Counter(both + theirs)
    assert Counter(row for is_ours, row in found if is_ours) == mine - other
    assert Counter(row for is_ours, row in found if not is_ours) == other - mine


def test_rows_are_not_kept():
    """Neither equal ones nor those that differ."""
    count = 20_000

    def an_index(step):
        counts = {"turns": 0, "knowledge pages": 0, "vectors": 0}
        rows = ((f"{number:09}", "x" * 100) for number in range(0, count * step, step))
        return SimpleNamespace(rows=lambda: {"tasks": rows}, counts=lambda: counts)

    for step, told in ((1, 0), (2, care.MOST)):
        tracemalloc.start()
        try:
            assert len(care._compare(an_index(1), an_index(step), 0)) == told
            assert tracemalloc.get_traced_memory()[1] < 300_000
        finally:
            tracemalloc.stop()
