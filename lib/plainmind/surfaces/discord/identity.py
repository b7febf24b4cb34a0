"""Who the relay is, where it lives and whom it listens to, as settings say it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from ...ground import files
from ...ground.environment import Environment
from ...ground.errors import Busy, Misconfigured
from ...ground.paths import Home
from ...ground.settings import Settings

STRANGERS = 1000  # that are remembered


class BotIdentity(NamedTuple):
    token: str
    channel: int
    allowed: frozenset[int]  # users
    api: str  # '' for Discord's


class AllowList:
    """Whom the relay listens to. Of each stranger a person is told once."""

    def __init__(self, users: frozenset[int], say: Callable[[str], None]):
        self.users, self.say = users, say
        self._strangers: set[int] = set()

    def admits(self, user: int) -> bool:
        if user in self.users:
            return True
        if user not in self._strangers and len(self._strangers) < STRANGERS:
            self._strangers.add(user)
            self.say(f"user {user} is not in relay.allow, and is ignored")
        return False


def read_identity(env: Environment, settings: Settings) -> BotIdentity:
    """Misconfigured, with what to do, when something is missing."""
    names = "DISCORD_TOKEN", "DISCORD_CHANNEL_ID", "DISCORD_API_BASE"
    token, channel, api = (env.get(name).strip() for name in names)
    _require(
        token, "DISCORD_TOKEN is missing", "put the bot's token into .env in the memory folder"
    )
    cure = "copy it again from Discord's developer portal"
    _require(re.fullmatch(r"[!-~]+", token), "DISCORD_TOKEN is not a token", cure)
    what = f"'{channel}' is not a channel id" if channel else "DISCORD_CHANNEL_ID is missing"
    _require(
        _is_id(channel), what, "put the id of the bot's channel into .env in the memory folder"
    )
    is_url = re.fullmatch(r"(https?://[^\s/?#]+[^\s?#]*)?", api)
    cure = "write https://HOST/api/v10, or leave it out"
    _require(is_url, "DISCORD_API_BASE is not a URL", cure)
    return BotIdentity(token, int(channel), _read_allowed(settings), api)


def _read_allowed(settings: Settings) -> frozenset[int]:
    users = settings["relay.allow"].replace(",", " ").split()
    for user in users:
        what = f"relay.allow: '{user}' is not a user id"
        _require(_is_id(user), what, "give the number that 'Copy User ID' gives")
    cure = 'write [relay] and allow = "YOUR USER ID" into config.toml'
    _require(users, "relay.allow names nobody", cure)
    return frozenset(map(int, users))


def _require(good: object, what: str, cure: str) -> None:
    if not good:
        raise Misconfigured(what, cure=cure)


@contextmanager
def hold_lock(home: Home) -> Iterator[None]:
    """The lock of the relay, which nobody waits for. Busy when there is one already."""
    with ExitStack() as held:
        try:
            held.enter_context(files.lock(home.path("relay", "lock"), wait=0))
        except Busy:
            raise Busy("a relay of this memory folder is running already") from None
        yield


def _is_id(text: str) -> bool:
    return bool(re.fullmatch(r"\d{1,20}", text, re.ASCII))
