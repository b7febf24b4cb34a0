"""The index is a cache: whatever happens to it or to the files, it comes to say what the files
say."""

import builtins
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.evidence import Question, Scope
from plainmind.formats.log import event as events
from plainmind.formats.log.roles import ROLES
from plainmind.ground import clock, file_states, files
from plainmind.ground.paths import Home
from plainmind.index import embedding
from plainmind.index.engine import Index
from plainmind.memory import care
from plainmind.truth.log import pinning, reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.engines import engine_in_use
from unit.index.stores import MODEL, Fake, Shape, answers

pytestmark = pytest.mark.usefixtures("unsynced", "engine", "small_blocks")


def contents(index: Index) -> dict[str, str]:
    """What each event says, by its reference."""
    return {f"{row[0]}:{row[1]}": row[-1] for row in index.rows()["events"]}


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
            role, author = self.rnd.choice(ROLES), self.rnd.choice(stores.AUTHORS)
            made.append(EventDraft(self.now, role, self.said[-1], {"author": author}))
        return made

    def context(self) -> str:
        return f"test/{self.rnd.randrange(3)}"

    def acknowledged(self, refs: list[str]) -> None:
        """The next opening finds each of these events, as it is in the file."""
        for index in stores.attempts(self.home, self.warnings.append):
            with index:
                said = contents(index)
                for ref in refs:
                    assert said.get(ref) == reader.read_event(self.home, ref).content, ref

    def log(self, count: int) -> list[str]:
        written = Log(self.home).append(self.context(), self.drafts(count), self.now)
        return [each.ref for each in written]

    # what may happen

    def append(self):
        self.acknowledged(self.log(1))

    def append_unseen(self):
        self.log(3)

    def batch(self):
        self.acknowledged(self.log(20))

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
        limit = self.rnd.choice([3, 12, -1])
        for index in stores.attempts(self.home, self.warnings.append):
            with index:
                stores.run(index, self.embedder, limit=limit, now=self.now)

    def settle(self):
        """Pending events get the vectors that the cache has, as a new index gives them: verify
        compares the answers."""
        for index in engine_in_use().opened(self.home, self.warnings.append, thorough=True):
            with index:
                if model := index.model():
                    embedding.from_cache(index, model)

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
        stores.throw_away(self.home)

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
    World.append, World.append, World.append_unseen, World.append_unseen, World.batch,
    World.new_window, World.pin, World.pin, World.unpin,
    World.embed, World.embed, World.delete_window, World.copy, World.roll_back, World.tear,
    World.torn_tail, World.touch, World.rewrite,
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
    assert care.verify(stores.memory(world.home, world.warnings.append)) == []
    world.append()
    world.embed()
    world.settle()
    assert care.verify(stores.memory(world.home, world.warnings.append)) == []
    assert [warning for warning in world.warnings if "since it was read" not in warning] == []


@pytest.mark.parametrize("emptied", ["removed", "truncated", "torn"])
def test_an_event_is_found_after_the_journal_was_emptied_and_has_grown_again(home, log, emptied):
    """The new journal may have the inode of the old one, and more bytes."""
    ref = log.append("test/0", [EventDraft(NOW, "user", "the first", {})], NOW)[0].ref
    with stores.opened(home) as index:
        assert ref in contents(index)
    if emptied == "removed":
        os.unlink(home.window_heads)
    elif emptied == "truncated":
        os.truncate(home.window_heads, 0)
    else:  # what is written next stands in one line with this
        files.append(home.window_heads, b"P")
    refs = []
    for n in range(12):
        draft = EventDraft(NOW, "user", f"number {n}", {})
        refs += [w.ref for w in Log(home).append(f"test/{n + 1}", [draft], NOW)]
    with stores.opened(home) as index:
        assert set(refs) < set(contents(index))


