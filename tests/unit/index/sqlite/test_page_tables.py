"""The tables of pages and of the graph: what is in them, and that damage in them is seen and
repaired."""

import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.page import likeness
from plainmind.ground import file_states
from plainmind.ground.paths import Home
from plainmind.index.sqlite import index_file, opening, words
from plainmind.memory import care, pages
from unit.index import stores
from unit.index.stores import Fake
from unit.index.test_pages_sync import HAPPENINGS, World, a_vault, answers, many
from unit.index.vaults import everything, write, write_office

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture(autouse=True)
def office(home):
    write_office(home)


def test_what_was_spoilt_is_repaired(home):
    with stores.opened(home) as index:
        before = everything(index)
        with index.writing() as db:
            db.execute("DELETE FROM kg_triples WHERE subject = 'Bob'")
            db.execute("UPDATE kg_entities SET same = 'x'")
            db.execute("INSERT INTO kg_triples VALUES (99, 1, 'nobody', 'owns', 'it', 'owns')")
        assert everything(index) != before
    pages.health(stores.memory(home), rebuild=True)
    with stores.opened(home) as index:
        assert everything(index) == before


def test_the_view_for_sqlite3(home):
    write(home, "c", supersedes="a")
    with stores.opened(home) as index:
        index.look_at_pages()
        rows = index.db.execute(
            "SELECT subject, predicate, object, path, line, superseded FROM kg "
            "ORDER BY path, line, subject"
        ).fetchall()
        assert rows[0] == ("Ann Lee", "owns", "auth-service", "knowledge/a.md", 5, 1)
        assert [row[5] for row in rows] == [1, 1, 1, 0, 0, 0]


def test_another_process_was_faster(home, monkeypatch):
    """It forgot the page that went, and gave its id to a new one: that one stays."""
    write(home, "c", "two")
    with stores.opened(home) as index:
        index.look_at_pages()
    os.unlink(home.path("knowledge/c.md"))
    real, once = index_file.IndexFile.writing, []

    def late(self):
        if not once:
            once.append(True)
            write(home, "d", "three")
            with stores.opened(home) as other:
                other.look_at_pages()
        return real(self)

    monkeypatch.setattr(index_file.IndexFile, "writing", late)
    with stores.opened(home) as index:
        assert [row[2] for row in sorted(index.rows()["pages"])] == ["a", "b", "d"]
    assert once


def test_one_page_that_changed_is_written_and_no_other(home, monkeypatch):
    monkeypatch.setattr(file_states, "UNSETTLED", -1)  # as if all of it had happened long ago
    costs = []
    for count in (10, 200):
        many(home, count)
        for most in (None, 1, 0):  # what changed; the folders, once it is quiet; nothing
            with stores.opened(home) as index:
                index.look_at_pages()
                assert most is None or index.db.total_changes == most
        write(home, "page-5", "# Page 5\n\nSomething else.", triples="[[ben, owns, boiler-5]]")
        with stores.opened(home) as index:
            index.look_at_pages()
            costs.append(index.db.total_changes)
    hashes = 2 * likeness.KEYS  # of the old text, and of the new one
    assert costs[0] == costs[1] < 30 + hashes


@settings(max_examples=10, phases=stores.UNSHRUNK)
@given(seed=st.integers(0, 2**32), happened=st.lists(st.sampled_from(HAPPENINGS), min_size=4))
def test_words_and_state_of_a_file_are_those_of_a_new_index(tmp_path_factory, seed, happened):
    folder = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_states, "UNSETTLED", 60 * 10**9)
        world = World(Home(str(folder / "home")), seed)
        for happening in happened:
            happening(world)
        with (
            stores.opened(world.home) as index,
            opening.made_in(world.home, str(folder / "again")) as again,
        ):
            for made in (index, again):
                made.look_at_pages()
                assert made.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            for sql in (
                "SELECT path, link, size, digest, words FROM pages",
                "SELECT term, path, col FROM page_places LEFT JOIN pages ON pages.id = doc",
            ):
                rows = [sorted(made.db.execute(sql), key=repr) for made in (index, again)]
                assert rows[0] == rows[1]


