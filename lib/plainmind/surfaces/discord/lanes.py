"""Which messages make the next turn of a context. Pure.

One turn at a time in a context, first in first out; contexts know nothing of each other. What one person sent in
one go is one turn.
"""

from collections.abc import Iterable

from . import snowflake
from .ledger import Incoming

APART = 2000  # ms between messages that go together, at most
MOST = 20  # messages of one turn
LONGEST = 32_000  # characters of one turn


def together(waiting: Iterable[Incoming]) -> list[Incoming]:
    """The messages of one context's next turn: the first, and those of the same person right after it."""
    chosen: list[Incoming] = []
    size = 0
    for message in sorted(waiting, key=lambda m: m.id):
        size += len(message.text)
        if chosen and (
            message.author_id != chosen[-1].author_id
            or snowflake.instant(message.id) - snowflake.instant(chosen[-1].id) > APART
            or size > LONGEST
            or len(chosen) == MOST
        ):
            break
        chosen.append(message)
    return chosen


def text(messages: Iterable[Incoming], notes: Iterable[str] = ()) -> str:
    """What is said in a turn: the messages' lines, then what is to be known of their attachments."""
    return "\n".join(
        [*(message.text for message in messages if message.text), *(f"({note})" for note in notes)]
    )
