"""The order of the prompt: system, the window's history, what is injected, the message. Pure.

Everything before the injection is the same bytes from turn to turn, so that a provider's prompt cache holds.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..formats.event import Event
from ..recall.excerpt import tokens

STEPS = 4  # history is cut at multiples of a quarter of its budget: the start moves seldom, and the cache holds


class History(NamedTuple):
    """The part of a window that is shown. `first_line` is the line of its first event."""

    messages: list[dict[str, Any]]
    first_line: int


def system(persona: str, skills: str = "", resident: str = "", notice: str = "") -> str:
    """Persona, then skills, resident memory and the audit notice, as far as there are any."""
    return "\n\n".join(part.strip() for part in (persona, skills, resident, notice) if part.strip())


def history(events: Sequence[Event], budget: int) -> History:
    """A window's events as chat messages, the oldest left out beyond `budget` estimated tokens."""
    kept = _kept(events, budget)
    messages: list[dict[str, Any]] = []
    for event in kept:
        if event.role == "user":
            messages.append({"role": "user", "content": said(event.author, event.content)})
        elif event.role == "agent":
            messages.append({"role": "assistant", "content": event.content})
        elif event.role == "tool":
            _add_tool(messages, event)
        elif "torn" not in event.meta:
            messages.append({"role": "user", "content": f"(notice) {event.content}"})
    return History(messages, kept[0].line if kept else 0)


def said(author: str, content: str) -> str:
    """A user's message with its author's name, as history shows it too."""
    return f"{author}: {content}" if author else content


def final(injected: Sequence[str], message: str) -> dict[str, Any]:
    """The last message: injected blocks right before what the user said."""
    return {"role": "user", "content": "\n".join([*(block for block in injected if block), message])}


def _kept(events: Sequence[Event], budget: int) -> Sequence[Event]:
    costs = [tokens(event.content) + 4 for event in events]
    excess = sum(costs) - budget
    if excess <= 0:
        return events
    step = max(1, budget // STEPS)
    cut = -(-excess // step) * step
    gone = 0
    for number, cost in enumerate(costs):
        # a tool's result without its call, or an answer without its question, would confuse
        if gone >= cut and events[number].role == "user":
            return events[number:]
        gone += cost
    return events[-1:] if events and events[-1].role == "user" else ()


def _add_tool(messages: list[dict[str, Any]], event: Event) -> None:
    """A tool event is the call and its result. Text the model wrote with the call is the message before it."""
    id = str(event.meta.get("call") or f"call_{event.line}")
    arguments = json.dumps(event.meta.get("args") or {})
    call = {"id": id, "type": "function", "function": {"name": str(event.meta.get("name") or "bash"), "arguments": arguments}}
    if messages and messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]:
        messages[-1]["tool_calls"] = [call]
    else:
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
    messages.append({"role": "tool", "tool_call_id": id, "content": event.content})
