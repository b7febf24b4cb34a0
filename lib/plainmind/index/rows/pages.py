"""Pages as rows: takes in what changed, page by page, and nothing twice; and what the rows answer.

A page whose text did not change keeps its passages, and so their vectors. What is forgotten leaves
no row.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from ...ground import regular
from .. import reading
from ..reading import PageFile
from .database import IndexDatabase, SqlConnection
from .events import PASSAGE

if TYPE_CHECKING:
    from ...formats.evidence import PageEvidence, PageText, Question
    from ...formats.page.link import LinkKey
    from ..graph import Graph
    from ..page_reading import PageRecord

LINKS = 8  # of a page, that are followed
MANY = 200  # pages that have a hash in common, of which the newest are looked at

_OF_A_PAGE = ("page_tags", "page_aliases", "page_links", "kg_triples")
_STATE = "inode, modified, changed, size, digest"
_PUT = "INSERT INTO {} VALUES ({}) ON CONFLICT DO NOTHING"
_RECORD = (
    "name, link, date, type, tier, source, image, valid_from, valid_to, title, body, line, sketch"
)


# --- taking in


def take_in(index: IndexDatabase) -> None:
    """Take in every page that is new, changed or gone."""
    if listed := index.setting("page_folders"):
        # all of them at once: a statement that is not ended holds SQLite's lock
        known = index.db.execute("SELECT path, modified, changed, size FROM pages").fetchall()
        if reading.are_as_listed(index.home, known, listed):
            return
    rows = index.db.execute("SELECT path, inode, modified, changed, size FROM pages")
    states = {row[0]: row[1:] for row in rows}
    changed, gone = reading.changed_pages(index.home, states)
    if changed or gone:
        _write(index, changed, gone)
    elif (folders := reading.list_page_folders(index.home, states)) and folders != listed:
        index.note_setting("page_folders", folders)


def _write(index: IndexDatabase, changed: list[PageFile], missing: list[str]) -> None:
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
                _forget(index, id)
        for number, (file, new) in enumerate(work, 1):
            index.progress(number, len(work))
            row = db.execute(select, (file.path,)).fetchone()
            if new and not (row and row[5] == file.digest):
                if row:
                    removal.note_page(row[0])
                    names.subtract(_names(db, row[0]))
                id = _put(index, row[0] if row else None, file)
                names.update(_names(db, id))
                removal.add_page(id)
            else:
                db.execute(touch, (*file.state, file.path))
        _count_entities(db, names)
        removal.settle()


def _put(index: IndexDatabase, id: int | None, file: PageFile) -> int:
    from .. import page_reading

    db = index.db
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
        id = index.insert(f"INSERT INTO pages ({columns}) VALUES ({marks})", row)
    else:
        db.execute(f"UPDATE pages SET ({columns}) = ({marks}) WHERE id = ?", (*row, id))
        for table in _OF_A_PAGE:
            db.execute(f"DELETE FROM {table} WHERE page = ?", (id,))
        index.word_tables.remove_page(index, id)
    tags = ((id, tag) for tag in record.tags)
    db.executemany(_PUT.format("page_tags", "?, ?"), tags)
    aliases = ((id, alias) for alias in record.aliases)
    db.executemany(_PUT.format("page_aliases", "?, ?"), aliases)
    links = ((id, *map(_plain, link), place) for place, link in enumerate(record.links))
    db.executemany(_PUT.format("page_links", "?, ?, ?, ?, ?"), links)
    hashes = ((hash, id) for hash in _keys(record.sketch))
    db.executemany("INSERT INTO page_hashes VALUES (?, ?)", hashes)
    _put_triples(db, id, record.triples)
    index.word_tables.add_pages(index, [(id, record.words)])
    _put_passages(index, id, record, titled is not None and titled[0] == record.title)
    return id


def _keys(sketch: array[int]) -> array[int]:
    from ...formats.page import likeness

    return sketch[: likeness.KEYS]


def _forget_hashes(db: SqlConnection, id: int) -> None:
    (blob,) = db.execute("SELECT sketch FROM pages WHERE id = ?", (id,)).fetchone()
    hashes = ((hash, id) for hash in _keys(array("I", blob)))
    db.executemany("DELETE FROM page_hashes WHERE hash = ? AND page = ?", hashes)


def _plain(value: Any) -> str | int:
    """As a column has it."""
    return value if isinstance(value, str) else int(value)


def _put_passages(index: IndexDatabase, id: int, record: PageRecord, same_title: bool) -> None:
    """A page's passages; one that stands as before keeps its id, and so its vector."""
    db = index.db
    old: dict[str, list[int]] = {}
    rows = db.execute("SELECT id, text FROM passages WHERE page = ?", (id,)).fetchall()
    for passage, text in rows:
        old.setdefault(text, []).append(passage)
    for line, text in record.passages:
        if same_title and old.get(text):
            db.execute("UPDATE passages SET line = ? WHERE id = ?", (line, old[text].pop(0)))
        else:
            sql = "INSERT INTO passages (page, line, text) VALUES (?, ?, ?)"
            new = index.insert(sql, (id, line, text))
            db.execute("INSERT INTO unembedded VALUES (?, ?)", (PASSAGE, new))
    _forget_passages(index, [passage for left in old.values() for passage in left])


