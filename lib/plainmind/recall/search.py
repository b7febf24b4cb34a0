"""From a query to ranked turns: reads the index, builds the field that rank works on.

Owns scopes (which turns may be recalled), the bound on postings, and hits. Makes no vectors: it is given
the query's, or none, and then goes by words alone.
"""

import sqlite3
from bisect import bisect_right
from typing import Mapping, NamedTuple, Sequence

from ..formats.event import ROLES
from ..index import episodes, text, vectors
from ..index.store import Store
from ..index.sync import TURN_BITS
from . import rank, relevance

POSTINGS = 8000  # places of words one query may touch: rare words first, the most frequent ones are left out


class Scope(NamedTuple):
    """Which turns may be recalled. Times in ms; `shown` is (window path, line): what stands there or later is shown."""

    context: str | None = None
    not_window: str | None = None
    since: int | None = None
    until: int | None = None
    roles: tuple[str, ...] = ()
    shown: tuple[str, int] | None = None


class Query(NamedTuple):
    text: str
    now: int
    vector: Sequence[float] | None = None  # of the store's serving model
    model: str = ""
    baseline: float = 0.0
    mode: str = "hybrid"  # or cosine


class Hit(NamedTuple):
    """A recalled turn."""

    path: str
    line: int
    timestamp: str
    role: str
    author: str
    context: str
    content: str
    pick: rank.Pick

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"


class Result(NamedTuple):
    hits: list[Hit]
    dropped: list[tuple[Hit, str]]  # looked at and left out, with the reason
    terms: list[str]  # of the query, as the index has them
    turns: int  # in scope
    pool: int
    widened: int
    postings: int


def search(store: Store, query: Query, scope: Scope, k: int, floor: float) -> Result:
    """The k turns to recall, best first, and what was looked at besides."""
    return ranked(store, TurnField(store, query, scope), k, floor)


def ranked(store: Store, field: "TurnField", k: int, floor: float) -> Result:
    """The same for a field that is made already."""
    ranking = rank.rank(field, k, floor)
    return assemble(ranking, hits(store.db, ranking.picks, ranking.considered), field.terms, len(field.upper), field.touched, floor)


def assemble(ranking: rank.Ranking, found: Mapping[int, Hit], terms: list[str], turns: int, postings: int, floor: float) -> Result:
    """A result from a ranking and its turns: the same whether it was just made or is replayed."""
    chosen = [found[pick.turn]._replace(pick=pick) for pick in ranking.picks]
    dropped = [(found[p.turn]._replace(pick=p), "floor" if p.sim <= floor else "rank") for p in ranking.considered]
    return Result(chosen, dropped, terms, turns, ranking.pool, ranking.widened, postings)


