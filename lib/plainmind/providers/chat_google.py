"""Chat with Gemini through google-genai: messages of OpenAI's form there and back."""

from collections.abc import Iterable
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import BadData
from . import deadline, google, servers
from .chat import JsonObject, OnText, Reply, ReplyBuilder, arguments_as_object, clean_text
from .registry import traits_of

DEFAULT = "gemini-flash-latest"


class GoogleChat:
    """`google:NAME`, with GEMINI_API_KEY or GOOGLE_API_KEY."""

    def __init__(self, name: str, env: Environment, settings: Any):
        self._model = name or DEFAULT
        self.name = f"google:{self._model}"
        self.profile, self.tools, self.context_tokens = traits_of(self.name)
        self._key = servers.require_google_key(env, "turn.model")
        self._url, self._version = servers.google_url(env), servers.google_version(env)
        self._timeout = settings["turn.timeout"]
        self._client: Any = None
        #: by call, what Gemini wants back with it in the turn it is in
        self._signatures: dict[str, bytes] = {}

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        if self._client is None:
            self._client = google.make_client(self._key, self._url, self._version, self._timeout)
        contents, config = self._contents(request["messages"]), self._config(request)
        given = {"model": self._model, "contents": contents, "config": config}
        builder = ReplyBuilder(google.WHO, request, on_text)
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
        """Runs of messages of one side become one content, as Gemini wants them in turn."""
        from google.genai import types

        contents: list[Any] = []
        names: dict[str, str] = {}
        for message in messages:
            if message["role"] == "system":
                continue
            parts = []
            text = clean_text(message.get("content") or "")
            if message["role"] == "tool":
                name = names.get(message["tool_call_id"], "bash")
                result = {"output": text}
                parts.append(types.Part.from_function_response(name=name, response=result))
            elif text:
                parts.append(types.Part(text=text))
            for call in message.get("tool_calls") or []:
                id, function = call["id"], call["function"]
                names[id] = function["name"]
                arguments = arguments_as_object(clean_text(function["arguments"]))
                made = types.FunctionCall(name=function["name"], args=arguments)
                signature = self._signatures.get(id)
                parts.append(types.Part(function_call=made, thought_signature=signature))
            side = "model" if message["role"] == "assistant" else "user"
            if contents and contents[-1].role == side:
                contents[-1].parts.extend(parts)
            elif parts:
                contents.append(types.Content(role=side, parts=parts))
        return contents

    def _take(self, builder: ReplyBuilder, answer: Any) -> None:
        """One answer, which is the whole or a piece of a stream."""
        refused = getattr(answer.prompt_feedback, "block_reason", None)
        if refused:
            raise BadData(f"{google.WHO} refuses the request: {_word(refused)}")
        builder.model = answer.model_version or builder.model or self._model
        if used := answer.usage_metadata:
            made = (used.candidates_token_count or 0) + (used.thoughts_token_count or 0)
            builder.usage = {"input_tokens": used.prompt_token_count or 0, "output_tokens": made}
        for candidate in (answer.candidates or [])[:1]:
            if candidate.finish_reason:
                finish = _word(candidate.finish_reason)
                builder.finish = "length" if finish == "MAX_TOKENS" else finish.lower()
            for part in (candidate.content.parts if candidate.content else None) or []:
                if part.function_call:
                    call = part.function_call
                    builder.add_call(call.id, call.name, call.args)
                    if part.thought_signature:
                        self._signatures[builder.calls[-1].id] = part.thought_signature
                elif part.text and not part.thought:
                    builder.add_text(part.text)


def _word(value: Any) -> str:
    """An enumeration's name, known to the library or not."""
    return str(getattr(value, "value", value))
