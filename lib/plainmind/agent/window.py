"""What of a request fits into the model's window, and what is left out of it. Pure.

Tokens are estimates by script; how wrong they are shows when a server refuses the request.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..ground import tokens

HALVINGS = 3  # times that a turn is tried again
FRAME = 4  # tokens of a message besides its text
LEAST = 60  # tokens that a result keeps when there is no room for all of it
LEFT_OUT = "(earlier steps of this turn are left out)\n"

Messages = list[dict[str, Any]]


class ModelWindow(NamedTuple):
    """A model's window, as far as it is used."""

    tokens: int
    history: int  # of these, for history
    answer: int  # for the answer, at most
    halvings: int = 0

    @property
    def max_tokens(self) -> int:
        return min(self.answer, max(1, self.tokens // 4))

    def room(self, fixed: str) -> int:
        """Tokens left beside the answer and what is always sent."""
        return max(0, self.tokens - self.max_tokens - estimate(fixed))

    def less(self, told: int) -> "ModelWindow":
        """After a server said that a request is too long: of the size that it told, else half, then
        a quarter, then an eighth, as it may be any."""
        size = told if 0 < told < self.tokens else self.tokens >> (self.halvings + 1)
        history = min(self.history, told // 2) if size == told else self.history // 2
        return self._replace(tokens=size, history=history, halvings=self.halvings + 1)


def estimate(text: str) -> int:
    return tokens.estimate_by_script(text) + FRAME


def cost_of(message: dict[str, Any]) -> int:
    """Tokens of a message, what a provider wants back with it included."""
    more = {key: message[key] for key in ("tool_calls", "native") if message.get(key)}
    said = json.dumps(more, ensure_ascii=False) if more else ""
    return estimate(str(message.get("content") or "") + said)


def fit(messages: Sequence[dict[str, Any]], first_own: int, room: int, history: int) -> Messages:
    """The system's message, as much of the history as goes into `room` besides the user's message
    and what the turn did since, which begins at `first_own`; of that, results are cut, the oldest
    first, and then its oldest steps go. History goes in quarters of its budget, so that its start
    moves seldom."""
    system, last, own = messages[0], messages[first_own - 1], list(messages[first_own:])
    space = room - cost_of(last)
    done = sum(map(cost_of, own))
    shown = [_clip(message, history) for message in messages[1 : first_own - 1]]
    taken = sum(map(cost_of, shown))
    for quarters in (3, 2, 1, 0):
        if done + taken <= space:
            break
        shown = _cut(shown, max(0, min(history, space)) * quarters // 4)
        taken = sum(map(cost_of, shown))
    own = _shorten(own, space - taken)
    return [system, *shown, last, *own]


def _clip(message: dict[str, Any], most: int) -> dict[str, Any]:
    """A message, cut in the middle when it alone is over: a question that nobody has answered."""
    if message["role"] != "user" or cost_of(message) <= most + FRAME:
        return message
    return {**message, "content": tokens.clip(str(message["content"]), most)}


def _cut(messages: Messages, budget: int) -> Messages:
    """The newest messages that are within the budget, from a user's on."""
    left, first = budget, len(messages)
    for number in range(len(messages) - 1, -1, -1):
        left -= cost_of(messages[number])
        if left < 0:
            break
        if messages[number]["role"] == "user":
            first = number
    return messages[first:]


def _shorten(own: Messages, room: int) -> Messages:
    """What the turn did, in `room` tokens: never an answer of the model changed, and no result
    without its call."""
    excess = sum(map(cost_of, own)) - room
    for number, message in enumerate(own):
        if excess <= 0:
            break
        if message["role"] in ("tool", "user"):
            cost = cost_of(message)
            most = max(LEAST, cost - FRAME - excess)
            own[number] = {**message, "content": tokens.clip(str(message["content"]), most)}
            excess -= cost - cost_of(own[number])
    steps = [n for n, m in enumerate(own) if m["role"] == "assistant" and not _goes_on(own, n)]
    first, told = 0, estimate(LEFT_OUT)
    for step in steps:
        if sum(map(cost_of, own[first:])) + told * (first > 0) > room:
            first = step
    return _tell(own[first:]) if first else own


def _goes_on(own: Messages, number: int) -> bool:
    return number > 0 and own[number - 1]["role"] == "assistant"


def _tell(own: Messages) -> Messages:
    """Say in the first result that earlier steps are missing."""
    for number, message in enumerate(own):
        if message["role"] in ("tool", "user"):
            own[number] = {**message, "content": LEFT_OUT + str(message["content"])}
            break
    return own
