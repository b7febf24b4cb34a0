"""The agents that call us, a module each. Adding one is a module and a line."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from .shape import Client


class _Clients(Mapping[str, Client]):
    """By their names; each is loaded when it is asked for."""

    _MODULES = {
        "claude-code": "claude_code",
        "codex": "codex",
        "gemini-cli": "gemini",
        "opencode": "opencode",
        "pi": "pi",
    }

    def __getitem__(self, name: str) -> Client:
        client: Client = import_module(f".{self._MODULES[name]}", __name__).CLIENT
        return client

    def __iter__(self) -> Iterator[str]:
        return iter(self._MODULES)

    def __len__(self) -> int:
        return len(self._MODULES)


CLIENTS = _Clients()
