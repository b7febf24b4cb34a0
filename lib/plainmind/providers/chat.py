"""What a chat model is: a request in OpenAI's chat form goes in, a reply comes out.

Owns how a reply is put together from pieces, and when it is none. Knows no provider.
"""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from ..formats.answer import AnswerReader
from ..ground.errors import Failure, Misconfigured, Unavailable
from . import answer_json
from .traits import Traits

#: takes pieces of the answer; None: what was given before was thoughts
OnText = Callable[[str | None], None]
JsonObject = dict[str, Any]


class Call(NamedTuple):
    """A tool call. `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


SIZE = "size"  # how an answer ends that was longer than anybody reads
#: how an answer ends that is not whole, in the providers' words; Gemini's in small letters
CUT = frozenset(
    "length max_tokens max_output_tokens model_length content_filter safety recitation language "
    "blocklist prohibited_content spii image_safety model_armor other error abort cancelled "
    "insufficient_system_resource malformed_function_call unexpected_tool_call "
    f"too_many_tool_calls malformed_response {SIZE}".split()
)


class Reply(NamedTuple):
    """`usage`: input_tokens, output_tokens, cost (US dollars), as far as the provider says."""

    text: str
    calls: list[Call]
    usage: JsonObject
    finish: str = ""  # stop, length, tool_calls, or what else the provider calls it
    model: str = ""  # which model answered, as the provider says
    #: {by, message}: the message as it came, which its provider wants back with the calls' results
    native: JsonObject | None = None
    left_out: str = ""  # what was no answer, of which the user is to know

    @property
    def cut(self) -> str:
        """Why the answer is not whole, '' when it is."""
        return self.finish if self.finish in CUT else ""


class Chat(Protocol):
    """Raises Unavailable, BadData (the request is refused) or Misconfigured; never retries."""

    name: str  # as a person would write it in turn.model
    by: str  # who its native messages are by: the model and its server
    context_tokens: int  # its window, estimated where the provider does not say
    profile: str
    tools: str

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        """`request`: messages, tools, max_tokens. A message of the model's may have `native`, which
        is of use to the provider it is `by`, and to no other. All text of the reply goes through
        `on_text`, in pieces where the provider streams."""
        ...


_MOST_COUNTED = 10**15  # of tokens or dollars


class BrokenOff(Unavailable):
    """An answer that ended in the middle, after `partial` of it had been shown."""

    def __init__(self, what: str, partial: str):
        super().__init__(what)
        self.partial = partial


class ReplyBuilder:
    """A reply to a request, as it comes in."""

    cure = "ask again, or use another model"  # of an empty answer

    def __init__(
        self,
        who: str,
        request: JsonObject,
        on_text: OnText | None = None,
        known: Traits | None = None,
    ):
        self.who, self._request, self._on_text = who, request, on_text
        self._known = known or Traits()
        self._reader = AnswerReader(opened=self._known.thoughts_opened)
        self.text, self.finish, self.model = "", "", ""
        self.calls: list[Call] = []
        self.usage: JsonObject = {}
        self.native: JsonObject | None = None
        self._refused = False

    def add_text(self, piece: Any) -> None:
        """What the model wrote; what of it is the answer goes on."""
        if piece and isinstance(piece, str):
            self._give(self._reader.feed(piece))

    def add_refusal(self, piece: Any) -> None:
        """Why the model does not answer, which is its answer."""
        if piece and isinstance(piece, str):
            if not self._refused and self.text.strip():
                self._give(["\n\n"])
            self._refused = True
            self._give([piece])

    def note_thoughts(self, piece: Any) -> None:
        """Thoughts that came apart from the text: then there are none in it."""
        if piece:
            self._reader.expect_no_thoughts()

    def _give(self, pieces: list[str | None]) -> None:
        for piece in pieces:
            self.text = "" if piece is None else self.text + piece
            if self._on_text:
                self._on_text(piece)

    def add_call(self, id: Any, name: Any, arguments: Any) -> None:
        """A call. One without an id gets one that no other call of this conversation has."""
        id = str(id or f"call_{len(self._request['messages'])}_{len(self.calls)}")
        # of gpt-oss, some servers leave the channel in a name
        name = str(name or "").partition("<|")[0].removeprefix("functions.")
        self.calls.append(Call(id, name, arguments_as_text(arguments)))

    def add_calls(self, calls: Any) -> None:
        """A list of calls in OpenAI's form; what is none of it is passed over."""
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict) and isinstance(function := call.get("function"), dict):
                self.add_call(call.get("id"), function.get("name"), function.get("arguments"))

    def count_tokens(self, usage: Any, given: str, made: str) -> None:
        """Tokens from a provider's own table, as far as they are numbers that can be counted."""
        names = (("input_tokens", given), ("output_tokens", made), ("cost", "cost"))
        for ours, theirs in names if isinstance(usage, dict) else ():
            if type(usage.get(theirs)) in (int, float) and 0 <= usage[theirs] < _MOST_COUNTED:
                self.usage[ours] = usage[theirs]

    @contextmanager
    def report_partial(self) -> Iterator[None]:
        """A failure after some text was shown says how much, and is not asked for again. An answer
        without end is cut."""
        try:
            yield
        except Unavailable as error:
            if not self.text:
                raise
            if isinstance(error, answer_json.TooMuch):
                self.finish = SIZE
                return
            what = f"{error.what} (after {len(self.text)} characters)"
            raise BrokenOff(what, self.text) from None

    def failure_of_cut_off(self) -> Unavailable:
        return Unavailable(f"{self.who} ended its answer before it was complete")

    def build(self) -> Reply:
        """The whole reply. Unavailable when there is none."""
        self._give(self._reader.finish())
        left_out = self._take_written_calls()
        if not self.text.strip() and not self.calls:
            raise self._failure_of_nothing(left_out)
        native = self.native if self.calls else None
        usage, finish = self.usage, self.finish.lower()
        return Reply(self.text, self.calls, usage, finish, self.model, native, left_out)

    def _take_written_calls(self) -> str:
        """Make calls of those written as text, if the model is known for them; else say so."""
        if self.calls or not self._reader.blocks:
            return ""
        runs = self._known.calls_as_text or self._known.tools == "json"
        if runs and self._request.get("tools"):
            from . import text_calls

            for block in self._reader.blocks:
                for call in text_calls.parse(block):
                    self.add_call("", call.name, call.arguments)
        if self.calls:
            self.native = None  # what came has no calls, to which results could belong
            return ""
        return "a tool call written as text"

    def _failure_of_nothing(self, left_out: str) -> Failure:
        if self.finish == "length":
            what = f"{self.who} used up its tokens before it answered"
            return Misconfigured(what, cure="raise turn.max_tokens")
        if left_out and self._request.get("tools"):
            what = f"{self.who} answered with {left_out}, which is not run"
            return Misconfigured(what, cure="start the server with a parser for the model's calls")
        why = f" ({self.finish})" if self.finish not in ("", "stop") else ""
        said = left_out or ("its thoughts alone" if self._reader.thought else "")
        said = f"with {said}" if said else "nothing"
        return Unavailable(f"{self.who} answered {said}{why}", cure=self.cure)


