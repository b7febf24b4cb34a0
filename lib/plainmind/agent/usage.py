"""What calls of a model cost, in tokens, seconds and dollars, and who had it called.

    "usage": {"calls": 2, "failed": 1, "input_tokens": 9, "output_tokens": 3, "cost": 0.02,
      "seconds": 1.5}, "model": "openai:gpt-5", "agent": "backend", "session": "session-1770451234"

The sum of all calls since the last event that has one: tries that failed, expansions and answers
that were cut among them. `calls` is 1 and `failed` 0 where they are not given; a model that runs in
this process costs 0; what a provider does not say, and no price is set for, is not given. agent and
session are MIND_AGENT and MIND_SESSION; `route` is there where the task chose the model.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ..ground import clock
from ..ground.environment import Environment
from ..ground.errors import BadData

if TYPE_CHECKING:
    from ..providers.chat import Chat

T = TypeVar("T")


class UsageMeter:
    """Counts calls until they are logged. `chat` has the model's name, which a server may tell with
    its first answer. Prices are in US dollars per million tokens, 0 when not set."""

    def __init__(
        self, chat: "Chat", about: dict[str, str], input_price: float, output_price: float
    ):
        self._chat, self._about = chat, about
        self._prices = {"input_tokens": input_price, "output_tokens": output_price}
        self._sum: dict[str, Any] = {}
        self._calls = self._failed = 0

    def count(self, ask: Callable[[], T]) -> Callable[[], T]:
        """`ask`, each of its calls counted, as one that failed unless it returns."""

        def asked() -> T:
            self._calls += 1
            self._failed += 1
            start = clock.monotonic()
            try:
                answer = ask()
            finally:
                self._add("seconds", round(clock.monotonic() - start, 3))
            self._failed -= 1
            return answer

        return asked

    def add(self, usage: dict[str, Any]) -> None:
        """What a provider says of an answer; its cost is the provider's, or by the prices set."""
        if "cost" not in usage and any(self._prices.values()):
            cost = sum(usage.get(key, 0) * price for key, price in self._prices.items())
            usage = {**usage, "cost": round(cost / 1e6, 9)}
        for key, value in usage.items():
            self._add(key, value)

    def _add(self, key: str, value: float) -> None:
        self._sum[key] = round(self._sum.get(key, 0) + value, 9)

    def take(self) -> dict[str, Any]:
        """The `usage` of an event's meta and what it is about, {} when no model was asked; it
        counts from 0 again."""
        if not self._calls:
            return {}
        counts = {"calls": self._calls} if self._calls > 1 else {}
        counts |= {"failed": self._failed} if self._failed else {}
        used = {**counts, **self._sum}
        self._sum, self._calls, self._failed = {}, 0, 0
        seconds = used.pop("seconds")
        return {"model": self._chat.name, **self._about, "usage": {**used, "seconds": seconds}}


def find_author(env: Environment) -> dict[str, str]:
    """The agent and the session of a team for which a turn is taken, as far as they are set."""
    names = {key: env.get(f"MIND_{key.upper()}") for key in ("agent", "session")}
    if not any(names.values()):
        return {}
    from ..formats.work import session  # most turns are for nobody's team

    found = {}
    for key, check in (("agent", session.check_agent), ("session", session.check_session)):
        with suppress(BadData):  # not set, or no name that the journal takes
            found[key] = check(names[key])
    return found
