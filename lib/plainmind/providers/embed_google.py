"""Google's embeddings: in bulk through google-genai, one query through requests.

google-genai takes over a second to import, which one query must not pay; the request it would send for a
query is sent as it is (tests/unit/test_providers_google.py holds the two against each other).
"""

from array import array
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from . import http
from .embedding import checked

HOST = "https://generativelanguage.googleapis.com"


class Google:
    """`google:NAME`, with GEMINI_API_KEY or GOOGLE_API_KEY."""

    batch = 100

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        self.name = name or "gemini-embedding-2"
        self.dimensions = settings["embed.dimensions"]
        self.model = f"google:{self.name}/{self.dimensions}"
        self._key = env.get("GEMINI_API_KEY") or env.get("GOOGLE_API_KEY")
        if not self._key:
            raise Misconfigured("no GEMINI_API_KEY", cure="put it in .env, or set embed.model to embedded")
        self._url = env.get("GOOGLE_GEMINI_BASE_URL", HOST).rstrip("/")
        self._timeout = settings["embed.timeout"]
        self._client: Any = None

    def passages(self, texts: list[str]) -> "list[array[float]]":
        from google.genai import types

        config = types.EmbedContentConfig(**self._config("RETRIEVAL_DOCUMENT"))
        # each text its own content: a list of strings becomes the parts of one content, and one vector, with model 2
        contents: Any = [types.Content(parts=[types.Part(text=text)]) for text in texts]
        answer = call(lambda: self._made_client().models.embed_content(model=self.name, contents=contents, config=config))
        return checked([e.values for e in answer.embeddings or []], len(texts), "Google")

    def query(self, text: str) -> "array[float]":
        config = self._config("RETRIEVAL_QUERY")
        request: dict[str, Any] = {"content": {"parts": [{"text": text}]}, "model": f"models/{self.name}"}
        if "task_type" in config:
            request["taskType"] = config["task_type"]
        request["outputDimensionality"] = self.dimensions
        url = f"{self._url}/v1beta/models/{self.name}:batchEmbedContents"
        answer = http.post(url, {"requests": [request]}, headers={"x-goog-api-key": self._key}, timeout=self._timeout, who="Google")
        try:
            vectors = [e["values"] for e in answer["embeddings"]]
        except (KeyError, TypeError):
            raise Unavailable("Google answered something else than vectors") from None
        return checked(vectors, 1, "Google")[0]

    def _config(self, task: str) -> dict[str, Any]:
        # model 2 knows no task types
        return {"output_dimensionality": self.dimensions, **({} if self.name == "gemini-embedding-2" else {"task_type": task})}

    def _made_client(self) -> Any:
        if self._client is None:
            self._client = client(self._key, self._url, self._timeout)
        return self._client


def client(key: str, url: str, timeout: float) -> Any:
    """A google-genai client that does not retry by itself: retrying is one policy's business."""
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=url, timeout=int(timeout * 1000), retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key=key, http_options=options)


def call(request: Any) -> Any:
    """A google-genai call, its errors as ours."""
    from google.genai import errors

    try:
        return request()
    except Failure:
        raise
    except errors.APIError as error:
        what = f"Google answered {error.code}: {' '.join(str(error.message or error.status or '').split())[:200]}"
        if error.code in (401, 403):
            raise Misconfigured(what, cure="check the key") from None
        if error.code == 404:
            raise Misconfigured(what, cure="check the model's name") from None
        if error.code in (408, 429) or error.code >= 500:
            raise Unavailable(what, retry_after=_retry_after(error)) from None
        raise BadData(what) from None
    except Exception as error:  # httpx's, pydantic's and json's: whatever the answer was, it was none
        raise Unavailable(f"Google cannot be reached or answered garbage: {type(error).__name__}") from None


def _retry_after(error: Any) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return http.retry_after(headers.get("retry-after"))
