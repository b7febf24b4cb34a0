"""Windows, events, episodes and pins as rows.

The only place that knows what an event's id is made of: the number of its window, and its number
there.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from ...ground import regular
from .. import reading
from .database import Damaged, IndexDatabase, SqlConnection, check, checksum, upsert

if TYPE_CHECKING:
    from ...formats.evidence import Episode, Equal, IndexedEvent, Totals
    from ...formats.words import Words
    from ..window_reading import NewEvent, WindowState
    from .removal import Removal

AT_ONCE = 400  # events whose equals are looked up by one statement
PORTION = 128  # windows that are taken in at a time
BITS = 24  # of an event's id, for its number: 16.7 million events a window

EVENT, PASSAGE = "event", "passage"  # what a vector may belong to
#: the text may be gone by now: a window can be removed, and a page changed, while vectors are made
THERE = {EVENT: "events", PASSAGE: "passages"}
_COLUMNS = ("lengths", "openings", "times", "kinds", "authors")
EPISODES = f"SELECT id, {', '.join(_COLUMNS)}, checksum FROM episodes"
_STATE = (
    "path, context, inode, modified, changed, size, read_to, last_offset, last_line, digest, "
    "events, checksum"
)


def event_id(window: int, number: int) -> int:
    return (window << BITS) + number


def bounds(window: int) -> tuple[int, int]:
    """The least and the greatest id that an event of a window may have."""
    return event_id(window, 0), event_id(window + 1, 0) - 1


# --- taking in


def catch_up(index: IndexDatabase, *, thorough: bool = False, again: Iterable[str] = ()) -> None:
    """Take in every event acknowledged before this call: of the windows the journal names, or,
    `thorough` or when it cannot tell, of all that are new, grown, changed or gone, and `again`."""
    seen, away, pins = index.settings("journal", "gone", "pins")
    # one that somebody took away and put back is in no journal
    thorough = thorough or any(map(os.path.exists, map(index.home.path, away or ())))
    grown = None if thorough else reading.grown_windows(index.home, seen)
    if grown is None:
        position = reading.journal_position(index.home)
        rows = index.db.execute("SELECT path, modified, changed, size FROM windows")
        known = {row[0]: row for row in rows}
        listed = index.setting("folders")  # as long as there are contexts
        paths, gone, folders = reading.changed_windows(index.home, known, listed or {})
        paths += [path for path in again if path not in paths and path not in gone]
        paths.sort(key=known.__contains__)
        fresh = len(paths) - sum(map(known.__contains__, paths))
    else:
        (paths, position), gone, folders, listed, fresh = grown, [], None, None, 0
    listing = folders != listed
    if paths or gone or listing or position != seen or pins != reading.pins_state(index.home):
        _take_in(index, paths, gone, position, folders, frozenset(again), fresh)


def _take_in(
    index: IndexDatabase,
    paths: Sequence[str],
    gone: Sequence[str],
    position: Mapping[str, Any],
    folders: Mapping[str, reading.Times] | None,  # when every window was looked at
    again: AbstractSet[str],
    fresh: int,  # windows that nobody knows, the first ones
) -> None:
    from .removal import Removal

    removal, done = Removal(index), 0
    while fresh - done > PORTION:
        # a run that is killed need not take them in again; what moved, too, is not what went
        with index.writing():
            done = _take_in_some(index, paths, done, done + PORTION, removal)
    with index.writing():
        for path in gone:
            _forget(index, path, removal, "gone")
        whole = folders is not None
        _take_in_some(index, paths, done, len(paths), removal, again, whole=whole)
        if folders is not None:
            removal.keep_look(gone, folders)
        _take_in_pins(index)
        index.put_setting("journal", position)
        removal.settle()
    removal.overwrite()
    removal.tell()


def _take_in_some(
    index: IndexDatabase,
    paths: Sequence[str],
    start: int,
    end: int,
    removal: Removal,
    again: AbstractSet[str] = frozenset(),
    *,
    whole: bool = True,
) -> int:
    """Take in windows from one number to another, which is returned."""
    for number in range(start, end):
        path = paths[number]
        _take_in_window(index, path, removal, whole=whole, again=path in again)
        index.progress(number + 1, len(paths))
    return end


def take_in_again(index: IndexDatabase, paths: Sequence[str]) -> None:
    """Take windows in from their start, whatever is known of them: what stands in the place of one
    may have its inode, its length and its last digest (mem-forget)."""
    with index.writing():
        for path in paths:
            _forget(index, path)
            _take_in_window(index, path)


def _take_in_window(
    index: IndexDatabase,
    path: str,
    removal: Removal | None = None,
    *,
    whole: bool = True,
    again: bool = False,
) -> None:
    """Take in the new events of a window. `again`: though its file seems to be as it was."""
    from .. import window_reading

    row = index.db.execute(f"SELECT id, {_STATE} FROM windows WHERE path = ?", (path,)).fetchone()
    known = window_reading.WindowState(*row[1:]) if row else None
    if known and not again and _is_as_read(index.home.path(path), known):
        return None  # another process was faster
    read = window_reading.window(index.home, path, known, whole=whole)
    if read is None:
        if (there := regular.is_unreadable(index.home.path(path))) and removal:
            removal.note_unreadable(path)
        return _forget(index, path, removal, "unreadable" if there else "gone")
    if read.again:
        _forget(index, path, removal, "changed")
        known = None
    if known:
        window, before = row[0], known.events
        index.db.execute(
            "UPDATE windows SET inode = ?, modified = ?, changed = ?, size = ?, read_to = ?, "
            "last_offset = ?, last_line = ?, digest = ?, events = ?, checksum = ? WHERE id = ?",
            (*read.state[2:], window),
        )
    else:
        marks = ", ".join("?" * len(read.state))
        insert = f"INSERT INTO windows ({_STATE}) VALUES ({marks})"
        window, before = index.insert(insert, read.state), 0
        if removal:
            removal.add_window(path, bounds(window))
    if read.events:
        _add(index, window, before, read.events)


def _is_as_read(path: str, known: WindowState) -> bool:
    """Whether a window's file has the times and the size that it had when all of it was read."""
    try:
        at = os.stat(path)
    except OSError:
        return False
    there = at.st_mtime_ns, at.st_ctime_ns, at.st_size
    return there == (known.modified, known.changed, known.size)


