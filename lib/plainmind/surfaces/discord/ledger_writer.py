"""The ledger's steps on their way to disk: in order, many with one fsync; only who asked for a step
waits for it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ...ground import files
from .ledger import Ledger, Step


class LedgerWriter:
    """The steps onto disk in the order of the calls, many with one fsync; the loop never waits."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self._pending: list[tuple[tuple[Step, ...], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._disk = ThreadPoolExecutor(1, "ledger")

    async def write(self, *steps: Step) -> None:
        """Known at once, on disk when it returns. Failure when the disk does not take it: it is
        known all the same, and the relay must end; nothing is written behind what is missing."""
        for step in steps:
            self.ledger.take(step)
        written = asyncio.get_running_loop().create_future()
        self._pending.append((steps, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await asyncio.shield(written)

    async def compact(self, now: bool = False) -> None:
        """Write the ledger again when it has grown, or `now`; nothing else is written meanwhile."""
        while self._writing:
            await asyncio.wait([self._writing])
        if self.ledger.large or now:
            # what is written from here on comes behind it, by the same thread
            whole = self.ledger.whole()
            await asyncio.get_running_loop().run_in_executor(self._disk, self.ledger.replace, whole)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                records = [step for steps, _ in batch for step in steps]
                try:
                    if not self._failure:
                        await loop.run_in_executor(self._disk, self.ledger.write, records)
                except BaseException as error:
                    # never an OSError, which elsewhere means that Discord may be tried again
                    self._failure = files.to_failure(error) if isinstance(error, OSError) else error
                for _, written in batch:
                    if self._failure:
                        written.set_exception(self._failure)
                        written.exception()  # whoever was cancelled does not ask for it any more
                    else:
                        written.set_result(None)
        finally:
            self._writing = None
