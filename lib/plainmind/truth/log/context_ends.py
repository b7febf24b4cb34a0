"""Where a context ends and which ids it has, kept so that an append need not read its windows.

Derived, in `index/ends/SURFACE/ID/`, of contexts longer than `LEAST`; truth is the logs. `end` is
one line: the last event of the newest window, the state of its file, a digest of the states of the
windows before it, and how many bytes of each bucket count, with their CRC-32. The buckets, `00` to
`1f`, have a record of each id: 16 bytes of its BLAKE2b, of which the first chooses the bucket, and
8 with the number of its window and its line.

Nothing here is synced. What is behind the log, as its writer was killed, goes on from the last
event that it knows, if that still stands. What is ahead, damaged, or not of these files is made
again: after a power cut, an edit by hand, a backup that came back. Where it cannot be written, an
append reads its context.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ...formats.log import event as events
from ...ground import file_states, files, regular
from ...ground.digests import blake2b
from ...ground.errors import Busy
from ...ground.paths import Home

LEAST = 128 * 1024  # bytes of a context that are read in 2 ms
PIECE = 4 * 1024 * 1024  # bytes that are parsed at a time
TAIL = 64 * 1024  # bytes of a window that are read first, to find its last event
MANY = 64  # ids that are looked for one by one
BUCKETS = 32
MAKING = 60.0  # seconds to wait for somebody who makes the same
_LENGTH = 2048  # bytes of `end`, which is written in its place
_RECORD = struct.Struct("<16sQ")
_LINES = 40  # bits of a place that are its line
_VERSION = 1

State = tuple[int, int, int, int]  # of a file (file_states.state_of)


class WindowEnd(NamedTuple):
    """The last event of a window, and the file up to its end. Without one `digest` is ''."""

    name: str
    state: State
    offset: int = 0  # of the event
    line: int = 1
    digest: str = ""
    end: int = 0  # bytes up to the end of the event
    lines: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing stands behind the event."""
        return bool(self.digest) and self.end == self.state[3]

    def after(self, event: events.RawEvent) -> "WindowEnd":
        line, last = event.line, event.end_line + 1
        return WindowEnd(*self[:2], event.offset, line, event.digest, event.end, last)


class _Bucket:
    """Records of ids: `size` bytes of its file, with their checksum, and those to be added."""

    def __init__(self, size: int = 0, checksum: int = 0):
        self.size, self.checksum, self.new = size, checksum, bytearray()


class _Damaged(Exception):
    pass


