"""A home, a scripted model, and turns taken with the real command or through the library."""

import hashlib
import os
import signal
import sqlite3
import subprocess
from typing import Any

import forks
import pytest
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.turn import Model, Turn
from plainmind.agent.turn_log import UserMessage
from plainmind.formats.log.event import Event
from plainmind.ground import files as files_of_home
from plainmind.ground.environment import Environment
from plainmind.ground.settings import Settings
from plainmind.index.sqlite import opening
from plainmind.memory import Memory, resident
from plainmind.providers import registry
from plainmind.truth.log import reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT, TIME
from scripted import CONTEXT, Script, serving

BIN = os.path.join(ROOT, "bin")


@pytest.fixture
def model():
    """The scripted model; its script must be played to its end."""
    with serving(Script()) as script:
        yield script
        assert not script.replies, "the model was asked less often than the script says"


class World:
    """One home and everything that happens to it."""

    def __init__(self, home, model: Script, folder: str):
        self.home, self.model, self.folder = home, model, folder
        self.env = {
            "PATH": os.environ["PATH"], "HOME": folder, "MIND_HOME": home.root, "MIND_NOW": TIME,
            "OPENAI_BASE_URL": model.url, "MIND_TURN_MODEL": "openai:scripted",
            "MIND_BACKOFF": "0",
        }  # fmt: skip

    def start(self, *arguments: str, name: str = "agent-turn", **env: str) -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [os.path.join(BIN, name), *arguments], stdin=subprocess.DEVNULL, stdout=pipe,
            stderr=pipe, env={**self.env, **env},
            # a shell's background jobs ignore Ctrl-C, and so would everything under them
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    def run(self, name: str, *arguments: str, stdin: bytes = b"", code: int = 0, **env: str) -> str:
        page = [os.path.join(BIN, name), *arguments]
        ended = forks.run(page, {**self.env, **env}, stdin, self.folder)
        self.said = ended.complaints.decode("utf-8", "replace")
        assert ended.code == code, (ended.code, self.said)
        assert "Traceback" not in self.said
        return ended.out.decode("utf-8", "replace")

    def turn(
        self, *arguments: str, context: str | None = CONTEXT, code: int = 0, **env: str
    ) -> str:
        """What `agent-turn` prints."""
        where = ("--context", context) if context else ()
        return self.run("agent-turn", *where, *arguments, code=code, **env)

    def append(
        self,
        role: str,
        content: str,
        instant: int = NOW - 86_400_000,
        context: str = CONTEXT,
        **meta: Any,
    ) -> None:
        Log(self.home).append(context, [EventDraft(instant, role, content, meta)], instant)

    def events(self, context: str = CONTEXT) -> list[Event]:
        """The events of the current window."""
        path = self.home.current_window(context)
        return self.events_of(path) if path else []

    def events_of(self, path: str) -> list[Event]:
        opened = reader.read_window(self.home, path)
        return [opened.event(block) for block in opened.blocks()]

    def roles(self, context: str = CONTEXT) -> list[str]:
        return [event.role for event in self.events(context)]

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def tree(self, below: str = "") -> dict[str, tuple]:
        """Everything in the home: name -> kind, mode, time, hash."""
        found = {}
        for folder, folders, files in os.walk(os.path.join(self.home.root, below)):
            for name in [*folders, *files]:
                path = os.path.join(folder, name)
                stat = os.lstat(path)
                data = files_of_home.read(path) if name in files else b""
                found[os.path.relpath(path, self.home.root)] = (
                    stat.st_mode,
                    stat.st_mtime_ns,
                    hashlib.sha256(data).hexdigest(),
                )
        return found

    def lasting(self) -> dict[str, tuple]:
        """All of the home but who had the index's lock last and, where SQLite is new enough for
        WAL, its own files beside an index: they come and go with whoever looks."""
        found = self.tree()
        found.pop("index/lock", None)
        if "index" in found and opening.wal_is_safe(sqlite3.sqlite_version_info):
            found["index"] = found["index"][:1]
            for end in ("-wal", "-shm"):
                found.pop(f"index/mind.db{end}", None)
        return found


@pytest.fixture
def world(home, model, tmp_path) -> World:
    return World(home, model, str(tmp_path))


@pytest.fixture
def library(home, model, monkeypatch, unsynced):
    """A turn through the library, each model asked once:

    `library(text, "openai:x", key=value…)` -> its reply.
    """
    monkeypatch.setenv("OPENAI_BASE_URL", model.url)

    def run(
        text: str,
        setting: str = "openai:scripted",
        context: str | None = CONTEXT,
        id: str = "",
        **settings: Any,
    ) -> str:
        values = {f"MIND_{key.upper()}": str(value) for key, value in settings.items()}
        chosen = Settings("", "config.toml", lambda name: values.get(name, ""))
        env = Environment(home.root)
        means = Memory(home, env, chosen, lambda: NOW, lambda said: None)
        always = resident.find_in_prompt(means, None, context)
        voice = {"mask": env.mask, "say": means.say}
        with Shell(home, ROOT, None, ShellOptions.of(chosen, (), always, **voice)) as shell:
            turn = Turn(
                means, Model(registry.open_chat(setting, env, chosen)), shell, Log(home), context
            )
            return turn.run(UserMessage(text, {"message_id": id} if id else {}))

    return run
