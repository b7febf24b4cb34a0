"""A channel and its threads as contexts: which one a message belongs to, and what the relay itself
writes there, by the suite's mem-append.

Owns that a thread's first event is the message it was made from; a stranger's is quoted.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from discord import Object

from ...ground import stream
from ...ground.errors import BUSY, Failure
from ...ground.paths import Home
from .history import ChannelHistory
from .messages import EventRecord, describe_stranger, to_incoming, to_starter_event
from .programs import Suite
from .requests import TROUBLE, Say, describe

CHANNEL, THREAD = "discord-channel/", "discord-thread/"
KNOWN = 1000  # threads
BUSY_TRIES = 3  # for the home's lock, which each waits for by itself


class Places:
    """The one channel and the threads made from it; what a thread belongs to is asked once."""

    def __init__(self, channel: int, history: ChannelHistory):
        self.channel, self.history = channel, history
        self._parents: OrderedDict[int, int] = OrderedDict()

    async def find_context(self, place: int) -> str:
        """'' for a place that is not ours."""
        return await self.context_of(self.history.client.get_channel(place) or Object(place))

    async def context_of(self, place: Any) -> str:
        """'' for a place that is not ours. `place` has an id, and maybe a parent."""
        if place.id == self.channel:
            return f"{CHANNEL}{place.id}"
        parent = getattr(place, "parent_id", None) or self._parents.get(place.id)
        if parent is None:
            parent = await self.history.find_parent(place.id)
            self._parents[place.id] = parent
            if len(self._parents) > KNOWN:
                self._parents.popitem(last=False)
        return f"{THREAD}{place.id}" if parent == self.channel else ""


def place_of(context: str) -> int:
    """The id of the channel or thread that is a context."""
    return int(context.partition("/")[2])


def thread_of(context: str) -> int | None:
    """The id of the thread that is a context, None for the channel."""
    return int(context.removeprefix(THREAD)) if context.startswith(THREAD) else None


class ContextLog:
    def __init__(
        self, home: Home, suite: Suite, history: ChannelHistory, say: Say, users: Collection[int]
    ):
        """`users`: who may talk with us."""
        self.home, self.suite, self.history, self.say = home, suite, history, say
        self.users = users

    async def append(self, context: str, *events: EventRecord) -> None:
        """Append events, each once."""
        await self.start_thread(context)
        await self._append(context, *events)

    async def _append(self, context: str, *events: EventRecord) -> None:
        lines = "".join(stream.json_line(event) + "\n" for event in events)
        options = "--jsonl", f"--context={context}"
        for _ in range(BUSY_TRIES):
            outcome = await self.suite.run("mem-append", *options, given=lines)
            if outcome.code != BUSY:
                break
        if outcome.code:
            raise Failure(f"mem-append: {outcome.complaint}", code=outcome.code)

    async def start_thread(self, context: str) -> None:
        """Log the message a thread was made from: called before anything is logged there."""
        thread = thread_of(context)
        if thread is None or self.home.current_window(context):
            return
        try:
            if starter := await self.history.find_starter(thread):
                client = self.history.client
                said = to_incoming(starter, context, client.find_name)
                stranger = describe_stranger(starter, self.users, client.id)
                await self._append(context, to_starter_event(said, client.id, stranger))
        except (Failure, *TROUBLE) as error:
            self.say(f"the message {context} was made from could not be read: {describe(error)}")
