"""A team's folder of state and its database: what becomes events, and what is told of the rest."""

import json
import os
import sqlite3
import zipfile
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.bridges.histories import importing, registry
from plainmind.bridges.histories.items import Skipped, WorkEvent
from plainmind.formats.work import journal
from plainmind.ground.errors import Failure

ID = "session-1770451234"
WHEN = "2026-02-07 22:15:00"  # SQLite's own form, UTC
AT = "2026-02-07T22:15:00.000Z"

#: as the public project of the seeds has them, as far as they matter here
THEIRS = """
CREATE TABLE teams (id TEXT PRIMARY KEY, name TEXT NOT NULL, domain TEXT, description TEXT);
CREATE TABLE agents (id TEXT PRIMARY KEY, team_id TEXT, name TEXT, role TEXT, emoji TEXT,
  llm_preference TEXT, success_rate REAL DEFAULT 0.0, is_active BOOLEAN DEFAULT TRUE);
CREATE TABLE sessions (id TEXT PRIMARY KEY, team_id TEXT, status TEXT, target_repo TEXT,
  branch_name TEXT, pr_url TEXT, started_at DATETIME, completed_at DATETIME, exit_code INTEGER);
CREATE TABLE tasks (id TEXT PRIMARY KEY, session_id TEXT, agent_id TEXT, description TEXT,
  status TEXT, priority TEXT, llm_used TEXT, started_at DATETIME, completed_at DATETIME,
  duration_seconds INTEGER, error_message TEXT, retry_count INTEGER DEFAULT 0);
CREATE TABLE rewards (id INTEGER PRIMARY KEY, entity_type TEXT, entity_id TEXT,
  reward_value INTEGER, reason TEXT, issued_at DATETIME);
CREATE TABLE llm_usage (id INTEGER PRIMARY KEY, task_id TEXT, model TEXT, input_tokens INTEGER,
  output_tokens INTEGER, cost_usd REAL, duration_ms INTEGER, used_at DATETIME);
CREATE TABLE patterns (id TEXT PRIMARY KEY, pattern_type TEXT, description TEXT,
  detection_count INTEGER, last_detected_at DATETIME);
CREATE TABLE lessons_learned (id TEXT PRIMARY KEY, category TEXT, title TEXT, description TEXT,
  created_at DATETIME);
CREATE TABLE experiments (id TEXT PRIMARY KEY, name TEXT, description TEXT, status TEXT,
  success_metric TEXT, target_value REAL, decision TEXT, created_at DATETIME);
CREATE TABLE metrics (id INTEGER PRIMARY KEY, entity_type TEXT, entity_id TEXT, metric_name TEXT,
  metric_value REAL, context TEXT, recorded_at DATETIME);
CREATE TABLE user_commands (id INTEGER PRIMARY KEY, command_text TEXT, normalized_intent TEXT,
  executed_at DATETIME);
CREATE TABLE campaigns (id TEXT PRIMARY KEY, name TEXT, type TEXT, status TEXT, start_date DATE);
CREATE TABLE leads (id TEXT PRIMARY KEY, source TEXT, contact_name TEXT, contact_email TEXT,
  status TEXT);
CREATE TABLE content (id TEXT PRIMARY KEY, title TEXT, type TEXT, status TEXT, author TEXT,
  campaign_id TEXT, published_url TEXT);
CREATE TABLE repositories (id TEXT PRIMARY KEY, name TEXT, path TEXT, github_url TEXT);
CREATE TABLE agent_levels (agent_id TEXT PRIMARY KEY, level INTEGER);
CREATE TABLE integrations (id TEXT PRIMARY KEY, credentials TEXT);
CREATE VIEW v_agent_performance AS
  WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n;
"""
ROWS = {
    "teams": [("team-engineering", "Engineering", "engineering", "ten specialists")],
    "agents": [("agent-ux-designer", "team-engineering", "UX Designer", "Modern UX", "E", "opus",
                0.5, 1)],
    "sessions": [
        (ID, "team-engineering", "completed", "/srv/app", "main", "https://example.org/pr/1",
         "2026-02-07 22:00:00", WHEN, 0),
        ("job-abc", "team-engineering", "failed", "/srv/app", None, None, WHEN, None, 1),
    ],
    "tasks": [
        ("t1", ID, "agent-backend", "Generate migration", "completed", "high", "sonnet",
         "2026-02-07 22:13:00", WHEN, 120, None, 2),
        ("t2", "job-abc", "agent-backend", "Deploy", "error", None, None, None, WHEN, None,
         "no server", 0),
        ("t3", ID, "agent-backend", "Dance", "cancelled", None, None, None, WHEN, None, None, 0),
    ],
    "rewards": [(1, "task", "t1", 10, "well done", WHEN), (2, "task", "t2", -50, "bad", WHEN),
                (3, "experiment", "e1", 1, "who?", WHEN)],
    "llm_usage": [(1, "t1", "sonnet", 1000, 200, 0.25, 1500, WHEN)],
    "patterns": [("p", "user_repetition", "deploys by hand", 4, WHEN)],
    "lessons_learned": [("l", "build", "Cache", "keeps the build fast", WHEN)],
    "experiments": [("e1", "Short prompts", "are cheaper", "active", "cost", 2.5, "double_down",
                     WHEN)],
    "metrics": [(1, "experiment", "e1", "cost", 0.5, "{}", WHEN),
                (2, "agent", "agent-backend", "speed", 3, None, WHEN)],
    "user_commands": [(1, "deploy the app", "deploy", WHEN)],
    "campaigns": [("c1", "Spring", "email", "active", "2026-03-01")],
    "leads": [("lead", "fair", "Ann", "ann@example.org", "new")],
    "content": [("x", "Hello", "blog", "draft", "agent-loki", "c1", "https://example.org/hello")],
    "repositories": [("r", "app", "/srv/app", "https://example.org/app")],
    "agent_levels": [("agent-backend", 4)],
    "integrations": [("int-mail", "hunter2 hunter2")],
}  # fmt: skip


