"""One line added, changed or removed, with a person's save at every point where it hurts."""

import datetime
import os

import pytest
from plainmind.formats.reminder import reminder
from plainmind.ground import exchange, file_states, files
from plainmind.ground.errors import BadData, NoInput, Usage
from plainmind.reminders import editing

pytestmark = pytest.mark.usefixtures("unsynced")

A = '- [ ] date=2026-03-29 time=01:30 recur=none msg="a" id=rid_A'
B = '- [ ]  msg="b \\"b\\""  time=09:00 date=2026-02-01 recur=daily id=b-1  '
HOSTILE = (
    "\ufeff# Mine\r\n- [ ] buy milk\r\n"
    + A
    + "\r\n\ttabs\t\r\n"
    + B
    + "\n- [x] "
    + A[6:]
    + "\n- [ ] date=9\n"
    + A
    + "\n\x00\x85\u2028 no end"
).encode() + b"\xff\xfe"

NEW = reminder.make(datetime.date(2026, 5, 1), datetime.time(8), "weekly", 'new "one"', "rid_NEW")
NEW_LINE = b'- [ ] date=2026-05-01 time=08:00 recur=weekly msg="new \\"one\\"" id=rid_NEW'


@pytest.fixture
def path(home) -> str:
    os.mkdir(home.root)
    files.replace(home.path("reminders.md"), HOSTILE)
    return home.path("reminders.md")


def test_add(home, path):
    written = editing.add(home, path, NEW)
    assert files.read(path) == HOSTILE + b"\n" + NEW_LINE + b"\n"
    assert written.line.encode() == NEW_LINE and written.reminder.line == 10


def test_edit_rewrites_the_first_line_with_the_id_and_nothing_else(home, path):
    written = editing.edit(home, path, "rid_A", {"time": datetime.time(2, 0), "msg": "\\"})
    line = A.replace("01:30", "02:00").replace('"a"', '"\\\\"')
    assert files.read(path) == HOSTILE.replace(A.encode() + b"\r\n\t", line.encode() + b"\r\n\t")
    assert (written.line, written.reminder.line) == (line, 3)


def test_edit_writes_all_fields_in_their_order(home, path):
    written = editing.edit(home, path, "b-1", {"recur": "monthly"})
    line = '- [ ]  date=2026-02-01 time=09:00 recur=monthly msg="b \\"b\\"" id=b-1  '
    assert written.line == line and files.read(path) == HOSTILE.replace(B.encode(), line.encode())


def test_remove_takes_one_line_and_nothing_else(home, path):
    assert editing.remove(home, path, "rid_A").line == A
    assert files.read(path) == HOSTILE.replace(A.encode() + b"\r\n\t", b"\t")
    assert editing.remove(home, path, "b-1").line == B
    assert files.read(path) == HOSTILE.replace(A.encode() + b"\r\n\t", b"\t").replace(
        B.encode() + b"\n", b""
    )
    assert editing.remove(home, path, "rid_A").line == A  # now the second stands
    with pytest.raises(NoInput):
        editing.remove(home, path, "rid_A")


@pytest.mark.parametrize("work", [
    lambda home, path: editing.remove(home, path, "none"),
    lambda home, path: editing.edit(home, path, "none", {"recur": "daily"}),
])  # fmt: skip
def test_an_id_that_nobody_has(home, path, work):
    before = file_states.identify(os.stat(path))
    with pytest.raises(
        NoInput, match="reminders.md: no reminder has the id '.*'; list them with remind-list"
    ):
        work(home, path)
    assert file_states.identify(os.stat(path)) == before


@pytest.mark.parametrize("id", ["", " ", "a b", "rid_Ä", "line 1", "a\n"])
@pytest.mark.parametrize("work", [
    lambda home, path, id: editing.remove(home, path, id),
    lambda home, path, id: editing.edit(home, path, id, {"recur": "daily"}),
])  # fmt: skip
def test_an_id_that_nobody_can_have_is_not_that_of_a_line_without_one(home, path, work, id):
    files.replace(path, A.removesuffix(" id=rid_A").encode() + b"\n")
    before = file_states.identify(os.stat(path))
    with pytest.raises(
        Usage, match="is not an id; give the id of a reminder; list them with remind-list"
    ):
        work(home, path, id)
    assert file_states.identify(os.stat(path)) == before


def test_a_message_that_cannot_be_is_refused_before_anything_is_read(home):
    with pytest.raises(BadData, match="line break"):
        editing.edit(home, home.path("reminders.md"), "x", {"msg": "a\nb"})
    assert not os.path.exists(home.root)


@pytest.mark.parametrize("work", [
    lambda home, path: editing.add(home, path, NEW, dry_run=True),
    lambda home, path: editing.edit(home, path, "rid_A", {"recur": "daily"}, dry_run=True),
    lambda home, path: editing.remove(home, path, "rid_A", dry_run=True),
])  # fmt: skip
def test_a_dry_run(home, path, work):
    before = file_states.identify(os.stat(path))
    assert work(home, path).reminder.line in (3, 10)
    assert file_states.identify(os.stat(path)) == before


# ---- a person saves what they have before our change and after it


def saving(monkeypatch, *contents):
    """The nth exchange comes right after a save of the nth of these (None: nobody saves)."""
    swap, left = exchange.swap, list(contents)

    def exchanging(one, other):
        content = left.pop(0) if left else None
        if content is not None:
            with open(other, "wb") as file:
                file.write(content)
        return swap(one, other)

    monkeypatch.setattr(exchange, "swap", exchanging)


def test_a_line_is_added_to_what_was_saved_meanwhile(home, path, monkeypatch):
    saving(monkeypatch, b"theirs\n")
    editing.add(home, path, NEW)
    assert files.read(path) == b"theirs\n" + NEW_LINE + b"\n"


def test_a_line_that_a_save_took_up_is_not_added_again(home, path, monkeypatch):
    """Their first save goes back; their second, on top of ours, has our line already."""
    saving(monkeypatch, b"one\n", b"one\ntwo\n" + NEW_LINE + b"\n")
    written = editing.add(home, path, NEW)
    assert files.read(path) == b"one\ntwo\n" + NEW_LINE + b"\n" and written.reminder.line == 3


def test_a_line_that_a_save_left_out_is_removed_all_the_same(home, path, monkeypatch):
    saving(monkeypatch, HOSTILE + b"\none", b"one\ntwo\n")
    written = editing.remove(home, path, "b-1")
    assert files.read(path) == b"one\ntwo\n" and written.line == B
    assert [files.read(kept) for kept in written.conflicts] == [HOSTILE + b"\none"]


def test_a_line_that_they_changed_meanwhile_is_changed_in_their_version(home, path, monkeypatch):
    saving(monkeypatch, A.replace('"a"', '"their own"').encode())
    written = editing.edit(home, path, "rid_A", {"recur": "weekly"})
    assert (
        files.read(path).decode()
        == written.line
        == A.replace('"a"', '"their own"').replace("none", "weekly")
    )


def test_a_line_that_they_removed_meanwhile_is_not_made_again(home, path, monkeypatch):
    saving(monkeypatch, b"theirs\n")
    with pytest.raises(NoInput):
        editing.edit(home, path, "rid_A", {"recur": "weekly"})
    assert files.read(path) == b"theirs\n"
    assert sorted(os.listdir(home.root)) == [".lock", "reminders.md"]
