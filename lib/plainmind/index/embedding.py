"""Which turns need a vector, and giving it to them: nothing orphaned, nothing done twice.

Owns the status of every turn (pending, ok, failed), the order of work (newest first), halving a batch that
fails, and which model answers. Refuses to know how a vector is made: it is given an embedder.

A turn's vector is in the cache, durably, before the index says `ok`: killed in between, the next run
finds it there and pays for nothing twice.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ..ground import clock, tokens
from ..ground.errors import BadData, Unavailable
from . import vectors
from .cache import Cache, content_hash, serving, set_serving
from .store import Store
from .sync import EMBEDDED

GIVE_UP = (
    8  # failed tries after which a turn is `failed`; it is still tried again, ever more rarely
)


class Embedder(Protocol):
    """What makes vectors (providers.embed)."""

    model: str
    batch: int

    def passages(self, texts: list[str]) -> "Sequence[Sequence[float]]": ...


class Turn(NamedTuple):
    """A turn that is to be embedded, or (its id negative) a passage of a page."""

    id: int
    text: str  # what is embedded
    attempts: int

    @property
    def tokens(self) -> int:
        return tokens.estimate(self.text)


class Status(NamedTuple):
    model: str
    ok: int
    pending: int
    failed: int
    text_only: int
    last_error: str
    next_try: str


class Work(NamedTuple):
    """How a run ended."""

    done: int
    failed: int
    spent: int  # estimated tokens sent
    from_cache: int
    unavailable: str  # why the provider was given up for this run, '' if it was not


#: the turn may be gone by now: a window can be removed, and a page changed, while vectors are made
_THERE = (
    "EXISTS (SELECT 1 FROM turns WHERE id = ?1) OR EXISTS (SELECT 1 FROM passages WHERE id = -?1)"
)

CONTEXT_WORDS = 30  # of the turn before, that are embedded with a turn


def text_of(
    author: str, content: str, author_before: str | None = None, before: str | None = None
) -> str:
    """What is embedded of a turn: who said what, after the start of what was said before it.

    With the turn before, cosine alone finds 59.1 % of LoCoMo's answers among ten, without it 53.2 %
    (docs/decisions/vectors.md). A turn after it would add nothing, and is not known yet when a turn is new.
    """
    content = content.strip()
    if not content:
        return ""
    said = f"{author}: {content}" if author else content
    clipped = " ".join((before or "").split()[:CONTEXT_WORDS])
    if not clipped:
        return said
    return f"{author_before}: {clipped}\n{said}" if author_before else f"{clipped}\n{said}"


def status(store: Store, model: str) -> Status:
    marks = ",".join("?" * len(EMBEDDED))
    count = lambda sql, *given: store.db.execute(sql, given).fetchone()[0]
    all_turns = count(f"SELECT count(*) FROM turns WHERE role IN ({marks})", *EMBEDDED)
    passages = count("SELECT count(*) FROM passages")
    ok = count("SELECT count(*) FROM vectors WHERE model = ? AND status = 'ok'", model)
    failed = count("SELECT count(*) FROM vectors WHERE model = ? AND status = 'failed'", model)
    last = store.db.execute(
        "SELECT error, next_try FROM vectors WHERE model = ? AND status <> 'ok' ORDER BY next_try LIMIT 1",
        (model,),
    ).fetchone() or ("", "")
    text_only = count("SELECT count(*) FROM turns") - all_turns
    return Status(model, ok, all_turns + passages - ok - failed, failed, text_only, *last)


def state(store: Store, model: str, ids: list[int]) -> str:
    """pending, ok or failed, whichever is worst of a turn or of a page's passages; what is searchable by its words alone is ok."""
    found = [_state(store, model, id) for id in ids]
    return max(found, key=("ok", "pending", "failed").index, default="ok")


def _state(store: Store, model: str, id: int) -> str:
    role = store.db.execute("SELECT role FROM turns WHERE id = ?", (id,)).fetchone()
    if role and role[0] not in EMBEDDED:
        return "ok"
    row = store.db.execute(
        "SELECT status FROM vectors WHERE turn = ? AND model = ?", (id, model)
    ).fetchone()
    return row[0] if row else "pending"


def passages_at(store: Store, path: str) -> list[int]:
    """What is embedded of a page, by the ids that vectors have."""
    rows = store.db.execute(
        "SELECT -passages.id FROM passages JOIN pages ON pages.id = page WHERE path = ?", (path,)
    )
    return [row[0] for row in rows]


