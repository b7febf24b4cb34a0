"""The fold: what the spellings of a word have in common, whatever writes it. Pure.

Compatibility forms, case, the marks of Latin, Greek, Cyrillic, Arabic and Hebrew, and what nobody
sees are folded away. Letters that do not decompose are mapped as ASCII folding does (Lucene's
ASCIIFoldingFilter), Arabic ones as its normalisers for Arabic and Persian do. All other scripts
keep their vowel signs. What this Python's Unicode does not know is a word of its own.
"""

import re
import unicodedata

from .normal_form import to_form

#: stand between the parts of one name, and around a sign that is a word of its own
PART, SIGN = "\x01", "\x02"
_NON_JOINER, _JOINER, _APOSTROPHE = "\x03", "\x04", "\x05"

_LETTERS = {
    "\u0345": "ι", "ß": "ss", "ẞ": "SS", "ı": "i", "ĸ": "k",
    **dict(zip("łøđðħŧŋæœþƀɓƈɖɗəɛɔɠɣǥɨɩƙƚɫɲƥɍʉʋƴɏƶⱥȼɇɉⱦ", (
        "l o d d h t n ae oe th b b c d d e e o g g g i i k l l n p r u v y y z a c e j t"
    ).split(), strict=True)),
    # kaf, yeh, heh and alef as Persian, Urdu and Uyghur write them
    **dict(zip("کڪیىےہھەةٱ", "ككيييهههها", strict=True)),
}  # fmt: skip
# of Latin, Greek, Cyrillic, Hebrew and Arabic, and for symbols
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0898-\u089f\u08ca-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ua66f-\ua67d"
    "\ua69e\ua69f\ufe20-\ufe2f]"
)
# tatweel, fillers and selectors, which are letters and marks to Unicode
_UNSEEN = re.compile(
    "[\u0640\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# some of them letters to Unicode; п'ять and צה"ל are written with any of them
_APOSTROPHES = "'\"’״׳ʹʺʻʼʽʾʿˈ"
_REGION = "\U0001f1e6-\U0001f1ff"
_BLACK_FLAG, _TAG = "\U0001f3f4", "\U000e0020-\U000e007e"


def fold(text: str) -> str:
    """The letters of a text, in small ones; what is not of a word or a name is a space."""
    marked = mark_ascii(text) if text.isascii() else mark(text)
    return marked.translate(_UNMARK)


_UNMARK = {ord(mark): None for mark in (PART, SIGN)}


def mark(text: str) -> str:
    """The same with PART between the parts of a name, and SIGN on both sides of a sign."""
    text = _WIDE.sub(_spread, to_form("NFKC", text)).translate(_plain)
    if _APOSTROPHE in text:
        text = re.sub("(?<=[^\0-\x7f])\x05(?=[^\0-\x7f])", PART, text).replace(_APOSTROPHE, " ")
    if _NON_JOINER in text or _JOINER in text or SIGN in text:
        text = _join(text)
    cuts = [match.start() for match in _CAMEL.finditer(text.translate(_shape))]
    if cuts:
        text = PART.join(map(text.__getitem__, map(slice, [0, *cuts], [*cuts, None])))
    return to_form("NFC", text.casefold())


def mark_ascii(text: str) -> str:
    """`mark` of a text in ASCII alone."""
    return _CAMEL.sub(PART, _OTHER.sub(" ", text)).lower()


_OTHER = re.compile("[^A-Za-z0-9#+._-]")
#: where getUserByEmail and HTTPServer have parts; PDFs has none
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[a-z][0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


#: one letter, which becomes two
_WIDE = re.compile("[ßẞÆŒÞ]")


def _spread(match: re.Match[str]) -> str:
    """Two capitals among capitals, as STRAßE and ÆRØ have no parts."""
    text, at, char = match.string, match.start(), match[0]
    before, after = text[at - 1 : at].isupper(), text[at + 1 : at + 2]
    among = after.isupper() or before and not after.islower()
    return _LETTERS[char.lower()].upper() if among and (before or char != "ß") else char


def _join(text: str) -> str:
    """Signs that make one: with a skin, of two letters, with joiners; Persian's parts of words."""
    text = re.sub("(?<=[\u0600-\u08ff])\x03(?=[\u0600-\u08ff])", PART, text)
    text = re.sub("(?<=\x02)\x02[\U0001f3fb-\U0001f3ff]\x02", "", text)
    text = re.sub(f"\x02([{_REGION}])\x02\x02([{_REGION}])\x02", rf"{SIGN}\1\2{SIGN}", text)
    text = re.sub(f"{_BLACK_FLAG}\x02([{_TAG}]+)", rf"{_BLACK_FLAG}{PART}\1{SIGN}", text)
    text = text.replace("\x02\x04\x02", PART)
    text = re.sub(r"(\x02[^\x02]+\x02)\1+", r"\1", text)
    return re.sub(f"[\x03\x04]|(?<![{_TAG}{PART}])[{_TAG}]+", "", text)


class _Plain(dict):
    def __missing__(self, code: int) -> str:
        self[code] = answer = _fold_one(chr(code))
        return answer


class _Shape(dict):
    """A letter like A, a, or another character."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = answer = "A" if char.isupper() else "a" if char.islower() else char
        return answer


_plain, _shape = _Plain(), _Shape()


def _fold_one(char: str) -> str:
    """A character of a text in NFKC, in its own case."""
    kind = unicodedata.category(char)
    if char in "+#.-_":
        return char
    if char == "\u2010":
        return "-"
    if char in "\u200c\u200d":
        return _NON_JOINER if char == "\u200c" else _JOINER
    if _UNSEEN.match(char) or kind == "Cf":
        return char if re.match(f"[{_TAG}]", char) else ""
    if kind in ("Cn", "Co") or kind[0] == "S" and char > "\x7f" and char != "\u2044":
        return f"{SIGN}{char}{SIGN}"
    if char in _APOSTROPHES:
        return _APOSTROPHE
    if kind[0] in "ZCPS":
        return " "
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    return to_form("NFC", "".join(map(_letter, to_form("NFD", char))))


def _letter(char: str) -> str:
    small = char.lower()
    if small in _LETTERS:
        found = _LETTERS[small]
        return found if char == small else found.title()
    return "" if _MARKS.match(char) else char
