"""Pages as rows: takes in what changed, page by page, and nothing twice; and what the rows answer.

A page whose text did not change keeps its passages, and so their vectors. What is forgotten leaves
no row.
"""

import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from ...formats.evidence import IndexedPage, PageEvidence, PageText, Question
from ...formats.page.link import LinkKey
from ...ground import regular
from .. import reading
from ..reading import PageFile
from . import words
from .index_file import IndexFile

if TYPE_CHECKING:
    from ..graph import Graph
    from ..page_reading import PageRecord

LINKS = 8  # of a page, that are followed
MANY = 200  # pages that have a hash in common, of which the newest are looked at

_OF_A_PAGE = ("page_tags", "page_aliases", "page_links", "kg_triples")
_STATE = "inode, modified, changed, size, digest"
_RECORD = (
    "name, link, date, type, tier, source, image, valid_from, valid_to, title, body, line, sketch"
)


# --- taking in


def take_in(index: IndexFile) -> None:
    """Take in every page that is new, changed or gone."""
    rows = index.db.execute("SELECT path, inode, modified, changed, size FROM pages")
    changed, gone = reading.changed_pages(index.home, {row[0]: row[1:] for row in rows})
    if changed or gone:
        _write(index, changed, gone)


def _write(index: IndexFile, changed: list[PageFile], missing: list[str]) -> None:
    """Changed and missing pages; one of which only the time changed is noted when that settled."""
    select = f"SELECT id, {_STATE} FROM pages WHERE path = ?"
    work: list[tuple[PageFile, bool]] = []  # and whether its text is new
    lost, gone = list(missing), []
    for path in missing:
        row = index.db.execute(select, (path,)).fetchone()
        gone += [(path, row[0])] if row else []
    for file in changed:
        row = index.db.execute(select, (file.path,)).fetchone()
        if file.data is None:
            lost.append(file.path)
            gone += [(file.path, row[0])] if row else []
        elif row is None or row[5] != file.digest:
            work.append((file, True))
        elif row[1:5] != file.state:
            work.append((file, False))
    closed = {path for path in lost if regular.is_unreadable(index.home.path(path))}
    if not work and not gone and closed <= set(index.setting("unreadable") or ()):
        return
    from .removal import Removal

    touch = "UPDATE pages SET inode = ?, modified = ?, changed = ?, size = ? WHERE path = ?"
    with index.writing() as db:
        removal, names = Removal(index), Counter[str]()
        for path in closed:
            removal.note_unreadable(path)
        # another process may have done any of it while this one waited, and given an id to another
        # page
        for path, id in gone:
            if db.execute("SELECT 1 FROM pages WHERE path = ? AND id = ?", (path, id)).fetchone():
                if path not in closed:
                    removal.note_page(id)
                names.subtract(_names(db, id))
                _forget(db, id)
        for number, (file, new) in enumerate(work, 1):
            index.progress(number, len(work))
            row = db.execute(select, (file.path,)).fetchone()
            if new and not (row and row[5] == file.digest):
                if row:
                    removal.note_page(row[0])
                    names.subtract(_names(db, row[0]))
                id = _put(db, row[0] if row else None, file)
                names.update(_names(db, id))
                removal.add_page(id)
            else:
                db.execute(touch, (*file.state, file.path))
        _count_entities(db, names)
        removal.settle()


def _put(db: sqlite3.Connection, id: int | None, file: PageFile) -> int:
    from .. import page_reading

    assert file.data is not None
    record = page_reading.record(file.data, file.path)
    titled = db.execute("SELECT title FROM pages WHERE id = ?", (id,)).fetchone() if id else None
    if id:
        _forget_hashes(db, id)
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
    tags = ((id, tag) for tag in record.tags)
    db.executemany("INSERT OR IGNORE INTO page_tags VALUES (?, ?)", tags)
    aliases = ((id, alias) for alias in record.aliases)
    db.executemany("INSERT OR IGNORE INTO page_aliases VALUES (?, ?)", aliases)
    links = ((id, *link, place) for place, link in enumerate(record.links))
    db.executemany("INSERT OR IGNORE INTO page_links VALUES (?, ?, ?, ?, ?)", links)
    hashes = ((hash, id) for hash in _keys(record.sketch))
    db.executemany("INSERT INTO page_hashes VALUES (?, ?)", hashes)
    _put_triples(db, id, record.triples)
    words.add_pages(db, [(id, record.words)])
    _put_passages(db, id, record, titled is not None and titled[0] == record.title)
    return id


def _keys(sketch: "array[int]") -> "array[int]":
    from ...formats.page import likeness

    return sketch[: likeness.KEYS]


def _forget_hashes(db: sqlite3.Connection, id: int) -> None:
    (blob,) = db.execute("SELECT sketch FROM pages WHERE id = ?", (id,)).fetchone()
    hashes = ((hash, id) for hash in _keys(array("I", blob)))
    db.executemany("DELETE FROM page_hashes WHERE hash = ? AND page = ?", hashes)


def _put_passages(db: sqlite3.Connection, id: int, record: "PageRecord", same_title: bool) -> None:
    """A page's passages; one that stands as before keeps its id, and so its vector."""
    old: dict[str, list[int]] = {}
    rows = db.execute("SELECT id, text FROM passages WHERE page = ?", (id,)).fetchall()
    for passage, text in rows:
        old.setdefault(text, []).append(passage)
    for line, text in record.passages:
        if same_title and old.get(text):
            db.execute("UPDATE passages SET line = ? WHERE id = ?", (line, old[text].pop(0)))
        else:
            db.execute("INSERT INTO passages (page, line, text) VALUES (?, ?, ?)", (id, line, text))
    _forget_passages(db, [passage for left in old.values() for passage in left])


