"""A file of `vectors/`: vectors by the hash of their text. It outlives the index.

A line of JSON that says what is in it, then records: 16 bytes hash, the vector, and a CRC-32 of
both; only ever appended to. A torn or damaged record is passed over: its text is embedded once
more. One that was taken out is zeros.

    NAME_half.vectors   vectors as little-endian float16; written and read
    NAME.vectors        as little-endian float32, as they were until 2026-11-30; read, for ever

The width is told by the name: a damaged first line does not tell, and some records of one are as
long as those of the other.
"""

import io
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from ..ground import files, regular
from ..ground.errors import BadData
from .hash_table import HashTable
from .vector_bytes import HALF, SINGLE, narrow

HASH = 16  # bytes
MOST = 16_000  # dimensions: pgvector has no more
_NONE = b"\0" * HASH
_HALF = "_half.vectors"
_FINITE = bytes(byte for byte in range(256) if byte & 0x7C != 0x7C)  # of a float16, the upper half
_AT_ONCE = 512  # records that are read at a time


class RecordFile:
    """One file, for a process that reads it, or appends. `dimensions` is 0 until the first record
    is there; `is_foreign`: what has its name is not one."""

    def __init__(self, path: str, places: str = ""):
        """`places`: where it is kept what is known of it; nowhere by default."""
        self.path, self._kept_at = path, places
        self.forget()

    def forget(self) -> None:
        """Know nothing of it."""
        self._width = width_of(self.path)
        self._places = HashTable(self._kept_at)
        self.dimensions = self._start = self._record = self._read_to = 0
        self.is_foreign = False

    def get(self, hashes: list[bytes]) -> dict[bytes, bytes]:
        """The vectors known for these hashes, as float16."""
        self.catch_up()
        found = {}
        if self.dimensions:
            with _open_to_read(self.path) as file:
                for hash in hashes:
                    if (vector := self._find(file, hash)) is not None:
                        found[hash] = vector
        return found

    def _find(self, file: BinaryIO, hash: bytes) -> bytes | None:
        for number in self._places.find(hash):
            file.seek(self._start + number * self._record)
            record = file.read(self._record)
            is_ours = record[:HASH] == hash and _checksum(record[:-4]) == record[-4:]
            if is_ours and (vector := _whole(record[HASH:-4], self._width)):
                return vector
        return None

    def append(self, model: str, vectors: dict[bytes, bytes]) -> None:
        """Vectors of one length, as float16, durably. The caller holds the lock, and has caught
        up."""
        records = b"".join(h + v + _checksum(h + v) for h, v in vectors.items())
        if not self.dimensions:
            length = len(next(iter(vectors.values()))) // HALF
            head = {"model": model, "dimensions": length, "record": "hash16 float16le crc32"}
            files.append(self.path, json.dumps(head).encode() + b"\n" + records)
            files.sync_folder(os.path.dirname(self.path))
        else:
            # a torn record at the end is filled up, so that the next ones stand in their places
            allow(self.path, os.W_OK)
            torn = (os.stat(self.path).st_size - self._start) % self._record
            files.append(self.path, b"\0" * (-torn % self._record) + records)
        self.catch_up()

    def catch_up(self) -> None:
        """Know the records that were appended since the last look."""
        try:
            there = _stat(self.path)
            if stat.S_ISREG(there.st_mode) and there.st_size <= self._read_to:
                return
            file = _open_to_read(self.path)
        except PermissionError:
            raise
        except OSError:  # not there, or not a file
            self.is_foreign = os.path.lexists(self.path)
            return
        with file:
            if self.dimensions or self._open(file, there.st_ino):
                self._read_on(file)

    def _open(self, file: BinaryIO, inode: int) -> bool:
        head = file.readline(4096)
        self.dimensions = _find_dimensions(file, _dimensions(head), self._width)
        self.is_foreign = not self.dimensions
        if self.is_foreign:
            return False
        self._start = self._read_to = len(head)
        self._record = HASH + self._width * self.dimensions + 4
        size = os.fstat(file.fileno()).st_size
        number = self._places.resume(inode, (size - self._start) // self._record)
        if number:
            file.seek(self._start + (number - 1) * self._record)
            if file.read(HASH) == self._places.last:
                self._read_to += number * self._record
            else:  # another file was put in its place, and may have any of its length
                self._places.clear()
        return True

    def _read_on(self, file: BinaryIO) -> None:
        file.seek(self._read_to)
        number = (self._read_to - self._start) // self._record
        while len(chunk := file.read(self._record * _AT_ONCE)) >= self._record:
            count = len(chunk) // self._record
            starts = range(0, count * self._record, self._record)
            self._places.add(number, [chunk[at : at + HASH] for at in starts])
            number += count
            self._read_to += count * self._record
            if len(chunk) % self._record:
                break


def _whole(vector: bytes, width: int) -> bytes | None:
    """As float16; None for one with a component that is not a number, or infinite: no engine has
    that, whoever put it there."""
    try:
        half = narrow(vector) if width == SINGLE else vector
    except (OverflowError, ValueError):
        return None
    return None if half[1::2].translate(None, _FINITE) else half


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except PermissionError:
        allow(path, os.R_OK)
        return os.stat(path)


def _open_to_read(path: str) -> BinaryIO:
    try:
        return regular.open_file(path)
    except PermissionError:
        allow(path, os.R_OK)
        return regular.open_file(path)


def allow(path: str, how: int) -> None:
    """Modes of a file, and of the folder it is in, that forbid it are put right, if they are ours:
    vectors cost something, and nobody else makes them again."""
    folder = os.path.dirname(path)
    with suppress(OSError):
        if os.path.isdir(folder) and not os.access(folder, how | os.R_OK | os.X_OK):
            regular.change_mode(folder, 0o700)
        if os.path.isfile(path) and not os.access(path, how):
            regular.change_mode(path, 0o600)


def width_of(path: str) -> int:
    """The bytes that a file has for a dimension."""
    return HALF if path.endswith(_HALF) else SINGLE


def list_names(folder: str, name: str) -> tuple[str, str]:
    """The files of a model: that which is written, and that which may be there from before."""
    return os.path.join(folder, name + _HALF), os.path.join(folder, f"{name}.vectors")


class Records(NamedTuple):
    """Where the vectors of a file are, by their hashes. `start`: of the first one, `size`: of each,
    in bytes."""

    start: int
    size: int
    places: dict[bytes, int]


def read_records(data: bytes) -> Records | None:
    """The whole records of a file's bytes; None for what is not a file of vectors. Its first line
    says how wide it is."""
    with io.BytesIO(data) as file:
        head = file.readline(4096)
        width = HALF if b"float16" in head else SINGLE
        dimensions = _find_dimensions(file, _dimensions(head), width)
    if not dimensions:
        return None
    size, places = HASH + width * dimensions + 4, {}
    for at in range(len(head), len(data) - size + 1, size):
        hash = data[at : at + HASH]
        if hash != _NONE and _checksum(data[at : at + size - 4]) == data[at + size - 4 : at + size]:
            places[hash] = at
    return Records(len(head), size, places)


def take_out(path: str, wanted: Callable[[bytes], bool]) -> int:
    """Overwrite the records with these hashes by zeros, durably, which no reader takes for any: the
    others stay where they are. Returns how many there were. The caller holds the lock."""
    allow(path, os.R_OK | os.W_OK)
    with open(path, "r+b") as file:
        found = _scan(file, width_of(path))
        places = [(at, size) for at, hash, size in found if hash != _NONE and wanted(hash)]
        for at, size in places:
            file.seek(at)
            file.write(bytes(size))
        if places:
            file.flush()
            files.sync(file.fileno())
    return len(places)


def _scan(file: BinaryIO, width: int) -> Iterator[tuple[int, bytes, int]]:
    """(where it is, its hash, its length) of each whole record; none where it is not ours."""
    head = file.readline(4096)
    dimensions = _find_dimensions(file, _dimensions(head), width)
    if dimensions:
        file.seek(len(head))
        place, record = len(head), HASH + width * dimensions + 4
        while len(data := file.read(record)) == record:
            yield place, data[:HASH], record
            place += record


def check_length(known: int, vectors: dict[bytes, bytes], path: str) -> None:
    """BadData for vectors of another length than those that are known."""
    length = len(next(iter(vectors.values()))) // HALF
    if known and length != known:
        what = f"the model gave {length} dimensions, before it gave {known}"
        cure = "name the model differently, or remove the file to embed again"
        raise BadData(what, place=path, cure=cure)


def _dimensions(head: bytes) -> int:
    """What a file's first line says; 0 when it is not one of ours."""
    try:
        dimensions = int(json.loads(head)["dimensions"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return 0
    return dimensions if 0 < dimensions <= MOST else 0


def _find_dimensions(file: BinaryIO, said: int, width: int) -> int:
    """How many dimensions the records have that begin here: as many as is `said`, unless the
    checksum of the first one shows that the file's first line was damaged. 0 when nothing shows."""
    first = file.read(HASH + width * said + 4) if said else b""
    if first and (_checksum(first[:-4]) == first[-4:] or first[:HASH] == _NONE):
        return said
    data = first + file.read(HASH + width * MOST + 4 - len(first))
    checksum = zlib.crc32(data[:HASH])
    for dimensions in range(1, (len(data) - HASH - 4) // width + 1):
        end = HASH + width * dimensions
        checksum = zlib.crc32(data[end - width : end], checksum)
        if checksum.to_bytes(4, "little") == data[end : end + 4]:
            return dimensions
    return said


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
