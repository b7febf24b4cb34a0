"""Talking to a relay in the Discord of the tests: places, words, commands, and turns that a test
holds and lets go."""

import json
import os
import sys
from typing import Any

from discord_server.client import OPENER, Discord
from relaying import Relay

#: takes a turn, or is the model of one. The last line of what is said tells it what to do: `hold
#: NAME` until the test lets NAME go, `end CODE`, `die`, `write NAME` (the answer is the file NAME),
#: `busy N` (ends with 75 so often), `run COMMAND` (the model has it run); else it answers `re: `
#: and the text
PROGRAM = r"""
import json, os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
here, text = os.path.dirname(os.path.abspath(__file__)), sys.stdin.read()
options = [argument for argument in sys.argv[1:] if argument.startswith("--") and "=" in argument]
request = None if options else json.loads(text)
said = request["messages"][-1]["content"] if request else text
call = {"text": text, "options": options, "request": request}
call["found"] = [os.path.isfile(option[9:]) for option in options if option.startswith("--attach=")]

def note(what):
    with open(os.path.join(here, "calls.jsonl"), "a") as file:
        file.write(json.dumps({"did": what, **call}) + "\n")

def answer(text):
    sys.stdout.write(json.dumps({"text": text}) if request else text)

note("began")
words = said.rpartition("\n")[2].split()
words = words[1:] if words and words[0].endswith(":") else words
does, what = (words + ["", ""])[:2]
if does == "hold":
    while not os.path.exists(os.path.join(here, "go-" + what)):
        time.sleep(0.01)
if does == "end":
    sys.stderr.write("agent-turn: it is broken\n")
    sys.exit(int(what))
if does == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if does == "busy":
    calls = [json.loads(line) for line in open(os.path.join(here, "calls.jsonl"))]
    tries = [call for call in calls if call["options"] == options]
    if len(tries) <= int(what):
        sys.exit(75)
if does == "run" and request and said == request["messages"][-1]["content"] and not [
    message for message in request["messages"] if message["role"] == "tool"
]:
    arguments = json.dumps({"command": said.partition("run ")[2]})
    made = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": arguments}}
    sys.stdout.write(json.dumps({"text": "", "tool_calls": [made]}))
elif does == "write":
    answer(open(os.path.join(here, what), encoding="utf-8").read())
else:
    answer("re: " + (" ".join(words) if request else text))
note("ended")
"""


class Talk:
    """A relay and its Discord. It runs this module's program for a turn, which keeps no log."""

    def __init__(self, folder: str, discord: Discord, **settings: str):
        self.folder, self.discord = str(folder), discord
        discord.set(interaction_seconds=60)  # a command that is late is another test's matter
        self.program = os.path.join(self.folder, "program")
        self.relay = Relay(self.folder, discord, **{"MIND_RELAY_TURN": self.program, **settings})
        self.write("program.py", PROGRAM)
        self.write("program", f'#!/bin/sh\nexec "{sys.executable}" -IS "$0.py" "$@"\n')
        os.chmod(self.program, 0o755)

    def __enter__(self) -> "Talk":
        self.relay.start()
        self.discord.wait(self.discord.commands)
        return self

    def __exit__(self, *_: object) -> None:
        self.relay.__exit__()

    def write(self, name: str, text: str) -> str:
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        return os.path.join(self.folder, name)

    def let_go(self, name: str) -> None:
        self.write(f"go-{name}", "")

    # --- saying

    def thread(self, **said: Any) -> str:
        """A thread of the channel, made from nothing unless a message is named."""
        return self.discord.thread(**said)["id"]

    def say(self, content: str = "", place: str = "", **said: Any) -> str:
        """The id of a message of the owner's."""
        return self.discord.say(content, channel=place or self.discord.channel, **said)["id"]

    def ask(self, command: str, options: dict | None = None, place: str = "", **said: Any) -> dict:
        """A command, once it has its answer."""
        return self.told(
            self.discord.interact(command, options, channel=place or self.discord.channel, **said)[
                "id"
            ]
        )

    def told(self, interaction: str) -> dict:
        return self.discord.wait(
            lambda: (found := self.discord.interaction(interaction))["edits"] and found
        )

    # --- what came of it

    def posted(self, place: str = "") -> list[dict]:
        return self.discord.posted(place or self.discord.channel)

    def texts(self, place: str = "") -> list[str]:
        return [message["content"] for message in self.posted(place)]

    def answer(self, id: str, place: str = "") -> dict:
        """The first message of the answer to a message, once nothing is left to do for it."""
        self.discord.wait(lambda: id in self.done())
        return next(
            m for m in self.posted(place) if m.get("message_reference", {}).get("message_id") == id
        )

    def parts(self, id: str, place: str = "") -> list[dict]:
        """All messages of an answer."""
        self.answer(id, place)
        return [m for m in self.posted(place) if str(m["nonce"]).startswith(f"{id}-")]

    def received(self) -> set[str]:
        return {
            str(step["message"]["id"])
            for step in self.relay.steps()
            if step.get("did") == "received"
        }

    def done(self) -> set[str]:
        return {
            str(id) for step in self.relay.steps() if step.get("did") == "done" for id in step["of"]
        }

    def calls(self, did: str = "began") -> list[dict]:
        """How the program was called, in order; with "ended", those that came to an end."""
        path = os.path.join(self.folder, "calls.jsonl")
        lines = open(path, encoding="utf-8").read().splitlines() if os.path.exists(path) else []
        return [call for call in map(json.loads, lines) if call["did"] == did]

    def call(self, id: str) -> dict:
        """How the program was called for a message, once it was."""
        mine = f"--message-id={id}"
        return self.discord.wait(
            lambda: next((call for call in self.calls() if mine in call["options"]), None)
        )

    def began(self, id: str) -> bool:
        return any(f"--message-id={id}" in call["options"] for call in self.calls())

    def request(self, text: str) -> dict:
        """What the model was asked for a message that ends with this text, once it was."""
        return self.discord.wait(
            lambda: next(
                (
                    c["request"]
                    for c in self.calls()
                    if c["request"]["messages"][-1]["content"].endswith(text)
                ),
                None,
            )
        )

    def windows(self, context: str) -> list[str]:
        folder = self.relay.path("logs", context)
        return (
            sorted(name for name in os.listdir(folder) if name.endswith(".md"))
            if os.path.isdir(folder)
            else []
        )

    def events(self, context: str) -> list[dict]:
        """What the current window of a context holds."""
        windows = self.windows(context)
        shown = (
            self.relay.run(
                "mem-show", "--json", "--window", f"logs/{context}/{windows[-1]}:1"
            ).stdout
            if windows
            else ""
        )
        return [json.loads(line) for line in shown.splitlines()]

    def fetched(self, attached: dict) -> bytes:
        """A file that was posted."""
        with OPENER.open(attached["url"], timeout=180) as response:
            return response.read()

    def dead(self) -> list[dict]:
        return [json.loads(line) for line in self.relay.read("relay", "dead.jsonl").splitlines()]


def option(call: dict, name: str) -> list[str]:
    """The values of an option the program was called with."""
    return [given.partition("=")[2] for given in call["options"] if given.startswith(f"--{name}=")]
