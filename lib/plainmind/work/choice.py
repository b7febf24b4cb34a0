"""Which models a turn asks, by what `agent-turn --route` says.

Light: a turn without a route does not pay for the rules. Refuses to know providers but by name.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..ground.errors import Misconfigured

ROUTES = ("auto", "local", "cloud")


class Choice(NamedTuple):
    """Whom a turn asks: (route, model) of one after another, as long as they are unavailable."""

    candidates: tuple[tuple[str, str], ...]
    message_id: str | None  # of the message: a turn that may change hands has one


def choose(
    memory: Any,
    remark: Callable[[str], None],
    asked: str | None,
    task: str,
    attached: Sequence[str],
    context: str | None,
    message_id: str | None,
) -> Choice:
    """Whom to ask, by auto, local, cloud or None; `memory` is that of the turn (memory.Memory).

    Where the rules chose the local model and it is unavailable, turn.model takes over, which a
    setting or the home's own .env names. What a person said is local goes nowhere else.
    """
    cloud, local = memory.settings["turn.model"], memory.settings["route.local"]
    if asked in (None, "cloud"):
        return Choice(((asked or "", cloud),), message_id)
    if local.partition(":")[0].strip() in ("auto", "google"):
        cure = "use embedded, ollama:NAME, openai:NAME or command:PROGRAM"
        raise Misconfigured(f"route.local: '{local}' is not a model of your own", cure=cure)
    if asked == "local":
        return Choice((("local", local),), message_id)
    from . import routes

    router = routes.Router.of(memory)
    named = f"message '{message_id}'" if message_id else "a message"
    made = router.decide_message(task, len(attached), f"{named} of {context}")
    if context and not memory.dry:
        made = router.log(made, _name_decision(context, message_id))
        message_id = message_id or made["id"]
    both = (("local", local), ("cloud", cloud))
    chosen = both[: 1 + (local != cloud)] if made["decision"] == "local" else both[1:]
    remark(f"route: {routes.to_line(made).expandtabs(1)}; asking '{chosen[0][1]}'")
    return Choice(chosen, message_id)


def _name_decision(context: str, message_id: str | None) -> str | None:
    """The id of the decision on a message: one that is given again is decided once."""
    if not message_id:
        return None
    import hashlib

    return "turn-" + hashlib.sha256(f"{context}\n{message_id}".encode()).hexdigest()[:24]
