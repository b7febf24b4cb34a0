"""What receiving and answering both work with: the home, the ledger, the suite's commands, and the way to Discord.

Owns what both write to a context's log: a thread's first event is the message it was made from.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from ...ground import stream
from ...ground.errors import BUSY, Failure
from ...ground.paths import Home
from ...ground.settings import Settings
from . import delivery, listening
from .connection import Connection
from .history import History
from .journal import Journal
from .ledger import Ledger
from .life import Life
from .programs import Suite

BUSY_TRIES = 3  # for the home's lock, which each waits for by itself


class Tools(NamedTuple):
    """`in_background` makes a task whose failure is the relay's."""

    home: Home
    settings: Settings
    allowed: frozenset[int]
    say: Callable[[str], None]
    in_background: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
    ledger: Ledger
    journal: Journal
    life: Life
    suite: Suite
    client: Connection
    post: delivery.Post
    history: History
    places: listening.Places

    async def log(self, context: str, *events: dict[str, Any]) -> str:
        """Append events to a context's log, each once. The reference of the last."""
        await self.start_thread(context)
        return await self._append(context, *events)

    async def _append(self, context: str, *events: dict[str, Any]) -> str:
        lines = "".join(stream.json_line(event) + "\n" for event in events)
        for _ in range(BUSY_TRIES):
            outcome = await self.suite.run(
                "mem-append", "--jsonl", f"--context={context}", given=lines
            )
            if outcome.code != BUSY:
                break
        if outcome.code:
            raise Failure(f"mem-append: {outcome.complaint}", code=outcome.code)
        return outcome.out.strip().rpartition("\n")[2]

    async def start_thread(self, context: str) -> None:
        """A thread starts with the message it was made from: called before anything is logged there."""
        if not context.startswith(listening.THREAD) or self.home.current_window(context):
            return
        try:
            starter = await self.history.starter(int(context.removeprefix(listening.THREAD)))
            if starter:
                me = self.client.user.id if self.client.user else 0
                await self._append(context, listening.starter_event(starter, context, me))
        except (Failure, *delivery.TROUBLE) as error:
            self.say(
                f"the message {context} was made from could not be read: {delivery.told_of(error)}"
            )
