"""Words: how text becomes index terms, and which turns hold a term.

Owns the tokens, the stop words and the `words` table (FTS5, or FTS4 where SQLite has none).
Refuses to know how terms are weighed (recall.rank).
"""

import re
import sqlite3
import unicodedata
from typing import Iterable, NamedTuple

HEAD = 30  # words of a turn that count as evidence for its neighbours

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# scripts that write no spaces: each character is a word
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_ELISION = re.compile(r"['’](?:s|re|ve|ll|d|m|t)$")

#: too frequent to tell turns apart; compared before stemming
STOPWORDS = frozenset(
    """a about above after again against all also am an and any are aren as at be because been before being below between both
    but by can cannot could couldn did didn do does doesn doing don down during each else ever few for from further get got had
    hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself just let like
    ll me might more most much must mustn my myself no nor not now of off on once one only or other our ours ourselves out over
    own really same shall she should shouldn so some such than that the their theirs them themselves then there these they this
    those through to too under until up us very was wasn we well were weren what when where which while who whom whose why will
    with won would wouldn yes yet you your yours yourself yourselves""".split()
)


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
    def count(self) -> int:
        return len(self.head) + len(self.rest)


def fold(text: str) -> str:
    """Lower case, compatibility forms and accents folded away."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        text = _UNSPACED.sub(r" \1 ", text)
    return text.lower()


def tokens(text: str) -> list[str]:
    """The words of a text as written, folded."""
    return _TOKEN.findall(fold(text))


def words(author: str, content: str) -> Words:
    """Index terms of a turn; its author's name counts among its first words."""
    named = tokens(content)
    return Words(stems(tokens(author) + named[:HEAD]), stems(named[HEAD:]))


def stems(tokens: Iterable[str]) -> list[str]:
    bare = [_ELISION.sub("", t) if "'" in t or "’" in t else t for t in tokens]
    return _stemmer().stemWords([t for t in bare if t not in STOPWORDS and len(t) < 64])


_made = None


def _stemmer():
    global _made
    if _made is None:
        import Stemmer

        _made = Stemmer.Stemmer("english")
    return _made


def table(fts5: bool) -> str:
    """SQL that makes the table of words, and with FTS5 its vocabulary."""
    if fts5:
        return (
            "CREATE VIRTUAL TABLE words USING fts5(head, rest, content='', "
            "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* Co'\");"
            "CREATE VIRTUAL TABLE places USING fts5vocab(words, instance)"
        )
    return "CREATE VIRTUAL TABLE words USING fts4(head, rest, tokenize=unicode61 'remove_diacritics=0')"


def add(db: sqlite3.Connection, rows: Iterable[tuple[int, Words]]) -> None:
    db.executemany(
        "INSERT INTO words (rowid, head, rest) VALUES (?, ?, ?)", ((turn, " ".join(w.head), " ".join(w.rest)) for turn, w in rows)
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
        sql, given = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)", _quoted(term)
    return db.execute(sql, (given, limit)).fetchone()[0]


def postings(db: sqlite3.Connection, term: str, fts5: bool) -> list[Posting]:
    """The turns that hold a term, by ascending id."""
    if not fts5:
        return _postings_fts4(db, term)
    counts: dict[int, list[int]] = {}
    for turn, column in db.execute("SELECT doc, col FROM places WHERE term = ?", (term,)):
        pair = counts.get(turn)
        if pair is None:
            counts[turn] = pair = [0, 0]
        pair[column != "head"] += 1
    return [Posting(turn, head, rest) for turn, (head, rest) in counts.items()]


def _postings_fts4(db: sqlite3.Connection, term: str) -> list[Posting]:
    from sqlite_fts4 import decode_matchinfo

    found = []
    for turn, info in db.execute("SELECT rowid, matchinfo(words, 'x') FROM words WHERE words MATCH ? ORDER BY rowid", (_quoted(term),)):
        head, rest = decode_matchinfo(info)[0::3][:2]  # 'x': per column, hits in this row come first of three
        found.append(Posting(turn, head, rest))
    return found


def _quoted(term: str) -> str:
    return f'"{term}"'
