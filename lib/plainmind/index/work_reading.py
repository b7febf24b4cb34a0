"""The files of the work of a team to records: what came to the journal, which state files of
sessions changed, and who is in the teams.

Owns what 'up to date' means for them. Of a journal that grew only what was appended is read; of one
that changed otherwise, all, unless its bytes are what they were. Knows no engine.
"""

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from ..formats.work import journal, session
from ..formats.work.journal import PATH, Line, Row
from ..formats.work.session import State
from ..ground import clock, file_states, files
from ..ground.errors import BadData, Failure
from ..ground.paths import Home
from ..team import teams
from ..team.teams import Team
from ..truth.work import journal as journal_file
from ..truth.work import sessions
from .reading import FileState

_TAIL = 256  # bytes before what is new that must be what they were
_PIECE = 1 << 20


class JournalState(NamedTuple):
    """How far the journal was read, and what shows that this part stands. JSON."""

    inode: int = 0
    modified: int = 0  # ns
    changed: int = 0  # ns; 0 when that was too lately to be trusted
    size: int = 0
    read_to: int = 0  # the end of the last whole line
    lines: int = 0  # read
    checksum: int = 0  # CRC-32 of what was read
    tail: str = ""  # its end


class JournalReading(NamedTuple):
    """The journal, open, as of one moment. `again`: what was read of it before is void, and it is
    read from its start. `file` is None when there is none, or none that can be read."""

    state: JournalState
    start: int
    number: int  # of the line there
    again: bool
    file: BinaryIO | None

    def read(self) -> Iterator[Row | BadData]:
        """What is new: lines, and failures with their places."""
        if self.file is None:
            return iter(())
        return journal_file.read_lines(self.file, self.start, self.number, self.state.read_to)

    def read_line(self, offset: int, size: int) -> Line:
        """A line that was read before. Changed when another one stands there now."""
        try:
            assert self.file is not None
            return journal.parse(os.pread(self.file.fileno(), size, offset))
        except (AssertionError, BadData, OSError):
            raise Changed from None

    def read_bytes(self, offset: int, size: int) -> bytes:
        return os.pread(self.file.fileno(), size, offset).strip() if self.file else b""


class Changed(Exception):
    """What was read is not what stands there now."""


def is_journal_new(home: Home, known: JournalState) -> bool:
    """Whether the journal has to be looked at: it is not the file that was read, or not as it
    was."""
    try:
        there = file_states.state_of(os.stat(home.path(PATH), follow_symlinks=False))
    except OSError:
        there = (0, 0, 0, 0)
    return there != known[:4]


@contextmanager
def open_journal(
    home: Home, known: JournalState, say: Callable[[str], None], *, thorough: bool = False
) -> Iterator[JournalReading]:
    """The journal as it is now, and what is new in it. `thorough`: all of what was read is compared
    with what stands there, else its end alone."""
    try:
        file = journal_file.open_file(home)
    except (FileNotFoundError, NotADirectoryError):
        yield JournalReading(JournalState(), 0, 1, bool(known.read_to), None)
        return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        say(f"{home.path(PATH)}: it cannot be read ({reason}); the tables of work are without it")
        yield JournalReading(JournalState(), 0, 1, bool(known.read_to), None)
        return
    with file:
        yield _look(file, known, thorough)


def _look(file: BinaryIO, known: JournalState, thorough: bool) -> JournalReading:
    there = os.fstat(file.fileno())
    inode, modified, changed, size = file_states.state_of(there)
    appended = inode == known.inode and (modified == known.modified or size > known.size)
    # whoever sets a time back leaves another time of the change
    whole = thorough or not appended or known.changed not in (0, changed) and size == known.size
    stands = size >= known.read_to and (
        _sum_up(file, 0, known.read_to)[1] == known.checksum
        if whole
        else _tail(file, known.read_to) == known.tail
    )
    start, lines, checksum = (known.read_to, known.lines, known.checksum) if stands else (0, 0, 0)
    end = _last_end(file, start, size)
    new, checksum = _sum_up(file, start, end, checksum)
    settled = file_states.is_settled(changed)
    state = JournalState(
        inode, modified, changed if settled else 0, size, end, lines + new, checksum,
        _tail(file, end),
    )  # fmt: skip
    return JournalReading(state, start, lines + 1, bool(known.read_to) and not stands, file)


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    while start < end and (piece := os.pread(file.fileno(), min(_PIECE, end - start), start)):
        yield piece
        start += len(piece)


