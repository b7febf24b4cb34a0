"""Messages to Discord: by a bot, whose nonce keeps a repeat from appearing, or by a webhook.

Owns which of the two is there, the length of messages, retries within a deadline, and the traps of
discord-webhook: it has no timeout, sends its own options as part of the body, reads an answer of
any length, and looks for JSON where there is none. Nobody is ever mentioned who is not named as to
be. Refuses to know what a message says, and what became of earlier ones.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import __version__
from ..formats import chunks
from ..ground import clock, masks
from ..ground.address import is_this_machine
from ..ground.environment import Environment
from ..ground.errors import Failure, Misconfigured, Unavailable
from ..ground.outages import Outages
from ..ground.paths import Home
from . import deadline as limits
from . import http, retry

API = "https://discord.com/api/v10"
WHO = "Discord"
CONNECT = 2.0  # seconds
ATTEMPTS = 6
MOST = 64 * 1024  # bytes of an answer; a message comes back in a fifth of that
REPEATED = "(possibly repeated)"
AGENT = f"DiscordBot (plainmind, {__version__})"
#: what says where to send
VARIABLES = "DISCORD_WEBHOOK_URL, or DISCORD_TOKEN and DISCORD_CHANNEL_ID"


class OutgoingMessage(NamedTuple):
    content: str
    nonce: str
    mentions: dict[str, Any]


class Deliverer(ABC):
    """One way to Discord. `remembers`: seconds for which it knows a nonce again."""

    remembers = 0.0
    cure = ""
    who = WHO  # without a secret
    outages: Outages | None = None

    @abstractmethod
    def post(self, message: OutgoingMessage, timeout: float) -> Any:
        """The message's JSON as Discord answers it."""

    def send(
        self,
        text: str,
        *,
        nonce: str,
        deadline: float,
        doubt: bool = False,
        mention: Sequence[str] = (),
        begin: int = 0,
        arrived: Callable[[int, int, str], None] | None = None,
    ) -> list[str]:
        """The ids of the messages, one for each part. `deadline` is a monotonic instant, `nonce`
        has at most 20 characters.

        `begin` says how many parts arrived earlier; `arrived` is told of each that does: how many
        have, of how many, its id. `doubt` says that an earlier attempt at the first of those sent
        may have arrived; so may one of ours that got no answer. What is sent after that says so,
        where repeats are not kept from appearing. Unavailable, BadData or Misconfigured; `undone`
        when nothing can have arrived but what `arrived` was told of.
        """
        mentions: dict[str, Any] = {"parse": [], **({"users": list(mention)} if mention else {})}
        parts = chunks.split(masks.mask(text.encode("utf-8", "replace").decode()))
        sent: list[str] = []
        for number in range(begin, len(parts)):
            own = f"{nonce}-{number}" if number else nonce
            message = OutgoingMessage(parts[number], own, mentions)
            try:
                sent.append(self._send(message, deadline, doubt and number == begin))
            except Failure as failure:
                if number:
                    failure.what = f"{number} of {len(parts)} parts were sent; then {failure.what}"
                raise
            if arrived:
                arrived(number + 1, len(parts), sent[-1])
        return sent

    def _send(self, message: OutgoingMessage, deadline: float, doubt: bool) -> str:
        doubtful = doubt

        def attempt() -> str:
            nonlocal doubtful
            left = round(deadline - clock.monotonic(), 2)
            if left <= 0:
                raise Unavailable(f"there was no time left to send to {WHO}", undone=True)
            self._check_quiet()
            try:
                answer = limits.run(lambda: self._post(message, doubtful, left), left, WHO)
            except Unavailable as failure:
                if self.outages and failure.retry_after:
                    now = clock.system_now()
                    self.outages.keep_quiet(self.who, failure.retry_after, now)
                doubtful = doubtful or not (failure.undone or self.remembers)
                if f"{WHO} answered 5" in failure.what:
                    failure.cure = "discordstatus.com tells of outages"
                elif failure.what == f"{WHO} did not answer with JSON":
                    failure.cure = f"see that it is {WHO} that answers, not a proxy"
                raise
            except Failure as refusal:
                refusal.undone = True
                if isinstance(refusal, http.ProxyUnusable):
                    raise
                if isinstance(refusal, Misconfigured):
                    refusal.cure = self.cure
                elif not refusal.cure:
                    refusal.cure = "change the text"
                raise
            return str(answer.get("id", "")) if isinstance(answer, dict) else ""

        left = max(0.0, deadline - clock.monotonic())
        try:
            return retry.run(attempt, attempts=ATTEMPTS, deadline=left)
        except Failure as failure:
            failure.undone = failure.undone and not doubtful
            raise

    def _check_quiet(self) -> None:
        """Unavailable while Discord wants not to be asked, by whichever process it was told."""
        left = self.outages.quiet_left(self.who, clock.system_now()) if self.outages else 0.0
        if left:
            what = f"{WHO} wants not to be asked for {left:.0f} s"
            raise Unavailable(what, retry_after=left, undone=True)

    def _post(self, message: OutgoingMessage, doubtful: bool, timeout: float) -> Any:
        """The answer to the message, or to the last part of one that has no room for the mark."""
        if not doubtful:
            return self.post(message, timeout)
        answer = None
        for number, part in enumerate(chunks.split(f"{message.content}\n{REPEATED}")):
            nonce = f"{message.nonce}.{number}" if number else message.nonce
            answer = self.post(message._replace(content=part, nonce=nonce), timeout)
        return answer


