"""Pages to rows: takes in what changed in knowledge/ and raw/compaction/, page by page, and nothing twice.

Owns what 'up to date' means for pages, how a page is cut into passages, and taking the bytes of a forgotten one out of
the index. A page whose text did not change keeps its passages, and so their vectors. Refuses to know how pages are ranked.
"""

import hashlib
import os
import re
import sqlite3
from array import array
from collections.abc import Iterable
from typing import NamedTuple

from ..formats.log import injected_blocks
from ..formats.page import likeness, page, page_links, triple
from ..formats.page.page import Page
from ..ground import clock
from ..ground.errors import Failure
from ..truth.pages import page_files
from . import text, vectors
from .store import Store

PASSAGE_WORDS = 120
_OF_A_PAGE = ("page_tags", "page_links", "kg_triples")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: a file changed within this time of being read may change again without its time showing it
UNSETTLED = 2_000_000_000  # ns


class Seen(NamedTuple):
    id: int
    inode: int
    modified: int
    size: int
    digest: str


def take_in(store: Store) -> int:
    """Take in every page that is new, changed or gone. Returns how many were."""
    known = {
        path: Seen(*row)
        for path, *row in store.db.execute(
            "SELECT path, id, inode, modified, size, digest FROM pages"
        )
    }
    changed: list[tuple[str, os.stat_result]] = []
    for place in page_files.RECALLED:
        for entry in page_files.list_entries(store.home, place):
            path = f"{place}/{entry.name}"
            if not page_files.is_printable(path):
                continue
            seen = known.pop(path, None)
            try:
                stat = entry.stat()
            except FileNotFoundError:  # gone meanwhile
                continue
            if seen is None or (seen.inode, seen.modified, seen.size) != (
                stat.st_ino,
                stat.st_mtime_ns,
                stat.st_size,
            ):
                changed.append((path, stat))
    if not changed and not known or not store.writable:
        return 0
    return _write(store, [(path, stat, _content(store, path)) for path, stat in changed], known)


def _content(store: Store, path: str) -> bytes | None:
    try:
        return page_files.read_content(store.home, path)
    except (OSError, Failure):  # gone, or not to be read: then it is not recalled
        return None


def _write(
    store: Store, changed: list[tuple[str, os.stat_result, bytes | None]], gone: dict[str, Seen]
) -> int:
    """The changed and the gone pages; a page of which only the time changed is noted when that has settled."""
    now, count, gone = clock.system_now() * 1_000_000, 0, dict(gone)
    work: list[tuple[str, tuple, bytes | None]] = []
    for path, stat, data in changed:
        row = store.db.execute(
            "SELECT id, inode, modified, size, digest FROM pages WHERE path = ?", (path,)
        ).fetchone()
        seen = Seen(*row) if row else None
        modified = stat.st_mtime_ns if now - stat.st_mtime_ns > UNSETTLED else 0
        digest = hashlib.sha256(data).hexdigest() if data is not None else ""
        if data is None:
            gone |= {path: seen} if seen else {}
        elif seen is None or seen.digest != digest:
            work.append((path, (stat.st_ino, modified, stat.st_size, digest), data))
        elif (seen.inode, seen.modified, seen.size) != (stat.st_ino, modified, stat.st_size):
            work.append((path, (stat.st_ino, modified, stat.st_size, digest), None))
    if not work and not gone:
        return 0
    with store.writing() as db:
        # another process may have done any of it while this one waited, and given the id to another page
        for path, seen in gone.items():
            if db.execute(
                "SELECT 1 FROM pages WHERE path = ? AND id = ?", (path, seen.id)
            ).fetchone():
                _forget(store, seen.id)
                count += 1
        for path, state, data in work:
            row = db.execute("SELECT id, digest FROM pages WHERE path = ?", (path,)).fetchone()
            if data is None or row and row[1] == state[3]:
                db.execute(
                    "UPDATE pages SET inode = ?, modified = ?, size = ? WHERE path = ?",
                    (*state[:3], path),
                )
            else:
                _put(store, row[0] if row else None, page.parse(data, path), state)
                count += 1
        if count:
            _entities(db)
    return count


