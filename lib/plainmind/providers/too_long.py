"""Requests that are too long for a model's window: how servers say so, and what they tell of it."""

import re

from ..ground.errors import BadData

#: patterns, compiled when a server refuses something, as few do
_TOO_LONG = (
    r"(?i)context[ _-]?(?:length|window|size)|exceed_context_size|max_seq_len|input token count"
    r"|maximum (?:prompt|allowed input) length|token limit|too many (?:input )?tokens"
    r"|tokens? .{0,40}exceeds|length of (?:all |the )?messages|request_too_large"
    r"|(?:prompt|input|request|messages|payload|entity)\W(?:is |are )?too (?:long|large)"
)
#: OpenAI's 429 and Groq's 413 for more tokens than a minute has room for: waiting does not help
_SURE = r"(?i)request too large for"
_LIMIT = r"(?i)exceed|too |longer|larger|greater|maximum|reduce|\bmax"
_RATE = r"(?i)rate.?limit|per (?:minute|day|min)\b|quota|throttl|please wait"
_TOLD = (
    r"(?i)(?:n_ctx|context (?:length|window|size)|tokens allowed|prompt length|token limit"
    r"|max_seq_len|Limit)\D{0,20}?(\d[\d,]{0,15})(?!\d)"
)


class TooLong(BadData):
    """The server refuses a request for its length. `window` is what it says that it has room for,
    in tokens; 0 where it does not."""

    window = 0


def find_too_long(what: str, said: str, status: int = 400) -> TooLong | None:
    """The failure, if this is what a server means by what it said."""
    if status != 413 and not re.search(_SURE, said):
        of_length = re.search(_TOO_LONG, said) and re.search(_LIMIT, said)
        if not of_length or re.search(_RATE, said):
            return None
    failure = TooLong(what)
    numbers = [int(found[1].replace(",", "")) for found in re.finditer(_TOLD, said)]
    failure.window = min((number for number in numbers if number >= 256), default=0)
    return failure
