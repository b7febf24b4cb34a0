"""The agents that call us, a module each. Adding one is a module and a line."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from .shape import Client

#: the module of each, by its name
_MODULES = {
    "claude-code": "claude_code",
    "codex": "codex",
    "gemini-cli": "gemini",
    "opencode": "opencode",
    "pi": "pi",
}


class _Clients(Mapping[str, Client]):
    """By their names; each is loaded when it is asked for."""

    def __getitem__(self, name: str) -> Client:
        client: Client = import_module(f".{_MODULES[name]}", __name__).CLIENT
        return client

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


CLIENTS = _Clients()
