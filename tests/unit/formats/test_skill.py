"""SKILL.md: text to a skill, or what is wrong with it, in which line, and the cure."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import skill
from plainmind.ground.errors import BadData

PATH = "/home/skills/tea-timer/SKILL.md"


def file(*rows: str, body: str = "Steep it.\n") -> bytes:
    return "\n".join(["---", *rows, "---", body]).encode()


def read(*rows: str) -> skill.Skill:
    return skill.parse(file(*rows), PATH)


def refused(data: bytes) -> str:
    with pytest.raises(BadData) as caught:
        skill.parse(data, PATH)
    assert caught.value.cure
    return str(caught.value).removeprefix(PATH + ":")


def passed_over(data: bytes) -> str:
    """Why a line of a skill is not read; the others are."""
    assert skill.parse(data, PATH).description == "D"
    return str(next(skill.find_refused(skill.read_frontmatter(data, PATH), PATH)))


def test_name_and_description():
    assert read("name: tea-timer", "description: How long tea steeps.") == (
        "tea-timer", "How long tea steeps.", PATH, False,
    )  # fmt: skip


def test_unknown_keys_say_what_they_like():
    made = read(
        "name: tea-timer",
        "license: MIT",
        "description: D",
        "metadata:",
        "  version: 1.0",
        "  tags: [a, b]",
        "since: 2026-01-30",
    )
    assert (made.name, made.description) == ("tea-timer", "D")


@pytest.mark.parametrize(
    "row, description",
    [
        ("description: 'It''s: quoted'", "It's: quoted"),
        ('description: "tab\\tand \\u00e9"', "tab\tand é"),
        ("description: >\n  folded\n  text", "folded text\n"),
        ("description: |\n  two\n  lines", "two\nlines\n"),
        ("description: plain\n  and goes on", "plain and goes on"),
        ("description: ü 日本 🍵", "ü 日本 🍵"),
        ("description: Uses *stars* & ampersands # and a comment", "Uses *stars* & ampersands"),
        ("description: '2026-01-30'", "2026-01-30"),
    ],
)
def test_descriptions_as_yaml_has_them(row, description):
    assert read("name: tea-timer", row).description == description


@pytest.mark.parametrize("value, hidden", [("true", True), ("True", True), ("false", False)])
def test_hidden_from_the_model(value, hidden):
    assert (
        read("name: tea-timer", "description: D", f"disable-model-invocation: {value}").hidden
        is hidden
    )


@pytest.mark.parametrize(
    "data",
    [
        b"---\r\nname: tea-timer\r\ndescription: D\r\n---\r\nbody",
        b"--- \nname: tea-timer\ndescription: D\n---\t\n",
    ],
)
def test_line_ends_and_spaces_after_the_dashes(data):
    assert skill.parse(data, PATH).description == "D"


def test_a_line_of_dashes_in_the_body_is_the_bodys():
    data = file("name: tea-timer", "description: D", body="one\n---\nname: other\n---\ntwo")
    assert skill.parse(data, PATH).name == "tea-timer"
    assert skill.read_body(data).strip() == "one\n---\nname: other\n---\ntwo"


@pytest.mark.parametrize(
    "name, folder",
    [("a", "a"), ("a" * 64, "a" * 64), ("0-9", "0-9"), ("a-b-c", "a-b-c")],
    ids=["one", "longest", "digits", "hyphens"],
)
def test_names_that_are_names(name, folder):
    quoted = f"'{name}'"
    assert (
        skill.parse(file(f"name: {quoted}", "description: D"), f"/x/{folder}/SKILL.md").name == name
    )


@pytest.mark.parametrize(
    "name",
    [
        "Tea", "-tea", "tea-", "tea--timer", "tea_timer", "tea timer", "../tea", "té", "a" * 65,
        "٣", "tea\n",
    ],
    ids=repr,
)  # fmt: skip
def test_names_that_are_none(name):
    escaped = name.replace("\n", "\\n")
    said = refused(file("license: MIT", f'name: "{escaped}"', "description: D"))
    assert said.startswith("3: '") and "is not a valid name; use a-z" in said


@pytest.mark.parametrize(
    "rows, said",
    [
        (["name: green-tea", "description: D"],
          "2: the name 'green-tea' is not the folder's, 'tea-timer'"),
        (["description: D"], "1: no 'name'"), (["name: tea-timer"], "1: no 'description'"),
        (["name: tea-timer", "description:"], "3: 'description' is not text"),
        (["name: tea-timer", "description: '  '"], "3: 'description' is not text"),
        (["name: tea-timer", "description: 12"], "3: 'description' is not text"),
        (["name: tea-timer", "description: yes"], "3: 'description' is not text"),
        (["name: tea-timer", "description: [a, b]"], "3: 'description' is not text"),
        (["name: tea-timer", "description: !!python/name:os.system x"],
          "3: 'description' is not text"),
        (["name: tea-timer", f"description: {'x' * 1025}"], "3: a description of 1025 characters"),
        (["name: tea-timer", "description: D", "description: E"], "4: 'description' appears twice"),
        (["name: tea-timer", "description: D", "x: 1", "x: 2"], "5: 'x' appears twice"),
        (["name: tea-timer", "description: D", "disable-model-invocation: yes"],
          "4: 'disable-model-invocation' is neither"),
        (["name: tea-timer", "description: D", "disable-model-invocation: 'true'"],
          "4: 'disable-model-invocation' is neither"),
        (["name: tea-timer", "description: D", "disable-model-invocation: 'true"],
          "1: 'disable-model-invocation' is neither"),
        (["name: tea-timer", "\tdescription: D"], "3: not valid YAML: "),
        (["name: tea-timer", "description: bell \a"],
          "3: not valid YAML: control characters are not allowed"),
        (["- name", "- description"], "2: the frontmatter is not a list of 'key: value'"),
        (["just words"], "2: the frontmatter is not a list of 'key: value'"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(rows, said):
    assert refused(file(*rows)).startswith(said)


def test_a_description_of_1024_characters():
    assert len(read("name: tea-timer", f"description: {'é' * 1024}").description) == 1024


@pytest.mark.parametrize(
    "data",
    [
        b"", b"# Tea\n", b"name: tea-timer\n", b"---\nname: tea-timer\ndescription: D\n",
        b"\n---\nname: a\n---\n", b"\xef\xbb\xbf---\nname: a\n---\n",
    ],
    ids=["empty", "no frontmatter", "no dashes", "no end", "late", "byte order mark"],
)  # fmt: skip
def test_no_head(data):
    assert refused(data).startswith("1: no frontmatter; begin with a line ---")


def test_an_empty_head_names_what_is_missing():
    assert refused(b"---\n---\nbody").startswith("1: no 'name'")


def test_no_utf8_names_the_line():
    assert refused(b"---\nname: tea-timer\ndescription: \xff\n---\n").startswith(
        "3: not valid UTF-8"
    )


def test_huge_files_and_heads():
    assert refused(file("name: tea-timer", "description: D", body="x" * skill.MOST)).startswith(
        "1: more than 64 KB"
    )
    assert refused(
        file("name: tea-timer", "description: D", f"x: {'y' * skill.MOST_HEAD}")
    ).startswith("1: frontmatter of more than 8 KB")


@pytest.mark.parametrize(
    "rows",
    [
        ["a: &a [x, x]",
          *(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]" for i in range(20))],
        ["a: &a {k: v}",
          *(f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [*{chr(97 + i)}, *{chr(97 + i)}]}}"
          for i in range(20))],
        ["a: &a [*a]"],
    ],
    ids=["laughs", "merges", "itself"],
)  # fmt: skip
def test_bombs_of_aliases(rows):
    begun = time.process_time()
    data = file("name: tea-timer", "description: D", *rows)
    assert "an alias in the frontmatter" in passed_over(data)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "deep",
    ["[" * 8000, "{" * 8000, "- " * 4000, "? " * 4000, "[" * 4000 + "]" * 4000],
    ids=["[", "{", "-", "?", "[]"],
)
def test_bombs_of_depth(deep):
    said = passed_over(file("name: tea-timer", "description: D", "x:", "  " + deep))
    assert "nested too deep" in said or "not valid YAML" in said


@pytest.mark.parametrize(
    "description, summary",
    [
        ('"two\\nlines\\r\\nand\\ttabs"', "two lines and tabs"),
        ('"\\e[31mred\\a\\0"', "[31mred"),
        ('"a\\Nb\\Lc\\Pd"', "a b c d"),
        ('"\\u202eesrever\\u200b"', "esrever"),
        ("'  much   space  '", "much space"),
    ],
)
def test_the_summary_is_one_clean_line(description, summary):
    assert read("name: tea-timer", f"description: {description}").summary == summary


@given(
    st.text(alphabet=st.sampled_from("-\n :'\"&*[]{}|>!#ab\t\\\x85\u2028"), max_size=80).map(
        lambda s: f"---\nname: tea-timer\n{s}\n---\n"
    )
)
def test_whatever_the_head_it_is_a_skill_or_bad_data(text):
    try:
        made = skill.parse(text.encode(), PATH)
    except BadData as failure:
        assert failure.place.startswith(PATH + ":") and failure.cure
        assert 1 <= int(failure.place.rpartition(":")[2]) <= text.count("\n") + 2
    else:
        assert made.summary.isprintable() and made.name == "tea-timer"


@given(st.binary(max_size=200))
def test_whatever_the_bytes(data):
    try:
        skill.parse(b"---\nname: tea-timer\ndescription: " + data, PATH)
    except BadData as failure:
        assert failure.cure