class ContextEnd:
    """What is known of one context, for a process that appends to it."""

    def __init__(self, home: Home, context: str):
        self.home, self.context = home, context
        self.folder = os.path.join(home.index, "ends", *context.split("/"))
        self._trusted = True  # what is kept on disk
        self._digests: dict[int, str] = {}
        self._names: Sequence[str] = ()
        self._states: list[State] = []
        self._forget()

    def _forget(self, ids: bool = False) -> None:
        self.end: WindowEnd | None = None
        self._older = ""  # a digest of the states of the windows before it
        #: None: nobody asked for ids yet
        self._buckets = [_Bucket() for _ in range(BUCKETS)] if ids else None
        self._places: dict[bytes, int] | None = None  # of all ids, once many were asked for
        self._kept = False  # whether there is an `end` on disk

    # --- what is known

    def prepare(self) -> None:
        """Know the ids, but for those that come meanwhile, so that a lock is held for less."""
        names = self.home.list_windows(self.context)
        if not self._look(names) or not self._goes_on(True):
            if not self._is_long():
                return self.read(names, True)
            with suppress(OSError, Busy), files.lock(os.path.join(self.folder, "lock"), MAKING):
                self.read(names, True)  # long, if nobody has done it meanwhile
                with files.lock(self.home.lock):
                    self.read(self.home.list_windows(self.context), True)
                    self._save()
        self.read(names, True)

    def read(self, names: Sequence[str], ids: bool) -> None:
        """Bring what is known up to these windows, which are all there are; with `ids` those."""
        self._look(names)
        if not self._goes_on(ids):
            if self._kept:  # or it may seem to hold when the window grows, and its writer dies
                with suppress(OSError):
                    os.unlink(os.path.join(self.folder, "end"))
            self._forget(ids)
        start = names.index(self.end.name) if self.end else 0
        if self._buckets is None:  # only the last one matters
            start = max(start, len(names) - 1)
        for number in range(start, len(names)):
            self._take_in(number, names[number], self._states[number])
        self._older = self._digest(max(0, len(names) - 1))

    def find(self, ids: Iterable[str]) -> dict[str, tuple[str, int]]:
        """The places, window and line, of those of these ids that the context has."""
        keys = {id: _key(id) for id in ids}
        try:
            found = self._find(keys)
        except _Damaged:
            self._trusted = False
            self._forget()
            self.read(self._names, True)
            found = self._find(keys)
        most = (1 << _LINES) - 1
        return {id: (self._names[at >> _LINES], at & most) for id, at in found.items()}

    def wrote(self, end: WindowEnd, ids: Iterable[tuple[str, int]]) -> None:
        """Events were appended, up to this end; those with an id, and their lines."""
        names, number = self._names, len(self._names) - 1
        if end.name not in names:
            self._names, number = [*names, end.name], number + 1
            self._states.append(end.state)
            self._older = self._digest(number)
        self._states[number], self.end = end.state, end
        for id, line in ids if self._buckets is not None else ():
            self._add(id, number, line)
        if self._kept or self._is_long():
            try:
                self._save()
            except OSError:
                self._forget()

    # ---

    def _look(self, names: Sequence[str]) -> bool:
        """Look at the windows, and at what is kept of them if they changed; whether anything is
        known."""
        folder = os.path.join(self.home.logs, self.context)
        self._names, self._digests = names, {}
        self._states = [file_states.state_of(os.stat(f"{folder}/{name}")) for name in names]
        if not self._is_exact():
            before = self._buckets, self._places
            self._forget()
            if self._trusted:
                self._load()
                self._places = self._grown(*before)
        return self.end is not None

    def _is_exact(self) -> bool:
        """Whether nothing happened since this process looked."""
        end = self.end
        if end is None or self._buckets is None or not self._names:
            return False
        return (end.name, end.state) == (self._names[-1], self._states[-1])

    def _is_long(self) -> bool:
        return sum(state[3] for state in self._states) >= LEAST

    def _digest(self, count: int) -> str:
        """Of the first windows: another one when one of their files changed."""
        if count not in self._digests:
            seen = repr((self._names[:count], self._states[:count])).encode()
            self._digests[count] = blake2b(seen, digest_size=16).hexdigest()
        return self._digests[count]

    def _goes_on(self, ids: bool) -> bool:
        """Whether what is known holds, as windows only grew or became more since."""
        end = self.end
        if end is None or end.name not in self._names or ids and self._buckets is None:
            return False
        number = self._names.index(end.name)
        inode, modified, _, size = self._states[number]
        if inode != end.state[0] or self._digest(number) != self._older:
            return False
        if size == end.state[3]:
            return modified == end.state[1]
        return size > end.state[3] and self._stands(end)

    def _stands(self, end: WindowEnd) -> bool:
        """Whether the last event that is known is where it was."""
        if not end.digest:
            return True
        event = next(_scan(self._path(end.name), end.offset, end.line), None)
        return event is not None and (event.offset, event.digest) == (end.offset, end.digest)

    def _path(self, name: str) -> str:
        return os.path.join(self.home.logs, self.context, name)

    def _take_in(self, number: int, name: str, state: State) -> None:
        known = self.end if self.end and self.end.name == name else None
        if known and known.state == state:
            return
        path, self.end = self._path(name), known or WindowEnd(name, state)
        offset, line = self.end.offset, self.end.line
        if not known and self._buckets is None:
            offset, line = _find_last(path, state[3])
        for event in _scan(path, offset, line):
            self.end = self.end.after(event)
            if self._buckets is None or known and known.digest and event.line == line:
                continue
            if b'"id":' in event.meta and (id := id_of(events.parse_meta(event))):
                self._add(id, number, event.line)
        self.end = self.end._replace(state=state)

    def _add(self, id: str, number: int, line: int) -> None:
        assert self._buckets is not None
        key, place = _key(id), number << _LINES | line
        self._buckets[_bucket_of(key)].new += _RECORD.pack(key, place)
        if self._places is not None:
            self._places.setdefault(key, place)

    def _find(self, keys: dict[str, bytes]) -> dict[str, int]:
        if self._buckets is None:
            return {}
        if len(keys) > MANY and self._places is None:
            places: dict[bytes, int] = {}
            for number in range(BUCKETS):
                for key, place in _RECORD.iter_unpack(self._records(number)):
                    places.setdefault(key, place)
            self._places = places
        if self._places is not None:
            found = {id: self._places.get(key) for id, key in keys.items()}
        else:
            records = {at: self._records(at) for at in set(map(_bucket_of, keys.values()))}
            found = {id: _look_up(key, records[_bucket_of(key)]) for id, key in keys.items()}
        return {id: place for id, place in found.items() if place is not None}

    def _grown(
        self, before: list[_Bucket] | None, places: dict[bytes, int] | None
    ) -> dict[bytes, int] | None:
        """The places of all ids, if those before are among what was loaded: others wrote."""
        for number, (old, new) in enumerate(zip(before or (), self._buckets or ())):
            if places is None or old.new or new.size < old.size:
                return None
            data = b""
            if new.size > old.size:
                with suppress(OSError):
                    data = files.read(self._file(number), old.size, new.size - old.size)
            if zlib.crc32(data, old.checksum) != new.checksum:
                return None
            for key, place in _RECORD.iter_unpack(data):
                places.setdefault(key, place)
        return places if self._buckets else None

    def _records(self, number: int) -> bytes:
        assert self._buckets is not None
        bucket = self._buckets[number]
        data = b""
        if bucket.size:
            with suppress(OSError):
                data = files.read(self._file(number), 0, bucket.size)
            if (len(data), zlib.crc32(data)) != (bucket.size, bucket.checksum):
                raise _Damaged
        return data + bucket.new

    # --- on disk

    def _file(self, number: int) -> str:
        return os.path.join(self.folder, f"{number:02x}")

    def _load(self) -> None:
        """Know what is kept. What is not of these files, or damaged, is as good as nothing."""
        try:
            text, checksum = files.read(os.path.join(self.folder, "end")).split()
            version, name, older, state, rest, buckets = json.loads(text)
            if version != _VERSION or zlib.crc32(text) != int(checksum):
                return
        except (OSError, ValueError, TypeError):
            return
        self._forget(buckets is not None)
        self.end, self._older, self._kept = WindowEnd(name, tuple(state), *rest), older, True
        for bucket, (size, checksum) in zip(self._buckets or (), buckets or ()):
            bucket.size, bucket.checksum = size, checksum

    def _save(self) -> None:
        """Keep what is known. The caller holds the lock of the home."""
        os.makedirs(self.folder, 0o700, exist_ok=True)
        for number, bucket in enumerate(self._buckets or ()):
            if bucket.new:
                files.overwrite(self._file(number), bytes(bucket.new), bucket.size)
                bucket.checksum = zlib.crc32(bucket.new, bucket.checksum)
                bucket.size += len(bucket.new)
                bucket.new = bytearray()
        if self.end:
            end, some = self.end, self._buckets
            buckets = None if some is None else [[one.size, one.checksum] for one in some]
            value = [_VERSION, end.name, self._older, end.state, end[2:], buckets]
            text = json.dumps(value, separators=(",", ":")).encode()
            line = b"%s %d" % (text, zlib.crc32(text))
            files.overwrite(os.path.join(self.folder, "end"), line.ljust(_LENGTH - 1) + b"\n", 0)
            self._kept = self._trusted = True


