"""Many at once: writers with ids, and readers beside a mem-embed and beside a rebuild.

    .venv/bin/python bench/crowds.py [--writers 64] [--events 1000] [--readers 8] [--turns 10000]

The readers' home is one of bench/homes.py, of the folder --homes if it is there. Counts come first:
what was refused, lost or doubled, and which reader was told of a lock or an I/O error. Times are by
the clock, as a share of the readers' own quiet median in the same run; on a machine on which others
work they say little. All of it runs with the lowest priority.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BIN = os.path.join(ROOT, "bin")
sys.path.insert(0, os.path.join(ROOT, "lib"))
sys.path.insert(0, HERE)

CONTEXTS, BATCH, RUNS = 4, 50, 12
QUESTIONS = ("fuel cell pressure", "what did the crew see", "oxygen tank", "when do we land")


def write(home: str, writers: int, events: int) -> None:
    """Each writer appends its events, with ids, by batches of a process each."""
    refused = Counter[str]()
    refs = [0] * writers
    threads = [
        threading.Thread(target=_append, args=(home, number, events, refused, refs))
        for number in range(writers)
    ]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = Counter(_ids(home))
    batches = writers * -(-events // BATCH)
    print(
        f"{writers} writers x {events} events, {CONTEXTS} contexts: {sum(refused.values())} of "
        f"{batches} batches refused, {writers * events - len(ids)} events lost, "
        f"{sum(ids.values()) - len(ids)} doubled, {writers * events - sum(refs)} not acknowledged; "
        f"{time.monotonic() - start:.0f} s, load {os.getloadavg()[0]:.0f}"
    )
    for line, count in refused.items():
        print(f"  {count} x {line}")


def _append(home: str, number: int, events: int, refused: Counter, refs: list[int]) -> None:
    for first in range(0, events, BATCH):
        rows = [
            {"role": "user", "content": f"writer {number} event {n}", "id": f"{number}-{n}"}
            for n in range(first, min(events, first + BATCH))
        ]
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        command = [f"{BIN}/mem-append", "--jsonl", "--context", f"test/c{number % CONTEXTS}"]
        done = _run(home, command, data)
        refs[number] += done.stdout.count(b"\n")
        if done.returncode:
            refused[done.stderr.decode().strip()] += 1


def _ids(home: str):
    for folder, _, names in os.walk(os.path.join(home, "logs")):
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for line in file:
                    if line.startswith("## "):
                        yield json.loads(line[line.index("{") :])["id"]


def read(home: str, readers: int, beside: list[str] | None) -> tuple[list[float], Counter]:
    """Seconds of each recall, and what went wrong, while a command runs, or a fixed number."""
    other = subprocess.Popen(_polite(beside), env=_env(home)) if beside else None
    times: list[float] = []
    wrong = Counter[str]()

    def ask(number: int) -> None:
        for turn in range(10**6):
            if other.poll() is not None if other else turn >= RUNS:
                return
            question = QUESTIONS[(number + turn) % len(QUESTIONS)]
            start = time.monotonic()
            done = _run(home, [f"{BIN}/mem-recall", question])
            times.append(time.monotonic() - start)
            if done.returncode not in (0, 1) or done.stderr:
                wrong[f"{done.returncode}: {done.stderr.decode().strip()}"] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if other and other.wait():
        wrong[f"the command beside ended with {other.returncode}"] += 1
    return times, wrong


def _tell(name: str, found: tuple[list[float], Counter], quiet: float) -> float:
    times, wrong = sorted(found[0]), found[1]
    middle, late = statistics.median(times), times[int(0.99 * (len(times) - 1))]
    print(
        f"{name}: {len(times)} recalls, {sum(wrong.values())} went wrong, median {middle:.2f} s, "
        f"99 % within {late:.2f} s, {late / (quiet or middle):.1f} x the quiet median",
        flush=True,
    )
    for line, count in wrong.items():
        print(f"  {count} x {line}")
    return middle


def forget_vectors(home: str) -> None:
    """Let all events wait for the vectors that are in vectors/: mem-embed asks no model."""
    from plainmind.ground.paths import Home
    from plainmind.index.sqlite import opening

    opened = Home(home)
    with opening.made_in(opened, opened.index) as index, index.writing() as db:
        for table in ("vectors", "vector_files", "unembedded"):
            db.execute(f"DELETE FROM {table}")
        roles = "role IN ('user', 'agent')"
        db.execute(f"INSERT INTO unembedded SELECT 'event', id FROM events WHERE {roles}")


def _run(home: str, command: list[str], data: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run(_polite(command), env=_env(home), input=data, capture_output=True)


def _polite(command: list[str]) -> list[str]:
    return ["nice", "-n", "19", *command]


def _env(home: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MIND_")}
    return {**plain, "MIND_HOME": home}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--homes", default="")
    given = parser.parse_args()
    if given.writers:
        with tempfile.TemporaryDirectory() as home:
            write(home, given.writers, given.events)
    if given.readers:
        import homes

        with tempfile.TemporaryDirectory() as folder:
            home = os.path.join(folder, "home")
            shutil.copytree(homes.make(given.homes or folder, given.turns), home)
            quiet = _tell("quiet", read(home, given.readers, None), 0)
            forget_vectors(home)
            embed = [f"{BIN}/mem-embed", "--quiet"]
            _tell("beside mem-embed", read(home, given.readers, embed), quiet)
            rebuild = [f"{BIN}/mem-index", "--rebuild"]
            _tell("beside a rebuild", read(home, given.readers, rebuild), quiet)
            shutil.rmtree(os.path.join(home, "index"), ignore_errors=True)


if __name__ == "__main__":
    main()
