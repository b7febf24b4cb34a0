"""How commands grow with a memory: part of bench/speed.py, which has its options.

CPU as multiples of the interpreter's floor in the same rounds, the peak of memory without mapped
files, and the exponent between the smallest and the largest home. Homes are made by
bench/homes.py where they are not there; they are read, and nothing is written into them but what
a command keeps in index/. The exponent is that of CPU above the floor: 0 is flat, 1 grows as the
home does. The peak is of RssAnon, looked at every millisecond of one more run. With --account each
command is run once more in a process that tells CPU by step, statements and rows of the index
(bench/account.py), and how many modules it imports.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BIN, PYTHON = os.path.join(ROOT, "bin"), os.path.join(ROOT, ".venv", "bin", "python")
FLOOR = [PYTHON, "-I", "-c", "import click"]
QUESTION = "what should the crew do about the antenna"
STRANGE = "what was the first sign of trouble with the oxygen tank"  # nothing answers it


def commands(path: str = "") -> dict[str, tuple[list[str], dict[str, str]]]:
    """Name -> command, and its environment, for the home at a path."""
    recall = [f"{BIN}/mem-recall"]
    turn = [f"{BIN}/agent-turn", "--dry-run", "--context", "discord-channel/c3", QUESTION]
    long = " ".join(word for row in _demo()[1500:1600] for word in row.split())
    return {
        "hybrid": ([*recall, QUESTION], {}),
        "hybrid, nothing found": ([*recall, STRANGE], {}),
        "one common word": ([*recall, "time"], {}),
        "the most common word": ([*recall, "okay"], {}),
        "500 words": ([*recall, " ".join(long.split()[:500])], {}),
        "lexical": ([*recall, "--lexical", QUESTION], {}),
        "lexical, a common word": ([*recall, "--lexical", "okay"], {}),
        "cosine": ([*recall, QUESTION], {"MIND_RECALL_SIM": "cosine"}),
        "agent-turn --dry-run": (turn, {}),
        "mem-show": ([f"{BIN}/mem-show", f"{_middle_window(path)}:3"], {}),
        "mem-log": ([f"{BIN}/mem-log"], {}),
        "mem-log -n 20": ([f"{BIN}/mem-log", "-n", "20"], {}),
        "mem-pin --list": ([f"{BIN}/mem-pin", "--list"], {}),
    }


def _middle_window(path: str) -> str:
    """Relative to the home at a path."""
    found = sorted(glob.glob("logs/*/*/*.md", root_dir=path)) if path else []
    return found[len(found) // 2] if found else ""


def _demo() -> list[str]:
    from speed import apollo

    return [row["content"] for row in apollo()]


def measure(path: str, names: list[str], rounds: int) -> dict[str, tuple[float, float, float]]:
    """Name -> CPU ms, the floor's in the same rounds, peak MiB; medians, after one round more."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MIND_")}
    env["MIND_HOME"] = path
    known = {name: (command, {**env, **more}) for name, (command, more) in commands(path).items()}
    floors: list[float] = []
    rows: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        floor = _run(FLOOR, env)
        costs = {name: _run(*known[name]) for name in names}
        if number:
            floors.append(floor)
            for name, cost in costs.items():
                rows[name].append(cost)
    middle = rounds // 2
    floor = sorted(floors)[middle]
    return {name: (sorted(of)[middle], floor, _peak(*known[name])) for name, of in rows.items()}


def _run(command: list[str], env: dict[str, str]) -> float:
    """Its CPU, ms."""
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, env=env, stdin=null, stdout=null, stderr=subprocess.PIPE)
    assert process.stderr
    told = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{command}: {told}")
    return 1000 * (used.ru_utime + used.ru_stime)


def _peak(command: list[str], env: dict[str, str]) -> float:
    """The most RssAnon, MiB; 0 where no /proc tells."""
    null, most = subprocess.DEVNULL, 0
    process = subprocess.Popen(command, env=env, stdin=null, stdout=null, stderr=null)
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                found = [line.split()[1] for line in file if line.startswith("RssAnon")]
        except OSError:
            found = []
        most = max([most, *map(int, found)])
        time.sleep(0.001)
    return most / 1024


def account(path: str, names: list[str]) -> None:
    """Print what each command does, step by step."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MIND_")}
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "account")
        for name in names:
            command, more = commands(path)[name]
            how = [PYTHON, "-P", os.path.join(HERE, "account.py"), out, *command]
            env_of = {**env, **more, "MIND_HOME": path}
            subprocess.run(how, env=env_of, stdout=subprocess.DEVNULL, check=False)
            with open(out, encoding="utf-8") as file:
                found = json.load(file)
            how = [PYTHON, "-X", "importtime", "-P", *command]
            told = subprocess.run(how, env=env_of, capture_output=True, check=False).stderr
            modules = told.count(b"import time:") - 1
            steps = ", ".join(f"{step} {ms:.0f}" for step, ms in found["steps"].items())
            print(
                f"  {name:24} {found['cpu']:.0f} ms: {steps}; {found['statements']} statements, "
                f"{found['rows']} rows, {modules} modules"
            )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--homes", metavar="FOLDER", help="how commands grow with homes in it")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="turns of each home")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="these commands of all that grow")
    parser.add_argument("--account", action="store_true", help="what each of them does")


def grow(given: argparse.Namespace) -> None:
    import homes

    names = [name for name in commands() if name in given.only.split(",") or not given.only]
    sizes, found = [int(size) for size in given.sizes.split(",")], {}
    for size in sizes:
        path = homes.make(given.homes, size)
        found[size] = measure(path, names, given.rounds)
        print(f"{size} turns, floor {next(iter(found[size].values()))[1]:.0f} ms", flush=True)
        for name, (cpu, floor, peak) in found[size].items():
            print(f"  {name:24} {cpu:6.0f} ms CPU {cpu / floor:6.2f} x floor {peak:5.0f} MiB")
        if given.account:
            account(path, names)
    if len(sizes) > 1:
        first, last = min(sizes), max(sizes)
        print(f"exponents of CPU above the floor, {first} to {last} turns")
        for name in names:
            costs = [found[size][name] for size in (first, last)]
            over = [max(cpu / floor - 1, 0.01) for cpu, floor, _ in costs]
            print(f"  {name:24} {math.log(over[1] / over[0]) / math.log(last / first):5.2f}")
