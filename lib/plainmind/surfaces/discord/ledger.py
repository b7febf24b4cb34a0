"""The relay's ledger, `relay/inbox.jsonl`: what became of every message that came in.

    {"did":"received","message":{…}}              it is here, and will be answered
    {"did":"kept","id":…,"files":[…],"notes":[…]} what was attached to it is on disk, or why not
    {"did":"began","turn":…,"context":…,"of":[…]} a turn for these starts, by the id of the last
    {"did":"returned","turn":…}                   the relay ended: no attempt was used up
    {"did":"answered","turn":…,"text":…,…}        this is to be posted, and these files
    {"did":"posting","turn":…,"part":…}           a part of it is being posted
    {"did":"posted","turn":…,"part":…,"id":…}     and there it is
    {"did":"done","of":[…]}                       nothing is left to do for these messages
    {"did":"refused","answer":{…}}                may not be posted now: to be said when it may
    {"did":"told","turn":…}                       and it was said
    {"did":"changed","message":{…}}               before it was answered: this is what it says now
    {"did":"noted","change":{…}}                  it was changed or deleted; the log is to have it
    {"did":"settled","key":…}                     and has it
    {"did":"gone","thread":{…}}                   a thread was deleted; with `told`, that was said

Each step is on disk before what follows it is done. So a message that was received is answered,
whatever is killed; a turn that has its answer is not taken again; and only the part that was being
posted is in doubt. What is done is kept while it could come in once more, that is after the cursor,
and left out when the file is compacted.

Refuses to know Discord, and how turns are taken.
"""

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from ...ground import files, stream

LEAST = 1024 * 1024  # bytes below which nothing is compacted
MOST_GONE = 1000  # threads that were deleted, the last ones

Step = dict[str, Any]
#: of files that go with an answer: what each is called, and the name of its copy (attachments)
Files = tuple[tuple[str, ...], ...]


class Attached(NamedTuple):
    """A file that came with a message, as Discord tells of it."""

    name: str
    url: str
    size: int


class Incoming(NamedTuple):
    """A message as it came in. `quoted` is what it replies to; `seen` what stands in its text by
    the id of who or what was meant; `edited` when it was changed last, '' for never."""

    id: int
    context: str
    channel: int
    author: str
    author_id: int
    text: str
    quoted: str = ""
    attached: tuple[Attached, ...] = ()
    seen: dict[str, str] = {}  # noqa: RUF012
    edited: str = ""

    @classmethod
    def of(cls, record: Step) -> "Incoming":
        attached = tuple(Attached(*fields) for fields in record.get("attached", ()))
        return cls(**{**record, "attached": attached})


class Change(NamedTuple):
    """What became of a message: `what` is edited or deleted. `message`: as it says now."""

    what: str
    id: int
    context: str
    message: Incoming | None = None

    @property
    def key(self) -> str:
        return f"{self.what}-{self.id}-{self.message.edited if self.message else ''}"

    @classmethod
    def of(cls, record: Step) -> "Change":
        message = record.get("message")
        return cls(**{**record, "message": Incoming.of(message) if message else None})


class RefusedAnswer(NamedTuple):
    """What is left of an answer that Discord did not let us post, and why."""

    turn: int
    context: str
    channel: int
    text: str
    why: str
    files: Files = ()


class GoneThread(NamedTuple):
    """A thread that was deleted; `told`: whether the channel knows."""

    context: str
    name: str = ""
    told: bool = False


class Kept(NamedTuple):
    """What became of a message's attachments."""

    files: list[str]
    notes: list[str]  # what to say of those that were not kept


class PendingTurn:
    """A turn that began."""

    def __init__(self, id: int, of: list[Incoming]):
        self.id, self.of = id, of  # of these messages
        self.attempts = 0
        self.text: str | None = None
        self.how = ""  # it went: answered, failed, stopped
        self.files: Files = ()
        self.posted: dict[int, int] = {}  # by part, the id of the message
        self.posting: int | None = None

    @property
    def context(self) -> str:
        return self.of[0].context

    @property
    def channel(self) -> int:
        return self.of[0].channel


