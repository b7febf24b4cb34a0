"""One connection to the board: who sends nothing, or a head a byte at a time, keeps nobody else
out. One that is unknown is one on which nothing was asked yet that the door let in."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..ground.address import is_loopback
from .access import HEADERS

MOST = 200  # connections at once
#: unknown ones: in all, of one address, and of this machine, where a proxy may be
UNKNOWN, OF_ADDRESS, OF_LOOPBACK = 100, 16, 64
PATIENCE = 10.0  # seconds in which the head of a request has arrived


class BoardConnection(H11Protocol):
    def __init__(self, *given: Any, **more: Any):
        super().__init__(*given, **more)
        self._inner, self.app = self.app, self._answer
        self._deadline: asyncio.TimerHandle | None = None
        self.is_known = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The oldest unknown one goes for one too many: who asks at once is never that."""
        super().connection_made(transport)
        self.made = self.loop.time()
        self._wait()
        unknown = [one for one in self.connections if isinstance(one, BoardConnection)]
        unknown = sorted((one for one in unknown if not one.is_known), key=lambda one: one.made)
        address = self.client[0] if self.client else ""
        own = [one for one in unknown if one.client and one.client[0] == address]
        if len(own) > (OF_LOOPBACK if is_loopback(address) else OF_ADDRESS):
            own[0].end()
        elif len(unknown) > UNKNOWN:
            unknown[0].end()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif self.cycle is None or self.cycle.response_complete:
            self._wait()  # from the first byte on; more bytes give no more time

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        sent = (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode()),
            h11.EndOfMessage(),
        )
        for event in sent:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def end(self) -> None:
        self.connections.discard(self)  # it no longer counts
        self.transport.abort()

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE, self.end)

    def _stop_waiting(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"is_full": len(self.connections) > MOST, "let_in": self._let_in}
        await self._inner(scope, receive, send)

    def _let_in(self) -> None:
        self.is_known = True
