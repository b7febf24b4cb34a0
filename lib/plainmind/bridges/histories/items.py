"""What an import finds: events, pages, and what is left out and why.

Owns the strictness: whatever a history holds, the line of an event is one that `mem-append --jsonl`
takes. Refuses to know any tool's layout."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...formats.log import injected_blocks
from ...formats.page.summary import ConversationSummary
from ...ground import clock, stream
from ...ground.errors import BadData, Failure

# bytes of an event, unless it is a tool's: mem-append takes no larger one
LARGEST = 16 * 1024 * 1024
# characters of one text among a call's arguments: a file that was written is in the repository
LONGEST = 2000
DEEPEST = 32
PENDING = 1000  # calls that are remembered until their results come
NO_RESULT = "call without a result"

#: tools that write what the user reads: ChatGPT's canvas, Claude.ai's artifacts and files, drafts
#: of messages, plans to be approved, questions
DOCUMENTS = re.compile(
    r"canmore\.|artifacts\Z|create_file\Z|str_replace\Z"
    r"|message_compose|ask_user_input|AskUserQuestion\Z|ExitPlanMode\Z|request_user_input\Z"
)
#: their arguments that stand beside the text
NO_DOCUMENT = frozenset(
    "id type command language path version pattern multiple kind planFilePath header".split()
)

_ID = re.compile(r"[a-z0-9_-]{1,64}\Z", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


class HistoryEvent(NamedTuple):
    """An event of another tool's history. `instant` in ms since the epoch; one without an `id` gets
    its digest. `turn` is its place in the order, in ms, where that is not its `instant`."""

    context: str
    id: str
    instant: int
    role: str
    content: str
    author: str = ""
    meta: dict[str, Any] = {}
    turn: int = 0

    def line(self, context: str = "") -> str:
        """As `mem-append --jsonl` reads it, in a context of its own or in the one that all go to.
        There, ids of different conversations must not meet."""
        when = "" if self.meta.get("undated") else self.instant
        id = self.id or digest(f"{when} {self.role} {self.content}")
        if context and context != self.context:
            id = f"{self.context}:{id}"
        event = {"timestamp": clock.to_text(self.instant), "role": self.role}
        more = {name: value for name in ("author", "meta") if (value := getattr(self, name))}
        place = {"context": context or self.context, "id": id}
        return stream.json_line({**event, "content": self.content, **more, **place})


class HistoryPage(NamedTuple):
    """A page of knowledge, as `mem-note --jsonl` reads it."""

    name: str
    body: str
    date: str
    type: str
    tier: str
    source: str
    more: dict[str, Any] = {}  # of its other fields those that it has

    def line(self, context: str = "") -> str:
        fields = {**self._asdict(), **self.more}
        del fields["more"]
        return stream.json_line(fields)


class WorkEvent(NamedTuple):
    """An event of the journal of work, as `work-log -` reads it."""

    fields: dict[str, Any]

    def line(self, context: str = "") -> str:
        return stream.json_line(self.fields)


class Skipped(NamedTuple):
    """Something that is not to be remembered, and the `value` in the file that holds it."""

    reason: str
    value: Any = None


class Unread(Skipped):
    """A file that no reader of this tool takes."""


class Lost(Skipped):
    """A row that should have become an event and could not; `value` is its id."""


class Held(NamedTuple):
    """A part of a record that becomes an event later, or is counted then."""

    value: Any


HistoryItem = HistoryEvent | HistoryPage | WorkEvent | ConversationSummary | Skipped | Failure


def clean_event(blank: HistoryEvent, place: str, **filled: Any) -> HistoryEvent | Skipped | Failure:
    """The event, with what is `filled` in, less what a recall of ours injected, unless nothing is
    left to remember. A call that gave no output happened all the same, and so did a message that
    only carries files."""
    event = blank._replace(**filled)
    content, is_tool = injected_blocks.strip(event.content, echoes=False), event.role == "tool"
    if not content.strip():
        if content != event.content:
            return Skipped("injected", event.content)
        if not is_tool and not event.meta.get("files"):
            return Skipped("without a text", event.author)
    size = len(content.encode("utf-8", "surrogatepass")) if len(content) > LARGEST // 4 else 0
    if size > LARGEST and not is_tool:
        what, cure = f"a message of more than {LARGEST} bytes", "append it in parts with mem-append"
        return BadData(what, place=place, cure=cure)
    return event._replace(content=content)


def summary_of(context: str, id: Any, instant: int | None, content: Any) -> HistoryItem:
    """A summary that the tool made when it compacted a conversation, or why it is none."""
    text = as_text(content)
    if instant is None or not as_text(id) or not text.strip():
        return Skipped("summary", text)
    return ConversationSummary(context, as_text(id), instant, text)


def context_of(surface: str, id: Any) -> str:
    """The context of a conversation. Other tools take any text for an id, the log does not."""
    text = id if isinstance(id, str) else str(id)
    return f"{surface}/{text if _ID.match(text) else digest(text)}"


def digest(text: str) -> str:
    return hashlib.sha256(_SURROGATE.sub("\ufffd", text).encode()).hexdigest()[:32]


def clip(value: Any, left: int = DEEPEST) -> Any:
    """A call's arguments with long texts cut, and without what JSON cannot say. Lengths are counted
    in UTF-16 units, as pi does."""
    if isinstance(value, str):
        units = value.encode("utf-16-le", "surrogatepass") if len(value) > LONGEST // 2 else b""
        if len(units) <= 2 * LONGEST:
            return value
        cut = units[: 2 * LONGEST].decode("utf-16-le", "surrogatepass")
        return f"{cut}… ({len(units) // 2} characters)"
    if isinstance(value, dict):
        return {name: clip(inner, left - 1) for name, inner in value.items()} if left else "…"
    if isinstance(value, list):
        return [clip(inner, left - 1) for inner in value] if left else "…"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def walk(value: Any, machine: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """(field, text) for every text inside, fields of the machine's left out; an element of a list
    has the list's field."""
    todo: list[tuple[str, str, Any]] = [("", "", value)]
    while todo:
        parent, name, one = todo.pop()
        if isinstance(one, str):
            if one:
                yield name, one
        elif isinstance(one, dict):
            for key, inner in reversed(one.items()):
                key = key if isinstance(key, str) else str(key)
                if inner and key not in machine and f"{name}.{key}" not in machine:
                    todo.append((name, key, inner))
        elif isinstance(one, list | tuple):
            todo += [(parent, name, inner) for inner in reversed(one)]