def test_without_the_index_nothing_is_paid_for_again_without_the_vectors_all(home):
    shape = Shape(seed=21, events=60, contexts=2, embedded=1.0)
    stores.fill(home, shape)
    first = Fake()

    def embed(embedder):
        for index in stores.attempts(home, print):
            with index:
                stores.run(index, embedder)
                return index.status(MODEL)

    status = embed(first)
    assert status.pending == status.failed == 0 and first.sent
    before = answers(home, [])
    stores.throw_away(home)
    assert answers(home, []) == before  # restored for nothing, by the recall itself
    stores.throw_away(home)
    again = Fake()
    assert embed(again) == status and again.calls == []
    stores.throw_away(home)
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
        first = events.first_digest(f"test/{n % 50}", stamp)
        block, _ = events.render(first, NOW, "user", f"number {n}")
        with open(os.path.join(folder, f"{stamp}.md"), "wb") as file:
            file.write(events.render_title(f"test/{n % 50}", stamp) + block)
    log = Log(home)
    log.append("test/1", [EventDraft(NOW, "user", "the newest", {})], NOW)
    with stores.opened(home) as index:
        assert len(contents(index)) == 2001
    with touching(monkeypatch) as touched:
        with stores.opened(home) as index:
            assert index.evidence(Question(()), Scope()).totals.events == 2001
        assert [path for path in touched if "/logs" in path] == []
        assert len(touched) < 30  # the folder of the index is locked for each look into it
    # one more event: one window is read
    ref = log.append("test/7", [EventDraft(NOW, "user", "one more", {})], NOW)[0].ref
    with touching(monkeypatch) as touched:
        with stores.opened(home) as index:
            assert index.evidence(Question(()), Scope()).totals.events == 2002
        assert {path for path in touched if "/logs/" in path} <= {home.path(ref.rpartition(":")[0])}


@contextmanager
def touching(monkeypatch) -> Iterator[list[str]]:
    """Paths that are opened, listed, or asked for their size."""
    touched: list[str] = []
    with monkeypatch.context() as patch:
        for module, names in ((os, ("stat", "open", "listdir", "scandir")), (builtins, ("open",))):
            for name in names:
                real = getattr(module, name)
                seen = lambda path, *a, real=real, **k: (
                    touched.append(str(path)) or real(path, *a, **k)
                )
                patch.setattr(module, name, seen)
        yield touched


def test_an_author_that_is_not_utf8_stops_nothing(log, home):
    """A display name is anybody's to choose, and the log is for ever."""
    for author in ("\udcff\ud800", "Ann"):
        draft = EventDraft(NOW, "user", "the xylophone", {"author": author})
        log.append("discord-thread/1", [draft], NOW)
    with stores.opened(home) as index:
        assert [row[6] for row in sorted(index.rows()["events"])] == ["??", "Ann"]


def test_a_window_that_was_edited_is_read_again(log, home):
    ref = log.append("discord-thread/1", [EventDraft(NOW, "user", "more hi", {})], NOW)[0].ref
    with stores.opened(home) as index:
        assert contents(index) == {ref: "more hi"}
    path = home.path(ref.rpartition(":")[0])
    files.replace(path, files.read(path).replace(b"more", b"less"))
    for index in engine_in_use().opened(home, print, thorough=True):
        with index:
            assert contents(index) == {ref: "less hi"}


@pytest.mark.parametrize("trusted", [True, False], ids=["", "control"])
def test_a_look_at_every_window_lists_the_folders_whose_names_changed(
    home, log, monkeypatch, trusted
):
    """A window that was put in by hand is found, and a link that leads to one later."""
    for n in range(3):
        log.append(f"test/{n}", [EventDraft(NOW, "user", f"number {n}", {})], NOW)
    listed: list[str] = []
    real = Home.list_windows
    seen = lambda home, context, **more: listed.append(context) or real(home, context, **more)
    monkeypatch.setattr(Home, "list_windows", seen)
    if trusted:
        monkeypatch.setattr(file_states, "UNSETTLED", -(10**18))  # folders were made just now

    def look() -> set[str]:
        for _ in range(2):  # what is known of folders is written down by the first
            listed.clear()
            for index in engine_in_use().opened(home, print, thorough=True):
                with index:
                    found = {text.rpartition(" ")[2] for text in contents(index).values()}
        return found

    assert (look(), listed == []) == ({"0", "1", "2"}, trusted)
    (name,) = real(home, "test/0")
    copy, other = f"{home.root}.md", "20260131T000000Z.md"
    files.replace(copy, files.read(home.path("logs/test/0", name)).replace(b"r 0", b"r 9"))
    os.symlink(copy + ".not", home.path("logs/test/1", other))
    shutil.copy(copy, home.path("logs/test/2", other))
    assert look() == {"0", "1", "2", "9"}
    assert not trusted or {*listed} == {"test/1"}
    os.unlink(home.path("logs/test/2", other))
    os.rename(copy, copy + ".not")
    assert look() == {"0", "1", "2", "9"}
