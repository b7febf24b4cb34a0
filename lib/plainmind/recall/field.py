"""The events that matter to one query: what may be recalled, the relevance of each, and which have
one text. Pure.

Episodes are opened as far as the ranking asks (recall.candidates). Of the events in them there are
bounds of the relevance at first, exact ones on request; recall.relevance has the formulas. What has
to be known exactly of a few events is asked of a source.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import NamedTuple, Protocol

from ..formats import words
from ..formats.evidence import (
    ASKING,
    QUESTION,
    Episode,
    Equal,
    Evidence,
    IndexedEvent,
    Question,
    Scope,
    dot,
)
from ..formats.log.roles import ROLES
from . import relevance
from .candidates import Candidates
from .rank import Weights, recency
from .relevance import BEFORE, BESIDE, DENSE, HALF, LEXICAL, NO_LEX, Lex, Lexical, Query
from .relevance import sim as calibrate

#: why an event is left out
SCOPE, SHOWN, MODEL, CHANGED = "scope", "already shown", "model", "changed"

AT_ONCE = 500  # vectors that are read at a time
USER, AGENT = ROLES.index("user"), ROLES.index("agent")
_OF_AGENTS = frozenset(AGENT + more for more in (0, QUESTION, ASKING, QUESTION + ASKING))


class EventSource(Protocol):
    """What is known of events (index.engine.Index)."""

    def evidence(self, question: Question, scope: Scope) -> Evidence: ...

    def events(self, ids: Iterable[int]) -> Mapping[int, IndexedEvent]: ...

    def equals(self, ids: Iterable[int]) -> Mapping[int, Sequence[Equal]]: ...

    def vectors(self, model: str, ids: Sequence[int]) -> Mapping[int, Sequence[float]]: ...


class _Left(NamedTuple):
    """What was not found of an episode yet, by place: bounds of the bases, -inf of what was, and
    the dens in them; None where there is no vector near."""

    bases: list[float]
    dens: Sequence[float | None]


class EventField:
    """Events whose relevance may exceed the floor, as far as they are looked for, and the pinned
    ones (rank.Field).

    `told`: all of them; and `excluded` has those out of scope, each with the reason and its bound.
    """

    def __init__(
        self, query: Query, source: EventSource, scope: Scope, floor: float, *, told: bool = False
    ):
        self.query, self.source, self.terms = query, source, query.terms
        self._hybrid = query.by_words
        terms = self.terms if self._hybrid else ()
        evidence = source.evidence(Question(terms, query.vector, query.model), scope)
        self.evidence, self.postings = evidence, evidence.postings
        #: the events of which more is known
        self.rows: dict[int, IndexedEvent] = {}
        self._vectors: dict[int, Sequence[float] | None] = {}  # of those that are compared
        self._cosines: dict[int, float | None] = {}
        self._stems: dict[int, frozenset[str]] = {}
        self._words: Lexical | None = None
        self._named: set[int] = set()  # authors whom the query names first
        self._names: set[str] = set()  # all that it names
        if self._hybrid:
            self._words = Lexical(evidence.totals, evidence.terms, evidence.episode_ids)
            self._named, self._names = relevance.named(self.terms, evidence.authors)
        self.times, self.told = query.times, told
        self._spans = [(one.start, one.until) for one in self.times]
        self._chats: dict[int, bool] = {}
        self._factors: dict[tuple[bool, int, bool, bool], tuple[float, float]] = {}
        self._floor = floor
        #: what is added to x of what was said at those times: enough, when nothing else is known
        self._more = HALF if self._hybrid and self._is_time_all() else 0.0
        self.upper: dict[int, float] = {}
        self.recency: dict[int, float] = {}
        self.excluded: dict[int, tuple[str, float]] = {}
        self._equals: dict[int, list[int]] = {}
        self._episodes: dict[int, Episode] = {}
        self._episode_of: dict[int, Episode] = {}  # of each event of which more is known
        self._lexes: dict[int, Lex] = {}  # by episode
        self._left: dict[int, _Left] = {}
        self._pinned, self._scope = set(evidence.pinned), scope
        given = query, evidence, self._words, floor, self._know_episodes, self._look_into
        self._candidates = Candidates(*given, named=bool(self._named), more=self._more)
        self._candidates.begin()
        if told:
            self.reach(lambda recency: floor)
        self.pinned = self._pinned_in_scope()

    @property
    def beyond(self) -> list[tuple[float, float]]:
        return self._candidates.beyond

    def reach(self, level: Callable[[float], float]) -> None:
        self._candidates.reach(level)

    def may_exceed(self, event: int) -> bool:
        if event not in self.upper:
            (episode,) = self.evidence.episode_ids([event])
            if episode in self._left or self._candidates.may_hold(event, episode):
                self._look_into(episode, self._candidates.least_of_all)
        return event in self.upper

    def exact(self, events: Sequence[int]) -> dict[int, float]:
        self._know_around(events)
        around = {near for event in events for near in self._around(event) if near is not None}
        self._load_cosines(list(around) if self._hybrid else events)
        self._load_equals(events)
        return {event: self._relevance(event) for event in events}

    def sim(self, relevance: float, best: float) -> float:
        return calibrate(relevance, best) if self._hybrid else relevance

    def pair(self, one: int, other: int) -> float:
        if one not in self._vectors or other not in self._vectors:
            self._load([one, other])
        a, b = self._vectors[one], self._vectors[other]
        if a is not None and b is not None:
            return self._pair_of(a, b)
        if not self._hybrid:
            return 0.0
        mine, theirs = self._stems_of(one), self._stems_of(other)
        return len(mine & theirs) / (len(mine | theirs) or 1)

    def _pair_of(self, one: Sequence[float], other: Sequence[float]) -> float:
        """Of two that have vectors."""
        near = min(1.0, max(0.0, dot(one, other)))
        return relevance.pair(near, self.query.baseline) if self._hybrid else near

    def likeness(self, events: Sequence[int], chosen: int) -> list[float]:
        self._load([chosen])
        first, found = self._vectors[chosen], dict[int, Sequence[float]]()
        if self._hybrid and first is not None:
            found.update(self.source.vectors(self.query.model, events))
        return [
            0.0 if first is None or there is None else self._pair_of(first, there)
            for there in map(found.get, events)
        ]

    def discount(self, event: int, weights: Weights) -> bool:
        self._load([event])
        return self._candidates.discount(self._vectors[event], weights)

    def ceiling(self, event: int) -> float:
        return min(self.upper[event], self._candidates.ceiling(event))

    def equals(self, event: int) -> list[int]:
        """Those in scope; first pinned ones, then those of an author whom the query names, then the
        newest."""
        return self._equals[event]

    def repeats(self, event: int) -> int:
        return len(self._equals[event]) - 1

    def order(self, event: int) -> tuple:
        self.know([event])
        row, episode = self.rows[event], self._episode_of[event]
        return -episode.times[event - episode.id], row.path, row.line

    def know(self, events: Iterable[int]) -> None:
        """Their rows."""
        if missing := [event for event in events if event not in self.rows]:
            self.rows.update(self.source.events(missing))

    def _around(self, event: int) -> list[int | None]:
        """The events whose cosines make its den, by their weights; None beyond its episode."""
        episode = self._episode_of[event]
        first, end, start = episode.id, episode.id + len(episode.times), event - BEFORE
        return [at if first <= at < end else None for at in range(start, start + len(BESIDE))]

    def _know_around(self, events: Iterable[int]) -> None:
        """The episodes of these events."""
        missing = sorted(event for event in events if event not in self._episode_of)
        if missing:
            ids = self.evidence.episode_ids(missing)
            self._know_episodes(ids)
            self._episode_of.update(zip(missing, map(self._episodes.__getitem__, ids)))

    def _know_episodes(self, ids: Iterable[int]) -> None:
        new = [id for id in dict.fromkeys(ids) if id not in self._episodes]
        self._episodes.update((one.id, one) for one in self.evidence.episodes(new))

    def _look_into(self, id: int, least: float) -> float:
        """An upper bound of the relevance, and the recency, of all in an episode that are in scope,
        may exceed the floor, and whose base may be `least`; returns a bound of the base of those
        that are left."""
        if id not in self._episodes:
            self._know_episodes([id])
        episode = self._episodes[id]
        if (left := self._left.get(id)) is None:
            if self._hybrid:
                most = self._candidates.bound_of(id, self._lex_of(episode).most)
                if most < least:
                    return most
            left = self._left[id] = self._all_of(episode)
        bases, dens = left
        places = [place for place, base in enumerate(bases) if base >= least]
        unlimited = self.evidence.is_unlimited
        for place in places:
            upper = self._upper_of(episode, place, bases[place], dens[place])
            bases[place] = -inf
            if upper <= self._floor:
                continue
            event = id + place
            self._episode_of[event] = episode
            reason = "" if unlimited else self._reason_of(episode, place)
            if not reason:
                self.upper[event] = upper
            elif self.told:
                self.excluded[event] = reason, upper
            else:
                continue
            self.recency[event] = recency(self.query.now - episode.times[place])
        return max(bases)

    def _pinned_in_scope(self) -> list[int]:
        pinned = self.evidence.pinned
        self._know_around(pinned)
        found = []
        for event in pinned:
            episode = self._episode_of[event]
            self.recency[event] = recency(self.query.now - episode.times[event - episode.id])
            if not self._reason_of(episode, event - episode.id):
                found.append(event)
        return found

    def _reason_of(self, episode: Episode, place: int) -> str:
        """Why an event may not be recalled, or ''."""
        role = ROLES[episode.kinds[place] % QUESTION]
        return self._reason(episode.id + place, episode.times[place], role)

    def _reason(self, event: int, time: int, role: str) -> str:
        scope, evidence = self._scope, self.evidence
        if not evidence.is_within(event):
            return SCOPE
        if evidence.is_shown(event):
            return SHOWN
        if (
            (scope.since is not None and time < scope.since)
            or (scope.until is not None and time > scope.until)
            or (scope.roles and role not in scope.roles)
        ):
            return SCOPE
        if evidence.changed(event, event + 1):
            return CHANGED
        if event in self._pinned or not scope.skip_models:
            return ""
        return MODEL if evidence.skipped(event, event + 1) else ""

    def _load_equals(self, events: Sequence[int]) -> None:
        """Who says the same as these: of each text, once."""
        orders: dict[int, list[int]] = {}
        new = [event for event in events if event not in self._equals]
        for event, same in self.source.equals(new).items():
            if id(same) not in orders:
                known = sorted(
                    (self._standing(one), one.path, one.id)
                    for one in same
                    if not self._reason(one.id, one.time, one.role)
                )
                orders[id(same)] = [one for _, _, one in known]
            self._equals[event] = orders[id(same)]

    def _standing(self, one: Equal) -> tuple[bool, bool, int]:
        """Sort key of events with equal texts."""
        return one.id not in self._pinned, one.author not in self._names, -one.time

    def _all_of(self, episode: Episode) -> "_Left":
        """Its events with bounds of their bases. In `cosine` mode they are of cosines."""
        count, error, baseline = len(episode.times), self.evidence.error, self.query.baseline
        if not self._hybrid:
            near = self.evidence.cosines(episode)
            bound = lambda cosine: 0.0 if cosine is None else min(1.0, max(0.0, cosine + error))
            return _Left(list(map(bound, near)), [0.0] * count)
        dens: list[float | None] = [None] * count
        if self.query.vector is not None:
            dens = relevance.denses(
                relevance.means(self.evidence.cosines(episode)), error, baseline
            )
        lex = self._lex_of(episode)
        lexical, unknown = LEXICAL * lex.share, DENSE * relevance.pending(lex.share)
        bases = [lexical + (unknown if den is None else DENSE * den) for den in dens]
        for place, more in lex.scores.items():
            value, den = lex.share + more, dens[place]
            bases[place] = LEXICAL * value + DENSE * (
                relevance.pending(value) if den is None else den
            )
        return _Left(bases, dens)

    def _upper_of(self, episode: Episode, place: int, base: float, den: float | None) -> float:
        if not self._hybrid:
            return base
        return self._relevance_of(episode, place, self._lex_of(episode).at(place), den)

    def _relevance_of(self, episode: Episode, place: int, lex: float, den: float | None) -> float:
        kind, time = episode.kinds[place], episode.times[place]
        if (chat := self._chats.get(episode.id)) is None:
            chat = self._is_chat(episode)
        timed = bool(self._spans) and self._is_timed(time)
        key = episode.authors[place] in self._named, kind, chat, timed
        if (factors := self._factors.get(key)) is None:
            factors = self._factors[key] = relevance.factors(
                named=key[0],
                person=kind % QUESTION == USER and chat,
                question=bool(kind & QUESTION),
                timed=timed,
            )
        then = timed and self._more and any(one.start <= time <= one.end for one in self.times)
        more = self._more if then else 0.0
        length, (plain, preferred) = episode.lengths[place], factors
        value = relevance.relevance(lex, den, length, plain, more)
        if preferred == plain or value <= self._floor:
            return value  # what is preferred is among what is relevant
        return relevance.relevance(lex, den, length, preferred, more)

    def _is_chat(self, episode: Episode) -> bool:
        """Whether an agent answers there."""
        chat = self._chats.get(episode.id)
        if chat is None:
            chat = not _OF_AGENTS.isdisjoint(episode.kinds)
            self._chats[episode.id] = chat
        return chat

    def _is_timed(self, instant: int) -> bool:
        return any(start <= instant <= until for start, until in self._spans)

    def _is_time_all(self) -> bool:
        """Whether the query names a time, and none of its other words is anywhere but in names of
        authors: whose turns are asked for says nothing of what they are about."""
        if not self.times:
            return False
        text = self.query.text
        for named in self.times:
            text = text.replace(named.text, " ")
        others = {*words.terms(text)}.difference(*map(words.terms, self._names))
        known = zip(self.terms, self.evidence.terms, strict=True)
        return not any(one.events for term, one in known if term in others)

    def _relevance(self, event: int) -> float:
        if not self._hybrid:
            return min(1.0, max(0.0, self._cosines[event] or 0.0))
        # not cut off at 0 here: the bound of a mean holds for the cosines as they are
        cosine = relevance.mean([near and self._cosines[near] for near in self._around(event)])
        den = relevance.dense(cosine, self.query.baseline) if cosine is not None else None
        episode = self._episode_of[event]
        place = event - episode.id
        return self._relevance_of(episode, place, self._lex_of(episode).at(place), den)

    def _lex_of(self, episode: Episode) -> Lex:
        if (lex := self._lexes.get(episode.id)) is None:
            lex = self._lexes[episode.id] = self._words.of(episode) if self._words else NO_LEX
        return lex

    def _load_cosines(self, events: Iterable[int]) -> None:
        """Of these with the query. Their vectors are not kept: they may be thousands."""
        vector, missing = self.query.vector, [one for one in events if one not in self._cosines]
        for start in range(0, len(missing), AT_ONCE):
            some = missing[start : start + AT_ONCE]
            found = self.source.vectors(self.query.model, some) if vector is not None else {}
            for event in some:
                there = found.get(event)
                self._cosines[event] = None if there is None else dot(vector or (), there)

    def _load(self, events: Sequence[int]) -> None:
        missing = [event for event in events if event not in self._vectors]
        if missing:
            found: Mapping[int, Sequence[float]] = {}
            if self.query.vector is not None:
                found = self.source.vectors(self.query.model, missing)
            self._vectors.update((event, found.get(event)) for event in missing)

    def _stems_of(self, event: int) -> frozenset[str]:
        if event not in self._stems:
            self.know([event])
            row = self.rows[event]
            found = words.of_event(row.author, row.content)
            self._stems[event] = frozenset(found.opening + found.rest)
        return self._stems[event]
