"""Truth, index, recall and providers put together: what the mem-* commands and the agent call."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ground.environment import Environment
from ..ground.paths import Home

if TYPE_CHECKING:
    from ..index.engine import Engine, Index


class Memory(NamedTuple):
    """The memory of one home, and what using it takes: keys, settings, a clock, a voice."""

    home: Home
    env: Environment
    settings: Any
    now: Callable[[], int]
    say: Callable[[str], None]
    dry: bool = False  # write nothing, not even the index; ask no server
    inside: bool = False  # the agent asks, from inside its sandbox

    @classmethod
    def of(cls, session: Any) -> "Memory":
        """From a command's session (cli.Session)."""
        now, rights = lambda: session.now, (session.dry_run, session.inside)
        return cls(session.home, session.env, session.settings, now, session.say, *rights)

    @property
    def engine(self) -> "Engine":
        from .. import index

        return index.engine_in_use()

    def opened(self, *, thorough: bool = False) -> "Iterator[Index]":
        """The index, as often as it has to be tried (Engine.opened); never without a home."""
        if not os.path.isdir(self.home.root):  # a mistyped home is not made by asking it something
            return
        engine = self.engine
        if self.dry:
            yield from engine.copied(self.home)
        else:
            yield from engine.opened(self.home, self.say, thorough=thorough)
