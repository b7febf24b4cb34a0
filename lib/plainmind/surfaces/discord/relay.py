"""The relay from beginning to end: logging in, the parts put together, staying, leaving.

Owns the life of the process. Refuses to know what is received (inbox) and answered (lanes).
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import discord

from ...ground import backoff
from ...ground.errors import Failure, Misconfigured
from ...ground.outages import Outages
from ...ground.paths import Home
from ...ground.settings import Settings
from .attachments import sweep_outgoing
from .connection import Connection, use_api
from .contexts import ContextLog, Places
from .embedding import Embedding
from .history import ChannelHistory, Cursor
from .identity import AllowList, BotIdentity
from .inbox import CLOSE, Inbox
from .lanes import WIND_UP, Lanes
from .ledger import Ledger
from .ledger_writer import LedgerWriter
from .messages import to_id, to_instant
from .pace import Identifications, Pace
from .presence import Presence, notify_systemd
from .programs import Suite
from .requests import Refused, Requests, Say, describe, may_pass
from .services import Services
from .slash import SlashTree, publish

MINUTE = 60.0
LEAVING = 4.0  # seconds that turns have to end when the relay does, before they are asked to


class RelaySetup(NamedTuple):
    """What the relay is started with. `say` tells a person, `remark` one who wants to know more."""

    home: Home
    settings: Settings
    checkout: str
    say: Say
    remark: Say


def run(setup: RelaySetup, identity: BotIdentity) -> None:
    """The relay until it ends. Failure when it cannot go on."""
    if identity.api:
        use_api(identity.api)
    _redirect_logging(setup.remark)

    async def live() -> None:
        await Relay(setup, identity).live()

    asyncio.run(live())


def _redirect_logging(say: Say) -> None:
    """What discord.py has to say goes where remarks go."""
    import logging

    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False

    class Saying(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(f"{record.name}: {record.getMessage()}")

    for name in ("discord", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [Saying(logging.WARNING)], False


class Relay:
    """One run of the relay, from connecting to the end."""

    def __init__(self, setup: RelaySetup, identity: BotIdentity):
        self.setup, self.identity, self.say = setup, identity, setup.say
        self.home, self.settings = setup.home, setup.settings
        self.ledger = Ledger(self.home.path("relay", "inbox.jsonl"))
        self.writer = LedgerWriter(self.ledger)
        self.presence, self.cursor = Presence(self.home), Cursor(self.home)
        self._tell_damage()
        self.ledger.forget(self.cursor.id or 0)
        sweep_outgoing(self.home, self.ledger)
        self.ending = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.client: Connection | None = None
        self.lanes: Lanes | None = None
        self._embedding: asyncio.Task[None] | None = None

    def _tell_damage(self) -> None:
        if self.ledger.damaged:
            lines = ", ".join(map(str, self.ledger.damaged[:9]))
            what = "damaged, and left out: a message may be answered twice, or not at all"
            self.say(f"{self.ledger.path}:{lines}: {what}")
        if self.cursor.id is None and self.ledger.latest:
            # as far as it may have been moved: what is done is known from there on
            self.cursor.id = to_id(to_instant(self.ledger.latest) - CLOSE)
            what = "missing or damaged; going on from the last message in the ledger"
            self.say(f"{self.cursor.path}: {what}")

    async def live(self) -> None:
        """Until a signal ends it, or it cannot go on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ending.set)
        tasks = [asyncio.create_task(work) for work in (self._work(), self.ending.wait())]
        awaited: set[asyncio.Future[Any]] = {*tasks, self.failed}
        try:
            finished, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
        finally:
            await self._leave(tasks)

    async def _work(self) -> None:
        client = await self._log_in()
        requests = Requests(self.settings["relay.timeout"], self.say, Outages(self.home))
        server = await self._find_server(client, requests)
        services = self._services(client, requests)
        embedding = Embedding(services.suite, self.say)
        self.lanes = Lanes(services, self.ending, embedding)
        inbox = self.lanes.inbox
        inbox.listen(self._report)
        self._in_background(publish(SlashTree(services, self.lanes), server))
        self._embedding = self._in_background(embedding.run())
        await asyncio.gather(
            client.connect(),
            inbox.receive(),
            inbox.changes.run(),
            self.lanes.tell_refused(),
            self._each_minute(inbox),
        )

    def _services(self, client: Connection, requests: Requests) -> Services:
        channel, suite = self.identity.channel, Suite(self.setup.checkout, self.home.root)
        history = ChannelHistory(client, requests, channel)
        places, users = Places(channel, history), self.identity.allowed
        log = ContextLog(self.home, suite, history, self.say, users)
        return Services(
            self.home, self.settings, AllowList(self.identity.allowed, self.say), self.say,
            self._in_background, self.ledger, self.writer, self.presence, self.cursor,
            suite, client, requests, history, places, log,
        )  # fmt: skip

    async def _log_in(self) -> Connection:
        """Discord may not be there yet when the machine has just started."""
        pace = Pace()
        while True:
            identifications = Identifications(self.home.path("relay", "identifications.json"))
            self.client = client = Connection(identifications, self.say, self.presence.beat)
            try:
                timeout = self.settings["relay.timeout"]
                await asyncio.wait_for(client.login(self.identity.token), timeout)
                return client
            except discord.LoginFailure:
                what = "Discord does not accept the token"
                raise Misconfigured(what, cure="check DISCORD_TOKEN") from None
            except Exception as error:  # whatever a network answers that wants a password first
                if _is_refusal(error):
                    cure = "check DISCORD_API_BASE, if it is set"
                    raise Misconfigured(describe(error), cure=cure) from None
                self.say(f"Discord cannot be reached: {describe(error)}")
            await client.close()
            pace.note_end(0)
            await backoff.sleep_async(pace.wait(0.0))

    async def _find_server(self, client: Connection, requests: Requests) -> int:
        """The server the channel is in. Misconfigured for a channel that is not for us."""
        channel = self.identity.channel
        try:
            answer = await requests.ask(partial(client.http.get_channel, channel), "the channel")
        except Refused as refused:
            cure = "check DISCORD_CHANNEL_ID, and that the bot is in its server and may see it"
            raise Misconfigured(f"channel {channel}: {refused}", cure=cure) from None
        if answer.get("type") != discord.ChannelType.text.value:
            cure = "set DISCORD_CHANNEL_ID to one's id"
            raise Misconfigured(f"{channel} is not a text channel", cure=cure)
        return int(answer["guild_id"])

    async def _each_minute(self, inbox: Inbox) -> None:
        while True:
            await asyncio.sleep(MINUTE)
            # the loop runs; whether Discord answers is another matter
            notify_systemd("WATCHDOG=1")
            inbox.retry()
            inbox.changes.wanted.set()
            await inbox.advance()
            await self.writer.compact()

    async def _leave(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """End within 10 seconds. What is not finished is in the ledger."""
        self.ending.set()
        if self._embedding:  # its process ends with it
            self._embedding.cancel()
        if self.lanes:
            await self.lanes.leave(LEAVING)
        for task in tasks:
            task.cancel()
        if self.client:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.client.close(), WIND_UP)

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task whose failure is the relay's: what cannot be written down must not go on."""
        task = asyncio.create_task(work)

        def take_failure(task: asyncio.Task[Any]) -> None:
            if not task.cancelled() and (error := task.exception()) and not self.failed.done():
                self.failed.set_exception(error)

        task.add_done_callback(take_failure)
        return task

    def _report(self, where: str) -> None:
        """Something raised where discord.py calls us."""
        error = sys.exc_info()[1]
        surprise = f"internal error in {where}: {type(error).__name__}: {error}"
        self.say(str(error) if isinstance(error, Failure) else surprise)


def _is_refusal(error: Exception) -> bool:
    """Whether Discord itself, which answers in JSON, says that it never will."""
    if not isinstance(error, discord.HTTPException) or may_pass(error):
        return False
    return "json" in error.response.headers.get("Content-Type", "")