def find_native(message: JsonObject, by: str) -> JsonObject | None:
    """A message of the model's as it came from this very provider, None when it did not."""
    native = message.get("native")
    if not isinstance(native, dict) or native.get("by") != by:
        return None
    return native["message"] if isinstance(native.get("message"), dict) else None


def to_openai(request: JsonObject, by: str) -> JsonObject:
    """A request with the messages in OpenAI's form, those that came in it as they came."""
    made = []
    for message in request["messages"]:
        native = find_native(message, by) or {}
        made.append(native if native.get("role") == "assistant" else drop_native(message))
    return {**request, "messages": made}


def merge(message: JsonObject, piece: JsonObject) -> None:
    """Put a piece of a streamed message to what there is of it: texts and lists grow, entries of a
    list with the same `index` are one, and what is null is as if it were not there."""
    for key, value in piece.items():
        known = message.get(key)
        if value is None:
            continue
        if isinstance(known, list) and isinstance(value, str):
            known.append({"type": "text", "text": value})  # Mistral's, after its thoughts
        elif isinstance(known, str) and isinstance(value, str):
            message[key] = known + value if key in _GROWING else known or value
        elif isinstance(known, dict) and isinstance(value, dict):
            merge(known, value)
        elif isinstance(value, list):
            message[key] = known if isinstance(known, list) else []
            for item in value:
                _merge_item(message[key], item)
        else:
            message[key] = copy.deepcopy(value)


#: texts of a message that come in pieces
_GROWING = frozenset(
    "content text reasoning reasoning_content reasoning_text thinking refusal arguments summary "
    "data".split()
)


def _merge_item(items: list[Any], item: Any) -> None:
    if isinstance(item, dict):
        place = item.get("index")
        same = [i for i in items if place is not None and i.get("index") == place]
        if same and same[-1].get("type") == item.get("type", same[-1].get("type")):
            return merge(same[-1], item)
        items.append({})
        return merge(items[-1], item)
    items.append(item)
    return None


def drop_native(message: JsonObject) -> JsonObject:
    """A message in OpenAI's form, as any provider takes it."""
    return {key: value for key, value in message.items() if key != "native"}


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
        value = answer_json.parse(text, "")
    except (ValueError, Unavailable):
        value = None
    return value if isinstance(value, dict) else {"command": text}
