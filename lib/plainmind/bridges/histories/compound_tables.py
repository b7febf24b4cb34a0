"""Which column of a team's database says which field of an event, in one table.

Names of the database are in lower case. The first column that is there and says something is taken;
'a + b' is both, a line below the other. What is named nowhere here is told by its name and count.
Pure."""

from typing import NamedTuple


class Mapping(NamedTuple):
    """How the rows of a table become events of a `type`. `columns`: field -> columns that may say
    it, `instant` those that may say when it happened, `words`: field -> what a word becomes."""

    type: str
    columns: dict[str, str]
    instant: str = "created_at"
    words: dict[str, dict[str, str]] = {}  # noqa: RUF012


_STATUS = {
    **dict.fromkeys("done success successful succeeded ok finished merged".split(), "completed"),
    **dict.fromkeys("error errored failure killed timeout".split(), "failed"),
    **dict.fromkeys("running active started in-progress doing".split(), "in_progress"),
    **dict.fromkeys("queued new todo open waiting".split(), "pending"),
}
_VERDICT = {
    "active": "running", "continue": "running", "successful": "keep", "failed": "kill",
    "killed": "kill", "double-down": "double_down", "doubledown": "double_down",
}  # fmt: skip
_PATTERN = {"user_repetition": "repetition", "repeat": "repetition", "repeated": "repetition"}
_SESSION, _AGENT = "session_id session", "agent_id agent agent_name"
_STARTED, _ENDED = "started_at start_time started", "completed_at ended_at end_time ended"
_SECONDS = "duration_seconds duration_s seconds duration_ms"

MAPPINGS = {
    "teams": Mapping("team", {"name": "name", "description": "description + domain"}),
    "agents": Mapping("agent", {
        "name": "id name", "team": "team_id team", "role": "role",
        "description": "description name", "model": "llm_preference model",
        "active": "is_active active",
    }),
    "sessions": Mapping("session", {
        "session": "id session_id", "status": "status", "team": "team_id team",
        "repository": "target_repo repository repo", "goal": "goal objective description",
        "started": f"{_STARTED} created_at", "ended": _ENDED, "pr_url": "pr_url pull_request_url",
    }, f"{_ENDED} {_STARTED} created_at", {"status": _STATUS}),
    "tasks": Mapping("task", {
        "agent": _AGENT, "description": "description title name", "status": "status",
        "session": _SESSION, "kind": "kind type category task_type", "file": "file file_path",
        "started": _STARTED, "ended": _ENDED, "duration_s": _SECONDS,
        "error": "error_message error", "model": "llm_used model",
    }, f"{_ENDED} {_STARTED} created_at", {"status": _STATUS}),
    "experiments": Mapping("experiment", {
        "name": "name", "hypothesis": "hypothesis description", "metric": "success_metric metric",
        "baseline": "baseline baseline_value", "better": "better direction",
        "status": "decision status", "team": "team_id team", "agent": _AGENT,
    }, words={"status": _VERDICT}),
    "metrics": Mapping("metric", {
        "name": "metric_name name", "value": "metric_value value", "unit": "unit",
        "agent": _AGENT, "session": _SESSION, "experiment": "experiment_id experiment",
    }, "recorded_at created_at"),
    "patterns": Mapping("pattern", {
        "kind": "pattern_type kind type", "subject": "description subject pattern",
        "agent": _AGENT, "evidence": "evidence + action_taken",
    }, "last_detected_at first_detected_at created_at", {"kind": _PATTERN}),
    "rewards": Mapping("reward", {
        "agent": _AGENT, "value": "reward_value value reward", "kind": "kind type",
        "reason": "reason", "session": _SESSION,
    }, "issued_at created_at"),
    "user_commands": Mapping("user_command", {
        "command": "command_text command", "agent": _AGENT, "session": _SESSION,
    }, "executed_at created_at"),
    "lessons_learned": Mapping("lesson", {
        "lesson": "title + description + lesson", "agent": _AGENT, "session": _SESSION,
        "category": "category",
    }),
    "campaigns": Mapping("campaign", {
        "name": "name", "team": "team_id team", "channel": "channel channels type",
        "status": "status", "budget": "budget", "goal": "goal description",
        "started": "start_date started_at", "ended": "end_date ended_at",
    }),
    "leads": Mapping("lead", {
        "name": "contact_name name company id", "campaign": "campaign_id campaign",
        "source": "source", "status": "status", "value": "value estimated_value",
    }),
    "content": Mapping("content", {
        "name": "title name", "kind": "type kind content_type", "status": "status",
        "campaign": "campaign_id campaign", "agent": f"author {_AGENT}",
        "url": "published_url url", "published": "published_at",
    }),
    "repositories": Mapping("repository", {
        "name": "name", "url": "github_url url", "path": "path", "branch": "branch default_branch",
    }),
    "llm_usage": Mapping("llm_usage", {
        "model": "model", "agent": _AGENT, "session": _SESSION, "input_tokens": "input_tokens",
        "output_tokens": "output_tokens", "cost": "cost_usd cost",
        "seconds": "duration_ms duration_seconds seconds latency_ms",
    }, "used_at created_at"),
}  # fmt: skip

#: figures of theirs that the index makes from the events, by its own rules
DERIVED = frozenset(
    "automation_candidates agent_levels xp_transactions achievement_definitions agent_achievements "
    "agent_streaks leaderboard_cache level_thresholds".split()
)

#: columns that name, order or repeat: what they say is in the event, or nothing was said
UNTOLD = frozenset("id created_at updated_at".split())
