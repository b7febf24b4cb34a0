"""The relay from beginning to end: logging in, the parts put together, staying, leaving.

Owns the life of the process. Refuses to know what is received and answered: receiving and answering do.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import discord

from ...ground.environment import Environment
from ...ground.errors import Failure, Misconfigured
from ...ground.paths import Home
from ...ground.settings import Settings
from . import commands, delivery, life, listening
from .answering import Answering
from .connection import Connection, use_api
from .history import History
from .journal import Journal
from .ledger import Ledger
from .pace import Identifications, Pace
from .programs import Suite
from .receiving import Receiving
from .tools import Tools
from .whose import Presence

MINUTE = 60.0
LEAVING = 4.0  # seconds that turns have to end when the relay does, before they are asked to


class Means(NamedTuple):
    """What the relay is started with."""

    home: Home
    env: Environment
    settings: Settings
    checkout: str
    say: Callable[[str], None]
    remark: Callable[[str], None]


def run(means: Means, who: Presence) -> None:
    """The relay until it ends. Failure when it cannot go on."""
    if who.api:
        use_api(who.api)
    _hear(means.remark)

    async def live() -> None:
        await Relay(means, who).live()

    asyncio.run(live())


def _hear(say: Callable[[str], None]) -> None:
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

    def __init__(self, means: Means, who: Presence):
        self.means, self.who, self.say = means, who, means.say
        self.home, self.settings = means.home, means.settings
        self.ledger = Ledger(self.home.path("relay", "inbox.jsonl"))
        self.journal = Journal(self.ledger)
        self.life = life.Life(self.home, self.ledger)
        self.ending = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.client: Connection | None = None
        self.answering: Answering | None = None

    async def live(self) -> None:
        """Until a signal ends it, or it cannot go on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ending.set)
        work: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._work()),
            asyncio.create_task(self.ending.wait()),
        ]
        awaited: set[asyncio.Future[Any]] = {*work, self.failed}
        try:
            finished, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
        finally:
            await self._leave(work)

    async def _work(self) -> None:
        client = await self._logged_in()
        post = delivery.Post(client, self.settings["relay.timeout"], self.say)
        guild = await self._guild(client, post)
        history = History(client, post, self.who.channel)
        tools = Tools(
            self.home, self.settings, self.who.allowed, self.say, self._in_background, self.ledger, self.journal, self.life,
            Suite(self.means.checkout, self.home.root), client, post, history, listening.Places(self.who.channel, history),
        )  # fmt: skip
        self.answering = Answering(tools, self.ending)
        receiving = self.answering.receiving
        listening.listen(client, receiving, self._broken)
        self._in_background(commands.publish(commands.tree(tools, self.answering), tools, guild))
        await asyncio.gather(
            client.connect(), receiving.receive(), self._each_minute(client, receiving)
        )

    async def _logged_in(self) -> Connection:
        """Discord may not be there yet when the machine has just started."""
        pace = Pace()
        while True:
            identifications = Identifications(self.home.path("relay", "identifications.json"))
            self.client = client = Connection(identifications, self.say, self.life.beat)
            try:
                await asyncio.wait_for(client.login(self.who.token), self.settings["relay.timeout"])
                return client
            except discord.LoginFailure:
                raise Misconfigured(
                    "Discord does not accept the token", cure="check DISCORD_TOKEN"
                ) from None
            except Exception as error:  # whatever a network answers that wants a password first
                if (
                    isinstance(error, discord.HTTPException)
                    and not delivery.passing(error)
                    and "json" in _type(error)
                ):
                    cure = "check DISCORD_API_BASE, if it is set"
                    raise Misconfigured(delivery.told_of(error), cure=cure) from None
                self.say(f"Discord cannot be reached: {delivery.told_of(error)}")
            await client.close()
            pace.ended(0)
            await asyncio.sleep(pace.wait(0.0))

    async def _guild(self, client: Connection, post: delivery.Post) -> int:
        """The server the channel is in. Misconfigured for a channel that is not for us."""
        channel = self.who.channel
        try:
            found: Any = await post.patiently(
                lambda: client.http.get_channel(channel), "the channel"
            )
        except delivery.Refused as refused:
            cure = "check DISCORD_CHANNEL_ID, and that the bot is in the server and may see the channel"
            raise Misconfigured(f"channel {channel}: {refused}", cure=cure) from None
        if found.get("type") != discord.ChannelType.text.value:
            raise Misconfigured(
                f"{channel} is no text channel", cure="let DISCORD_CHANNEL_ID be one's id"
            )
        return int(found["guild_id"])

    async def _each_minute(self, client: Connection, receiving: Receiving) -> None:
        while True:
            await asyncio.sleep(MINUTE)
            life.notify("WATCHDOG=1")  # the loop runs; whether Discord answers is another matter
            if not receiving.whole and client.connected:
                self._in_background(receiving.catch_up())
            await receiving.advance()
            await self.journal.compact()

    async def _leave(self, work: list[asyncio.Task[Any]]) -> None:
        """End within 10 seconds. What is not finished is in the ledger."""
        self.ending.set()
        if self.answering:
            await self.answering.leave(LEAVING)
        for task in work:
            task.cancel()
        try:
            if self.client:
                await asyncio.wait_for(self.client.close(), 1)
        except TimeoutError:
            pass

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task whose failure is the relay's: what cannot be written down must not go on."""
        task = asyncio.create_task(work)

        def ended(task: asyncio.Task[Any]) -> None:
            if not task.cancelled() and (error := task.exception()) and not self.failed.done():
                self.failed.set_exception(error)

        task.add_done_callback(ended)
        return task

    def _broken(self, where: str) -> None:
        """Something raised where discord.py calls us."""
        error = sys.exc_info()[1]
        self.say(
            str(error)
            if isinstance(error, Failure)
            else f"a bug of ours in {where}: {type(error).__name__}: {error}"
        )


def _type(error: discord.HTTPException) -> str:
    """What an answer is by its own account: what Discord itself says is JSON."""
    return error.response.headers.get("Content-Type", "")
