"""In which record of a file a hash is: a table in memory, or in a mapped file of `index/`.

Open addressing: a slot holds 32 bits of the hash, by which it is found, and the number of the
record. Two hashes may have these in common, so what is found is to be looked at. 16 bytes a record,
half of them empty.

A file of it is derived from another, and not synced. It says how many records of that file are in
it, the last one's hash, and since when the machine runs: what a power cut took of it is not missed,
as all is read again. Written by who makes vectors, who is alone (index/embed.lock).
"""

import mmap
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache

from ..ground import clock

_MAGIC = b"PMplace1"
#: magic, the machine's start, inode of the file, its records in here, the last one's hash, slots
_HEAD = struct.Struct("@8sQQQ16sQI")
_START = 64  # where the slots begin
LEAST = 1024  # slots
_NONE = bytes(16)
_READ_AND_WRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class HashTable:
    """Where hashes are. `last` is that of the last record."""

    def __init__(self, path: str = ""):
        """`path`: of the file that keeps it; '' keeps it in memory."""
        self._path, self._inode = path, 0
        self.last = _NONE
        self._make(bytearray(_START + 8 * LEAST), 0)

    def _make(self, room: "bytearray | mmap.mmap", count: int) -> None:
        self._room, self.count = room, count
        self._slots = memoryview(room)[_START:].cast("Q")
        self._mask = len(self._slots) - 1

    def find(self, hash: bytes) -> Iterator[int]:
        """Numbers of records that may have this hash."""
        tag = int.from_bytes(hash[:4], "little")
        for at in _round(tag & self._mask, len(self._slots)):
            slot = self._slots[at]
            if not slot:
                return
            if slot & 0xFFFFFFFF == tag:
                yield (slot >> 32) - 1

    def add(self, first: int, hashes: Sequence[bytes]) -> None:
        """The records from this number on have these hashes."""
        if not hashes:
            return
        self._reserve(first + len(hashes))
        for number, hash in enumerate(hashes, first + 1):
            self._put(number << 32 | int.from_bytes(hash[:4], "little"))
        self.count, self.last = first + len(hashes), hashes[-1]
        self._say()

    def _put(self, slot: int) -> None:
        slots = self._slots
        for at in _round(slot & self._mask, len(slots)):
            if not slots[at]:
                slots[at] = slot
                return

    def resume(self, inode: int, records: int) -> int:
        """How many records of a file, which has this inode and so many, are known already."""
        self._inode = inode
        if self._path and not self._load(records):
            self.clear()
        self._reserve(records)
        return self.count

    def clear(self) -> None:
        self.count, self.last = 0, _NONE
        self._replace(LEAST)

    def _reserve(self, records: int) -> None:
        if 2 * records > len(self._slots):
            old = [slot for slot in self._slots if slot]
            self._replace(1 << (2 * records).bit_length(), old)

    def _replace(self, slots: int, old: Sequence[int] = ()) -> None:
        """A table of another size."""
        self._make(self._create(slots) or bytearray(_START + 8 * slots), self.count)
        for slot in old:
            self._put(slot)
        self._say()

    # --- on disk

    def _create(self, slots: int) -> mmap.mmap | None:
        """A new file in the place of the one there is, which others may have mapped."""
        if not self._path:
            return None
        try:
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            fd = os.open(self._path, _READ_AND_WRITE | os.O_CREAT | os.O_EXCL, 0o600)
            with open(fd, "r+b") as file:
                file.write(bytes(_START + 8 * slots))  # a hole would be a SIGBUS on a full disk
                file.flush()
                return mmap.mmap(fd, 0)
        except OSError:  # it cannot be kept
            self._path = ""
            return None

    def _load(self, records: int) -> bool:
        """Whether what is kept is of this file, since this start of the machine."""
        try:
            with open(os.open(self._path, _READ_AND_WRITE), "r+b") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return False
                room = mmap.mmap(file.fileno(), 0)
            *values, checksum = _HEAD.unpack_from(room)
        except (OSError, ValueError, struct.error):
            return False
        magic, start, inode, count, last, slots = values
        if checksum != zlib.crc32(repr(values).encode()) or len(room) != _START + 8 * slots:
            return False
        if (magic, start, inode) != (_MAGIC, _machine_start(), self._inode) or count > records:
            return False
        self._make(room, count)
        self.last = last
        return bool(start)

    def _say(self) -> None:
        """Written after the slots: what is not said to be there is added again, which does no
        harm."""
        if self._path:
            slots = len(self._slots)
            values = [_MAGIC, _machine_start(), self._inode, self.count, self.last, slots]
            _HEAD.pack_into(self._room, 0, *values, zlib.crc32(repr(values).encode()))


def _round(start: int, count: int) -> Iterator[int]:
    """All slots, from one of them on: a table that was damaged may have none that is empty."""
    yield from range(start, count)
    yield from range(start)


@cache
def _machine_start() -> int:
    """0 where the system does not say."""
    return zlib.crc32(clock.boot_id().encode())
