"""Embedders behind a plain HTTP interface: Ollama, and everything that speaks OpenAI's."""

from array import array
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import Misconfigured, Unavailable
from . import http
from .embedding import checked


class Ollama:
    """`ollama:NAME` at OLLAMA_HOST."""

    batch = 64
    TIMEOUT = 5.0

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        self.name = name or "nomic-embed-text"
        self.model = f"ollama:{self.name}"
        self._url = ollama_url(env) + "/api/embed"

    def passages(self, texts: list[str]) -> "list[array[float]]":
        return self._embed(texts, "search_document: ")

    def query(self, text: str) -> "array[float]":
        return self._embed([text], "search_query: ")[0]

    def _embed(self, texts: list[str], prefix: str) -> "list[array[float]]":
        if not self.name.startswith("nomic"):  # the prefixes are nomic's
            prefix = ""
        body = {"model": self.name, "input": [prefix + text for text in texts], "truncate": True}
        answer = http.post(self._url, body, headers={}, timeout=self.TIMEOUT, who="Ollama")
        return checked(answer.get("embeddings") if isinstance(answer, dict) else None, len(texts), "Ollama")


class OpenAI:
    """`openai:NAME` at OPENAI_BASE_URL: any compatible /embeddings."""

    batch = 64

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        self.name = name or "text-embedding-3-small"
        self.model = f"openai:{self.name}"
        self._url = openai_url(env) + "/embeddings"
        self._headers = openai_headers(env)
        self._timeout = settings["embed.timeout"]

    def passages(self, texts: list[str]) -> "list[array[float]]":
        body = {"model": self.name, "input": texts, "encoding_format": "float"}
        answer = http.post(self._url, body, headers=self._headers, timeout=self._timeout, who="the embedding server")
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = [row["embedding"] for row in rows]
        except (KeyError, TypeError):
            raise Unavailable("the embedding server answered something else than vectors") from None
        return checked(vectors, len(texts), "the embedding server")

    def query(self, text: str) -> "array[float]":
        return self.passages([text])[0]


def ollama_url(env: Environment) -> str:
    host = env.get("OLLAMA_HOST", "127.0.0.1:11434")
    return (host if "://" in host else f"http://{host}").rstrip("/")


def openai_url(env: Environment) -> str:
    return env.get("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/")


def openai_headers(env: Environment) -> dict[str, str]:
    """The key, if there is one; a server of one's own needs none."""
    key = env.get("OPENAI_API_KEY")
    if not key and not env.get("OPENAI_BASE_URL"):
        raise Misconfigured("no OPENAI_API_KEY", cure="put it in .env, or name a server in OPENAI_BASE_URL")
    return {"Authorization": f"Bearer {key}"} if key else {}
