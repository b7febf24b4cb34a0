"""Long texts in messages of 2,000 characters."""

import re
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import chunks

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
FLAG = "🇬🇧"
THUMB = "👍🏽"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
HANGUL = "\u1112\u1161\u11ab"
CONJUNCT = "\u0915\u094d\u0937\u093f"  # ka, virama, ssa, i
WHOLE = [
    FAMILY, FLAG, THUMB, ENGLAND, HANGUL, CONJUNCT, "e\u0301", "❤️", "😀", "1️⃣", "🏳️\u200d🌈",
    "\u0e01\u0e33", "가\u11a8",
]  # fmt: skip

LANGUAGE = re.compile(r"\A(sh|c|py)(?=\s|\Z)")
LINES = "\n".join(f"line {number}" for number in range(400))


def reading(parts: list[str]) -> list[tuple[bool, str]]:
    """What Discord shows: each character, and whether it is in a code block.

    Without blanks, languages and `>`.
    """
    shown = []
    for part in parts:
        for number, run in enumerate(part.split("```")):
            code = number % 2 == 1
            run = re.sub(LANGUAGE, "", run) if code else run
            shown += [(code, character) for character in re.sub(r"[\s>]", "", run)]
    return shown


def empty_blocks(part: str) -> int:
    """How many are closed and hold nothing but, in a quote, the `>` of each line."""
    found, before = 0, ""
    for number, run in enumerate(part.split("```")[:-1]):
        quoted = before.rpartition("\n")[2].lstrip(" ").startswith("> ")
        held = re.sub(LANGUAGE, "", run)
        found += number % 2 == 1 and not held.strip("> \r\n" if quoted else None)
        before += run + "```"
    return found


def test_what_fits_is_one_part():
    assert chunks.split("a" * 2000) == ["a" * 2000]
    assert chunks.split("one\n\ntwo") == ["one\n\ntwo"]
    assert chunks.split(" \n ") == []
    assert chunks.split("see > ```\r\n\r\n    a  \n\n\n``` b") == [
        "see > ```\r\n\r\n    a  \n\n\n``` b"
    ]


def test_a_cut_is_at_a_line_then_at_a_word_then_anywhere():
    assert chunks.split("one two\nthree", 10) == ["one two", "three"]
    assert chunks.split("one two\r\nthree", 10) == ["one two", "three"]
    assert chunks.split("one two three", 10) == ["one two ", "three"]
    assert "".join(chunks.split("x" * 4999)) == "x" * 4999


def test_a_line_as_long_as_a_message_is_one_part():
    assert chunks.split("a" * 2000 + "\n" + "b" * 2000 + "\r\n" + "c" * 2000) == [
        "a" * 2000,
        "b" * 2000,
        "c" * 2000,
    ]


@pytest.mark.parametrize("blank", [" ", "\n", "\r\n", " \n", "\t", "\u3000"])
def test_a_text_of_blanks_has_no_parts(blank):
    assert chunks.split(blank * 3000) == []
    assert [part.strip() for part in chunks.split("a" + blank * 5000 + "b")] == ["a", "b"]


def test_a_code_block_is_closed_and_opened_again_with_its_language():
    parts = chunks.split("see\n```python\n" + "print(1)\n" * 400 + "```\ndone")
    assert len(parts) == 2
    assert parts[0].startswith("see\n```python\nprint(1)") and parts[0].endswith("print(1)\n```")
    assert parts[1].startswith("```python\nprint(1)") and parts[1].endswith("print(1)\n```\ndone")


def test_four_marks_are_three_and_a_backtick_to_discord():
    parts = chunks.split("````md\n" + "inside\n" * 400 + "```\ndone")
    assert parts[0].startswith("````md\ninside\n") and parts[0].endswith("inside\n```")
    assert parts[1].startswith("```\ninside\n") and parts[1].endswith("inside\n```\ndone")