def _add(index: IndexDatabase, window: int, before: int, read: list[NewEvent]) -> None:
    """Rows of new events of a window, of which `before` are there."""
    from ...formats import equality
    from ...formats import words as grammar
    from ...formats.evidence import Episode
    from ..window_reading import EPISODE_EVENTS, EPISODE_GAP
    from . import word_counts

    rows, terms, changes, limits = [], [], [], (EPISODE_GAP, EPISODE_EVENTS)
    last = f"{EPISODES} WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
    span = event_id(window, 0), event_id(window, before) - 1
    episodes = [episode(row) for row in index.db.execute(last, span)]
    known = len(episodes)
    for id, event in enumerate(read, event_id(window, before)):
        found = grammar.of_event(event.author, event.content)
        if not episodes or not episodes[-1].goes_on(event.instant, *limits):
            episodes.append(Episode.starting(id))
        author = _number(index, "authors", event.author)
        model = _number(index, "models", event.model) if event.model else 0
        episodes[-1].add(event.instant, event.role, author, event.content, found)
        same = equality.key(event.content)
        changes += [(id, *place) for place in event.changes]
        rows.append((id, *event[:6], model, event.content, episodes[-1].id, same, *event.place))
        terms.append((id, found))
    for one in episodes:
        _put_episode(index.db, one)
    index.db.executemany(f"INSERT INTO events VALUES ({', '.join('?' * 14)})", rows)
    put = "INSERT INTO changes VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    index.db.executemany(put, changes)
    due = (("event", row[0]) for row in rows if row[5] in reading.EMBEDDED)
    index.db.executemany("INSERT INTO unembedded VALUES (?, ?)", due)
    index.word_tables.add(index, terms)
    word_counts.count(index.db, (found for _, found in terms), 1)
    _count(index, [found for _, found in terms], len(episodes) - known, 1)
    if any(event.usage for event in read):
        from . import usage

        usage.add(index.db, window, enumerate(read, event_id(window, before)))


def _forget(
    index: IndexDatabase, path: str, removal: Removal | None = None, what: str = ""
) -> None:
    """Remove a window and everything made from it. `what` became of it is noted."""
    window = window_id(index.db, path)
    if window is None:
        return
    from ...formats import words as grammar
    from . import word_counts

    span = bounds(window)
    if removal:
        removal.note_window(path, span, what)
    events = "SELECT id, author, content FROM events WHERE id BETWEEN ? AND ?"
    terms = [(id, grammar.of_event(*event)) for id, *event in index.db.execute(events, span)]
    index.word_tables.remove(index, terms)
    word_counts.count(index.db, (found for _, found in terms), -1)
    stretches = "SELECT count(*) FROM episodes WHERE id BETWEEN ? AND ?"
    (count,) = index.db.execute(stretches, span).fetchone()
    _count(index, [found for _, found in terms], count, -1)
    index.vector_tables.drop(index.db, EVENT, *span)
    index.db.execute(
        "DELETE FROM unembedded WHERE kind = ? AND owner BETWEEN ? AND ?", (EVENT, *span)
    )
    for place in "events.id episodes.id changes.event llm_usage.event".split():
        index.db.execute(f"DELETE FROM {place.split('.')[0]} WHERE {place} BETWEEN ? AND ?", span)
    index.db.execute("DELETE FROM windows WHERE id = ?", (window,))


