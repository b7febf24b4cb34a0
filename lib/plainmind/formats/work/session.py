"""The state of one agent in one session of a team: `work/session-<unix time>/<agent>.json`.

    {
      "agentName": "backend",
      "status": "completed",
      "sessionId": "session-1770451234",
      "targetRepo": "/srv/app",
      "startTime": "2026-02-07T22:00:00.000Z",
      "endTime": "2026-02-07T22:15:00.000Z",
      "completedTasks": [
        {"description": "Generate migration", "file": "prisma/20260207", "status": "completed"}
      ],
      "artifacts": {"schemaUpdated": true},
      "nextSteps": [
        {
          "agent": "frontend",
          "action": "Run codegen",
          "priority": "required",
          "dependencies": ["backend-completed"],
          "addedTime": "2026-02-07T22:14:00.000Z"
        }
      ]
    }

agentName, sessionId and status are required, the first two as the path says; all other keys may be
missing or null. The status of an agent or of a task is pending, in_progress, completed, failed or
blocked. Times are RFC 3339 with a time zone; startTime and endTime are those of the agent's latest
run. A task may have a `kind`, an `error`, a `model`, and, when it was in progress first, startTime
and endTime of its own. A priority is required, recommended, optional, or a word of your own. A
dependency is an agent and a status, or an agent alone, which means that it has completed. The
orchestrator's state also has a `phase`. Keys that are not named here belong to whoever wrote them,
and are kept. A state is changed in its own layout.

When a run ends, its tasks that were completed, that failed or are blocked become events of the
journal, work/events.jsonl. An artifact 'pr_url' or 'prUrl' is the session's pull request there.

The file is UTF-8, at most 4 MiB, and JSON that can be written back without loss: no key twice, no
NaN, no nesting deeper than 64.

Owns what may stand under which key, and each change a command makes to a state. Refuses to know
files; `steps` tells which steps are open.
"""

import json
import re
from typing import Any, NamedTuple

from ...ground import clock, masks
from ...ground.errors import BadData
from .. import decode_utf8, strict_json

STATUSES = ("pending", "in_progress", "completed", "failed", "blocked")
PRIORITIES = ("required", "recommended", "optional")
ORCHESTRATOR = "orchestrator"
MOST = 4 * 1024 * 1024  # bytes of a state: every look at a session reads all of it

_SESSION = re.compile(r"session-(0|[1-9]\d{0,11})\Z", re.ASCII)
_AGENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z", re.ASCII)

Fields = dict[str, Any]


class State(NamedTuple):
    """One state: `path` relative to the home, `fields` every key, in order, known or not."""

    path: str
    fields: Fields

    @property
    def agent(self) -> str:
        return self.fields["agentName"]

    @property
    def session(self) -> str:
        return self.fields["sessionId"]

    @property
    def status(self) -> str:
        return self.fields["status"]

    @property
    def started(self) -> int:
        """When its latest run started, ms since the epoch; 0 when it does not say."""
        return read_instant(self.fields, "startTime")

    @property
    def ended(self) -> int:
        return read_instant(self.fields, "endTime")


def read_instant(fields: Fields, key: str) -> int:
    return clock.parse(fields[key]) if fields.get(key) else 0


# --- names


def check_session(id: str) -> str:
    """A session's name as given, or BadData."""
    if not _SESSION.match(id):
        cure = "use session-<unix time>, such as session-1770451234"
        raise BadData(f"invalid session '{id}'", cure=cure)
    return id


def check_agent(name: str) -> str:
    """An agent's name as given, or BadData.

    One that ends in a status would be read as a dependency on another.
    """
    if not _AGENT.match(name) or name.rpartition("-")[2] in STATUSES and "-" in name:
        cure = "use lower-case letters, digits, '-' and '_', at most 64, and no status at the end"
        raise BadData(f"invalid agent '{name}'", cure=cure)
    return name


def is_session(name: str) -> bool:
    return bool(_SESSION.match(name))


def second_of(id: str) -> int:
    """The unix time in a session's name."""
    return int(id.removeprefix("session-"))


def agent_of(name: str) -> str | None:
    """The agent whose state a file of that name is, None when it is none."""
    try:
        return check_agent(name.removesuffix(".json")) if name.endswith(".json") else None
    except BadData:
        return None


