"""Scanning packed vectors in a cold process: the standard library's integers against numpy, by
number of vectors.

    .venv/bin/python bench/vectors.py

Prints CPU ms of whole processes less the interpreter's own start; where the columns cross is
index.sqlite.vectors.NUMPY_FROM.
"""

import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(os.path.dirname(HERE), "lib")
sys.path.insert(0, LIB)

DIMENSIONS = 384
SCAN = """
import sys; sys.path.insert(0, {lib!r})
import sqlite3
from plainmind.index.sqlite import vectors
vectors.NUMPY_FROM = {threshold}
db = sqlite3.connect({path!r})
query = [0.05] * {dimensions}
if {scan}:
    for found in vectors.scan(db, "m", query):
        max(found.cosines)
"""


def main() -> None:
    print(f"{'vectors':>9} {'integers':>10} {'numpy':>10}   CPU ms of one query, d = {DIMENSIONS}")
    for blocks in (5, 12, 24, 36, 49):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "v.db")
            count = _fill(path, blocks)
            floor = _cpu(path, scan=False, threshold=0)
            kept, scanned = (_cpu(path, True, threshold) - floor for threshold in (1 << 60, 0))
            print(f"{count:9} {kept:10.0f} {scanned:10.0f}", flush=True)


def _fill(path: str, blocks: int) -> int:
    from array import array

    from plainmind.index.sqlite import vectors

    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE vector_blocks (id INTEGER PRIMARY KEY, model, count, events, "
        "low, step, error, codes);"
        "CREATE TABLE vectors (kind, owner, model, status, block, embedding);"
    )
    chance = random.Random(3)
    low, step = (
        array("f", [-0.1] * DIMENSIONS).tobytes(),
        array("f", [0.001] * DIMENSIONS).tobytes(),
    )
    for block in range(blocks):
        ids = array("q", range(block * vectors.BLOCK, (block + 1) * vectors.BLOCK)).tobytes()
        codes = chance.randbytes(DIMENSIONS * vectors.BLOCK)
        db.execute(
            "INSERT INTO vector_blocks VALUES (NULL, 'm', ?, ?, ?, ?, 0.01, ?)",
            (vectors.BLOCK, ids, low, step, codes),
        )
    db.commit()
    return blocks * vectors.BLOCK


def _cpu(path: str, scan: bool, threshold: int) -> float:
    code = SCAN.format(lib=LIB, threshold=threshold, path=path, dimensions=DIMENSIONS, scan=scan)
    rows = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rows.append(1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return sorted(rows)[2]


if __name__ == "__main__":
    main()
