"""Which model does a task: accuracy and cost of agent-route's rules, and what an embedder adds.

    .venv/bin/python bench/route.py [--quick]

The tasks are those of the tests, half of them for making the rules, half held out, labelled by the
seed's two lists. Ways: always the cloud's model, always the local one, the nearest labelled tasks
by the embedded embedder, the rules, and the rules with the nearest tasks where they know none. The
nearest are nine of the development half (for one of its own tasks, of the others): most of them
decide alone, and all of them must say local where the rules know nothing. Accuracy has a 95 %
Wilson interval, a way is compared with the rules by McNemar's exact test, and CPU time is for one
task in a new process: opening the embedder included. Costs are by the prices below, which are
assumptions.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from math import comb, sqrt
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "lib"))

from plainmind.ground.environment import Environment  # noqa: E402
from plainmind.ground.settings import Settings  # noqa: E402
from plainmind.providers import registry  # noqa: E402
from plainmind.team import routing, routing_rules  # noqa: E402

NEAREST = 9
#: assumed: US dollars per million tokens of a cloud's model, and the tokens of a task
INPUT_PRICE, OUTPUT_PRICE = 3.0, 15.0
INPUT_TOKENS, OUTPUT_TOKENS = 8000, 1500
#: assumed: US dollars until somebody has seen that a local model did what it should not have done
MISTAKE = 2.0
CLOUD = (INPUT_TOKENS * INPUT_PRICE + OUTPUT_TOKENS * OUTPUT_PRICE) / 1e6


class Task(NamedTuple):
    task: str
    route: str
    kind: str
    why: str = ""

    @property
    def is_forbidden(self) -> bool:
        return self.kind in routing_rules.FORBIDDEN


Way = Callable[[Task], str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="without the embedder")
    given = parser.parse_args()
    halves = {name: _read(name) for name in ("development", "held_out")}
    ways: dict[str, Way] = {
        "always cloud": lambda task: "cloud",
        "always local": lambda task: "local",
        "rules (agent-route)": lambda task: routing.decide(task.task).decision,
    }
    costs = {"rules (agent-route)": _time(halves["held_out"])}
    if not given.quick:
        nearest = Nearest(halves["development"])
        ways["nearest tasks"] = nearest.decide
        ways["rules, then nearest"] = nearest.decide_unknown
        costs |= dict.fromkeys(["nearest tasks", "rules, then nearest"], nearest.milliseconds)
    print(
        f"routes of {sum(map(len, halves.values()))} tasks; assumed: ${CLOUD:.4f} a task in the "
        f"cloud ({INPUT_TOKENS:,} + {OUTPUT_TOKENS:,} tokens at ${INPUT_PRICE:g} and "
        f"${OUTPUT_PRICE:g} a million), $0 a local one, ${MISTAKE:g} and the cloud's price for a "
        "local one that should not have been\n"
    )
    for half, tasks in halves.items():
        _table(half, tasks, ways, costs)


def _read(half: str) -> list[Task]:
    path = os.path.join(ROOT, "tests", "fixtures", "routing", f"{half}.jsonl")
    with open(path, encoding="utf-8") as file:
        return [Task(**json.loads(line)) for line in file]


def _time(tasks: Sequence[Task]) -> float:
    """Milliseconds of CPU for a task, after the first."""
    routing.decide(tasks[0].task)
    start = time.process_time()
    for task in tasks:
        routing.decide(task.task)
    return 1000 * (time.process_time() - start) / len(tasks)


class Nearest:
    """What the labelled tasks say that are nearest to one."""

    def __init__(self, labelled: Sequence[Task]):
        env = Environment()
        start = time.process_time()
        self._embedder = registry.open_embedder("embedded", env, Settings("", "", env.get))
        self._vector(labelled[0])
        self.milliseconds = 1000 * (time.process_time() - start)
        self._labelled = [(task, self._vector(task)) for task in labelled]

    def _vector(self, task: Task) -> Sequence[float]:
        return self._embedder.query(task.task)

    def decide(self, task: Task, least: int = NEAREST // 2 + 1) -> str:
        own = self._vector(task)
        ranked = sorted(
            (-sum(map(lambda x, y: x * y, own, vector)), other.route)
            for other, vector in self._labelled
            if other != task
        )
        said = [route for _, route in ranked[:NEAREST]]
        return "local" if said.count("local") >= least else "cloud"

    def decide_unknown(self, task: Task) -> str:
        """By the rules; by the nearest where no rule knows the task, and nothing forbids it."""
        made = routing.decide(task.task)
        return self.decide(task, NEAREST) if made.rule == "unsure" else made.decision


def _table(half: str, tasks: Sequence[Task], ways: dict[str, Way], costs: dict[str, float]) -> None:
    hard = sum(bool(task.why) for task in tasks)
    print(f"{half}: {len(tasks)} tasks, {hard} of them hard to tell by their words")
    print(
        f"{'way':21} {'right':>6} {'interval':>13} {'hard':>6}  {'missed':>6} {'false':>5} "
        f"{'forbidden':>9}  {'$ / 100':>7} {'CPU ms':>6}  {'p':>5}"
    )
    by_rules = [ways["rules (agent-route)"](task) == task.route for task in tasks]
    for name, way in ways.items():
        made = [way(task) for task in tasks]
        right = [one == task.route for one, task in zip(made, tasks, strict=True)]
        local = [task for one, task in zip(made, tasks, strict=True) if one == "local"]
        wrong = [task for task in local if task.route == "cloud"]
        missed = sum(task.route == "local" for task in tasks) - (len(local) - len(wrong))
        dollars = CLOUD * (len(tasks) - len(local)) + (CLOUD + MISTAKE) * len(wrong)
        low, high = _interval(sum(right), len(right))
        of_hard = [one for one, task in zip(right, tasks, strict=True) if task.why]
        cost = f"{costs[name]:6.1f}" if name in costs else " " * 6
        print(
            f"{name:21} {_share(right):6.1f} {low:5.1f} – {high:5.1f} {_share(of_hard):6.1f}  "
            f"{missed:6} {len(wrong):5} {sum(task.is_forbidden for task in wrong):9}  "
            f"{100 * dollars / len(tasks):7.2f} {cost}  {_compare(right, by_rules):5.3f}"
        )
    print()


def _share(values: Sequence[bool]) -> float:
    return 100 * sum(values) / max(1, len(values))


def _interval(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval, in per cent."""
    share, square = hits / of, z * z / of
    middle, spread = share + square / 2, z * sqrt(share * (1 - share) / of + square / (4 * of))
    return 100 * (middle - spread) / (1 + square), 100 * (middle + spread) / (1 + square)


def _compare(one: Sequence[bool], other: Sequence[bool]) -> float:
    """McNemar's exact test, two-sided: the chance of so uneven a difference between equals."""
    more = sum(a and not b for a, b in zip(one, other, strict=True))
    less = sum(b and not a for a, b in zip(one, other, strict=True))
    n = more + less
    tail = sum(comb(n, k) for k in range(min(more, less) + 1)) / 2**n
    return min(1.0, 2 * tail)


if __name__ == "__main__":
    main()
