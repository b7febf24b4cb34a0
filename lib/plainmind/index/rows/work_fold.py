"""What agents earned to their levels: XP, achievements, streaks, leaderboards (team.standing).

An agent whose earnings only went on is taken from where it stands; one that earned otherwise before
that, from the last checkpoint before the change. Either way its rows are those of a fold from the
first earning on.
"""

import json
from collections.abc import Iterable
from typing import Any

from ...ground import clock, zone
from ...team.levels import LEVELS
from ...team.standing import Earning, Standing
from .database import SqlConnection, upsert
from .work_touched import Position

STEP = 1000  # earnings from one checkpoint to the next
_QUARTER = 900_000  # ms: zones change their offset at whole quarters of an hour

_START: Position = (-(1 << 62), "")

_FIELDS = Standing.FIELDS
_OF_STREAKS = {"streak": "current", "longest": "longest", "last_day": "last_day"}
_OF_LEVELS = tuple(name for name in _FIELDS if name not in _OF_STREAKS)
_LEVEL_COLUMNS = (*_OF_LEVELS, "title", "moves", "last_ms", "last_id")


class Fold:
    """The fold of one agent, in a transaction."""

    def __init__(self, db: SqlConnection, agent: str):
        self._db, self._agent = db, agent
        self.standing, self._moves, self._last = self._stored()

    def _stored(self) -> tuple[Standing, int, Position]:
        row = self._db.execute(
            f"SELECT {', '.join(_OF_LEVELS)}, {', '.join(_OF_STREAKS.values())}, moves, last_ms, "
            "last_id FROM agent_levels JOIN agent_streaks USING (agent) WHERE agent = ?",
            (self._agent,),
        ).fetchone()
        if row is None:
            return Standing(), 0, _START
        won = "SELECT achievement FROM agent_achievements WHERE agent = ?"
        achievements = [name for (name,) in self._db.execute(won, (self._agent,))]
        *values, moves, last_ms, last_id = row
        fields = dict(zip((*_OF_LEVELS, *_OF_STREAKS), values))
        return Standing(achievements, **fields), moves, (last_ms, last_id)

    def go_on(self, changed: Position) -> None:
        """Take what it earned from a position on; before that, nothing changed."""
        if changed <= self._last:
            self._go_back(changed)
        gains, won = [], []
        take, moves, position = self.standing.take, self._moves, self._last
        rows = self._db.execute(
            "SELECT unix_ms, id, kind, seconds, amount FROM work_earnings "
            "WHERE agent = ? AND (unix_ms, id) > (?, ?) ORDER BY unix_ms, id",
            (self._agent, *position),
        )
        # read as a whole: what is written meanwhile is not read
        for number, (unix_ms, id, kind, seconds, amount) in enumerate(rows.fetchall(), 1):
            day = day_of(unix_ms) if kind == "task" else ""
            earning = Earning(id, unix_ms, self._agent, kind, day, seconds, bool(amount), amount)
            gained_now = take(earning)
            at = clock.to_text(unix_ms) if gained_now else ""
            for gained, reason in gained_now:
                moves += 1
                gains.append((self._agent, moves, at, unix_ms, gained, reason, id))
                if reason.startswith("achievement "):
                    won.append((self._agent, reason.removeprefix("achievement "), at, id))
            position = unix_ms, id
            if number % STEP == 0:
                self._moves, self._last = moves, position
                self._keep_checkpoint()
        self._moves, self._last = moves, position
        self._db.executemany("INSERT INTO xp_transactions VALUES (?, ?, ?, ?, ?, ?, ?)", gains)
        self._db.executemany("INSERT INTO agent_achievements VALUES (?, ?, ?, ?)", won)
        self.save()

    def _go_back(self, changed: Position) -> None:
        """To the last checkpoint before a position, or to the start."""
        agent = self._agent
        row = self._db.execute(
            "SELECT unix_ms, id, state FROM work_checkpoints WHERE agent = ? "
            "AND (unix_ms, id) < (?, ?) ORDER BY unix_ms DESC, id DESC LIMIT 1",
            (agent, *changed),
        ).fetchone()
        self.standing, self._moves, self._last = Standing(), 0, _START
        if row is not None:
            fields, achievements, self._moves = json.loads(row[2])
            self.standing, self._last = Standing(achievements, **fields), row[:2]
        self._db.execute(
            "DELETE FROM work_checkpoints WHERE agent = ? AND (unix_ms, id) > (?, ?)",
            (agent, *self._last),
        )
        self._db.execute(
            "DELETE FROM xp_transactions WHERE agent = ? AND number > ?", (agent, self._moves)
        )
        won = sorted(self.standing.achievements)
        others = f"AND achievement NOT IN ({', '.join('?' * len(won))})" if won else ""
        self._db.execute(f"DELETE FROM agent_achievements WHERE agent = ? {others}", (agent, *won))

    def _keep_checkpoint(self) -> None:
        fields = dict(zip(_FIELDS, self.standing.row()))
        state = json.dumps([fields, sorted(self.standing.achievements), self._moves])
        row = (self._agent, *self._last, state)
        self._db.execute("INSERT INTO work_checkpoints VALUES (?, ?, ?, ?)", row)

    def save(self) -> None:
        values = dict(zip(_FIELDS, self.standing.row()))
        more = LEVELS[self.standing.level - 1].title, self._moves, *self._last
        _replace(
            self._db, "agent_levels", ("agent", *_LEVEL_COLUMNS),
            (self._agent, *(values[name] for name in _OF_LEVELS), *more),
        )  # fmt: skip
        _replace(
            self._db, "agent_streaks", ("agent", *_OF_STREAKS.values()),
            (self._agent, *(values[name] for name in _OF_STREAKS)),
        )  # fmt: skip


