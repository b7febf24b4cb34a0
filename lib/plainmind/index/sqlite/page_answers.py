"""What the index says of pages: evidence for a question, their texts, the graph, their sketches."""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from ...formats.evidence import IndexedPage, PageEvidence, PageText, Question
from . import words

if TYPE_CHECKING:
    from ..graph import Graph
    from .store import Store

LINKS = 8  # of a page, that are followed


@contextmanager
def evidence(store: "Store", question: Question) -> Iterator[PageEvidence]:
    with store.reading() as db:
        columns = ", ".join(IndexedPage._fields)
        rows = db.execute(f"SELECT {columns} FROM pages ORDER BY path")
        pages = {page.id: page for page in map(IndexedPage._make, rows)}
        cosines: dict[int, dict[int, float]] = {}
        if question.vector is not None and pages:
            from . import vectors

            cosines = vectors.passages(db, question.model, question.vector)
        yield PageEvidence(
            pages,
            [
                words.postings(db, term, store.fts5, "page_words")
                for term in question.terms
                if pages
            ],
            cosines,
            db.execute(
                "SELECT page, target FROM page_links WHERE supersedes ORDER BY page, place"
            ).fetchall(),
            dict(
                db.execute(
                    "SELECT target, count(*) FROM page_links WHERE NOT supersedes "
                    "AND target IN (SELECT link FROM pages WHERE tier = 'L1') GROUP BY target"
                )
            ),
        )


def texts(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, PageText]:
    found = {}
    for id in ids:
        (body,) = db.execute("SELECT body FROM pages WHERE id = ?", (id,)).fetchone()
        passages = db.execute(
            "SELECT id, line, text FROM passages WHERE page = ? ORDER BY line, id", (id,)
        ).fetchall()
        links = db.execute(
            "SELECT target FROM page_links WHERE page = ? AND NOT supersedes ORDER BY place LIMIT "
            "?",
            (id, LINKS),
        )
        found[id] = PageText(body, passages, list(chain(*links)))
    return found


def graph(store: "Store") -> "Graph":
    from ..graph import Fact, Graph, Span

    with store.reading() as db:
        facts = [
            (page, Fact(*fact), written)
            for page, written, *fact in db.execute(
                "SELECT page, written, subject, predicate, object, pages.path, kg_triples.line, "
                "pages.date, pages.valid_from, pages.valid_to "
                "FROM kg_triples JOIN pages ON pages.id = kg_triples.page "
                "ORDER BY subject, predicate, object, path, kg_triples.line"
            )
        ]
        spans = {
            id: Span(*span)
            for id, *span in db.execute(
                "SELECT id, link, date, valid_from, valid_to FROM pages ORDER BY path"
            )
        }
        replacing = db.execute("SELECT page, target FROM page_links WHERE supersedes").fetchall()
    return Graph(facts, spans, replacing)


def sketches(db: sqlite3.Connection) -> "list[tuple[str, array[int]]]":
    found = []
    for path, blob in db.execute("SELECT path, sketch FROM pages"):
        found.append((path, array("I", blob)))
    return found
