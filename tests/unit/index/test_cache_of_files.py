"""The index is a cache: whatever happens to it or to the files, it comes to say what the files say."""

import glob
import os
import random
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.log import event as events
from plainmind.ground import clock, files
from plainmind.ground.paths import Home
from plainmind.index import embedding, store, sync, vectors
from plainmind.index.cache import Cache
from plainmind.memory import care
from plainmind.recall import search
from plainmind.truth.log import pinning, reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.stores import MODEL, Fake, Shape

pytestmark = pytest.mark.usefixtures("unsynced", "small")


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BLOCK", 8)
        yield


class World:
    """A home that things happen to."""

    def __init__(self, home: Home, seed: int):
        self.home, self.rnd = home, random.Random(seed)
        self.now = NOW
        self.copies: dict[str, bytes] = {}
        self.said: list[str] = []
        self.warnings: list[str] = []
        self.embedder = Fake()

    def windows(self) -> list[str]:
        return list(reader.list_windows(self.home))

    def drafts(self, count: int) -> list[EventDraft]:
        made = []
        for _ in range(count):
            self.now += self.rnd.choice([1000, 60_000, 2 * stores.HOUR])
            self.said.append(stores.a_content(self.rnd, self.said))
            made.append(
                EventDraft(
                    self.now,
                    self.rnd.choice(events.ROLES),
                    self.said[-1],
                    {"author": self.rnd.choice(stores.AUTHORS)},
                )
            )
        return made

    def context(self) -> str:
        return f"test/{self.rnd.randrange(3)}"

    def acknowledged(self, refs: list[str]) -> None:
        """The next catch_up finds each of these events, as it is in the file."""

        def look(opened):
            sync.catch_up(opened)
            for ref in refs:
                path, _, line = ref.rpartition(":")
                turn = sync.turn_at(opened, path, int(line))
                assert turn is not None, ref
                assert (
                    opened.db.execute("SELECT content FROM turns WHERE id = ?", (turn,)).fetchone()[
                        0
                    ]
                    == reader.read_event(self.home, ref).content
                )

        store.use(self.home, look, self.warnings.append)

    # what may happen

    def append(self):
        self.acknowledged(
            [w.ref for w in Log(self.home).append(self.context(), self.drafts(1), self.now)]
        )

    def append_unseen(self):
        Log(self.home).append(self.context(), self.drafts(3), self.now)

    def batch(self):
        self.acknowledged(
            [w.ref for w in Log(self.home).append(self.context(), self.drafts(20), self.now)]
        )

    def new_window(self):
        self.now += 1000
        Log(self.home).start_window(self.context(), self.now)

    def pin(self):
        if windows := self.windows():
            opened = reader.read_window(self.home, self.rnd.choice(windows))
            if opened.blocks():
                pinning.pin(self.home, opened.event(self.rnd.choice(opened.blocks())))

    def unpin(self):
        if pins := pinning.read_pins(self.home):
            one = self.rnd.choice(pins)
            pinning.unpin(self.home, one.path, one.line)

    def embed(self):
        def work(opened):
            sync.catch_up(opened)
            embedding.restore(opened)
            return stores.run(
                opened, self.embedder, limit=self.rnd.choice([3, 12, -1]), now=self.now
            )

        store.use(self.home, work, self.warnings.append)

    def settle(self):
        """Pending turns get the vectors that the cache has, as a new index gives them: verify compares the answers."""

        def work(opened):
            sync.reconcile(opened)
            embedding.restore(opened)
            if model := opened.setting("embed_model"):
                embedding.settle(
                    opened,
                    Cache(self.home, model),
                    embedding.due(opened, model, self.now, retry_failed=True),
                )

        store.use(self.home, work, self.warnings.append)

    def delete_window(self):
        if windows := self.windows():
            os.unlink(self.home.path(self.rnd.choice(windows)))

    def _some(self) -> str | None:
        windows = self.windows()
        if not windows:
            return None
        path = self.home.path(self.rnd.choice(windows))
        os.chmod(path, 0o600)
        return path

    def copy(self):
        for path in self.windows():
            self.copies[path] = files.read(self.home.path(path))

    def roll_back(self):
        if self.copies:
            path = self.home.path(self.rnd.choice(sorted(self.copies)))
            if os.path.exists(path):
                os.chmod(path, 0o600)
            with open(path, "wb") as file:
                file.write(self.copies[os.path.relpath(path, self.home.root)])

    def tear(self):
        if path := self._some():
            os.truncate(
                path,
                max(self.rnd.randrange(60, 70), os.path.getsize(path) - self.rnd.randrange(1, 60)),
            )

    def torn_tail(self):
        if path := self._some():
            with open(path, "ab") as file:
                file.write(
                    b"## 2026-01-30T14:23:55.120Z user n=2 h=9f2c41d07a3b\n> half"[
                        : self.rnd.randrange(1, 58)
                    ]
                )

    def touch(self):
        if path := self._some():
            os.utime(path, ns=(self.now, self.now))

    def rewrite(self):
        if path := self._some():
            part = os.path.relpath(path, self.home.root)
            context, stamp = reader.context_of(part), os.path.basename(part)[:-3]
            data, digest = events.render_title(context, stamp), events.first_digest(context, stamp)
            for draft in self.drafts(self.rnd.choice([0, 1, 7])):
                block, digest = events.render(digest, *draft)
                data += block
            with open(path, "wb") as file:
                file.write(data)

    def delete_index(self):
        shutil.rmtree(self.home.index, ignore_errors=True)

    def delete_journal(self):
        if os.path.exists(self.home.window_heads):
            os.unlink(self.home.window_heads)

    def empty_journal(self):
        if os.path.exists(self.home.window_heads):
            os.truncate(self.home.window_heads, 0)

    def empty_index(self):
        if os.path.exists(path := os.path.join(self.home.index, "mind.db")):
            os.truncate(path, 0)


