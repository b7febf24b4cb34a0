"""The work of a team as rows: when its files are looked at, and what is asked of the rows.

The journal, state files and teams.toml are looked at when an answer needs them. Within one
transaction all follow them, or none.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ...formats.work.journal import Row
from ...ground import clock, collector, zone
from ...ground.errors import BadData, Usage
from .. import work_reading
from ..reading import FileState
from ..work_reading import Changed, JournalReading, JournalState
from .database import Damaged, IndexDatabase, SqlConnection, upsert

if TYPE_CHECKING:  # rows that are up to date are read without what makes them
    from ..engine import Period
    from .work_intake import Intake
    from .work_touched import Touched

TRIES = 3  # to read a journal that somebody edits meanwhile
_BULK = 1 << 20  # bytes that are new, from which on it is faster to make the table's indexes again
_SETTING = "work"
_AT_ONCE = 500  # ids that are looked up

#: what may be asked for, and what of it is the same however the rows came about
OURS = ("work_lines", "work_states", "work_earnings", "work_sessions", "work_checkpoints")
TABLES = tuple(
    "teams agents sessions tasks experiments patterns metrics rewards user_commands "
    "automation_candidates lessons_learned campaigns leads content repositories llm_usage routes "
    "agent_levels xp_transactions achievement_definitions agent_achievements agent_streaks "
    "leaderboard_cache level_thresholds".split()
)
VIEWS = tuple(
    "v_agent_performance v_experiment_status v_user_command_patterns v_active_sessions "
    "v_agent_gamification v_leaderboard".split()
)
_OF_STATES = tuple(
    "path session agent inode modified changed size status phase repository started ended tasks "
    "failed".split()
)
_FROM_JOURNAL = (*(name for name in OURS if name != "work_states"), *TABLES)


class _Seen(NamedTuple):
    """What the tables were made from; JSON."""

    journal: JournalState
    zone: str
    teams: list[int]
    last_ms: int
    last_id: str


def _seen(index: IndexDatabase) -> _Seen | None:
    kept = index.setting(_SETTING)
    return _Seen(JournalState(*kept[0]), *kept[1:]) if kept else None


# --- taking in


def look_at_journal(index: IndexDatabase, *, thorough: bool = False) -> None:
    """Let the rows say what the journal and teams.toml say."""
    seen = _seen(index)
    if seen is not None and not thorough and not _has_changed(index, seen):
        return
    for number in itertools.count(1):
        try:
            with index.writing() as db, collector.paused():
                _follow(index, db, thorough)
            return
        except Changed:
            if number == TRIES:
                raise Damaged("its tables contradict the journal") from None
            thorough = True


def _has_changed(index: IndexDatabase, seen: _Seen) -> bool:
    return (
        work_reading.is_journal_new(index.home, seen.journal)
        or seen.zone != zone.name()
        or seen.teams != work_reading.teams_state(index.home)
    )


def _follow(index: IndexDatabase, db: SqlConnection, thorough: bool) -> None:
    from . import work_fold, work_groups
    from .work_intake import Intake
    from .work_touched import Touched

    seen = _seen(index)
    known = seen.journal if seen else JournalState()
    teams_state = work_reading.teams_state(index.home)
    with work_reading.open_journal(index.home, known, index.say, thorough=thorough) as journal:
        again = seen is None or journal.again
        if again:
            _clear(db)
            work_groups.define(db)
        last = (seen.last_ms, seen.last_id) if seen and not again else (-(1 << 62), "")
        touched = Touched(everything=again)
        intake = Intake(db, journal, last, touched)
        if journal.start < journal.state.read_to:
            much = again and journal.state.read_to - journal.start > _BULK
            with index.without_indexes(_FROM_JOURNAL if much else (), "tasks_by_name"):
                _take_in(index, intake, journal)
            intake.settle()
        if seen is None or seen.teams != teams_state:
            touched.team = True
        if seen is not None and seen.zone != zone.name():
            _fold_all(db, touched)
        work_groups.settle(db, touched)
        if again:
            _touch_all(db, touched)
        changed = bool(touched.agents)
        work_fold.fold(db, touched.agents)
        if touched.team or changed or touched.sessions or touched.same:
            said = {type: intake.list_states(type) for type in ("team", "agent")}
            work_groups.put_teams(db, work_reading.read_teams(index.home, index.say), said)
            work_fold.put_leaderboards(db)
        new = _Seen(journal.state, zone.name(), teams_state, *intake.last)
        index.put_setting(_SETTING, list(new))


def _take_in(index: IndexDatabase, intake: "Intake", journal: JournalReading) -> None:
    """What is new in the journal. Of what cannot be read one warning."""
    from .work_intake import CHUNK

    wrong = _Wrong()
    lines = wrong.leave_out(journal.read())
    size = journal.state.read_to - journal.start
    while chunk := list(itertools.islice(lines, CHUNK)):
        intake.add(chunk)
        index.progress(chunk[-1].offset + chunk[-1].bytes - journal.start, size)
    if wrong.count:
        more = f"; with it, {wrong.count} lines count nowhere" if wrong.count > 1 else ""
        cure = "see 'work-log check'"
        index.say(f"{index.home.root}/{wrong.first}; it counts nowhere{more}; {cure}")


class _Wrong:
    """Lines that cannot be read: the first, and how many. Kept, each would keep what was read with
    it."""

    def __init__(self) -> None:
        self.first, self.count = "", 0

    def leave_out(self, lines: Iterable[Row | BadData]) -> Iterator[Row]:
        for line in lines:
            if isinstance(line, BadData):
                self.first = self.first or f"{line.place}: {line.what}"
                self.count += 1
            else:
                yield line


def _clear(db: SqlConnection) -> None:
    """Forget all but what is made of logs and of state files."""
    for table in _FROM_JOURNAL:
        if table == "llm_usage":
            db.execute("DELETE FROM llm_usage WHERE source = 'journal'")
        elif table != "level_thresholds" and table != "achievement_definitions":
            db.execute(f"DELETE FROM {table}")


def _fold_all(db: SqlConnection, touched: "Touched") -> None:
    """Another zone has other days: nothing is left of what agents earned."""
    for table in ("xp_transactions", "agent_achievements", "work_checkpoints", "agent_levels",
                  "agent_streaks"):  # fmt: skip
        db.execute(f"DELETE FROM {table}")
    _touch_all(db, touched)


def _touch_all(db: SqlConnection, touched: "Touched") -> None:
    from . import work_groups

    for agent in work_groups.list_agents(db, "work_earnings"):
        touched.touch_agent(agent, (-(1 << 62), ""))
    touched.team = True


def look_at_states(index: IndexDatabase, *, thorough: bool = False) -> None:
    """Let the rows of sessions say what the state files say."""
    columns = "inode, modified, changed, size"
    rows = index.db.execute(f"SELECT path, {columns} FROM work_states")
    known = {path: FileState(*state) for path, *state in rows}
    changed, gone = work_reading.changed_states(index.home, known, thorough=thorough)
    if not changed and not gone:
        return
    from . import work_groups
    from .work_touched import Touched

    with index.writing() as db:
        touched = Touched(everything=False)
        for path in gone:
            touched.sessions.add(path.split("/")[1])
            db.execute("DELETE FROM work_states WHERE path = ?", (path,))
        for path, state, one in changed:
            row = (path, one.session, one.agent, *state, *one[2:])
            db.execute(upsert("work_states", _OF_STATES, ("path",)), row)
            touched.sessions.add(one.session)
        work_groups.settle(db, touched)


# --- answers


def rows(
    index: IndexDatabase, name: str, last: int, by: str, equal: dict[str, Any]
) -> list[dict[str, Any]]:
    columns, key = _columns_of(index, name)
    order = [_check(columns, by), *key] if by else key
    where = _where(columns, equal)
    sql = f"SELECT * FROM {name}" + (f" WHERE {where}" if where else "")
    if order:
        sql += " ORDER BY " + ", ".join(
            f"{each} {'DESC NULLS LAST' if last else 'NULLS FIRST'}" for each in order
        )
    found = index.db.execute(sql + (" LIMIT ?" if last else ""), (*equal.values(), *[last][:last]))
    rows = [dict(zip(columns, row)) for row in found]
    return rows[::-1] if last and order else rows


def sums(
    index: IndexDatabase,
    name: str,
    periods: "Sequence[Period]",
    by: Sequence[str],
    add: Sequence[str],
    equal: dict[str, Any],
) -> list[dict[str, Any]]:
    """One query for each group and period: of 100,000 rows under half of what one GROUP BY costs,
    which sorts them, while the table's index has each of these in a row."""
    columns, _ = _columns_of(index, name)
    groups: list[tuple] = [()]
    if by:
        listed = ", ".join(_check(columns, each) for each in by)
        where = _where(columns, equal)
        sql = f"SELECT DISTINCT {listed} FROM {name}" + (f" WHERE {where}" if where else "")
        groups = sorted(index.db.execute(sql, tuple(equal.values())), key=repr)
    summed = ["count(*)", *(f"sum({_check(columns, each)})" for each in add)]
    where = _where(columns, [*by, *equal, "at"]).removesuffix("IS ?") + "BETWEEN ? AND ?"
    sql = f"SELECT {', '.join(summed)} FROM {name} WHERE {where}"
    found = []
    for period in periods:
        times = clock.to_text(period.first), clock.to_text(period.last)
        for group in groups:
            values = index.db.execute(sql, (*group, *equal.values(), *times)).fetchone()
            if values[0]:
                found.append(
                    dict(zip(("period", *by, "count", *add), (period.name, *group, *values)))
                )
    return found


