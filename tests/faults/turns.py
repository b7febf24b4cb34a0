"""A turn of the agent is killed at its own system calls, once and twice, and asked for again with
the same message id.

The model is a pure function of what it is shown, so that it can be asked again; every command
appends a line to a file, so that its runs can be counted. What ran, and what was logged, must agree
after every death: a command whose result is logged never runs again; one that was struck between
running and being logged may, for nobody can know that it ran.
"""

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import kill
import traced
import writers
from plainmind.agent import bash
from plainmind.formats.log.event import Event
from plainmind.ground.paths import Home
from plainmind.truth.log import reader
from power import Disk
from scene import PATIENCE, ROOT, TIME
from scripted import Reply, Script, call, calls, serving

TASK = "count to three"
ID = "m1"
COMMANDS = ("c1", "c2", "c3")
SAID = "Let me count."  # with the first of its calls
ENDED = float(PATIENCE)  # seconds after which a process that still lives is not just slow to die
STARTS = ("vfork", "fork", "clone", "clone3")
UNSTEADY = ("recvfrom", "kill")  # how often they are called depends on what comes when

#: the second command, the first time: it has run when the file is there, and does not end by itself
WAITING = "[ -e waiting ] || { touch waiting; sleep 60; }; "


class Endless(list):
    """A script that answers every request by what is in it."""

    def pop(self, _: Any = 0) -> Any:
        return self[0]


def answering(place: str, then: str) -> Callable[[dict[str, Any]], Reply]:
    """The model. `then` is what its second command does after it has run. All name the place: so
    they are found while they live."""

    def answer(request: dict[str, Any]) -> Reply:
        messages = request["messages"]
        if not any(TASK in m["content"] for m in messages):
            return "Good morning."
        given = results(messages)
        left = [id for id in COMMANDS if id not in given]
        if not left:
            return "\n".join([*given.values(), "That is all."])
        id = left[0]
        command = f"echo {id} >> ran; {then if id == 'c2' else ''}echo {id} done # {place}"
        made = call(command, id=id, timeout=bash.LONGEST)  # a slow machine is not what it is about
        return calls(made, text=SAID if id == COMMANDS[0] else "")

    return answer


def results(messages: list[dict[str, Any]]) -> dict[str, str]:
    """What the commands of the turn gave, as the model is shown it."""
    start = max(
        (n for n, m in enumerate(messages) if m["role"] == "user" and TASK in m["content"]),
        default=len(messages),
    )
    return {m["tool_call_id"]: m["content"] for m in messages[start:] if m["role"] == "tool"}


