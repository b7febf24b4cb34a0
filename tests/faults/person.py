"""A person, in a process of their own, who saves a file every few milliseconds while we change it.

However slow the machine is, it decides nothing: now and then they wait until we have made a change,
and what waits for programs to save what they have read waits until they have."""

import multiprocessing
import time
from collections.abc import Callable

from plainmind.ground import clock, exchange
from scene import PATIENCE

fork = multiprocessing.get_context("fork")

LONGEST = 20 * PATIENCE  # seconds; only what never comes takes longer


class Person:
    """`save(n)` reads the file and saves it with one more line of theirs. Each `rest`-th time they
    wait for one more change of ours before they do."""

    def __init__(self, save: Callable[[int], None], saves: int, rest: int):
        self.save, self.saves, self.rest = save, saves, rest
        self.saved = fork.Value("i", 0)
        self.changes = fork.Semaphore(0)  # of ours, that they have not waited for
        self.reading = fork.Lock()  # held from reading to saving
        self.process = fork.Process(target=self._live, daemon=True)

    def _live(self) -> None:
        for n in range(self.saves):
            if n % self.rest == self.rest - 1:
                assert self.changes.acquire(timeout=LONGEST), "nothing was changed"
            with self.reading:
                self.save(n)
            self.saved.value = n + 1
            time.sleep((n * 7 % 5) / 1000)

    def settle(self, seconds: float) -> None:
        """`clock.sleep` beside them: what waits so long waits for what they have read."""
        if seconds < exchange.SETTLING:
            time.sleep(seconds)
            return
        assert self.reading.acquire(timeout=LONGEST), "they hold what they read"
        self.reading.release()

    def wait_for_save(self) -> None:
        """Until they have read what is there now, and saved it."""
        self.changes.release()
        end, before = time.monotonic() + LONGEST, self.saved.value
        while self.saved.value < before + 2:
            assert self.process.is_alive() and time.monotonic() < end
            time.sleep(0.001)

    def work_beside(self, change: Callable[[], int], monkeypatch) -> int:
        """`change`, again and again until they have saved all of theirs; how often it changed the
        file."""
        done = 0
        with monkeypatch.context() as patch:
            patch.setattr(clock, "sleep", self.settle)
            self.process.start()
            while self.process.is_alive():
                for _ in range(change()):
                    done += 1
                    self.changes.release()
        self.process.join()
        assert self.process.exitcode == 0 and self.saved.value == self.saves
        return done
