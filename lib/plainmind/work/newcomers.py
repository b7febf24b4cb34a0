"""Agents that work-log is told of and nobody knew: most likely a typing error, where a known name
is near. For a remark: whoever does something is an agent, so nothing is refused.

Knows names by their bytes, in teams.toml and in what the journal had before: a log line must not
wait for an index.
"""

import os
import re

from ..formats.work.journal import PATH, Fields
from ..ground import files
from ..ground.paths import Home
from ..team import teams
from ..truth.work import journal

_RECENT = 64 * 1024  # bytes at the journal's end whose agents may have been meant, too
_ALIKE = 0.8  # of 1, by difflib: one wrong, missing or exchanged letter of five
_IN_TEAMS = re.compile(rb"""\bname\s*=\s*["']([a-z0-9_-]+)["']""")
_IN_JOURNAL = re.compile(rb'"agent" ?: ?"([a-z0-9_-]+)"')
_NUMBER = re.compile("[-_]?[0-9]+")


class Newcomers:
    """Told of the events of one command. What the journal had when this is made was known."""

    def __init__(self, home: Home) -> None:
        self._home, self._met = home, set[str]()
        self._known: list[set[str]] = []  # of teams, of late
        try:
            self._size = os.stat(home.path(PATH)).st_size
        except OSError:
            self._size = 0

    def doubt(self, event: Fields) -> str:
        """A remark on an event, or ''; once a name."""
        if event["type"] == "agent":
            self._met.add(event["name"])  # said to be there
        name = event.get("agent")
        if not name or name in self._met:
            return ""
        self._met.add(name)
        self._known = self._known or self._list_known()
        if any(name in names for names in self._known):
            return ""
        near = next(filter(None, (_find_near(name, names) for names in self._known)), "")
        if not near or journal.holds(self._home, name, key="agent", stop=self._size):
            return ""
        return f"agent '{name}' is new; did you mean '{near}'?"

    def _list_known(self) -> list[set[str]]:
        """Names in teams.toml, and agents of late."""
        try:
            data = files.read(self._home.path(teams.PATH), 0, teams.MOST)
        except OSError:
            data = teams.read_shipped()
        recent: list[bytes] = []
        try:
            with journal.open_file(self._home) as file:
                start = file.seek(max(0, self._size - _RECENT))
                recent = _IN_JOURNAL.findall(file.read(self._size - start))
        except OSError:
            pass
        return [{name.decode() for name in names} for names in (_IN_TEAMS.findall(data), recent)]


def _find_near(name: str, known: set[str]) -> str:
    """The known name that was meant; '' where none is near. `worker-2` is not `worker-1`."""
    import difflib

    plain = _NUMBER.sub("", name)
    others = sorted(other for other in known if _NUMBER.sub("", other) != plain)
    return next(iter(difflib.get_close_matches(name, others, 1, _ALIKE)), "")
