"""What is put together of several events of the journal: named tasks, sessions, experiments,
patterns, and what else has a name. Each event, in its order, changes the state of its entity.

A state is a row of the entity's table, column -> value. Refuses to know where events come from.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...formats.work.journal import Line, ends_early
from ...formats.work.schemas import SCHEMAS
from ...ground import clock
from .database import SqlConnection, upsert

State = dict[str, Any]

AT_ONCE = 500  # names that are looked up


class Entity(NamedTuple):
    """A type of events that are put together: the fields that name one, as columns of its table."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    merge: Callable[[State | None, Line], State]
    fields: tuple[str, ...] = ()  # the key, as events have it


_FIELDS = {type: tuple(field.name for field in schema.fields) for type, schema in SCHEMAS.items()}


def _given(line: Line) -> State:
    """What an event says, without what its type does not know: that may have any name."""
    fields = line.fields
    return {name: fields[name] for name in _FIELDS[line.type] if name in fields}


def _merge(state: State | None, line: Line) -> State:
    return {**(state or {}), **_given(line)}


def _merge_task(state: State | None, line: Line) -> State:
    given, id = {**_given(line), "at": line.fields["at"]}, line.id
    old = state or dict.fromkeys(TASK_COLUMNS) | {"id": id, "name": given["task"]}
    new = {**old, **given, "id": old["id"]}
    if "duration_s" not in given and ("started" in given or "ended" in given or state is None):
        new["duration_s"] = duration(new)
    if new["status"] == "completed" and new["done"] is None:
        new["done"] = id
    return new


def _merge_session(state: State | None, line: Line) -> State:
    new = {**(state or {}), **_given(line), "id": line.fields["session"]}
    if isinstance(new.get("agents"), list):
        new["agents"] = json.dumps(new["agents"])
    if new["status"] == "completed" and not new.get("done"):
        new["done"] = line.id
    return new


def _merge_experiment(state: State | None, line: Line) -> State:
    new = {**(state or {"started": line.fields["at"], "samples": 0}), **_given(line)}
    if "status" in line.fields:
        new["verdict"] = line.fields["status"]
    return {**new, "status": "running"}  # until its metrics are looked at


def _merge_pattern(state: State | None, line: Line) -> State:
    at = line.fields["at"]
    old = state or {"count": 0, "first_seen": at, "source": "journal", "agent": ""}
    return {**old, **_given(line), "count": old["count"] + 1, "last_seen": at}


def duration(fields: Mapping[str, Any]) -> float | None:
    """Seconds from the start of something to its end; None where one is not known, or the end is
    first."""
    if fields.get("started") is None or fields.get("ended") is None or ends_early(fields):
        return None
    return (clock.parse_text(fields["ended"]) - clock.parse_text(fields["started"])) / 1000


def same_of(normal: str) -> int:
    """A number of 63 bits that stands for a normal form."""
    digest = hashlib.blake2b(normal.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _named(table: str, columns: str, merge: Callable[[State | None, Line], State] = _merge):
    return Entity(table, ("name",), ("name", *columns.split()), merge)


TASK_COLUMNS = tuple(
    "id at agent session name description kind status file started ended duration_s error route "
    "model done same".split()
)
ENTITIES = {
    "task": Entity(
        "tasks", ("name", "agent", "session"), TASK_COLUMNS, _merge_task,
        ("task", "agent", "session"),
    ),
    "session": Entity(
        "work_sessions",
        ("id",),
        tuple("id status team agents repository goal started ended pr_url done".split()),
        _merge_session,
        ("session",),
    ),
    "experiment": _named(
        "experiments",
        "hypothesis metric baseline better samples mean change status decided team agent started "
        "verdict",
        _merge_experiment,
    ),
    "pattern": Entity(
        "patterns",
        ("kind", "agent", "subject"),
        ("kind", "subject", "agent", "count", "first_seen", "last_seen", "evidence", "source"),
        _merge_pattern,
    ),
    "campaign": _named("campaigns", "team channel status budget goal started ended"),
    "lead": _named("leads", "campaign source status value"),
    "content": _named("content", "kind status campaign agent url published"),
    "repository": _named("repositories", "url path branch"),
    # with teams.toml before them (work_team)
    "team": _named("teams", "description"),
    "agent": _named("agents", "team role description model active"),
}  # fmt: skip

_SEPARATOR = "\x1f"  # no name has it; what may is last


def subject_of(type: str, fields: Mapping[str, Any]) -> str | None:
    """What the events of one entity, or the voids of one event, have in common; None for what
    stands for itself."""
    names = _SUBJECTS.get(type)
    if names is None or type == "task" and "task" not in fields:
        return None
    return _SEPARATOR.join([fields.get(name, "") for name in names])


_SUBJECTS = {type: entity.fields or entity.key for type, entity in ENTITIES.items()}
_SUBJECTS["void"] = ("of",)


def load(db: SqlConnection, type: str, subjects: Iterable[str]) -> dict[str, State]:
    """The states there are of these."""
    entity = ENTITIES[type]
    nothing: Callable[[str], Any] = (
        (lambda part: part) if type == "pattern" else (lambda part: part or None)
    )
    parts = len(entity.key) - 1
    keys = {tuple(map(nothing, name.split(_SEPARATOR, parts))): name for name in subjects}
    columns = ", ".join((*entity.key, *entity.columns))
    found = {}
    for where, values in _lookups(type, list(keys)):
        sql = f"SELECT {columns} FROM {entity.table} WHERE {where}"
        for row in db.execute(sql, values):
            if name := keys.get(tuple(row[: parts + 1])):
                found[name] = dict(zip(entity.columns, row[parts + 1 :]))
    return found


def _lookups(type: str, keys: Sequence[tuple]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Conditions, and their values, that find what has these keys."""
    entity = ENTITIES[type]
    if len(entity.key) == 1:
        for first in range(0, len(keys), AT_ONCE):
            some = [value for (value,) in keys[first : first + AT_ONCE]]
            yield f"{entity.key[0]} IN ({', '.join('?' * len(some))})", some
        return
    # of a key's columns one alone may be NULL; what is compared by IS finds no partial index
    where = " AND ".join(
        f"{column} {'IS' if column == 'session' else '='} ?" for column in entity.key
    )
    if type == "pattern":
        where += " AND source = 'journal'"
    yield from ((where, key) for key in keys)


def save(db: SqlConnection, type: str, states: Iterable[State]) -> None:
    entity = ENTITIES[type]
    key = {"task": ("id",), "pattern": (*entity.key, "source")}.get(type, entity.key)
    db.executemany(
        upsert(entity.table, entity.columns, key),
        [tuple(map(state.get, entity.columns)) for state in states],
    )


def delete(db: SqlConnection, type: str, state: State) -> None:
    entity = ENTITIES[type]
    key = (*entity.key, "source") if type == "pattern" else entity.key
    where = " AND ".join(f"{column} IS ?" for column in key)
    db.execute(f"DELETE FROM {entity.table} WHERE {where}", [state.get(c) for c in key])
