"""In how many events each word is, and which words of a question are looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .database import IndexDatabase, SqlConnection

if TYPE_CHECKING:
    from ...formats.evidence import Posting, Term
    from ...formats.words import Words

#: events that the words of one question may touch: rare words first, the most frequent are left out
POSTINGS = 8000
#: times that a word is told to be in an event's opening, and in the rest
MOST = (1 << 6) - 1, (1 << 8) - 1


def count(db: SqlConnection, found: Iterable[Words], sign: int) -> None:
    """Add to the number of events that each word is in, or take from it."""
    counts = Counter(term for one in found for term in {*one.opening, *one.rest, *one.common})
    add = "INSERT INTO word_counts VALUES (?1, ?2) ON CONFLICT (term) "
    add += "DO UPDATE SET events = word_counts.events + excluded.events"
    db.executemany(add, sorted((term, sign * times) for term, times in counts.items()))
    if sign < 0:
        gone = "DELETE FROM word_counts WHERE term = ? AND events = 0"
        db.executemany(gone, ((term,) for term in sorted(counts)))


def places(index: IndexDatabase, terms: Sequence[str]) -> tuple[list[Term], int]:
    """Where the terms are, within the bound; and how many places that took."""
    from ...formats.evidence import Term

    counts = [(_frequency(index.db, term), term) for term in terms]
    found, touched = {}, 0
    for count, term in sorted(counts):
        some: list[Posting] = []
        # the rarest word is always looked up, if need be only its newest places
        if count and (touched + count <= POSTINGS or not touched):
            every = count <= POSTINGS
            words = index.word_tables
            some = words.postings(index, term) if every else words.newest(index, term, POSTINGS)
            touched += len(some)
        found[term] = Term(count, some)
    return [found[term] for term in terms], touched


def _frequency(db: SqlConnection, term: str) -> int:
    """In how many events a term is."""
    row = db.execute("SELECT events FROM word_counts WHERE term = ?", (term,)).fetchone()
    return row[0] if row else 0
