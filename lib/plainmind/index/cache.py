"""`vectors/`: every vector ever computed, by model and content hash. It outlives the index.

One file a model, only ever appended to: a line of JSON that says what is in it, then records of
16 bytes hash, the vector as little-endian float32, and a CRC-32 of both. A torn or damaged record
is passed over: its text is embedded once more. Anything else under such a name is set aside.
`vectors/serving` names the model that answers.
"""

import io
import json
import os
import re
import stat
import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import BinaryIO, NamedTuple

from ..ground import files, regular
from ..ground.errors import BadData
from ..ground.paths import Home

HASH = 16  # bytes
_NONE = b"\0" * HASH
MOST = 65_536  # dimensions
_RECORD = "hash16 float32le crc32"


def content_hash(text: str) -> bytes:
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:HASH]


def to_blob(vector: "array[float]") -> bytes:
    """Little-endian float32."""
    if sys.byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return vector.tobytes()


def from_blob(blob: bytes) -> "array[float]":
    vector = array("f")
    vector.frombytes(blob)
    if sys.byteorder == "big":
        vector.byteswap()
    return vector


def serving(home: Home) -> str:
    """The model whose vectors answered last; '' when there never was one."""
    try:
        name = files.read(os.path.join(home.vectors, "serving"), 0, 200).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return name if name.isprintable() else ""


def set_serving(home: Home, model: str) -> None:
    files.replace(os.path.join(home.vectors, "serving"), f"{model}\n".encode())


