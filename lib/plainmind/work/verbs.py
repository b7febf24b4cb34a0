"""What each verb of work-session takes, and carrying it out. Knows neither what states look like
nor how they are shown.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ..formats.work import session, summary
from ..formats.work.session import Fields, State
from ..ground import environment, files
from ..ground.errors import BadData, NoInput, NotPermitted, Usage
from ..ground.paths import Home
from ..truth.work import sessions
from . import log_tail
from .pairs import read_pairs, read_text


class Verb(NamedTuple):
    """How many words stand after a verb (most -1: any), how the manual calls them, its options."""

    least: int
    most: int
    words: str
    options: tuple[str, ...]
    statuses: tuple[str, ...] = ()


_OF = ("session", "agent")  # whose state it is
VERBS = {
    "start": Verb(0, 0, "", (*_OF, "repo", "status"), ("in_progress", "pending")),
    "task": Verb(
        1, -1, " DESCRIPTION...|-", (*_OF, "file", "status", "error", "kind"), session.STATUSES
    ),
    "artifact": Verb(1, -1, " KEY=TEXT|KEY:=JSON...", _OF),
    "next": Verb(2, -1, " AGENT ACTION...|-", (*_OF, "priority", "after")),
    "phase": Verb(1, -1, " NAME...|-", _OF),
    "end": Verb(0, 0, "", (*_OF, "status"), ("completed", "failed", "blocked")),
    "show": Verb(0, 0, "", ("session", "ready")),
    "list": Verb(0, 0, "", ("lines",)),
    "tail": Verb(0, 1, " [AGENT]", ("session", "lines", "follow")),
}


class VerbCall(NamedTuple):
    """A verb with its words, and with those options that were given, by name."""

    verb: str
    words: tuple[str, ...]
    options: dict[str, Any]


def parse(verb: str | None, words: tuple[str, ...], options: dict[str, Any]) -> VerbCall:
    """Usage where words or options do not fit the verb."""
    if verb is None:
        raise Usage("no verb", cure="use one of " + ", ".join(VERBS))
    rule = VERBS[verb]
    used = {
        name: value
        for name, value in options.items()
        if value is not False and value not in (None, ())
    }
    if len(words) < rule.least or len(words) > rule.most >= 0:
        raise Usage(f"expected '{verb}{rule.words}'", cure="see 'work-session --help'")
    for name in used:
        if name not in rule.options:
            takers = ", ".join(other for other, taking in VERBS.items() if name in taking.options)
            flag = "-n" if name == "lines" else f"--{name}"
            raise Usage(f"{flag} does not go with '{verb}'", cure=f"it goes with {takers}")
    if (status := used.get("status")) and status not in rule.statuses:
        cure = "use one of " + ", ".join(rule.statuses)
        raise Usage(f"'{verb}' takes no status '{status}'", cure=cure)
    return VerbCall(verb, words, used)


def session_of(call: VerbCall, variable: str) -> str | None:
    """The session that a verb concerns, by option or MIND_SESSION; BadData names the variable."""
    given = call.options.get("session") or None
    if given or not variable or call.verb == "list":
        return given
    try:
        return session.check_session(variable)
    except BadData as error:
        raise BadData(f"MIND_SESSION: {error.what}", cure=error.cure) from None


def agent_of(call: VerbCall, agent: str) -> str:
    """Whose state a verb changes, by option or environment; a phase is the orchestrator's.
    NotPermitted in the turn of another agent, which has no word in what this one did."""
    if call.verb == "phase" and agent not in ("", session.ORCHESTRATOR):
        cure = f"give --agent {session.ORCHESTRATOR}"
        raise Usage(f"the phase is the orchestrator's, not of '{agent}'", cure=cure)
    if not agent and call.verb != "phase":
        raise Usage("no agent", cure="give --agent, or set MIND_AGENT")
    agent, turn = agent or session.ORCHESTRATOR, environment.read_turn()
    if turn and turn.agent not in ("", agent, session.ORCHESTRATOR):
        cure = "each agent tells of its own work; the orchestrator of any"
        raise NotPermitted(f"this turn is of '{turn.agent}', not of '{agent}'", cure=cure)
    return agent


def carry_out(
    home: Home,
    call: VerbCall,
    id: str | None,
    agent: str,
    now: int,
    read: Callable[[], bytes],
    dry_run: bool,
) -> State:
    """The state of an agent after a verb that writes. `read` gives standard input."""
    if call.verb == "start":
        return _start(home, call.options, id, agent, now, dry_run)
    if id is None:
        newest = "".join(f"; the newest is {id}" for id in sessions.list_sessions(home)[:1])
        raise Usage("no session", cure=f"give --session, or set MIND_SESSION{newest}")
    edit = _edit(call, now, read)

    def edit_started(old: Fields | None) -> Fields:
        if old is None:
            cure = f"work-session start --session {id} --agent {agent}"
            raise NoInput(f"'{agent}' has not started in {id}", cure=cure)
        return edit(old)

    if call.verb != "end":
        return sessions.change_state(home, id, agent, edit_started, dry_run=dry_run)
    from . import endings  # the others need no grammar of the journal

    announce = partial(endings.log_end, home, now)
    return sessions.change_state(home, id, agent, edit_started, announce=announce, dry_run=dry_run)


def find_remark(call: VerbCall, state: State) -> str:
    """What the journal will not tell of a run as its state is after a verb; '' for nothing."""
    if call.verb == "task" and state.status in summary.ENDED:
        return f"{state.agent}'s run has ended; start or end it again to have this in the journal"
    tasks = state.fields.get("completedTasks") or () if call.verb == "end" else ()
    left = [session.tell(one["description"]) for one in tasks if one["status"] == "in_progress"]
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    names = ", ".join(left[:3]) + more
    return f"left in progress, so not in the journal: {names}" if left else ""


def _start(
    home: Home, options: dict[str, Any], id: str | None, agent: str, now: int, dry_run: bool
) -> State:
    """A run in a session, or in a new one; and the folder of its logs, for redirected output."""
    repo, status = options.get("repo"), options.get("status", "in_progress")
    if repo and os.path.isdir(repo):  # or it is an address, or on another machine
        repo = os.path.abspath(repo)

    def starting(id: str) -> sessions.Change:
        return lambda old: session.start_state(old, id, agent, now, repo, status)

    if id is None:
        state = sessions.begin_session(home, agent, now, starting, dry_run=dry_run)
    else:
        state = sessions.change_state(home, id, agent, starting(id), dry_run=dry_run)
    if not dry_run:
        files.make_folder(home.path(log_tail.folder_of(state.session)))
    return state


def _edit(call: VerbCall, now: int, read: Callable[[], bytes]) -> Callable[[Fields], Fields]:
    verb, words, options = call
    if verb == "artifact":
        artifacts = read_pairs(words, read, "artifact")
        return lambda old: session.add_artifacts(old, artifacts)
    if verb == "end":
        return lambda old: session.end_state(old, now, options.get("status", "completed"))
    if verb == "next":
        action, after = read_text(words[1:], read), options.get("after", ())
        for name in after:
            session.check_agent(session.parse_dependency(name)[0])
        priority = options.get("priority", session.PRIORITIES[0])
        return lambda old: session.add_step(old, words[0], action, now, priority, tuple(after))
    text = read_text(words, read)  # before the lock: it may be long in coming
    if verb == "phase":
        return lambda old: session.set_phase(old, text)
    status = options.get("status", "completed")
    more = {key: options.get(key) for key in ("file", "error", "kind")}
    return lambda old: session.add_task(old, text, now, status=status, **more)