class Webhook(Deliverer):
    """The address of a webhook, which is a secret."""

    cure = "check DISCORD_WEBHOOK_URL"

    def __init__(self, url: str):
        self.url = url
        self.who = f"webhook {hashlib.sha256(url.encode()).hexdigest()[:12]}"

    def post(self, message: OutgoingMessage, timeout: float) -> Any:
        import logging

        import requests

        logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it tells the address
        try:
            response = self._client(message, timeout).api_post_request()
            with response:
                said = _beginning(response)
        except ValueError as error:  # what requests calls an invalid URL is one
            malformed = Misconfigured("the webhook's address is malformed")
            raise http.failure_of_address(error, malformed) from None
        except (requests.RequestException, OSError) as error:
            raise http.failure_of_connection(error, WHO, timeout) from None
        status = response.status_code
        if status not in (200, 204):
            told = " ".join(said[:4000].decode("utf-8", "replace").split())
            secrets = [self.url, self.url.partition("?")[0].rstrip("/").rpartition("/")[2]]
            after = response.headers.get("Retry-After")
            raise http.failure_of_status(WHO, status, told, after, secrets)
        if status == 204 or (len(said) > MOST and said.lstrip().startswith(b"{")):
            return None  # sent; its id is not known
        return http.parse_json(said, WHO)

    def _client(self, message: OutgoingMessage, timeout: float) -> Any:
        import discord_webhook
        import requests

        class Clean(discord_webhook.DiscordWebhook):
            @property
            def json(self) -> dict[str, Any]:
                return {"content": self.content, "allowed_mentions": self.allowed_mentions}

            def api_post_request(self) -> requests.Response:
                # read as far as we like, never redirected: requests would empty the request
                return requests.post(
                    self.url, json=self.json, params=self._query_params, proxies=self.proxies,
                    timeout=self.timeout, stream=True, allow_redirects=False,
                )  # fmt: skip

        # no proxy is asked for a server on this machine
        here = is_this_machine(self.url)
        return Clean(
            self.url, content=message.content, allowed_mentions=message.mentions, wait="true",
            timeout=(min(CONNECT, timeout), timeout),
            proxies={"http": "", "https": ""} if here else None,
        )  # fmt: skip


def _beginning(response: Any) -> bytes:
    """The body of an answer, or enough of it to see that it is too long."""
    said = b""
    for piece in response.iter_content(8192):
        said += piece
        if len(said) > MOST:
            break
    return said


class Bot(Deliverer):
    """A bot's token, and a channel it may write to."""

    remembers = 120.0  # Discord says "a few minutes"; what is older is marked
    cure = "check DISCORD_TOKEN, the channel's id, and that the bot may write there"

    def __init__(self, token: str, channel: str, base: str):
        if not channel.isascii() or not channel.isdigit():
            raise Misconfigured(f"'{channel}' is not a channel id", cure="give its number")
        self.who = f"channel {channel}"
        self.token, self.url = token, f"{base.rstrip('/')}/channels/{channel}/messages"

    def post(self, message: OutgoingMessage, timeout: float) -> Any:
        body = {
            "content": message.content,
            "allowed_mentions": message.mentions,
            "nonce": message.nonce,
            "enforce_nonce": True,
        }
        headers = {"Authorization": f"Bot {self.token}", "User-Agent": AGENT}
        return http.post(self.url, body, headers=headers, timeout=timeout, who=WHO)


def open_deliverer(env: Environment, home: Home, channel: str = "") -> Deliverer | None:
    """The bot where there is a token and a channel, else the webhook, else None. It knows by the
    `home` what Discord told other processes: not to be asked for a while."""
    token, channel = env.get("DISCORD_TOKEN"), channel or env.get("DISCORD_CHANNEL_ID")
    url = env.get("DISCORD_WEBHOOK_URL")
    found: Deliverer | None = Webhook(url) if url else None
    if token and channel:
        found = Bot(token, channel, env.get("DISCORD_API_BASE", API))
    if found:
        found.outages = Outages(home)
    return found


def open_deliverer_of_home(env: Environment, home: Home) -> Deliverer | None:
    """The same for what sends without being asked to, a reminder or a confirmation of one: a
    channel that some other tool's variables name is not where it goes."""
    here = is_this_machine(env.get("DISCORD_API_BASE"))
    deliverer = open_deliverer(env.of_home(*["DISCORD_TOKEN"] * here), home)
    if not deliverer:
        env.mention(("DISCORD_WEBHOOK_URL", "DISCORD_TOKEN"))
    return deliverer
