"""Vectors of one model, packed into one file that is mapped and scanned: a byte a dimension.

    head    magic, dimensions, token, step, mean (float32), CRC-32
    record  codes (int8, one a dimension), the id it is of (int64), CRC-32 of both

All numbers are little-endian. A record is for ever: its place is its number, in the order in which
vectors came; others are appended. One that is taken out becomes zeros, and has the id 0. How many
records count is told elsewhere (index.sqlite.vectors): what is after them is not read.

    vector = mean + step * codes + what is lost

A query is packed alike, but into two bytes a dimension, so what is lost of it is next to nothing.
With the greatest length of what is lost of any vector, Cauchy and Schwarz bound the error of a
cosine: for the part of the query across the mean. Along it, where most of a query's length lies,
no more than half a step is lost of any vector (index.vector_packing). Codes and ids are multiplied
alike, the ids by zeros: so a file is one matrix, for simsimd, whose sums of products are exact.
Where that does not load, the standard library does the same, some thirty times slower.

    scan = Cosines(VectorFile(path, token, count), query, error, reach)
    for place in scan.best(100):        # or scan.above(0.8): no place with more is left out
        scan.id(place), scan.cosine(place), scan.error

Refuses to know rows, and to repair a file: what is wrong with one is raised as `Unusable`.
"""

import mmap
import os
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from math import dist, hypot, sqrt
from operator import mul
from typing import Any, BinaryIO

from ..ground import chance, file_states, files, regular
from .float_order import FloatOrder
from .vector_packing import ALONG, CRC, TAIL, Packing

#: of a file in which less is lost along the mean, and of one of before, in which nobody saw to it
MAGIC, OLDER = b"PMcodes2", b"PMcodes1"
_HEAD = struct.Struct("<8sIQd")
FINE = 254  # a query's second byte is of its first one's step, by this
CHUNK = 2048  # records that the standard library multiplies at once
FAR = 1e30  # no sum of products is as great; a float32 may be
SAMPLE = 4096  # cosines that tell where the best are


class Unusable(Exception):
    """A file is not there, or not what it was written as: make it again."""

    def __init__(self, what: str, file: "VectorFile"):
        super().__init__(what)
        self.path, self.token = file.path, file.token


class VectorFile:
    """A file of vectors that is open. `count` records are read, and mapped."""

    def __init__(self, path: str, token: int, count: int):
        """Unusable when it is not there, not ours, another one, or shorter."""
        self.path, self.token, self.count = path, token, count
        try:
            with regular.open_file(path) as file:
                #: changes with whatever is written into it, by us or by anybody
                self.state = repr(file_states.state_of(os.fstat(file.fileno())))
                self._map(file.fileno(), file.read(_HEAD.size))
        except FileNotFoundError:
            raise Unusable("not there", self) from None
        except OSError as error:
            raise Unusable(str(error.strerror), self) from error
        except (ValueError, struct.error):
            raise Unusable("cut off", self) from None

    def _map(self, fd: int, head: bytes) -> None:
        magic, dimensions, token, step = _HEAD.unpack(head)
        if magic not in (MAGIC, OLDER) or token != self.token:
            raise Unusable("not the one that was written", self)
        self.start, end = end_of(dimensions, 0), end_of(dimensions, self.count)
        self.dimensions, self.record = dimensions, dimensions + TAIL.size
        self._mapped = memoryview(mmap.mmap(fd, end, prot=mmap.PROT_READ))
        head = self._mapped[: self.start].tobytes()
        if CRC.unpack(head[-4:])[0] != zlib.crc32(head[:-4]):
            raise Unusable("damaged", self)
        self.packing = Packing(_little(array("f", head[_HEAD.size : -4])), step)
        self.is_straight = magic == MAGIC

    def records(self, first: int = 0, end: int | None = None) -> memoryview:
        """The bytes of records, of all of them by default."""
        last = self.count if end is None else end
        return self._mapped[self.start + first * self.record : self.start + last * self.record]

    def id(self, place: int, *, checked: bool = True) -> int:
        """Of which a record is; 0 when it was taken out."""
        data = self.records(place, place + 1)
        id, checksum = TAIL.unpack(data[-TAIL.size :])
        if checked and id and zlib.crc32(data[:-4]) != checksum:
            raise Unusable("damaged", self)
        return id

    def ids_between(self, first: int, count: int) -> tuple[int, ...]:
        """Of so many records, unchecked; 0 of those that were taken out."""
        start = self.start + first * self.record
        return _ids_of(self.dimensions, count).unpack_from(self._mapped, start)

    def ids(self) -> "array[int]":
        """Of all records; Unusable when one is damaged."""
        return array("q", map(self.id, range(self.count)))


