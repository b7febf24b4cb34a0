"""Words: how a text becomes index terms, the same of what is kept and of what is asked. Pure.

A term has only a-z, 0-9 and characters beyond ASCII, so that no engine reads a syntax in it or
folds it again. Owns the tokens, the stop words and what the opening of an event is. Refuses to know
how terms are kept (index), how they are weighed (recall), and what letters have in common (fold).

    Getting getUserByEmail   getting · get user by email getuserbyemail
    snake_case, node.js      snake case snakecase · node js nodejs
    C++, C#, .env            cplusplus · csharp · env dotenv
    東京へ, ข้าว                東 京 東京 京へ · ข้ า้ าว     pairs, and a Chinese character alone
    서울에서                  서 울 에 서 서울 울에 에서     the noun with any particle
    👩🏽‍💻, 🇩🇪                  👩 💻 👩💻 · 🇩🇪
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

FOLD = 2  # raised when any text gets other terms: an index of another fold is made again
OPENING = 30  # first words of an event, which count as evidence for its neighbours
LONGEST = 63  # characters of a term; of a longer one these count
PARTS = 12  # of a name in mixed case at most; base64 has more

# scripts that write no spaces, by their blocks
_SCRIPTS = (
    "\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3021-\u3029"
    "\u3031-\u3035\u3038-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff"
    "\U00011700-\U0001174f\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff\U00020000-\U0003fffd"
)
_HANGUL = "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"
_SINGLE = "\u3400"  # from here on a character of a longer stretch is a word by itself, too
_CHUNK = re.compile(r"\S+")

_TOKEN = re.compile(r"[a-z0-9]+")
# an ASCII text that has names in it; the words of others are the runs of letters and digits
_NAMES = re.compile(  # begins with one set of characters, which makes it ten times faster
    "[A-Z#+._-](?:(?<=[a-z0-9][A-Z])|(?<=[A-Z]{2})(?=[a-z]{2})|(?<=[-_.])(?=[A-Za-z0-9])"
    "|(?<=#|\\+))"
)

#: too frequent to tell events apart; compared before stemming
STOPWORDS = frozenset(
    """a about all also am an and any are as at be been being but by can could d did do does doing
    for from get got had has have having he her hers him his how i if in into is it its just ll m me
    might more most much my no not of on or our out over re s she should so some such t than that
    the their them then there these they this those to too under up us ve very was we were what when
    where which who whom whose why will with would you your""".split()
)


class Words(NamedTuple):
    """A text's index terms, in order; its stop words apart, each once. Lengths are in words: a
    sign, and what a word is found by beside itself, make no text longer."""

    opening: list[str]
    rest: list[str]
    common: list[str]
    opening_length: int
    length: int


def tokens(text: str) -> list[str]:
    """The words of a text, folded, each followed by what else it is found by."""
    return _split(text).all


def plain(text: str) -> list[str]:
    """The words alone, to compare texts by; each character of a script without spaces is one."""
    from .fold import mark, mark_ascii

    marked = mark_ascii(text) if text.isascii() else mark(text)
    return _plain_pattern().findall(marked.replace("\x01", ""))


def terms(text: str) -> list[str]:
    """Terms of a text, in order: of a question, or to compare with one's. Without stop words, as
    long as it is English and has other words."""
    found = tokens(text)
    kept = _stems(found)
    if kept and (text.isascii() or not any(c > "\x7f" and c.isalpha() for c in text)):
        return kept
    return kept + [token for token in found if token in STOPWORDS]


def of_event(author: str, content: str) -> Words:
    """Index terms of an event; its author's name counts among its first words."""
    names, said = _split(author), _split(content)
    opening = names.all + said.all[: said.cut]
    return _words(opening, said.all[said.cut :], names.words + said.opening, said.rest)


def of_page(title: str, name: str, tags: Iterable[str], body: str) -> Words:
    """Index terms of a page: its title, name and tags, and its body."""
    names, said = _split(" ".join([title, name, *tags])), _split(body)
    return _words(names.all, said.all, names.words, said.words)


def _words(opening: list[str], rest: list[str], *lengths: int) -> Words:
    common = STOPWORDS.intersection(opening) | STOPWORDS.intersection(rest)
    stems = _stems(opening), _stems(rest)
    # less the stop words; a whole may be one, such as that of i-t
    first, second = (
        max(0, length - len(found) + len(kept))
        for length, found, kept in zip(lengths, (opening, rest), stems)
    )
    return Words(*stems, sorted(common), first, first + second)


def _stems(tokens: Iterable[str]) -> list[str]:
    kept = [token[:LONGEST] for token in tokens if token not in STOPWORDS]
    return _stemmer().stemWords(kept)


@lru_cache(1)
def _stemmer():
    import Stemmer

    return Stemmer.Stemmer("english")


def fingerprint() -> str:
    """What terms depend on, beside the text."""
    import unicodedata

    import Stemmer

    known = unicodedata.unidata_version
    return f"fold {FOLD}, Unicode {known}, snowball {Stemmer.version()}"


# --- where words are


def pieces(line: str, longest: int = 32) -> list[tuple[int, int]]:
    """Where the words of a line are, longer ones and those of scripts without spaces cut small: as
    they are, some tokens of a model."""
    plain = line.isascii() or max(line) < _SCRIPTS[0]
    return [match.span() for match in _piece_pattern(longest, plain).finditer(line)]


