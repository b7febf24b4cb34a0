"""Claude Code's sessions: `~/.claude/projects/<cwd>/<session>.jsonl`; subagents in
`<session>/subagents/agent-<id>.jsonl`.

    {"type":"user"|"assistant","uuid":…,"timestamp":…,"sessionId":…,"cwd":…,"isSidechain":false,
      "message":{"role":…,"content":…}}

An answer is one line for each of its blocks (text, thinking, tool_use); a result is a user's line
with a tool_result. A line with isCompactSummary is the summary of a compaction. Left out: lines
with isMeta, isVisibleInTranscriptOnly, of other types, and what the program put into a user's text.
The lines are a tree: of a prompt that was edited, the last version is taken with what came after
it; results of calls at the same time stand side by side. A line with `forkedFrom` belongs to the
session it was copied from. A subagent is a context of its own; its prompt is among the arguments of
the call that started it. A line that comes again with its uuid counts once."""

import re
from collections.abc import Callable, Container, Iterator
from typing import Any

from ...ground.errors import BadData
from . import branches, items
from .branches import OTHER_BRANCH, Node
from .conservation import conserve
from .items import (
    Calls,
    Held,
    HistoryEvent,
    HistoryItem,
    Skipped,
    Times,
    as_mapping,
    as_text,
)  # fmt: skip
from .sources import FIX_LINE, HistoryReader, RawRecord, Records, Source, read_lines
from .tags import Tagged, find_first, find_tagged, strip_tagged

#: what the program put into a user's text, an editor's open file and selection among it
REMINDERS = r"system-reminder|local-command-caveat|user-prompt-submit-hook|ide_\w+"
_MACHINE = re.compile(
    r"\s*(<(local-command-std(out|err)|task-notification)>|<teammate-message "
    r"|\[Request interrupted by "
    r"user|Caveat: The messages below)"
)


class Claude(HistoryReader):
    sessions = True

    def wanted(self, path: str) -> bool:
        return path.endswith(".jsonl")

    def cwd(self, source: Source) -> str:
        """Where the session was started: the first folder it names."""
        for record in read_lines(source):
            if isinstance(record, RawRecord) and as_text(record.value.get("cwd")):
                return as_text(record.value.get("cwd"))
        return ""

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        session, left = source.name.removesuffix(".jsonl"), find_left(source)
        return read_events(read_lines(source, note), session, left, Times(source.instant))


def find_left(source: Source) -> set[str]:
    """The ids of lines on branches that were left."""
    nodes: dict[str, Node] = {}
    for record in read_lines(source):
        line = record.value if isinstance(record, RawRecord) else {}
        id, parent = as_text(line.get("uuid")), as_text(line.get("parentUuid"))
        if id and parent and id not in nodes:
            nodes[id] = Node(id, parent, _version(line))
    return branches.find_abandoned([*nodes.values()])


def _version(line: dict[str, Any]) -> str:
    """What makes siblings versions of each other, '' when nothing does. An answer is many lines."""
    message = as_mapping(line.get("message"))
    if line.get("type") == "user" and not _hidden(line) and not line.get("isCompactSummary"):
        content = _typed(items.join_texts(message.get("content")))
        return "prompt" if content.strip() and not _MACHINE.match(content) else ""
    return ""


def read_events(
    records: Records, session: str, left: Container[str], times: Times
) -> Iterator[HistoryItem]:
    """The events of a file, but for lines that were `left`; `session` is that of lines that name
    none."""
    calls, typed = Calls(), Typed()
    seen: set[str] = set()
    for record in records:
        id = as_text(record.value.get("uuid")) if isinstance(record, RawRecord) else ""
        if not isinstance(record, RawRecord):
            yield record
        elif id in seen:  # a compaction, and a session that is resumed, may write history again
            yield Skipped("said before", record.value)
        elif id in left:
            yield Skipped(OTHER_BRANCH, record.value)
        else:
            found = _read_line(record, session, calls, typed, times)
            yield from conserve("claude", record.value, found)
        if id:
            seen.add(id)
    yield from calls.end()
    yield from typed.end()


