"""A turn with the model of its route, and with the next one where that is unavailable.

Owns what a turn is made of, and when another model may take over. Refuses to know how a route is
chosen.
"""

from collections.abc import Sequence

from ..ground.errors import Unavailable
from ..memory import Memory
from ..providers import registry, retry
from ..truth.log.writer import Log
from .bash import Shell
from .terminal import AnswerDisplay
from .tracing import Trace
from .turn import Model, Turn
from .turn_log import UserMessage

ATTEMPTS = 4  # of one request

#: (route, model): '' for a model that nobody chose by the task, and a model as settings name it
Candidate = tuple[str, str]


class TurnTaker:
    """Takes a turn of one context, or of none; `key` is MIND_KEY, `trace` the file of a trace."""

    def __init__(
        self,
        memory: Memory,
        shell: Shell,
        key: bytes,
        context: str | None,
        display: AnswerDisplay | None = None,
        trace: str | None = None,
    ):
        self._memory, self._shell, self._key, self._context = memory, shell, key, context
        self._display, self._trace = display, trace

    def run(self, message: UserMessage, candidates: Sequence[Candidate]) -> tuple[str, Turn]:
        """The reply, and the turn that gave it.

        The log of a context says what was done, so a turn goes on with another model as it does in
        another process. Without a context nothing says so: after an answer, which may have run
        commands, no other model takes over.
        """
        for candidate, (_, other) in zip(candidates, candidates[1:], strict=False):
            turn = self._begin(*candidate)
            try:
                return turn.run(message), turn
            except Unavailable as failure:
                if turn.answers and not turn.context:
                    raise
                self._memory.say(f"{failure.what}; asking '{other}' instead")
        turn = self._begin(*candidates[-1])
        return turn.run(message), turn

    def _begin(self, route: str, name: str) -> Turn:
        memory = self._memory
        chat = registry.open_chat(name, memory.env, memory.settings)
        trace = None
        if self._trace:
            mask, say = memory.env.mask, memory.say
            trace = Trace(memory.home, self._trace, memory.now(), mask, say, route)
        model = Model(chat, lambda ask: retry.run(ask, attempts=ATTEMPTS), self._display, trace)
        log = Log(memory.home, self._key)
        return Turn(memory, model._replace(route=route), self._shell, log, self._context)
