"""The files of sessions: `work/session-<unix time>/<agent>.json`. What a change returned is on
disk.

Every change happens under `work/.lock`, so that agents of one team may write at the same time, and
by exchange, so that what a person or another program saves meanwhile is not lost. Refuses to know
what is changed."""

import os
from collections.abc import Callable
from typing import Any

from ...formats.work import session
from ...formats.work.session import Fields, State
from ...ground import exchange, files
from ...ground.errors import BadData, Failure, NoInput
from ...ground.paths import Home

Change = Callable[[Fields | None], Fields]  # None: there is no state yet


def list_sessions(home: Home) -> list[str]:
    """The names of the sessions that have a state, newest first."""
    try:
        names = os.listdir(home.path("work"))
    except FileNotFoundError:
        return []
    found = [name for name in names if session.is_session(name) and list_agents(home, name)]
    return sorted(found, key=session.second_of, reverse=True)


def list_agents(home: Home, id: str) -> list[str]:
    """The agents that have a state in a session: the orchestrator, then by name."""
    try:
        names = os.listdir(home.path("work", id))
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = [agent for agent in map(session.agent_of, names) if agent]
    return sorted(found, key=lambda agent: (agent != session.ORCHESTRATOR, agent))


def read_states(home: Home, id: str, report: Callable[[Failure], Any]) -> list[State]:
    """The states of a session; one that cannot be read is reported and left out."""
    found = []
    for agent in list_agents(home, id):
        try:
            path = locate_state(home, id, agent)
            found.append(session.parse(_read(home, path), path))
        except OSError as error:
            report(files.to_failure(error))
        except Failure as failure:
            report(failure)
    return found


def is_running(home: Home, id: str, agent: str | None = None) -> bool:
    """Whether an agent of a session is in progress. This one may start as long as others
    are."""
    found = read_states(home, id, lambda failure: None)
    own = [state for state in found if state.agent == agent and state.status != "pending"]
    return any(state.status == "in_progress" for state in own or found)


def resolve_session(home: Home, id: str | None) -> str:
    """The session of that name, or the newest. NoInput where there is none."""
    found = list_sessions(home)
    if id is None and found:
        return found[0]
    if id is None or session.check_session(id) not in found:
        what = f"no session '{id}'" if id else "no session yet"
        start = "start one with 'work-session start --agent AGENT'"
        raise NoInput(what, cure="see 'work-session list'" if found else start)
    return id


def locate_state(home: Home, id: str, agent: str) -> str:
    """Where a state is, relative to the home. BadData for a name that cannot be, NotPermitted when
    a link leads out."""
    return home.relative(f"work/{session.check_session(id)}/{session.check_agent(agent)}.json")


def change_state(
    home: Home,
    id: str,
    agent: str,
    new: Change,
    *,
    announce: Callable[[State], None] = lambda state: None,
    dry_run: bool = False,
) -> State:
    """Change one agent's state, or make it; return it as it is then. A dry run writes nothing.
    `announce` is told what it will be, right before it is, with the lock held; again when somebody
    saved in between."""
    path = locate_state(home, id, agent)
    if dry_run:
        old = _read(home, path) if os.path.lexists(home.path(path)) else None
        return _changed(old, path, new)[0]
    if not os.path.isdir(home.path("work")):  # what is refused makes no folder for a lock
        _changed(None, path, new)
    with files.lock(home.path("work", ".lock")):
        return _write(home, path, new, announce)


def begin_session(
    home: Home, agent: str, now: int, new: Callable[[str], Change], *, dry_run: bool = False
) -> State:
    """The first state of a new session, named by the first second from `now` on that has none.

    A start that was killed before there was a state leaves a name that is taken again; one that was
    killed after it, a session that nobody was told of: it is made durable on the way, since `list`
    shows it."""
    first = now // 1000
    if dry_run:
        id = _unused(home, first)
        return _changed(None, locate_state(home, id, agent), new(id))[0]
    with files.lock(home.path("work", ".lock")):
        id = _unused(home, first)
        for passed in range(first, session.second_of(id)):
            for other in list_agents(home, f"session-{passed}"):
                _finish(home.path(locate_state(home, f"session-{passed}", other)))
        return _write(home, locate_state(home, id, agent), new(id))


def _unused(home: Home, second: int) -> str:
    while list_agents(home, f"session-{second}"):
        second += 1
    return f"session-{second}"


def _write(
    home: Home, path: str, new: Change, announce: Callable[[State], None] = lambda state: None
) -> State:
    """The caller holds the lock."""
    full = home.path(path)
    if not os.path.lexists(full):
        state, data = _changed(None, path, new)
        try:
            files.create(full, data)
            return state
        except FileExistsError:  # another program made it meanwhile
            pass
    _check_file(home, path)
    _finish(full)
    exchange.recover(full)
    last: list[State] = []

    def rewrite(old: bytes) -> bytes:
        state, data = _changed(old, path, new)
        last[:] = [state]
        announce(state)
        if data == old:
            files.sync_path(full)  # whoever wrote it may have been killed before that
            files.sync_folder(os.path.dirname(full))
            return old
        return data

    exchange.edit(full, rewrite)
    return last[0]


def _finish(full: str) -> None:
    """What a start that was killed left to do: its state is there, but may not stay."""
    if os.stat(full).st_nlink > 1:
        files.finish_creating(full)


def _changed(old: bytes | None, path: str, new: Change) -> tuple[State, bytes]:
    state = State(path, new(None if old is None else session.parse(old, path).fields))
    return state, session.render(state, old or b"")


def _read(home: Home, path: str) -> bytes:
    _check_file(home, path)
    return files.read(home.path(path), 0, session.MOST + 1)


def _check_file(home: Home, path: str) -> None:
    """A pipe under the name of a state would be waited for."""
    full = home.path(path)
    if os.path.lexists(full) and not os.path.isfile(full):
        raise BadData("no file", place=path, cure="remove it")