def _forget_passages(db: sqlite3.Connection, gone: Sequence[int]) -> None:
    if not gone:
        return
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
    _forget_hashes(db, id)
    db.execute("DELETE FROM pages WHERE id = ?", (id,))


def _put_triples(db: sqlite3.Connection, id: int, stated: Iterable[tuple]) -> None:
    rows = ((id, *each) for each in stated)
    db.executemany("INSERT INTO kg_triples VALUES (?, ?, ?, ?, ?, ?)", rows)


def _names(db: sqlite3.Connection, id: int) -> Iterator[str]:
    """The names in the triples of a page, as often as they are there."""
    rows = db.execute("SELECT subject, object FROM kg_triples WHERE page = ?", (id,))
    return chain.from_iterable(rows.fetchall())


def _count_entities(db: sqlite3.Connection, names: Mapping[str, int]) -> None:
    """So many more, or less, triples have these names."""
    from ...formats.page import triple

    add = (
        "INSERT INTO kg_entities VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET triples = triples + excluded.triples"
    )
    for name, count in sorted(names.items()):
        if count:
            db.execute(add, (name, triple.comparison_key(name), count))
            db.execute("DELETE FROM kg_entities WHERE name = ? AND triples <= 0", (name,))


def remake_graph(index: IndexFile) -> None:
    from .. import page_reading

    with index.writing() as db:
        rows = db.execute("SELECT id, path FROM pages").fetchall()
        db.execute("DELETE FROM kg_triples")
        db.execute("DELETE FROM kg_entities")
        for id, path in rows:
            if (data := reading.page_content(index.home, path)) is not None:
                _put_triples(db, id, page_reading.triples_of(data, path))
        names = db.execute("SELECT subject, object FROM kg_triples")
        _count_entities(db, Counter(chain.from_iterable(names)))


# --- answers


@contextmanager
def evidence(index: IndexFile, question: Question) -> Iterator[PageEvidence]:
    with index.reading() as db:
        columns = ", ".join(IndexedPage._fields)
        rows = db.execute(f"SELECT {columns} FROM pages ORDER BY path")
        pages = {page.id: page for page in map(IndexedPage._make, rows)}
        cosines: dict[int, dict[int, float]] = {}
        if question.vector is not None and pages:
            from . import vectors

            cosines = vectors.passages(db, question.model, question.vector)
        terms = question.terms if pages else ()
        places = [words.page_postings(db, term, index.fts5) for term in terms]
        replacing = _replacing(db)
        linked = db.execute(
            "SELECT target, count(DISTINCT page) FROM page_links WHERE NOT supersedes "
            "AND target IN (SELECT link FROM pages WHERE tier = 'L1') GROUP BY target"
        )
        yield PageEvidence(pages, places, cosines, replacing, dict(linked), _aliases(db))


def _replacing(db: sqlite3.Connection) -> list[tuple[int, LinkKey]]:
    rows = db.execute(
        "SELECT page, target, folder FROM page_links WHERE supersedes ORDER BY page, place"
    )
    return [(page, LinkKey(*link)) for page, *link in rows]


def _aliases(db: sqlite3.Connection) -> list[tuple[str, str]]:
    rows = "SELECT page_aliases.link, path FROM page_aliases JOIN pages ON pages.id = page"
    return db.execute(rows).fetchall()


def texts(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, PageText]:
    found = {}
    for id in ids:
        (body,) = db.execute("SELECT body FROM pages WHERE id = ?", (id,)).fetchone()
        passages = db.execute(
            "SELECT id, line, text FROM passages WHERE page = ? ORDER BY line, id", (id,)
        ).fetchall()
        links = db.execute(
            "SELECT target, folder FROM page_links WHERE page = ? AND NOT supersedes "
            "ORDER BY place LIMIT ?",
            (id, LINKS),
        )
        found[id] = PageText(body, passages, [LinkKey(*link) for link in links])
    return found


def graph(index: IndexFile) -> "Graph":
    from ..graph import Fact, Graph, Span

    with index.reading() as db:
        rows = db.execute(
            "SELECT page, written, subject, predicate, object, pages.path, kg_triples.line, "
            "pages.date, pages.valid_from, pages.valid_to "
            "FROM kg_triples JOIN pages ON pages.id = kg_triples.page "
            "ORDER BY subject, predicate, object, path, kg_triples.line"
        )
        facts = [(page, Fact(*fact), written) for page, written, *fact in rows]
        rows = db.execute(
            "SELECT id, path, link, date, valid_from, valid_to FROM pages ORDER BY path"
        )
        spans = {id: Span(*span) for id, *span in rows}
        return Graph(facts, spans, _replacing(db), _aliases(db))


def find_alike(db: sqlite3.Connection, sketch: "array[int]") -> "list[tuple[str, array[int]]]":
    from ...formats.page import likeness

    having = "SELECT page FROM page_hashes WHERE hash = ? ORDER BY page DESC LIMIT ?"
    found = [[page for (page,) in db.execute(having, (hash, MANY))] for hash in _keys(sketch)]
    one = "SELECT path, sketch FROM pages WHERE id = ?"
    rows = (db.execute(one, (page,)).fetchone() for page in likeness.find_likely(found))
    return [(path, array("I", blob)) for path, blob in rows]
