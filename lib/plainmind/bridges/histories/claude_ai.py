"""Claude.ai's export: `conversations.json`, also in the .zip: conversations as lists of messages.

    {"uuid":…,"created_at":…,"chat_messages":[{"uuid":…,"sender":"human"|"assistant","created_at":…,
      "text":…,"content":[{"type":"text","text":…}|{"type":"tool_use","id":…,"name":…,"input":…}|
      {"type":"tool_result",…}|{"type":"thinking",…}],
      "attachments":[{"file_name":…,"extracted_content":…}],"files":[{"file_name":…}]}]}

`text` is of old exports, and a poor copy in new ones. What a user pasted comes as an attachment
without a name of its own: it was said, too. A message's texts between calls are events of their
own. Left out: thinking, summaries. Memory: one conversation at a time."""

from collections.abc import Callable, Iterator
from typing import Any

from ...ground.errors import BadData
from . import items, sources
from .items import Calls, HistoryEvent, HistoryItem, Skipped, as_list, as_mapping, as_text
from .sources import LEFT_OUT, HistoryReader, RawRecord, Records, Source

PASTED = ("", "paste.txt")


class ClaudeAI(HistoryReader):
    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] == "conversations.json"

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        prefix = "item" if sources.read_beginning(source).startswith(b"[") else ""
        return read_conversations(sources.read_elements(source, prefix, "conversation", note))


def read_conversations(records: Records) -> Iterator[HistoryItem]:
    for record in records:
        if not isinstance(record, RawRecord):
            yield record
        elif not isinstance(record.value.get("chat_messages"), list):
            yield BadData("no 'chat_messages'", place=record.place, cure=LEFT_OUT)
        else:
            yield from read_events(record.value, record.place)


def read_events(conversation: dict[str, Any], place: str) -> Iterator[HistoryItem]:
    """The events of a conversation."""
    context = items.context_of("claude-ai", as_text(conversation.get("uuid")) or place)
    last = items.parse_instant(conversation.get("created_at"))
    calls = Calls()
    if conversation.get("summary"):
        yield Skipped("summary")
    for number, message in enumerate(conversation["chat_messages"], 1):
        here = f"{place}, message {number}"
        if not isinstance(message, dict) or message.get("sender") not in ("human", "assistant"):
            yield BadData("no message of a human or an assistant", place=here, cure=LEFT_OUT)
            continue
        last = items.parse_instant(message.get("created_at"), last)
        if last is None:
            yield BadData("no time", place=here, cure=LEFT_OUT)
            continue
        role = "user" if message["sender"] == "human" else "agent"
        blank = HistoryEvent(context, as_text(message.get("uuid")), last, role, "")
        yield from _message(message, blank, calls, here)


def _message(
    message: dict[str, Any], blank: HistoryEvent, calls: Calls, place: str
) -> Iterator[HistoryItem]:
    parts = items.as_parts(message.get("content"))
    if not any(part.get("type") in ("text", "tool_use", "tool_result") for part in parts):
        parts = [*parts, *items.as_parts(as_text(message.get("text")))]
    files, id = _files(message), blank.id
    texts: list[str] = []
    for number, part in enumerate([*parts, *_pasted(message)]):
        kind, name = part.get("type"), part.get("name")
        if kind == "text":
            texts.append(as_text(part.get("text")))
        elif kind == "tool_use":
            calls.add(as_text(part.get("id")) or as_text(name), name, part.get("input"))
        elif kind == "tool_result":
            if any(texts):
                meta, content = items.make_meta(files=files), "\n".join(texts)
                yield items.clean_event(blank, place, id=id, content=content, meta=meta)
                texts, files, id = [], [], f"{blank.id}-{number}"
            call, error = as_text(part.get("tool_use_id")), bool(part.get("is_error"))
            called = calls.of(call or as_text(name), name)
            meta = {**called, "call": call, **items.make_meta(error=error)}
            one = blank._replace(id=f"{blank.id}-{number}-tool", role="tool", meta=meta)
            yield items.clean_event(one, place, content=items.join_texts(part.get("content")))
        else:
            yield Skipped("thinking" if kind in ("thinking", "redacted_thinking") else "other")
    if any(texts) or files:
        meta, content = items.make_meta(files=files), "\n".join(texts)
        yield items.clean_event(blank, place, id=id, content=content, meta=meta)


def _pasted(message: dict[str, Any]) -> list[dict[str, Any]]:
    attached = [as_mapping(one) for one in as_list(message.get("attachments"))]
    pasted = [one for one in attached if as_text(one.get("file_name")) in PASTED]
    texts = items.texts_of(pasted, "extracted_content")
    return [{"type": "text", "text": text} for text in texts]


def _files(message: dict[str, Any]) -> list[str]:
    attached = [*as_list(message.get("attachments")), *as_list(message.get("files"))]
    names = items.texts_of(attached, "file_name")
    return list(dict.fromkeys(name for name in names if name not in PASTED))
