"""Runs a page of the suite, and writes what it did: CPU by step, statements
and rows of SQLite.

    python bench/account.py OUT PAGE [ARGUMENT...]

For bench/growth.py. A step's CPU holds that of steps in it; counting makes all of it a little
slower.
"""

import importlib
import json
import os
import runpy
import sqlite3
import sys
import time
from collections import Counter
from functools import wraps

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

#: step -> module and name of what does it
STEPS = {
    "index opened": ("plainmind.index.sqlite.opening", "_open"),
    "new events": ("plainmind.index.rows.events", "catch_up"),
    "the query's vector": ("plainmind.memory.moments", "prepare_query"),
    "postings": ("plainmind.index.rows.word_counts", "places"),
    "scan": ("plainmind.index.sqlite.vector_scan", "scan"),
    "words' bounds": ("plainmind.recall.relevance", "Lexical.__init__"),
    "episodes looked into": ("plainmind.recall.candidates", "Candidates.reach"),
    "exact": ("plainmind.recall.field", "EventField.exact"),
    "ranking": ("plainmind.recall.rank", "rank"),
    "files compared": ("plainmind.index.rows.events", "find_stale"),
}


def main() -> None:
    out, page = sys.argv[1:3]
    del sys.argv[:2]
    steps: Counter = Counter()
    counts: Counter = Counter()
    _count_rows(counts)
    for step, place in STEPS.items():
        _time(step, *place, steps)
    end = os._exit

    def tell(code: int) -> None:
        ms = {step: 1000 * steps[step] for step in STEPS if steps[step]}
        found = {"cpu": 1000 * time.process_time(), "steps": ms, **counts}
        with open(out, "w", encoding="utf-8") as file:
            json.dump(found, file)
        end(code)

    os._exit = tell  # type: ignore[assignment]
    runpy.run_path(page, run_name="__main__")


def _count_rows(counts: Counter) -> None:
    connect = sqlite3.connect
    counts.update(statements=0, rows=0)

    def row(cursor: sqlite3.Cursor, values: tuple) -> tuple:
        counts["rows"] += 1
        return values

    def counting(*given, **more) -> sqlite3.Connection:
        db = connect(*given, **more)
        db.row_factory = row
        db.set_trace_callback(lambda sql: counts.update(statements=not sql.startswith("--")))
        return db

    sqlite3.connect = counting  # type: ignore[assignment]


def _time(step: str, module: str, name: str, steps: Counter) -> None:
    owner = importlib.import_module(module)
    *classes, last = name.split(".")
    for one in classes:
        owner = getattr(owner, one)
    function = getattr(owner, last)

    @wraps(function)
    def timed(*given, **more):
        start = time.process_time()
        try:
            return function(*given, **more)
        finally:
            steps[step] += time.process_time() - start

    setattr(owner, last, timed)


if __name__ == "__main__":
    main()
