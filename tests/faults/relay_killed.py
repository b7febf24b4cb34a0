"""The world around a relay that is killed again and again: people who speak in two places, a model
that answers each word of theirs with lines that can be counted, and what must hold in the end.

Every message is one word, `w12`. `w12x3` is answered with three messages of Discord's, `w12s3`
after three seconds, `w12h` when `release` says so. Each line of an answer is there once, in the
order in which the words were said, in Discord and in the log; each word is logged once.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import count
from random import Random
from typing import Any

import forks
import relaying
from discord_server.client import Discord
from plainmind.formats.log.event import Event
from plainmind.ground.paths import Home
from plainmind.surfaces.discord.ledger import Ledger
from plainmind.truth.log import reader
from scene import PATIENCE, ROOT

HERE = os.path.dirname(os.path.abspath(__file__))
SECOND = "1100000000000000031"  # one more who is allowed: what two people say is never one turn
WORD = re.compile(r"(?<![\w-])w\d+(?:x\d+)?(?:s\d+)?h?\b")  # and no part of a file's path
LINES = 28  # of one message of Discord's
LIMIT = 180.0  # seconds in which everything is answered

# a path with a space in it cannot stand behind '#!'
MODEL = f"""#!/bin/sh
'''exec' "{sys.executable}" -IS "$0" "$@"
' '''
import json, os, re, sys, time
said = [m["content"] for m in json.load(sys.stdin)["messages"] if m["role"] == "user"][-1]
words = re.findall({WORD.pattern!r}, said)
with open(sys.argv[0] + ".asked", "a") as file:
    file.write("".join(word + "\\n" for word in words))
lines = []
for word in words:
    time.sleep(int((re.findall("s([0-9]+)", word) or [0])[0]))
    while "h" in word and not os.path.exists(sys.argv[0] + ".released"):
        time.sleep(0.05)
    long = int((re.findall("x([0-9]+)", word) or [0])[0])
    lines += [f"{{word}}.{{n}}" + " and so on" * 6 * (long > 0) for n in range({LINES} * long or 1)]
