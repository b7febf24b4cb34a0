"""Requests to Discord, made again while they fail in a way that may pass.

What Discord refuses for good raises Refused. Refuses to know what is asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

import discord

from ...ground import backoff, chance, clock, masks
from ...ground.backoff import Backoff
from ...ground.errors import Failure, Misconfigured
from ...ground.outages import Outages

WAITS = Backoff(1.0, 60.0)
LONGEST = 3600.0  # seconds of quiet that are obeyed
FORBIDDEN, ARCHIVED = 403, 50083  # of HTTP; Discord's own
ENDED = 50027  # the code of a 401 that speaks of a command's token, which is good for 15 minutes


Say = Callable[[str], None]
Request = Callable[[], Awaitable[Any]]


class Refused(Failure):
    """Discord will not take it, however often it is sent. `status`: of HTTP; `error`:
    Discord's own number."""

    status = error = 0

    @property
    def may_be_allowed_later(self) -> bool:
        """Of what may be changed in Discord: who may write, a locked or archived thread."""
        return self.status == FORBIDDEN or self.error == ARCHIVED


#: what may come of talking to Discord; a request that takes too long is an OSError
TROUBLE = (Refused, discord.DiscordException, aiohttp.ClientError, OSError)


class Requests:
    """`timeout`: seconds for one request."""

    def __init__(self, timeout: float, say: Say, outages: Outages):
        self.timeout, self.say, self.outages = timeout, say, outages

    async def ask(
        self, request: Request, what: str, attempts: int = 0, timeout: float = 0, who: str = ""
    ) -> Any:
        """`request()`, again while it may pass; with `attempts`, so many times at most. `who`: what
        other processes (discord-send, remind-scan) know the place by that is asked."""
        import tenacity

        def say_again(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if who:
                self.outages.keep_quiet(who, read_quiet(state), clock.system_now())
            self.say(f"{what}: {describe(error)}; trying again")

        async def attempt() -> Any:
            if who and (left := self.outages.quiet_left(who, clock.system_now())):
                await backoff.sleep_async(left)
            return await asyncio.wait_for(request(), timeout or self.timeout)

        policy = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=lambda state: max(
                WAITS.delay(state.attempt_number, chance.draw_fraction()), read_quiet(state)
            ),
            stop=tenacity.stop_after_attempt(attempts) if attempts else tenacity.stop_never,
            before_sleep=say_again,
            sleep=backoff.sleep_async,
            reraise=True,
        )
        try:
            return await policy(attempt)
        except discord.HTTPException as error:
            if error.status == 401 and error.code != ENDED:
                what = "Discord does not accept the token any more"
                raise Misconfigured(what, cure="check DISCORD_TOKEN") from None
            if may_pass(error):  # it was tried often enough, and was not refused
                raise
            refused = Refused(describe(error))
            refused.status, refused.error = error.status, error.code
            raise refused from None


def read_quiet(state: Any) -> float:
    """The seconds for which Discord, or what stands before it, wants not to be asked again."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, discord.RateLimited):
        return error.retry_after
    if isinstance(error, discord.HTTPException) and error.status in (429, 503):
        said = error.response.headers.get("Retry-After") or "0"
        return min(float(said), LONGEST) if said.replace(".", "", 1).isdigit() else 0.0
    return 0.0


def may_pass(error: BaseException) -> bool:
    """Whether what failed may work later."""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, discord.RateLimited | aiohttp.ClientError | OSError)


def describe(error: BaseException | None) -> str:
    """An error for a person."""
    if isinstance(error, TimeoutError):
        return "Discord did not answer in time"
    if isinstance(error, discord.HTTPException):
        text = masks.cut(" ".join(error.text.split()), 200)
        return f"Discord answered {error.status}" + (f": {text}" if text else "")
    return f"{type(error).__name__}: {error}"
