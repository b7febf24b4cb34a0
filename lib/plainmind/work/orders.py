"""What each verb of work-session takes, and carrying it out. Refuses to know what states look like, and how they are shown."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ..formats import strict_json
from ..formats.work import session
from ..formats.work.session import Fields, State
from ..ground import files, stream
from ..ground.errors import BadData, NoInput, Usage
from ..ground.paths import Home
from ..truth.work import sessions
from . import tailing


class Verb(NamedTuple):
    """How many words stand after a verb (most -1: any number), how the manual calls them, and its options."""

    least: int
    most: int
    words: str
    options: tuple[str, ...]
    statuses: tuple[str, ...] = ()


VERBS = {
    "start": Verb(0, 0, "", ("session", "agent", "repo", "status"), ("in_progress", "pending")),
    "task": Verb(
        1, -1, " DESCRIPTION...|-", ("session", "agent", "file", "status"), session.STATUSES
    ),
    "artifact": Verb(1, -1, " KEY=TEXT|KEY:=JSON...", ("session", "agent")),
    "next": Verb(2, -1, " AGENT ACTION...|-", ("session", "agent", "priority", "after")),
    "phase": Verb(1, -1, " NAME...|-", ("session", "agent")),
    "end": Verb(0, 0, "", ("session", "agent", "status"), ("completed", "failed", "blocked")),
    "show": Verb(0, 0, "", ("session", "ready")),
    "list": Verb(0, 0, "", ("lines",)),
    "tail": Verb(0, 1, " [AGENT]", ("session", "lines", "follow")),
}


class Order(NamedTuple):
    """A verb with what was given to it. `options` has those that were given, by name."""

    verb: str
    words: tuple[str, ...]
    options: dict[str, Any]


def order(verb: str | None, words: tuple[str, ...], options: dict[str, Any]) -> Order:
    """Usage where words or options do not fit the verb."""
    if verb is None:
        raise Usage("no verb", cure="use one of " + ", ".join(VERBS))
    known = VERBS[verb]
    given = {
        name: value
        for name, value in options.items()
        if value is not None and value is not False and value != ()
    }
    if len(words) < known.least or len(words) > known.most >= 0:
        raise Usage(f"it is '{verb}{known.words}'", cure="see 'work-session --help'")
    for name in given:
        if name not in known.options:
            takers = [other for other, taking in VERBS.items() if name in taking.options]
            raise Usage(
                f"{flag(name)} does not go with '{verb}'", cure="it goes with " + ", ".join(takers)
            )
    if (status := given.get("status")) and status not in known.statuses:
        raise Usage(
            f"'{verb}' takes no status '{status}'", cure="use one of " + ", ".join(known.statuses)
        )
    return Order(verb, words, given)


def flag(name: str) -> str:
    return "-n" if name == "lines" else f"--{name}"


def actor(given: Order, agent: str) -> str:
    """Whose state an order changes: `agent` is what option or environment say. A phase is the orchestrator's."""
    if given.verb == "phase" and agent not in ("", session.ORCHESTRATOR):
        raise Usage(
            f"the phase is the orchestrator's, not of '{agent}'",
            cure=f"give --agent {session.ORCHESTRATOR}",
        )
    if not agent and given.verb != "phase":
        raise Usage("no agent", cure="give --agent, or set MIND_AGENT")
    return agent or session.ORCHESTRATOR


def carry_out(
    home: Home,
    given: Order,
    id: str | None,
    agent: str,
    now: int,
    read: Callable[[], bytes],
    dry_run: bool,
) -> State:
    """Do what a verb that writes says to the state of an agent, and return it. `read` gives standard input."""
    if given.verb == "start":
        return _start(home, given.options, id, agent, now, dry_run)
    if id is None:
        newest = "".join(f"; the newest is {each}" for each in sessions.list_sessions(home)[:1])
        raise Usage("no session", cure=f"give --session, or set MIND_SESSION{newest}")
    edit = _edit(given, now, read)

    def edited(old: Fields | None) -> Fields:
        if old is None:
            raise NoInput(
                f"'{agent}' has not started in {id}",
                cure=f"work-session start --session {id} --agent {agent}",
            )
        return edit(old)

    return sessions.change_state(home, id, agent, edited, dry_run=dry_run)


def _start(
    home: Home, options: dict[str, Any], id: str | None, agent: str, now: int, dry_run: bool
) -> State:
    """A run in a session, or in a new one; and the folder of its logs, into which somebody redirects output."""

    repo = options.get("repo")
    repo = (
        os.path.abspath(repo) if repo and os.path.isdir(repo) else repo
    )  # or it is an address, or on another machine

    def started(id: str) -> sessions.Change:
        return lambda old: session.start_state(
            old, id, agent, now, repo, options.get("status", "in_progress")
        )

    if id is None:
        state = sessions.begin_session(home, agent, now, started, dry_run=dry_run)
    else:
        state = sessions.change_state(home, id, agent, started(id), dry_run=dry_run)
    if not dry_run:
        files.make_folder(home.path(tailing.folder(state.session)))
    return state


def _edit(given: Order, now: int, read: Callable[[], bytes]) -> Callable[[Fields], Fields]:
    verb, words, options = given
    if verb == "artifact":
        artifacts = _artifacts(words, read)
        return lambda old: session.add_artifacts(old, artifacts)
    if verb == "end":
        return lambda old: session.end_state(old, now, options.get("status", "completed"))
    if verb == "next":
        action, after = _text(words[1:], read), tuple(map(_dependency, options.get("after", ())))
        return lambda old: session.add_step(
            old, words[0], action, now, options.get("priority", session.PRIORITIES[0]), after
        )
    text = _text(words, read)  # before the lock: it may be long in coming
    if verb == "phase":
        return lambda old: session.set_phase(old, text)
    return lambda old: session.add_task(
        old, text, options.get("file"), options.get("status", "completed")
    )


def _text(words: tuple[str, ...], read: Callable[[], bytes]) -> str:
    """The words after a verb, or for '-' standard input without the end of its last line."""
    return stream.decode(read()).removesuffix("\n") if words == ("-",) else " ".join(words)


def _dependency(text: str) -> str:
    session.check_agent(session.parse_dependency(text)[0])
    return text


def _artifacts(words: tuple[str, ...], read: Callable[[], bytes]) -> Fields:
    """`KEY=TEXT` is a text, `KEY:=JSON` any value; '-' stands for standard input."""
    made: Fields = {}
    standard_input = [word for word in words if word.partition("=")[2] == "-"]
    if len(standard_input) > 1:
        raise Usage(
            "standard input can be one artifact only",
            cure=f"give one of {', '.join(standard_input)}",
        )
    for word in words:
        key, sign, value = word.partition("=")
        as_json, key = key.endswith(":"), key.removesuffix(":")
        if not sign or not key:
            raise Usage(f"'{word}' is no artifact", cure="write KEY=TEXT, or KEY:=JSON")
        text = _text((value,), read)
        try:
            made[key] = strict_json.parse(text) if as_json else text
        except BadData as error:
            raise BadData(
                f"'{key}': {error.what}",
                cure="quote it: 'KEY:={\"name\": [1, true]}'; a text is KEY=TEXT",
            ) from None
    return made
