"""What a person takes out of the files by hand is in no answer from the next command on, and after
the next mem-embed in no row, no vector and no trace."""

import glob
import json
import os
import random
import shutil
import threading
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.evidence import Scope
from plainmind.ground import clock, file_states, files
from plainmind.ground.errors import Failure
from plainmind.ground.paths import Home
from plainmind.index import cache, reading, vector_bytes, vector_records, window_reading
from plainmind.index.rows.removal import Removal
from plainmind.index.rows.store import Store
from plainmind.index.sqlite import opening
from plainmind.memory import Memory, embedding, forgetting, moments, pages
from plainmind.providers import registry
from plainmind.recall import report
from plainmind.recall.search import Limits
from plainmind.truth.log import pinning, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.stores import MODEL, Fake

pytestmark = pytest.mark.usefixtures("unsynced", "engine", "small_blocks", "fake")

FORMS = [report.Form(inject, explain, 4000, 250) for inject, explain in ((0, 0), (1, 0), (0, 1))]
numbers = iter(range(10**6))


@pytest.fixture(scope="module")
def fake():
    """An embedder that costs nothing, for what is embedded and for questions."""
    embedder = Fake()
    embedder.query = embedder.vector
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "_embedder", lambda memory, bulk=False: embedder)
        patch.setattr(registry, "open_embedder_of", lambda *_: embedder)
        patch.setattr(registry, "baseline_of", lambda *_: 0.0)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("worlds")


