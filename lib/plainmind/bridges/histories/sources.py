"""A file of a history, or a member of the .zip an export comes as, and its records.

Owns counting bytes for the progress bar, and taking files apart: JSON Lines, elements of one JSON
value, rows. What is broken becomes a failure among the records. Refuses to know which files are
read (finding), and what the records mean. Memory: one record at a time."""

import calendar
import codecs
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from ...ground.errors import BadData, Failure

LONGEST_LINE = 64 * 1024 * 1024
CHUNK = 64 * 1024
LEFT_OUT = "it is left out"
FIX_LINE = "fix the line or take it out"  # cure of what is wrong with one of many
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)

#: escapes of a pair of surrogates, or of a lone one; the backslash is none that is escaped itself
_SURROGATES = re.compile(
    rb"(?<!\\)((?:\\\\)*+)(?:(\\u[dD][89abAB][0-9a-fA-F]{2}"
    rb"\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
#: what may be a lone one: most texts have pairs only, and nothing to be looked at twice
_SUSPECT = re.compile(
    rb"\\(?:u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    rb"(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F])|\\u[dD])"
)
#: an escape that goes on in the next chunk, or may
_UNFINISHED = re.compile(
    rb"(?<!\\)\\+(?:u(?:[0-9a-fA-F]{0,3}|"
    rb"[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?))?\Z"
)


class RawRecord(NamedTuple):
    """A record of a file, and where it stands."""

    place: str
    value: dict[str, Any]


Records = Iterator[RawRecord | Failure]


class Source(NamedTuple):
    """A file of a history, or a member of an archive (`zip` is its path then). `mtime` is seconds
    since the epoch."""

    path: str
    size: int
    mtime: float
    zip: str = ""

    @property
    def place(self) -> str:
        return f"{self.zip}/{self.path}" if self.zip else self.path

    @property
    def instant(self) -> int:
        """When it was written, in ms."""
        return int(self.mtime * 1000)

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    @property
    def folder(self) -> str:
        """The name of the folder it is in."""
        path = self.path if self.zip else os.path.abspath(self.path)
        return os.path.basename(os.path.dirname(path))

    def beside(self, name: str) -> "Source | None":
        """A file in the same folder."""
        path = os.path.join(os.path.dirname(self.path), name)
        try:
            return (
                find_member(self.zip, open_archive(self.zip).getinfo(path))
                if self.zip
                else find_file(path)
            )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile):
            return None

    @contextmanager
    def opened(self, note: Callable[[int], None] = lambda count: None) -> Iterator["Bytes"]:
        """Its bytes, less a byte order mark. BadData for an archive that is damaged or locked."""
        try:
            if self.zip:
                with open_archive(self.zip).open(self.path) as member:
                    yield Bytes(member, note)
            else:
                with open(self.path, "rb") as file:
                    yield Bytes(file, note)
        except ZIP_ERRORS:
            if not self.zip:
                raise
            what = "damaged, or locked with a password"
            raise BadData(what, place=self.place, cure="export it again") from None


class HistoryReader(Protocol):
    """A tool's history. `read` gives what is in one of its files; `cwd`, where a session was held,
    '' when it does not say."""

    sessions: bool = False  # whether it has files of sessions that were held in folders
    pages: bool = False  # whether what it gives is pages
    journal: bool = False  # whether it is events of the journal of work
    export: bool = False  # whether a folder or archive of it holds nothing that is another tool's

    def wanted(self, path: str) -> bool: ...

    def cwd(self, source: Source) -> str:
        return ""

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[Any]: ...


class Bytes:
    """A file being read, whose reading is noted."""

    def __init__(self, file: Any, note: Callable[[int], None]):
        self._file, self._note = file, note
        start = file.read(3)
        self._start = b"" if start == codecs.BOM_UTF8 else start

    def read(self, size: int = -1) -> bytes:
        if not size:
            return b""
        data, self._start = self._start, b""
        data += self._file.read(size if size < 0 else max(0, size - len(data)))
        self._note(len(data))
        return data

    def line(self) -> bytes:
        start, self._start = self._start, b""
        if start.find(b"\n") >= 0:
            start, _, self._start = start.partition(b"\n")
            start += b"\n"
        else:
            start += self._file.readline(LONGEST_LINE)
        self._note(len(start))
        return start


class Text:
    """What ijson reads: UTF-8 whatever the bytes are, and no halves of characters among the
    escapes, at which it would stop."""

    def __init__(self, file: Bytes):
        self._file, self._held = file, b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self, size: int = -1) -> bytes:
        while size:  # ijson asks for nothing to see whether it will get bytes
            data = self._file.read(size)
            text = self._held + self._decoder.decode(data, final=not data).encode()
            self._held = b""
            escaped = data and b"\\" in text[-12:]
            if escaped and (cut := _UNFINISHED.search(text, max(0, len(text) - CHUNK))):
                text, self._held = text[: cut.start()], text[cut.start() :]
            if _SUSPECT.search(text):
                text = _SURROGATES.sub(_whole, text)
            if text or not data:
                return text
        return b""


