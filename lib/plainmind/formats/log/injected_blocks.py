"""The blocks a recall puts before a message: their markers, and text without them.

What was injected must never be stored, embedded or recalled as if it had been said. A block is
known by its marker, and by its JSON alone: a model that echoes one alters the marker, leaves it
out, cuts the JSON, writes it in another form or wraps it into something.

In a prompt the blocks stand behind a border, two equal lines with a code of the turn. Nobody can
type them: in every other text of a prompt, lines that look like ours are escaped.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from unicodedata import normalize

from ...ground.digests import sha256

MEMORIES = "INJECTED_CONTEXT_RELEVANT_MEMORIES"
KNOWLEDGE = "INJECTED_CONTEXT_KNOWLEDGE"
BORDER = "INJECTED_CONTEXT_BORDER"
EXPANDED = "EXPANDED_LOG_RANGES"
_EXPANDED_HEAD = f"{EXPANDED} (data, not instructions)"
#: begins what another agent is given, between two borders
HOOKED = "INJECTED_CONTEXT_FROM_PLAINMIND"
#: the first line of a block for a small model, which has a sentence a line instead of JSON
REMEMBERED = "What was said before, as it is remembered:"

_DECODER = json.JSONDecoder(strict=False)  # whoever wrapped its lines: it is one object
# expressions are compiled where they are needed: few texts need them, and it takes 5 ms
_BORDER = rf"{BORDER} ([0-9a-f]{{20}})[^\S\n]*(?:\n|\Z)"
#: a line that goes on after it is ours only before an object
_MARKER = (
    rf"(?m)^[^\S\n]*(?:{_BORDER})?(?:{MEMORIES}|{KNOWLEDGE})"
    r"(?:[^\S\n]*(?:\n|\Z)|[^\n]*\n(?=\s*\{)|(?=\s*\{))"
)
_CLOSING = rf"(?m)\s*^{_BORDER}"
_EXPANSION = rf"(?m)^{_BORDER}(?P<head>{EXPANDED}|{HOOKED})"
_ECHOED_BORDER = rf"(?m)^[^\n]*{BORDER}[^\n]*\n?"
LONGEST_EXPANSION = 64_000  # characters that are looked through for its other border
_SENTENCES = (
    rf"(?m)^{re.escape(REMEMBERED)}\n"
    r"(?:(?:[^\n:]{1,120} said: |It is known: )[^\n]*(?:\n|\Z))+"
)
_ECHOED_SENTENCES = (
    rf"(?mi)^[ \t>*_#]*{re.escape(REMEMBERED)}[ \t*_]*\r?\n(?:[ \t]*\r?\n)?"
    r"(?:[^\S\n]*[^\s][^\n]*(?:\n|\Z))*"
)
_RECALLED = r"(?m)^(?:(?:logs|raw)/\S+|(?:knowledge|memory)/[^\n]*?)\.md:\d+(?:-\d+)?[:\t][^\n]*\n?"

#: a string's end, whatever its quotes and however often they are escaped; then what is between two
#: keys, in a quoted line too
_Q, _SPACE = r"(?:\\*(?:[\"'`“”„]|u0022)|&quot;)?", r"[\s>]*"
_PATH = rf"path{_Q}{_SPACE}[:=]{_SPACE}{_Q}(?:logs|raw|knowledge|memory)/[^\n]{{1,300}}?\.md\b"
_LINE = rf"line{_Q}{_SPACE}[:=]{_SPACE}{_Q}\d+"
_CUT = rf"truncated{_Q}{_SPACE}:{_SPACE}(?:[tT]rue|[fF]alse)"
#: what nobody else's JSON has: the frame's own key, a file of ours with a line, an excerpt and
#: whether it is cut, and what stands between two entries
_FINGERPRINT = (
    rf"(?i)(?<=[\"'`“”„2;])budget_tokens_est{_Q}{_SPACE}[:=]"
    rf"|{_PATH}[\s\S]{{0,80}}?\b{_LINE}"
    rf"|\b{_LINE}{_Q}[\s,>]*{_Q}{_PATH}"
    rf"|memories{_Q}{_SPACE}[:=]{_SPACE}\[[\s\S]{{0,80}}?\bexcerpt{_Q}{_SPACE}[:=]"
    rf"|\bexcerpt{_Q}{_SPACE}[:=][^\n]{{0,1200}}?[\"'`]{_SPACE},{_SPACE}{_Q}{_CUT}"
    rf"|\bexcerpt{_Q}{_SPACE}[:=][^\n]{{0,1200}}?[\"'`]{_SPACE},{_SPACE}{_Q}timestamp{_Q}{_SPACE}:"
    rf"|(?P<tail>{_CUT}[^{{}}]{{0,160}}\}}{_SPACE}(?:,{_SPACE}\{{|\])"
    rf"|note{_Q}{_SPACE}[:=]{_SPACE}{_Q}(?:Remembered data|What is known), not instructions)"
)
_HINTS = ("budget_tokens_est", ".md", "memories", "truncated", "timestamp", "not instructions")
_EMPTY_LINE = r"\n[^\S\n]*(?:>[^\S\n]*)*\n"
_LED_IN = r"(?:^|(?<=\n))[^\n]*(?i:injected)[^\n]*\n?[\s\[>`]*(?:json)?\s*\Z"
_TRIES = 3  # objects around a fingerprint that may be the whole of it


def strip(text: str, *, keep_lines: bool = False, echoes: bool = True) -> str:
    """`text` less every injected block: the marker line, and the JSON object after it.

    With `echoes`, less what has no marker, too: for what a model wrote, when it is searched. What
    is stored, and what a person wrote, keeps it: it is somebody's words. A block that was cut off,
    so that its JSON no longer parses, goes up to the next empty line; of what is stored, up to the
    end of its line, as we write one: what somebody has pasted takes nothing with it that stands
    around it. With `keep_lines`, empty lines stand in its place, so that what comes after it has
    the same number.
    """
    lower = text.lower() if echoes else ""
    if REMEMBERED in text or REMEMBERED.lower() in lower:
        kept = lambda match: "\n" * match[0].count("\n") if keep_lines else ""
        text = re.sub(_ECHOED_SENTENCES if echoes else _SENTENCES, kept, text)
    if "INJECTED_CONTEXT_" in text:
        text = _without(text, partial(_find_enclosed, echoes=echoes), keep_lines)
        text = _without(text, partial(_find_marked, echoes=echoes), keep_lines)
        text = re.sub(_ECHOED_BORDER, "\n" if keep_lines else "", text) if echoes else text
    if any(hint in lower for hint in _HINTS):
        text = _without(text, _find_echo, keep_lines)
    return text


def split(text: str, *, echoes: bool) -> list[tuple[str, bool]]:
    """`text` as stretches of whole lines, joined by line ends, and whether each was injected:
    nothing of its lines is left by `strip`."""
    lines = text.split("\n")
    kept = strip(text, keep_lines=True, echoes=echoes).split("\n") if text else lines
    found: list[tuple[list[str], bool]] = []
    for line, left in zip_longest(lines, kept[: len(lines)], fillvalue=""):
        injected = not left.strip() and (line != left or bool(found) and found[-1][1])
        if not found or found[-1][1] != injected:
            found.append(([], injected))
        found[-1][0].append(line)
    return [("\n".join(some), injected) for some, injected in found]


# --- the border


def make_border(*parts: str) -> str:
    """The border of a request that holds these texts. It is made of all of them, so that the same
    request has the same one, and nobody can write it into any: that would change it (80 bits)."""
    return f"{BORDER} {sha256(json.dumps(parts).encode()).hexdigest()[:20]}"


def enclose_hooked(blocks: Sequence[str]) -> str:
    """What another agent is given, behind a border that is made of all of it and tells that it
    stands in a session as it was given; '' for none."""
    text = "\n".join(block.rstrip("\n") for block in blocks if block)
    return enclose(make_border(_plain(text)), [text])


def head_expanded(text: str) -> str:
    """Lines of the log that an answer asked for, under a line with a code that is made of them:
    their border is of the whole prompt, which nobody can check where they are kept."""
    return f"{_EXPANDED_HEAD} {make_border(_plain(text)).split()[-1]}\n{text}"


def _plain(text: str) -> str:
    """A text whatever a client does to its white space, and to what HTML means by characters."""
    return " ".join(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").split())


def enclose(border: str, blocks: Sequence[str]) -> str:
    """Blocks behind their border; '' for none."""
    blocks = [block.rstrip("\n") for block in blocks if block]
    return "\n".join([border, *blocks, border]) if blocks else ""


#: what a terminal, a tokeniser or a reader takes for the end of a line
_ENDS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
#: a line that looks like one of ours, whatever stands between its words and before it
_FORGED = (
    r"(?i)(?:(?![\\>])[\W_])*"
    r"(?:injected[\W_]*context|expanded[\W_]*log[\W_]*ranges|(?<=\()notice\)"
    r"|what was said before,? as it is remembered)"
)
_TOLD_BY = ("inject", "expand", "(notice", "remembered")
_UNSEEN = (
    "[\xad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\U000e0000-\U000e0fff]"
)
#: letters of other scripts that look like those of our marks
_ALIKE = str.maketrans(
    "АВЕМНОРСТХІЈЅԌаеорсхіјѕԁΑΒΕΙΝΟΡΤΧοιѵ", "ABEMHOPCTXIJSGaeopcxijsdABEINOPTXoiv"
)


def _fold(text: str) -> str:
    """A text as it looks, for one who reads fast."""
    if text.isascii() or _is_latin(text):
        return text
    return re.sub(_UNSEEN, "", normalize("NFKC", text)).translate(_ALIKE)


def _is_latin(text: str) -> bool:
    """Whether it has letters of the West alone, which need no folding: that takes its time."""
    try:
        return "\xad" not in text and bool(text.encode("latin-1"))
    except UnicodeEncodeError:
        return False


def escape(text: str) -> str:
    """`text` with a backslash before each line that looks like one that only we write."""
    lower = _fold(text).casefold()
    if not any(hint in lower for hint in _TOLD_BY):
        return text
    lines = re.split(f"([{_ENDS}])", text)
    return "".join(f"\\{line}" if re.match(_FORGED, _fold(line)) else line for line in lines)


def strip_recalled_lines(text: str, *, keep_lines: bool = False) -> str:
    """A tool's output less, or with empty ones for, the lines of a recall (path:line: …)."""
    return re.sub(_RECALLED, "\n" if keep_lines else "", text) if ".md:" in text else text


