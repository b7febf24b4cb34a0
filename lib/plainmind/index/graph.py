"""Asking the graph: which triples there are, and which of them hold on a day.

A triple holds as long as its page does: from `valid_from` on (without one, asked as of a day, from the page's date), up to
`valid_to`, and until a page that supersedes it begins; pages that supersede each other do not. Without a day, what is known
now counts, whatever its date.
"""

import datetime
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..formats.page import triple
from ..formats.page.triple import Triple
from .store import Store

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


def facts(
    store: Store, asked: Sequence[str], today: datetime.date, as_of: datetime.date | None
) -> Iterator[Fact]:
    """The triples that match `asked`, of three texts, '?' standing for anything, by subject, predicate and object.

    Names match whatever their case and with spaces, hyphens or underscores; predicates as they are normalised.
    """
    subject, predicate, object_ = (*asked, *[ANYTHING] * (3 - len(asked)))
    keys = [
        None if each == ANYTHING else triple.comparison_key(each) for each in (subject, object_)
    ]
    relation = None if predicate == ANYTHING else triple.normalize_predicate(predicate)
    holding = _holding(store, today, as_of)
    rows = store.db.execute(
        "SELECT page, subject, predicate, object, pages.path, kg_triples.line, pages.date, pages.valid_from, pages.valid_to "
        "FROM kg_triples JOIN pages ON pages.id = kg_triples.page ORDER BY subject, predicate, object, path, kg_triples.line"
    )
    for page, *row in rows:
        fact = Fact(*row)
        if (
            page in holding
            and (relation is None or fact.predicate == relation)
            and (keys[0] is None or triple.comparison_key(fact.subject) == keys[0])
            and (keys[1] is None or triple.comparison_key(fact.object) == keys[1])
        ):
            yield fact


def written(store: Store) -> list[Triple]:
    """Every triple with its predicate as the page has it."""
    return [
        Triple(*row)
        for row in store.db.execute(
            "SELECT subject, written, object FROM kg_triples ORDER BY 1, 2, 3"
        )
    ]


def _holding(store: Store, today: datetime.date, as_of: datetime.date | None) -> set[int]:
    """Ids of the pages that hold on the day."""
    day = (as_of or today).isoformat()
    starts: dict[int, str] = {}
    ends: dict[int, str] = {}
    by_link: dict[str, int] = {}
    for id, link, date, valid_from, valid_to in store.db.execute(
        "SELECT id, link, date, valid_from, valid_to FROM pages ORDER BY path"
    ):
        starts[id] = valid_from or (date if as_of else "")
        ends[id] = valid_to
        by_link.setdefault(link, id)
    holding = {id for id in starts if starts[id] <= day and (not ends[id] or day <= ends[id])}
    replacing: dict[int, set[int]] = {}
    for page, target in store.db.execute("SELECT page, target FROM page_links WHERE supersedes"):
        old = by_link.get(target)
        if old is not None and old != page and starts[page] <= day:
            replacing.setdefault(page, set()).add(old)
    # from the last of every chain down: a circle has no last
    replaced: set[int] = set()
    at = set(replacing).difference(*replacing.values())
    while at := set().union(*(replacing.get(page, ()) for page in at)) - replaced:
        replaced |= at
    return holding - replaced