# --- text to records and back


def parse(data: bytes, path: str) -> State:
    """The state in a file, or BadData that names the field, or the line where it is not JSON."""
    if len(data) > MOST:
        cure = "move what is large into files of its own"
        raise BadData(f"more than {MOST >> 20} MiB", place=path, cure=cure)
    text = decode_utf8(data, path, "utf-8-sig")
    try:
        fields = strict_json.parse(text)
        _check(fields, path)
    except BadData as error:
        error.place = f"{path}:{error.place}".removesuffix(":")
        raise
    return State(path, fields)


def render(state: State, old: bytes = b"") -> bytes:
    """The file's bytes, laid out as the `old` ones. BadData when they would be too many."""
    data = strict_json.render(state.fields, old)
    if len(data) > MOST:
        cure = f"at most {MOST}; put it in a file, and name the file"
        raise BadData(f"the state would have {len(data)} bytes", place=state.path, cure=cure)
    return data


# --- what may stand under which key


def _check(fields: Any, path: str) -> None:
    if type(fields) is not dict:
        cure = 'write {"agentName": …, "status": …, "sessionId": …}'
        raise BadData("not a JSON object", cure=cure)
    id, _, file = path.rpartition("/")
    names = {"agentName": file.removesuffix(".json"), "sessionId": id.rpartition("/")[2]}
    for key, name in names.items():
        if fields.get(key) != name:
            what = f"{key}: {tell(fields.get(key))} is not the path's '{name}'"
            raise BadData(what, cure="correct it, or rename the file")
    _check_status(fields.get("status"), "status")
    for key in ("startTime", "endTime"):
        _check_time(fields.get(key), key)
    for key in ("targetRepo", "phase"):
        _check_kind(fields.get(key), str, key)
    _check_kind(fields.get("artifacts"), dict, "artifacts")
    for place, task in _objects(fields, "completedTasks"):
        _check_text(task.get("description"), f"{place}.description")
        _check_kind(task.get("file"), str, f"{place}.file")
        _check_status(task.get("status"), f"{place}.status")
    for place, step in _objects(fields, "nextSteps"):
        _check_agent(step.get("agent"), f"{place}.agent")
        _check_text(step.get("action"), f"{place}.action")
        _check_kind(step.get("priority"), str, f"{place}.priority")
        _check_time(step.get("addedTime"), f"{place}.addedTime")
        _check_kind(step.get("dependencies"), list, f"{place}.dependencies")
        for number, name in enumerate(step.get("dependencies") or ()):
            _check_text(name, f"{place}.dependencies[{number}]")


def _objects(fields: Fields, key: str) -> list[tuple[str, Fields]]:
    """The objects in the list under a key, each with where it is."""
    _check_kind(fields.get(key), list, key)
    found = [(f"{key}[{number}]", value) for number, value in enumerate(fields.get(key) or ())]
    for place, value in found:
        if type(value) is not dict:
            raise BadData(f"{place}: {tell(value)} is not an object", cure="write {…}")
    return found


_KINDS: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}


def _check_kind(value: Any, kind: type, place: str) -> None:
    if value is not None and type(value) is not kind:
        name = _KINDS[kind]
        raise BadData(f"{place}: {tell(value)} is not {name}", cure=f"give {name}, or null")


def _check_text(value: Any, place: str) -> None:
    """A text that must be there."""
    if type(value) is not str:
        raise BadData(f"{place}: {tell(value)} is not a text", cure="give a text")
    if not value.strip():
        raise BadData(f"{place}: {tell(value)} says nothing", cure="give a text")


def _check_status(value: Any, place: str) -> None:
    if value not in STATUSES:
        cure = "use one of " + ", ".join(STATUSES)
        raise BadData(f"{place}: {tell(value)} is not a status", cure=cure)


def _check_agent(value: Any, place: str) -> None:
    _check_text(value, place)
    try:
        check_agent(value)
    except BadData as error:
        raise BadData(f"{place}: {error.what}", cure=error.cure) from None


def _check_time(value: Any, place: str) -> None:
    if value is None:
        return
    try:
        clock.parse(value)
    except BadData as error:
        what = error.what if type(value) is str else f"{tell(value)} is not a time"
        raise BadData(f"{place}: {what}", cure=error.cure) from None


