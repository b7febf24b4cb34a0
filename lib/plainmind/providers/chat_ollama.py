"""Chat with Ollama through its own interface, which is told how large a window to make."""

from collections.abc import Iterable
from typing import Any

from ..ground import masks
from ..ground.environment import Environment
from ..ground.errors import BadData, Misconfigured, Unavailable
from . import answer_json, http, json_calls, servers
from .chat import JsonObject, OnText, Reply, ReplyBuilder, arguments_as_object, find_native, merge
from .too_long import find_too_long
from .traits import traits_of

WHO = "Ollama"


class OllamaChat:
    """`ollama:NAME` at OLLAMA_HOST."""

    def __init__(self, name: str, env: Environment, settings: Any):
        if not name:
            cure = "write ollama:NAME, one of 'ollama list'"
            raise Misconfigured("turn.model: ollama needs a model", cure=cure)
        self._model, self.name = name, f"ollama:{name}"
        self._known = traits_of(self.name)
        self.profile, self.tools, self.context_tokens = self._known[:3]
        self._url = servers.ollama_url(env) + "/api/chat"
        self.by = http.name_server(self.name, self._url)
        self._thinks = True  # whether the server takes thoughts back
        self._timeout = settings["turn.timeout"]

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        try:
            return self._ask(request, on_text)
        except BadData:
            thoughts = any(
                (find_native(m, self.by) or {}).get("thinking") for m in request["messages"]
            )
            if not thoughts or not self._thinks:
                raise
            self._thinks = False  # Ollama's cloud refuses what it sent
            return self._ask(request, on_text)

    def _ask(self, request: JsonObject, on_text: OnText | None) -> Reply:
        as_json = self.tools == "json"
        builder = ReplyBuilder(WHO, request, None if as_json else on_text, self._known)
        builder.native = {"by": self.by, "message": {"role": "assistant", "content": ""}}
        streamed = on_text is not None and not as_json
        body = self._body(request, as_json) | {"stream": streamed}
        how: JsonObject = {"headers": {}, "timeout": self._timeout, "who": WHO}
        how["variable"] = "OLLAMA_HOST"
        with builder.report_partial():
            if streamed:
                self._read(builder, http.post_lines(self._url, body, **how))
            else:
                self._take(builder, http.post(self._url, body, **how))
        reply = builder.build()
        return json_calls.translate_reply(reply, request, on_text) if as_json else reply

    def _body(self, request: JsonObject, as_json: bool) -> JsonObject:
        messages, schema = self._theirs(request["messages"]), None
        if as_json:
            messages, schema = json_calls.translate_request(request)
        # without num_ctx, Ollama silently cuts the beginning of a long prompt off
        options = {"num_predict": request["max_tokens"], "num_ctx": self.context_tokens}
        body: JsonObject = {"model": self._model, "messages": messages, "options": options}
        if schema:
            body["format"] = schema
        elif request.get("tools") and self.tools == "native":
            body["tools"] = request["tools"]
        return body

    def _read(self, builder: ReplyBuilder, lines: Iterable[bytes]) -> None:
        for line in lines:
            if not line.strip():
                continue
            try:
                answer = answer_json.parse(line, WHO)
            except ValueError:
                continue
            if self._take(builder, answer):
                return
        raise builder.failure_of_cut_off()

    def _take(self, builder: ReplyBuilder, answer: Any) -> bool:
        """One object of the answer; True when it is the last."""
        if not isinstance(answer, dict):
            raise Unavailable(f"{WHO} answered something other than a reply")
        if answer.get("error"):
            said = " ".join(str(answer["error"]).split())
            what = f"{WHO} failed: {masks.cut(said, 200)}"
            raise find_too_long(what, said) or Unavailable(what)
        message = answer.get("message")
        if isinstance(message, dict):
            assert builder.native
            merge(builder.native["message"], message)
            builder.add_calls(message.get("tool_calls"))
            builder.note_thoughts(message.get("thinking"))
            builder.add_text(message.get("content"))
        builder.model = str(answer.get("model") or builder.model)
        builder.count_tokens(answer, "prompt_eval_count", "eval_count")
        builder.finish = str(answer.get("done_reason") or builder.finish)
        return bool(answer.get("done"))

    def _theirs(self, messages: list[JsonObject]) -> list[JsonObject]:
        """Messages in Ollama's form: arguments are objects, a result names its tool."""
        names: dict[str, str] = {}
        made = []
        for message in messages:
            theirs: JsonObject = {"role": message["role"], "content": message.get("content") or ""}
            for call in message.get("tool_calls") or []:
                function = call["function"]
                names[call["id"]] = function["name"]
                arguments = arguments_as_object(function["arguments"])
                called = {"function": {"name": function["name"], "arguments": arguments}}
                theirs.setdefault("tool_calls", []).append(called)
            if native := find_native(message, self.by):
                theirs = {k: v for k, v in native.items() if k != "thinking" or self._thinks}
            if message["role"] == "tool":
                theirs["tool_name"] = names.get(message["tool_call_id"], "bash")
            made.append(theirs)
        return made
