"""The types of events in the journal of work, and the fields of each: the one table from which come
the check of a line, `work-log TYPE --help` and mind-schema(5).
"""

from typing import NamedTuple

from . import kinds, session
from .kinds import Check


class FieldRule(NamedTuple):
    """A field of a type. `kind` names a row of KINDS; `choices`, `least` and `most` narrow it."""

    name: str
    kind: str
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float = -kinds.LARGEST
    most: float = kinds.LARGEST

    def make_check(self) -> Check:
        if self.choices:
            return kinds.make_choice(self.choices)
        if self.kind in ("number", "whole"):
            return kinds.make_number(self.least, self.most, whole=self.kind == "whole")
        return CHECKS[self.kind]


class Schema(NamedTuple):
    """A type. `merged`: the events of one entity are put together field by field; of others, each
    is a row."""

    type: str
    meaning: str
    fields: tuple[FieldRule, ...]
    merged: bool = False


#: kind -> how a manual says what may stand there
KINDS = {
    "name": f"a name: one line of at most {kinds.LONGEST_NAME} characters, none of them invisible",
    "line": f"one line of at most {kinds.LONGEST_LINE:,} characters, none of them invisible",
    "text": "a text of any lines",
    "agent": "an agent's name: lower-case letters, digits, '-' and '_', no status at the end",
    "agents": "a list of agents' names",
    "session": "a session: session-SECONDS",
    "id": "an event's id: 1 to 64 letters, digits, '.', '_', ':' and '-'",
    "time": "a time: RFC 3339 with a zone; as a word of work-log, any TIME",
    "flag": "true or false",
    "number": "a number",
    "whole": "a whole number",
    "object": "an object",
}

CHECKS: dict[str, Check] = {
    "name": kinds.check_name,
    "line": kinds.check_line,
    "text": kinds.check_text,
    "agent": kinds.check_agent,
    "agents": kinds.check_agents,
    "session": kinds.check_session,
    "id": kinds.check_id,
    "time": kinds.check_time,
    "flag": kinds.check_flag,
    "object": kinds.check_object,
}


def _need(name: str, kind: str, meaning: str, *choices: str, **limits: float) -> FieldRule:
    return FieldRule(name, kind, meaning, True, choices, **limits)


def _may(name: str, kind: str, meaning: str, *choices: str, **limits: float) -> FieldRule:
    return FieldRule(name, kind, meaning, False, choices, **limits)


_AGENT = _may("agent", "agent", "whose it is")
_SESSION = _may("session", "session", "in which session")
_MODEL = _may("model", "name", "the model that did it")
_STARTED, _ENDED = _may("started", "time", "when it began"), _may("ended", "time", "when it ended")
_NAME = _need("name", "name", "what names it")
_TEAM = _may("team", "name", "the team")
_PROGRESS = _may("status", "name", "how far it is, in a word of your own")
_CAMPAIGN = _may("campaign", "name", "the campaign it belongs to")
_ROUTE = _may("route", "name", "where it was sent", "local", "cloud")
_KIND = _may("kind", "name", "its kind, a word of your own, by which success is counted")
_MILLION = 1_000_000.0

#: the fields that every event has besides those of its type
COMMON = (
    _need("id", "id", "names the event; made where it is not given. Twice counts once"),
    _need("at", "time", "when it happened; now where it is not given"),
    _need("type", "name", "its type"),
)

