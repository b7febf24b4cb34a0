"""`vectors/`: every vector ever computed, by model and content hash. It outlives the index.

One file a model, only ever appended to: a line of JSON that says what is in it, then records of
16 bytes hash, the vector as little-endian float32, and a CRC-32 of both. A torn or damaged record
is passed over: its text is embedded once more. `vectors/serving` names the model that answers.
"""

import hashlib
import json
import os
import re
import sys
import zlib
from array import array
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from ..ground import files, regular
from ..ground.errors import BadData
from ..ground.paths import Home

HASH = 16  # bytes
_NONE = b"\0" * HASH
_RECORD = "hash16 float32le crc32"


def content_hash(text: str) -> bytes:
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
        return files.read(os.path.join(home.vectors, "serving")).decode().strip()
    except FileNotFoundError:
        return ""


def set_serving(home: Home, model: str) -> None:
    files.replace(os.path.join(home.vectors, "serving"), f"{model}\n".encode())


class Cache:
    """The vectors of one model. `dimensions` is 0 until the first are known."""

    def __init__(self, home: Home, model: str):
        self.model = model
        name = re.sub(r"[^a-z0-9.-]+", "-", model.lower())
        self.path = os.path.join(home.vectors, f"{name}.vectors")
        self._lock = os.path.join(home.vectors, ".lock")
        self._places: dict[bytes, int] = {}
        self.dimensions = self._start = self._record = self._read_to = 0

    def get(self, hashes: list[bytes]) -> dict[bytes, bytes]:
        """The vectors known for these hashes, as float32 blobs."""
        self._catch_up()
        wanted = [h for h in dict.fromkeys(hashes) if h in self._places]
        if not wanted:
            return {}
        found = {}
        with regular.open_file(self.path) as file:
            for hash in wanted:
                file.seek(self._places[hash])
                record = file.read(self._record)
                if _checksum(record[:-4]) == record[-4:]:
                    found[hash] = record[HASH:-4]
        return found

    def put(self, vectors: dict[bytes, bytes]) -> None:
        """Keep vectors, durably, before anything says that they are there."""
        if not vectors:
            return
        length = len(next(iter(vectors.values())))
        records = b"".join(h + v + _checksum(h + v) for h, v in vectors.items())
        files.make_folder(os.path.dirname(self.path))
        with files.lock(self._lock):
            self._catch_up()
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
            size = os.stat(self.path).st_size
        except FileNotFoundError:
            return
        if size <= self._read_to:
            return
        with regular.open_file(self.path) as file:
            if not self.dimensions:
                head = file.readline(4096)
                try:
                    self.dimensions = _dimensions(head)
                except (ValueError, KeyError, TypeError):
                    place, cure = f"{self.path}:1", "remove it; its vectors are made again"
                    raise BadData("not a file of vectors", place=place, cure=cure) from None
                self._start = self._read_to = len(head)
                self._record = HASH + 4 * self.dimensions + 4
            file.seek(self._read_to)
            while len(chunk := file.read(self._record * 512)) >= self._record:
                for at in range(0, len(chunk) - self._record + 1, self._record):
                    self._places[chunk[at : at + HASH]] = self._read_to + at
                self._read_to += len(chunk) // self._record * self._record
                if len(chunk) % self._record:
                    break


def _dimensions(head: bytes) -> int:
    return int(json.loads(head)["dimensions"])


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
    except FileNotFoundError:
        return 0
    count = 0
    for name in names:
        with (
            files.lock(os.path.join(home.vectors, ".lock")),
            open(os.path.join(home.vectors, name), "r+b") as file,
        ):
            try:
                record = HASH + 4 * _dimensions(file.readline(4096)) + 4
            except (ValueError, KeyError, TypeError):
                continue  # not a file of ours
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
