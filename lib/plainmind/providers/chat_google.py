"""Chat with Gemini through google-genai: messages of OpenAI's form there and back."""

import re
from collections.abc import Iterable
from typing import Any

from ..ground import masks
from ..ground.environment import Environment
from ..ground.errors import BadData
from . import deadline, google, http, servers
from .chat import (
    JsonObject,
    OnText,
    Reply,
    ReplyBuilder,
    arguments_as_object,
    clean_text,
    find_native,
)  # fmt: skip
from .traits import traits_of

DEFAULT = "gemini-flash-latest"

_NO_CALLS = ("malformed_function_call", "unexpected_tool_call")  # ends that void the calls
#: what Google's documents let stand for the signature of a call that another model made
_OF_ANOTHER_MODEL = b"skip_thought_signature_validator"


class GoogleChat:
    """`google:NAME`, with GEMINI_API_KEY or GOOGLE_API_KEY."""

    def __init__(self, name: str, env: Environment, settings: Any):
        self._model = name or DEFAULT
        self.name = f"google:{self._model}"
        self._known = traits_of(self.name)
        self.profile, self.tools, self.context_tokens = self._known[:3]
        self._key = servers.require_google_key(env, "turn.model")
        # earlier ones know no signature they must have
        self._signs = not re.match(r"(?:models/)?gemini-[12][.-]", self._model)
        self._url, self._version = servers.google_url(env), servers.google_version(env)
        self._timeout = settings["turn.timeout"]
        self._client: Any = None
        self.by = http.name_server(self.name, self._url)

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        if self._client is None:
            self._client = google.make_client(self._key, self._url, self._version, self._timeout)
        contents, config = self._contents(request["messages"]), self._config(request)
        given = {"model": self._model, "contents": contents, "config": config}
        builder = ReplyBuilder(google.WHO, request, on_text, self._known)
        builder.native = {"by": self.by, "message": {"role": "model", "parts": []}}
        with builder.report_partial():
            for answer in self._answers(given, streamed=on_text is not None):
                self._take(builder, answer)
            if on_text and not builder.finish and (builder.text or builder.calls):
                raise builder.failure_of_cut_off()
        return builder.build()

    def _answers(self, given: JsonObject, *, streamed: bool) -> Iterable[Any]:
        models = self._client.models
        if not streamed:
            request = lambda: google.call(lambda: models.generate_content(**given), self._key)
            return [deadline.run(request, self._timeout, google.WHO)]

        def work(emit: Any) -> None:
            for answer in models.generate_content_stream(**given):
                emit(answer)

        called = lambda emit: google.call(lambda: work(emit), self._key)
        return deadline.stream(called, self._timeout, google.WHO)

    def _config(self, request: JsonObject) -> Any:
        from google.genai import types

        system = [m["content"] for m in request["messages"] if m["role"] == "system"]
        functions = [tool["function"] for tool in request.get("tools") or []]
        declared = [
            types.FunctionDeclaration(
                name=f["name"],
                description=f.get("description"),
                parameters_json_schema=f.get("parameters"),
            )
            for f in functions
        ]
        return types.GenerateContentConfig(
            system_instruction="\n\n".join(system) or None,
            max_output_tokens=request["max_tokens"],
            tools=[types.Tool(function_declarations=declared)] if declared else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    def _contents(self, messages: list[JsonObject]) -> list[Any]:
        """What came from Gemini goes back as it came. Else, runs of messages of one side become one
        content: as the results of parallel calls must be one."""
        from google.genai import types

        contents: list[Any] = []
        names: dict[str, str] = {}
        given: set[Any] = set()  # ids of calls, which Gemini need not give
        new = _find_turn(messages)
        for number, message in enumerate(messages):
            if message["role"] == "system":
                continue
            parts = []
            if native := self._own_content(message):
                given |= {p.function_call.id for p in native.parts or [] if p.function_call}
                names |= {c["id"]: c["function"]["name"] for c in message.get("tool_calls") or []}
                contents.append(native)
                continue
            text = clean_text(message.get("content") or "")
            if message["role"] == "tool":
                id = message["tool_call_id"]
                result = types.FunctionResponse(
                    name=names.get(id, "bash"),
                    response={"output": text},
                    id=id if id in given else None,
                )
                parts.append(types.Part(function_response=result))
            elif text:
                parts.append(types.Part(text=text))
            for call in message.get("tool_calls") or []:
                id, function = call["id"], call["function"]
                names[id] = function["name"]
                arguments = arguments_as_object(clean_text(function["arguments"]))
                made = types.FunctionCall(name=function["name"], args=arguments)
                signed = number > new and call is message["tool_calls"][0] and self._signs
                signature = _OF_ANOTHER_MODEL if signed else None
                parts.append(types.Part(function_call=made, thought_signature=signature))
            side = "model" if message["role"] == "assistant" else "user"
            if contents and contents[-1].role == side:
                contents[-1].parts.extend(parts)
            elif parts:
                contents.append(types.Content(role=side, parts=parts))
        return contents

    def _own_content(self, message: JsonObject) -> Any:
        """A message as it came from this model, None when it did not."""
        from google.genai import types

        native = find_native(message, self.by)
        try:
            return types.Content.model_validate(native) if native else None
        except ValueError:  # another version of the library wrote it
            return None

    def _take(self, builder: ReplyBuilder, answer: Any) -> None:
        """One answer, which is the whole or a piece of a stream."""
        refused = getattr(answer.prompt_feedback, "block_reason", None)
        if refused:
            said = " ".join(str(answer.prompt_feedback.block_reason_message or "").split())
            told = f"{_word(refused)}: {masks.cut(said, 200)}" if said else _word(refused)
            raise BadData(f"{google.WHO} refuses the request: {told}")
        builder.model = answer.model_version or builder.model or self._model
        if used := answer.usage_metadata:
            made = (used.candidates_token_count or 0) + (used.thoughts_token_count or 0)
            builder.usage = {"input_tokens": used.prompt_token_count or 0, "output_tokens": made}
        for candidate in (answer.candidates or [])[:1]:
            if candidate.finish_reason:
                finish = _word(candidate.finish_reason)
                builder.finish = "length" if finish == "MAX_TOKENS" else finish.lower()
            for part in (candidate.content.parts if candidate.content else None) or []:
                _keep(builder, part)
                if part.function_call and builder.finish not in _NO_CALLS:
                    call = part.function_call
                    builder.add_call(call.id, call.name, call.args)
                elif part.text and not part.thought:
                    builder.add_text(part.text)


def _find_turn(messages: list[JsonObject]) -> int:
    """The number of the message that began the turn that goes on, in which calls without a
    signature are refused. A notice after a result begins none."""
    asked = (n for n, m in enumerate(messages) if m["role"] == "user")
    return max((n for n in asked if messages[n - 1]["role"] != "tool"), default=0)


def _keep(builder: ReplyBuilder, part: Any) -> None:
    """Add a part to the content that goes back; texts that no signature belongs to are joined."""
    assert builder.native
    parts = builder.native["message"]["parts"]
    made = part.model_dump(mode="json", exclude_none=True)
    last = parts[-1] if parts else {}
    plain = {"text", "thought"}
    joins = "text" in made and "text" in last and not (set(made) | set(last)) - plain
    if joins and made.get("thought") == last.get("thought"):
        last["text"] += made["text"]
    elif made:
        parts.append(made)


def _word(value: Any) -> str:
    """An enumeration's name, known to the library or not."""
    return str(getattr(value, "value", value))