class World:
    """A home whose every text has a word of its own, and what a person and the commands do."""

    def __init__(self, home: Home, seed: int = 0):
        self.home, self.rnd, self.now = home, random.Random(seed), NOW
        self.words: list[str] = []
        self.heard: list[str] = []
        self.away: list[tuple[str, str]] = []
        self.told = ""  # by the last command
        self.trace = home.path("trace.json")

    @property
    def memory(self) -> Memory:
        made = stores.memory(self.home, self.heard.append)
        return made._replace(now=lambda: self.now)

    def word(self) -> str:
        self.words.append(f"zq{len(self.words)}x{self.rnd.randrange(10**6):06}")
        return self.words[-1]

    def paths(self, kind: str) -> list[str]:
        there = glob.glob(self.home.path(kind, "**", "*.md"), recursive=True)
        return sorted(filter(os.path.isfile, there))

    def one(self, kind: str = "logs") -> str | None:
        there = self.paths(kind)
        if not there:
            return None
        path = self.rnd.choice(there)
        os.chmod(path, 0o600)
        return path

    def gone(self) -> list[str]:
        """The words that no file has: the oracle."""
        data = b"".join(files.read(path) for kind in KINDS for path in self.paths(kind))
        return [word for word in self.words if word.encode() not in data]

    # what commands do

    def append(self) -> None:
        self.now += 60_000
        drafts = [
            EventDraft(self.now, role, f"the boiler hums {self.word()} again", {"author": "Ann"})
            for role in self.rnd.choices(["user", "agent", "tool"], k=self.rnd.choice([1, 3]))
        ]
        Log(self.home).append(f"test/{self.rnd.randrange(3)}", drafts, self.now)

    def new_window(self) -> None:
        Log(self.home).start_window(f"test/{self.rnd.randrange(3)}", self.now)

    def note(self) -> None:
        name = f"page-{self.rnd.randrange(4)}"
        word = self.word()
        head = f"---\ndate: 2026-01-01\ntype: user\ntier: L1\ntriples: [[{word}, owns, it]]\n---\n"
        files.replace(
            self.home.path(f"knowledge/{name}.md"), f"{head}The boiler of {word} hums.\n".encode()
        )

    def pin(self) -> None:
        if path := self.one():
            window = reader.read_window(self.home, os.path.relpath(path, self.home.root))
            for block in window.blocks()[:1]:
                pinning.pin(self.home, window.event(block))

    def recall(self, *, traced: bool = False) -> None:
        found = moments.recall(
            self.memory, "boiler hums", Scope(), Limits(12, -1.0), told=True, traced=traced
        )
        moments.keep_trace(self.home, self.trace if traced else None, found.record)
        for form in FORMS:
            made = report.make(found.moments, form)
            self.told += made.text + json.dumps([*made.records])
        self.told += json.dumps(found.record)

    def record(self) -> None:
        self.recall(traced=True)

    def remember(self) -> None:
        policy = pages.ranking.Policy()
        share = moments.Share(Limits(12, -1.0), 4000, 250, policy)
        self.told += "".join(moments.remember(self.memory, "boiler hums", Scope(), share))

    def know(self) -> None:
        for form in FORMS:
            made = pages.recall(self.memory, "boiler", form, k=None, budget=None, each=None)
            self.told += made.text + json.dumps([*made.records])
        self.told += repr(pages.facts(self.memory, (), None))

    def replay(self) -> None:
        if os.path.exists(self.trace):
            session = type("Session", (), {"home": self.home})
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Memory, "of", lambda session: self.memory)
                try:
                    self.told += repr(moments.replay(session, self.trace))
                except Failure:
                    pass  # it is not told, or no trace any more

    def embed(self) -> None:
        embedding.embed(self.memory, embedding.EmbedOptions(), None)

    # what a person does

    def _rewrite(self, path: str, *, in_place: bool, same: bool) -> None:
        """Take one of the words out of a file."""
        data = files.read(path)
        there = [word.encode() for word in self.words if word.encode() in data]
        if there:
            word = self.rnd.choice(there)
            data = data.replace(word, b"y" * len(word) if same else b"")
        if in_place:
            with open(path, "r+b") as file:
                file.write(data)
                file.truncate()
        else:
            files.replace(path, data)

    def edit(self) -> None:
        kind = self.rnd.choice(KINDS)
        if path := self.one(kind):
            before = os.stat(path)
            in_place, same = self.rnd.random() < 0.5, self.rnd.random() < 0.5
            self._rewrite(path, in_place=in_place, same=same)
            if same:  # and of the same time
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def edit_and_append(self) -> None:
        """The first event of a window, in place; its last one is as it was, and it grows."""
        if path := self.one():
            data = files.read(path)
            there = [word.encode() for word in self.words if word.encode() in data]
            with open(path, "r+b") as file:
                file.write(data.replace(there[0], b"y" * len(there[0])) if there else data)
            context = reader.context_of(os.path.relpath(path, self.home.root))
            draft = EventDraft(self.now, "user", f"the boiler hums {self.word()}", {})
            Log(self.home).append(context, [draft], self.now)

    def cut_out(self) -> None:
        """An event, header and all."""
        if path := self.one():
            window = reader.read_window(self.home, os.path.relpath(path, self.home.root))
            if blocks := window.blocks():
                block = self.rnd.choice(blocks)
                files.replace(path, window.data[: block.offset] + window.data[block.end :])

    def remove(self) -> None:
        if path := self.one(self.rnd.choice(KINDS)):
            os.unlink(path)

    def remove_context(self) -> None:
        shutil.rmtree(self.home.path("logs/test", str(self.rnd.randrange(3))), ignore_errors=True)

    def rename_context(self) -> None:
        one, other = (self.home.path("logs/test", name) for name in ("0", f"r{next(numbers)}"))
        if os.path.isdir(one):
            os.rename(one, other)

    def move_away(self) -> None:
        if path := self.one():
            kept = f"{self.home.root}-{next(numbers)}.away"
            os.rename(path, kept)
            self.away.append((kept, path))

    def move_back(self) -> None:
        while self.away:
            kept, path = self.away.pop()
            if os.path.isdir(os.path.dirname(path)):
                os.rename(kept, path)

    def delete_index(self) -> None:
        stores.throw_away(self.home)

    def set_clock_back(self) -> None:
        self.now -= 3 * clock.DAY

    # what must hold

    def check(self) -> list[str]:
        """Words that are told though no file has them; cleared."""
        told, self.told = self.told, ""
        return [word for word in self.gone() if word in told]

    def check_all(self) -> list[str]:
        """After a mem-embed: in rows, vectors and traces."""
        self.embed()
        gone, found = self.gone(), []
        with stores.opened(self.home) as index:
            rows = {table: repr([*rows]) for table, rows in index.rows().items()}
            for table, texts in rows.items():
                found += [f"{table}: {word}" for word in gone if word in texts]
            held = {cache.content_hash(one.text) for one in index.pending("", 0, retry_failed=True)}
        with open(cache.Cache(self.home, MODEL).path, "rb") as file:
            kept = {hash for _, hash, _ in vector_records._scan(file, vector_bytes.HALF)}
        found += [f"vectors: {hash.hex()}" for hash in kept - held - {bytes(vector_records.HASH)}]
        if os.path.exists(self.trace):
            text = files.read(self.trace).decode()
            found += [f"trace: {word}" for word in gone if word in text]
        return found

    def check_found(self) -> list[str]:
        """What stands is found: nothing is left out that is there."""
        data = b"".join(files.read(path) for path in self.paths("logs"))
        wanted = [word for word in self.words if word.encode() in data]
        missing = []
        for word in wanted[-3:]:
            found = moments.recall(self.memory, word, Scope(), Limits(20, -1.0), lexical=True)
            if not any(word in hit.content for hit in found.moments.hits):
                missing.append(f"not found: {word}")
        return missing