def _put(store: Store, id: int | None, read: Page, state: tuple) -> None:
    db, read = store.db, _recallable(read)
    body = read.body
    row = (
        read.path, read.name, page.link_key(read.name), *state, read.day.isoformat() if read.day else "",
        read.type, read.tier, _utf8(read.source), _utf8(read.image),
        read.valid_from.isoformat() if read.valid_from else "", read.valid_to.isoformat() if read.valid_to else "",
        _one_line(read.title), body, read.body_line, likeness.sketch(likeness.extract_features(body)).tobytes(),
    )  # fmt: skip
    titled = db.execute("SELECT title FROM pages WHERE id = ?", (id,)).fetchone() if id else None
    marks = ", ".join("?" * len(row))
    columns = "path, name, link, inode, modified, size, digest, date, type, tier, source, image, valid_from, valid_to, title, body, line, sketch"
    if id is None:
        id = db.execute(f"INSERT INTO pages ({columns}) VALUES ({marks})", row).lastrowid
        assert id is not None
    else:
        db.execute(f"UPDATE pages SET ({columns}) = ({marks}) WHERE id = ?", (*row, id))
        for table in _OF_A_PAGE:
            db.execute(f"DELETE FROM {table} WHERE page = ?", (id,))
        db.execute("DELETE FROM page_words WHERE rowid = ?", (id,))
    db.executemany(
        "INSERT OR IGNORE INTO page_tags VALUES (?, ?)", ((id, _utf8(tag)) for tag in read.tags)
    )
    targets = [(name, 1) for name in read.supersedes] + [
        (page.name_of(link.name), 0) for link in page_links.find_links(read)
    ]
    db.executemany(
        "INSERT OR IGNORE INTO page_links VALUES (?, ?, ?, ?)",
        (
            (id, _utf8(page.link_key(name)), supersedes, place)
            for place, (name, supersedes) in enumerate(targets)
        ),
    )
    _put_triples(db, id, read)
    found = words(read.title, read.name, read.tags, body)
    db.execute(
        "INSERT INTO page_words (rowid, head, rest) VALUES (?, ?, ?)",
        (id, " ".join(found.head), " ".join(found.rest)),
    )
    db.execute("UPDATE pages SET words = ? WHERE id = ?", (found.length, id))
    _put_passages(
        db,
        id,
        passages(body, read.body_line),
        anew=titled is None or titled[0] != _one_line(read.title),
    )


def words(title: str, name: str, tags: Iterable[str], body: str) -> text.Words:
    """Index terms of a page: its title, name and tags, and its body."""
    return text.Words(
        text.stems(text.tokens(" ".join([title, name, *tags]))), text.stems(text.tokens(body))
    )


def _put_passages(db: sqlite3.Connection, id: int, made: list[tuple[int, str]], anew: bool) -> None:
    """A page's passages; one that stands as before keeps its id, and so its vector."""
    old: dict[str, list[int]] = {}
    for passage, said in db.execute(
        "SELECT id, text FROM passages WHERE page = ?", (id,)
    ).fetchall():
        old.setdefault(said, []).append(passage)
    for line, said in made:
        if not anew and old.get(said):
            db.execute("UPDATE passages SET line = ? WHERE id = ?", (line, old[said].pop(0)))
        else:
            db.execute("INSERT INTO passages (page, line, text) VALUES (?, ?, ?)", (id, line, said))
    _forget_passages(db, [passage for left in old.values() for passage in left])


def _forget_passages(db: sqlite3.Connection, gone: Iterable[int]) -> None:
    for passage in gone:
        vectors.drop(db, -passage, -passage)
        db.execute("DELETE FROM passages WHERE id = ?", (passage,))


def _forget(store: Store, id: int) -> None:
    _forget_passages(
        store.db,
        [
            row[0]
            for row in store.db.execute("SELECT id FROM passages WHERE page = ?", (id,)).fetchall()
        ],
    )
    for table in _OF_A_PAGE:
        store.db.execute(f"DELETE FROM {table} WHERE page = ?", (id,))
    store.db.execute("DELETE FROM page_words WHERE rowid = ?", (id,))
    store.db.execute("DELETE FROM pages WHERE id = ?", (id,))


def _put_triples(db: sqlite3.Connection, id: int, read: Page) -> None:
    db.executemany(
        "INSERT INTO kg_triples VALUES (?, ?, ?, ?, ?, ?)",
        (
            (id, said.line, *map(_shown, (*triple.normalize(said.triple), said.triple.predicate)))
            for said in read.triples
        ),
    )


def _entities(db: sqlite3.Connection) -> None:
    """The names in the triples, of which only those that changed are written."""
    rows = db.execute(
        "SELECT name, count(*) FROM (SELECT subject AS name FROM kg_triples UNION ALL SELECT object FROM kg_triples) GROUP BY name"
    )
    wanted = {(name, triple.comparison_key(name), count) for name, count in rows}
    known = set(db.execute("SELECT name, same, triples FROM kg_entities"))
    db.executemany(
        "DELETE FROM kg_entities WHERE name = ?", ((name,) for name, _, _ in known - wanted)
    )
    db.executemany("INSERT INTO kg_entities VALUES (?, ?, ?)", sorted(wanted - known))


