"""The sign in Discord that an answer is being made."""

import asyncio

import discord

from .requests import TROUBLE

EVERY = 8.0  # seconds; Discord shows it for 10


class TypingSign:
    """It is shown from the first `begin` to `end`. `timeout`: seconds for one request."""

    def __init__(self, client: discord.Client, channel: int, timeout: float):
        self.client, self.channel, self.timeout = client, channel, timeout
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._task or asyncio.create_task(self._show())

    def end(self) -> None:
        if self._task:
            self._task.cancel()

    async def _show(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self.client.http.send_typing(self.channel), self.timeout)
            except TROUBLE:  # nothing depends on it
                pass
            await asyncio.sleep(EVERY)
