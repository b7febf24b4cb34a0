"""Sums over periods of time, against what the rows themselves add up to."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import date
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.ground import clock, zone
from plainmind.ground.errors import Usage
from plainmind.ground.paths import Home
from plainmind.index.engine import Period
from plainmind.work import days
from unit.index import stores
from unit.index.sqlite.test_work_tables import line, write

MODELS, ROUTES = ("a", "b:c"), ("local", "cloud", None)
START = clock.parse("2026-03-27T00:00:00Z")  # two days before clocks change in London
SUMS = {
    "llm_usage": (("model", "route"), ("calls", "input_tokens", "cost")),
    "xp_transactions": (("agent",), ("amount",)),
    "routes": (("decision", "rule"), ()),
}


def ask(home: Home, question: Callable):
    for index in stores.attempts(home, pytest.fail):
        with index:
            return question(index)
    raise AssertionError


def a_journal(rnd: random.Random, count: int) -> list[bytes]:
    found = []
    for number in range(count):
        at = clock.to_text(START + rnd.randrange(5 * clock.DAY))
        usage = {
            "model": rnd.choice(MODELS), "route": rnd.choice(ROUTES), "calls": 2,
            "input_tokens": rnd.choice([7, None]), "cost": rnd.choice([0.1, 0, None]),
        }  # fmt: skip
        usage = {key: value for key, value in usage.items() if value is not None}
        sent = {"task": "x", "decision": rnd.choice(ROUTES[:2]), "rule": "logs", "score": 0.5}
        done = {"agent": rnd.choice(["ux", "seo"]), "description": "x", "status": "completed"}
        for type, fields in (("llm_usage", usage), ("route", sent), ("task", done)):
            found.append(line_at(f"{type}-{number}", type, at, **fields))
    return found


def line_at(id: str, type: str, at: str, **fields) -> bytes:
    return line(id, type, **fields).replace(clock.to_text(1_770_000_000_000).encode(), at.encode())


@given(st.integers(0, 1 << 32))
@settings(max_examples=12)
def test_sums_are_those_of_the_rows(tmp_path_factory, seed):
    rnd = random.Random(seed)
    home = Home(str(tmp_path_factory.mktemp("home")))
    write(home, a_journal(rnd, rnd.choice([0, 5, 60])))
    periods = days.list_days(START + 4 * clock.DAY, 4)
    for name, (by, add) in SUMS.items():
        rows = ask(home, lambda index: index.work_rows(name))
        expected = []
        for period in periods:
            groups: dict[tuple, list] = {}
            for row in rows:
                if period.first <= clock.parse(row["at"]) <= period.last:
                    groups.setdefault(tuple(row[key] for key in by), []).append(row)
            for key in sorted(groups, key=repr):
                values = {}
                for column in add:
                    some = [row[column] for row in groups[key] if row[column] is not None]
                    values[column] = pytest.approx(fsum(some)) if some else None
                count = {"period": period.name, **dict(zip(by, key)), "count": len(groups[key])}
                expected.append({**count, **values})
        assert ask(home, lambda index: index.work_sums(name, periods, by, add)) == expected


def test_only_rows_with_a_value_and_all_of_one_span(tmp_path):
    home = Home(str(tmp_path))
    usage = [line("1", "llm_usage", 0, model="a", cost=1), line("2", "llm_usage", 1, model="a")]
    write(home, usage)
    always = [Period("", 0, clock.parse("2027-01-01T00:00:00Z"))]
    of = lambda **equal: ask(home, lambda x: x.work_sums("llm_usage", always, (), (), **equal))
    assert [of(), of(cost=None), of(model="b")] == [
        [{"period": "", "count": 2}], [{"period": "", "count": 1}], [],
    ]  # fmt: skip


def test_the_last_rows_by_another_column_than_the_key(tmp_path):
    home = Home(str(tmp_path))
    write(home, [line(id, "lesson", at, lesson=id) for id, at in (("a", 3), ("b", 1), ("c", 2))])
    of = lambda **how: [
        row["id"] for row in ask(home, lambda x: x.work_rows("lessons_learned", **how))
    ]
    assert [of(), of(by="at"), of(by="at", last=2), of(last=2)] == [
        ["a", "b", "c"], ["b", "c", "a"], ["c", "a"], ["b", "c"],
    ]  # fmt: skip
    with pytest.raises(Usage):
        of(by="1; DROP TABLE tasks")


def test_no_row_is_read_that_counts_for_nothing(tmp_path):
    """Each sum of the board is answered by an index that has the period in a row."""
    home = Home(str(tmp_path))
    write(home, a_journal(random.Random(1), 9))
    for name, (by, add) in SUMS.items():
        queries: list[str] = []

        def watch(index, name=name, by=by, add=add, queries=queries):
            index.work_rows("teams")
            index.db.set_trace_callback(queries.append)
            index.work_sums(name, [Period("", 0, 1)], by, add)
            index.db.set_trace_callback(None)
            asked = [query for query in queries if " BETWEEN " in query]
            assert asked
            plans = (index.db.execute(f"EXPLAIN QUERY PLAN {query}") for query in asked)
            return [plan.fetchone()[3] for plan in plans]

        for plan in ask(home, watch):
            assert "USING COVERING INDEX" in plan and "at>? AND at<?" in plan, plan


@pytest.mark.parametrize("name", ["Europe/London", "Asia/Kolkata", "Pacific/Auckland"])
def test_days_are_the_persons_without_a_gap(name):
    zone.use(lambda: name)
    try:
        found = days.list_days(START + 5 * clock.DAY, 10)
        assert [b.first - a.last for a, b in zip(found, found[1:])] == [1] * 9
        assert found[-1].name == zone.to_day(START + 5 * clock.DAY).isoformat()
        hours = Counter((day.last + 1 - day.first) // 3_600_000 for day in found)
        changes = {"Europe/London": {24: 9, 23: 1}, "Asia/Kolkata": {24: 10}}
        assert hours == changes.get(name, {24: 10})
        assert date.fromisoformat(found[0].name)
    finally:
        zone.use(lambda: zone.DEFAULT)
