"""relay_dying.py [SABOTAGE...]: the relay, which kills itself right before or right after one of
its own writes.

The file DEATH names the write, once: `before received 1`, `after any 12`. A write is called by the
steps it puts into the ledger, or by the file it replaces; a command of the suite that has been
started, by its name. What it died of is appended to DEATH.struck. The product has no switch for it:
this replaces functions, then runs the page. A sabotage breaks a promise, to see that the tests
notice.
"""

import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from plainmind.ground import clock, files
from plainmind.surfaces.discord import inbox, ledger, messages, outbox, programs, relay
from scene import ROOT

PAGE = os.path.join(ROOT, "bin", "discord-relay")
DEATH = os.environ.get("DEATH", "")


def often() -> None:
    """No promise is broken: what is done every minute is done all the time, and the cursor is close
    behind."""
    relay.MINUTE, inbox.BEHIND, inbox.CLOSE, ledger.LEAST = 0.3, 3000, 1000, 0


def tardy() -> None:
    """A turn is started before it is given what was said."""
    start = programs.Suite.start

    async def starting(self: Any, name: str, *arguments: str, given: str = "") -> Any:
        return await start(self, name, *arguments, given="" if os.path.exists(DEATH) else given)

    programs.Suite.start = starting


def unwritten() -> None:
    """The ledger's steps go nowhere."""
    append, replace = files.append, files.replace
    files.append = lambda path, data, **more: (
        0 if path.endswith("inbox.jsonl") else append(path, data, **more)
    )
    files.replace = lambda path, data, **more: replace(
        path, b"" if path.endswith("inbox.jsonl") else data, **more
    )


def unsure() -> None:
    """What the relay died over is not looked for."""

    async def found(*_: Any) -> None:
        return None

    outbox.Outbox._find = found


def nonceless() -> None:
    """Messages have nonces that nobody can know again."""
    post = outbox.Outbox.post

    async def posting(self: Any, one: Any, *more: Any) -> int:
        return await post(self, one._replace(nonce=str(time.time_ns())), *more)

    outbox.Outbox.post = posting


def hasty() -> None:
    """The cursor is where the clock is, whatever is on disk."""

    async def ahead(self: Any) -> None:
        cursor = self.services.cursor
        if cursor.id is not None:
            cursor.move(messages.to_id(clock.system_now()))

    inbox.Inbox.advance = ahead


def calls_of(path: str, data: bytes) -> set[str]:
    """What a write is called."""
    name = os.path.basename(path)
    if name != "inbox.jsonl":
        return {name}
    records = [json.loads(line) for line in data.split(b"\n") if line]
    return {"compacted"} if "compacted" in records[0] else {record["did"] for record in records}


class Dying:
    """Counts the writes since the death was ordered."""

    def __init__(self) -> None:
        self.ordered, self.seen = "", 0

    def wrap(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def writing(path: str, data: bytes, **more: Any) -> Any:
            when = self.now(calls_of(path, data)) if f"{os.sep}relay{os.sep}" in path else ""
            if when == "before":
                self.die(calls_of(path, data))
            done = write(path, data, **more)
            if when == "after":
                self.die(calls_of(path, data))
            return done

        return writing

    def starting(self, start: Callable[..., Any]) -> Callable[..., Any]:
        async def started(suite: Any, name: str, *arguments: str, **more: Any) -> Any:
            running = await start(suite, name, *arguments, **more)
            if self.now({name}):
                self.die({name})
            return running

        return started

    def now(self, called: set[str]) -> str:
        """Whether this is the write to die of: before, after, or not ('')."""
        try:
            with open(DEATH, encoding="utf-8") as file:
                ordered = file.read()
        except FileNotFoundError:
            return ""
        if ordered != self.ordered:
            self.ordered, self.seen = ordered, 0
        when, what, number = ordered.split()
        if what not in ("any", *called):
            return ""
        self.seen += 1
        return when if self.seen == int(number) else ""

    def die(self, called: set[str]) -> None:
        with open(f"{DEATH}.struck", "a", encoding="utf-8") as file:
            file.write("".join(f"{self.ordered.split()[0]} {what}\n" for what in sorted(called)))
        os.unlink(DEATH)
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    often()
    for name in sys.argv[1:]:
        globals()[name]()
    if DEATH:
        dying = Dying()
        files.append, files.replace = dying.wrap(files.append), dying.wrap(files.replace)
        programs.Suite.start = dying.starting(programs.Suite.start)
    sys.argv = [PAGE, "--verbose"]
    runpy.run_path(PAGE, run_name="__main__")


if __name__ == "__main__":
    main()
