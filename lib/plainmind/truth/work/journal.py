"""The journal of work on disk: `work/events.jsonl`. What `append` was given is on disk when it
returns.

One write under `work/.lock`, then an fsync. A line that a crash tore is ended by the next append;
no byte that stands there is ever changed. Refuses to know what an event says.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple

from ...formats.work import journal, session, summary
from ...formats.work.journal import PATH, Author, Fields, Mint, Row
from ...ground import environment, files, masks, regular
from ...ground.errors import BadData, NotPermitted
from ...ground.paths import Home

PIECE = 1 << 20  # bytes that are read at once


def find_author(env: environment.Environment) -> Author:
    """Who runs this command: a person, or the agent that MIND_AGENT names; what a turn runs, the
    agent as which the turn was started, whatever its commands set."""
    turn, session = environment.read_turn(), env.get("MIND_SESSION")
    if turn:
        return Author(turn.agent, session, inside=True)
    return Author(env.get("MIND_AGENT"), session)


def append(home: Home, events: Sequence[Fields]) -> None:
    """Append events that `compose` made: all of them, or none."""
    if events:
        with files.lock(home.path("work", ".lock")):
            _write(home, events)


class Repeats:
    """The lines of the journal, for events that are logged again under ids of their own. They are
    known by hashes, 0.1 KB a line, of what `work-log` writes: a line in another form is unknown,
    and its event is logged again, which does no harm."""

    def __init__(self, home: Home, id: str = "") -> None:
        """`id`: the only one that matters; its lines are found as bytes, ten times as fast."""
        self._home, self._id, self._inode, self._end = home, id, 0, 0
        self._times: dict[int, int] = {}  # a line without its time -> its time; both hashes

    def catch_up(self) -> None:
        """Take in the lines that were not there before."""
        for line in _search(self._home, self._id) if self._id else self._read_on():
            said, at = _split(line)
            self._times.setdefault(said, at)

    def _read_on(self) -> Iterator[bytes]:
        try:
            file = open_file(self._home)
        except FileNotFoundError:
            self._times.clear()
            return
        with file:
            inode = os.fstat(file.fileno()).st_ino
            if inode != self._inode:  # somebody saved another file in its place
                self._inode, self._end = inode, 0
                self._times.clear()
            place = file.seek(self._end)
            while line := file.readline(journal.MOST + 1):
                place += len(line)
                if line.endswith(b"\n"):
                    self._end = place
                    yield line

    def leave_out(self, drafts: Iterable[Fields], events: Iterable[Fields]) -> list[Fields]:
        """The events of drafts that the journal does not have with the same id and fields; any time
        is the same where the draft gave none."""
        new = []
        for draft, event in zip(drafts, events, strict=True):
            if draft.get("id"):
                said, at = _split(journal.render(event))
                there = self._times.get(said)
                if there is not None and (there == at or not draft.get("at")):
                    continue
                self._times[said] = at
            new.append(event)
        return new


def _split(line: bytes) -> tuple[int, int]:
    head, _, rest = line.partition(b'","at":"')
    at, _, rest = rest.partition(b'"')
    return hash((head, rest)), hash(at)


def append_missing(
    home: Home,
    drafts: Sequence[Fields],
    events: Sequence[Fields],
    repeats: Repeats,
    *,
    dry_run: bool = False,
) -> list[Fields]:
    """Append the events that were made of these drafts, without those that the journal has; what is
    new. The journal is read only where a draft has an id. A dry run writes nothing."""
    if not any(draft.get("id") for draft in drafts):
        if not dry_run:
            append(home, events)
        return [*events]
    check_file(home)
    if dry_run or len(events) > 1:
        repeats.catch_up()  # nobody waits for the lock meanwhile
    if dry_run:
        return repeats.leave_out(drafts, events)
    with files.lock(home.path("work", ".lock")):
        repeats.catch_up()
        new = repeats.leave_out(drafts, events)
        _write(home, new)
    return new


def append_new(home: Home, session: str, events: Sequence[Fields]) -> None:
    """Append what of these events of a session the journal does not tell; it tells all of them when
    this returns. The caller holds the lock."""
    if events:
        _look(home)  # before it is read: a pipe would be waited for
        _write(home, summary.leave_out(events, find(home, session)))


def _write(home: Home, events: Iterable[Fields]) -> None:
    path, data = home.path(PATH), b"".join(map(journal.render, events))
    size, last = _look(home)
    if not size:  # the name is durable before there is a line: whoever finds one relies on it
        files.append(path, b"")
        files.sync_with_parent(os.path.dirname(path))
    # without an event of ours, too: who wrote those that are there may have died before the fsync
    files.append(path, data if last in (b"", b"\n") or not data else b"\n" + data)


def find(home: Home, session: str) -> Iterator[Fields]:
    """The events of a session, in the order of the file, which is searched as bytes: at each end of
    a run, whatever size it has."""
    for line in _search(home, session):
        with suppress(BadData):
            fields = journal.parse(line).fields
            if fields.get("session") == session:
                yield fields


def _search(home: Home, text: str) -> Iterator[bytes]:
    """The lines that have a text as a value somewhere."""
    name, rest = f'"{text}"'.encode(), b""
    try:
        file = open_file(home)
    except FileNotFoundError:
        return
    with file:
        while piece := file.read(PIECE):
            first, last = piece.find(b"\n") + 1, piece.rfind(b"\n") + 1
            whole = rest + piece[:first] if first else b""
            if name in whole:
                yield whole
            yield from _find_lines(piece, name, first, last)
            rest = piece[last:] if last else (rest + piece)[: journal.MOST + 1]


def _find_lines(data: bytes, name: bytes, start: int, end: int) -> Iterator[bytes]:
    """The lines between two places that have a name in them."""
    while (at := data.find(name, start, end)) >= 0:
        first, start = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at) + 1
        yield data[first:start]


def log(
    home: Home,
    drafts: Iterable[Fields],
    now: int,
    author: Author = Author(),
    *,
    dry_run: bool = False,
    once: bool = False,
) -> list[Fields]:
    """Make events of these fields and append them, or none of them; return them as they stand
    there. BadData and NotPermitted as `compose` raises them. A dry run writes nothing. `once`:
    those that are there are left out (`append_missing`)."""
    mint, drafts = Mint(), [*drafts]
    events = [compose(draft, now, mint, author) for draft in drafts]
    if once:
        repeats = Repeats(home, events[0]["id"] if len(events) == 1 else "")
        return append_missing(home, drafts, events, repeats, dry_run=dry_run)
    if not dry_run:
        append(home, events)
    return events


def compose(draft: Fields, now: int, mint: Mint, author: Author = Author()) -> Fields:
    """As formats.work.journal has it, with what is secret as `***`."""
    return journal.compose(draft, now, mint, author, mask_all)


def mask_all(value: Any) -> Any:
    """A JSON value without what this process knows to be secret, in its keys neither."""
    # one look at all texts, which are nearly always clean, takes an eighth of one at each
    texts = "\n".join(_list_texts(value))
    return value if masks.mask(texts) == texts else _mask_each(value)


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value:
            yield from _list_texts(inner)
        for inner in value.values() if isinstance(value, dict) else ():
            yield from _list_texts(inner)


def _mask_each(value: Any) -> Any:
    if isinstance(value, dict):
        return {masks.mask(key): _mask_each(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mask_each(inner) for inner in value]
    return masks.mask(value) if isinstance(value, str) else value


def read(home: Home, start: int = 0, number: int = 1) -> Iterator[Row | BadData]:
    """The lines from `start` on, which is where line `number` begins; what cannot be read as a
    failure with its place. Nothing where there is no journal."""
    try:
        file = open_file(home)
    except FileNotFoundError:
        return
    with file:
        yield from read_lines(file, start, number)


def open_file(home: Home) -> BinaryIO:
    """The journal, to be read. OSError for what is not a file of the home: a link, a pipe."""
    return regular.open_file_below(home.path("work"), os.path.basename(PATH))


def read_lines(
    file: BinaryIO, start: int, number: int, stop: int | None = None
) -> Iterator[Row | BadData]:
    """The same of the open journal, up to the byte `stop`."""
    file.seek(start)
    rest, lost = b"", 0  # bytes of a line that is too long to be kept until it ends
    left = sys.maxsize if stop is None else stop - start
    while piece := file.read(min(PIECE, left)):
        left -= len(piece)
        if lost:
            end = piece.find(b"\n") + 1
            lost += end or len(piece)
            if not end:
                continue
            yield journal.refuse_long(f"{PATH}:{number}")
            start, number, lost, piece = start + lost, number + 1, 0, piece[end:]
        whole, end_of_line, rest = (rest + piece).rpartition(b"\n")
        whole += end_of_line
        yield from journal.scan(whole, start, number)
        start, number = start + len(whole), number + whole.count(b"\n")
        if len(rest) > journal.MOST:
            lost, rest = len(rest), b""


def holds(home: Home, value: str, *, key: str = "id", stop: int = sys.maxsize) -> bool:
    """Whether a line of the journal has this id, or a name of another key, by its bytes up to
    `stop`: for a remark, not for a figure."""
    wanted = re.compile(rb'"%s" ?: ?"%s"' % (key.encode(), re.escape(value).encode()))
    try:
        with open_file(home) as file:
            rest = b""
            while piece := file.read(min(PIECE, stop)):
                if wanted.search(rest + piece):
                    return True
                rest, stop = piece[-100:], stop - len(piece)
    except FileNotFoundError:
        pass
    return False


class JournalProblem(NamedTuple):
    """What a line of the journal has that makes it count nowhere, or not as it says."""

    ref: str
    message: str

    def __str__(self) -> str:
        return f"{self.ref}: {self.message}"


def check_file(home: Home) -> None:
    """NotPermitted for what is not a file of the home: a link, a pipe."""
    path = home.path(PATH)
    if os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
        what = "a link" if os.path.islink(path) else "not a file"
        cure = "put the journal itself in its place, or move it away"
        raise NotPermitted(f"the journal is {what}", place=PATH, cure=cure)


def find_problems(home: Home, now: int) -> Iterator[JournalProblem]:
    check_file(home)
    known: dict[int, tuple[int, int, int]] = {}  # hash of an id -> line, place, hash
    for row in read(home):
        if isinstance(row, BadData):
            yield JournalProblem(row.place, str(row).removeprefix(f"{row.place}: "))
            continue
        line, ref = row.line, f"{PATH}:{row.number}"
        if line.unix_ms > now + journal.AHEAD:
            what = f"at: '{line.fields['at']}' is in the future"
            yield JournalProblem(ref, f"{what}; to take it back: work-log void {line.id}")
        if journal.ends_early(line.fields):
            what = f"ended: '{line.fields['ended']}' is before started; it took no time"
            yield JournalProblem(ref, f"{what}: void {line.id} and log it again")
        said = hash(repr(sorted(_tell(line.fields).items())))
        number, start, before = known.setdefault(hash(line.id), (row.number, row.offset, said))
        if before != said:
            other = next(read(home, start, number), None)
            told = _tell(other.line.fields) if isinstance(other, Row) else {}
            names = _name_differences(told, _tell(line.fields))
            what = f"id: '{line.id}' is that of line {number}, which differs in {names}"
            yield JournalProblem(ref, f"{what}; only the earlier one counts")


def _tell(fields: Fields) -> Fields:
    """What an event says: logged again without a time, it gets another one."""
    return {key: value for key, value in fields.items() if key != "at"}


def _name_differences(one: Fields, other: Fields) -> str:
    keys = sorted(one.keys() | other.keys(), key=lambda key: (key != "type", key))
    names = [session.tell(key) for key in keys if one.get(key) != other.get(key)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _look(home: Home) -> tuple[int, bytes]:
    """The journal's length, and its last byte; 0 and b'' where there is none."""
    check_file(home)
    try:
        with open_file(home) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            return size, file.read(1)
    except FileNotFoundError:
        return 0, b""
