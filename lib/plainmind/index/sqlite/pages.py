"""Pages as rows: takes in what changed, page by page, and nothing twice.

A page whose text did not change keeps its passages, and so their vectors. What is forgotten leaves
no row.
"""

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .. import reading
from ..reading import FileState, PageFile
from . import words

if TYPE_CHECKING:
    from ..page_reading import PageRecord
    from .store import Store

_OF_A_PAGE = ("page_tags", "page_links", "kg_triples")
_STATE = "inode, modified, size, digest"
_RECORD = (
    "name, link, date, type, tier, source, image, valid_from, valid_to, title, body, line, sketch"
)


def take_in(store: "Store") -> int:
    """Take in every page that is new, changed or gone. Returns how many were."""
    known = {
        path: (id, FileState(*state), digest)
        for path, id, digest, *state in store.db.execute(
            "SELECT path, id, digest, inode, modified, size FROM pages"
        )
    }
    changed, gone = reading.changed_pages(
        store.home, {path: state for path, (_, state, _) in known.items()}
    )
    if not changed and not gone or not store.writable:
        return 0
    return _write(store, changed, [(path, known[path][0]) for path in gone])


def _write(store: "Store", changed: list[PageFile], gone: list[tuple[str, int]]) -> int:
    """Changed and gone pages; one of which only the time changed is noted when that settled."""
    work: list[tuple[PageFile, bool]] = []  # and whether its text is new
    for file in changed:
        row = store.db.execute(
            f"SELECT id, {_STATE} FROM pages WHERE path = ?", (file.path,)
        ).fetchone()
        if file.data is None:
            gone += [(file.path, row[0])] if row else []
        elif row is None or row[4] != file.digest:
            work.append((file, True))
        elif row[1:4] != file.state:
            work.append((file, False))
    if not work and not gone:
        return 0
    count = 0
    with store.writing() as db:
        # another process may have done any of it while this one waited, and given the id to another
        # page
        for path, id in gone:
            if db.execute("SELECT 1 FROM pages WHERE path = ? AND id = ?", (path, id)).fetchone():
                _forget(db, id)
                count += 1
        for file, new in work:
            row = db.execute("SELECT id, digest FROM pages WHERE path = ?", (file.path,)).fetchone()
            if new and not (row and row[1] == file.digest):
                _put(db, row[0] if row else None, file)
                count += 1
            else:
                db.execute(
                    "UPDATE pages SET inode = ?, modified = ?, size = ? WHERE path = ?",
                    (*file.state, file.path),
                )
        if count:
            _put_entities(db)
    return count


def _put(db: sqlite3.Connection, id: int | None, file: PageFile) -> None:
    from .. import page_reading

    assert file.data is not None
    record = page_reading.record(file.data, file.path)
    titled = db.execute("SELECT title FROM pages WHERE id = ?", (id,)).fetchone() if id else None
    columns = f"path, {_STATE}, {_RECORD}, words"
    row = (
        file.path, *file.state, file.digest, *record[:12], record.sketch.tobytes(),
        record.words.length,
    )  # fmt: skip
    marks = ", ".join("?" * len(row))
    if id is None:
        id = db.execute(f"INSERT INTO pages ({columns}) VALUES ({marks})", row).lastrowid
        assert id is not None
    else:
        db.execute(f"UPDATE pages SET ({columns}) = ({marks}) WHERE id = ?", (*row, id))
        for table in _OF_A_PAGE:
            db.execute(f"DELETE FROM {table} WHERE page = ?", (id,))
        db.execute("DELETE FROM page_words WHERE rowid = ?", (id,))
    db.executemany(
        "INSERT OR IGNORE INTO page_tags VALUES (?, ?)", ((id, tag) for tag in record.tags)
    )
    db.executemany(
        "INSERT OR IGNORE INTO page_links VALUES (?, ?, ?, ?)",
        ((id, *link, place) for place, link in enumerate(record.links)),
    )
    _put_triples(db, id, record.triples)
    words.add(db, [(id, record.words)], "page_words")
    _put_passages(db, id, record, titled is not None and titled[0] == record.title)


def _put_passages(db: sqlite3.Connection, id: int, record: "PageRecord", same_title: bool) -> None:
    """A page's passages; one that stands as before keeps its id, and so its vector."""
    old: dict[str, list[int]] = {}
    for passage, text in db.execute(
        "SELECT id, text FROM passages WHERE page = ?", (id,)
    ).fetchall():
        old.setdefault(text, []).append(passage)
    for line, text in record.passages:
        if same_title and old.get(text):
            db.execute("UPDATE passages SET line = ? WHERE id = ?", (line, old[text].pop(0)))
        else:
            db.execute("INSERT INTO passages (page, line, text) VALUES (?, ?, ?)", (id, line, text))
    _forget_passages(db, [passage for left in old.values() for passage in left])


def _forget_passages(db: sqlite3.Connection, gone: Iterable[int]) -> None:
    from . import vectors

    for passage in gone:
        vectors.drop(db, vectors.PASSAGE, passage, passage)
        db.execute("DELETE FROM passages WHERE id = ?", (passage,))


def _forget(db: sqlite3.Connection, id: int) -> None:
    rows = db.execute("SELECT id FROM passages WHERE page = ?", (id,)).fetchall()
    _forget_passages(db, [passage for (passage,) in rows])
    for table in _OF_A_PAGE:
        db.execute(f"DELETE FROM {table} WHERE page = ?", (id,))
    db.execute("DELETE FROM page_words WHERE rowid = ?", (id,))
    db.execute("DELETE FROM pages WHERE id = ?", (id,))


def _put_triples(db: sqlite3.Connection, id: int, stated: Iterable[tuple]) -> None:
    db.executemany(
        "INSERT INTO kg_triples VALUES (?, ?, ?, ?, ?, ?)", ((id, *each) for each in stated)
    )


def _put_entities(db: sqlite3.Connection) -> None:
    """The names in the triples, of which only those that changed are written."""
    from ...formats.page import triple

    rows = db.execute(
        "SELECT name, count(*) FROM "
        "(SELECT subject AS name FROM kg_triples UNION ALL SELECT object FROM kg_triples) "
        "GROUP BY name"
    )
    now = {(name, triple.comparison_key(name), count) for name, count in rows}
    before = set(db.execute("SELECT name, same, triples FROM kg_entities"))
    db.executemany(
        "DELETE FROM kg_entities WHERE name = ?", ((name,) for name, _, _ in before - now)
    )
    db.executemany("INSERT INTO kg_entities VALUES (?, ?, ?)", sorted(now - before))


def remake_graph(store: "Store") -> None:
    from .. import page_reading

    with store.writing() as db:
        rows = db.execute("SELECT id, path FROM pages").fetchall()
        db.execute("DELETE FROM kg_triples")
        for id, path in rows:
            if (data := reading.page_content(store.home, path)) is not None:
                _put_triples(db, id, page_reading.triples_of(data, path))
        _put_entities(db)
