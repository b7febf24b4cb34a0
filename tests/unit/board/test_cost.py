"""The page of the cost shows what work-log cost prints."""

import os
from collections.abc import Callable
from math import fsum

import pytest
from board_home import SECRET, fill, open_memory, read_records
from plainmind.board import rendering
from plainmind.board.links import LiveLinks
from plainmind.board.pages import cost, find_page
from plainmind.ground import clock
from plainmind.ground.errors import Usage
from plainmind.ground.paths import Home
from plainmind.memory import Memory
from plainmind.truth.work import journal
from plainmind.work import costs
from scene import NOW, TIME

#: of the journal, each a day after the one before; the last is today
MORE = [
    {"model": "a", "cost": 0.5, "seconds": 3.0},
    {"model": "a", "route": "local", "input_tokens": 10},
    {"model": "<b>b</b>", "route": "cloud", "cost": 0, "output_tokens": 7, "seconds": 0.25},
]


@pytest.fixture(scope="module")
def memory(tmp_path_factory) -> Memory:
    memory = fill(Home(str(tmp_path_factory.mktemp("home"))))
    journal.log(memory.home, [
        {"type": "llm_usage", "at": clock.to_text(NOW - back * clock.DAY), **fields}
        for back, fields in zip(reversed(range(len(MORE))), MORE)
    ], NOW)  # fmt: skip
    return memory


@pytest.fixture
def ask(command, memory) -> Callable[..., list]:
    """What `work-log cost DAYS --json` prints."""
    return lambda days: read_records(
        command("work-log", "cost", str(days), "--json", "--now", TIME, home=memory.home)
    )


def show(memory: Memory, **query: str) -> str:
    """The page as it is sent."""
    data = rendering.show(cost.read(memory, "", query), memory.env.mask)
    return rendering.render(find_page("cost"), data, LiveLinks(), memory.now())


def add(records: list, name: str):
    values = [record[name] for record in records if record[name] is not None]
    return pytest.approx(fsum(values)) if values else None


def test_what_the_command_prints_is_what_the_index_has(memory, ask, command):
    records, rows = ask(3650), []
    manual = command("work-log", "--help", home=memory.home).decode()
    assert {(*record,) for record in records} == {costs.KEYS}
    assert ", ".join(costs.KEYS) in manual
    for index in memory.opened():
        with index:
            rows = index.work_rows("llm_usage")
    for name in ("calls", "failed", "input_tokens", "output_tokens", "cost", "seconds"):
        assert add(records, name) == add(rows, name), name
    assert sum(record["unpriced"] for record in records) == 1
    keys = [(record["day"], record["model"], record["route"]) for record in records]
    assert len(keys) == len(set(keys)) > 20
    assert [day for day, *_ in keys] == sorted(day for day, *_ in keys)


@pytest.mark.parametrize("days", [1, 7, 30, 365])
def test_figures_charts_and_tables_are_those_of_the_command(memory, ask, days):
    records, shown = ask(days), cost.read(memory, "", {"days": str(days)})
    for name in ("calls", "failed", "input_tokens", "output_tokens", "cost", "seconds", "unpriced"):
        assert getattr(shown["total"], name) == add(records, name)
        for key, table in (("model", "models"), ("route", "routes")):
            assert {name for name, _ in shown[table]} == {record[key] or "" for record in records}
            for value, one in shown[table]:
                of = [record for record in records if (record[key] or "") == value]
                assert getattr(one, name) == add(of, name)
    for each in cost.FIGURES:
        assert shown["figures"][each].cost == add(ask(each), "cost")
    money = shown["money"]
    for at, model in enumerate(money.columns, 1):
        by_day = {row[0]: row[at] for row in money.rows if row[at] is not None}
        of = [record for record in records if record["model"] == model]
        told = {record["day"] for record in of if record["cost"] is not None}
        assert set(by_day) == told
        for day in told:
            assert by_day[day] == add([record for record in of if record["day"] == day], "cost")
    assert len(money.rows) == days and money.rows[-1][0] == TIME[:10]
    of_kind = {name: sum(row[at] or 0 for row in shown["tokens"].rows)
               for at, name in enumerate(shown["tokens"].columns, 1)}  # fmt: skip
    assert of_kind == {kind: add(records, f"{kind}_tokens") for kind in of_kind}


def test_what_nobody_told_is_no_cost_of_nothing(memory):
    shown = cost.read(memory, "", {})
    assert shown["total"].unpriced == 1 and dict(shown["models"])["<b>b</b>"].cost == 0
    html = show(memory)
    assert "The cost of 1 call of the last 30 days is not known" in html
    assert "turn.input_price" in html and "not routed" in html
    assert "&lt;b&gt;b&lt;/b&gt;" in html and "<b>b</b>" not in html and SECRET not in html


def test_decisions_are_counted_by_their_rule(memory):
    assert cost.read(memory, "", {})["decisions"] == [
        {"decision": "local", "rule": "package-updates", "count": 1}
    ]
    assert cost.read(memory, "", {"days": "1"})["decisions"] == []


def test_an_empty_home_says_what_makes_it(tmp_path):
    html = show(open_memory(Home(str(tmp_path / "none"))))
    assert "No model was called" in html and "agent-turn --context" in html
    assert "agent-route" in html and "<figure" not in html
    assert not os.path.exists(tmp_path / "none")


@pytest.mark.parametrize("days", ["0", "x", "-1", "366", "1e3", "٣", "9" * 400])
def test_what_is_no_number_of_days_is_told(memory, days):
    with pytest.raises(Usage):
        cost.read(memory, "", {"days": days})


def test_only_the_last_days_are_shown(memory, ask):
    assert {record["day"] for record in ask(1)} == {TIME[:10]}
    assert dict(cost.read(memory, "", {"days": "1"})["models"]).keys() == {
        record["model"] for record in ask(1)
    }


def test_before_the_first_year_there_is_no_day(command, memory):
    command("work-log", "cost", "--now", "0001-01-02", home=memory.home, code=1)
    assert not cost.read(open_memory(memory.home, now=-62_135_510_400_000), "", {})["some"]