@pytest.mark.parametrize("seed", range(4))
def test_fts4_ranks_pages_as_fts5_does(home, monkeypatch, seed):
    found = []
    for name in "ab":
        os.unlink(home.path(f"knowledge/{name}.md"))
    for fts5 in (True, False):
        a_vault(home, seed)
        monkeypatch.setattr(opening, "has_fts5", lambda db, fts5=fts5: fts5)
        with stores.opened(home) as index:
            assert index.fts5 == fts5
            stores.run(index, Fake())
        # what changed and what went is forgotten by both
        write(home, "page-3", "restart the tomato server")
        os.unlink(home.path("knowledge/page-4.md"))
        with stores.opened(home) as index:
            before = answers(index)
            places = [
                [(*p,) for p in words.page_postings(index, term)]
                for term in ("restart", "日", "page", "cafe")
            ]
            found.append((places, before))
            index.purge()
            assert answers(index) == before
        opening.rebuild(home)
        shutil.rmtree(home.vectors)
    assert found[0] == found[1] and any(found[0][0])


# --- mem-index --verify

PLANTED = {
    "pages": "UPDATE pages SET title = 'other' WHERE name = 'a'",
    "pages, name": "UPDATE pages SET name = 'other' WHERE name = 'a'",
    "pages, link": "UPDATE pages SET link = 'other' WHERE name = 'a'",
    "pages, sketch": "UPDATE pages SET sketch = x'00000000' WHERE name = 'a'",
    "pages, words": "UPDATE pages SET words = 1 WHERE name = 'a'",
    "pages, one more": "INSERT INTO pages SELECT 99, 'knowledge/z.md', name, link, inode, "
    "modified, changed, size, digest, date, type, tier, source, "
    "image, valid_from, valid_to, title, body, line, words, sketch FROM pages WHERE name = 'a'",
    "page_words": "UPDATE page_words SET rest = 'other' WHERE rowid = (SELECT id FROM pages WHERE "
    "name = 'a')",
    "page_words, one less": "DELETE FROM page_words WHERE rowid = (SELECT id FROM pages WHERE "
    "name = 'a')",
    "page_words, nobody's": "INSERT INTO page_words (rowid, opening, rest) VALUES (99, 'x', 'y')",
    "passages": "UPDATE passages SET line = line + 1 WHERE text LIKE '%hums%'",
    "passages, twice": "INSERT INTO passages (page, line, text) SELECT page, line, text FROM "
    "passages LIMIT 1",
    "passages, nobody's": "INSERT INTO passages (page, line, text) VALUES (99, 1, 'x')",
    "page_tags": "DELETE FROM page_tags",
    "page_links": "UPDATE page_links SET target = 'other'",
    "page_links, nobody's": "INSERT INTO page_links VALUES (99, 'a', '', 0, 0)",
    "page_aliases, nobody's": "INSERT INTO page_aliases VALUES (99, 'a')",
    "kg_triples": "UPDATE kg_triples SET object = 'other'",
    "kg_triples, twice": "INSERT INTO kg_triples SELECT * FROM kg_triples LIMIT 1",
    "kg_entities": "UPDATE kg_entities SET triples = 9",
    "vectors of passages": "UPDATE vectors SET embedding = x'0000803f' WHERE kind = 'passage'",
}


@pytest.mark.parametrize("planted", PLANTED)
def test_verify_finds_what_was_planted(home, planted):
    write(home, "a", "the boiler hums [[b]]", tags="[x]", triples="[[ann, owns, boiler]]")
    write(home, "b", "it is old", supersedes="c")
    # looked at so late that the files are not read again for their time alone
    for name in "ab":
        os.utime(home.path(f"knowledge/{name}.md"), (1_700_000_000, 1_700_000_000))
    with stores.opened(home) as index:
        stores.run(index, Fake())
    assert care.verify(stores.memory(home)) == []
    with stores.opened(home) as index:
        assert index.db.execute(PLANTED[planted]).rowcount
    found = care.verify(stores.memory(home))
    if planted == "pages, one more":  # it is forgotten, as if the file had gone: there is none
        assert {difference.table for difference in found} == set()
        return
    assert planted.split(",")[0] in {difference.table for difference in found}, found
