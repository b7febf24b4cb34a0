"""Who may ask the board: pure rules over the heads of a request.

A browser sends what other sites tell it to. Without a token the name it asked must be one of ours:
a name that somebody pointed at this machine is not (DNS rebinding). With one any name is right, for
a proxy or a private network has its own: a site that rebinds its name has no cookie of ours. A
request that another site caused is refused either way (cross-site request forgery).
"""

import hmac
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from ..ground import stream

COOKIE = "plainmind-board"
LEAST = 16  # characters of a token
#: of every answer. Nothing inline, nothing from elsewhere, in no frame, in no store
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # not no-referrer: a browser would send 'Origin: null' with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Refusal(NamedTuple):
    status: int
    what: str


class Doors:
    """What the board asks for. `names`: those it goes by, in lower case, where there is no
    token."""

    def __init__(self, port: int, names: tuple[str, ...] = LOOPBACK, token: str = ""):
        self.hosts = {f"{name}:{port}" for name in names}
        if port == 80:
            self.hosts.update(names)
        self._token = token

    def judge(self, method: str, headers: Mapping[str, str], cookie: str = "") -> Refusal | None:
        """Why a request is refused; None when it is not. Headers by names in lower case."""
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if not self._token and host not in self.hosts:
            return Refusal(421, "this board does not go by that name")
        ours = (f"http://{host}", f"https://{host}")
        site = headers.get("sec-fetch-site", "none")
        # a link from elsewhere may lead here, but nothing else may
        wanders = site not in ("none", "same-origin") and not (
            method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        )
        if wanders or origin is not None and origin.lower() not in ours:
            return Refusal(403, "asked by another site")
        if not self.knows(headers.get("authorization", ""), cookie):
            return Refusal(401, "a token is needed")
        return None

    @cached_property
    def cookie(self) -> str:
        """What a browser keeps: it opens this door, and does not tell the token."""
        return self._derive(stream.encode(self._token)).hex()

    def knows(self, authorization: str, cookie: str = "") -> bool:
        """Whether a request has the token, or what was made of it; always where none is asked
        for."""
        scheme, _, given = authorization.partition(" ")
        named = scheme.lower() == "bearer"
        # a header's bytes come as so many characters
        return not self._token or (
            self.is_token(given.strip().encode("latin-1", "replace"))
            if named
            else hmac.compare_digest(stream.encode(cookie), self.cookie.encode())
        )

    def is_token(self, given: bytes) -> bool:
        """It takes as long whatever is wrong with it, its length included."""
        return hmac.compare_digest(self._derive(given), self._derive(stream.encode(self._token)))

    @property
    def asks(self) -> bool:
        return bool(self._token)

    def _derive(self, given: bytes) -> bytes:
        return hmac.digest(given, b"plainmind board, what a browser keeps", "sha256")
