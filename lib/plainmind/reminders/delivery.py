"""Sending what was planned, so that a death anywhere leaves nothing sent that is not known.

What is about to be sent is in the journal, on disk, before it is sent. Owns the intent, the message
and what became of it. Refuses to know what is due (overdue), and how messages travel
(providers.discord).
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ground import clock, stream
from ..ground.environment import Environment
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from ..ground.paths import Home
from .journal import FAILED, INTENT, SENT, DeliveryJournal, digest
from .messages import Batch

if TYPE_CHECKING:
    from ..providers.discord import Deliverer


class ScanSetup(NamedTuple):
    """What a scan needs of whoever runs it."""

    home: Home
    env: Environment
    grace: int  # ms; 0: by the period
    now: int  # for the whole run
    deadline: float  # monotonic: when the last message must have its answer
    deliverer: "Callable[[], Deliverer | StdoutDeliverer | None]"  # asked for when something is due
    report: Callable[[Failure], None]
    say: Callable[[str], None]


class Delivery:
    """Where messages go, and whether that can be reached. `journal` gives the ledger."""

    def __init__(self, setup: ScanSetup, journal: Callable[[], DeliveryJournal]):
        self.setup, self.journal = setup, journal
        self.reachable = True  # as far as is known

    def send_all(self, planned: Iterable[Batch]) -> None:
        """Send messages, in order, until nobody can be reached."""
        planned = list(planned)
        deliverer = None
        for number, batch in enumerate(planned):
            try:
                deliverer = deliverer or self._deliverer()
                self._send_one(deliverer, batch)
            except BadData as refused:  # this message, not the others
                what = (
                    f"the message of {batch.of[0].id}" if batch.of[0].id else "the lines it names"
                )
                refused.cure = f"change {what}; the next scan tries again"
                self.setup.report(refused)
            except (Unavailable, Misconfigured) as failure:
                left = sum(len(b.of) for b in planned[number:])
                cure = f"; {failure.cure}" if failure.cure else ""
                what = f"reminder{'s are' if left > 1 else ' is'} due"
                if not batch.of[0].id:
                    what = f"line{'s' if left > 1 else ''} will not fire"
                failure.cure = f"{left} {what}, and the next scan tries again{cure}"
                self.setup.report(failure)
                self.reachable = False
                return

    def _deliverer(self) -> "Deliverer | StdoutDeliverer":
        found = self.setup.deliverer()
        if found is None:
            from ..providers.discord import VARIABLES

            cure = f"put {VARIABLES}, into .env, or use --stdout"
            raise Misconfigured("nothing says where to send reminders", cure=cure)
        return found

    def _send_one(self, deliverer: "Deliverer | StdoutDeliverer", batch: Batch) -> None:
        """Note each part that arrived before the next: only one without an answer is in doubt."""
        nonce, now, of = batch.nonce, self.setup.now, batch.of
        said, progress = digest(batch.text), batch.begin

        def note(did: str, at: int, *messages: str) -> None:
            self.journal().record(did, nonce, of, at, messages, progress, said)

        def arrived(sent: int, parts: int, message: str) -> None:
            nonlocal progress
            progress = sent
            if sent < parts:
                note(INTENT, batch.worded, message)

        first, remembers = batch.doubt, deliverer.remembers * clock.SECOND
        # the nonce of an attempt that is too long ago, or in the future, is not known any more
        how: dict[str, Any] = {
            "nonce": nonce,
            "deadline": self.setup.deadline,
            "doubt": first is not None and not 0 <= now - first < remembers,
        }
        note(INTENT, batch.worded if first is None else first)
        try:
            messages = deliverer.send(batch.text, **how, begin=progress, arrived=arrived)
        except Failure as failure:
            if failure.undone and (first is None or progress > batch.begin):
                note(FAILED, batch.worded)
            raise
        self.journal().record(SENT, nonce, of, now, messages)


class StdoutDeliverer:
    """Delivery to standard output, for pipes and for a look."""

    remembers = 0.0

    def send(self, text: str, *, doubt: bool = False, begin: int = 0, **_: Any) -> list[str]:
        stream.show(f"{text} (possibly repeated)\n" if doubt or begin else f"{text}\n")
        return []