def tell(value: Any) -> str:
    """A value of whoever wrote the file, short enough for a message."""
    quote, text = ("'", value) if type(value) is str else ("", json.dumps(value))
    room = 60 - 2 * len(quote)
    short = text if len(text) <= room else masks.cut(text, room - 1) + "…"
    return f"{quote}{short}{quote}"


# --- changes: each gives the fields of the state after it


def start_state(
    old: Fields | None,
    id: str,
    agent: str,
    now: int,
    repo: str | None = None,
    status: str = "in_progress",
) -> Fields:
    """A run that starts, or (pending) is to start: the first one of an agent, or one more."""
    fields = old or {
        "agentName": agent, "status": status, "sessionId": id, "targetRepo": None,
        "startTime": None, "endTime": None,
        "completedTasks": [], "artifacts": {}, "nextSteps": [],
    }  # fmt: skip
    start = clock.to_text(now) if status != "pending" else fields.get("startTime")
    repo = repo or fields.get("targetRepo")
    return {**fields, "status": status, "startTime": start, "endTime": None, "targetRepo": repo}


def end_state(old: Fields, now: int, status: str = "completed") -> Fields:
    return {**old, "status": status, "endTime": clock.to_text(now)}


def add_task(
    old: Fields,
    description: str,
    now: int,
    file: str | None = None,
    status: str = "completed",
    **more: str | None,
) -> Fields:
    """A task more; one with the same description and file gets the status, and what `more` is said
    of it. Only one that was begun knows when: a task that is told when it is done took a time that
    nobody measured."""
    _check_text(description, "description")
    task: Fields = {"description": description, **({"file": file} if file else {})}
    task |= {"status": status, **{key: value for key, value in more.items() if value}}
    known = _find(old, "completedTasks", task, _TASK) or {}
    begun = known.get("startTime")
    if status == "in_progress":
        if known.get("status") != status or not begun or begun < (old.get("startTime") or ""):
            task |= {"startTime": clock.to_text(now), **({"endTime": None} if begun else {})}
    elif status != "pending" and begun and not known.get("endTime"):
        task["endTime"] = clock.to_text(now)
    return {**old, "completedTasks": _joined(old, "completedTasks", task, _TASK)}


def add_artifacts(old: Fields, artifacts: Fields) -> Fields:
    made = {**(old.get("artifacts") or {}), **artifacts}
    strict_json.check_depth(made, strict_json.DEEPEST - 1)  # it is one level down in the file
    return {**old, "artifacts": made}


def add_step(
    old: Fields,
    agent: str,
    action: str,
    now: int,
    priority: str = "required",
    after: tuple[str, ...] = (),
) -> Fields:
    """A step more; one for the same agent with the same action is asked for again."""
    _check_text(action, "action")
    step = {
        "agent": check_agent(agent), "action": action, "priority": priority,
        "dependencies": list(dict.fromkeys("-".join(parse_dependency(name)) for name in after)),
        "addedTime": clock.to_text(now),
    }  # fmt: skip
    return {**old, "nextSteps": _joined(old, "nextSteps", step, _STEP)}


def set_phase(old: Fields, phase: str) -> Fields:
    _check_text(phase, "phase")
    return {**old, "phase": phase}


def parse_dependency(text: str) -> tuple[str, str]:
    """The agent and the status that `backend-completed` waits for; of an agent alone, completed."""
    agent, _, status = text.rpartition("-")
    return (agent, status) if agent and status in STATUSES else (text, "completed")


#: what makes two of a list the same
_TASK, _STEP = ("description", "file"), ("agent", "action")


def _find(old: Fields, key: str, new: Fields, identity: tuple[str, ...]) -> Fields | None:
    """What is the same as `new` in the list under a key."""
    same = (item for item in old.get(key) or () if _is_same(item, new, identity))
    return next(same, None)


def _is_same(one: Fields, other: Fields, identity: tuple[str, ...]) -> bool:
    return all(one.get(name) == other.get(name) for name in identity)


def _joined(old: Fields, key: str, new: Fields, identity: tuple[str, ...]) -> list[Fields]:
    """The list under a key, `new` in the place of what is the same, or at its end."""
    items = list(old.get(key) or ())
    known = _find(old, key, new, identity)
    if known is None:
        return [*items, new]
    return [{**item, **new} if item is known else item for item in items]
