"""What delivers the messages of a scan, and the one that prints them.

The one that sends them to Discord is providers.discord's, imported only when something is due.
"""

from collections.abc import Callable
from typing import Protocol

from ..ground import stream


class ReminderDeliverer(Protocol):
    remembers: float

    def send(
        self,
        text: str,
        *,
        nonce: str,
        deadline: float,
        doubt: bool = False,
        begin: int = 0,
        arrived: Callable[[int, int, str], None] | None = None,
    ) -> list[str]: ...


class StdoutDeliverer:
    """Delivery to standard output, for pipes and for a look."""

    remembers = 0.0

    def send(
        self,
        text: str,
        *,
        nonce: str,
        deadline: float,
        doubt: bool = False,
        begin: int = 0,
        arrived: Callable[[int, int, str], None] | None = None,
    ) -> list[str]:
        stream.write(f"{text} (possibly repeated)\n" if doubt or begin else f"{text}\n")
        stream.flush()
        return []