def events(index: IndexDatabase, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """As the journal has them: a row knows where its line stands."""
    seen = _seen(index)
    lines, wanted = [], sorted(set(ids))
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        lines += index.db.execute(
            'SELECT id, "offset", bytes FROM work_lines '
            f"WHERE void = 0 AND id IN ({', '.join('?' * len(some))})",
            some,
        ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    if seen and lines:
        with work_reading.open_journal(index.home, seen.journal, index.say) as journal:
            for id, offset, size in lines:
                with suppress(Changed):  # somebody edited it since
                    line = journal.read_line(offset, size)
                    if line.id == id:
                        found[id] = line.fields
    return found


def _columns_of(index: IndexDatabase, name: str) -> tuple[list[str], list[str]]:
    """The columns of a table or view, and those of its primary key, in their order."""
    if name not in TABLES and name not in VIEWS:
        raise Usage(f"no table '{name}'", cure="use one of " + ", ".join((*TABLES, *VIEWS)))
    columns = index.columns(name)
    key = [column for column, place in sorted(columns, key=lambda one: one[1]) if place]
    return [column for column, _ in columns], key


def _where(columns: list[str], equal: Iterable[str]) -> str:
    return " AND ".join(f"{_check(columns, column)} IS ?" for column in equal)


def _check(columns: list[str], column: str) -> str:
    """A column's name, which goes into SQL only if there is such a column."""
    if column not in columns:
        raise Usage(f"no column '{column}'", cure="use one of " + ", ".join(columns))
    return column


def comparable() -> dict[str, str]:
    """Table -> a query of rows that are the same however they came about."""
    columns = {
        "llm_usage": "id, at, source, agent, session, task, model, route, calls, failed, "
        "input_tokens, output_tokens, cost, seconds",
        "work_states": "path, session, agent, size, status, phase, repository, started, ended, "
        "tasks, failed",
    }
    names = (*(name for name in OURS if name != "work_checkpoints"), *TABLES)
    return {name: f"SELECT {columns.get(name, '*')} FROM {name}" for name in names}
