"""What processes that end must know of each other about servers that fail: for how long one wants
not to be asked, and what was said of an outage already.

Owns `raw/maintenance-log/outages.json`. Losing it costs one more request, or one more line.
"""

import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from . import clock, files, stream
from .errors import UNAVAILABLE, Failure
from .paths import Home

MOST = 100  # failures of one command
LEAST = 1.0  # seconds of quiet that are worth remembering
LONGEST = clock.DAY  # ms that are obeyed: a clock may have been wrong


class Outage(NamedTuple):
    """A command has failed since then (ms), with this exit code."""

    who: str
    code: int
    since: int


class Outages:
    """`who`: a server, or a command that asks one; no secret, for it is written down."""

    def __init__(self, home: Home):
        self.path = home.path("raw", "maintenance-log", "outages.json")

    def quiet_left(self, who: str, now: int) -> float:
        """The seconds for which a server still wants not to be asked."""
        until = self._read("quiet").get(who)
        left = until - now if isinstance(until, int) else 0
        return left / 1000 if 0 < left <= LONGEST else 0.0

    def keep_quiet(self, who: str, seconds: float, now: int) -> None:
        if seconds >= LEAST:
            until = now + min(LONGEST, int(seconds * 1000))
            there = {name: at for name, at in self._read("quiet").items() if at > now}
            self._write(quiet={**there, who: until})

    def begin(self, who: str, what: str, now: int) -> bool:
        """Something is out of order. Whether that is news, and to be said."""
        known = self._read("said")
        of = found if isinstance(found := known.get(who), dict) else {}
        if what in of:
            return False
        if len(of) < MOST:
            self._write(said={**known, who: {**of, what: now}})
        return True

    def end(self, who: str) -> int | None:
        """All of it is in order. Since when it was not, None when nothing was said."""
        known = self._read("said")
        over = known.pop(who, None)
        if over is not None:
            self._write(said=known)
        since = list(over.values()) if isinstance(over, dict) else []
        return min(filter(lambda at: isinstance(at, int), since), default=None)

    def list_ongoing(self) -> list[Outage]:
        """What is out of order, the first that began first."""
        found = []
        for who, said in self._read("said").items():
            for what, since in said.items() if isinstance(said, dict) else ():
                code = what.split()[0] if isinstance(what, str) else ""
                if isinstance(since, int) and code.isdecimal():
                    found.append(Outage(who, int(code), since))
        return sorted(found, key=lambda one: one.since)

    def _read(self, part: str) -> dict[str, Any]:
        try:
            found = json.loads(files.read(self.path))[part]
        except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, **changed: dict[str, Any]) -> None:
        whole = {part: self._read(part) for part in ("quiet", "said")} | changed
        files.make_folder(os.path.dirname(self.path))
        files.replace(self.path, stream.json_record(whole))


class OutageReports:
    """Says of what goes wrong every minute that it began and that it is over, each once.

    `report` takes a failure, and whether it was said already; `always` is for whoever watches.
    """

    def __init__(
        self, home: Home, who: str, report: Callable[[Failure, bool], None], *, always: bool = False
    ):
        self.outages, self.who, self._report, self.always = Outages(home), who, report, always
        self.failed = self.asked = False  # in this run

    def report(self, failure: Failure) -> None:
        self.failed = True
        import hashlib

        # an outage has many words, and is one; of others a digest tells them apart: their words may
        # be a person's, and are not to be kept here
        words = f"{failure.what} {failure.cure}" * (failure.code != UNAVAILABLE)
        digest = hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12]
        told = not self.outages.begin(self.who, f"{failure.code} {digest}", clock.system_now())
        self._report(failure, told and not self.always)

    def end(self, say: Callable[[str], None]) -> None:
        """The run is over: what was asked was answered, unless something was reported."""
        since = self.outages.end(self.who) if self.asked and not self.failed else None
        if since is not None:
            say(f"it works again; the first failure was at {clock.to_text(since)}")
