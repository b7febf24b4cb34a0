"""A journal of the work of a team: what taking it in costs, against the floor of the same run.

    .venv/bin/python bench/work.py [--lines 1000000]

The lines are generated with a fixed seed: twenty agents, some months, sessions of tasks with what
goes with them. The floor is the interpreter importing click. CPU is user + system time.
"""

import argparse
import itertools
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lib"))

from plainmind import index  # noqa: E402
from plainmind.formats.work import journal  # noqa: E402
from plainmind.ground import clock  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402

START = 1_760_000_000_000
RUNS = 11
VERBS = "Fix Add Review Test Document Deploy Refactor Migrate Measure Remove".split()
THINGS = "login page,invoice export,search index,cart,nightly job,API client,schema".split(",")
KINDS = "feature bug test docs deploy review".split()
MODELS = ("google:gemini-2.5-flash", "openai:gpt-4.1-mini", "embedded")
COMMANDS = ("run the tests", "deploy to staging", "show me the errors of today", "update CHANGELOG")


def events(count: int) -> Iterator[dict[str, Any]]:
    """Events in the order of their times."""
    rnd = random.Random(7)
    at, made, session = START, 0, 0
    agents = [f"agent-{number:02}" for number in range(20)]
    while made < count:
        session += 1
        id, team = f"session-{at // 1000}", rnd.sample(agents, 5)
        for fields in _session(rnd, id, team):
            at += rnd.randrange(200, 20_000)
            made += 1
            key = f"{at:012x}{rnd.getrandbits(32):08x}"
            yield {"id": key, "at": clock.to_text(at), **fields}
            if made == count:
                return


def _session(rnd: random.Random, id: str, team: list[str]) -> Iterator[dict[str, Any]]:
    yield {"type": "session", "session": id, "status": "in_progress", "agents": team,
           "goal": f"{rnd.choice(VERBS)} the {rnd.choice(THINGS)}"}  # fmt: skip
    for number in range(rnd.randrange(10, 30)):
        agent, verb, thing = rnd.choice(team), rnd.choice(VERBS), rnd.choice(THINGS)
        task = {
            "type": "task", "agent": agent, "session": id, "kind": rnd.choice(KINDS),
            "description": f"{verb} the {thing}, part {rnd.randrange(500)}",
        }  # fmt: skip
        if rnd.random() < 0.15:
            yield {**task, "status": "in_progress", "task": f"step {number}"}
            task["task"] = f"step {number}"
        done = rnd.random() < 0.92
        more = {"duration_s": rnd.randrange(5, 900)} if done else {"error": "a test failed"}
        yield {**task, "status": "completed" if done else "failed", **more}
        yield from _beside(rnd, agent, id)
    yield {"type": "session", "session": id, "status": "completed"}


def _beside(rnd: random.Random, agent: str, id: str) -> Iterator[dict[str, Any]]:
    chance = rnd.random()
    if chance < 0.5:
        yield {
            "type": "llm_usage", "model": rnd.choice(MODELS), "agent": agent, "session": id,
            "input_tokens": rnd.randrange(9000), "output_tokens": rnd.randrange(900),
            "cost": round(rnd.random() / 100, 6), "seconds": round(rnd.random() * 9, 2),
        }  # fmt: skip
    elif chance < 0.6:
        yield {"type": "reward", "agent": agent, "value": rnd.choice([1, 0.5, -1]),
               "kind": rnd.choice(KINDS), "route": rnd.choice(["local", "cloud"])}  # fmt: skip
    elif chance < 0.65:
        yield {"type": "user_command", "command": f"{rnd.choice(COMMANDS)} {rnd.randrange(9)}"}
    elif chance < 0.7:
        yield {"type": "metric", "name": "rate", "value": rnd.random(),
               "experiment": f"experiment {rnd.randrange(200)}"}  # fmt: skip
    elif chance < 0.71:
        yield {"type": "experiment", "name": f"experiment {rnd.randrange(200)}", "baseline": 0.4}
    elif chance < 0.72:
        yield {"type": rnd.choice(["pr_merged", "praise"]), "agent": agent}
    elif chance < 0.73:
        yield {"type": "lesson", "lesson": "Read the error first.", "agent": agent}


def write(home: Home, count: int) -> int:
    os.makedirs(home.path("work"))
    with open(home.path(journal.PATH), "wb", 1 << 20) as file:
        for event in events(count):
            file.write(journal.render(event))
    return os.path.getsize(home.path(journal.PATH))


def append(home: Home, **fields: Any) -> None:
    with open(home.path(journal.PATH), "ab") as file:
        file.write(journal.render(fields))


def take_in(home: Home) -> tuple[float, float]:
    """Seconds of CPU, and by the clock."""
    cpu, start = time.process_time(), time.perf_counter()
    for opened in index.engine_in_use().opened(home, print):
        with opened:
            opened.work_rows("agent_levels")
    return time.process_time() - cpu, time.perf_counter() - start


def read_alone(home: Home, most: int = 100_000) -> float:
    """Seconds of CPU that json.loads takes for a line, the least of three: what a machine that is
    busy otherwise is compared by."""
    with open(home.path(journal.PATH), "rb") as file:
        lines = list(itertools.islice(file, most))
    found = []
    for _ in range(3):
        start = time.process_time()
        for line in lines:
            json.loads(line)
        found.append(time.process_time() - start)
    return min(found) / len(lines)


def cost(command: list[str], home: Home, prepare=lambda number: None) -> float:
    """CPU ms of a command, the median of some runs."""
    found = []
    for number in range(RUNS):
        prepare(number)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            command, env={"MIND_HOME": home.root, "PATH": os.environ["PATH"]}, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        found.append(1000 * spent)
    return sorted(found)[RUNS // 2]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    count = parser.parse_args().lines
    folder = tempfile.mkdtemp()
    try:
        measure(Home(os.path.join(folder, "home")), count)
    finally:
        shutil.rmtree(folder)


def measure(home: Home, count: int) -> None:
    size = write(home, count)
    cpu, wall = take_in(home)
    bytes = os.path.getsize(os.path.join(home.index, "mind.db"))
    print(f"{count:,} lines, {size / count:.0f} bytes each")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # KiB on Linux
    print(f"rebuild         {count / cpu:,.0f} lines/s of CPU, {count / wall:,.0f} by the clock")
    print(f"                {cpu / count / read_alone(home):.1f} x json.loads alone, {memory} MiB")
    print(f"index           {bytes / count:.0f} bytes a line")
    floor = cost([sys.executable, "-c", "import click"], home)
    xp = [os.path.join(ROOT, "bin", "work-xp")]
    late = START + 40 * clock.DAY
    first = clock.system_now()

    def task(number: int, at: int) -> None:
        append(home, id=f"new-{at}-{number}", at=clock.to_text(at + number), type="task",
               agent="agent-03", description="One more", status="completed")  # fmt: skip

    rows = {
        "work-xp": cost(xp, home),
        "a new line": cost(xp, home, lambda number: task(number, first)),
        "a late line": cost(xp, home, lambda number: task(number, late)),
    }
    for name, spent in rows.items():
        print(f"{name:15} {spent / floor:.2f} x the floor")


if __name__ == "__main__":
    main()
