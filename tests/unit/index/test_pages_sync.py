"""Pages: whatever happens to the files, the index comes to say what a new one would, and reads
nothing else."""

import os
import random
import time
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.page import likeness
from plainmind.formats.page import page as format
from plainmind.ground import file_states, files
from plainmind.ground.errors import NoInput, NotPermitted
from plainmind.ground.paths import Home
from plainmind.index.engine import Index
from plainmind.index.vector_bytes import to_blob
from plainmind.memory import care
from plainmind.recall import pages as page_ranking
from plainmind.recall.pages import Policy
from plainmind.recall.search import Query
from plainmind.truth.pages import audit, lint, retention
from plainmind.truth.pages import page_files as on_disk
from scene import NOW, THOROUGH
from unit.index import stores
from unit.index.engines import engine_in_use
from unit.index.stores import MODEL, Fake
from unit.index.vaults import everything, write, write_bytes

pytestmark = pytest.mark.usefixtures("unsynced", "engine")
numbers = iter(range(10**6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def late():
    """A machine under load takes longer than two seconds for what is to happen in one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_states, "UNSETTLED", 60 * 10**9)
        yield


def fresh_rows(home: Home, folder) -> dict:
    """The rows of an index made again."""
    with engine_in_use().made_in(home, str(folder / f"again-{next(numbers)}")) as index:
        return everything(index)


def names(index: Index) -> list[str]:
    """Names of the pages of an index, by their paths."""
    return [row[2] for row in sorted(index.rows()["pages"])]


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
            "triples": rnd.choice(["", "[[ann, owns, dog], [Ann, has a, dog]]",
                "[[ann, owns, dog], [ann, owns, dog]]", "[[x y, likes, x y]]"]),
            "source": rnd.choice(["", "explicit", '"\\uD800"']),
            "supersedes": rnd.choice(["", "a", "[b, c-d]"]),
            "valid_to": rnd.choice(["", "2026-01-29"]),
        }  # fmt: skip
        lines = "".join(f"{key}: {value}\n" for key, value in head.items() if value)
        said = []
        for _ in range(4):
            long = "the boiler hums " * rnd.randrange(60)
            said.append(rnd.choice(["# Title", "[[a]] and [[C D]]", long, "日本語", "x" * 200]))
        body = rnd.choice(["\n\n", "\n", "\r\n"]).join(rnd.sample(said, rnd.randrange(5)))
        page = rnd.choice([f"---\n{lines}---\n{body}", f"---\n{lines}{body}", body])
        return page.encode() + rnd.choice([b"", b"\n", b"\xff"])

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
        for part in ("st_ino", "st_size", "st_mtime_ns"):
            assert getattr(after, part) == getattr(before, part)

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
            targets = [self.home.path("knowledge/a.md"), "/etc/passwd", "nowhere"]
            os.symlink(self.rnd.choice(targets), full)

    def look(self) -> None:
        with stores.opened(self.home) as index:
            index.graph()


HAPPENINGS = [
    World.create, World.create, World.create, World.edit, World.edit, World.replace,
    World.edit_in_the_same_tick, World.rename, World.swap,
    World.delete, World.touch, World.make_folder, World.link, World.look,
]  # fmt: skip


@settings(max_examples=120 if THOROUGH else 20, phases=stores.UNSHRUNK)
@given(
    seed=st.integers(0, 2**32),
    happened=st.lists(st.sampled_from(HAPPENINGS), min_size=4, max_size=14),
)
def test_an_index_comes_to_say_what_a_new_one_would(folder, late, seed, happened):
    world = World(Home(str(folder / str(next(numbers)))), seed)
    for happening in happened:
        happening(world)
        if world.rnd.random() < 0.7:
            with stores.opened(world.home) as index:
                assert everything(index) == fresh_rows(world.home, folder), happening.__name__
    world.look()
    assert care.verify(stores.memory(world.home)) == []


# --- and touches nothing else


def many(home: Home, count: int) -> None:
    for number in range(count):
        write(home, f"page-{number}",
            f"# Page {number}\n\nThe boiler number {number} hums. [[page-{number + 1}]]",
            tags="[x]",
              triples=f"[[ann, owns, boiler-{number}]]")  # fmt: skip
        os.utime(home.path(f"knowledge/page-{number}.md"), (1_700_000_000, 1_700_000_000))


def test_one_page_that_changed_is_read_and_no_other(home, monkeypatch):
    read = []
    real = format.parse
    monkeypatch.setattr(format, "parse", lambda data, path: read.append(path) or real(data, path))
    many(home, 200)
    for _ in range(2):
        with stores.opened(home) as index:
            assert index.counts()["knowledge pages"] == 200
    read.clear()
    write(home, "page-5", "# Page 5\n\nSomething else.", triples="[[ben, owns, boiler-5]]")
    with stores.opened(home) as index:
        assert index.counts()["knowledge pages"] == 200
    assert read == ["knowledge/page-5.md"]


def test_a_page_of_which_only_the_time_changed_is_not_taken_in(home, monkeypatch):
    many(home, 3)
    monkeypatch.setattr(file_states, "UNSETTLED", -1)  # a file's time of change cannot be set back
    with stores.opened(home) as index:
        before = everything(index)
    os.utime(home.path("knowledge/page-1.md"), (1_700_000_009, 1_700_000_009))
    monkeypatch.setattr(format, "parse", None)
    with stores.opened(home) as index:
        assert everything(index) == before
    # it is noted
    monkeypatch.setattr(on_disk, "read_content", None)
    with stores.opened(home) as index:
        assert everything(index) == before


def texts(index: Index, model: str = "fake:none") -> dict[str, int]:
    """Passages that a model has no vector of, by what they say, with their ids."""
    return {one.text.split("\n")[-1]: one.id for one in index.pending(model, NOW)}


def paragraphs(*words: str) -> str:
    return "\n\n".join(" ".join([word] * 100) for word in words)


def test_a_passage_that_stands_as_before_keeps_its_id_and_its_vector(home):
    path = write(home, "page", paragraphs("tomato", "pepper", "leek"))
    with stores.opened(home) as index:
        stores.run(index, Fake())
        before = texts(index)
        assert len(before) == 3 and texts(index, MODEL) == {}
    write(home, "page", paragraphs("pepper", "onion", "tomato"), tags="[x,\n  y]")
    onion, leek = ("onion " * 99 + "onion"), ("leek " * 99 + "leek")
    with stores.opened(home) as index:
        after = texts(index)
        assert leek not in after and after[onion] not in before.values()
        assert {**before, onion: after[onion]} == {**after, leek: before[leek]}
        # the others have their vectors
        assert texts(index, MODEL) == {onion: after[onion]}
        assert index.status(MODEL).ok == 2
        lines = files.read(home.path(path)).decode().split("\n")
        for _, line, text in index.rows()["passages"]:
            assert lines[line - 1].startswith(text.split()[0])
    # its title is embedded with each passage
    write(home, "page", paragraphs("pepper", "onion", "tomato") + "\n\n# Two")
    with stores.opened(home) as index:
        assert not set(texts(index).values()) & set(after.values())
        assert index.status(MODEL).ok == 0
        stores.run(index, Fake())
        assert index.status(MODEL).ok == len(texts(index))
    # a page that goes takes them along
    os.unlink(home.path(path))
    with stores.opened(home) as index:
        rows = everything(index)
        assert not rows["passages"] and not rows["page_words"] and index.status(MODEL).ok == 0


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
                    other.graph()
            return super().passages(texts)

    with stores.opened(home) as index:
        stores.run(index, Slow())
        assert index.status(MODEL).ok == 0
        stores.run(index, Fake())
        said = {row[:2]: row[2] for row in index.rows()["passages"]}
        titles = {row[0]: row[-2] for row in index.rows()["pages"]}
        vectors = {row[:2]: row[-1] for row in index.rows()["vectors of passages"]}
        assert set(vectors) == set(said)
        for place, vector in vectors.items():
            text = f"{titles[place[0]]}\n{said[place]}"
            assert vector == to_blob(Fake().vector(text))


def test_many_at_once(home, folder):
    """Eight connections take in while pages come, change and go; no one fails, and the last look is
    right."""
    failed: list[BaseException] = []

    def look():
        try:
            for _ in range(6):
                for index in stores.attempts(home, print):
                    with index:
                        index.graph()
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
    with stores.opened(home) as index:
        assert everything(index) == fresh_rows(home, folder)


# --- the same answers


def answers(index: Index) -> list:
    said = "boiler hums,日本語 server,tomato 3,restart,page,nowhere,café Müller naive".split(",")
    found = []
    for text in said:
        for query in (Query(text, NOW), Query(text, NOW, Fake().vector(text), MODEL)):
            given = page_ranking.search(query, index, Policy(floor=0.05)).given
            found.append([(p.path, p.why, round(p.score, 9), round(p.rel, 9)) for p in given])
    return found


def a_vault(home: Home, seed: int, count: int = 25) -> None:
    rnd = random.Random(seed)
    for number in range(count):
        body = " ".join(stores.a_content(rnd, []) for _ in range(rnd.randrange(1, 12)))
        write(
            home,
            f"page-{number}",
            f"{body} [[page-{rnd.randrange(count)}]]",
            tier=rnd.choice(["L1", "L2", "L2", "L2"]),
            # fmt: skip
            tags=rnd.choice(["", "[日本語, café]"]),
            date=f"2026-01-{1 + rnd.randrange(28):02}",
        )


def test_without_the_index_no_answer_changes_and_nobody_is_asked(home):
    a_vault(home, 9)
    with stores.opened(home) as index:
        first = Fake()
        stores.run(index, first)
        before = answers(index)
    assert first.sent
    stores.throw_away(home)
    with stores.opened(home) as index:
        index.model()
        assert answers(index) == before
        again = Fake()
        stores.run(index, again)
        assert again.calls == []
    assert care.verify(stores.memory(home)) == []


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
    with stores.opened(home) as index:
        assert names(index) == ["a", "same"]
    assert on_disk.render_page(home, "knowledge/a.md", parsed=False)[1].endswith("the boiler hums")
    write(home, "a", "something else")
    with stores.opened(home) as index:
        assert {row[-1] for row in index.rows()["pages"]} == {"something else\n"}
    os.unlink(home.path("knowledge"))
    with stores.opened(home) as index:
        assert names(index) == []


def test_a_folder_below_the_first_level_leads_nowhere_else(home, tmp_path):
    """What mem-show and an expansion refuse to show is not recalled either."""
    write(home, "a", "the boiler hums")
    os.makedirs(tmp_path / "disk")
    with open(tmp_path / "disk" / "b.md", "w") as file:
        file.write("the boiler's secret")
    os.makedirs(home.path("raw"))
    os.symlink(tmp_path / "disk", home.path("raw/compaction"))
    with stores.opened(home) as index:
        assert names(index) == ["a"]


def test_a_page_that_cannot_be_read_is_not_recalled_until_it_can(home, monkeypatch):
    for name in "ab":
        write(home, name, "the boiler hums")
    real = on_disk.read_content
    refusals = [PermissionError(13, "Permission denied"), NoInput("no file")]

    def refused(home, path):
        if path.endswith("a.md"):
            raise refusals.pop()
        return real(home, path)

    for replaced, readable in ((None, "ab"), (refused, "b"), (refused, "b"), (real, "ab")):
        if replaced:
            os.utime(home.path("knowledge/a.md"), (1, 1))
            monkeypatch.setattr(on_disk, "read_content", replaced)
        with stores.opened(home) as index:
            assert names(index) == list(readable)
    assert refusals == []


def test_odd_names_and_odd_bytes_stop_nothing(home):
    write(home, "ok", "the boiler hums")
    odd = [b"\xff.md", b"new\nline.md", b"tab\t.md", b"\x1b[2J.md", b".hidden.md"]
    for name in (*odd, b"a b.md", "日本語.md".encode(), b" .md", b"no page.txt", b"UPPER.MD"):
        with open(os.path.join(os.fsencode(home.path("knowledge")), name), "wb") as file:
            file.write(b"---\ndate: 2026-01-30\ntype: user\ntier: L2\n---\nboiler \xff\x00\n")
    os.mkfifo(home.path("knowledge/pipe.md"))
    half = dict.fromkeys(("source", "image", "supersedes"), '"\\uD800"')
    write(home, "surrogates", "boiler", **half, triples='[["\\uD800", knows, b]]')
    with stores.opened(home) as index:
        assert names(index) == [" ", "a b", "ok", "surrogates", "日本語"]
        assert len(page_ranking.search(Query("boiler", NOW), index, Policy(k=99)).found) == 5
    assert care.verify(stores.memory(home)) == []


@pytest.mark.parametrize("shift", range(3))
def test_of_a_page_that_is_too_large_whole_lines_are_taken(home, shift):
    """Not a character cut in two, which would make the whole file no text."""
    write(home, "large", "x" * shift + "日本語 boiler\n" * 80_000, type="user", tier="L1")
    assert os.path.getsize(home.path("knowledge/large.md")) > on_disk.LARGEST
    with stores.opened(home) as index:
        ((_, line, *_, body),) = index.rows()["pages"]
        assert line == 6 and "\ufffd" not in body and body.endswith("日本語 boiler\n")
        ((page,),) = [page_ranking.search(Query("boiler", NOW), index, Policy()).always]
        assert (page.row.type, page.row.tier) == ("user", "L1")
    assert on_disk.read_page(home, "knowledge/large.md").tier == "L1"


def test_looking_at_two_thousand_pages_that_did_not_change_is_quick(home, monkeypatch):
    monkeypatch.setattr(file_states, "UNSETTLED", -1)  # as if they were written long ago
    many(home, 2000)
    with stores.opened(home) as index:
        index.graph()
    start = time.process_time()
    for _ in range(5):
        with stores.opened(home) as index:
            index.graph()
    spent = (time.process_time() - start) / 5
    print(f"{1000 * spent:.1f} ms CPU to look at 2,000 pages")
    assert spent < 0.25


def test_a_near_duplicate_is_looked_for_among_few(home, monkeypatch):
    """Of 300 pages of one form, the sketches of 64 are read."""
    monkeypatch.setattr(file_states, "UNSETTLED", -1)
    many(home, 300)
    near = on_disk.read_page(home, "knowledge/page-7.md").body
    sketch = likeness.sketch(likeness.extract_features(near))
    with stores.opened(home) as index:
        found = index.find_alike(sketch)
        assert "knowledge/page-7.md" in dict(found) and len(found) <= likeness.MOST_LIKELY
        assert dict(found)["knowledge/page-7.md"] == sketch
    write(home, "page-7", "Something else altogether.")
    with stores.opened(home) as index:
        theirs = dict(index.find_alike(sketch)).get("knowledge/page-7.md")
        assert not theirs or likeness.estimate(sketch, theirs) < 0.5


# --- what other programs put under raw/


def test_markdown_of_other_programs_is_searchable_at_l2_and_nothing_else(home, folder):
    """Whatever it claims to be, and whatever else lies there."""
    head = b"---\ndate: 2020-01-01\ntype: user\ntier: L1\ntriples: [[a, owns, b]]\n---\n"
    files_there = {
        "raw/browser/task.md": head + b"The quartz invoice was paid.\n",
        "raw/browser/deep/er/notes.md": b"No head, but the quartz river.\n",
        "raw/top.md": b"Quartz at the top.\n",
        "raw/browser/key.md": b"quartz sk-abcdefghijklmnop1234 is the key\n",
        "raw/browser/binary.md": b"quartz\0\0",
        "raw/browser/.hidden.md": b"quartz", "raw/.git/x.md": b"quartz",
        "raw/browser/page.html": b"quartz", "raw/sessions/x/y.md": b"quartz",
        "raw/observations/o.md": b"quartz", "raw/images/i.md": b"quartz",
        "raw/maintenance-log/m.md": b"quartz", ".env": b"TOKEN=quartz",
    }  # fmt: skip
    for path, data in files_there.items():
        files.replace(home.path(path), data)
    os.symlink("../../.env", home.path("raw/browser/env.md"))
    os.symlink("../..", home.path("raw/browser/up"))
    os.mkfifo(home.path("raw/browser/pipe.md"))
    with stores.opened(home) as index:
        found = page_ranking.search(Query("quartz", NOW), index, Policy(floor=0.0))
        given = {each.path: each.row for each in found.given}
        assert set(given) == {
            "raw/browser/task.md", "raw/browser/deep/er/notes.md", "raw/top.md",
            "raw/browser/key.md",
        }  # fmt: skip
        assert found.always == [] and {row.tier for row in given.values()} == {"L2"}
        assert {row.type for row in given.values()} == {"reference"}
        assert index.graph().facts == []
        assert not index.says("sk-abcdefghijklmnop1234")
        rows = everything(index)
    assert rows == fresh_rows(home, folder)
    # nobody but their program changes, checks or deletes them
    assert list(lint.fix(home, [], dry=True)) == []
    assert not [f for f in lint.find_problems(home, [], NOW, str) if "browser" in f.path]
    assert not list(retention.find_expired(home, NOW + 400 * 24 * 3600 * 1000))
    with pytest.raises(NotPermitted, match="belongs to the program"):
        lint.resolve_page(home, "raw/browser/task.md")
    unsearched = [f.path for f in audit.survey(home, NOW, str).findings if f.code == "unsearched"]
    assert unsearched == ["raw/browser/binary.md"]
    os.unlink(home.path("raw/top.md"))
    with stores.opened(home) as index:
        found = page_ranking.search(Query("quartz", NOW), index, Policy(floor=0.0))
        assert "raw/top.md" not in {each.path for each in found.given}


def test_too_much_under_raw_is_bounded_and_told(home, monkeypatch):
    monkeypatch.setattr(on_disk, "MOST", 8)
    monkeypatch.setattr(on_disk, "DEEPEST", 3)
    for n in range(9):
        files.replace(home.path(f"raw/many/{n}.md"), b"x")
    files.replace(home.path("raw/a/b/c/d/e.md"), b"x")
    found = [path for path, _ in on_disk.list_foreign(home)]
    assert len(found) == 3
    told = [f.path for f in audit.survey(home, NOW, str).findings if f.code == "unsearched"]
    assert set(told) | set(found) == {f"raw/many/{n}.md" for n in range(9)} | {"raw/a/b/c/d/e.md"}
