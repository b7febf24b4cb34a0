-- Who completed most in the last seven days?
SELECT agent, count(*) AS completed
FROM tasks
WHERE status = 'completed' AND at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-7 days')
GROUP BY agent
ORDER BY completed DESC, agent;

-- How well does each agent do each kind of task, and how long does one take?
SELECT agent, kind, count(*) AS tasks,
       round(100.0 * sum(status = 'completed') / count(*), 1) AS success_percent,
       round(avg(CASE WHEN status = 'completed' THEN duration_s END), 1) AS mean_s
FROM tasks
WHERE status IN ('completed', 'failed')
GROUP BY agent, kind
ORDER BY agent, kind;

-- What did each model cost on each day (of UTC)?
SELECT substr(at, 1, 10) AS day, model, sum(calls) AS calls,
       sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
       round(sum(cost), 4) AS dollars
FROM llm_usage
GROUP BY day, model
ORDER BY day, model;

-- Which commands are given again and again?
SELECT normal, example, count, substr(last_seen, 1, 10) AS last_day
FROM automation_candidates
ORDER BY count DESC, normal;

-- Which experiments are to be killed, and which to be doubled down on?
SELECT status, name, baseline, round(mean, 3) AS mean, round(100 * change, 1) AS percent, samples
FROM v_experiment_status
WHERE status IN ('kill', 'double_down')
ORDER BY status, name;

-- Which tasks failed, and why?
SELECT at, agent, description, error
FROM tasks
WHERE status = 'failed'
ORDER BY at DESC
LIMIT 20;

-- What did last night's session do?
SELECT id, status, tasks, failed, round(duration_s / 3600, 1) AS hours, pr_url
FROM sessions
ORDER BY started DESC
LIMIT 1;

-- Where did the local model do as well as the other? The mean reward, from -1 to 1.
SELECT coalesce(kind, '') AS kind, route, count(*) AS rewards, round(avg(value), 2) AS mean_reward
FROM rewards
WHERE route IS NOT NULL
GROUP BY kind, route
ORDER BY kind, route;

-- How many tasks did agent-route send where, and by which rule?
SELECT decision, rule, count(*) AS tasks, round(avg(score), 2) AS mean_score
FROM routes
GROUP BY decision, rule
ORDER BY tasks DESC, decision, rule;

-- Who leads, and how far is the next level?
SELECT agent, level, title, xp, next_level_xp - xp AS missing, streak, achievements
FROM v_agent_gamification
ORDER BY xp DESC, agent
LIMIT 10;

-- For what did an agent get XP?
SELECT substr(at, 1, 10) AS day, reason, sum(amount) AS xp
FROM xp_transactions
WHERE agent = 'backend'
GROUP BY day, reason
ORDER BY day, reason;

-- What was learned?
SELECT substr(at, 1, 10) AS day, coalesce(category, '') AS category, lesson
FROM lessons_learned
ORDER BY at DESC, id DESC
LIMIT 20;
