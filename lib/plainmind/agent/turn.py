"""One turn: message in, reply out, everything logged before it is acted on.

Owns the order of things: what is logged when, what is asked again after a crash, when to stop.
Knows files, a chat model and bash; no surface, no transport, no provider by name.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

from ..formats.log import injected_blocks
from ..formats.reference import Reference
from ..ground import clock, files
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from ..ground.masks import Mask
from ..memory import Memory, moments
from ..providers import registry
from ..providers.chat import Call, Chat, Reply, to_openai
from ..providers.too_long import TooLong
from ..recall import expansion
from ..truth import changes
from ..truth.changes import KeptChange
from ..truth.log import native_answers
from ..truth.log.writer import LIMIT, EventDraft, Log, encode_any, shorten
from . import lasting, prompt, residency_faults
from .bash import LONGEST, Shell
from .request import RequestBuilder
from .terminal import AnswerDisplay
from .turn_log import Attempt, UserMessage, find_marks, render_notes
from .usage import UsageMeter, find_author

EXPANSIONS = 2
LONGEST_COMMAND = 32_768  # characters; it stays in the history

_NO_MORE = "(notice) {} in this turn. Answer now, with what you know."
_NO_MORE_STEPS = _NO_MORE.format("No more commands can be run")
_NOT_RUN = "not run: no more commands can be run in this turn"
_NO_MORE_EXPANSIONS = _NO_MORE.format("Nothing more can be expanded")


class Model(NamedTuple):
    """A chat model with how it is asked.

    `attempt` has the retry policy, `display` gets the text of answers as it comes.
    """

    chat: Chat
    attempt: Callable[[Callable[[], Reply]], Reply] = lambda ask: ask()
    display: AnswerDisplay | None = None
    trace: Callable[[dict[str, Any], Reply, float], None] | None = None
    route: str = ""  # local or cloud, where the task decided which model is asked


class Turn:
    """A turn of one context, or of none: then nothing is read from a log, and nothing written."""

    def __init__(self, memory: Memory, model: Model, shell: Shell, log: Log, context: str | None):
        self.memory, self.model, self.shell, self.log = memory, model, shell, log
        self.chat, self.settings, self.context = model.chat, memory.settings, context
        shell.context = context or ""
        self._builder = RequestBuilder(memory, model.chat, shell, context)
        prices = (self.settings[f"turn.{kind}_price"] for kind in ("input", "output"))
        about = {"route": model.route} if model.route else {}
        self._usage = UsageMeter(model.chat, {**about, **find_author(memory.env)}, *prices)
        self._mask = memory.env.mask  # of all that a model or a command puts out
        self._partial = ""  # what was shown of an answer that was cut off
        self.answers = 0  # that the model gave
        #: of the reply: why it was cut, what was left out, what lasts of what the turn changed
        self.marks: dict[str, Any] = {}

    def run(self, message: UserMessage) -> str:
        """The reply to a message.

        The same message id is never asked twice: a reply that was logged is given again; a turn
        that was cut off goes on after the last result that was logged.
        """
        if self._builder.profile.tools and self.settings["turn.sandbox"] not in ("auto", "none"):
            _ = self.shell.sandbox  # there is one, or nothing is begun
        turns = self.memory.home.path("logs", self.context or "", ".turn")
        # a turn takes as long as a model likes: who comes next is told, and may ask again
        with files.lock(turns, bounded=True) if self.context else nullcontext():
            log = self._builder.read_log(message)
            attempt = log.attempt or Attempt()
            if attempt.reply is not None:
                self.log.acknowledge_again(attempt.window)
                self._forget_answers(message)
                self.marks = {**attempt.marks}
                kept = lasting.find_named(self.memory.home, attempt.turns)
                self._name_changes(kept, attempt.turns)
                return self._mask(_show(attempt.reply, self.marks))
            if not log.attempt:
                if not message.id:  # without one, each try would log it again
                    registry.check_packages(self.chat)
                window, line = self._append(("user", message.text, message.meta))
                log = log._replace(window=window, attempt=Attempt(line=line))
            try:
                request = self._builder.build(message, log)
                residency_faults.note_bootstrap(self._builder, request)
                return self._converse(request, message)
            except KeyboardInterrupt:
                self._log_cut(message, "the user interrupted the turn")
                raise
            except _NoAnswer as none:
                # a server may have repeated the key
                meta = {"error": self._mask(str(none.failure)), "code": none.failure.code}
                if meta["error"] != attempt.failure:  # logged once, however often it is tried again
                    self._log_cut(message, "there was no answer", **meta)
                raise none.failure from None
            except BadData as failure:  # something of the answer cannot be logged
                error = self._mask(str(failure))
                self._log_cut(message, "there was no answer", error=error, code=failure.code)
                raise

    def _converse(self, request: dict[str, Any], message: UserMessage) -> str:
        """Ask, run what the model calls, ask again, until it answers."""
        messages, limit = request["messages"], self.settings["turn.max_steps"]
        steps = sum(1 for m in messages[prompt.find_last_user(messages) :] if m["role"] == "tool")
        expansions = 0
        refused: list[Any] = []
        left = prompt.find_pending(messages)  # by an earlier run
        self._use_tools(messages, message, left, limit - steps, {"parallel": True})
        steps += len(left)
        while True:
            last = steps >= limit
            if last and steps and messages[-1]["content"] != _NO_MORE_EXPANSIONS:
                messages.append({"role": "user", "content": _NO_MORE_STEPS})
            tools = [] if last else request["tools"]
            reply = self._ask({**request, "tools": tools})
            ranges = expansion.ranges(reply.text) if not reply.calls else []
            if ranges and expansions <= EXPANSIONS:
                expansions += 1
                self._expand(messages, reply.text, ranges if expansions <= EXPANSIONS else [])
            elif reply.calls and tools:
                kept = self._keep_answer(reply, message)
                prompt.add_answer(messages, reply.text, reply.calls, reply.native)
                self._use_tools(messages, message, reply.calls, limit - steps, kept, reply.text)
                steps += len(reply.calls)
                before, refused = refused, [c[1:] for c in reply.calls if not _is_runnable(c)]
                if refused and refused == before:
                    steps = max(steps, limit)  # it would call it again, and again
            elif reply.text.strip() and not ranges:
                return self._log_answer(reply, message)
            else:
                what = f"the model '{self.chat.name}' keeps asking for more, and answers nothing"
                raise _NoAnswer(Unavailable(what))

    def _ask(self, request: dict[str, Any]) -> Reply:
        """An answer to as much of a request as the model's window holds."""
        while True:
            try:
                return self._ask_once(self._builder.fit(request))
            except TooLong as failure:
                if not self._builder.build_less(request, failure.window):
                    failure.cure = "lower turn.history_tokens, or use a model with a larger window"
                    raise _NoAnswer(failure) from None

    def _ask_once(self, request: dict[str, Any]) -> Reply:
        display, start, broken = self.model.display, clock.monotonic(), True
        complete = partial(self.chat.complete, request, display.add if display else None)
        ask = self._usage.count(complete)
        try:
            reply = self.model.attempt(ask)
            broken = bool(reply.cut)
        except TooLong:
            raise
        except (Unavailable, BadData, Misconfigured) as failure:
            raise _NoAnswer(failure) from None
        finally:
            if display:
                self._partial = display.end(expansion.asks, broken=broken)
        self._partial = ""  # it is whole
        self.answers += 1
        seconds = round(clock.monotonic() - start, 3)
        if self.model.trace:
            self.model.trace(to_openai(request, self.chat.by), reply, seconds)
        self._usage.add(reply.usage)
        return reply

    def _log_answer(self, reply: Reply, message: UserMessage) -> str:
        mask = self._mask.mask_cut if reply.cut else self._mask
        text, is_whole = _fit(mask(reply.text.strip()))
        answers = {"reply_to": message.id} if message.id else {}
        cut = self._mask(reply.cut or ("" if is_whole else "size"))
        self.marks = find_marks({"cut": cut, "left_out": reply.left_out})
        meta: dict[str, Any] = {"model": self.chat.name, **self._usage.take()}
        kept = lasting.collect(self.memory.home, self.shell.rights)
        turns = list(dict.fromkeys([self.shell.rights.digits, *(one.change.turn for one in kept)]))
        meta |= {**self.marks, **answers, **({"changes": turns} if kept else {})}
        told = self._mask(lasting.render_event(kept)) if kept else ""
        events = [("system", told, message.mark)] if kept else []
        self._append(*events, ("agent", text, meta))
        self._name_changes(kept, turns)
        residency_faults.note_staged(self._builder)
        self._forget_answers(message)
        if self.marks and (display := self.model.display) and display.shown:
            display.add_note(render_notes(self.marks))
        return _show(text, self.marks)

    def _name_changes(self, kept: list[KeptChange], turns: Sequence[str]) -> None:
        """Name under the reply what lasts; if we die before, the next turn does, or a rerun.
        `turns`: whose it is, the one that replied first."""
        if kept:
            mask = self.memory.env.mask
            self.marks["changed"] = lasting.render_lines(kept, self.context, turns[0], mask)
            changes.settle(self.memory.home, kept)

    def _keep_answer(self, reply: Reply, message: UserMessage) -> dict[str, Any]:
        """Keep an answer as it came, for another process that may go on; the meta that names it.

        Not where there will be none, or where the log tells as much.
        """
        if not (self.context and message.id and reply.native):
            return {}
        logged: list[dict[str, Any]] = []
        calls = [_as_logged(call, self._mask) for call in reply.calls]
        prompt.add_answer(logged, self._mask(reply.text), calls)
        native = {k: v for k, v in reply.native["message"].items() if v}
        if len(reply.calls) == 1 and native == {k: v for k, v in logged[0].items() if v}:
            return {}
        answer = {"native": reply.native, "calls": reply.calls}
        return {"native": native_answers.keep(self.memory.home, self.context, message.id, answer)}

    def _forget_answers(self, message: UserMessage) -> None:
        if self.context and message.id:
            native_answers.remove(self.memory.home, self.context, message.id)

    def _log_cut(self, message: UserMessage, why: str, **meta: Any) -> None:
        """Log that a turn ended without an answer, and what of one the user has seen."""
        meta_of_partial = {"model": self.chat.name, "cut": True, **message.mark}
        seen = [("agent", _fit(self._partial)[0], meta_of_partial)] if self._partial else []
        self._append(*seen, ("system", why, {**meta, **self._usage.take(), **message.mark}))

    def _expand(self, messages: list[dict[str, Any]], reply: str, ranges: list[Reference]) -> None:
        """Answer a reply that asks for ranges of the logs; without any, that there are no more."""
        messages.append({"role": "assistant", "content": reply})
        text = _NO_MORE_EXPANSIONS
        if ranges:
            expanded = moments.expand(self.memory.home, ranges)
            text = injected_blocks.enclose(self._builder.border, [expanded])
        messages.append({"role": "user", "content": text})

    def _use_tools(
        self,
        messages: list[dict[str, Any]],
        message: UserMessage,
        calls: list[Call],
        room: int,
        mark: dict[str, Any],
        text: str = "",
    ) -> None:
        """Run the calls of an answer, as many as there is room for, and log each with its result.

        `mark` is of the first, `text` what the model said with them.
        """
        residency_faults.note_repeats(self._builder, messages, calls)
        for number, call in enumerate(calls[: max(0, room)]):
            result = self._use_tool(message, "" if number else text, call, mark)
            prompt.add_result(messages, call, result)
            mark = {"parallel": True}
        left = calls[max(0, room) :]
        events: list[tuple[str, str, dict[str, Any]]] = []
        for call in left:  # a call without a result would be refused
            prompt.add_result(messages, call, _NOT_RUN)
            meta = {**_name_call(call, self._mask), "exit": None}
            meta |= {"args": self._raw(call), **mark, **message.mark}
            events.append(("tool", _NOT_RUN, meta))
            mark = {"parallel": True}
        if events:
            self._append(*events)

    def _use_tool(self, message: UserMessage, text: str, call: Call, mark: dict[str, Any]) -> str:
        """Run one call and log it with its result, which may be why it cannot be run."""
        interruption = None
        try:
            arguments = _parse_arguments(call)
            seconds = arguments["timeout"] or self.settings["turn.tool_timeout"]
            output = self.shell.run(arguments["command"], seconds)
            result, meta = output.for_model, output.meta()
        except BadData as refusal:
            arguments = self._raw(call)
            result, meta = self._mask(f"not run: {refusal}"), {"exit": None}
        except KeyboardInterrupt as error:
            interruption = error
            result, meta = "(interrupted by the user, and the turn with it)", {"exit": None}
        arguments = {key: value for key, value in arguments.items() if value is not None}
        arguments = self._mask.mask_all(arguments)
        meta = {**_name_call(call, self._mask), "args": arguments, **meta}
        meta |= {**mark, **self._usage.take(), **message.mark}
        meta_of_text = {"model": self.chat.name, "step": True, **message.mark}
        words = [("agent", _fit(self._mask(text))[0], meta_of_text)] if text.strip() else []
        # with one write: a death in between would leave words that are said again
        self._append(*words, ("tool", result, meta))
        if interruption:
            raise interruption
        return result

    def _raw(self, call: Call) -> dict[str, str]:
        """The arguments of a call that cannot be run, as the log has them."""
        return {"raw": self._mask(call.arguments)[:2000]}

    def _append(self, *events: tuple[str, str, dict[str, Any]]) -> tuple[str, int]:
        """Log events with one write, if there is a context: window and line of the last."""
        if not self.context:
            return "", 0
        now = self.memory.now()
        results = self.log.append(self.context, [EventDraft(now, *event) for event in events], now)
        return results[-1].path, results[-1].line


