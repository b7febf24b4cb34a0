"""Getting an answer to Discord: once, whole, in order, whatever the network does.

Each part has a nonce of its own, by which Discord shows it once if it is sent again soon. For a nonce is forgotten after some
minutes, a part that may be there already is looked for before it is sent again: one that was being posted when the
relay died, or whose answer was lost. What a server or the network refuses for now is sent again until it is there;
what Discord refuses for good raises Refused.
"""

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp

import discord

from ...formats import chunks
from ...ground import chance, files
from ...ground.errors import Failure, Misconfigured
from ...ground.paths import Home
from . import attachments

MOST = 10  # messages; a longer answer goes as a file
LONGEST = 60.0  # seconds between two tries
ENDED = 50027  # the code of a 401 that speaks of a command's token, which is good for 15 minutes
LOOKED_AT = 1000  # messages in which one of ours is looked for: others may have said much before it


class Refused(Failure):
    """Discord will not take it, however often it is sent."""


#: what may come of talking to Discord; a request that takes too long is an OSError
TROUBLE = (Refused, discord.DiscordException, aiohttp.ClientError, OSError)


class Part(NamedTuple):
    content: str
    files: tuple[str, ...] = ()
    whole: str = ""  # an answer too long for messages, which goes as a file


def parts(home: Home, text: str) -> list[Part]:
    """The messages of an answer, the files it names with the last."""
    text = text.encode("utf-8", "replace").decode()
    found = attachments.named(home, text)
    pieces = chunks.split(found.text)
    if len(pieces) > MOST:
        found = attachments.named(home, text, attachments.MOST - 1)
        first = chunks.split(found.text)[0]
        return [
            Part(first),
            Part("(the whole answer is in the file)", tuple(found.files), found.text),
        ]
    made = [Part(piece) for piece in pieces]
    if found.files:
        last = made.pop() if made else Part("")
        made.append(last._replace(files=tuple(found.files)))
    return made


class Post:
    """Posting to Discord through discord.py. `timeout`: seconds for one request."""

    def __init__(self, client: discord.Client, timeout: float, say: Callable[[str], None]):
        self.client, self.timeout, self.say = client, timeout, say

    async def part(
        self,
        channel: int,
        part: Part,
        nonce: str,
        after: int,
        reply_to: int | None = None,
        in_doubt: bool = False,
    ) -> int:
        """The id of the message this part has become. Once it is in doubt it is looked for first, after that other message."""
        place = self.client.get_partial_messageable(channel)
        reference = (
            discord.MessageReference(
                message_id=reply_to, channel_id=channel, fail_if_not_exists=False
            )
            if reply_to
            else None
        )

        async def send() -> int:
            nonlocal in_doubt
            if in_doubt and (there := await self._find(channel, part, nonce, after, reply_to)):
                return there
            in_doubt = True
            options: dict[str, Any] = {"reference": reference} if reference else {}
            if attached := await asyncio.to_thread(_attached, part):
                options["files"] = attached
            message = await place.send(
                part.content or None,
                nonce=nonce,
                allowed_mentions=discord.AllowedMentions.none(),
                **options,
            )
            return message.id

        return await self.patiently(send, f"a message to {channel}")

    async def _find(
        self, channel: int, part: Part, nonce: str, after: int, reply_to: int | None
    ) -> int | None:
        """The message that this part became, if it did, among those after another one."""
        place = self.client.get_partial_messageable(channel)
        me = self.client.user.id if self.client.user else 0
        async for message in place.history(
            after=discord.Object(after), limit=LOOKED_AT, oldest_first=True
        ):
            if message.author.id != me:
                continue
            to = message.reference.message_id if message.reference else None
            if message.nonce == nonce or (
                to == reply_to and message.content.strip() == part.content.strip()
            ):
                return message.id
        return None

    async def patiently(
        self, work: Callable[[], Awaitable[Any]], what: str, attempts: int = 0, timeout: float = 0
    ) -> Any:
        """`work()`, again while it fails in a way that may pass; with `attempts`, so many times at most."""
        import tenacity

        def told(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            self.say(f"{what}: {told_of(error)}; trying again")

        async def attempt() -> Any:
            return await asyncio.wait_for(work(), timeout or self.timeout)

        policy = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(passing),
            wait=lambda state: (
                min(LONGEST, 2.0 ** min(state.attempt_number - 1, 10))
                * (1 - chance.draw(1)[0] / 512)
            ),
            stop=tenacity.stop_after_attempt(attempts) if attempts else tenacity.stop_never,
            before_sleep=told,
            reraise=True,
        )
        try:
            return await policy(attempt)
        except discord.HTTPException as error:
            if error.status == 401 and error.code != ENDED:
                raise Misconfigured(
                    "Discord does not accept the token any more", cure="check DISCORD_TOKEN"
                ) from None
            if passing(error):  # it was tried often enough, and is no refusal
                raise
            raise Refused(told_of(error)) from None


def passing(error: BaseException) -> bool:
    """Whether what failed may work later."""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or error.status >= 500
    return isinstance(
        error, discord.RateLimited | aiohttp.ClientError | OSError | asyncio.TimeoutError
    )


def told_of(error: BaseException | None) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "Discord did not answer in time"
    if isinstance(error, discord.HTTPException):
        said = " ".join(error.text.split())[:200]
        return (
            f"Discord answered {error.status}: {said}"
            if said
            else f"Discord answered {error.status}"
        )
    return f"{type(error).__name__}: {error}"


def _attached(part: Part) -> list[discord.File]:
    found = [discord.File(io.BytesIO(part.whole.encode()), "answer.md")] if part.whole else []
    for path in part.files:
        try:
            found.append(discord.File(io.BytesIO(files.read(path)), os.path.basename(path)))
        except OSError:  # it was there when the answer was made
            continue
    return found
