"""Recall equals scoring every event in every step, by the formulas as they are documented.

The judge reads the log, not the index, and shares with the product only the tokeniser.
"""

import random
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import dropwhile, takewhile
from math import ceil, exp, log
from types import ModuleType
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plainmind.formats import words
from plainmind.formats.evidence import Question, Scope
from plainmind.ground import clock, zone
from plainmind.ground.paths import Home, is_within
from plainmind.index import vector_file
from plainmind.index.sqlite import vector_scan, vectors
from plainmind.index.vector_bytes import from_blob
from plainmind.recall import candidates, rank
from plainmind.recall.search import Query
from plainmind.truth.log import pinning, reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.stores import Shape

pytestmark = pytest.mark.usefixtures("unsynced", "engine", "small")

ran: Counter = Counter()
EXACT = 12  # digits: what is equal in exact arithmetic is a tie
#: stores on a server, each of which takes it a third of a second, and ranking is not the engine's.
#: Of faults in what its engine answers, the last was found by the 102nd
ON_SERVER = 300


@pytest.fixture(scope="module")
def small():
    """Batches and pools so small that small stores have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BATCH", 16)
        patch.setattr(rank, "FIRST_POOL", 1)
        patch.setattr(rank, "FIRST_BEST", 1)
        patch.setattr(vector_scan, "AT_ONCE", 2)
        for name, value in {"FIRST": 1, "TOPS": 1}.items():
            patch.setattr(candidates, name, value)
        discount = candidates.Candidates.discount

        def counted(self, *of):
            discounted = discount(self, *of)
            ran["discounted"] += discounted
            return discounted

        patch.setattr(candidates.Candidates, "discount", counted)
        yield


class Logged(NamedTuple):
    path: str
    line: int
    context: str
    role: str
    author: str
    content: str
    model: str
    time: int
    opening: list[str]
    rest: list[str]
    common: list[str]
    opening_length: int
    length: int
    vector: Sequence[float] | None
    episode: int
    pinned: bool

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"

    @property
    def words(self) -> list[str]:
        return self.opening + self.rest

    def times(self, term: str) -> int:
        """A stop word counts once, and only where it is asked for."""
        return self.words.count(term) + self.common.count(term)


def all_events(home: Home, known: dict[str, Sequence[float]]) -> list[Logged]:
    pins = {pin.ref for pin in pinning.read_pins(home)}
    found: list[Logged] = []
    episode = 0
    for path in reader.list_windows(home):
        started: list[int] = []  # times of the episode
        for block in reader.read_window(home, path).blocks():
            event = reader.read_window(home, path).event(block)
            at = clock.parse(event.timestamp)
            if not started or len(started) == 30 or abs(at - started[-1]) > 3600 * 1000:
                episode, started = episode + 1, []
            started.append(at)
            terms = words.of_event(event.author, event.content)
            found.append(
                Logged(path, event.line, event.context, event.role, event.author, event.content,
                    event.meta.get("model", ""), at, *terms,
                     known.get(event.ref), episode, event.ref in pins)
            )  # fmt: skip
    return found


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return min(1.0, max(0.0, sum(a * b for a, b in zip(one, other, strict=True))))


def is_question(event: Logged) -> bool:
    return event.content.rstrip().endswith(("?", "？", "؟"))


def is_asking(event: Logged) -> bool:
    """A question ends in the last 30 words."""
    return any(word.rstrip("\"')").endswith(("?", "？")) for word in event.content.split()[-30:])


class Judge:
    """Everything computed from everything."""

    def __init__(self, events: list[Logged], query: Query, floor: float):
        self.events, self.query, self.floor = events, query, floor
        self.terms = set(words.terms(query.text))
        self.by_words = query.vector is None
        self.hybrid = query.mode == "hybrid" or self.by_words
        self.episodes: dict[int, list[Logged]] = {}
        for event in events:
            self.episodes.setdefault(event.episode, []).append(event)
        found = zone.to_day(query.now) - timedelta(1)
        yesterday = "yesterday" in query.text.lower()
        self.times = (zone.start_of(found), zone.end_of(found + timedelta(3))) if yesterday else ()
        named = [name for name in (set(words.terms(t.author)) for t in events) if name & self.terms]
        others = set(words.terms(query.text.replace("yesterday", ""))).difference(*named)
        self.first = self._first_named({event.author for event in events})
        self.alone = yesterday and not any(t.times(term) for t in events for term in others)
        self.relevance = {event.ref: self._relevance(event) for event in events}
        self.recency = {
            event.ref: exp(-max(0, query.now - event.time) / (14 * 86_400_000)) for event in events
        }
        self._pairs: dict[tuple[str, str], float] = {}

    def _first_named(self, authors: set[str]) -> set[str]:
        """Those in the first stretch of names: what stands before it names nobody."""
        names = {author: set(words.terms(author)) for author in authors}
        every = set().union(*names.values())
        asked = list(dict.fromkeys(words.terms(self.query.text)))
        stretch = set(takewhile(every.__contains__, dropwhile(lambda t: t not in every, asked)))
        return {author for author, of in names.items() if of & stretch}

    def _idf(self, all: int, holding: int) -> float:
        return log(1 + (max(all, 500) - holding + 0.5) / (holding + 0.5))

    def _bm25(self, times: int, length: float, mean: float) -> float:
        return times / (times + 1.2 * (0.5 + 0.5 * length / mean)) if times else 0.0

    def _beside(self, event: Logged, most: int) -> list[Logged]:
        """The event and its neighbours, in its episode."""
        stretch = self.episodes[event.episode]
        place = stretch.index(event)
        return [t for i, t in enumerate(stretch) if abs(i - place) <= most]

    def _words(self, event: Logged) -> float:
        n = len(self.events)
        # where all that was ever said is stop words, they have a length, too
        count = sum(t.length for t in self.events) or 1
        openings = sum(t.opening_length for t in self.events) or 1
        stretch, window = self.episodes[event.episode], self._beside(event, 2)
        before = stretch[stretch.index(event) - 1] if stretch.index(event) else None
        score = ideal = 0.0
        for term in self.terms:
            idf = self._idf(n, sum(t.times(term) > 0 for t in self.events))
            ideal += 2.5 * idf
            score += idf * self._bm25(event.times(term), event.length, count / n)
            if before is not None and is_asking(before):
                times = before.times(term)
                asked = 0.25 * (1 + exp(-event.length / 10))
                score += asked * idf * self._bm25(times, before.length, count / n)
            times = sum(t.opening.count(term) for t in window)
            score += idf * self._bm25(
                times, sum(t.opening_length for t in window), 5 * openings / n
            )
            times = sum(t.times(term) for t in stretch)
            length = sum(t.length for t in stretch)
            score += 0.5 * idf * self._bm25(times, length, count / len(self.episodes))
        return score / ideal if ideal else 0.0

    def _relevance(self, event: Logged) -> float:
        query = self.query.vector
        if not self.hybrid:
            return dot(event.vector, query) if event.vector is not None and query else 0.0
        lex = self._words(event)
        stretch = self.episodes[event.episode]
        place = stretch.index(event)
        near = [
            (w, stretch[place + i].vector)
            for i, w in [(-1, 1), (0, 2), (1, 2), (2, 1)]
            if 0 <= place + i < len(stretch)
        ]
        near = [(w, v) for w, v in near if v is not None and query is not None]
        if near:
            cosines = [(w, sum(a * b for a, b in zip(v, query, strict=True))) for w, v in near]
            cosine = sum(w * c for w, c in cosines) / sum(w for w, _ in cosines)
            baseline = self.query.baseline
            den = min(1.0, max(0.0, (cosine - baseline) / (0.6 * (1 - baseline))))
        else:
            den = min(1.0, 0.2 + 0.8 * lex) if lex else 0.0
        x = 0.7 * lex + 0.3 * den
        if event.author in self.first:
            x *= 1.2
        prefer, more = 1.0, 0.0
        if event.role == "user" and any(t.role == "agent" for t in stretch):
            prefer = 1.1
        elif is_question(event):
            x *= 0.9
        x *= 1 - 0.3 * exp(-event.length / 10)
        if self.times and self.times[0] <= event.time <= self.times[1]:
            prefer *= 1.5
            if self.alone and zone.to_day(event.time) == zone.to_day(self.times[0]):
                more = 0.25
        value = lambda x: x**4 / (x**4 + 0.25**4)
        found = value(x + more)
        return value(x * prefer + more) if found > self.floor else found

    def pair(self, one: Logged, other: Logged) -> float:
        key = (one.ref, other.ref)
        if key not in self._pairs:
            if one.vector is not None and other.vector is not None and not self.by_words:
                near = dot(one.vector, other.vector)
                over = (near - self.query.baseline) / (1 - self.query.baseline)
                value = min(1.0, max(0.0, over)) if self.hybrid else near
            elif self.hybrid:
                mine, theirs = set(one.words), set(other.words)
                value = len(mine & theirs) / (len(mine | theirs) or 1)
            else:
                value = 0.0
            self._pairs[key] = value
        return self._pairs[key]

    def best(
        self, scope: Scope, k: int, floor: float, pins: str, weights: rank.Weights
    ) -> list[tuple]:
        inside = [t for t in self.events if in_scope(t, scope)]
        others = Counter(said(t.content) for t in inside)
        named = lambda t: self.hybrid and bool(self.terms & set(words.terms(t.author)))
        standing: dict[tuple, Logged] = {}
        for t in sorted(
            inside, key=lambda t: (not t.pinned, not named(t), -t.time, t.path, t.line)
        ):
            if self.relevance[t.ref] > floor or t.pinned and pins == "always":
                standing.setdefault(said(t.content), t)
        left = list(standing.values())
        most = max((self.relevance[t.ref] for t in left), default=0.0)
        sim = {t.ref: self._sim(self.relevance[t.ref], most) for t in left}
        picks: list[tuple[Logged, float, float, bool]] = []

        def score(event: Logged) -> tuple[float, float]:
            penalty = max((self.pair(event, chosen) for chosen, *_ in picks), default=0.0)
            base = weights.sim * sim[event.ref] + weights.recency * self.recency[event.ref]
            return base - weights.penalty * penalty, penalty

        def take(of: list[Logged], event: Logged, pinned: bool) -> None:
            of.remove(event)
            picks.append((event, *score(event), pinned))

        def first(of: list[Logged], value) -> Logged:
            return min(of, key=lambda t: (-value(t), -t.time, t.path, t.line))

        waiting = [t for t in left if t.pinned]
        left = [t for t in left if not t.pinned]
        relevance = lambda t: significant(self.relevance[t.ref])
        best_pin = lambda: first(waiting, relevance)
        best = max((self.relevance[t.ref] for t in left), default=0.0)
        leads = lambda pin: self.relevance[pin.ref] > floor and self.relevance[pin.ref] >= best
        half = lambda pin: ceil(k / 2) if leads(pin) else k // 2
        while waiting and len(picks) < half(best_pin()):
            take(waiting, best_pin(), True)
        if not picks and left:
            take(left, first(left, relevance), False)
        while len(picks) < k and left:
            take(left, first(left, lambda t: round(score(t)[0], EXACT)), False)
        while len(picks) < k and waiting:
            take(waiting, best_pin(), True)
        return [
            (t.ref, s, sim[t.ref], self.relevance[t.ref], self.recency[t.ref], p, pinned,
             others[said(t.content)] - 1)
            for t, s, p, pinned in picks
        ]  # fmt: skip

    def _sim(self, relevance: float, most: float) -> float:
        if not self.hybrid or relevance <= 0:
            return relevance
        x, best = (0.25 * (r / (1 - r)) ** 0.25 for r in (relevance, most))
        y = (x / best) ** 6
        return (1 + 0.65**6) * y / (y + 0.65**6)


def said(text: str) -> tuple:
    """What texts have in common that are equal but for case, space and punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    between = lambda c: unicodedata.category(c) in ("Cc",) or unicodedata.category(c)[0] in "PZ"
    kept = "".join(" " if between(c) else c for c in folded).split()
    return tuple(kept or folded.split()), tuple(words.tokens(folded))


