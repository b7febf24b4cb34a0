"""Whatever value a file can hold, each engine takes it in, and both say the same of it."""

import os

import pytest
from plainmind.formats.evidence import Scope
from plainmind.index.sqlite import opening as sqlite
from plainmind.recall.search import Query
from scene import NOW
from unit.index import hostile_values, stores
from unit.index.hostile_values import AUTHORS, name
from unit.index.vaults import everything

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def filled(home):
    hostile_values.fill(home)
    return home


def check(home, engine, tmp_path) -> None:
    with (
        engine.made_in(home, home.index) as index,
        sqlite.made_in(home, str(tmp_path / "other")) as other,
    ):
        stores.run(index, stores.Fake())
        index.look_at_sessions()
        other.look_at_sessions()
        ours, theirs = everything(index), everything(other)
        for table in ours.keys() | theirs.keys():
            if not table.startswith("vectors"):
                assert ours[table] == theirs[table], table
        assert hostile_values.look(index) == hostile_values.look(other)
        for text in ("zebra", "far down", *AUTHORS):
            found = [stores.search(one, Query(text, NOW), Scope(), 20, -1.0).hits
                     for one in (index, other)]  # fmt: skip
            assert found[0] == found[1] and found[0], text[:20]


def test_whatever_a_file_can_hold_is_taken_in(engine, filled, tmp_path):
    check(filled, engine, tmp_path)
    # and taken out: what is written by one key is found by it
    for path in ("knowledge/long.md", "work/events.jsonl"):
        os.unlink(filled.path(path))
    hostile_values.write(filled, "long", tags=f"[{name(12)[:-1]}]", triples=f"[[{name(2)}, is, a]]")
    check(filled, engine, tmp_path / "again")


def test_on_postgresql_whatever_a_file_can_hold_is_taken_in(server, filled, tmp_path):
    """The same where the tests of both engines are not run."""
    from unit.index.engines import engine_on

    check(filled, engine_on(server), tmp_path)
