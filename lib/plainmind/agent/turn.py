"""One turn: message in, reply out, everything logged before it is acted on.

Owns the order of things: what is logged when, what is asked again after a crash, when to stop. Knows files,
a chat model and bash; no surface, no transport, no provider by name.
"""

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..formats.event import Event, metadata
from ..formats.reference import Reference
from ..ground import files
from ..ground.errors import BadData, Unavailable
from ..log import reader
from ..log.writer import Draft, Log
from ..providers.chatting import Call, Chat, Reply
from ..recall import expand, inject, search
from . import memory, prompt
from .bash import LONGEST, TOOL, Shell

BUDGET, EACH = 1000, 250  # estimated tokens of all memories, and of one
# a small model takes whatever stands before the message for the answer: only what is surely relevant, and little
SMALL_BUDGET, SMALL_EACH, SMALL_FLOOR, SMALL_K = 300, 100, 0.6, 3
EXPANSIONS = 2
UNLIMITED = 1 << 60  # tokens: what this turn did is never left out, the model would do it again

_HERE = os.path.dirname(os.path.abspath(__file__))


class Message(NamedTuple):
    """What the user said. `meta` has author, author_id, message_id and attachments, as far as there are any."""

    text: str
    meta: dict[str, Any]

    @property
    def author(self) -> str:
        return str(self.meta.get("author", ""))

    @property
    def id(self) -> str:
        return str(self.meta.get("message_id", ""))

    def asked_by(self, event: Event) -> bool:
        """Whether an event is this message, logged."""
        return bool(self.id) and event.role == "user" and str(event.meta.get("message_id", "")) == self.id


