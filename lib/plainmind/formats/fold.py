"""The fold: what the spellings of a word have in common, whatever writes it. Pure.

Compatibility forms, case, the marks of Latin, Greek, Cyrillic, Arabic and Hebrew, and what nobody
sees are folded away. Letters that do not decompose are mapped as ASCII folding does (Lucene's
ASCIIFoldingFilter), Arabic ones as its normalisers for Arabic and Persian do. All other scripts
keep their vowel signs.

The answer is the same on every Python: a character that Unicode 14, the oldest that one of them
knows, had not assigned is a word of its own, named by its number; what Unicode says of the others
is held stable (https://www.unicode.org/policies/stability_policy.html).
"""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

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

#: lengths of the runs of code points that Unicode 14 has assigned, and has not, by turns
_RUNS = (
    "eNpVVEtoXVUUZe2zz/fed29e8pL38l7eJyWfNl/TtEmaRklpGlOsRam2BqUUbC3owElmYpEidmAtiqJQsQ4sDv1M2mZg"
    "kaJ2UAUHtShUqSI4UXEkFUTd54WK3nvPPZ999tr7rLv2vW3IsAVQwksKQ7SVFGZdjU1yhrBAx7KdNEU5+ghIdBNkfgYc"
    "EfVAnBSTlzE7MEFTr/ga3rBRvMVJy1wpWAZsMSh4KGzYNQUZK0LOlFor4zu40RZxlVVt3M5AMALCshkgJYAqZR1XxICs"
    "WxfEu4wOiuhsKaISU7A97fUQ8TYshsQngArRYxox3w6qSt+pKpIbyMo2I1GcCaTSea4PxpgaFXmXScvbUCBurWCAhzGA"
    "HIXBz9o76I+IHalk2iKt/99Zjh3y3k0tVTUHJYW3tFq1Pb7iS2lMg9LDFEwwVbNqR/VyaCLllKFGSCdjXDWJuod2oU6J"
    "7MmoOXW/msSaW1C5WrCjlLhR/ToL6pA0h42rSdsls4wMuihyfgwp1VBQ/Xl/fhr8hu5Nul/LqIVvSY+3k5+zlFW8xf/v"
    "E5uqWE1voJryIg7ScT2Kw3goncQvP0LN+ptUugR3TeiNDFR2qmDm3LJLzVrSUPuRcD9mfSZ8Ha/0BREamXaEBT4hBz5/"
    "KC3zFP+6RE8O2VTrKiK7UTfPdnykaMaiNWKm0QVmjVOyjMtQbRD5/gITNKWoil0URNmmZ7TicfWIHBKTEydRV1N5Hw/4"
    "hh7VDQxyNnIOEnSAB3iz25akQk8UWrLR775Ivie4isEI/B4RCcZEZ6AyVpy/S0LoflXTWJzjEm2VmZPPVifFwXq72Brm"
    "1M+oOtV01XJqH9g7O12YthMuvEtNAVRE+ze7kZ7qUF+p7PdLUkuiwF4bzHZ0umF/BKWkE2O72mKRfBKzUwfD/y0HhFgO"
    "UezaikT1i3gMurEiETBDQ5v2JMEUuuZNmKlRzuV1LBw9kDqh0olzQ+ow9WHZ0QQltRV3oLD3lJTDOLJQVy2JkO2NMcZU"
    "JN+7YIz0g9KMDReo9yKQby28aZ94Gjr5BJ+XHi+87+CvNq/y+u51tk0EfhDBNMiE5RAk327d9YF+9Nh9vMMWF3VC2e1J"
    "d8OP+J/2cPs079C4KrI7rZ7vfEoXlLeB3M2BCSr7tYXfEYbpCrqXz6KUHvK9p/Aw7o0/kvibQSoMWeySYnLS9wlbIhnR"
    "wnWi80SXda6Rf+ma34uxSG3ivsK4EgEyfUzN4rzGLREgR8XgU1DHln0splfM0r67r8hyLYpMniDjWOgbHWKJttfvXHEW"
    "j8LtDQFFrSSR4jY6Q2N8NM2l4HMMhvcwVy+MsZfKMmfxtdUdqqDW0lUrxZ2nPCdUb3YNEcd1SjPSSivr6yrRJgTjnPWv"
    "ArOD4QV36wtqrbfsd6CT49mH829XzvEPybWhC9+MonHkOfyGl/9Uf/2tKLZ/AN/aj/8="
)


