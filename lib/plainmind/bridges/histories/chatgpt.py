"""ChatGPT's export: `conversations.json` (or `conversations-000.json` …), also in the .zip:
conversations as trees of messages.

    {"conversation_id":…,"create_time":1704067200.1,"current_node":NODE,
      "mapping":{NODE:{"parent":NODE?,"message":{
      "id":…,"author":{"role":"user"|"assistant"|"tool"|"system","name":…},
      "create_time":…,"recipient":"all"|TOOL,
      "content":{"content_type":…,"parts":[…]|"text":…},"metadata":{…}}?}}}

The path from the root to `current_node` is what its owner saw; what was edited or generated again
hangs beside it. A message of the assistant to a tool is a call, the tool's next message its result.
Left out: other branches, thoughts and their recaps, custom instructions, what is hidden. Memory:
one conversation at a time."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ...ground.errors import BadData, Failure
from . import items
from .items import HistoryEvent, HistoryItem, Skipped, as_list, as_mapping, as_text
from .sources import HistoryReader, RawRecord, Records, Source, read_beginning, read_elements

_NAME = re.compile(r"conversations(-\d+)?\.json\Z")
THINKING = ("thoughts", "reasoning_recap")
INSTRUCTIONS = ("user_editable_context", "model_editable_context")


class ChatGPT(HistoryReader):
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
    nodes = as_mapping(conversation.get("mapping"))
    path = _path(nodes, conversation.get("current_node"))
    shown = {id(message) for _, message in path}
    messages = [as_mapping(as_mapping(node).get("message")) for node in nodes.values()]
    for message in messages:
        if message and id(message) not in shown:
            yield Skipped("other branch")
    name = as_text(conversation.get("conversation_id")) or as_text(conversation.get("id"))
    context = items.context_of("chatgpt", name or place)
    last = items.parse_instant(conversation.get("create_time"), conversation.get("update_time"))
    called: tuple[str, dict[str, Any]] = "", {}
    for node, message in path:
        last = items.parse_instant(message.get("create_time"), last)
        reason = _hidden(message)
        if reason:
            yield Skipped(reason)
            continue
        if last is None:
            yield BadData(f"no time in message '{node}'", place=place, cure="it is left out")
            continue
        blank = HistoryEvent(context, as_text(message.get("id")) or node, last, "", _text(message))
        recipient = as_text(message.get("recipient")) or "all"
        if as_mapping(message.get("author")).get("role") == "assistant" and recipient != "all":
            called = recipient, {"id": blank.id, "input": items.clip(_arguments(blank.content))}
            continue
        yield _settled(message, blank, called, place)


def _settled(
    message: dict[str, Any], blank: HistoryEvent, called: tuple[str, dict[str, Any]], place: str
) -> HistoryEvent | Skipped | Failure:
    author, metadata = as_mapping(message.get("author")), as_mapping(message.get("metadata"))
    if author.get("role") == "user":
        meta = items.make_meta(files=items.texts_of(metadata.get("attachments"), "name"))
        return items.clean_event(blank, place, role="user", meta=meta)
    if author.get("role") == "assistant":
        model = as_text(metadata.get("model_slug"))
        meta = items.make_meta(model=f"openai:{model}" if model else "")
        return items.clean_event(blank, place, role="agent", meta=meta)
    name, (recipient, call) = as_text(author.get("name")), called
    if not call or recipient.partition(".")[0] != name.partition(".")[0]:
        call = {"id": "", "input": {}}
    meta = {"name": name or recipient or "unknown", "call": call["id"], "args": call["input"]}
    return items.clean_event(blank, place, role="tool", meta=meta)


def _path(nodes: dict[str, Any], current: Any) -> list[tuple[str, dict[str, Any]]]:
    """The messages from the root to the current node, or to the last one that has no children."""
    if as_text(current) not in nodes:
        leaves = [name for name in nodes if not as_list(as_mapping(nodes[name]).get("children"))]
        current = leaves[-1] if leaves else ""
    path: list[tuple[str, dict[str, Any]]] = []
    seen: set[str] = set()
    while isinstance(current, str) and current in nodes and current not in seen:
        seen.add(current)
        node = as_mapping(nodes[current])
        if as_mapping(node.get("message")):
            path.append((current, node["message"]))
        current = node.get("parent")
    return path[::-1]


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
        names = ("text",) if is_code else ("title", "url", "text", "result")
        texts = [content.get(name) for name in names]
    return "\n".join(filter(None, map(as_text, texts)))


def _arguments(content: str) -> Any:
    """What a tool was called with: JSON, or code."""
    import json

    try:
        value = json.loads(content, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return {"input": content}
    return value if isinstance(value, dict) else {"input": content}
