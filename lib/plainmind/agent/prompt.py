"""The order of the prompt: system, the window's history, what is injected, the message. Pure.

Everything before the injection is the same bytes from turn to turn, so that a provider's prompt
cache holds.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..formats.log.event import Event, RawEvent
from ..ground import tokens
from .bash import ShellOptions

# history is cut at multiples of a quarter of its budget: the start moves seldom, and the cache
# holds
STEPS = 4


def join_system(
    persona: str, skills: str = "", surroundings: str = "", resident: str = "", notice: str = ""
) -> str:
    """Persona, then skills, surroundings, resident memory and the audit notice, as far as there are
    any."""
    return "\n\n".join(
        part.strip() for part in (persona, skills, surroundings, resident, notice) if part.strip()
    )


def describe_surroundings(folder: str, home: str, options: ShellOptions) -> str:
    """Where commands run, and what they can reach.

    Settings decide it, not what the machine has: the prompt stays the same.
    """
    if options.sandbox == "none":
        return f"Commands start in {folder}; your home is {home}."
    network = "They reach the network." if options.network else "They reach no network."
    return (
        f"Commands start in {folder} and write nowhere else but in $TMPDIR, which is empty at the "
        f"start of each turn. "
        f"Your home, {home}, can be read, and is changed only through its own commands, such as "
        f"mem-pin. "
        f"Nothing else of the user's can be seen. {network}"
    )


def find_first_shown(blocks: Sequence[RawEvent], budget: int) -> int:
    """The number of the first event that history shows, the oldest being left out beyond `budget`
    estimated tokens."""
    # what a call was is in the header
    costs = [
        tokens.estimate(block.body + (block.meta if block.role == "tool" else b"")) + 4
        for block in blocks
    ]
    excess = sum(costs) - budget
    if excess <= 0:
        return 0
    step = max(1, budget // STEPS)
    cut = -(-excess // step) * step
    gone = 0
    for number, cost in enumerate(costs):
        # a tool's result without its call, or an answer without its question, would confuse
        if gone >= cut and blocks[number].role == "user":
            return number
        gone += cost
    return len(blocks) - 1 if blocks and blocks[-1].role == "user" else len(blocks)


def to_messages(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Events as chat messages."""
    chat: list[dict[str, Any]] = []
    for event in events:
        if event.role == "user":
            chat.append(
                {
                    "role": "user",
                    "content": render_user_text(event.content, event.author, event.meta),
                }
            )
        elif event.role == "agent":
            chat.append({"role": "assistant", "content": event.content})
        elif event.role == "tool":
            _add_tool(chat, event)
        elif "torn" not in event.meta:
            chat.append({"role": "user", "content": f"(notice) {event.content}"})
    return chat


def render_user_text(content: str, author: str, meta: dict[str, Any]) -> str:
    """A user's message with its author's name, what it replies to and the files that came with it,
    as history shows it too."""
    quoted = " ".join(str(meta.get("quoted") or "").split())
    files = meta.get("attachments")
    names = [" ".join(str(file).split()) for file in files] if isinstance(files, list) else []
    return (
        (f"(in reply to: {quoted})\n" if quoted else "")
        + (f"{author}: " if author else "")
        + content
        + "".join(f"\n(attached: {name})" for name in names)
    )


def build_last_message(injected: Sequence[str], message: str) -> dict[str, Any]:
    """The last message: injected blocks right before what the user said."""
    return {
        "role": "user",
        "content": "\n".join([*(block for block in injected if block), message]),
    }


def _add_tool(messages: list[dict[str, Any]], event: Event) -> None:
    """A tool event is the call and its result.

    Text the model wrote with the call is the message before it.
    """
    id = str(event.meta.get("call") or f"call_{event.line}")
    arguments = json.dumps(event.meta.get("args") or {})
    call = {
        "id": id,
        "type": "function",
        "function": {"name": str(event.meta.get("name") or "bash"), "arguments": arguments},
    }
    if messages and messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]:
        messages[-1]["tool_calls"] = [call]
    else:
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
    messages.append({"role": "tool", "tool_call_id": id, "content": event.content})