def make_database(path, script=THEIRS, rows=ROWS) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
        for table, values in rows.items():
            for row in values:
                marks = ", ".join("?" * len(row))
                connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)
    connection.close()
    return str(path)


def put(folder, name, value) -> None:
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))


def run(*paths) -> list:
    choice = importing.ImportChoice(tuple(map(str, paths)))
    reader = registry.load_reader("compound-state")
    return list(importing.run(reader, choice, lambda done, of: None))


def told(found) -> list[dict]:
    return [one.fields for one in found if isinstance(one, WorkEvent)]


def left_out(found) -> Counter:
    return Counter(one.reason for one in found if isinstance(one, Skipped))


def short(events) -> list[dict]:
    common = {"id", "at"}
    return [{k: v for k, v in one.items() if k not in common} for one in events]


def test_a_database_as_the_project_of_the_seeds_has_it(tmp_path):
    found = run(make_database(tmp_path / "agent-service.db"))
    assert not [one for one in found if isinstance(one, Failure)]
    events = told(found)
    assert {one["at"] for one in events if one["type"] not in "team agent".split()} == {AT} | {
        one["at"] for one in events if one["type"] in ("campaign", "lead", "content", "repository")
    }
    job = "session-1770502500"  # the second job-abc started
    assert sorted(short(events), key=lambda one: (one["type"], str(one))) == [
        {"type": "agent", "name": "ux-designer", "team": "Engineering", "role": "Modern UX",
         "description": "UX Designer", "model": "opus", "active": True},
        {"type": "campaign", "name": "Spring", "channel": "email", "status": "active",
         "started": "2026-03-01T00:00:00.000Z"},
        {"type": "content", "name": "Hello", "kind": "blog", "status": "draft",
         "campaign": "Spring", "agent": "loki", "url": "https://example.org/hello"},
        {"type": "experiment", "name": "Short prompts", "hypothesis": "are cheaper",
         "metric": "cost", "status": "double_down"},
        {"type": "lead", "name": "Ann", "source": "fair", "status": "new"},
        {"type": "lesson", "lesson": "Cache\nkeeps the build fast", "category": "build"},
        {"type": "llm_usage", "model": "sonnet", "agent": "backend", "session": ID,
         "input_tokens": 1000, "output_tokens": 200, "cost": 0.25, "seconds": 1.5},
        {"type": "metric", "name": "cost", "value": 0.5, "experiment": "Short prompts"},
        {"type": "metric", "name": "speed", "value": 3, "agent": "backend"},
        {"type": "pattern", "kind": "repetition", "subject": "deploys by hand"},
        {"type": "repository", "name": "app", "url": "https://example.org/app",
         "path": "/srv/app"},
        {"type": "reward", "agent": "backend", "value": -1.0, "reason": "bad (-50 of 50)",
         "session": job},
        {"type": "reward", "agent": "backend", "value": 0.2, "reason": "well done (10 of 50)",
         "session": ID},
        {"type": "session", "session": ID, "status": "completed", "team": "Engineering",
         "repository": "/srv/app", "started": "2026-02-07T22:00:00.000Z", "ended": AT,
         "pr_url": "https://example.org/pr/1"},
        {"type": "session", "session": job, "status": "failed", "team": "Engineering",
         "repository": "/srv/app", "started": AT},
        {"type": "task", "agent": "backend", "description": "Deploy", "status": "failed",
         "session": job, "ended": AT, "error": "no server"},
        {"type": "task", "agent": "backend", "description": "Generate migration",
         "status": "completed", "session": ID, "started": "2026-02-07T22:13:00.000Z", "ended": AT,
         "duration_s": 120, "model": "sonnet"},
        {"type": "team", "name": "Engineering", "description": "ten specialists\nengineering"},
        {"type": "user_command", "command": "deploy the app"},
    ]  # fmt: skip
    assert left_out(found) == {
        "column agents.emoji": 1, "column agents.success_rate": 1, "column sessions.branch_name": 1,
        "column sessions.exit_code": 1, "column tasks.priority": 1, "column tasks.retry_count": 1,
        "row of 'tasks' without 'status'": 1,
        "row of 'rewards' without 'agent'": 1, "column patterns.detection_count": 1,
        "column experiments.target_value": 1, "column experiments.status": 1,
        "column metrics.context": 1,
        "column user_commands.normalized_intent": 1, "column leads.contact_email": 1,
        "row of 'agent_levels', made again from events": 1, "row of 'integrations'": 1,
    }  # fmt: skip


