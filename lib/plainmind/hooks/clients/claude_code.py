"""Claude Code: its events are the form that others took over."""

from collections.abc import Mapping
from typing import Any

from .shape import EVENTS, Client, Place

HOOKS = (
    ("SessionStart", "startup|clear|compact"),
    ("UserPromptSubmit", ""),
    ("Stop", ""),
    ("PostCompact", ""),
    ("SessionEnd", ""),
)


def _find_plugin(settings: Mapping[str, Any], folder: str) -> str:
    known = settings.get("enabledPlugins")
    names = known.items() if isinstance(known, dict) else ()
    return next((name for name, on in names if on is True and name.startswith("plainmind@")), "")


PLACE = Place(
    "CLAUDE_CONFIG_DIR",
    ".claude",
    "settings.json",
    "settings.local.json",
    "projects",
    "claude",
    HOOKS,
    "sessions that run already call it once they are started again",
    find_package=_find_plugin,
    take_out="claude plugin uninstall",
)

CLIENT = Client(EVENTS, PLACE, 10_000)