def _sum_up(file: BinaryIO, start: int, end: int, checksum: int = 0) -> tuple[int, int]:
    """The lines between two places, and the checksum up to there."""
    lines = 0
    for piece in _pieces(file, start, end):
        lines, checksum = lines + piece.count(b"\n"), zlib.crc32(piece, checksum)
    return lines, checksum


def _tail(file: BinaryIO, end: int) -> str:
    start = max(0, end - _TAIL)
    return os.pread(file.fileno(), end - start, start).decode("latin-1")


def _last_end(file: BinaryIO, start: int, size: int) -> int:
    """Where the last whole line of a part ends; its start when there is none."""
    end = size
    while end > start:
        first = max(start, end - _PIECE)
        at = os.pread(file.fileno(), end - first, first).rfind(b"\n")
        if at >= 0:
            return first + at + 1
        end = first
    return start


# --- state files


class StateSummary(NamedTuple):
    """What the tables have of a state. `status` is None when what stands there is not one."""

    session: str
    agent: str
    status: str | None = None
    phase: str | None = None
    repository: str | None = None
    started: str | None = None
    ended: str | None = None
    tasks: int = 0  # completed
    failed: int = 0


def changed_states(
    home: Home, known: Mapping[str, FileState], *, thorough: bool = False
) -> tuple[list[tuple[str, FileState, StateSummary]], list[str]]:
    """(state files that are new or look changed, as they are now, those that are gone)."""
    before, changed = dict(known), {}
    for id in sessions.list_sessions(home):
        for agent in sessions.list_agents(home, id):
            path = f"work/{id}/{agent}.json"
            try:
                state = FileState(*file_states.state_of(os.stat(home.path(path))))
            except OSError:  # gone meanwhile, or a link to nothing
                continue
            if before.pop(path, None) != state or thorough:
                changed[path] = (id, agent, state)
    read: dict[str, State] = {}
    for id in {id for id, _, _ in changed.values()}:
        read |= {
            state.path: state for state in sessions.read_states(home, id, lambda failure: None)
        }
    found = []
    for path, (id, agent, state) in changed.items():
        settled = FileState(*file_states.settle(state))
        found.append((path, settled, _summary(id, agent, read.get(path))))
    return found, sorted(before)


def _summary(id: str, agent: str, state: State | None) -> StateSummary:
    if state is None:
        return StateSummary(id, agent)
    tasks = [task["status"] for task in state.fields.get("completedTasks") or ()]
    phase, repository = (state.fields.get(key) or None for key in ("phase", "targetRepo"))
    return StateSummary(
        id, agent, state.status, phase, repository, _time(state, "startTime"),
        _time(state, "endTime"), tasks.count("completed"), tasks.count("failed"),
    )  # fmt: skip


def _time(state: State, key: str) -> str | None:
    instant = session.read_instant(state.fields, key)
    return clock.to_text(instant) if instant else None


# --- teams


def teams_state(home: Home) -> list[int]:
    """What tells that a person's teams.toml changed; JSON."""
    try:
        return list(file_states.state_of(os.stat(home.path(teams.PATH))))
    except OSError:
        return [0, 0, 0, 0]


def read_teams(home: Home, say: Callable[[str], None]) -> list[Team]:
    """The teams of a home. Of a file that cannot be read, or is wrong, a warning; then they are
    those that a fresh home has."""
    path = home.path(teams.PATH)
    if os.path.lexists(path):
        try:
            return teams.parse(files.read(path, 0, teams.MOST + 1), path)
        except Failure as failure:
            say(f"{failure}; the teams are those of a new memory folder")
        except OSError as error:
            say(f"{files.to_failure(error)}; the teams are those of a new memory folder")
    return teams.parse(teams.read_shipped(), "teams.toml")
