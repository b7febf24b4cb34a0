"""What is known: pages for a text, pages beside moments for a turn, and the graph; index, providers and ranking put together."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from ..formats import day
from ..formats.page import triple
from ..index import graph, pages
from ..index.store import Store
from ..recall import knowledge, page_report, search
from ..recall.report import Form
from . import moments
from .moments import Means


class Remembered(NamedTuple):
    """What a turn is given of the past, and of what is known."""

    moments: search.Result
    pages: knowledge.Knowledge


class Wanted(NamedTuple):
    """Which moments: how many, of what relevance, of which part of the past."""

    k: int
    floor: float
    scope: search.Scope = search.Scope()


def known(
    means: Means,
    text: str,
    form: Form,
    *,
    k: int | None,
    budget: int | None,
    each: int | None,
    lexical: bool = False,
) -> tuple[str, bool]:
    """The pages for a text, after taking in whatever changed since, as they are to be printed; and whether there are any."""
    policy = knowledge.Policy.of(means.settings)
    policy = policy._replace(
        k=k or policy.k, budget=budget or policy.budget, each=each or policy.each
    )

    def work(opened: Store) -> knowledge.Knowledge:
        pages.take_in(opened)
        return knowledge.search(opened, moments.query_of(means, opened, text, lexical), policy)

    found = moments.with_index(means, work) or knowledge.NOTHING
    some = knowledge.fit(found, policy).pages if form.inject else page_report.answers(found, policy)
    return page_report.text(found, policy, form), bool(some)


def remember(means: Means, text: str, wanted: Wanted, policy: knowledge.Policy) -> Remembered:
    """Moments and pages for a message, with one look at the index and one question to the embedder."""

    def work(opened: Store) -> Remembered:
        pages.take_in(opened)
        query = moments.query_of(means, opened, text, lexical=False)
        past = search.search(opened, query, wanted.scope, wanted.k, wanted.floor)
        return Remembered(past, knowledge.search(opened, query, policy))

    return moments.with_index(means, work) or Remembered(search.NOTHING, knowledge.NOTHING)


def facts(means: Means, asked: Sequence[str], as_of: date | None) -> list[graph.Fact]:
    """The triples that match, after taking in whatever changed since (index.graph)."""

    def work(opened: Store) -> list[graph.Fact]:
        pages.take_in(opened)
        with opened.reading():
            return list(graph.facts(opened, asked, day.from_instant(means.now()), as_of))

    return moments.with_index(means, work) or []


def health(means: Means, *, rebuild: bool = False) -> triple.Health:
    """What the graph looks like; with `rebuild`, its tables are made anew first."""

    def work(opened: Store) -> triple.Health:
        pages.take_in(opened)
        if rebuild:
            pages.rebuild_graph(opened)
        return triple.check_health(graph.written(opened))

    return moments.with_index(means, work) or triple.check_health([])
