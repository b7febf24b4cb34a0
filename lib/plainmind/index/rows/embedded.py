"""Which events and passages have a vector, and which are to get one."""

from collections.abc import Iterable, Sequence

from ...ground import clock
from .. import embedding
from ..engine import EmbeddingOutcome, EmbeddingStatus, Pending
from ..page_reading import embedded_text
from ..reading import EMBEDDED
from . import events
from .database import IndexDatabase, SqlConnection, checksum
from .events import EVENT, PASSAGE
from .texts import WITH_BEFORE

_ROLES = ", ".join(f"'{role}'" for role in EMBEDDED)

#: the text may be gone by now: a window can be removed, and a page changed, while vectors are made
THERE = {EVENT: "events", PASSAGE: "passages"}


def pending(
    db: SqlConnection,
    model: str,
    now: int,
    retry_failed: bool,
    limit: int,
    at: Sequence[tuple[str, int]] | None,
) -> list[Pending]:
    only = None if at is None else {owner for place in at for owner in _owners(db, *place)}
    most = limit if limit >= 0 else 1 << 62
    late = (model, int(retry_failed), clock.to_text(now), most)
    rows = db.execute(
        "SELECT passages.id, title, text, coalesce(attempts, 0) "
        "FROM passages JOIN pages ON pages.id = passages.page "
        "LEFT JOIN vectors ON kind = 'passage' AND owner = passages.id AND vectors.model = ? "
        f"WHERE coalesce(status, 'pending') <> 'ok' AND (? = 1 OR coalesce(next_try, '') <= ?) "
        f"{_among('passages.id', PASSAGE, only)} ORDER BY date DESC, passages.id LIMIT ?",
        late,
    )
    found = [
        Pending(PASSAGE, id, embedded_text(title, text), attempts, len(text.strip()))
        for id, title, text, attempts in rows
    ]
    late = (*late[:3], most - len(found))
    rows = db.execute(
        "SELECT event.id, event.author, event.content, coalesce(attempts, 0), before.author, "
        "before.content "
        "FROM events AS event "
        "LEFT JOIN vectors ON kind = 'event' AND owner = event.id AND vectors.model = ? "
        f"{WITH_BEFORE} AND coalesce(status, 'pending') <> 'ok' "
        "AND (? = 1 OR coalesce(next_try, '') <= ?) "
        f"{_among('event.id', EVENT, only)} ORDER BY event.unix_ms DESC, event.id DESC LIMIT ?",
        late,
    )
    return found + [
        Pending(
            EVENT,
            id,
            embedding.text_of(author, content, *before),
            attempts,
            len(embedding.text_of(author, content)),
        )
        for id, author, content, attempts, *before in rows
    ]


def standing(db: SqlConnection, texts: Sequence[Pending]) -> list[Pending]:
    there = lambda one: f"SELECT 1 FROM {THERE[one.kind]} WHERE id = ?"
    return [one for one in texts if db.execute(there(one), (one.id,)).fetchone()]


def _among(column: str, kind: str, only: set[tuple[str, int]] | None) -> str:
    if only is None:
        return ""
    ids = [str(id) for of, id in sorted(only) if of == kind]
    return f"AND {column} IN ({','.join(ids or ['NULL'])})"


def _owners(db: SqlConnection, path: str, line: int) -> list[tuple[str, int]]:
    """What is embedded at a place: the event with this line, or the passages of a page."""
    if (event := events.at(db, path, line)) is not None:
        return [(EVENT, event)]
    sql = "SELECT passages.id FROM passages JOIN pages ON pages.id = page WHERE path = ?"
    return [(PASSAGE, id) for (id,) in db.execute(sql, (path,))]


def keep(index: IndexDatabase, model: str, outcomes: Iterable[EmbeddingOutcome]) -> None:
    by_kind: dict[str, list[tuple]] = {}
    for outcome in outcomes:
        row = (outcome.of.id, model, *outcome[1:], checksum(outcome.vector))
        by_kind.setdefault(outcome.of.kind, []).append(row)
    if by_kind or index.vector_tables.is_unpacked(index.db, model):
        with index.writing():
            for kind, rows in by_kind.items():
                index.vector_tables.put(index, kind, rows)
            index.vector_tables.pack_new(index, model)
        index.vector_tables.overwrite(index)
    index.vector_tables.settle(index, model)


def serve(index: IndexDatabase, model: str) -> None:
    with index.writing() as db:
        old = index.setting("embed_model")
        index.put_setting("embed_model", model)
        if old not in (None, model):
            index.vector_tables.drop_model(db, old)
    index.vector_tables.overwrite(index)
    index.vector_tables.settle(index, model)


def status(db: SqlConnection, model: str) -> EmbeddingStatus:
    count = lambda sql, *values: db.execute(f"SELECT count(*) FROM {sql}", values).fetchone()[0]
    text_only = count(f"events WHERE role NOT IN ({_ROLES})")  # they have an index of their own
    # what is not ok is in an index of its own: of the rest, each row has a vector to read over
    left = "vectors WHERE model = ? AND status <> 'ok'"
    ok = count("vectors WHERE model = ?", model) - count(left, model)
    failed = count(f"{left} AND status = 'failed'", model)
    last = db.execute(
        "SELECT error, next_try FROM vectors WHERE model = ? AND status <> 'ok' "
        "ORDER BY next_try LIMIT 1",
        (model,),
    ).fetchone() or ("", "")
    waiting = count("events") - text_only + count("passages") - ok - failed
    return EmbeddingStatus(model, ok, waiting, failed, text_only, *last)


def state_at(db: SqlConnection, model: str, path: str, line: int) -> str:
    found = [_state(db, model, kind, id) for kind, id in _owners(db, path, line)]
    return max(found, key=("ok", "pending", "failed").index, default="")


def _state(db: SqlConnection, model: str, kind: str, id: int) -> str:
    """Of one text; what is searchable by its words alone is ok."""
    if kind == EVENT:
        (role,) = db.execute("SELECT role FROM events WHERE id = ?", (id,)).fetchone()
        if role not in EMBEDDED:
            return "ok"
    sql = "SELECT status FROM vectors WHERE kind = ? AND owner = ? AND model = ?"
    row = db.execute(sql, (kind, id, model)).fetchone()
    return row[0] if row else "pending"
