"""The tables of words, FTS5 or else FTS4: which events and pages hold a term.

Terms come folded (formats.words), and no engine's Unicode gets at them: its tokenizer knows ASCII
only, and takes every other character for a letter.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..rows.word_counts import MOST
from .index_file import IndexFile

if TYPE_CHECKING:
    from ...formats.evidence import Posting
    from ...formats.words import Words

#: of a column of the table of events, with FTS5: how often its words are in the opening, and in the
#: rest. A word is in those that add up to its number.
_TIMES = {f"o{1 << n}": (1 << n, 0) for n in range(MOST[0].bit_length())} | {
    f"r{1 << n}": (0, 1 << n) for n in range(MOST[1].bit_length())
}


def tables(fts5: bool) -> str:
    """SQL that makes the tables of words, and with FTS5 their vocabularies."""
    if fts5:
        return (
            f"CREATE VIRTUAL TABLE words USING fts5({', '.join(_TIMES)}, content='', "
            "columnsize=0, detail=column, tokenize=ascii);"
            "CREATE VIRTUAL TABLE places USING fts5vocab(words, instance);"
            "CREATE VIRTUAL TABLE page_words USING fts5(opening, rest, tokenize=ascii);"
            "CREATE VIRTUAL TABLE page_places USING fts5vocab(page_words, instance)"
        )
    return (
        "CREATE VIRTUAL TABLE words USING fts4(opening, rest, tokenize=simple);"
        "CREATE VIRTUAL TABLE page_words USING fts4(opening, rest, tokenize=simple)"
    )


def add(index: IndexFile, rows: Iterable[tuple[int, Words]]) -> None:
    """Put events in."""
    if index.fts5:
        marks = ", ".join("?" * (1 + len(_TIMES)))
        sql = f"INSERT INTO words (rowid, {', '.join(_TIMES)}) VALUES ({marks})"
        index.db.executemany(sql, map(_row, rows))
    else:
        _add(index.db, "words", rows)


def add_pages(index: IndexFile, rows: Iterable[tuple[int, Words]]) -> None:
    _add(index.db, "page_words", rows)


def remove_page(index: IndexFile, id: int) -> None:
    index.db.execute("DELETE FROM page_words WHERE rowid = ?", (id,))


def _add(db: sqlite3.Connection, table: str, rows: Iterable[tuple[int, Words]]) -> None:
    texts = ((id, " ".join(of.opening), " ".join([*of.rest, *of.common])) for id, of in rows)
    db.executemany(f"INSERT INTO {table} (rowid, opening, rest) VALUES (?, ?, ?)", texts)


def _row(item: tuple[int, Words]) -> tuple[int | str, ...]:
    id, words = item
    columns = {name: list[str]() for name in _TIMES}
    both = ("o", words.opening, MOST[0]), ("r", [*words.rest, *words.common], MOST[1])
    for kind, terms, most in both:
        for term, times in Counter(terms).items():
            left = min(times, most)
            while left:  # its bits, from the least on
                columns[f"{kind}{left & -left}"].append(term)
                left &= left - 1
    return id, *map(" ".join, columns.values())


def remove(index: IndexFile, rows: Iterable[tuple[int, Words]]) -> None:
    """Take events out; FTS5 without content has to be told what was in them."""
    if index.fts5:
        marks = ", ".join("?" * (1 + len(_TIMES)))
        sql = f"INSERT INTO words (words, rowid, {', '.join(_TIMES)}) VALUES ('delete', {marks})"
        index.db.executemany(sql, map(_row, rows))
    else:
        index.db.executemany("DELETE FROM words WHERE rowid = ?", ((id,) for id, _ in rows))


def postings(index: IndexFile, term: str) -> list[Posting]:
    """The events that hold a term, by ascending id."""
    if not index.fts5:
        found = _postings_fts4(index.db, term, "words")
        return [
            one._replace(opening=min(one.opening, MOST[0]), rest=min(one.rest, MOST[1]))
            for one in found
        ]
    rows = index.db.execute("SELECT doc, col FROM places WHERE term = ?", (term,))
    return _gathered((id, _TIMES[column]) for id, column in rows)


def newest(index: IndexFile, term: str, count: int) -> list[Posting]:
    """Those with the greatest ids, so many of more. The others are not read."""
    if not index.fts5:
        return postings(index, term)[-count:]
    sql = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
    (least,) = index.db.execute(sql, (f'"{term}"', count - 1)).fetchone()
    sql = "SELECT rowid FROM words WHERE words MATCH ? AND rowid >= ?"
    found: list[tuple[int, tuple[int, int]]] = []
    for column, times in _TIMES.items():
        rows = index.db.execute(sql, (f'{column} : "{term}"', least))
        found += [(id, times) for (id,) in rows]
    return _gathered(sorted(found))


def _gathered(rows: Iterable[tuple[int, tuple[int, int]]]) -> list[Posting]:
    """One of each event; its rows come one after another."""
    from ...formats.evidence import Posting

    found: list[Posting] = []
    last = None
    for id, (opening, rest) in rows:
        if id == last:
            _, before, after = found[-1]
            found[-1] = Posting(id, before + opening, after + rest)
        else:
            found.append(Posting(id, opening, rest))
            last = id
    return found


def page_postings(index: IndexFile, term: str) -> list[Posting]:
    """The pages that hold a term, by ascending id."""
    if not index.fts5:
        return _postings_fts4(index.db, term, "page_words")
    rows = index.db.execute("SELECT doc, col FROM page_places WHERE term = ?", (term,))
    return _gathered((id, (column == "opening", column != "opening")) for id, column in rows)


def _postings_fts4(db: sqlite3.Connection, term: str, table: str) -> list[Posting]:
    from sqlite_fts4 import decode_matchinfo

    from ...formats.evidence import Posting

    sql = f"SELECT rowid, matchinfo({table}, 'x') FROM {table} WHERE {table} MATCH ? ORDER BY rowid"
    rows = db.execute(sql, (f'"{term}"',))
    # 'x': per column, hits in this row come first of three
    return [Posting(id, *decode_matchinfo(info)[0::3][:2]) for id, info in rows]


def page_texts(index: IndexFile) -> str:
    return (
        "SELECT path, line, opening, rest "
        "FROM page_words LEFT JOIN pages ON pages.id = page_words.rowid"
    )


def totals(index: IndexFile) -> str:
    """A query of each term of events, in how many it is, and how often."""
    if index.fts5:
        return "SELECT term, count(DISTINCT doc), count(*) FROM places GROUP BY term"
    index.db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.totals USING fts4aux(main, words)")
    return "SELECT term, documents, occurrences FROM totals WHERE col = '*'"


def purge(index: IndexFile, table: str) -> None:
    """Words that are only marked as deleted go, and so does what a journal holds."""
    with index.writing() as db:
        db.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # FTS4 knows it, too
    if index.db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        index.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
