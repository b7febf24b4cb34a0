"""How commands grow with a memory: part of bench/speed.py, which has its options.

CPU as multiples of the interpreter's floor in the same rounds, the peak of memory without mapped
files, and the exponent between the smallest and the largest home. Homes are made by
bench/homes.py where they are not there; what is run of each command is in bench/steps.py. The
exponent is that of CPU above the floor: 0 is flat, 1 grows as the home does. The peak is of
RssAnon, looked at every millisecond of one more run. With --account each command is run once more
in a process that tells CPU by step, statements and rows of the index (bench/account.py), and how
many modules it imports. --only takes names of steps, with ';' between them.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import steps
from steps import Step

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
FLOOR = [PYTHON, "-I", "-c", "import click"]


class Cost(NamedTuple):
    """CPU ms of a step, and of the floor in the same rounds; peak MiB."""

    cpu: float
    floor: float
    peak: float

    @property
    def floors(self) -> float:
        return self.cpu / self.floor


def measure(path: str, known: dict[str, Step], rounds: int) -> dict[str, Cost]:
    """Medians of each step, after one round more, which is not counted; of one round the first."""
    floors: list[float] = []
    rows: dict[str, list[float]] = {name: [] for name in known}
    for number in range(rounds + 1 if rounds > 1 else 1):
        floor = run(Step(FLOOR), path)
        costs = {name: run(step, path) for name, step in known.items()}
        if number or rounds == 1:
            floors.append(floor)
            for name, cost in costs.items():
                rows[name].append(cost)
    middle = rounds // 2
    floor = sorted(floors)[middle]
    peak = lambda name: _peak(known[name], path) if rounds > 1 else 0
    return {name: Cost(sorted(of)[middle], floor, peak(name)) for name, of in rows.items()}


def _env(step: Step, path: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("MIND_")}
    return {**plain, **step.env, "MIND_HOME": path}


def _start(step: Step, path: str, **more) -> subprocess.Popen:
    if step.before:
        step.before()
    with tempfile.TemporaryFile() as given:
        given.write(step.stdin().encode())
        given.seek(0)
        null, env = subprocess.DEVNULL, _env(step, path)
        return subprocess.Popen(step.command, env=env, stdin=given, stdout=null, **more)


def run(step: Step, path: str) -> float:
    """Its CPU, ms."""
    process = _start(step, path, stderr=subprocess.PIPE)
    assert process.stderr
    told = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{step.command}: {told}")
    return 1000 * (used.ru_utime + used.ru_stime)


def _peak(step: Step, path: str) -> float:
    """The most RssAnon, MiB; 0 where no /proc tells."""
    process, most = _start(step, path, stderr=subprocess.DEVNULL), 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                found = [line.split()[1] for line in file if line.startswith("RssAnon")]
        except OSError:
            found = []
        most = max([most, *map(int, found)])
        time.sleep(0.001)
    return most / 1024


def account(path: str, known: dict[str, Step]) -> None:
    """Print what each command does, step by step."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "account")
        for name, step in known.items():
            if step.before:
                step.before()
            told, given = subprocess.DEVNULL, step.stdin().encode()
            how, env = [PYTHON, "-P", os.path.join(HERE, "account.py"), out], _env(step, path)
            subprocess.run([*how, *step.command], env=env, input=given, stdout=told, check=False)
            with open(out, encoding="utf-8") as file:
                found = json.load(file)
            how, given = [PYTHON, "-X", "importtime", "-P"], step.stdin().encode()
            done = subprocess.run(
                [*how, *step.command], env=env, input=given, capture_output=True, check=False
            )
            modules = done.stderr.count(b"import time:") - 1
            steps = ", ".join(f"{step} {ms:.0f}" for step, ms in found["steps"].items())
            print(
                f"  {name:26} {found['cpu']:.0f} ms: {steps}; {found['statements']} statements, "
                f"{found['rows']} rows, {modules} modules"
            )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--homes", metavar="FOLDER", help="how commands grow with homes in it")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="turns of each home")
    parser.add_argument("--vaults", default="2000,10000,50000", help="pages of each home of pages")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="these commands of all that grow")
    parser.add_argument("--account", action="store_true", help="what each of them does")


def grow(given: argparse.Namespace) -> None:
    import homes

    if not given.only:
        _tell_missing()
    for what, made, listed, known in (
        ("turns", homes.make, given.sizes, steps.of_turns),
        ("turns, what may grow", homes.make, given.sizes, steps.that_may_grow),
        ("pages", homes.make_pages, given.vaults, steps.of_pages),
    ):
        names = [name for name in known() if name in given.only.split(";") or not given.only]
        sizes, found = [int(size) for size in listed.split(",") if size], {}
        for size in sizes if names else ():
            path = made(given.homes, size)
            chosen = {name: step for name, step in known(path).items() if name in names}
            rounds = given.rounds if known is not steps.that_may_grow else 1
            found[size] = measure(path, chosen, rounds)
            floor = next(iter(found[size].values())).floor
            print(f"{size} {what}, floor {floor:.0f} ms", flush=True)
            for name, cost in found[size].items():
                print(
                    f"  {name:26} {cost.cpu:6.0f} ms CPU {cost.floors:7.2f} x floor "
                    f"{cost.cpu - cost.floor:+6.0f} ms {cost.peak:5.0f} MiB"
                )
            if what == "turns":
                _tell_bytes(path, size)
            if given.account:
                account(path, chosen)
        if len(found) > 1:
            _tell_exponents(what, found)


def _tell_missing() -> None:
    print("elsewhere: " + "; ".join(f"{name}: {where}" for name, where in steps.NOT_HERE.items()))


def _tell_exponents(what: str, found: dict[int, dict[str, Cost]]) -> None:
    first, last = min(found), max(found)
    print(f"exponents of CPU above the floor, {first} to {last} {what}")
    for name in found[first]:
        over = [max(found[size][name].floors - 1, 0.01) for size in (first, last)]
        print(f"  {name:26} {math.log(over[1] / over[0]) / math.log(last / first):5.2f}")


def _tell_bytes(path: str, turns: int) -> None:
    from speed import size_of

    index, vectors, logs = (size_of(path, part) / turns for part in ("index", "vectors", "logs"))
    print(f"  bytes a turn: index {index:,.0f}, vectors/ {vectors:,.0f}, log {logs:,.0f}")
