"""Chat through OpenAI's interface, which vLLM, llama.cpp, OpenRouter and others speak, too."""

from typing import Any

from ..ground import masks
from ..ground.environment import Environment
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from . import answer_json, http, json_calls, servers
from .chat import (
    JsonObject,
    OnText,
    Reply,
    ReplyBuilder,
    arguments_as_text,
    drop_native,
    find_native,
    merge,
)
from .too_long import find_too_long
from .traits import traits_of

_BASIC = ("role", "content", "tool_calls", "tool_call_id")
_THOUGHTS = ("thinking", "reasoning", "redacted_thinking")


class OpenAIChat:
    """`openai:NAME` at OPENAI_BASE_URL; without a name, OPENAI_MODEL or the first that it lists."""

    WHO = "the model's server"

    def __init__(self, name: str, env: Environment, settings: Any):
        self._url, headers = servers.openai_url(env), servers.openai_headers(env)
        timeout = settings["turn.timeout"]
        self._how: JsonObject = {"headers": headers, "timeout": timeout, "who": self.WHO}
        self._how["variable"] = servers.openai_variable(env)
        self._refused: set[str] = set()  # fields of messages that this server does not take
        self._called(name or env.get("OPENAI_MODEL"))

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        if not self._model:
            self._called(self._first_listed())
        try:
            return self._ask(request, on_text)
        except BadData as failure:
            told = str(failure).lower()
            sent = {
                key for m in self._theirs(request["messages"]) for key in m if key not in _BASIC
            }
            refused = {key for key in sent if f"'{key}'" in told or f'"{key}"' in told}
            if not refused or "missing" in told or "must be passed" in told:
                raise
            self._refused |= refused  # Groq refuses what it sent
            return self._ask(request, on_text)

    def _ask(self, request: JsonObject, on_text: OnText | None) -> Reply:
        as_json = self.tools == "json"
        builder = ReplyBuilder(self.WHO, request, None if as_json else on_text, self._known)
        builder.native = {"by": self.by, "message": {"role": "assistant", "content": None}}
        body = self._body(request, as_json)
        url = f"{self._url}/chat/completions"
        if on_text and not as_json:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
            with builder.report_partial():
                _Stream(builder).read(http.post_lines(url, body, **self._how))
        else:
            read_whole(builder, http.post(url, body, **self._how))
        _settle_calls(builder)
        reply = builder.build()
        return json_calls.translate_reply(reply, request, on_text) if as_json else reply

    def _body(self, request: JsonObject, as_json: bool) -> JsonObject:
        messages, schema = self._theirs(request["messages"]), None
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

    def _theirs(self, messages: list[JsonObject]) -> list[JsonObject]:
        """Messages as this server takes them: its own as they came, all without what it refuses."""
        made, field = [], self._known.thoughts_field
        for message in messages:
            theirs = find_native(message, self.by) or drop_native(message)
            if field and theirs["role"] == "assistant":
                theirs = {field: "", **theirs}
            made.append({k: v for k, v in theirs.items() if k not in self._refused})
        return made

    def _called(self, model: str) -> None:
        self._model = model
        self.name = f"openai:{model}" if model else "openai"
        self.by = http.name_server(self.name, self._url)
        self._known = traits_of(self.name)
        self.profile, self.tools, self.context_tokens = self._known[:3]

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
            _take(builder, message)
            builder.add_calls(message.get("tool_calls"))


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
            event = answer_json.parse(data, self._builder.who)
        except ValueError:
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
                _take(builder, delta)
                for call in delta.get("tool_calls") or []:
                    self._add(call)

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
            whole = answer_json.parse(b"".join(self._unmarked), self._builder.who)
        except ValueError:
            raise self._builder.failure_of_cut_off() from None
        read_whole(self._builder, whole)


def _take(builder: ReplyBuilder, message: JsonObject) -> None:
    """What a message, or a piece of one, says."""
    assert builder.native
    merge(builder.native["message"], message)
    builder.note_thoughts(message.get("reasoning_content") or message.get("reasoning"))
    builder.add_text(_said(message.get("content")))
    builder.add_refusal(_said(message.get("refusal")))
    for part in content if isinstance(content := message.get("content"), list) else ():
        builder.add_refusal(part.get("refusal") if isinstance(part, dict) else None)


def _settle_calls(builder: ReplyBuilder) -> None:
    """Let the calls of the message have the ids that their results will name."""
    assert builder.native
    message = builder.native["message"]
    given = message.get("tool_calls") or []
    given = [c for c in given if isinstance(c, dict) and isinstance(c.get("function"), dict)]
    made = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in builder.calls
    ]
    texts = [arguments_as_text(call["function"].get("arguments")) for call in given]
    if texts == [call.arguments for call in builder.calls]:
        whole = [{k: v for k, v in call.items() if k != "index"} for call in given]
        made = [{**b, **a, "id": b["id"]} for a, b in zip(whole, made, strict=True)]
    message["tool_calls"] = made


def _choices(answer: JsonObject) -> list[JsonObject]:
    """The first choice, if there is any."""
    choices = answer.get("choices")
    first = choices[:1] if isinstance(choices, list) else []
    return [choice for choice in first if isinstance(choice, dict)]


def _said(content: Any) -> str:
    """Content is text, or a list of parts, of which some are thoughts."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        said = [part.get("text") for part in parts if part.get("type") not in _THOUGHTS]
        return "".join(text for text in said if isinstance(text, str))
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
    what = f"{who} failed: {masks.cut(said, 200)}"
    raise find_too_long(what, f"{code} {said}") or Unavailable(what)
