"""Hybrid relevance of events to a query, in [0, 1): words and vectors together; and sim, what is
made of it for the ranking. Pure.

    lex = (own + window + 0.5 episode + asked) / (2.5 sum of idf over all terms of the query)
    den = the mean cosine of the event (weight 2), the one before it (1) and the two after it (2, 1)
          as the share of the way from what unrelated texts have to what near-verbatim ones have
    x   = (0.7 lex + 0.3 den) * (1 - 0.3 exp(-words / 10)) * (1.2 if the query names the author
            first)
          * (1.5 if it was said at a time that the query names, or up to three days later)
          * (1.1 if a person says it where an agent answers)
          * (0.9 if it ends with a question mark, and is not such a person's)
    relevance = x^4 / (x^4 + 0.25^4)
    sim       = (1 + 0.65^6) y^6 / (y^6 + 0.65^6), y = x / the greatest x of what may be recalled

own      sum over the terms of idf * tf / (tf + 1.2 (0.5 + 0.5 length / mean length)): BM25
         (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) of the event's words
         and its author's name, with idf = log(1 + (N - n + 0.5) / (n + 0.5)), which is never
         negative; N is at least 500: in a small store every word is frequent, and none would count
window   the same for the first 30 words of the event and of two neighbours a side together
episode  the same for all words of its episode; neighbours never reach into another episode
asked    0.25 (1 + exp(-words / 10)) of `own` of the event before, if a question ends in its last 30
         words: answers follow questions, and the shorter one is, the more of it was said there
den      only events of the episode that have vectors count; where none of the four has one, den =
         min(1, 0.2 + 0.8 lex), what it is on average given lex (0 when lex is 0), so that an event
         that still waits for its vector is neither favoured nor forgotten

Of several authors, the one counts whom the query names first, whose turns it is mostly about, and
those who follow with nothing but stop words between, as in "Ann and Bob".

The factors 1.5 and 1.1 are preferences: an event whose relevance does not exceed the floor without
them has none of them, so that a time that is named makes nothing relevant that is not.

The store's own best event plays no part in the relevance, and a term that is nowhere counts in the
denominator: an unrelated question finds little, and a floor means something. When a query names a
time and none of its other words is anywhere, the time is enough: x of what was said then is 0.25
more. In the ranking, recency counts 0.2 of 1 whatever lies between the best events, so sim spreads
them: it depends on the share that an event has of the best one's x, rises steepest at two thirds
of that, and recency decides among what is about as relevant. Chosen on LoCoMo and RealMem, on one
half of their conversations; figures and doubts are in docs/decisions/recall.md, the measurement in
bench/retrieval.py.

`recall.field` has these numbers of all events for one query.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from math import exp, inf, log
from typing import Any, NamedTuple

from ..formats import words
from ..formats.evidence import ASKING, Episode, Posting, Term, Totals
from . import times
from .times import NamedTime

OWN, WINDOW, EPISODE, ASKED = 1.0, 1.0, 0.5, 0.25
K1, B = 1.2, 0.5
NEIGHBOURS = 2  # a side, in a window
LEAST_NORM = K1 * (1 - B)  # of what has no length
FEW = 500  # events a store is taken to have at least, when words are weighed
LEXICAL, DENSE = 0.7, 0.3
NAMED, QUESTION, PERSON, TIMED = 1.2, 0.9, 1.1, 1.5
SHORT, SHORT_WORDS = 0.3, 10.0
HALF, POWER = 0.25, 4
MIDDLE, SPREAD = 0.65, 6  # of sim
PENDING, PENDING_LEX = 0.2, 0.8
BEFORE, BESIDE = 1, (1.0, 2.0, 2.0, 1.0)  # weights of the cosines, starting one event before
_SHARES = [weight / sum(BESIDE) for weight in BESIDE]
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
        return list(_terms_of(self.text))

    @property
    def times(self) -> list[NamedTime]:
        """The times that it names, where words count."""
        return times.find(self.text, self.now) if self.by_words else []

    @property
    def by_words(self) -> bool:
        return self.mode == "hybrid" or self.vector is None


@lru_cache(1)
def _terms_of(text: str) -> tuple[str, ...]:
    """Once for moments, pages, and every time that a turn is fitted into less: a message may be
    long."""
    return tuple(dict.fromkeys(words.terms(text)))


class Lexical:
    """lex of the events of any episode that holds a term, and a bound on it of them all."""

    def __init__(
        self,
        totals: Totals,
        terms: Sequence[Term],
        episode_ids: Callable[[Sequence[int]], Sequence[int]],
    ):
        """`episode_ids` tells of events in which episodes they are."""
        n = totals.events
        ideal = sum(_idf(n, term.events) for term in terms) * (OWN + WINDOW + EPISODE)
        self._mean = (totals.words or 1) / (n or 1)
        self._mean_window = (2 * NEIGHBOURS + 1) * (totals.openings or 1) / (n or 1)
        self._mean_episode = (totals.words or 1) / (totals.episodes or 1)
        #: episode -> of each term that is there, its weight and places
        self._hits: dict[int, list[tuple[float, Sequence[Posting]]]] = {}
        #: episode -> no less than the lex of any of its events
        self.bounds: dict[int, float] = {}
        if not n or ideal <= 0:
            return
        episodes = iter(episode_ids([place[0] for term in terms for place in term.places]))
        for term in terms:
            here = [*islice(episodes, len(term.places))]
            self._add(_idf(n, term.events) / ideal, term.places, here)

    def _add(self, weight: float, places: Sequence[Posting], episodes: Sequence[int]) -> None:
        hits, bounds, count = self._hits, self.bounds, len(places)
        start = end = 0
        while start < count:
            episode = episodes[start]
            while end < count and episodes[end] == episode:
                end += 1
            here, start = places[start:end], end
            hits.setdefault(episode, []).append((weight, here))
            if len(here) == 1:
                more = _at_most(*here[0][1:])
            else:
                own = max(opening + rest for _, opening, rest in here)
                total = sum(opening + rest for _, opening, rest in here)
                opening = sum(opening for _, opening, _ in here)
                more = WINDOW * opening / (opening + LEAST_NORM)
                if any(after[0] - one[0] == 1 for one, after in pairwise(here)):
                    more += _asked(0) * own / (own + LEAST_NORM)  # of the one before
                more += OWN * own / (own + LEAST_NORM) + EPISODE * total / (total + LEAST_NORM)
            bounds[episode] = bounds.get(episode, 0.0) + weight * more

    def of(self, episode: Episode) -> "Lex":
        """Of its events. From now on the bound of the episode is what the best of them has."""
        hits = self._hits.get(episode.id)
        if hits is None:
            return NO_LEX
        first, last = episode.id, len(episode.lengths) - 1
        lengths, kinds, mean = episode.lengths, episode.kinds, self._mean
        whole = _norm(sum(lengths), self._mean_episode)
        share, scores, norms = 0.0, dict[int, float](), dict[int, float]()
        for weight, places in hits:
            near: dict[int, int] = {}
            total = 0
            for id, opening, rest in places:
                place, times = id - first, opening + rest
                total += times
                own = weight * times / (times + _norm(lengths[place], mean))
                scores[place] = scores.get(place, 0.0) + OWN * own
                if place < last and kinds[place] >= ASKING:
                    answer = place + 1
                    scores[answer] = scores.get(answer, 0.0) + _asked(lengths[answer]) * own
                if opening:
                    start, end = max(0, place - NEIGHBOURS), min(last, place + NEIGHBOURS)
                    for beside in range(start, end + 1):
                        near[beside] = near.get(beside, 0) + opening
            for place, times in near.items():
                norm = norms.get(place)
                if norm is None:
                    around = episode.openings[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]
                    norms[place] = norm = _norm(sum(around), self._mean_window)
                more = WINDOW * weight * times / (times + norm)
                scores[place] = scores.get(place, 0.0) + more
            share += EPISODE * weight * total / (total + whole)
        self.bounds[first] = share + max(scores.values())
        return Lex(share, scores)


class Lex(NamedTuple):
    """lex of the events of an episode: what all of them have, and what some have more, by place."""

    share: float
    scores: Mapping[int, float]

    def at(self, place: int) -> float:
        return self.share + self.scores.get(place, 0.0)

    @property
    def most(self) -> float:
        return self.share + max(self.scores.values(), default=0.0)


NO_LEX = Lex(0.0, {})


def _norm(length: int, mean: float) -> float:
    return K1 * (1 - B + B * length / mean)


def cosine_of(den: float, baseline: float) -> float:
    """The mean cosine that has this den."""
    return baseline + den * SPAN * (1 - baseline)


def dense(cosine: float, baseline: float) -> float:
    """den of a mean cosine, for a model whose unrelated texts have the cosine `baseline`."""
    return min(1.0, max(0.0, (cosine - baseline) / (SPAN * (1 - baseline))))


def denses(cosines: Sequence[float | None], more: float, baseline: float) -> list[float | None]:
    """`dense` of each mean cosine that there is, and `more`."""
    span = SPAN * (1 - baseline)
    shares = [None if one is None else (one + more - baseline) / span for one in cosines]
    return [one and (1.0 if one > 1 else 0.0 if one < 0 else one) for one in shares]


def mean(cosines: Sequence[float | None]) -> float | None:
    """The weighted mean of the cosines around an event, from the one before it on; None stands for
    a missing vector."""
    total = weights = 0.0
    for cosine, weight in zip(cosines, BESIDE):
        if cosine is not None:
            total += weight * cosine
            weights += weight
    return total / weights if weights else None


def means(cosines: Sequence[float | None]) -> list[float | None]:
    """`mean` around each event of an episode, from the cosines of all of them."""
    if len(cosines) > 3 and None not in cosines:
        some: Any = cosines
        a, b, c, d = _SHARES
        around = zip(some, some[1:], some[2:], some[3:])
        inner = [
            a * before + b * here + c * after + d * last for before, here, after, last in around
        ]
        first = (b * some[0] + c * some[1] + d * some[2]) / (b + c + d)
        last = (a * some[-2] + b * some[-1]) / (a + b)
        return [first, *inner, (a * some[-3] + b * some[-2] + c * some[-1]) / (a + b + c), last]
    padded = [*[None] * BEFORE, *cosines, *[None] * len(BESIDE)]
    return [mean(padded[place : place + len(BESIDE)]) for place in range(len(cosines))]


def relevance(
    lex: float, den: float | None, length: int, factor: float = 1.0, more: float = 0.0
) -> float:
    """Relevance of one event; `den` is None when there is no vector near. `factor` is what who said
    it, and when, makes of x, and `more` is added to it."""
    x = LEXICAL * lex + DENSE * (pending(lex) if den is None else den)
    x = (x * _shortness(length) * factor + more) ** POWER
    return x / (x + HALF**POWER)


@lru_cache(1 << 10)
def _shortness(length: int) -> float:
    return 1 - SHORT * exp(-length / SHORT_WORDS)


@lru_cache(1 << 10)
def _at_most(opening: int, rest: int) -> float:
    """What a word's only place in an episode counts at most: many have the same."""
    times = opening + rest
    share = OWN * times / (times + LEAST_NORM) + EPISODE * times / (times + LEAST_NORM)
    return WINDOW * opening / (opening + LEAST_NORM) + share


