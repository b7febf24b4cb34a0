"""What the relay itself costs: time, memory, processor and disk, for messages whose turns take no
time.

    .venv/bin/python bench/relay.py [--messages 10000] [--contexts 50] [--idle 20]

A Discord on this machine (tests/discord_server) tells of the messages, of two people by turns, so
that none go together; a stub takes the turns. At most four are under way, as many as there are
turns at once by default. A latency is from the message's or the stub's own clock to the stub's or
the answer's: with the loopback, a gateway, the start of a process and a request. Linux and bash 5
only, for what they tell of processes and time.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [
    os.path.join(os.path.dirname(HERE), "lib"),
    os.path.join(os.path.dirname(HERE), "tests"),
]

import relaying  # noqa: E402
from discord_server import snowflake  # noqa: E402
from discord_server.client import Discord  # noqa: E402

SECOND = "1100000000000000031"  # the other of the two people
UNDER_WAY = 4
ALONE = 200  # messages of which each waits for the answer to the one before
EARLY = 5  # a fifth of the messages, after which memory must not grow any more, but for
REMEMBERED = 120  # bytes of each message that could come in once more, for ten minutes, and
SOME = 2  # MiB

STUB = """#!{bash}
began=$EPOCHREALTIME
read -r text
for part; do case $part in --message-id=*) id=${{part#*=}} ;; esac; done
echo "re: $text"
echo "$id $began $EPOCHREALTIME" >> {folder}/turns
"""


class Usage(NamedTuple):
    """Of one process, without what it started: processor seconds, MiB."""

    cpu: float
    resident: float


def usage(pid: int) -> Usage:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        ticks = sum(map(int, file.read().rpartition(")")[2].split()[11:13]))
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), resident / 1024)


class Talk:
    """A relay and the people who talk to it."""

    def __init__(self, folder: str, discord: Discord, contexts: int):
        self.discord = discord
        discord.set(requests=1_000_000)  # Discord's own limits would be most of the time
        self.places = [
            discord.channel,
            *(discord.thread(name=f"thread {n}")["id"] for n in range(contexts - 1)),
        ]
        self.relay = relaying.Relay(folder, discord, MIND_RELAY_ALLOW=f"{discord.owner},{SECOND}")
        self.turns = os.path.join(folder, "turns")
        open(self.turns, "w").close()
        with open(self.relay.stub, "w", encoding="utf-8") as file:
            file.write(STUB.format(bash=shutil.which("bash"), folder=folder))
        self.said = 0
        for place in self.places[
            1:
        ]:  # a thread that nothing was said in is asked for the message it was made from
            self.relay.run(
                "mem-append", f"--context=discord-thread/{place}", "--role=user", "hello"
            )

    @property
    def pid(self) -> int:
        assert self.relay.process
        return self.relay.process.pid

    def go_on(self, count: int, under_way: int = UNDER_WAY) -> None:
        """So many messages more, until all are answered."""
        size, ended = os.path.getsize(self.turns), self.said
        with open(self.turns, "rb") as file:
            file.seek(size)
            for _ in range(count):
                place, author = self.said % len(self.places), self.said // len(self.places) % 2
                self.discord.say(
                    f"number {self.said}",
                    channel=self.places[place],
                    author=(self.discord.owner, SECOND)[author],
                )
                self.said += 1
                while self.said - ended >= under_way:
                    found = file.read().count(b"\n")
                    ended += found
                    if not found:
                        time.sleep(0.001)
        self.discord.wait(lambda: len(self.answers()) >= self.said, 600)

    def answers(self) -> list[dict]:
        return [message for place in self.places for message in self.discord.posted(place)]

    def latencies(self, since: int = 0) -> tuple[list[float], list[float]]:
        """ms from each message to its turn's start, and from the turn's end to the answer, since so
        many messages. Fails if one is not answered, or twice."""
        taken = {}
        with open(self.turns, encoding="utf-8") as file:
            for line in file:
                id, began, ended = line.split()
                assert id not in taken, f"two turns for {id}"
                taken[id] = float(began) * 1000, float(ended) * 1000
        answered = {
            message["message_reference"]["message_id"]: message["id"] for message in self.answers()
        }
        assert (
            len(self.answers()) == len(answered) == len(taken) == self.said
            and answered.keys() == taken.keys()
        )
        late = sorted(taken, key=int)[since:]
        return [taken[id][0] - snowflake.made(id) for id in late], [
            snowflake.made(answered[id]) - taken[id][1] for id in late
        ]


def told(name: str, figure: str, more: str = "") -> None:
    print(f"{name:44} {figure:>24}  {more}", flush=True)


def quantiles(name: str, found: list[float]) -> None:
    found = sorted(found)
    told(
        name,
        f"{found[len(found) // 2]:.1f} ms",
        f"99 in 100 below {found[len(found) * 99 // 100]:.1f} ms, all below {found[-1]:.1f}",
    )


def latencies(when: str, before: list[float], after: list[float]) -> None:
    quantiles(f"message to its turn{when}", before)
    quantiles(f"turn to its answer{when}", after)


def syncs(talk: Talk, count: int, under_way: int) -> float | None:
    """fsyncs for a message, counted by a tracer."""
    path = os.path.join(talk.relay.folder, "syncs")
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=fsync",
            "-e",
            "signal=none",
            "-o",
            path,
            "-p",
            str(talk.pid),
        ]
    )
    time.sleep(1)
    try:
        if tracer.poll() is not None:
            return None
        talk.go_on(count, under_way)
    finally:
        tracer.terminate()
        tracer.wait()
    with open(path, encoding="utf-8", errors="replace") as file:
        return sum("fsync(" in line for line in file) / count


def measure(messages: int, contexts: int, idle: float) -> bool:
    """Whether memory has stayed where it was."""
    with tempfile.TemporaryDirectory() as folder, Discord() as discord:
        talk = Talk(folder, discord, contexts)
        with talk.relay:
            talk.go_on(contexts)  # every context has been spoken in
            first, begun = usage(talk.pid), time.monotonic()
            talk.go_on(messages // EARLY)
            early = usage(talk.pid)
            talk.go_on(messages - messages // EARLY)
            last, took = usage(talk.pid), time.monotonic() - begun
            told(f"{messages} messages, {contexts} contexts", f"{messages / took:.0f} a second")
            told(
                "CPU of the relay for a message",
                f"{1000 * (last.cpu - first.cpu) / messages:.2f} ms",
            )
            grown = last.resident - early.resident
            told(
                "memory",
                f"{last.resident:.1f} MiB",
                f"{first.resident:.1f} at first, {grown:+.1f} since message {messages // EARLY}",
            )
            latencies(f", {UNDER_WAY} under way", *talk.latencies(contexts))
            talk.go_on(ALONE, 1)
            latencies(", alone", *talk.latencies(talk.said - ALONE))
            if shutil.which("strace"):
                for under_way in (1, UNDER_WAY):
                    if (found := syncs(talk, 100, under_way)) is not None:
                        told(f"fsyncs for a message, {under_way} under way", f"{found:.2f}")
            talk.latencies()
            start = usage(talk.pid)
            time.sleep(idle)
            end = usage(talk.pid)
            told(
                f"idle for {idle:.0f} s",
                f"{1000 * (end.cpu - start.cpu):.0f} ms CPU",
                f"{end.resident:.1f} MiB",
            )
    return grown < SOME + REMEMBERED * messages / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--contexts", type=int, default=50)
    parser.add_argument("--idle", type=float, default=20)
    given = parser.parse_args()
    return 0 if measure(given.messages, given.contexts, given.idle) else 1


if __name__ == "__main__":
    sys.exit(main())
