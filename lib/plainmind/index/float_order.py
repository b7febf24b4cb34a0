"""Which of very many float32s are great, found by operations on all of their bytes at once, which
run at C speed. Knows nothing of vectors.
"""

import struct
import sys
from collections.abc import Iterator
from itertools import compress


class FloatOrder:
    """Every second float32 of a row of them.

    One that is positive grows with its bytes, the last one first, and one that is negative falls.
    So all first bytes are judged at once, then all second ones, by tables.
    """

    def __init__(self, sums: bytes | memoryview):
        data, (first, second) = bytes(sums), (3, 2) if sys.byteorder == "little" else (0, 1)
        self._first, self._second = data[first::8], data[second::8]

    def places_above(self, least: float) -> Iterator[int]:
        """The places of all that are at least this, and of some that are a little less."""
        _, _, second, first = struct.pack("<f", least)
        sign, size = first & 128, first & 127
        surely = bytes(_is_above(code, sign, size) for code in range(256))
        maybe = bytes(code == first for code in range(256))
        second_too = bytes(code <= second if sign else code >= second for code in range(256))
        both = _number(self._first, maybe) & _number(self._second, second_too)
        found = (_number(self._first, surely) | both).to_bytes(len(self._first), "little")
        if found.count(1) * 16 > len(found):
            return compress(range(len(found)), found)
        return _find(found)


def _is_above(code: int, sign: int, size: int) -> bool:
    if (code & 128) != sign:
        return not code & 128
    return (code & 127) < size if sign else (code & 127) > size


def _number(data: bytes, table: bytes) -> int:
    return int.from_bytes(data.translate(table), "little")


def _find(found: bytes) -> Iterator[int]:
    at = found.find(1)
    while at >= 0:
        yield at
        at = found.find(1, at + 1)
