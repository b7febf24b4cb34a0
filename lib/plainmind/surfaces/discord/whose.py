"""Who the relay is, where it lives and whom it listens to, as settings say it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from ...ground import files
from ...ground.environment import Environment
from ...ground.errors import Busy, Misconfigured
from ...ground.paths import Home
from ...ground.settings import Settings


class Presence(NamedTuple):
    """The bot's token and channel, the users it listens to, and whose API it speaks to ('' for Discord's)."""

    token: str
    channel: int
    allowed: frozenset[int]
    api: str


def presence(env: Environment, settings: Settings) -> Presence:
    """Misconfigured, with what to do, when something is missing."""
    token, channel = env.get("DISCORD_TOKEN").strip(), env.get("DISCORD_CHANNEL_ID").strip()
    if not token:
        raise Misconfigured(
            "DISCORD_TOKEN is missing", cure="put the bot's token into .env of the home"
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise Misconfigured(
            "DISCORD_TOKEN is no token", cure="copy it once more from Discord's developer portal"
        )
    if not _number(channel):
        what = f"'{channel}' is no channel" if channel else "DISCORD_CHANNEL_ID is missing"
        raise Misconfigured(what, cure="put the number of the bot's channel into .env of the home")
    named = settings["relay.allow"].replace(",", " ").split()
    if strange := [name for name in named if not _number(name)]:
        raise Misconfigured(
            f"relay.allow: '{strange[0]}' is no user",
            cure="give the number that 'Copy User ID' gives",
        )
    if not named:
        raise Misconfigured(
            "relay.allow names nobody",
            cure='write [relay] and allow = "YOUR USER ID" into config.toml',
        )
    api = env.get("DISCORD_API_BASE").strip()
    if api and not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", api):
        raise Misconfigured(
            "DISCORD_API_BASE is no address", cure="write https://HOST/api/v10, or leave it out"
        )
    return Presence(token, int(channel), frozenset(map(int, named)), api)


@contextmanager
def only_one(home: Home) -> Iterator[None]:
    """The lock of the relay, which nobody waits for. Busy when there is one already."""
    with ExitStack() as held:
        try:
            held.enter_context(files.lock(home.path("relay", "lock"), wait=0))
        except Busy:
            raise Busy("a relay of this home is running already") from None
        yield


def _number(text: str) -> bool:
    return bool(re.fullmatch(r"\d{1,20}", text, re.ASCII))