_ROWS = (
    Schema("team", "a team", (_NAME, _may("description", "text", "what it is for")), True),
    Schema(
        "agent",
        "an agent of a team",
        (
            _need("name", "agent", "its name"),
            _TEAM,
            _may("role", "line", "what it does, in a few words"),
            _may("description", "text", "what it is good at"),
            _may("model", "name", "the model it works with"),
            _may("active", "flag", "whether it is in the team now"),
        ),
        True,
    ),
    Schema(
        "session",
        "a session of a team: its beginning, or its end",
        (
            _need("session", "session", "which"),
            _need("status", "name", "how it stands", *session.STATUSES),
            _TEAM,
            _may("agents", "agents", "who takes part"),
            _may("repository", "line", "what it works on"),
            _may("goal", "text", "what it is to reach"),
            _STARTED,
            _ENDED,
            _may("pr_url", "line", "the pull request it made"),
        ),
        True,
    ),
    Schema(
        "task",
        "a task that an agent did, or tried",
        (
            _need("agent", "agent", "who did it"),
            _need("description", "text", "what was done"),
            _need("status", "name", "how it stands (default: completed)", *session.STATUSES),
            _SESSION,
            _may("task", "name", "a name: later events of this session, agent and name change it"),
            _KIND,
            _may("file", "line", "the file it was about"),
            _STARTED,
            _ENDED,
            _may("duration_s", "number", "seconds it took; else ended less started", least=0),
            _may("error", "text", "why it failed"),
            _ROUTE,
            _MODEL,
        ),
        True,
    ),
    Schema(
        "experiment",
        "something that is tried, and judged by its metrics",
        (
            _NAME,
            _may("hypothesis", "text", "what is expected"),
            _may("metric", "name", "what is measured"),
            _may("baseline", "number", "the metric before"),
            _may("better", "name", "which way is better", "higher", "lower"),
            _may(
                "status", "name", "running, or your own verdict",
                "running", "keep", "kill", "double_down",
            ),
            _TEAM,
            _AGENT,
        ),
        True,
    ),
    Schema(
        "metric",
        "a measurement",
        (
            _NAME,
            _need("value", "number", "what was measured"),
            _may("unit", "name", "in what"),
            _AGENT,
            _SESSION,
            _may("experiment", "name", "the experiment it is for"),
        ),
    ),
    Schema(
        "pattern",
        "something seen again and again",
        (
            _need("kind", "name", "of what kind", "success", "failure", "repetition"),
            _need("subject", "line", "what"),
            _AGENT,
            _may("evidence", "text", "by what it was seen"),
        ),
    ),
    Schema(
        "reward",
        "how well something was done, for agent-route",
        (
            _need("agent", "agent", "who did it"),
            _need("value", "number", "from -1, bad, to 1, good", least=-1, most=1),
            _may("task", "name", "the task's name"),
            _KIND,
            _ROUTE,
            _may("reason", "text", "why"),
            _SESSION,
        ),
    ),
    Schema(
        "user_command",
        "what a user asked for, so that repetition is seen",
        (_need("command", "text", "as it was given"), _AGENT, _SESSION),
    ),
    Schema(
        "lesson",
        "something learned",
        (
            _need("lesson", "text", "what"),
            _AGENT,
            _SESSION,
            _may("category", "name", "what it is about"),
        ),
    ),
    Schema(
        "campaign",
        "a campaign of marketing",
        (
            _NAME,
            _TEAM,
            _may("channel", "name", "where it runs"),
            _PROGRESS,
            _may("budget", "number", "what it may cost", least=0),
            _may("goal", "text", "what it is to reach"),
            _STARTED,
            _ENDED,
        ),
        True,
    ),
    Schema(
        "lead",
        "somebody who may become a customer",
        (
            _NAME,
            _CAMPAIGN,
            _may("source", "name", "where it came from"),
            _PROGRESS,
            _may("value", "number", "what it may be worth"),
        ),
        True,
    ),
    Schema(
        "content",
        "a piece of content",
        (
            _NAME,
            _may("kind", "name", "such as post, page or video"),
            _PROGRESS,
            _CAMPAIGN,
            _AGENT,
            _may("url", "line", "where it is"),
            _may("published", "time", "when it was published"),
        ),
        True,
    ),
    Schema(
        "repository",
        "a repository that is worked on",
        (
            _NAME,
            _may("url", "line", "its address"),
            _may("path", "line", "where it is on this machine"),
            _may("branch", "name", "the branch that counts"),
        ),
        True,
    ),
    Schema(
        "llm_usage",
        "a call of a model, or several",
        (
            _need("model", "name", "which"),
            _AGENT,
            _SESSION,
            _may("input_tokens", "whole", "tokens it was given", least=0, most=1e15),
            _may("output_tokens", "whole", "tokens it gave", least=0, most=1e15),
            _may("cost", "number", "in US dollars", least=0),
            _may("seconds", "number", "how long it took", least=0),
            _ROUTE,
            _may("task", "name", "the task's name"),
        ),
    ),
    Schema(
        "pr_merged",
        "a pull request that was merged",
        (
            _need("agent", "agent", "whose it was"),
            _may("url", "line", "its address"),
            _may("repository", "name", "the repository's name"),
            _SESSION,
        ),
    ),
    Schema(
        "praise",
        "a user's praise",
        (_need("agent", "agent", "who is praised"), _may("reason", "text", "for what")),
    ),
    Schema(
        "award",
        "points that a person gives (work-xp --award)",
        (
            _need("agent", "agent", "who gets them"),
            _need("amount", "whole", "how many", least=1, most=1000),
            _need("reason", "text", "for what"),
        ),
    ),
    Schema(
        "route",
        "a decision of agent-route, with all that it was made from",
        (
            _need("task", "text", "the task as it was given"),
            _need("decision", "name", "where it was sent", "local", "cloud"),
            _need("rule", "name", "the rule that decided"),
            _need("score", "number", "how sure it was"),
            _may("evidence", "object", "what spoke for and against"),
            _may("inputs", "object", "everything else a replay needs"),
        ),
    ),
    Schema(
        "void",
        "takes an event back: it counts nowhere",
        (_need("of", "id", "the event's id"), _need("reason", "text", "why")),
    ),
)  # fmt: skip

SCHEMAS: dict[str, Schema] = {row.type: row for row in _ROWS}
