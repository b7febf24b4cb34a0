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
NAMED = "<:wave:123456789012345678>"
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


@pytest.mark.parametrize("text, limit, parts", [
    ("a" * 2000, 2000, ["a" * 2000]), ("one\n\ntwo", 2000, ["one\n\ntwo"]), (" \n ", 2000, []),
    ("see > ```\r\n\r\n    a  \n\n\n``` b", 2000, ["see > ```\r\n\r\n    a  \n\n\n``` b"]),
    # a cut is at a line, then at a word
    ("one two\nthree", 10, ["one two", "three"]), ("one two\r\nthree", 10, ["one two", "three"]),
    ("one two three", 10, ["one two ", "three"]),
    ("a" * 2000 + "\n" + "b" * 2000 + "\r\n" + "c" * 2000, 2000,
      ["a" * 2000, "b" * 2000, "c" * 2000]),
    # a block that begins a message has the prefix of its quote, and so has a line of it that is cut
    ("> " + "x" * 30 + ": ```py\n> one\n> two\n> ```", 40,
      ["> " + "x" * 30 + ": ", "> ```py\n> one\n> two\n> ```"]),
    ("> ```\n> " + "x" * 60 + "\n> ```", 40, [f"> ```\n> {'x' * n}\n> ```" for n in (26, 26, 8)]),
    # a block of nothing is left as it is
    ("a" * 35 + "```py\n```" + "b" * 35, 40, ["a" * 35, "```py\n```", "b" * 35]),
    ("a```py\n" + "\n" * 90 + "```b", 40, ["a```py\n```b"]),
    # one that is never closed is closed at the end, but for an opening that nothing follows
    ("```py\nprint(", 2000, ["```py\nprint(\n```"]),
    ("> ```py\n> print(", 2000, ["> ```py\n> print(\n> ```"]),
    *((cut, 2000, [cut.strip("\n")]) for cut in ("Output: ```", "```py", "```py\n", "> ```\n",
      "> ```sh\n> \n>\n> ")),
], ids=lambda value: ascii(value)[:30])  # fmt: skip
def test_parts(text, limit, parts):
    assert chunks.split(text, limit) == parts


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


@pytest.mark.parametrize("text", ["~~~", "`a`", "``a``", "\\```", "` ``` `", "`` ``` ``"])
def test_what_is_no_block_opens_none(text):
    before = f"{'x' * 1980} {text}"
    assert chunks.split(f"{before}\n{'y' * 1980}") == [before, "y" * 1980]


@pytest.mark.parametrize("text", ["\\```", "` ``` `", "`` ``` ``"])
@pytest.mark.parametrize("before", range(20, 41))
def test_a_mark_that_is_shown_is_not_torn(text, before):
    parts = chunks.split("x" * before + text + "y" * 30, 40)
    assert sum(text in part for part in parts) == 1
    assert "".join(parts) == "x" * before + text + "y" * 30


@pytest.mark.parametrize("before", ["", "see\n", "see "])
@pytest.mark.parametrize("size", range(1980, 2005))
def test_no_message_ends_with_an_empty_block(before, size):
    parts = chunks.split(f"{before}```py\n{'x' * size}\n```")
    assert not any(map(empty_blocks, parts)) and sum(part.count("x") for part in parts) == size
    whole = len(before) + size + 10 <= 2000
    with_block = parts[0].startswith(f"{before}```py\nx")
    assert with_block if whole or not before else parts[0].strip() == "see"


def test_a_long_block_that_is_never_closed_is_closed_in_each_part():
    assert [part[-4:] for part in chunks.split("```\n" + LINES)] == ["\n```"] * 2


@pytest.mark.parametrize("whole", [*WHOLE, NAMED])
@pytest.mark.parametrize("before", range(9))
def test_what_is_one_for_the_reader_is_not_cut(whole, before):
    parts = chunks.split("x" * before + f"{whole}x" * 40, 37)
    assert "".join(parts) == "x" * before + f"{whole}x" * 40
    assert all(re.fullmatch(f"x*(?:{re.escape(whole)}x?)*", part) for part in parts)


@pytest.mark.parametrize("whole", [NAMED, *(whole for whole in WHOLE if whole != CONJUNCT)])
def test_none_is_cut_among_its_like_either(whole):
    for mark in ("", "```"):
        parts = chunks.split(mark + whole * 40 + mark, 37)
        assert all(re.fullmatch(f"{mark}\n?(?:{re.escape(whole)})+\n?{mark}", p) for p in parts)


def test_no_mark_of_unicode_is_cut_off():
    characters = map(chr, range(sys.maxunicode + 1))
    marks = [c for c in characters if unicodedata.category(c) in ("Mn", "Mc", "Me")]
    assert len(marks) > 2000
    for mark in marks:
        assert chunks.split(f"xxxxxxxxxe{mark}", 10) == ["x" * 9, f"e{mark}"], ascii(mark)
        assert chunks.split(f"xxxxxxxxx {mark}x", 10)[0] == "x" * 9, ascii(mark)


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
