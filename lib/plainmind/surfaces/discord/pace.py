"""How often the relay may connect and identify.

Discord resets the token of a bot that identifies 1,000 times a day, and bans an address that asks
too often. discord.py has no wait at all between connections that are accepted and closed. Pure, but
for the file that remembers a day's identifications.
"""

import json
from contextlib import suppress

from ...ground import clock, files, stream
from ...ground.backoff import Backoff

WAITS = Backoff(1.0, 60.0)
STABLE = 60.0  # seconds after which a connection was a good one
A_DAY = 200  # identifications


class Pace:
    """The waits between connections, which begin at the shortest again after a good one."""

    def __init__(self) -> None:
        self.failures = 0

    def note_end(self, lasted: float) -> None:
        """A connection has ended after so many seconds."""
        self.failures = 1 if lasted >= STABLE else self.failures + 1

    def wait(self, jitter: float) -> float:
        """Seconds until the next connection; `jitter` in [0, 1)."""
        return WAITS.delay(self.failures, jitter)


class Identifications:
    """When the relay identified, within a day; they are counted across restarts."""

    def __init__(self, path: str):
        self.path = path
        self.times: list[int] = []
        with suppress(FileNotFoundError, ValueError, TypeError, OverflowError):
            self.times = [int(time) for time in json.loads(files.read(path))]

    def wait(self, now: int) -> float:
        """Seconds until one more is allowed."""
        self.times = [time for time in self.times if 0 <= now - time < clock.DAY]
        return 0.0 if len(self.times) < A_DAY else (self.times[-A_DAY] + clock.DAY - now) / 1000

    def count(self, now: int) -> None:
        """One more is about to be made."""
        self.times.append(now)
        files.replace(self.path, stream.json_record(self.times))