class Ledger:
    """The ledger as it stands. `take` changes what is known, `write` what is on disk."""

    def __init__(self, path: str):
        self.path = path
        self.waiting: dict[str, dict[int, Incoming]] = {}  # by context: no turn has begun
        self.kept: dict[int, Kept] = {}
        self.turns: dict[int, PendingTurn] = {}
        self.open: set[int] = set()  # received, and not done
        self.done: set[int] = set()
        self.changes: dict[str, Change] = {}  # by key: the log does not have them yet
        self.latest = 0  # the greatest id that came in
        self.refused: dict[int, RefusedAnswer] = {}  # by turn
        self.gone: dict[str, GoneThread] = {}  # by context
        self.damaged: list[int] = []  # lines
        self._size, self._compacted, self._torn = 0, 0, False
        self._read()

    def knows(self, id: int) -> bool:
        return id in self.done or id in self.open

    def find_unfinished(self, context: str) -> PendingTurn | None:
        """The turn of a context that began and is not done: there is one at most, after a death."""
        return next((turn for turn in self.turns.values() if turn.context == context), None)

    def list_unanswered(self, context: str) -> list[Incoming]:
        """The messages of a context that are not done."""
        turn = self.find_unfinished(context)
        return [*(turn.of if turn else ()), *self.waiting.get(context, {}).values()]

    @property
    def contexts(self) -> set[str]:
        """Where something is to be done."""
        return {*self.waiting, *(turn.context for turn in self.turns.values())}

    def _read(self) -> None:
        data = files.read(self.path) if os.path.exists(self.path) else b""
        self._size = len(data)
        self._torn = data != b"" and not data.endswith(b"\n")
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                record = json.loads(line)
                if "compacted" in record:
                    self._compacted = int(record["compacted"])
                else:
                    self.take(record)
            except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
                # what a crash tore was not acted upon: it begins as every line, and ends as none
                if line and (not line.startswith(b'{"did"') or line.endswith(b"}")):
                    self.damaged.append(number)

    def take(self, record: Step) -> None:
        """Know one more step."""
        did = record["did"]
        if did == "received":
            message = Incoming.of(record["message"])
            if not self.knows(message.id):
                self.waiting.setdefault(message.context, {})[message.id] = message
                self.open.add(message.id)
            self.latest = max(self.latest, message.id)
        elif did == "changed":
            self._replace(Incoming.of(record["message"]))
        elif did == "noted":
            change = Change.of(record["change"])
            self.changes[change.key] = change
        elif did == "settled":
            self.changes.pop(record["key"], None)
        elif did == "refused":
            refused = RefusedAnswer(**record["answer"])
            self.refused[refused.turn] = refused._replace(files=tuple(map(tuple, refused.files)))
        elif did == "gone":
            self.gone[record["thread"]["context"]] = GoneThread(**record["thread"])
        elif did == "told":
            self.refused.pop(record["turn"], None)
        elif did == "kept":
            self.kept[record["id"]] = Kept(record["files"], record["notes"])
        elif did == "began":
            id = record["turn"]
            if id not in self.turns:
                of = [self._begun(record["context"], message) for message in record["of"]]
                self.turns[id] = PendingTurn(id, of)
            self.turns[id].attempts += 1
        elif did == "done":
            self._finish(record["of"])
        elif turn := self.turns.get(record["turn"]):
            self._go_on(turn, did, record)

    def _replace(self, message: Incoming) -> None:
        waiting = self.waiting.get(message.context, {})
        if message.id in waiting:
            before = waiting[message.id].attached  # their addresses are others each time
            if [file[::2] for file in message.attached] != [file[::2] for file in before]:
                self.kept.pop(message.id, None)
            waiting[message.id] = message

    def _go_on(self, turn: PendingTurn, did: str, record: Step) -> None:
        if did == "returned":
            turn.attempts -= 1
        elif did == "answered":
            turn.text, turn.how = record["text"], record["how"]
            turn.files = tuple(map(tuple, record.get("files", ())))
        elif did == "posting":
            turn.posting = record["part"]
        elif did == "posted":
            turn.posted[record["part"]], turn.posting = record["id"], None

    def _begun(self, context: str, id: int) -> Incoming:
        waiting = self.waiting[context]
        message = waiting.pop(id)
        if not waiting:
            del self.waiting[context]
        return message

    def _finish(self, ids: list[int]) -> None:
        for id in ids:
            self.open.discard(id)
            self.kept.pop(id, None)
            self.turns.pop(id, None)
            self.latest = max(self.latest, id)
        for context, waiting in list(self.waiting.items()):
            left = {id: message for id, message in waiting.items() if id not in ids}
            self.waiting[context] = left
            if not left:
                del self.waiting[context]
        self.done.update(ids)

    def forget(self, cursor: int) -> None:
        """Leave out what is done and cannot come in again."""
        self.done = {id for id in self.done if id > cursor}

    def write(self, records: Iterable[Step]) -> None:
        """Put steps on disk with one write, and touch nothing else: another thread may call it."""
        data = (b"\n" if self._torn else b"") + b"".join(map(stream.json_record, records))
        files.make_folder(os.path.dirname(self.path))
        self._size = files.append(self.path, data) + len(data)
        self._torn = False

    @property
    def large(self) -> bool:
        """Whether it has doubled since it was last compacted."""
        return self._size > max(LEAST, 2 * self._compacted)

    def whole(self) -> bytes:
        """The file with nothing but what is still to be known."""
        data = b"".join(map(stream.json_record, self._records()))
        return stream.json_record({"compacted": len(data)}) + data

    def replace(self, whole: bytes) -> None:
        """Put that in the place of the file."""
        files.replace(self.path, whole)
        self._size = self._compacted = len(whole)
        self._torn = False

    def _records(self) -> Iterable[Step]:
        if self.done:
            yield done_step(sorted(self.done))
        for waiting in self.waiting.values():
            yield from (received_step(message) for message in waiting.values())
        for turn in self.turns.values():
            yield from (received_step(message) for message in turn.of)
            yield from [began_step(turn.of)] * max(1, turn.attempts)
            if turn.attempts < 1:
                yield returned_step(turn.id)
            if turn.text is not None:
                yield answered_step(turn.id, turn.text, turn.how, turn.files)
            yield from (posted_step(turn.id, part, id) for part, id in turn.posted.items())
            if turn.posting is not None:
                yield posting_step(turn.id, turn.posting)
        yield from map(refused_step, self.refused.values())
        yield from map(gone_step, [*self.gone.values()][-MOST_GONE:])
        yield from map(noted_step, self.changes.values())
        yield from (kept_step(id, found.files, found.notes) for id, found in self.kept.items())