def test_the_closing_line_names_lost_rows_first_and_counts_nothing_twice(tmp_path):
    script = "CREATE TABLE tasks (id, agent, title, status, color, mood)"
    rows = [(n, "backend", "a", "dancing", "red", "bad") for n in range(1, 8)]
    rows += [("ok", "backend", "b", "done", "red", ""), ("ok2", "backend", "c", "done", "", "x")]
    tally = importing.Tally(journal=True)
    for item in run(make_database(tmp_path / "agent-service.db", script, {"tasks": rows})):
        tally.add(item)
    assert list(tally.lines(False)) == [
        "9 passed over: 7 rows of 'tasks' without 'status' (1, 2, 3, 4, 5, …), "
        "2 values in columns of no event: 1 tasks.mood, 1 tasks.color"
    ]
    assert list(tally.counts())[0] == "task event", "and no conversations"
    assert importing._plural("task that was not done") == "tasks that were not done"


OTHER_SCHEMAS = [
    ("CREATE TABLE Tasks (ID TEXT, Agent TEXT, Title TEXT, Status TEXT, Ended TEXT)",
     {"Tasks": [("t", "Backend", "Migrate", "done", AT)]},
     {"type": "task", "agent": "backend", "description": "Migrate", "status": "completed",
      "ended": AT}),
    ("CREATE TABLE tasks (agent_name, description, status, completed_at, duration_ms)",
     {"tasks": [("Front end!", "Form", "SUCCESS", 1770502500, 1500)]},
     {"type": "task", "agent": "front-end", "description": "Form", "status": "completed",
      "ended": AT, "duration_s": 1.5}),
    ("CREATE TABLE lessons_learned (id INTEGER, lesson TEXT, created_at INTEGER)",
     {"lessons_learned": [(1, "Read first", 1770502500000)]},
     {"type": "lesson", "lesson": "Read first"}),
    ('CREATE TABLE "user_commands" (command TEXT, "when""; DROP" TEXT)',
     {"user_commands": [("ls", "x")]}, {"type": "user_command", "command": "ls"}),
]  # fmt: skip


@pytest.mark.parametrize("script, rows, expected", OTHER_SCHEMAS)
def test_other_schemas(script, rows, expected, tmp_path):
    found = run(make_database(tmp_path / "agent-service.db", script, rows))
    assert short(told(found)) == [expected]


