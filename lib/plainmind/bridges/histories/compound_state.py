"""A team's `.compound-state/`: folders of sessions, and a database of what was summed up from them.

    session-<unix time>/<agent>.json   states, as work-session has them, though maybe broken
    agent-service.db                   SQLite; `compound_tables` says which column is which field

What becomes events of the journal of work: tasks, sessions, and the rows of tables that have a type
there. Left out, by name and count: every other table, column and key that says something. A task of
a session that the database and a state both have is told once."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from ...formats import strict_json
from ...formats.work import journal, session, summary
from ...formats.work.kinds import Wrong
from ...formats.work.schemas import SCHEMAS, FieldRule
from ...ground import clock
from ...ground.errors import BadData
from . import compound_tables, database, items, sources
from .compound_tables import Mapping
from .items import Lost, Skipped, WorkEvent, as_list, as_mapping, as_text
from .sources import HistoryReader, Source

_STATE = re.compile(r"(?:^|/)(?P<session>(?:session|orchestrator)-[^/]+)/[^/]+\.(?:json|log)\Z")
_DATABASE = re.compile(r"(?:^|/)agent-service[^/]*\.(?:db|sqlite3?)\Z")
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?\Z", re.ASCII)
#: keys of a state and of a task that an event has, or that the path says
_KEYS = frozenset("agentName status sessionId targetRepo startTime endTime completedTasks".split())
_TASK_KEYS = frozenset("description file status startTime endTime kind model error".split())

#: kinds of fields that have words of their own
_WORDS = ("status", "route", "direction", "verdict", "pattern")
LONGEST_NAME = 64  # characters of an agent's

Item = WorkEvent | Skipped | BadData


class CompoundState(HistoryReader):
    journal = True

    def __init__(self) -> None:
        self._names = _Names()
        self._told: set[tuple[str, str, str]] = set()  # (session, agent, description) of tasks

    def wanted(self, path: str) -> bool:
        return bool(_STATE.search(path) or _DATABASE.search(path))

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[Item]:
        if _DATABASE.search(source.place):
            yield from self._read_database(source, note)
        elif source.name.endswith(".log"):
            yield Skipped("log; copy it to work/logs/SESSION/")
        else:
            yield from self._read_state(source, note)

    # --- states

    def _read_state(self, source: Source, note: Callable[[int], None]) -> Iterator[Item]:
        value = _read_object(source, note)
        agent = source.name.removesuffix(".json")
        if agent == "session" and "agentName" not in value:
            yield Skipped("session.json, a list of agents")
        elif (state := self._make_state(source, value)) is None:
            yield BadData("no status that is known", place=source.place, cure="correct 'status'")
        else:
            yield from self._make_events(source, state)
            yield from _list_left_out("state", value, _KEYS)
            for task in map(as_mapping, as_list(value.get("completedTasks"))):
                yield from _list_left_out("task of a state", task, _TASK_KEYS)

    def _make_state(self, source: Source, value: dict[str, Any]) -> session.State | None:
        """The state that a file may be taken for; None where it has no status."""
        status = _read_status(value.get("status"))
        if status is None:
            return None
        times = {key: _to_time(value.get(key)) for key in ("startTime", "endTime")}
        id = self._names.session_of(source.folder, times["startTime"], source.instant)
        agent = self._names.agent_of(source.name.removesuffix(".json"))
        tasks = []
        for task in map(as_mapping, as_list(value.get("completedTasks"))):
            known = {key: task[key] for key in _TASK_KEYS if isinstance(task.get(key), str)}
            told = _read_status(task.get("status", "completed"))
            if known.get("description", "").strip() and told:
                tasks.append({**known, "status": told})
        repo = value.get("targetRepo")
        fields = {
            "agentName": agent, "status": status, "sessionId": id, **times,
            "targetRepo": repo if isinstance(repo, str) else None, "completedTasks": tasks,
            "artifacts": as_mapping(value.get("artifacts")),
        }  # fmt: skip
        return session.State(source.place, fields)

    def _make_events(self, source: Source, state: session.State) -> Iterator[Item]:
        lost = len(as_list(_read_object(source).get("completedTasks")))
        yield from [Skipped("task without a description or a status that is known")] * (
            lost - len(state.fields["completedTasks"])
        )
        at = state.ended or state.started or source.instant
        for fields in summary.list_tasks(state, at):
            yield self._tell_task(fields)
        unfinished = [t for t in state.fields["completedTasks"] if t["status"] not in summary.ENDED]
        yield from [Skipped("task that was not done")] * len(unfinished)
        beside = _list_states(source)
        if beside and beside[0].path == source.path:
            states = [one for other in beside if (one := self._read_beside(other))]
            latest = max(max(one.ended, one.started) for one in states) or source.instant
            yield WorkEvent(summary.make_session(states, latest))

    def _tell_task(self, fields: dict[str, Any]) -> Item:
        key = fields.get("session", ""), fields["agent"], fields["description"]
        if key in self._told:
            return Skipped("task that the database has, too")
        return WorkEvent(fields)

    def _read_beside(self, source: Source) -> session.State | None:
        try:
            return self._make_state(source, _read_object(source))
        except BadData:  # it is told when it is read itself
            return None

    # --- the database

    def _read_database(self, source: Source, note: Callable[[int], None]) -> Iterator[Item]:
        with source.opened() as file:
            if file.read(len(database.MAGIC)) != database.MAGIC:
                raise BadData("not an SQLite database", place=source.place, cure="leave it out")
        with database.open_copy(source, note) as opened:
            tables = {name.lower(): name for name in opened.list_tables()}
            for name in ("teams", "agents", "campaigns", "experiments", "sessions", "tasks"):
                if name in tables:
                    for row in opened.read_rows(tables[name]):
                        if isinstance(row, dict):
                            self._names.learn(name, row)
            for name, table in tables.items():
                most = _find_most(opened, table) if name == "rewards" else 1.0
                for row in opened.read_rows(table):
                    if isinstance(row, BadData):
                        yield row
                    else:
                        yield from self._read_row(name, row, source.instant, most)

    def _read_row(
        self, table: str, row: dict[str, Any], written: int, most: float
    ) -> Iterator[Item]:
        mapping = compound_tables.MAPPINGS.get(table)
        if mapping is None:
            shown = table if table.isprintable() and len(table) <= 40 else "…"
            derived = table in compound_tables.DERIVED
            yield Skipped(f"row of '{shown}'" + (", made again from events" if derived else ""))
            return
        given, row = row, self._names.resolve(table, row)
        used = {"entity_type", "entity_id", *(row.keys() - given.keys())}  # they say whose it is
        used |= {"task_id"} if "task_id" in row and "agent_id" in row else set()
        fields: dict[str, Any] = {"type": mapping.type, "id": _make_id(table, row)}
        left: list[Skipped] = []
        for field in SCHEMAS[mapping.type].fields:
            column, value = _find_value(row, mapping.columns.get(field.name, ""))
            if value is None:
                continue
            made = self._convert(field, column, value, mapping, most)
            used |= set(column.split(" + "))
            if made is None:
                left.append(Skipped(f"value of {table}.{column} that no event can have"))
            else:
                fields[field.name] = made
        if most > 1 and "value" in fields:
            told = f"({fields['value'] * most:g} of {most:g})"
            fields["reason"] = f"{fields.get('reason', '')} {told}".strip()
        column, value = _find_value(row, mapping.instant)
        fields["at"] = _to_time(value) or clock.to_text(written)
        used |= {column, *mapping.instant.split(), *compound_tables.UNTOLD}
        if journal.ends_early(fields):
            del fields["started"], fields["ended"]
            left.append(Skipped(f"times of '{table}' that end before they start"))
        made = self._make_event(table, fields, as_text(given.get("id")))
        yield made
        if isinstance(made, Lost):  # whole: what it held is not counted again
            return
        yield from left
        for column, value in row.items():
            if column not in used and value not in (None, "", 0, b""):
                yield Skipped(f"column {table}.{column}" if column.isprintable() else "column …")

    def _convert(
        self, field: FieldRule, column: str, value: Any, mapping: Mapping, most: float
    ) -> Any:
        """A value as its field has it; None where it cannot."""
        made: Any = value
        if field.kind == "agent":
            made = self._names.agent_of(as_text(value))
        elif field.kind == "session":
            made = self._names.session_of(as_text(value))
        elif field.kind == "time":
            made = _to_time(value)
        elif field.kind == "flag":
            made = str(value).lower() not in ("0", "false", "no")
        elif field.kind in ("number", "whole"):
            made = _to_number(value, column.endswith("_ms"))
            made = made / most if made and most > 1 and field.name == "value" else made
        elif isinstance(value, int | float | str):
            text, words = str(value), mapping.words.get(field.name, {})
            most = {"name": summary.LONGEST_NAME, "line": summary.LONGEST_LINE}.get(field.kind, 0)
            made = summary.fit_line(text, most) if most else summary.fit_text(text)
            made = words.get(made.lower().strip(), made)
            made = made.lower() if field.kind in _WORDS else made
        try:
            return None if made in (None, "") else field.make_check()(made)
        except Wrong:
            return None

    def _make_event(self, table: str, fields: dict[str, Any], id: str) -> Item:
        try:
            journal.check(fields)
        except BadData as error:
            lacking = error.what.partition(":")[0]
            return Lost(f"row of '{table}' without '{lacking}'", id)
        if fields["type"] == "task":
            self._told.add((fields.get("session", ""), fields["agent"], fields["description"]))
        return WorkEvent(fields)


class _Names:
    """What ids of the database and names of folders are called in the journal."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}  # (table, id) -> name
        self._tasks: dict[str, tuple[Any, Any]] = {}  # id -> (agent, session)
        self._sessions: dict[str, str] = {}

    def learn(self, table: str, row: dict[str, Any]) -> None:
        id, name = as_text(row.get("id")), as_text(row.get("name"))
        if table == "sessions":
            started = next((row[key] for key in ("started_at", "created_at") if row.get(key)), None)
            self.session_of(id, _to_time(started))
        elif table == "tasks":
            self._tasks[id] = row.get("agent_id"), row.get("session_id")
        elif id and name:
            self._names[table, id] = name

    def resolve(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """A row with names in the place of ids of other tables, and whose it is, as far as that is
        known."""
        made = dict(row)
        for column, other in (("team_id", "teams"), ("campaign_id", "campaigns")):
            made[column] = self._names.get((other, as_text(row.get(column))), row.get(column))
        kind, id = as_text(row.get("entity_type")), row.get("entity_id")
        task = as_text(id) if kind == "task" else as_text(row.get("task_id"))
        agent, of = self._tasks.get(task, (None, None)) if table != "tasks" else (None, None)
        agent, of = id if kind == "agent" else agent, id if kind == "session" else of
        for column, value in (("agent_id", agent), ("session_id", of)):
            made[column] = made.get(column) or value
        if kind == "experiment":
            made["experiment_id"] = self._names.get(("experiments", as_text(id)), id)
        return {column: value for column, value in made.items() if value is not None}

    def agent_of(self, text: str) -> str:
        """An agent's name: an id without 'agent-', in letters that a name may have."""
        known = text.strip().lower().removeprefix("agent-") or text.strip().lower()
        name = re.sub(r"[^a-z0-9_]+", "-", known).strip("-_")[:LONGEST_NAME]
        try:
            return session.check_agent(name)
        except BadData:
            return (
                f"agent-{items.digest(text)[:8]}"
                if not name
                else f"{name[: LONGEST_NAME - 6]}-agent"
            )

    def session_of(self, text: str, started: str | None = None, written: int = 0) -> str | None:
        """A session's name; one that the journal cannot have is named by the second it started."""
        if session.is_session(text):
            return text
        if text in self._sessions or not text:
            return self._sessions.get(text)
        numbers = re.findall(r"\d{9,11}", text, re.ASCII)
        second = (
            int(numbers[-1]) if numbers else (clock.parse(started) if started else written) // 1000
        )
        if not second:
            return None
        while f"session-{second}" in self._sessions.values():
            second += 1
        self._sessions[text] = f"session-{second}"
        return self._sessions[text]


def _read_object(source: Source, note: Callable[[int], None] = lambda n: None) -> dict[str, Any]:
    """What a state's file says. BadData where that is nothing."""
    with source.opened(note) as file:
        data = file.read(session.MOST + 1)
    if len(data) > session.MOST:
        raise BadData("a state of more than 4 MiB", place=source.place, cure=sources.LEFT_OUT)
    try:
        value = strict_json.parse(data.decode("utf-8", "replace"))
    except BadData as error:
        error.place = f"{source.place}:{error.place}".removesuffix(":")
        raise
    if not isinstance(value, dict):
        raise BadData("not a JSON object", place=source.place, cure=sources.LEFT_OUT)
    return value


def _list_states(source: Source) -> list[Source]:
    """The states in a file's folder."""
    folder = os.path.dirname(source.path)
    if source.zip:
        names = [
            n for n in sources.open_archive(source.zip).namelist() if os.path.dirname(n) == folder
        ]
        names = [os.path.basename(name) for name in names]
    else:
        names = os.listdir(folder or ".")
    wanted = [name for name in sorted(names) if name.endswith(".json") and name != "session.json"]
    return [one for name in wanted if (one := source.beside(name))]


def _list_left_out(what: str, value: dict[str, Any], known: frozenset[str]) -> Iterator[Skipped]:
    for key, inner in value.items():
        if key not in known and inner not in (None, "", [], {}, 0):
            shown = key if key.isprintable() and len(key) <= 40 else "…"
            yield Skipped(f"'{shown}' of a {what}", inner)


def _read_status(value: Any) -> str | None:
    words = compound_tables.MAPPINGS["tasks"].words["status"]
    text = words.get(value.lower(), value.lower()) if isinstance(value, str) else ""
    return text if text in session.STATUSES else None


def _find_value(row: dict[str, Any], columns: str) -> tuple[str, Any]:
    """The first of these columns that says something, and what."""
    if " + " in columns:
        names = [name for name in columns.split(" + ") if as_text(row.get(name)).strip()]
        return " + ".join(names), "\n".join(as_text(row[name]) for name in names) or None
    for name in columns.split():
        if row.get(name) not in (None, "", b""):
            return name, row[name]
    return "", None


def _find_most(opened: database.Database, table: str) -> float:
    """The largest reward: theirs are of any size, the journal's from -1 to 1."""
    rows = (row for row in opened.read_rows(table) if isinstance(row, dict))
    columns = compound_tables.MAPPINGS["rewards"].columns["value"]
    values = (_to_number(_find_value(row, columns)[1], False) for row in rows)
    return max((abs(value) for value in values if value is not None), default=1.0)


def _to_number(value: Any, thousandths: bool) -> float | int | None:
    """A number, in seconds where it is thousandths of them."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return value / 1000 if thousandths else value


def _to_time(value: Any) -> str | None:
    """A time as the journal has it. SQLite's own have no zone, and are UTC."""
    if isinstance(value, str) and _NO_ZONE.match(value.strip()):
        value = value.strip()
        value = f"{value}T00:00:00Z" if len(value) == 10 else f"{value.replace(' ', 'T')}Z"
    instant = items.parse_instant(value)
    return None if instant is None else clock.to_text(instant)


def _make_id(table: str, row: dict[str, Any]) -> str:
    """An id that a second import gives again. Rows that are only numbered are known by all they
    say, for another database has the same numbers."""
    id = row.get("id")
    told = id if isinstance(id, str) and id else sorted((k, repr(v)) for k, v in row.items())
    digest = hashlib.sha256(f"{table} {told}".encode("utf-8", "replace")).hexdigest()
    return f"compound-{digest[:24]}"