def significant(value: float) -> float:
    """A sim may be tiny, being a fourth power, and still decide."""
    return float(f"{value:.{EXACT - 1}e}")


def in_scope(event: Logged, scope: Scope) -> bool:
    return (
        is_within(event.context, scope.context)
        and event.path != scope.not_window
        and not any(event.path == path and event.line >= line for path, line in scope.shown)
        and (scope.since is None or event.time >= scope.since)
        and (scope.until is None or event.time <= scope.until)
        and (not scope.roles or event.role in scope.roles)
        and (event.pinned or event.model not in scope.skip_models)
    )


def a_scope(rnd: random.Random, events: list[Logged]) -> Scope:
    one = rnd.choice(events) if events else None
    kinds = "all all context surface window times roles shown models nowhere"
    kind = rnd.choice(kinds.split())
    if kind == "nowhere":
        return Scope(context="test/none", not_window="logs/no/such.md")
    if one is None or kind == "all":
        return Scope()
    return {
        "context": Scope(context=one.context),
        "surface": Scope(context=one.context.partition("/")[0]),
        "window": Scope(not_window=one.path),
        "times": Scope(since=one.time - 30 * clock.DAY, until=one.time),
        "roles": Scope(roles=(one.role, "user")),
        "shown": Scope(shown=((one.path, one.line),)),
        "models": Scope(skip_models=("embedded",)),
    }[kind]


