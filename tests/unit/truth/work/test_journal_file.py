"""The journal of work on disk."""

import os
import tracemalloc

import pytest
from hostile import texts
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.work import journal as grammar
from plainmind.ground import clock, masks
from plainmind.ground.errors import NotPermitted
from plainmind.ground.masks import Mask
from plainmind.ground.paths import Home
from plainmind.truth.work import journal

NOW = clock.parse("2026-02-07T22:15:00Z")
TASK = {"type": "task", "agent": "backend", "description": "Migrate"}


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(str(tmp_path / "home"))


def test_what_was_logged_is_read(home):
    made = journal.log(home, [TASK, TASK], NOW)
    rows = list(journal.read(home))
    assert [row.line.fields for row in rows] == made
    assert list(journal.read(home, rows[1].offset, 2)) == rows[1:]
    assert os.stat(home.path(grammar.PATH)).st_mode & 0o777 == 0o600


def test_a_torn_line_is_ended_by_the_next_one(home):
    journal.log(home, [TASK], NOW)
    with open(home.path(grammar.PATH), "ab") as file:
        file.write(b'{"id":"e')
    journal.log(home, [TASK], NOW)
    first, torn, last = journal.read(home)
    assert torn.place == "work/events.jsonl:2" and last.number == 3
    assert last.offset == os.path.getsize(home.path(grammar.PATH)) - last.bytes


@pytest.mark.parametrize("length", (grammar.MOST, journal.PIECE, 3 * journal.PIECE + 5))
def test_a_line_of_any_length_is_passed_over(home, length):
    journal.log(home, [TASK], NOW)
    with open(home.path(grammar.PATH), "ab") as file:
        file.write(b"x" * length + b"\n")
    journal.log(home, [TASK], NOW)
    first, long, last = journal.read(home)
    assert str(long).startswith("work/events.jsonl:2: a line of more than 64 KiB; put what is long")
    assert last.offset == first.bytes + length + 1


def test_a_line_without_an_end_takes_no_memory(home):
    journal.log(home, [TASK], NOW)
    with open(home.path(grammar.PATH), "ab") as file:
        file.write(b"x" * (32 * journal.PIECE))
    tracemalloc.start()
    assert len(list(journal.read(home))) == 1
    assert tracemalloc.get_traced_memory()[1] < 8 * journal.PIECE
    tracemalloc.stop()


def test_secrets_are_masked_before_they_are_written(home):
    key = "ghp_0123456789abcdefghijKLMN"
    inputs = {key: [{"deep": key}]}
    route = {"type": "route", "task": f"use {key}", "decision": "cloud", "rule": "r", "score": 1}
    journal.log(home, [{**route, "inputs": inputs}, {"type": "lesson", "lesson": key}], NOW)
    with open(home.path(grammar.PATH), encoding="utf-8") as file:
        data = file.read()
    assert key not in data and data.count("***") == 4


@pytest.fixture(scope="module")
def mine_is_secret():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "_ask", lambda: Mask(["s3cr3t-of-mine"]))
        yield


KEYS = ["ghp_0123456789abcdefghijKLMN", "Bearer abc", "AKIA0123456789ABCDEF", "https://a:b@c.d/"]
KEYS += ["-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n", "?token=x", "s3cr3t-of-mine"]


@given(st.lists(st.one_of(st.sampled_from([*KEYS, "x", "a b", "\n"]), texts), max_size=6))
def test_one_look_at_all_texts_sees_what_a_look_at_each_does(mine_is_secret, pieces):
    parts = [pieces[0:1] * 2, {"".join(pieces): pieces}, "".join(pieces[:2])]
    assert journal.mask_all(parts) == journal._mask_each(parts)


def test_what_is_wrong_in_the_file_is_named(home):
    for now in (NOW, NOW + 1000):  # logged again: only the time that was filled in differs
        journal.append(home, [grammar.compose({**TASK, "id": "e1"}, now, grammar.Mint())])
    assert list(journal.find_problems(home, NOW)) == []
    with open(home.path(grammar.PATH), "a") as file:
        file.write('{"id":"e1","at":"2026-02-09T00:00:00Z","type":"lesson","lesson":"other"}\n')
        file.write('{"id":"e2","at":"2026-02-09T00:00:00Z","type":"lesson","lesson":7}\n')
    future, other, wrong = (str(one) for one in journal.find_problems(home, NOW))
    assert future.startswith("work/events.jsonl:3: at: '2026-02-09T00:00:00.000Z' is in the future")
    assert other == (
        "work/events.jsonl:3: id: 'e1' is that of line 1, which differs in 'type', 'agent', "
        "'description' and 2 more; only the earlier one counts"
    )
    assert wrong == "work/events.jsonl:4: lesson: 7 is not a text; give a text"


def test_what_is_there_with_its_id_is_not_written_again(home):
    one, at = {**TASK, "id": "e1"}, {"at": "2026-02-07T20:00:00.000Z"}
    steps = [  # what is logged, and how many events of it are new
        ([one, one], 1), ([one], 0), ([TASK], 1), ([{**one, "kind": "x"}], 1),
        ([{**one, "kind": "x"}, {**TASK, "id": "e2", **at}], 1), ([{**TASK, "id": "e2", **at}], 0),
        ([{**TASK, "id": "e2"}], 0), ([{**one, **at}], 1),
    ]  # fmt: skip
    for number, (drafts, new) in enumerate(steps):
        now = NOW + 1000 * number
        assert len(journal.log(home, drafts, now, dry_run=True, once=True)) == new
        assert len(journal.log(home, drafts, now, once=True)) == new
    assert list(journal.read(home))[-1].number == sum(new for _, new in steps)


def test_what_another_process_wrote_meanwhile_is_known(home):
    drafts = [{**TASK, "id": "e1"}]
    events = [journal.compose(draft, NOW, grammar.Mint()) for draft in drafts]
    mine = journal.Repeats(home)
    mine.catch_up()
    journal.log(home, drafts, NOW)
    assert journal.append_missing(home, drafts, events, mine) == []
    os.rename(home.path(grammar.PATH), home.path("work", "old"))  # and what is gone is not
    assert journal.append_missing(home, drafts, events, mine) == events


def test_a_link_or_a_pipe_is_not_written_to(home, tmp_path):
    os.makedirs(home.path("work"))
    os.symlink(tmp_path / "elsewhere", home.path(grammar.PATH))
    with pytest.raises(NotPermitted, match=r"work/events\.jsonl: the journal is a link; put"):
        journal.log(home, [TASK], NOW)
    os.unlink(home.path(grammar.PATH))
    os.mkfifo(home.path(grammar.PATH))
    for use in (lambda: journal.log(home, [TASK], NOW), lambda: [*journal.find_problems(home, 0)]):
        with pytest.raises(NotPermitted, match="the journal is not a file"):
            use()
