"""Faults of residency that a turn can see: what was fetched or run again because it is no longer in
the prompt, a set-up that is not there once history is left out, and what stays staged at the end.

Most turns have none, and load nothing of what reads pages.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from ..formats.log import event
from ..formats.log.event import Event, RawEvent
from ..providers.chat import Call
from .request import RequestBuilder


def note_repeats(
    builder: RequestBuilder, messages: Sequence[dict[str, Any]], calls: Sequence[Call]
) -> None:
    """Keep a fault for each command whose earlier result is no longer in the prompt (duplicate-
    tool), and for each topic file that such a result had (refetch)."""
    if not (calls and builder.tools_left_out and builder.shell.options.memories):
        return
    shown = {command for message in messages[:-1] for command in _list_commands(message)}
    gone = _find_commands(builder.tools_left_out) - shown
    from ..memory.resident import paging

    scopes = builder.shell.options.memories
    topics = [name for scope in scopes for name in scope.list_topics()] if gone else []
    for command in _list_commands(messages[-1]) if gone else ():
        read = [name for name in topics if name in command and any(name in one for one in gone)]
        if read:
            paging.fault(builder.memory, "refetch", "", read)
        elif command in gone:
            paging.fault(builder.memory, "duplicate-tool", "", [])


def note_bootstrap(builder: RequestBuilder, request: dict[str, Any]) -> None:
    """Keep a fault for set-up pages that a prompt lacks while history is left out of it."""
    system = request["messages"][0]["content"]
    scopes = builder.shell.options.memories if builder.context and builder.left_out else ()
    if not scopes:
        return
    from ..formats.resident import page_types
    from ..memory.resident import paging

    for scope in scopes:
        missing = [
            page.id
            for page in paging.read_pages(builder.memory, scope)
            if page.type == page_types.BOOTSTRAP
            and not any(text in system for text in page.texts[page.floor :])
        ]
        if missing:
            paging.fault(builder.memory, "post-compaction-bootstrap", scope.name, missing)


def note_staged(builder: RequestBuilder) -> None:
    """Keep a fault for what is staged, and not committed, at the end of a turn."""
    home = builder.memory.home
    try:
        is_waiting = bool(builder.context and os.stat(home.writeback_journal).st_size)
    except FileNotFoundError:
        return
    if is_waiting:
        from ..memory.resident import paging
        from ..truth.resident import journal

        if staged := list(journal.read(home).staged):
            paging.fault(builder.memory, "flush-miss", "", staged)


def _list_commands(message: dict[str, Any]) -> list[str]:
    found = []
    for call in message.get("tool_calls", ()):
        try:
            found.append(str(json.loads(call["function"]["arguments"])["command"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _find_commands(events: Iterable[Event | RawEvent]) -> set[str]:
    found = set()
    for one in events:
        meta = one.meta if isinstance(one, Event) else event.parse_meta(one)
        arguments = meta.get("args")
        if isinstance(arguments, dict) and isinstance(arguments.get("command"), str):
            found.add(arguments["command"])
    return found
