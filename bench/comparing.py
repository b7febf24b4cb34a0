"""What two runs of a bench over the same questions differ by, and how sure that is."""

import argparse
import json
import random
from array import array
from collections.abc import Callable, Sequence

#: of a set of questions: way -> question -> figures of its answer
Ways = dict[str, dict[str, dict]]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", help="keep the results of every question")
    parser.add_argument("--against", help="compare with what was kept")


def keep(
    given: argparse.Namespace,
    sets: dict[str, Ways],
    keys: Sequence[str],
    counts: Callable[[dict], bool],
) -> None:
    """Do what those options ask. `counts` says whether a question has a right answer."""
    if given.save:
        with open(given.save, "w", encoding="utf-8") as file:
            json.dump(sets, file)
    if given.against:
        with open(given.against, encoding="utf-8") as file:
            _compare(json.load(file), sets, keys, counts)


def _compare(
    before: dict[str, Ways],
    after: dict[str, Ways],
    keys: Sequence[str],
    counts: Callable[[dict], bool],
) -> None:
    """What every way gained, question by question."""
    print("\nagainst what was kept: gain, and its 95 % bootstrap interval over the same questions")
    for name, ways in after.items():
        for way, results in ways.items():
            kept = before.get(name, {}).get(way, {})
            rows = {one: row for one, row in results.items() if one in kept and counts(row)}
            gains = []
            for key in keys:
                values = [row[key] - kept[one][key] for one, row in rows.items() if key in row]
                if values:
                    low, high = interval(values)
                    gain = 100 * sum(values) / len(values)
                    gains.append(f"{key} {gain:+.1f} [{low:.1f}, {high:.1f}]")
            print(f"{name} {' '.join(way.split()):28} {len(rows)}  {'; '.join(gains)}")


def interval(values: Sequence[float], rounds: int = 1000) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean, in percent."""
    chance = random.Random(1)
    data = array("d", values)
    means = sorted(sum(chance.choices(data, k=len(data))) / len(data) for _ in range(rounds))
    return 100 * means[int(0.025 * rounds)], 100 * means[int(0.975 * rounds)]
