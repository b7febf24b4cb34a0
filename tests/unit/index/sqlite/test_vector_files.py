"""A file of packed vectors that is damaged, gone, or half written: what is answered is never wrong,
and the file is made again with one warning; what was taken out is not in its bytes."""

import glob
import os
import random
import shutil
from array import array
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.evidence import Question, Scope
from plainmind.ground import files
from plainmind.ground.paths import Home
from plainmind.index import vector_file, vector_packing
from plainmind.index.sqlite import opening, vector_scan, vectors
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.sqlite.test_vectors import check, rows
from unit.index.stores import Shape, answers

pytestmark = pytest.mark.usefixtures("unsynced")


def only_file(home: Home) -> str:
    found = glob.glob(os.path.join(home.index, "*.codes"))
    (path,) = [path for path in found if not os.path.isdir(path)]  # nobody deletes a folder
    return path


def flip(path: str, at: int, count: int = 1) -> None:
    with open(path, "r+b") as file:
        file.seek(at if at >= 0 else os.path.getsize(path) + at)
        data = file.read(count)
        file.seek(-len(data), os.SEEK_CUR)
        file.write(bytes(byte ^ 255 for byte in data))


def swap(path: str) -> None:
    """The head as a machine of the other byte order would have written it."""
    with open(path, "r+b") as file:
        head = file.read(28)
        file.seek(0)
        file.write(head[:8] + head[8:12][::-1] + head[12:20][::-1] + head[20:28][::-1])


def replace(path: str, make) -> None:
    os.unlink(path)
    make(path)


DAMAGES = {
    "gone": os.unlink,
    "empty": lambda path: os.truncate(path, 0),
    "no records": lambda path: os.truncate(path, 64),
    "one byte": lambda path: os.truncate(path, os.path.getsize(path) - 1),
    "magic": lambda path: flip(path, 0),
    "token": lambda path: flip(path, 13),
    "step": lambda path: flip(path, 22),
    "mean": lambda path: flip(path, 30),
    "other byte order": swap,
    "codes": lambda path: flip(path, 64, 1 << 20),
    "text": lambda path: replace(path, lambda path: shutil.copy(__file__, path)),
    "folder": lambda path: replace(path, os.mkdir),
    "pipe": lambda path: replace(path, os.mkfifo),
    "loop": lambda path: replace(path, lambda path: os.symlink(os.path.basename(path), path)),
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory, unsynced):
    home = Home(str(tmp_path_factory.mktemp("indexed") / "home"))
    shape = Shape(seed=11, events=120, contexts=3, pins=2)
    stores.fill(home, shape)
    with stores.opened(home) as index:
        stores.embed_some(index, shape)
    return home, answers(home, [])


