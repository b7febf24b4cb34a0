"""Embedders behind a plain HTTP interface: Ollama, and everything that speaks OpenAI's."""

from array import array
from typing import Any

from ..ground.address import is_this_machine
from ..ground.environment import Environment
from ..ground.errors import Unavailable
from . import http, servers
from .embed import LONGEST, check_vectors, prepare


class OllamaEmbedder:
    """`ollama:NAME` at OLLAMA_HOST."""

    batch = 64
    longest = LONGEST
    TIMEOUT = 5.0  # seconds

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        self.name = name or "nomic-embed-text"
        self.model = f"ollama:{self.name}"
        self.dimensions: int | None = None
        self._url = servers.ollama_url(env) + "/api/embed"
        self.local = is_this_machine(self._url)
        self._timeout = min(self.TIMEOUT, settings["embed.timeout"])

    def passages(self, texts: list[str]) -> "list[array[float]]":
        return self._embed(texts, "search_document: ")

    def query(self, text: str) -> "array[float]":
        return self._embed([text], "search_query: ")[0]

    def _embed(self, texts: list[str], prefix: str) -> "list[array[float]]":
        if not self.name.startswith("nomic"):  # the prefixes are nomic's
            prefix = ""
        inputs = [prefix + prepare(text) for text in texts]
        body = {"model": self.name, "input": inputs, "truncate": True}
        how: Any = {"timeout": self._timeout, "who": "Ollama", "variable": "OLLAMA_HOST"}
        answer = http.post(self._url, body, headers={}, **how)
        found = answer.get("embeddings") if isinstance(answer, dict) else None
        vectors = check_vectors(found, len(texts), "Ollama", self.dimensions)
        self.dimensions = len(vectors[0]) if vectors else None
        return vectors


class OpenAIEmbedder:
    """`openai:NAME` at OPENAI_BASE_URL: any compatible /embeddings."""

    batch = 64
    longest = LONGEST
    WHO = "the embedding server"

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        self.name = name or "text-embedding-3-small"
        self.model = f"openai:{self.name}"
        self.dimensions: int | None = None
        url = servers.openai_url(env)
        self.local = is_this_machine(url)
        self._url = url + "/embeddings"
        self._how: Any = {"headers": servers.openai_headers(env), "who": self.WHO}
        self._how |= {"timeout": settings["embed.timeout"]}
        self._how |= {"variable": servers.openai_variable(env)}

    def passages(self, texts: list[str]) -> "list[array[float]]":
        inputs = [prepare(text) for text in texts]
        body = {"model": self.name, "input": inputs, "encoding_format": "float"}
        answer = http.post(self._url, body, **self._how)
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = [row["embedding"] for row in rows]
        except (KeyError, TypeError):
            raise Unavailable(f"{self.WHO} answered something other than vectors") from None
        made = check_vectors(vectors, len(texts), self.WHO, self.dimensions)
        self.dimensions = len(made[0]) if made else None
        return made

    def query(self, text: str) -> "array[float]":
        return self.passages([text])[0]
