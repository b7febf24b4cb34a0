"""Each order in which a person's save and a change of ours can follow each other, step by step.

Not one line of theirs is lost in any of them: it is in the file, or in a conflict file beside it.
The races of test_editor have two processes and a long history, and win what the machine lets them
win; here nothing is left to it. The same orders find lines lost when the file is merely replaced,
and when what collided is not kept."""

import os
from collections.abc import Iterator
from contextlib import suppress

import interleaving
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interleaving import Other
from plainmind.formats.reminder import reminder
from plainmind.ground import clock, exchange, files
from plainmind.ground.errors import Busy
from scene import THOROUGH

pytestmark = pytest.mark.usefixtures("unsynced")

TOP = "\ufeff# Mine\r\n- [ ] buy milk\r\n\ttabs\t \n".encode() + b"\xff\x00\x85 \n"
FIRED = b'- [ ] date=2026-01-30 time=14:23 recur=none msg="fired" id=rid_1\n'
END = b"no end"


def mine(n: int) -> bytes:
    return b"line %d of mine\n" % n


def seen(path: str) -> bytes:
    """What stands there, or stood there when they opened it."""
    return files.read(path) if os.path.exists(path) else TOP + END


def in_place(path: str, saves: int):
    """As many an editor does: the file is empty for a moment, then half there."""
    for n in range(saves):
        data = seen(path).removesuffix(END) + mine(n) + END
        yield True
        with open(path, "wb", buffering=0) as opened:
            opened.write(data[: len(data) // 2])
            yield True
            opened.write(data[len(data) // 2 :])
        yield False


def by_rename(path: str, saves: int):
    for n in range(saves):
        data = seen(path).removesuffix(END) + mine(n) + END
        yield True
        with open(path + "~", "wb") as opened:
            opened.write(data)
        yield True
        os.rename(path + "~", path)
        yield False


def appended(path: str, saves: int):
    """As a shell does for `>>`, and no reading."""
    for n in range(saves):
        with open(path, "ab", buffering=0) as opened:
            yield True
            opened.write(b"\n" + mine(n))
        yield False


STEPS = {in_place: 3, by_rename: 3, appended: 2}
WAYS = pytest.mark.parametrize("save", STEPS, ids=lambda save: save.__name__)


def take_out(data: bytes) -> bytes:
    found = [one for one in reminder.parse(data).reminders if one.msg == "fired"]
    return reminder.remove(data, found)


def by_exchange(path: str) -> None:
    with suppress(Busy):
        exchange.edit(path, take_out)


def by_removing(path: str) -> None:
    exchange.remove(path, TOP + FIRED + END)


def by_replacing(path: str) -> None:
    """What must not be done: read, change, rename."""
    files.replace(path, take_out(files.read(path)))


def play(folder, ours, save, saves: int, order, monkeypatch) -> list[int]:
    """Lines of theirs that are nowhere; what else has to be true is true."""
    path = str(folder / "To do.md")
    for name in os.listdir(folder):
        os.unlink(folder / name)
    (folder / "To do.md").write_bytes(TOP + FIRED + END)
    other = Other(save(path, saves), STEPS[save] * saves)
    interleaving.run(lambda: ours(path), other, order, monkeypatch)
    names = sorted(os.listdir(folder))
    assert all(name == "To do.md" or "(conflict " in name for name in names), names
    texts = [files.read(str(folder / name)) for name in names]
    if ours is by_exchange:  # beside it may be half of a save
        there = files.read(path)
        assert there.startswith(TOP) and there.removeprefix(TOP).count(FIRED) <= 1, there
    return [n for n in range(saves) if not any(mine(n) in text for text in texts)]


def losses(folder, ours, save, monkeypatch) -> Iterator[list[int]]:
    """What each of all orders loses."""
    for order in interleaving.every_order():
        yield play(folder, ours, save, 1, order, monkeypatch)


@WAYS
@pytest.mark.parametrize("ours", [by_exchange, by_removing])
def test_no_line_is_lost_in_any_order(tmp_path, ours, save, monkeypatch):
    found = [*losses(tmp_path, ours, save, monkeypatch)]
    assert len(found) > 30 and not any(found)


@WAYS
@settings(max_examples=4800 if THOROUGH else 100)
@given(places=st.lists(st.integers(0, 60), min_size=9, max_size=9))
def test_no_line_is_lost_by_three_saves_in_a_row(tmp_path, save, places):
    with pytest.MonkeyPatch.context() as patch:
        order = interleaving.drawn(places)
        assert play(tmp_path, by_exchange, save, 3, order, patch) == []


@WAYS
def test_the_orders_see_lines_that_are_lost(tmp_path, save, monkeypatch):
    assert any(losses(tmp_path, by_replacing, save, monkeypatch))


@pytest.mark.parametrize("broken", ["_put_back", "is_still"])
def test_each_look_is_needed(tmp_path, broken, monkeypatch):
    """What collided is not given back; nobody looks whether there was anything."""
    instead = {
        "_put_back": lambda beside, *given: os.unlink(beside),
        "is_still": lambda path, data: True,
    }
    monkeypatch.setattr(exchange, broken, instead[broken])
    assert any(losses(tmp_path, by_exchange, by_rename, monkeypatch))


@pytest.mark.parametrize("kept", [True, False])
def test_a_save_that_was_out_of_the_way_is_kept_beside_the_next(tmp_path, kept, monkeypatch):
    """They save right before the exchange, read while that is out of the way, and save again."""
    path = tmp_path / "To do.md"
    path.write_bytes(TOP + FIRED + END)
    person, exchanged, first = by_rename(str(path), 2), exchange.swap, [True, False]

    def swap(one: str, other: str) -> bool:
        steps = first.pop(0) if first else False
        if steps:
            assert [next(person) for _ in range(3)] == [True, True, False]
        done = exchanged(one, other)
        if steps:
            assert next(person)
        return done

    monkeypatch.setattr(exchange, "swap", swap)
    monkeypatch.setattr(clock, "sleep", lambda seconds: list(person))
    if not kept:
        monkeypatch.setattr(exchange, "_keep", lambda *given: None)
    by_exchange(str(path))
    texts = [files.read(str(tmp_path / name)) for name in os.listdir(tmp_path)]
    assert any(mine(1) in text for text in texts)
    assert any(mine(0) in text for text in texts) is kept
