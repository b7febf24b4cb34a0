"""Hybrid relevance of events to a query, in [0, 1): words and vectors together. Pure.

    lex = (own + window + 0.5 episode + 0.25 asked) / (2.5 sum of idf over all terms of the query)
    den = the mean cosine of the event (weight 2), the one before it (1) and the two after it (2, 1)
          as the share of the way from what unrelated texts have to what near-verbatim ones have
    x   = (0.7 lex + 0.3 den) * (1.2 if the query names the author)
          * (0.9 if the event ends with a question mark) * (1 - 0.3 exp(-words / 10))
    sim = x^4 / (x^4 + 0.25^4)

own      sum over the terms of idf * tf / (tf + 1.2 (0.5 + 0.5 length / mean length)): BM25
         (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) of the event's words
         and its author's name, with idf = log(1 + (N - n + 0.5) / (n + 0.5)), which is never
         negative; N is at least 500: in a small store every word is frequent, and none would count
window   the same for the first 30 words of the event and of two neighbours a side together
episode  the same for all words of its episode; neighbours never reach into another episode
asked    `own` of the event before, if that is a question: answers follow questions
den      only events of the episode that have vectors count; where none of the four has one, den =
         min(1, 0.2 + 0.8 lex), what it is on average given lex (0 when lex is 0), so that an event
         that still waits for its vector is neither favoured nor forgotten

The store's own best event plays no part, and a term that is nowhere counts in the denominator: an
unrelated question finds little, and a floor means something. The last step spreads what is relevant
from what is not, so that recency decides among equals and does not overrule. All of it was chosen
on LoCoMo, one half of its conversations against the other; figures and doubts are in
docs/decisions/recall.md, the measurement in bench/retrieval.py.

`EventField` has these numbers of all events for one query: bounds at first, exactly on request.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import exp, inf, log
from typing import NamedTuple, Protocol

from ..formats import words
from ..formats.evidence import QUESTION as QUESTION_KIND
from ..formats.evidence import (
    Episode,
    Evidence,
    IndexedEvent,
    Posting,
    Question,
    Scope,
    Term,
    Totals,
    dot,
)
from ..formats.log.event import ROLES
from .rank import recency

OWN, WINDOW, EPISODE, ASKED = 1.0, 1.0, 0.5, 0.25
K1, B = 1.2, 0.5
NEIGHBOURS = 2  # a side, in a window
FEW = 500  # events a store is taken to have at least, when words are weighed
LEXICAL, DENSE = 0.7, 0.3
NAMED, QUESTION = 1.2, 0.9
SHORT, SHORT_WORDS = 0.3, 10.0
HALF, POWER = 0.25, 4
SCOPE, SHOWN, MODEL = "scope", "already shown", "model"  # why an event is left out
PENDING, PENDING_LEX = 0.2, 0.8
BEFORE, BESIDE = 1, (1.0, 2.0, 2.0, 1.0)  # weights of the cosines, starting one event before
SPAN = 0.6  # of the way from a model's baseline to 1: where den is 1


class Query(NamedTuple):
    text: str
    now: int
    vector: Sequence[float] | None = None
    model: str = ""  # of the vector
    baseline: float = 0.0
    mode: str = "hybrid"  # or cosine

    @property
    def terms(self) -> list[str]:
        return list(dict.fromkeys(words.terms(self.text)))

    @property
    def by_words(self) -> bool:
        return self.mode == "hybrid" or self.vector is None


class EventSource(Protocol):
    """What is known of events (index.engine.Index)."""

    def evidence(self, question: Question, scope: Scope) -> Evidence: ...

    def events(self, ids: Iterable[int]) -> Mapping[int, IndexedEvent]: ...

    def equals(self, ids: Iterable[int]) -> Mapping[int, Sequence[tuple[int, str]]]: ...

    def vectors(self, model: str, ids: Sequence[int]) -> Mapping[int, Sequence[float]]: ...


# --- the formulas


def lexical(
    totals: Totals, episodes: Sequence[Episode], terms: Sequence[Term]
) -> dict[int, list[float]]:
    """Episode id -> lex of each of its events, for the episodes that hold any term."""
    n = totals.events
    ideal = sum(_idf(n, term.events) for term in terms) * (OWN + WINDOW + EPISODE)
    if not n or ideal <= 0:
        return {}
    ids = [episode.id for episode in episodes]
    mean = (totals.words or 1) / n
    mean_window = (2 * NEIGHBOURS + 1) * (totals.openings or 1) / n
    mean_episode = (totals.words or 1) / len(ids)
    found: dict[int, list[float]] = {}
    norms: dict[int, dict[int, float]] = {}
    for term in terms:
        weight = _idf(n, term.events) / ideal
        for number, hits in _by_episode(ids, term.places).items():
            episode = episodes[number]
            scores = found.get(number)
            if scores is None:
                found[number] = scores = [0.0] * len(episode.lengths)
                norms[number] = {}
            known = norms[number]
            last = len(scores) - 1
            near: dict[int, int] = {}
            total = 0
            for place, opening, rest in hits:
                times = opening + rest
                total += times
                own = weight * times / (times + K1 * (1 - B + B * episode.lengths[place] / mean))
                scores[place] += OWN * own
                if place < last and episode.kinds[place] >= QUESTION_KIND:
                    scores[place + 1] += ASKED * own
                if opening:
                    first, end = max(0, place - NEIGHBOURS), min(last, place + NEIGHBOURS) + 1
                    for beside in range(first, end):
                        near[beside] = near.get(beside, 0) + opening
            for place, times in near.items():
                norm = known.get(place)
                if norm is None:
                    around = episode.openings[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]
                    known[place] = norm = _norm(sum(around), mean_window)
                scores[place] += WINDOW * weight * times / (times + norm)
            share = EPISODE * weight * total / (total + _norm(sum(episode.lengths), mean_episode))
            found[number] = [score + share for score in scores]
    return {ids[number]: scores for number, scores in found.items()}


def _norm(length: int, mean: float) -> float:
    return K1 * (1 - B + B * length / mean)


def dense(cosine: float, baseline: float) -> float:
    """den of a mean cosine, for a model whose unrelated texts have the cosine `baseline`."""
    return min(1.0, max(0.0, (cosine - baseline) / (SPAN * (1 - baseline))))


def mean(cosines: Sequence[float | None]) -> float | None:
    """The weighted mean of the cosines around an event, from the one before it on; None stands for
    a missing vector."""
    total = weights = 0.0
    for cosine, weight in zip(cosines, BESIDE):
        if cosine is not None:
            total += weight * cosine
            weights += weight
    return total / weights if weights else None


def sim(lex: float, den: float | None, length: int, named: bool, question: bool) -> float:
    """sim of one event; `den` is None when there is no vector near."""
    x = LEXICAL * lex + DENSE * (pending(lex) if den is None else den)
    if named:
        x *= NAMED
    if question:
        x *= QUESTION
    x = (x * (1 - SHORT * exp(-length / SHORT_WORDS))) ** POWER
    return x / (x + HALF**POWER)


def pending(lex: float) -> float:
    """den of an event that has no vector near."""
    return min(1.0, PENDING + PENDING_LEX * lex) if lex > 0 else 0.0


def least_x(sim: float) -> float:
    """The x that gives this sim; -1 when every x gives more."""
    if sim < 0:
        return -1.0
    return HALF * (sim / (1 - sim)) ** (1 / POWER) if sim < 1 else inf


def pair(cosine: float, baseline: float) -> float:
    """Similarity of two events in [0, 1], from the cosine of their vectors."""
    return min(1.0, max(0.0, (cosine - baseline) / (1 - baseline)))


def _by_episode(ids: Sequence[int], places: Sequence[Posting]) -> dict[int, list[Posting]]:
    """Places grouped by the number of the episode; events counted from its first."""
    found: dict[int, list[Posting]] = {}
    end = -1
    for event, opening, rest in places:
        if event >= end:
            number = bisect_right(ids, event) - 1
            end = ids[number + 1] if number + 1 < len(ids) else 1 << 63
            first = ids[number]
            hits = found.setdefault(number, [])
        hits.append(Posting(event - first, opening, rest))
    return found


def _idf(all: int, holding: int) -> float:
    return log(1 + (max(all, FEW) - holding + 0.5) / (holding + 0.5))


# --- of all events, for one query


class EventField:
    """All events in scope whose sim may exceed the floor, and the pinned ones (rank.Field).

    `told`: `excluded` has those out of scope, too, each with the reason and its bound.
    """

    def __init__(
        self, query: Query, source: EventSource, scope: Scope, floor: float, *, told: bool = False
    ):
        self.query, self.source, self.terms = query, source, query.terms
        self._hybrid = query.by_words
        terms = self.terms if self._hybrid else ()
        evidence = source.evidence(Question(terms, query.vector, query.model), scope)
        self.evidence, self.postings = evidence, evidence.postings
        self._ids = [episode.id for episode in evidence.episodes]
        #: the events that were scored exactly
        self.rows: dict[int, IndexedEvent] = {}
        self._vectors: dict[int, Sequence[float] | None] = {}
        self._stems: dict[int, frozenset[str]] = {}
        self._words: Mapping[int, Sequence[float]] = {}
        self._named: set[int] = set()  # authors whose name has a word in common with the query
        if self._hybrid:
            self._words = lexical(evidence.totals, evidence.episodes, evidence.terms)
            asked = set(self.terms)
            self._named = {id for id, name in evidence.authors if asked & {*words.terms(name)}}
        self.upper: dict[int, float] = {}
        self.recency: dict[int, float] = {}
        self.excluded: dict[int, tuple[str, float]] = {}
        self._equals: dict[int, list[int]] = {}
        self._pinned, self._scope = set(evidence.pinned), scope
        self._skipped = {id for id, name in evidence.models if scope.skips(name)}
        self.pinned = [event for event in evidence.pinned if self._in(event)]
        self._fill(floor, told)

    def exact(self, events: Sequence[int]) -> dict[int, float]:
        around = {near for event in events for near in self._around(event) if near is not None}
        self._load(list(around) if self._hybrid else events)
        # all of them are told of in the end, and two without vectors are compared by their words
        self.rows.update(self.source.events(events))
        self._load_equals(events)
        return {event: self._sim(event) for event in events}

    def pair(self, one: int, other: int) -> float:
        self._load([one, other])
        a, b = self._vectors[one], self._vectors[other]
        if a is not None and b is not None:
            near = min(1.0, max(0.0, dot(a, b)))
            return pair(near, self.query.baseline) if self._hybrid else near
        if not self._hybrid:
            return 0.0
        mine, theirs = self._stems_of(one), self._stems_of(other)
        return len(mine & theirs) / (len(mine | theirs) or 1)

    def equals(self, event: int) -> list[int]:
        """Those in scope; first pinned ones, then those of an author whom the query names, then the
        newest."""
        return self._equals[event]

    def repeats(self, event: int) -> int:
        return len(self._equals[event]) - 1

    def order(self, event: int) -> tuple:
        row, episode = self.rows[event], self._episode(event)
        return -episode.times[event - episode.id], row.path, row.line

    def _episode(self, event: int) -> Episode:
        return self.evidence.episodes[bisect_right(self._ids, event) - 1]

    def _around(self, event: int) -> list[int | None]:
        """The events whose cosines make its den, by their weights; None beyond its episode."""
        episode = self._episode(event)
        first, end, start = episode.id, episode.id + len(episode.times), event - BEFORE
        return [at if first <= at < end else None for at in range(start, start + len(BESIDE))]

    def _fill(self, floor: float, told: bool) -> None:
        """An upper bound of sim, and the recency, of all in scope that may exceed the floor."""
        now, cosines, scope = self.query.now, self.evidence.cosines, self._scope
        within, least = self.evidence.within, least_x(floor) / NAMED
        narrow = bool(within or self._skipped or scope.roles)
        narrow = narrow or scope.since is not None or scope.until is not None
        for number, episode in enumerate(self.evidence.episodes):
            if within and not min(within[number]) and not told:
                continue
            first, count = episode.id, len(episode.times)
            near = list(map(cosines.get, range(first, first + count)))
            for place, upper in self._uppers(episode, near, least):
                if upper <= floor:
                    continue
                reason = self._reason_of(number, place) if narrow else ""
                if not reason:
                    self.upper[first + place] = upper
                elif told:
                    self.excluded[first + place] = reason, upper
                else:
                    continue
                self.recency[first + place] = recency(now - episode.times[place])
        for event in self.pinned:
            episode = self._episode(event)
            self.recency[event] = recency(now - episode.times[event - episode.id])

    def _in(self, event: int) -> bool:
        """Whether an event may be recalled; one that was taken in meanwhile may not."""
        number = bisect_right(self._ids, event) - 1
        place = event - self._ids[number]
        known = number >= 0 and place < len(self.evidence.episodes[number].times)
        return known and not self._reason_of(number, place)

    def _reason_of(self, number: int, place: int) -> str:
        """Why an event may not be recalled, or ''."""
        episode, scope, within = self.evidence.episodes[number], self._scope, self.evidence.within
        if within:
            allowed, unseen = within[number]
            if place >= allowed:
                return SCOPE
            if place >= unseen:
                return SHOWN
        time, role = episode.times[place], ROLES[episode.kinds[place] % QUESTION_KIND]
        if (
            (scope.since is not None and time < scope.since)
            or (scope.until is not None and time > scope.until)
            or (scope.roles and role not in scope.roles)
        ):
            return SCOPE
        skipped = self._skipped and episode.models[place] in self._skipped
        return MODEL if skipped and episode.id + place not in self._pinned else ""

    def _load_equals(self, events: Sequence[int]) -> None:
        """Who says the same as these: of each text, once."""
        orders: dict[int, list[int]] = {}
        for event, same in self.source.equals(events).items():
            if id(same) not in orders:
                known = [(self._standing(one), path, one) for one, path in same if self._in(one)]
                orders[id(same)] = [one for _, _, one in sorted(known)]
            self._equals[event] = orders[id(same)]

    def _standing(self, event: int) -> tuple[bool, bool, int]:
        """Sort key of events with equal texts."""
        episode = self._episode(event)
        place = event - episode.id
        named = episode.authors[place] in self._named
        return event not in self._pinned, not named, -episode.times[place]

    def _uppers(
        self, episode: Episode, near: list[float | None], least: float
    ) -> Iterator[tuple[int, float]]:
        """(place, upper bound of sim) of an episode's events whose x can reach `least`."""
        error = self.evidence.error
        if not self._hybrid:
            for place, cosine in enumerate(near):
                yield place, min(1.0, max(0.0, cosine + error)) if cosine is not None else 0.0
            return
        lex = self._words.get(episode.id) or [0.0] * len(near)
        for place, cosine in enumerate(_means(near)):
            if cosine is None:
                den = pending(lex[place])
            else:
                den = dense(cosine + error, self.query.baseline)
            if LEXICAL * lex[place] + DENSE * den > least:
                yield place, self._sim_of(episode, place, lex[place], den)

    def _sim_of(self, episode: Episode, place: int, lex: float, den: float | None) -> float:
        named = episode.authors[place] in self._named
        return sim(lex, den, episode.lengths[place], named, episode.kinds[place] >= QUESTION_KIND)

    def _cosine(self, event: int | None) -> float | None:
        vector = self._vectors[event] if event is not None else None
        if vector is None or self.query.vector is None:
            return None
        return dot(self.query.vector, vector)

    def _sim(self, event: int) -> float:
        if not self._hybrid:
            return min(1.0, max(0.0, self._cosine(event) or 0.0))
        # not cut off at 0 here: the bound of a mean holds for the cosines as they are
        cosine = mean([self._cosine(near) for near in self._around(event)])
        den = dense(cosine, self.query.baseline) if cosine is not None else None
        episode = self._episode(event)
        lex, place = self._words.get(episode.id), event - episode.id
        return self._sim_of(episode, place, lex[place] if lex else 0.0, den)

    def _load(self, events: Sequence[int]) -> None:
        missing = [event for event in events if event not in self._vectors]
        if not missing:
            return
        found: Mapping[int, Sequence[float]] = {}
        if self.query.vector is not None:
            found = self.source.vectors(self.query.model, missing)
        for event in missing:
            self._vectors[event] = found.get(event)

    def _stems_of(self, event: int) -> frozenset[str]:
        if event not in self._stems:
            row = self.rows[event]
            found = words.of_event(row.author, row.content)
            self._stems[event] = frozenset(found.opening + found.rest)
        return self._stems[event]


def _means(near: list[float | None]) -> list[float | None]:
    """The mean around each event of an episode."""
    count, size = len(near), len(BESIDE)
    padded = [*[None] * BEFORE, *near, *[None] * (size - BEFORE - 1)]
    around = lambda places: [mean(padded[place : place + size]) for place in places]
    if None in near or count < 3:
        return around(range(count))
    a, b, c, d = BESIDE
    whole = a + b + c + d
    inner = [
        (a * p + b * q + c * r + d * s) / whole  # type: ignore[operator]
        for p, q, r, s in zip(near, near[1:], near[2:], near[3:])
    ]
    return [*around([0]), *inner, *around([count - 2, count - 1])]