class Typed:
    """The command that the user typed after '!', until what it printed comes."""

    command = ""
    waiting = False

    def end(self) -> Iterator[Skipped]:
        """The command, when it printed nothing."""
        if self.waiting:
            yield Skipped(items.NO_RESULT, self.command)
        self.waiting = False


def _read_line(
    record: RawRecord, session: str, calls: Calls, typed: Typed, times: Times
) -> Iterator[HistoryItem | Held]:
    place, line = record
    kind = line.get("type")
    if kind == "attachment":
        line = _queued(line)
    elif kind == "custom-title":
        blank = _blank(line, session, times.of(None)[0])
        yield from items.name_event(blank.context, blank.instant, line, "customTitle")
        return
    elif kind not in ("user", "assistant"):
        yield Skipped("summary" if kind == "summary" else "other", line)
        return
    message, reason = as_mapping(line.get("message")), _hidden(line)
    if line.get("isCompactSummary"):
        yield _summary(line, message, session)
    elif reason and not _has_results(message):
        yield Skipped(reason, line)
    elif not message:
        yield BadData("no message", place=place, cure=FIX_LINE)
    else:
        instant, undated = times.of(line.get("timestamp"))
        blank = _blank(line, session, instant)
        blank = blank._replace(meta={**blank.meta, **undated}, turn=times.turn)
        if kind == "assistant":
            yield from _agent(message, calls, blank, place)
        elif bash := _find_typed(items.join_texts(message.get("content"))):
            yield from typed.end()
            typed.command, typed.waiting = bash.text, True
            yield Held(items.join_texts(message.get("content")))  # with its tags
        else:
            yield from _user(message, calls, blank, place, reason, typed)


def _blank(line: dict[str, Any], session: str, instant: int) -> HistoryEvent:
    forked = as_mapping(line.get("forkedFrom"))
    agent = as_text(line.get("agentId")) if line.get("isSidechain") else ""
    where = as_text(forked.get("sessionId")) or as_text(line.get("sessionId")) or session
    context = items.context_of("claude", f"agent-{agent}" if agent else where)
    id = as_text(forked.get("messageUuid")) or as_text(line.get("uuid"))
    meta = items.make_meta(sidechain=bool(line.get("isSidechain")))
    return HistoryEvent(context, id, instant, "", "", meta=meta)


def _summary(line: dict[str, Any], message: dict[str, Any], session: str) -> HistoryItem:
    instant = items.parse_instant(line.get("timestamp"))
    blank = _blank(line, session, instant or 0)
    return items.summary_of(
        blank.context, blank.id, instant, items.join_texts(message.get("content"))
    )


def _hidden(line: dict[str, Any]) -> str:
    """Why a line is not what it seems to be, '' when it is."""
    if line.get("isVisibleInTranscriptOnly"):
        return "summary"
    machine = (
        line.get("isMeta"),
        line.get("isApiErrorMessage"),
        as_mapping(line.get("message")).get("model") == "<synthetic>",
        as_mapping(line.get("origin")).get("kind", "human") != "human",
        line.get("type") == "attachment",
    )
    return "hidden" if any(machine) else ""


def _queued(line: dict[str, Any]) -> dict[str, Any]:
    """What the user typed while the agent was at work, as a line of theirs."""
    attached = as_mapping(line.get("attachment"))
    kind, mode = attached.get("type"), attached.get("commandMode", "prompt")
    if (kind, mode) != ("queued_command", "prompt"):
        return line
    origin = attached.get("origin") or line.get("origin")
    message = {"role": "user", "content": attached.get("prompt")}
    return {**line, "type": "user", "origin": origin, "message": message}