def rebuild_graph(store: Store) -> int:
    """Make the graph's tables anew from the pages' files; returns how many triples there are."""
    take_in(store)
    with store.writing() as db:
        rows = db.execute("SELECT id, path FROM pages").fetchall()
        db.execute("DELETE FROM kg_triples")
        for id, path in rows:
            if (data := _content(store, path)) is not None:
                _put_triples(db, id, _recallable(page.parse(data, path)))
        _entities(db)
    return store.db.execute("SELECT count(*) FROM kg_triples").fetchone()[0]


def passages(body: str, first_line: int) -> list[tuple[int, str]]:
    """(line, text) of a body's passages: whole paragraphs, as many as have some 120 words together.

    A paragraph that is longer is cut between its lines, a line that is longer between its words, or where there is no space.
    """
    found: list[tuple[int, str]] = []
    kept: list[str] = []
    start = count = 0

    def close() -> None:
        nonlocal count
        if kept:
            found.append((start, "\n".join(kept).strip("\n")))
            kept.clear()
        count = 0

    for number, row in enumerate(body.split("\n"), first_line):
        words = text.pieces(row)
        if not words:
            if count >= PASSAGE_WORDS // 2:
                close()
            elif kept:
                kept.append("")
            continue
        if count and (
            count + len(words) > PASSAGE_WORDS
            or row.startswith("#")
            and count >= PASSAGE_WORDS // 4
        ):
            close()
        for at in range(0, len(words), PASSAGE_WORDS):
            if not kept:
                start = number
            some = words[at : at + PASSAGE_WORDS]
            kept.append(
                row.rstrip() if len(words) <= PASSAGE_WORDS else row[some[0][0] : some[-1][1]]
            )
            count += len(some)
            if len(words) > PASSAGE_WORDS:
                close()
    close()
    return found


def near(store: Store, body: str) -> list[tuple[float, str]]:
    """(estimated share, path) of pages that may be near-duplicates of a text, most alike first. The index is up to date."""
    mine = likeness.sketch(likeness.extract_features(body))
    if not mine:
        return []
    found = []
    for path, blob in store.db.execute("SELECT path, sketch FROM pages"):
        theirs = array("I")
        theirs.frombytes(blob)
        share = likeness.estimate(mine, theirs)
        if share >= likeness.ALIKE - likeness.SLACK:
            found.append((share, path))
    return sorted(found, key=lambda each: (-each[0], each[1]))


def embedded_text(title: str, said: str) -> str:
    """What is embedded of a passage: the page's title, and what it says."""
    said = said.strip()
    return f"{title}\n{said}" if said and not said.startswith(("#",)) else said


def embedded(read: Page) -> list[str]:
    """What is embedded of a page, passage by passage."""
    read = _recallable(read)
    title = _one_line(read.title)
    return [embedded_text(title, said) for _, said in passages(read.body, read.body_line)]


def purge(store: Store) -> None:
    """Take the bytes of what was deleted out of the file: words that are only marked as deleted, and what a journal holds."""
    with store.writing() as db:
        db.execute("INSERT INTO page_words (page_words) VALUES ('optimize')")  # FTS4 knows it, too
    if store.db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def lives(store: Store, said: str) -> bool:
    """Whether a turn or a page of the index still says this."""
    places = (
        ("turns", "content"),
        ("pages", "body"),
        ("passages", "text"),
        ("page_words", "head"),
        ("page_words", "rest"),
    )
    sql = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} WHERE instr({column}, ?1))" for table, column in places
    )
    return bool(store.db.execute(f"SELECT {sql}", (_utf8(said),)).fetchone()[0])


def _recallable(read: Page) -> Page:
    """What of a page may be recalled: all but what a recall had put there, every line where it was.

    A summary of a conversation is one whatever its head says, states nothing, and takes no page's place.
    """
    body = _utf8(
        injected_blocks.strip_recalled_lines(
            injected_blocks.strip(read.body, keep_lines=True), keep_lines=True
        )
    )
    if read.path.startswith(f"{page_files.COMPACTION}/"):
        read = read._replace(type="compaction", tier="L2", triples=(), supersedes=())
    return read._replace(body=body)


def _one_line(said: str) -> str:
    return _utf8(" ".join("".join(c if c.isprintable() else " " for c in said).split()))[:200]


def _shown(said: str) -> str:
    """A name that a terminal is shown, one to a field."""
    return _CONTROL.sub("\ufffd", _utf8(said))


def _utf8(said: str) -> str:
    """Text as SQLite takes it."""
    return said if said.isascii() else said.encode("utf-8", "replace").decode()
