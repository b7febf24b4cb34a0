"""Truth, index, recall and providers put together: what the mem-* commands and the agent call."""

import os
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ground.environment import Environment
from ..ground.paths import Home

if TYPE_CHECKING:
    from ..index.engine import Engine, Index, Removed


Progress = Callable[[int, int], None]


class Memory(NamedTuple):
    """The memory of one home, and what using it takes: keys, settings, a clock, a voice."""

    home: Home
    env: Environment
    settings: Any
    now: Callable[[], int]
    say: Callable[[str], None]
    dry: bool = False  # write nothing, not even the index; ask no server
    inside: bool = False  # the agent asks, from inside its sandbox
    #: label -> what long work calls with (done, of)
    progress: Callable[[str], Progress] = lambda label: lambda done, of: None
    kept: "list[Index] | None" = None  # where the index waits that stays open (`keeping_open`)

    @classmethod
    def of(cls, session: Any) -> "Memory":
        """From a command's session (cli.Session)."""
        now, rights = lambda: session.now, (session.dry_run, session.inside, session.progress)
        return cls(session.home, session.env, session.settings, now, session.say, *rights)

    @property
    def engine(self) -> "Engine":
        from .. import index

        of, password = self.settings.section("index"), self.env.get("PGPASSWORD")
        return index.engine_in_use(of["engine"], password, of["vectors"])

    def opened(
        self, *, thorough: bool = False, work: str = "taking in", made: bool = False
    ) -> "Iterator[Index]":
        """The index, as often as it has to be tried (Engine.opened); a home only when it is to be
        `made`."""
        if not made and not os.path.isdir(self.home.root):  # a mistyped one is not made by asking
            return
        engine, kept = self.engine, None if self.dry or thorough else self.kept
        if kept and kept[0].resume(self.say):
            yield kept[0]
            if not kept[0].has_failed:
                return
        opened = (engine.unchanged if self.dry else engine.opened)(
            self.home, self.say, thorough=thorough
        )
        for index in opened:
            index.progress = self.progress(work)
            if not self.dry:
                index.removed = self._clean_traces
            if kept is not None:
                kept[:], index.stays_open = [index], True
            yield index

    @contextmanager
    def keeping_open(self) -> "Iterator[Memory]":
        """A memory whose index, once opened, stays as it is until the end of this: what many
        questions are asked of is looked at once. For one thread, and for an answer, not longer."""
        kept: list[Index] = []
        try:
            yield self._replace(kept=kept)
        finally:
            for index in kept:
                index.close()

    def _clean_traces(self, gone: "Sequence[Removed]", standing: AbstractSet[str]) -> None:
        """What files no longer say, out of the traces that commands were told to write."""
        from ..truth.pages import maintenance

        if maintenance.read_traces(self.home):
            from . import forgetting

            forgetting.clean_removed(self, gone, standing)
