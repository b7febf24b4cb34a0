"""What may change nothing takes in what is new all the same, copies nothing, and leaves no byte."""

import os
import random
import shutil

import pytest
from plainmind.formats.log.roles import ROLES
from plainmind.ground import files
from plainmind.ground.errors import Busy
from plainmind.ground.paths import Home
from plainmind.index.sqlite import opening
from plainmind.truth.log import reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.stores import Fake, Shape

pytestmark = pytest.mark.usefixtures("unsynced")


def tree(home: Home) -> dict[str, bytes]:
    found = [os.path.join(at, n) for at, _, names in os.walk(home.root) for n in names]
    return {path: files.read(path) for path in found}


def cut_event(home: Home) -> None:
    """A person takes an event out of a window, and puts another there."""
    path = next(reader.list_windows(home))
    block = reader.read_window(home, path).blocks()[0]
    data = files.read(home.path(path))
    files.replace(home.path(path), data[: block.offset] + data[block.end :])


def append(home: Home) -> None:
    rnd, log = random.Random(5), Log(home)
    for n, role in enumerate(ROLES * 2):
        log.append(f"test/{n % 2}", [EventDraft(NOW, role, stores.a_content(rnd, []), {})], NOW)


def ask(index) -> tuple:
    query = stores.Query("日本語", NOW, Fake().vector("How do I restart pm2?"), stores.MODEL)
    found = stores.search(index, query, stores.Scope(), 10, -1.0).hits
    return [(hit.ref, hit.pick.score) for hit in found], index.status(stores.MODEL)


@pytest.mark.parametrize("deed", [None, append, cut_event])
def test_it_answers_as_one_that_is_brought_up_to_date(home, deed, monkeypatch, tmp_path):
    shape, said = Shape(3, 60, 2), []
    stores.fill(home, shape)
    with stores.opened(home) as index:
        stores.embed_some(index, shape)
    if deed:
        deed(home)
    before, lock = tree(home), os.path.join(home.index, "lock")
    monkeypatch.setattr(opening, "copied", lambda *given, **more: pytest.fail("a copy"))
    for index in opening.unchanged(home, said.append, thorough=True):
        with index:
            pretended = ask(index)
            if deed:  # who wants to write waits for the end
                with pytest.raises(Busy), files.lock(lock, wait=0):
                    pass
    assert tree(home) == before
    with files.lock(lock, wait=0):
        pass
    copy = Home(str(tmp_path / "copy"))
    shutil.copytree(home.root, copy.root)
    for index in opening.opened(copy, said.append, thorough=True):
        with index:
            assert ask(index) == pretended
