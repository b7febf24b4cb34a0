"""Rows that are made of many others: patterns, candidates for automation, what became of
experiments, sessions, and who is in the teams. Each is made again, when one of its rows changed, by
the rule that is told in `team`; so it is the same however the rows came.
"""

import json
from collections.abc import Iterable, Mapping
from math import fsum
from typing import Any

from ...formats.work.session import ORCHESTRATOR
from ...formats.work.summary import combine_statuses
from ...team import patterns
from ...team.achievements import ACHIEVEMENTS
from ...team.commands import REPEATED, normalize
from ...team.experiments import HIGHER, RUNNING, VERDICTS, judge
from ...team.levels import LEVELS
from ...team.teams import Team
from . import work_entities as entities
from . import work_fold
from .database import SqlConnection
from .work_entities import State, same_of
from .work_touched import Touched

SESSIONS = 500  # that are in memory at once
_HOW_MANY = ", ".join(
    f"count(CASE WHEN status = '{one}' THEN 1 END)" for one in ("completed", "failed")
)
_COUNTED = "status IN ('completed', 'failed')"


def settle(db: SqlConnection, touched: Touched) -> None:
    """What changed by the rows that were touched; agents' earnings by sessions, too."""
    _settle_sessions(db, touched)
    _judge_experiments(db, touched)
    _detect_by_kind(db, touched)
    _detect_repetition(db, touched)


def define(db: SqlConnection) -> None:
    """The levels and the achievements there are."""
    for table in ("level_thresholds", "achievement_definitions"):
        db.execute(f"DELETE FROM {table}")
    levels = ((level.number, level.xp, level.title, level.symbol) for level in LEVELS)
    db.executemany("INSERT INTO level_thresholds VALUES (?, ?, ?, ?)", levels)
    rows = [(a.name, a.title, a.tier, a.xp, a.symbol, a.description) for a in ACHIEVEMENTS]
    db.executemany("INSERT INTO achievement_definitions VALUES (?, ?, ?, ?, ?, ?)", rows)


# --- sessions

_SESSION_EARNINGS = """
-- CROSS: session by session, in the order of the groups
SELECT DISTINCT own.agent, ending.unix_ms, ending.id, 'session', of.id, NULL,
       CASE WHEN EXISTS (SELECT 1 FROM work_earnings AS bad
                         WHERE bad.session = of.id AND bad.kind = 'failed'
                         AND (bad.unix_ms, bad.id) < (ending.unix_ms, ending.id))
       THEN 0 ELSE 1 END
FROM work_sessions AS of
CROSS JOIN work_lines AS ending
CROSS JOIN work_earnings AS own
WHERE ending.id = of.done AND own.session = of.id AND own.kind = 'task'
AND (own.unix_ms, own.id) < (ending.unix_ms, ending.id)
"""


def _settle_sessions(db: SqlConnection, touched: Touched) -> None:
    """Sessions: what they earned their agents, and their rows."""
    if touched.everything:
        rows = db.execute(_SESSION_EARNINGS).fetchall()
        _insert_earnings(db, touched, sorted(rows))
        db.execute("DELETE FROM sessions")
        wanted = {id for (id,) in db.execute("SELECT id FROM work_sessions")}
        wanted |= {id for (id,) in db.execute("SELECT session FROM work_states")}
    else:
        wanted = touched.sessions
        for id in wanted:
            _settle_earnings(db, touched, id)
    ids = sorted(wanted)
    for first in range(0, len(ids), SESSIONS):
        _put_sessions(db, ids[first : first + SESSIONS])


def _settle_earnings(db: SqlConnection, touched: Touched, id: str) -> None:
    before = set(
        db.execute("SELECT * FROM work_earnings WHERE session = ? AND kind = 'session'", (id,))
    )
    found = db.execute(f"{_SESSION_EARNINGS} AND of.id = ?", (id,))
    now = set(found.fetchall())
    for agent, unix_ms, event, *_ in before - now:
        touched.touch_agent(agent, (unix_ms, event))
        db.execute(
            "DELETE FROM work_earnings WHERE agent = ? AND unix_ms = ? AND id = ? AND kind = ?",
            (agent, unix_ms, event, "session"),
        )
    _insert_earnings(db, touched, sorted(now - before))