def due(
    store: Store,
    model: str,
    now: int,
    *,
    retry_failed: bool = False,
    limit: int = -1,
    only: list[int] | None = None,
) -> list[Turn]:
    """Passages of pages, then turns, without a vector, whose time has come; newest first."""
    found = _due_passages(store, model, now, retry_failed, limit, only)
    if limit >= 0:
        limit -= len(found)
    marks = ",".join("?" * len(EMBEDDED))
    wanted = f"AND turn.id IN ({','.join(map(str, map(int, only)))})" if only is not None else ""
    rows = store.db.execute(
        f"SELECT turn.id, turn.author, turn.content, coalesce(attempts, 0), before.author, before.content FROM turns AS turn "
        f"LEFT JOIN vectors ON vectors.turn = turn.id AND vectors.model = ? "
        f"LEFT JOIN turns AS before ON before.id = (SELECT max(id) FROM turns AS t WHERE t.id >= turn.episode AND t.id < turn.id "
        f"AND t.role IN ({marks})) "
        f"WHERE turn.role IN ({marks}) AND coalesce(status, 'pending') <> 'ok' AND (? OR coalesce(next_try, '') <= ?) {wanted} "
        f"ORDER BY turn.unix_ms DESC, turn.id DESC LIMIT ?",
        (model, *EMBEDDED, *EMBEDDED, retry_failed, clock.to_text(now), limit),
    )
    return found + [
        Turn(id, text_of(author, content, *before), attempts)
        for id, author, content, attempts, *before in rows
    ]


def _due_passages(
    store: Store, model: str, now: int, retry_failed: bool, limit: int, only: list[int] | None
) -> list[Turn]:
    from . import pages

    wanted = (
        f"AND -passages.id IN ({','.join(map(str, map(int, only)))})" if only is not None else ""
    )
    rows = store.db.execute(
        f"SELECT -passages.id, title, text, coalesce(attempts, 0) FROM passages JOIN pages ON pages.id = passages.page "
        f"LEFT JOIN vectors ON vectors.turn = -passages.id AND vectors.model = ? "
        f"WHERE coalesce(status, 'pending') <> 'ok' AND (? OR coalesce(next_try, '') <= ?) {wanted} "
        f"ORDER BY date DESC, passages.id LIMIT ?",
        (model, retry_failed, clock.to_text(now), limit),
    )
    return [
        Turn(id, pages.embedded_text(title, said), attempts) for id, title, said, attempts in rows
    ]


