"""The server for a test: started, spoken to, ended. Knows no Discord library."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from . import cast

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: never through a proxy of the machine
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def attachment(filename: str, content: bytes, content_type: str | None = None) -> dict:
    return {
        "filename": filename,
        "content_type": content_type,
        "data": base64.b64encode(content).decode(),
    }


class Discord:
    """Ids are text, as they are in JSON. What the operations give are plain dicts and lists."""

    token = cast.TOKEN
    guild, channel, elsewhere, dm = cast.GUILD, cast.CHANNEL, cast.ELSEWHERE, cast.DM
    owner, stranger, bot_id, role = cast.OWNER, cast.STRANGER, cast.BOT, cast.ROLE

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.url = ""

    @property
    def api(self) -> str:
        return self.url + "/api/v10"

    @property
    def gateway(self) -> str:
        return self.url.replace("http", "ws") + "/gateway"

    @property
    def webhook(self) -> str:
        return f"{self.url}/api/webhooks/{cast.WEBHOOK}/{cast.WEBHOOK_TOKEN}"

    def __enter__(self) -> "Discord":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "discord_server", "--port", str(self.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": TESTS},
        )  # fmt: skip
        assert self.process.stdout
        self.url = json.loads(self.process.stdout.readline())["url"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def another(self) -> "Discord":
        """One more server, as new, in the same process: there at once, and as long as that is."""
        other = Discord()
        other.url = self.do("another")["url"]
        return other

    def do(self, operation: str, **said: Any) -> Any:
        request = urllib.request.Request(
            self.url + "/control", json.dumps({"do": operation, **said}).encode(),
            {"Content-Type": "application/json"}
        )  # fmt: skip
        try:
            with OPENER.open(request, timeout=180) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                wrong = json.load(error)
            raise ValueError(f"{operation}: {wrong['error']}\n{wrong['trace']}") from None

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Every operation of the server, with its fields: `discord.say(content="hi",
        channel=discord.elsewhere)`."""
        if operation.startswith("_") or operation == "process":
            raise AttributeError(operation)
        return lambda **said: self.do(operation, **said)

    # --- those that are used most

    def say(self, content: str = "", **said: Any) -> dict:
        return self.do("say", content=content, **said)

    def interact(self, command: str, options: dict | None = None, **said: Any) -> dict:
        return self.do("interact", command=command, options=options, **said)

    def interaction(self, id: str) -> dict:
        return self.do("interaction", id=id)

    def messages(self, channel: str | None = None, **said: Any) -> list[dict]:
        return self.do("messages", channel=channel or self.channel, **said)

    def posted(self, channel: str | None = None) -> list[dict]:
        """What the bot posted in a channel, in order; answers to commands are in `interaction`."""
        own = [m for m in self.messages(channel) if m["author"]["id"] == self.bot_id]
        return [m for m in own if m["type"] in (0, 19) and "webhook_id" not in m]

    def fault(self, where: str, what: str, match: dict | None = None, **said: Any) -> list[dict]:
        return self.do("fault", where=where, what=what, match=match, **said)

    def drop(self, code: int | None = None, forget: bool = False) -> dict:
        return self.do("drop", code=code, forget=forget)

    def counts(self) -> dict[str, int]:
        return self.do("log", requests_from=1 << 60, gateway_from=1 << 60)["counts"]

    def connected(self) -> list[dict]:
        return self.do("log", requests_from=1 << 60, gateway_from=1 << 60)["connected"]

    def wait(self, predicate: Callable[[], Any], seconds: float = 300) -> Any:
        """What the predicate gives once it is true; fails with the log's end when it takes long."""
        end = time.monotonic() + seconds
        while True:
            found = predicate()
            if found:
                return found
            if time.monotonic() > end:
                log = self.do("log")
                raise AssertionError(
                    f"not within {seconds} s; {log['requests'][-8:]} {log['gateway'][-8:]}"
                )
            time.sleep(0.02)
