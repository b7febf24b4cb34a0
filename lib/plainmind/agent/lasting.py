"""What a turn changed that lasts, or asks to: named under its reply, with the command that undoes
it or says yes to it; and what these two commands do.

Owns the words. When a change is kept, and how it is made, is truth.changes's.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..ground import environment, files, stream
from ..ground.environment import TurnRights
from ..ground.errors import NotPermitted
from ..ground.paths import Home
from ..truth import changes
from ..truth.changes import ASKED, MADE, KeptChange
from ..truth.log.writer import EventDraft, Log
from . import watch

MOST = 12  # lines under a reply
SHOWN = "agent-changes"
_HOW = {MADE: ("changed", "undo"), ASKED: ("waits for your yes", "allow")}
_ENDS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"  # of lines, as something shows them
_OURS = rf"[(（][^\w{_ENDS}]{{0,9}}(?:changed|waits for your yes|left out|cut|and \d+ more)\b"
#: what a reply could pass off as ours, at the start of a line or after what is hardly seen there
#: (no possessive group: Python 3.11.0 to 3.11.4, such as Debian 12's, match nothing with this one)
_FORGED = (
    rf"(?mi)(?:^|(?<=[{_ENDS}]))(?=(?=((?:\x1b\[[\d;]*\w"
    rf"|[^\w(（{_ENDS}]|[_\u115f\u1160\u3164\uffa0]|\d{{1,3}}[.)]|(?!{_OURS})[(（])*))\1{_OURS})"
)


def collect(home: Home, rights: TurnRights) -> list[KeptChange]:
    """What this turn changed or asked for, and what turns that were cut off left unnamed; the
    newest first, as it has to be undone."""
    watch.recover(home)
    found = []
    for one in reversed(changes.list_held(home)):  # what was taken out by hand meanwhile goes
        if not one.fresh:
            continue  # it was named
        if one.change.turn != rights.digits and files.is_running(one.change.pid):
            continue  # another turn that goes on
        if one.state == MADE and not changes.is_made(home, one):
            changes.drop(home, one)
        else:
            found.append(one)
    return found


def find_named(home: Home, turns: Iterable[str]) -> list[KeptChange]:
    """What was named under a reply, by the digits of its turns, as far as it is still kept."""
    wanted = set(turns)
    return [one for one in reversed(changes.list_held(home)) if one.change.turn in wanted]


def render_lines(
    kept: Sequence[KeptChange], context: str | None, own: str, mask: Callable[[str], str] = str
) -> list[str]:
    """The lines under a reply. In Discord, the commands are Discord's."""
    form = "/{} {}" if (context or "").startswith("discord-") else "agent-changes --{} {}"
    lines = []
    for one in kept[:MOST]:
        what, verb = _HOW[one.state]
        whose = "" if one.change.turn == own else ", by a turn that was cut off"
        label = {"undo": "undo", "allow": "yes"}[verb]
        command = form.format(verb, one.id)
        lines.append(f"({what}{whose}: {one.change.describe(mask)}; {label}: {command})")
    if len(kept) > MOST:
        lines.append(f"(and {len(kept) - MOST} more: {SHOWN})")
    return lines


def render_event(kept: Sequence[KeptChange]) -> str:
    """The same for the log, which the model reads: no word of its own in our name, and no id, so
    that it cannot name one."""
    lines = [f"{_HOW[one.state][0]}: {one.change.name()}" for one in kept[:MOST]]
    return "\n".join([*lines, *([f"and {len(kept) - MOST} more"] if len(kept) > MOST else [])])


def disown(reply: str) -> str:
    """A reply in which no line passes for one of ours."""
    return re.sub(_FORGED, "> ", reply) if "(" in reply or "（" in reply else reply


def to_record(one: KeptChange, mask: Callable[[str], str], state: str = "") -> dict[str, Any]:
    """A change as a command prints it, masked."""
    done = [file.reverse() if state == "undone" else file for file in one.change.files]
    lines = [line for file in done for line in (stream.encode(file.name), *file.lines)]
    text = mask("\n".join(stream.decode(line) for line in lines))
    paths = [file.path for file in one.change.files]
    record = {"id": one.id, "state": state or _HOW[one.state][0], "kind": one.change.kind}
    return {**record, "context": one.change.context, "paths": paths, "text": text}


def decide(
    home: Home, log: Log, now: int, mode: str, id: str, mask: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Make the change that a person says yes to (`--allow`), or undo one (`--undo`), and tell its
    context; what was done, as a record. Without either: all that wait or can be undone."""
    if not mode:
        return [to_record(one, mask) for one in changes.list_held(home)]
    if environment.read_turn():
        raise NotPermitted("refused in a turn: a yes is a person's", cure="ask the user")
    said = mode == "--allow"
    one = changes.find(home, id, ASKED if said else MADE)
    (changes.allow if said else changes.undo)(home, one)
    if one.change.kind.endswith("reminders"):
        from ..reminders import last_scan

        last_scan.expect_none(home)  # the last one may be gone, which is not suspicious
    if one.change.context:
        how = "the user said yes to" if said else "the user undid"
        draft = EventDraft(now, "system", f"{how}: {one.change.name()}", {})
        log.append(one.change.context, [draft], now)
    return [to_record(one, mask, "done" if said else "undone")]
