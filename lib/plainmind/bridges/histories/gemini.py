"""Gemini CLI's sessions: `~/.gemini/tmp/<project>/chats/session-<time>-<id>.jsonl`.

    {"sessionId":…,"projectHash":…,"startTime":…,"kind":"main"}
    {"id":…,"timestamp":…,"type":"user","content":[{"text":…}],"displayContent":[{"text":…}]?}
    {"id":…,"timestamp":…,"type":"gemini","content":…,"thoughts":[…],"model":…,"toolCalls":[
      {"id":…,"name":…,"args":{…},"result":[{"functionResponse":{"response":{"output":…}}}],…}]}
    {"$set":{"messages":[…],"summary":…}}   {"$rewindTo":<id>}

A line with the id of an earlier one replaces it. `$set` gives the messages again when a session is
resumed or compacted, then without what was summed up, with other ids, or without a message that
begins with a hook's text: of its messages those are taken that no line of their own has. Older
files are one JSON object with `messages`. Left out: thoughts, what hooks and the program put in,
and turns that the user took back."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import items
from .branches import OTHER_BRANCH
from .conservation import conserve
from .items import Calls, Held, HistoryEvent, HistoryItem, Skipped, Times, as_mapping, as_text
from .sources import HistoryReader, RawRecord, Records, Source, read_lines, read_nested
from .tags import find_first, strip_tagged

#: what the program has the model say to a summary
AGREED = "Got it. Thanks for the additional context!"
PROGRAM = "session_context|hook_context"
AGAIN = "said before"

Message = dict[str, Any]


class Gemini(HistoryReader):
    sessions = True

    def wanted(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return name.startswith("session-") and name.endswith((".jsonl", ".json"))

    def cwd(self, source: Source) -> str:
        """The project's folder, which the client writes beside its sessions."""
        root = source.beside("../.project_root")
        if not root:
            return ""
        with root.opened() as file:
            return file.read(4096).decode("utf-8", "replace").strip()

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        return _Session(source).read(_read_records(source, note), Times(source.instant))


def _read_records(source: Source, note: Callable[[int], None] = lambda count: None) -> Records:
    if not source.name.endswith(".json"):
        yield from read_lines(source, note)
        return
    for found in read_nested(source, "messages", "message", note):
        yield found[1] if isinstance(found, tuple) else found


class _Session:
    """What must be known of all of a file before it is read."""

    def __init__(self, source: Source):
        self.id = source.name
        self.last: dict[str, str] = {}  # id of a message -> the place of its last version
        self.left: set[str] = set()  # ids of what was taken back
        self.known: dict[str, str] = {}  # digest of what was said -> its first id
        copies: dict[str, str] = {}  # id of what was given again -> its first id
        shown: list[str] = []
        places: dict[str, int] = {}  # id -> its first place there
        for record in _read_records(source):
            if not isinstance(record, RawRecord):
                continue
            self.id = as_text(record.value.get("sessionId")) or self.id
            messages, copied = _messages_of(record.value)
            if copied and messages:
                shown, places = [], {}
            for message in messages:
                id, said = as_text(message.get("id")) or record.place, _digest(message)
                if copied and id not in self.last:
                    copies[id] = self.known.get(said, id)
                else:
                    self.last[id] = self.last[id] if copied else record.place
                    self.known.setdefault(said, id)
                places.setdefault(copies.get(id, id), len(shown))
                shown.append(copies.get(id, id))
            back = as_text(record.value.get("$rewindTo"))
            if (at := places.get(copies.get(back, back))) is not None:  # one may name the copy
                self.left.update(shown[at:])
                for id in shown[at:]:
                    if places.get(id, -1) >= at:
                        del places[id]
                del shown[at:]

    def read(self, records: Records, times: Times) -> Iterator[HistoryItem]:
        context, calls = items.context_of("gemini", self.id), Calls()
        for record in records:
            if not isinstance(record, RawRecord):
                yield record
                continue
            found = self._read_line(record, context, calls, times)
            yield from conserve("gemini", record.value, found)
        yield from calls.end()

    def _read_line(
        self, record: RawRecord, context: str, calls: Calls, times: Times
    ) -> Iterator[HistoryItem | Held]:
        place, line = record
        messages, copied = _messages_of(line)
        summaries = {id: text for id, _, text in find_summaries(messages)}
        for message in messages:
            id = as_text(message.get("id")) or place
            said = _digest(message)
            if id in summaries and id not in self.last:
                self.last[id] = place
                instant = items.parse_instant(message.get("timestamp"))
                yield items.summary_of(context, id, instant, summaries[id])
                yield Skipped("thinking", message.get("content"))
            elif self.last.get(id, place) != place or copied and said in self.known:
                yield Skipped(AGAIN, message)
            elif id in self.left:
                yield Skipped(OTHER_BRANCH, message)
            else:
                if copied:
                    self.last[id], self.known[said] = place, id
                instant, undated = times.of(message.get("timestamp"))
                blank = HistoryEvent(context, id, instant, "", "", "", undated, times.turn)
                yield from _read_message(message, blank, calls, place)
        about = as_mapping(line.get("$set")) or line
        yield from items.name_event(context, times.of(None)[0], about, "summary")