def _whole(found: re.Match[bytes]) -> bytes:
    return found[0] if found[2] else found[1] + b"\\ufffd"


def find_file(path: str) -> Source:
    found = os.stat(path)
    return Source(path, found.st_size, found.st_mtime)


def find_member(zip: str, info: zipfile.ZipInfo) -> Source:
    year, month, *rest = info.date_time  # four bits of month: some programs write none
    mtime = calendar.timegm((year, min(max(month, 1), 12), *rest, 0, 0, 0))
    return Source(info.filename, info.file_size, mtime, zip)


@lru_cache(1)
def open_archive(path: str) -> zipfile.ZipFile:
    """An archive, open: reading its directory for every member would take hours with a Discord
    package."""
    return zipfile.ZipFile(path)


def read_lines(source: Source, note: Callable[[int], None] = lambda count: None) -> Records:
    """The objects of a file with one a line."""
    with source.opened(note) as file:
        number = 0
        while line := file.line():
            number += 1
            place = f"{source.place}:{number}"
            if not line.strip():
                continue
            if len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
                while (rest := file.line()) and not rest.endswith(b"\n"):
                    pass
                what = f"a line of more than {LONGEST_LINE} bytes"
                yield BadData(what, place=place, cure=LEFT_OUT)
                continue
            yield _parsed(line, place)


def _parsed(line: bytes, place: str) -> RawRecord | Failure:
    try:
        text = line.decode("utf-8", "surrogateescape")
        value = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        cut_off = "it was cut off while it was written, or is damaged"
        cure = FIX_LINE if line.endswith(b"\n") else cut_off
        return BadData("not valid JSON", place=place, cure=cure)
    if isinstance(value, dict):
        return RawRecord(place, value)
    return BadData("not a JSON object", place=place, cure=FIX_LINE)


def read_elements(
    source: Source, prefix: str, what: str, note: Callable[[int], None] = lambda count: None
) -> Records:
    """The objects below `prefix` (as ijson names it) of a file that is one JSON value; each is a
    `what`."""
    import ijson

    number = 0
    with source.opened(note) as file:
        try:
            for value in ijson.items(Text(file), prefix, use_float=True, buf_size=CHUNK):
                number += 1
                place = f"{source.place}: {what} {number}"
                if isinstance(value, dict):
                    yield RawRecord(place, value)
                else:
                    yield BadData("not a JSON object", place=place, cure=LEFT_OUT)
        except (ijson.JSONError, ValueError, RecursionError):
            wrong = f"not valid JSON after {what} {number}"
            cure = "cut off or damaged: export it again"
            yield BadData(wrong, place=source.place, cure=cure)


def first_value(records: Records) -> dict[str, Any]:
    """The first of the objects, {} when there is none."""
    return next((record.value for record in records if isinstance(record, RawRecord)), {})


def read_beginning(source: Source, size: int = 4096) -> bytes:
    """The first bytes of a file, from its first sign on."""
    with source.opened() as file:
        return file.read(size).lstrip()


def read_nested(
    source: Source, key: str, what: str, note: Callable[[int], None] = lambda count: None
) -> Iterator[tuple[dict[str, Any], RawRecord] | Failure]:
    """The objects in every list that is called `key` of a file that is one JSON value, each with
    the object that has the list, as far as that was read; last, the file's value less those lists.
    Each is a `what`."""
    import ijson

    stack: list[tuple[Any, bool]] = []  # containers, and whether their objects are what is wanted
    number = inside = 0
    name: Any = ""
    whole: Any = {}
    with source.opened(note) as file:
        try:
            for event, value in ijson.basic_parse(Text(file), use_float=True, buf_size=CHUNK):
                if event == "map_key":
                    stack[-1][0][None] = value
                    continue
                if event in ("end_map", "end_array"):
                    done, _ = stack.pop()
                    if event == "end_map":
                        done.pop(None, None)
                    if inside == len(stack) and inside:
                        number, inside = number + 1, 0
                        yield stack[-2][0], RawRecord(f"{source.place}: {what} {number}", done)
                    continue
                if event in ("start_map", "start_array"):
                    value = {} if event == "start_map" else []
                if stack:
                    holder, wanted = stack[-1]
                    name = holder.get(None) if isinstance(holder, dict) else ""
                    if wanted and not inside and isinstance(value, dict):
                        inside = len(stack)
                    elif isinstance(holder, list):
                        holder.append(value)
                    else:
                        holder[name] = value
                else:
                    whole = value
                if isinstance(value, dict | list) and event.startswith("start"):
                    listed = not inside and name == key and event == "start_array"
                    stack.append((value, listed))
        except (ijson.JSONError, ValueError, RecursionError):
            wrong = f"not valid JSON after {what} {number}"
            yield BadData(wrong, place=source.place, cure="cut off or damaged: export it again")
    yield {}, RawRecord(source.place, whole if isinstance(whole, dict) else {"": whole})
