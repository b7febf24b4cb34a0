"""Words: how a text becomes index terms. Pure.

Owns the tokens, the stop words and what the opening of an event is. Refuses to know how terms are
kept (index) and how they are weighed (recall).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

OPENING = 30  # first words of an event, which count as evidence for its neighbours

_TOKEN = re.compile(r"[^\W_]+")
# scripts that write no spaces: each character is a word
_SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_UNSPACED = re.compile(f"([{_SCRIPTS}])")
# some tokens of a model: a word, or as much of a longer one, or of what is written without spaces
_PIECE = re.compile(rf"[{_SCRIPTS}]{{1,4}}|[^\s{_SCRIPTS}]{{1,32}}")

#: too frequent to tell events apart; compared before stemming
STOPWORDS = frozenset(
    """a about all also am an and any are as at be been being but by can could d did do does doing
    for from get got had has have having he her hers him his how i if in into is it its just ll m me
    might more most much my no not of on or our out over re s she should so some such t than that
    the their them then there these they this those to too under up us ve very was we were what when
    where which who whom whose why will with would you your""".split()
)


class Words(NamedTuple):
    """A text's index terms, in order, stop words left out."""

    opening: list[str]
    rest: list[str]

    @property
    def length(self) -> int:
        return len(self.opening) + len(self.rest)


def fold(text: str) -> str:
    """Lower case, compatibility forms and accents folded away."""
    if not text.isascii():
        letters = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in letters if not unicodedata.combining(c))
        text = _UNSPACED.sub(r" \1 ", text)
    return text.lower()


def tokens(text: str) -> list[str]:
    """The words of a text as written, folded."""
    return _TOKEN.findall(fold(text))


def pieces(line: str) -> list[tuple[int, int]]:
    """Where the words of a line are, long ones and those of scripts without spaces cut small."""
    return [match.span() for match in _PIECE.finditer(line)]


def terms(text: str) -> list[str]:
    """Index terms of a text, in order."""
    return stems(tokens(text))


def of_event(author: str, content: str) -> Words:
    """Index terms of an event; its author's name counts among its first words."""
    words = tokens(content)
    return Words(stems(tokens(author) + words[:OPENING]), stems(words[OPENING:]))


def of_page(title: str, name: str, tags: Iterable[str], body: str) -> Words:
    """Index terms of a page: its title, name and tags, and its body."""
    return Words(terms(" ".join([title, name, *tags])), terms(body))


def stems(tokens: Iterable[str]) -> list[str]:
    kept = [token for token in tokens if token not in STOPWORDS and len(token) < 64]
    return _stemmer().stemWords(kept)


@lru_cache(1)
def _stemmer():
    import Stemmer

    return Stemmer.Stemmer("english")
