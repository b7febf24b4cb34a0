"""Chat with Gemini through google-genai: messages of OpenAI's form there and back."""

import json
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import Misconfigured, Unavailable
from .chatting import Call, Reply
from .embed_google import HOST, call, client



class Google:
    """`google:NAME`, with GEMINI_API_KEY or GOOGLE_API_KEY."""

    profile = "full"
    context_tokens = 1_000_000

    def __init__(self, name: str, env: Environment, settings: Any):
        self._model = name or "gemini-flash-latest"
        self.name = f"google:{self._model}"
        self._key = env.get("GEMINI_API_KEY") or env.get("GOOGLE_API_KEY")
        if not self._key:
            raise Misconfigured("no GEMINI_API_KEY", cure="put it in .env, or set turn.model")
        self._url = env.get("GOOGLE_GEMINI_BASE_URL", HOST).rstrip("/")
        self._timeout = settings["turn.timeout"]
        self._client: Any = None
        self._signatures: dict[str, bytes] = {}

    def complete(self, request: dict[str, Any]) -> Reply:
        from google.genai import types

        if self._client is None:
            self._client = client(self._key, self._url, self._timeout)
        system = [m["content"] for m in request["messages"] if m["role"] == "system"]
        declared = [
            types.FunctionDeclaration(name=f["name"], description=f.get("description"), parameters_json_schema=f.get("parameters"))
            for f in (tool["function"] for tool in request.get("tools") or [])
        ]
        config = types.GenerateContentConfig(
            system_instruction="\n\n".join(system) or None,
            max_output_tokens=request["max_tokens"],
            tools=[types.Tool(function_declarations=declared)] if declared else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        contents = self._contents(request["messages"], types)
        answer = call(lambda: self._client.models.generate_content(model=self._model, contents=contents, config=config))
        return self._reply(answer)

    def _contents(self, messages: list[dict[str, Any]], types: Any) -> list[Any]:
        """Runs of messages of one side become one content, as Gemini wants them in turn."""
        contents: list[Any] = []
        names: dict[str, str] = {}
        for message in messages:
            role = message["role"]
            if role == "system":
                continue
            parts = []
            if role == "tool":
                name = names.get(message["tool_call_id"], "bash")
                parts.append(types.Part.from_function_response(name=name, response={"output": message["content"]}))
            elif message.get("content"):
                parts.append(types.Part(text=message["content"]))
            for made in message.get("tool_calls") or []:
                names[made["id"]] = made["function"]["name"]
                made_call = types.FunctionCall(name=made["function"]["name"], args=_arguments(made["function"]["arguments"]))
                parts.append(types.Part(function_call=made_call, thought_signature=self._signatures.get(made["id"])))
            side = "model" if role == "assistant" else "user"
            if contents and contents[-1].role == side:
                contents[-1].parts.extend(parts)
            elif parts:
                contents.append(types.Content(role=side, parts=parts))
        return contents

    def _reply(self, answer: Any) -> Reply:
        if not answer.candidates:
            raise Unavailable("Google answered nothing")
        content = answer.candidates[0].content
        text, calls = "", []
        for number, part in enumerate((content.parts if content else None) or []):
            if part.function_call:
                id = part.function_call.id or f"call_{len(self._signatures)}_{number}"
                if part.thought_signature:
                    self._signatures[id] = part.thought_signature
                calls.append(Call(id, part.function_call.name or "", json.dumps(part.function_call.args or {})))
            elif part.text and not part.thought:
                text += part.text
        used = answer.usage_metadata
        usage = {"input_tokens": used.prompt_token_count, "output_tokens": used.candidates_token_count} if used else {}
        return Reply(text, calls, {k: v for k, v in usage.items() if v is not None})


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"command": text}
