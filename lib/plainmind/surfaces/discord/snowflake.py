"""Discord's ids, which are made of the time: the greater is the later, wherever it was made.
Pure."""

EPOCH = 1_420_070_400_000  # ms since 1970 at which Discord's time begins


def to_instant(id: int) -> int:
    """When it was made, ms since the epoch."""
    return (id >> 22) + EPOCH


def from_instant(instant: int) -> int:
    """The least id of an instant."""
    return max(0, instant - EPOCH) << 22
