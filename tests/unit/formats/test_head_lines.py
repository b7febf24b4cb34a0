"""A head whose lines YAML refuses: each costs itself at most."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.formats import skill
from plainmind.formats.page import head_lines, page, page_edit, repairs
from plainmind.ground.errors import BadData

PATH = "knowledge/a.md"

#: lines that YAML refuses, and how each is read; None where nobody can tell
REFUSED = {
    "title: Re: the flat": "Re: the flat",
    "title: see http://example.org/a: b": "see http://example.org/a: b",
    "title: ends with:": "ends with:",
    "author: @ann": "@ann",
    "share: %5 of it": "%5 of it",
    "code: `ls`": "`ls`",
    "tone: *very* calm": "*very* calm",
    'quote: "Yes" and no': '"Yes" and no',
    "note: [x] done": "[x] done",
    "note: [a](b.md) and c": "[a](b.md) and c",
    "日本: 茶: 緑": "茶: 緑",
    "tags: [#a, @b, c d]": ["#a", "@b", "c d"],
    "tags:\n- @a\n- b": ["@a", "b"],
    "tags:\n\t- a\n\t- b": ["a", "b"],
    "tags:\n  * a\n  * b": ["a", "b"],
    "links: [[a]], [[b]]": None,
    "title: Re: x # or not": None,
    "x: 'open": None,
    'x: "open': None,
    "x: 'it's": None,
    "x: [a,": None,
    "x: {a: b": None,
    "x: !!python/name:os.system y": None,
    "x: &a [*a]": None,
    "x: *none": None,
    "x: \x07": None,
    "words": None,
    "\ty: z": None,
    "y:z": None,
    "}": None,
    "<<<<<<< ours": None,
}
#: heads that YAML takes, each of one key
SOUND = [
    "date: 2026-01-30", "type: project", "tier: L1", "tags: [a, 'b: c']", "# a comment",
    "triples:\n- [alice, owns, auth-service]", "mine: |\n  a: b: c\n  @d\n", "long: >-\n  a\n\n  b",
    "deep:\n  one: {two: [3]}\n  four:\n  - five", "'odd key': \"a: b\"", "wrapped: [a,\n  b]",
    "at: http://example.org", "said: a\n  b", "",
]  # fmt: skip


def lay(rows: list[str], ending: str = "\n", mark: str = "") -> bytes:
    return (mark + ending.join(["---", *"\n".join(rows).split("\n"), "---", "Green.", ""])).encode()


def values(data: bytes) -> list:
    return page_edit.list_values(read(data).entries)


def read(data: bytes) -> head_lines.ReadHead:
    return head_lines.read(page.split(data, PATH).yaml, PATH, aliases=True)


@pytest.mark.parametrize("row", REFUSED, ids=ascii)
def test_a_line_that_is_refused_costs_itself_at_most(row):
    data = lay(["date: 2026-01-30", "tier: L1", row, SOUND[5], "type: project"])
    found = page.parse(data, PATH)
    assert (str(found.day), found.type, found.tier) == ("2026-01-30", "project", "L1")
    assert [each.triple.subject for each in found.triples] == ["alice"]
    lines = [line for line, code, _ in found.problems if code == "yaml"]
    assert lines and set(lines) <= {4, 5, 6} and lines[0] == 4 + row.startswith("tags:\n")
    texts = {entry.key: entry.node.value for entry in read(data).entries}
    meant = REFUSED[row]
    if isinstance(meant, list):
        meant, texts["tags"] = sorted(meant), sorted(each.value for each in texts["tags"])
    assert texts.get(row.partition(":")[0]) == meant
    fixed = repairs.repair(data, PATH).data
    left = {code for _, code, _ in page.parse(fixed, PATH).problems}
    assert ("yaml" in left) is (meant is None) and (fixed == data) is (meant is None)


@example(['x: "open', "tags: [#a, @b, c d]"], "\n", "")
@example(["mine: |\n  a: b: c\n  @d\n", "\ty: z"], "\n", "")
@example(["long: >-\n  a\n\n  b", "\ty: z"], "\r\n", "\ufeff")
@given(
    st.lists(
        st.sampled_from([*REFUSED, *SOUND, *SOUND]), max_size=9, unique_by=lambda row: row[:3]
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_a_mend_is_idempotent_keeps_every_readable_key_and_changes_no_other_byte(
    rows, ending, mark
):
    data = lay(["first: 1", *rows, "last: 1"], ending, mark)
    sound = lay(["first: 1", *(row for row in rows if row in SOUND), "last: 1"], ending, mark)
    before = values(data)
    assert [each for each in values(sound) if each not in before] == []
    lines = {one.line: one.text for one in read(data).refused}
    made = repairs.repair(data, PATH)
    assert repairs.repair(made.data, PATH) == (made.data, [])
    if {code for _, code, _ in made.done} <= {"yaml"}:
        assert values(made.data) == before
        old, new = data.decode().split("\n"), made.data.decode().split("\n")
        changed = [
            at for at, (one, other) in enumerate(zip(old, new, strict=True), 1) if one != other
        ]
        meant = {line: text for line, text in lines.items() if text}
        if meant and not changed:  # with them, YAML would read something else
            for line, text in meant.items():
                old[line - 1] = text
            assert values("\n".join(old).encode()) != before
        else:
            assert changed == sorted(meant)
    assert {one.line for one in read(made.data).refused} <= lines.keys()


@pytest.mark.parametrize("yaml", ["  + x\n    source: note\nx: ~\n", "    * Re: x\n"])
def test_a_repair_that_nobody_would_read_is_not_made(yaml):
    """It was made again in each of ten rounds; and a lone item became a list that is no head."""
    data = f"---\n{yaml}---\nGreen.\n".encode()
    assert repairs.repair(data, PATH) == (data, [])


def test_a_skill_whose_description_has_a_colon_is_one():
    data = b"---\nname: tea\ndescription: Use when: somebody asks for tea\nmine: @x\n---\nGreen.\n"
    assert skill.parse(data, "skills/tea/SKILL.md").description == "Use when: somebody asks for tea"
    assert [one.line for one in skill.read_frontmatter(data, "skills/tea/SKILL.md").refused] == [
        3,
        4,
    ]
    with pytest.raises(BadData, match=r"SKILL.md:3: not valid YAML"):
        skill.parse(b"---\nname: tea\ndescription: 'open\n---\n", "skills/tea/SKILL.md")


@pytest.mark.parametrize("row", ["x: Re: y", "x: 'y", "- 'y", "x: *y", "x: &y [*y]", "\t'"])
def test_a_head_of_refused_lines_is_read_in_time(row):
    begun = time.process_time()
    page.parse(lay(["a: 1", *[row] * 20_000]), PATH)
    page.parse(lay(["a: 1", *[row] * 900]), PATH)
    page.parse(lay(["a:", *[f"  {row}"] * 900]), PATH)
    assert time.process_time() - begun < 5
