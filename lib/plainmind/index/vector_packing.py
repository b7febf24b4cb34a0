"""How vectors become bytes: one a dimension, of what they have beyond the mean of all.

What is lost of a vector is known by its length. Most of a query's length lies along that mean, as
all vectors of a model have most of theirs there. So that little of a cosine is lost by that, of
each vector as many codes are changed by one as it takes: what is lost along the mean is no more
than half a step, instead of a step and a half.
"""

import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from math import dist, hypot, sqrt
from operator import mul, sub
from typing import NamedTuple

#: at the end of a record: the id and the CRC-32 of all before
CRC, TAIL = struct.Struct("<I"), struct.Struct("<qI")
ROOM = 1.15  # what is left for vectors that are longer than those a file was made for
FEW = 512  # vectors that are packed without numpy: importing it takes as long
ALONG = 0.5  # steps that may be lost along the mean


class Unfit(Exception):
    """A vector is too long for this packing; `length`, of its greatest component less the mean's,
    says what it takes."""

    def __init__(self, length: float):
        super().__init__("a vector does not fit")
        self.length = length


class Packed(NamedTuple):
    """Records, the greatest length of what was lost of one, and the greatest length of one."""

    records: bytes
    error: float
    reach: float


class Packing(NamedTuple):
    """How vectors become bytes."""

    mean: "array[float]"
    step: float

    @classmethod
    def of(cls, vectors: Sequence[Sequence[float]], least: float = 0.0) -> "Packing":
        """For vectors like these, none of whose components is further than `least` from the
        mean."""
        mean = array("f", [sum(column) / len(vectors) for column in zip(*vectors, strict=True)])
        most = max(max(map(abs, map(sub, vector, mean))) for vector in vectors)
        return cls(mean, max(ROOM * max(most, least) / 127, 1e-9))

    @property
    def bound(self) -> float:
        """What rounding alone may lose, and a code or two that were changed by one."""
        return self.step * (sqrt(len(self.mean)) / 2 + 1) + 1e-9

    def pack(self, ids: Sequence[int], vectors: Sequence[Sequence[float]]) -> Packed:
        """Records of vectors; Unfit."""
        packed = map(self._pack_one, vectors) if len(ids) < FEW else self._pack_many(vectors)
        records: list[bytes] = []
        error = reach = 0.0
        for id, (codes, lost, length, along) in zip(ids, packed, strict=True):
            if lost > self.bound or abs(along) > ALONG:
                raise Unfit(max(map(abs, map(sub, vectors[len(records)], self.mean))))
            data = codes + TAIL.pack(id, 0)[:8]
            records.append(data + CRC.pack(zlib.crc32(data)))
            error, reach = max(error, lost), max(reach, length)
        return Packed(b"".join(records), error, reach)

    @property
    def _way(self) -> list[float]:
        """The direction of the mean."""
        length = hypot(*self.mean) or 1.0
        return [value / length for value in self.mean]

    def _pack_one(self, vector: Sequence[float]) -> "_Coded":
        step, way = self.step, self._way
        wanted = [(value - mean) / step for value, mean in zip(vector, self.mean, strict=True)]
        codes = [max(-127, min(127, round(value))) for value in wanted]
        along = _straighten(codes, wanted, way)
        lengths = dist(wanted, codes) * step, hypot(*codes) * step
        return array("b", codes).tobytes(), *lengths, along

    def _pack_many(self, vectors: Sequence[Sequence[float]]) -> "Iterator[_Coded]":
        import numpy

        way = self._way
        wanted = (numpy.array(vectors, dtype=numpy.float64) - self.mean) / self.step
        codes = numpy.clip(numpy.rint(wanted), -127, 127).astype(numpy.int8)
        along = (wanted - codes) @ numpy.array(way)
        for place in numpy.flatnonzero(abs(along) > ALONG - 1e-6):
            some = codes[place].tolist()
            along[place] = _straighten(some, wanted[place].tolist(), way)
            codes[place] = some
        lost = numpy.sqrt(((wanted - codes) ** 2).sum(axis=1)) * self.step
        lengths = numpy.sqrt((codes.astype(numpy.float64) ** 2).sum(axis=1)) * self.step
        columns = lost.tolist(), lengths.tolist(), along.tolist()
        return zip(map(bytes, codes), *columns, strict=True)


#: codes, the length of what was lost, that of the packed form less the mean, and how many steps
#: were lost along the mean
_Coded = tuple[bytes, float, float, float]


def _straighten(codes: list[int], wanted: Sequence[float], way: Sequence[float]) -> float:
    """Change codes by 1 until what is lost along a direction is no more than ALONG, each where it
    adds least to what is lost elsewhere; what is lost along it then."""
    lost = [one - code for one, code in zip(wanted, codes, strict=True)]
    along = sum(map(mul, lost, way))
    if abs(along) <= ALONG:
        return along
    sign = 1 if along > 0 else -1
    moves = [(sign if part > 0 else -sign, abs(part)) for part in way]
    price = lambda at: (1 - 2 * lost[at] * moves[at][0]) / moves[at][1]
    for at in sorted((at for at, (_, part) in enumerate(moves) if part), key=price):
        move, part = moves[at]
        if abs(codes[at] + move) <= 127 and part < 2 * abs(along):
            codes[at] += move
            along -= sign * part
            if abs(along) <= ALONG:
                break
    return along