def _count(index: IndexDatabase, found: list[Words], episodes: int, sign: int) -> None:
    """Add to the totals, or take from them."""
    lengths = sum(one.length for one in found), sum(one.opening_length for one in found)
    added = len(found), *lengths, episodes
    index.put_setting("totals", [a + sign * b for a, b in zip(totals(index), added, strict=True)])


def totals(index: IndexDatabase) -> Totals:
    from ...formats.evidence import Totals

    return Totals(*(index.setting("totals") or (0, 0, 0, 0)))


def _number(index: IndexDatabase, table: str, name: str) -> int:
    """The id of an author or a model."""
    row = index.db.execute(f"SELECT id FROM {table} WHERE name = ?", (name,)).fetchone()
    if row:
        return row[0]
    return index.insert(f"INSERT INTO {table} (name) VALUES (?)", (name,))


def _take_in_pins(index: IndexDatabase) -> None:
    """Take in the pins, if they changed."""
    state = reading.pins_state(index.home)
    if index.setting("pins") == state:
        return
    index.db.execute("DELETE FROM pins")
    index.db.executemany("INSERT INTO pins VALUES (?, ?)", reading.pins(index.home))
    index.put_setting("pins", state)


# --- episodes


def _put_episode(db: SqlConnection, episode: Episode) -> None:
    columns = [_bytes(column) for column in episode[1:]]
    db.execute(
        upsert("episodes", ("id", "words", "newest", *_COLUMNS, "checksum"), ("id",)),
        (episode.id, sum(episode.lengths), max(episode.times), *columns, checksum(*columns)),
    )


def episode(row: tuple) -> Episode:
    from ...formats.evidence import COLUMNS, Episode

    id, *blobs, kept = row
    check(kept, *blobs)
    columns = list(map(array, COLUMNS, blobs))
    if sys.byteorder == "big":
        for column in columns:
            column.byteswap()
    return Episode(id, *columns)


def _bytes(column: array[int]) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()


# --- answers


def window_id(db: SqlConnection, path: str) -> int | None:
    row = db.execute("SELECT id FROM windows WHERE path = ?", (path,)).fetchone()
    return row[0] if row else None


def rows(db: SqlConnection, ids: Iterable[int]) -> dict[int, IndexedEvent]:
    """The events with these ids, which must be there, or the index is damaged."""
    from ...formats.evidence import IndexedEvent

    found = {}
    for id in ids:
        row = db.execute(
            "SELECT path, line, timestamp, role, author, context, content "
            f"FROM events JOIN windows ON windows.id = events.id >> {BITS} WHERE events.id = ?",
            (id,),
        ).fetchone()
        if row is None:
            raise Damaged("its tables contradict each other")
        found[id] = IndexedEvent(*row)
    return found


def find_stale(index: IndexDatabase, ids: Iterable[int]) -> list[str]:
    """The windows of these events that do not have one of them as it was read."""
    places: dict[str, list[reading.EventPlace]] = {}
    for id in ids:
        path, *place = index.db.execute(
            'SELECT path, "offset", bytes, events.checksum '
            f"FROM events JOIN windows ON windows.id = events.id >> {BITS} WHERE events.id = ?",
            (id,),
        ).fetchone()
        places.setdefault(path, []).append(reading.EventPlace(*place))
    return [path for path in places if not reading.stands(index.home, path, places[path])]


def equals(db: SqlConnection, ids: Iterable[int]) -> dict[int, list[Equal]]:
    """Of each of these events, all that have its text: one list for all of them."""
    from ...formats.evidence import Equal

    found: dict[int, list[Equal]] = {}
    ids = list(ids)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        rows = db.execute(
            "SELECT same, events.id, path, unix_ms, role, author FROM events "
            f"JOIN windows ON windows.id = events.id >> {BITS} WHERE same IN "
            f"(SELECT same FROM events WHERE id IN ({', '.join('?' * len(some))})) "
            "ORDER BY events.id",
            some,
        )
        groups: dict[int, list[Equal]] = {}
        for same, *one in rows:
            groups.setdefault(same, []).append(Equal._make(one))
        for group in groups.values():
            found.update(dict.fromkeys((one.id for one in group), group))
    return found


def at(db: SqlConnection, path: str, line: int) -> int | None:
    """Id of the event that has this line of a window."""
    row = db.execute(
        "SELECT events.id FROM windows JOIN events "
        f"ON events.id BETWEEN windows.id << {BITS} AND ((windows.id + 1) << {BITS}) - 1 "
        "WHERE path = ? AND ? BETWEEN line AND end_line",
        (path, line),
    ).fetchone()
    return row[0] if row else None