W, KINDS = World, ("logs", "knowledge")
COMMANDS = [
    World.append, World.append, World.new_window, World.note, World.pin, World.recall,
    World.recall, World.record, World.remember, World.know, World.replay, World.embed,
]  # fmt: skip
BY_HAND = [
    World.edit, World.edit, World.edit, World.edit_and_append, World.cut_out, World.remove,
    World.remove_context, World.rename_context, World.move_away, World.move_back,
    World.delete_index, World.set_clock_back,
]  # fmt: skip


def play(home: Home, seed: int, happenings: list) -> list[str]:
    """What leaked, if anything."""
    world = World(home, seed)
    try:
        for happen in (World.append, World.note, World.append, World.embed, *happenings):
            happen(world)
            if leaked := world.check():
                return [f"{happen.__name__}: {word}" for word in leaked]
        return world.check_all() + world.check_found()
    except Failure as failure:
        return [str(failure)]


@settings(max_examples=40, phases=stores.UNSHRUNK)
@given(
    seed=st.integers(0, 2**32),
    happenings=st.lists(st.sampled_from(COMMANDS + BY_HAND + BY_HAND), min_size=3, max_size=12),
)
def test_what_no_file_holds_is_in_no_answer_row_vector_or_trace(folder, seed, happenings):
    home = Home(str(folder / str(next(numbers))))
    assert play(home, seed, happenings) == []


# --- what is said, where nothing can be written, and at the same moment


@pytest.fixture
def world(home) -> World:
    made = World(home)
    for happen in (made.append, made.note, made.append, made.record, made.embed):
        happen()
    assert made.check() == [] and made.heard == []
    return made


@pytest.mark.parametrize("kind", ["logs", "knowledge"])
def test_no_word_stays_in_the_tables_of_words(kind, world, index_is_a_file):
    """Where a word is only marked as deleted, its letters stay in the file."""
    lived = Home(world.home.root)
    Log(lived).append("note/w", [EventDraft(NOW, "user", "The zanzibarword is here.", {})], NOW)
    os.makedirs(lived.path("knowledge"), exist_ok=True)
    head = "---\ndate: 2026-01-01\ntype: user\ntier: L2\n---\n\n"
    files.create(lived.path("knowledge", "w.md"), f"{head}The quixoticword.\n".encode())
    embed = lambda: embedding.embed(world.memory, embedding.EmbedOptions(), None)
    embed()
    (path,) = [*glob.glob(lived.path(kind, "**", "w*", "*.md"), recursive=True)] or [
        lived.path("knowledge", "w.md")
    ]
    word = b"zanzibarword" if kind == "logs" else b"quixoticword"
    here = lived.path("index", "mind.db*")
    held = lambda: b"".join(map(files.read, glob.glob(here)))
    assert word in held()
    with open(path, "rb+") as file:
        data = file.read().replace(word, b"z")
        file.seek(0)
        file.write(data)
        file.truncate()
    embed()
    assert word not in held()


def test_it_is_said_once_and_stays_a_finding(world):
    path = world.one()
    world._rewrite(path, in_place=False, same=False)
    told = f"{path}: changed since it was read; what the logs no longer say is not recalled"
    for _ in range(2):
        world.recall()
        assert [line for line in world.heard if "trace" not in line] == [
            f"{told}; see 'mem-lint --logs'"
        ]
    assert "chain" in {found.code for found in verify.verify_windows(world.home, [])}
    shutil.rmtree(world.home.path("logs"))
    world.heard.clear()
    world.recall()
    assert "gone since it was read" in world.heard[0]
    assert {found.code for found in verify.verify_windows(world.home, [])} >= {"missing"}


