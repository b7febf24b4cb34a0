"""The agents that call us, a module each. Adding one is a module and a line."""

from . import claude_code, codex, gemini, opencode, pi
from .shape import Client

CLIENTS: dict[str, Client] = {
    "claude-code": claude_code.CLIENT,
    "codex": codex.CLIENT,
    "gemini-cli": gemini.CLIENT,
    "opencode": opencode.CLIENT,
    "pi": pi.CLIENT,
}
