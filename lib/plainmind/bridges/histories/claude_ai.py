"""Claude.ai's export: `conversations.json`, also in the .zip: conversations as lists of messages.

    {"uuid":…,"created_at":…,"chat_messages":[{"uuid":…,"sender":"human"|"assistant","created_at":…,"text":…,
      "content":[{"type":"text","text":…}|{"type":"tool_use","id":…,"name":…,"input":…}|{"type":"tool_result",…}|{"type":"thinking",…}],
      "attachments":[{"file_name":…,"extracted_content":…}],"files":[{"file_name":…}]}]}

`text` is of old exports, and a poor copy in new ones. What a user pasted comes as an attachment without a name of its own:
it was said, too. A message's texts between calls are events of their own. Left out: thinking, summaries.
Memory: one conversation at a time.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ...ground.errors import BadData
from . import said
from .said import Calls, Found, Said, Skipped, mapping, plain, sequence
from .sources import Record, Records, Source, beginning, elements

PASTED = ("", "paste.txt")


class ClaudeAI:
    sessions = False

    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] == "conversations.json"

    def cwd(self, source: Source) -> str:
        return ""

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[Found]:
        prefix = "item" if beginning(source).startswith(b"[") else ""
        return conversations(elements(source, prefix, "conversation", note))


def conversations(records: Records) -> Iterator[Found]:
    for record in records:
        if not isinstance(record, Record):
            yield record
        elif not isinstance(record.value.get("chat_messages"), list):
            yield BadData("no 'chat_messages'", place=record.place, cure="it is left out")
        else:
            yield from events(record.value, record.place)


def events(conversation: dict[str, Any], place: str) -> Iterator[Found]:
    """The events of a conversation."""
    context = said.context_of("claude-ai", plain(conversation.get("uuid")) or place)
    last = said.instant(conversation.get("created_at"))
    calls = Calls()
    if conversation.get("summary"):
        yield Skipped("summary")
    for number, message in enumerate(conversation["chat_messages"], 1):
        here = f"{place}, message {number}"
        if not isinstance(message, dict) or message.get("sender") not in ("human", "assistant"):
            yield BadData(
                "no message of a human or an assistant", place=here, cure="it is left out"
            )
            continue
        last = said.instant(message.get("created_at"), last)
        if last is None:
            yield BadData("no time", place=here, cure="it is left out")
            continue
        role = "user" if message["sender"] == "human" else "agent"
        yield from _message(
            message, Said(context, plain(message.get("uuid")), last, role, ""), calls, here
        )


def _message(message: dict[str, Any], blank: Said, calls: Calls, place: str) -> Iterator[Found]:
    content = said.parts(message.get("content"))
    if not any(part.get("type") in ("text", "tool_use", "tool_result") for part in content):
        content = [*content, *said.parts(plain(message.get("text")))]
    content = [*content, *_pasted(message)]
    files = _files(message)
    texts: list[str] = []
    id = blank.id
    for number, part in enumerate(content):
        kind = part.get("type")
        if kind == "text":
            texts.append(plain(part.get("text")))
        elif kind == "tool_use":
            calls.add(
                plain(part.get("id")) or plain(part.get("name")),
                part.get("name"),
                part.get("input"),
            )
        elif kind == "tool_result":
            if any(texts):
                yield said.remembered(
                    blank._replace(id=id, content="\n".join(texts), meta=said.meta(files=files)),
                    place,
                )
                texts, files, id = [], [], f"{blank.id}-{number}"
            known = calls.of(
                plain(part.get("tool_use_id")) or plain(part.get("name")), part.get("name")
            )
            meta = {
                **known,
                "call": plain(part.get("tool_use_id")),
                **said.meta(error=bool(part.get("is_error"))),
            }
            output = said.text(part.get("content"))
            yield said.remembered(
                blank._replace(
                    id=f"{blank.id}-{number}-tool", role="tool", content=output, meta=meta
                ),
                place,
            )
        else:
            yield Skipped("thinking" if kind in ("thinking", "redacted_thinking") else "other")
    if any(texts) or files:
        yield said.remembered(
            blank._replace(id=id, content="\n".join(texts), meta=said.meta(files=files)), place
        )


def _pasted(message: dict[str, Any]) -> list[dict[str, Any]]:
    attached = [mapping(one) for one in sequence(message.get("attachments"))]
    texts = [
        plain(one.get("extracted_content"))
        for one in attached
        if plain(one.get("file_name")) in PASTED
    ]
    return [{"type": "text", "text": text} for text in texts if text]


def _files(message: dict[str, Any]) -> list[str]:
    attached = [*sequence(message.get("attachments")), *sequence(message.get("files"))]
    names = [plain(mapping(one).get("file_name")) for one in attached]
    return list(dict.fromkeys(name for name in names if name not in PASTED))
