"""Text for a drawing: what of it can be shown, how wide that will be in a font nobody knows yet,
and where it is clipped.

Owns which characters a picture may hold. Refuses to know the picture. Pure.
"""

import re
import unicodedata
from xml.sax.saxutils import escape

_NARROW = frozenset("iljtfrI.,:;'|!()[]{}/\\ -`\"")
_WIDE = frozenset("mwMWQO@%&—…")
_JOINERS = frozenset("\u200c\u200d")
_DROPPED = ("Cc", "Cf")  # marks that turn text around are among Cf
_NO_TEXT = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def make_printable(text: str) -> str:
    """One line of it, without what nobody sees or turns text around; no character: U+FFFD."""
    line = " ".join(_NO_TEXT.sub("\ufffd", text).split())

    def is_kept(c: str) -> bool:
        return unicodedata.category(c) not in _DROPPED and ord(c) & 0xFFFE != 0xFFFE

    kept = "".join(c for c in line if c in _JOINERS or is_kept(c))
    return kept.strip(" \u200c\u200d") or "(no name)"


def width(text: str, size: float) -> float:
    """Pixels at a font size, as in the widest of the usual sans-serif fonts (DejaVu, Verdana)."""
    return sum(map(_em, text)) * size


def clip(text: str, ems: float) -> str:
    """The text, or as much of it as goes into so many ems, and `…`; never half a character."""
    if width(text, 1) <= ems:
        return text
    at = 0
    while (ems := ems - _em(text[at])) >= 1:
        at += 1
    while at > 0 and (
        unicodedata.category(text[at])[0] == "M" or {*text[at - 1 : at + 1]} & _JOINERS
    ):
        at -= 1
    return text[:at].rstrip() + "…"


def markup(text: str) -> str:
    """As XML, in an element or in a quoted attribute."""
    return escape(text, {'"': "&quot;"})


def _em(char: str) -> float:
    if char < "\x7f":
        wide = 0.96 if char in _WIDE else 0.73 if char.isupper() else 0.63
        return 0.4 if char in _NARROW else wide
    if unicodedata.category(char) in ("Mn", "Me") or char in _JOINERS:
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.25 if char >= "\U0001f000" else 1.02
    return 0.98 if char in _WIDE else 0.78 if char.isupper() else 0.68
