"""What a chat model is: a request in OpenAI's chat form goes in, a reply comes out."""

from typing import Any, NamedTuple, Protocol


class Call(NamedTuple):
    """A tool call. `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


class Reply(NamedTuple):
    text: str
    calls: list[Call]
    usage: dict[str, Any]  # input_tokens, output_tokens, as far as the provider says


class Chat(Protocol):
    """Raises Unavailable, BadData (the request is refused) or Misconfigured; never retries."""

    name: str  # as a person would write it in turn.model
    context_tokens: int  # its window, estimated where the provider does not say
    profile: str  # full, or small: a short system prompt, no tools, for a model that can use neither

    def complete(self, request: dict[str, Any]) -> Reply:
        """`request`: messages, tools, max_tokens."""
        ...
