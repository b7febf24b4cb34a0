"""The connection to Discord's gateway: discord.py's client, with a loop of ours around its socket.

discord.py's own loop waits for nothing between connections that are accepted and closed, ends by an
event it cannot read, and by a first connection that is refused. Here each of these is a connection
that has ended: the next one is paced, and resumes the session where there is one.

Owns when to connect, identify, resume and give up, and the sign of life. Refuses to know what
messages say.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import aiohttp
import yarl

import discord
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.http import Route

from ...ground import backoff, chance, clock
from ...ground.errors import Misconfigured
from .pace import Identifications, Pace
from .requests import Say

FATAL = {
    4004: "Discord does not accept the token; check DISCORD_TOKEN",
    4010: "Discord wants no shards of this bot",
    4011: "the bot is in too many servers for one connection",
    4012: "this version of Discord's gateway is no longer served; update plainmind",
    4013: "Discord does not know an intent",
    4014: "the bot may not read messages; switch on 'Message Content Intent' of the bot in "
    "Discord's developer portal",
}
HELLO = 20.0  # seconds until the gateway has said hello
SILENCE = 2.5  # intervals without an answer to a heartbeat after which the connection is dead
TRIES = 5  # connections that do not last before a new session is begun
LOST = 4000  # the code for closing a connection whose session is to be resumed


class Socket(DiscordWebSocket):
    """A connection that tells when the gateway has answered a heartbeat."""

    owner: "Connection"

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, loop: asyncio.AbstractEventLoop):
        super().__init__(socket, loop=loop)
        self.acknowledged = clock.monotonic()
        self._told = self.latency
        # by the gateway; the library forgets the code when the other end hangs up at once
        self.closed_with = 0
        self._receive, socket.receive = socket.receive, self._hear  # type: ignore[method-assign]
        self.owner.newest = self  # from_client gives it back only when the gateway has said hello

    async def _hear(self, timeout: float | None = None) -> aiohttp.WSMessage:
        message = await self._receive(timeout)
        if message.type is aiohttp.WSMsgType.CLOSE:
            self.closed_with = message.data or 0
        return message

    async def received_message(self, msg: Any, /) -> None:
        await super().received_message(msg)
        if self.latency != self._told:
            self._told, self.acknowledged = self.latency, clock.monotonic()
            self.owner.alive()

    async def send_heartbeat(self, data: Any) -> None:
        """Note when before it is sent: an answer from nearby comes before discord.py does."""
        if self._keep_alive:
            self._keep_alive.beat()
        await super().send_heartbeat(data)

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats, 0 as long as the gateway has not said."""
        return self._keep_alive and self._keep_alive.interval or 0.0

    @property
    def dead(self) -> bool:
        """Whether heartbeats have been unanswered for too long."""
        return 0 < SILENCE * self.interval < clock.monotonic() - self.acknowledged


