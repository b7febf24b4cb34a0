"""Chat through OpenAI's interface, which vLLM, llama.cpp, OpenRouter and others speak, too."""

import json
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from . import http, json_calls, servers
from .chat import JsonObject, OnText, Reply, ReplyBuilder, arguments_as_text
from .registry import traits_of


class OpenAIChat:
    """`openai:NAME` at OPENAI_BASE_URL; without a name, OPENAI_MODEL or the first that it lists."""

    WHO = "the model's server"

    def __init__(self, name: str, env: Environment, settings: Any):
        self._url, headers = servers.openai_url(env), servers.openai_headers(env)
        timeout = settings["turn.timeout"]
        self._how: JsonObject = {"headers": headers, "timeout": timeout, "who": self.WHO}
        self._how["variable"] = servers.openai_variable(env)
        self._called(name or env.get("OPENAI_MODEL"))

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        if not self._model:
            self._called(self._first_listed())
        as_json = self.tools == "json"
        builder = ReplyBuilder(self.WHO, request, None if as_json else on_text)
        body = self._body(request, as_json)
        url = f"{self._url}/chat/completions"
        if on_text and not as_json:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
            with builder.report_partial():
                _Stream(builder).read(http.post_lines(url, body, **self._how))
        else:
            read_whole(builder, http.post(url, body, **self._how))
        reply = builder.build()
        return json_calls.translate_reply(reply, request, on_text) if as_json else reply

    def _body(self, request: JsonObject, as_json: bool) -> JsonObject:
        messages, schema = request["messages"], None
        if as_json:
            messages, schema = json_calls.translate_request(request)
        # OpenAI's newer models refuse max_tokens, other servers may not know the new name
        limit = "max_completion_tokens" if self._url == servers.OPENAI else "max_tokens"
        body = {"model": self._model, "messages": messages, limit: request["max_tokens"]}
        if schema:
            step = {"name": "step", "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": step}
        elif request.get("tools") and self.tools == "native":
            body["tools"] = request["tools"]
        return body

    def _called(self, model: str) -> None:
        self._model = model
        self.name = f"openai:{model}" if model else "openai"
        self.profile, self.tools, self.context_tokens = traits_of(self.name)

    def _first_listed(self) -> str:
        try:
            return str(http.get(f"{self._url}/models", **self._how)["data"][0]["id"])
        except Failure as failure:
            if not failure.cure and not failure.undone:
                failure.cure = "if the server lists no models, name one in OPENAI_MODEL"
            raise
        except (KeyError, IndexError, TypeError):
            cure = "name one: turn.model = openai:NAME"
            raise Misconfigured(f"{self.WHO} lists no model", cure=cure) from None


def read_whole(builder: ReplyBuilder, answer: Any) -> None:
    """A chat completion object."""
    if not isinstance(answer, dict):
        raise Unavailable(f"{builder.who} answered something other than a reply")
    _raise_told(builder.who, answer)
    builder.model = str(answer.get("model") or "")
    builder.count_tokens(answer.get("usage"), "prompt_tokens", "completion_tokens")
    for choice in _choices(answer):
        builder.finish = str(choice.get("finish_reason") or "")
        message = choice.get("message")
        if isinstance(message, dict):
            builder.add_calls(message.get("tool_calls"))
            builder.add_text(_said(message.get("content")))


class _Stream:
    """Server-sent events to a reply."""

    def __init__(self, builder: ReplyBuilder):
        self._builder = builder
        self._calls: dict[Any, list[str]] = {}  # place -> id, name, arguments
        self._unmarked: list[bytes] = []

    def read(self, lines: Any) -> None:
        for line in lines:
            line = line.strip()
            if line == b"data: [DONE]" or line == b"data:[DONE]":
                break
            if line.startswith(b"data:"):
                self._take(line[5:])
            elif line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                self._unmarked.append(line)
        else:
            if not self._builder.finish:
                self._without_end()
        for id, name, arguments in self._calls.values():
            self._builder.add_call(id, name, arguments)

    def _take(self, data: bytes) -> None:
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return  # a broken line; the others still make sense
        if not isinstance(event, dict):
            return
        builder = self._builder
        _raise_told(builder.who, event)
        builder.model = str(event.get("model") or builder.model)
        builder.count_tokens(event.get("usage"), "prompt_tokens", "completion_tokens")
        for choice in _choices(event):
            builder.finish = str(choice.get("finish_reason") or builder.finish)
            delta = choice.get("delta")
            if isinstance(delta, dict):
                for call in delta.get("tool_calls") or []:
                    self._add(call)
                builder.add_text(_said(delta.get("content")))

    def _add(self, call: Any) -> None:
        """A piece of a call: the first has id and name, all have arguments. Some have no index."""
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            return
        place = call.get("index")
        if place is None:
            place = len(self._calls) if call.get("id") or not self._calls else list(self._calls)[-1]
        known = self._calls.setdefault(place, ["", "", ""])
        known[0] = known[0] or str(call.get("id") or "")
        known[1] = known[1] or str(function.get("name") or "")
        if function.get("arguments"):
            known[2] += arguments_as_text(function["arguments"])

    def _without_end(self) -> None:
        """A server that cannot stream may have answered in one piece; else it was cut off."""
        try:
            whole = json.loads(b"".join(self._unmarked))
        except (ValueError, RecursionError):
            raise self._builder.failure_of_cut_off() from None
        read_whole(self._builder, whole)


def _choices(answer: JsonObject) -> list[JsonObject]:
    """The first choice, if there is any."""
    choices = answer.get("choices")
    first = choices[:1] if isinstance(choices, list) else []
    return [choice for choice in first if isinstance(choice, dict)]


def _said(content: Any) -> str:
    """Content is text, or a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _raise_told(who: str, answer: JsonObject) -> None:
    """An error told inside an answer whose status was good."""
    error = answer.get("error")
    if not error:
        return
    code = error.get("code") if isinstance(error, dict) else None
    said = " ".join(str(error.get("message") if isinstance(error, dict) else error).split())
    if isinstance(code, int) and 400 <= code < 600:
        raise http.failure_of_status(who, code, said, None)
    kind = BadData if code == "context_length_exceeded" else Unavailable
    raise kind(f"{who} failed: {said[:200]}")
