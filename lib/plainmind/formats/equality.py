"""When two texts are equal but for case, space and punctuation. Pure.

Not coarser than the fold that index and query go through (formats.words): where that makes terms of
what is punctuation elsewhere, as in C# and .env, texts that differ in it are different.
"""

import re
import unicodedata

from ..ground.digests import digest_63
from . import words
from .normal_form import to_form

#: punctuation that may be part of a name, and so of a term
_NAME = re.compile(r"[-_.]\w|#")


class _Letters(dict[int, str]):
    """Code point -> the character; a space for what stands between words, nothing for what is not
    seen, such as a soft hyphen."""

    def __missing__(self, code: int) -> str:
        kind = unicodedata.category(chr(code))
        between = kind[0] in "PZ" or kind == "Cc"
        self[code] = letter = " " if between else "" if kind == "Cf" else chr(code)
        return letter


_LETTERS = _Letters()


def key(text: str) -> int:
    """A number of 63 bits that equal texts have in common. A text of punctuation alone, such as
    '?', equals no other."""
    folded = to_form("NFKC", text).casefold() if not text.isascii() else text.lower()
    said = folded.translate(_LETTERS).split() or folded.split()
    if _NAME.search(text):
        said += ["", *words.tokens(folded)]
    data = " ".join(said).encode("utf-8", "replace")
    return digest_63(data, "big")
