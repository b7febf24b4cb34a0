"""An operation on an index, and the lines of the journal that tell what became of it. Pure.

    {"did":"stage","at":…,"id":"op-…","scope":"global","project":"","action":"add","topic":"Notes",
     "text":"…","base":"","by":"user"}
    {"did":"begin","at":…,"ids":["op-…"],"path":"…"}           what is about to be written
    {"did":"place","at":…,"path":…,"inode":[device,inode]}     what it is once it is in place
    {"did":"commit","at":…,"ids":["op-…"]}                     it is in the index
    {"did":"abort","at":…,"ids":["op-…"]}                      it is not, and is tried again
    {"did":"reject","at":…,"id":"op-…","reason":"changed","digest":…}
    {"did":"drop","at":…,"id":"op-…"}

`add` adds a bullet to a topic; `replace` puts other words in the place of the bullet that says
`base`. Of an operation that was rejected for a secret only reason and digest are kept.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ...ground import stream
from . import bullets, page_types

_MARK = re.compile(r"\A[-*+](?: |\Z)")
LONGEST = 1000  # characters of a text: a bullet is one line
SCOPES = ("global", "project", "local")
ACTIONS = ("add", "replace")

#: why an operation is rejected -> what that means
REASONS = {
    "schema": "it is not an operation as remember writes it",
    "untrusted": "its project is not trusted",
    "provenance": "nobody can tell who asked for it, or for which project",
    "changed": "the bullet was changed, or is gone, since it was staged",
    "invariant": "the bullet is a rule or a set-up, which only a person changes",
    "secret": "it looks like a key or a password",
    "caps": "the index would be longer than what is injected",
    "unreadable": "the index cannot be read",
    "large": "the index is larger than 1 MiB",
    "doubt": "a flush was killed while the index was changed by somebody else, and it is not there",
}


class Operation(NamedTuple):
    id: str
    scope: str
    project: str
    action: str
    topic: str
    text: str
    base: str
    by: str  # user or agent

    @property
    def digest(self) -> str:
        return hashlib.sha256(stream.encode(self.text)).hexdigest()[:16]


def parse(value: dict[str, Any]) -> Operation | None:
    """A staged operation; None for what is not one."""
    fields = [value.get(name) for name in Operation._fields]
    if not all(type(field) is str for field in fields):
        return None
    made = Operation(*map(str, fields))
    fits = made.scope in SCOPES and made.action in ACTIONS and bool(made.topic.strip())
    fits = fits and bool(made.base) == (made.action == "replace")
    return made if fits and made.text == clean(made.text) else None


def clean(text: str) -> str:
    """A text as one bullet has it; '' for one that says nothing or too much."""
    words = _MARK.sub("", " ".join(text.split()))
    return words if words.isprintable() and len(words) <= LONGEST else ""


class Rejection(Exception):
    """An operation cannot be done, for one of REASONS."""

    def __init__(self, reason: str):
        super().__init__(REASONS[reason])
        self.reason = reason


def apply(data: bytes, operation: Operation) -> bytes:
    """An index with the operation in it; the same when it is there already. Rejection."""
    there = bullets.find(data, operation.text)
    if operation.action == "add":
        return data if there else bullets.add(data, operation.topic, operation.text)
    old = next((b for b in bullets.parse(data).bullets if b.text == operation.base), None)
    if old is None:
        if there and there.text == operation.text:
            return data
        raise Rejection("changed")
    protected = page_types.type_of(old.topic) in page_types.PROTECTED
    if protected and operation.by != "user" and not bullets.says_same(old.text, operation.text):
        raise Rejection("invariant")
    return bullets.replace(data, old, operation.text)


def is_applied(data: bytes, operation: Operation) -> bool:
    return bullets.find(data, operation.text) is not None


class Journal(NamedTuple):
    """What a journal says: operations by id, in order."""

    staged: dict[str, Operation]
    rejected: dict[str, tuple[str, str, Operation | None]]  # reason, digest
    begun: dict[str, str]  # path of the index, of those that a flush was killed over
    placed: dict[str, tuple[int, int]]  # path -> device and inode that it has when it is in place
    malformed: int  # lines


def read(data: bytes) -> Journal:
    journal = Journal({}, {}, {}, {}, 0)
    malformed = 0
    for line in data.split(b"\n"):
        if line.strip():
            try:
                malformed += not _take(journal, json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                malformed += 1
    return journal._replace(malformed=malformed)


def _take(journal: Journal, value: dict[str, Any]) -> bool:
    did, id = value["did"], str(value.get("id", ""))
    ids = [str(one) for one in value.get("ids", [])]
    if did == "stage":
        made = parse(value)
        if made is None:
            journal.rejected[id] = ("schema", "", None)
        else:
            journal.staged[id] = made
    elif did == "begin":
        journal.begun.update(dict.fromkeys(ids, str(value["path"])))
        journal.placed.pop(str(value["path"]), None)
    elif did == "place":
        device, inode = value["inode"]
        journal.placed[str(value["path"])] = (int(device), int(inode))
    elif did in ("commit", "abort"):
        for one in ids:
            journal.begun.pop(one, None)
            if did == "commit":
                journal.staged.pop(one, None)
    elif did == "reject":
        journal.begun.pop(id, None)
        reason = str(value["reason"])
        kept = journal.staged.pop(id, None)
        journal.rejected[id] = (reason, str(value["digest"]), None if reason == "secret" else kept)
    elif did == "drop":
        journal.rejected.pop(id, None)
        journal.staged.pop(id, None)
    else:
        return False
    return True


def render_stage(operation: Operation, at: str) -> bytes:
    return stream.json_record({"did": "stage", "at": at, **operation._asdict()})


def render_reject(id: str, at: str, reason: str, digest: str) -> bytes:
    return stream.json_record(
        {"did": "reject", "at": at, "id": id, "reason": reason, "digest": digest}
    )


def render_step(did: str, at: str, ids: Iterable[str], **more: Any) -> bytes:
    """A line on several operations: begin, commit, abort; or on a file: place."""
    return stream.json_record({"did": did, "at": at, "ids": list(ids), **more})


def compact(journal: Journal, at: str) -> bytes:
    """The lines of a journal that says the same, and no more."""
    lines = []
    for id, (reason, digest, operation) in journal.rejected.items():
        lines += [render_stage(operation, at)] if operation else []
        lines.append(render_reject(id, at, reason, digest))
    lines += [render_stage(operation, at) for operation in journal.staged.values()]
    return b"".join(lines)
