"""What models cost, by the logs: rows of llm_usage that agent-turn's answers make."""

from collections.abc import Iterable
from typing import Any

from ...ground import clock
from ..reading import utf8
from ..window_reading import NewEvent
from .database import SqlConnection, upsert

_TEXTS = ("agent", "session", "task", "route")
_COLUMNS = (
    "id", "at", "source", "event", *_TEXTS, "model", "calls", "failed", "input_tokens",
    "output_tokens", "cost", "seconds",
)  # fmt: skip
_LARGEST = 2**53  # beyond it, a number is a mistake


def add(db: SqlConnection, window: int, events: Iterable[tuple[int, NewEvent]]) -> None:
    """Rows of events of a window, by their ids."""
    (path,) = db.execute("SELECT path FROM windows WHERE id = ?", (window,)).fetchone()
    rows = []
    for id, event in events:
        if event.usage is None:
            continue
        meta, used = event.usage, event.usage["usage"]
        texts = [_text(meta.get(name)) for name in _TEXTS]
        names = ("calls", "failed", "input_tokens", "output_tokens")
        calls, failed, *tokens = (_number(used.get(name), int) for name in names)
        calls = 1 if calls is None else calls  # before they were counted, there was one
        costs = [_number(used.get(name), float) for name in ("cost", "seconds")]
        at = clock.to_text(event.instant)
        model = event.model or "unknown"
        told = (*texts, model, calls, failed or 0, *tokens, *costs)
        rows.append((f"{path}:{event.line}", at, "turn", id, *told))
    db.executemany(upsert("llm_usage", _COLUMNS, ("id",)), rows)


def _text(value: Any) -> str | None:
    return utf8(value) if value and isinstance(value, str) else None


def _number(value: Any, kind: type) -> Any:
    """A number that somebody may have written; None for what is none, or none that a cost has."""
    if type(value) not in (int, float) or not 0 <= value <= _LARGEST:
        return None
    return kind(value)
