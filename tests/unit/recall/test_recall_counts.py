"""What a recall reads does not grow with what has nothing to do with it: rows and statements are
counted, and events that are scored exactly."""

import random

import pytest
from plainmind.formats.evidence import Scope
from plainmind.ground.clock import DAY
from plainmind.recall import relevance
from plainmind.recall.candidates import Candidates
from plainmind.recall.search import Query
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.stores import HOUR, MINUTE

pytestmark = pytest.mark.usefixtures("unsynced")

QUESTION = "Where is the key of the garden shed?"
ANSWERS = ["The key of the shed hangs under the fern.", "The garden shed is locked, as it should."]


class Alike(stores.Fake):
    """An embedder as models are: most of every vector's length lies in their mean."""

    def vector(self, text):
        rnd = random.Random(ascii(text.rsplit("\n", 1)[-1]))
        values = [2.0 + rnd.gauss(0, 1) for _ in range(self.dimensions)]
        length = sum(value * value for value in values) ** 0.5
        return stores.array("f", [value / length for value in values])


def ask(home, others, mode, vectors):
    """A recall among so many other events, and what it read: statements, rows, exact events."""
    log, embedder = Log(home), Alike(dimensions=48)
    for number in range(others // 10):
        at = NOW - 90 * DAY - number * 7 * HOUR
        texts = [f"word{number}x{place} other{number}y{place}" for place in range(10)]
        drafts = [EventDraft(at + n * MINUTE, "user", text, {}) for n, text in enumerate(texts)]
        log.append(f"test/{number % 5}", drafts, at)
    at = NOW - 40 * HOUR
    log.append("test/x", [EventDraft(at, "user", text, {}) for text in ANSWERS], at)
    with stores.opened(home) as index:
        stores.run(index, embedder)
        vector = embedder.vector(QUESTION) if vectors else None
        query = Query(QUESTION, NOW, vector, embedder.model, 0.82, mode)
        asked, rows = [], []
        index.db.set_trace_callback(lambda sql: None if sql.startswith("--") else asked.append(sql))
        index.db.row_factory = lambda cursor, row: rows.append(1) or row
        found = stores.search(index, query, Scope(), 8, 0.2)
    return found, len(asked), len(rows)


@pytest.fixture
def homes(tmp_path):
    from plainmind.ground.paths import Home

    return [Home(str(tmp_path / name)) for name in ("small", "large")]


def test_what_words_lead_to_is_all_that_is_read(homes):
    small, *few = ask(homes[0], 300, "hybrid", False)
    large, *many = ask(homes[1], 1500, "hybrid", False)
    assert {hit.content for hit in large.hits} == {*ANSWERS} and large.pool == small.pool
    assert many == few


def test_more_vectors_make_more_of_them_near_and_few_more_reads(homes):
    _, *few = ask(homes[0], 300, "hybrid", True)
    large, *many = ask(homes[1], 1500, "hybrid", True)
    assert {hit.content for hit in large.hits} >= {*ANSWERS}
    assert all(after < 2 * before for before, after in zip(few, many, strict=True))


@pytest.mark.parametrize("discounts", [True, False])
def test_of_vectors_that_are_all_alike_few_are_scored_exactly(homes, monkeypatch, discounts):
    """Without a discount, which this is tested to notice, they are a large share of all."""
    if not discounts:
        monkeypatch.setattr(Candidates, "discount", lambda self, chosen, weights: False)
    found, *_ = ask(homes[1], 1500, "cosine", True)
    assert (found.pool < 100) == discounts


@pytest.mark.parametrize("count", range(9))
def test_means_of_an_episode_are_those_of_each_of_its_events(count):
    rnd = random.Random(count)
    whole = [rnd.random() for _ in range(count)]
    for cosines in (whole, [one if rnd.random() < 0.7 else None for one in whole]):
        for place, found in enumerate(relevance.means(cosines)):
            around = [*[None] * relevance.BEFORE, *cosines, None, None][place : place + 4]
            expected = relevance.mean(around)
            assert found == (expected if expected is None else pytest.approx(expected, abs=1e-12))
