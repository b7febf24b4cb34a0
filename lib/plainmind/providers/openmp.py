"""What the C engines in this process are told about threads. Knows no engine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def count_cores() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def settings(threads: int) -> Iterator[None]:
    """OpenMP's settings while an engine is loaded, which reads them then; what the user set stays.

    Waiting threads sleep: by default they spin, which on two busy cores made the chat model seven
    times slower (8 tokens a second instead of 53). Taken back at once, so that no child process
    inherits them.
    """
    wanted = {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(threads)}
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
