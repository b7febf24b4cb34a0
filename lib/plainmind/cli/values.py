"""What options and arguments take: values that are read once the session is known."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..ground.errors import Usage
from ..ground.paths import check_context, check_contexts
from .session import Session, open_home

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Value(click.ParamType):
    """A value that `parse` reads once the session is known: its Failure is reported as any."""

    name = "value"

    def __init__(self, parse: Callable[[str], Any]):
        self.parse = parse

    def read(self, text: str, session: Session) -> Any:
        return self.parse(text)


class Time(Value):
    """A time as a person writes it; `parse` is given it and the present instant."""

    def __init__(self, parse: Callable[[str, int], Any]):
        self.parse_at = parse

    def read(self, text: str, session: Session) -> Any:
        return self.parse_at(text, session.now)


def _when():
    from ..ground import when  # six milliseconds, which most commands need not pay

    return when


class _Context(Value):
    """A context, completed from those that there are."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        names = open_home(ctx.params.get("home")).list_contexts()
        if self.parse is check_contexts and "/" not in incomplete:
            names = sorted({name.partition("/")[0] for name in names}) + names
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class _Role(click.Choice):
    """A role of the log; 'assistant', as model servers call it, is 'agent'."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert("agent" if value == "assistant" else value, param, ctx)


def json_object(text: str) -> dict[str, Any]:
    """An option's JSON object, or Usage."""
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Usage(f"'{text}' is not valid JSON", cure='quote it: \'{"key": "value"}\'') from None
    if not isinstance(value, dict):
        raise Usage(f"'{text}' is not a JSON object", cure='write {"key": "value"}')
    return value


def _read_dash(text: str) -> str:
    if text != "-":
        raise Usage(f"'{text}' is not read", cure="give the text on standard input")
    return text


def check_bounds(since: int | None, until: int | None) -> None:
    """Usage for an interval that ends before it begins."""
    if since is not None and until is not None and until < since:
        raise Usage("--until is before --since", cure="nothing can be between them")


#: instants in ms since the epoch: a moment, and the bounds that a text means
TIME = Time(lambda text, now: _when().read_instant(text, now))
SINCE = Time(lambda text, now: _when().read(text, now).start)
UNTIL = Time(lambda text, now: _when().read(text, now).end)
#: a bound of what is to come
UNTIL_AHEAD = Time(lambda text, now: _when().read(text, now, ahead=True).end)
#: a local day
DAY = Time(lambda text, now: _when().read_day(text, now))
CONTEXT = _Context(check_context)
#: a context, or a surface alone for all its contexts (ground.paths.is_within)
CONTEXTS = _Context(check_contexts)
ROLE = _Role(["user", "agent", "tool", "system"])
JSON = Value(json_object)
#: all that may be said of standard input, where a text comes from nowhere else
DASH = Value(_read_dash)