class _NoAnswer(Exception):
    """The model gave none, for this reason."""

    def __init__(self, failure: Failure):
        super().__init__(str(failure))
        self.failure = failure


def _fit(text: str) -> tuple[str, bool]:
    """A text as one event can hold it, and whether it is the whole."""
    if len(text) <= LIMIT // 4 or len(data := encode_any(text)) <= LIMIT:
        return text, True
    return shorten(data, LIMIT // 2 - 1024, f"an event has at most {LIMIT} bytes"), False


def _is_runnable(call: Call) -> bool:
    try:
        return bool(_parse_arguments(call))
    except BadData:
        return False


def _name_call(call: Call, mask: Mask) -> dict[str, Any]:
    """Its name and id, as the log has them."""
    return {"name": mask(call.name)[:64], "call": mask(call.id)[:200]}


def _as_logged(call: Call, mask: Mask) -> Call:
    """A call as the log of it tells."""
    try:
        given = {k: v for k, v in _parse_arguments(call).items() if v is not None}
        arguments = json.dumps(mask.mask_all(given))
    except BadData:
        arguments = ""
    named = _name_call(call, mask)
    return Call(named["call"], named["name"], arguments)


def _show(reply: str, marks: dict[str, Any]) -> str:
    """A reply with what there is to say of it."""
    notes, reply = render_notes(marks), lasting.disown(reply)
    return f"{reply}\n\n{notes}" if notes else reply


def _parse_arguments(call: Call) -> dict[str, Any]:
    """command and timeout of a call. BadData says, for the model to read, why it cannot be run."""
    if call.name != "bash":
        raise BadData(f"there is no tool '{call.name}'", cure="the only tool is bash")
    try:
        value = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        what = f"the arguments are not valid JSON ({error})"
        raise BadData(what, cure='send {"command": "…"}') from None
    if not isinstance(value, dict) or not isinstance(value.get("command"), str):
        raise BadData("'command' is missing", cure='send {"command": "…"}')
    if len(value["command"]) > LONGEST_COMMAND:
        what = f"the command has more than {LONGEST_COMMAND:,} characters"
        raise BadData(what, cure="write a file in pieces, and run that")
    timeout = value.get("timeout")
    if isinstance(timeout, int | float) and timeout > 0:
        return {"command": value["command"], "timeout": int(min(timeout, LONGEST))}
    return {"command": value["command"], "timeout": None}
