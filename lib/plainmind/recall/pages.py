"""Which pages a message is given: those of tier L1 always, others when they matter to it, and the
pages they link to.

    lex   = sum over the query's terms of idf tf / (tf + 1.2 (0.5 + 0.5 length / mean length)), over
            the sum of idf: BM25 as in recall.relevance, of the page's title, name, tags and body
    den   = the greatest cosine of a passage of it, as the share of the way that recall.relevance
            says
    rel   = 0.6 lex + 0.4 den, in [0, 1]; what does not reach the floor is not given
    score = rel * weight of the type + 0.15 (1 - age in days / 60), the second part never below 0

With `knowledge.rank = rrf` the specification's formula takes the place of rel in the score: the sum
of 1 / (60 + rank) over the lists by lex and by den (Cormack, Clarke and Buettcher, "Reciprocal rank
fusion", 2009), as a share of its greatest value. A page that another one supersedes never comes
before it, and brings it along; one that does not hold today counts half. Neither is given always.
Measured by bench/pages.py; figures and doubts are in docs/decisions/knowledge.md.

Makes no vectors: it is given the query's, or none. Pure.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from math import log
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..formats import words
from ..formats.evidence import IndexedPage, PageEvidence, PageText, Posting, Question
from ..ground.zone import to_day
from . import relevance
from .relevance import Query

if TYPE_CHECKING:
    from ..formats.page.link import LinkTable

LEXICAL, DENSE = 0.6, 0.4
RRF_K = 60
PAST = 0.5  # what a page counts that does not hold today

WEIGHTS = {"user": 1.5, "agent-feedback": 1.4, "project": 1.2, "reference": 1.0, "compaction": 1.0}

Texts = Callable[[list[int]], Mapping[int, PageText]]


class Policy(NamedTuple):
    """The settings of [knowledge]. Budgets in estimated tokens."""

    rank: str = "relevance"  # or rrf
    floor: float = 0.25
    k: int = 6
    weights: Mapping[str, float] = WEIGHTS
    recency: float = 0.15
    recency_days: float = 60.0
    budget: int = 4000
    l1_budget: int = 2000
    each: int = 500

    @classmethod
    def of(cls, settings) -> "Policy":
        of = settings.section("knowledge")
        weights = {kind: of[f"weight_{kind.replace('-', '_')}"] for kind in WEIGHTS}
        return cls(**{name: of[name] for name in cls._fields if name != "weights"}, weights=weights)


class FoundPage(NamedTuple):
    """A page that is given, and why: L1, relevant, 'successor of NAME' or 'linked from NAME'."""

    row: IndexedPage
    why: str
    score: float
    rel: float
    lex: float
    den: float
    recency: float
    superseded_by: str  # the name of the page that takes its place

    @property
    def path(self) -> str:
        return self.row.path


class Knowledge(NamedTuple):
    always: list[FoundPage]
    found: list[FoundPage]  # relevant, best first
    linked: list[FoundPage]
    dropped: list[tuple[FoundPage, str]]
    terms: list[str]
    body: Mapping[int, str]  # by id of the page
    #: line, text and how well it fits, by id of the page
    passages: Mapping[int, list[tuple[int, str, float]]]

    @property
    def given(self) -> list[FoundPage]:
        return [*self.always, *self.found, *self.linked]


NOTHING = Knowledge([], [], [], [], [], {}, {})


def mask_texts(known: Knowledge, mask: Callable[[str], str]) -> Knowledge:
    """The same with its texts masked while they are whole: a part that is cut out of one, or a
    passage of it, no longer shows that it is of a secret. `mask` keeps every line in its place."""
    bodies = {id: mask(body) for id, body in known.body.items()}

    def mask_passage(id: int, text: str) -> str:
        before, line, _ = known.body[id].partition(text)
        if not line:
            return mask(text)  # not as it stands in the body
        first = before.count("\n")
        lines = bodies[id].split("\n")[first : first + text.count("\n") + 1]
        return "\n".join(lines)

    passages = {
        id: [(line, mask_passage(id, text), fit) for line, text, fit in found]
        if bodies[id] != known.body[id]
        else found
        for id, found in known.passages.items()
    }
    return known._replace(body=bodies, passages=passages)


class PageSource(Protocol):
    """What is known of pages (index.engine.Index)."""

    def pages(self, question: Question) -> AbstractContextManager[PageEvidence]: ...

    def page_texts(self, ids: list[int]) -> Mapping[int, PageText]: ...


def search(query: Query, source: PageSource, policy: Policy) -> Knowledge:
    """The pages for a message, before budgets."""
    with source.pages(Question(query.terms, query.vector, query.model)) as evidence:
        return choose(query, evidence, source.page_texts, policy)


def choose(query: Query, evidence: PageEvidence, texts: Texts, policy: Policy) -> Knowledge:
    """The same, given what is known; `texts` gives the texts of pages by their ids."""
    if not evidence.pages:
        return NOTHING
    today = to_day(query.now)  # of a zone, whose module takes 1.5 ms to load
    terms, links = query.terms, evidence.links()
    successors = _successors(evidence, links, today)
    ranked = _ranked(query, evidence, policy, today, successors)
    everything = {each.row.id: each for each in ranked}
    always = _always(ranked, today, successors, evidence.linked)
    shown = {each.row.id for each in always}
    others = [each for each in ranked if each.row.id not in shown]
    enough = [each for each in others if each.rel >= policy.floor]
    found = _with_successors(enough, everything, successors, shown)
    dropped = [(each, "beyond k") for each in found[policy.k :]]
    dropped += [(each, "floor") for each in others if each.rel < policy.floor]
    found = found[: policy.k]
    known = dict(texts([each.row.id for each in (*always, *found)]))
    shown |= {each.row.id for each in found}
    linked = _linked(found, known, everything, links)
    linked = _with_successors(linked, everything, successors, shown)
    known |= texts([each.row.id for each in linked])
    dropped = [(each, why) for each, why in dropped if each.row.id not in known]
    bodies = {id: text.body for id, text in known.items()}
    fitting = {
        id: _fitting(text, terms, evidence.cosines.get(id, {})) for id, text in known.items()
    }
    return Knowledge(always, found, linked, dropped, terms, bodies, fitting)


def _ranked(
    query: Query,
    evidence: PageEvidence,
    policy: Policy,
    today: datetime.date,
    successors: Mapping[int, int],
) -> list[FoundPage]:
    """Every page with its numbers, best first."""
    rows = evidence.pages
    lexes = _lexical(rows, evidence.places)
    dens = {
        page: relevance.dense(max(cosines.values()), query.baseline)
        for page, cosines in evidence.cosines.items()
    }
    fused = _fused([lexes, dens], rows) if policy.rank == "rrf" else None
    found = []
    for row in rows.values():
        lex = lexes.get(row.id, 0.0)
        den = dens[row.id] if row.id in dens else relevance.pending(lex)
        rel = LEXICAL * lex + DENSE * den
        value = rel if fused is None else fused.get(row.id, 0.0)
        age = today.toordinal() + _newest(row) if row.date else policy.recency_days
        recency = policy.recency * min(1.0, max(0.0, 1 - age / policy.recency_days))
        share = 1.0 if row.holds(today.isoformat()) else PAST
        score = (value * policy.weights.get(row.type, 1.0) + recency) * share
        later = rows[successors[row.id]].name if row.id in successors else ""
        found.append(FoundPage(row, "relevant", score, rel, lex, den, recency, later))
    return sorted(found, key=lambda each: (-each.score, -each.rel, _newest(each.row), each.path))


def _newest(row: IndexedPage) -> int:
    return -datetime.date.fromisoformat(row.date).toordinal() if row.date else 0


def _lexical(
    rows: Mapping[int, IndexedPage], places: Sequence[Sequence[Posting]]
) -> dict[int, float]:
    mean = sum(row.words for row in rows.values()) / len(rows) or 1
    found: dict[int, float] = {}
    total = 0.0
    for holding in places:
        idf = log(1 + (max(len(rows), relevance.FEW) - len(holding) + 0.5) / (len(holding) + 0.5))
        total += idf
        for id, opening, rest in holding:
            times = opening + rest
            norm = relevance.K1 * (1 - relevance.B + relevance.B * rows[id].words / mean)
            found[id] = found.get(id, 0.0) + idf * times / (times + norm)
    return {id: value / total for id, value in found.items()} if total else {}


def _fused(
    lists: Sequence[Mapping[int, float]], rows: Mapping[int, IndexedPage]
) -> dict[int, float]:
    """Reciprocal ranks, as a share of what the first of every list has."""
    lists = [values for values in lists if values]
    found: dict[int, float] = {}
    for values in lists:
        order = sorted((-value, rows[id].path, id) for id, value in values.items() if value > 0)
        for rank, (_, _, id) in enumerate(order, 1):
            found[id] = found.get(id, 0.0) + (RRF_K + 1) / (RRF_K + rank) / len(lists)
    return found


def _successors(evidence: PageEvidence, links: "LinkTable", today: datetime.date) -> dict[int, int]:
    """Page -> the page that takes its place in the end, once that begins; two that take each
    other's place have none."""
    rows = evidence.pages
    by_path = {row.path: row.id for row in rows.values()}
    next_: dict[int, int] = {}
    for page, target in evidence.replacing:
        old = by_path.get(links.find(target, rows[page].path))
        if old is not None and old != page and rows[page].valid_from <= today.isoformat():
            best = next_.get(old)
            next_[old] = page if best is None or _newest(rows[page]) < _newest(rows[best]) else best
    last: dict[int, int] = {}
    for start in next_:
        seen, at = {start}, next_[start]
        while at in next_ and at not in seen:
            seen.add(at)
            at = next_[at]
        if at not in seen:
            last[start] = at
    return last


