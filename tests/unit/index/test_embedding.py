"""A run of embedding ends, loses nothing, blames the right text, and pays for nothing twice."""

import os

import pytest
from plainmind.formats.evidence import Question, Scope
from plainmind.ground import clock, files
from plainmind.ground.errors import BadData, Unavailable
from plainmind.index import embedding
from plainmind.index.cache import Cache, content_hash, serving
from plainmind.index.vector_bytes import to_blob
from plainmind.memory import care
from plainmind.truth.log import reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.engines import engine_in_use
from unit.index.stores import Fake

pytestmark = pytest.mark.usefixtures("unsynced", "engine")
HOURS = 3600 * clock.SECOND


class Faulty(Fake):
    """Fails when `trouble(texts, number of the call)` returns an error."""

    def __init__(self, trouble, **more):
        super().__init__(**more)
        self.trouble = trouble

    def passages(self, texts):
        made = super().passages(texts)
        error = self.trouble(texts, len(self.calls))
        if error is not None:
            raise error
        return made


def poison(texts, _):
    return BadData("no such text") if any("poison" in text for text in texts) else None


@pytest.fixture
def many(home):
    """A home with 40 turns, each with a text of its own, the 17th poisonous."""
    said = [f"turn number {n}" + (" poison" if n == 17 else "") for n in range(40)]
    # hours apart: no turn is embedded with the one before it
    Log(home).append(
        "test/1",
        [EventDraft(NOW - (40 - n) * 2 * HOURS, "user", text, {}) for n, text in enumerate(said)],
        NOW,
    )
    with stores.opened(home) as index:
        yield index


def counts(index, model=stores.MODEL) -> tuple[int, int, int]:
    found = index.status(model)
    return found.ok, found.pending, found.failed


