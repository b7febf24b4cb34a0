"""The one source of randomness."""

import os


def draw(count: int) -> bytes:
    """So many random bytes, which nobody can guess."""
    return os.urandom(count)
