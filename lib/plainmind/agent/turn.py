"""One turn: message in, reply out, everything logged before it is acted on.

Owns the order of things: what is logged when, what is asked again after a crash, when to stop.
Knows files, a chat model and bash; no surface, no transport, no provider by name.
"""

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..formats import reference
from ..formats.log.event import Event, render_meta
from ..formats.reference import Reference
from ..ground import clock, files
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from ..memory import knowing, moments
from ..providers.chat import Call, Chat, Reply
from ..recall import expand, inject, knowledge, search
from ..truth.log import reader
from ..truth.log.writer import EventDraft, Log
from ..truth.pages import maintenance
from . import prompt, skills
from .bash import LONGEST, TOOL, Shell
from .showing import Showing

BUDGET, EACH = 1000, 250  # estimated tokens of all memories, and of one
# a small model takes whatever stands before the message for the answer: only what is surely
# relevant, and little
SMALL_BUDGET, SMALL_EACH, SMALL_FLOOR, SMALL_K = 300, 100, 0.6, 3
EXPANSIONS = 2
LONGEST_COMMAND = 32_768  # characters; it stays in the history
UNLIMITED = 1 << 60  # a line no window has

_NO_MORE_STEPS = (
    "(notice) No more commands can be run in this turn. Answer now, with what you know."
)
_NO_MORE_EXPANSIONS = (
    "(notice) Nothing more can be expanded in this turn. Answer now, with what you know."
)

_HERE = os.path.dirname(os.path.abspath(__file__))


class Message(NamedTuple):
    """What the user said.

    `meta` has author, author_id, message_id and attachments, as far as there are any.
    """

    text: str
    meta: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.meta.get("message_id", ""))

    def asked_by(self, event: Event) -> bool:
        """Whether an event is this message, logged."""
        return (
            bool(self.id)
            and event.role == "user"
            and str(event.meta.get("message_id", "")) == self.id
        )

    def begot(self, event: Event) -> bool:
        """Whether an event is this message, or what a turn for it did."""
        return self.asked_by(event) or (bool(self.id) and event.meta.get("for") == self.id)

    @property
    def written(self) -> bytes:
        """The id as a header has it."""
        return render_meta({"": self.id})[5:-2].encode()

    def named(self, opened: reader.Window) -> list[Event]:
        """The events of a window whose header has the id in it, which may be part of another's."""
        mark = self.written
        return [opened.event(block) for block in opened.blocks() if mark and mark in block.meta]

    @property
    def mark(self) -> dict[str, Any]:
        """What the events of its turn carry."""
        return {"for": self.id} if self.id else {}


class Model(NamedTuple):
    """A chat model with how it is asked:

    `attempt` has the retry policy, `show` gets the text of answers as it comes.
    """

    chat: Chat
    attempt: Callable[[Callable[[], Reply]], Reply] = lambda ask: ask()
    show: Showing | None = None
    trace: Callable[[dict[str, Any], Reply, float], None] | None = None


