"""Turns that had no answer, as the log of their context says it. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from ..formats.log.event import Event


class FailedTurn(NamedTuple):
    """A message that nobody has answered since. `ref` and `timestamp` are of the last attempt."""

    ref: str
    timestamp: str
    context: str
    message: str  # its id, '' for none
    error: str


def find_failed(events: Iterable[Event]) -> list[FailedTurn]:
    """Those among the events of some windows, in the order of the last attempts."""
    events = list(events)
    answered = {(e.context, e.meta.get("reply_to")) for e in events if e.role == "agent"}
    found: dict[tuple[str, str], FailedTurn] = {}
    for event in events:
        if event.role != "system" or "error" not in event.meta:
            continue
        message = str(event.meta.get("for") or "")
        if message and (event.context, message) in answered:
            continue
        key = (event.context, message or event.ref)
        found.pop(key, None)
        error = str(event.meta["error"])
        found[key] = FailedTurn(event.ref, event.timestamp, event.context, message, error)
    return list(found.values())