@pytest.mark.parametrize("how", ["written", "copied"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_again_with_one_warning(home, indexed, damage, how):
    template, before = indexed
    shutil.copytree(template.root, home.root)
    warnings: list[str] = []
    # the windows are other files to the index, and are read again, with their vectors
    assert answers(home, warnings) == before
    warnings.clear()
    DAMAGES[damage](path := only_file(home))
    seen = list_all(home)
    if how == "copied":  # nothing is written
        vector = stores.Fake().vector("How do I restart pm2?")
        for index in opening.unchanged(home, warnings.append):
            with index:
                hits = stores.search(
                    index,
                    stores.Query("日本語", NOW, vector, stores.MODEL),
                    stores.Scope(),
                    10,
                    -1.0,
                ).hits
                assert [(hit.ref, round(hit.pick.score, 9)) for hit in hits] == before[-1]
        assert list_all(home) == seen and warnings == []  # else it would be told again and again
    assert answers(home, warnings) == before
    assert {line for line in warnings if path in line and "made again" in line} == set(warnings)
    assert len(warnings) == 1
    assert answers(home, warnings) == before and len(warnings) == 1
    assert only_file(home) != path


def test_a_copied_file_is_looked_at_whole_once(home, indexed, monkeypatch):
    """Else each recall of a memory that was moved or restored would read all of it."""
    shutil.copytree(indexed[0].root, home.root)
    looked: list[int] = []
    ids = vector_file.VectorFile.ids
    monkeypatch.setattr(vector_file.VectorFile, "ids", lambda file: looked.append(1) or ids(file))
    for change, looks in ((None, 1), (None, 0), (os.utime, 1), (None, 0)):
        looked.clear()
        if change:
            change(only_file(home))
        with stores.opened(home) as index:
            evidence = index.evidence(Question((), [1.0] * 8, stores.MODEL), Scope())
            assert len(evidence.nearest(10)[0]) == 10
        assert len(looked) == looks


@pytest.mark.parametrize("why", ["dry", "busy", "unwritable"])
def test_a_copied_file_is_read_where_nothing_can_be_noted(home, indexed, why):
    shutil.copytree(indexed[0].root, home.root)
    with stores.opened(home) as index:
        index.look_at_logs()  # the windows are other files, too
    with ExitStack() as stack:
        store = stack.enter_context(stores.opened(home))
        store.model()
        if why == "dry":
            store.pretend()
        elif why == "busy":
            stack.enter_context(files.lock(os.path.join(home.index, "lock")))
        else:
            store.db.execute("PRAGMA query_only = ON")
        before = list_all(home)
        evidence = store.evidence(Question((), [1.0] * 8, stores.MODEL), Scope())
        assert len(evidence.nearest(10)[0]) == 10 and list_all(home) == before


def list_all(home: Home) -> list[tuple[str, int]]:
    found = [os.path.join(at, n) for at, _, names in os.walk(home.root) for n in names]
    return sorted((path, os.lstat(path).st_mtime_ns) for path in found if ".codes" in path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everything")
def test_a_file_that_may_not_be_written_is_opened(tmp_path):
    """It is ours, and what is taken out of it has to go now."""
    some = [array("f", [0.6, 0.8]), array("f", [0.8, 0.6])]
    packing = vector_packing.Packing.of(some)
    token = vector_file.create(str(tmp_path), packing)
    path = vector_file.name(str(tmp_path), token)
    os.chmod(path, 0o400)
    vector_file.append(path, os.path.getsize(path), packing.pack([7, 8], some).records)
    opened = vector_file.VectorFile(path, token, 2)
    os.chmod(path, 0)
    vector_file.take_out(opened, [0])
    assert list(vector_file.VectorFile(path, token, 2).ids()) == [0, 8]


class Death(BaseException):
    pass


numbers = iter(range(1 << 30))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.sampled_from("say say embed embed die remove again late".split()), max_size=12
    ),
)
def test_whatever_dies_at_whatever_byte_each_vector_is_found_once(folder, seed, steps):
    rnd, home = random.Random(seed), Home(str(folder / str(next(numbers))))
    log, embedder = Log(home), stores.Fake()
    query = embedder.vector("query")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BATCH", rnd.choice([3, 16, 4096]))
        patch.setattr(vectors, "SPARE", 2)
        for step in ["say", "embed", *steps, *rnd.choice([["embed"], ["say", "die"], []])]:
            if step == "say":
                drafts = [
                    EventDraft(NOW, "user", stores.a_content(rnd, []), {})
                    for _ in range(rnd.choice([1, 4, 30]))
                ]
                log.append(f"test/{rnd.randrange(3)}", drafts, NOW)
                continue
            paths = glob.glob(os.path.join(home.logs, "test", "*", "*.md"))
            if step in ("remove", "late"):
                os.unlink(rnd.choice(paths)) if paths else None
            with stores.opened(home) as index, patch.context() as once:
                index.thorough = True
                if step == "die":
                    once.setattr(vector_file, "append", dying(rnd))
                if step == "late":  # killed before what is dead was overwritten
                    once.setattr(vectors, "overwrite", lambda index: None)
                try:
                    if step == "again":
                        index.forget([os.path.relpath(path, home.root) for path in paths[:1]])
                    elif step != "late":
                        stores.run(index, embedder)
                    index.look_at_logs()
                except Death:
                    pass
                check(index, embedder.model, query)
        with stores.opened(home) as index:
            vectors.overwrite(index)
            check_bytes(home, index, embedder.model)


def dying(rnd: random.Random):
    """A write that death ends at any byte, or right after it."""
    append = vector_file.append

    def write(path: str, at: int, records: bytes) -> None:
        append(path, at, records[: rnd.randrange(len(records) + 1)])
        raise Death

    return write


def check_bytes(home: Home, index, model: str) -> None:
    """No record holds anything of what is of no event."""
    kept = rows(index, model)
    if not kept:
        return
    row = vector_scan.row_of(index.db, model)
    file = vector_file.VectorFile(only_file(home), row.token, row.records)
    assert os.path.getsize(file.path) == file.start + file.count * file.record
    for place in range(file.count):
        record = bytes(file.records(place, place + 1))
        assert file.id(place) in kept or record == bytes(file.record)
