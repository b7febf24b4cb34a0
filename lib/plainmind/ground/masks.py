"""The one mask of every way out: known secrets, and what looks like a key, as `***`.

Which values are secrets is the environment's to say. A text is masked before it is cut: what is
cut first no longer looks like a key, and is let through. Where a cut is marked with …, a known
value is known by what is left of it. A text that comes in pieces is held back as far as a secret
may go on.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

HIDDEN = "***"

_PREFIXES = (
    "sk- sk_ rk- rk_ pk- pk_ ghp_ ghp- gho_ gho- ghr_ ghs_ ghu_ github_pat_ glpat- hf_ npm_ pypi- "
    "xapp- GOCSPX- dop_v1_ doo_v1_ shpat_ shpss_"
).split()
#: what looks like a secret whatever its name: one list, for masks, refusals and warnings
#: (formats.secrets). By a literal that it begins with, which is found a hundred times faster than
#: an expression matches; of a group only that is the secret
_SHAPES = {
    "https://": r"https://(?:(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks"
    r"|hooks\.slack\.com/(?:services|triggers|workflows))/[!-~]+",
    **{literal: rf"\b{literal}[\w-]{{16,}}" for literal in _PREFIXES},
    "xox": r"\bxox[a-z][-_][\w-]{16,}",  # Slack
    "ya29.": r"\bya29\.[\w-]{16,}",
    "SG.": r"\bSG\.[\w-]{16,}",
    "eyJ": r"\beyJ[\w-]{10,}",  # JSON Web Tokens
    "AIza": r"\bAIza[\w-]{30,}",  # Google
    **dict.fromkeys(("AKIA", "ASIA"), r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b"),  # Amazon
    ":AA": r"(?<=\d{8}):AA[\w-]{32,}",  # Telegram's bots
    "AGE-SECRET-KEY-1": r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,}",
    "Bearer ": r"\bBearer ([!-~]+)",
    "Authorization: Basic ": r"\bAuthorization: Basic ([!-~]+)",
    "key=": r"(?:(?<=[?&])|(?<=[?&]api_))key=([^&\s\"']+)",  # in addresses
    "token=": r"(?:(?<=[?&])|(?<=[?&]access_))token=([^&\s\"']+)",
    "://": r"://([^/\s:@]+:[^/\s@]+)@",  # user:password
}
#: what has to come after a shape: apart, so that a word is read once, however often a literal is in
#: it
_RESTS = {"SG.": r"\.[\w-]{16,}", "eyJ": r"\.eyJ[\w-]{10,}\.[\w-]{10,}"}
#: a token of a Discord bot begins with nothing of its own
_BOT = r"(?<!\w)[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,}"
_BOT_NAME = 28  # characters before its first dot
#: the header of a private key, and what may be its lines, in a quote, a log or a string too
_PEM, _PEM_END = "-----BEGIN ", r"-----END [A-Z ]*-----"
_PEM_HEADER = r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
_GAP = r"(?:[\s>|]|\\[rn])"
_PEM_LINES = (
    rf"(?:{_GAP}+(?:(?:Proc-Type|DEK-Info):[^\n\\]*|[\w+/]{{16,}}={{0,2}})){{0,400}}"
    # its end may be cut off
    rf"(?:(?:{_GAP}+[\w+/]{{1,64}}={{0,2}})?{_GAP}*-----E[A-Z ]*-{{0,5}})?"
)
_LED_IN = ("Bearer ", "Authorization: Basic ")
_LOOKED_AT = 24  # characters before a part that tell what it is
_CUT = "…"  # what marks a cut, everywhere in the suite

#: literals after which a text that ends is a secret that was cut off
_TELLING = tuple(literal for literal in _SHAPES if literal not in ("https://", "://", ":AA"))

_compile = lru_cache(None)(re.compile)


def find_shapes(text: str) -> Iterator[tuple[int, int]]:
    """Where what looks like a secret begins and ends; they may overlap. In a time that grows with
    the text, whoever wrote it."""
    for literal, shape in _SHAPES.items():
        at = text.find(literal)
        while at >= 0:
            end = at + 1
            if match := _compile(shape).match(text, at):
                # all that begins within a word ends with it, but for what goes on after it
                end = max(end, match.end() - len(literal) + 1)
                first, last = match.span(match.lastindex or 0)
                if rest := _compile(_RESTS.get(literal, "")).match(text, last):
                    yield first, rest.end()
            at = text.find(literal, end)
    bot = _compile(_BOT).search(text) if text.count(".") > 1 else None
    while bot:
        yield bot.span()
        bot = _compile(_BOT).search(text, bot.end() - _BOT_NAME)
    at = text.find(_PEM)
    while at >= 0:
        end = at + 1
        if header := _compile(_PEM_HEADER).match(text, at):
            lines = _compile(_PEM_LINES).match(text, header.end())
            yield at, (end := lines.end() if lines else header.end())
        at = text.find(_PEM, end)


def mask_shapes(text: str) -> str:
    """`text` with everything that looks like a secret as `***`."""
    return _hide(text, find_shapes(text))


def _hide(text: str, found: Iterable[tuple[int, int]]) -> str:
    spans = sorted(found)
    if not spans:
        return text
    parts, end = [], 0
    for first, last in spans:
        if first >= end:
            parts += [text[end:first], HIDDEN]
        # every line stays where it was
        parts.append("\n" * text.count("\n", max(first, end), last))
        end = max(end, last)
    return "".join([*parts, text[end:]])


class Mask:
    """Hides these values, in every form they are written in, and what looks like a secret."""

    def __init__(self, values: Iterable[str] = ()):
        forms = {form for value in values for form in _list_forms(value)}
        self.values = sorted(forms, key=len, reverse=True)
        #: what stands beside a cut, if anything of a value does: most cuts are looked at no further
        self._least = min([3, *(_least(value) for value in self.values)])
        ends = [(value, at) for value in self.values for at in range(len(value))]
        self._pieces = {value[at : at + self._least] for value, at in ends}

    def __call__(self, text: str) -> str:
        """`text` with everything that is to be hidden as `***`."""
        return _hide(text, self._find(text))

    def mask_cut(self, text: str) -> str:
        """The same of a text that was cut off, wherever that was."""
        return self.mask_piece(text, 0, len(text), cut=True)

    def mask_all(self, value: Any) -> Any:
        """A JSON value with its texts masked one by one."""
        if isinstance(value, dict):
            return {key: self.mask_all(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.mask_all(inner) for inner in value]
        return self(value) if isinstance(value, str) else value

    def _find(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a secret begins and ends. They may overlap: no piece of either may be left."""
        for value in self.values:
            at = text.find(value)
            while at >= 0:
                # a number is not a part of a longer one
                if not value.isdecimal() or not _goes_on(text, at, at + len(value)):
                    yield at, at + len(value)
                at = text.find(value, at + 1)
        yield from find_shapes(text)
        at = text.find(_CUT) if self.values else -1
        while at >= 0:
            around = text[max(0, at - self._least) : at], text[at + 1 : at + 1 + self._least]
            if not self._pieces.isdisjoint(around):
                yield from self._find_cut(text, at)
            at = text.find(_CUT, at + 1)

    def _find_cut(self, text: str, at: int) -> Iterator[tuple[int, int]]:
        """What is left of a value on both sides of a cut."""
        for value in self.values:
            most, least = len(value) - 1, _least(value)
            before, after = text[max(0, at - most) : at], text[at + 1 : at + 1 + most]
            # the last characters before a cut are somewhere in the value, or it does not end there
            lengths = range(min(most, len(before)), least - 1, -1)
            if before[-least:] in value:
                ends = (n for n in lengths if before.endswith(value[:n]))
                yield from ((at - length, at) for length in islice(ends, 1))
            lengths = range(min(most, len(after)), least - 1, -1)
            if after[:least] in value:
                begins = (n for n in lengths if after.startswith(value[-n:]))
                yield from ((at + 1, at + 1 + length) for length in islice(begins, 1))

    def mask_piece(self, text: str, start: int, end: int, *, cut: bool = False) -> str:
        """A part of a text, masked by what stands before it, too. `cut`: it was cut off at `end`,
        maybe within a secret."""
        first = max(0, start - _LOOKED_AT)
        found = self._find(text[first:end] + _CUT * cut)
        shown = start - first  # of the characters that are looked at
        spans = [(max(0, one - shown), other - shown) for one, other in found if other > shown]
        if cut and text.startswith(_TELLING, safe := self.find_safe(text[:end], start)):
            spans.append((safe - start, end - start))
        return _hide(text[start:end], spans)

    def find_safe(self, text: str, start: int) -> int:
        """Up to where a text that goes on can be shown from `start` on, so that no secret is cut:
        not what may be the beginning of one."""
        tail = text[start:]
        is_apart = not tail.strip() or tail[-1].isspace()
        word = len(tail) if is_apart else len(tail) - len(tail.split()[-1])
        begun = [tail.find(literal, word) for literal in _SHAPES]
        begun += [word - len(lead) for lead in _LED_IN if tail.endswith(lead, 0, word)]
        last = _compile(r"[\w.-]*").match(tail[: word - 1 if word else None : -1])
        if bot := _compile(r"(?<!\w)[MNO]").search(tail, len(tail) - (last.end() if last else 0)):
            begun.append(bot.start())
        key = tail.rfind(_PEM)
        begun.append(-1 if _compile(_PEM_END).search(tail, max(0, key)) else key)
        begun += [_find_begun(tail, literal, apart=True) for literal in (*_SHAPES, _PEM)]
        begun += [_find_begun(tail, value) for value in self.values]
        safe = start + min((at for at in begun if at >= 0), default=len(tail))
        # the end of a secret may be the beginning of another one
        first = max(0, start - _LOOKED_AT)
        found = [(first + one, first + other) for one, other in self._find(text[first:])]
        while ended := [one for one, other in found if one < safe < other]:
            safe = max(start, min(ended))
            if safe == start:
                break
        return safe