def _forget_passages(index: IndexDatabase, gone: Sequence[int]) -> None:
    for passage in gone:
        index.vector_tables.drop(index.db, PASSAGE, passage, passage)
        index.db.execute("DELETE FROM unembedded WHERE kind = ? AND owner = ?", (PASSAGE, passage))
        index.db.execute("DELETE FROM passages WHERE id = ?", (passage,))


def _forget(index: IndexDatabase, id: int) -> None:
    db = index.db
    rows = db.execute("SELECT id FROM passages WHERE page = ?", (id,)).fetchall()
    _forget_passages(index, [passage for (passage,) in rows])
    for table in _OF_A_PAGE:
        db.execute(f"DELETE FROM {table} WHERE page = ?", (id,))
    index.word_tables.remove_page(index, id)
    _forget_hashes(db, id)
    db.execute("DELETE FROM pages WHERE id = ?", (id,))


def _put_triples(db: SqlConnection, id: int, stated: Iterable[tuple]) -> None:
    rows = ((id, *each) for each in stated)
    db.executemany("INSERT INTO kg_triples VALUES (?, ?, ?, ?, ?, ?)", rows)


def _names(db: SqlConnection, id: int) -> Iterator[str]:
    """The names in the triples of a page, as often as they are there."""
    rows = db.execute("SELECT subject, object FROM kg_triples WHERE page = ?", (id,))
    return chain.from_iterable(rows.fetchall())


def _count_entities(db: SqlConnection, names: Mapping[str, int]) -> None:
    """So many more, or less, triples have these names."""
    from ...formats.page import triple

    add = (
        "INSERT INTO kg_entities VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET triples = kg_entities.triples + excluded.triples"
    )
    for name, count in sorted(names.items()):
        if count:
            db.execute(add, (name, triple.comparison_key(name), count))
            db.execute("DELETE FROM kg_entities WHERE name = ? AND triples <= 0", (name,))


def remake_graph(index: IndexDatabase) -> None:
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
def evidence(index: IndexDatabase, question: Question) -> Iterator[PageEvidence]:
    from ...formats.evidence import IndexedPage, PageEvidence

    with index.reading() as db:
        columns = ", ".join(IndexedPage._fields)
        rows = db.execute(f"SELECT {columns} FROM pages ORDER BY path")
        pages = {page.id: page for page in map(IndexedPage._make, rows)}
        cosines: dict[int, dict[int, float]] = {}
        if question.vector is not None and pages:
            cosines = index.vector_tables.passages(db, question.model, question.vector)
        terms = question.terms if pages else ()
        places = [index.word_tables.page_postings(index, term) for term in terms]
        replacing = _replacing(db)
        linked = db.execute(
            "SELECT target, count(DISTINCT page) FROM page_links WHERE supersedes = 0 "
            "AND target IN (SELECT link FROM pages WHERE tier = 'L1') GROUP BY target"
        )
        yield PageEvidence(pages, places, cosines, replacing, dict(linked), _aliases(db))


