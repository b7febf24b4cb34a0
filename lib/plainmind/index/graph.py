"""Asking the graph: which triples there are, and which of them hold on a day. Pure.

A triple holds as long as its page does: from `valid_from` on (without one, asked as of a day, from
the page's date), up to `valid_to`, and until a page that supersedes it begins; pages that supersede
each other do not. Without a day, what is known now counts, whatever its date.
"""

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..formats.page import triple
from ..formats.page.link import LinkKey, LinkTable
from ..formats.page.triple import Triple

ANYTHING = "?"


class Fact(NamedTuple):
    subject: str
    predicate: str
    object: str
    path: str
    line: int
    date: str
    valid_from: str
    valid_to: str

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"


class Span(NamedTuple):
    """When a page holds: days such as 2026-05-08, or ''."""

    path: str
    link: str
    date: str
    valid_from: str
    valid_to: str


class Graph(NamedTuple):
    """What pages state, by subject, predicate and object."""

    facts: Sequence[tuple[int, Fact, str]]  # page, fact, predicate as the page has it
    spans: Mapping[int, Span]  # by page, of these facts; where pages are replaced, of all by path
    replacing: Sequence[tuple[int, LinkKey]]  # page -> a page that it supersedes
    aliases: Sequence[tuple[str, str]] = ()  # another name of a page, compared alike, and its path


def matching(
    graph: Graph, asked: Sequence[str], today: datetime.date, as_of: datetime.date | None
) -> Iterator[Fact]:
    """The facts that match `asked`, of three texts, '?' standing for anything.

    Names match whatever their case and with spaces, hyphens or underscores; predicates as they are
    normalised.
    """
    key, holding = triple.comparison_key, _holding(graph, today, as_of)
    forms = (key, triple.normalize_predicate, key)
    wanted = [None if text == ANYTHING else form(text) for text, form in zip(asked, forms)]
    for page, fact, _ in graph.facts:
        stated = key(fact.subject), fact.predicate, key(fact.object)
        if page in holding and all(w in (None, s) for w, s in zip(wanted, stated)):
            yield fact


def written(graph: Graph) -> list[Triple]:
    """Every triple with its predicate as the page has it."""
    return sorted(Triple(fact.subject, written, fact.object) for _, fact, written in graph.facts)


def _holding(graph: Graph, today: datetime.date, as_of: datetime.date | None) -> set[int]:
    """Ids of the pages that hold on the day."""
    day = (as_of or today).isoformat()
    starts: dict[int, str] = {}
    holding = set()
    for page, span in graph.spans.items():
        starts[page] = span.valid_from or (span.date if as_of else "")
        if starts[page] <= day and (not span.valid_to or day <= span.valid_to):
            holding.add(page)
    if not graph.replacing:
        return holding
    by_path = {span.path: page for page, span in graph.spans.items()}
    links = LinkTable(((span.link, span.path) for span in graph.spans.values()), graph.aliases)
    replacing: dict[int, set[int]] = {}
    for page, target in graph.replacing:
        old = by_path.get(links.find(target, graph.spans[page].path))
        if old is not None and old != page and starts[page] <= day:
            replacing.setdefault(page, set()).add(old)
    # from the last of every chain down: a circle has no last
    replaced: set[int] = set()
    at = set(replacing).difference(*replacing.values())
    while at := set().union(*(replacing.get(page, ()) for page in at)) - replaced:
        replaced |= at
    return holding - replaced


def list_around(facts: Sequence[Fact], name: str) -> list[Fact]:
    """Those that say something of a name, and those between the names that they lead to."""
    key = triple.comparison_key
    wanted, near = key(name), set()
    for fact in facts:
        ends = {key(fact.subject), key(fact.object)}
        if wanted in ends:
            near |= ends
    return [fact for fact in facts if {key(fact.subject), key(fact.object)} <= near]


def list_greatest(facts: Sequence[Fact], most: int) -> list[Fact]:
    """Those between the so many names of which most is said; all, when there are no more names."""
    counts = Counter(name for fact in facts for name in {fact.subject, fact.object})
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    kept = set(ranked[:most])
    return [fact for fact in facts if fact.subject in kept and fact.object in kept]
