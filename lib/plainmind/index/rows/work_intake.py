"""Events of the journal to rows, in whatever order they come.

An event that comes in its order is a step; what one changes that comes late, that is taken back, or
that stands there a second time, is made again from its events. What is made of many rows is told in
`Touched`, and is made afterwards (work_groups, work_fold).
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...formats.work.journal import Line, Row, find_voided
from ...team.commands import normalize
from ..work_reading import Changed, JournalReading
from . import work_entities as entities
from .database import SqlConnection, upsert
from .work_entities import ENTITIES, TASK_COLUMNS, State, same_of
from .work_touched import Position, Touched

CHUNK = 4_000  # lines that are in memory at once
_MEMO = 20_000  # descriptions whose normal form is remembered

#: types of which each event is a row -> their tables, and columns
_TABLES = {
    "metric": ("metrics", "id at name value unit agent session experiment"),
    "reward": ("rewards", "id at agent session task kind route value reason"),
    "lesson": ("lessons_learned", "id at lesson category agent session"),
    "user_command": ("user_commands", "id at command normal agent session"),
    "route": ("routes", "id at task decision rule score"),
    "llm_usage": (
        "llm_usage",
        "id at source event agent session task model route calls failed input_tokens output_tokens "
        "cost seconds",
    ),
}
ROWS = {type: (table, tuple(columns.split())) for type, (table, columns) in _TABLES.items()}
_EARNING = ("pr_merged", "praise", "award")
_OF_LINES = ("id", "unix_ms", "type", "subject", '"offset"', "bytes", "void")
_AT_ONCE = 500  # ids that are looked up


class Known(NamedTuple):
    """A row of work_lines."""

    id: str
    unix_ms: int
    type: str
    subject: str | None
    offset: int
    bytes: int
    void: int


class Intake:
    """Takes lines in, within a transaction. `last`: the position of the last event there is."""

    def __init__(self, db: SqlConnection, source: JournalReading, last: Position, touched: Touched):
        self._db, self._source, self.last, self._touched = db, source, last, touched
        self._late: dict[str, set[str]] = {type: set() for type in ENTITIES}
        self._rows: dict[str, list[tuple]] = {type: [] for type in (*ROWS, "task")}
        self._earnings: list[tuple] = []
        self._freed: set[str] = set()  # ids that were named by a void that is none any more
        self._same: dict[str, int] = {}
        row = db.execute("SELECT max(id) FROM work_lines WHERE id < 'g'").fetchone()
        self._top = row[0] or ""

    # --- lines that are new in the file

    def add(self, rows: list[Row]) -> None:
        """Take in some lines."""
        found = self._choose(rows)
        found.sort(key=lambda row: row.line[1::-1])
        subjects = [entities.subject_of(line.type, line.fields) for *_, line in found]
        lines, states = [], self._states(found, subjects)
        for (offset, size, _, line), subject in zip(found, subjects):
            id, unix_ms, type, _ = line
            lines.append((id, unix_ms, type, subject, offset, size, 0))
            if subject is None:
                self._take(line)
            elif type == "void":
                continue
            elif self._is_late(line, subject):
                self._late[type].add(subject)
            else:
                self._step(states[type], subject, line)
        if found:
            self.last = max(self.last, found[-1].line[1::-1])
        self._db.executemany(upsert("work_lines", _OF_LINES, ("id",)), lines)
        self._write(states)

    def _choose(self, rows: Iterable[Row]) -> list[Row]:
        """Of lines with one id, that with the earliest time, or, at one time, the least bytes; a
        known one that is not it is taken out."""
        chosen: dict[str, Row] = {}
        top, suspect = self._top, set()
        for row in rows:
            id = row.line.id
            if id > top and id < "g":
                top = id
            else:
                suspect.add(id)
            if (other := chosen.get(id)) is None or self._order(row) < self._order(other):
                chosen[id] = row
        self._top = top
        for known in self._known(suspect & chosen.keys()):
            if self._order(chosen[known.id]) < self._order(known):
                self._remove(known)
            else:
                del chosen[known.id]
        return list(chosen.values())

    def _order(self, row: Row | Known) -> tuple[int, bytes]:
        unix_ms = row.line.unix_ms if isinstance(row, Row) else row.unix_ms
        return unix_ms, self._source.read_bytes(row.offset, row.bytes)

    def _known(self, ids: Iterable[str]) -> list[Known]:
        wanted, found = sorted(ids), []
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            among = ", ".join("?" * len(some))
            rows = self._db.execute(f"SELECT * FROM work_lines WHERE id IN ({among})", some)
            found += [Known(*row) for row in rows]
        return found

    def _states(
        self, rows: Iterable[Row], subjects: Iterable[str | None]
    ) -> dict[str, dict[str, State]]:
        """The entities of these lines as they are."""
        wanted: dict[str, set[str]] = {type: set() for type in ENTITIES}
        for row, subject in zip(rows, subjects):
            if subject is not None and (of := wanted.get(row.line.type)) is not None:
                of.add(subject)
        return {
            type: entities.load(self._db, type, names) if names else {}
            for type, names in wanted.items()
        }

    def _is_late(self, line: Line, subject: str) -> bool:
        if line.type in ("team", "agent"):  # teams.toml comes before what is there already
            self._touched.team = True
            return True
        return line[1::-1] < self.last or subject in self._late[line.type]

    def _write(self, states: dict[str, dict[str, State]]) -> None:
        for type, found in states.items():
            if found:
                entities.save(self._db, type, found.values())
        for type, rows in self._rows.items():
            if rows:
                table, columns = ROWS.get(type) or ("tasks", TASK_COLUMNS)
                marks = ", ".join("?" * len(columns))
                names = ", ".join(columns)
                self._db.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
                rows.clear()
        marks = "?, ?, ?, ?, ?, ?, ?"
        self._db.executemany(f"INSERT INTO work_earnings VALUES ({marks})", self._earnings)
        self._earnings.clear()

    # --- one event

    def _take(self, line: Line) -> None:
        """An event that is a row, or earns something."""
        id, unix_ms, type, fields = line
        if type == "task":
            row = self._make_task(line)
            self._rows[type].append(row)
            if fields["status"] in ("completed", "failed"):
                self._earn_task(line, row[11])
        elif type in _EARNING:
            self._earn(fields["agent"], unix_ms, id, type, None, None, fields.get("amount", 0))
        elif type in ROWS:
            if type == "user_command":
                fields["normal"] = normalize(fields["command"])
            elif type == "llm_usage":
                fields |= {"source": "journal", "event": None, "calls": 1, "failed": 0}
            self._rows[type].append(tuple(map(fields.get, ROWS[type][1])))
            self._touch_row(type, fields)

    def _make_task(self, line: Line) -> tuple:
        fields = line.fields
        get = fields.get
        seconds = get("duration_s")
        seconds = entities.duration(fields) if seconds is None and "ended" in fields else seconds
        status, same = fields["status"], self._same_of(fields["description"])
        kind, session = get("kind"), get("session")
        row = (
            line.id, fields["at"], fields["agent"], session, None, fields["description"], kind,
            status, get("file"), get("started"), get("ended"), seconds, get("error"), get("route"),
            get("model"), line.id if status == "completed" else None, same,
        )  # fmt: skip
        if not self._touched.everything:
            self._touched.touch_task(
                {
                    "agent": fields["agent"],
                    "kind": kind,
                    "same": same,
                    "session": session,
                    "description": fields["description"],
                }
            )
        return row

    def _same_of(self, description: str) -> int:
        same = self._same.get(description)
        if same is None:
            if len(self._same) > _MEMO:
                self._same.clear()
            same = self._same[description] = same_of(normalize(description))
        return same

    def _touch_row(self, type: str, fields: dict[str, Any]) -> None:
        if self._touched.everything:
            return
        if type == "user_command":
            self._touched.commands.add(fields["normal"])
        elif type == "metric" and "experiment" in fields:
            self._touched.experiments.add(fields["experiment"])
        elif type == "reward":
            self._touched.team = True

    def _earn_task(self, line: Line, seconds: float | None) -> None:
        fields = line.fields
        kind = "task" if fields["status"] == "completed" else "failed"
        self._earn(fields["agent"], line.unix_ms, line.id, kind, fields.get("session"), seconds, 0)

    def _earn(self, *earning: Any) -> None:
        self._earnings.append(earning)
        if not self._touched.everything:
            self._touched.touch_agent(earning[0], earning[1:3])

    def _step(self, states: dict[str, State], subject: str, line: Line) -> None:
        """One more event of an entity."""
        old = states.get(subject)
        new = states[subject] = ENTITIES[line.type].merge(old, line)
        if line.type == "task":
            self._step_task(old, new, line)
        elif line.type == "experiment":
            self._touched.experiments.add(new["name"])
        elif line.type == "session":
            self._touched.sessions.add(new["id"])

    def _step_task(self, old: State | None, new: State, line: Line) -> None:
        new["same"] = self._same_of(new["description"])
        for task in filter(None, (old, new)):
            self._touched.touch_task({"kind": None, "session": None, **task})
        if new["done"] == line.id:
            self._earn_task(line, new["duration_s"])
        elif new["status"] == "failed" and (old is None or old["status"] != "failed"):
            self._earn_task(line, None)

    # --- what is not as it was

    def _remove(self, known: Known) -> None:
        """Take the rows of an event out, unless it was taken back: then there are none."""
        if known.void:
            return
        line = self._source.read_line(known.offset, known.bytes)
        if line.id != known.id:
            raise Changed
        self._forget(known, line)

    def _forget(self, known: Known, line: Line) -> None:
        fields, position = line.fields, line[1::-1]
        if known.type == "void":
            self._freed.add(fields["of"])
        elif known.subject is not None:
            self._late[known.type].add(known.subject)
            if known.type in ("team", "agent"):
                self._touched.team = True
        elif known.type == "task":
            columns = dict.fromkeys(("kind", "session")) | fields
            self._touched.touch_task({**columns, "same": self._same_of(fields["description"])})
            self._db.execute("DELETE FROM tasks WHERE id = ?", (known.id,))
        elif known.type in ROWS:
            if known.type == "user_command":
                fields["normal"] = normalize(fields["command"])
            self._touch_row(known.type, fields)
            self._db.execute(f"DELETE FROM {ROWS[known.type][0]} WHERE id = ?", (known.id,))
        if known.type == "task" or known.type in _EARNING:
            self._unearn(fields["agent"], position)

    def _unearn(self, agent: str, position: Position) -> None:
        where = "agent = ? AND unix_ms = ? AND id = ?"
        cursor = self._db.execute(f"DELETE FROM work_earnings WHERE {where}", (agent, *position))
        if cursor.rowcount:
            self._touched.touch_agent(agent, position)

    def settle(self) -> None:
        """Take out what was taken back, put in what is not any more, and make entities again."""
        self._settle_voids()
        for type, subjects in self._late.items():
            if type not in ("team", "agent"):
                for subject in sorted(subjects):
                    self._make_again(type, subject)
        self._write({})
        self._late = {type: set() for type in ENTITIES}

    def _settle_voids(self) -> None:
        voids = self._db.execute(
            "SELECT id, unix_ms, subject FROM work_lines "
            "WHERE type = 'void' AND subject IS NOT NULL"
        ).fetchall()
        voided = find_voided(voids)
        for known in self._known({*self._freed, *(of for *_, of in voids)}):
            if bool(known.void) == (known.id in voided):
                continue
            if known.void:
                line = self._source.read_line(known.offset, known.bytes)
                if known.subject is None:
                    self._take(line)
                elif known.type != "void":
                    self._late[known.type].add(known.subject)
                    self._touched.team |= known.type in ("team", "agent")
            else:
                self._remove(known)
            change = "UPDATE work_lines SET void = ? WHERE id = ?"
            self._db.execute(change, (int(not known.void), known.id))
        self._write({})

    def _make_again(self, type: str, subject: str) -> None:
        """An entity, of all its events."""
        old = entities.load(self._db, type, [subject]).get(subject)
        lines = list(self._lines_of(type, subject))
        if old is not None:
            entities.delete(self._db, type, old)
            if type == "task":
                self._touched.touch_task(old)
            elif type == "experiment":
                self._touched.experiments.add(old["name"])
            elif type == "session":
                self._touched.sessions.add(old["id"])
        states: dict[str, State] = {}
        for line, void in lines:
            if type == "task":
                self._unearn(line.fields["agent"], line[1::-1])
            if not void:
                self._step(states, subject, line)
        entities.save(self._db, type, states.values())

    def list_states(self, type: str) -> list[State]:
        """The entities of a type that is rare, by name, of all their events."""
        rows = self._db.execute(
            "SELECT DISTINCT subject FROM work_lines WHERE type = ? AND subject IS NOT NULL "
            "ORDER BY subject",
            (type,),
        )
        found = []
        for (subject,) in rows.fetchall():
            state: State | None = None
            for line, void in self._lines_of(type, subject):
                if not void:
                    state = ENTITIES[type].merge(state, line)
            found += [state] if state else []
        return found

    def _lines_of(self, type: str, subject: str) -> Iterator[tuple[Line, int]]:
        rows = self._db.execute(
            'SELECT id, "offset", bytes, void '
            "FROM work_lines WHERE type = ? AND subject = ? "
            "ORDER BY unix_ms, id",
            (type, subject),
        )
        for id, offset, size, void in rows.fetchall():
            line = self._source.read_line(offset, size)
            if line.id != id:
                raise Changed
            yield line, void
