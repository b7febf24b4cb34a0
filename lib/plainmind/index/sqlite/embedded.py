"""Which events and passages have a vector, and which are to get one."""

import sqlite3
from collections.abc import Iterable, Sequence

from ...ground import clock
from .. import embedding
from ..engine import EmbeddingOutcome, EmbeddingStatus, Pending
from ..page_reading import embedded_text
from ..reading import EMBEDDED
from . import events, vectors
from .index_file import IndexFile, checksum
from .texts import WITH_BEFORE
from .vectors import EVENT, PASSAGE

_ROLES = ", ".join(f"'{role}'" for role in EMBEDDED)

#: the text may be gone by now: a window can be removed, and a page changed, while vectors are made
_THERE = {EVENT: "events", PASSAGE: "passages"}


def pending(
    db: sqlite3.Connection,
    model: str,
    now: int,
    retry_failed: bool,
    limit: int,
    at: Sequence[tuple[str, int]] | None,
) -> list[Pending]:
    only = None if at is None else {owner for place in at for owner in _owners(db, *place)}
    late = (model, retry_failed, clock.to_text(now), limit)
    rows = db.execute(
        "SELECT passages.id, title, text, coalesce(attempts, 0) "
        "FROM passages JOIN pages ON pages.id = passages.page "
        "LEFT JOIN vectors ON kind = 'passage' AND owner = passages.id AND vectors.model = ? "
        f"WHERE coalesce(status, 'pending') <> 'ok' AND (? OR coalesce(next_try, '') <= ?) "
        f"{_among('passages.id', PASSAGE, only)} ORDER BY date DESC, passages.id LIMIT ?",
        late,
    )
    found = [
        Pending(PASSAGE, id, embedded_text(title, text), attempts, len(text.strip()))
        for id, title, text, attempts in rows
    ]
    if limit >= 0:
        late = (*late[:3], limit - len(found))
    rows = db.execute(
        "SELECT event.id, event.author, event.content, coalesce(attempts, 0), before.author, "
        "before.content "
        "FROM events AS event "
        "LEFT JOIN vectors ON kind = 'event' AND owner = event.id AND vectors.model = ? "
        f"{WITH_BEFORE} AND coalesce(status, 'pending') <> 'ok' "
        "AND (? OR coalesce(next_try, '') <= ?) "
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


def standing(db: sqlite3.Connection, texts: Sequence[Pending]) -> list[Pending]:
    there = lambda one: f"SELECT 1 FROM {_THERE[one.kind]} WHERE id = ?"
    return [one for one in texts if db.execute(there(one), (one.id,)).fetchone()]


def _among(column: str, kind: str, only: set[tuple[str, int]] | None) -> str:
    if only is None:
        return ""
    return f"AND {column} IN ({','.join(str(id) for of, id in sorted(only) if of == kind)})"


def _owners(db: sqlite3.Connection, path: str, line: int) -> list[tuple[str, int]]:
    """What is embedded at a place: the event with this line, or the passages of a page."""
    if (event := events.at(db, path, line)) is not None:
        return [(EVENT, event)]
    sql = "SELECT passages.id FROM passages JOIN pages ON pages.id = page WHERE path = ?"
    return [(PASSAGE, id) for (id,) in db.execute(sql, (path,))]


def keep(index: IndexFile, model: str, outcomes: Iterable[EmbeddingOutcome]) -> None:
    by_kind: dict[str, list[tuple]] = {}
    for outcome in outcomes:
        row = (outcome.of.kind, outcome.of.id, model, *outcome[1:], checksum(outcome.vector))
        by_kind.setdefault(outcome.of.kind, []).append(row)
    if by_kind or vectors.is_unpacked(index.db, model):
        with index.writing() as db:
            vectors.replace(db, model, (row[1] for row in by_kind.get(EVENT, ())))
            for kind, rows in by_kind.items():
                db.executemany(
                    "INSERT OR REPLACE INTO vectors "
                    "(kind, owner, model, embedding, attempts, status, error, next_try, checksum, "
                    "place) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, -1 "
                    f"WHERE EXISTS (SELECT 1 FROM {_THERE[kind]} WHERE id = ?2)",
                    rows,
                )
            vectors.pack_new(index, model)
        vectors.overwrite(index)
    vectors.settle(index, model)


def serve(index: IndexFile, model: str) -> None:
    with index.writing() as db:
        old = index.setting("embed_model")
        index.put_setting("embed_model", model)
        if old not in (None, model):
            vectors.drop_model(db, old)
    vectors.overwrite(index)
    vectors.settle(index, model)


def status(db: sqlite3.Connection, model: str) -> EmbeddingStatus:
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


def state_at(db: sqlite3.Connection, model: str, path: str, line: int) -> str:
    found = [_state(db, model, kind, id) for kind, id in _owners(db, path, line)]
    return max(found, key=("ok", "pending", "failed").index, default="")


def _state(db: sqlite3.Connection, model: str, kind: str, id: int) -> str:
    """Of one text; what is searchable by its words alone is ok."""
    if kind == EVENT:
        (role,) = db.execute("SELECT role FROM events WHERE id = ?", (id,)).fetchone()
        if role not in EMBEDDED:
            return "ok"
    sql = "SELECT status FROM vectors WHERE kind = ? AND owner = ? AND model = ?"
    row = db.execute(sql, (kind, id, model)).fetchone()
    return row[0] if row else "pending"
