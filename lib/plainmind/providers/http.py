"""Requests with JSON: each bounded in time and size, no secret ever in a message.

Owns what a status means: whose fault it is, and whether trying again can help.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ..ground import clock, masks
from ..ground.address import is_this_machine
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from . import answer_json, deadline
from .deadline import Emit
from .too_long import find_too_long

CONNECT = 5.0  # seconds
MOST = 64 * 1024 * 1024  # bytes of an answer


class HttpRequest(NamedTuple):
    """What is asked of a server. `variable` is what the address came from, for a cure."""

    method: str
    url: str
    body: Any
    headers: dict[str, str]
    timeout: float
    who: str
    variable: str


def post(
    url: str, body: Any, *, headers: dict[str, str], timeout: float, who: str, variable: str = ""
) -> Any:
    """The JSON a server answers. Unavailable, BadData (it refuses the content) or Misconfigured."""
    request = HttpRequest("POST", url, body, headers, timeout, who, variable)
    pieces: list[bytes] = []
    try:
        pieces.extend(_answer(request))
    except answer_json.TooMuch as failure:
        try:
            return parse_json(answer_json.close_cut(b"".join(pieces)), who)
        except Unavailable:
            raise failure from None
    return parse_json(b"".join(pieces), who)


def get(url: str, *, headers: dict[str, str], timeout: float, who: str, variable: str = "") -> Any:
    request = HttpRequest("GET", url, None, headers, timeout, who, variable)
    return parse_json(b"".join(_answer(request)), who)


def post_lines(
    url: str, body: Any, *, headers: dict[str, str], timeout: float, who: str, variable: str = ""
) -> Iterator[bytes]:
    """The lines of a streamed answer as they come; one that breaks off raises Unavailable."""
    rest = b""
    for piece in _answer(HttpRequest("POST", url, body, headers, timeout, who, variable)):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def name_server(model: str, url: str) -> str:
    """A model at its server, without what a URL may hold of secrets."""
    from urllib.parse import urlsplit

    return f"{model} at {urlsplit(url).netloc.rpartition('@')[2]}"


def encode(body: Any) -> bytes:
    """JSON in UTF-8. A lone surrogate becomes '?': servers refuse it, even escaped."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def failure_of_status(
    who: str, status: int, said: str, after: str | None, secrets: Sequence[str] = ()
) -> Failure:
    """The failure that a status other than 200 means."""
    for secret in secrets:
        said = said.replace(secret, "***")
    what = f"{who} answered {status}" + (f": {masks.cut(said, 200)}" if said else "")
    told = said.lower()
    # Google says 400 to a wrong key
    if status in (401, 403) or "api key not valid" in told:
        return Misconfigured(what, cure="check the key")
    if status == 402:
        return Misconfigured(what, cure="check the account")
    if status in (404, 405) or 300 <= status < 400:
        return Misconfigured(what, cure="check the server's URL and the model's name")
    if too_long := find_too_long(what, said, status):
        return too_long
    # llama.cpp says 500 to a text longer than its batch, which no retry makes shorter
    if "too large to process" in told:
        return BadData(what)
    if status in (408, 425, 429) or status >= 500 or status < 300:
        return Unavailable(what, retry_after=parse_retry_after(after), undone=status in (425, 429))
    return BadData(what)


def parse_retry_after(value: str | None) -> float | None:
    """Seconds, from a number or an HTTP date; an unreadable one is as none."""
    if not value:
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if seconds < float("inf") else None
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - clock.system_now() / 1000)
    except (ValueError, TypeError, OverflowError):
        return None


def _answer(request: HttpRequest) -> Iterator[bytes]:
    """The body of a good answer, in pieces."""
    who = request.who
    pieces = deadline.stream(lambda emit: _fetch(request, emit), request.timeout, who)
    status, after = next(pieces)
    if status != 200:
        said = " ".join(_beginning(pieces).decode("utf-8", "replace").split())
        secrets = [value.split()[-1] for value in request.headers.values() if len(value) > 5]
        raise failure_of_status(who, status, said, after, secrets)
    yield from pieces