def as_text(value: Any) -> str:
    """A name, an id or a text as text; '' when it is something else, or not there."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def as_mapping(value: Any) -> dict[str, Any]:
    """The object a history should have here, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_parts(content: Any) -> list[dict[str, Any]]:
    """A message's content as the list of typed parts that it may be."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    parts = as_list(content)
    return [part if isinstance(part, dict) else {"type": "text", "text": part} for part in parts]


def join_texts(content: Any) -> str:
    """The texts of a content's parts, of whatever type, one below the other."""
    texts = [part.get("text") for part in as_parts(content) if "text" in part]
    return "\n".join(map(as_text, texts))


def texts_of(objects: Any, key: str) -> list[str]:
    """What a list of objects has under a key, as far as it is text."""
    return [text for one in as_list(objects) if (text := as_text(as_mapping(one).get(key)))]


def document_of(tool: str, arguments: Any) -> str:
    """What a call writes for the user to read: all of a canvas, an artifact or a file, and any text
    of another call that is too long to be kept whole among its arguments. '' when nothing."""
    if text := said_by(tool, arguments):
        return text
    return "\n".join(text for _, text in walk(arguments, NO_DOCUMENT) if clip(text) != text)


def said_by(tool: str, arguments: Any) -> str:
    """What a call says to the user; '' for a call of another tool."""
    if not DOCUMENTS.match(tool):
        return ""
    return "\n".join(text for _, text in walk(arguments, NO_DOCUMENT))


def name_event(
    context: str, instant: int, about: dict[str, Any], key: str
) -> Iterator[HistoryEvent]:
    """The name of a conversation, which is often a person's, as what stands before all of it."""
    if (name := as_text(about.get(key))).strip():
        yield HistoryEvent(context, digest(f"name {name}"), instant, "system", name, turn=1)


def make_meta(**known: Any) -> dict[str, Any]:
    """Metadata of what is known."""
    return {name: value for name, value in known.items() if value not in ("", None, [], False)}


class Times:
    """When things happened that may not say so: one without a time has that of what came before it,
    and the first that of the `start`."""

    def __init__(self, start: int | None) -> None:
        self._last = start or 0
        self.turn = 0  # of the latest, which is never before an earlier one's

    def of(self, *candidates: Any) -> tuple[int, dict[str, Any]]:
        """Its time, and the metadata that says when that is not its own."""
        own = parse_instant(*candidates)
        self._last = self._last if own is None else own
        self.turn = max(self.turn, own or 1)
        return self._last, {"undated": True} if own is None else {}


def parse_instant(*candidates: Any) -> int | None:
    """The first that is a time: RFC 3339 text, or a number of seconds or milliseconds since 1970.
    None: none is."""
    for value in candidates:
        if isinstance(value, str) and re.fullmatch(r"\d{9,}(\.\d+)?", value, re.ASCII):
            value = float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 1 <= value < 2.5e14:
            # as seconds, 1e11 would be the year 5138
            return round(value if value >= 1e11 else value * 1000)
        if isinstance(value, str):
            try:
                return clock.parse(value.strip())
            except BadData:
                continue
    return None


class Calls:
    """Calls of tools whose results are still to come; the oldest are forgotten when there are very
    many."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._waiting: dict[str, Any] = {}

    def add(self, id: Any, name: Any, arguments: Any) -> Iterator[Held | Skipped]:
        """Remember a call. What of it is counted at once: arguments that are cut, an old call that
        got no result."""
        key = as_text(id)
        clipped = clip(arguments)
        self._calls[key] = (as_text(name), clipped)
        self._waiting[key] = [name, arguments]
        yield Held(self._waiting[key])
        kept = {text for _, text in walk(clipped)}
        if cut := [text for _, text in walk(arguments) if text not in kept]:
            yield Skipped("rest of a long argument", cut)
        if len(self._calls) > PENDING:
            oldest, _ = self._calls.popitem(last=False)
            if oldest in self._waiting:
                yield Skipped(NO_RESULT, self._waiting.pop(oldest))

    def of(self, id: Any, name: Any = "") -> dict[str, Any]:
        """Metadata of the event of a call that returned: its name, the call's id, its arguments."""
        self._waiting.pop(as_text(id), None)
        called, arguments = self._calls.get(as_text(id), ("", {}))
        args = {} if arguments is None else arguments
        return {"name": as_text(name) or called or "unknown", "call": as_text(id), "args": args}

    def end(self) -> Iterator[Skipped]:
        """The calls that got no result."""
        for call in self._waiting.values():
            yield Skipped(NO_RESULT, call)
        self._waiting.clear()