class TurnField:
    """All turns in scope for one query (rank.Field)."""

    def __init__(self, store: Store, query: Query, scope: Scope):
        self.db, self.query, self.store = store.db, query, store
        self.terms = list(dict.fromkeys(text.stems(text.tokens(query.text))))
        self._episodes = episodes.everything(self.db)
        self._ids = [episode.id for episode in self._episodes]
        self._cosines: dict[int, float] = {}
        self._errors: dict[int, float] = {}
        if query.vector is not None:
            for scanned in vectors.scan(self.db, query.model, query.vector):
                self._cosines.update(zip(scanned.turns, scanned.cosines))
                if scanned.error:
                    self._errors.update(dict.fromkeys(scanned.turns, scanned.error))
        self._vectors: dict[int, Sequence[float] | None] = {}
        self._best: dict[int, float] = {}
        self._stems: dict[int, frozenset[str]] = {}
        hybrid = query.mode == "hybrid" or query.vector is None
        self.touched = 0
        self._words = self._lexical() if hybrid else {}
        self._named = self._named_authors() if hybrid else frozenset()
        self._hybrid = hybrid
        self.upper: dict[int, float] = {}
        self.recency: dict[int, float] = {}
        self._fill(_allowed(self.db, scope))
        self.pinned = [turn for turn in _pinned(self.db) if turn in self.upper]

    def exact(self, turns: Sequence[int]) -> dict[int, float]:
        self._load(turns)
        return {turn: self._sim(turn) for turn in turns}

    def pair(self, one: int, other: int) -> float:
        self._load([one, other])
        a, b = self._vectors[one], self._vectors[other]
        if a is not None and b is not None:
            near = vectors.cosine(a, b)
            return relevance.dense(near, self.query.baseline) if self._hybrid else near
        if not self._hybrid:
            return 0.0
        mine, theirs = self._stems_of(one), self._stems_of(other)
        return len(mine & theirs) / (len(mine | theirs) or 1)

    def order(self, turn: int) -> tuple:
        path, line = self.db.execute(
            "SELECT path, line FROM turns JOIN windows ON windows.id = turns.id >> ? WHERE turns.id = ?", (TURN_BITS, turn)
        ).fetchone()
        episode = self._episode(turn)
        return -episode.times[turn - episode.id], path, line

    def _episode(self, turn: int) -> episodes.Episode:
        return self._episodes[bisect_right(self._ids, turn) - 1]

    def _lexical(self) -> dict[int, list[float]]:
        found = self._postings()
        if not found:
            return {}
        return relevance.lexical(relevance.Corpus(*episodes.totals(self.store), self._episodes), found)

    def _postings(self) -> dict[str, list[text.Posting]]:
        """Places of the query's terms, rare ones first, within the bound; terms that are nowhere have none."""
        fts5 = self.store.fts5
        counted = sorted((text.frequency(self.db, term, fts5, POSTINGS + 1), term) for term in self.terms)
        found: dict[str, list[text.Posting]] = {}
        for count, term in counted:
            if self.touched + count > POSTINGS:
                if self.touched:
                    break
                # the only word there is: its newest places
                found[term] = text.postings(self.db, term, fts5)[-POSTINGS:]
                self.touched += len(found[term])
                break
            found[term] = text.postings(self.db, term, fts5) if count else []
            self.touched += count
        return found

    def _named_authors(self) -> frozenset[int]:
        """Authors whose name has a word in common with the query."""
        terms = set(self.terms)
        rows = self.db.execute("SELECT id, name FROM authors WHERE name <> ''")
        return frozenset(id for id, name in rows if terms.intersection(text.stems(text.tokens(name))))

    def _fill(self, allowed) -> None:
        """An upper bound of sim, and the recency, of every turn in scope."""
        now, cosines, baseline = self.query.now, self._cosines, self.query.baseline
        slope = relevance.SLOPE / (1 - baseline) if self._hybrid else 1.0
        for episode in self._episodes:
            words = self._words.get(episode.id)
            first = episode.id
            near = [cosines.get(first + i) for i in range(len(episode.times))]
            if not self._hybrid:
                sims = [min(1.0, max(0.0, c)) if c is not None else 0.0 for c in near]
            elif words is None and not any(near):
                sims = [0.0] * len(near)
            else:
                denses = [relevance.dense(c, baseline) if c is not None else 0.0 for c in near]
                shared = relevance.of_episode([d for d, c in zip(denses, near) if c is not None])
                sims = [
                    relevance.hybrid(words[i] if words else 0.0, d, shared, episode.authors[i] in self._named, episode.kinds[i] >= episodes.QUESTION)
                    for i, d in enumerate(denses)
                ]
            error = max((self._errors.get(first + i, 0.0) for i in range(len(near))), default=0.0) if self._errors else 0.0
            for i, sim in enumerate(sims):
                if allowed is None or allowed(first + i, episode, i):
                    self.upper[first + i] = min(1.0, sim + slope * error)
                    self.recency[first + i] = rank.recency(now - episode.times[i])

    def _sim(self, turn: int) -> float:
        vector = self._vectors[turn]
        near = vectors.cosine(self.query.vector, vector) if vector is not None and self.query.vector is not None else None
        if not self._hybrid:
            return near or 0.0
        episode = self._episode(turn)
        i = turn - episode.id
        words = self._words.get(episode.id)
        return relevance.hybrid(
            words[i] if words else 0.0,
            relevance.dense(near, self.query.baseline) if near is not None else 0.0,
            self._dense_of_episode(episode),
            episode.authors[i] in self._named,
            episode.kinds[i] >= episodes.QUESTION,
        )

    def _dense_of_episode(self, episode: episodes.Episode) -> float:
        """Exactly: only turns that could be among the best three, by their bounds, are looked at."""
        best = self._best.get(episode.id)
        if best is None:
            turns = [t for t in range(episode.id, episode.id + len(episode.times)) if t in self._cosines]
            lows = sorted((self._cosines[t] - self._errors.get(t, 0.0) for t in turns), reverse=True)[: relevance.BEST_OF]
            needed = [t for t in turns if self._cosines[t] + self._errors.get(t, 0.0) >= lows[-1]] if lows else []
            self._load(needed)
            query = self.query.vector or ()
            denses = [relevance.dense(vectors.cosine(query, self._vectors[t] or ()), self.query.baseline) for t in needed]
            self._best[episode.id] = best = relevance.of_episode(denses)
        return best

    def _load(self, turns: Sequence[int]) -> None:
        missing = [turn for turn in turns if turn not in self._vectors]
        if missing:
            found = vectors.exact(self.db, self.query.model, missing) if self.query.vector is not None else {}
            for turn in missing:
                self._vectors[turn] = found.get(turn)

    def _stems_of(self, turn: int) -> frozenset[str]:
        if turn not in self._stems:
            author, content = self.db.execute("SELECT author, content FROM turns WHERE id = ?", (turn,)).fetchone()
            found = text.words(author, content)
            self._stems[turn] = frozenset(found.head + found.rest)
        return self._stems[turn]


