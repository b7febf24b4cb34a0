"""Chat with Gemini through google-genai: messages of OpenAI's form there and back."""

import json
from collections.abc import Iterable
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import BadData
from . import deadline, google, servers
from .chat import OnText, Reply, ReplyBuilder, arguments_as_object
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

    def complete(self, request: dict[str, Any], on_text: OnText | None = None) -> Reply:
        if self._client is None:
            self._client = google.make_client(self._key, self._url, self._version, self._timeout)
        given = {
            "model": self._model,
            "contents": self._contents(request["messages"]),
            "config": self._config(request),
        }
        builder = ReplyBuilder(google.WHO, request, on_text)
        with builder.report_partial():
            for answer in self._answers(given, streamed=on_text is not None):
                self._take(builder, answer)
            if on_text and not builder.finish and (builder.text or builder.calls):
                raise builder.failure_of_cut_off()
        return builder.build()

    def _answers(self, given: dict[str, Any], *, streamed: bool) -> Iterable[Any]:
        models = self._client.models
        if not streamed:
            request = lambda: google.call(lambda: models.generate_content(**given), self._key)
            return [deadline.run(request, self._timeout, google.WHO)]

        def work(emit: Any) -> None:
            for answer in models.generate_content_stream(**given):
                emit(answer)

        return deadline.stream(
            lambda emit: google.call(lambda: work(emit), self._key), self._timeout, google.WHO
        )

    def _config(self, request: dict[str, Any]) -> Any:
        from google.genai import types

        system = [
            message["content"] for message in request["messages"] if message["role"] == "system"
        ]
        declared = [
            types.FunctionDeclaration(
                name=f["name"],
                description=f.get("description"),
                parameters_json_schema=f.get("parameters"),
            )
            for f in (tool["function"] for tool in request.get("tools") or [])
        ]
        return types.GenerateContentConfig(
            system_instruction="\n\n".join(system) or None,
            max_output_tokens=request["max_tokens"],
            tools=[types.Tool(function_declarations=declared)] if declared else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    def _contents(self, messages: list[dict[str, Any]]) -> list[Any]:
        """Runs of messages of one side become one content, as Gemini wants them in turn."""
        from google.genai import types

        contents: list[Any] = []
        names: dict[str, str] = {}
        for message in messages:
            if message["role"] == "system":
                continue
            parts = []
            if message["role"] == "tool":
                name = names.get(message["tool_call_id"], "bash")
                parts.append(
                    types.Part.from_function_response(
                        name=name, response={"output": _clean(message["content"])}
                    )
                )
            elif message.get("content"):
                parts.append(types.Part(text=_clean(message["content"])))
            for call in message.get("tool_calls") or []:
                function = call["function"]
                names[call["id"]] = function["name"]
                made = types.FunctionCall(
                    name=function["name"], args=arguments_as_object(_clean(function["arguments"]))
                )
                parts.append(
                    types.Part(
                        function_call=made, thought_signature=self._signatures.get(call["id"])
                    )
                )
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
                builder.finish = {"MAX_TOKENS": "length"}.get(
                    _word(candidate.finish_reason), _word(candidate.finish_reason).lower()
                )
            for part in (candidate.content.parts if candidate.content else None) or []:
                if part.function_call:
                    arguments = json.dumps(part.function_call.args or {}, ensure_ascii=False)
                    builder.add_call(part.function_call.id, part.function_call.name, arguments)
                    if part.thought_signature:
                        self._signatures[builder.calls[-1].id] = part.thought_signature
                elif part.text and not part.thought:
                    builder.add_text(part.text)


def _word(value: Any) -> str:
    """An enumeration's name, known to the library or not."""
    return str(getattr(value, "value", value))


def _clean(text: str) -> str:
    """Text that UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
