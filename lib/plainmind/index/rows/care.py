"""The index as a whole: its size, its rows to compare, the bytes of what is forgotten."""

from collections.abc import Iterator
from typing import Any

from ...ground import zone
from ..reading import utf8
from . import events, work
from .database import VERSION, IndexDatabase, SqlConnection

_OF_EVENTS = f"JOIN windows ON windows.id = events.id >> {events.BITS}"
_SERVING = "JOIN settings ON settings.name = 'embed_model' AND value = vectors.model"

#: what must be the same however an index came about; ids depend on the order in which windows were
#: first seen
_ROWS = {
    "events": "SELECT path, line, end_line, timestamp, unix_ms, role, author, same, "
    "(SELECT name FROM models WHERE models.id = model), content "
    f"FROM events {_OF_EVENTS}",
    "windows": "SELECT path, context, size, read_to, last_offset, last_line, digest, events "
    "FROM windows",
    "episodes": "SELECT path, line, words, lengths, openings, times, kinds FROM episodes "
    f"JOIN events ON events.id = episodes.id {_OF_EVENTS}",
    "word_counts": "SELECT term, events FROM word_counts",
    "changes": "SELECT windows.path, events.line, changes.path, changes.line FROM changes "
    f"JOIN events ON events.id = changes.event {_OF_EVENTS}",
    "pins": "SELECT path, line FROM pins",
    "pages": "SELECT path, line, name, link, digest, date, type, tier, source, image, "
    "valid_from, valid_to, words, sketch, title, body FROM pages",
    "passages": "SELECT path, passages.line, text FROM passages LEFT JOIN pages ON pages.id = page",
    "page_hashes": "SELECT path, hash FROM page_hashes LEFT JOIN pages ON pages.id = page",
    "page_tags": "SELECT path, tag FROM page_tags LEFT JOIN pages ON pages.id = page",
    "page_aliases": "SELECT path, page_aliases.link FROM page_aliases "
    "LEFT JOIN pages ON pages.id = page",
    "page_links": "SELECT path, target, folder, supersedes, place "
    "FROM page_links LEFT JOIN pages ON pages.id = page",
    "kg_triples": "SELECT path, kg_triples.line, subject, predicate, object, written "
    "FROM kg_triples LEFT JOIN pages ON pages.id = page",
    "kg_entities": "SELECT name, triples, same FROM kg_entities",
    # engines order vectors differently: of one text they are equal
    "vectors of passages": "SELECT path, passages.line, text, model, embedding FROM vectors "
    "JOIN passages ON kind = 'passage' AND passages.id = owner "
    f"JOIN pages ON pages.id = page {_SERVING} WHERE embedding IS NOT NULL",
    "vectors": "SELECT path, line, vectors.model, embedding FROM vectors "
    f"JOIN events ON kind = 'event' AND events.id = owner {_OF_EVENTS} {_SERVING} "
    "WHERE embedding IS NOT NULL",
}


def rows(index: IndexDatabase) -> dict[str, Iterator[tuple]]:
    own = index.word_tables
    words = {"page_words": own.page_texts(index), "words": own.totals(index)}
    queries = {**_ROWS, **work.comparable(), **words}
    return {name: _in_order(index, query) for name, query in queries.items()}


def _in_order(index: IndexDatabase, query: str) -> Iterator[tuple]:
    """The rows of a query by their values, sorted (which most tables are) when they are asked
    for."""
    columns = range(1, 1 + len(index.db.execute(f"{query} LIMIT 0").description))
    yield from index.stream(f"{query} ORDER BY {', '.join(f'{n} NULLS FIRST' for n in columns)}")


def counts(index: IndexDatabase) -> dict[str, Any]:
    count = lambda table: index.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    own = index.describe()
    return {
        "version": VERSION,
        "bytes": own["bytes"],
        "windows": count("windows"),
        "turns": count("events"),
        "episodes": count("episodes"),
        "pins": count("pins"),
        "knowledge pages": count("pages"),
        "triples": count("kg_triples"),
        "work events": count("work_lines"),
        "sessions": count("sessions"),
        "vectors": count("vectors") - count("vectors WHERE status <> 'ok'"),
        "model": index.setting("embed_model") or "",
        "words": own["words"],
        "journal": own["journal"],
    }


def days(db: SqlConnection) -> tuple[dict[str, int], dict[str, int]]:
    """How many events are of each local day, and how many pages."""
    # the index by time alone is read: the events of a day, and when the next day's first one was
    first = "SELECT min(unix_ms) FROM events WHERE unix_ms > ?2"
    count = f"SELECT count(*), ({first}) FROM events WHERE unix_ms > ?1 AND unix_ms <= ?2"
    found, last, most = {}, -(1 << 62), zone.last_instant()
    _, at = db.execute(count, (last, last)).fetchone()
    while at is not None:
        day = zone.to_day(min(at, most))
        end = zone.end_of(day) if at < most else 1 << 62
        found[day.isoformat()], at = db.execute(count, (last, end)).fetchone()
        last = end
    return found, dict(db.execute("SELECT date, count(*) FROM pages GROUP BY date ORDER BY date"))


def says(db: SqlConnection, text: str) -> bool:
    places = "events.content pages.body passages.text page_words.opening page_words.rest".split()
    sql = " OR ".join(
        f"EXISTS (SELECT 1 FROM {place.split('.')[0]} WHERE instr({place}, ?1) > 0)"
        for place in places
    )
    return bool(db.execute(f"SELECT {sql}", (utf8(text),)).fetchone()[0])