def _allowed(db: sqlite3.Connection, scope: Scope):
    """A test of (turn, episode, place in it), or None when every turn is in scope."""
    if scope == Scope():
        return None
    windows: set[int] | None = None
    if scope.context:
        surface, _, id = scope.context.partition("/")
        windows = {row[0] for row in db.execute("SELECT id FROM windows WHERE surface = ? AND context_id = ?", (surface, id))}
    banned = _window_id(db, scope.not_window)
    shown, from_turn = _window_id(db, scope.shown[0] if scope.shown else None), 0
    if shown is not None and scope.shown:
        row = db.execute(
            "SELECT min(id) FROM turns WHERE id BETWEEN ? AND ? AND line >= ?",
            (shown << TURN_BITS, ((shown + 1) << TURN_BITS) - 1, scope.shown[1]),
        ).fetchone()
        from_turn = row[0] if row[0] is not None else (shown + 1) << TURN_BITS
    kinds = {ROLES.index(role) for role in scope.roles}

    def allowed(turn: int, episode: episodes.Episode, place: int) -> bool:
        window = turn >> TURN_BITS
        return (
            (windows is None or window in windows)
            and window != banned
            and not (window == shown and turn >= from_turn)
            and (scope.since is None or episode.times[place] >= scope.since)
            and (scope.until is None or episode.times[place] <= scope.until)
            and (not kinds or episode.kinds[place] % episodes.QUESTION in kinds)
        )

    return allowed


def _window_id(db: sqlite3.Connection, path: str | None) -> int | None:
    row = db.execute("SELECT id FROM windows WHERE path = ?", (path,)).fetchone() if path else None
    return row[0] if row else None


def _pinned(db: sqlite3.Connection) -> list[int]:
    rows = db.execute(
        "SELECT turns.id FROM pins JOIN windows ON windows.path = pins.path "
        "JOIN turns ON turns.line = pins.line AND turns.id BETWEEN windows.id << ? AND ((windows.id + 1) << ?) - 1",
        (TURN_BITS, TURN_BITS),
    )
    return [row[0] for row in rows]


def hits(db: sqlite3.Connection, *picks: Sequence[rank.Pick]) -> dict[int, Hit]:
    """The turns behind picks, by id."""
    found = {}
    for pick in (pick for some in picks for pick in some):
        row = db.execute(
            "SELECT path, line, timestamp, role, author, surface || '/' || context_id, content "
            "FROM turns JOIN windows ON windows.id = turns.id >> ? WHERE turns.id = ?",
            (TURN_BITS, pick.turn),
        ).fetchone()
        found[pick.turn] = Hit(*row, pick)
    return found
