"""A relay as a process, on a home of its own, against the Discord of the tests."""

import json
import os
import signal
import subprocess
from typing import Any

import forks
from discord_server.client import Discord
from scene import PATIENCE, ROOT

#: takes a turn in no time: says what it was given, and keeps it; `wait N`, `fail N` and `say TEXT`
#: in a message do so
STUB = r"""#!/bin/sh
text=$(cat; echo .); text=${text%.}
here=$(dirname "$0")
for part; do case $part in --message-id=*) id=${part#*=} ;; esac; done
echo "$id" >> "$here/began"
case $text in
  *"wait "*) rest=${text#*wait }; sleep "${rest%% *}" ;;
esac
case $text in
  *"fail "*) rest=${text#*fail }; echo "agent-turn: it is broken" >&2; exit "${rest%% *}" ;;
  *"say "*) printf '%s' "${text#*say }" ;;
  *nothing*) ;;
  *) printf 're: %s' "$text" ;;
esac
echo "$id" >> "$here/turns"
"""


class Relay:
    """`start` and `stop` it as often as you like; what it keeps is in `home`."""

    def __init__(self, folder: str, discord: Discord, **settings: str):
        self.discord, self.folder = discord, str(folder)
        self.home = os.path.join(self.folder, "a home")
        os.makedirs(self.home, exist_ok=True)
        self.stub = os.path.join(self.folder, "turn")
        with open(self.stub, "w") as file:
            file.write(STUB)
        os.chmod(self.stub, 0o755)
        self.env = {
            "PATH": os.environ["PATH"], "MIND_HOME": self.home, "DISCORD_TOKEN": discord.token,
            "DISCORD_API_BASE": discord.api, "DISCORD_CHANNEL_ID": discord.channel,
            "MIND_RELAY_ALLOW": discord.owner, "MIND_RELAY_TURN": self.stub, "MIND_DEBUG": "1",
            **settings,
        }  # fmt: skip
        self.command = [f"{ROOT}/bin/discord-relay", "--verbose"]
        self.process: forks.Child | None = None

    def start(self, *, ready: bool = True) -> "Relay":
        """The process; with `ready`, once it is connected. What it has missed may still be
        coming."""
        cursor = self.path("relay", "cursor.json")
        others = self.discord.connected() if ready else []
        self.errors = open(os.path.join(self.folder, "stderr"), "ab")
        self.process = forks.start(self.command, self.env, self.errors.fileno())
        if ready:
            self.discord.wait(
                lambda: (
                    os.path.exists(cursor)
                    and any(one not in others for one in self.discord.connected())
                )
            )
        return self

    def stop(self) -> int:
        """Its exit code after a SIGTERM; it ends sooner than a turn of two minutes."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.wait(3 * PATIENCE)

    def wait(self, seconds: float = 180) -> int:
        assert self.process
        code = self.process.wait(seconds)
        self.errors.close()
        return code

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.wait()

    def __enter__(self) -> "Relay":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.stop()  # its turns end with it

    def path(self, *parts: str) -> str:
        return os.path.join(self.home, *parts)

    def read(self, *parts: str) -> str:
        try:
            with open(self.path(*parts), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    @property
    def said(self) -> str:
        """What it said on standard error, all its runs."""
        with open(os.path.join(self.folder, "stderr"), encoding="utf-8") as file:
            return file.read()

    def turns(self) -> list[str]:
        """The message ids of the stub's turns that ended, in order."""
        path = os.path.join(self.folder, "turns")
        return open(path).read().split() if os.path.exists(path) else []

    def steps(self) -> list[dict[str, Any]]:
        """The ledger."""
        return [json.loads(line) for line in self.read("relay", "inbox.jsonl").splitlines()]

    def log(self, context: str) -> str:
        """All windows of a context."""
        folder = self.path("logs", context)
        names = (
            sorted(name for name in os.listdir(folder) if name.endswith(".md"))
            if os.path.isdir(folder)
            else []
        )
        return "".join(self.read("logs", context, name) for name in names)

    def run(
        self, command: str, *arguments: str, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """A command of the suite on this home."""
        argv = [f"{ROOT}/bin/{command}", *arguments]
        code, out, complaints = forks.run(argv, self.env, given.encode())
        return subprocess.CompletedProcess(argv, code, out.decode(), complaints.decode())
