"""The request a turn begins with: what of files and memory goes into the prompt.

Nothing is called, run or logged here; `prompt` has the order, `profile` how much of each.
"""

import os
from functools import partial
from typing import Any

from ..formats.evidence import Scope
from ..formats.log.event import Event, RawEvent
from ..ground import files, tokens
from ..ground.stream import json_line
from ..memory import Memory, moments, resident
from ..providers.chat import Chat, to_openai
from ..truth.log import native_answers
from ..truth.pages import maintenance
from . import profile as profiles
from . import prompt, turn_log, window
from .bash import TOOL, Shell
from .turn_log import Attempt, TurnLog, UserMessage
from .window import ModelWindow

BORDERS = 80  # tokens of the lines around what is injected

_HERE = os.path.dirname(os.path.abspath(__file__))


class RequestBuilder:
    """Builds the requests of one context, or of none: then no log is read."""

    def __init__(self, memory: Memory, chat: Chat, shell: Shell, context: str | None):
        self.memory, self.chat, self.shell, self.context = memory, chat, shell, context
        self.settings, self.profile = memory.settings, profiles.of(chat)
        share = int(chat.context_tokens * self.profile.history_share)
        history = self.settings["turn.history_tokens"] or share
        self.window = ModelWindow(chat.context_tokens, history, self.settings["turn.max_tokens"])
        self.left_out = 0  # events of the window that the prompt does not show
        self.tools_left_out: list[Event | RawEvent] = []  # those that are a command and its result
        self._prefix = 0  # messages of a request before what its turn did
        self.border = ""  # of what is injected in the turn

    def preview(self, message: UserMessage) -> dict[str, Any]:
        """The exact request a turn for this message would begin with."""
        return to_openai(self.fit(self.build(message, self.read_log(message))), self.chat.by)

    def read_log(self, message: UserMessage) -> TurnLog:
        if not self.context:
            return TurnLog()
        return turn_log.read(self.memory.home, self.context, message, self.window.history)

    def build(self, message: UserMessage, log: TurnLog) -> dict[str, Any]:
        """The request. The log's attempt, if there is one, knows the line of the message."""
        attempt = log.attempt or Attempt()
        load = partial(native_answers.load, self.memory.home, self.context or "", message.id)
        messages = self._build_prefix(message, log)
        self._built, self._prefix = (message, log), len(messages)
        messages += prompt.to_messages(attempt.done, load)
        tools = [TOOL] if self.profile.tools else []
        return {"model": self.chat.name, "messages": messages, "tools": tools}

    def fit(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request as it is sent: what of it goes into the model's window."""
        messages, room = request["messages"], self._room(request["messages"][0]["content"])
        messages = window.fit(messages, self._prefix, room, self.window.history)
        tools = request["tools"] if self.profile.tools else []
        more = {"tools": tools, "max_tokens": self.window.max_tokens}
        return {**request, "messages": messages, **more}

    def build_less(self, request: dict[str, Any], told: int) -> bool:
        """After a server found a request too long: put less before what its turn did, and let what
        is left out be recalled. False when that was done often enough."""
        if self.window.halvings == window.HALVINGS:
            return False
        self.window = self.window.less(told)
        if self._room(request["messages"][0]["content"]) < self.window.tokens // 4:
            self.profile = profiles.PROFILES["small"]
        message, log = self._built
        messages = self._build_prefix(message, log, counted=False)
        request["messages"][: self._prefix] = messages
        self._prefix = len(messages)
        return True

    def _build_prefix(
        self, message: UserMessage, log: TurnLog, *, counted: bool = True
    ) -> window.Messages:
        """The messages up to the user's, which the memories stand before."""
        system = {"role": "system", "content": self._system()}
        room = self._room(system["content"])
        author = "" if self.profile.plain else message.author  # it would answer in that name
        text = prompt.render_user_text(message.text, author, message.meta)
        text = tokens.clip(text, room // 2)
        share = self.profile.share(self.settings)._replace(most=room // 3 - BORDERS)
        left = max(0, room - tokens.estimate_by_script(text) - min(share.most, share.usual))
        budget = min(self.window.history, left)
        first = prompt.find_first_shown(log.history, budget) if budget else len(log.history)
        history = log.history[first:]
        self.left_out = first + log.left_out
        more = [event for event in log.history[:first] if event.role == "tool"]
        self.tools_left_out = [*log.tools_left_out, *more]
        # what the prompt shows is not recalled as well
        line = log.attempt.line if log.attempt else 0
        shown = {event.path: event.line for event in reversed(history)}
        if line:
            shown[log.window] = min(line, shown.get(log.window, line))
        scope = Scope(shown=tuple(shown.items()))
        told = None
        if counted and self.context and not self.memory.dry:
            told = f"{log.window}:{line}" if line else ""
        blocks = moments.remember(self.memory, message.text, scope, share, counted=told)
        before = [system, *prompt.to_messages(history)]
        if self.profile.plain:
            last = {"role": "user", "content": "\n".join([*filter(None, blocks), text])}
        else:
            last, self.border = prompt.build_last_message(before, blocks, text)
        return [*before, last]

    def _room(self, system: str) -> int:
        tools = json_line(TOOL) if self.profile.tools else ""
        return self.window.room(system + tools)

    def _system(self) -> str:
        """Persona, skills, surroundings, resident memory, the notice of an audit: the same bytes
        until somebody changes one of them; and last, the day."""
        home, shell = self.memory.home, self.shell
        path = home.path("system-prompt.md")
        if not os.path.exists(path):
            path = os.path.join(_HERE, self.profile.persona)
        persona = files.read(path).decode("utf-8", "replace")
        if not self.profile.skills:
            return prompt.join_system(persona)
        from . import skills

        shipped = os.path.join(shell.checkout, "skills")
        found = skills.discover(home, shipped, self.memory.say, dry=self.memory.dry)
        around = prompt.describe_surroundings(shell.folder, home.root, shell.options)
        always = resident.build_block(self.memory, shell.options.memories)
        notice = maintenance.audit_notice(home, self.memory.now())
        origin, day = prompt.ORIGIN, prompt.describe_day(self.memory.now())
        told = skills.prompt_text(found), around, always, notice, day
        return prompt.join_system(persona, origin, *told)