@pytest.mark.parametrize("by_hand", [W.cut_out, W.remove, W.edit, W.remove_context, W.append])
def test_where_nothing_can_be_written_it_is_not_told_either(
    world, monkeypatch, by_hand, index_is_a_file
):
    """And what is there is found: nothing is changed in the index, or made."""
    ours = f"{world.home.root}/"
    monkeypatch.setattr(opening, "_is_writable", lambda path: not path.startswith(ours))
    path = os.path.join(world.home.index, "mind.db")
    before = files.read(path), sorted(os.listdir(world.home.index))
    for happen in (by_hand, world.recall, world.remember, world.know):
        happen() if happen is not by_hand else happen(world)
        assert world.check() == []
    assert world.check_found() == []
    assert (files.read(path), sorted(os.listdir(world.home.index))) == before
    world.delete_index()
    world.recall()
    assert world.check() == [] and world.check_found() == []
    assert not os.path.exists(world.home.index)


def test_an_append_at_the_same_moment_is_no_alarm(world):
    def go_on() -> None:
        for _ in range(30):
            world.append()

    writer = threading.Thread(target=go_on)
    writer.start()
    while writer.is_alive():
        world.recall()
        world.embed()
    writer.join()
    assert world.heard == [] and world.check_all() == [] and world.check_found() == []


def test_what_went_while_vectors_are_made_is_sent_to_nobody(world, monkeypatch):
    class Slow(Fake):
        batch = 1

        def passages(self, texts):
            if not self.calls:
                shutil.rmtree(world.home.path("logs"))
            return super().passages(texts)

    for _ in range(4):
        world.append()
    embedder = Slow(batch=1)
    monkeypatch.setattr(embedding, "_embedder", lambda memory, bulk=False: embedder)
    world.embed()
    assert len(embedder.sent) == 1
    world.embed()
    assert world.check_all() == []


def test_a_window_that_was_taken_away_is_found_when_it_is_back(world):
    path = world.one()
    os.rename(path, f"{world.home.root}.away")
    for _ in range(2):
        world.recall()
        assert world.check() == []
    os.rename(f"{world.home.root}.away", path)
    assert world.check_found() == []


@pytest.mark.parametrize("unsettled", [file_states.UNSETTLED, -1])
def test_what_cannot_be_read_is_not_told_and_stops_nobody(world, monkeypatch, unsettled):
    """Its vectors stay, and it is found once it can be read, also in a folder that nobody touched
    for long. A pipe in a window's place is waited for by nobody."""
    monkeypatch.setattr(file_states, "UNSETTLED", unsettled)
    path, real = world.one(), os.access
    kept = files.read(os.path.join(world.home.vectors, os.listdir(world.home.vectors)[0]))
    with monkeypatch.context() as patch:  # root may read anything
        patch.setattr(os, "access", lambda it, how: it != path and real(it, how))
        os.chmod(path, 0o000)
        patch.setattr(reading, "stands", lambda home, part, places: home.path(part) != path)
        for happen in (world.recall, world.embed, world.recall):
            happen()
        assert "cannot be read any more" in world.heard[0] and len(world.heard) == 1
    assert files.read(os.path.join(world.home.vectors, os.listdir(world.home.vectors)[0])) == kept
    os.chmod(path, 0o600)
    assert world.check_all() == [] and world.check_found() == []
    os.unlink(path)
    os.mkfifo(path)
    world.recall()
    assert world.check() == []
    os.unlink(path)
    assert world.check_all() == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_for_a_while_costs_nothing(world, monkeypatch, kind):
    """Nor with a new index meanwhile. Once it is gone for good, so are its vectors."""
    world.append()
    world.note()
    world.embed()
    path, access, content = world.one(kind), os.access, reading.page_content
    sent = Fake()
    monkeypatch.setattr(embedding, "_embedder", lambda memory, bulk=False: sent)

    def close(patch) -> None:  # root may read anything
        patch.setattr(os, "access", lambda it, how: it != path and access(it, how))
        closed = lambda home, part: None if home.path(part) == path else content(home, part)
        patch.setattr(reading, "page_content", closed)
        os.chmod(path, 0o000)

    for happen in (world.embed, lambda: stores.throw_away(world.home), world.embed):
        with monkeypatch.context() as patch:
            close(patch)
            happen()
            world.recall()
        os.chmod(path, 0o600)
        world.embed()
        assert sent.sent == []
    with monkeypatch.context() as patch:
        close(patch)
        world.embed()
    os.unlink(path)
    assert world.check_all() == []


