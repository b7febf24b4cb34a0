"""One connection to the gateway: sent in order, compressed as asked, at the reader's pace."""

import asyncio
import json
import zlib

from aiohttp import web

try:
    from compression.zstd import ZstdCompressor  # type: ignore[import-not-found]
except ImportError:
    ZstdCompressor = None


class Plain:
    def __call__(self, text: str) -> str | bytes:
        return text


class Zlib:
    """One stream for the whole connection; each message ends with a flush."""

    def __init__(self) -> None:
        self.stream = zlib.compressobj()

    def __call__(self, text: str) -> bytes:
        return self.stream.compress(text.encode()) + self.stream.flush(zlib.Z_SYNC_FLUSH)


class Zstd:
    def __init__(self) -> None:
        self.stream = ZstdCompressor()

    def __call__(self, text: str) -> bytes:
        return self.stream.compress(text.encode(), self.stream.FLUSH_BLOCK)


def compression(asked: str | None) -> Plain | Zlib | Zstd:
    """What cannot be done is answered without compression, which every client reads."""
    if asked == "zlib-stream":
        return Zlib()
    return Zstd() if asked == "zstd-stream" and ZstdCompressor else Plain()


class Wire:
    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.request = request
        self.socket = socket
        self.compress = compression(request.query.get("compress"))
        self.kind = type(self.compress).__name__.lower()
        self.queue: asyncio.Queue[tuple[str, str | int]] = asyncio.Queue()
        self.writer = asyncio.create_task(self._write())
        self.ended: int | None = None

    def op(self, op: int, data: object = None) -> None:
        self.text(json.dumps({"t": None, "s": None, "op": op, "d": data}))

    def text(self, text: str) -> None:
        self.queue.put_nowait(("text", text))

    def close(self, code: int | None) -> None:
        """After what was said before; without a code, as when a machine dies."""
        self.queue.put_nowait(("cut", "") if code is None else ("close", code))

    def break_off(self, text: str) -> None:
        """Ends in the middle of this event: its first half is sent."""
        self.queue.put_nowait(("cut", text))

    async def _write(self) -> None:
        try:
            while True:
                what, said = await self.queue.get()
                if what == "text":
                    await self._send(self.compress(str(said)))
                elif what == "close":
                    self.ended = int(said)
                    await self.socket.close(code=int(said))
                else:
                    await self._cut(str(said))
        except (ConnectionError, RuntimeError):
            pass  # the reader is gone; the loop that reads notices

    async def _send(self, data: str | bytes) -> None:
        await (
            self.socket.send_bytes(data) if isinstance(data, bytes) else self.socket.send_str(data)
        )

    async def _cut(self, text: str) -> None:
        if text and isinstance(self.compress, Zlib):  # the others have no message in two pieces
            data = self.compress(text)
            await self._send(data[: len(data) // 2])
        self.ended = 1006
        if self.request.transport:
            self.request.transport.abort()
