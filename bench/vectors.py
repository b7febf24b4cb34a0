"""Scanning a file of packed vectors in a cold process, by simsimd and by the standard library, by
number of vectors.

    .venv/bin/python bench/vectors.py [--sizes 10000 100000 1000000]

Vectors are made around clusters, with some dimensions wider than others and a mean that most of
their length lies in, as models make them. Prints CPU of whole processes less that of the
interpreter with the same imports, as multiples of an interpreter that imports click, of the same
rounds: scanning, the hundred best, the error, and how many vectors it leaves to be looked at for
the best eight.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(os.path.dirname(HERE), "lib")
sys.path.insert(0, LIB)

DIMENSIONS, ROUNDS = 384, 5
START = "import sys; sys.path.insert(0, {lib!r}); from plainmind.index import vector_file as f\n"
SCAN = """
if {plain}:
    f._load = lambda: None
query = f.from_blob(open({path!r} + ".query", "rb").read())
scan = f.Cosines(f.VectorFile({path!r}, {token}, {count}), query, {error}, {reach})
best = scan.best(100)
"""
TOLD = "print(scan.error, len(scan.above(scan.cosine(best[7]) - 2 * scan.error)))\n"


def main() -> None:
    options = argparse.ArgumentParser(description="Scanning packed vectors.")
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    print("  vectors   simsimd   library    error   left   multiples of interpreter and click")
    for count in options.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            known = _fill(folder, count)
            code = lambda plain, known=known: (START + SCAN).format(lib=LIB, plain=plain, **known)
            codes = ["import click", START.format(lib=LIB), code(False), code(True)]
            rows = [[_cpu(one) for one in codes] for _ in range(ROUNDS)]
            unit, start, fast, plain = (sorted(column)[ROUNDS // 2] for column in zip(*rows))
            told = subprocess.run([sys.executable, "-c", code(False) + TOLD], capture_output=True)
            error, left = told.stdout.split()
            times = f"{(fast - start) / unit:9.2f} {(plain - start) / unit:9.2f}"
            print(f"{count:9} {times} {float(error):8.4f} {int(left):6}", flush=True)


def _fill(folder: str, count: int) -> dict:
    """A file of vectors; what opens it."""
    import numpy
    from plainmind.index import vector_file, vector_packing

    chance = numpy.random.default_rng(3)
    wide = chance.lognormal(0, 0.25, DIMENSIONS)
    mean = chance.normal(0, 1, DIMENSIONS)
    mean *= 0.89 / numpy.linalg.norm(mean)
    centres = chance.normal(0, 1, (count // 50 + 1, DIMENSIONS))

    def some(size: int) -> list:
        near = centres[chance.integers(0, len(centres), size)]
        found = (near + chance.normal(0, 1, (size, DIMENSIONS))) * wide
        found = mean + found * (0.45 / numpy.linalg.norm(found, axis=1))[:, None]
        found /= numpy.linalg.norm(found, axis=1)[:, None]
        return [vector_file.from_blob(one.astype("<f4").tobytes()) for one in found]

    packing = vector_packing.Packing.of(some(4096), 0.25)  # some of a million are longer
    token = vector_file.create(folder, packing)
    path, error, reach = vector_file.name(folder, token), 0.0, 0.0
    for first in range(0, count, 4096):
        size = min(4096, count - first)
        packed = packing.pack(range(first + 1, first + size + 1), some(size))
        vector_file.append(path, vector_file.end_of(DIMENSIONS, first), packed.records)
        error, reach = max(error, packed.error), max(reach, packed.reach)
    with open(f"{path}.query", "wb") as file:
        file.write(some(1)[0].tobytes())
    return {"path": path, "token": token, "count": count, "error": error, "reach": reach}


def _cpu(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
