"""What the tools are given: their arguments, as the client is told of them and as they are checked.

Refuses to know what is done with them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..formats.page.page import TIERS, TYPES
from ..formats.reminder.reminder import RECURRENCES
from ..ground.errors import Usage

Role = Literal["user", "agent", "tool", "system"]
if TYPE_CHECKING:
    PageType = str
    PageTier = str
    Recurrence = str
else:
    PageType, PageTier, Recurrence = Literal[TYPES], Literal[TIERS], Literal[RECURRENCES]
Count = Annotated[int, Field(ge=1, le=1000)]
TIME = "a time as a person writes it: 2026-01-30, 2026-01-30 14:23, yesterday, 2h ago"
CONTEXT = "a context SURFACE/ID such as note/home, or a surface alone"


def _text(meaning: str) -> Any:
    return Field(None, description=meaning)


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecallArguments(Arguments):
    query: str = Field(description="what it is about: a question, a message, or words")
    n: Count | None = _text("at most so many events (default: the setting recall.k)")
    context: str | None = _text(f"only events of {CONTEXT}")
    since: str | None = _text(f"only events from then on; {TIME}")
    until: str | None = _text("only events up to then, a day to its end")
    roles: list[Role] = Field([], description="only events of these roles")


class KnowledgeArguments(Arguments):
    query: str = Field(description="what it is about: a question, a message, or words")
    n: Count | None = _text("at most so many pages, and those they link to")


class ShowArguments(Arguments):
    refs: list[str] = Field(
        min_length=1,
        max_length=100,
        description="references 'path:line', paths of windows or pages, or names of pages",
    )
    around: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="so many events before and after each, too"
    )
    window: bool = Field(False, description="the whole window of each reference")


class LogArguments(Arguments):
    context: str | None = _text(f"only {CONTEXT}")
    n: Annotated[int, Field(ge=0, le=1000)] | None = _text("the last n events")
    since: str | None = _text(f"events from then on; {TIME}")
    until: str | None = _text("events up to then, a day to its end")
    role: Role | None = _text("only events of this role")


class AppendArguments(Arguments):
    context: str = Field(description="where to: SURFACE/ID, such as cursor/my-project")
    role: Role = Field(description="who said it: user, agent, tool or system")
    content: str = Field(description="what was said, word for word")
    author: str | None = _text("the name of who said it")
    id: str | None = _text("if the context has an event of this id, none is added")


class NoteArguments(Arguments):
    body: str | None = _text("the page's text, Markdown; a new one replaces that of `update`")
    type: PageType | None = _text("its subject; needed for a new page")
    tier: PageTier | None = _text("L1: in every prompt; L2: if relevant (default)")
    name: str | None = _text("the page's name: a-z, 0-9 and hyphens")
    update: str | None = _text("the name of a page to change, instead of a new one")
    tags: list[str] | None = _text("topics")
    triples: list[Annotated[list[str], Field(min_length=3, max_length=3)]] | None = _text(
        "relations: [subject, predicate, object] each"
    )
    cites: list[str] = Field([], description="references of events that it rests on")
    supersedes: list[str] | None = _text("names of pages that it replaces")
    valid_from: str | None = _text("the first day it holds")
    valid_to: str | None = _text("the last day it holds")


class PinArguments(Arguments):
    refs: list[str] = Field([], max_length=100, description="references of events to pin")
    text: str | None = _text("or a text, which becomes an event first")
    context: str | None = _text("where the text goes (default: note/pinned)")


class RemindArguments(Arguments):
    model_config = ConfigDict(extra="forbid", validate_by_name=False)

    message: str = Field(description="what to be reminded of, one line")
    at: str | None = _text("when: 'tomorrow 09:00', '2026-01-31 18:00', 'friday 17:30'")
    span: str | None = Field(None, alias="in", description="or how long from now: 2h, 3d, 1w")
    recur: Recurrence = Field("none", description="how often")


Given = TypeVar("Given", bound=Arguments)


def check(model: type[Given], given: dict[str, Any]) -> Given:
    """The arguments. Usage says which is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        names = ", ".join(model.model_json_schema()["properties"])
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, wrong["loc"])) or "the arguments"
        told = _WORDS.get(wrong["type"], _in_words)(place, wrong["msg"])
        raise Usage(told, cure=f"the arguments are {names}") from None


def _in_words(place: str, message: str) -> str:
    return f"'{place}': {message[:1].lower()}{message[1:]}"


_WORDS: dict[str, Callable[[str, str], str]] = {
    "missing": lambda place, _: f"'{place}' is missing",
    "extra_forbidden": lambda place, _: f"no such argument '{place}'",
    "int_type": lambda place, _: f"'{place}' is not a whole number",
    "int_parsing": lambda place, _: f"'{place}' is not a whole number",
    "int_from_float": lambda place, _: f"'{place}' is not a whole number",
    "string_type": lambda place, _: f"'{place}' is not a text",
    "list_type": lambda place, _: f"'{place}' is not a list",
}
