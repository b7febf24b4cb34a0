"""Many windows in many contexts: what taking all of them in costs, what a run that was killed costs
the next, and what one new event does.

    .venv/bin/python bench/windows.py [--windows 1000,10000] [--rounds 7]

A window has ten turns of bench/homes.py, and there are twenty windows to a context: 10,000 are in
500. CPU is that of whole processes, against the interpreter importing click in the same rounds. The
first take-in is killed in its middle, gone on with, and done once more in one piece.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import islice
from statistics import median

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import growth  # noqa: E402
import homes  # noqa: E402
from steps import BIN, QUESTION, Step, append_one  # noqa: E402

TURNS, A_CONTEXT = 10, 20
INDEX = [f"{BIN}/mem-recall", "--lexical", QUESTION]


def write(path: str, windows: int) -> None:
    from plainmind.formats.log import event as grammar
    from plainmind.ground import clock
    from plainmind.ground.paths import Home

    home, said = Home(path), homes._turns(windows * TURNS)
    contexts, now = max(1, windows // A_CONTEXT), clock.system_now()
    for number in range(windows):
        context = f"discord-channel/c{random.Random(number).randrange(contexts)}"
        first = now - (windows - number) * clock.DAY // 10
        stamp = clock.to_stamp(first)
        data, digest = [grammar.render_title(context, stamp)], grammar.first_digest(context, stamp)
        for at, (role, author, content) in enumerate(islice(said, TURNS)):
            meta = {"author": author}
            text, digest = grammar.render(digest, first + 1000 * at, role, content, meta)
            data.append(text)
        name = home.path(f"logs/{context}/{stamp}.md")
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(b"".join(data))


def take_in(path: str, killed_after: float = 0) -> float:
    """CPU seconds of the first look. `killed_after`: so many seconds of CPU."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MIND_")}
    null = subprocess.DEVNULL
    process = subprocess.Popen(INDEX, env={**env, "MIND_HOME": path}, stdout=null, stderr=null)
    while killed_after and _spent(process.pid) < killed_after:
        time.sleep(0.01)
    if killed_after:
        process.send_signal(signal.SIGKILL)
    _, process.returncode, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime


def _spent(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            parts = file.read().rpartition(") ")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return float("inf")


def measure(windows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as path:
        write(path, windows)
        whole = take_in(path)
        shutil.rmtree(os.path.join(path, "index"))
        first, rest = take_in(path, killed_after=whole / 2), take_in(path)
        contexts = len(os.listdir(os.path.join(path, "logs", "discord-channel")))
        print(
            f"{windows} windows in {contexts} contexts: taken in in {whole:.1f} s of CPU; "
            f"killed after {first:.1f} s, gone on with in "
            f"{rest:.1f} s",
            flush=True,
        )
        append_one(path)
        growth.run(Step(INDEX), path)
        floor, quiet, after = [], [], []
        for _ in range(rounds):
            floor.append(growth.run(Step(growth.FLOOR), path))
            quiet.append(growth.run(Step(INDEX), path))
            after.append(growth.run(Step(INDEX, before=lambda: append_one(path)), path))
        more = median(b - a for a, b in zip(quiet, after))
        print(
            f"  a recall by words {median(quiet) / median(floor):.2f} x floor; with one new event "
            f"{more:+.1f} ms of CPU",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--windows", default="1000,10000")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    for windows in map(int, given.windows.split(",")):
        measure(windows, given.rounds)


if __name__ == "__main__":
    main()
