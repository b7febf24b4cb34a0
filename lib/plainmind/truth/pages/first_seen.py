"""How long retention has known each page: `raw/maintenance-log/first-seen.json`.

    {"time": of the last run, "elapsed": ms, "pages": {"knowledge/tea.md": elapsed then, …}}

`elapsed` is the time that went by while retention ran at least once a month: it never goes back,
and a clock that jumps adds nothing to it. So a page is known for as many days as it was really
there, whatever its head and the clock say. A page that is not in the file is new; losing the file
makes all of them new, and nothing is deleted early.

Owns this file. Refuses to know what is kept how long.
"""

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from ...ground import clock, files
from ...ground.errors import BadData
from ...ground.paths import Home
from ...ground.stream import json_line
from . import maintenance

FIRST = clock.parse("2000-01-01T00:00:00Z")  # a clock, or a date, before it is none
LONGEST = 31 * clock.DAY  # between two runs; a longer time may be a clock that jumped


class Sightings(NamedTuple):
    """`time` of the last run, 0 when there was none; `pages`: what had elapsed when first seen."""

    time: int = 0
    elapsed: int = 0
    pages: dict[str, int] = {}

    def is_plausible(self, now: int) -> bool:
        """Whether the clock may be right: it went on from the last run, and not by too much."""
        return now >= FIRST and (not self.time or 0 <= now - self.time <= LONGEST)

    def days_known(self, path: str) -> int:
        return (self.elapsed - self.pages.get(path, self.elapsed)) // clock.DAY

    def advance(self, now: int, paths: Iterable[str]) -> "Sightings":
        """As it is now, with these pages and no other."""
        went_by = now - self.time if self.time and self.is_plausible(now) else 0
        elapsed = self.elapsed + went_by
        pages = {path: self.pages.get(path, elapsed) for path in paths}
        return Sightings(now if now >= FIRST else self.time, elapsed, pages)


def load(home: Home) -> Sightings:
    """What is there; nothing, where that is not what we wrote."""
    try:
        value = json.loads(files.read(_name(home)))
        time, elapsed = clock.parse(value["time"]), value["elapsed"]
        pages = {path: at for path, at in value["pages"].items() if type(at) is int}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError, BadData):
        return Sightings()
    return Sightings(time, elapsed, pages) if type(elapsed) is int else Sightings()


def save(home: Home, seen: Sightings) -> None:
    value = {"time": clock.to_text(seen.time), "elapsed": seen.elapsed, "pages": seen.pages}
    files.replace(_name(home), f"{json_line(value)}\n".encode("utf-8", "surrogateescape"))


def _name(home: Home) -> str:
    return os.path.join(maintenance.folder(home), "first-seen.json")
