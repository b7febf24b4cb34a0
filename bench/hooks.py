"""What a hook of another agent costs, against the interpreter and click, in the same rounds.

    .venv/bin/python bench/hooks.py FOLDER [--turns 10000,100000] [--rounds 11]

FOLDER keeps the homes, for the next time (bench/homes.py). CPU is user + system time of a finished
process. Each round starts every command once, in turn, and a ratio is the median of the rounds'
ratios: a machine that slows down for a while slows both. Prompts are other ones each time, none is
answered from a cache of ours; what a prompt appends stays, and is among what the next one reads.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from statistics import median

import homes
from speed import BIN, PYTHON, apollo, compile_all

FLOOR = [PYTHON, "-I", "-c", "import click"]
AIMS = {"prompt": 5.0, "stop": 2.0}  # as multiples of the floor, at 100,000 turns


def measure(home: str, rounds: int) -> dict[str, list[float]]:
    """CPU ms of each command in each round, after one round that is not counted."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MIND_")}
    env |= {"MIND_HOME": home, "MIND_HOOK_TIMEOUT": "60"}
    hook, session = [f"{BIN}/mem-hook", "claude-code"], f"bench-{os.getpid()}"
    said = [row["content"] for row in apollo() if len(row["content"].split()) > 8]
    found: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        about = {"session_id": session, "prompt_id": f"p{number}", "cwd": "/x/bench"}
        asked = " ".join(said[97 * number].split()[:12])
        told = {
            "prompt": {"hook_event_name": "UserPromptSubmit", "prompt": asked, **about},
            "stop": {"hook_event_name": "Stop", "last_assistant_message": "Yes.", **about},
            "start": {"hook_event_name": "SessionStart", "source": "startup", **about},
        }
        commands = [("floor", FLOOR, b"")]
        commands += [(name, hook, json.dumps(event).encode()) for name, event in told.items()]
        for name, command, stdin in commands:
            spent = _spend(command, env, stdin)
            if number:
                found.setdefault(name, []).append(spent)
    return found


def _spend(command: list[str], env: dict[str, str], stdin: bytes) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=env, input=stdin, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or done.stderr:
        sys.exit(f"{command}: {done.stderr.decode()}")
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--turns", default="10000,100000")
    parser.add_argument("--rounds", type=int, default=11)
    given = parser.parse_args()
    compile_all()
    for turns in map(int, given.turns.split(",")):
        found = measure(homes.make(given.folder, turns), given.rounds)
        for name, spent in found.items():
            ratios = sorted(one / floor for one, floor in zip(spent, found["floor"]))
            aim = f"aim {AIMS[name]:g}" if name in AIMS and turns == 100_000 else ""
            print(
                f"{turns:7,} turns  {name:6} {median(spent):6.0f} ms CPU  {median(ratios):5.2f} x "
                f"floor ({ratios[0]:.2f} to {ratios[-1]:.2f})  {aim}",
                flush=True,
            )


if __name__ == "__main__":
    main()
