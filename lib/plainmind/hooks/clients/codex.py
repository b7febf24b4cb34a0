"""Codex: it says "turn_id" for "prompt_id", and has no "compact_summary"."""

from .claude_code import HOOKS
from .shape import EVENTS, Client, Place

PLACE = Place(
    "CODEX_HOME",
    ".codex",
    "hooks.json",
    "hooks.json",
    "sessions",
    "codex",
    HOOKS,
    "Codex passes over hooks in silence until you allow them: open it, and type /hooks",
    trusted=False,
)

# it cuts in the middle by bytes, to about 10,000
CLIENT = Client(EVENTS, PLACE, 9_900, lambda text: len(text.encode()), "turn_id")
