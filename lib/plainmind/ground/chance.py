"""The one source of randomness."""

import os


def draw(count: int) -> bytes:
    """So many random bytes, which nobody can guess."""
    return os.urandom(count)


def draw_fraction() -> float:
    """A number in [0, 1), for jitter."""
    return int.from_bytes(draw(4), "big") / 2**32