class Connection(discord.Client):
    """A client that stays connected. `alive` is called when the gateway answers a heartbeat."""

    def __init__(self, identifications: Identifications, say: Say, alive: Callable[[], None]):
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, message_content=True),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=60.0,
        )
        self.identifications, self.say, self.alive = identifications, say, alive
        self._request = self.http.request
        self.http.request = self._ask  # type: ignore[method-assign]
        self.pace = Pace()
        self.connected = False  # READY or RESUMED has come, and nothing has ended it
        self.connections = 0
        self.newest: Socket | None = None
        self._sockets: type[Socket] = type("Socket", (Socket,), {"owner": self})
        self.tree: Any = None  # the slash commands, for those who answer them
        self._session: dict[str, Any] = {}  # what the next connection resumes
        parsers = self._connection.parsers
        parsers["MESSAGE_CREATE"] = partial(self._tell, parsers["MESSAGE_CREATE"])

    def _tell(self, read: Callable[[Any], None], data: Any) -> None:
        """A message as Discord tells it (event `told_message`), once discord.py could read it."""
        read(data)
        self.dispatch("told_message", data)

    @property
    def id(self) -> int:
        """The bot's id, 0 as long as it is not known."""
        return self.user.id if self.user else 0

    def find_name(self, kind: str, id: str) -> str:
        """The name of a channel or role of the server by its id; '' when it is not known."""
        found: Any = self.get_channel(int(id)) if kind == "channel" else None
        if kind == "role":
            found = next(filter(None, (guild.get_role(int(id)) for guild in self.guilds)), None)
        return found.name if found else ""

    @property
    def socket(self) -> Socket | None:
        return self.ws if isinstance(self.ws, Socket) else None

    async def _ask(self, *arguments: Any, **options: Any) -> Any:
        """A request. One given up while Discord wants quiet would leave all others waiting."""
        try:
            return await self._request(*arguments, **options)
        except asyncio.CancelledError:
            self.http._global_over.set()
            raise

    async def connect(self, *, reconnect: bool = True) -> None:
        """Stay connected until the client is closed. Misconfigured when that is of no use."""
        while not self.is_closed():
            wait = self.pace.wait(chance.draw_fraction())
            if self.pace.failures > 3:
                self.say(f"connecting again in {wait:.0f} s")
            await backoff.sleep_async(wait)
            started = clock.monotonic()
            why = await self._one()
            self.connected = False
            if self.is_closed():
                return
            self.pace.note_end(clock.monotonic() - started)
            if self.pace.failures % TRIES == 0:  # where the session was may be gone for good
                self._session = {}
            self.dispatch("disconnect")
            self.say(f"the connection to Discord has ended: {why}")

    async def _one(self) -> str:
        """One connection, from its beginning to its end. Why it ended."""
        self.newest = None
        try:
            await self._open()
            while True:
                await self._poll()
        except (ReconnectWebSocket, discord.ConnectionClosed) as end:
            code = self.newest.closed_with if self.newest else 0
            if code in FATAL:
                raise Misconfigured(FATAL[code]) from None
            resume = getattr(end, "resume", True)
            self._remember(resume)
            asked = "asked to resume" if resume else "asked to identify"
            return f"closed with {code}" if code else asked
        except discord.GatewayNotFound as error:
            if getattr(error.__cause__, "status", 0) == 401:
                raise Misconfigured(FATAL[4004]) from None
            return "it did not say where its gateway is"
        except Misconfigured:
            raise
        # also of an event that discord.py cannot read: the ones after it are what matters
        except Exception as error:
            self._remember(True)
            return _explain(error)
        finally:
            await self._drop()

    async def _open(self) -> None:
        if not self._session:
            await self._may_identify()
            _, url, _ = await asyncio.wait_for(self.http.get_bot_gateway(), HELLO)
            # before every later identification discord.py waits for 5 seconds, as Discord asks
            arguments: dict[str, Any] = {"gateway": yarl.URL(url), "initial": not self.connections}
        else:
            arguments = {**self._session, "resume": True}
        self.connections += 1
        # identifying happens within this, once the gateway has said hello
        self.ws = await asyncio.wait_for(
            self._sockets.from_client(self, shard_id=self.shard_id, **arguments), HELLO
        )

    async def _may_identify(self) -> None:
        wait = self.identifications.wait(clock.system_now())
        if wait > 0:
            hours = f"{wait / 3600:.1f} h"
            self.say(f"the bot has identified too often today; the next time is in {hours}")
            await asyncio.sleep(wait)
        await asyncio.to_thread(self.identifications.count, clock.system_now())

    async def _poll(self) -> None:
        """The next event; TimeoutError when the gateway is dead."""
        socket = self.socket
        assert socket
        poll = asyncio.ensure_future(socket.poll_event())
        try:
            while not (await asyncio.wait([poll], timeout=min(5.0, socket.interval or 5.0)))[0]:
                if socket.dead:
                    raise TimeoutError
            await poll
            if socket.dead:
                raise TimeoutError
        finally:
            if not poll.done():
                poll.cancel()

    def _remember(self, resume: bool) -> None:
        """What the next connection resumes, if it can."""
        socket = self.socket
        if resume and socket and socket.session_id:
            self._session = {
                "session": socket.session_id,
                "sequence": socket.sequence,
                "gateway": socket.gateway,
            }
        elif not resume:
            self._session = {}

    async def _drop(self) -> None:
        """Close what is left: a socket that was never said hello to is known to nobody else."""
        if socket := self.newest:
            if socket._keep_alive:
                socket._keep_alive.stop()
                socket._keep_alive = None
            with suppress(OSError, aiohttp.ClientError):
                await asyncio.wait_for(socket.close(LOST), 5)


def _explain(error: Exception) -> str:
    """Why a connection ended."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    what = f"{type(error).__name__}: {error}"
    network = isinstance(error, OSError | aiohttp.ClientError | discord.HTTPException)
    return what if network else f"an event that cannot be read ({what})"


def use_api(base: str) -> None:
    """Speak to another server than Discord's own, of this API base."""
    Route.BASE = base.rstrip("/")