def test_what_is_not_yet_in_the_file_itself_is_read(tmp_path):
    """In the journal that SQLite keeps beside it; the tool's own files stay as they are."""
    path = make_database(tmp_path / "agent-service.db", THEIRS, {})
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("INSERT INTO teams VALUES ('t', 'Late', NULL, NULL)")
    connection.commit()
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    assert short(told(run(tmp_path))) == [{"type": "team", "name": "Late"}]
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before
    connection.close()


@pytest.mark.parametrize("damage", ["not a database", "cut", "zeroed", "empty"])
def test_a_broken_database_is_told_of_and_the_rest_goes_on(damage, tmp_path):
    rows = {"user_commands": [(n, f"command {n} " * 40, None, WHEN) for n in range(400)]}
    make_database(tmp_path / "agent-service.db", THEIRS, rows)
    data = (tmp_path / "agent-service.db").read_bytes()
    half = len(data) // 8192 * 4096
    broken = {
        "not a database": b"hello", "cut": data[:half], "empty": b"",
        "zeroed": data[:half] + bytes(len(data) - half),
    }[damage]  # fmt: skip
    (tmp_path / "agent-service.db").write_bytes(broken)
    put(tmp_path, f"{ID}/backend.json", {"status": "completed", "completedTasks": [
        {"description": "a", "status": "completed"}]})  # fmt: skip
    found = run(tmp_path)
    assert len([one for one in found if isinstance(one, Failure)]) >= 1
    assert [one["type"] for one in told(found)][-2:] == ["task", "session"]


cells = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=9),
    st.text(max_size=9), st.sampled_from(["completed", "'; DROP TABLE tasks; --", "x" * 70_000,
    "2026-02-30", "agent-", "backend-completed", "\x1b[2J\u202e", "1e999", "{}"]),
)  # fmt: skip
TABLES = ("teams agents sessions tasks experiments metrics patterns rewards user_commands "
          "lessons_learned campaigns leads content repositories llm_usage").split()  # fmt: skip


@given(data=st.data(), table=st.sampled_from(TABLES))
def test_whatever_the_cells_hold_events_are_ones_that_the_journal_takes(
    data, table, tmp_path_factory
):
    from plainmind.bridges.histories import compound_tables

    mapping = compound_tables.MAPPINGS[table]
    named = " ".join([*mapping.columns.values(), mapping.instant, "id extra"]).replace("+", " ")
    columns = list(dict.fromkeys(named.split()))
    row = tuple(data.draw(cells) for _ in columns)
    folder = tmp_path_factory.mktemp("db")
    script = f"CREATE TABLE {table} ({', '.join(columns)})"
    found = run(make_database(folder / "agent-service.db", script, {table: [row, row]}))
    assert not [one for one in found if isinstance(one, Failure)], found
    for fields in told(found):
        line = json.dumps(fields).encode()
        if len(line) < journal.MOST:
            assert journal.parse(line).fields == fields
    said = [value for value in row if value not in (None, "", 0, b"")]
    assert not said or found, "nothing of it was told"


STATE = {
    "agentName": "backend", "status": "completed", "sessionId": ID, "targetRepo": "/srv/app",
    "startTime": "2026-02-07T22:00:00Z", "endTime": "2026-02-07T22:15:00Z",
    "completedTasks": [
        {"description": "Generate migration", "file": "a.sql", "status": "completed", "why": "x"},
        {"description": "Wait", "status": "in_progress"}, {"status": "completed"}, "no object",
    ],
    "artifacts": {"prUrl": "https://example.org/7"}, "nextSteps": [{"agent": "frontend"}],
    "updatedAt": "2026-02-07T22:16:00Z", "mood": "good",
}  # fmt: skip