@pytest.mark.skipif(not os.geteuid(), reason="root may look into any folder")
def test_a_folder_that_is_closed_for_a_while_costs_nothing(world, monkeypatch):
    world.append()
    world.note()
    world.embed()
    sent = Fake()
    monkeypatch.setattr(embedding, "_embedder", lambda memory, bulk=False: sent)
    for folder in ("knowledge", "logs"):
        os.chmod(world.home.path(folder), 0o000)
        with suppress(OSError, Failure):
            world.embed()
        os.chmod(world.home.path(folder), 0o700)
        world.embed()
    assert sent.sent == [] and world.check_all() == []


def test_what_moved_and_what_is_said_twice_keeps_its_vector(world):
    """And a disk that is not there costs nothing."""
    sent = Fake()
    again = lambda: [sent.calls.clear(), world.embed()] and sent.calls
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "_embedder", lambda memory, bulk=False: sent)
        world.append()
        assert again()
        world.rename_context()
        assert not again()
        shutil.copytree(world.home.path("logs/test"), world.home.path("logs/copy"))
        again()
        shutil.rmtree(world.home.path("logs/test"))
        assert not again()
        os.rename(world.home.logs, f"{world.home.root}-disk")
        os.symlink(f"{world.home.root}-disk-away", world.home.logs)
        assert not again()
        os.unlink(world.home.logs)
        os.rename(f"{world.home.root}-disk", world.home.logs)
        assert not again() and world.check_all() == [] and world.check_found() == []


# --- controls


def look_without_change(home, known, listed, look=reading.changed_windows):
    """As if there was no time of change."""

    def row(path: str, modified: int, changed: int, size: int) -> reading.KnownWindow:
        with suppress(FileNotFoundError):
            changed = os.stat(home.path(path)).st_ctime_ns
        return path, modified, changed, size

    return look(home, {path: row(*before) for path, before in known.items()}, listed)


CONTROLS = {
    "hits are compared": (
        [(Store, "refresh", lambda self, ids: bool([*ids]) and False)],
        [W.recall, W.remove_context, W.remove, W.recall, W.remember],
    ),
    "hits of a log that grew since": (
        [(Store, "refresh", lambda self, ids: bool([*ids]) and False)],
        [W.recall, W.edit_and_append, W.edit_and_append, W.recall, W.remember],
    ),
    "windows are read as a whole": (
        [(window_reading, "window", lambda *a, whole=False, real=window_reading.window: real(*a))],
        [W.edit_and_append, W.edit_and_append, W.edit_and_append],
    ),
    "the time of change": (
        [
            (reading, "changed_windows", look_without_change),
            (
                file_states,
                "state_of",
                lambda s: (s.st_ino, s.st_mtime_ns, s.st_mtime_ns, s.st_size),
            ),
        ],
        [W.edit, W.edit, W.edit, W.edit],
    ),
    "vectors of what went": ([(Removal, "settle", lambda self: None)], [W.edit, W.edit, W.edit]),
    "vectors of what went before the index": (
        [(cache, "keep_only", lambda home, hashes: 0)],
        [W.delete_index, W.edit, W.edit, W.edit],
    ),
    "traces": (
        [(forgetting, "clean_removed", lambda memory, gone, standing: None)],
        [W.record, W.edit, W.edit, W.edit],
    ),
    "a trace of what is not there": (
        [(moments, "replay", lambda session, path: report.replayed(files.read(path), path))],
        [W.record, W.remove_context, W.remove, W.edit, W.delete_index, W.replay],
    ),
}


@pytest.mark.parametrize("left_out", CONTROLS)
def test_each_of_these_is_missed_when_it_is_left_out(folder, monkeypatch, left_out):
    """And with it, nothing leaks."""
    patches, happenings = CONTROLS[left_out]
    place = lambda: Home(str(folder / str(next(numbers))))
    monkeypatch.setattr(file_states, "UNSETTLED", -1)  # as if all of it had happened long ago
    assert [leaked for seed in range(6) for leaked in play(place(), seed, happenings)] == []
    for owner, name, other in patches:
        monkeypatch.setattr(owner, name, other)
    assert any(play(place(), seed, happenings) for seed in range(6))