HAPPENINGS = [
    World.append, World.append, World.append_unseen, World.append_unseen, World.batch, World.new_window, World.pin, World.pin, World.unpin,
    World.embed, World.embed, World.delete_window, World.copy, World.roll_back, World.tear, World.torn_tail, World.touch, World.rewrite,
    World.delete_index, World.delete_journal, World.empty_journal, World.empty_index,
]  # fmt: skip
numbers = iter(range(10**6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("worlds")


@settings(max_examples=40, phases=stores.UNSHRUNK)
@given(
    seed=st.integers(0, 2**32),
    happenings=st.lists(st.sampled_from(HAPPENINGS), min_size=1, max_size=14),
)
def test_whatever_happens_the_index_says_what_the_files_say(folder, seed, happenings):
    world = World(Home(str(folder / str(next(numbers)))), seed)
    for happening in happenings:
        happening(world)
    world.settle()
    assert care.verify(stores.means(world.home, world.warnings.append)) == []
    world.append()
    world.embed()
    world.settle()
    assert care.verify(stores.means(world.home, world.warnings.append)) == []
    assert world.warnings == []


@pytest.mark.parametrize("emptied", ["removed", "truncated"])
def test_an_event_is_found_after_the_journal_was_emptied_and_has_grown_again(home, log, emptied):
    """The new journal may have the inode of the old one, and more bytes."""
    ref = log.append("test/0", [EventDraft(NOW, "user", "the first", {})], NOW)[0].ref
    with stores.opened(home) as made:
        sync.catch_up(made)
        assert sync.turn_at(made, *split(ref))
        if emptied == "removed":
            os.unlink(home.window_heads)
        else:
            os.truncate(home.window_heads, 0)
        refs = []
        for n in range(12):
            refs += [
                w.ref
                for w in Log(home).append(
                    f"test/{n + 1}", [EventDraft(NOW, "user", f"number {n}", {})], NOW
                )
            ]
        sync.catch_up(made)
        assert [ref for ref in refs if sync.turn_at(made, *split(ref)) is None] == []


def split(ref: str) -> tuple[str, int]:
    path, _, line = ref.rpartition(":")
    return path, int(line)


def test_verify_finds_what_is_wrong(home):
    """The check itself: each of these must be found."""
    stores.fill(home, Shape(seed=3, turns=40, contexts=2))
    means = stores.means(home)
    for sql, table in [
        ("UPDATE turns SET content = 'other' WHERE id = (SELECT max(id) FROM turns)", "turns"),
        ("INSERT INTO pins VALUES ('logs/test/0/x.md', 3)", "pins"),
        ("UPDATE episodes SET times = zeroblob(length(times))", "episodes"),
        ("UPDATE settings SET value = '[1,1,1]' WHERE name = 'totals'", "answers"),
        ("INSERT INTO words (words) VALUES ('delete-all')", "answers"),
    ]:
        assert care.verify(means) == []
        with stores.opened(home) as made:
            made.db.execute(sql)
        assert table in {found.table for found in care.verify(means)}, sql
        store.rebuild(home)


def answers(home: Home, warnings: list[str]) -> list:
    def ask(opened):
        sync.catch_up(opened)
        embedding.restore(opened)
        query = Fake().vector("How do I restart pm2?")
        found = []
        for said in ("restart the server", "Ann and the dogs", "日本語"):
            for vector in (None, query):
                result = search.search(
                    opened, search.Query(said, NOW, vector, MODEL), search.Scope(), 10, -1.0
                )
                found.append([(hit.ref, round(hit.pick.score, 9)) for hit in result.hits])
        return found

    return store.use(home, ask, warnings.append)


def damage(kind: str, path: str, rnd: random.Random) -> None:
    if kind == "foreign":
        os.unlink(path)
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE mine (x)")
        db.commit()
        db.close()
    elif kind == "version":
        db = sqlite3.connect(path)
        db.execute("PRAGMA user_version = 99")
        db.commit()
        db.close()
    elif kind == "text":
        with open(path, "w") as file:
            file.write("this is no database\n" * 100)
    elif kind == "half":
        os.truncate(path, os.path.getsize(path) // 2)
    elif kind == "schema":
        db = sqlite3.connect(path)
        db.execute("DROP TABLE episodes")
        db.commit()
        db.close()
    elif kind == "head":
        with open(path, "r+b") as file:
            file.write(rnd.randbytes(100))
    elif kind == "pages":
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(rnd.randbytes(size - 4096))


@pytest.fixture(scope="module")
def indexed(tmp_path_factory, unsynced):
    """A memory folder with an index, and what it answers; to be copied."""
    home = Home(str(tmp_path_factory.mktemp("indexed") / "home"))
    shape = Shape(seed=11, turns=120, contexts=3, pins=2)
    stores.fill(home, shape)
    with stores.opened(home) as made:
        stores.embed_some(made, shape)
    warnings: list[str] = []
    before = answers(home, warnings)
    assert warnings == [] and before[0] and before[1]
    return home, before


@pytest.mark.parametrize("kind", ["foreign", "version", "text", "half", "schema", "head", "pages"])
def test_a_damaged_index_is_set_aside_with_one_warning_and_answers_the_same(home, indexed, kind):
    template, before = indexed
    shutil.copytree(template.root, home.root, copy_function=os.link)  # the same files to an index
    shutil.rmtree(home.index)
    shutil.copytree(template.index, home.index)
    warnings: list[str] = []
    assert answers(home, warnings) == before and warnings == []
    damage(kind, path := os.path.join(home.index, "mind.db"), random.Random(7))
    assert answers(home, warnings) == before
    assert len(warnings) == 1 and "set aside" in warnings[0] and path in warnings[0]
    assert len(glob.glob(f"{path}.*.bad")) == 1
    assert answers(home, warnings) == before and len(warnings) == 1
    assert care.verify(stores.means(home)) == []


def test_an_empty_index_is_one_that_is_not_made_yet(home):
    stores.fill(home, Shape(seed=11, turns=20, contexts=3))
    os.makedirs(home.index)
    open(os.path.join(home.index, "mind.db"), "w").close()
    warnings: list[str] = []
    assert answers(home, warnings)[0] and warnings == []


def test_without_the_index_nothing_is_paid_for_again_without_the_vectors_all(home):
    shape = Shape(seed=21, turns=60, contexts=2, embedded=1.0)
    stores.fill(home, shape)
    first = Fake()

    def embed(embedder):
        def work(opened):
            sync.catch_up(opened)
            embedding.restore(opened)
            stores.run(opened, embedder)
            return embedding.status(opened, MODEL)

        return store.use(home, work, lambda line: None)

    status = embed(first)
    assert status.pending == status.failed == 0 and first.sent
    before = answers(home, [])
    shutil.rmtree(home.index)
    assert answers(home, []) == before  # restored for nothing, by the recall itself
    shutil.rmtree(home.index)
    again = Fake()
    assert embed(again) == status and again.calls == []
    shutil.rmtree(home.index)
    shutil.rmtree(home.vectors)
    third = Fake()
    assert embed(third) == status and set(third.sent) == set(first.sent)
    assert answers(home, []) == before


def test_a_catch_up_with_nothing_new_looks_at_no_window(home, monkeypatch):
    """2,000 windows: not one is opened, listed or even asked for its size."""
    for n in range(2000):
        folder = home.path("logs", "test", str(n % 50))
        os.makedirs(folder, exist_ok=True)
        stamp = clock.to_stamp(NOW + n * 1000)
        block, _ = events.render(
            events.first_digest(f"test/{n % 50}", stamp), NOW, "user", f"number {n}"
        )
        with open(os.path.join(folder, f"{stamp}.md"), "wb") as file:
            file.write(events.render_title(f"test/{n % 50}", stamp) + block)
    log = Log(home)
    log.append("test/1", [EventDraft(NOW, "user", "the newest", {})], NOW)
    with stores.opened(home) as made:
        assert sync.catch_up(made).turns == 2001
        touched: list[str] = []
        for name in ("stat", "open", "listdir", "scandir"):
            real = getattr(os, name)
            monkeypatch.setattr(
                os,
                name,
                lambda path, *a, real=real, **k: touched.append(str(path)) or real(path, *a, **k),
            )
        import builtins

        real_open = open
        monkeypatch.setattr(
            builtins,
            "open",
            lambda path, *a, **k: touched.append(str(path)) or real_open(path, *a, **k),
        )
        assert sync.catch_up(made) == (0, 0)
        assert [path for path in touched if "/logs" in path] == []
        assert len(touched) < 10
        # one more event: one window is read
        monkeypatch.undo()
        ref = log.append("test/7", [EventDraft(NOW, "user", "one more", {})], NOW)[0].ref
        for name in ("stat", "open", "listdir", "scandir"):
            real = getattr(os, name)
            monkeypatch.setattr(
                os,
                name,
                lambda path, *a, real=real, **k: touched.append(str(path)) or real(path, *a, **k),
            )
        touched.clear()
        assert sync.catch_up(made).turns == 1
        assert {path for path in touched if "/logs/" in path} <= {home.path(ref.rpartition(":")[0])}


def test_an_author_that_is_no_utf8_stops_nothing(log, home):
    """A display name is anybody's to choose, and the log is for ever."""
    log.append(
        "discord-thread/1", [EventDraft(NOW, "user", "before", {"author": "\udcff\ud800"})], NOW
    )
    log.append(
        "discord-thread/1", [EventDraft(NOW, "user", "the xylophone", {"author": "Ann"})], NOW
    )
    found = store.use(
        home,
        lambda opened: (
            sync.catch_up(opened),
            opened.db.execute("SELECT author FROM turns").fetchall(),
        )[1],
        print,
    )
    assert found == [("??",), ("Ann",)]


def test_a_window_that_was_edited_is_read_anew(log, home):
    ref = log.append("discord-thread/1", [EventDraft(NOW, "user", "more hi", {})], NOW)[0].ref
    store.use(home, sync.catch_up, print)
    path = home.path(ref.rpartition(":")[0])
    with open(path, "rb") as file:
        data = file.read()
    with open(path + "x", "wb") as file:
        file.write(data.replace(b"more", b"less"))
    os.rename(path + "x", path)
    store.use(home, sync.reconcile, print)
    assert store.use(
        home, lambda opened: opened.db.execute("SELECT content FROM turns").fetchall(), print
    ) == [("less hi",)]


def test_an_index_deleted_in_the_middle_is_made_anew(log, home):
    log.append("discord-thread/1", [EventDraft(NOW, "user", "the xylophone", {})], NOW)
    deleted = []

    def work(opened):
        sync.catch_up(opened)
        if not deleted:
            deleted.append(True)
            shutil.rmtree(home.index)
            sync.catch_up(opened)
            with opened.writing():
                opened.put_setting("x", "y")
        return opened.db.execute("SELECT count(*) FROM turns").fetchone()[0]

    said = []
    assert store.use(home, work, said.append) == 1
    assert said == []


def test_a_transaction_that_a_full_disk_ended_fails_as_what_it_was(home):
    """SQLite rolls back by itself then; a second rollback would hide the reason."""

    def work(opened: store.Store) -> None:
        with opened.writing() as db:
            db.execute("ROLLBACK")
            raise OSError(28, "no space left on device")

    with pytest.raises(OSError, match="no space left"):
        store.use(home, work, print)
