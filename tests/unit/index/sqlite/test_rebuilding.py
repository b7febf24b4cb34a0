"""An index is made again beside the one there is: who asks meanwhile is answered by that one."""

import os
import shutil
import signal
import threading
import time
from contextlib import suppress

import pytest
from plainmind.ground import files
from plainmind.ground.errors import Busy, InputOutput
from plainmind.index.rows import events
from plainmind.index.sqlite import opening, remaking
from plainmind.memory import care, embedding, event_forgetting
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, PATIENCE
from unit.index import stores
from unit.index.stores import Shape, answers

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def before(home) -> list:
    stores.fill(home, Shape(seed=3, events=40, contexts=2))
    with stores.opened(home) as index:
        stores.run(index, stores.Fake())
        index.serve(stores.MODEL)
    return answers(home, [])


def names(home) -> list[str]:
    return sorted(os.listdir(home.index))


def test_who_asks_meanwhile_is_answered_and_takes_nothing_in(home, before, monkeypatch):
    inode, taken = os.stat(opening._path(home)).st_ino, []

    def fill(index) -> None:
        index.optimize()
        with monkeypatch.context() as patch:
            patch.setattr(events, "_take_in", lambda *given: taken.append(given))
            assert answers(home, []) == before

    opening.rebuild(home, fill)
    assert taken == [] and os.stat(opening._path(home)).st_ino != inode
    assert answers(home, []) == before and care.verify(stores.memory(home)) == []
    assert remaking.FOLDER not in names(home)


def test_what_is_said_meanwhile_is_found_after_it(home, before):
    def fill(index) -> None:
        index.counts()
        Log(home).append("test/0", [EventDraft(NOW, "user", "a late word", {})], NOW)
        with stores.opened(home) as other:
            assert other.counts()["turns"] == 41

    opening.rebuild(home, fill)
    with stores.opened(home) as index:
        assert index.counts()["turns"] == 41
    assert care.verify(stores.memory(home)) == []


def test_an_index_that_was_open_meanwhile_is_not_asked_any_more(home, before):
    memory = stores.memory(home)
    times = []
    for index in memory.opened():
        with index:
            times.append(index.counts()["turns"])
            if len(times) == 1:
                care.rebuild(memory)
                index.counts()
    assert times == [40, 40]
    assert answers(home, []) == before


@pytest.mark.parametrize("call", ["unlink", "rename", "sync_folder"])
def test_a_rebuild_that_is_killed_while_it_takes_its_place_loses_nothing(home, before, call):
    """The old index may be gone and the new one not there: the next command makes another."""
    child = os.fork()
    if not child:
        holder = files if call == "sync_folder" else os
        die = lambda *given, **more: os.kill(os.getpid(), signal.SIGKILL)
        opening.rebuild(home, lambda index: (index.counts(), setattr(holder, call, die)))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert answers(home, []) == before and care.verify(stores.memory(home)) == []
    care.rebuild(stores.memory(home))
    assert answers(home, []) == before and remaking.FOLDER not in names(home)


def test_a_rebuild_that_is_killed_changes_nothing(home, before):
    child = os.fork()
    if not child:
        opening.rebuild(home, lambda index: os.kill(os.getpid(), signal.SIGKILL))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert answers(home, []) == before and remaking.FOLDER in names(home)
    opening.discard_set_aside(home)  # as mem-forget does: it may have had the text
    assert remaking.FOLDER not in names(home)
    os.mkdir(os.path.join(home.index, remaking.FOLDER))
    care.rebuild(stores.memory(home))
    assert answers(home, []) == before and remaking.FOLDER not in names(home)


def test_what_a_killed_one_left_goes_with_the_next_run_that_embeds(home, before, monkeypatch):
    """It has read what a person may have taken out of the files since."""
    monkeypatch.setattr(embedding, "_embedder", lambda memory, bulk=False: stores.Fake())
    left = os.path.join(home.index, remaking.FOLDER)
    os.mkdir(left)
    with files.lock(os.path.join(home.index, "rebuild.lock")):  # one is at work
        embedding.embed(stores.memory(home), embedding.EmbedOptions(), None)
    assert os.path.isdir(left)
    embedding.embed(stores.memory(home), embedding.EmbedOptions(), None)
    assert not os.path.exists(left)


def test_a_full_disk_is_said_and_the_old_index_answers(home, before):
    def fill(index) -> None:
        size = index.db.execute("PRAGMA page_count").fetchone()[0]
        index.db.execute(f"PRAGMA max_page_count = {size}")  # SQLITE_FULL beyond
        index.counts()

    with pytest.raises(InputOutput, match="full; check the disk"):
        opening.rebuild(home, fill)
    assert answers(home, []) == before and remaking.FOLDER not in names(home)


