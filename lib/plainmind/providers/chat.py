"""What a chat model is: a request in OpenAI's chat form goes in, a reply comes out.

Owns how a reply is put together from pieces, and when it is none. Knows no provider.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from ..ground.errors import Misconfigured, Unavailable

OnText = Callable[[str], None]
JsonObject = dict[str, Any]


class Call(NamedTuple):
    """A tool call. `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


class Reply(NamedTuple):
    """`usage`: input_tokens, output_tokens, cost (US dollars), as far as the provider says."""

    text: str
    calls: list[Call]
    usage: JsonObject
    finish: str = ""  # stop, length, tool_calls, or what else the provider calls it
    model: str = ""  # which model answered, as the provider says


class Traits(NamedTuple):
    """What is known of a model."""

    profile: str = "full"  # or small: too weak for a long prompt and tools (agent.profile)
    tools: str = "native"  # or json: it writes its calls as text (json_calls)
    context_tokens: int = 32_768  # its window


class Chat(Protocol):
    """Raises Unavailable, BadData (the request is refused) or Misconfigured; never retries."""

    name: str  # as a person would write it in turn.model
    context_tokens: int  # its window, estimated where the provider does not say
    profile: str
    tools: str

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        """`request`: messages, tools, max_tokens. All text of the reply goes through `on_text`, in
        pieces where the provider streams."""
        ...


class BrokenOff(Unavailable):
    """An answer that ended in the middle, after `partial` of it had been shown."""

    def __init__(self, what: str, partial: str):
        super().__init__(what)
        self.partial = partial


class ReplyBuilder:
    """A reply to a request, as it comes in."""

    cure = "ask again, or use another model"  # of an empty answer

    def __init__(self, who: str, request: JsonObject, on_text: OnText | None = None):
        self.who, self._request, self._on_text = who, request, on_text
        self.text, self.finish, self.model = "", "", ""
        self.calls: list[Call] = []
        self.usage: JsonObject = {}

    def add_text(self, piece: Any) -> None:
        if piece and isinstance(piece, str):
            self.text += piece
            if self._on_text:
                self._on_text(piece)

    def add_call(self, id: Any, name: Any, arguments: Any) -> None:
        """A call. One without an id gets one that no other call of this conversation has."""
        id = str(id or f"call_{len(self._request['messages'])}_{len(self.calls)}")
        self.calls.append(Call(id, str(name or ""), arguments_as_text(arguments)))

    def add_calls(self, calls: Any) -> None:
        """A list of calls in OpenAI's form; what is none of it is passed over."""
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict) and isinstance(function := call.get("function"), dict):
                self.add_call(call.get("id"), function.get("name"), function.get("arguments"))

    def count_tokens(self, usage: Any, given: str, made: str) -> None:
        """Tokens from a provider's own table, as far as they are numbers."""
        names = (("input_tokens", given), ("output_tokens", made), ("cost", "cost"))
        for ours, theirs in names if isinstance(usage, dict) else ():
            if type(usage.get(theirs)) in (int, float):
                self.usage[ours] = usage[theirs]

    @contextmanager
    def report_partial(self) -> Iterator[None]:
        """A failure after some text was shown says how much, and is not asked for again."""
        try:
            yield
        except Unavailable as error:
            if not self.text:
                raise
            what = f"{error.what} (after {len(self.text)} characters)"
            raise BrokenOff(what, self.text) from None

    def failure_of_cut_off(self) -> Unavailable:
        return Unavailable(f"{self.who} ended its answer before it was complete")

    def build(self) -> Reply:
        """The whole reply. Unavailable when there is none."""
        if not self.text.strip() and not self.calls:
            if self.finish == "length":
                what = f"{self.who} used up its tokens before it answered"
                raise Misconfigured(what, cure="raise turn.max_tokens")
            why = f" ({self.finish})" if self.finish not in ("", "stop") else ""
            raise Unavailable(f"{self.who} answered nothing{why}", cure=self.cure)
        return Reply(self.text, self.calls, self.usage, self.finish, self.model)


def arguments_as_text(arguments: Any) -> str:
    """Arguments as JSON text; some providers send the object itself."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments or {}, ensure_ascii=False)


def clean_text(text: str) -> str:
    """Text that UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode()


def arguments_as_object(text: str) -> JsonObject:
    """Arguments as an object; what is none, under the name of bash's one argument."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"command": text}
