"""Claude.ai's export: `conversations.json`, also in the .zip: conversations as lists of messages.

    {"uuid":…,"created_at":…,"chat_messages":[{"uuid":…,"sender":"human"|"assistant","created_at":…,
      "text":…,"content":[{"type":"text","text":…}|{"type":"tool_use","id":…,"name":…,"input":…}|
      {"type":"tool_result",…}|{"type":"thinking",…}],
      "attachments":[{"file_name":…,"extracted_content":…}],"files":[{"file_name":…}]}]}

`text` is of old exports, and a poor copy in new ones. What a user pasted comes as an attachment
without a name of its own, and is part of the message; the text of any other attachment is an event
of its own, and so are a message's texts between calls, and an artifact. With `parent_message_uuid`
the messages are a tree, of which the branch with the last one is taken. `projects.json` or
`projects/<uuid>.json` have what was put into projects: {"uuid":…,"name":…,"description":…,
"prompt_template":…,"docs":[{"filename":…,"content":…}]}. Left out: thinking, instructions, and
summaries, those of `memories.json` too. Memory: one conversation at a time."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ...ground.errors import BadData
from . import branches, items, sources
from .branches import OTHER_BRANCH, Node
from .conservation import conserve
from .items import (
    Calls,
    Held,
    HistoryEvent,
    HistoryItem,
    Skipped,
    as_list,
    as_mapping,
    as_text,
)  # fmt: skip
from .sources import LEFT_OUT, HistoryReader, RawRecord, Records, Source

PASTED = ("", "paste.txt")
_NAME = re.compile(
    r"(?:^|/)(?:(?:conversations|projects|memories)\.json|projects/[0-9a-f-]{36}\.json)\Z"
)
_UNSHOWN = re.compile(r"(```\n)?This block is not supported[^\n]*(\n```)?")


class ClaudeAI(HistoryReader):
    export = True

    def wanted(self, path: str) -> bool:
        return bool(_NAME.search(path))

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        prefix = "item" if sources.read_beginning(source).startswith(b"[") else ""
        return read_conversations(sources.read_elements(source, prefix, "conversation", note))


def read_conversations(records: Records) -> Iterator[HistoryItem]:
    for record in records:
        if not isinstance(record, RawRecord):
            yield record
        elif "docs" in record.value or "prompt_template" in record.value:
            place, value = record
            yield from conserve("claude-ai", value, _read_project(value, place))
        elif "conversations_memory" in record.value or "project_memories" in record.value:
            yield Skipped("summary", record.value)  # Claude.ai's own, of the person
        elif not isinstance(record.value.get("chat_messages"), list):
            yield BadData("no 'chat_messages'", place=record.place, cure=LEFT_OUT)
        else:
            yield from read_events(record.value, record.place)


def read_events(conversation: dict[str, Any], place: str) -> Iterator[HistoryItem]:
    """The events of a conversation."""
    context = items.context_of("claude-ai", as_text(conversation.get("uuid")) or place)
    messages: dict[str, tuple[str, dict[str, Any]]] = {}
    for number, message in enumerate(conversation["chat_messages"], 1):
        here = f"{place}, message {number}"
        if not isinstance(message, dict) or message.get("sender") not in ("human", "assistant"):
            yield BadData("no message of a human or an assistant", place=here, cure=LEFT_OUT)
            continue
        messages.setdefault(as_text(message.get("uuid")) or f"#{number}", (here, message))
    start = items.parse_instant(conversation.get("created_at"), conversation.get("updated_at"))
    instants = {id: items.parse_instant(one.get("created_at")) for id, (_, one) in messages.items()}
    parents = _parents({id: message for id, (_, message) in messages.items()})
    turns = branches.sort_by_descent(instants, parents, start or 0)
    order = _pair([*turns], turns, messages)
    leaf = as_text(conversation.get("current_leaf_message_uuid"))
    nodes = [Node(id, parents[id], "message" if parents[id] else "") for id in order]
    left = branches.find_abandoned(nodes, leaf)
    about = {key: value for key, value in conversation.items() if key != "chat_messages"}
    yield from conserve("claude-ai", about, _about(context, about, min(turns.values(), default=0)))
    calls = Calls()
    for id in order:
        here, message = messages[id]
        if id in left:
            yield Skipped(OTHER_BRANCH, message)
            continue
        role = "user" if message["sender"] == "human" else "agent"
        meta = {} if instants[id] is not None else {"undated": True}
        when, turn = instants[id], turns[id]
        blank = HistoryEvent(
            context, as_text(message.get("uuid")), turn if when is None else when, role, "",
            meta=meta, turn=turn,
        )  # fmt: skip
        yield from conserve("claude-ai", message, _message(message, blank, calls, here), _plain)
    yield from calls.end()


def _read_project(value: dict[str, Any], place: str) -> Iterator[HistoryItem]:
    """What was put into a project: a description, and documents."""
    if value.get("is_starter_project"):
        yield Skipped("starter project", value)
        return
    if value.get("prompt_template"):
        yield Skipped("system", value["prompt_template"])
    times = items.Times(items.parse_instant(value.get("created_at")))
    context = items.context_of("claude-ai", as_text(value.get("uuid")) or place)
    instant, undated = times.of(value.get("created_at"))
    yield from items.name_event(context, instant, value, "name")
    text = as_text(value.get("description"))
    if text.strip():
        blank = HistoryEvent(context, items.digest(f"description {text}"), instant, "user", text)
        yield items.clean_event(blank, place, meta=undated)
    for one in map(as_mapping, as_list(value.get("docs"))):
        instant, undated = times.of(one.get("created_at"))
        meta = items.make_meta(files=items.texts_of([one], "filename"))
        blank = HistoryEvent(context, as_text(one.get("uuid")), instant, "user", "")
        content = as_text(one.get("content"))
        yield items.clean_event(blank, place, content=content, meta={**meta, **undated})


def _about(context: str, about: dict[str, Any], instant: int) -> Iterator[HistoryItem]:
    if about.get("summary"):
        yield Skipped("summary", about["summary"])
    yield from items.name_event(context, instant, about, "name")


def _parents(messages: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What each message answers. Where no message says so, each answers the root on its own, so
    that nothing is another's version."""
    told = {id: as_text(message.get("parent_message_uuid")) for id, message in messages.items()}
    is_tree = any(parent in messages for parent in told.values())
    return told if is_tree else dict.fromkeys(told, "")


