"""What is taken back leaves the files of PostgreSQL's tables. No other transaction is open in that
database: rows that one may still see stay until it ends."""

import os
import re

import pytest
from plainmind import index as index_package
from plainmind.ground.paths import Home
from plainmind.index.postgres import words
from plainmind.memory import event_forgetting
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT
from unit.index import stores
from unit.index.engines import engine_on
from unit.index.vaults import write

pytestmark = pytest.mark.usefixtures("unsynced")


def test_what_is_forgotten_leaves_the_files_of_the_tables(server, tmp_path, monkeypatch):
    home, failures = Home(str(tmp_path / "home")), []
    engine = engine_on(server)
    monkeypatch.setattr(index_package, "engine_in_use", lambda *given, **more: engine)
    drafts = [EventDraft(NOW, "user", text, {}) for text in ("the zanzibarword", "the other word")]
    ref = Log(home).append("test/1", drafts, NOW)[0].ref
    with engine.made_in(home, home.index) as index:
        stores.run(index, stores.Fake())
    assert server.holds(b"zanzibarword")
    memory = stores.memory(home)
    found = event_forgetting.forget(
        memory, b"", [ref], meta_too=False, reason="", report=failures.append
    )
    assert "forgotten" in [one.code for one in found] and failures == []
    assert not server.holds(b"zanzibarword") and server.holds(b"the other word")


def test_what_a_page_said_leaves_the_files_of_the_tables(server, tmp_path):
    home = Home(str(tmp_path / "home"))
    head = {"tags": "[xylotag]", "aliases": "[xyloalias]"}
    triples = "[[xylosubject, owns, xyloobject]]"
    write(home, "one", "# The xylobody\n\nSee [[xylolink]].", triples=triples, **head)
    write(home, "two", "# Other")
    said = [f"xylo{part}".encode() for part in "body link tag alias subject object".split()]
    engine = engine_on(server)
    with engine.made_in(home, home.index) as index:
        index.look_at_pages()
        stores.run(index, stores.Fake())
    assert [word for word in said if not server.holds(word)] == []
    os.unlink(home.path("knowledge/one.md"))
    with engine.made_in(home, home.index) as index:
        index.purge()
    assert [word for word in said if server.holds(word)] == []
    # a new table has to say whether it has something of a text
    rows = server.sql(
        f"SELECT tablename FROM pg_tables WHERE schemaname = '{server.role_of(home)}'"
    )
    with open(os.path.join(ROOT, "lib/plainmind/index/rows/work.sql")) as file:
        work = set(re.findall(r"^CREATE TABLE (\w+)", file.read(), re.M))
    rewritten = {*words._OF_EVENTS, *words._OF_PAGES, *words._OF_BOTH}
    without = "settings windows unembedded pins changes".split()
    assert {name for (name,) in rows} - work == rewritten.union(without)
