"""Long texts cut into messages of Discord's length, at a line, else at a word, else where no character is torn.

A code fence that a cut goes through is closed before it and opened again after it, with its language tag.
Lengths are counted in UTF-16 units: whatever a server counts, it is not more.
"""

import re

LIMIT = 2000

# what a character as a reader sees it goes on with: combining marks, joined emoji, variations, skin tones, tags
_GOES_ON = re.compile("[\u0300-\u036f\u200d\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_FLAG_HALF = re.compile("[\U0001f1e6-\U0001f1ff]")
_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})([^\n]*)$")


def length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = LIMIT) -> list[str]:
    """The parts, none longer than `limit`, none blank. Joined, they are the text less the blanks at the cuts."""
    parts: list[str] = []
    current, fence = "", ""  # fence: the line that opened the code block we are in
    for line in text.split("\n"):
        after = _fence_after(fence, line)
        # what this part must still hold once the line is in it: the end of an open block
        if current and length(f"{current}\n{line}{_closing(after)}") > limit:
            parts.append(current + _closing(fence))
            current = fence
        for piece in _pieces(line, limit - length(fence) - length(_closing(after)) - bool(fence)):
            if current and length(f"{current}\n{piece}{_closing(after)}") > limit:
                parts.append(current + _closing(fence))
                current = fence
            current = f"{current}\n{piece}" if current or parts else piece
        fence = after
    parts.append(current)
    return [part.strip("\n") for part in parts if part.strip()]


def _fence_after(fence: str, line: str) -> str:
    """The opening line of the block that is open after this line, '' outside of one."""
    found = _FENCE.match(line)
    if not found:
        return fence
    mark, tag = found[2], found[3].strip()
    if not fence:
        return "" if mark[0] == "`" and "`" in tag else f"{mark}{tag}"[:100]
    opened = re.match(r"[`~]+", fence)
    closes = opened and mark[0] == fence[0] and len(mark) >= len(opened[0]) and not tag
    return "" if closes else fence


def _closing(fence: str) -> str:
    opened = re.match(r"`+|~+", fence)
    return f"\n{opened[0]}" if opened else ""


def _pieces(line: str, room: int) -> list[str]:
    """A line in pieces of at most `room` units, cut after a blank where there is one in the second half."""
    pieces = []
    while length(line) > room:
        end = _fitting(line, room)
        blank = line.rfind(" ", end // 2, end)
        end = blank + 1 if blank > 0 else _whole(line, end)
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]


def _fitting(line: str, room: int) -> int:
    """How many characters from the start fit."""
    end = min(len(line), room)
    while length(line[:end]) > room:
        end -= max(1, (length(line[:end]) - room) // 2)
    return end


def _whole(line: str, end: int) -> int:
    """A place at or before `end` where no visible character is torn; `end` itself when there is none near."""
    for at in range(end, max(0, end - 64), -1):
        if _GOES_ON.match(line, at) or line[at - 1] == "\u200d":
            continue
        if _FLAG_HALF.match(line, at):
            halves = len(line[:at]) - len(re.sub("[\U0001f1e6-\U0001f1ff]+$", "", line[:at]))
            if halves % 2:
                continue
        return at
    return end
