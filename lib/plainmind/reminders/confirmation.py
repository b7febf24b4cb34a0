"""Telling the person, by Discord, what was done to their reminders file: the exact line."""

from collections.abc import Callable

from ..formats import chunks
from ..formats.reminder import reminder as grammar
from ..ground import chance, clock, stream
from ..ground.environment import Environment
from ..ground.errors import BadData, Failure, InputOutput, Unavailable
from ..ground.paths import Home

PATIENCE = 10.0  # seconds for all attempts
_WHOLE = 1900  # characters of a line that goes out as one message, fence and all


def compose(done: str, line: str) -> str:
    """`Reminder added:` and the line, in a code block (no markup there) if it fits into one."""
    fits = "```" not in line and not line.endswith("`") and chunks.count_units(line) < _WHOLE
    return f"Reminder {done}:\n" + (f"```\n{line}\n```" if fits else line)


def print_and_send(
    home: Home,
    env: Environment,
    done: str,
    line: str,
    emit: Callable[[], None],
    *,
    how: str = "discord",
    dry_run: bool = False,
) -> None:
    """Print by `emit` what was done, and confirm it, unless `how` (remind.confirm) is none; neither
    keeps the other from being done."""
    unprinted: Exception | None = None
    try:
        emit()
        stream.flush()
    except InputOutput as failure:
        failure.cure = failure.cure if dry_run else _stands(done)
        unprinted = failure
    except stream.ReaderLeft as left:
        unprinted = left
    if not dry_run and how != "none":
        send(home, env, done, line)
    if unprinted:
        raise unprinted


def _stands(done: str) -> str:
    return f"the line is {done} all the same; do not repeat the command"


def send(home: Home, env: Environment, done: str, line: str) -> None:
    """Confirm one change. Unavailable when that cannot be done; the change stands all the same."""
    from ..providers import discord

    try:
        deliverer = discord.open_deliverer_of_home(env, home)
        if deliverer is None:
            cure = f"put {discord.VARIABLES}, into .env, or set remind.confirm to none"
            raise Unavailable("nowhere to send it", cure=cure)
        nonce, deadline = grammar.draw_id(chance.draw), clock.monotonic() + PATIENCE
        deliverer.send(compose(done, line), nonce=nonce, deadline=deadline)
    except Failure as failure:
        # the cure of refused content is another text, and this text is the line
        what = failure.what if isinstance(failure, BadData) else failure
        raise Unavailable(f"no confirmation was sent: {what}", cure=_stands(done)) from failure
