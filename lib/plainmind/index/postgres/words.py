"""The tables of words: which events and pages hold a term. Terms come folded (formats.words)."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from ...formats.evidence import Posting
from ...formats.words import Words
from ..rows.word_counts import MOST

CHUNK = 20_000  # places that are taken out at once

# what has words of a text, or is made from them
_OF_EVENTS = "words", "word_counts", "events", "episodes", "authors", "models"
_OF_PAGES = (
    "page_words", "page_places", "pages", "passages", "page_hashes", "page_tags", "page_aliases",
    "page_links", "kg_triples", "kg_entities",
)  # fmt: skip
_OF_BOTH = "vectors", "removed"

_OF_TERM = "FROM words WHERE term = ?"


def add(index: Any, rows: Iterable[tuple[int, Words]]) -> None:
    """Put events in."""
    places = (
        (term, id, min(opening, MOST[0]), min(rest, MOST[1]))
        for id, words in rows
        for term, opening, rest in _counted(words)
    )
    index.db.copy("words", "term, id, opening, rest", places)


def _counted(words: Words) -> list[tuple[str, int, int]]:
    opening, rest = Counter(words.opening), Counter([*words.rest, *words.common])
    return [(term, opening[term], rest[term]) for term in dict.fromkeys([*opening, *rest])]


def remove(index: Any, rows: Iterable[tuple[int, Words]]) -> None:
    """Take events out."""
    places = ((term, id) for id, words in rows for term, *_ in _counted(words))
    while some := list(islice(places, CHUNK)):
        terms, ids = zip(*some, strict=True)
        index.db.execute(
            "DELETE FROM words USING unnest(?::text[], ?::bigint[]) AS gone (term, id) "
            'WHERE words.term = gone.term COLLATE "C" AND words.id = gone.id',
            (list(terms), list(ids)),
        )


def add_pages(index: Any, rows: Iterable[tuple[int, Words]]) -> None:
    for id, words in rows:
        texts = " ".join(words.opening), " ".join([*words.rest, *words.common])
        index.db.execute("INSERT INTO page_words VALUES (?, ?, ?)", (id, *texts))
        places = ((term, id, *times) for term, *times in _counted(words))
        index.db.copy("page_places", "term, page, opening, rest", places)


def remove_page(index: Any, id: int) -> None:
    index.db.execute("DELETE FROM page_words WHERE id = ?", (id,))
    index.db.execute("DELETE FROM page_places WHERE page = ?", (id,))


def postings(index: Any, term: str) -> list[Posting]:
    """The events that hold a term, by ascending id."""
    rows = index.db.execute(f"SELECT id, opening, rest {_OF_TERM} ORDER BY id", (term,))
    return [Posting(*row) for row in rows]


def newest(index: Any, term: str, count: int) -> list[Posting]:
    """Those with the greatest ids, so many of more. The others are not read."""
    newest = f"SELECT id, opening, rest {_OF_TERM} ORDER BY id DESC LIMIT ?"
    return [Posting(*row) for row in index.db.execute(newest, (term, count)).fetchall()[::-1]]


def page_postings(index: Any, term: str) -> list[Posting]:
    """The pages that hold a term, by ascending id."""
    sql = "SELECT page, opening, rest FROM page_places WHERE term = ? ORDER BY page"
    return [Posting(*row) for row in index.db.execute(sql, (term,))]


def page_texts(index: Any) -> str:
    return (
        "SELECT path, line, opening, rest "
        "FROM page_words LEFT JOIN pages ON pages.id = page_words.id"
    )


def totals(index: Any) -> str:
    """A query of each term of events, in how many it is, and in how many columns of SQLite's."""
    bits = " + ".join(f"bit_count({column}::int::bit(8))" for column in ("opening", "rest"))
    return f"SELECT term, count(*), sum({bits})::bigint FROM words GROUP BY term"


def purge(index: Any, table: str) -> None:
    """Rows that are only marked as deleted go out of the server's files of all tables that have
    something of a text; what its log of writes and its backups hold is the server's owner's."""
    index.rewrite((*(_OF_EVENTS if table == "words" else _OF_PAGES), *_OF_BOTH))