def fold(text: str) -> str:
    """The letters of a text, in small ones; what is not of a word or a name is a space."""
    marked = mark_ascii(text) if text.isascii() else mark(text)
    return marked.translate(_UNMARK)


_UNMARK = {ord(mark): None for mark in (PART, SIGN)}


def mark(text: str) -> str:
    """The same with PART between the parts of a name, and SIGN on both sides of a sign."""
    text = unicodedata.normalize("NFKC", text.translate(_young)).translate(_plain)
    if _APOSTROPHE in text:
        text = re.sub("(?<=[^\0-\x7f])\x05(?=[^\0-\x7f])", PART, text).replace(_APOSTROPHE, " ")
    if _NON_JOINER in text or _JOINER in text or SIGN in text:
        text = _join(text)
    cuts = [match.start() for match in _CAMEL.finditer(text.translate(_shape))]
    if cuts:
        text = PART.join(map(text.__getitem__, map(slice, [0, *cuts], [*cuts, None])))
    return unicodedata.normalize("NFC", text.casefold())


def mark_ascii(text: str) -> str:
    """`mark` of a text in ASCII alone."""
    return _CAMEL.sub(PART, _OTHER.sub(" ", text)).lower()


_OTHER = re.compile("[^A-Za-z0-9#+._-]")
#: where getUserByEmail and HTTPServer have parts; PDFs has none
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[a-z][0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


def _join(text: str) -> str:
    """Signs that make one: with a skin, of two letters, with joiners; Persian's parts of words."""
    text = re.sub("(?<=[\u0600-\u08ff])\x03(?=[\u0600-\u08ff])", PART, text)
    text = re.sub("(?<=\x02)\x02[\U0001f3fb-\U0001f3ff]\x02", "", text)
    text = re.sub(f"\x02([{_REGION}])\x02\x02([{_REGION}])\x02", rf"{SIGN}\1\2{SIGN}", text)
    text = re.sub(f"{_BLACK_FLAG}\x02([{_TAG}]+)", rf"{_BLACK_FLAG}{PART}\1{SIGN}", text)
    text = text.replace("\x02\x04\x02", PART)
    text = re.sub(r"(\x02[^\x02]+\x02)\1+", r"\1", text)
    return re.sub(f"[\x03\x04]|(?<![{_TAG}{PART}])[{_TAG}]+", "", text)


class _Young(dict):
    def __missing__(self, code: int) -> int | str:
        young = code >= 0x370 and bisect_right(_runs(), code) % 2
        self[code] = answer = f" u{code:x} " if young else code
        return answer


@lru_cache(1)
def _runs() -> list[int]:
    """Where each run starts, in turns assigned and not."""
    import binascii
    import zlib

    starts, at, length, shift = [], 0, 0, 0
    for byte in zlib.decompress(binascii.a2b_base64(_RUNS)):
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            at, length, shift = at + length, 0, 0
            starts.append(at)
    return starts


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


_young, _plain, _shape = _Young(), _Plain(), _Shape()


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
    if kind == "Co" or kind[0] == "S" and char > "\x7f" and char != "\u2044":
        return f"{SIGN}{char}{SIGN}"
    if char in _APOSTROPHES:
        return _APOSTROPHE
    if kind[0] in "ZCPS":
        return " "
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    return unicodedata.normalize("NFC", "".join(map(_letter, unicodedata.normalize("NFD", char))))


def _letter(char: str) -> str:
    small = char.lower()
    if small in _LETTERS:
        found = _LETTERS[small]
        return found if char == small else found.title()
    return "" if _MARKS.match(char) else char