print(json.dumps({{"text": "\\n".join(lines)}}))
"""


def lines(word: str) -> list[str]:
    """The beginnings of the lines with which a word is answered."""
    found = re.search(r"x(\d+)", word)
    return [f"{word}.{n}" for n in range(LINES * int(found[1]) if found else 1)]


class World(relaying.Relay):
    """A relay that takes real turns, in a channel and a thread of it. `sabotage` breaks promises of
    the runs to come."""

    def __init__(self, folder: str, discord: Discord, *sabotage: str):
        os.makedirs(folder, exist_ok=True)
        self.model = os.path.join(folder, "model")
        with open(self.model, "w", encoding="utf-8") as file:
            file.write(MODEL)
        os.chmod(self.model, 0o755)
        self.death = os.path.join(folder, "death")
        super().__init__(
            folder,
            discord,
            MIND_RELAY_TURN="agent-turn",
            MIND_TURN_MODEL=f"command:{self.model}",
            MIND_TURN_SANDBOX="none",
            MIND_RECALL_FLOOR="1",
            MIND_RELAY_ALLOW=f"{discord.owner},{SECOND}",
            DEATH=self.death,
            PYTHONPATH=f"{ROOT}/lib{os.pathsep}{ROOT}/tests",
        )
        self.sabotage = sabotage
        self.words: dict[str, list[str]] = {discord.channel: []}
        self.numbers, self.kills = count(1), 0

    # --- what happens

    def begin(self) -> "World":
        """The relay's first run, and a thread that is made from what was said."""
        self.start()
        origin = self.say()
        self.thread = self.discord.thread(message=origin)["id"]
        self.starter = self.words[self.discord.channel][0]
        self.words[self.thread] = []
        self.say(place=self.thread)
        self.settle()
        return self

    def start(self, *, ready: bool = True) -> "World":
        before = self.discord.counts().get("ready", 0)
        self.errors = open(os.path.join(self.folder, "stderr"), "ab")
        script = [os.path.join(HERE, "relay_dying.py"), *self.sabotage]
        self.process = forks.start(script, self.env, self.errors.fileno())
        if ready:
            self.discord.wait(
                lambda: (
                    self.discord.counts().get("ready", 0) > before
                    and self.read("relay", "cursor.json")
                )
            )
        return self

    def say(self, more: str = "", place: str = "", **about: Any) -> str:
        """One more word, of somebody else than the last one. The message's id."""
        place = place or self.discord.channel
        number = next(self.numbers)
        word = f"w{number}{more}"
        about.setdefault("author", (self.discord.owner, SECOND)[len(self.words[place]) % 2])
        id = self.discord.say(word, channel=place, **about)["id"]
        self.words[place].append(word)
        return id

    def order(self, death: str) -> None:
        with open(f"{self.death}.new", "w", encoding="utf-8") as file:
            file.write(death)
        os.rename(f"{self.death}.new", self.death)

    def strike(self, death: str) -> bool:
        """It dies at this write, and is settled after it; whether there was such a write."""
        if "identifications" in death:  # which it makes when it connects
            self.kill()
            self.order(death)
            self.start(ready=False)
        else:
            self.order(death)
        self.say("x2")
        self.say("x2", self.thread)
        self.say()
        struck = self.dies()
        if struck:
            self.say()
            self.say("x2", self.thread)
            self.start(ready=False)
        self.settle()
        return struck

    def dies(self) -> bool:
        """Whether it dies before there is nothing left to do."""
        assert self.process
        end, calm = time.monotonic() + LIMIT, 0.0
        while time.monotonic() < end:
            try:
                code = self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                calm = 0.0 if self.left() else calm or time.monotonic()
                if calm and time.monotonic() - calm > 2 * PATIENCE:
                    os.unlink(self.death)
                    return False
                continue
            assert code == -signal.SIGKILL, f"it ended with {code}: {self.complaints()}"
            self.errors.close()
            self.kills += 1
            self.let_arrive()
            return True
        raise AssertionError(f"neither dead nor done: {self.complaints()}")

    def let_arrive(self) -> None:
        """Let Discord do what the dead one had asked it: who comes next looks for it there."""
        for _ in range(5):
            self.discord.counts()
            time.sleep(0.02)

    def kill(self, turns: bool = False) -> None:
        """kill -9, of the turns too or only of the relay."""
        assert self.process
        running = children(self.process.pid) if turns else []
        self.process.send_signal(signal.SIGKILL)
        for pid in running:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait()
        self.kills += 1
        self.let_arrive()

    def harass(self, draw: Random) -> None:
        """Two deaths at any time, while people speak. Not three: the third attempt at a turn is the
        last."""
        for _ in range(2):
            for _ in range(draw.randint(1, 3)):
                where, who = (
                    draw.choice((self.discord.channel, self.thread)),
                    draw.choice((self.discord.owner, SECOND)),
                )
                self.say(draw.choice(("", "", "x2", "x3", "s1")), where, author=who)
                time.sleep(draw.uniform(0, 0.3))
            time.sleep(draw.choice((draw.uniform(0, 0.4), draw.uniform(0, 2.5))))
            self.kill(turns=draw.random() < 0.3)
            if draw.random() < 0.5:
                self.say()
            self.start(ready=draw.random() < 0.7)
        self.settle()

    def release(self) -> None:
        with open(f"{self.model}.released", "w"):
            pass

    def end(self) -> None:
        self.release()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.wait()

    # --- what must hold

    def left(self) -> bool:
        """Whether something has not been answered yet, or the relay does not know that it has."""
        return any(
            len(self.shown(place)) < len(self.expected(place)) for place in self.words
        ) or bool(self.ledger.open)

    def settle(self, seconds: float = LIMIT) -> None:
        """Until everything is answered; more than that is seen at once."""
        end = time.monotonic() + seconds
        while self.left():
            assert time.monotonic() < end, f"not answered: {self.difference()}; {self.complaints()}"
            assert self.process and self.process.poll() is None, f"it ended: {self.complaints()}"
            time.sleep(0.05)
        assert not self.difference(), self.difference()

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.path("relay", "inbox.jsonl"))

    def expected(self, place: str) -> list[str]:
        return [line for word in self.words[place] for line in lines(word)]

    def shown(self, place: str) -> list[str]:
        """The lines that were posted, what is wrong among them."""
        return [
            line.split(" ")[0]
            for m in self.discord.posted(place)
            for line in m["content"].split("\n")
        ]

    def difference(self) -> str:
        for place in self.words:
            if wrong := differing(self.expected(place), self.shown(place)):
                where = "channel" if place == self.discord.channel else "thread"
                return f"posted to the {where}: {wrong}"
        return ""

    def complaints(self) -> str:
        """The last that it said."""
        with open(os.path.join(self.folder, "stderr"), encoding="utf-8") as file:
            return file.read()[-1500:]

    def asked(self) -> Counter[str]:
        """How often the model was asked for each word."""
        if not os.path.exists(f"{self.model}.asked"):
            return Counter()
        with open(f"{self.model}.asked", encoding="utf-8") as file:
            return Counter(file.read().split())

    def events(self, context: str) -> list[Event]:
        home, found = Home(self.home), []
        for name in home.list_windows(context):
            opened = reader.read_window(home, f"logs/{context}/{name}")
            found += [opened.event(block) for block in opened.blocks()]
        return found

    def wrong(self) -> list[str]:
        """All that does not hold, once the relay has ended."""
        found = [self.difference()]
        for place, words in self.words.items():
            context = f"discord-{'channel' if place == self.discord.channel else 'thread'}/{place}"
            events = self.events(context)
            starters = [e.content for e in events if e.meta.get("starter")]
            if starters != ([] if place == self.discord.channel else [self.starter]):
                found.append(f"{context} starts with {starters}")
            users = [
                word
                for e in events
                if e.role == "user" and not e.meta.get("starter")
                for word in e.content.split("\n")
            ]
            agents = [
                line.split(" ")[0]
                for e in events
                if e.role == "agent" and "reply_to" in e.meta
                for line in e.content.split("\n")
            ]
            found.append(
                differing(words, users) and f"{context} has of its users: {differing(words, users)}"
            )
            expected = self.expected(place)
            found.append(
                differing(expected, agents)
                and f"{context} has of the agent: {differing(expected, agents)}"
            )
        lint = self.run("mem-lint", "--logs")
        found.append(lint.stdout + lint.stderr)
        found.append(self.read("relay", "dead.jsonl"))
        ledger = self.ledger
        if ledger.open or ledger.turns or ledger.waiting:
            found.append(f"left to do: {ledger.open} {ledger.turns} {ledger.waiting}")
        if "internal error" in (said := self.complaints()):
            found.append(said)
        return [said for said in found if said]


def differing(expected: list[str], found: list[str]) -> str:
    """'' where they are the same."""
    if found == expected:
        return ""
    more, less = Counter(found) - Counter(expected), Counter(expected) - Counter(found)
    if not more and not less:
        at = next(n for n, (one, other) in enumerate(zip(expected, found)) if one != other)
        return f"out of order: {found[at]} where {expected[at]} belongs"
    return f"lost {list(less)[:5]}, too many {list(more.items())[:5]}"


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[1] == str(pid):
                    found.append(int(name))
        except OSError:
            continue
    return found