@pytest.mark.parametrize(
    "before, opening, closing",
    [
        ("Output: ```\n", "```\n", "\n```"), ("          ```sh\n", "```sh\n", "\n```"),
        ("1. one\n   ```c++\r\n", "```c++\n", "\n```"), ("```c code\n", "```\n", "\n```"),
        ("> ```py\n> ", "> ```py\n", "\n> ```"), (" > see: ```py\n > ", " > ```py\n", "\n > ```"),
        (">>> ```py\n", ">>> ```py\n", "\n```"), ("text ```done``` ```\n", "```\n", "\n```"),
    ],
)  # fmt: skip
def test_a_block_is_seen_wherever_it_begins(before, opening, closing):
    each = before.rpartition("\n")[2]
    parts = chunks.split(before + LINES.replace("\n", f"\n{each}") + closing)
    assert len(parts) in (2, 3)
    assert parts[0].startswith(f"{before}line 0\n") and all(
        part.endswith(closing) for part in parts
    )
    assert all(re.match(re.escape(f"{opening}{each}") + r"line \d+\n", part) for part in parts[1:])
    assert re.findall(r"line \d+", "".join(parts)) == LINES.split("\n")


def test_a_block_that_begins_a_message_has_the_prefix_of_its_quote():
    assert chunks.split("> " + "x" * 30 + ": ```py\n> one\n> two\n> ```", 40) == [
        "> " + "x" * 30 + ": ",
        "> ```py\n> one\n> two\n> ```",
    ]


def test_a_line_of_a_quoted_block_that_is_cut_goes_on_in_the_quote():
    parts = chunks.split("> ```\n> " + "x" * 60 + "\n> ```", 40)
    assert parts == [f"> ```\n> {'x' * many}\n> ```" for many in (26, 26, 8)]


@pytest.mark.parametrize("text", ["~~~", "`a`", "``a``", "\\```", "` ``` `", "`` ``` ``"])
def test_what_is_no_block_opens_none(text):
    before = f"{'x' * 1980} {text}"
    assert chunks.split(f"{before}\n{'y' * 1980}") == [before, "y" * 1980]


@pytest.mark.parametrize("text", ["\\```", "` ``` `", "`` ``` ``"])
@pytest.mark.parametrize("before", range(20, 41))
def test_a_mark_that_is_shown_is_not_torn(text, before):
    parts = chunks.split("x" * before + text + "y" * 30, 40)
    assert (
        sum(text in part for part in parts) == 1
        and "".join(parts) == "x" * before + text + "y" * 30
    )


@pytest.mark.parametrize("before", ["", "see\n", "see "])
@pytest.mark.parametrize("size", range(1980, 2005))
def test_no_message_ends_with_an_empty_block(before, size):
    parts = chunks.split(f"{before}```py\n{'x' * size}\n```")
    assert not any(map(empty_blocks, parts)) and sum(part.count("x") for part in parts) == size
    whole = len(before) + size + 10 <= 2000
    assert (
        parts[0].startswith(f"{before}```py\nx")
        if whole or not before
        else parts[0].strip() == "see"
    )


def test_a_block_of_nothing_is_left_as_it_is():
    assert chunks.split("a" * 35 + "```py\n```" + "b" * 35, 40) == [
        "a" * 35,
        "```py\n```",
        "b" * 35,
    ]
    assert chunks.split("a```py\n" + "\n" * 90 + "```b", 40) == ["a```py\n```b"]


@pytest.mark.parametrize(
    "cut", ["Output: ```", "```py", "```py\n", "> ```\n", "> ```sh\n> \n>\n> "]
)
def test_an_opening_that_nothing_follows_is_text(cut):
    assert chunks.split(cut) == [cut.strip("\n")]


def test_a_block_that_is_never_closed_is_closed_at_the_end():
    assert chunks.split("```py\nprint(") == ["```py\nprint(\n```"]
    assert chunks.split("> ```py\n> print(") == ["> ```py\n> print(\n> ```"]
    assert [part[-4:] for part in chunks.split("```\n" + LINES)] == ["\n```"] * 2


@pytest.mark.parametrize("emoji", WHOLE)
@pytest.mark.parametrize("before", range(9))
def test_no_emoji_is_cut(emoji, before):
    parts = chunks.split("x" * before + f"{emoji}x" * 40, 37)
    assert "".join(parts) == "x" * before + f"{emoji}x" * 40
    for part in parts:
        assert re.fullmatch(f"x*(?:{re.escape(emoji)}x?)*", part), part


@pytest.mark.parametrize("emoji", [emoji for emoji in WHOLE if emoji != CONJUNCT])
def test_no_emoji_among_its_like_is_cut_in_code(emoji):
    parts = chunks.split("```" + emoji * 40 + "```", 37)
    assert all(re.fullmatch(f"```\n?(?:{re.escape(emoji)})+\n?```", part) for part in parts)


