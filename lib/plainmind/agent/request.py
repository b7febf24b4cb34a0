"""The request a turn begins with: what of files and memory goes into the prompt.

Nothing is called, run or logged here; `prompt` has the order, `profile` how much of each.
"""

import os
from functools import partial
from typing import Any

from ..formats.evidence import Scope
from ..ground import files
from ..memory import Memory, moments
from ..providers.chat import Chat, to_openai
from ..truth.log import native_answers
from ..truth.pages import maintenance
from . import profile as profiles
from . import prompt, turn_log
from .bash import TOOL, Shell
from .turn_log import Attempt, TurnLog, UserMessage

_HERE = os.path.dirname(os.path.abspath(__file__))


class RequestBuilder:
    """Builds the requests of one context, or of none: then no log is read."""

    def __init__(self, memory: Memory, chat: Chat, shell: Shell, context: str | None):
        self.memory, self.chat, self.shell, self.context = memory, chat, shell, context
        self.settings, self.profile = memory.settings, profiles.of(chat)

    def preview(self, message: UserMessage) -> dict[str, Any]:
        """The exact request a turn for this message would begin with."""
        return to_openai(self.build(message, self.read_log(message)), self.chat.by)

    def read_log(self, message: UserMessage) -> TurnLog:
        if not self.context:
            return TurnLog()
        share = int(self.chat.context_tokens * self.profile.history_share)
        budget = self.settings["turn.history_tokens"] or share
        return turn_log.read(self.memory.home, self.context, message, budget)

    def build(self, message: UserMessage, log: TurnLog) -> dict[str, Any]:
        """The request. The log's attempt, if there is one, knows the line of the message."""
        # what the prompt shows is not recalled as well
        attempt = log.attempt or Attempt()
        lines = [line for line in (attempt.line, *(e.line for e in log.history[:1])) if line]
        shown = (log.window, min(lines)) if log.window and lines else None
        text = prompt.render_user_text(message.text, message.author, message.meta)
        load = partial(native_answers.load, self.memory.home, self.context or "", message.id)
        return {
            "model": self.chat.name,
            "messages": [
                {"role": "system", "content": self._system()},
                *prompt.to_messages(log.history),
                prompt.build_last_message(self._memories(message, Scope(shown=shown)), text),
                *prompt.to_messages(attempt.done, load),
            ],
            "tools": [TOOL] if self.profile.tools else [],
            "max_tokens": self.settings["turn.max_tokens"],
        }

    def _memories(self, message: UserMessage, scope: Scope) -> list[str]:
        """The blocks of moments and of pages."""
        share = self.profile.share(self.settings)
        counted = bool(self.context) and not self.memory.dry
        return moments.remember(self.memory, message.text, scope, share, counted=counted)

    def _system(self) -> str:
        """Persona, skills, surroundings: the same bytes until a person changes one of them."""
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
        notice = maintenance.audit_notice(home, self.memory.now())
        return prompt.join_system(persona, skills.prompt_text(found), around, notice)