class Cache:
    """The vectors of one model. `dimensions` is 0 until the first are known."""

    def __init__(self, home: Home, model: str, say: Callable[[str], None] = lambda text: None):
        self.model, self._say, self._folder = model, say, home.vectors
        name = re.sub(r"[^a-z0-9.-]+", "-", model.lower())
        self.path = os.path.join(home.vectors, f"{name}.vectors")
        self._lock = os.path.join(home.vectors, ".lock")
        self._begin()

    def _begin(self) -> None:
        self._places: dict[bytes, int] = {}
        self.dimensions = self._start = self._record = self._read_to = 0
        self._foreign = False  # what has its name is not a file of vectors

    def get(self, hashes: list[bytes]) -> dict[bytes, bytes]:
        """The vectors known for these hashes, as float32 blobs."""
        self._catch_up()
        wanted = [h for h in dict.fromkeys(hashes) if h in self._places]
        if not wanted:
            return {}
        return dict(self._read(wanted))

    def _read(self, hashes: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """(hash, vector) of the records of these that are whole."""
        with regular.open_file(self.path) as file:
            for hash in hashes:
                file.seek(self._places[hash])
                record = file.read(self._record)
                if _checksum(record[:-4]) == record[-4:]:
                    yield hash, record[HASH:-4]

    def put(self, vectors: dict[bytes, bytes]) -> None:
        """Keep vectors, durably, before anything says that they are there."""
        if not vectors:
            return
        length = len(next(iter(vectors.values())))
        records = b"".join(h + v + _checksum(h + v) for h, v in vectors.items())
        if os.path.lexists(self._folder) and not os.path.isdir(self._folder):
            self._set_aside(self._folder)
        files.make_folder(self._folder)
        with files.lock(self._lock):
            self._catch_up()
            if self._foreign:
                self._set_aside(self.path)
            if self.dimensions and length != 4 * self.dimensions:
                what = f"the model gave {length // 4} dimensions, before it gave {self.dimensions}"
                cure = "name the model differently, or remove the file to embed again"
                raise BadData(what, place=self.path, cure=cure)
            if not self.dimensions:
                head = {"model": self.model, "dimensions": length // 4, "record": _RECORD}
                files.append(self.path, json.dumps(head).encode() + b"\n" + records)
                files.sync_folder(os.path.dirname(self.path))
            else:
                # a torn record at the end is filled up, so that the next ones stand in their places
                torn = (os.stat(self.path).st_size - self._start) % self._record
                files.append(self.path, b"\0" * (-torn % self._record) + records)
            self._catch_up()

    def _catch_up(self) -> None:
        """Read the hashes of records appended since the last look."""
        try:
            there = os.stat(self.path)
            if stat.S_ISREG(there.st_mode) and there.st_size <= self._read_to:
                return
            file = regular.open_file(self.path)
        except PermissionError:
            raise
        except OSError:  # not there, or not a file
            self._foreign = os.path.lexists(self.path)
            return
        with file:
            if not self.dimensions:
                head = file.readline(4096)
                self.dimensions = _find_dimensions(file, _dimensions(head))
                self._foreign = not self.dimensions
                if self._foreign:
                    return
                self._start = self._read_to = len(head)
                self._record = HASH + 4 * self.dimensions + 4
            file.seek(self._read_to)
            while len(chunk := file.read(self._record * 512)) >= self._record:
                for at in range(0, len(chunk) - self._record + 1, self._record):
                    self._places[chunk[at : at + HASH]] = self._read_to + at
                self._read_to += len(chunk) // self._record * self._record
                if len(chunk) % self._record:
                    break

    def _set_aside(self, path: str) -> None:
        self._begin()
        aside = os.path.basename(regular.set_aside(path))
        what = "not a file of vectors" if path == self.path else "not a folder"
        self._say(f"{path}: {what}; set aside as '{aside}', and mem-embed makes its vectors again")


class Records(NamedTuple):
    """Where the vectors of a file are, by their hashes. `start`: of the first one, `size`: of each,
    in bytes."""

    start: int
    size: int
    places: dict[bytes, int]


def read_records(data: bytes) -> Records | None:
    """The whole records of a file's bytes; None for what is not a file of vectors."""
    with io.BytesIO(data) as file:
        head = file.readline(4096)
        dimensions = _find_dimensions(file, _dimensions(head))
    if not dimensions:
        return None
    size, places = HASH + 4 * dimensions + 4, {}
    for at in range(len(head), len(data) - size + 1, size):
        hash = data[at : at + HASH]
        if hash != _NONE and _checksum(data[at : at + size - 4]) == data[at + size - 4 : at + size]:
            places[hash] = at
    return Records(len(head), size, places)


def _dimensions(head: bytes) -> int:
    """What a file's first line says; 0 when it is not one of ours."""
    try:
        dimensions = int(json.loads(head)["dimensions"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return 0
    return dimensions if 0 < dimensions <= MOST else 0


def _find_dimensions(file: BinaryIO, said: int) -> int:
    """How many dimensions the records have that begin here: as many as is `said`, unless the
    checksum of the first one shows that the file's first line was damaged. 0 when nothing shows."""
    first = file.read(HASH + 4 * said + 4) if said else b""
    if first and (_checksum(first[:-4]) == first[-4:] or first[:HASH] == b"\0" * HASH):
        return said
    data = first + file.read(HASH + 4 * MOST + 4 - len(first))
    checksum = zlib.crc32(data[:HASH])
    for dimensions in range(1, len(data) // 4):
        end = HASH + 4 * dimensions
        checksum = zlib.crc32(data[end - 4 : end], checksum)
        if checksum.to_bytes(4, "little") == data[end : end + 4]:
            return dimensions
    return said


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def forget(home: Home, hashes: AbstractSet[bytes]) -> int:
    """Take the vectors of these texts out of every model's file, durably; returns how many there
    were. A record is overwritten with zeros, which no reader takes for one: the others stay where
    they are."""
    return _forget(home, hashes.__contains__) if hashes else 0


def keep_only(home: Home, hashes: AbstractSet[bytes]) -> int:
    """The same with the vectors of all other texts."""
    return _forget(home, lambda hash: hash not in hashes)


def _forget(home: Home, wanted: Callable[[bytes], bool]) -> int:
    try:
        names = sorted(name for name in os.listdir(home.vectors) if name.endswith(".vectors"))
    except (FileNotFoundError, NotADirectoryError):
        return 0
    count = 0
    names = [name for name in names if os.path.isfile(os.path.join(home.vectors, name))]
    for name in names:
        with (
            files.lock(os.path.join(home.vectors, ".lock")),
            open(os.path.join(home.vectors, name), "r+b") as file,
        ):
            head = file.readline(4096)
            dimensions = _find_dimensions(file, _dimensions(head))
            if not dimensions:
                continue  # not a file of ours
            file.seek(len(head))
            record = HASH + 4 * dimensions + 4
            places = []
            while len(data := file.read(record)) == record:
                if data[:HASH] != _NONE and wanted(data[:HASH]):
                    places.append(file.tell() - record)
            for place in places:
                file.seek(place)
                file.write(b"\0" * record)
            if places:
                file.flush()
                files.sync(file.fileno())
            count += len(places)
    return count