class Run:
    """One run of `mem-embed`: the work, and where it has come to."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        call: Callable[[Callable[[], Sequence]], Sequence],
        now: Callable[[], int],
        next_try: Callable[[int, int, float | None, float], int],
        progress: Callable[[int], None] = lambda done: None,
        budget: int | None = None,
    ):
        """`call` runs a request with the retry policy, `next_try` says when to try again across runs."""
        self.store, self.embedder, self.call, self.now, self.next_try = (
            store,
            embedder,
            call,
            now,
            next_try,
        )
        self.progress, self.budget = progress, budget
        self.cache = Cache(store.home, embedder.model)
        self.done = self.failed = self.spent = self.from_cache = 0
        self.unavailable = ""

    def over(self, turns: list[Turn]) -> Work:
        """Embed these turns as far as provider and budget allow."""
        if self.store.setting("embed_model") is None:
            _serve(self.store, self.embedder.model)
        left, self.from_cache = settle(self.store, self.cache, turns, self.progress)
        self.done += self.from_cache
        # a text that several turns share is sent once; the others find it in the cache
        texts = {turn.text: turn for turn in reversed(left)}
        again = [turn for turn in left if texts[turn.text].id != turn.id]
        left = [turn for turn in left if texts[turn.text].id == turn.id]
        for start in range(0, len(left), self.embedder.batch):
            batch = left[start : start + self.embedder.batch]
            if (
                self.budget is not None
                and self.spent + sum(turn.tokens for turn in batch) > self.budget
            ):
                break
            self._batch(batch)
            if self.unavailable:
                break
        _, settled = settle(self.store, self.cache, again, self.progress)
        self.done += settled
        self._finish()
        return Work(self.done, self.failed, self.spent, self.from_cache, self.unavailable)

    def _batch(self, batch: list[Turn], *, alone: bool = False) -> None:
        """Embed a batch; when it fails, find out whether one text is to blame or the provider is gone."""
        try:
            request = lambda: self.embedder.passages([turn.text for turn in batch])
            self.spent += sum(turn.tokens for turn in batch)
            made = request() if alone else self.call(request)
        except BadData as error:
            self._split(batch, error)
        except Unavailable as error:
            # 'come back later' is no text's fault, and a provider that answers nothing at all is gone
            if error.retry_after is not None or (
                not alone and len(batch) > 1 and not self._answers()
            ):
                self._postpone(batch, error)
                self.unavailable = error.what
            elif len(batch) > 1:
                self._split(batch, error)
            else:
                self._postpone(batch, error)
                if not alone and not self._answers():
                    self.unavailable = error.what
        else:
            self._keep(batch, made)

    def _split(self, batch: list[Turn], error: BadData | Unavailable) -> None:
        if len(batch) == 1:
            self._postpone(batch, error, refused=isinstance(error, BadData))
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            if not self.unavailable:
                self._batch(half, alone=True)

    def _answers(self) -> bool:
        """Whether the provider embeds a harmless word: then some text of the batch is the trouble."""
        try:
            self.embedder.passages(["ok"])
            return True
        except (Unavailable, BadData):
            return False

    def _keep(self, batch: list[Turn], made: Sequence) -> None:
        blobs = [vectors.to_blob(vector) for vector in made]
        self.cache.put(
            {content_hash(turn.text): blob for turn, blob in zip(batch, blobs, strict=True)}
        )
        self._commit(list(zip(batch, blobs, strict=True)))

    def _commit(self, made: list[tuple[Turn, bytes | None]]) -> None:
        _commit(self.store, self.embedder.model, made)
        self.done += len(made)
        self.progress(len(made))

    def _postpone(
        self, batch: list[Turn], error: BadData | Unavailable, refused: bool = False
    ) -> None:
        now = self.now()
        wait = getattr(error, "retry_after", None)
        rows = []
        for turn in batch:
            attempts = turn.attempts + 1
            state = "failed" if refused or attempts >= GIVE_UP else "pending"
            self.failed += state == "failed"
            then = clock.to_text(self.next_try(attempts, now, wait, random.random()))
            rows.append((turn.id, self.embedder.model, state, attempts, error.what[:300], then))
        with self.store.writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO vectors (turn, model, status, attempts, error, next_try, block, embedding) "
                f"SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, NULL WHERE {_THERE}",
                rows,
            )

    def _finish(self) -> None:
        """Pack full blocks, and let the new model answer once it knows as much as the old one."""
        store, model = self.store, self.embedder.model
        pack(store, model)
        old = store.setting("embed_model")
        if old != model and status(store, model).ok >= status(store, old).ok:
            _serve(store, model)
            with store.writing() as db:
                for table in ("vectors", "vector_blocks"):
                    db.execute(f"DELETE FROM {table} WHERE model = ?", (old,))


def restore(store: Store) -> None:
    """Give a new index the vectors that were made for an earlier one. No provider is asked for anything."""
    model = serving(store.home)
    if store.setting("embed_model") is not None or not model or not store.writable:
        return
    from . import pages

    pages.take_in(store)  # their vectors are in the cache with the turns'
    with store.writing():
        store.put_setting("embed_model", model)
    from_cache(store, model)


def from_cache(store: Store, model: str) -> None:
    """Give every turn without a vector the one the cache has for its text, if any."""
    settle(
        store, Cache(store.home, model), due(store, model, clock.system_now(), retry_failed=True)
    )
    pack(store, model)


def settle(
    store: Store,
    cache: Cache,
    turns: list[Turn],
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[list[Turn], int]:
    """Give turns the vectors the cache has; turns without text need none. Returns (the others, how many were settled)."""
    left: list[Turn] = []
    for start in range(0, len(turns), 4096):
        some = turns[start : start + 4096]
        hashes = {turn.id: content_hash(turn.text) for turn in some}
        found = cache.get(list(hashes.values()))
        done = [
            (turn, found.get(hashes[turn.id]))
            for turn in some
            if not turn.text or hashes[turn.id] in found
        ]
        left += [turn for turn in some if turn.text and hashes[turn.id] not in found]
        _commit(store, cache.model, done)
        progress(len(done))
    return left, len(turns) - len(left)


def pack(store: Store, model: str) -> None:
    """Pack loose vectors, when there is a block of them."""
    sql = "SELECT count(*) FROM vectors WHERE model = ? AND status = 'ok' AND block = 0 AND embedding IS NOT NULL AND turn >= 0"
    if store.db.execute(sql, (model,)).fetchone()[0] >= vectors.BLOCK:
        with store.writing() as db:
            vectors.pack_loose(db, model)


def _commit(store: Store, model: str, made: list[tuple[Turn, bytes | None]]) -> None:
    if not made:
        return
    with store.writing() as db:
        db.executemany(
            "INSERT OR REPLACE INTO vectors (turn, model, status, attempts, error, next_try, block, embedding) "
            f"SELECT ?1, ?2, 'ok', ?3, '', '', 0, ?4 WHERE {_THERE}",
            ((turn.id, model, turn.attempts, blob) for turn, blob in made),
        )


def _serve(store: Store, model: str) -> None:
    set_serving(store.home, model)
    with store.writing():
        store.put_setting("embed_model", model)
