"""Google's embeddings: in bulk through google-genai, one query through requests.

google-genai takes over a second to import, which one query must not pay: the request it would send
is sent as it is (tests/unit/providers/test_embed_google.py holds the two against each other).
"""

from array import array
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import Unavailable
from . import deadline, google, http, servers
from .embed import check_vectors, prepare

DEFAULT = "gemini-embedding-2"


class GoogleEmbedder:
    """`google:NAME` or `google:NAME/LENGTH`, with GEMINI_API_KEY or GOOGLE_API_KEY."""

    batch = 100
    paid = True
    local = False

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        base, _, length = name.rpartition("/")
        sized = length.isdecimal() and bool(base)
        self.name = (base if sized else name) or DEFAULT
        self.dimensions = int(length) if sized else settings["embed.dimensions"]
        self.model = f"google:{self.name}/{self.dimensions}"
        self._key = servers.require_google_key(env, "embed.model")
        self._url, self._version = servers.google_url(env), servers.google_version(env)
        self._timeout = settings["embed.timeout"]
        self._client: Any = None

    def passages(self, texts: list[str]) -> "list[array[float]]":
        wanted = [self._told(prepare(text), query=False) for text in texts]
        values = self._values(wanted)
        if len(values) != len(texts) > 1:  # a model that makes one vector of all it is sent
            values = [vector for text in wanted for vector in self._values([text])]
        return check_vectors(values, len(texts), google.WHO, self.dimensions)

    def query(self, text: str) -> "array[float]":
        request: dict[str, Any] = {
            "content": {"parts": [{"text": self._told(prepare(text), query=True)}]}
        }
        if task := self._task(query=True):
            request["taskType"] = task
        request |= {"outputDimensionality": self.dimensions, "model": f"models/{self.name}"}
        answer = http.post(
            f"{self._url}/{self._version}/models/{self.name}:batchEmbedContents",
            {"requests": [request]}, headers={"x-goog-api-key": self._key}, timeout=self._timeout,
            who=google.WHO,
        )  # fmt: skip
        try:
            vectors = [embedding["values"] for embedding in answer["embeddings"]]
        except (KeyError, TypeError):
            raise Unavailable(f"{google.WHO} answered something other than vectors") from None
        return check_vectors(vectors, 1, google.WHO, self.dimensions)[0]

    def _values(self, texts: list[str]) -> list[Any]:
        from google.genai import types

        if self._client is None:
            self._client = google.make_client(self._key, self._url, self._version, self._timeout)
        config = types.EmbedContentConfig(
            task_type=self._task(query=False), output_dimensionality=self.dimensions
        )
        # each text its own content: strings in a list become the parts of one content, and one
        # vector, with model 2
        contents: Any = [types.Content(parts=[types.Part(text=text)]) for text in texts]
        request = lambda: self._client.models.embed_content(
            model=self.name, contents=contents, config=config
        )
        answer = deadline.run(lambda: google.call(request, self._key), self._timeout, google.WHO)
        return [embedding.values for embedding in answer.embeddings or []]

    def _prompted(self) -> bool:
        """Model 2 is told what a text is for in the text itself and knows no task types; models 1
        are the other way round."""
        return self.name.rpartition("/")[2].startswith("gemini-embedding-2")

    def _task(self, *, query: bool) -> str | None:
        return None if self._prompted() else "RETRIEVAL_QUERY" if query else "RETRIEVAL_DOCUMENT"

    def _told(self, text: str, *, query: bool) -> str:
        """https://ai.google.dev/gemini-api/docs/embeddings, the format for retrieval with
        gemini-embedding-2."""
        if not self._prompted():
            return text
        return f"task: search result | query: {text}" if query else f"title: none | text: {text}"