#: a common word, a sign, words without spaces between, folded ones, and nothing that is a term
SAID = ["server", "the", "🚀", "東京", "ΠΌΛΗ", "MÜLLER naïve", "...", "\u00ad \u200b", "?!"]


def a_query(rnd: random.Random, shape: Shape, events: list[Logged]) -> Query:
    said = " ".join(rnd.choices([*stores.VOCABULARY, "nowhere", "Ann"], k=rnd.choice([0, 1, 2, 5])))
    said = rnd.choice([said, said, f"did Bob tell Ann of {said}", f"{said} of Ann and Bob"])
    if rnd.random() < 0.2:
        said = rnd.choice(["yesterday", "yesterday nowhere", "Ann yesterday", f"{said} yesterday"])
    if events and rnd.random() < 0.3:
        said = rnd.choice(events).content
    elif rnd.random() < 0.3:
        said = rnd.choice([*SAID, " ".join(rnd.choices(stores.VOCABULARY, k=500))])
    said = said.replace("2026", "26")  # "of 2026" is a time that the judge does not read
    known = [t.vector for t in events if t.vector is not None]
    if known and rnd.random() < 0.3:
        vector = rnd.choice(known)
    else:
        vector = stores.unit(rnd, shape.dimensions, rnd.randrange(3))
    now = NOW - rnd.choice([0, 0, 40, -400]) * clock.DAY
    if rnd.random() < 0.15:
        return Query(said, now, mode=rnd.choice(["hybrid", "cosine"]))
    baseline, mode = rnd.choice([0.0, 0.3, 0.75]), rnd.choice(["hybrid", "cosine"])
    return Query(said, now, vector, stores.MODEL, baseline, mode)


