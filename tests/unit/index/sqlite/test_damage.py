"""What only the SQLite engine can suffer: a damaged file, a foreign one, one that goes while it is
open."""

import contextlib
import glob
import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import tempfile

import pytest
from plainmind.ground import files
from plainmind.ground.errors import Busy
from plainmind.ground.paths import Home
from plainmind.index.rows import evidence
from plainmind.index.rows.database import Damaged
from plainmind.index.sqlite import opening
from plainmind.memory import care
from plainmind.truth.log.writer import EventDraft
from scene import NOW
from unit.index import stores
from unit.index.stores import Shape, answers

pytestmark = pytest.mark.usefixtures("unsynced")


def test_verify_finds_what_is_wrong(home):
    """The check itself: each of these must be found."""
    stores.fill(home, Shape(seed=3, events=40, contexts=2))
    memory = stores.memory(home)
    assert care.verify(memory) == []
    for sql, table in [
        ("UPDATE events SET content = 'other' WHERE id = (SELECT max(id) FROM events)", "events"),
        ("INSERT INTO pins VALUES ('logs/test/0/x.md', 3)", "pins"),
        ("UPDATE episodes SET words = words + 1", "episodes"),
        ("UPDATE settings SET value = '[1,1,1,1]' WHERE name = 'totals'", "answers"),
        ("INSERT INTO words (words) VALUES ('delete-all')", "answers"),
        ("INSERT INTO words (rowid, o1) VALUES (1, 'ς')", "words"),
    ]:
        answers(home, [])  # it is whole
        with stores.opened(home) as index:
            index.db.execute(sql)
        assert table in {found.table for found in care.verify(memory)}, sql
        opening.rebuild(home)
    assert care.verify(memory) == []


SPOILING = {
    "foreign": "CREATE TABLE mine (x)",
    "version": "PRAGMA user_version = 99",
    "fold": "UPDATE settings SET value = 'fold 0' WHERE name = 'terms'",
    "schema": "DROP TABLE episodes",
    "no schema": "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema",
    "blob": "PRAGMA writable_schema = ON; "
    "UPDATE sqlite_schema SET sql = CAST(sql AS BLOB) WHERE name = 'words'",
    "name": "PRAGMA writable_schema = ON; UPDATE sqlite_schema "
    "SET name = CAST(x'9e' AS TEXT), sql = 'CREATE TABEL' WHERE name = 'pins'",
    # what SQLite does not notice, and no version of ours wrote
    "length": "UPDATE episodes SET times = x'01'",
    "model": "UPDATE settings SET value = '{\"a\":{' WHERE name = 'embed_model'",
    "json": "UPDATE settings SET value = '[1' WHERE name = 'totals'",
    "type": "UPDATE episodes SET kinds = 5",
    "episode": "UPDATE episodes SET times = zeroblob(length(times))",
    "vector": "UPDATE vectors SET embedding = zeroblob(length(embedding))",
}
PLACES = {
    "folder": os.mkdir,
    "pipe": os.mkfifo,
    "loop": lambda path: os.symlink(os.path.basename(path), path),
    "link": lambda path: os.symlink("/dev/zero", path),
}


