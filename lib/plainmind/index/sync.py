"""Files to rows: takes in what was appended to windows and pins, and nothing twice.

Owns what 'up to date' means. Two ways: `catch_up` reads the journal of heads, which every
append writes, and looks only at windows that grew; `reconcile` looks at every window.
"""

import os
import re
from typing import NamedTuple

from ..formats.log import event as events
from ..formats.log import injected_blocks, pins, window_heads
from ..ground import clock, files
from ..ground.paths import Home
from ..truth.log import reader
from . import episodes, text, vectors
from .store import Store

TURN_BITS = 24  # of a turn's id: 16.7 million events a window
EMBEDDED = ("user", "agent")  # roles whose turns get vectors

_COLOUR = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"
)  # what a terminal takes for a command, and would stick to the next word

EPISODE_GAP = 3600 * 1000  # ms without a word that end a stretch of conversation
EPISODE_TURNS = 30  # and its greatest length


class Changes(NamedTuple):
    turns: int  # taken in
    windows: int  # read again from the start, or gone


def catch_up(store: Store) -> Changes:
    """Take in every event acknowledged before this call. Looks at the windows the journal names.

    All windows are looked at when the journal cannot tell: it is new or was replaced, or the machine was
    started since (its last lines need not have reached the disk).
    """
    seen, now = store.setting("journal"), _journal_position(store.home)
    if (
        not seen
        or not now["boot"]
        or seen["boot"] != now["boot"]
        or seen["inode"] != now["inode"]
        or seen["size"] > now["size"]
    ):
        return reconcile(store)
    # one that was emptied, or removed and made anew with the same inode, may have grown to any size since
    if seen.get("tail") != _journal_tail(store.home, seen["size"]):
        return reconcile(store)
    if seen["size"] == now["size"] and not _pins_changed(store):
        return Changes(0, 0)
    data = files.read(store.home.window_heads, seen["size"]) if now["inode"] else b""
    whole = data[: data.rfind(b"\n") + 1]
    size = seen["size"] + len(whole)
    position = {**now, "size": size, "tail": _journal_tail(store.home, size)}
    return _take_in(
        store, sorted(window_heads.latest_by_window(window_heads.parse(whole))), position
    )


def reconcile(store: Store) -> Changes:
    """Compare every window with the index: new, grown, changed and gone ones."""
    position = _journal_position(store.home)
    known = {
        path: (inode, modified, size)
        for path, inode, modified, size in store.db.execute(
            "SELECT path, inode, modified, size FROM windows"
        )
    }
    changed = []
    for path in reader.list_windows(store.home):
        seen = known.pop(path, None)
        stat = os.stat(store.home.path(path))
        if seen != (stat.st_ino, stat.st_mtime_ns, stat.st_size):
            changed.append(path)
    if (
        not changed
        and not known
        and store.setting("journal") == position
        and not _pins_changed(store)
    ):
        return Changes(0, 0)
    return _take_in(store, changed, position, gone=sorted(known))


def turn_id(window: int, number: int) -> int:
    return (window << TURN_BITS) + number


def turn_at(store: Store, path: str, line: int) -> int | None:
    """Id of the turn that has this line of a window."""
    row = store.db.execute(
        "SELECT turns.id FROM windows JOIN turns ON turns.id BETWEEN windows.id << ?1 AND ((windows.id + 1) << ?1) - 1 "
        "WHERE path = ?2 AND ?3 BETWEEN line AND end_line",
        (TURN_BITS, path, line),
    ).fetchone()
    return row[0] if row else None


def _take_in(
    store: Store, paths: list[str], position: dict, gone: list[str] | None = None
) -> Changes:
    if not store.writable:
        return Changes(0, 0)
    turns = again = 0
    with store.writing():
        for path in gone or []:
            _forget(store, path)
            again += 1
        for path in paths:
            new, reread = _window(store, path)
            turns, again = turns + new, again + reread
        if _pins_changed(store):
            _take_in_pins(store)
        store.put_setting("journal", position)
    return Changes(turns, again)


class _Known(NamedTuple):
    id: int
    read_to: int
    last_offset: int
    last_line: int
    digest: str
    turns: int


def _window(store: Store, path: str) -> tuple[int, bool]:
    """Take in the new events of one window. Returns (turns, whether it was read from the start again)."""
    full = store.home.path(path)
    try:
        stat = os.stat(full)
    except FileNotFoundError:
        return 0, _forget(store, path)
    row = store.db.execute(
        "SELECT inode, modified, size, id, read_to, last_offset, last_line, digest, turns FROM windows WHERE path = ?",
        (path,),
    ).fetchone()
    known = _Known(*row[3:]) if row else None
    blocks: list[events.RawEvent] = []
    reread = False
    # an append makes a window longer; another file in its place, or another content of that length, is an edit
    if row and (stat.st_ino != row[0] or (stat.st_mtime_ns != row[1] and stat.st_size <= row[2])):
        _forget(store, path)
        known, reread = None, True
    if known:
        blocks = _blocks(files.read(full, known.last_offset), known.last_line, known.last_offset)
        # the event read last must still be where it was; then all before it is as it was read
        if known.turns and not (
            blocks and blocks[0].digest == known.digest and blocks[0].offset == known.last_offset
        ):
            _forget(store, path)
            known, reread = None, True
        else:
            blocks = blocks[1:] if known.turns else blocks
    if not known:
        blocks = _blocks(files.read(full), 1, 0)
        surface, context_id = reader.context_of(path).split("/", 1)
        known = _Known(_new_window(store, path, surface, context_id), 0, 0, 1, "", 0)
    if blocks:
        last = blocks[-1]
        _add_turns(store, known, blocks)
        known = known._replace(
            read_to=last.end,
            last_offset=last.offset,
            last_line=last.line,
            digest=last.digest,
            turns=known.turns + len(blocks),
        )
    store.db.execute(
        "UPDATE windows SET inode = ?, modified = ?, size = ?, read_to = ?, last_offset = ?, last_line = ?, digest = ?, turns = ? "
        "WHERE id = ?",
        (stat.st_ino, stat.st_mtime_ns, stat.st_size, *known[1:], known.id),
    )
    return len(blocks), reread


