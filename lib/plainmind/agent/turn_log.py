"""A user's message, and what the logs of its context say of it when a turn begins: the history,
earlier attempts.

Each window is read at most once; history is that of the current one, and of those that it goes on
from (reader.read_conversation). Only reads.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from ..formats.log.event import Event, RawEvent, render_meta
from ..ground import files
from ..ground.paths import Home
from ..truth.log import reader
from . import prompt


class UserMessage(NamedTuple):
    """What a user wrote; `meta` has author, author_id, message_id, quoted, attachments, if any."""

    text: str
    meta: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.meta.get("message_id", ""))

    @property
    def author(self) -> str:
        return str(self.meta.get("author") or "")

    @property
    def mark(self) -> dict[str, Any]:
        """What the meta of every event of its turn has."""
        return {"for": self.id} if self.id else {}

    @property
    def id_in_header(self) -> bytes:
        """The id as an event's header has it; b"" without one."""
        return render_meta({"": self.id})[5:-2].encode()

    def is_logged_as(self, event: Event) -> bool:
        """Whether an event is this message."""
        return bool(self.id) and event.role == "user" and UserMessage("", event.meta).id == self.id

    def is_marked_on(self, event: Event) -> bool:
        """Whether an event is something its turn did."""
        return bool(self.id) and event.meta.get("for") == self.id

    def is_answered_by(self, event: Event) -> bool:
        return event.role == "agent" and event.meta.get("reply_to") == self.id


class Attempt(NamedTuple):
    """What earlier runs of the same turn logged."""

    reply: str | None = None
    window: str = ""  # where the reply is
    done: Sequence[Event] = ()  # answers and tool calls before it was cut off
    failure: str = ""  # why it had no answer, as far as that was logged
    line: int = 0  # of the message, if it is in the current window
    marks: dict[str, str] = {}  # of the reply: cut, left_out  # noqa: RUF012
    turns: Sequence[str] = ()  # of the reply: whose lasting changes were named under it


def find_marks(meta: dict[str, Any]) -> dict[str, str]:
    """What a reply's meta says of it: why it was `cut` off, what was `left_out`."""
    return {key: str(meta[key]) for key in ("cut", "left_out") if meta.get(key)}


def render_notes(marks: dict[str, Any]) -> str:
    """Lines under a reply that say what its meta does."""
    cut, left_out = marks.get("cut"), marks.get("left_out")
    notes = [f"(left out: {left_out})"] if left_out else []
    if cut in ("length", "max_tokens", "max_output_tokens", "model_length"):
        notes.append("(cut off: the answer reached its token limit)")
    elif cut == "size":
        notes.append("(cut: the answer was larger than an event may be)")
    elif cut:
        notes.append(f"(cut off by the provider: {cut})")
    return "\n".join([*notes, *marks.get("changed", ())])


class TurnLog(NamedTuple):
    window: str = ""  # path of the current window; '' when there is none
    history: Sequence[Event] = ()  # events of other turns that the prompt shows, by time
    attempt: Attempt | None = None  # None when the message is not in the logs
    left_out: int = 0  # events of the conversation that are not in `history`
    tools_left_out: Sequence[RawEvent] = ()  # those of them that are a command and its result


def read(home: Home, context: str, message: UserMessage, budget: int) -> TurnLog:
    """The logs of a context for a message; `budget` is of its history, in estimated tokens.

    A retry may have gone on in a later window than the one that has the message.
    """
    windows = reader.read_conversation(home, context)
    if not windows:
        return TurnLog()
    known = {window.path: _events_with_id(window, message) for window in windows}
    # what this turn did before it was cut off is shown anyway, and moves no history out
    own = {
        (e.path, e.line)
        for e in chain(*known.values())
        if message.is_logged_as(e) or message.is_marked_on(e)
    }
    ordered = reader.order_by_time(window.blocks() for window in windows)
    places = [
        (windows[at], one) for _, at, one in ordered if (windows[at].path, one.line) not in own
    ]
    blocks = [block for _, block in places]
    first = prompt.find_first_shown(blocks, budget)
    return TurnLog(
        windows[-1].path,
        [window.event(block) for window, block in places[first:]],
        _find_attempt(home, context, known, message) if message.id else None,
        first,
        [block for block in blocks[:first] if block.role == "tool"],
    )


def _find_attempt(
    home: Home, context: str, known: Mapping[str, list[Event]], message: UserMessage
) -> Attempt | None:
    """`known`: the events that have the message's id in their header, of windows that were read."""
    done: list[Event] = []
    failure = ""
    paths = [f"logs/{context}/{name}" for name in home.list_windows(context)]
    for path in reversed(paths):
        events = known.get(path)
        if events is None:
            if message.id_in_header not in files.read(home.path(path)):
                continue
            events = _events_with_id(reader.read_window(home, path), message)
        reply = next((e for e in events if message.is_answered_by(e)), None)
        if reply is not None:
            turns = reply.meta.get("changes")
            turns = list(map(str, turns)) if isinstance(turns, list) else []
            return Attempt(reply.content, path, marks=find_marks(reply.meta), turns=turns)
        own = [e for e in events if message.is_marked_on(e)]
        done = [e for e in own if e.role in ("agent", "tool") and "cut" not in e.meta] + done
        errors = [str(e.meta.get("error", "")) for e in own if e.role == "system"]
        failure = failure or (errors[-1] if errors else "")
        line = next((e.line for e in events if message.is_logged_as(e)), 0)
        if line:
            return Attempt(done=done, failure=failure, line=line if path == paths[-1] else 0)
    return None


def _events_with_id(window: reader.Window, message: UserMessage) -> list[Event]:
    """The events of a window whose header has the id in it, which may be part of another's."""
    mark = message.id_in_header
    if not mark or mark not in window.data:
        return []
    return [window.event(block) for block in window.blocks() if mark in block.meta]
