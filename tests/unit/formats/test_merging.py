"""Two versions of a file made one: nothing that one side put in is lost, and a merge that is made
again on what it made changes nothing."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.merging import lines, states

WORDS = st.sampled_from([b"a", b"b", b"c", b"", b"- one", b"- two", b"```", b"x y"])
TEXTS = st.lists(WORDS, max_size=8).map(lambda rows: b"".join(row + b"\n" for row in rows))


def rows(data: bytes) -> Counter:
    return Counter(data.split(b"\n")[:-1])


@given(TEXTS, TEXTS, TEXTS, st.booleans())
def test_texts(base, ours, theirs, union):
    merged = lines.merge_text(base, ours, theirs, union=union)
    assert lines.merge_text(base, ours, ours) == (ours, True)
    assert lines.merge_text(base, base, theirs).data == theirs
    assert lines.merge_text(base, ours, base).data == ours
    if merged.is_whole:
        for one in (ours, theirs):
            assert set(rows(one)) - set(rows(base)) <= set(rows(merged.data))
    assert not set(rows(merged.data)) - set(rows(ours)) - set(rows(theirs))


@given(TEXTS, TEXTS, TEXTS)
def test_journals(base, ours, theirs):
    merged = rows(lines.merge_journal(base, ours, theirs).data)
    for row in {*rows(base), *rows(ours), *rows(theirs)}:
        before, one, other = (rows(data)[row] for data in (base, ours, theirs))
        if one >= before and other >= before:  # both may have put it in, or the same one
            assert max(one, other) <= merged[row] <= one + other
        elif min(one, other) < before:
            assert merged[row] <= max(one, other)


@given(st.tuples(*[st.lists(st.integers(0, 9), unique=True, max_size=6)] * 3))
def test_a_journal_that_is_merged_again_stays(numbers):
    base, ours, theirs = (b"".join(b"%d\n" % one for one in some) for some in numbers)
    merged = lines.merge_journal(base, ours, theirs).data
    again = lines.merge_journal(base, merged, theirs).data
    assert rows(again) == rows(merged)


@given(TEXTS, TEXTS)
def test_journals_that_only_grow_are_appended_to(more, other):
    base = b"first\n"
    merged = lines.merge_journal(base, base + more, base + other).data
    assert merged.startswith(base + more)
    assert rows(merged) == rows(base) + (rows(more) | rows(other))


def test_what_both_put_in_at_one_place_stands_twice_unless_it_is_the_same():
    base, ours, theirs = b"a\nz\n", b"a\n\nours\nz\n", b"a\n\ntheirs\nz\n"
    merged = lines.merge_text(base, ours, theirs)
    assert merged == (b"a\n\ntheirs\n\nours\nz\n", True)
    assert lines.merge_text(base, merged.data, theirs) == merged
    assert lines.merge_text(base, ours, ours + b"more\n").data == b"a\n\nours\nz\nmore\n"


def test_a_line_that_both_changed():
    base, ours, theirs = b"a\nb\nc\n", b"a\nB1\nc\nnew\n", b"a\nB2\nc\n"
    assert lines.merge_text(base, ours, theirs) == (b"a\nB2\nc\nnew\n", False)
    assert lines.merge_text(base, ours, theirs, union=True) == (b"a\nB2\nB1\nc\nnew\n", True)
    gone = lines.merge_text(base, b"a\nc\n", theirs)
    assert gone == (theirs, True)  # taken out by one, changed by the other


@pytest.mark.parametrize("data", [b"\0", b"\xff\n", b"no end", "é\r\n".encode()])
def test_bytes_of_any_kind(data):
    merged = lines.merge_text(b"a\n", b"a\n" + data, b"b\n")
    assert (b"\0" in data) == (not merged.is_whole)
    assert merged.data.startswith(b"b\n")


def test_states_are_merged_key_by_key():
    base = b'{"status":"pending","done":[1],"left":1}'
    ours = b'{"status":"pending","done":[1,2],"left":1,"own":true}'
    theirs = b'{"status":"completed","done":[1,3]}'
    merged = states.merge_json(base, ours, theirs)
    assert merged.is_whole
    value = {"status": "completed", "done": [1, 3, 2], "own": True}
    assert json.loads(merged.data) == value
    assert not states.merge_json(base, base.replace(b"pending", b"failed"), theirs).is_whole
    assert not states.merge_json(base, b"not JSON", theirs).is_whole
    assert not states.merge_json(base, b"[" * 100_000, theirs).is_whole