@lru_cache(1 << 10)
def _asked(length: int) -> float:
    """What `own` of a question counts for the answer of this length."""
    return ASKED * (1 + exp(-length / SHORT_WORDS))


def named(terms: Sequence[str], authors: Sequence[tuple[int, str]]) -> tuple[set[int], set[str]]:
    """Of the authors, each a number and a name: the numbers of those whom the terms of a query name
    first, or right after the first; and the names of all that it names."""
    at = {term: place for place, term in enumerate(terms)}
    found = {name: {at[term] for term in words.terms(name) if term in at} for _, name in authors}
    places = set[int]().union(*found.values())
    last = min(places, default=-1)
    while last + 1 in places:
        last += 1
    first = {name for name, of in found.items() if min(of, default=inf) <= last}
    return {id for id, name in authors if name in first}, {name for name in found if found[name]}


def factors(*, named: bool, person: bool, question: bool, timed: bool) -> tuple[float, float]:
    """What who said an event makes of its x, and that with what is preferred among those that
    exceed the floor. A `person`: one whom an agent answers."""
    plain = (NAMED if named else 1.0) * (QUESTION if question and not person else 1.0)
    return plain, plain * (PERSON if person else 1.0) * (TIMED if timed else 1.0)


def sim(relevance: float, best: float) -> float:
    """sim of an event when the most relevant one has the relevance `best`: 1 of that one."""
    if relevance <= 0 or relevance >= best:
        return float(relevance > 0)
    # relevance / (1 - relevance) is (x / HALF)^POWER
    y = (relevance * (1 - best) / ((1 - relevance) * best)) ** (SPREAD / POWER)
    return (1 + MIDDLE**SPREAD) * y / (y + MIDDLE**SPREAD)


def pending(lex: float) -> float:
    """den of an event that has no vector near."""
    return min(1.0, PENDING + PENDING_LEX * lex) if lex > 0 else 0.0


def least_x(relevance: float) -> float:
    """The x that gives this relevance; -1 when every x gives more."""
    if relevance < 0:
        return -1.0
    return HALF * (relevance / (1 - relevance)) ** (1 / POWER) if relevance < 1 else inf


def pair(cosine: float, baseline: float) -> float:
    """Similarity of two events in [0, 1], from the cosine of their vectors."""
    return min(1.0, max(0.0, (cosine - baseline) / (1 - baseline)))


def _idf(all: int, holding: int) -> float:
    return log(1 + (max(all, FEW) - holding + 0.5) / (holding + 0.5))
