"""Looking after the index: its state, making it anew, and proving that it says what the files say."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..index import embedding, pages, store, sync, vectors
from ..index.store import Store
from ..recall import knowledge, search
from .moments import Means

ANSWERS = 40  # questions asked of both indexes

#: what must be the same however an index came about; ids depend on the order in which windows were first seen
_ROWS = {
    "turns": "SELECT path, line, end_line, timestamp, unix_ms, role, author, content FROM turns "
    "JOIN windows ON windows.id = turns.id / 16777216 ORDER BY path, line",
    "windows": "SELECT path, surface, context_id, size, read_to, last_offset, last_line, digest, turns FROM windows ORDER BY path",
    "episodes": "SELECT path, line, words, lengths, heads, times, kinds FROM episodes JOIN turns ON turns.id = episodes.id "
    "JOIN windows ON windows.id = turns.id / 16777216 ORDER BY path, line",
    "pins": "SELECT path, line FROM pins ORDER BY path, line",
    "pages": "SELECT path, line, name, link, digest, date, type, tier, source, image, valid_from, valid_to, title, body, words, sketch "
    "FROM pages ORDER BY path",
    "page_words": "SELECT path, line, head, rest FROM page_words LEFT JOIN pages ON pages.id = page_words.rowid ORDER BY path",
    "passages": "SELECT path, passages.line, text FROM passages LEFT JOIN pages ON pages.id = page ORDER BY path, passages.line",
    "page_tags": "SELECT path, tag FROM page_tags LEFT JOIN pages ON pages.id = page ORDER BY path, tag",
    "page_links": "SELECT path, target, supersedes, place FROM page_links LEFT JOIN pages ON pages.id = page ORDER BY path, target",
    "kg_triples": "SELECT path, kg_triples.line, subject, predicate, object, written FROM kg_triples LEFT JOIN pages ON pages.id = page "
    "ORDER BY path, kg_triples.line",
    "kg_entities": "SELECT name, triples, same FROM kg_entities ORDER BY name",
    "vectors of passages": "SELECT path, passages.line, model, embedding FROM vectors JOIN passages ON passages.id = -vectors.turn "
    "JOIN pages ON pages.id = page JOIN settings ON settings.name = 'embed_model' AND value = model WHERE embedding IS NOT NULL "
    "ORDER BY path, passages.line, model",
    "vectors": "SELECT path, line, model, embedding FROM vectors JOIN turns ON turns.id = vectors.turn "
    "JOIN windows ON windows.id = turns.id / 16777216 JOIN settings ON name = 'embed_model' AND value = model "
    "WHERE embedding IS NOT NULL ORDER BY path, line, model",
}


class Difference(NamedTuple):
    table: str
    what: str


def state(means: Means) -> dict[str, Any]:
    """Sizes and counts of the index, after catching up."""

    def work(opened: Store) -> dict[str, Any]:
        sync.catch_up(opened)
        pages.take_in(opened)
        embedding.restore(opened)
        count = lambda table: opened.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        blocks, size = (
            opened.db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size")
        )
        return {
            "version": store.VERSION,
            "bytes": blocks * size,
            "windows": count("windows"),
            "turns": count("turns"),
            "episodes": count("episodes"),
            "pins": count("pins"),
            "knowledge pages": count("pages"),
            "triples": count("kg_triples"),
            "vectors": count("vectors WHERE status = 'ok'"),
            "model": opened.setting("embed_model") or "",
            "words": "fts5" if opened.fts5 else "fts4",
            "journal": opened.db.execute("PRAGMA journal_mode").fetchone()[0],
        }

    return store.use(means.home, work, means.say)


def rebuild(means: Means) -> None:
    store.rebuild(means.home)
    state(means)


def verify(means: Means) -> list[Difference]:
    """What an index made anew from the files would say differently."""

    def work(opened: Store) -> list[Difference]:
        sync.reconcile(opened)
        pages.take_in(opened)
        embedding.restore(opened)
        if model := opened.setting("embed_model"):
            embedding.from_cache(opened, model)  # as the other one does
        with tempfile.TemporaryDirectory(prefix="mind-") as folder:
            return store.use_new(means.home, folder, lambda fresh: _compare(means, opened, fresh))

    return store.use(means.home, work, means.say)


def _compare(means: Means, opened: Store, fresh: Store) -> list[Difference]:
    sync.reconcile(fresh)
    pages.take_in(fresh)
    embedding.restore(fresh)
    found = []
    for table, sql in _ROWS.items():
        ours, theirs = (Counter(db.execute(sql)) for db in (opened.db, fresh.db))
        more, less = ours - theirs, theirs - ours
        # a vector that is in no cache cannot be made anew for nothing; all else must be equal
        for row in sorted(more + less if not table.startswith("vectors") else more, key=str)[:20]:
            found.append(
                Difference(
                    table,
                    f"{row[0]}:{row[1]} {'is not in the files' if row in more else 'is missing'}",
                )
            )
    now = means.now()
    for question in _questions(opened):
        answers = [_answer(index, question, now) for index in (opened, fresh)]
        if answers[0] != answers[1]:
            found.append(Difference("answers", f"'{question[:60]}' is answered differently"))
    return found


def _questions(opened: Store) -> Iterator[str]:
    """The first words of turns from all of the past, and of pages."""
    for table, said, order in (
        ("turns", "content", "unix_ms, content"),
        ("pages", "title || ' ' || body", "path"),
    ):
        every = max(1, opened.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] // ANSWERS)
        for number, (content,) in enumerate(
            opened.db.execute(f"SELECT {said} FROM {table} ORDER BY {order}")
        ):
            if number % every == 0:
                yield " ".join(content.split()[:12])


def _answer(opened: Store, question: str, now: int) -> list[tuple[str, float]]:
    """References and scores of turns and pages, by words and, where there is one, by the vector of a turn that says so."""
    model = opened.setting("embed_model") or ""
    row = opened.db.execute(
        "SELECT embedding FROM vectors JOIN turns ON turns.id = vectors.turn "
        "WHERE model = ? AND embedding IS NOT NULL ORDER BY abs(length(content) - ?), unix_ms LIMIT 1",
        (model, len(question)),
    ).fetchone()
    query = search.Query(question, now, vectors.from_blob(row[0]) if row else None, model)
    result = search.search(opened, query, search.Scope(), 10, -1.0)
    known = knowledge.search(opened, query, knowledge.Policy())
    return [(hit.ref, round(hit.pick.score, 9)) for hit in result.hits] + [
        (each.path, round(each.score, 9)) for each in known.given
    ]
