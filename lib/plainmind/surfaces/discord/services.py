"""What the inbox, the outbox, the lanes and the slash commands all work with."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from ...ground.paths import Home
from ...ground.settings import Settings
from .connection import Connection
from .contexts import ContextLog, Places
from .history import ChannelHistory, Cursor
from .identity import AllowList
from .ledger import Ledger
from .ledger_writer import LedgerWriter
from .presence import Presence
from .programs import Suite
from .requests import Requests, Say


class Services(NamedTuple):
    """`in_background` makes a task whose failure is the relay's."""

    home: Home
    settings: Settings
    allowed: AllowList
    say: Say
    in_background: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
    ledger: Ledger
    writer: LedgerWriter
    presence: Presence
    cursor: Cursor
    suite: Suite
    client: Connection
    requests: Requests
    history: ChannelHistory
    places: Places
    log: ContextLog
