"""Names of tools to the readers of their histories. Adding a tool is one module and one line.

Importing this module imports no reader."""

from importlib import import_module

from .sources import HistoryReader

HISTORIES = {
    "pi": "pi:Pi",
    "claude": "claude:Claude",
    "claude-memory": "claude_memory:ClaudeMemory",
    "openclaw": "openclaw:OpenClaw",
    "mom": "mom:Mom",
    "codex": "codex:Codex",
    "gemini": "gemini:Gemini",
    "opencode": "opencode:OpenCode",
    "chatgpt": "chatgpt:ChatGPT",
    "claude-ai": "claude_ai:ClaudeAI",
    "discord": "discord:Discord",
    "telegram": "telegram:Telegram",
    "openclaw-memory": "openclaw_memory:OpenClawMemory",
    "pi-mind": "pi_mind:PiMind",
    "compound-state": "compound_state:CompoundState",
}


def load_reader(tool: str) -> HistoryReader:
    module, _, name = HISTORIES[tool].partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)()
