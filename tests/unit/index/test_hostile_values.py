"""Whatever value a file can hold, each engine takes it in, and both say the same of it."""

import json
import math
import os
import struct
import zlib

import pytest
from plainmind.formats.evidence import Scope
from plainmind.ground import files
from plainmind.index.cache import Cache, content_hash, set_serving
from plainmind.index.sqlite import opening as sqlite
from plainmind.recall.search import Query
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import hostile_values, stores
from unit.index.engines import engine_on
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


HOSTILE = {
    "not a number": struct.pack("<8e", *[math.nan] * 8),
    "infinite": struct.pack("<8e", -math.inf, *[0.0] * 7),
    "too long for pgvector": struct.pack("<16001e", *[0.0078] * 16001),
}


@pytest.mark.parametrize("vector", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_vector_that_is_none_is_passed_over(home, tmp_path, kind, vector, request):
    """Its checksum is right: it came from another machine, say."""
    Log(home).append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    with sqlite.made_in(home, str(tmp_path)) as index:
        (one,) = index.pending(stores.MODEL, NOW)
    record = content_hash(one.text) + vector
    head = {"model": stores.MODEL, "dimensions": len(vector) // 2}
    data = json.dumps(head).encode() + b"\n" + record + zlib.crc32(record).to_bytes(4, "little")
    files.replace(Cache(home, stores.MODEL).path, data)
    set_serving(home, stores.MODEL)
    engine = engine_on(request.getfixturevalue("server")) if kind == "postgresql" else sqlite
    with engine.made_in(home, home.index) as index:
        query = Query("zebra", NOW, stores.Fake().vector("zebra"), stores.MODEL)
        assert len(stores.search(index, query, Scope(), 5, -1.0).hits) == 1
        assert index.status(stores.MODEL).pending == 1
        stores.run(index, stores.Fake())
        assert index.status(stores.MODEL).pending == 0


def test_on_postgresql_whatever_a_file_can_hold_is_taken_in(server, filled, tmp_path):
    """The same where the tests of both engines are not run."""
    check(filled, engine_on(server), tmp_path)
