"""A home that no index knows is taken in by portions: a run that is killed is gone on with, and
what it took in is not read again. One new event costs one window, whatever their number."""

import os
import signal

import pytest
from plainmind.formats.log import event as grammar
from plainmind.ground import clock, file_states, files
from plainmind.index import reading, window_reading
from plainmind.index.rows import events
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores

pytestmark = pytest.mark.usefixtures("unsynced")
WINDOWS, CONTEXTS, PORTION = 150, 15, 20


@pytest.fixture
def windows(home, monkeypatch) -> list[str]:
    """Windows of one event each, that have been there for long."""
    monkeypatch.setattr(events, "PORTION", PORTION)
    monkeypatch.setattr(file_states, "is_settled", lambda changed: True)
    paths = []
    for number in range(WINDOWS):
        context, at = f"test/c{number % CONTEXTS}", NOW - (WINDOWS - number) * clock.DAY
        stamp = clock.to_stamp(at)
        said, _ = grammar.render(
            grammar.first_digest(context, stamp), at, "user", f"word{number} tea", {}
        )
        paths.append(f"logs/{context}/{stamp}.md")
        files.replace(home.path(paths[-1]), grammar.render_title(context, stamp) + said)
    return paths


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The windows that are read."""
    paths: list[str] = []
    window = window_reading.window
    note = lambda home, path, known, **how: paths.append(path) or window(home, path, known, **how)
    monkeypatch.setattr(window_reading, "window", note)
    return paths


def die_after(home, count: int) -> list[int]:
    """Take in in another process, which kills itself after so many windows."""
    child = os.fork()
    if not child:
        with stores.opened(home) as index:
            index.progress = lambda done, of: (
                os.kill(os.getpid(), signal.SIGKILL) if done == count else None
            )
            index.model()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_what_a_killed_run_took_in_is_not_read_again(home, windows, read):
    for count, left in ((PORTION - 1, 150), (2 * PORTION + 5, 110), (101, 10), (9, 10)):
        die_after(home, count)
        with stores.opened(home) as index:
            (there,) = index.db.execute("SELECT count(*) FROM windows").fetchone()
        assert there == WINDOWS - left, count
    told = []
    with stores.opened(home) as index:
        index.progress = lambda done, of: told.append((done, of))
        index.model()
        assert index.counts()["turns"] == WINDOWS
    assert sorted(read) == sorted(windows[-10:]) and told == [(n, 10) for n in range(1, 11)]
    read.clear()
    with stores.opened(home) as index:
        index.model()
    assert read == []


def test_it_is_the_index_that_one_run_makes(home, windows, monkeypatch, tmp_path):
    with stores.opened(home) as index:
        index.model()
        rows = {table: [*some] for table, some in index.rows().items()}
    monkeypatch.setattr(events, "PORTION", 10 * WINDOWS)
    with stores.engine_in_use().made_in(home, str(tmp_path / "other")) as index:
        index.model()
        assert {table: [*some] for table, some in index.rows().items()} == rows


def test_a_window_that_another_process_took_in_meanwhile_is_not_read_twice(home, windows, read):
    with stores.opened(home) as index:
        writing, times = index.writing, []

        def wait_for_other(*wait, **how):
            times.append(1)
            if len(times) == 2:  # between two portions
                with stores.opened(home) as other:
                    other.model()
            return writing(*wait, **how)

        index.writing = wait_for_other
        index.model()
        assert len(times) > 3
        assert index.counts()["turns"] == WINDOWS
    assert sorted(read) == sorted(windows)


def test_a_window_that_moved_while_many_are_new_keeps_its_vectors(home, windows):
    embedder = stores.Fake()
    with stores.opened(home) as index:
        stores.run(index, embedder)
    calls = len(embedder.calls)
    for path in windows[:60]:
        folder = home.path("logs/test/moved")
        os.makedirs(folder, exist_ok=True)
        os.rename(home.path(path), os.path.join(folder, os.path.basename(path)))
    with stores.opened(home) as index:
        index.thorough = True
        gone: list[str] = []
        index.removed = lambda texts, standing: gone.extend(
            one.text for one in texts if one.text not in standing
        )
        assert index.removed_hashes().gone == set()
        stores.run(index, embedder)
        assert index.status(embedder.model).ok == WINDOWS
    assert gone == [] and len(embedder.calls) == calls


def test_one_new_event_costs_one_window(home, windows, read, monkeypatch):
    with stores.opened(home) as index:
        index.model()
    log = Log(home)
    log.append("test/c3", [EventDraft(NOW, "user", "one more", {})], NOW)
    with stores.opened(home) as index:
        index.model()  # the journal is new: all are looked at once
    log.append("test/c3", [EventDraft(NOW, "user", "and one", {})], NOW)
    read.clear()
    monkeypatch.setattr(reading, "changed_windows", None)  # not looked at
    with stores.opened(home) as index:
        index.model()
        assert index.counts()["turns"] == WINDOWS + 2
    assert read == [windows[-15 + 3]]


@pytest.mark.parametrize(
    "what",
    ["modified = modified + 9, changed = changed - 9", "changed = changed - 9", "size = size + 1"],
)
def test_times_and_size_of_a_window_are_compared_each_by_itself(home, windows, read, what):
    """Whoever may write a window could set one time back by as much as the other moved on."""
    with stores.opened(home) as index:
        index.model()
        with index.writing() as db:
            db.execute(f"UPDATE windows SET {what} WHERE path = '{windows[3]}'")
    read.clear()
    with stores.opened(home) as index:
        index.thorough = True
        index.model()
    assert read == [windows[3]]


def test_times_of_a_folder_are_compared_each_by_itself(home, windows):
    listed = reading.changed_windows(home, {}, {}).folders
    assert reading.changed_windows(home, {}, listed).changed == []
    modified, changed = listed["logs/test/c3"]
    moved = {**listed, "logs/test/c3": [modified + 9, changed - 9]}
    found = reading.changed_windows(home, {}, moved).changed
    assert found == [path for path in windows if path.startswith("logs/test/c3/")]