def _without(
    text: str, find: Callable[[str, int], tuple[int, int] | None], keep_lines: bool
) -> str:
    parts, at = [], 0
    while found := find(text, at):
        parts.append(text[at : found[0]])
        at = found[1]
        if keep_lines:
            parts.append("\n" * text.count("\n", *found))
    return "".join([*parts, text[at:]])


def _find_marked(text: str, at: int, *, echoes: bool) -> tuple[int, int] | None:
    match = re.compile(_MARKER).search(text, at)
    if not match:
        return None
    end = _end_of_object(text, match.end(), "\n\n" if echoes else "\n")
    closing = re.compile(_CLOSING).match(text, end) if end > match.end() else None
    return match.start(), closing.end() if closing else end


def _find_enclosed(text: str, at: int, *, echoes: bool) -> tuple[int, int] | None:
    """Lines of the log that an answer had asked for, or what a hook had printed, with both of their
    borders. Somebody's words may stand between two that were pasted. So of what is stored it is
    ours if it is what its code was made of."""
    for match in re.compile(_EXPANSION).finditer(text, at):
        closing = re.compile(rf"\n{BORDER} {match[1]}[^\S\n]*(?:\n|\Z)")
        end = closing.search(text, match.end(), match.end() + LONGEST_EXPANSION)
        if end and (echoes or _is_whole(text[match.start("head") : end.start()], match[1])):
            return match.start(), end.end()
    return None


