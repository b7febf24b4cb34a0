"""From a query to ranked turns: reads the index, builds the field that rank works on.

Owns scopes (which turns may be recalled), the bound on postings, and hits. Makes no vectors: it is given
the query's, or none, and then goes by words alone.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..formats.log.event import ROLES
from ..index import episodes, text, vectors
from ..index.store import Damaged, Store
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
    turns: int  # that may exceed the floor
    pool: int
    widened: int
    postings: int


NOTHING = Result([], [], [], 0, 0, 0, 0)


def search(store: Store, query: Query, scope: Scope, k: int, floor: float) -> Result:
    """The k turns to recall, best first, and what was looked at besides."""
    return ranked(store, TurnField(store, query, scope, floor), k, floor)


def ranked(store: Store, field: "Asked", k: int, floor: float) -> Result:
    """The same for a field that is made already."""
    ranking = rank.rank(field, k, floor)
    return assemble(
        ranking,
        hits(store.db, ranking.picks, ranking.considered),
        field.terms,
        len(field.upper),
        field.touched,
        floor,
    )


def assemble(
    ranking: rank.Ranking,
    found: Mapping[int, Hit],
    terms: list[str],
    turns: int,
    postings: int,
    floor: float,
) -> Result:
    """A result from a ranking and its turns: the same whether it was just made or is replayed."""
    chosen = [found[pick.turn]._replace(pick=pick) for pick in ranking.picks]
    dropped = [
        (found[p.turn]._replace(pick=p), "floor" if p.sim <= floor else "beyond k")
        for p in ranking.considered
    ]
    return Result(chosen, dropped, terms, turns, ranking.pool, ranking.widened, postings)


class Asked(rank.Field, Protocol):
    """A field made for a query: TurnField, or what records one."""

    @property
    def terms(self) -> list[str]: ...

    @property
    def touched(self) -> int: ...


class TurnField:
    """All turns in scope whose sim may exceed the floor, for one query (rank.Field)."""

    def __init__(self, store: Store, query: Query, scope: Scope, floor: float):
        self.db, self.query, self.store = store.db, query, store
        self.terms = list(dict.fromkeys(text.stems(text.tokens(query.text))))
        self.touched = 0
        self._hybrid = query.mode == "hybrid" or query.vector is None
        self._episodes = episodes.everything(self.db)
        self._ids = [episode.id for episode in self._episodes]
        self._cosines: dict[int, float] = {}
        self._error = 0.0  # no cosine is further from the true one
        if query.vector is not None:
            for scanned in vectors.scan(self.db, query.model, query.vector):
                self._cosines.update(zip(scanned.turns, scanned.cosines))
                self._error = max(self._error, scanned.error)
        self._vectors: dict[int, Sequence[float] | None] = {}
        self._stems: dict[int, frozenset[str]] = {}
        self._words = self._lexical() if self._hybrid else {}
        self._named = self._named_authors() if self._hybrid else frozenset()
        self.upper: dict[int, float] = {}
        self.recency: dict[int, float] = {}
        self._fill(_allowed(self.db, scope), floor)
        self.pinned = [turn for turn in _pinned(self.db) if turn in self.upper]

    def exact(self, turns: Sequence[int]) -> dict[int, float]:
        needed = (
            {near for turn in turns for near in self._around(turn) if near is not None}
            if self._hybrid
            else turns
        )
        self._load(list(needed))
        return {turn: self._sim(turn) for turn in turns}

    def pair(self, one: int, other: int) -> float:
        self._load([one, other])
        a, b = self._vectors[one], self._vectors[other]
        if a is not None and b is not None:
            near = vectors.cosine(a, b)
            return relevance.pair(near, self.query.baseline) if self._hybrid else near
        if not self._hybrid:
            return 0.0
        mine, theirs = self._stems_of(one), self._stems_of(other)
        return len(mine & theirs) / (len(mine | theirs) or 1)

    def order(self, turn: int) -> tuple:
        sql = "SELECT path, line FROM turns JOIN windows ON windows.id = turns.id >> ? WHERE turns.id = ?"
        path, line = _row(self.db, sql, TURN_BITS, turn)
        episode = self._episode(turn)
        return -episode.times[turn - episode.id], path, line

    def _episode(self, turn: int) -> episodes.Episode:
        return self._episodes[bisect_right(self._ids, turn) - 1]

    def _around(self, turn: int) -> list[int | None]:
        """The turns whose cosines make its den, in the order of their weights; None beyond its episode."""
        episode = self._episode(turn)
        first, end = episode.id, episode.id + len(episode.times)
        start = turn - relevance.BEFORE
        return [
            near if first <= near < end else None
            for near in range(start, start + len(relevance.BESIDE))
        ]

    def _lexical(self) -> dict[int, list[float]]:
        terms = self._found_terms()
        return relevance.lexical(
            relevance.Corpus(*episodes.totals(self.store), self._episodes), terms
        )

    def _found_terms(self) -> list[relevance.Term]:
        """Where the query's terms are, rare ones first, within the bound."""
        fts5 = self.store.fts5
        counted = sorted(
            (text.frequency(self.db, term, fts5, POSTINGS + 1), term) for term in self.terms
        )
        found = []
        for count, term in counted:
            places: list[text.Posting] = []
            # the rarest word is always looked up, if need be only its newest places
            if count and (self.touched + count <= POSTINGS or not self.touched):
                places = text.postings(self.db, term, fts5)[-POSTINGS:]
                self.touched += count
            found.append(relevance.Term(len(places) or count, places))
        return found

    def _named_authors(self) -> frozenset[int]:
        """Authors whose name has a word in common with the query."""
        terms = set(self.terms)
        rows = self.db.execute("SELECT id, name FROM authors WHERE name <> ''")
        return frozenset(
            id for id, name in rows if terms.intersection(text.stems(text.tokens(name)))
        )

    def _fill(self, allowed, floor: float) -> None:
        """An upper bound of sim, and the recency, of every turn in scope that may exceed the floor."""
        now, cosines = self.query.now, self._cosines
        least = relevance.least_x(floor) / relevance.NAMED
        for episode in self._episodes:
            first, count = episode.id, len(episode.times)
            words = self._words.get(first)
            near = list(map(cosines.get, range(first, first + count)))
            for place, upper in self._uppers(episode, words, near, least):
                if upper > floor and (allowed is None or allowed(first + place, episode, place)):
                    self.upper[first + place] = upper
                    self.recency[first + place] = rank.recency(now - episode.times[place])

    def _uppers(
        self,
        episode: episodes.Episode,
        words: list[float] | None,
        near: list[float | None],
        least: float,
    ) -> Iterator[tuple[int, float]]:
        """(place, upper bound of sim) of the turns of an episode. Turns whose x cannot reach `least` are passed over."""
        if not self._hybrid:
            for place, cosine in enumerate(near):
                yield place, min(1.0, max(0.0, cosine + self._error)) if cosine is not None else 0.0
            return
        lex = words or [0.0] * len(near)
        for place, mean in enumerate(_means(near)):
            den = (
                relevance.pending(lex[place])
                if mean is None
                else relevance.dense(mean + self._error, self.query.baseline)
            )
            if relevance.LEXICAL * lex[place] + relevance.DENSE * den > least:
                yield place, self._sim_of(episode, place, lex[place], den)

    def _sim_of(
        self, episode: episodes.Episode, place: int, lex: float, den: float | None
    ) -> float:
        named = episode.authors[place] in self._named
        return relevance.sim(
            lex, den, episode.lengths[place], named, episode.kinds[place] >= episodes.QUESTION
        )

    def _cosine(self, turn: int | None) -> float | None:
        vector = self._vectors[turn] if turn is not None else None
        return (
            vectors.dot(self.query.vector, vector)
            if vector is not None and self.query.vector is not None
            else None
        )

    def _sim(self, turn: int) -> float:
        if not self._hybrid:
            return min(1.0, max(0.0, self._cosine(turn) or 0.0))
        # not cut off at 0 here: the bound of a mean holds for the cosines as they are
        mean = relevance.mean([self._cosine(near) for near in self._around(turn)])
        den = relevance.dense(mean, self.query.baseline) if mean is not None else None
        episode = self._episode(turn)
        place = turn - episode.id
        words = self._words.get(episode.id)
        return self._sim_of(episode, place, words[place] if words else 0.0, den)

    def _load(self, turns: Sequence[int]) -> None:
        missing = [turn for turn in turns if turn not in self._vectors]
        if missing:
            found = (
                vectors.exact(self.db, self.query.model, missing)
                if self.query.vector is not None
                else {}
            )
            for turn in missing:
                self._vectors[turn] = found.get(turn)

    def _stems_of(self, turn: int) -> frozenset[str]:
        if turn not in self._stems:
            author, content = _row(self.db, "SELECT author, content FROM turns WHERE id = ?", turn)
            found = text.words(author, content)
            self._stems[turn] = frozenset(found.head + found.rest)
        return self._stems[turn]


