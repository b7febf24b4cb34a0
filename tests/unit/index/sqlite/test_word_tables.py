"""Words: with FTS4 as with FTS5, without spaces, without accents."""

import random
import shutil
from threading import Thread
from unicodedata import category, normalize

import pytest
from hostile import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats import words as grammar
from plainmind.formats.evidence import Scope
from plainmind.ground.paths import Home
from plainmind.index.rows import events, word_counts
from plainmind.index.sqlite import opening, words
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
                    [(*p,) for p in words.postings(index, term)]
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


#: a sentence of a language, and what else finds it: other forms of its words
SAID = {
    "The servers need restarting after every update": "server restart updates UPDATED",
    "Das große Straßenfest beginnt am Samstag, was ein Glück": "GROSSE strassenfest glueck am",
    "L’été dernier, mon cœur était à Besançon": "ete COEUR besancon a",
    "El niño pingüino llegó mañana temprano": "nino pinguino manana",
    "O coração não está em São Paulo": "coracao nao sao",
    "Perché mi dai il caffè così freddo": "perche caffe il",
    "Łódź leży nad rzeką, żółw śpi": "lodz lezy zolw SPI ŁÓDŹ",
    "Příliš žluťoučký kůň úpěl ďábelské ódy": "prilis zlutoucky kun",
    "Árvíztűrő tükörfúrógép van a házban": "arvizturo tukorfurogep",
    "Smørrebrød på Ærø smager bedst": "smorrebrod aero paa på",
    "Þetta er íslenska, sagði Guðrún": "thetta islenska gudrun",
    "İstanbul'da ılık bir ağustos akşamı": "istanbul ilik ISTANBUL agustos",
    "Tôi thích ăn phở với mẹ ở Đà Nẵng": "toi thich pho me da nang",
    "Η ΑΘΉΝΑ είναι όμορφη, ο Σωκράτης έφυγε": "αθηνα σωκρατης ΣΩΚΡΑΤΗΣ σωκράτησ ομορφη",
    "Мой пароль лежит в зелёном сейфе": "ПАРОЛЬ зеленом мои",
    "Їжак з’їв п’ять ґудзиків": "іжак ЇЖАК пять ґудзиків",
    "Ես սիրում եմ Երևանը": "երևանը ԵՍ",
    "დღეს თბილისში წვიმს": "თბილისში",
    "أين مفتاحُ السيّارة يا أحمد": "مفتاح السيارة احمد",
    "کتاب‌های خوب را می‌خواهم": "كتاب‌های کتابهای میخواهم خواهم",
    "הַמַּפְתֵּחַ נִמְצָא בַּמְּגֵרָה": "המפתח נמצא במגרה",
    "मेरी चाबी रसोई की मेज़ पर है": "चाबी रसोई मेज़",
    "আমার চাবি রান্নাঘরে আছে": "চাবি",
    "என் சாவி சமையலறையில் உள்ளது": "சாவி சமையலறையில்",
    "నా తాళం వంటగదిలో ఉంది": "తాళం",
    "ฉันชอบกินข้าวผัดมาก": "ข้าวผัด ข้าว กิน",
    "ຂ້ອຍມັກກິນເຂົ້າໜຽວ": "ເຂົ້າ ກິນ",
    "ខ្ញុំចូលចិត្តញ៉ាំបាយ": "បាយ ចូលចិត្ត",
    "ကျွန်တော် ထမင်းစားချင်တယ်": "ထမင်း စား",
    "ང་བོད་ལ་འགྲོ་འདོད་": "བོད བོད་ལ་",
    "来月、東京へ行きます。ホテルは駅の近くがいい": "東京のホテル 駅 ﾎﾃﾙ 東京",
    "我们昨天在北京的旅馆里住了一晚": "北京 旅馆 住了",
    "내일 서울에서 친구를 만나요": "서울 서울은 친구가 친구",
    "Ｆｕｌｌｗｉｄｔｈ ｔｅｘｔ １２３": "fullwidth text 123",
    "launch 🚀🚀 day with 👩🏽\u200d💻 and 🇩🇪": "🚀 👩\u200d💻 💻 🇩🇪",
    "C++ and C# read .env with node.js": "c++ C# csharp .env nodejs",
    "call getUserByEmail and set MAX_RETRY_COUNT": "getuserbyemail email max_retry_count retry",
    "Donau\u00addampf\u00adschiff": "donaudampfschiff",
}
FOUND_NOWHERE = {"glueck", "paa"}  # transliterations