class Turn:
    """A turn of one context (or of none: then nothing is read from a log, and nothing written)."""

    def __init__(self, means: memory.Means, model: Chat, shell: Shell, log: Log, context: str | None):
        self.means, self.model, self.shell, self.log, self.context = means, model, shell, log, context
        self.settings = means.settings

    def run(self, message: Message, attempt: Callable[[Callable[[], Reply]], Reply]) -> str:
        """The reply to a message. `attempt` asks the model with the retry policy.

        The same message id is never asked twice: a reply that was logged is given again; a turn that was cut off
        goes on after the last result that was logged.
        """
        if not self.context:
            request = self.request(message, [])
            return self._converse(request, message, attempt)
        with files.lock(self.means.home.path("logs", self.context, ".turn")):
            events = self._window()
            known = self._known(message)
            if known and known.reply is not None:
                return known.reply
            if not known:
                self._append("user", message.text, message.meta)
                known = _Known(None, ())
            return self._converse(self.request(message, events, known.since), message, attempt)

    def preview(self, message: Message) -> dict[str, Any]:
        """The exact request this message would begin with; nothing is called, run or written."""
        known = self._known(message)
        return self.request(message, self._window() if self.context else [], known.since if known else ())

    def request(self, message: Message, events: Sequence[Event], since: Sequence[Event] = ()) -> dict[str, Any]:
        """The request to the model: `events` before the message, `since` what this turn already did."""
        small = self.model.profile == "small"
        budget = self.settings["turn.history_tokens"] or self.model.context_tokens // 2
        own = {(event.path, event.line) for event in since} | {(e.path, e.line) for e in events if message.asked_by(e)}
        before = [event for event in events if (event.path, event.line) not in own]
        shown = prompt.history(before, budget)
        first = min(
            [shown.first_line or (events[-1].end_line + 1 if events else 1)] + [e.line for e in events if (e.path, e.line) in own]
        )
        block = self._memories(message, first, small)
        messages = [
            {"role": "system", "content": prompt.system(self._persona(small))},
            *shown.messages,
            prompt.final([block], prompt.said(message.author, message.text)),
            *prompt.history(since, UNLIMITED).messages,
        ]
        return {
            "model": self.model.name,
            "messages": messages,
            "tools": [] if small else [TOOL],
            "max_tokens": self.settings["turn.max_tokens"],
        }

    def _converse(self, request: dict[str, Any], message: Message, attempt: Callable) -> str:
        """Ask, run what the model calls, ask again, until it answers."""
        messages = request["messages"]
        steps = sum(1 for m in messages[_last_user(messages) :] if m["role"] == "tool")
        expansions = 0
        while True:
            last = steps >= self.settings["turn.max_steps"]
            asked = {**request, "tools": [] if last else request["tools"]}
            reply = attempt(partial(self.model.complete, asked))
            ranges = expand.wanted(reply.text) if not reply.calls else []
            if ranges and expansions < EXPANSIONS:
                expansions += 1
                self._expand(messages, reply.text, ranges)
            elif reply.calls and not last:
                for number, call in enumerate(reply.calls[: self.settings["turn.max_steps"] - steps]):
                    steps += 1
                    self._use_tool(messages, message, "" if number else reply.text, call)
            else:
                return self._answer(reply, message)

    def _answer(self, reply: Reply, message: Message) -> str:
        text = reply.text.strip()
        if not text:
            raise Unavailable(f"the model '{self.model.name}' answered nothing")
        meta: dict[str, Any] = {"model": self.model.name, "usage": reply.usage}
        if message.id:
            meta["reply_to"] = message.id
        self._append("agent", text, meta)
        return text

    def _expand(self, messages: list[dict[str, Any]], asked: str, ranges: list[Reference]) -> None:
        messages.append({"role": "assistant", "content": asked})
        messages.append({"role": "user", "content": expand.expanded(self.means.home, ranges)})

    def _use_tool(self, messages: list[dict[str, Any]], message: Message, text: str, call: Call) -> None:
        """Run one call and log it with its result; a call that cannot be run is answered with the reason."""
        interrupted = None
        try:
            arguments = _arguments(call)
            output = self.shell.run(arguments["command"], arguments["timeout"] or self.settings["turn.tool_timeout"])
            shown, meta = output.text, output.meta()
        except BadData as refusal:
            arguments = {"raw": call.arguments[:2000]}
            shown, meta = f"not run: {refusal}", {"exit": None}
        except KeyboardInterrupt as error:
            shown, meta, interrupted = "(interrupted by the user, and the turn with it)", {"exit": None}, error
        turn = {"for": message.id} if message.id else {}
        if text.strip():
            self._append("agent", text, {"model": self.model.name, "step": True, **turn})
        kept = {key: value for key, value in arguments.items() if value is not None}
        self._append("tool", shown, {"name": call.name, "call": call.id, "args": kept, **meta, **turn})
        if interrupted:
            raise interrupted
        made = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        messages.append({"role": "assistant", "content": text, "tool_calls": [made]})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": shown})

    def _memories(self, message: Message, first: int, small: bool) -> str:
        """The block of memories; what the prompt shows, from line `first` of the window on, is not among them."""
        scope = search.Scope()
        if self.context and (path := self.means.home.current_window(self.context)):
            scope = search.Scope(shown=(path, first))
        k, floor = self.settings["recall.k"], self.settings["recall.floor"]
        if small:
            k, floor = min(k, SMALL_K), max(floor, SMALL_FLOOR)
        found = memory.recall(self.means, message.text, scope, k=k, floor=floor).result
        budget, each = (SMALL_BUDGET, SMALL_EACH) if small else (BUDGET, EACH)
        return inject.block(inject.fit(found.hits, found.terms, budget, each).memories, budget)

    def _persona(self, small: bool) -> str:
        own = self.means.home.path("system-prompt.md")
        path = own if os.path.exists(own) else os.path.join(_HERE, "persona-small.md" if small else "persona.md")
        return files.read(path).decode("utf-8", "replace")

    def _window(self) -> list[Event]:
        assert self.context
        path = self.means.home.current_window(self.context)
        return self._events(path) if path else []

    def _events(self, path: str) -> list[Event]:
        opened = reader.window(self.means.home, path)
        return [opened.event(block) for block in opened.blocks()]

    def _known(self, message: Message) -> "_Known | None":
        """What the context's logs say about this message id. A retry may have gone on in a later window."""
        if not message.id or not self.context:
            return None
        mark = metadata({"": message.id})[5:-2].encode()  # as a header has it
        since: list[Event] = []
        for name in reversed(self.means.home.windows(self.context)):
            path = f"logs/{self.context}/{name}"
            if mark not in files.read(self.means.home.path(path)):
                continue
            events = self._events(path)
            reply = next((e.content for e in events if e.role == "agent" and e.meta.get("reply_to") == message.id), None)
            if reply is not None:
                return _Known(reply, ())
            since = [e for e in events if e.role in ("agent", "tool") and e.meta.get("for") == message.id] + since
            if any(message.asked_by(e) for e in events):
                return _Known(None, since)
        return None

    def _append(self, role: str, content: str, meta: dict[str, Any]) -> None:
        if self.context:
            now = self.means.now()
            self.log.append(self.context, [Draft(now, role, content, meta)], now)


class _Known(NamedTuple):
    reply: str | None
    since: Sequence[Event]  # what the turn did before it was cut off


def _arguments(call: Call) -> dict[str, Any]:
    """command and timeout of a call. BadData says, for the model to read, why it cannot be run."""
    if call.name != "bash":
        raise BadData(f"there is no tool '{call.name}'", cure="the only tool is bash")
    try:
        value = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise BadData(f"the arguments are no JSON ({error})", cure='send {"command": "…"}') from None
    if not isinstance(value, dict) or not isinstance(value.get("command"), str):
        raise BadData("'command' is missing", cure='send {"command": "…"}')
    timeout = value.get("timeout")
    seconds = int(min(timeout, LONGEST)) if isinstance(timeout, int | float) and timeout > 0 else None
    return {"command": value["command"], "timeout": seconds}


def _last_user(messages: list[dict[str, Any]]) -> int:
    return max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