def test_a_damaged_index_is_made_again_by_it(home, before):
    with open(opening._path(home), "r+b") as file:
        file.write(b"no index" * 1000)
    care.rebuild(stores.memory(home))
    assert answers(home, []) == before


PLACED = {
    "a file": lambda path: open(path, "w").close(),
    "a pipe": os.mkfifo,
    "a link": lambda path: os.symlink(os.path.dirname(os.path.dirname(path)), path),
    "a link to nothing": lambda path: os.symlink("nowhere", path),
    "a closed folder": lambda path: (os.makedirs(f"{path}/mind.db"), os.chmod(path, 0)),
}


@pytest.mark.parametrize("place", PLACED.values(), ids=PLACED)
def test_what_stands_in_the_place_of_its_folder_makes_way(home, before, place):
    place(os.path.join(home.index, remaking.FOLDER))
    care.rebuild(stores.memory(home))
    assert answers(home, []) == before and remaking.FOLDER not in names(home)


def test_who_forgets_waits_for_it_with_the_index_alone(home, before):
    """It may have read the text already; but the log does not."""
    said = Log(home).append("test/0", [EventDraft(NOW, "user", "a quokka", {})], NOW)[0]
    path, failures = home.path(said.path), []
    given = {"meta_too": False, "reason": "", "report": failures.append}
    forget = lambda: list(event_forgetting.forget(stores.memory(home), b"", [said.ref], **given))
    forgetting = threading.Thread(target=forget)

    def fill(index) -> None:
        index.counts()
        forgetting.start()
        end = time.monotonic() + PATIENCE
        while b"quokka" in files.read(path):
            assert time.monotonic() < end
            time.sleep(0.01)
        forgetting.join(2)
        assert forgetting.is_alive()

    opening.rebuild(home, fill)
    forgetting.join()
    assert failures == [] and b"quokka" not in files.read(opening._path(home))


def test_what_cannot_be_an_index_keeps_nobody_from_forgetting(home, before):
    said = Log(home).append("test/0", [EventDraft(NOW, "user", "a quokka", {})], NOW)[0]
    shutil.rmtree(home.index)
    os.symlink("nowhere", home.index)
    given = {"meta_too": False, "reason": "", "report": print}
    list(event_forgetting.forget(stores.memory(home), b"", [said.ref], **given))
    assert b"quokka" not in files.read(home.path(said.path))


@pytest.mark.parametrize("at", ["filling", "filled"])
def test_who_deletes_the_index_meanwhile_gets_another(home, before, at):
    def fill(index) -> None:
        index.counts()
        shutil.rmtree(home.index)
        if at == "filling":
            index.optimize()

    opening.rebuild(home, fill)
    assert answers(home, []) == before and care.verify(stores.memory(home)) == []


def refuse_rebuilding(path, *given, lock=files.lock, **more):
    if path.endswith("rebuild.lock"):
        raise Busy("a rebuild runs")
    return lock(path, *given, **more)


def test_who_removes_what_one_left_waits_for_one_that_runs(home, before, monkeypatch):
    held = []

    def fill(index) -> None:
        index.counts()
        with pytest.raises(Busy), files.lock(os.path.join(home.index, "rebuild.lock"), 0):
            held.append(1)
        with monkeypatch.context() as patch, pytest.raises(Busy):
            patch.setattr(files, "lock", refuse_rebuilding)
            opening.discard_set_aside(home)
        assert remaking.FOLDER in names(home)

    opening.rebuild(home, fill)
    assert held == []
    monkeypatch.setattr(files, "lock", refuse_rebuilding)
    opening.discard_set_aside(home)  # nothing runs, and nothing is waited for


SOUGHT = {
    "read": lambda folder: files.read(os.path.join(folder, "0123.codes")),
    "written": lambda folder: files.write_temporary(os.path.join(folder, "0123.codes"), b"x"),
}


@pytest.mark.parametrize("seek", SOUGHT.values(), ids=SOUGHT)
def test_an_index_that_is_deleted_while_a_file_of_it_is_sought_is_made_again(home, before, seek):
    times = []
    for index in stores.memory(home).opened():
        with index:
            times.append(index.counts()["turns"])
            if len(times) == 1:
                shutil.rmtree(home.index)
                seek(home.index)
    assert times == [40, 40]


def test_a_folder_that_others_make_meanwhile_is_not_set_aside(home, before, monkeypatch):
    shutil.rmtree(home.index)
    look = os.stat

    def raced(path, *given, **more):
        try:
            return look(path, *given, **more)
        finally:
            if path == home.index:
                with suppress(FileExistsError):
                    os.mkdir(home.index)

    monkeypatch.setattr(os, "stat", raced)
    assert answers(home, said := []) == before
    assert said == [] and not [name for name in os.listdir(home.root) if "bad" in name]
