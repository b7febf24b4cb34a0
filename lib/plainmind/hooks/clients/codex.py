"""Codex: it says "turn_id" for "prompt_id". A summary is in the session's file alone.

Where hooks are not allowed, its `notify` program gets one argument after each answer:

    {"type": "agent-turn-complete", "thread-id", "turn-id", "cwd", "input-messages": […],
      "last-assistant-message"}

The ids are those of hooks; of the messages, which are all of the session's, the last is the
turn's."""

import json
from collections.abc import Iterator

from .. import transcripts
from .claude_code import HOOKS
from .shape import EVENTS, Client, Place, Summary

PLACE = Place(
    "CODEX_HOME",
    ".codex",
    "hooks.json",
    "hooks.json",
    "sessions",
    "codex",
    HOOKS,
    "Codex passes over hooks in silence until you allow them: open it, and type /hooks",
    trusted=False,
    longest={"SessionEnd": 3},  # it warns at each start of a longer one
    notify="notify",
)


def read_notice(text: str) -> bytes:
    """The argument as the event of a hook."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text.encode("utf-8", "replace")  # whose reader says what is wrong
    if not isinstance(value, dict) or value.get("type") != "agent-turn-complete":
        return b"{}"
    said = value.get("input-messages")
    names = {"session_id": "thread-id", "turn_id": "turn-id", "cwd": "cwd"}
    event = {name: value.get(key) for name, key in names.items()}
    event["last_assistant_message"] = value.get("last-assistant-message")
    event["prompt"] = said[-1] if isinstance(said, list) and said else ""
    return json.dumps({"hook_event_name": "Stop", **event}).encode()


def _find_summaries(path: str) -> Iterator[Summary]:
    from ...bridges.histories import codex

    return transcripts.find_summaries(path, codex.COMPACTED, codex.find_summary)


CLIENT = Client(
    EVENTS,
    PLACE,
    9_900,  # it cuts in the middle, to about 10,000
    lambda text: len(text.encode()),
    "turn_id",
    asked="prompt",
    find_summaries=_find_summaries,
)