def _means(near: list[float | None]) -> list[float | None]:
    """relevance.mean around each entry of an episode."""
    before, count = relevance.BEFORE, len(relevance.BESIDE)
    padded = [None] * before + near + [None] * (count - before - 1)
    shifted = [padded[i : i + len(near)] for i in range(count)]
    if None in near:
        return [relevance.mean(some) for some in zip(*shifted)]
    a, b, c, d = relevance.BESIDE
    whole = a + b + c + d
    inner = [
        (a * p + b * q + c * r + d * s) / whole  # type: ignore[operator]
        for p, q, r, s in zip(near, near[1:], near[2:], near[3:])
    ]
    ends = [
        relevance.mean([column[i] for column in shifted])
        for i in (0, len(near) - 2, len(near) - 1)
        if i >= 0
    ]
    return (
        [ends[0], *inner, *ends[1:]]
        if len(near) > 2
        else [relevance.mean(some) for some in zip(*shifted)]
    )


def _allowed(db: sqlite3.Connection, scope: Scope):
    """A test of (turn, episode, place in it), or None when every turn is in scope."""
    if scope == Scope():
        return None
    windows: set[int] | None = None
    if scope.context:
        surface, _, id = scope.context.partition("/")
        windows = {
            row[0]
            for row in db.execute(
                "SELECT id FROM windows WHERE surface = ? AND context_id = ?", (surface, id)
            )
        }
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
        sql = (
            "SELECT path, line, timestamp, role, author, surface || '/' || context_id, content "
            "FROM turns JOIN windows ON windows.id = turns.id >> ? WHERE turns.id = ?"
        )
        found[pick.turn] = Hit._make((*_row(db, sql, TURN_BITS, pick.turn), pick))
    return found


def _row(db: sqlite3.Connection, sql: str, *given: int) -> tuple:
    """A row that must be there, or the index is damaged."""
    row = db.execute(sql, given).fetchone()
    if row is None:
        raise Damaged("its tables contradict each other")
    return row
