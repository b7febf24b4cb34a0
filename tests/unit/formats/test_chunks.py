"""Long texts in messages of 2,000 characters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import chunks

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
FLAG = "🇬🇧"
THUMB = "👍🏽"


def test_what_fits_is_one_part():
    assert chunks.split("a" * 2000) == ["a" * 2000]
    assert chunks.split("one\n\ntwo") == ["one\n\ntwo"]
    assert chunks.split(" \n ") == []


def test_a_cut_is_at_a_line_then_at_a_word_then_anywhere():
    assert chunks.split("one two\nthree", 10) == ["one two", "three"]
    assert chunks.split("one two three", 10) == ["one two ", "three"]
    assert "".join(chunks.split("x" * 4999)) == "x" * 4999


def test_a_code_block_is_closed_and_opened_again_with_its_language():
    parts = chunks.split("see\n```python\n" + "print(1)\n" * 400 + "```\ndone")
    assert len(parts) == 2
    assert parts[0].startswith("see\n```python\nprint(1)") and parts[0].endswith("print(1)\n```")
    assert parts[1].startswith("```python\nprint(1)") and parts[1].endswith("print(1)\n```\ndone")


def test_a_block_of_four_marks_is_not_closed_by_three():
    parts = chunks.split("````md\n```\n" + "inside\n" * 400 + "```\n````")
    assert all(part.startswith("````md\n") and part.endswith("\n````") for part in parts)


@pytest.mark.parametrize("emoji", [FAMILY, FLAG, THUMB, "e\u0301", "❤️", "😀"])
@pytest.mark.parametrize("before", range(9))
def test_no_emoji_is_cut(emoji, before):
    parts = chunks.split("x" * before + emoji * 40, 37)
    assert "".join(parts) == "x" * before + emoji * 40
    for part in parts:
        assert re.fullmatch(f"x*(?:{re.escape(emoji)})*", part), part


def test_a_pile_of_combining_marks_ends_all_the_same():
    parts = chunks.split("e" + "\u0301" * 5000)
    assert "".join(parts) == "e" + "\u0301" * 5000


@given(
    st.lists(st.sampled_from(["```\n", "```sh\n", "~~~\n", "word ", "x" * 60, "\n", FAMILY, FLAG, "`", "é"]), max_size=60),
    st.integers(40, 90),
)
def test_every_part_fits_and_nothing_but_blanks_and_fences_comes_or_goes(pieces, limit):
    text = "".join(pieces)
    parts = chunks.split(text, limit)
    assert all(0 < chunks.length(part) <= limit and part.strip() for part in parts)
    bare = re.compile(r"^ *(```|~~~).*$|\s", re.M)
    assert bare.sub("", "\n".join(parts)) == bare.sub("", text)
