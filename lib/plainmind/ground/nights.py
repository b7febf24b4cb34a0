"""What is done once a night, at the first chance: a machine that is off at night does it after.

Owns `raw/maintenance-log/nights.json`: for each job the night in which it was done last, and below
`ended` its exit code. Cron and launchd start the jobs every hour, and they end at once when there
is nothing to do. A job that is killed is not done; one that is done twice does no harm.
"""

import json
import os
from typing import Any, NamedTuple

from . import clock, files, stream, zone
from .errors import BUSY, INPUT_OUTPUT, UNAVAILABLE
from .paths import Home

BEGINS = 3 * 3600 * clock.SECOND  # ms after midnight where the person lives
_ENDED = "ended"  # no job's name
AGAIN = (UNAVAILABLE, INPUT_OUTPUT, BUSY)  # ends that leave the job to the next hour


class LastNight(NamedTuple):
    """When a job was done last."""

    job: str  # the command with its options, as `mem-lint logs`
    day: str  # YYYY-MM-DD, of the night's morning; '' for never
    code: int | None  # with which it ended; None where that was not written down
    due: bool  # since then


class Nights:
    def __init__(self, home: Home):
        self.path = home.path("raw", "maintenance-log", "nights.json")

    def is_due(self, job: str, now: int) -> bool:
        """Whether a job was not done in the last night. `now`: ms."""
        return self._read().get(job) != _night(now)

    def note(self, job: str, now: int, code: int) -> None:
        """A job ended, with this exit code."""
        if code not in AGAIN:
            files.make_folder(os.path.dirname(self.path))
            ended = {_ENDED: {**self._read_ended(), job: code}}
            whole = {**self._read(), job: _night(now), **ended}
            files.replace(self.path, stream.json_record(whole))

    def find_last(self, job: str, now: int) -> LastNight:
        day, code = self._read().get(job), self._read_ended().get(job)
        day = day if isinstance(day, str) else ""
        return LastNight(job, day, code if type(code) is int else None, day != _night(now))

    def _read_ended(self) -> dict[str, Any]:
        found = self._read().get(_ENDED)
        return found if isinstance(found, dict) else {}

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(files.read(self.path))
        except (FileNotFoundError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _night(now: int) -> str:
    """The day that a night belongs to: that of its morning."""
    return zone.to_day(now - BEGINS).isoformat()