def _pair(order: list[str], turns: dict[str, int], messages: dict[str, Any]) -> list[str]:
    """An answer of the same instant as its question, which stands behind it in older exports, after
    it."""
    paired = list(order)
    for number in range(len(paired) - 1):
        first, second = paired[number : number + 2]
        before = messages[paired[number - 1]][1]["sender"] if number else "assistant"
        kinds = before, messages[first][1]["sender"], messages[second][1]["sender"]
        if turns[first] == turns[second] and kinds == ("assistant", "assistant", "human"):
            paired[number : number + 2] = second, first
    return paired


def _plain(text: str) -> str:
    """A message's text less the lines that stand there for parts which it cannot show."""
    return _UNSHOWN.sub("", text)


def _message(
    message: dict[str, Any], blank: HistoryEvent, calls: Calls, place: str
) -> Iterator[HistoryItem | Held]:
    parts = items.as_parts(message.get("content"))
    if not any(part.get("type") in ("text", "tool_use", "tool_result") for part in parts):
        parts = [*parts, *items.as_parts(as_text(message.get("text")))]
    files, id = _files(message), blank.id
    texts: list[str] = []
    for number, part in enumerate([*parts, *_pasted(message)]):
        kind, name = part.get("type"), part.get("name")
        if kind == "tool_use":
            call = as_text(part.get("id")) or as_text(name)
            yield from calls.add(call, name, part.get("input"))
            if document := items.document_of(as_text(name), part.get("input")):
                one = blank._replace(id=f"{blank.id}-{number}-document", content=document)
                yield items.clean_event(one, place)
        elif kind == "tool_result":
            if any(texts):
                meta, content = items.make_meta(files=files), "\n".join(texts)
                meta.update(blank.meta)
                yield items.clean_event(blank, place, id=id, content=content, meta=meta)
                texts, files, id = [], [], f"{blank.id}-{number}"
            call, error = as_text(part.get("tool_use_id")), bool(part.get("is_error"))
            called = calls.of(call or as_text(name), name)
            meta = {**called, "call": call, **items.make_meta(error=error), **blank.meta}
            one = blank._replace(id=f"{blank.id}-{number}-tool", role="tool", meta=meta)
            yield items.clean_event(one, place, content=items.join_texts(part.get("content")))
        elif kind in ("thinking", "redacted_thinking"):
            yield Skipped("thinking", part)
        elif said := items.texts_of([part], "title") + items.texts_of([part], "text"):
            texts.append("\n".join(said))
    if any(texts) or files:
        meta, content = {**items.make_meta(files=files), **blank.meta}, "\n".join(texts)
        yield items.clean_event(blank, place, id=id, content=content, meta=meta)
    yield from _attached(message, blank, place)


def _attached(message: dict[str, Any], blank: HistoryEvent, place: str) -> Iterator[HistoryItem]:
    """The texts of attachments that have names, each by itself."""
    for number, one in enumerate(map(as_mapping, as_list(message.get("attachments")))):
        name, content = as_text(one.get("file_name")), as_text(one.get("extracted_content"))
        if name not in PASTED and content.strip():
            meta = {"files": [name], **blank.meta}
            event = blank._replace(id=f"{blank.id}-attachment-{number}", meta=meta)
            yield items.clean_event(event, place, content=content)


def _pasted(message: dict[str, Any]) -> list[dict[str, Any]]:
    attached = [as_mapping(one) for one in as_list(message.get("attachments"))]
    pasted = [one for one in attached if as_text(one.get("file_name")) in PASTED]
    texts = items.texts_of(pasted, "extracted_content")
    return [{"type": "text", "text": text} for text in texts]


def _files(message: dict[str, Any]) -> list[str]:
    attached = [*as_list(message.get("attachments")), *as_list(message.get("files"))]
    names = items.texts_of(attached, "file_name")
    return list(dict.fromkeys(name for name in names if name not in PASTED))