def damage(kind: str, path: str, rnd: random.Random) -> None:
    if kind == "foreign":
        os.unlink(path)
    if kind in PLACES:
        os.unlink(path)
        PLACES[kind](path)
    if kind in SPOILING:
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.executescript(SPOILING[kind])
    elif kind == "text":
        with open(path, "w") as file:
            file.write("this is no database\n" * 100)
    elif kind == "byte":
        os.truncate(path, os.path.getsize(path) - 1)
    elif kind == "half":
        os.truncate(path, os.path.getsize(path) // 2)
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
    shape = Shape(seed=11, events=120, contexts=3, pins=2)
    stores.fill(home, shape)
    with stores.opened(home) as index:
        stores.embed_some(index, shape)
    warnings: list[str] = []
    before = answers(home, warnings)
    assert warnings == [] and before[0] and before[1]
    return home, before


@pytest.mark.parametrize("kind", [*SPOILING, *PLACES, "text", "byte", "half", "head", "pages"])
def test_a_damaged_index_is_set_aside_with_one_warning_and_answers_the_same(
    home, indexed, kind, monkeypatch
):
    template, before = indexed
    monkeypatch.setattr(care, "ANSWERS", 4)  # others are compared here
    shutil.copytree(template.root, home.root, copy_function=os.link)  # the same files to an index
    shutil.rmtree(home.index)
    shutil.copytree(template.index, home.index)
    warnings: list[str] = []
    assert answers(home, warnings) == before and warnings == []
    damage(kind, path := os.path.join(home.index, "mind.db"), random.Random(7))
    assert answers(home, warnings) == before
    assert len(warnings) == 1 and "set aside" in warnings[0] and path in warnings[0]
    assert len(glob.glob(f"{path}.*bad")) == 1
    assert answers(home, warnings) == before and len(warnings) == 1
    assert care.verify(stores.memory(home)) == []


@pytest.mark.parametrize("part", ["mind.db-journal", "mind.db-wal", "", "lock"])
@pytest.mark.parametrize("kind", PLACES)
def test_what_is_no_file_beside_an_index_makes_way(home, part, kind):
    stores.fill(home, Shape(seed=11, events=20, contexts=3))
    before, warnings = answers(home, []), []
    path = os.path.join(home.index, part).rstrip("/")
    os.rename(path, f"{home.root}.old") if os.path.exists(path) else None
    PLACES[kind](path)
    mends = not (kind == "folder" and not part)  # an empty folder is an index that is not made
    assert answers(home, warnings) == before
    assert len(warnings) == (mends and part != "lock") and all(path in line for line in warnings)
    assert answers(home, warnings) == before and len(warnings) < 2


def test_an_error_that_a_new_index_has_too_is_told_and_rebuilds_nothing_again(home, monkeypatch):
    stores.fill(home, Shape(seed=11, events=20, contexts=3))
    answers(home, [])
    monkeypatch.setattr(evidence, "StoredEvidence", lambda *given: json.loads("{"))  # a bug
    warnings: list[str] = []
    for _ in range(3):
        with pytest.raises(json.JSONDecodeError):
            answers(home, warnings)
    assert len(warnings) == 1 and "set aside" in warnings[0]
    monkeypatch.undo()
    assert answers(home, warnings) and len(warnings) == 1


@pytest.mark.parametrize("bug", [OverflowError(), UnicodeEncodeError("ascii", "ü", 0, 1, "no")])
def test_an_error_that_no_row_makes_sets_nothing_aside(home, monkeypatch, bug):
    stores.fill(home, Shape(seed=11, events=20, contexts=3))
    answers(home, [])

    def fail(*given):
        raise bug

    monkeypatch.setattr(evidence, "StoredEvidence", fail)
    warnings: list[str] = []
    with pytest.raises(type(bug)):
        answers(home, warnings)
    assert warnings == []


def test_a_home_whose_name_is_not_utf8(tmp_path):
    """As every name with an umlaut is where the locale is C."""
    home = Home(os.path.join(tmp_path, os.fsdecode(b"h\xfc")))
    stores.fill(home, Shape(seed=11, events=20, contexts=3))
    warnings: list[str] = []
    assert answers(home, warnings)[0] and warnings == []


def test_an_index_of_ours_that_we_may_not_write_gets_its_mode_back(home):
    stores.fill(home, Shape(seed=11, events=20, contexts=3))
    before, path = answers(home, []), os.path.join(home.index, "mind.db")
    os.chmod(path, 0)
    assert answers(home, []) == before and os.stat(path).st_mode & 0o777 == 0o600


def test_an_empty_index_is_one_that_is_not_made_yet(home):
    stores.fill(home, Shape(seed=11, events=20, contexts=3))
    os.makedirs(home.index)
    open(os.path.join(home.index, "mind.db"), "w").close()
    warnings: list[str] = []
    assert answers(home, warnings)[0] and warnings == []


def test_an_index_deleted_in_the_middle_is_made_again(log, home):
    log.append("discord-thread/1", [EventDraft(NOW, "user", "the xylophone", {})], NOW)
    deleted, said = [], []
    for index in stores.attempts(home, said.append):
        with index:
            index.look_at_logs()
            if not deleted:
                deleted.append(True)
                shutil.rmtree(home.index)
                with index.writing():
                    index.put_setting("x", "y")
            count = len(list(index.rows()["events"]))
    assert count == 1 and deleted and said == []


@pytest.mark.skipif(
    opening.wal_is_safe(sqlite3.sqlite_version_info), reason="with WAL what is gone can be written"
)
def test_an_index_that_keeps_going_is_given_up(log, home):
    log.append("discord-thread/1", [EventDraft(NOW, "user", "the xylophone", {})], NOW)
    tries = []
    with pytest.raises(Busy, match="keeps being replaced"):
        for index in stores.attempts(home, tries.append):
            with index:
                tries.append(index)
                shutil.rmtree(home.index)
                with index.writing():
                    index.put_setting("x", "y")
    assert len(tries) == opening.TRIES


@pytest.mark.parametrize("moment", ["before it is open", "as soon as it is open"])
def test_an_index_that_is_replaced_at_any_moment_is_opened_again(home, moment, monkeypatch):
    """Its file was looked up by name after it was open: one replaced in between passed for it, and
    the first write into what was deleted was an I/O error."""
    stores.fill(home, Shape(seed=3, events=20, contexts=1))
    answers(home, [])
    times, connect = iter([1, 1, 0, 0, 0, 0, 0]), sqlite3.connect

    def replace():
        if next(times):  # by hand: with WAL `rebuild` waits until it is open
            for part in opening._list_parts(opening._path(home)):
                os.unlink(part)
            opening.made_in(home, home.index).db.close()

    def connect_late(*args, **options):
        if moment == "before it is open" and "mode=rwc" in args[0]:
            monkeypatch.setattr(sqlite3, "connect", connect)
            replace()
            monkeypatch.setattr(sqlite3, "connect", connect_late)
        db = connect(*args, **options)
        if moment != "before it is open":
            monkeypatch.setattr(sqlite3, "connect", connect)
            replace()
            monkeypatch.setattr(sqlite3, "connect", connect_late)
        return db

    monkeypatch.setattr(sqlite3, "connect", connect_late)
    for index in stores.attempts(home, print):
        with index:
            with index.writing():
                index.put_setting("x", "y")
            assert len(list(index.rows()["events"])) == 20


@pytest.mark.parametrize("another", [False, True])
def test_one_that_goes_as_soon_as_it_was_made_is_made_again(home, another, monkeypatch):
    """There was none, so nothing could be compared with the file of that name: none, or another's,
    passed for the one that was open."""
    stores.fill(home, Shape(seed=3, events=20, contexts=1))
    opening.rebuild(home)
    said, times, make = [], iter([1, 0, 0, 0]), opening._open

    def make_and_lose(*args):
        store = make(*args)
        if next(times):
            opening.rebuild(home)
            if another:
                make(home, opening._path(home)).db.close()
        return store

    monkeypatch.setattr(opening, "_open", make_and_lose)
    for index in stores.attempts(home, said.append):
        with index:
            with index.reading():
                pass
            with index.writing():
                index.put_setting("x", "y")
            assert len(list(index.rows()["events"])) == 20
    assert said == []
    with stores.opened(home) as index:
        assert index.setting("x") == "y"


@pytest.mark.skipif(opening.wal_is_safe(sqlite3.sqlite_version_info), reason="it has no journal")
@pytest.mark.parametrize("how", ["setting", "reading", "writing"])
def test_one_that_was_replaced_leaves_the_journal_of_the_one_in_its_place(home, how):
    """SQLite took it for its own, played it back and deleted it: whoever had been killed left half
    a write, and whoever was still writing had an I/O error, of which the third ended a command."""
    stores.fill(home, Shape(seed=3, events=20, contexts=1))
    expected = answers(home, [])
    old, said = stores.opened(home), []
    opening.rebuild(home)
    answers(home, [])

    def die_writing():
        with stores.opened(home) as new, new.writing() as db:
            db.execute("PRAGMA cache_size = 5")
            for number in range(100):  # more than fits: some of it is written before the end
                new.put_setting(f"x{number}", "x" * 1000)
            os._exit(0)

    dying = multiprocessing.get_context("fork").Process(target=die_writing)
    dying.start()
    dying.join()
    journal = os.path.join(home.index, "mind.db-journal")
    assert files.read(journal, 0, 1) == b"\xd9", "nobody would play this one back"
    with pytest.raises(Damaged, match="it was replaced"):
        if how == "setting":
            old.setting("x")
        else:
            with getattr(old, how)():
                pass
    old.close()
    assert os.path.exists(journal)
    assert (answers(home, said), said) == (expected, [])
    assert not os.path.exists(journal)


def test_recalls_beside_many_rebuilds_find_what_there_is_or_are_told_to_try_again(home):
    stores.fill(home, Shape(seed=3, events=30, contexts=2))
    expected = answers(home, [])
    said: list[str] = []

    def rebuild():
        for _ in range(25):
            opening.rebuild(home)
            with contextlib.suppress(Busy):
                answers(home, said)

    def recall():
        for _ in range(25):
            with contextlib.suppress(Busy):
                assert answers(home, said) == expected
        assert said == []  # nothing was set aside

    fork = multiprocessing.get_context("fork")
    beside = [fork.Process(target=work) for work in (rebuild, rebuild, recall, recall)]
    for process in beside:
        process.start()
    for process in beside:
        process.join()
    assert [process.exitcode for process in beside] == [0] * len(beside)


def test_a_transaction_that_a_full_disk_ended_fails_as_what_it_was(home):
    """SQLite rolls back by itself then; a second rollback would hide the reason."""
    with pytest.raises(OSError, match="no space left"):
        for index in stores.attempts(home, print):
            with index, index.writing() as db:
                db.execute("ROLLBACK")
                raise OSError(28, "no space left on device")


def test_a_copy_leaves_nothing_in_the_home_and_nothing_behind(home, tmp_path, monkeypatch):
    """As a dry run has it, or who may not write: also of a damaged index, and when the body
    fails."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    os.mkdir(tmp_path / "temporary")
    stores.fill(home, Shape(seed=11, events=20, contexts=3))
    memory = stores.memory(home)
    for kind in ("none", "sound", "blob", "text"):
        if kind == "sound":
            with stores.opened(home) as index:
                index.look_at_logs()
        elif kind != "none":
            damage(kind, os.path.join(home.index, "mind.db"), random.Random(7))
        before = sorted(os.walk(home.root))
        for one in (memory._replace(dry=True), memory):
            with monkeypatch.context() as patch:
                patch.setattr(opening, "_is_writable", lambda path: home.root not in path)
                for index in one.opened():
                    with index:
                        assert len(list(index.rows()["events"])) == 20
                with pytest.raises(ZeroDivisionError):
                    for index in one.opened():
                        with index:
                            _ = 1 / 0
            assert sorted(os.walk(home.root)) == before
            assert os.listdir(tmp_path / "temporary") == [], kind