def received_step(message: Incoming) -> Step:
    return {"did": "received", "message": message._asdict()}


def kept_step(id: int, paths: list[str], notes: list[str]) -> Step:
    return {"did": "kept", "id": id, "files": paths, "notes": notes}


def began_step(of: list[Incoming]) -> Step:
    ids = [message.id for message in of]
    return {"did": "began", "turn": ids[-1], "context": of[0].context, "of": ids}


def returned_step(turn: int) -> Step:
    return {"did": "returned", "turn": turn}


def answered_step(turn: int, text: str, how: str, files: Files = ()) -> Step:
    return {"did": "answered", "turn": turn, "text": text, "how": how, "files": files}


def posting_step(turn: int, part: int) -> Step:
    return {"did": "posting", "turn": turn, "part": part}


def posted_step(turn: int, part: int, id: int) -> Step:
    return {"did": "posted", "turn": turn, "part": part, "id": id}


def refused_step(answer: RefusedAnswer) -> Step:
    return {"did": "refused", "answer": answer._asdict()}


def gone_step(thread: GoneThread) -> Step:
    return {"did": "gone", "thread": thread._asdict()}


def told_step(turn: int) -> Step:
    return {"did": "told", "turn": turn}


def changed_step(message: Incoming) -> Step:
    return {"did": "changed", "message": message._asdict()}


def noted_step(change: Change) -> Step:
    message = change.message._asdict() if change.message else None
    return {"did": "noted", "change": {**change._asdict(), "message": message}}


def settled_step(change: Change) -> Step:
    return {"did": "settled", "key": change.key}


def done_step(of: Iterable[int]) -> Step:
    return {"did": "done", "of": list(of)}
