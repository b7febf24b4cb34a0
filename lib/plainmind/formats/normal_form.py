"""Unicode's normal forms, of any text in a time that grows with its length. Pure.

Marks are put in order by a sort whose time is quadratic in their number. No language has more than
a few on a letter, so a longer run is divided as UAX #15 does it (Stream-Safe Text Format).
"""

import re
import unicodedata
from typing import Literal

MOST = 30  # marks in a row
_DIVIDER = "\u034f"  # combining grapheme joiner, which nobody sees
_MARK = "[^\\w\\s\0-\x7f]|[\uff9e\uff9f]"  # what is one, and more; the two are letters to Python
_RUN = re.compile(f"(?:{_MARK}){{{MOST + 1},}}")


def to_form(form: Literal["NFC", "NFD", "NFKC"], text: str) -> str:
    """A text in this form; after `MOST` marks in a row stands a divider."""
    return unicodedata.normalize(form, text if text.isascii() else _RUN.sub(_divide, text))


def _divide(run: re.Match[str]) -> str:
    divided, count = [], 0
    for char in run[0]:
        count = count + 1 if unicodedata.combining(unicodedata.normalize("NFKD", char)[0]) else 0
        if count > MOST:
            divided.append(_DIVIDER)
            count = 1
        divided.append(char)
    return "".join(divided)
