"""Codex's sessions: `~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl`.

    {"timestamp":…,"type":"session_meta","payload":{"id":…,"cwd":…}}
    {"timestamp":…,"type":"response_item","payload":{"type":"message","role":"user"|"assistant",
      "content":[{"type":"input_text"|"output_text","text":…}]}}
    …{"type":"function_call","name":…,"arguments":"{…}","call_id":…}
    …{"type":"function_call_output","call_id":…,"output":…}

Older files have the payloads alone, a line each. Nothing has an id: an event gets its digest.
`event_msg` repeats for the screen what the items say. Left out: reasoning, instructions, and what
Codex put among the user's messages; and turns that the user took back."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from . import items
from .branches import OTHER_BRANCH
from .conservation import conserve
from .items import Calls, Held, HistoryEvent, HistoryItem, Skipped, Times, as_mapping, as_text
from .sources import HistoryReader, RawRecord, Source, read_lines
from .tags import find_tagged

_MACHINE = re.compile(
    r"\s*(<(environment_context|user_instructions|permissions instructions|turn_aborted|user_action"
    r"|collaboration_mode|subagent_notification|skill)>|# AGENTS\.md instructions)"
)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COMPACTED = "compacted"
TYPED = "<user_shell_command>"
RESULTS = ("function_call_output", "custom_tool_call_output")
CALLS = ("function_call", "custom_tool_call", "local_shell_call")


class Codex(HistoryReader):
    sessions = True

    def wanted(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return name.startswith("rollout-") and name.endswith(".jsonl")

    def cwd(self, source: Source) -> str:
        first = next(read_lines(source), None)
        return as_text(_payload(first.value).get("cwd")) if isinstance(first, RawRecord) else ""

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        found, model = _ID.search(source.name), ""
        context = items.context_of("codex", found[0] if found else source.name)
        left, calls, times = find_left(source), Calls(), Times(source.instant)
        for record in read_lines(source, note):
            if not isinstance(record, RawRecord):
                yield record
                continue
            if reason := left.get(record.place):
                yield Skipped(reason, record.value)
                continue
            line, payload = record.value, _payload(record.value)
            model = as_text(payload.get("model")) or model
            instant, undated = times.of(line.get("timestamp"))
            blank = HistoryEvent(context, "", instant, "", "", "", undated, times.turn)
            item = _read_item(line, payload, blank, calls, model, record.place)
            yield from conserve("codex", line, item)
        yield from calls.end()


def find_left(source: Source) -> dict[str, str]:
    """Place -> why it is left out: what was said in turns that the user took back
    (`thread_rolled_back`), and the answer that is a summary."""
    turns: list[list[str]] = []
    left: dict[str, str] = {}
    answer = ("", "")
    for record in read_lines(source):
        line = record.value if isinstance(record, RawRecord) else {}
        payload = _payload(line)
        if payload.get("type") == "thread_rolled_back":
            count = payload.get("num_turns")
            for _ in range(min(count, len(turns)) if isinstance(count, int) else 0):
                left.update(dict.fromkeys(turns.pop(), OTHER_BRANCH))
        elif line.get("type") == COMPACTED and answer[1]:
            if as_text(payload.get("message")).endswith(answer[1]):
                left[answer[0]] = "summary"
        elif isinstance(record, RawRecord) and line.get("type", "response_item") == "response_item":
            if payload.get("role") == "user" and not _MACHINE.match(_content(payload)):
                turns.append([])
            if payload.get("role") == "assistant":
                answer = (record.place, _content(payload))
            if turns:
                turns[-1].append(record.place)
    return left


def _content(payload: dict[str, Any]) -> str:
    return items.join_texts(payload.get("content"))


def _payload(line: dict[str, Any]) -> dict[str, Any]:
    return as_mapping(line.get("payload")) or line


def _read_item(
    line: dict[str, Any], payload: dict[str, Any], blank: HistoryEvent, calls: Calls,
    model: str, place: str,
) -> Iterator[HistoryItem | Held]:  # fmt: skip
    kind, call = payload.get("type"), as_text(payload.get("call_id"))
    if line.get("type") == COMPACTED:
        id = items.digest(f"{blank.instant}")
        yield items.summary_of(blank.context, id, blank.instant, payload.get("message"))
    elif line.get("type") == "event_msg":
        yield from items.name_event(blank.context, blank.instant, payload, "thread_name")
        yield Skipped("copy for the screen", line)
    elif kind == "message":
        yield _read_message(payload, blank, model, place)
    elif kind in CALLS:
        given = payload.get("arguments") or payload.get("input") or payload.get("action")
        yield Held(given)
        name, arguments = as_text(payload.get("name")) or "shell", _arguments(given)
        yield from calls.add(call, name, arguments)
        if said := items.said_by(name, arguments):
            yield items.clean_event(blank, place, role="agent", id=f"{call}-said", content=said)
    elif kind in RESULTS:
        output = payload.get("output")
        content = as_text(as_mapping(output).get("content")) or items.join_texts(output)
        meta = {**calls.of(call), **blank.meta}
        yield items.clean_event(blank, place, role="tool", content=content, id=call, meta=meta)
    else:
        yield Skipped("thinking" if kind == "reasoning" else "other", line)


def find_summary(line: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(id, timestamp, text) of the summary that a line is."""
    time, text = as_text(line.get("timestamp")), as_text(_payload(line).get("message"))
    if line.get("type") == COMPACTED and items.parse_instant(time) and text.strip():
        yield items.digest(time), time, text


def _read_message(
    payload: dict[str, Any], blank: HistoryEvent, model: str, place: str
) -> HistoryItem:
    content, role = _content(payload), payload.get("role")
    if role == "user" and content.lstrip().startswith(TYPED):
        found = {one.name: one.text.strip("\n") for one in find_tagged(content, "command|result")}
        args = items.clip({"command": found.get("command", "")})
        meta = {"name": "bash", "by": "user", "args": args, **blank.meta}
        printed = found.get("result", content)
        return items.clean_event(blank, place, role="tool", content=printed, meta=meta)
    if role == "assistant":
        meta = {**items.make_meta(model=f"openai:{model}" if model else ""), **blank.meta}
        return items.clean_event(blank, place, role="agent", content=content, meta=meta)
    if role == "user" and not _MACHINE.match(content):
        return items.clean_event(blank, place, role="user", content=content)
    return Skipped("hidden" if role == "user" else "system", payload)


def _arguments(given: Any) -> Any:
    """What a tool was called with: JSON, or a text."""
    if not isinstance(given, str):
        return given
    try:
        value = json.loads(given, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"input": given}
