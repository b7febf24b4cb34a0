"""Vectors as they are stored: little-endian float16, in the index and in `vectors/`.

That is two bytes a dimension, and closer than the models' own weights are: of a vector of 384
dimensions 0.0002 are lost, a fortieth of what its packed form loses (index.vector_file).
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from operator import mul

HALF, SINGLE = 2, 4  # bytes a dimension
_ONE, _ENOUGH = struct.Struct("<e"), 1e-6


def to_blob(vector: Sequence[float]) -> bytes:
    """Little-endian float16, as long as the vector is, which is 1, within 0.000001 where there are
    dimensions enough: of as many components as it takes, the neighbour of the nearest is taken."""
    form = _form(len(vector), "e")
    bits = array("H", form.pack(*vector))
    if sys.byteorder == "big":
        bits.byteswap()
    values = form.unpack(form.pack(*vector))
    over = sum(map(mul, values, values)) - sum(map(mul, vector, vector))
    for at in chain(range(len(values)), range(len(values))):
        if abs(over) < _ENOUGH:
            break
        if not bits[at] & 0x7FFF:  # 0
            continue
        other = bits[at] + (-1 if over > 0 else 1)
        more = _value(other) ** 2 - _value(bits[at]) ** 2
        if abs(over + more) < abs(over):
            bits[at], over = other, over + more
    if sys.byteorder == "big":
        bits.byteswap()
    return bits.tobytes()


def _value(bits: int) -> float:
    return _ONE.unpack(bits.to_bytes(2, "little"))[0]


def from_blob(blob: bytes) -> tuple[float, ...]:
    return _form(len(blob) // HALF, "e").unpack(blob)


def narrow(single: bytes) -> bytes:
    """The same of a vector that was stored as little-endian float32."""
    return to_blob(_form(len(single) // SINGLE, "f").unpack(single))


@lru_cache(8)
def _form(count: int, kind: str) -> struct.Struct:
    return struct.Struct(f"<{count}{kind}")
