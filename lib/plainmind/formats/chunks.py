"""Long texts cut into messages of Discord's length, each with whole code blocks, whole words and
whole characters.

Owns what Discord takes for a code block: ``` opens one anywhere in a line, at any depth and in a
quote, and the next ``` closes it; ~~~ is text, and so is ``` after a backslash or inside inline
code. Lengths are counted in UTF-16 units: whatever a server counts, it is not more. Refuses to know
all other markdown.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple
from unicodedata import category, combining

LIMIT = 2000

_MARK = "```"
_LEAST = 10  # units: an opening, a closing and an emoji

_FOUND = re.compile(
    r"""\\[^\w\s]  # a mark that is meant as such
    | (?<!`)(?P<inline>`{1,2})(?!`)[^\n]{0,200}?(?<!`)(?P=inline)(?!`)
    | ```(?P<tag>[a-z0-9_+\-.\#]{1,30}(?=\r?\n|\Z))?(?P<body>.*?)(?P<end>```|\Z)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_QUOTE = re.compile(r" {0,8}>(>>)? ")
_BEFORE_BLOCK = re.compile(r"[ \t]*(>(>>)? +)?([-*+] +|\d{1,9}[.)] +)?")
_NAMED = re.compile(r"<[^\s<>]{1,60}>")  # Discord's own emoji, mentions, times, links

# two that are one for the reader, of those that are not marks by their category: joined emoji, skin
# tones, tags, Arabic number signs, Thai and Lao vowels, halfwidth Kana, Hangul; and what would be
# another mark if it were torn
_PAIR = re.compile(
    ".[\u200c\u200d\u0e33\u0eb3\uff9e\uff9f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
    "|[\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd]."
    "|[\u1100-\u115f\ua960-\ua97c][\u1100-\u11a7\ua960-\ua97c\uac00-\ud7c6]"
    "|[\u1160-\u11a7\uac00-\ud7c6][\u1160-\u11ff\ud7b0-\ud7fb]"
    "|[\u11a8-\u11ff\ud7cb-\ud7fb][\u11a8-\u11ff\ud7cb-\ud7fb]|\r\n|``|\\\\`",
    re.DOTALL,
)
_FLAG_HALVES = "".join(map(chr, range(0x1F1E6, 0x1F200)))


class _Piece(NamedTuple):
    """Text, or a code block. What has no `core` is not to be cut."""

    core: str
    head: str = ""  # from the opening mark to the first line
    tail: str = ""  # from the last line through the closing mark
    first: str = ""  # the head at the start of a message
    opening: str = ""  # what opens it again
    closing: str = ""
    quote: str = ""  # what each of its lines begins with

    @property
    def blanks(self) -> str | None:
        return "> \t\r\n" if self.quote else None


def count_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = LIMIT) -> list[str]:
    """The parts, none longer than `limit`, none blank; cut at a line, else at a word, else between
    characters.

    A block that a cut goes through is closed before it and opened again after it, with its language
    and its quote's `> `; one that is never closed is closed at the end, unless nothing follows it.
    No block is made that holds nothing. Without what was so added the parts are the text, less
    newlines and blanks at the cuts and at both ends. Where `limit` is so small that it leaves no
    room for them, languages and quotes are not repeated; below 10, nor are blocks.
    """
    parts: list[str] = []
    now, room = "", limit
    for whole, piece in _pieces(text, limit) if limit >= _LEAST else [(text, lambda: _Piece(text))]:
        if (size := count_units(whole)) <= room:
            now, room = now + whole, room - size
        else:
            now = _fill(parts, now, piece(), limit)
            room = limit - count_units(now)
    return [part.strip("\r\n") for part in [*parts, now] if part.strip()]


def _fill(parts: list[str], now: str, piece: _Piece, limit: int) -> str:
    """The message after `now` has gone on with the piece; what is full goes to `parts`."""
    core, at, opening = piece.core, 0, piece.head
    while True:
        fresh = not now.strip()
        if fresh:
            now, opening = "", piece.first if opening == piece.head else opening
        room = limit - count_units(now) - count_units(opening)
        for ending in (piece.tail, piece.closing):
            left = room - count_units(ending)
            if left >= 0 and _fitting(core, at, left) == len(core):
                return now + opening + core[at:] + ending
        end = _fitting(core, at, room - count_units(piece.closing))
        cut = _cut(core, at, end, fresh, words=fresh or not piece.opening)
        if cut > at:
            if core[at:cut].strip(piece.blanks):
                now += opening + core[at:cut].rstrip("\r\n") + piece.closing
                opening = piece.opening + ("" if core[cut - 1] == "\n" else piece.quote)
            at = cut
        parts.append(now)
        now = ""


def _pieces(text: str, limit: int) -> Iterator[tuple[str, Callable[[], _Piece]]]:
    """What is put in whole where there is room, and how to take it apart where there is not."""
    at = line = 0  # line: where the one begins that we are in
    quote = _QUOTE.match(text)
    for found in _FOUND.finditer(text):
        if _is_text(found, limit):
            continue
        start = found.start()
        if (newline := text.rfind("\n", max(at, line), start)) >= 0:
            line = newline + 1
            quote = _QUOTE.match(text, line)
        near = line >= at and start - line <= limit // 16 and not found["inline"]
        if near and _BEFORE_BLOCK.fullmatch(text, line, start):
            start = line
        if start > at:
            yield text[at:start], partial(_Piece, text[at:start])
        at = found.end()
        end = _closing(quote) if found["end"] == "" else ""
        before = text[start : found.start()]
        yield text[start:at] + end, partial(_block, before, found, quote, limit)
    yield text[at:], partial(_Piece, text[at:])


def _is_text(found: re.Match[str], limit: int) -> bool:
    """Whether it has no mark, or one that nothing follows, or is inline code that must be cut."""
    if found["body"] is None:
        return _MARK not in found[0] or count_units(found[0]) > limit
    return not (found["end"] or found["body"].replace(">", " ").strip())


def _closing(quote: re.Match[str] | None) -> str:
    return f"\n{quote[0] if quote and not quote[1] else ''}{_MARK}"  # `>>> ` is said once


def _block(before: str, found: re.Match[str], quote: re.Match[str] | None, limit: int) -> _Piece:
    """`before`: the start of the line, where the block begins with it."""
    if found["body"] is None:
        return _Piece("", found[0], first=found[0])
    tag, body, prefix = found["tag"] or "", found["body"], quote[0] if quote else ""
    opening, closing = f"{prefix}{_MARK}{tag}\n", _closing(quote)
    each = closing[1:-3]
    if count_units(opening + each + closing) > limit // 2:
        opening, closing, prefix, each = f"{_MARK}\n", f"\n{_MARK}", "", ""
    piece = _Piece("", opening=opening, closing=closing, quote=each)
    end = len(body.rstrip(piece.blanks))
    if not end:
        wholes = before + found[0], f"{before}{_MARK}{tag}\n{_MARK}", _MARK * 2
        whole = next(whole for whole in wholes if count_units(whole) <= limit)
        return _Piece("", whole, first=whole)
    begin = body.rfind("\n", 0, len(body) - len(body.lstrip())) + 1
    head = before + _MARK + tag + body[:begin]
    if count_units(prefix + head) > limit // 4:
        head = before + opening[len(prefix) :]
    tail = body[end:] + _MARK
    if not found["end"] or count_units(tail) > limit // 4:
        tail = closing
    first = head if before else prefix + head
    return piece._replace(core=body[begin:end], head=head, tail=tail, first=first)


def _fitting(text: str, at: int, room: int) -> int:
    """The end of the longest stretch from `at` on that fits."""
    stretch = text[at : at + max(0, room)]
    units = stretch.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * room or not stretch:
        return at + len(stretch)
    count = len(units[: 2 * room].decode("utf-16-le", "surrogatepass"))
    return at + (count if count_units(stretch[:count]) <= room else count - 1)


def _cut(text: str, at: int, end: int, fresh: bool, words: bool) -> int:
    """Where the next message begins.

    `at` when all of it should, unless this one is `fresh`: there nothing is before it.
    """
    if end > at and (newline := text.rfind("\n", at, end + 1)) >= 0:
        return newline + 1
    blank = text.rfind(" ", at + (end - at) // 2 if fresh else at, end) + 1
    if words and blank and not _joined(text, at, blank):
        return blank
    if not fresh:
        return at
    cut = next((cut for cut in range(end, at, -1) if not _joined(text, at, cut)), max(end, at + 1))
    named = text.rfind("<", max(at + 1, cut - 60), cut)
    found = _NAMED.match(text, named) if named > 0 else None
    return named if found and found.end() > cut else cut


def _joined(text: str, at: int, here: int) -> bool:
    """Whether what is before and after `here` is one character, as far as known from `at` on."""
    pair = text[here - 1 : here + 1]
    if category(pair[1])[0] == "M" or _PAIR.match(pair):
        return True
    if pair[1] in _FLAG_HALVES:
        return len(text[at:here]) - len(text[at:here].rstrip(_FLAG_HALVES)) & 1 == 1
    run = here
    while category(pair[1]) == "Lo" and run > at:
        run -= 1
        if combining(text[run]) == 9:  # a virama ties the letter to those before it
            return True
        if category(text[run])[0] != "M" and text[run] != "\u200d":
            break
    return False