def make_states(folder) -> None:
    put(folder, f"{ID}/backend.json", STATE)
    put(folder, f"{ID}/orchestrator.json", {"status": "done", "startTime": "2026-02-07T21:59:00Z"})
    put(folder, f"{ID}/frontend.json", '{"status": "completed",')
    put(folder, f"{ID}/verification.json", {"status": "dancing"})
    put(folder, f"{ID}/session.json", {"sessionId": ID, "status": "active", "agents": ["backend"]})
    put(folder, f"{ID}/backend.log", "words")
    put(folder, "orchestrator-x/jarvis.json", {"status": "failed", "endTime": AT})


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_folders_of_sessions(form, tmp_path):
    make_states(tmp_path / "state")
    path = tmp_path / "state"
    if form == "zip":
        path = tmp_path / "state.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for folder, _, names in os.walk(tmp_path / "state"):
                for name in names:
                    whole = os.path.join(folder, name)
                    archive.write(whole, os.path.relpath(whole, tmp_path / "state"))
    found = run(path)
    broken = sorted(str(one).partition(": ")[2] for one in found if isinstance(one, Failure))
    assert broken == ["no status that is known; correct 'status'", "not valid JSON; fix the line"]
    other, task, ended = told(found)
    assert short([ended]) == [{
        "type": "session", "status": "completed", "session": ID, "ended": AT,
        "agents": ["backend", "orchestrator"], "repository": "/srv/app",
        "started": "2026-02-07T21:59:00.000Z", "pr_url": "https://example.org/7",
    }]  # fmt: skip
    assert (task["description"], task["file"], task["at"]) == ("Generate migration", "a.sql", AT)
    assert (other["agents"], other["status"], other["at"]) == (["jarvis"], "failed", AT)
    assert left_out(found) == {
        "task without a description or a status that is known": 2, "task that was not done": 1,
        "'why' of a task of a state": 1, "'artifacts' of a state": 1, "'nextSteps' of a state": 1,
        "'updatedAt' of a state": 1, "'mood' of a state": 1, "session.json, a list of agents": 1,
        "log; copy it to work/logs/SESSION/": 1,
    }  # fmt: skip


def test_a_task_of_both_is_told_once_and_a_second_import_gives_the_same(tmp_path):
    make_database(tmp_path / "agent-service.db")
    make_states(tmp_path)
    first, second = told(run(tmp_path)), told(run(tmp_path))
    assert first == second and len({one["id"] for one in first}) == len(first)
    (task,) = (one for one in first if one.get("description") == "Generate migration")
    assert task["duration_s"] == 120, "the database's, which says more"


def test_two_databases_with_the_same_numbers_lose_nothing(tmp_path):
    for name in "ab":
        rows = {"user_commands": [(1, f"command {name}", None, WHEN), (2, "same", None, WHEN)]}
        make_database(tmp_path / name / "agent-service.db", THEIRS, rows)
    ids = [one["id"] for one in told(run(tmp_path))]
    assert (len(ids), len(set(ids))) == (4, 3)


def test_times_that_end_before_they_start_are_left_out(tmp_path):
    script = "CREATE TABLE tasks (id, agent_id, description, status, started_at, completed_at)"
    row = ("t1", "a", "x", "done", "2026-02-07 23:00:00", "2026-02-07 22:00:00")
    found = run(make_database(tmp_path / "agent-service.db", script, {"tasks": [row]}))
    [fields] = told(found)
    assert "started" not in fields and "ended" not in fields
    assert Skipped("times of 'tasks' that end before they start") in found


def test_an_option_that_events_of_work_do_not_have():
    reader = registry.load_reader("compound-state")
    with pytest.raises(Failure, match="--context: events of work have none"):
        importing.check_options("compound-state", reader, "a/b", None, False, None)


def test_it_goes_into_the_journal_once_and_is_in_the_figures(command, home, tmp_path):
    """As its user does it, twice; the sums are those of the events, not of the database."""
    make_database(tmp_path / "agent-service.db")
    make_states(tmp_path)
    sizes = []
    for _ in range(2):
        lines = command("mem-import", "--from", "compound-state", tmp_path, home=home, code=65)
        command("work-log", "-", stdin=lines, home=home)
        sizes.append(os.path.getsize(home.path("work/events.jsonl")))
    assert sizes[0] == sizes[1]
    assert lines.count(b"\n") == len({json.loads(line)["id"] for line in lines.splitlines()})
    agents = [line.split("\t") for line in command("work-xp", home=home).decode().splitlines()]
    known = {name: int(xp) for name, _, _, xp, *_ in agents if xp != "0"}
    assert list(known) == ["backend"]
    command("mem-index", "--verify", home=home)
    with sqlite3.connect(f"file:{home.root}/index/mind.db?mode=ro", uri=True) as connection:
        tables = ("tasks", "llm_usage", "rewards", "campaigns", "user_commands")
        counts = (connection.execute(f"SELECT count(*) FROM {table}") for table in tables)
        count = {table: found.fetchone()[0] for table, found in zip(tables, counts, strict=True)}
    assert count == {
        "tasks": 2, "llm_usage": 1, "rewards": 2, "campaigns": 1, "user_commands": 1,
    }  # fmt: skip
