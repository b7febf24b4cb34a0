"""Who may ask the board: pure rules over the heads of a request.

A browser sends what other sites tell it to. Without a token the name it asked must be one of ours:
a name that somebody pointed at this machine is not (DNS rebinding). With one any name is right, for
a proxy or a private network has its own: a site that rebinds its name has no cookie of ours. A
request that another site caused is refused either way (cross-site request forgery).
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from ..ground import clock, stream

TOKEN = "MIND_BOARD_TOKEN"
COOKIE = "plainmind-board"
LEAST = 16  # characters of a token
LASTS = 7 * 86400  # seconds of a session
_SESSIONS = 1000  # at once; the oldest goes
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
    "cross-origin-opener-policy": "same-origin",
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
        self.token = token
        #: a browser that showed the token has one, until the board or the token is another
        self._sessions: dict[str, float] = {}  # -> when it began, by the clock that only goes on

    def judge(
        self, method: str, headers: Mapping[str, str], cookie: str = "", *, searches: bool = False
    ) -> Refusal | None:
        """Why a request is refused; None when it is not. Headers by names in lower case.
        `searches`: it costs a call of a model, perhaps money."""
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if not self.token and host not in self.hosts:
            return Refusal(421, "this board does not go by that name")
        ours = (f"http://{host}", f"https://{host}")
        site = headers.get("sec-fetch-site", "none")
        # a link from elsewhere may lead here, but nothing else may
        wanders = site not in ("none", "same-origin") and not (
            method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        )
        if wanders or origin is not None and origin.lower() not in ours:
            return Refusal(403, "asked by another site")
        if searches and site not in ("none", "same-origin"):
            return Refusal(403, "another site asked for this search; search on the board itself")
        if not self.knows(headers.get("authorization", ""), cookie):
            return Refusal(401, "a token is needed")
        return None

    def begin_session(self) -> str:
        """The cookie that opens this door for a while; it does not tell the token."""
        made = secrets.token_urlsafe(32)
        self._sessions[made] = clock.monotonic()
        while len(self._sessions) > _SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return made

    def end_session(self, cookie: str) -> None:
        self._sessions.pop(cookie, None)

    def knows(self, authorization: str, cookie: str = "") -> bool:
        """Whether a request has the token, or a session; always where none is asked for."""
        if not self.token:
            return True
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "bearer":
            # a header's bytes come as so many characters
            return self.is_token(given.encode("latin-1", "replace"))
        began = self._sessions.get(cookie)
        return began is not None and clock.monotonic() - began < LASTS

    def is_token(self, given: bytes) -> bool:
        """It takes as long whatever is wrong with it, its length included."""
        given = given.strip()
        return hmac.compare_digest(_derive(given), _derive(stream.encode(self.token)))

    @property
    def asks(self) -> bool:
        return bool(self.token)


def _derive(given: bytes) -> bytes:
    return hmac.digest(given, b"plainmind board", "sha256")
