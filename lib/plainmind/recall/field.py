"""All events for one query: what may be recalled, the relevance of each, and which have one text.
Pure.

Bounds of the relevance at first, exactly on request; recall.relevance has the formulas. What has to
be known exactly of a few events is asked of a source.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ..formats import words
from ..formats.evidence import QUESTION, Episode, Evidence, IndexedEvent, Question, Scope, dot
from ..formats.log.event import ROLES
from . import relevance
from .rank import recency
from .relevance import BEFORE, BESIDE, DENSE, HALF, LEXICAL, Query
from .relevance import sim as calibrate

#: why an event is left out
SCOPE, SHOWN, MODEL, CHANGED = "scope", "already shown", "model", "changed"

USER, AGENT = ROLES.index("user"), ROLES.index("agent")


class EventSource(Protocol):
    """What is known of events (index.engine.Index)."""

    def evidence(self, question: Question, scope: Scope) -> Evidence: ...

    def events(self, ids: Iterable[int]) -> Mapping[int, IndexedEvent]: ...

    def equals(self, ids: Iterable[int]) -> Mapping[int, Sequence[tuple[int, str]]]: ...

    def vectors(self, model: str, ids: Sequence[int]) -> Mapping[int, Sequence[float]]: ...


class EventField:
    """All events in scope whose relevance may exceed the floor, and the pinned ones (rank.Field).

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
            self._words = relevance.lexical(evidence.totals, evidence.episodes, evidence.terms)
            asked = set(self.terms)
            self._named = {id for id, name in evidence.authors if asked & {*words.terms(name)}}
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
        self._pinned, self._scope = set(evidence.pinned), scope
        self.pinned = [event for event in evidence.pinned if self._in(event)]
        self._fill(floor, told)

    def exact(self, events: Sequence[int]) -> dict[int, float]:
        around = {near for event in events for near in self._around(event) if near is not None}
        self._load(list(around) if self._hybrid else events)
        # all of them are told of in the end, and two without vectors are compared by their words
        self.rows.update(self.source.events(events))
        self._load_equals(events)
        return {event: self._relevance(event) for event in events}

    def sim(self, relevance: float, best: float) -> float:
        return calibrate(relevance, best) if self._hybrid else relevance

    def pair(self, one: int, other: int) -> float:
        self._load([one, other])
        a, b = self._vectors[one], self._vectors[other]
        if a is not None and b is not None:
            near = min(1.0, max(0.0, dot(a, b)))
            return relevance.pair(near, self.query.baseline) if self._hybrid else near
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
        """An upper bound of the relevance, and the recency, of all in scope that may exceed the
        floor."""
        now, cosines, scope = self.query.now, self.evidence.cosines, self._scope
        within, least = self.evidence.within, relevance.least_x(floor)
        narrow = bool(within or self.evidence.skipped or self.evidence.changed or scope.roles)
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
        time, role = episode.times[place], ROLES[episode.kinds[place] % QUESTION]
        if (
            (scope.since is not None and time < scope.since)
            or (scope.until is not None and time > scope.until)
            or (scope.roles and role not in scope.roles)
        ):
            return SCOPE
        event = episode.id + place
        if event in self.evidence.changed:
            return CHANGED
        return MODEL if event in self.evidence.skipped and event not in self._pinned else ""

    def _load_equals(self, events: Sequence[int]) -> None:
        """Who says the same as these: of each text, once."""
        orders: dict[int, list[int]] = {}
        new = [event for event in events if event not in self._equals]
        for event, same in self.source.equals(new).items():
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
        """(place, upper bound of the relevance) of the events whose x can reach `least`."""
        error = self.evidence.error
        if not self._hybrid:
            for place, cosine in enumerate(near):
                yield place, min(1.0, max(0.0, cosine + error)) if cosine is not None else 0.0
            return
        lex = self._words.get(episode.id) or [0.0] * len(near)
        first, last = (min(episode.times), max(episode.times)) if self._spans else (0, 0)
        timed = any(start <= last and first <= until for start, until in self._spans)
        if self._named:
            least /= relevance.NAMED
        if timed and self._more:
            least = -1.0
        for place, cosine in enumerate(relevance.means(near)):
            if cosine is None:
                den = relevance.pending(lex[place])
            else:
                den = relevance.dense(cosine + error, self.query.baseline)
            if LEXICAL * lex[place] + DENSE * den > least:
                yield place, self._relevance_of(episode, place, lex[place], den)

    def _relevance_of(self, episode: Episode, place: int, lex: float, den: float | None) -> float:
        kind, time = episode.kinds[place], episode.times[place]
        chat = self._chats.get(episode.id)
        if chat is None:
            chat = self._is_chat(episode)
        timed = bool(self._spans) and self._is_timed(time)
        key = episode.authors[place] in self._named, kind, chat, timed
        factors = self._factors.get(key)
        if factors is None:
            factors = self._factors[key] = relevance.factors(
                named=key[0],
                person=kind % QUESTION == USER and chat,
                question=kind >= QUESTION,
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
            chat = AGENT in episode.kinds or AGENT + QUESTION in episode.kinds
            self._chats[episode.id] = chat
        return chat

    def _is_timed(self, instant: int) -> bool:
        return any(start <= instant <= until for start, until in self._spans)

    def _is_time_all(self) -> bool:
        """Whether the query names a time, and none of its other words is anywhere."""
        text = self.query.text
        for named in self.times:
            text = text.replace(named.text, " ")
        others = {*words.terms(text)} if self.times else set()
        known = zip(self.terms, self.evidence.terms, strict=True)
        return bool(self.times) and not any(one.events for term, one in known if term in others)

    def _cosine(self, event: int | None) -> float | None:
        vector = self._vectors[event] if event is not None else None
        if vector is None or self.query.vector is None:
            return None
        return dot(self.query.vector, vector)

    def _relevance(self, event: int) -> float:
        if not self._hybrid:
            return min(1.0, max(0.0, self._cosine(event) or 0.0))
        # not cut off at 0 here: the bound of a mean holds for the cosines as they are
        cosine = relevance.mean([self._cosine(near) for near in self._around(event)])
        den = relevance.dense(cosine, self.query.baseline) if cosine is not None else None
        episode = self._episode(event)
        lex, place = self._words.get(episode.id), event - episode.id
        return self._relevance_of(episode, place, lex[place] if lex else 0.0, den)

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