def _messages_of(line: dict[str, Any]) -> tuple[list[Message], bool]:
    """The messages of a line, and whether they are given again."""
    if "$set" in line:
        return _objects(as_mapping(line["$set"]).get("messages")), True
    if "sessionId" in line:
        return _objects(line.get("messages")), False
    return ([line] if "type" in line else []), False


def _objects(found: Any) -> list[Message]:
    return [one for one in items.as_list(found) if isinstance(one, dict)]


def find_given_again(line: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(id, timestamp, text) of each summary in a line."""
    messages, copied = _messages_of(line)
    return find_summaries(messages if copied else ())


def find_summaries(messages: Iterable[Message]) -> Iterator[tuple[str, str, str]]:
    """(id, timestamp, text) of each summary among messages that are given again."""
    before: Message = {}
    for message in messages:
        if message.get("type") == "gemini" and _text_of(message).strip() == AGREED:
            text = _text_of(before)
            part = find_first(text, "state_snapshot")
            text = part.text if part else text
            yield as_text(before.get("id")), as_text(before.get("timestamp")), text.strip()
        before = message


def _text_of(message: Message) -> str:
    """What was said: what the user typed, where files or a hook's text were added to it."""
    return items.join_texts(message.get("displayContent") or message.get("content"))


def _digest(message: Message) -> str:
    """Of what makes two messages the same, whatever their ids."""
    said = strip_tagged(_text_of(message), PROGRAM).strip()
    calls = [as_text(call.get("id")) for call in _objects(message.get("toolCalls"))]
    return items.digest(f"{message.get('type')} {said} {calls}")


def _read_message(
    message: Message, blank: HistoryEvent, calls: Calls, place: str
) -> Iterator[HistoryItem | Held]:
    kind, text = message.get("type"), _text_of(message)
    if kind == "user":
        results = [part for part in items.as_parts(message.get("content")) if "text" not in part]
        if results:  # what calls gave stands with the calls, too
            yield Skipped(AGAIN, results)
        said = strip_tagged(text, PROGRAM)
        if said != text or message.get("displayContent"):
            yield Skipped("injected", [message.get("content"), text])
            said = said.strip("\n")
        if said.strip():
            yield items.clean_event(blank, place, role="user", content=said)
    elif kind == "gemini" and text.strip() != AGREED:
        if thoughts := message.get("thoughts"):
            yield Skipped("thinking", thoughts)
        model = as_text(message.get("model"))
        meta = {**items.make_meta(model=f"google:{model}" if model else ""), **blank.meta}
        if text.strip():
            yield items.clean_event(blank, place, role="agent", content=text, meta=meta)
        for call in _objects(message.get("toolCalls")):
            yield from _read_call(call, blank, calls, place)
    else:
        yield Skipped("hidden" if kind == "gemini" else "system", message)


def _read_call(
    call: dict[str, Any], blank: HistoryEvent, calls: Calls, place: str
) -> Iterator[HistoryItem | Held]:
    id, name, given = as_text(call.get("id")), as_text(call.get("name")), call.get("args")
    yield from calls.add(id, name, given)
    if said := items.said_by(name, given):
        yield items.clean_event(blank, place, role="agent", id=f"{id}-said", content=said)
    if not call.get("result"):
        return
    answers = [as_mapping(part.get("functionResponse")) for part in _objects(call.get("result"))]
    texts = [text for one in answers for _, text in items.walk(one.get("response"))]
    failed = items.make_meta(error=call.get("status") == "error")
    meta = {**calls.of(id), **failed, **blank.meta}
    yield items.clean_event(blank, place, role="tool", id=id, content="\n".join(texts), meta=meta)
