"""Requests that are too long for a model's window: how servers say so, and what they tell of it."""

import re

from ..ground.errors import BadData

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|exceed_context_size|max_seq_len|input token count"
    r"|maximum (?:prompt|allowed input) length|token limit|too many (?:input )?tokens"
    r"|tokens? .{0,40}exceeds|length of (?:all |the )?messages|request_too_large"
    r"|(?:prompt|input|request|messages|payload|entity)\W(?:is |are )?too (?:long|large)",
    re.I,
)
#: OpenAI's 429 and Groq's 413 for more tokens than a minute has room for: waiting does not help
_SURE = re.compile(r"request too large for", re.I)
_LIMIT = re.compile(r"exceed|too |longer|larger|greater|maximum|reduce|\bmax", re.I)
_RATE = re.compile(r"rate.?limit|per (?:minute|day|min)\b|quota|throttl|please wait", re.I)
_TOLD = re.compile(
    r"(?:n_ctx|context (?:length|window|size)|tokens allowed|prompt length|token limit|max_seq_len"
    r"|Limit)\D{0,20}?(\d[\d,]*)",
    re.I,
)


class TooLong(BadData):
    """The server refuses a request for its length. `window` is what it says that it has room for,
    in tokens; 0 where it does not."""

    window = 0


def find_too_long(what: str, said: str, status: int = 400) -> TooLong | None:
    """The failure, if this is what a server means by what it said."""
    sure = status == 413 or _SURE.search(said)
    if not sure and (not _TOO_LONG.search(said) or not _LIMIT.search(said) or _RATE.search(said)):
        return None
    failure = TooLong(what)
    numbers = [int(found[1].replace(",", "")) for found in _TOLD.finditer(said)]
    failure.window = min((number for number in numbers if number >= 256), default=0)
    return failure