def _least(value: str) -> int:
    """Characters of a value that are known beside a cut."""
    return min(6, len(value) // 2)


def _goes_on(text: str, first: int, last: int) -> bool:
    return text[first - 1 : first].isdecimal() or text[last : last + 1].isdecimal()


def _find_begun(text: str, whole: str, *, apart: bool = False) -> int:
    """Where a beginning of `whole` stands at the end of a text, -1 for nowhere. `apart`: no part of
    a word."""
    at = text.find(whole[0], max(0, len(text) - len(whole) + 1))
    while at >= 0:
        glued = apart and whole[0].isalnum() and text[max(0, at - 1) : at].isalnum()
        if not glued and whole.startswith(text[at:]):
            return at
        at = text.find(whole[0], at + 1)
    return -1


def _list_forms(value: str) -> set[str]:
    """A value as it is, and as JSON, an address and a text on one line write it; each line of one
    that has several."""
    import json
    from urllib.parse import quote

    # a byte of `.env` that is not UTF-8 stands for itself
    quoted = {quote(value, safe, errors="surrogateescape") for safe in ("", "/")}
    forms = {value, " ".join(value.split()), *quoted}
    forms |= {json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    lines = value.split("\n") if "\n" in value else []
    return forms | {line.strip() for line in lines if len(line.strip()) >= 16}


# --- the one in force

_ask: Callable[[], Mask] = Mask


def use(ask: Callable[[], Mask]) -> None:
    """Take the mask that `ask` gives: the session's, which knows the memory folder's secrets."""
    global _ask
    _ask = ask


def mask(text: str) -> str:
    """`text` without what this process knows to be secret: for a message, a record, a line that is
    about to be cut."""
    return _ask()(text)


def cut(text: str, most: int) -> str:
    """At most `most` characters of a text for a message, masked before it is cut."""
    return mask(text)[:most]
