"""What became of reminders: sent, failed, in doubt, or due and not sent. Writes nothing."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..formats.reminder.reminder import Reminder
from ..ground import clock
from ..ground.environment import Environment
from ..ground.errors import Failure
from ..ground.paths import Home
from .agenda import PAST_KEYS, tell_instant
from .delivery import ScanSetup
from .journal import DONE, FAILED, INTENT, KEPT, SENT, Occurrence
from .messages import Due
from .overdue import find_single
from .scan import Scan

_STATES = {INTENT: "in doubt", FAILED: "failed", SENT: "sent", DONE: "sent"}


class PastReminder(NamedTuple):
    """An occurrence that was due. `reminder` is None where its line is not in the file any more."""

    occurrence: Occurrence
    reminder: Reminder | None
    state: str  # sent; failed or in doubt, of the last attempt; missed, or overdue: there was none
    at: int  # ms, when that was found or done; 0 for never
    waits: bool  # for the next scan

    @property
    def due(self) -> int:
        return self.occurrence.due

    @property
    def msg(self) -> str:
        """What it said; '' where nobody knows any more."""
        return self.occurrence.msg or (self.reminder.msg if self.reminder else "")

    @property
    def lingers(self) -> bool:
        """Whether it was sent for good, and its line goes with the next scan."""
        there = find_single(self.reminder) if self.reminder and self.state == "sent" else None
        return there is not None and there.due == self.due


def list_past(
    home: Home, env: Environment, grace: float, now: int, report: Callable[[Failure], None]
) -> list[PastReminder]:
    """What was due in the last 30 days, and all that waits or whose line is still to go, the last
    first. `grace` in hours, of remind.grace. Reported is why the file is not to be acted upon."""
    ms = int(grace * 3600 * clock.SECOND)
    setup = ScanSetup(home, env, ms, now, math.inf, lambda: None, report, lambda text: None)
    scan = Scan(setup)
    reminders, due = scan.list_due()
    by_id = {one.id: one for one in reminders}
    found = {}
    for occurrence, step in scan.journal.list_last_steps():
        if step.did in _STATES and occurrence.due <= setup.now:
            state = _STATES[step.did]
            one = PastReminder(occurrence, by_id.get(occurrence.id), state, step.at, False)
            if occurrence.due >= setup.now - KEPT or one.lingers:
                found[occurrence.key] = one
    for late in due:
        tried = scan.journal.last_step(late.occurrence)
        state = _STATES[tried.did] if tried and tried.did in _STATES else _name_state(late)
        at = tried.at if tried else 0
        found[late.occurrence.key] = PastReminder(late.occurrence, late.reminder, state, at, True)
    return sorted(found.values(), key=lambda one: (one.due, one.occurrence.key), reverse=True)


def _name_state(due: Due) -> str:
    return "missed" if due.missed else "overdue"


def to_record(one: PastReminder) -> dict[str, Any]:
    """Its JSON object (PAST_KEYS)."""
    local, utc = tell_instant(one.due)
    recur = one.reminder.recur if one.reminder else None
    at = clock.to_text(one.at) if one.at else None
    id = "" if " " in one.occurrence.id else one.occurrence.id  # the scan's name for one without
    return dict(zip(PAST_KEYS, (id, one.msg or None, recur, local, utc, one.state, at, one.waits)))


def to_row(one: PastReminder) -> str:
    """`2026-03-29T02:00`, `2026-03-29T01:00Z`, state, id, message, with tabs between."""
    record = to_record(one)
    msg = (record["msg"] or "").replace("\t", " ")
    columns = (record["due"], record["due_utc"], one.state, record["id"] or "-", msg)
    return "\t".join(columns).rstrip("\t")