class Turn:
    """A turn of one context (or of none: then nothing is read from a log, and nothing written)."""

    def __init__(
        self, means: moments.Means, model: Model, shell: Shell, log: Log, context: str | None
    ):
        self.means, self.model, self.shell, self.log, self.context = (
            means,
            model,
            shell,
            log,
            context,
        )
        self.chat, self.settings = model.chat, means.settings
        self._partly = ""  # what was shown of an answer that was cut off
        self._used: dict[str, Any] = {}  # by the model, and not yet logged

    def run(self, message: Message) -> str:
        """The reply to a message.

        The same message id is never asked twice: a reply that was logged is given again; a turn
        that was cut off goes on after the last result that was logged.
        """
        if not self._small and self.settings["turn.sandbox"] not in ("auto", "none"):
            _ = self.shell.sandbox  # there is one, or nothing is begun
        if not self.context:
            try:
                return self._converse(self.request(message), message)
            except _NoAnswer as none:
                raise none.failure from None
        with files.lock(self.means.home.path("logs", self.context, ".turn")):
            known = self._known(message)
            if known and known.reply is not None:
                self.log.settle(known.window)
                return known.reply
            shown = self._shown(message)
            if not known:
                known = _Known(line=self._append(("user", message.text, message.meta)))
            try:
                return self._converse(self.request(message, shown, known), message)
            except KeyboardInterrupt:
                self._cut(message, "the user interrupted the turn")
                raise
            except _NoAnswer as none:
                error = self.means.env.mask(str(none.failure))  # a server may have repeated the key
                if error != known.failure:  # said once is enough, however often it is tried again
                    self._cut(message, "there was no answer", error=error, code=none.failure.code)
                raise none.failure from None

    def preview(self, message: Message) -> dict[str, Any]:
        """The exact request this message would begin with; nothing is called, run or written."""
        return self.request(
            message, self._shown(message) if self.context else (), self._known(message)
        )

    def request(
        self, message: Message, shown: Sequence[Event] = (), known: "_Known | None" = None
    ) -> dict[str, Any]:
        """The request to the model:

        `shown` is of the window, `known` what this turn already did.
        """
        known = known or _Known()
        blocks = self._memories(message, min(known.line, shown[0].line if shown else UNLIMITED))
        messages = [
            {"role": "system", "content": self._system()},
            *prompt.messages(shown),
            prompt.final(blocks, prompt.said(message.text, message.meta)),
            *prompt.messages(known.since),
        ]
        return {
            "model": self.chat.name,
            "messages": messages,
            "tools": [] if self._small else [TOOL],
            "max_tokens": self.settings["turn.max_tokens"],
        }

    @property
    def _small(self) -> bool:
        return self.chat.profile == "small"

    def _converse(self, request: dict[str, Any], message: Message) -> str:
        """Ask, run what the model calls, ask again, until it answers."""
        messages, limit = request["messages"], self.settings["turn.max_steps"]
        steps = sum(1 for m in messages[_last_user(messages) :] if m["role"] == "tool")
        expansions = 0
        while True:
            last = steps >= limit
            if last and steps and messages[-1]["content"] != _NO_MORE_EXPANSIONS:
                messages.append({"role": "user", "content": _NO_MORE_STEPS})
            tools = [] if last else request["tools"]
            reply = self._ask({**request, "tools": tools})
            ranges = expand.wanted(reply.text) if not reply.calls else []
            if ranges and expansions <= EXPANSIONS:
                expansions += 1
                self._expand(messages, reply.text, ranges if expansions <= EXPANSIONS else [])
            elif reply.calls and tools:
                for number, call in enumerate(reply.calls[: limit - steps]):
                    steps += 1
                    call = call._replace(id=call.id[:200], name=call.name[:64])
                    self._use_tool(messages, message, "" if number else reply.text, call)
            elif reply.text.strip() and not ranges:
                return self._answer(reply, message)
            else:
                raise _NoAnswer(
                    Unavailable(
                        f"the model '{self.chat.name}' asks for more and more, and answers nothing"
                    )
                )

    def _ask(self, request: dict[str, Any]) -> Reply:
        show, start = self.model.show, clock.monotonic()
        try:
            reply = self.model.attempt(
                partial(self.chat.complete, request, show.piece if show else None)
            )
        except (Unavailable, BadData, Misconfigured) as failure:
            raise _NoAnswer(failure) from None
        finally:
            if show:
                self._partly = show.end(expand.asks)
        self._partly = ""  # it is whole
        seconds = round(clock.monotonic() - start, 3)
        if self.model.trace:
            self.model.trace(request, reply, seconds)
        for key, value in {**self._priced(reply.usage), "seconds": seconds}.items():
            self._used[key] = round(self._used.get(key, 0) + value, 9)
        return reply

    def _spent(self) -> dict[str, Any]:
        """What the model used since the last event that says so."""
        used, self._used = self._used, {}
        return {"usage": used} if used else {}

    def _priced(self, usage: dict[str, Any]) -> dict[str, Any]:
        """The usage with its cost: as the provider says, or by the prices set."""
        prices = self.settings["turn.input_price"], self.settings["turn.output_price"]
        if "cost" in usage or not any(prices):
            return usage
        cost = sum(
            usage.get(key, 0) * price
            for key, price in zip(("input_tokens", "output_tokens"), prices)
        )
        return {**usage, "cost": round(cost / 1e6, 9)}

    def _answer(self, reply: Reply, message: Message) -> str:
        text = reply.text.strip()
        answers = {"reply_to": message.id} if message.id else {}
        self._append(("agent", text, {"model": self.chat.name, **self._spent(), **answers}))
        return text

    def _cut(self, message: Message, why: str, **meta: Any) -> None:
        """Log that a turn ended without an answer, and what of one the user has seen."""
        seen = (
            [("agent", self._partly, {"model": self.chat.name, "cut": True, **message.mark})]
            if self._partly
            else []
        )
        self._append(*seen, ("system", why, {**meta, **self._spent(), **message.mark}))

    def _expand(self, messages: list[dict[str, Any]], asked: str, ranges: list[Reference]) -> None:
        messages.append({"role": "assistant", "content": asked})
        given = expand.expanded(self.means.home, ranges) if ranges else _NO_MORE_EXPANSIONS
        messages.append({"role": "user", "content": given})

    def _use_tool(
        self, messages: list[dict[str, Any]], message: Message, text: str, call: Call
    ) -> None:
        """Run one call and log it with its result; a call that cannot be run is answered with the
        reason."""
        interrupted = None
        try:
            arguments = _arguments(call)
            output = self.shell.run(
                arguments["command"], arguments["timeout"] or self.settings["turn.tool_timeout"]
            )
            shown, meta = output.for_model, output.meta()
        except BadData as refusal:
            arguments = {"raw": call.arguments[:2000]}
            shown, meta = f"not run: {refusal}", {"exit": None}
        except KeyboardInterrupt as error:
            shown, meta, interrupted = (
                "(interrupted by the user, and the turn with it)",
                {"exit": None},
                error,
            )
        said = (
            [("agent", text, {"model": self.chat.name, "step": True, **message.mark})]
            if text.strip()
            else []
        )
        kept = {key: value for key, value in arguments.items() if value is not None}
        did = {
            "name": call.name,
            "call": call.id,
            "args": kept,
            **meta,
            **self._spent(),
            **message.mark,
        }
        self._append(
            *said, ("tool", shown, did)
        )  # at once: a death in between would leave words that are said again
        if interrupted:
            raise interrupted
        made = {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        messages.append({"role": "assistant", "content": text, "tool_calls": [made]})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": shown})

    def _memories(self, message: Message, first: int) -> list[str]:
        """The blocks of moments and of pages; what the prompt shows, from line `first` of the
        window on, is not among them."""
        scope = search.Scope()
        if self.context and (path := self.means.home.current_window(self.context)):
            scope = search.Scope(shown=(path, first))
        k, floor, policy = (
            self.settings["recall.k"],
            self.settings["recall.floor"],
            knowledge.Policy.of(self.settings),
        )
        budget, each = BUDGET, EACH
        if self._small:
            k, floor, budget, each = (
                min(k, SMALL_K),
                max(floor, SMALL_FLOOR),
                SMALL_BUDGET,
                SMALL_EACH,
            )
            policy = policy.small()
        past, known = knowing.remember(
            self.means, message.text, knowing.Wanted(k, floor, scope), policy
        )
        pages = knowledge.fit(known, policy).pages
        if self.context and not self.means.dry:
            maintenance.record_recalled(
                self.means.home, self.means.now(), [page.found.path for page in pages]
            )
        return [
            inject.block(inject.fit(past.hits, past.terms, budget, each).memories, budget),
            knowledge.block(pages, policy),
        ]

    def _system(self) -> str:
        """Persona, skills and surroundings: the same bytes from turn to turn, until a person
        changes one of them."""
        own = self.means.home.path("system-prompt.md")
        path = (
            own
            if os.path.exists(own)
            else os.path.join(_HERE, "persona-small.md" if self._small else "persona.md")
        )
        persona = files.read(path).decode("utf-8", "replace")
        if self._small:
            return prompt.system(persona)
        known = skills.discover(
            self.means.home,
            os.path.join(self.shell.checkout, "skills"),
            self.means.say,
            dry=self.means.dry,
        )
        around = prompt.surroundings(self.shell.folder, self.means.home.root, self.shell.options)
        return prompt.system(persona, skills.text(known), around, notice=self._notice())

    def _notice(self) -> str:
        """One line when the memory is to be looked over; the same one until it was."""
        audit = maintenance.read_audit(self.means.home, self.means.now())
        since = f"since {clock.to_text(audit.time)[:10]}" if audit.time else "yet"
        return (
            f"(notice) No audit of the memory {since}: offer the user one, with the skill memory-audit."
            if audit.overdue
            else ""
        )

    def _shown(self, message: Message) -> Sequence[Event]:
        """The events of other turns that the prompt shows: the last ones of the window, within the
        budget."""
        path = self.means.home.current_window(self.context or "")
        if not path:
            return ()
        opened = reader.read_window(self.means.home, path)
        budget = self.settings["turn.history_tokens"] or self.chat.context_tokens // 2
        # what this turn did before it was cut off is shown anyway, and moves no history out
        own = {event.line for event in message.named(opened) if message.begot(event)}
        blocks = [block for block in opened.blocks() if block.line not in own]
        first = prompt.first_shown(blocks, budget)
        return [opened.event(block) for block in blocks[first:]]

    def _known(self, message: Message) -> "_Known | None":
        """What the context's logs say about this message id.

        A retry may have gone on in a later window.
        """
        if not message.id or not self.context:
            return None
        since: list[Event] = []
        failure = ""
        for name in reversed(self.means.home.windows(self.context)):
            path = f"logs/{self.context}/{name}"
            if message.written not in files.read(self.means.home.path(path)):
                continue
            opened = reader.read_window(self.means.home, path)
            events = message.named(opened)
            reply = next(
                (
                    e.content
                    for e in events
                    if e.role == "agent" and e.meta.get("reply_to") == message.id
                ),
                None,
            )
            if reply is not None:
                return _Known(reply=reply, window=path)
            own = [e for e in events if e.meta.get("for") == message.id]
            since = [e for e in own if e.role in ("agent", "tool") and "cut" not in e.meta] + since
            failure = failure or next(
                (str(e.meta.get("error", "")) for e in reversed(own) if e.role == "system"), ""
            )
            asked = next((e.line for e in events if message.asked_by(e)), 0)
            if asked:
                current = path == self.means.home.current_window(self.context)
                return _Known(since=since, failure=failure, line=asked if current else UNLIMITED)
        return None

    def _append(self, *said: tuple[str, str, dict[str, Any]]) -> int:
        """Log events of the context, if there is one, with one write.

        Returns the line of the last.
        """
        if not self.context:
            return 0
        now = self.means.now()
        written = self.log.append(self.context, [EventDraft(now, *event) for event in said], now)
        return reference.parse(written[-1].ref).line


class _NoAnswer(Exception):
    """The model gave none, for this reason."""

    def __init__(self, failure: Failure):
        super().__init__(str(failure))
        self.failure = failure


class _Known(NamedTuple):
    """What the logs say of a message."""

    reply: str | None = None
    window: str = ""  # where the reply is
    since: Sequence[Event] = ()  # what the turn did before it was cut off
    failure: str = ""  # why it had no answer, as far as that was logged
    line: int = UNLIMITED  # of the message, if it is in the current window


def _arguments(call: Call) -> dict[str, Any]:
    """command and timeout of a call. BadData says, for the model to read, why it cannot be run."""
    if call.name != "bash":
        raise BadData(f"there is no tool '{call.name}'", cure="the only tool is bash")
    try:
        value = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise BadData(
            f"the arguments are no JSON ({error})", cure='send {"command": "…"}'
        ) from None
    if not isinstance(value, dict) or not isinstance(value.get("command"), str):
        raise BadData("'command' is missing", cure='send {"command": "…"}')
    if len(value["command"]) > LONGEST_COMMAND:
        raise BadData(
            f"the command has more than {LONGEST_COMMAND:,} characters",
            cure="write a file in pieces, and run that",
        )
    timeout = value.get("timeout")
    seconds = (
        int(min(timeout, LONGEST)) if isinstance(timeout, int | float) and timeout > 0 else None
    )
    return {"command": value["command"], "timeout": seconds}


def _last_user(messages: list[dict[str, Any]]) -> int:
    return max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