class World:
    """A home in which a turn is taken until it ends, and what is known of it so far."""

    def __init__(self, place: str, rung: str, script: Script):
        self.home, self.script, self.place = Home(os.path.join(place, "home")), script, place
        self.disk = Disk(self.home.root)
        self.more = {
            "OPENAI_BASE_URL": script.url,
            "MIND_TURN_MODEL": "openai:scripted",
            "MIND_TURN_SANDBOX": rung,
            "TMPDIR": place,
        }
        self.ran, self.logged = Counter[str](), set[str]()

    @property
    def argv(self) -> list[str]:
        return ["agent-turn", "--context", writers.CONTEXT, "--message-id", ID, "--now", TIME, TASK]

    def run(self, death: traced.Call | None = None, sabotage: str = "") -> traced.Run:
        """The turn, to its end or its death; then what must hold of it."""
        inject = f"{death.name}:{kill.DEATH}:when={death.nth}" if death else ""
        run = traced.run(
            self.home.root,
            self.argv,
            b"",
            os.path.join(self.place, "trace"),
            sabotage=sabotage,
            inject=inject,
            traced=f"{traced.CALLS},{traced.NETWORK},{traced.PROCESSES}",
            alone=True,
            **self.more,
        )
        died = run.code in (-9, 137)
        assert died or not death or death.name in UNSTEADY, (
            f"it was not killed: {run.code} {run.complaints.decode()}"
        )
        assert died or run.code == 0 and not run.complaints, (
            f"ended with {run.code}: {run.complaints.decode()}"
        )
        self.check(ended=not died)
        self.disk.play(run.calls, lambda text: [self.home.current_window(writers.CONTEXT)])
        assert not self.disk.lost, self.disk.lost[0]
        return run

    def start(self) -> subprocess.Popen:
        """The turn, without a tracer and in a group of its own, as a terminal has it; wait for it
        with `until_waiting`."""
        page = [os.path.join(ROOT, "bin", self.argv[0]), *self.argv[1:]]
        env = {"PATH": os.environ["PATH"], "MIND_HOME": self.home.root, **self.more}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["env", "--default-signal=INT", *page],
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=env,
            process_group=0,
        )

    def until_waiting(self, process: subprocess.Popen) -> None:
        """Until the second command has run, and does not end."""
        end = time.monotonic() + 60
        while not os.path.exists(os.path.join(self.home.workspace, "waiting")):
            assert process.poll() is None and time.monotonic() < end, process.communicate()
            time.sleep(0.005)

    def wait_no_more(self) -> None:
        """The second command, should it not have run, ends by itself when it does."""
        with open(os.path.join(self.home.workspace, "waiting"), "w"):
            pass

    def check(self, ended: bool) -> None:
        """Nothing of it lives; what ran and what is logged agree."""
        left = living(self.place, ENDED)
        assert not left, f"still alive: {left}"
        writers.sound(self.home, torn=not ended)
        mine = self.events()
        logged, ran = {e.meta["call"] for e in mine if e.role == "tool"}, self.runs()
        shown = set().union(*(results(request["messages"]) for request in self.script.requests))
        assert shown <= logged, f"the model was shown what is not logged: {shown - logged}"
        new = ran - self.ran
        assert not self.logged & new.keys(), f"ran again after its result was logged: {new}"
        assert all(new[id] == 1 for id in logged - self.logged), f"logged, and ran {new}"
        struck = Counter({id: times for id, times in new.items() if id not in logged})
        assert struck.total() <= 1, f"ran, and not logged: {struck}"
        self.ran, self.logged = ran, logged
        told = [
            (e.role, e.meta.get("call", e.content))
            for e in mine
            if "reply_to" not in e.meta and e.role != "system"
        ]
        wanted = [("user", TASK), ("agent", SAID), *(("tool", id) for id in COMMANDS)]
        assert told == wanted[: len(told)] and (not ended or told == wanted), f"the log has {told}"
        replies = [e.content for e in mine if "reply_to" in e.meta]
        assert replies in ([], [self.answer()]) and (replies or not ended), (
            f"the replies are {replies}"
        )

    def events(self) -> list[Event]:
        """What the turn logged."""
        found = []
        for name in self.home.list_windows(writers.CONTEXT):
            opened = reader.read_window(self.home, f"logs/{writers.CONTEXT}/{name}")
            found += [opened.event(block) for block in opened.blocks()]
        return [
            e
            for e in found
            if ID in (e.meta.get("message_id"), e.meta.get("for"), e.meta.get("reply_to"))
        ]

    def answer(self) -> str:
        return "\n".join([*(e.content for e in self.events() if e.role == "tool"), "That is all."])

    def runs(self) -> Counter:
        path = os.path.join(self.home.workspace, "ran")
        if not os.path.exists(path):
            return Counter()
        with open(path) as file:
            return Counter(file.read().split())


@contextmanager
def world(template: str, place: str, rung: str, then: str = "") -> Iterator[World]:
    """A copy of the template, with a model of its own."""
    shutil.copytree(template, os.path.join(place, "home"))
    script = Script()
    script.replies = Endless([answering(place, then)])
    with serving(script):
        yield World(place, rung, script)


def template(folder: str) -> str:
    """A home in which there was a turn before: its index is there."""
    made = os.path.join(folder, "template")
    writers.with_events(Home(made))
    script = Script()
    script.replies = Endless([answering(folder, "")])
    with serving(script):
        again = World(folder, "none", script)
        again.home = Home(made)
        ended = subprocess.run(
            [
                os.path.join(ROOT, "bin", "agent-turn"),
                "--context",
                writers.CONTEXT,
                "--now",
                TIME,
                "good morning",
            ],
            env={"PATH": os.environ["PATH"], "MIND_HOME": made, **again.more},
            capture_output=True,
        )
    assert (ended.stdout, ended.stderr) == (b"Good morning.\n", b""), ended
    return made


