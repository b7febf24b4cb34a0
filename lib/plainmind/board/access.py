"""Who may ask the board: pure rules over the heads of a request.

A browser sends what other sites tell it to. So the name it asked must be one of ours (a name that
was pointed at this machine is not: DNS rebinding), a request that another site caused is refused
(cross-site request forgery), and where others can reach the address, a token is needed.
"""

import hmac
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

COOKIE = "board"
LEAST = 16  # characters of a token
#: of every answer. Nothing inline, nothing from elsewhere, in no frame
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Refusal(NamedTuple):
    status: int
    what: str


class Doors(NamedTuple):
    """Where the board listens, and what it asks for. `hosts`: names it goes by, in lower case,
    without the port; empty: any address written in digits. `token`: '' on loopback alone."""

    port: int
    hosts: tuple[str, ...] = _LOOPBACK
    token: str = ""

    def judge(self, method: str, headers: Mapping[str, str], cookie: str = "") -> Refusal | None:
        """Why a request is refused; None when it is not. Headers by names in lower case."""
        if not self._is_ours(headers.get("host", "")):
            return Refusal(421, "this board does not go by that name")
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        foreign = origin is not None and origin not in self._origins(headers["host"])
        # a link from elsewhere may lead here, but nothing else may
        wanders = site not in ("none", "same-origin") and not (
            method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        )
        if foreign or wanders:
            return Refusal(403, "asked by another site")
        if self.token and not self.knows(headers.get("authorization", ""), cookie):
            return Refusal(401, "a token is needed")
        return None

    def knows(self, authorization: str, cookie: str = "") -> bool:
        """Whether this is our token; it takes as long whatever is wrong with it."""
        scheme, _, given = authorization.partition(" ")
        shown = given.strip() if scheme.lower() == "bearer" else cookie
        return hmac.compare_digest(shown.encode(), self.token.encode())

    def _is_ours(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self.port or parts.username is not None or parts.path:
            return False
        return (f"[{name}]" if ":" in name else name) in self.hosts if self.hosts else True

    def _origins(self, host: str) -> tuple[str, ...]:
        return (f"http://{host}", f"https://{host}")