@pytest.mark.parametrize("kind", [BadData, Unavailable])
@pytest.mark.parametrize("batch", [1, 7, 40])
def test_one_poisonous_text_blocks_no_other(many, batch, kind):
    def trouble(texts, _):
        return kind("no such text") if any("poison" in text for text in texts) else None

    embedder = Faulty(trouble, batch=batch)
    work = stores.run(many, embedder)
    assert work.done == 39 and not work.unavailable
    assert counts(many) == ((39, 0, 1) if kind is BadData else (39, 1, 0))
    # halving 40 finds one in 6 steps of two halves, and a harmless word is tried once or twice
    assert len(embedder.calls) <= -(-40 // batch) + 2 * 6 + 3
    status = many.status(embedder.model)
    assert status.last_error == "no such text" and status.next_try > clock.to_text(NOW)
    assert [one.attempts for one in many.pending(embedder.model, NOW + 24 * HOURS)] == [1]
    # not before its time; then again, alone
    before = len(embedder.calls)
    assert stores.run(many, embedder).done == 0 and len(embedder.calls) == before
    embedder.trouble = lambda texts, _: None
    assert stores.run(many, embedder, now=NOW + 24 * HOURS).done == 1
    assert counts(many) == (40, 0, 0)


@pytest.mark.parametrize("kind", [BadData, Unavailable])
@pytest.mark.parametrize("batch", [1, 7, 40])
def test_a_poisonous_text_takes_no_neighbour_along(home, batch, kind):
    """Each of 40 turns but the first carries the start of the one before it."""
    log, drafts = Log(home), []
    for n in range(40):
        text = f"turn number {n}" + " poison" * (n in (7, 20, 21))
        drafts.append(EventDraft(NOW - (40 - n) * clock.SECOND, "user", text, {}))
    log.append("test/1", drafts, NOW)
    page = b"---\ndate: 2026-01-20\ntype: project\ntier: L2\n---\n# A poison title\n\n"
    rows = "".join(f"Paragraph {n}: " + "word " * 110 + "\n\n" for n in range(4))
    files.replace(home.path("knowledge/p.md"), page + rows.encode())
    trouble = lambda texts, _: kind("no") if any("poison" in text for text in texts) else None
    with stores.opened(home) as index:
        embedder = Faulty(trouble, batch=batch)
        work = stores.run(index, embedder)
        refused = index.pending(embedder.model, NOW + 24 * HOURS, retry_failed=True)
        assert {one.own for one in refused} <= {
            "turn number 7 poison", "turn number 20 poison", "turn number 21 poison",
            "# A poison title",
        } or all("poison" in one.own for one in refused)  # fmt: skip
        assert work.in_part >= 2 and not work.unavailable
        assert index.state_at(embedder.model, *_place(home, 8)) == "ok"
        # an index that is made again finds them, and nothing is refused twice
        again = Faulty(trouble, batch=batch)
        with engine_in_use().made_in(home, home.path("again")) as fresh:
            stores.run(fresh, again)
            assert fresh.status(again.model).ok == index.status(again.model).ok
            assert all("poison" in text or text == "ok" for text in again.sent)


def _place(home, number: int) -> tuple[str, int]:
    """Where the turn of a number stands."""
    (path,) = reader.list_windows(home)
    blocks = reader.read_window(home, path).blocks()
    return path, [block.line for block in blocks][number]


def test_a_text_that_is_too_long_gets_the_vector_of_its_first_part(home):
    long = "beginning " + "and so on " * 900
    Log(home).append("test/1", [EventDraft(NOW, "user", long, {})], NOW)
    limits = lambda texts, _: BadData("too long") if any(len(t) > 1000 for t in texts) else None
    with stores.opened(home) as index:
        embedder = Faulty(limits)
        work = stores.run(index, embedder)
        assert (work.done, work.in_part, counts(index)) == (1, 1, (1, 0, 0))
        assert embedder.sent[-1] == long.strip()[: len(embedder.sent[-1])]
        assert 400 <= len(embedder.sent[-1]) <= 1000 and len(embedder.calls) <= 6


def test_a_text_longer_than_an_embedder_reads_is_said(home):
    Log(home).append("test/1", [EventDraft(NOW, "user", "word " * 100, {})], NOW)
    with stores.opened(home) as index:
        embedder = Fake()
        embedder.longest = 100
        assert stores.run(index, embedder).in_part == 1


def test_a_text_that_fails_for_ever_is_given_up_but_still_tried_rarely(many):
    trouble = lambda texts, _: Unavailable("500") if any("poison" in t for t in texts) else None
    embedder = Faulty(trouble)
    now, tries = NOW, 0
    while counts(many)[2] == 0:
        stores.run(many, embedder, now=now)
        now += 24 * HOURS
        tries += 1
        assert tries <= embedding.GIVE_UP
    assert counts(many) == (39, 0, 1) and tries == embedding.GIVE_UP
    embedder.trouble = lambda texts, _: None
    stores.run(many, embedder, now=now)
    assert counts(many) == (40, 0, 0)


@pytest.mark.parametrize("batch", [1, 10, 100])
def test_come_back_later_stops_the_run_and_is_obeyed(many, batch):
    later = Unavailable("429", retry_after=7200.0)
    embedder = Faulty(lambda texts, number: later if number == 1 else None, batch=batch)
    work = stores.run(many, embedder)
    assert (work.done, work.unavailable, len(embedder.calls)) == (0, "429", 1)
    assert counts(many) == (0, 40, 0)
    # those that were in the request wait; no other event was touched
    pending = many.pending(embedder.model, NOW, retry_failed=True)
    assert sum(one.attempts for one in pending) == min(batch, 40)
    for seconds, waiting in ((7199, min(batch, 40)), (3 * 7200, 0)):
        due = many.pending(embedder.model, NOW + seconds * clock.SECOND)
        assert len(due) == 40 - waiting
    stores.run(many, embedder, now=NOW + 24 * HOURS)
    assert counts(many) == (40, 0, 0)


@pytest.mark.parametrize("batch", [1, 10, 100])
def test_a_provider_that_is_gone_is_asked_a_few_times_only(many, batch):
    embedder = Faulty(lambda texts, _: Unavailable("500"), batch=batch)
    work = stores.run(many, embedder)
    assert work.done == 0 and work.unavailable == "500" and len(embedder.calls) <= 3
    assert counts(many) == (0, 40, 0)


@pytest.mark.parametrize("every", [3, 5])
def test_a_flaky_provider_is_worn_down_by_runs(many, every):
    trouble = lambda texts, number: Unavailable("reset") if number % every == 0 else None
    embedder = Faulty(trouble, batch=4)
    now, runs = NOW, 0
    while counts(many)[0] < 40:
        stores.run(many, embedder, now=now)
        now += 24 * HOURS
        runs += 1
        assert runs < 40
    texts = [text for text in embedder.sent if text != "ok"]
    assert len(texts) < 40 * 8
    assert stores.run(many, embedder, now=now).done == 0


MISCOUNTS = {"few": lambda v: v[:-1], "many": lambda v: [*v, v[0]], "none": lambda v: []}


@pytest.mark.parametrize("made", MISCOUNTS.values(), ids=MISCOUNTS)
def test_an_answer_with_another_number_of_vectors_is_not_kept(many, made):
    class Miscounts(Fake):
        def passages(self, texts):
            return made(super().passages(texts))

    with pytest.raises(ValueError):
        stores.run(many, Miscounts())
    assert counts(many) == (0, 40, 0) and not os.path.exists(Cache(many.home, stores.MODEL).path)


def test_a_change_of_dimensions_is_not_mixed_in(many):
    stores.run(many, Fake(dimensions=8), limit=10)
    with pytest.raises(BadData, match="dimensions"):
        stores.run(many, Fake(dimensions=16))
    assert counts(many) == (10, 30, 0)
    lengths = {len(row[-1]) for row in many.rows()["vectors"]}
    assert lengths == {16}


class Killed(BaseException):
    pass


def test_killed_between_the_answer_and_the_commit_nothing_is_paid_for_twice(many, monkeypatch):
    embedder = Fake(batch=10)

    def die(model, outcomes):
        if outcomes:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(many, "keep", die)
        with pytest.raises(Killed):
            stores.run(many, embedder)
    assert len(embedder.sent) == 10 and counts(many) == (0, 40, 0)
    work = stores.run(many, embedder)
    assert work.from_cache == 10 and counts(many) == (40, 0, 0)
    assert len(embedder.sent) == len(set(embedder.sent)) == 40


def test_an_interrupted_run_goes_on_where_it_was(many):
    def stop(texts, number):
        if number == 3:
            raise KeyboardInterrupt

    embedder = Faulty(stop, batch=10)
    with pytest.raises(KeyboardInterrupt):
        stores.run(many, embedder)
    assert counts(many) == (20, 20, 0)
    # newest first
    left = {one.text for one in many.pending(embedder.model, NOW)}
    assert left == {f"turn number {n}" + " poison" * (n == 17) for n in range(20)}
    stores.run(many, embedder)
    assert counts(many) == (40, 0, 0)


def test_a_budget_and_a_limit_are_kept(many):
    embedder = Fake(batch=5)
    work = stores.run(many, embedder, budget=50)
    assert 0 < work.spent <= 50 and work.done == 10
    assert stores.run(many, embedder, limit=3).done == 3
    assert stores.run(many, embedder, budget=0).done == 0


def test_a_cache_torn_anywhere_in_its_last_record_costs_that_text_alone(home):
    model, cache = "fake:torn/4", Cache(home, "fake:torn/4")
    blobs = {content_hash(str(n)): to_blob(stores.array("f", [n, 1.0, 2.0, 3.0])) for n in range(3)}
    cache.put(blobs)
    whole = files.read(cache.path)
    record = 16 + 4 * 2 + 4
    hashes = list(blobs)
    for cut in range(record + 1):
        with open(cache.path, "wb") as file:
            file.write(whole[: len(whole) - cut])
        kept = dict(list(blobs.items())[: 3 if not cut else 2])
        assert Cache(home, model).get(hashes) == kept, cut
        other = Cache(home, model)
        more = {content_hash("more"): blobs[hashes[0]]}
        other.put(more)
        for opened in (other, Cache(home, model)):
            assert opened.get([*hashes, *more]) == {**kept, **more}, cut
        other.put({h: blobs[h] for h in hashes})
        assert Cache(home, model).get([*hashes, *more]) == {**blobs, **more}, cut


def test_a_cache_with_any_byte_flipped_gives_no_wrong_vector(home):
    cache = Cache(home, "fake:flip/2")
    blobs = {content_hash(str(n)): to_blob(stores.array("f", [n, 1.0])) for n in range(3)}
    cache.put(blobs)
    whole = files.read(cache.path)
    start = whole.index(b"\n") + 1
    for at in range(len(whole)):
        with open(cache.path, "wb") as file:
            file.write(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        found = Cache(home, "fake:flip/2").get(list(blobs))
        assert all(blobs[h] == v for h, v in found.items())
        # the first line is not needed where its end can be seen
        assert len(found) == (2 if at >= start else 0 if at == start - 1 else 3)
        Cache(home, "fake:flip/2").put({h: v for h, v in blobs.items() if h not in found})
        assert Cache(home, "fake:flip/2").get(list(blobs)) == blobs


@pytest.mark.parametrize("made", [os.mkdir, os.mkfifo, lambda path: os.symlink("x", path)])
@pytest.mark.parametrize("whole", [False, True])
def test_what_is_no_cache_is_set_aside_by_who_adds_to_it(home, made, whole):
    said: list[str] = []
    cache = Cache(home, "fake:odd/2", said.append)
    os.makedirs(home.root if whole else home.vectors)
    made(path := home.vectors if whole else cache.path)
    blobs = {content_hash("a"): to_blob(stores.array("f", [1.0, 0.0]))}
    assert cache.get(list(blobs)) == {} and said == []
    cache.put(blobs)
    mends = not (whole and made is os.mkdir)  # an empty folder is one
    assert Cache(home, "fake:odd/2").get(list(blobs)) == blobs
    assert len(said) == mends and all(path in line for line in said)
    assert serving(home) == ""


def test_the_old_model_answers_until_the_new_one_knows_as_much(many):
    old, new = Fake("fake:old/8"), Fake("fake:new/4", dimensions=4, batch=10)
    stores.run(many, old)
    assert many.model() == serving(many.home) == old.model
    for done in (10, 20, 30):
        stores.run(many, new, limit=10)
        assert many.model() == serving(many.home) == old.model
        assert counts(many, old.model) == (40, 0, 0) and counts(many, new.model)[0] == done
        # vectors of the two never meet
        for embedder, count in ((old, 40), (new, done)):
            question = Question((), embedder.vector("x"), embedder.model)
            assert len(many.evidence(question, Scope()).near(-2.0)) == count
    stores.run(many, new, limit=10)
    assert many.model() == serving(many.home) == new.model
    assert counts(many, old.model) == (0, 40, 0)
    # and back again, for nothing
    calls = len(old.calls)
    stores.run(many, old)
    assert len(old.calls) == calls and many.model() == old.model


def test_a_window_that_goes_while_its_vectors_are_made_leaves_none_behind(many):
    def gone(texts, number):
        if number == 2:
            for path in reader.list_windows(many.home):
                os.unlink(many.home.path(path))
            for index in engine_in_use().opened(many.home, print, thorough=True):
                with index:
                    assert list(index.rows()["events"]) == []

    stores.run(many, Faulty(gone, batch=10))
    assert counts(many) == (0, 0, 0)
    assert care.verify(stores.memory(many.home)) == []