def id_of(meta: dict[str, Any]) -> str:
    """What makes an event the same as another, '' when nothing does."""
    id = meta.get("id")
    return str(id) if type(id) in (str, int) else ""


def find_end(path: str) -> WindowEnd:
    """The last event of a window of which nothing is known."""
    state = file_states.state_of(os.stat(path))
    end = WindowEnd(os.path.basename(path), state)
    for event in _scan(path, *_find_last(path, state[3])):
        end = end.after(event)
    return end


def _key(id: str) -> bytes:
    return blake2b(id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _bucket_of(key: bytes) -> int:
    return key[0] % BUCKETS


def _look_up(key: bytes, records: bytes) -> int | None:
    at = -1
    while (at := records.find(key, at + 1)) >= 0:
        if at % _RECORD.size == 0:
            return _RECORD.unpack_from(records, at)[1]
    return None


def _scan(path: str, at: int, line: int) -> Iterator[events.RawEvent]:
    """The events of a window from one of them, or its title, on, whose offset and line these are;
    offsets are those in the file."""
    with regular.open_file(path) as file:
        file.seek(at)
        rest = b""
        while piece := file.read(PIECE):
            data = rest + piece
            cut = data.rfind(b"\n## ") + 1
            yield from _parse(data[:cut], at, line)
            at, line, rest = at + cut, line + data.count(b"\n", 0, cut), data[cut:]
        yield from _parse(rest, at, line)


def _parse(data: bytes, at: int, line: int) -> Iterator[events.RawEvent]:
    for event in events.scan(data, line):
        if isinstance(event, events.RawEvent):
            yield event._replace(offset=at + event.offset, end=at + event.end)


def _find_last(path: str, size: int) -> tuple[int, int]:
    """(offset, line) of the last event of a window, or of its title; only its tail is parsed."""
    length = TAIL
    while True:
        lines, data = files.read_tail(path, size, length)
        cut = data.find(b"\n## ") + 1
        if len(data) == size:
            lines, cut = data.count(b"\n"), 0
        if not cut and len(data) < size:
            length *= 8
            continue
        # lines are counted from the end of the file
        line = lines + 1 - data.count(b"\n", cut)
        found = [*_parse(data[cut:], size - len(data) + cut, line)]
        if found:
            return found[-1].offset, found[-1].line
        if len(data) == size:
            return 0, 1
        length *= 8
