"""Requests with JSON, by the requests library: every one bounded in time and size, no secret ever in a message."""

import json
from typing import Any, Iterator, NoReturn

from ..ground import clock
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable

CONNECT = 5.0  # seconds
MOST = 64 * 1024 * 1024  # bytes of an answer


def post(url: str, body: Any, *, headers: dict[str, str], timeout: float, who: str) -> Any:
    """The JSON a server answers to a POST. Unavailable, BadData (it refuses the content) or Misconfigured."""
    with _Response("POST", url, body, headers, timeout, who) as response:
        return _json(response.all(), who)


def get(url: str, *, headers: dict[str, str], timeout: float, who: str) -> Any:
    with _Response("GET", url, None, headers, timeout, who) as response:
        return _json(response.all(), who)


def post_lines(url: str, body: Any, *, headers: dict[str, str], timeout: float, who: str) -> Iterator[bytes]:
    """The lines of a streamed answer as they come; an answer that stops in the middle raises Unavailable."""
    with _Response("POST", url, body, headers, timeout, who) as response:
        rest = b""
        for piece in response.pieces():
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
        if rest:
            yield rest


class _Response:
    """An answer whose status was good, and whose body is read within the time and size."""

    def __init__(self, method: str, url: str, body: Any, headers: dict[str, str], timeout: float, who: str):
        import requests

        self.who, self.end = who, clock.monotonic() + timeout
        self._trouble: Any = (requests.RequestException, OSError)
        data = None if body is None else json.dumps(body).encode()
        try:
            with requests.Session() as session:
                # a redirect could carry the key to another host
                self._response = session.request(
                    method, url, data=data, headers={"Content-Type": "application/json", **headers},
                    timeout=(min(CONNECT, timeout), timeout), stream=True, allow_redirects=False,
                )  # fmt: skip
        except requests.exceptions.InvalidURL as error:
            raise Misconfigured(f"{who}: no usable address: {_reason(error)}", cure="check the server's URL") from None
        except (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
            raise Misconfigured(f"{who}: the server's address is no http URL", cure="write http://host:port") from None
        except requests.Timeout:
            raise Unavailable(f"{who} did not answer within {timeout:g} s") from None
        except self._trouble as error:
            raise Unavailable(f"{who} cannot be reached: {_reason(error)}") from None
        if self._response.status_code != 200:
            with self:
                self._refused()

    def __enter__(self) -> "_Response":
        return self

    def __exit__(self, *_: Any) -> None:
        self._response.close()

    def all(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        size = 0
        try:
            for piece in self._response.raw.stream(65536, decode_content=True):
                size += len(piece)
                if size > MOST:
                    raise Unavailable(f"{self.who} answered more than {MOST} bytes")
                if clock.monotonic() > self.end:
                    raise Unavailable(f"{self.who} did not finish its answer in time")
                yield piece
        except Failure:
            raise
        except Exception as error:  # urllib3 has its own exceptions for a connection that dies
            raise Unavailable(f"{self.who} broke off its answer: {_reason(error)}") from None

    def _refused(self) -> NoReturn:
        status = self._response.status_code
        try:
            said = " ".join(self.all()[:2000].decode("utf-8", "replace").split())[:200]
        except Unavailable:
            said = ""
        what = f"{self.who} answered {status}" + (f": {said}" if said else "")
        if status in (401, 403):
            raise Misconfigured(what, cure="check the key")
        if status in (404, 405) or 300 <= status < 400:
            raise Misconfigured(what, cure="check the server's URL and the model's name")
        if status in (408, 425, 429) or status >= 500:
            raise Unavailable(what, retry_after=retry_after(self._response.headers.get("Retry-After")))
        raise BadData(what)


def _json(data: bytes, who: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Unavailable(f"{who} answered no JSON") from None


def retry_after(value: str | None) -> float | None:
    """Seconds, from a number or an HTTP date; an unreadable one is as none."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - clock.system_now() / 1000)
    except (ValueError, TypeError):
        return None


def _reason(error: Exception) -> str:
    """The innermost reason, without the address, which may hold a key."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return (getattr(error, "strerror", "") or type(error).__name__).lower()