def test_discords_own_emoji_are_not_cut():
    parts = chunks.split("<:wave:123456789012345678>" * 100)
    assert all(re.fullmatch("(<:wave:123456789012345678>)+", part) for part in parts)


def test_no_mark_of_unicode_is_cut_off():
    marks = [
        mark
        for mark in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(mark) in ("Mn", "Mc", "Me")
    ]
    assert len(marks) > 2000
    assert [
        mark for mark in marks if chunks.split(f"xxxxxxxxxe{mark}", 10) != ["x" * 9, f"e{mark}"]
    ] == []
    assert [mark for mark in marks if chunks.split(f"xxxxxxxxx {mark}x", 10)[0] != "x" * 9] == []


def test_a_pile_of_combining_marks_ends_all_the_same():
    parts = chunks.split("e" + "\u0301" * 5000)
    assert "".join(parts) == "e" + "\u0301" * 5000


@given(st.text(), st.integers(1, 30))
def test_any_text_ends_within_any_limit(text, limit):
    limit = max(limit, 2) if any(character > "\uffff" for character in text) else limit
    parts = chunks.split(text * 3, limit)
    assert all(0 < chunks.count_units(part) <= limit and part.strip() for part in parts)
    if "`" not in text:
        assert "".join("".join(parts).split()) == "".join((text * 3).split())


PIECES = st.lists(
    st.sampled_from(
        [
            "```", "```\n", "```sh\n", "\n```\n", "  ```c\n", "- ```py\n", "\n> ```py\n> ", "\n> ",
            "\n> ```\n", "\n>>> ```c\n", "~~~\n",
        ]
        + [
            "word ", "word ", "x" * 60, "x" * 60, "\n", "\r\n", "\n" * 30, " " * 50, " `a` ",
            " ``b`` ", *WHOLE,
        ]
    ),
    max_size=60,
)  # fmt: skip


@given(PIECES, st.integers(10, 90))
def test_every_part_fits_and_its_blocks_are_closed(pieces, limit):
    text = "".join(pieces)
    parts = chunks.split(text, limit)
    assert all(0 < chunks.count_units(part) <= limit and part.strip() for part in parts)
    stray = re.search(r"```(\w+)?[\s>]*\Z", text) and text.count("```") % 2
    assert len([part for part in parts if part.count("```") % 2]) <= bool(stray)


@given(PIECES, st.integers(40, 90))
def test_discord_shows_the_parts_as_it_would_the_text(pieces, limit):
    text = "".join(pieces)
    assert reading(chunks.split(text, limit)) == reading([text])


@given(PIECES, st.integers(40, 90))
def test_no_empty_block_is_made(pieces, limit):
    text = "".join(pieces)
    assert sum(map(empty_blocks, chunks.split(text, limit))) <= empty_blocks(text)


@given(PIECES, st.integers(40, 90))
def test_between_the_cuts_all_blanks_are_as_they_were(pieces, limit):
    text = "".join(pieces)
    lines = [line.rstrip() for line in re.split("\n|```", text)]
    for part in chunks.split(text, limit):
        assert [
            line
            for line in part.split("\n")[2:-2]
            if line.rstrip() not in lines and "```" not in line and line[:2] != "> "
        ] == []


@pytest.mark.parametrize(
    "unit",
    [
        "a line of text\n", "x", "word ", "漢", FLAG, "\u0301", FAMILY, "`", "a`b\n", "\\`",
        "` ``` ` ", "```a``` ", "```py\na\n```\n", "\n> ",
    ]
    + [" ", "\n", "<a", "\u200d", "\u0915\u094d"],
    ids=ascii,
)  # fmt: skip
def test_twice_the_text_takes_about_twice_the_time(unit):
    def seconds(count: int) -> float:
        text = unit * (count // len(unit))
        begun = time.process_time()
        chunks.split(text)
        chunks.split(f"> ```py\n> {text}")
        return time.process_time() - begun

    # four times is quadratic; what a busy machine adds is taken out by the least of three
    half, whole = (min(seconds(count) for _ in range(3)) for count in (50_000, 100_000))
    assert whole < 3 * half + 0.05