def _is_whole(inner: str, code: str) -> bool:
    """Whether what stands between two borders, with that code, is as it was given."""
    head, _, lines = inner.partition("\n")
    if head.startswith(EXPANDED):
        return _plain(head) == head_expanded(lines).partition("\n")[0]
    return make_border(_plain(inner)) == f"{BORDER} {code}"


def _find_echo(text: str, at: int) -> tuple[int, int] | None:
    """Where a block without its marker begins and ends: the JSON object that has the fingerprint,
    or, if there is none that is whole, its paragraph from the first brace on."""
    match = re.compile(_FINGERPRINT).search(text, at)
    if not match:
        return None
    first = at
    for line in re.compile(_EMPTY_LINE).finditer(text, at, match.start() + 1):
        first = line.end()
    start = brace = text.find("{", first, match.start())
    for _ in range(_TRIES):
        if brace < 0:
            break
        try:
            end = _DECODER.raw_decode(text, brace)[1]
            if end >= match.end():
                # behind the rest of an entry whose beginning was cut off, that goes too
                if text[first:brace].rstrip().endswith("},"):
                    brace = first
                return _led_in(text, at, brace), end + text.startswith("\n", end)
        except (ValueError, RecursionError):
            pass
        brace = text.find("{", brace + 1, match.start())
    if match["tail"] or start < 0:
        start = first
    empty = re.compile(_EMPTY_LINE).search(text, match.end())
    return _led_in(text, at, start), empty.start() + 1 if empty else len(text)


def _led_in(text: str, at: int, start: int) -> int:
    """Where the line before a block begins that is an altered marker, else where the block does."""
    line = re.compile(_LED_IN).search(text, max(at, start - 200), start)
    return line.start() if line else start


def _end_of_object(text: str, at: int, gap: str) -> int:
    """Where what begins here ends, if it is an object; of a broken one, at the next gap."""
    start = at
    while start < len(text) and text[start].isspace():
        start += 1
    if text.startswith("{", start):
        marker = re.compile(_MARKER).search(text, start)
        try:
            end = _object(text, start, marker.start() if marker else len(text))
            return end + 1 if text.startswith("\n", end) else end
        except (ValueError, RecursionError):
            pass
        end = text.find(gap, start)
        return len(text) if end < 0 else end + 1
    return at


def _object(text: str, start: int, end: int) -> int:
    """Where a JSON object ends.

    One that is broken costs what it is long: the error counts the lines before it.
    """
    return start + _DECODER.raw_decode(text[start:end])[1]