@pytest.mark.parametrize("fts5", [True, False])
def test_every_word_of_every_language_finds_its_sentence(home, monkeypatch, fts5):
    monkeypatch.setattr(opening, "has_fts5", lambda db: fts5)
    # in contexts of their own: no neighbours, so only the turn itself can be found
    log, refs = Log(home), {}
    for n, said in enumerate(SAID):
        refs[said] = log.append(f"test/{n}", [EventDraft(NOW, "user", said, {})], NOW)[0].ref
    lost = set()
    with stores.opened(home) as index:
        for said, others in SAID.items():
            own = [word for word in said.split() if grammar.terms(word)]
            forms = [*own, *map(str.upper, own), *(normalize("NFD", word) for word in own)]
            forms = forms if fts5 else []  # they are the same terms: no engine changes one
            for asked in [said, *forms, *others.split()]:
                hits = stores.search(index, Query(asked, NOW), Scope(), 40, -1.0).hits
                found = [hit.ref for hit in hits if hit.pick.sim > 0]
                if refs[said] not in found or asked == said and found[0] != refs[said]:
                    lost.add(asked)
    assert lost == FOUND_NOWHERE


@pytest.mark.parametrize("fts5", [True, False])
def test_no_engine_changes_a_term(home, monkeypatch, fts5):
    """Of every character that Unicode 14 has, alone and doubled."""
    monkeypatch.setattr(opening, "has_fts5", lambda db: fts5)
    text = " ".join(
        chr(c) for c in range(0x2FFFF) if not 0xD800 <= c < 0xE000 and category(chr(c)) != "Cn"
    )
    found = grammar.of_event("", f"{text} C++ .env {text.upper()}")
    with stores.opened(home) as index:
        index.look_at_logs()
        words.add(index, [(1, found)])
        kept = {term for term, _, _ in index.db.execute(words.totals(index))}
        assert kept == {*found.opening, *found.rest, *found.common}


@settings(max_examples=15)
@given(
    said=st.lists(
        st.lists(st.sampled_from("dog garden the café 東京".split()), max_size=80).map(" ".join)
        | st.sampled_from(["dog " * 70, "a garden " * 400]),
        min_size=1,
        max_size=30,
    ),
    most=st.integers(1, 20),
)
@pytest.mark.parametrize("fts5", [True, False])
def test_of_words_that_are_in_too_many_events_only_the_newest_of_the_rarest(
    folder, fts5, said, most
):
    home = Home(str(folder / str(next(numbers))))
    Log(home).append("test/0", [EventDraft(NOW, "user", one, {}) for one in said], NOW)
    asked = grammar.terms("dog garden café 東京 nowhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "has_fts5", lambda db: fts5)
        patch.setattr(word_counts, "POSTINGS", most)
        with stores.opened(home) as index:
            index.look_at_logs()
            found, touched = word_counts.places(index, asked)
            ids = [id for (id,) in index.db.execute("SELECT id FROM events ORDER BY id")]
    terms = [grammar.of_event("", one) for one in said]
    left, rarest = most, True
    for term, one in sorted(zip(asked, found, strict=True), key=lambda it: (it[1].events, it[0])):
        places = [
            (id, min(63, of.opening.count(term)), min(255, of.rest.count(term)))
            for id, of in zip(ids, terms, strict=True)
            if term in of.opening + of.rest
        ]
        assert one.events == len(places)
        if not rarest and len(places) > left:
            places = []
        assert [(*place,) for place in one.places] == places[-most:]
        left, rarest = left - len(places[-most:]), rarest and not places
    assert touched == sum(len(one.places) for one in found) <= most


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
            assert {p.id: [p.opening, p.rest] for p in words.postings(index, term)} == places, term
            (known,), _ = word_counts.places(index, [term])
            assert known.events == len(places)


def test_while_somebody_else_writes_the_answer_is_of_one_moment(home, monkeypatch):
    """It was: events that came after the episodes were read had no place in any, an IndexError."""
    log, real = Log(home), word_counts.places
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
    monkeypatch.setattr(word_counts, "places", late)
    with stores.opened(home) as index:
        assert len(stores.search(index, Query("zebra", NOW), Scope(), 99, -1.0).hits) == 1
    for thread in threads:
        thread.join()