shapes = st.builds(
    Shape,
    seed=st.integers(0, 2**32),
    events=st.one_of(st.integers(0, 6), st.integers(0, 120)),
    contexts=st.integers(1, 4),
    dimensions=st.integers(8, 16),
    embedded=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    pins=st.sampled_from([0, 0, 0, 1, 3, 9]),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


@settings(phases=stores.UNSHRUNK)
@example(shape=Shape(4, 1, 1, 8, 0.9, 1))  # one event, of stop words alone
@example(shape=Shape(151, 52, 3, 16, 0.5, 9))  # 500 words, and "of 2026" among them
@given(shape=shapes)
def test_the_best_events_are_those_of_all_events_scored_in_every_step(folder, engine, shape):
    if not isinstance(engine, ModuleType):
        ran["on a server"] += 1
        if ran["on a server"] > ON_SERVER:
            return
    ran["stores"] += 1
    home = Home(str(folder / str(ran["stores"])))
    refs = stores.fill(home, shape)
    rnd = random.Random(shape.seed + 2)
    with stores.opened(home) as index:
        stores.embed_some(index, shape)
        known = {f"{row[0]}:{row[1]}": from_blob(row[-1]) for row in index.rows()["vectors"]}
        question = Question((), stores.unit(random.Random(1), shape.dimensions), stores.MODEL)
        if index.evidence(question, Scope()).error:  # only packed vectors have one
            ran["packed"] += len(known)
        events = all_events(home, known)
        assert {event.ref for event in events} == set(refs)
        for _ in range(5):
            query, scope = a_query(rnd, shape, events), a_scope(rnd, events)
            k, floor = rnd.randint(1, 12), rnd.choice([-1.0, 0.0, 0.2, 0.5])
            pins = rnd.choice(["always", "floor"])
            weights = rnd.choice([rank.Weights(), rank.Weights(), rank.Weights(0.5, 1.0, 0.3)])
            told = rnd.random() < 0.3
            # every other time by the standard library
            with pytest.MonkeyPatch.context() as patch:
                load = rnd.choice([vector_file._load, lambda: None])
                patch.setattr(vector_file, "_load", load)
                result = stores.search(index, query, scope, k, floor, pins, weights, told=told)
            judge = Judge(events, query, floor)
            expected = judge.best(scope, k, floor, pins, weights)
            ran["timed"] += bool(judge.times) and len(result.hits)
            ran["alone"] += judge.alone and len(result.hits)
            assert [hit.ref for hit in result.hits] == [ref for ref, *_ in expected]
            for hit, (_, *numbers, pinned, repeats) in zip(result.hits, expected, strict=True):
                pick = hit.pick
                numbers_of = pick.score, pick.sim, pick.relevance, pick.recency, pick.penalty
                assert numbers_of == pytest.approx(tuple(numbers), abs=1e-9)
                assert (pick.pinned, pick.repeats) == (pinned, repeats)
            in_it = sum(in_scope(event, scope) for event in events)
            if floor < 0 and told:
                assert result.events == in_it
            ran["unopened"] += (
                not told and floor >= 0 and len(events) > 60 and result.events < in_it
            )
            ran["widened"] += result.widened
            ran["spared"] += result.events - result.pool
            ran["pinned"] += sum(hit.pick.pinned for hit in result.hits)
            ran["hits"] += len(result.hits)
            ran["equal"] += sum(hit.pick.repeats for hit in result.hits)


@pytest.mark.parametrize(
    "asked, found",
    [
        ("yesterday", ["Ann", "Bob"]),
        ("what did Ann do for Bob yesterday?", ["Ann", "Bob"]),
        ("what did Bob do yesterday, nowhere?", ["Ann", "Bob"]),
        ("what did Ann say yesterday about the harbour?", []),
    ],
)
def test_a_time_is_enough_beside_names_alone(tmp_path, asked, found):
    """Whose turns are asked for says nothing of what they are about: another known word does, and
    then nothing of that day stands which has none of it."""
    home = Home(str(tmp_path))
    before, then = NOW - 9 * clock.DAY, NOW - clock.DAY
    said = [("Ann", "the harbour is closed for Bob"), ("Bob", "sixteen boats")] * 9
    drafts = [EventDraft(before, "user", text, {"author": name}) for name, text in said]
    drafts += [EventDraft(then, "user", f"soup of {name}'s", {"author": name}) for name in
               ("Ann", "Bob")]  # fmt: skip
    Log(home).append("test/one", drafts, NOW)
    with stores.opened(home) as index:
        hits = stores.search(index, Query(asked, NOW), Scope(), 20, 0.2).hits
    of_then = [hit.author for hit in hits if clock.parse(hit.timestamp) == then]
    assert sorted(of_then) == found


def test_all_of_that_has_happened():
    """The test above would prove nothing if no pool had been widened, nothing packed, nothing
    pinned."""
    assert ran["stores"] >= 80
    for what in ("packed", "widened", "spared", "pinned", "hits", "equal", "timed"):
        assert ran[what] > 30, what
    assert ran["discounted"] > 20