@lru_cache(4)
def _piece_pattern(longest: int, plain: bool) -> re.Pattern:
    """`plain`: for a line without such scripts, whose expression takes a millisecond to compile."""
    if plain:
        return re.compile(rf"\S{{1,{longest}}}")
    return re.compile(rf"[{_SCRIPTS}]{{1,4}}|[^\s{_SCRIPTS}]{{1,{longest}}}")


def sightings(line: str, wanted: Sequence[str]) -> list[tuple[int, str]]:
    """Where a line, as it stands, has any of these terms: the character of the piece, and which."""
    found, asked = [], frozenset(wanted)
    spots = lru_cache(4096)(lambda chunk: _sightings_in(chunk, asked))  # words come again
    for match in _CHUNK.finditer(line):
        found += [(match.start() + at, term) for at, term in spots(match[0])]
    return found


def _sightings_in(chunk: str, asked: frozenset[str]) -> list[tuple[int, str]]:
    here = [(0, term) for term in terms(chunk) if term in asked]
    spans = pieces(chunk) if here else []
    if len(spans) < 2:
        return here
    # a term may reach over the end of a piece
    places = [
        (start, term)
        for start, end in spans
        for term in terms(chunk[start : end + 2])
        if term in asked
    ]
    return places or here


# --- tokens


class _Tokens(NamedTuple):
    """Tokens of a text, of which the first `cut` are of its opening; and the words in both."""

    all: list[str]
    cut: int
    opening: int
    rest: int

    @property
    def words(self) -> int:
        return self.opening + self.rest


def _split(text: str) -> _Tokens:
    if not text.isascii():
        from .fold import mark

        return _names(mark(text), _any_pattern())
    if _NAMES.search(text):
        from .fold import mark_ascii

        return _names(mark_ascii(text), _ascii_pattern())
    found = _TOKEN.findall(text.lower())
    cut = min(OPENING, len(found))
    return _Tokens(found, cut, cut, len(found) - cut)


def _names(text: str, pattern: re.Pattern) -> _Tokens:
    found: list[str] = []
    count, cut, opening = 0, -1, 0
    for match in pattern.finditer(text):
        if cut < 0 and count >= OPENING:
            cut, opening = len(found), count
        kind, word = match.lastgroup, match[0]
        if kind == "run":
            head = word[: OPENING - count] if cut < 0 else word
            found += _pairs(head)
            if head != word:
                cut, opening = len(found), OPENING
                found += _pairs(word[len(head) :], head[-1:])
            count += len(word)
        elif kind == "hangul":
            found += _pairs(word)
            count += 1
        elif kind == "sign":
            found += _parts(match["sign"])
        else:
            some = _name(match["dot"], match["word"], match["mark"])
            found += some
            count += 1 if len(some) == 1 else len(re.split("[-_.\x01]", match["word"]))
    if cut < 0:
        cut, opening = len(found), count
    return _Tokens(found, cut, opening, count - opening)


def _pairs(stretch: str, before: str = "") -> list[str]:
    """Overlapping pairs, and what is a word by itself."""
    whole = before + stretch
    single = stretch if len(whole) == 1 else [char for char in stretch if char >= _SINGLE]
    return [*single, *map("".join, zip(whole, whole[1:]))]


def _name(dot: str | None, word: str, mark: str | None) -> list[str]:
    """getUserByEmail, obj.snake_case, C++ or .env: parts, then wholes from small to large."""
    if not (dot or mark) and word.isalnum():
        return [word]
    found, segments = [], word.split(".")
    for segment in segments:
        chunks = re.split("[-_]", segment)
        for chunk in chunks:
            found += _parts(chunk)
        if len(chunks) > 1:
            found.append(_bare(segment))
    bare = _bare(word)
    if len(segments) > 1:
        found.append(bare)
    if mark and len(bare) == 1:
        found.clear()
    if mark:
        found.append(bare + _MARKS[mark])
    if dot:
        found.append(f"dot{bare}")
    return found


_MARKS = {"++": "plusplus", "#": "sharp"}


def _parts(name: str) -> list[str]:
    """Parts, and their whole."""
    parts, whole = name.split("\x01"), _bare(name)
    return [*parts, whole] if 1 < len(parts) <= PARTS else [whole]


def _bare(name: str) -> str:
    return re.sub("[-_.\x01]", "", name)


@lru_cache(1)
def _ascii_pattern() -> re.Pattern:
    return re.compile(_name_pattern("[a-z0-9\x01]"))


@lru_cache(1)
def _any_pattern() -> re.Pattern:
    """A name, or else a sign, or a stretch of a script without spaces."""
    others = f"\x02(?P<sign>[^\x02]+)\x02|(?P<run>[{_SCRIPTS}]+)|(?P<hangul>[{_HANGUL}]+)"
    return re.compile(_name_pattern(f"[^ #+._{_SCRIPTS}{_HANGUL}\x02-]") + f"|{others}")


@lru_cache(1)
def _plain_pattern() -> re.Pattern:
    return re.compile(f"[{_SCRIPTS}]|[^ ._{_SCRIPTS}\x02-]+")


def _name_pattern(letter: str) -> str:
    return (
        rf"(?P<dot>(?<![^ \x02])\.(?=[a-z]))?(?P<word>{letter}+(?:[-_.]{letter}+)*)"
        rf"(?P<mark>(?<=[^\W\d])(?:\+\+|#(?!{letter})))?"
    )
