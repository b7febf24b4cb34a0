"""The ledger's steps onto disk, many of them with one fsync, without the loop waiting for a
disk."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...ground import files
from .ledger import Ledger


class LedgerWriter:
    """Writes in the order of the calls. A step is known at once, and on disk when `write`
    returns."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self._pending: list[tuple[list[dict[str, Any]], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, "ledger")

    async def write(self, *steps: dict[str, Any]) -> None:
        """Failure when the disk does not take it; what was not written is known all the same, and
        the relay must end."""
        for step in steps:
            self.ledger.take(step)
        written = asyncio.get_running_loop().create_future()
        self._pending.append((list(steps), written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await asyncio.shield(written)

    async def compact(self) -> None:
        """Write the ledger again when it has grown; nothing else is written meanwhile."""
        while self._writing:
            await asyncio.wait([self._writing])
        if self.ledger.large:
            # what is written from here on comes behind it, by the same thread
            whole = self.ledger.whole()
            await asyncio.get_running_loop().run_in_executor(self._disk, self.ledger.replace, whole)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                try:
                    await loop.run_in_executor(
                        self._disk,
                        self.ledger.write,
                        [step for steps, _ in batch for step in steps],
                    )
                except BaseException as error:
                    # never an OSError, which elsewhere means that Discord may be tried again
                    failure = files.to_failure(error) if isinstance(error, OSError) else error
                    for _, written in batch:
                        written.set_exception(failure)
                        written.exception()  # whoever was cancelled does not ask for it any more
                else:
                    for _, written in batch:
                        written.set_result(None)
        finally:
            self._writing = None
