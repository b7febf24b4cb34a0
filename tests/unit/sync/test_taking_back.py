"""What one machine takes back goes on the others: from their logs, their index and copies of it."""

import os

import pytest
from plainmind.cli.session import Session
from plainmind.ground import files
from plainmind.memory import Memory, absence
from plainmind.sync import placement, runs
from plainmind.truth.log import blanking, pinning, reader

TEXT = "the alarm code is blue-Heron-7741"


class Killed(BaseException):
    pass


def session_of(one) -> Session:
    return Session(one.home.root, "2026-02-01T00:00:00Z", True, False, "never")


@pytest.fixture
def pair(machines):
    """Two machines; the second has recalled the text, pinned it, and written more itself."""
    a, b = machines("alpha"), machines("beta")
    ref = a.say(TEXT)
    a.sync()
    b.sync()
    for index in Memory.of(session_of(b)).opened(made=True):
        with index:
            pass
    pinning.pin(b.home, reader.read_event(b.home, ref))
    b.say("more, of the second")
    b.forget = runs._follow(session_of(b))
    a.take_back([ref])
    a.sync()
    return a, b


def find_text(one) -> list[str]:
    """The files of a home that have the text, but for the history of the repository."""
    found = []
    for path in absence.list_files(one.home.root):
        if "/sync/git/" not in path and b"heron-7741" in files.read(path).lower():
            found.append(os.path.relpath(path, one.home.root))
    return found


def test_it_goes_from_the_index_and_its_pin_too(pair):
    a, b = pair
    assert {"pins/pins.md"} < set(find_text(b)) and os.path.exists(b.home.path("index/mind.db"))
    assert b.sync().failures == []
    for _ in range(2):
        a.sync()
        b.sync()
    assert find_text(b) == find_text(a) == []
    assert a.files() == b.files() and a.problems() == b.problems() == []
    records = [text for text in a.texts() if text.startswith("The text of ")]
    assert len(records) == 1  # not one more for each machine


@pytest.mark.parametrize("module, name", [
    (blanking, "record"), (blanking, "blank"), (placement.placing, "place_window"),
    (placement.Placement, "_take_back"),
])  # fmt: skip
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_was_killed_is_gone_on_with(pair, monkeypatch, module, name, after):
    a, b = pair
    real = getattr(module, name)

    def die(*arguments, **more):
        if after:
            real(*arguments, **more)
        raise Killed

    monkeypatch.setattr(module, name, die)
    with pytest.raises(Killed):
        b.sync()
    monkeypatch.setattr(module, name, real)
    for _ in range(2):
        b.sync()
        a.sync()
    b.sync()
    assert find_text(b) == []
    assert a.files() == b.files() and a.problems() == b.problems() == []
    assert len([text for text in a.texts() if text.startswith("The text of ")]) == 1
