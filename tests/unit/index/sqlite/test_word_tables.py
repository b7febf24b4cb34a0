"""Words: with FTS4 as with FTS5, without spaces, without accents."""

import random
import shutil
from threading import Thread

import pytest
from hostile import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats import words as grammar
from plainmind.formats.evidence import Scope
from plainmind.ground.paths import Home
from plainmind.index.sqlite import events, opening, words
from plainmind.recall.search import Query
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.stores import MODEL, Fake, Shape

pytestmark = pytest.mark.usefixtures("unsynced")
numbers = iter(range(10**6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("words")


@settings(max_examples=15, phases=stores.UNSHRUNK)
@given(
    shape=st.builds(Shape, seed=st.integers(0, 2**32), events=st.integers(0, 90),
        contexts=st.integers(1, 3), dimensions=st.just(8),
                    embedded=st.just(0.5), pins=st.just(0)),
    hostile=st.lists(texts, max_size=6),
)  # fmt: skip
def test_fts4_ranks_as_fts5_does(folder, shape, hostile):
    home = Home(str(folder / str(next(numbers))))
    stores.fill(home, shape)
    Log(home).append(
        "test/0",
        [EventDraft(NOW, "user", said, {}) for said in hostile]
        or [EventDraft(NOW, "user", "x", {})],
        NOW,
    )
    rnd = random.Random(shape.seed)
    queries = [" ".join(rnd.choices(stores.VOCABULARY, k=n)) for n in (1, 2, 6)] + hostile
    found = []
    for fts5 in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "has_fts5", lambda db, fts5=fts5: fts5)
            with stores.opened(home) as index:
                assert index.fts5 == fts5
                stores.embed_some(index, shape)
                # a window that goes must be forgotten by both
                path = index.db.execute(
                    "SELECT path FROM windows ORDER BY path LIMIT 1"
                ).fetchone()[0]
                with index.writing():
                    events._forget(index, path)
                places = [
                    [(*p,) for p in words.postings(index.db, term, fts5)]
                    for said in queries
                    for term in grammar.terms(said)
                ]
                answers = []
                for said in queries:
                    for vector in (None, Fake().vector(said)):
                        result = stores.search(
                            index, Query(said, NOW, vector, MODEL), Scope(), 9, -1.0
                        )
                        answers.append([(hit.ref, round(hit.pick.score, 9)) for hit in result.hits])
                found.append((places, answers))
        opening.rebuild(home)
        shutil.rmtree(home.vectors, ignore_errors=True)
    assert found[0] == found[1]


SAID = {
    "restart": "the server needs a restart after every update",
    "tokyo": "来月、東京へ行きます。ホテルは駅の近くがいい。",
    "thai": "ฉันชอบกินข้าวผัดมาก",
    "cafe": "We met Zoë at the Café Müller; naïve, but très agréable.",
    "greek": "Η ΑΘΉΝΑ είναι όμορφη",
    "cyrillic": "Мой пароль лежит в сейфе",
    "wide": "Ｆｕｌｌｗｉｄｔｈ ｔｅｘｔ １２３",
    "arabic": "أين مفتاح السيارة",
    "korean": "내일 서울에서 만나요",
    "emoji": "launch 🚀🚀 day was 👩‍👩‍👧 wonderful",
    "snake": "set MAX_RETRY_COUNT in config.yaml to 0x1F",
    "decomposed": "the re\u0301sume\u0301 is in the drawer",
}
ASKED = [
    ("restarting servers", "restart"), ("東京のホテル", "tokyo"), ("駅", "tokyo"), ("ข้าวผัด", "thai"),
    ("cafe muller", "cafe"), ("CAFÉ", "cafe"),
    ("cafe\u0301", "cafe"), ("zoe", "cafe"), ("tres agreable", "cafe"), ("αθηνα", "greek"),
    ("ПАРОЛЬ", "cyrillic"), ("fullwidth 123", "wide"),
    ("مفتاح", "arabic"), ("서울에서", "korean"), ("launch 🚀", "emoji"), ("max_retry_count", "snake"),
    ("retry", "snake"), ("resume", "decomposed"),
    ("résumé", "decomposed"),
]  # fmt: skip


@pytest.mark.parametrize("fts5", [True, False])
def test_words_are_found_in_any_script_with_and_without_accents(home, monkeypatch, fts5):
    monkeypatch.setattr(opening, "has_fts5", lambda db: fts5)
    # days apart: no neighbours, so only the turn itself can be found
    log, refs = Log(home), {}
    for n, (name, said) in enumerate(SAID.items()):
        refs[name] = log.append(f"test/{n}", [EventDraft(NOW - 10**9, "user", said, {})], NOW)[
            0
        ].ref
    with stores.opened(home) as index:
        for said, name in ASKED:
            hits = stores.search(index, Query(said, NOW), Scope(), 3, 0.0).hits
            assert hits and hits[0].ref == refs[name], said


@settings(max_examples=50)
@given(said=st.lists(texts, min_size=1, max_size=5))
def test_every_word_of_any_text_is_found_where_it_stands(folder, said):
    home = Home(str(folder / str(next(numbers))))
    Log(home).append("test/0", [EventDraft(NOW, "user", one, {}) for one in said], NOW)
    with stores.opened(home) as index:
        index.look_at_logs()
        expected: dict[str, dict[int, list[int]]] = {}
        for event, author, content in index.db.execute("SELECT id, author, content FROM events"):
            found = grammar.of_event(author, content)
            for column, terms in enumerate([found.opening, found.rest + found.common]):
                for term in terms:
                    expected.setdefault(term, {}).setdefault(event, [0, 0])[column] += 1
        for term, places in expected.items():
            assert {
                p.id: [p.opening, p.rest] for p in words.postings(index.db, term, index.fts5)
            } == places, term
            assert words.frequency(index.db, term, index.fts5, 10**6) == sum(
                map(sum, places.values())
            )


def test_while_somebody_else_writes_the_answer_is_of_one_moment(home, monkeypatch):
    """It was: events that came after the episodes were read had no place in any, an IndexError."""
    log, real = Log(home), words.places
    log.append("test/1", [EventDraft(NOW, "user", "a zebra", {})], NOW)

    def look():
        with stores.opened(home) as other:
            other.look_at_logs()

    def late(*asked):
        log.append("test/1", [EventDraft(NOW + n, "user", "a zebra", {}) for n in range(9)], NOW)
        thread = Thread(target=look)
        thread.start()
        thread.join(0.3)
        threads.append(thread)
        return real(*asked)

    threads: list[Thread] = []
    monkeypatch.setattr(words, "places", late)
    with stores.opened(home) as index:
        assert len(stores.search(index, Query("zebra", NOW), Scope(), 99, -1.0).hits) == 1
    for thread in threads:
        thread.join()
