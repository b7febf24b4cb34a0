"""What of a model's text is its answer: not its thoughts, control tokens or calls written as text.

A server that has no parser for its model's format passes all of that on as text. It is told from
an answer *about* it by Markdown: what stands in a code block or between backticks is the answer.

| text | what becomes of it |
|---|---|
| `<think>…</think>` and its like, anywhere | left out |
| `<think>…` at the start of a line, never closed | left out up to the end |
| `… <think> …` within a line, never closed, or closed on it with spaces inside | kept: about it |
| `ok<think>…` within a word, never closed | left out up to the end |
| `…</think>` never opened, at a line's start or end | all before it is left out (`RETRACT`) |
| `… </think> …` never opened, within a line | kept: about it |
| `</think>` once more, after thoughts | only the tag is left out |
| a channel of harmony other than `final` and preambles | left out; a call if it names a tool |
| `<tool_call>…</tool_call>` and its like | a call (`blocks`) |
| a token such as `<|im_end|>` | left out |
| a token that starts another's turn, after some text | left out with all that follows |

Pure. The result is the same in whatever pieces the text comes. Runs and parses no call.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from . import answer_marks as marks

#: what is emitted when all that was emitted before turned out to be thoughts
RETRACT = None

_KEPT = 64  # characters: no token is longer
_PIECE = 8192  # characters read at once: what is read is copied for every token in it
_LONGEST_SPAN = 1000  # characters between backticks, or between tags that are words of a sentence
_GLUED = re.compile(r"[A-Za-z0-9.!?]")  # before a tag; scripts without spaces have no such limit


class CallText(NamedTuple):
    """A call as the model wrote it: with how it begins, as that says which form it has."""

    mark: str
    text: str


class AnswerReader:
    """Reads a text in pieces; `feed` gives what of it is the answer, as far as that is certain.

    `opened`: the model's prompt opens its thoughts, so nothing is certain before they are closed.
    """

    def __init__(self, *, opened: bool = False):
        self.blocks: list[CallText] = []
        self.thought = False  # whether any thoughts were left out
        self._buffer = ""
        self._held: list[str] = []
        self._read: Callable[[], bool] = self._thought_opened if opened else self._start
        self._out: list[str | None] = []
        self._close, self._closed = marks.CLOSE, ""
        self._mark = ""  # of the call, fence or opening tag that is being read
        self._certain = False  # whether what is being read is left out even if it never ends
        self._blank = True  # whether the line has nothing yet
        self._visible = self._struck = self._final = False
        self._last = ""  # character of the answer
        self._nested = 0  # opening tags in the thoughts that the answer begins with
        self._looked = 0  # characters of the buffer in which nothing was found
        self._absent: set[str] = set()  # patterns that do not occur in the rest
        self._again = ""  # what is read once more, now that there is no more

    def feed(self, piece: str) -> list[str | None]:
        """Pieces of the answer. RETRACT: what was given before is none of it."""
        for at in range(0, len(piece), _PIECE):
            self._buffer += piece[at : at + _PIECE]
            while self._read():
                pass
        out, self._out = self._out, []
        return out

    def finish(self) -> list[str | None]:
        """The rest."""
        out: list[str | None] = []
        while True:
            self._final = True
            while self._read():
                pass
            again, self._again, self._final = self._again, "", False
            out += self.feed(again)
            if not again:
                return out + self._out

    def expect_no_thoughts(self) -> None:
        """They come apart from the text."""
        if self._read == self._thought_opened and not self._buffer:
            self._read = self._start

    # --- each reads a part of the buffer, and says whether to go on

    def _start(self) -> bool:
        """What is known by how it begins."""
        buffer = bare = self._buffer = self._buffer.lstrip()
        if match := marks.BARE_THOUGHTS.match(buffer):
            if not self._final and not self._find("assistantfinal"):
                return False
            before, mark, rest = buffer.partition("assistantfinal")
            call = re.search(r"assistantcommentary (?=to=functions\.)", before)
            if mark or call:
                self.thought = True
                self._buffer = buffer[call.start() :] if call else rest
                return True
        elif match := marks.BARE_CALL.match(buffer):
            if not self._final:
                return False
            self.blocks.append(CallText("<|channel|>", buffer[match.end() :]))
            self._buffer = ""
        elif marks.JSON.match(buffer):
            if not self._final:
                return False
            if re.search(r'"name"\s*:\s*"(?:functions\.)?bash"', buffer) and _is_all_json(bare):
                self.blocks.append(CallText("{", buffer))
                self._buffer = ""
        elif not self._final and (
            len(bare) < _KEPT
            and (
                marks.MAY_BE_JSON.fullmatch(buffer)
                or any(o.startswith(bare) for o in marks.OPENINGS)
            )
        ):
            return False
        self._read = self._text
        return bool(self._buffer)

    def _thought_opened(self) -> bool:
        """Thoughts that the prompt opened, if it did."""
        self._buffer = self._buffer.lstrip()
        match, opened = self._find(marks.CLOSE), marks.TOKEN.match(self._buffer)
        if match and not (opened and opened["open"]):
            self.thought, self._buffer = True, self._buffer[match.end() :]
        elif not self._final and not (opened and opened["open"]):
            return False
        elif self._final:
            self._again, self._buffer = self._buffer, ""
        self._read, self._looked = self._start, 0
        return bool(self._buffer)

    def _find(self, pattern: str) -> re.Match[str] | None:
        """What is looked for in a buffer that only grows, so in its new part."""
        match = re.compile(pattern, re.IGNORECASE).search(self._buffer, self._looked)
        self._looked = 0 if match else max(0, len(self._buffer) - _KEPT)
        return match

    def _text(self) -> bool:
        begun = (
            None
            if self._final
            else marks.BEGUN.search(self._buffer, max(0, len(self._buffer) - 80))
        )
        end = begun.start() if begun else len(self._buffer)
        match = marks.TOKEN.search(self._buffer, 0, end)
        if not match:
            self._emit(self._buffer[:end])
            self._buffer = self._buffer[end:]
            return False
        self._emit(self._buffer[: match.start()])
        self._buffer = self._buffer[match.end() :]
        return getattr(self, f"_take_{match.lastgroup}")(match[0])

    def _take_code(self, run: str) -> bool:
        if self._blank and len(run) >= 3:
            self._mark, self._read, self._looked = run, self._fence, 0
            self._emit(run)
            return True
        if run[0] == "~":
            self._emit(run)
            return True
        self._mark, self._read = run, self._span
        return True

    def _span(self) -> bool:
        """What stands between backticks; without an end on its line they are only backticks."""
        line, newline, _ = self._buffer.partition("\n")
        closing = re.search(rf"(?<!`){self._mark}(?!`)", line)
        if closing and (newline or self._final or closing.end() < len(line)):
            length = closing.end()
        elif newline or self._final or len(line) > _LONGEST_SPAN:
            length = 0
        else:
            return False
        self._emit(self._mark + self._buffer[:length])
        self._buffer, self._read = self._buffer[length:], self._text
        return True

    def _fence(self) -> bool:
        """A code block, up to the line that closes it."""
        if self._looked and not self._final and not self._buffer[self._looked :].strip(" \t"):
            self._looked = len(self._buffer)
            return False
        run = re.escape(self._mark[0]) + "{" + str(len(self._mark)) + ",}"
        pattern = rf"(?:^|\n)[ \t>]*{run}[ \t]*(?=[\n<\[]{'|$' if self._final else ''})"
        # the rest of the line that opens the block does not close it
        closing = re.compile(pattern.replace("(?:^|", "(?:") if not self._blank else pattern)
        match = closing.search(self._buffer)
        if match:
            self._emit(self._buffer[: match.end()])
            self._buffer, self._read = self._buffer[match.end() :], self._text
            self._blank = False
            return True
        tail = re.compile(rf"(?:^|\n)[ \t>]*(?:{re.escape(self._mark[0])}+[ \t]*)?\Z")
        held = tail.search(self._buffer, max(0, self._buffer.rfind("\n")))
        last = marks.LAST_TOKENS.search(self._buffer, max(0, len(self._buffer) - 400))
        starts = [m.start() for m in (held, last) if m and m.start() < len(self._buffer)]
        end = len(self._buffer)
        if self._final and last and last[0].rstrip().endswith((">", "｜>")):
            end = last.start()
        elif not self._final and starts:
            end = min(starts)
        self._emit(self._buffer[:end])
        self._buffer = "" if self._final else self._buffer[end:]
        self._looked = len(self._buffer)
        return False

    def _take_open(self, tag: str) -> bool:
        glued = bool(_GLUED.match(self._last))
        self._certain = self._blank or self.thought or glued or _is_token(tag)
        return self._begin(tag, marks.CLOSE, self._thoughts)

    def _take_call(self, mark: str) -> bool:
        self._certain = self._blank or bool(self.blocks) or _is_token(mark)
        close = marks.CALLS[mark.lower() if mark[0] == "<" else mark.upper()]
        return self._begin(mark, close, self._call)

    def _begin(self, mark: str, close: str, read: Callable[[], bool]) -> bool:
        self._mark, self._close, self._read, self._held = mark, close, read, []
        return True

    def _thoughts(self) -> bool:
        inner = self._inner()
        if inner is None:
            return self._read == self._text
        spaced = inner[:1] == inner[-1:] == " " and len(inner) < _LONGEST_SPAN
        if spaced and not self._certain and "\n" not in inner:  # a sentence about both tags
            self._read = self._text
            self._emit(self._mark)
            self._buffer = inner + self._closed + self._buffer
            return True
        self.thought = True
        self._nested = 0 if self._visible else len(re.findall(marks.OPEN, inner))
        self._read = self._text if self._visible else self._start
        return True

    def _call(self) -> bool:
        inner = self._inner()
        if inner is None:
            return self._read == self._text
        self.blocks.append(CallText(self._mark, inner))
        self._read = self._text
        return True

    def _inner(self) -> str | None:
        """What stands before the end of what is being read; None when it has not come, or was none
        after all and goes on as text."""
        absent = self._close in self._absent
        match = None if absent else re.search(self._close, self._buffer)
        if match:
            inner = "".join([*self._held, self._buffer[: match.start()]])
            self._closed = match[0]
            self._buffer = self._buffer[match.end() :]
            return inner
        if not self._final and (self._certain or not absent):
            kept = max(0, len(self._buffer) - _KEPT)
            self._held.append(self._buffer[:kept])
            self._buffer = self._buffer[kept:]
            return None
        if self._certain:
            inner, self._buffer = "".join([*self._held, self._buffer]), ""
            return inner
        if not absent:
            self._absent.add(self._close)
            self._again, self._buffer = "".join([*self._held, self._buffer]), ""
        self._read = self._text
        self._emit(self._mark)
        return None

    def _take_close(self, tag: str) -> bool:
        if self.thought:
            if self._nested:
                self._nested -= 1
                self._retract()
            return True
        self._mark, self._read = tag, self._close_unopened
        return True

    def _close_unopened(self) -> bool:
        """It ends thoughts if it stands where models put it, not within a sentence."""
        rest = self._buffer[:_KEPT].lstrip(" \t")
        if not rest and len(self._buffer) < _KEPT and not self._final:
            return False
        glued = _GLUED.match(self._last) and self._buffer[:1] == rest[:1]
        self._read = self._text
        if self._blank or rest[:1] in ("", "\n", "\r") or glued:
            self.thought = True
            self._retract()
        else:
            self._emit(self._mark)
        return True

    def _retract(self) -> None:
        self._out.append(RETRACT)
        self._visible, self._blank, self._last = False, True, ""

    def _take_channel(self, tag: str) -> bool:
        self._read = self._channel
        return True

    def _channel(self) -> bool:
        """The head of a harmony message, up to what it says."""
        head, mark, rest = self._buffer.partition("<|message|>")
        if not mark and not self._final and len(head) < 300:
            return False
        self._read = self._text
        if not mark:  # a head without a message is none
            self._buffer = re.sub(r"\A\s*(?:analysis|commentary|final)", "", head)
            return True
        self._buffer, self._certain = rest, True
        if "to=" in head:
            return self._begin(f"<|channel|>{head} ", marks.END_OF_CHANNEL, self._call)
        if head.strip().startswith("analysis"):
            return self._begin(head, marks.END_OF_CHANNEL, self._thoughts)
        return True

    def _take_turn(self, tag: str) -> bool:
        self._mark, self._read = tag, self._role
        return True

    def _role(self) -> bool:
        """Who speaks next. Whatever anybody but the model says ends the answer."""
        inner = re.search(rf"\A<[|｜]({marks.ROLES})[|｜]>\Z", self._mark, re.IGNORECASE)
        named = inner[1] if inner else "user" if self._mark == "[INST]" else ""
        if not named:
            word = re.match("[A-Za-z_.]{0,40}", self._buffer)
            named = word[0] if word else ""
            if named == self._buffer and not self._final:
                return False
            self._buffer = self._buffer[len(named) :]
        own = named.lower() in ("assistant", "model", "")
        over = not own or (self._visible and self._mark != "<|start|>")
        self._read = self._over if over else self._text
        return True

    def _over(self) -> bool:
        self._buffer = ""
        return False

    def _take_strike(self, tag: str) -> bool:
        if self._visible:
            self._struck = True
            self._emit(tag)
        return True

    def _take_unstrike(self, tag: str) -> bool:
        if self._struck:
            self._struck = False
            self._emit(tag)
        return True

    def _take_control(self, tag: str) -> bool:
        return True

    def _emit(self, text: str) -> None:
        text = text if self._visible else text.lstrip()
        if not text:
            return
        self._out.append(text)
        self._last = text[-1]
        line = text.rpartition("\n")[2]
        self._blank = not line.strip(" \t>") and ("\n" in text or self._blank)
        self._visible = True


def clean(text: str) -> str:
    """The answer in a whole text, as it was logged before answers were read so."""
    if not marks.SUSPECT.search(text):
        return text
    reader = AnswerReader()
    return join([*reader.feed(text), *reader.finish()])


def join(pieces: list[str | None]) -> str:
    """The answer from the pieces of it."""
    while RETRACT in pieces:
        pieces = pieces[pieces.index(RETRACT) + 1 :]
    return "".join(piece for piece in pieces if piece)


def _is_token(mark: str) -> bool:
    """Whether nobody writes this in a sentence."""
    return mark[0] in "[◁" or mark[1] in "|｜"


def _is_all_json(text: str) -> bool:
    """Whether a text is JSON, perhaps in a fence, and nothing else."""
    return bool(re.fullmatch(r"(?:`{3,}\w*\s*)?[\[{].*[\]}]\s*(?:`{3,}\s*)?", text, re.DOTALL))