def _insert_earnings(db: SqlConnection, touched: Touched, rows: list[tuple]) -> None:
    for row in rows if not touched.everything else ():
        touched.touch_agent(row[0], row[1:3])
    db.executemany("INSERT INTO work_earnings VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _put_sessions(db: SqlConnection, ids: list[str]) -> None:
    """The rows of these as they are now."""
    among = f"session IN ({', '.join('?' * len(ids))})"
    bases = entities.load(db, "session", ids)
    states: dict[str, list[State]] = {}
    columns = ("agent", "status", "phase", "repository", "started", "ended", "tasks", "failed")
    for session, *row in db.execute(
        f"SELECT session, {', '.join(columns)} FROM work_states WHERE {among} "
        f"AND status IS NOT NULL ORDER BY agent <> '{ORCHESTRATOR}', agent",
        ids,
    ):
        states.setdefault(session, []).append(dict(zip(columns, row)))
    counts = {
        session: (completed, failed)
        for session, completed, failed in db.execute(
            f"SELECT session, {_HOW_MANY} FROM tasks WHERE {among} GROUP BY session", ids
        )
    }
    rows = [
        _session_row(id, bases.get(id, {}), states.get(id, []), counts.get(id, (0, 0)))
        for id in ids
        if id in bases or id in states
    ]
    db.executemany("DELETE FROM sessions WHERE id = ?", ((id,) for id in ids))
    for row in rows[:1]:
        marks = ", ".join("?" * len(row))
        insert = f"INSERT INTO sessions ({', '.join(row)}) VALUES ({marks})"
        db.executemany(insert, [tuple(one.values()) for one in rows])


def _session_row(id: str, base: State, states: list[State], counts: tuple[int, int]) -> State:
    told = _told_by(states)
    running = any(state["status"] == "in_progress" for state in states)
    leading, other = (told, base) if running or not base else (base, told)
    names = ("status", "repository", "started", "ended", "agents")
    row = {name: leading.get(name) or other.get(name) for name in names}
    if running:
        row["ended"] = None
    tasks, failed = counts
    if leading is told:
        tasks, failed = max(tasks, told["tasks"]), max(failed, told["failed"])
    return {
        "id": id, **row, **{name: base.get(name) for name in ("team", "goal", "pr_url")},
        "phase": told.get("phase"), "duration_s": entities.duration(row), "tasks": tasks,
        "failed": failed, "path": f"work/{id}" if states else None,
    }  # fmt: skip


def _told_by(states: list[State]) -> State:
    """What the state files of a session say of it, those of the orchestrator first."""
    if not states:
        return {}
    leading = [state for state in states if state["agent"] == ORCHESTRATOR]
    first = lambda name: next((state[name] for state in states if state[name]), None)
    times = lambda name: [state[name] for state in states if state[name]]
    return {
        "status": combine_statuses(state["status"] for state in leading or states),
        "repository": first("repository"), "phase": first("phase"),
        "started": min(times("started"), default=None), "ended": max(times("ended"), default=None),
        "agents": json.dumps(sorted(state["agent"] for state in states)),
        "tasks": sum(state["tasks"] for state in states),
        "failed": sum(state["failed"] for state in states),
    }  # fmt: skip


# --- experiments


def _judge_experiments(db: SqlConnection, touched: Touched) -> None:
    names: Iterable[str] = touched.experiments
    if touched.everything:
        names = [name for (name,) in db.execute("SELECT name FROM experiments")]
    for name, one in entities.load(db, "experiment", names).items():
        rows = db.execute(
            "SELECT value FROM metrics WHERE experiment = ? AND name = coalesce(?, name)",
            (name, one["metric"]),
        )
        values = [value for (value,) in rows]
        mean = fsum(values) / len(values) if values else None  # the same in any order
        written = one["verdict"] or ""
        status, change = judge(len(values), mean, one["baseline"], one["better"] or HIGHER, written)
        by = "person" if written in VERDICTS else "rule"
        decided = None if status == RUNNING else by
        one |= {"samples": len(values), "mean": mean, "change": change}
        entities.save(db, "experiment", [{**one, "status": status, "decided": decided}])


# --- what is seen again and again

_PUT_PATTERN = "INSERT INTO patterns VALUES (?, ?, ?, ?, ?, ?, ?, 'detected', ?)"
_DROP_PATTERN = (
    "DELETE FROM patterns WHERE source = 'detected' AND kind IN ({}) AND agent = ? AND subject = ?"
)


def _detect_by_kind(db: SqlConnection, touched: Touched) -> None:
    """What an agent does well, or badly."""
    select = (
        f"SELECT agent, kind, {_HOW_MANY}, min(at), max(at) "
        f"FROM tasks WHERE {_COUNTED} AND kind IS NOT NULL"
    )
    if touched.everything:
        db.execute("DELETE FROM patterns WHERE source = 'detected'")
        groups = db.execute(f"{select} GROUP BY agent, kind").fetchall()
    else:
        drop = _DROP_PATTERN.format("'success', 'failure'")
        db.executemany(drop, touched.kinds)
        one = f"{select} AND agent = ? AND kind = ? GROUP BY agent, kind"
        groups = [row for key in touched.kinds for row in db.execute(one, key)]
    rows = []
    for agent, kind, completed, failed, first, last in groups:
        if found := patterns.detect(completed, failed):
            evidence = f"{completed} of {completed + failed} completed"
            rows.append((found, kind, agent, completed + failed, first, last, evidence, None))
    db.executemany(_PUT_PATTERN, rows)


def _detect_repetition(db: SqlConnection, touched: Touched) -> None:
    """What users ask for, and what agents do, again and again."""
    if touched.everything:
        db.execute("DELETE FROM automation_candidates")
        often = f"HAVING count(*) >= {REPEATED}"
        rows = db.execute(f"SELECT normal FROM user_commands GROUP BY normal {often}")
        commands = {normal for (normal,) in rows}
        # of each one description, by one look: those of one normal form are as good
        rows = db.execute(
            "SELECT same,"
            " (SELECT description FROM tasks AS one WHERE one.same = often.same LIMIT 1)"
            f" FROM (SELECT same FROM tasks GROUP BY same {often}) AS often"
        )
        same = dict(rows.fetchall())
    else:
        commands, same = touched.commands, touched.same
        gone = ((normal,) for normal in commands)
        db.executemany("DELETE FROM automation_candidates WHERE normal = ?", gone)
    subjects = {normalize(description): one for one, description in same.items()}
    subjects |= {normal: same_of(normal) for normal in commands}
    subjects.pop("", None)  # it says nothing
    if not touched.everything:
        drop = _DROP_PATTERN.format("'repetition'")
        db.executemany(drop, (("", subject) for subject in subjects))
    for subject, one in sorted(subjects.items()):
        _put_repetition(db, subject, one)


def _put_repetition(db: SqlConnection, subject: str, same: int) -> None:
    asked = db.execute(
        "SELECT count(*), min(at), max(at) FROM user_commands WHERE normal = ?", (subject,)
    ).fetchone()
    done = db.execute(
        "SELECT count(*), min(at), max(at) FROM tasks WHERE same = ?", (same,)
    ).fetchone()
    if asked[0] >= REPEATED:
        row = (subject, _find_example(db, subject, same), *asked)
        db.execute("INSERT INTO automation_candidates VALUES (?, ?, ?, ?, ?)", row)
    count = max(asked[0], done[0])
    if count >= REPEATED:
        first = min(filter(None, (asked[1], done[1])))
        last = max(filter(None, (asked[2], done[2])))
        evidence = f"commands: {asked[0]}, tasks: {done[0]}"
        row = ("repetition", subject, "", count, first, last, evidence)
        db.execute(_PUT_PATTERN, (*row, _find_example(db, subject, same)))


def _find_example(db: SqlConnection, normal: str, same: int) -> str:
    """The first text of a normal form, in which a secret can still be told from other words."""
    (example,) = db.execute(
        "SELECT coalesce("
        "(SELECT command FROM user_commands WHERE normal = ? ORDER BY at, id LIMIT 1), "
        "(SELECT description FROM tasks WHERE same = ? ORDER BY at, id LIMIT 1))",
        (normal, same),
    ).fetchone()
    return example


# --- who is in the teams


def put_teams(db: SqlConnection, known: list[Team], said: Mapping[str, list[State]]) -> None:
    """Teams and agents: those of teams.toml, then what the journal says of them, then whoever did
    something, or was given a reward. `said`: states of 'team' and of 'agent'."""
    teams: dict[str, Any] = {team.name: {"description": team.description} for team in known}
    agents: dict[str, Any] = {}
    for team in known:
        for member in team.agents:
            agents[member.name] = {**member._asdict(), "team": team.name}
    for state in said["team"]:
        teams[state["name"]] = {**teams.get(state["name"], {}), **state}
    for state in said["agent"]:
        agents[state["name"]] = {**agents.get(state["name"], {}), **state}
    for table in ("work_earnings", "tasks", "rewards"):
        for name in list_agents(db, table):
            agents.setdefault(name, {})
    columns = ("team", "role", "description", "model")
    rows = [
        (name, *(one.get(c) or None for c in columns), int(one.get("active", True)))
        for name, one in agents.items()
    ]
    _replace_all(db, "agents", rows)
    _replace_all(
        db, "teams", [(name, one.get("description") or None) for name, one in teams.items()]
    )
    work_fold.enlist(db, agents)


def list_agents(db: SqlConnection, table: str) -> list[str]:
    """The agents of a table, by one look into its index for each."""
    rows = db.execute(
        f"WITH RECURSIVE named (agent) AS (SELECT min(agent) FROM {table} UNION ALL "
        f"SELECT (SELECT min(agent) FROM {table} WHERE agent > named.agent) FROM named "
        "WHERE named.agent IS NOT NULL) SELECT agent FROM named WHERE agent IS NOT NULL"
    )
    return [agent for (agent,) in rows]


def _replace_all(db: SqlConnection, table: str, rows: list[tuple]) -> None:
    before = set(db.execute(f"SELECT * FROM {table}"))
    now = set(rows)
    db.executemany(f"DELETE FROM {table} WHERE name = ?", ((row[0],) for row in before - now))
    if rows:  # even for none, SQLite would read the statement
        marks = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO {table} VALUES ({marks})", sorted(now - before, key=str))
