"""Words: how text becomes index terms, and which turns hold a term.

Owns the tokens, the stop words and the tables of words (FTS5, or FTS4 where SQLite has none).
Refuses to know how terms are weighed (recall.rank).
"""

import re
import sqlite3
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

HEAD = 30  # words of a turn that count as evidence for its neighbours

_TOKEN = re.compile(r"[^\W_]+")
# scripts that write no spaces: each character is a word
_SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_UNSPACED = re.compile(f"([{_SCRIPTS}])")
# some tokens of a model: a word, or as much of a longer one, or of what is written without spaces
_PIECE = re.compile(rf"[{_SCRIPTS}]{{1,4}}|[^\s{_SCRIPTS}]{{1,32}}")

#: too frequent to tell turns apart; compared before stemming
STOPWORDS = frozenset(
    """a about all also am an and any are as at be been being but by can could d did do does doing for from get got had has have
    having he her hers him his how i if in into is it its just ll m me might more most much my no not of on or our out over re s
    she should so some such t than that the their them then there these they this those to too under up us ve very was we were
    what when where which who whom whose why will with would you your""".split()
)


_VOCABULARY = {"words": "places", "page_words": "page_places"}


class Posting(NamedTuple):
    """A term in a turn: how often in its first HEAD words, and in the rest."""

    turn: int
    head: int
    rest: int


class Words(NamedTuple):
    """A text's index terms, in order, stop words left out."""

    head: list[str]
    rest: list[str]

    @property
    def length(self) -> int:
        return len(self.head) + len(self.rest)


def fold(text: str) -> str:
    """Lower case, compatibility forms and accents folded away."""
    if not text.isascii():
        text = "".join(
            c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
        )
        text = _UNSPACED.sub(r" \1 ", text)
    return text.lower()


def tokens(text: str) -> list[str]:
    """The words of a text as written, folded."""
    return _TOKEN.findall(fold(text))


def pieces(line: str) -> list[tuple[int, int]]:
    """Where the words of a line are, long ones and those of scripts without spaces cut small."""
    return [match.span() for match in _PIECE.finditer(line)]


def words(author: str, content: str) -> Words:
    """Index terms of a turn; its author's name counts among its first words."""
    named = tokens(content)
    return Words(stems(tokens(author) + named[:HEAD]), stems(named[HEAD:]))


def stems(tokens: Iterable[str]) -> list[str]:
    return _stemmer().stemWords(
        [token for token in tokens if token not in STOPWORDS and len(token) < 64]
    )


_made = None


def _stemmer():
    global _made
    if _made is None:
        import Stemmer

        _made = Stemmer.Stemmer("english")
    return _made


def tables(fts5: bool) -> str:
    """SQL that makes the tables of words, of turns and of pages, and with FTS5 their vocabularies."""
    if fts5:
        tokens = "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* Co'\""
        return (
            f"CREATE VIRTUAL TABLE words USING fts5(head, rest, content='', {tokens});"
            "CREATE VIRTUAL TABLE places USING fts5vocab(words, instance);"
            f"CREATE VIRTUAL TABLE page_words USING fts5(head, rest, {tokens});"
            "CREATE VIRTUAL TABLE page_places USING fts5vocab(page_words, instance)"
        )
    tokens = "tokenize=unicode61 'remove_diacritics=0'"
    return f"CREATE VIRTUAL TABLE words USING fts4(head, rest, {tokens}); CREATE VIRTUAL TABLE page_words USING fts4(head, rest, {tokens})"


def add(db: sqlite3.Connection, rows: Iterable[tuple[int, Words]]) -> None:
    db.executemany(
        "INSERT INTO words (rowid, head, rest) VALUES (?, ?, ?)",
        ((turn, " ".join(w.head), " ".join(w.rest)) for turn, w in rows),
    )


def remove(db: sqlite3.Connection, rows: Iterable[tuple[int, Words]], fts5: bool) -> None:
    """Take rows out; FTS5 without content has to be told what was in them."""
    if fts5:
        db.executemany(
            "INSERT INTO words (words, rowid, head, rest) VALUES ('delete', ?, ?, ?)",
            ((turn, " ".join(w.head), " ".join(w.rest)) for turn, w in rows),
        )
    else:
        db.executemany("DELETE FROM words WHERE rowid = ?", ((turn,) for turn, _ in rows))


def frequency(db: sqlite3.Connection, term: str, fts5: bool, limit: int) -> int:
    """How often a term occurs, counted up to `limit`."""
    if fts5:
        sql, given = "SELECT count(*) FROM (SELECT 1 FROM places WHERE term = ? LIMIT ?)", term
    else:
        sql, given = (
            "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)",
            _quoted(term),
        )
    return db.execute(sql, (given, limit)).fetchone()[0]


def postings(db: sqlite3.Connection, term: str, fts5: bool, table: str = "words") -> list[Posting]:
    """The turns (or, of `page_words`, the pages) that hold a term, by ascending id."""
    if not fts5:
        return _postings_fts4(db, term, table)
    counts: dict[int, list[int]] = {}
    for turn, column in db.execute(
        f"SELECT doc, col FROM {_VOCABULARY[table]} WHERE term = ?", (term,)
    ):
        pair = counts.get(turn)
        if pair is None:
            counts[turn] = pair = [0, 0]
        pair[column != "head"] += 1
    return [Posting(turn, head, rest) for turn, (head, rest) in counts.items()]


def _postings_fts4(db: sqlite3.Connection, term: str, table: str) -> list[Posting]:
    from sqlite_fts4 import decode_matchinfo

    found = []
    for turn, info in db.execute(
        f"SELECT rowid, matchinfo({table}, 'x') FROM {table} WHERE {table} MATCH ? ORDER BY rowid",
        (_quoted(term),),
    ):
        head, rest = decode_matchinfo(info)[0::3][
            :2
        ]  # 'x': per column, hits in this row come first of three
        found.append(Posting(turn, head, rest))
    return found


def _quoted(term: str) -> str:
    return f'"{term}"'
