"""Who waits for a lock waits as long as the one that has it goes on."""

import multiprocessing
import os
import signal
import time
from contextlib import contextmanager, suppress

import pytest
from plainmind.ground import files, lock_queue
from plainmind.ground.errors import Busy
from scene import PATIENCE

fork = multiprocessing.get_context("fork")
told = pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="the system does not tell")


def sleep(done) -> None:
    done.wait(2 * PATIENCE)


def work(done) -> None:
    while not done.is_set():
        pass


def work_now_and_then(done) -> None:
    """As SQLite does when somebody else has its lock."""
    while not done.is_set():
        time.sleep(0.01)


def wait_for_another(path: str):
    def wait(done) -> None:
        with files.lock(path, 0.05):
            done.wait(2 * PATIENCE)

    return wait


@contextmanager
def held(path: str, what=sleep):
    """The lock is another process' until it is told to let go, or ends."""
    has, done = fork.Event(), fork.Event()

    def hold() -> None:
        try:
            with files.lock(path):
                has.set()
                what(done)
        except Busy:
            pass

    process = fork.Process(target=hold)
    process.start()
    assert has.wait(PATIENCE)
    try:
        yield process, done
    finally:
        done.set()
        process.join(PATIENCE)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "lock")


def let_go_later(done, seconds: float):
    """Meanwhile nobody who waits 0.05 seconds for one that does nothing would have waited."""
    process = fork.Process(target=lambda: (time.sleep(seconds), done.set()))
    process.start()
    return process


@told
@pytest.mark.parametrize("what", [work, work_now_and_then])
def test_who_waits_for_one_that_goes_on_waits_as_long_as_it_does(path, monkeypatch, what):
    monkeypatch.setattr(lock_queue, "MOST", 2)
    with held(path, what) as (_, done):
        later = let_go_later(done, 1.5)
        with files.lock(path, 0.1):
            assert done.is_set()
        later.join()


def test_a_bounded_wait_is_no_longer_whoever_goes_on(path):
    with held(path, work_now_and_then), pytest.raises(Busy), files.lock(path, 0.1, bounded=True):
        raise AssertionError


@told
@pytest.mark.parametrize("what", [work, work_now_and_then])
def test_one_that_was_stopped_is_not_waited_for(path, what):
    with held(path, what) as (process, done):
        os.kill(process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Busy), files.lock(path, 0.1):
                raise AssertionError
        finally:
            os.kill(process.pid, signal.SIGCONT)


def look(**more):
    return lock_queue._Look(**{"holder": 7, "turns": {}, "runs": False, "may_move": False, **more})


def test_one_that_would_run_if_a_processor_were_free_is_waited_for(path, monkeypatch):
    looks = []
    with held(path) as (_, done):

        def find(fd):
            looks.append(1)
            if len(looks) == 5 * lock_queue.MOST:
                done.set()
            return look(runs=True)

        monkeypatch.setattr(lock_queue, "_look", find)
        with files.lock(path, 0.01):
            assert len(looks) >= 5 * lock_queue.MOST


def test_one_that_waits_for_a_disk_is_not_waited_for_without_end(path, monkeypatch):
    monkeypatch.setattr(lock_queue, "_look", lambda fd: look(may_move=True))
    start = time.monotonic()
    with held(path), pytest.raises(Busy), files.lock(path, 0.02):
        raise AssertionError
    assert time.monotonic() - start > 0.02 * lock_queue.MOST


def test_who_waits_is_not_refused_while_others_get_the_lock(path, monkeypatch):
    seen = []
    with held(path) as (_, done):

        def find(fd):
            seen.append(1)
            if len(seen) == 12:
                done.set()
            return look(holder=len(seen))

        monkeypatch.setattr(lock_queue, "_look", find)
        with files.lock(path, 0.02):
            assert len(seen) >= 12


@told
def test_who_waits_for_one_that_was_woken_and_does_not_run_yet_is_not_refused(path, monkeypatch):
    looks = []
    with held(path) as (_, done):

        def find(fd):
            looks.append(1)
            if len(looks) == 6:
                done.set()
            return lock_queue.FREE

        monkeypatch.setattr(lock_queue, "_find_holder", find)
        monkeypatch.setattr(lock_queue, "MOST", 100_000)  # however late this process is
        with files.lock(path, 0.02):
            assert len(looks) >= 6


@told
def test_one_that_works_is_told_from_one_that_sleeps(path, tmp_path):
    other = str(tmp_path / "other")
    with held(path, work) as (process, done), held(other) as (sleeper, _):
        with open(path, "rb") as file, open(other, "rb") as another:
            assert lock_queue._find_holder(file.fileno()) == process.pid
            assert lock_queue._look(file.fileno()).runs
            assert lock_queue._find_holder(another.fileno()) == sleeper.pid
            end = time.monotonic() + PATIENCE
            while lock_queue._look(another.fileno()).runs:  # it is about to sleep
                assert time.monotonic() < end
            before = lock_queue._look(another.fileno())
            time.sleep(0.1)
            assert lock_queue._look(another.fileno()) == before and before.turns
        done.set()
        process.join(PATIENCE)
    with files.lock(path), open(path, "rb") as file:
        assert lock_queue._find_holder(file.fileno()) == os.getpid()
        assert file.read() == b""  # a dry run takes locks, too
    with open(path, "rb") as file:
        assert lock_queue._find_holder(file.fileno()) == lock_queue.FREE
    assert not lock_queue._read_threads(0) and not lock_queue._read_threads(1 << 30)


@told
@pytest.mark.parametrize("others", [b"00:00", b"ff:ff"])
def test_a_file_of_the_same_number_on_another_device_is_another_one(path, monkeypatch, others):
    """A daemon that has a lock in /run for ever does not work, whoever has ours."""
    read = lock_queue._read_locks

    def read_more(locks):
        more = [b"1: FLOCK  ADVISORY  WRITE 1 %b:%d 0 EOF\n" % (others, os.stat(path).st_ino)]
        return read([*more, *locks])

    monkeypatch.setattr(lock_queue, "_read_locks", read_more)
    with files.lock(path), open(path, "rb") as file:
        assert lock_queue._find_holder(file.fileno()) == os.getpid()


@told
def test_a_file_that_is_gone_tells_nothing(path):
    assert not lock_queue.goes_on(path, 0)


@told
def test_of_one_that_waits_itself_who_is_waited_for_counts(path, tmp_path):
    """To look every moment whether it is its turn is no progress: two that wait for each other
    would wait for ever."""
    other = str(tmp_path / "other")
    with held(other) as (sleeper, _), held(path, wait_for_another(other)):
        end = time.monotonic() + PATIENCE
        with open(path, "rb") as file:
            while lock_queue._find_holder(file.fileno()) not in (sleeper.pid, lock_queue.FREE):
                assert time.monotonic() < end
        with files.lock(path, 1):  # it gives up
            pass


@told
def test_two_that_wait_for_each_other_give_up(path, tmp_path):
    other = str(tmp_path / "other")
    tried = files.lock(path, 0.05)
    with files.lock(other), held(path, wait_for_another(other)), suppress(Busy), tried:
        pass  # one gives up, or both


def test_who_gave_up_does_not_get_the_lock_later(path):
    with held(path) as (_, done):
        with pytest.raises(Busy), files.lock(path, 0.01):
            raise AssertionError
        done.set()
        with files.lock(path, PATIENCE):
            pass