def _has_results(message: dict[str, Any]) -> bool:
    return any(part.get("type") == "tool_result" for part in items.as_parts(message.get("content")))


def _agent(
    message: dict[str, Any], calls: Calls, blank: HistoryEvent, place: str
) -> Iterator[HistoryItem | Held]:
    for part in items.as_parts(message.get("content")):
        if part.get("type") == "tool_use":
            yield from calls.add(part.get("id"), part.get("name"), part.get("input"))
            if said := items.said_by(as_text(part.get("name")), part.get("input")):
                id = f"{as_text(part.get('id')) or blank.id}-said"
                yield items.clean_event(blank, place, role="agent", id=id, content=said)
        elif part.get("type") in ("thinking", "redacted_thinking"):
            yield Skipped("thinking", part)
    content = items.join_texts(message.get("content"))
    if content:
        model = as_text(message.get("model"))
        meta = items.make_meta(model=f"anthropic:{model}" if model else "")
        meta.update(blank.meta)
        yield items.clean_event(blank, place, role="agent", content=content, meta=meta)


def _user(
    message: dict[str, Any],
    calls: Calls,
    blank: HistoryEvent,
    place: str,
    reason: str,
    typed: Typed,
) -> Iterator[HistoryItem | Held]:
    for part in items.as_parts(message.get("content")):
        if part.get("type") == "tool_result":
            call = as_text(part.get("tool_use_id"))
            error = items.make_meta(error=bool(part.get("is_error")))
            one = blank._replace(id=call or blank.id, content=items.join_texts(part.get("content")))
            meta = {**calls.of(call), **error, **blank.meta}
            yield items.clean_event(one, place, role="tool", meta=meta)
        elif part.get("type") == "document":
            yield from _document(part, blank, place)
    content = items.join_texts(message.get("content"))
    if not content:
        return
    printed = list(find_tagged(content, "bash-stdout|bash-stderr"))
    if printed and content.lstrip().startswith("<bash-std"):
        meta = {"name": "bash", "by": "user", "args": items.clip({"command": typed.command})}
        typed.waiting = False
        texts = "\n".join([one.text for one in printed if one.text])
        yield Held(content)  # less its tags
        yield items.clean_event(blank, place, role="tool", content=texts, meta=meta)
    elif reason or _MACHINE.match(content):
        yield Skipped(reason or "hidden", content)
    elif blank.meta.get("sidechain"):
        yield Skipped("prompt of a subagent", content)
    else:
        own = _typed(content)
        if own != content:  # tags, and what stands between those of a reminder
            hidden = find_first(content, REMINDERS)
            yield Skipped("hidden", content) if hidden else Held(content)
        if own.strip():
            yield items.clean_event(blank, place, role="user", content=own)


def _document(part: dict[str, Any], blank: HistoryEvent, place: str) -> Iterator[HistoryItem]:
    """A document that was given with a message, if it is text."""
    source = as_mapping(part.get("source"))
    words = [source.get("data")] if source.get("type") == "text" else []
    words += [items.join_texts(source.get("content"))]
    texts = [as_text(text) for text in (part.get("title"), part.get("context"), *words)]
    if content := "\n".join(filter(None, texts)):
        id = f"{blank.id}-document-{items.digest(content)[:8]}"
        yield items.clean_event(blank, place, role="user", id=id, content=content)


def _typed(content: str) -> str:
    """A user's text as it was typed: a command as its name and arguments, and nothing the program
    put in."""
    content = strip_tagged(content, REMINDERS)
    command = find_first(content, "command-name")
    if not command or not content.lstrip().startswith("<command-"):
        return content
    arguments = find_first(content, "command-args")
    return f"{command.text.strip()} {arguments.text.strip() if arguments else ''}".rstrip()


def _find_typed(content: str) -> Tagged | None:
    """What the user typed after '!'."""
    return (
        find_first(content, "bash-input") if content.lstrip().startswith("<bash-input>") else None
    )
