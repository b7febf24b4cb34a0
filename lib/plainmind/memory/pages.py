"""What is known: pages for a text, and the graph."""

from collections.abc import Callable, Sequence
from datetime import date

from ..formats.page import triple
from ..ground.zone import to_day
from ..index import graph
from ..recall import page_block, page_report
from ..recall import pages as ranking
from ..recall.report import Form, Report
from ..recall.search import Query
from . import Memory, moments


def recall(
    memory: Memory,
    text: str,
    form: Form,
    *,
    k: int | None,
    budget: int | None,
    each: int | None,
    lexical: bool = False,
    mask: Callable[[str], str] | None = None,
) -> Report:
    """The pages for a text as they are to be printed, masked before they are cut with a `mask`."""
    policy = ranking.Policy.of(memory.settings)
    policy = policy._replace(
        k=k or policy.k, budget=budget or policy.budget, each=each or policy.each
    )
    known = ranking.NOTHING
    for index in memory.opened():
        with index:
            query = moments.prepare_query(memory, index, text, lexical)
            known = ranking.search(query, index, policy)
    return page_report.make(ranking.mask_texts(known, mask) if mask else known, policy, form)


def always(memory: Memory, most: int, measure: Callable[[str], int]) -> str:
    """The block of the pages of tier L1 alone, masked, of at most this length, as `measure` counts;
    '' for none."""
    policy = ranking.Policy.of(memory.settings)
    policy = policy._replace(k=0, budget=min(policy.budget, most // 4, policy.l1_budget))
    known = ranking.NOTHING
    for index in memory.opened():
        with index:
            known = ranking.search(Query("", memory.now()), index, policy)
    known = ranking.mask_texts(known._replace(found=[], linked=[]), memory.env.mask)
    while policy.budget > 0:
        block = page_block.block(page_block.fit(known, policy).shown, policy)
        length = measure(block)
        if length <= most:
            return memory.env.mask(block)  # titles, too
        policy = policy._replace(budget=int(0.9 * policy.budget * most / length))
    return ""


def facts(memory: Memory, asked: Sequence[str], as_of: date | None) -> list[graph.Fact]:
    """The triples that match (index.graph)."""
    today = to_day(memory.now())
    for index in memory.opened():
        with index:
            names = (*("" if text == graph.ANYTHING else text for text in asked), "", "", "")
            known = index.graph(names[0], names[2])
            return list(graph.matching(known, asked, today, as_of))
    return []


def health(memory: Memory, *, rebuild: bool = False) -> triple.Health:
    """What the graph looks like; with `rebuild`, it is made again first."""
    for index in memory.opened():
        with index:
            if rebuild:
                index.remake_graph()
            return triple.check_health(graph.written(index.graph()))
    return triple.check_health([])
