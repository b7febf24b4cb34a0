"""Google's embeddings: in bulk through google-genai, one query through requests.

google-genai takes over a second to import, which one query must not pay: the request it would send
is sent as it is (tests/unit/providers/test_embed_google.py holds the two against each other).
"""

from array import array
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import Unavailable
from . import deadline, google, http, servers
from .embed import LONGEST, check_vectors, prepare

DEFAULT = "gemini-embedding-2"


class GoogleEmbedder:
    """`google:NAME` or `google:NAME/LENGTH`, with GEMINI_API_KEY or GOOGLE_API_KEY."""

    batch = 100
    longest = LONGEST
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
        part = {"text": self._told(prepare(text), query=True)}
        request: dict[str, Any] = {"content": {"parts": [part]}}
        if task := self._task(query=True):
            request["taskType"] = task
        request |= {"outputDimensionality": self.dimensions, "model": f"models/{self.name}"}
        url = f"{self._url}/{self._version}/models/{self.name}:batchEmbedContents"
        headers, body = {"x-goog-api-key": self._key}, {"requests": [request]}
        answer = http.post(url, body, headers=headers, timeout=self._timeout, who=google.WHO)
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
        # each text its own content: model 2 makes one vector of strings in a list
        contents: Any = [types.Content(parts=[types.Part(text=text)]) for text in texts]
        request = lambda: self._client.models.embed_content(
            model=self.name, contents=contents, config=config
        )
        answer = deadline.run(lambda: google.call(request, self._key), self._timeout, google.WHO)
        return [embedding.values for embedding in answer.embeddings or []]

    def _prompted(self) -> bool:
        """Model 2 is told in the text itself what it is for, models 1 by task types."""
        return self.name.rpartition("/")[2].startswith("gemini-embedding-2")

    def _task(self, *, query: bool) -> str | None:
        return None if self._prompted() else "RETRIEVAL_QUERY" if query else "RETRIEVAL_DOCUMENT"

    def _told(self, text: str, *, query: bool) -> str:
        """As https://ai.google.dev/gemini-api/docs/embeddings wants it for retrieval by model 2."""
        if not self._prompted():
            return text
        return f"task: search result | query: {text}" if query else f"title: none | text: {text}"
