"""Claude Code: its events are the form that others took over."""

from .shape import EVENTS, Client, Place

HOOKS = (
    ("SessionStart", "startup|clear|compact"),
    ("UserPromptSubmit", ""),
    ("Stop", ""),
    ("PostCompact", ""),
    ("SessionEnd", ""),
)

PLACE = Place(
    "CLAUDE_CONFIG_DIR",
    ".claude",
    "settings.json",
    "settings.local.json",
    "projects",
    "claude",
    HOOKS,
    "sessions that run already call it once they are started again",
)

CLIENT = Client(EVENTS, PLACE, 10_000)
