"""Which events and passages have a vector, and which are to get one."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from ...ground import clock
from .. import embedding
from ..engine import EmbeddingOutcome, EmbeddingStatus, Pending
from ..reading import EMBEDDED, embedded_text
from . import events
from .database import IndexDatabase, SqlConnection, checksum
from .events import EVENT, PASSAGE, THERE
from .texts import WITH_BEFORE

_ROLES = ", ".join(f"'{role}'" for role in EMBEDDED)


class _Due(Sequence[Pending]):
    """Many texts that are to be embedded: which ones, in memory; what they say is read when it is
    asked for. One that is gone by then is ''."""

    def __init__(self, db: SqlConnection, model: str, passages: "array[int]", events: "array"):
        self._db, self._model, self._passages, self._events = db, model, passages, events

    def __len__(self) -> int:
        return len(self._passages) + len(self._events)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            first, end, step = at.indices(len(self))
            split = len(self._passages)
            passages = self._passages[first : min(end, split) : step]
            events = self._events[max(0, first - split) : max(0, end - split) : step]
            return [*self._read_passages(passages), *self._read_events(events)]
        place = range(len(self))[at]
        return self[place : place + 1][0]

    def __iter__(self) -> Iterator[Pending]:
        for start in range(0, len(self), embedding.AT_ONCE):
            yield from self[start : start + embedding.AT_ONCE]

    def _read_passages(self, ids: "array[int]") -> Iterator[Pending]:
        rows = self._read(
            "SELECT passages.id, coalesce(attempts, 0), title, text "
            "FROM passages JOIN pages ON pages.id = passages.page "
            "LEFT JOIN vectors ON kind = 'passage' AND owner = passages.id AND vectors.model = ? "
            "WHERE passages.id IN",
            ids,
        )
        for id, row in rows:
            attempts, title, text = row or (0, "", "")
            whole = embedded_text(title, text) if row else ""
            yield Pending(PASSAGE, id, whole, attempts, len(text.strip()))

    def _read_events(self, ids: "array[int]") -> Iterator[Pending]:
        rows = self._read(
            "SELECT event.id, coalesce(attempts, 0), event.author, event.content, before.author, "
            "before.content FROM events AS event "
            "LEFT JOIN vectors ON kind = 'event' AND owner = event.id AND vectors.model = ? "
            f"{WITH_BEFORE} AND event.id IN",
            ids,
        )
        for id, row in rows:
            attempts, author, content, *before = row or (0, "", "")
            own = len(embedding.text_of(author, content))
            yield Pending(EVENT, id, embedding.text_of(author, content, *before), attempts, own)

    def _read(self, sql: str, ids: "array[int]") -> Iterator[tuple[int, tuple | None]]:
        """Each of these ids, in this order, with the rest of its row, if there is one."""
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500].tolist()
            rows = self._db.execute(f"{sql} ({','.join('?' * len(some))})", (self._model, *some))
            there = {id: row for id, *row in rows}
            yield from ((id, there.get(id)) for id in some)


def pending(
    db: SqlConnection,
    model: str,
    now: int,
    retry_failed: bool,
    limit: int,
    at: Sequence[tuple[str, int]] | None,
) -> Sequence[Pending]:
    only = None if at is None else {owner for place in at for owner in _owners(db, *place)}
    which = _tracked if only is None and _is_tracked(db, model) else partial(_untracked, only)
    late, most = (model, int(retry_failed), clock.to_text(now)), limit if limit >= 0 else 1 << 62
    date = "(SELECT date FROM pages WHERE pages.id = page)"
    sql = f"SELECT id {which(PASSAGE)} ORDER BY {date} DESC, id LIMIT ?"
    passages = array("q", chain(*db.execute(sql, (*late, most))))
    sql = f"SELECT id {which(EVENT)} ORDER BY unix_ms DESC, id DESC LIMIT ?"
    due = _Due(
        db, model, passages, array("q", chain(*db.execute(sql, (*late, most - len(passages)))))
    )
    return due if len(due) > embedding.AT_ONCE else list(due)


_WHEN = "(? = 1 OR coalesce(next_try, '') <= ?)"


def _tracked(kind: str) -> str:
    """FROM and WHERE of what is due, of the model that `unembedded` is of."""
    # all that waits is in an index of its own: that of kinds must not be taken
    return (
        f"FROM {THERE[kind]} WHERE id IN (SELECT owner FROM unembedded WHERE kind = '{kind}' "
        "UNION ALL SELECT owner FROM vectors WHERE model = ? AND status <> 'ok' "
        f"AND kind || '' = '{kind}' AND {_WHEN})"
    )


def _untracked(only: set[tuple[str, int]] | None, kind: str) -> str:
    """The same of any model, of all texts or `only` of some; each is looked at."""
    some = [str(id) for of, id in sorted(only or ()) if of == kind]
    return (
        f"FROM {THERE[kind]} AS there LEFT JOIN "
        "(SELECT kind AS of_kind, owner, status, next_try FROM vectors WHERE model = ?) AS made "
        f"ON of_kind = '{kind}' AND owner = there.id "
        f"WHERE coalesce(status, 'pending') <> 'ok' AND {_WHEN}"
        + (f" AND role IN ({_ROLES})" if kind == EVENT else "")
        + (f" AND there.id IN ({','.join(some or ['NULL'])})" if only is not None else "")
    )


def _is_tracked(db: SqlConnection, model: str) -> bool:
    row = db.execute("SELECT value FROM settings WHERE name = 'embedding'").fetchone()
    return row is not None and row[0] == model


def _track(index: IndexDatabase, model: str) -> None:
    """Let `unembedded` be of this model. The caller holds a transaction."""
    db = index.db
    if _is_tracked(db, model):
        return
    if db.execute("SELECT 1 FROM vectors LIMIT 1").fetchone():
        db.execute("DELETE FROM unembedded")
        for kind in THERE:
            sql = f"INSERT INTO unembedded SELECT '{kind}', id {_untracked(None, kind)}"
            # a row that waits is in vectors
            db.execute(f"{sql} AND status IS NULL", (model, 1, ""))
    index.put_setting("embedding", model)


def count_pending(db: SqlConnection, model: str) -> int:
    """Texts that have no vector, and are not given up."""
    count = lambda sql, *values: db.execute(f"SELECT count(*) {sql}", values).fetchone()[0]
    if _is_tracked(db, model):
        waiting = "FROM vectors WHERE model = ? AND status <> 'ok' AND status <> 'failed'"
        return count("FROM unembedded") + count(waiting, model)
    left = "AND coalesce(status, '') <> 'failed'"
    return sum(count(f"{_untracked(None, kind)} {left}", model, 1, "") for kind in THERE)


def standing(index: IndexDatabase, texts: Sequence[Pending]) -> list[Pending]:
    """Those of these texts that files still hold. Of events the files are looked at, and of the
    ones before them, which are embedded with them."""
    ids = [one.id for one in texts if one.kind == EVENT]
    if ids:
        marks = ",".join("?" * len(ids))
        sql = f"SELECT event.id, before.id FROM events AS event {WITH_BEFORE}"
        rows = index.db.execute(f"{sql} AND event.id IN ({marks})", ids)
        if stale := events.find_stale(index, filter(None, chain(*rows))):
            events.catch_up(index, thorough=True, again=stale)
    there = lambda one: f"SELECT 1 FROM {THERE[one.kind]} WHERE id = ?"
    return [one for one in texts if index.db.execute(there(one), (one.id,)).fetchone()]


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
    db = index.db
    if by_kind or not _is_tracked(db, model) or index.vector_tables.is_unpacked(db, model):
        with index.writing():
            _track(index, model)
            for kind, rows in by_kind.items():
                index.vector_tables.put(index, kind, rows)
                gone = "DELETE FROM unembedded WHERE kind = ? AND owner = ?"
                db.executemany(gone, ((kind, row[0]) for row in rows))
            index.vector_tables.pack_new(index, model)
        index.vector_tables.overwrite(index)
    index.vector_tables.settle(index, model)


def serve(index: IndexDatabase, model: str) -> None:
    with index.writing() as db:
        old = index.setting("embed_model")
        index.put_setting("embed_model", model)
        if old not in (None, model):
            index.vector_tables.drop_model(db, old)
            if _is_tracked(db, old):
                _track(index, model)
    index.vector_tables.overwrite(index)
    index.vector_tables.settle(index, model)


def status(index: IndexDatabase, model: str) -> EmbeddingStatus:
    db = index.db
    count = lambda sql, *values: db.execute(f"SELECT count(*) FROM {sql}", values).fetchone()[0]
    text_only = count(f"events WHERE role NOT IN ({_ROLES})")  # they have an index of their own
    failed = count("vectors WHERE model = ? AND status <> 'ok' AND status = 'failed'", model)
    last = db.execute(
        "SELECT error, next_try FROM vectors WHERE model = ? AND status <> 'ok' "
        "ORDER BY next_try LIMIT 1",
        (model,),
    ).fetchone() or ("", "")
    waiting = count_pending(db, model)
    ok = events.totals(index).events - text_only + count("passages") - waiting - failed
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