class Strike(NamedTuple):
    wrong: str  # '' when all held
    calls: list[traced.Call]  # of the last run


def strike(
    folder: str,
    place: str,
    rung: str,
    deaths: list[traced.Call],
    sabotage: str = "",
    then: str = "",
    again: str = "",
) -> Strike:
    """The turn dies at these calls, run by run, and then does not; its reply is then there, whether
    or not there is a model.

    `sabotage` is for the runs that die, `again` for those after them.
    """
    place, found = os.path.join(folder, place), Strike("", [])
    try:
        with world(os.path.join(folder, "template"), place, rung, then) as here:
            for death in deaths:
                here.run(death, sabotage or "steadily")
            run = here.run(None, again or "" if deaths else "steadily")
            said = f"{here.answer()}\n".encode()
            assert run.out == said, f"it printed {run.out!r}, not {said!r}"
        run = here.run(None, again)
        assert run.out == said, f"asked again, it printed {run.out!r}, not {said!r}"
        writers.heard(here.home)
        found = Strike("", run.calls)
    except AssertionError as error:
        return Strike(f"{rung}, {' then '.join(map(str, deaths))}: {str(error)[:600]}", [])
    shutil.rmtree(place)
    return found


def struck(
    folder: str, rung: str, deaths: list[list[traced.Call]], sabotage: str = "", again: str = ""
) -> list[str]:
    """What is wrong after each of these."""

    def one(n: int) -> str:
        return strike(folder, f"case{n}", rung, deaths[n], sabotage, again=again).wrong

    with ThreadPoolExecutor(kill.WORKERS) as pool:
        return [wrong for wrong in pool.map(one, range(len(deaths))) if wrong]


def points(folder: str, rung: str, before: Sequence[traced.Call] = ()) -> list[traced.Call]:
    """The calls of a whole turn, or of what is left of it after these deaths."""
    with world(os.path.join(folder, "template"), os.path.join(folder, "whole"), rung) as here:
        for death in before:
            here.run(death, "steadily")
        run = here.run(None, "steadily")
    shutil.rmtree(here.place)
    return [call for call in run.calls if call.name != "exit_group"]


def telling(home: str, found: list[traced.Call]) -> list[traced.Call]:
    """The calls that change something of the home, or tell somebody, and the first one after a
    command was started.

    Not those of the index, which is a cache.
    """
    there: set[str] = set()
    kept = []
    for before, one in pairwise(found):
        new = one.name != "openat" or one.paths[0] not in there
        there |= set(one.paths)
        ours = any(path.startswith(home) for path in one.paths) and "/index/" not in one.text
        if (
            before.name in STARTS
            or one.name in STARTS
            or (kill.changes(one) and new and (ours or one.fd == 1))
        ):
            kept.append(one)
    return kept


def living(place: str, seconds: float = 0) -> list[str]:
    """Processes that were told of this place, or are there, and are not dead, or not within the
    time."""
    end = time.monotonic() + seconds
    while True:
        found = [
            said
            for said in map(_told, os.listdir("/proc"))
            if f"{place}/" in said or f"# {place}" in said
        ]
        if not found or time.monotonic() >= end:
            return found
        time.sleep(0.01)


def _told(pid: str) -> str:
    """Arguments, environment and folder of a process that lives, as far as they can be seen while
    it changes."""
    if not pid.isdigit() or _read(pid, "stat").rpartition(")")[2].split()[:1] in (["Z"], ["X"]):
        return ""
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        folder = ""
    return f"{pid}: {_read(pid, 'cmdline')} {_read(pid, 'environ')} {folder}".replace("\0", " ")


def _read(pid: str, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def launcher(agent: int) -> int:
    """The process that a turn started last: its sandbox."""
    numbers = sorted((int(pid) for pid in os.listdir("/proc") if pid.isdigit()), reverse=True)
    return next(
        pid
        for pid in numbers
        if _read(str(pid), "stat").rpartition(")")[2].split()[1:2] == [str(agent)]
    )
