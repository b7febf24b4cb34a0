"""Who waits for a transaction of another process waits as long as that one goes on."""

import multiprocessing
import os
import signal
import sqlite3
import time
from contextlib import contextmanager

import pytest
from plainmind.ground import files
from plainmind.index.sqlite import index_file
from scene import PATIENCE
from unit.index import stores
from unit.index.stores import Shape

pytestmark = [
    pytest.mark.usefixtures("unsynced"),
    pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="the system does not tell"),
]
fork = multiprocessing.get_context("fork")


@contextmanager
def written_by_another(path: str):
    has, done = fork.Event(), fork.Event()

    def write() -> None:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        has.set()
        while not done.is_set():  # as one that the processor has little time for
            time.sleep(0.01)
        db.execute("ROLLBACK")

    process = fork.Process(target=write)
    process.start()
    assert has.wait(PATIENCE)
    try:
        yield process, done
    finally:
        done.set()
        process.join(PATIENCE)


@pytest.fixture
def path(home, monkeypatch):
    stores.fill(home, Shape(seed=3, events=4, contexts=1))
    with stores.opened(home) as index:
        found = index.path
    monkeypatch.setattr(index_file, "BUSY", 0.1)
    monkeypatch.setattr(files, "LOCK_WAIT", 0.1)
    return found


def test_one_that_goes_on_is_waited_for(home, path):
    with written_by_another(path) as (_, done):
        later = fork.Process(target=lambda: (time.sleep(1.5), done.set()))
        later.start()
        with stores.opened(home) as index, index.writing() as db:
            assert done.is_set() and db.in_transaction
        later.join()


def test_one_that_was_stopped_is_not(home, path):
    with written_by_another(path) as (process, _):
        os.kill(process.pid, signal.SIGSTOP)
        try:
            locked = pytest.raises(sqlite3.OperationalError)
            with stores.opened(home) as index, locked as found, index.writing():
                raise AssertionError
            assert found.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
        finally:
            os.kill(process.pid, signal.SIGCONT)
