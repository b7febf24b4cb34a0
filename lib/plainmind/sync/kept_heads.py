"""The last digests of windows for a command's session: printed, and compared with those that a file
or the remote has kept."""

from typing import Any

from ..formats.log import window_heads
from ..truth.log import heads


def emit(session: Any) -> int:
    """Print the head of every window."""
    for head in heads.read_heads(session.home):
        session.emit(head.record(), window_heads.render(head).decode().rstrip())
    return 0


def compare(session: Any, against: str) -> int:
    """Print what of kept heads is not here any more; how much. What another machine has and did not
    come here yet is said. `against`: a file, or 'remote'."""
    if against == "remote":
        from . import runs

        kept = runs.read_heads(session)
    else:
        kept = heads.read_kept(against)
    found = list(heads.compare(session.home, kept))
    for one in found:
        if one.code == heads.BEHIND:
            session.say(str(one))
    return session.emit_findings(one for one in found if one.code != heads.BEHIND)
