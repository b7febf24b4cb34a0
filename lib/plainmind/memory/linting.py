"""What mem-lint does beyond pages and logs: the graph's health, and what retention deletes."""

from typing import Any

from . import Memory, forgetting, pages


def graph(session: Any, rebuild: bool) -> bool:
    """Print the graph's health; whether anything in it is of concern."""
    health = pages.health(Memory.of(session), rebuild=rebuild)
    session.emit_findings(health.records())
    return bool(health.concerns)


def prune(session: Any, apply: bool) -> bool:
    """Print what retention would delete, and with `apply` delete it; whether any of it is left to
    be deleted."""
    memory = Memory.of(session)
    deletes = apply and not session.dry_run
    expired = forgetting.forget(memory) if deletes else forgetting.past(memory)
    session.emit_findings(page.finding for page in expired)
    return bool(expired) and not apply
