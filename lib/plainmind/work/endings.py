"""What the end of a run leaves in the journal: its tasks, and the session when that ends with it.

It is in the journal before the state says that the run ended: a death in between leaves a run that
is ended again, and is told once.
"""

from functools import partial

from ..formats.work import session, summary
from ..formats.work.journal import Mint
from ..formats.work.session import State
from ..ground.errors import Failure
from ..ground.paths import Home
from ..truth.work import journal, sessions


def log_end(home: Home, now: int, ended: State) -> None:
    """Log what is new of a run, as its state will be. The caller holds the lock of all states."""
    drafts = summary.list_tasks(ended, now)
    broken: list[Failure] = []
    states = sessions.read_states(home, ended.session, broken.append)
    states = [ended if state.agent == ended.agent else state for state in states]
    leads = any(state.agent == session.ORCHESTRATOR for state in states)
    if summary.has_ended(states) and (leads or not broken):
        drafts.append(summary.make_session(states, now))
    compose = partial(journal.compose, now=now, mint=Mint())
    journal.append_new(home, ended.session, list(map(compose, drafts)))