@lru_cache(32)
def _ids_of(dimensions: int, count: int) -> struct.Struct:
    """What takes the ids out of so many records."""
    return struct.Struct("<" + f"{dimensions}xq4x" * count)


class Cosines:
    """The cosine of a query with each record, none of them further than `error` from the vector's
    own, when no vector lost more than a given error, and none is longer than `reach`."""

    def __init__(self, file: VectorFile, query: Sequence[float], error: float, reach: float):
        self.file = file
        step = max(map(abs, query), default=0.0) / 127 or 1.0
        coarse = [round(value / step) for value in query]
        left = (value / step - code for value, code in zip(query, coarse))
        fine = [round(value * FINE) for value in left]
        lost = dist(query, [step * (a + b / FINE) for a, b in zip(coarse, fine)])
        self._base, self._scale = sum(map(mul, query, file.packing.mean)), step * file.packing.step
        across, along = hypot(*query), 0.0
        if file.is_straight and (length := hypot(*file.packing.mean)):
            along = abs(self._base) / length
            across = sqrt(max(0.0, across * across - along * along))
        self.error = error * across + ALONG * file.packing.step * along + reach * lost + 1e-6
        #: what the second byte may add
        self._more = step * hypot(*fine) / FINE * reach + 1e-6
        pad = [0] * TAIL.size
        weights = array("b", [*coarse, *pad, *fine, *pad])
        self._dots = _multiply(file.records(), file.record, weights) if file.count else b""
        self._sums = memoryview(self._dots).cast("f")  # of the first byte, of the second, …

    def __len__(self) -> int:
        return self.file.count

    def id(self, place: int) -> int:
        """Of what it is; 0 when that is gone."""
        return self.file.id(place)

    def cosine(self, place: int) -> float:
        sums = self._sums
        return self._base + self._scale * (sums[2 * place] + sums[2 * place + 1] / FINE)

    def cosines(self, first: int = 0, end: int | None = None) -> list[float]:
        """Of these places, in their order; of all by default."""
        last = len(self) if end is None else end
        sums = self._sums[2 * first : 2 * last].tolist()
        return self._to_cosines(sums[0::2], sums[1::2])

    def _to_cosines(self, coarse: Sequence[float], fine: Sequence[float]) -> list[float]:
        """From the sums of the first byte, and of the second."""
        base, scale = self._base, self._scale
        return [base + scale * (a + b / FINE) for a, b in zip(coarse, fine)]

    @cached_property
    def _order(self) -> FloatOrder:
        return FloatOrder(self._dots)

    @cached_property
    def _sample(self) -> list[float]:
        """Some cosines, greatest first."""
        sums, step = self._sums, 2 * max(1, len(self) // SAMPLE)
        some = self._to_cosines(sums[0::step].tolist(), sums[1::step].tolist())
        return sorted(some, reverse=True)

    def above(self, cosine: float) -> list[int]:
        """The places of cosines of at least this."""
        least = (cosine - self._more - self._base) / self._scale
        least = max(-FAR, min(FAR, least))  # vectors that are all alike have next to no scale
        found = self._order.places_above(least)
        return [place for place in found if self.cosine(place) >= cosine]

    def best(self, count: int) -> list[int]:
        """The places of the greatest cosines, greatest first; all when there are fewer."""
        if count <= 0:
            return []
        stride, sample = max(1, len(self) // SAMPLE), self._sample
        at = 2 + 2 * count // stride
        while at < len(sample):
            found = self.above(sample[at])
            if len(found) >= count:
                break
            at *= 4
        else:
            found = list(range(len(self)))
        return sorted(found, key=self.cosine, reverse=True)[:count]


def end_of(dimensions: int, count: int) -> int:
    """Where so many records end."""
    return _HEAD.size + 4 * dimensions + CRC.size + count * (dimensions + TAIL.size)


def create(folder: str, packing: Packing) -> int:
    """A new file without records; returns its token, of which its name is made."""
    token = int.from_bytes(chance.draw(8), "big") >> 1
    mean = _little(array("f", packing.mean))
    head = _HEAD.pack(MAGIC, len(mean), token, packing.step) + mean.tobytes()
    files.create(name(folder, token), head + CRC.pack(zlib.crc32(head)))
    return token


def _little(values: "array[float]") -> "array[float]":
    """These, from the machine's order of bytes to the file's, or back."""
    if sys.byteorder == "big":
        values.byteswap()
    return values


def name(folder: str, token: int) -> str:
    return os.path.join(folder, f"{token:016x}.codes")


def is_name(name: str) -> bool:
    return name.endswith(".codes")


def append(path: str, at: int, records: bytes) -> None:
    """Write records from a byte on, durably; what a killed writer left there goes."""
    with _open_to_write(path) as file:
        file.truncate(at)
        file.seek(at)
        file.write(records)
        file.flush()
        files.sync(file.fileno())


def take_out(there: VectorFile, places: Sequence[int]) -> None:
    """Overwrite records with zeros, durably, and cut off what does not count."""
    with _open_to_write(there.path) as file:
        file.truncate(there.start + there.count * there.record)
        for place in places:
            file.seek(there.start + place * there.record)
            file.write(bytes(there.record))
        file.flush()
        files.sync(file.fileno())


def _open_to_write(path: str) -> BinaryIO:
    """A mode that forbids it is put right: the file is ours."""
    how = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, how)
    except PermissionError:
        regular.change_mode(path, 0o600)
        fd = os.open(path, how)
    return open(fd, "r+b")


# --- sums of products


def _multiply(records: memoryview, record: int, weights: "array[int]") -> bytes | memoryview:
    """For each record, the sums of its bytes times the first and the second half of the weights, as
    float32."""
    multiply = _load() or _multiply_integers
    return multiply(records, record, weights)


def _load() -> "Callable[[memoryview, int, array[int]], memoryview] | None":
    try:
        from simsimd import cdist
    except ImportError:
        return None

    def multiply(records: memoryview, record: int, weights: "array[int]") -> memoryview:
        # never with `out`: 6.5 then gives back a None that it does not own
        matrix = records.cast("b", [len(records) // record, record])
        both = memoryview(weights).cast("B").cast("b", [2, record])
        sums: Any = cdist(matrix, both, "dot", out_dtype="float32")
        return memoryview(sums).cast("B")

    return multiply


_TO_UNSIGNED = bytes(code ^ 128 for code in range(256))


def _multiply_integers(records: memoryview, record: int, weights: "array[int]") -> bytes:
    """The same by the standard library. A column of bytes, spread into fields of 32 bits and read
    as one big integer, is multiplied by its weight and added to the sum by two operations that run
    at C speed."""
    sums = array("f")
    for start in range(0, len(records), CHUNK * record):
        chunk = records[start : start + CHUNK * record].tobytes().translate(_TO_UNSIGNED)
        both = array("f", bytes(4 * 2 * (len(chunk) // record)))
        both[0::2] = _sum_columns(chunk, record, weights[:record])
        both[1::2] = _sum_columns(chunk, record, weights[record:])
        sums += both
    return sums.tobytes()


def _sum_columns(chunk: bytes, record: int, weights: "array[int]") -> "array[float]":
    """No field overflows: 255 * 127 * MOST dimensions (index.cache) are less than 2^32."""
    count = len(chunk) // record
    field, plus, minus = bytearray(4 * count), 0, 0
    for at, weight in enumerate(weights):
        if weight:
            field[0::4] = chunk[at::record]
            if weight > 0:
                plus += int.from_bytes(field, "little") * weight
            else:
                minus += int.from_bytes(field, "little") * -weight
    over = 128 * sum(weights)  # codes were made unsigned
    pairs = zip(_fields(plus, count), _fields(minus, count), strict=True)
    return array("f", [a - b - over for a, b in pairs])


def _fields(total: int, count: int) -> "array[int]":
    fields = array("I")
    fields.frombytes(total.to_bytes(4 * count, "little"))
    if sys.byteorder == "big":
        fields.byteswap()
    return fields