def _fetch(request: HttpRequest, emit: Emit) -> None:
    """Emits the status with its Retry-After, then the body's pieces. Every error is a Failure."""
    from urllib.parse import urlsplit

    import requests

    method, url, body, headers, timeout, who, variable = request
    data = None if body is None else encode(body)
    wanted = {"Content-Type": "application/json", **headers}
    with requests.Session() as session:
        try:
            # no proxy is asked for a server on this machine
            session.trust_env = not is_this_machine(url)
            response = session.request(
                method, url, data=data, headers=wanted, stream=True,
                timeout=(min(CONNECT, timeout), timeout),
                allow_redirects=False,  # one could carry the key to another host
                # else ~/.netrc replaces the key
                auth=None if "@" in url else lambda request: request,
            )  # fmt: skip
        # what requests calls an invalid URL, schema or header is one, and so is what it overlooks
        except ValueError as error:
            key, place = " or the key" if headers else "", "the server's address"
            what = f"{who}: {variable or place}{key} is malformed"
            malformed = Misconfigured(what, cure="write http://host:port")
            raise failure_of_address(error, malformed) from None
        except (requests.RequestException, OSError) as error:
            failure = failure_of_connection(error, who, timeout)
            if variable and failure.undone:
                address = urlsplit(url).netloc.rpartition("@")[2]
                cure = f"start it at {address}" if is_this_machine(url) else "try again later"
                failure.cure = f"{cure}, or correct {variable}"
            raise failure from None
        with response:
            emit((response.status_code, response.headers.get("Retry-After")))
            _read(response.raw, who, emit)


class ProxyUnusable(Misconfigured):
    """It is not the server's address that is wrong."""


def failure_of_address(error: ValueError, otherwise: Misconfigured) -> Misconfigured:
    """Which address it is that requests cannot use: it says so of a proxy's in words only."""
    said = str(error).lower()
    if "socks" in said:
        cure = "set HTTPS_PROXY and ALL_PROXY to an HTTP proxy, or unset them"
        return ProxyUnusable("a SOCKS proxy cannot be used", cure=cure)
    if "proxy url" in said:
        cure = "fix HTTPS_PROXY or ALL_PROXY"
        return ProxyUnusable("the proxy's address is malformed", cure=cure)
    return otherwise


def failure_of_connection(error: Exception, who: str, timeout: float) -> Unavailable:
    """What an error of requests means: surely undone is only what never got a connection."""
    import requests
    import urllib3

    if isinstance(error, requests.Timeout):
        undone = isinstance(error, requests.ConnectTimeout)
        return Unavailable(f"{who} did not answer within {timeout:g} s", undone=undone)
    inner = getattr(error.args[0], "reason", None) if error.args else None
    undone = isinstance(inner, urllib3.exceptions.NewConnectionError)
    return Unavailable(f"{who} cannot be reached: {_reason(error)}", undone=undone)


def _read(raw: Any, who: str, emit: Emit) -> None:
    import urllib3

    size = 0
    try:
        # read1 gives what is there; read would wait for a full buffer, and a stream come in lumps
        while piece := raw.read1(65536, decode_content=True):
            size += len(piece)
            if size > MOST:
                raise answer_json.TooMuch(f"{who} answered more than {MOST >> 20} MB")
            emit(piece)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise Unavailable(f"{who} broke off its answer: {_reason(error)}") from None


def _beginning(pieces: Iterator[bytes]) -> bytes:
    """The first of an error's text, as far as it comes."""
    said = b""
    with suppress(Unavailable):
        while len(said) <= 4000 and (piece := next(pieces, b"")):
            said += piece
    return said


def parse_json(data: bytes, who: str) -> Any:
    try:
        return answer_json.parse(data, who)
    except ValueError:
        raise Unavailable(f"{who} did not answer with JSON") from None


def _reason(error: BaseException) -> str:
    """The innermost reason, without the address, which may hold a key."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return (getattr(error, "strerror", "") or type(error).__name__).lower()
