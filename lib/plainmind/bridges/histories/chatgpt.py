"""ChatGPT's export: `conversations.json` (or `conversations-000.json` …), also in the .zip:
conversations as trees of messages.

    {"conversation_id":…,"create_time":1704067200.1,"current_node":NODE,
      "mapping":{NODE:{"parent":NODE?,"message":{
      "id":…,"author":{"role":"user"|"assistant"|"tool"|"system","name":…},
      "create_time":…,"recipient":"all"|TOOL,
      "content":{"content_type":…,"parts":[…]|"text":…},"metadata":{…}}?}}}

The path from the root to `current_node` is what its owner saw; what was edited or generated again
hangs beside it. A message of the assistant to a tool is a call, the tool's next message its result;
what a call writes into a canvas is said, too. Left out: other branches, thoughts and their recaps,
custom instructions, what is hidden. Memory:
one conversation at a time."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ...ground.errors import BadData
from . import branches, items
from .branches import OTHER_BRANCH, Node
from .conservation import conserve
from .items import Held, HistoryEvent, HistoryItem, Skipped, as_list, as_mapping, as_text
from .sources import HistoryReader, RawRecord, Records, Source, read_beginning, read_elements

_NAME = re.compile(r"conversations(-\d+)?\.json\Z")
THINKING = ("thoughts", "reasoning_recap")
_MARK = re.compile("\ue200[^\ue200\ue201\n]*\ue201")
#: what a mark points with: places in results and in files
_POINTER = re.compile(r"turn\d+\w*|L?\d+(?:-L?\d+)?|")
#: where a message without parts has its text
TEXTS = ("title", "url", "text", "result", "summary", "output_str")
INSTRUCTIONS = ("user_editable_context", "model_editable_context")


class ChatGPT(HistoryReader):
    export = True

    def wanted(self, path: str) -> bool:
        return bool(_NAME.match(path.rpartition("/")[2]))

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        return read_conversations(read_elements(source, find_prefix(source), "conversation", note))


def find_prefix(source: Source) -> str:
    """Where in a file its conversations are: it may be a list, an object with one, or a single
    conversation."""
    start = read_beginning(source)
    if re.match(rb'\{\s*"conversations"\s*:\s*\[', start):
        return "conversations.item"
    return "item" if start.startswith(b"[") else ""


def read_conversations(records: Records) -> Iterator[HistoryItem]:
    for record in records:
        if not isinstance(record, RawRecord):
            yield record
        elif not as_mapping(record.value.get("mapping")):
            yield BadData("no 'mapping' of messages", place=record.place, cure="it is left out")
        else:
            yield from read_events(record.value, record.place)


def read_events(conversation: dict[str, Any], place: str) -> Iterator[HistoryItem]:
    """The events of a conversation."""
    name = as_text(conversation.get("conversation_id")) or as_text(conversation.get("id"))
    context = items.context_of("chatgpt", name or place)
    messages, instants, parents = _read_tree(as_mapping(conversation["mapping"]))
    start = items.parse_instant(conversation.get("create_time"), conversation.get("update_time"))
    turns = branches.sort_by_descent(instants, parents, start or 0)
    nodes = [Node(id, parents[id]) for id in turns]
    left = branches.find_abandoned(nodes, as_text(conversation.get("current_node")))
    shown = [id for id in turns if id in messages and id not in left]
    about = {key: value for key, value in conversation.items() if key != "mapping"}
    first = min((turns[id] for id in shown), default=start or 0)
    yield from conserve("chatgpt", about, items.name_event(context, first, about, "title"))
    for id in left & messages.keys():
        yield Skipped(OTHER_BRANCH, messages[id])
    call = LatestCall()
    for id in shown:
        message, own = messages[id], instants[id]
        meta = {"undated": True} if own is None else {}
        when = turns[id] if own is None else own
        blank = HistoryEvent(context, as_text(message.get("id")) or id, when, "", "", "", meta)
        found = _read_message(message, blank._replace(turn=turns[id]), call, place)
        yield from conserve("chatgpt", message, found, clean=strip_marks)
    yield from call.end()


def _read_tree(
    nodes: dict[str, Any],
) -> tuple[dict[str, dict[str, Any]], dict[str, int | None], dict[str, str]]:
    """By the ids of nodes: messages, the times of all, and parents, which some exports only tell as
    children."""
    parents = {
        child: id
        for id, node in nodes.items()
        for child in as_list(as_mapping(node).get("children"))
        if isinstance(child, str)
    }
    for id, node in nodes.items():
        parents[id] = as_text(as_mapping(node).get("parent")) or parents.get(id, "")
    messages = {
        id: message
        for id, node in nodes.items()
        if (message := as_mapping(as_mapping(node).get("message")))
    }
    instants = {id: items.parse_instant(messages.get(id, {}).get("create_time")) for id in nodes}
    return messages, instants, parents


class LatestCall:
    """The latest call of a tool: whom, the message with it, and whether a result came."""

    def __init__(self) -> None:
        self.recipient, self.id = "", ""
        self.waiting = ""
        self.arguments: Any = {}

    def begin(self, recipient: str, id: str, content: str) -> Iterator[Skipped | Held]:
        yield from self.end()
        self.recipient, self.id, self.waiting = recipient, id, content
        self.arguments = items.clip(_arguments(content))
        yield Held(content)

    def end(self) -> Iterator[Skipped]:
        if self.waiting:
            yield Skipped(items.NO_RESULT, self.waiting)
        self.waiting = ""

    def meta_of(self, name: str) -> dict[str, Any]:
        """Metadata of the event of a result that the tool of that name gave."""
        if not self.id or self.recipient.partition(".")[0] != name.partition(".")[0]:
            return {"name": name or self.recipient or "unknown", "call": "", "args": {}}
        self.waiting = ""
        return {"name": name, "call": self.id, "args": self.arguments}


def _read_message(
    message: dict[str, Any], blank: HistoryEvent, call: LatestCall, place: str
) -> Iterator[HistoryItem | Held]:
    if reason := _hidden(message):
        yield Skipped(reason, message)
        return
    author, metadata = as_mapping(message.get("author")), as_mapping(message.get("metadata"))
    content, role = _text(message), author.get("role")
    recipient = as_text(message.get("recipient")) or "all"
    blank = blank._replace(content=strip_marks(content))
    if role == "user":
        meta = items.make_meta(files=items.texts_of(metadata.get("attachments"), "name"))
        yield items.clean_event(blank, place, role="user", meta={**meta, **blank.meta})
    elif role == "assistant" and recipient != "all":
        yield from call.begin(recipient, blank.id, content)
        if document := items.document_of(recipient, _arguments(content)):
            yield items.clean_event(blank, place, role="agent", content=document)
    elif role == "assistant":
        model = as_text(metadata.get("model_slug"))
        meta = {**items.make_meta(model=f"openai:{model}" if model else ""), **blank.meta}
        yield items.clean_event(blank, place, role="agent", meta=meta)
    else:
        meta = {**call.meta_of(as_text(author.get("name"))), **blank.meta}
        yield items.clean_event(blank, place, role="tool", meta=meta)


def strip_marks(text: str) -> str:
    """A text in which marks (private-use characters around what the page that shows the answer
    resolves) are what they show in words: the name of a person or place, the words of a link, a
    heading; of a citation, nothing."""
    return _MARK.sub(_shown, text) if "\ue200" in text else text


def _shown(mark: re.Match[str]) -> str:
    kind, *parts = mark[0][1:-1].split("\ue202")
    told = []
    for part in parts:
        data = part.lstrip().startswith(("[", "{"))
        if kind == "entity" and data:
            named = [text for _, text in items.walk(_parse(part))]
            told += named[1:2] or named[:1]
        elif not data and not all(map(_POINTER.fullmatch, re.split(r"[\s,]+", part))):
            told.append(f"({part})" if part.startswith("http") and told else part)
    return " ".join(told)


def _hidden(message: dict[str, Any]) -> str:
    """Why a message is not to be remembered, '' when it is."""
    metadata, content = as_mapping(message.get("metadata")), as_mapping(message.get("content"))
    kind, role = content.get("content_type"), as_mapping(message.get("author")).get("role")
    if kind in THINKING or message.get("channel") == "analysis":
        return "thinking"
    if role == "system" or kind in INSTRUCTIONS or metadata.get("is_user_system_message"):
        return "system"
    hidden = metadata.get("is_visually_hidden_from_conversation") or message.get("weight") == 0
    return "hidden" if hidden or role not in ("user", "assistant", "tool") else ""


def _text(message: dict[str, Any]) -> str:
    content = as_mapping(message.get("content"))
    parts = as_list(content.get("parts"))
    texts = [part if isinstance(part, str) else as_mapping(part).get("text") for part in parts]
    if not texts:
        is_code = content.get("content_type") == "code"
        names = ("text",) if is_code else TEXTS
        texts = [content.get(name) for name in names]
    return "\n".join(filter(None, map(as_text, texts)))


def _arguments(content: str) -> Any:
    """What a tool was called with: JSON, or code."""
    value = _parse(content)
    return value if isinstance(value, dict) else {"input": content}


def _parse(text: str) -> Any:
    import json

    try:
        return json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return None
