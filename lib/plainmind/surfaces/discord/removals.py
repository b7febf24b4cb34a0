"""Places that are gone: a thread that was deleted with all that was in it, or the channel.

Discord tells of the place and of none of its messages, and whoever deletes a place has not taken
back what others said in it: the log keeps it, and the channel is told so once, with the command
that forgets it. Nobody could read an answer there: messages that wait get no turn, and answers that
were refused are given up. Without its channel the relay ends.

Refuses to know how the channel is told (outbox).
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import discord

from ...ground.errors import Misconfigured
from .contexts import THREAD, place_of
from .ledger import GoneThread, gone_step, told_step
from .requests import Refused
from .services import Services

UNKNOWN_CHANNEL = 10003  # Discord's code

Hearing = Callable[[], Coroutine[Any, Any, None]]


class Removals:
    """`drop` takes a message that waits out of the ledger, `tell` has somebody say what is not
    said yet."""

    def __init__(
        self, services: Services, drop: Callable[[int], Awaitable[None]], tell: Callable[[], None]
    ):
        self.services, self.drop, self.tell = services, drop, tell

    def make_handlers(self, put: Callable[[Hearing], Awaitable[None]]) -> dict[str, Any]:
        """What a client tells of places that are gone; `put` has it heard in its turn."""
        channel, client = self.services.places.channel, self.services.client

        async def on_thread(payload: discord.RawThreadDeleteEvent) -> None:
            if payload.parent_id == channel:
                name = payload.thread.name if payload.thread else ""
                await put(partial(self.hear_thread, payload.thread_id, name))

        async def on_channel(gone: Any) -> None:
            await put(partial(self.hear_channel, gone.id))

        async def on_server(_: Any) -> None:
            if client.get_channel(channel) is None:
                await put(partial(self.hear_channel, channel))

        return {
            "on_raw_thread_delete": on_thread,
            "on_guild_channel_delete": on_channel,
            "on_guild_remove": on_server,
        }

    async def hear_channel(self, place: int) -> None:
        self.check_channel(place)

    async def hear_thread(self, thread: int, name: str = "") -> None:
        services, context = self.services, f"{THREAD}{thread}"
        for id in list(services.ledger.waiting.get(context, {})):
            await self.drop(id)
        for answer in [a for a in services.ledger.refused.values() if a.context == context]:
            services.say(f"an answer to {context} is given up: the thread was deleted")
            await services.writer.write(told_step(answer.turn))
        logged = services.home.current_window(context)
        if logged and context not in services.ledger.gone:
            services.say(f"{context} was deleted in Discord; the log keeps what was said there")
            await services.writer.write(gone_step(GoneThread(context, name)))
            self.tell()

    async def note_refusal(self, context: str, refused: Refused) -> bool:
        """Whether a place could not be read because it is gone."""
        if refused.error != UNKNOWN_CHANNEL:
            return False
        place = place_of(context)
        self.check_channel(place)
        await self.hear_thread(place)
        return True

    def check_channel(self, place: int) -> None:
        """Misconfigured when a place that is gone was the relay's channel."""
        if place == self.services.places.channel:
            what = f"channel {place} was deleted, or the bot is no longer in its server"
            cure = "set DISCORD_CHANNEL_ID to another one; what was said there stays in the log"
            raise Misconfigured(what, cure=cure)


def compose_notice(thread: GoneThread) -> str:
    """What the channel is told of a thread that was deleted."""
    name = thread.name.replace("`", "'") or str(place_of(thread.context))
    command = f"mem-log --since 2000-01-01 {thread.context} | mem-forget --yes"
    what = f"(the thread `{name}` was deleted; what was said in it stays in the log"
    return f"{what}. To forget it: `{command}`)"