def _blocks(data: bytes, line: int, offset: int) -> list[events.RawEvent]:
    found = [entry for entry in events.scan(data, line) if isinstance(entry, events.RawEvent)]
    return (
        [b._replace(offset=b.offset + offset, end=b.end + offset) for b in found]
        if offset
        else found
    )


def _new_window(store: Store, path: str, surface: str, context_id: str) -> int:
    cursor = store.db.execute(
        "INSERT INTO windows (path, surface, context_id, inode, modified, size, read_to, last_offset, last_line, digest, turns) "
        "VALUES (?, ?, ?, 0, 0, 0, 0, 0, 1, '', 0)",
        (path, surface, context_id),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _add_turns(store: Store, window: _Known, blocks: list[events.RawEvent]) -> None:
    rows, terms = [], []
    last = turn_id(window.id, window.turns - 1)
    episode = episodes.ending_with(store.db, last) if window.turns else None
    for number, block in enumerate(blocks, window.turns):
        id = turn_id(window.id, number)
        author = _utf8(str(events.parse_meta(block).get("author", ""))) if block.meta else ""
        content = _indexed(block)
        found = text.words(author, content)
        instant = clock.parse(block.timestamp)
        if episode is None or not episode.goes_on(instant, EPISODE_GAP, EPISODE_TURNS):
            if episode is not None:
                episodes.put(store.db, episode)
            episode = episodes.Episode.starting(id)
        episode.add(instant, block.role, episodes.author_id(store.db, author), content, found)
        rows.append(
            (
                id,
                block.line,
                block.end_line,
                block.timestamp,
                instant,
                block.role,
                author,
                content,
                episode.id,
            )
        )
        terms.append((id, found))
    if episode is not None:
        episodes.put(store.db, episode)
    store.db.executemany("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    text.add(store.db, terms)
    episodes.count(
        store, len(rows), sum(w.length for _, w in terms), sum(len(w.head) for _, w in terms)
    )


def _indexed(block: events.RawEvent) -> str:
    """What of an event's content may be found again: all but what a recall had put there."""
    content = _COLOUR.sub("", injected_blocks.strip(events.decode_content(block)))
    if block.role == "tool":
        content = injected_blocks.strip_recalled_lines(content)
    return _utf8(content)


def _utf8(text: str) -> str:
    """Text as SQLite takes it: what came in as no UTF-8 becomes '?'."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _forget(store: Store, path: str) -> bool:
    """Remove a window and everything made from it; False when it was not there."""
    row = store.db.execute("SELECT id FROM windows WHERE path = ?", (path,)).fetchone()
    if not row:
        return False
    first, last = turn_id(row[0], 0), turn_id(row[0] + 1, 0) - 1
    turns = store.db.execute(
        "SELECT id, author, content FROM turns WHERE id BETWEEN ? AND ?", (first, last)
    ).fetchall()
    terms = [(id, text.words(author, content)) for id, author, content in turns]
    text.remove(store.db, terms, store.fts5)
    episodes.count(
        store, -len(terms), -sum(w.length for _, w in terms), -sum(len(w.head) for _, w in terms)
    )
    vectors.drop(store.db, first, last)
    for table in ("turns", "episodes"):
        store.db.execute(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", (first, last))
    store.db.execute("DELETE FROM windows WHERE id = ?", (row[0],))
    return True


def _journal_position(home: Home) -> dict:
    try:
        stat = os.stat(home.window_heads)
    except FileNotFoundError:
        return {"inode": 0, "size": 0, "boot": clock.boot_id(), "tail": ""}
    tail = _journal_tail(home, stat.st_size)
    return {"inode": stat.st_ino, "size": stat.st_size, "boot": clock.boot_id(), "tail": tail}


def _journal_tail(home: Home, size: int) -> str:
    """What stands in the journal before `size`: its last line has a digest that no other has."""
    if not size:
        return ""
    start = max(0, size - 256)
    try:
        return files.read(home.window_heads, start, size - start).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _pins_state(home: Home) -> list[int]:
    try:
        stat = os.stat(home.pins)
    except FileNotFoundError:
        return [0, 0, 0]
    return [stat.st_ino, stat.st_mtime_ns, stat.st_size]


def _pins_changed(store: Store) -> bool:
    return (store.setting("pins") or [0, 0, 0]) != _pins_state(store.home)


def _take_in_pins(store: Store) -> None:
    state = _pins_state(store.home)
    data = files.read(store.home.pins) if state[0] else b""
    store.db.execute("DELETE FROM pins")
    store.db.executemany(
        "INSERT INTO pins VALUES (?, ?)", ((pin.path, pin.line) for pin in pins.parse(data))
    )
    store.put_setting("pins", state)