def _replacing(db: SqlConnection) -> list[tuple[int, LinkKey]]:
    from ...formats.page.link import LinkKey

    rows = db.execute(
        "SELECT page, target, folder FROM page_links WHERE supersedes = 1 ORDER BY page, place"
    )
    return [(page, LinkKey(*link)) for page, *link in rows]


def _aliases(db: SqlConnection) -> list[tuple[str, str]]:
    rows = "SELECT page_aliases.link, path FROM page_aliases JOIN pages ON pages.id = page"
    return db.execute(rows).fetchall()


def texts(db: SqlConnection, ids: Iterable[int]) -> dict[int, PageText]:
    from ...formats.evidence import PageText
    from ...formats.page.link import LinkKey

    found = {}
    for id in ids:
        (body,) = db.execute("SELECT body FROM pages WHERE id = ?", (id,)).fetchone()
        passages = db.execute(
            "SELECT id, line, text FROM passages WHERE page = ? ORDER BY line, id", (id,)
        ).fetchall()
        links = db.execute(
            "SELECT target, folder FROM page_links WHERE page = ? AND supersedes = 0 "
            "ORDER BY place LIMIT ?",
            (id, LINKS),
        )
        found[id] = PageText(body, passages, [LinkKey(*link) for link in links])
    return found


def graph(index: IndexDatabase, subject: str, object: str) -> Graph:
    """`subject`, `object`: of the facts of these names alone, if they are not ''."""
    from ...formats.page.triple import comparison_key
    from ..graph import Fact, Graph, Span

    asked = {"subject": comparison_key(subject), "object": comparison_key(object)}
    asked = {column: key for column, key in asked.items() if key}
    same = "{} IN (SELECT name FROM kg_entities WHERE same = ?)"
    where = f"WHERE {' AND '.join(map(same.format, asked))} " if asked else ""
    with index.reading() as db:
        rows = db.execute(
            "SELECT page, written, subject, predicate, object, pages.path, kg_triples.line, "
            "pages.date, pages.valid_from, pages.valid_to "
            f"FROM kg_triples JOIN pages ON pages.id = kg_triples.page {where}"
            "ORDER BY subject, predicate, object, path, kg_triples.line",
            [*asked.values()],
        )
        facts = [(page, Fact(*fact), written) for page, written, *fact in rows]
        replacing, sql = _replacing(db), "SELECT id, path, link, date, valid_from, valid_to "
        if replacing or not asked:
            rows = db.execute(f"{sql}FROM pages ORDER BY path")
            return Graph(facts, {id: Span(*span) for id, *span in rows}, replacing, _aliases(db))
        # what no other page can end depends on its own page
        pages = sorted({page for page, *_ in facts})
        found = (db.execute(f"{sql}FROM pages WHERE id = ?", (page,)).fetchone() for page in pages)
        return Graph(facts, {id: Span(*span) for id, *span in found}, ())


def find_alike(db: SqlConnection, sketch: array[int]) -> list[tuple[str, array[int]]]:
    from ...formats.page import likeness

    having = "SELECT page FROM page_hashes WHERE hash = ? ORDER BY page DESC LIMIT ?"
    found = [[page for (page,) in db.execute(having, (hash, MANY))] for hash in _keys(sketch)]
    one = "SELECT path, sketch FROM pages WHERE id = ?"
    rows = (db.execute(one, (page,)).fetchone() for page in likeness.find_likely(found))
    return [(path, array("I", blob)) for path, blob in rows]