def _always(
    ranked: list[FoundPage],
    today: datetime.date,
    successors: Mapping[int, int],
    links: Mapping[str, int],
) -> list[FoundPage]:
    """The L1 pages that hold and have no successor, newest and most linked first: by the sum of the
    reciprocal ranks of both."""
    newest = [
        each._replace(why="L1")
        for each in sorted(ranked, key=lambda each: (_newest(each.row), each.path))
        if each.row.tier == "L1"
        and each.row.holds(today.isoformat())
        and each.row.id not in successors
    ]
    most = sorted(newest, key=lambda each: -links.get(each.row.link, 0))
    value = {each.row.id: 1 / (RRF_K + rank) for rank, each in enumerate(newest)}
    for rank, each in enumerate(most):
        value[each.row.id] += 1 / (RRF_K + rank)
    return sorted(newest, key=lambda each: -value[each.row.id])


def _with_successors(
    enough: list[FoundPage],
    everything: Mapping[int, FoundPage],
    successors: Mapping[int, int],
    shown: set[int],
) -> list[FoundPage]:
    """The pages that are not shown yet, once each; right before one that is superseded, what takes
    its place and would not come."""
    made: list[FoundPage] = []
    seen = set(shown)
    for each in enough:
        if each.row.id in seen:
            continue
        later = successors.get(each.row.id)
        if later is not None and later not in seen:
            made.append(everything[later]._replace(why=f"successor of {each.row.name}"))
            seen.add(later)
        made.append(each)
        seen.add(each.row.id)
    return made


def _linked(
    found: list[FoundPage],
    texts: Mapping[int, PageText],
    everything: Mapping[int, FoundPage],
    links: "LinkTable",
) -> list[FoundPage]:
    """The pages that the found ones link to, in the order of the links."""
    by_path = {each.path: each for each in everything.values()}
    targets = (
        (each, links.find(link, each.path)) for each in found for link in texts[each.row.id].links
    )
    return [
        by_path[path]._replace(why=f"linked from {each.row.name}") for each, path in targets if path
    ]


def _fitting(
    text: PageText, terms: Sequence[str], cosines: Mapping[int, float]
) -> list[tuple[int, str, float]]:
    """A page's passages: line, text and how well it fits."""
    asked = set(terms)
    share = lambda passage: len(asked.intersection(words.terms(passage))) / (len(asked) or 1)
    return [
        (line, passage, share(passage) + cosines.get(id, 0.0))
        for id, line, passage in text.passages
    ]
