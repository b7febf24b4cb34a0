"""Pages to rows: whatever happens to the files, the index comes to say what a new one would, and touches nothing else."""

import os
import random
import shutil
import time
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.page import page as format
from plainmind.ground import files
from plainmind.ground.errors import NoInput
from plainmind.ground.paths import Home
from plainmind.index import embedding, pages, store, text
from plainmind.memory import care
from plainmind.recall import knowledge, search
from plainmind.recall.knowledge import Policy
from plainmind.truth.pages import page_files as on_disk
from scene import NOW
from unit.index import stores
from unit.index.stores import MODEL, Fake
from unit.index.vaults import everything, taken_in, write, write_bytes

pytestmark = pytest.mark.usefixtures("unsynced")
numbers = iter(range(10**6))

#: every column of every table of pages, but for ids and the state of the file
ROWS = {
    "pages": "SELECT path, name, link, size, digest, date, type, tier, source, image, valid_from, valid_to, title, body, line, words, sketch "
    "FROM pages",
    "page_words": "SELECT path, head, rest FROM page_words LEFT JOIN pages ON pages.id = page_words.rowid",
    "terms": "SELECT term, path, col FROM page_places LEFT JOIN pages ON pages.id = doc",
    "passages": "SELECT path, passages.line, text FROM passages LEFT JOIN pages ON pages.id = page",
    "page_tags": "SELECT path, tag FROM page_tags LEFT JOIN pages ON pages.id = page",
    "page_links": "SELECT path, target, supersedes, place FROM page_links LEFT JOIN pages ON pages.id = page",
    "kg_triples": "SELECT path, kg_triples.line, subject, predicate, object, written FROM kg_triples LEFT JOIN pages ON pages.id = page",
    "kg_entities": "SELECT name, same, triples FROM kg_entities",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def late():
    """A machine under load takes longer than two seconds for what is to happen in one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "UNSETTLED", 60 * 10**9)
        yield


def fresh_rows(home: Home, folder) -> dict:
    """The rows of an index made anew."""

    def work(made):
        pages.take_in(made)
        return everything(made, ROWS)

    return store.use_new(home, str(folder / f"anew-{next(numbers)}"), work)


# --- incremental equals rebuilt


class World:
    """A vault that things happen to."""

    def __init__(self, home: Home, seed: int):
        self.home, self.rnd = home, random.Random(seed)

    def paths(self) -> list[str]:
        return list(on_disk.list_paths(self.home))

    def _one(self) -> str:
        return self.rnd.choice(self.paths() or [self.create()])

    def _name(self) -> str:
        place = self.rnd.choice(["knowledge", "knowledge", "raw/compaction", "raw/observations"])
        return f"{place}/{self.rnd.choice(['a', 'b', 'B', 'c-d', 'c_d', 'e f', 'ü'])}.md"

    def text(self) -> bytes:
        rnd = self.rnd
        head = {
            "date": rnd.choice(["2026-01-30", "30 January", "", "2025-02-29"]),
            "type": rnd.choice(["user", "project", "nonsense", "[list]"]),
            "tier": rnd.choice(["L1", "L2", ""]),
            "tags": rnd.choice(["", "[x, y, x]", "x", '["\\uD800"]']),
            "triples": rnd.choice(["", "[[ann, owns, dog], [Ann, has a, dog]]", "[[ann, owns, dog], [ann, owns, dog]]", "[[x y, likes, x y]]"]),
            "source": rnd.choice(["", "explicit", '"\\uD800"']),
            "supersedes": rnd.choice(["", "a", "[b, c-d]"]),
            "valid_to": rnd.choice(["", "2026-01-29"]),
        }  # fmt: skip
        lines = "".join(f"{key}: {value}\n" for key, value in head.items() if value)
        said = [
            rnd.choice(
                [
                    "# Title",
                    "[[a]] and [[C D]]",
                    "the boiler hums " * rnd.randrange(60),
                    "日本語",
                    "x" * 200,
                ]
            )
            for _ in range(4)
        ]
        body = rnd.choice(["\n\n", "\n", "\r\n"]).join(rnd.sample(said, rnd.randrange(5)))
        return rnd.choice(
            [f"---\n{lines}---\n{body}", f"---\n{lines}{body}", body]
        ).encode() + rnd.choice([b"", b"\n", b"\xff"])

    # what may happen

    def create(self) -> str:
        path = self._name()
        if os.path.isdir(full := self.home.path(path)) and not os.path.islink(full):
            os.rmdir(full)
        if os.path.islink(full):
            os.unlink(full)
        return write_bytes(self.home, path, self.text())

    def edit(self) -> None:
        write_bytes(self.home, self._one(), self.text())

    def replace(self) -> None:
        files.replace(self.home.path(self._one()), self.text())

    def edit_in_the_same_tick(self) -> None:
        """Of the same size, without a sign in the file's state."""
        full = self.home.path(self._one())
        write_bytes(self.home, os.path.relpath(full, self.home.root), self.text())
        self.look()
        before = os.stat(full)
        data = files.read(full)
        at = self.rnd.randrange(max(1, len(data)))
        with open(full, "r+b") as file:
            file.write(data[:at] + bytes([98]) * (len(data) > at) + data[at + 1 :])
        os.utime(full, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = os.stat(full)
        assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
            before.st_ino,
            before.st_size,
            before.st_mtime_ns,
        )

    def rename(self) -> None:
        full, other = self.home.path(self._one()), self.home.path(self._name())
        if not os.path.isdir(other):
            os.makedirs(os.path.dirname(other), exist_ok=True)
            os.rename(full, other)

    def swap(self) -> None:
        one, other = self.home.path(self._one()), self.home.path(self._one())
        if one != other:
            os.rename(one, one + ".tmp")
            os.rename(other, one)
            os.rename(one + ".tmp", other)

    def delete(self) -> None:
        os.unlink(self.home.path(self._one()))

    def touch(self) -> None:
        then = time.time_ns() - self.rnd.choice([0, 10**9, 10**12, -(10**13)])
        os.utime(self.home.path(self._one()), ns=(then, then))

    def make_folder(self) -> None:
        full = self.home.path(self._name())
        if not os.path.lexists(full):
            os.makedirs(full)

    def link(self) -> None:
        full = self.home.path(self._name())
        if not os.path.lexists(full):
            os.makedirs(os.path.dirname(full), exist_ok=True)
            os.symlink(
                self.rnd.choice([self.home.path("knowledge/a.md"), "/etc/passwd", "nowhere"]), full
            )

    def look(self) -> None:
        with stores.opened(self.home) as made:
            pages.take_in(made)


HAPPENINGS = [
    World.create, World.create, World.create, World.edit, World.edit, World.replace, World.edit_in_the_same_tick, World.rename, World.swap,
    World.delete, World.touch, World.make_folder, World.link, World.look,
]  # fmt: skip


@settings(max_examples=60, phases=stores.UNSHRUNK)
@given(
    seed=st.integers(0, 2**32),
    happened=st.lists(st.sampled_from(HAPPENINGS), min_size=4, max_size=14),
)
def test_an_index_comes_to_say_what_a_new_one_would(folder, late, seed, happened):
    world = World(Home(str(folder / str(next(numbers)))), seed)
    for happening in happened:
        happening(world)
        if world.rnd.random() < 0.7:
            with taken_in(world.home) as made:
                assert everything(made, ROWS) == fresh_rows(world.home, folder), happening.__name__
                assert made.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    world.look()
    assert care.verify(stores.means(world.home)) == []


# --- and touches nothing else


def many(home: Home, count: int) -> None:
    for number in range(count):
        write(home, f"page-{number}", f"# Page {number}\n\nThe boiler number {number} hums. [[page-{number + 1}]]", tags="[x]",
              triples=f"[[ann, owns, boiler-{number}]]")  # fmt: skip
        os.utime(home.path(f"knowledge/page-{number}.md"), (1_700_000_000, 1_700_000_000))


def test_one_page_that_changed_is_read_and_written_and_no_other(home, monkeypatch):
    read, costs = [], []
    real = format.parse
    monkeypatch.setattr(format, "parse", lambda data, path: read.append(path) or real(data, path))
    for count in (10, 200):
        many(home, count)
        with taken_in(home) as made:
            assert pages.take_in(made) == 0
            read.clear()
            before = made.db.total_changes
            assert pages.take_in(made) == 0 and made.db.total_changes == before and read == []
            write(home, "page-5", "# Page 5\n\nSomething else.", triples="[[ben, owns, boiler-5]]")
            assert pages.take_in(made) == 1
            assert read == ["knowledge/page-5.md"]
            costs.append(made.db.total_changes - before)
    assert costs[0] == costs[1] < 30


def test_a_page_of_which_only_the_time_changed_is_not_taken_in(home, monkeypatch):
    many(home, 3)
    with taken_in(home) as made:
        before = everything(made, ROWS)
        os.utime(home.path("knowledge/page-1.md"), (1_700_000_009, 1_700_000_009))
        monkeypatch.setattr(format, "parse", None)
        assert pages.take_in(made) == 0 and everything(made, ROWS) == before
        changes = made.db.total_changes
        assert pages.take_in(made) == 0 and made.db.total_changes == changes, "it is noted"


def passages_of(made) -> dict[str, int]:
    return dict(made.db.execute("SELECT text, id FROM passages"))


def paragraphs(*words: str) -> str:
    return "\n\n".join(" ".join([word] * 100) for word in words)


def test_a_passage_that_stands_as_before_keeps_its_id_and_its_vector(home):
    path = write(home, "page", paragraphs("tomato", "pepper", "leek"))
    with taken_in(home) as made:
        stores.run(made, Fake())
        before = passages_of(made)
        had = {-turn for (turn,) in made.db.execute("SELECT turn FROM vectors WHERE status = 'ok'")}
        assert had == set(before.values()) and len(had) == 3
        write(home, "page", paragraphs("pepper", "onion", "tomato"), tags="[x,\n  y]")
        pages.take_in(made)
        after = passages_of(made)
        assert {said: id for said, id in after.items() if "onion" not in said} == {
            said: id for said, id in before.items() if "leek" not in said
        }
        assert after["onion " * 99 + "onion"] not in had
        left = {-turn for (turn,) in made.db.execute("SELECT turn FROM vectors")}
        assert left == had - {before["leek " * 99 + "leek"]}
        for said, line in made.db.execute("SELECT text, line FROM passages"):
            assert (
                files.read(home.path(path))
                .decode()
                .split("\n")[line - 1]
                .startswith(said.split()[0])
            )
        # its title is embedded with each passage
        write(home, "page", paragraphs("pepper", "onion", "tomato") + "\n\n# Two")
        pages.take_in(made)
        assert not set(passages_of(made).values()) & set(after.values())
        assert made.db.execute("SELECT count(*) FROM vectors").fetchone() == (0,)
        # a page that goes takes them along
        stores.run(made, Fake())
        os.unlink(home.path(path))
        pages.take_in(made)
        assert [
            made.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("passages", "vectors", "page_words")
        ] == [0] * 3


def test_an_id_is_never_given_twice_while_a_vector_is_on_its_way(home):
    """The page changes, and goes, while its vectors are made: they are attached to nothing else."""
    write(home, "a", "about tomatoes")
    write(home, "b", "about peppers")

    class Slow(Fake):
        def passages(self, texts):
            if not self.calls:
                write(home, "a", "about leeks")
                os.unlink(home.path("knowledge/b.md"))
                write(home, "c", "about onions")
                with stores.opened(home) as other:
                    pages.take_in(other)
            return super().passages(texts)

    with taken_in(home) as made:
        stores.run(made, Slow())
        assert made.db.execute("SELECT count(*) FROM vectors").fetchone() == (0,)
        stores.run(made, Fake())
        for id, said in made.db.execute(
            "SELECT passages.id, title || char(10) || text FROM passages JOIN pages ON pages.id = page"
        ):
            (blob,) = made.db.execute(
                "SELECT embedding FROM vectors WHERE turn = ?", (-id,)
            ).fetchone()
            assert blob == Fake().vector(said).tobytes()


def test_another_process_was_faster(home, monkeypatch):
    """It forgot the page that went, and gave its id to a new one: that one stays."""
    write(home, "a", "one")
    write(home, "b", "two")
    with taken_in(home) as made:
        os.unlink(home.path("knowledge/b.md"))
        real, once = store.Store.writing, []

        def late(self):
            if not once:
                once.append(True)
                write(home, "c", "three")
                with stores.opened(home) as other:
                    pages.take_in(other)
            return real(self)

        monkeypatch.setattr(store.Store, "writing", late)
        pages.take_in(made)
        assert [row[0] for row in made.db.execute("SELECT name FROM pages ORDER BY path")] == [
            "a",
            "c",
        ]
        assert once


def test_many_at_once(home, folder):
    """Eight connections take in while pages come, change and go; no one fails, and the last look is right."""
    failed: list[BaseException] = []

    def look():
        try:
            for _ in range(6):
                store.use(home, pages.take_in, print)
        except BaseException as error:
            failed.append(error)

    rnd = random.Random(5)
    write(home, "p0", "first")
    threads = [Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(60):
        name = f"p{rnd.randrange(12)}"
        if rnd.random() < 0.7:
            write(home, name, f"text {number} " * rnd.randrange(1, 40), triples="[[a, owns, b]]")
        elif os.path.exists(path := home.path(f"knowledge/{name}.md")):
            os.unlink(path)
    for thread in threads:
        thread.join()
    assert failed == []
    with taken_in(home) as made:
        assert everything(made, ROWS) == fresh_rows(home, folder)


# --- the same answers


def answers(made) -> list:
    said = [
        "boiler hums",
        "日本語 server",
        "tomato 3",
        "restart",
        "page",
        "nowhere",
        "café Müller naive",
    ]
    found = []
    for query in said:
        for vector in (None, Fake().vector(query)):
            known = knowledge.search(
                made, search.Query(query, NOW, vector, MODEL), Policy(floor=0.05)
            )
            found.append(
                [
                    (each.path, each.why, round(each.score, 9), round(each.rel, 9))
                    for each in known.given
                ]
            )
    return found


def a_vault(home: Home, seed: int, count: int = 25) -> None:
    rnd = random.Random(seed)
    for number in range(count):
        body = " ".join(stores.a_content(rnd, []) for _ in range(rnd.randrange(1, 12)))
        write(home, f"page-{number}", f"{body} [[page-{rnd.randrange(count)}]]", tier=rnd.choice(["L1", "L2", "L2", "L2"]),
              tags=rnd.choice(["", "[日本語, café]"]), date=f"2026-01-{1 + rnd.randrange(28):02}")  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_fts4_ranks_pages_as_fts5_does(home, monkeypatch, seed):
    found = []
    for fts5 in (True, False):
        a_vault(home, seed)
        monkeypatch.setattr(store, "has_fts5", lambda db, fts5=fts5: fts5)
        with taken_in(home) as made:
            assert made.fts5 == fts5
            stores.run(made, Fake())
            # what changed and what went is forgotten by both
            write(home, "page-3", "restart the tomato server")
            os.unlink(home.path("knowledge/page-4.md"))
            pages.take_in(made)
            places = [
                [(*p,) for p in text.postings(made.db, term, fts5, "page_words")]
                for term in ("restart", "日", "page", "cafe")
            ]
            found.append((places, answers(made)))
            pages.purge(made)
            assert answers(made) == found[-1][1]
        store.rebuild(home)
    assert found[0] == found[1] and any(found[0][0])


def test_without_the_index_no_answer_changes_and_nobody_is_asked(home):
    a_vault(home, 9)
    with taken_in(home) as made:
        first = Fake()
        stores.run(made, first)
        before = answers(made)
    assert first.sent
    shutil.rmtree(home.index)
    with taken_in(home) as made:
        embedding.restore(made)
        assert answers(made) == before
        again = Fake()
        stores.run(made, again)
        assert again.calls == []
    assert care.verify(stores.means(home)) == []


# --- mem-index --verify

PLANTED = {
    "pages": "UPDATE pages SET title = 'other' WHERE name = 'a'",
    "pages, name": "UPDATE pages SET name = 'other' WHERE name = 'a'",
    "pages, link": "UPDATE pages SET link = 'other' WHERE name = 'a'",
    "pages, sketch": "UPDATE pages SET sketch = x'00000000' WHERE name = 'a'",
    "pages, words": "UPDATE pages SET words = 1 WHERE name = 'a'",
    "pages, one more": "INSERT INTO pages SELECT 99, 'knowledge/z.md', name, link, inode, modified, size, digest, date, type, tier, source, "
    "image, valid_from, valid_to, title, body, line, words, sketch FROM pages WHERE name = 'a'",
    "page_words": "UPDATE page_words SET rest = 'other' WHERE rowid = (SELECT id FROM pages WHERE name = 'a')",
    "page_words, one less": "DELETE FROM page_words WHERE rowid = (SELECT id FROM pages WHERE name = 'a')",
    "page_words, nobody's": "INSERT INTO page_words (rowid, head, rest) VALUES (99, 'x', 'y')",
    "passages": "UPDATE passages SET line = line + 1 WHERE text LIKE '%hums%'",
    "passages, twice": "INSERT INTO passages (page, line, text) SELECT page, line, text FROM passages LIMIT 1",
    "passages, nobody's": "INSERT INTO passages (page, line, text) VALUES (99, 1, 'x')",
    "page_tags": "DELETE FROM page_tags",
    "page_links": "UPDATE page_links SET target = 'other'",
    "page_links, nobody's": "INSERT INTO page_links VALUES (99, 'a', 0, 0)",
    "kg_triples": "UPDATE kg_triples SET object = 'other'",
    "kg_triples, twice": "INSERT INTO kg_triples SELECT * FROM kg_triples LIMIT 1",
    "kg_entities": "UPDATE kg_entities SET triples = 9",
    "vectors of passages": "UPDATE vectors SET embedding = x'0000803f' WHERE turn < 0",
}


@pytest.mark.parametrize("planted", PLANTED)
def test_verify_finds_what_was_planted(home, planted):
    write(home, "a", "the boiler hums [[b]]", tags="[x]", triples="[[ann, owns, boiler]]")
    write(home, "b", "it is old", supersedes="c")
    # looked at so late that the files are not read again for their time alone
    for name in "ab":
        os.utime(home.path(f"knowledge/{name}.md"), (1_700_000_000, 1_700_000_000))
    with taken_in(home) as made:
        stores.run(made, Fake())
    assert care.verify(stores.means(home)) == []
    with stores.opened(home) as made:
        assert made.db.execute(PLANTED[planted]).rowcount
    found = care.verify(stores.means(home))
    if (
        planted == "pages, one more"
    ):  # there is no such file: it is forgotten, as if the file had gone
        assert {difference.table for difference in found} == set()
        return
    assert planted.split(",")[0] in {difference.table for difference in found}, found


# --- odd files


def test_a_folder_that_is_a_link(home, tmp_path):
    os.makedirs(tmp_path / "disk")
    os.makedirs(home.root)
    os.symlink(tmp_path / "disk", home.path("knowledge"))
    write(home, "a", "the boiler hums")
    os.symlink("a.md", home.path("knowledge/same.md"))
    with open(tmp_path / "secret.md", "w") as file:
        file.write("the boiler's secret")
    os.symlink(tmp_path / "secret.md", home.path("knowledge/out.md"))
    with taken_in(home) as made:
        assert [row[0] for row in made.db.execute("SELECT path FROM pages ORDER BY path")] == [
            "knowledge/a.md",
            "knowledge/same.md",
        ]
        assert on_disk.render_page(home, "knowledge/a.md", False).endswith("the boiler hums\n")
        write(home, "a", "something else")
        assert pages.take_in(made) == 2
        os.unlink(home.path("knowledge"))
        assert pages.take_in(made) == 2
        assert everything(made, ROWS)["pages"] == []


def test_a_folder_below_the_first_level_leads_nowhere_else(home, tmp_path):
    """What mem-show and an expansion refuse to show is not recalled either."""
    write(home, "a", "the boiler hums")
    os.makedirs(tmp_path / "disk")
    with open(tmp_path / "disk" / "b.md", "w") as file:
        file.write("the boiler's secret")
    os.makedirs(home.path("raw"))
    os.symlink(tmp_path / "disk", home.path("raw/compaction"))
    with taken_in(home) as made:
        assert [row[0] for row in made.db.execute("SELECT path FROM pages")] == ["knowledge/a.md"]


def test_a_page_that_cannot_be_read_is_not_recalled_until_it_can(home, monkeypatch):
    for name in "ab":
        write(home, name, "the boiler hums")
    real, refusals = (
        on_disk.read_content,
        [PermissionError(13, "Permission denied"), NoInput("no file")],
    )

    def refused(home, path):
        if path.endswith("a.md"):
            raise refusals.pop()
        return real(home, path)

    with taken_in(home) as made:
        names = lambda: [row[0] for row in made.db.execute("SELECT name FROM pages ORDER BY name")]
        os.utime(home.path("knowledge/a.md"), (1, 1))
        monkeypatch.setattr(on_disk, "read_content", refused)
        pages.take_in(made)
        assert names() == ["b"]
        pages.take_in(made)
        assert names() == ["b"]
        monkeypatch.undo()
        pages.take_in(made)
        assert names() == ["a", "b"]


def test_odd_names_and_odd_bytes_stop_nothing(home):
    write(home, "ok", "the boiler hums")
    for name in (
        b"\xff.md",
        b"new\nline.md",
        b"tab\t.md",
        b"a b.md",
        b"\x1b[2J.md",
        "日本語.md".encode(),
        b" .md",
        b".hidden.md",
        b"no page.txt",
        b"UPPER.MD",
    ):
        with open(os.path.join(os.fsencode(home.path("knowledge")), name), "wb") as file:
            file.write(b"---\ndate: 2026-01-30\ntype: user\ntier: L2\n---\nboiler \xff\x00\n")
    os.mkfifo(home.path("knowledge/pipe.md"))
    write(
        home,
        "surrogates",
        "boiler",
        source='"\\uD800"',
        image='"\\uD800"',
        supersedes='"\\uD800"',
        triples='[["\\uD800", knows, b]]',
    )
    with taken_in(home) as made:
        assert [row[0] for row in made.db.execute("SELECT name FROM pages ORDER BY name")] == [
            " ", "a b", "ok", "surrogates", "日本語",
        ]  # fmt: skip
        assert len(knowledge.search(made, search.Query("boiler", NOW), Policy(k=99)).found) == 5
    assert care.verify(stores.means(home)) == []


@pytest.mark.parametrize("shift", range(3))
def test_of_a_page_that_is_too_large_whole_lines_are_taken(home, shift):
    """Not a character cut in two, which would make the whole file no text."""
    write(home, "large", "x" * shift + "日本語 boiler\n" * 80_000, type="user", tier="L1")
    assert os.path.getsize(home.path("knowledge/large.md")) > on_disk.LARGEST
    with taken_in(home) as made:
        kind, tier, line, body = made.db.execute(
            "SELECT type, tier, line, body FROM pages"
        ).fetchone()
        assert (
            (kind, tier, line) == ("user", "L1", 6)
            and "\ufffd" not in body
            and body.endswith("日本語 boiler\n")
        )
    assert on_disk.read_page(home, "knowledge/large.md").tier == "L1"


def test_looking_at_two_thousand_pages_that_did_not_change_is_quick(home):
    many(home, 2000)
    with taken_in(home) as made:
        start = time.process_time()
        for _ in range(5):
            assert pages.take_in(made) == 0
        spent = (time.process_time() - start) / 5
    print(f"{1000 * spent:.1f} ms CPU to look at 2,000 pages")
    assert spent < 0.25
