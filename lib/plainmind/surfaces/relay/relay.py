"""The relay: messages into the ledger, turns out of it, one at a time in each context.

Owns what happens when: receiving, catching up, turns, delivery, the end. How each is done is its neighbours'.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import discord

from ... import __version__
from ...formats.config import Settings
from ...ground import clock, files, stream
from ...ground.environment import Environment
from ...ground.errors import BUSY, Failure, Misconfigured
from ...ground.paths import Home
from . import attachments, commands, delivery, lanes, life, listening, snowflake
from .connection import Connection, use_api
from .history import History
from .journal import Journal
from .ledger import Incoming, Ledger, Turn, answered, done, kept, posted, posting, received
from .pace import Identifications
from .programs import Suite
from .turns import FAILED, Attempts, HandedBack
from .whose import Presence

MINUTE = 60.0
BEHIND = 10 * 60_000  # ms that the cursor stays behind the clock, and
CLOSE = 60_000  # behind the newest message: what comes out of order is not taken for old
LEAVING = 4.0  # seconds that turns have to end when the relay does, before they are asked to
BUSY_TRIES = 3  # for the home's lock, which each waits for by itself
FETCHES = 3  # tries at what came with a message


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
        self.means, self.token, self.channel, self.allowed = means, who.token, who.channel, who.allowed
        self.home, self.settings, self.say = means.home, means.settings, means.say
        self.ledger = Ledger(self.home.path("relay", "inbox.jsonl"))
        self.journal = Journal(self.ledger)
        self.suite = Suite(means.checkout, self.home.root)
        self.slots = asyncio.Semaphore(self.settings["relay.concurrency"])
        self.lanes: dict[str, asyncio.Task[None]] = {}
        self.attempts: dict[str, Attempts] = {}
        self.fetching: dict[int, asyncio.Task[None]] = {}
        self.arrivals: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.caught_up = asyncio.Event()  # no turn begins while older messages may still come
        self.whole = False  # all that was said since the cursor is in the ledger
        self.ending = asyncio.Event()
        self.life = life.Life(self.home, self.ledger)
        self.taking, self.catching_up = asyncio.Lock(), asyncio.Lock()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.client = self._client()

    # --- from beginning to end

    async def live(self) -> None:
        """Until a signal ends it, or it cannot go on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ending.set)
        work: list[asyncio.Task[Any]] = [asyncio.create_task(self._work()), asyncio.create_task(self.ending.wait())]
        awaited: set[asyncio.Future[Any]] = {*work, self.failed}
        try:
            finished, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
        finally:
            await self._leave(work)

    async def _work(self) -> None:
        await self._log_in()
        await asyncio.gather(self.client.connect(), self._receive(), self._each_minute())

    async def _log_in(self) -> None:
        """Discord may not be there yet when the machine has just started."""
        pace = self.client.pace
        while True:
            try:
                await asyncio.wait_for(self.client.login(self.token), self.settings["relay.timeout"])
                break
            except discord.LoginFailure:
                raise Misconfigured("Discord does not accept the token", cure="check DISCORD_TOKEN") from None
            except Exception as error:  # whatever a network answers that wants a password first
                if isinstance(error, discord.HTTPException) and not delivery.passing(error) and "json" in _type(error):
                    cure = "check DISCORD_API_BASE, if it is set"
                    raise Misconfigured(delivery.told_of(error), cure=cure) from None
                self.say(f"Discord cannot be reached: {delivery.told_of(error)}")
            await self.client.close()
            pace.ended(0)
            await asyncio.sleep(pace.wait(0.0))
            self.client = self._client()
            self.client.pace = pace
        await self._check_channel()
        self._in_background(commands.publish(self))

    async def _check_channel(self) -> None:
        try:
            found: Any = await self.post.patiently(lambda: self.client.http.get_channel(self.channel), "the channel")
        except delivery.Refused as refused:
            cure = "check DISCORD_CHANNEL_ID, and that the bot is in the server and may see the channel"
            raise Misconfigured(f"channel {self.channel}: {refused}", cure=cure) from None
        if found.get("type") != discord.ChannelType.text.value:
            raise Misconfigured(f"{self.channel} is no text channel", cure="let DISCORD_CHANNEL_ID be one's id")
        self.guild = int(found["guild_id"])

    def _client(self) -> Connection:
        client = Connection(Identifications(self.home.path("relay", "identifications.json")), self.say, self.life.beat)
        self.post = delivery.Post(client, self.settings["relay.timeout"], self.say)
        self.history = History(client, self.post, self.channel)
        self.places = listening.Places(self.channel, self.history)
        listening.listen(client, self)
        self.tree = commands.tree(client, self)
        return client

    async def _leave(self, work: list[asyncio.Task[Any]]) -> None:
        """End within 10 seconds. What is not finished is in the ledger."""
        self.ending.set()
        running = list(self.lanes.values())
        if running:
            await asyncio.wait(running, timeout=LEAVING)
        await asyncio.gather(*(attempts.hand_back() for attempts in list(self.attempts.values())), return_exceptions=True)
        if running := list(self.lanes.values()):
            await asyncio.wait(running, timeout=1)
        for task in (*work, *self.lanes.values(), *self.fetching.values()):
            task.cancel()
        try:
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

    async def _each_minute(self) -> None:
        while True:
            await asyncio.sleep(MINUTE)
            life.notify("WATCHDOG=1")  # the loop runs; whether Discord answers is another matter
            if not self.whole and self.client.connected:
                self._in_background(self.catch_up())
            await self._advance()
            await self.journal.compact()

    def ready(self) -> None:
        """The gateway has begun or resumed a session."""
        life.notify("READY=1")
        self._in_background(self.catch_up())

    def broken(self, where: str) -> None:
        """Something raised where discord.py calls us."""
        error = sys.exc_info()[1]
        self.say(
            f"{where}: {error}" if isinstance(error, Failure) else f"a bug of ours in {where}: {type(error).__name__}: {error}"
        )

    # --- receiving

    async def _receive(self) -> None:
        """Messages as the gateway tells them, in order, as many at once as have come."""
        while True:
            batch = [await self.arrivals.get()]
            while not self.arrivals.empty():
                batch.append(self.arrivals.get_nowait())
            try:
                await self.take_in(batch, live=True)
            except delivery.TROUBLE as error:  # whose thread it is could not be asked; history tells it again
                self.say(f"a message could not be taken in: {delivery.told_of(error)}")
                self._in_background(self.catch_up())

    async def take_in(self, messages: list[discord.Message], live: bool = False) -> None:
        """Messages from the gateway or from history, known ones among them. They are in the ledger when this returns."""
        async with self.taking:  # history and the gateway tell the same message at once
            await self._take_in(messages, live)

    async def _take_in(self, messages: list[discord.Message], live: bool) -> None:
        found = []
        for message in messages:
            if not self.ledger.knows(message.id) and listening.is_for_us(message, self.allowed, self.life.stranger, self.say):
                context = await self.places.context(message.channel)
                if context:
                    found.append(listening.incoming(message, context))
        # whatever the clock says, what is said now is not old
        old = 0 if live else clock.system_now() - int(self.settings["relay.catchup"] * 3600 * clock.SECOND)
        if late := [message for message in found if snowflake.instant(message.id) < old]:
            await self._log_as_read(late)
        if fresh := [message for message in found if snowflake.instant(message.id) >= old]:
            await self.journal.write(*map(received, fresh))
        for new in fresh:
            self._fetch(new)
            self._wake(new.context)

    async def _log_as_read(self, late: list[Incoming]) -> None:
        """What nobody answers any more belongs to the past all the same."""
        for context in dict.fromkeys(message.context for message in late):
            await self.log(context, *(listening.event(message, read=True) for message in late if message.context == context))
        await self.journal.write(done(message.id for message in late))

    async def log(self, context: str, *events: dict[str, Any]) -> str:
        """Append events to a context's log, each once. The reference of the last."""
        await self.start_thread(context)
        return await self._append(context, *events)

    async def _append(self, context: str, *events: dict[str, Any]) -> str:
        lines = "".join(stream.json_line(event) + "\n" for event in events)
        for _ in range(BUSY_TRIES):
            outcome = await self.suite.run("mem-append", "--jsonl", f"--context={context}", given=lines)
            if outcome.code != BUSY:
                break
        if outcome.code:
            raise Failure(f"mem-append: {outcome.complaint}", code=outcome.code)
        return outcome.out.strip().rpartition("\n")[2]

    async def edited(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A person changed a message: the log keeps both."""
        event = listening.edit_event(payload, self.allowed)
        if event and (context := await self.places.context(discord.Object(payload.channel_id))):
            await self.log(context, event)

    def _fetch(self, message: Incoming) -> None:
        if message.attached and message.id not in self.ledger.kept and message.id not in self.fetching:
            task = self._in_background(self._keep(message))
            self.fetching[message.id] = task
            task.add_done_callback(lambda _: self.fetching.pop(message.id, None))

    async def _keep(self, message: Incoming) -> None:
        """What came with a message, on disk; addresses expire."""
        try:
            paths, notes = await self.post.patiently(
                lambda: attachments.keep(self.home, message), "an attachment", FETCHES, timeout=attachments.SECONDS
            )
        except Exception as error:
            paths, notes = [], [f"what was attached could not be fetched: {delivery.told_of(error)}"]
        await self.journal.write(kept(message.id, paths, notes))

    async def catch_up(self) -> None:
        """What was said while nobody listened; after each connection that could have missed something."""
        async with self.catching_up:
            self.caught_up.clear()
            self.whole = False
            await self._catch_up()

    async def _catch_up(self) -> None:
        try:
            cursor = self.life.cursor
            if cursor is None:  # the relay is new here: what was said before is no message to it
                await asyncio.to_thread(self.life.keep_cursor, await self.history.newest())
            else:
                await self.history.missed(cursor, self.take_in)
            self.whole = True
        except delivery.TROUBLE as error:
            self.say(f"what was said meanwhile could not be read: {delivery.told_of(error)}; trying again in a minute")
        finally:
            self.caught_up.set()
            for context in self.ledger.contexts:
                for message in self._open(context):
                    self._fetch(message)
                self._wake(context)

    async def _advance(self) -> None:
        """Move the cursor to where everything has been seen."""
        if self.whole and self.client.connected and self.life.cursor is not None:
            newest = snowflake.instant(self.ledger.latest) if self.ledger.latest else 0
            seen = snowflake.at(min(clock.system_now() - BEHIND, newest - CLOSE))
            if seen > self.life.cursor:
                await asyncio.to_thread(self.life.keep_cursor, seen)
                self.ledger.forget(seen)

    def _open(self, context: str) -> list[Incoming]:
        turn = self.ledger.unfinished(context)
        return [*(turn.of if turn else ()), *self.ledger.waiting.get(context, {}).values()]

    # --- turns

    def _wake(self, context: str) -> None:
        if context not in self.lanes and not self.ending.is_set():
            task = self._in_background(self._lane(context))
            self.lanes[context] = task
            task.add_done_callback(lambda _: self._asleep(context))

    def _asleep(self, context: str) -> None:
        del self.lanes[context]
        if context in self.ledger.waiting and self.caught_up.is_set() and not self.failed.done():  # it came in the last moment
            self._wake(context)

    async def _lane(self, context: str) -> None:
        """The turns of one context, one after the other, until there is nothing to answer."""
        while True:
            await self.caught_up.wait()
            turn = self.ledger.unfinished(context)
            of = turn.of if turn else lanes.together(self.ledger.waiting.get(context, {}).values())
            if not of or self.ending.is_set():
                return
            try:
                await self._turn(turn, of)
            except HandedBack:
                return

    async def _turn(self, turn: Turn | None, of: list[Incoming]) -> None:
        if turn is None or turn.text is None:
            async with self.slots:
                if self.ending.is_set():
                    raise HandedBack
                await self._answer(of)
        turn = self.ledger.turns[of[-1].id]
        await self._deliver(turn)

    async def _answer(self, of: list[Incoming]) -> None:
        """Take the turn, and have its answer in the ledger."""
        context, channel, started = of[0].context, of[0].channel, clock.monotonic()
        attempts = Attempts(self.suite, self.settings["relay.turn"], self.journal, self.say)
        self.attempts[context] = attempts
        typing = asyncio.create_task(self._type(channel))
        try:
            if fetching := [self.fetching[message.id] for message in of if message.id in self.fetching]:
                await asyncio.wait(fetching)
            found = [self.ledger.kept[message.id] for message in of if message.id in self.ledger.kept]
            await self.start_thread(context)
            answer = await attempts.answer(of, [path for k in found for path in k.files], [note for k in found for note in k.notes])
        finally:
            typing.cancel()
            del self.attempts[context]
        if answer.how == FAILED:
            await self._dead(of, answer.text)
        self.life.last = life.Last(clock.system_now(), clock.monotonic() - started, context, answer.how)
        await self.journal.write(answered(of[-1].id, answer.text, answer.how))

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
            self.say(f"the message {context} was made from could not be read: {delivery.told_of(error)}")

    async def _type(self, channel: int) -> None:
        """Show that an answer is being made, while it is."""
        while True:
            try:
                await asyncio.wait_for(self.client.http.send_typing(channel), self.settings["relay.timeout"])
            except delivery.TROUBLE:  # nothing depends on it
                pass
            await asyncio.sleep(8)

    # --- answers

    async def _deliver(self, turn: Turn) -> None:
        """Post what is not posted yet of an answer."""
        parts = delivery.parts(self.home, turn.text or "")
        try:
            for number, part in enumerate(parts):
                if number not in turn.posted:
                    last = number == len(parts) - 1
                    id = await self._part(turn, number, part)
                    await self.journal.write(posted(turn.id, number, id), *([done(m.id for m in turn.of)] if last else []))
        except delivery.Refused as refused:
            self.say(f"an answer to {turn.context} could not be posted: {refused}")
            await self._dead(turn.of, f"not posted: {refused}", turn.text or "")
        if turn.id in self.ledger.turns:  # nothing to post, or nothing that Discord takes
            await self.journal.write(done(m.id for m in turn.of))

    async def _part(self, turn: Turn, number: int, part: delivery.Part) -> int:
        nonce, reply_to = f"{turn.id}-{number}", None if number else turn.id
        after = turn.posted.get(number - 1, turn.id)
        in_doubt = turn.posting == number  # the relay died over it
        if not in_doubt:
            await self.journal.write(posting(turn.id, number))
        try:
            return await self.post.part(turn.channel, part, nonce, after, reply_to, in_doubt)
        except delivery.Refused as refused:
            if not part.files:
                raise
            said = f"{part.content}\n(its files could not be sent: {refused})".strip()
            return await self.post.part(turn.channel, delivery.Part(said[-2000:], (), part.whole), f"{nonce}-t", after, reply_to)

    async def _dead(self, of: list[Incoming], why: str, text: str = "") -> None:
        """A line for a person to find, about what had no answer or could not be posted."""
        line = {"at": clock.text(clock.system_now()), "context": of[0].context, "of": [m.id for m in of], "why": why}
        data = stream.encode(stream.json_line(line | ({"answer": text} if text else {})) + "\n")
        path = self.home.path("relay", "dead.jsonl")
        await asyncio.to_thread(_append, path, data)

    # --- what people ask of it

    async def stop(self, context: str) -> bool:
        """Stop the turn that runs in a context; whether there was one."""
        attempts = self.attempts.get(context)
        if attempts:
            await attempts.stop()
        return attempts is not None

    def told(self) -> list[str]:
        """How it is going, in lines."""
        waiting = sum(map(len, self.ledger.waiting.values()))
        undelivered = sum(1 for turn in self.ledger.turns.values() if turn.text is not None)
        state = f"connected, {self.client.latency * 1000:.0f} ms" if self.client.connected else "not connected"
        rows = [
            f"plainmind {__version__}, {state}, up {life.span(clock.monotonic() - self.life.started)}",
            f"{len(self.attempts)} turns running, {waiting} messages waiting, {undelivered} answers to be posted",
        ]
        if last := self.life.last:
            ago = (clock.system_now() - last.at) / 1000
            rows.append(f"last turn: {last.how} after {last.seconds:.1f} s, {life.span(ago)} ago, in {last.context}")
        return rows


def _type(error: discord.HTTPException) -> str:
    """What an answer is by its own account: what Discord itself says is JSON."""
    return error.response.headers.get("Content-Type", "")


def _append(path: str, data: bytes) -> None:
    files.make_folder(os.path.dirname(path))
    files.append(path, data)
