"""Chat through OpenAI's interface: OpenAI, vLLM, llama.cpp, OpenRouter, and Ollama's own version of it."""

from typing import Any

from ..ground.environment import Environment
from ..ground.errors import Misconfigured, Unavailable
from . import http
from .chatting import Call, Reply
from .embed_http import ollama_url, openai_headers, openai_url

WINDOW = 32_768  # tokens, when nobody says


class OpenAI:
    """`openai:NAME` at OPENAI_BASE_URL; without a name, the first model the server lists."""

    profile = "full"
    context_tokens = WINDOW
    provider = "openai"
    who = "the model's server"

    def __init__(self, name: str, env: Environment, settings: Any):
        self._url, self._headers = self._server(env)
        self._timeout = settings["turn.timeout"]
        self.name = f"{self.provider}:{name}" if name else self.provider
        self._model = name or env.get("OPENAI_MODEL")

    def complete(self, request: dict[str, Any]) -> Reply:
        body = {"model": self._known_model(), "messages": request["messages"], "max_tokens": request["max_tokens"]}
        if request.get("tools"):
            body["tools"] = request["tools"]
        answer = http.post(f"{self._url}/chat/completions", body, headers=self._headers, timeout=self._timeout, who=self.who)
        return reply_from(answer, self.who)

    def _server(self, env: Environment) -> tuple[str, dict[str, str]]:
        return openai_url(env), openai_headers(env)

    def _known_model(self) -> str:
        if not self._model:
            listed = http.get(f"{self._url}/models", headers=self._headers, timeout=self._timeout, who=self.who)
            try:
                self._model = str(listed["data"][0]["id"])
            except (KeyError, IndexError, TypeError):
                raise Misconfigured(f"{self.who} lists no model", cure="name one: turn.model = openai:NAME") from None
        return self._model


class Ollama(OpenAI):
    """`ollama:NAME` at OLLAMA_HOST."""

    provider = "ollama"
    who = "Ollama"

    def _server(self, env: Environment) -> tuple[str, dict[str, str]]:
        return ollama_url(env) + "/v1", {}


def reply_from(answer: Any, who: str) -> Reply:
    """A reply from a chat completion object. Unavailable when it is none."""
    try:
        message = answer["choices"][0]["message"]
        calls = [
            Call(str(call.get("id") or f"call_{i}"), str(call["function"]["name"]), _text(call["function"].get("arguments")))
            for i, call in enumerate(message.get("tool_calls") or [])
        ]
        text = message.get("content") or ""
        if not isinstance(text, str):  # content as a list of parts
            text = "".join(str(part.get("text", "")) for part in text)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Unavailable(f"{who} answered something else than a reply") from None
    used = answer.get("usage") if isinstance(answer.get("usage"), dict) else {}
    usage = {ours: used[theirs] for ours, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")) if theirs in used}
    return Reply(text, calls, usage)


def _text(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    import json

    return json.dumps(arguments or {})
