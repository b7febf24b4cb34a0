"""The tables of words, FTS5 or else FTS4: which events and pages hold a term.

Terms come folded (formats.words), and no engine's Unicode gets at them: its tokenizer knows ASCII
only, and takes every other character for a letter.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from ...formats.evidence import Posting, Term
from ...formats.words import Words
from .index_file import IndexFile

#: places of words that one question may touch: rare words first, the most frequent are left out
POSTINGS = 8000
_VOCABULARY = {"words": "places", "page_words": "page_places"}


def tables(fts5: bool) -> str:
    """SQL that makes the tables of words, and with FTS5 their vocabularies."""
    if fts5:
        return (
            "CREATE VIRTUAL TABLE words USING fts5(opening, rest, content='', tokenize=ascii);"
            "CREATE VIRTUAL TABLE places USING fts5vocab(words, instance);"
            "CREATE VIRTUAL TABLE page_words USING fts5(opening, rest, tokenize=ascii);"
            "CREATE VIRTUAL TABLE page_places USING fts5vocab(page_words, instance)"
        )
    return (
        "CREATE VIRTUAL TABLE words USING fts4(opening, rest, tokenize=simple);"
        "CREATE VIRTUAL TABLE page_words USING fts4(opening, rest, tokenize=simple)"
    )


def add(db: sqlite3.Connection, rows: Iterable[tuple[int, Words]], table: str = "words") -> None:
    db.executemany(f"INSERT INTO {table} (rowid, opening, rest) VALUES (?, ?, ?)", map(_row, rows))


def _row(item: tuple[int, Words]) -> tuple[int, str, str]:
    id, words = item
    return id, " ".join(words.opening), " ".join([*words.rest, *words.common])


def remove(db: sqlite3.Connection, rows: Iterable[tuple[int, Words]], fts5: bool) -> None:
    """Take events out; FTS5 without content has to be told what was in them."""
    if fts5:
        sql = "INSERT INTO words (words, rowid, opening, rest) VALUES ('delete', ?, ?, ?)"
        db.executemany(sql, map(_row, rows))
    else:
        db.executemany("DELETE FROM words WHERE rowid = ?", ((id,) for id, _ in rows))


def places(db: sqlite3.Connection, terms: Sequence[str], fts5: bool) -> tuple[list[Term], int]:
    """Where the terms are, rare ones first, within the bound; and how many places that took."""
    counted = sorted((frequency(db, term, fts5, POSTINGS + 1), term) for term in terms)
    found, touched = [], 0
    for count, term in counted:
        some: list[Posting] = []
        # the rarest word is always looked up, if need be only its newest places
        if count and (touched + count <= POSTINGS or not touched):
            some = postings(db, term, fts5)[-POSTINGS:]
            touched += count
        found.append(Term(len(some) or count, some))
    return found, touched


def frequency(db: sqlite3.Connection, term: str, fts5: bool, limit: int) -> int:
    """How often a term occurs in events, counted up to `limit`."""
    rows, asked = (
        ("places WHERE term =", term) if fts5 else ("words WHERE words MATCH", f'"{term}"')
    )
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {rows} ? LIMIT ?)"
    return db.execute(sql, (asked, limit)).fetchone()[0]


def postings(db: sqlite3.Connection, term: str, fts5: bool, table: str = "words") -> list[Posting]:
    """The events (or, of `page_words`, the pages) that hold a term, by ascending id."""
    if not fts5:
        return _postings_fts4(db, term, table)
    counts: dict[int, list[int]] = {}
    sql = f"SELECT doc, col FROM {_VOCABULARY[table]} WHERE term = ?"
    for id, column in db.execute(sql, (term,)):
        pair = counts.get(id)
        if pair is None:
            counts[id] = pair = [0, 0]
        pair[column != "opening"] += 1
    return [Posting(id, opening, rest) for id, (opening, rest) in counts.items()]


def _postings_fts4(db: sqlite3.Connection, term: str, table: str) -> list[Posting]:
    from sqlite_fts4 import decode_matchinfo

    sql = f"SELECT rowid, matchinfo({table}, 'x') FROM {table} WHERE {table} MATCH ? ORDER BY rowid"
    rows = db.execute(sql, (f'"{term}"',))
    # 'x': per column, hits in this row come first of three
    return [Posting(id, *decode_matchinfo(info)[0::3][:2]) for id, info in rows]


def totals(db: sqlite3.Connection, fts5: bool) -> str:
    """A query of each term of events, in how many it is, and how often."""
    if fts5:
        return "SELECT term, count(DISTINCT doc), count(*) FROM places GROUP BY term"
    db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.totals USING fts4aux(main, words)")
    return "SELECT term, documents, occurrences FROM totals WHERE col = '*'"


def purge(index: IndexFile, table: str) -> None:
    """Words that are only marked as deleted go, and so does what a journal holds."""
    with index.writing() as db:
        db.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # FTS4 knows it, too
    if index.db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        index.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