def _replace(db: SqlConnection, table: str, columns: tuple[str, ...], row: tuple) -> None:
    db.execute(upsert(table, columns, ("agent",)), row)


_days: dict[int, str] = {}


def day_of(unix_ms: int) -> str:
    """The person's day, YYYY-MM-DD."""
    quarter = unix_ms // _QUARTER
    day = _days.get(quarter)
    if day is None:
        if len(_days) > 100_000:
            _days.clear()
        day = _days[quarter] = zone.to_day(quarter * _QUARTER).isoformat()
    return day


def fold(db: SqlConnection, agents: dict[str, Position]) -> None:
    """Bring agents up to date that earned otherwise from these positions on."""
    _days.clear()  # another zone may be in use
    for agent, position in sorted(agents.items()):
        Fold(db, agent).go_on(position)


def enlist(db: SqlConnection, agents: Iterable[str]) -> None:
    """Let these have a level, and nobody else."""
    known = {agent for (agent,) in db.execute("SELECT agent FROM agent_levels")}
    wanted = set(agents)
    for agent in wanted - known:
        Fold(db, agent).save()
    for agent in known - wanted:
        for table in ("agent_levels", "agent_streaks"):
            db.execute(f"DELETE FROM {table} WHERE agent = ?", (agent,))


def put_leaderboards(db: SqlConnection) -> None:
    """The boards as they are now, of which only what changed is written."""
    rows = db.execute("SELECT agent, xp, tasks, failed FROM agent_levels").fetchall()
    boards: dict[str, list[tuple[Any, str, float]]] = {
        "xp": [(xp, agent, xp) for agent, xp, _, _ in rows if xp],
        "tasks": [(tasks, agent, tasks) for agent, _, tasks, _ in rows if tasks],
        "success": [
            ((tasks / (tasks + failed), tasks), agent, tasks / (tasks + failed))
            for agent, _, tasks, failed in rows
            if tasks + failed
        ],
    }
    now = set()
    for board, found in boards.items():
        order = sorted(found, key=lambda one: one[1])
        order.sort(key=lambda one: one[0], reverse=True)
        rank, before = 0, None
        for place, (worth, agent, value) in enumerate(order, 1):
            rank, before = (rank, before) if worth == before else (place, worth)
            now.add((board, rank, agent, float(value)))
    before_rows = set(db.execute("SELECT board, rank, agent, value FROM leaderboard_cache"))
    gone = ((board, agent) for board, _, agent, _ in before_rows - now)
    db.executemany("DELETE FROM leaderboard_cache WHERE board = ? AND agent = ?", gone)
    db.executemany("INSERT INTO leaderboard_cache VALUES (?, ?, ?, ?)", sorted(now - before_rows))
