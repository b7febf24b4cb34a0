-- The work of a team of agents, made from work/events.jsonl, the state files of sessions and
-- teams.toml. What nobody said is NULL. A row with an id is an event of the journal, and `at` its
-- time; entities, which have a name, say what their events say, the later one first. Events of one
-- time are in the order of their ids. An event that was taken back is in no row.

-- One row an event of the journal, and where it stands there. Ours: it may change.
CREATE TABLE work_lines (
    id      TEXT PRIMARY KEY,
    unix_ms INTEGER NOT NULL,
    type    TEXT NOT NULL,
    subject TEXT,             -- of what is put together of several events: what they have in common
    offset  INTEGER NOT NULL, -- byte where its line starts
    bytes   INTEGER NOT NULL, -- that the line has, without its end
    void    INTEGER NOT NULL  -- 1: it was taken back
) WITHOUT ROWID;
CREATE INDEX work_lines_by_subject ON work_lines (type, subject, unix_ms, id)
WHERE subject IS NOT NULL;

-- One row a state file of an agent in a session. Ours.
CREATE TABLE work_states (
    path       TEXT PRIMARY KEY, -- relative to the memory folder
    session    TEXT NOT NULL,
    agent      TEXT NOT NULL,
    inode      INTEGER NOT NULL, -- of the file when it was last read
    modified   INTEGER NOT NULL, -- its modification time then, in nanoseconds
    changed    INTEGER NOT NULL, -- its change time then; 0 when that was too recent to be trusted
    size       INTEGER NOT NULL, -- its bytes then
    status     TEXT,             -- NULL: what stands there is not a state
    phase      TEXT,
    repository TEXT,
    started    TEXT,
    ended      TEXT,
    tasks      INTEGER NOT NULL, -- completed
    failed     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX work_states_by_session ON work_states (session);

-- One row a thing that counts for an agent's XP, in the order in which it counts. Ours.
CREATE TABLE work_earnings (
    agent   TEXT NOT NULL,
    unix_ms INTEGER NOT NULL,
    id      TEXT NOT NULL,     -- work_lines.id
    kind    TEXT NOT NULL,     -- task, failed, session, pr_merged, praise or award
    session TEXT,              -- of a task, or that ended
    seconds REAL,              -- that a task took
    amount  INTEGER NOT NULL,  -- of an award; of a session: 1 when no task of it failed
    PRIMARY KEY (agent, unix_ms, id, kind)
) WITHOUT ROWID;
CREATE INDEX work_earnings_by_session ON work_earnings (session) WHERE session IS NOT NULL;

-- What the journal alone says of a session. Ours.
CREATE TABLE work_sessions (
    id         TEXT PRIMARY KEY,
    status     TEXT NOT NULL,
    team       TEXT,
    agents     TEXT,
    repository TEXT,
    goal       TEXT,
    started    TEXT,
    ended      TEXT,
    pr_url     TEXT,
    done       TEXT -- work_lines.id of the event that first said that it completed
) WITHOUT ROWID;

-- Agents at some of their earnings, to go on from when an event comes late. Ours.
CREATE TABLE work_checkpoints (
    agent   TEXT NOT NULL,
    unix_ms INTEGER NOT NULL, -- of the last earning
    id      TEXT NOT NULL,    -- its
    state   TEXT NOT NULL,    -- JSON
    PRIMARY KEY (agent, unix_ms, id)
) WITHOUT ROWID;

CREATE TABLE teams (
    name        TEXT PRIMARY KEY,
    description TEXT
) WITHOUT ROWID;

-- Of teams.toml, of the journal, and whoever earned something or was given a reward.
CREATE TABLE agents (
    name        TEXT PRIMARY KEY,
    team        TEXT,            -- teams.name
    role        TEXT,
    description TEXT,
    model       TEXT,            -- it works with
    active      INTEGER NOT NULL -- 1: it is called
) WITHOUT ROWID;

-- Of the journal and of state files. While an agent of one is in progress its state files say more,
-- else the journal.
CREATE TABLE sessions (
    id         TEXT PRIMARY KEY, -- session-1770451234
    team       TEXT,
    repository TEXT,
    goal       TEXT,
    phase      TEXT,
    status     TEXT NOT NULL,    -- pending, in_progress, completed, failed or blocked
    started    TEXT,
    ended      TEXT,
    duration_s REAL,
    pr_url     TEXT,
    agents     TEXT,             -- that take part, a JSON list
    tasks      INTEGER NOT NULL, -- completed
    failed     INTEGER NOT NULL, -- tasks
    path       TEXT              -- of its state files, relative to the memory folder
) WITHOUT ROWID;

-- One row a task: an event, or all events of one session, agent and name.
CREATE TABLE tasks (
    id          TEXT PRIMARY KEY, -- of its first event
    at          TEXT NOT NULL,    -- when its last event was
    agent       TEXT NOT NULL,
    session     TEXT,
    name        TEXT,
    description TEXT NOT NULL,
    kind        TEXT,             -- a word of the team's own
    status      TEXT NOT NULL,    -- completed, failed, in_progress, pending or blocked
    file        TEXT,
    started     TEXT,
    ended       TEXT,
    duration_s  REAL,             -- as given, else from its start to its end
    error       TEXT,
    route       TEXT,             -- local or cloud
    model       TEXT,
    done        TEXT,             -- id of the event that first said that it was completed
    same        INTEGER NOT NULL  -- a number that descriptions with one normal form have in common
) WITHOUT ROWID;
CREATE INDEX tasks_by_kind ON tasks (agent, kind, status, at, duration_s);
CREATE INDEX tasks_by_session ON tasks (session, status) WHERE session IS NOT NULL;
CREATE INDEX tasks_by_same ON tasks (same, at);
CREATE INDEX tasks_by_name ON tasks (name, agent, session) WHERE name IS NOT NULL;

-- Experiments, and what became of them by their metrics.
CREATE TABLE experiments (
    name       TEXT PRIMARY KEY,
    hypothesis TEXT,
    metric     TEXT,             -- what is measured
    baseline   REAL,             -- the metric before
    better     TEXT,             -- higher or lower
    samples    INTEGER NOT NULL, -- measured
    mean       REAL,             -- of them
    change     REAL,             -- how much better than the baseline, 0.2 is 20 %
    status     TEXT NOT NULL,    -- running, keep, kill or double_down
    decided    TEXT,             -- by: rule, or person
    team       TEXT,
    agent      TEXT,
    started    TEXT NOT NULL,    -- its first event
    verdict    TEXT              -- a person's own, which is the status
) WITHOUT ROWID;

-- What is seen again and again: by the rules (detected), or by whoever said so (journal).
CREATE TABLE patterns (
    kind       TEXT NOT NULL,    -- success, failure or repetition
    subject    TEXT NOT NULL,    -- a kind of task, what was said, or what texts have in common
    agent      TEXT NOT NULL,    -- '' when it is nobody's alone
    count      INTEGER NOT NULL, -- of what shows it
    first_seen TEXT NOT NULL,
    last_seen  TEXT NOT NULL,
    evidence   TEXT,
    source     TEXT NOT NULL,    -- detected or journal
    example    TEXT,             -- of a repetition that was detected: the first of them
    PRIMARY KEY (source, kind, agent, subject)
) WITHOUT ROWID;

CREATE TABLE metrics (
    id         TEXT PRIMARY KEY,
    at         TEXT NOT NULL,
    name       TEXT NOT NULL,
    value      REAL NOT NULL,
    unit       TEXT,
    agent      TEXT,
    session    TEXT,
    experiment TEXT -- experiments.name
) WITHOUT ROWID;
CREATE INDEX metrics_by_experiment ON metrics (experiment, name, value) WHERE experiment IS NOT NULL;

CREATE TABLE rewards (
    id      TEXT PRIMARY KEY,
    at      TEXT NOT NULL,
    agent   TEXT NOT NULL,
    session TEXT,
    task    TEXT,          -- tasks.name
    kind    TEXT,          -- of task
    route   TEXT,          -- local or cloud
    value   REAL NOT NULL, -- from -1 to 1
    reason  TEXT
) WITHOUT ROWID;
CREATE INDEX rewards_by_agent ON rewards (agent);
CREATE INDEX rewards_by_kind ON rewards (kind, route, value);

CREATE TABLE user_commands (
    id      TEXT PRIMARY KEY,
    at      TEXT NOT NULL,
    command TEXT NOT NULL,
    normal  TEXT NOT NULL, -- what spellings of it have in common
    agent   TEXT,
    session TEXT
) WITHOUT ROWID;
CREATE INDEX user_commands_by_normal ON user_commands (normal, at);

-- Commands that were given three times or more: an agent could take each over.
CREATE TABLE automation_candidates (
    normal     TEXT PRIMARY KEY,
    example    TEXT NOT NULL, -- the first of them
    count      INTEGER NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE lessons_learned (
    id       TEXT PRIMARY KEY,
    at       TEXT NOT NULL,
    lesson   TEXT NOT NULL,
    category TEXT,
    agent    TEXT,
    session  TEXT
) WITHOUT ROWID;

CREATE TABLE campaigns (
    name    TEXT PRIMARY KEY,
    team    TEXT,
    channel TEXT,
    status  TEXT,
    budget  REAL,
    goal    TEXT,
    started TEXT,
    ended   TEXT
) WITHOUT ROWID;

CREATE TABLE leads (
    name     TEXT PRIMARY KEY,
    campaign TEXT, -- campaigns.name
    source   TEXT,
    status   TEXT,
    value    REAL
) WITHOUT ROWID;

CREATE TABLE content (
    name      TEXT PRIMARY KEY,
    kind      TEXT,
    status    TEXT,
    campaign  TEXT, -- campaigns.name
    agent     TEXT,
    url       TEXT,
    published TEXT
) WITHOUT ROWID;

CREATE TABLE repositories (
    name   TEXT PRIMARY KEY,
    url    TEXT,
    path   TEXT,
    branch TEXT
) WITHOUT ROWID;

-- What models cost: what agent-turn logged with its answers, and what the journal says.
CREATE TABLE llm_usage (
    id            TEXT PRIMARY KEY, -- of the journal's event, or path:line of the answer in a log
    at            TEXT NOT NULL,
    source        TEXT NOT NULL,    -- turn or journal
    event         INTEGER,          -- events.id of the answer
    agent         TEXT,
    session       TEXT,
    task          TEXT,             -- tasks.name
    model         TEXT NOT NULL,
    route         TEXT,             -- local or cloud
    calls         INTEGER NOT NULL, -- of the model
    failed        INTEGER NOT NULL, -- of these
    input_tokens  INTEGER,
    output_tokens INTEGER,
    cost          REAL,             -- US dollars
    seconds       REAL
) WITHOUT ROWID;
CREATE INDEX llm_usage_by_event ON llm_usage (event) WHERE event IS NOT NULL;
CREATE INDEX llm_usage_by_model ON llm_usage (
    model, route, at, calls, failed, input_tokens, output_tokens, cost, seconds
);

-- Decisions of agent-route.
CREATE TABLE routes (
    id       TEXT PRIMARY KEY,
    at       TEXT NOT NULL,
    task     TEXT NOT NULL, -- as it was given, or the message's place in a log
    decision TEXT NOT NULL, -- local or cloud
    rule     TEXT NOT NULL, -- that decided
    score    REAL NOT NULL  -- how sure it was, 0 to 1
) WITHOUT ROWID;
CREATE INDEX routes_by_rule ON routes (decision, rule, at);

CREATE TABLE level_thresholds (
    level  INTEGER PRIMARY KEY,
    xp     INTEGER NOT NULL, -- from which on an agent has it
    title  TEXT NOT NULL,
    symbol TEXT NOT NULL
);

CREATE TABLE achievement_definitions (
    name        TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    tier        TEXT NOT NULL,    -- bronze, silver, gold, platinum or legendary
    xp          INTEGER NOT NULL, -- that it gives, once
    symbol      TEXT NOT NULL,
    description TEXT NOT NULL
) WITHOUT ROWID;

-- One row an agent: what it has done so far, counted event by event, in their order.
CREATE TABLE agent_levels (
    agent    TEXT PRIMARY KEY, -- agents.name
    xp       INTEGER NOT NULL,
    level    INTEGER NOT NULL, -- level_thresholds.level
    title    TEXT NOT NULL,
    tasks    INTEGER NOT NULL, -- completed
    failed   INTEGER NOT NULL, -- tasks, also those that were completed later
    run      INTEGER NOT NULL, -- completed since the last that failed
    quick    INTEGER NOT NULL, -- completed in less than two minutes
    timed    INTEGER NOT NULL, -- completed, of which the duration is known
    seconds  REAL NOT NULL,    -- of these, all together
    sessions INTEGER NOT NULL, -- completed, with a task of its own
    flawless INTEGER NOT NULL, -- of these, without a failed task
    prs      INTEGER NOT NULL, -- pull requests merged
    praises  INTEGER NOT NULL,
    moves    INTEGER NOT NULL, -- rows of xp_transactions
    last_ms  INTEGER NOT NULL, -- the last event that counted
    last_id  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE xp_transactions (
    agent   TEXT NOT NULL,
    number  INTEGER NOT NULL, -- 1 is the agent's first
    at      TEXT NOT NULL,
    unix_ms INTEGER NOT NULL, -- the same
    amount  INTEGER NOT NULL, -- XP
    -- task, quick, first of the day, session, flawless session, pr_merged, praise, award, or the
    -- level or the achievement that was reached
    reason  TEXT NOT NULL,
    of      TEXT NOT NULL,    -- id of the event that earned it
    PRIMARY KEY (agent, number)
) WITHOUT ROWID;
CREATE INDEX xp_by_time ON xp_transactions (agent, at, amount);

CREATE TABLE agent_achievements (
    agent       TEXT NOT NULL,
    achievement TEXT NOT NULL, -- achievement_definitions.name
    at          TEXT NOT NULL,
    of          TEXT NOT NULL, -- id of the event that reached it
    PRIMARY KEY (agent, achievement)
) WITHOUT ROWID;

-- Days in a row, in the person's zone, on which an agent completed a task. As of `last_day`: who is
-- told of it looks whether that is long ago.
CREATE TABLE agent_streaks (
    agent    TEXT PRIMARY KEY,
    current  INTEGER NOT NULL, -- that end with `last_day`
    longest  INTEGER NOT NULL,
    last_day TEXT NOT NULL     -- 2026-02-07, '' before the first
) WITHOUT ROWID;

-- Agents by XP, by tasks completed, and by their share of success, then by tasks; equals share a
-- rank. Who has nothing to show is not there.
CREATE TABLE leaderboard_cache (
    board TEXT NOT NULL,    -- xp, tasks or success
    rank  INTEGER NOT NULL, -- from 1
    agent TEXT NOT NULL,
    value REAL NOT NULL,    -- XP, tasks, or 0 to 1
    PRIMARY KEY (board, rank, agent)
) WITHOUT ROWID;

-- An agent's tasks: how many, how well, how fast.
CREATE VIEW v_agent_performance AS
SELECT agents.name AS agent, agents.team AS team,
       count(tasks.id)                        AS tasks,
       count(CASE WHEN status = 'completed' THEN 1 END) AS completed,
       count(CASE WHEN status = 'failed' THEN 1 END)    AS failed,
       -- of those that ended
       CAST(count(CASE WHEN status = 'completed' THEN 1 END) AS DOUBLE PRECISION)
           / nullif(count(CASE WHEN status IN ('completed', 'failed') THEN 1 END), 0)
                                              AS success_rate,
       avg(CASE WHEN status = 'completed' THEN duration_s END) AS mean_s,
       max(at)                                AS last_at
FROM agents
LEFT JOIN tasks ON tasks.agent = agents.name
GROUP BY agents.name
ORDER BY agents.name;

-- Experiments, those that run first.
CREATE VIEW v_experiment_status AS
SELECT name, status, decided, metric, better, baseline, samples, mean, change, team, agent, started
FROM experiments
ORDER BY status <> 'running', started, name;

-- What users ask for, the most frequent first. `candidate` is 1 where an agent could do it.
CREATE VIEW v_user_command_patterns AS
SELECT normal, count(*) AS count, min(at) AS first_seen, max(at) AS last_seen,
       count(DISTINCT session)                               AS sessions,
       normal IN (SELECT normal FROM automation_candidates)  AS candidate
FROM user_commands
GROUP BY normal
ORDER BY count DESC, normal;

-- Sessions that have not ended.
CREATE VIEW v_active_sessions AS
SELECT id, team, status, phase, repository, goal, started, agents, tasks, failed, path
FROM sessions
WHERE status IN ('pending', 'in_progress', 'blocked')
ORDER BY started NULLS FIRST, id;

-- An agent's XP, level, streak and achievements, and what the next level asks for.
CREATE VIEW v_agent_gamification AS
SELECT agents.name AS agent, agents.team AS team, agents.role AS role,
       own.xp AS xp, own.level AS level, own.title AS title, own.symbol AS symbol,
       following.xp AS next_level_xp, tasks, failed, sessions, prs, praises,
       current AS streak, longest AS longest_streak, last_day,
       (SELECT count(*) FROM agent_achievements AS won WHERE won.agent = agents.name)
           AS achievements
FROM agents
JOIN (SELECT agent_levels.*, symbol FROM agent_levels JOIN level_thresholds USING (level)) AS own
  ON own.agent = agents.name
JOIN agent_streaks ON agent_streaks.agent = agents.name
LEFT JOIN level_thresholds AS following ON following.level = own.level + 1
ORDER BY agents.name;

-- The leaderboards, with the level of each.
CREATE VIEW v_leaderboard AS
SELECT board, rank, leaderboard_cache.agent AS agent, team, value, xp, level, title
FROM leaderboard_cache
JOIN agents ON agents.name = leaderboard_cache.agent
JOIN agent_levels ON agent_levels.agent = leaderboard_cache.agent
ORDER BY board, rank, leaderboard_cache.agent;
