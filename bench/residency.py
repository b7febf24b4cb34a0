"""Faults of a conversation without resident memory, with it cut at its caps, and with its pages
chosen: the table of ClawVM (arXiv 2604.10352), for a workload of our own.

    .venv/bin/python bench/residency.py [--rounds 20] [--budget 512]

A round is twelve turns taken through the library, and four rounds are a window. History has a small
budget, so what was said, read or run soon leaves the prompt. The model is a script: it looks for
what a turn needs in its prompt, fetches it by a command if it is not there, and saves what is to
last where the prompt tells it how to. Recall from the log works in every column.

Faults are counted from outside, by one rule for all columns, when a turn's first request lacks what
the turn needs, though a prompt had it before:

    refetch                    a file of memory is read again
    duplicate-tool             a command is run again
    post-compaction-bootstrap  the set-up is missing, and is read again
    flush-miss                 what was told to last is in no file when its window ends
    silent-recall              what was told is missing, and nothing says where it is
    pinned-invariant           a rule is missing when it applies, whether it was there before or not

"Noticed" are the faults that the suite itself kept (mem-resident faults), by its own rules: prompt
by prompt, within a window. Nothing is by chance; only a pointer costs what its path costs, and so
figures of `chosen` may differ a little with TMPDIR.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lib"))

from plainmind.agent.bash import Shell, ShellOptions  # noqa: E402
from plainmind.agent.turn import Model, Turn  # noqa: E402
from plainmind.agent.turn_log import UserMessage  # noqa: E402
from plainmind.ground import files  # noqa: E402
from plainmind.ground.environment import Environment  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402
from plainmind.ground.settings import Settings  # noqa: E402
from plainmind.memory import Memory, resident  # noqa: E402
from plainmind.memory.resident.paging import FAULTS  # noqa: E402
from plainmind.providers.chat import Call, Reply  # noqa: E402
from plainmind.truth.log.writer import Log  # noqa: E402
from plainmind.truth.resident import records  # noqa: E402

CONTEXT, START, MINUTE = "discord-thread/1", 1_769_783_035_120, 60_000
HISTORY = 600  # tokens
ROUNDS_A_WINDOW = 4
INDEX = "$MIND_HOME/memory/MEMORY.md"
COLUMNS = ("off", "cut", "chosen")
RULES, TOPICS, TOOLS = 6, 4, 5
TOWNS = ("Kiel", "Bonn", "Ulm", "Trier", "Jena")
#: people do not ask twice in the same words, and recall is by words
COUNTS = (
    "How much is in stock {n}?",
    "Can the order for {town} go out?",
    "{town} calls: do they get it today?",
    "Enough for what they want in {town}?",
)
DETAILS = (
    "I stand at pump {n}{m}. What do I need?",
    "Line {n} hisses, number {m} from the left.",
    "What was it for the one in {n}, {m} from the door?",
)
SETUPS = ("Start the shift.", "Good morning, begin.", "Here we are again.", "All is off, go on.")


class Need(NamedTuple):
    """What a turn cannot do without: `phrase` is in a prompt that has it. `command` fetches it, and
    `hints` are what a prompt says of it that does not have it."""

    kind: str  # rule, setup, detail, tool, fact
    phrase: str
    command: str = ""
    hints: tuple[str, ...] = ()


class ScriptTurn(NamedTuple):
    text: str
    need: Need | None = None
    save: str = ""  # the command that keeps what is to last
    lasting: str = ""  # a phrase that is to be in a file when the window ends
    answer: str = "Done."


# --- the workload


def write_home(home: Home, column: str, budget: int) -> None:
    """The files of a person who uses both: rules first, the set-up after the notes."""
    rules = (f"- Rule {n}: no work in hall {n} before {n + 6}:30.\n" for n in range(RULES))
    topics = (f"- [Pumps {n}](pumps-{n}.md) — of line {n}\n" for n in range(TOPICS))
    parts = ("## Rules\n", *rules, "## Plan\n", "## Notes\n", "## Lines\n", *topics)
    setup = "## Setup\n- Log in at gate-2 as night-shift.\n- Then load the profile north.\n"
    os.makedirs(home.path("memory"))
    os.makedirs(home.workspace)
    config = {"maxInjectBytes": 4 * budget, "maxMemoryTokens": budget}
    config["pageTableInjection"] = column == "chosen"
    made = {"memory/MEMORY.md": "".join(parts) + setup, "memory/config.json": json.dumps(config)}
    for n in range(TOPICS):
        made[f"memory/pumps-{n}.md"] = "".join(
            f"- Pump {n}{m} has valve V{n}{m}7.\n"
            if m % 2
            else f"- Pump {n}{m} stops in cold nights. Its reset code is R{n}{m}9.\n"
            for m in range(6)
        )
    for n in range(TOOLS):
        rows = "".join(f"row {m}: {(n + 3) * m % 11} boxes\n" for m in range(20))
        made[os.path.join(home.workspace, f"stock-{n}")] = f"{rows}sum: {n}17 boxes\n"
    for name, text in made.items():
        files.replace(home.path(name), text.encode())


def write_turns(rounds: int) -> Iterator[ScriptTurn | None]:
    """The turns in order; None begins a new window."""
    told: list[Need] = []
    for r in range(rounds):
        fact, saved = make_fact(r)
        plan, changed = make_plan(r)
        yield ScriptTurn(f"Remember: {saved[0]}", None, saved[1], fact.phrase)
        told.append(fact)
        yield ScriptTurn(f"Tell me about the night of day {r}.", answer=f"It was calm. {r} " * 60)
        n = r % RULES
        yield ScriptTurn(
            f"May we begin in hall {n} now?", Need("rule", f"no work in hall {n} before")
        )
        yield make_count(r, r % TOOLS)
        yield make_detail(r, r % TOPICS, r % 6)
        yield ScriptTurn("Write the report.", answer=f"Report {r}: all lines ran. " * 50)
        yield ScriptTurn("And what did I tell you once?", told[r * 7 % len(told)])
        how = f"sed -n '/^## Setup/,$p' {INDEX}"
        yield ScriptTurn(SETUPS[r % 4], Need("setup", "gate-2 as night-shift", how))
        yield make_count(r, (r + 2) % TOOLS)
        yield ScriptTurn(f"The plan changes: {changed[0]}", None, changed[1], plan.phrase)
        yield ScriptTurn("What is next?", plan if r % 2 else fact)
        yield make_detail(r, (r + 1) % TOPICS, (r + 3) % 6)
        if r % ROUNDS_A_WINDOW == ROUNDS_A_WINDOW - 1:
            yield None


def make_fact(r: int) -> tuple[Need, tuple[str, str]]:
    """Something told, with what is said and how it is kept. Every fourth goes through the journal,
    and of these every second is not flushed at once. Every second is too long for the least
    fidelity."""
    phrase = f"agreed on {r + 2} May" if r % 2 else f"opens at 5:{r + 10}"
    long = f"For door {r}, of which Ann told the workshop in Bremen on the phone, we {phrase}."
    text = long if r % 2 else f"Door {r} {phrase}."
    save = f"sed -i '/^## Notes/a - {text}' {INDEX}"
    if r % 4 == 3:
        save = f"mem-resident remember global '{text}'" + ("; mem-resident flush" * (r % 8 == 3))
    hints = (f"or door {r}, of", "- Notes (")
    return Need("fact", phrase, f"grep 'oor {r}[ ,]' {INDEX}", hints), (text, save)


def make_plan(r: int) -> tuple[Need, tuple[str, str]]:
    phrase = f"paint gate {r} in green"
    text = f"Step {r}: {phrase}."
    save = f"sed -i '/^## Plan/a - {text}' {INDEX}"
    return Need("fact", phrase, f"grep 'Step {r}:' {INDEX}", ("- Plan (",)), (text, save)


def make_count(r: int, n: int) -> ScriptTurn:
    """A command with a long result; of every second tool the sum is to last."""
    text, phrase = COUNTS[r % 4].format(n=n, town=TOWNS[n]), f"{n}17 boxes"
    save = (
        ""
        if n % 2
        else f"grep -q '{phrase}' {INDEX} || sed -i '/^## Notes/a - Stock {n}: {phrase}' {INDEX}"
    )
    return ScriptTurn(text, Need("tool", phrase, f"cat stock-{n}"), save)


def make_detail(r: int, n: int, m: int) -> ScriptTurn:
    phrase = f"V{n}{m}7" if m % 2 else f"R{n}{m}9"
    need = Need("detail", phrase, f"cat $MIND_HOME/memory/pumps-{n}.md")
    return ScriptTurn(DETAILS[r % 3].format(n=n, m=m), need)


# --- the model, and what is counted


class ScriptedChat:
    """A model that does what it can read, and counts what it cannot."""

    name, by, profile, tools, context_tokens = "scripted", "scripted", "full", "native", 32_768

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self._seen: set[str] = set()  # phrases that a prompt had
        self._ran: set[str] = set()
        self.calls = 0

    def begin(self, turn: ScriptTurn) -> None:
        self.turn, self._first, self._saved = turn, True, False

    def complete(self, request: dict[str, Any], on_text: Callable | None = None) -> Reply:
        system = request["messages"][0]["content"]
        text = json.dumps(request["messages"], ensure_ascii=False)
        need, first, self._first = self.turn.need, self._first, False
        there = need is None or need.phrase in text
        if first and need and not there and (command := self._miss(need, system)):
            return self._call(command)
        if need and there:
            self._seen.add(need.phrase)
        if self.turn.lasting:
            self._seen.add(self.turn.lasting)  # it was just told
        known = need is not None and need.phrase in system
        if self.turn.save and not self._saved and not known and "Persistent memory" in system:
            self._saved = True
            self.faults["duplicate-tool"] += (
                self.turn.save in self._ran
            )  # it cannot see that it did
            return self._call(self.turn.save)
        return Reply(self.turn.answer, [], {})

    def _call(self, command: str) -> Reply:
        self.calls += 1
        self._ran.add(command)
        return Reply("", [Call(f"c{self.calls}", "bash", json.dumps({"command": command}))], {})

    def _miss(self, need: Need, system: str) -> str:
        """Count what is missing; the command that fetches it, '' where nobody knows to look."""
        if need.kind == "rule":
            self.faults["pinned-invariant"] += 1
            return ""
        if need.kind == "fact" and not any(hint in system for hint in need.hints):
            self.faults["silent-recall"] += 1
            return ""
        known = need.phrase in self._seen or need.command in self._ran
        kinds = {"setup": "post-compaction-bootstrap", "tool": "duplicate-tool"}
        self.faults[kinds.get(need.kind, "refetch")] += known
        return need.command


class Replay(NamedTuple):
    turns: int
    windows: int
    faults: Counter[str]
    noticed: Counter[str]  # by the suite itself
    calls: int


def replay(folder: str, column: str, rounds: int, budget: int) -> Replay:
    """The workload in a home of its own."""
    home = Home(folder)
    write_home(home, column, budget)
    given = {"MIND_TURN_HISTORY_TOKENS": str(HISTORY), "MIND_TURN_SANDBOX": "none"}
    chosen = Settings("", "config.toml", lambda name: given.get(name, ""))
    env, chat, log, turns, windows = Environment(folder), ScriptedChat(), Log(home), 0, 0
    means = Memory(home, env, chosen, lambda: START + turns * MINUTE, lambda said: None)
    pending: list[str] = []
    for turn in write_turns(rounds):
        if turn is None:
            log.start_window(CONTEXT, means.now())
            kept = files.read(home.path("memory/MEMORY.md")).decode()
            chat.faults["flush-miss"] += sum(phrase not in kept for phrase in pending)
            windows, pending = windows + 1, []
            continue
        turns += 1
        pending += [turn.lasting] if turn.lasting else []
        always = [] if column == "off" else resident.find_in_prompt(means, None, CONTEXT)
        options = ShellOptions.of(chosen, (), always, mask=env.mask, say=means.say)
        with Shell(home, ROOT, None, options) as shell:
            chat.begin(turn)
            Turn(means, Model(chat), shell, log, CONTEXT).run(UserMessage(turn.text, {}))
    noticed = Counter(one["type"] for one in records.read(home, records.FAULTS))
    return Replay(turns, windows, chat.faults, noticed, chat.calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="of twelve turns")
    parser.add_argument("--budget", type=int, default=512, help="tokens, and a quarter of the caps")
    given = parser.parse_args()
    files.sync = lambda fd: None  # the disk is not measured here
    found = {}
    for column in COLUMNS:
        with tempfile.TemporaryDirectory(prefix="mind-") as folder:
            found[column] = replay(folder, column, given.rounds, given.budget)
    one = found["off"]
    print(f"{one.turns} turns in {one.windows} windows, {HISTORY} tokens of history, ", end="")
    print(f"{given.budget} of memory; in brackets: noticed by the suite itself\n")
    print(f"{'fault':27}" + "".join(f"{column:>14}" for column in COLUMNS))
    for kind in FAULTS:
        cells = (f"{r.faults[kind]} ({r.noticed[kind]})" for r in found.values())
        print(f"{kind:27}" + "".join(f"{cell:>14}" for cell in cells))
    for name, value in (("all", "faults"), ("commands run", "calls")):
        cells = (getattr(r, value) for r in found.values())
        sums = (c if isinstance(c, int) else c.total() for c in cells)
        print(f"{name:27}" + "".join(f"{number:>14}" for number in sums))


if __name__ == "__main__":
    sys.exit(main())
