"""Surgery on pages: each repair as the manual lists it, and everything else to the byte."""

import re
import time
from datetime import date

import pytest
import yaml
from hostile import PIECES
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.formats.page import page, page_edit, page_keys, repairs, yaml_nodes
from plainmind.formats.page.triple import Triple
from plainmind.ground.errors import BadData

PATH = "knowledge/tea.md"
RIGHT = "date: 2026-01-30\ntype: project\ntier: L2\n"
GAP = " " * 20_000
#: pi-mind's LEGACY_TYPE_MAP (packages/memory/lib/schema.ts), as it stands there
LEGACY = {
    "feedback": "agent-feedback", "note": "reference", "research": "reference",
    "workflow": "project", "decision": "project", "fact": "user", "preference": "user",
    "article": "reference", "paper": "reference", "concept": "reference", "tool": "project",
    "maintenance": "agent-feedback",
}  # fmt: skip


def file(head: str, body: str = "Green.\n") -> bytes:
    return f"---\n{head}---\n{body}".encode()


def mended(data: bytes) -> bytes:
    """What mending makes of it, twice as once; what was done and what was changed agree."""
    once = repairs.repair(data, PATH)
    assert (once.data == data) is (once.done == [])
    assert repairs.repair(once.data, PATH) == (once.data, [])
    return once.data


def head(before: str) -> str:
    """A head, mended."""
    made = mended(file(before)).decode()
    assert made.startswith("---\n") and made.endswith("---\nGreen.\n")
    return made.removeprefix("---\n").removesuffix("---\nGreen.\n")


def replaced(row: str) -> str:
    """The right head with one of its fields as `row` has it, or with `row` at its end."""
    key = row.partition(":")[0]
    old = re.search(f"(?m)^{key}: .*$", RIGHT)
    return RIGHT.replace(old[0], row) if old else f"{RIGHT}{row}\n"


# --- the table of the manual


@pytest.mark.parametrize("before, after", [
    # pi-mind's older types: what each becomes, its tier where it stood for one, and the tag
    *((replaced(f"type: {old}"), replaced(f"type: {new}") + f"tags: [legacy/{old}]\n")
      for old, new in LEGACY.items()),
    *((f"date: 2026-05-08\ntype: {old}\n", f"date: 2026-05-08\ntype: {LEGACY[old]}\n"
      f"tags: [legacy/{old}]\n" + "tier: L1\n" * (old in ("fact", "preference", "decision")))
      for old in LEGACY),
    (replaced("type: Decision") + "tags: [auth]\n", RIGHT + "tags: [legacy/decision, auth]\n"),
    (replaced("type: decision") + "tags:\n  - auth\n",
      RIGHT + "tags:\n  - legacy/decision\n  - auth\n"),
    (replaced("type: decision") + "tags:\n- auth\n",
      RIGHT + "tags:\n- legacy/decision\n- auth\n"),
    (replaced("type: tool") + "tags: [legacy/tool]\n", RIGHT + "tags: [legacy/tool]\n"),
    (replaced("type: tool") + "tags: []\n", RIGHT + "tags: [legacy/tool]\n"),
    (replaced("type: tool") + "tags:\n", RIGHT + "tags: [legacy/tool]\n"),
    (replaced("type: tool") + "tags: auth, api\n", RIGHT + "tags: [legacy/tool, auth, api]\n"),
    (replaced("type: 'fact' # sure"), RIGHT.replace("project", "user # sure")
      + "tags: [legacy/fact]\n"),
    ("date: 2026-05-08\nsource: note\ntier: L2\n",
      "date: 2026-05-08\nsource: note\ntier: L2\ntags: [legacy/note]\ntype: reference\n"),
    # types and tiers in other letters
    (replaced("type: User"), replaced("type: user")),
    (replaced("type: agent_feedback"), replaced("type: agent-feedback")),
    (replaced("tier: l2 # so"), replaced("tier: L2 # so")),
    # dates
    (replaced("date: 8 May 2026"), replaced("date: 2026-05-08")),
    (replaced("date: 'May 8th, 2026' # a Friday"), replaced("date: 2026-05-08 # a Friday")),
    (replaced("date: 2026/5/8"), replaced("date: 2026-05-08")),
    (replaced("date: 20260508"), replaced("date: 2026-05-08")),
    (replaced("date: 25.12.2026"), replaced("date: 2026-12-25")),
    (replaced("valid_from: 2026/1/2"), replaced("valid_from: 2026-01-02")),
    (replaced("valid_to: 1 Jan 2027"), replaced("valid_to: 2027-01-01")),
    # tags
    (replaced("tags: one, two"), replaced("tags: [one, two]")),
    (replaced("tags: one two"), replaced("tags: [one, two]")),
    (replaced("tags: one"), replaced("tags: [one]")),
    (replaced("tags: '#one #two words'"), replaced("tags: [one, two words]")),
    (replaced("tags: 'one ,  #two  #three,, four  '"), replaced("tags: [one, two, three, four]")),
    (replaced("tags: one, two words"), replaced("tags: [one, two words]")),
    (replaced("tags: ['#one', two]"), replaced("tags: [one, two]")),
    (replaced("tags:\n- '#one' # 1\n- two"), replaced("tags:\n- one # 1\n- two")),
    (replaced("tags: 2026, yes"), replaced('tags: ["2026", "yes"]')),
    (replaced("tags: [project, a]"), replaced("tags: [a]")),
    (replaced("tags: [a, 'type:project' , b]"), replaced("tags: [a, b]")),
    (replaced("tags: [a, 'memory-type:decision' , 'subject:project']"), replaced("tags: [a]")),
    (replaced("tags: [L2]"), replaced("tags: []")),
    (replaced("tags:\n- a\n- tier:L2\n- b"), replaced("tags:\n- a\n- b")),
    (replaced("tags:\n- project"), replaced("tags: []")),
    (replaced("tags:\n  # mine\n  - project # so\n  - a"),
      replaced("tags:\n  # mine\n  # so\n  - a")),
    (replaced("tags: ['#project', '#a']"), replaced("tags: [a]")),
    ("date: 2026-05-08\ntags: [subject:user, tier/l1, a]\n",
      "date: 2026-05-08\ntags: [a]\ntier: L1\ntype: user\n"),
    (replaced("tags: project, a"), replaced("tags: [a]")),
    # triples
    *((replaced(f"triples: ['{old}']"), replaced("triples: [[a, owns, b]]"))
      for old in ("a | owns | b", "a -> owns -> b", "a → owns → b", "a => owns => b", "a; owns; b",
      "(a | owns | b)", "( a|owns  => b )")),
    (replaced("triples:\n- a -> owns -> b"), replaced("triples:\n- [a, owns, b]")),
    (replaced("triples: [{subject: a, predicate: owns, object: b}]"),
      replaced("triples: [[a, owns, b]]")),
    (replaced("triples:\n- {s: a, p: owns, o: b} # yes"),
      replaced("triples:\n- [a, owns, b] # yes")),
    (replaced("triples:\n- a b | usesModel | A B"), replaced("triples:\n- [a-b, uses_model, A B]")),
    (replaced("triples: [[a b, uses model, 'c  d']]"),
      replaced("triples: [[a-b, uses_model, c-d]]")),
    (replaced("triples:\n- - a b # 1\n  - usesModel # 2\n  - c"),
      replaced("triples:\n- - a-b # 1\n  - uses_model # 2\n  - c")),
    # tabs
    (RIGHT + "x:\n\t- a\n\t- b\n", RIGHT + "x:\n  - a\n  - b\n"),
    (RIGHT + "x:\n\ty: 1\n\t\n", RIGHT + "x:\n  y: 1\n  \n"),
    (replaced("type: tool") + "tags:\n\t- a\n", RIGHT + "tags:\n  - legacy/tool\n  - a\n"),
    (RIGHT + "x: |\n  a\n  \tb\ny:\n\tz: 1\n", RIGHT + "x: |\n  a\n  \tb\ny:\n  z: 1\n"),
])  # fmt: skip
def test_what_is_repaired(before, after):
    assert head(before) == after


@pytest.mark.parametrize("before", [
    RIGHT, replaced("date: 03/04/2026"), replaced("date: 2026-05-08 to 2026-05-10"),
    replaced("date: soon"), replaced("date: 2026-05-08T09:30:00Z"), replaced("type: thing"),
    replaced("type:"), replaced("tier: L9"), replaced("tier:"),
    # a value that stands elsewhere, or for several
    "x: &d 8 May 2026\n" + replaced("date: *d"), replaced("date: &d 8 May 2026") + "x: *d\n",
    replaced("type: &t decision") + "x: *t\n", replaced("tags: &t ['#a']") + "x: *t\n",
    replaced("tags: [&t '#a']") + "x: *t\n", replaced("date: !!str 8 May 2026"),
    # what other tools and vaults call theirs, and what is not said
    *(RIGHT + f"{key}: x\n" for key in ("created", "kind", "priority", "topics", "relations")),
    *(replaced(f"type: {kind}") for kind in ("person", "lesson", "doc", "summary", "session")),
    *(replaced(f"tier: {tier}") for tier in ("high", "1", "3", "core")),
    "type: user\n", "date: 2026-05-08\n", "created: 2026-05-08\ntype: user\ntier: L1\n",
    "date: 2026-05-08\ntags: [user, l1, a]\n",
    "date: 2026-05-08\ntags: [type:user, type:project]\n",
    "date: 2026-05-08\ntype: thing\ntags: [type:user]\n", replaced("tags: [user, type:reference]"),
    "date: 2026-05-08\nsource: reference\ntier: L2\n",
    replaced("type: decision") + "x: &t [a]\ntags: *t\n",
    # a key twice, two keys for one, braces, depth
    RIGHT + "x: 1\nx: 2\ntags: '#a'\n", replaced("date: 8 May 2026") + "date: 9 May 2026\n",
    "{date: 8 May 2026, type: user, tier: L1}\n",
    # texts of several lines
    replaced("tags: |\n  one, two"), replaced("triples:\n- |\n  a | owns | b"),
    replaced("triples: [[a, >\n  uses model, b]]").replace("[[a, >\n  uses model, b]]",
      "\n- - a\n  - >\n    uses model\n  - b"),
    # comments where an item goes
    replaced("tags: [a, # one\n  project, # two\n  b]"), replaced("tags:\n-\n  project\n- a"),
    # nothing of ours
    replaced("tags: [[a], {b: c}, ~, '']"), replaced("tags: ['#', '##']"), replaced("tags: {a: b}"),
    replaced("triples: a | owns | b"), replaced("triples: ['a | owns']"),
    replaced("triples: ['a | | b']"), replaced("triples: [{s: a, p: owns}]"),
    replaced("triples: [{s: a, p: owns, o: [b]}]"),
    replaced("triples:\n- subject: a\n  predicate: owns\n  object: b"),
    replaced("triples: [[a, '--', b]]"), replaced("triples: [[a, is, b]]"),
    replaced("triples: [[a, b]]"), RIGHT + "Tags: '#a'\nDATE: 8 May 2026\n",
    RIGHT + "mine: {date: 8 May 2026, tags: '#a'}\n",
    # what cannot be read
    RIGHT + "x: 'open\n", RIGHT + "x: !ruby/object y\ntags: [a]\n",
    RIGHT + "x: \x07\ntags: [a]\n", RIGHT + "x: *none\ntags: [a]\n", "- a\n", "words\n",
    RIGHT + "x:\n  - a\n\t- 'b\n", RIGHT + "a: &a [x]\nb: &b [*b]\n",
    "x: [" * 20 + "\n", "  date: 2026-01-30\n  type: project\n",
], ids=lambda value: ascii(value)[:60])  # fmt: skip
def test_what_stays(before):
    assert head(before) == before


@pytest.mark.parametrize(
    "data",
    [
        b"", b"Green.\n", b"\xff\xfe", b"---\ndate: 8 May 2026\n",
        b"---\ndate: 8 May 2026\n\xff\n---\n", b"\0\0",
        b"---\n" + b"x: y\n" * 60_000 + b"date: 8 May 2026\n---\n",
    ],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_files_that_stay(data):
    assert mended(data) == data


@pytest.mark.parametrize(
    "row, mended_row",
    [
        (f'triples: ["a{GAP}b"]', None),
        (f'triples: ["a{GAP}->{GAP}owns | b"]', "triples: [[a, owns, b]]"),
        (f'tags: "a{GAP}b, c{GAP},d"', f'tags: ["a{GAP}b", c, d]'),
        (f'tags: "#a{GAP}b{GAP}#c"', f'tags: ["a{GAP}b", c]'),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_long_heads_are_mended_at_once(row, mended_row):
    """A gap in a value cost the square of its length."""
    start = time.process_time()
    made = repairs.repair(file(f"{RIGHT}{row}\n"), PATH).data
    assert time.process_time() - start < 1
    assert made == file(f"{RIGHT}{mended_row or row}\n")


def test_what_was_done_is_said_with_its_line():
    before = file(
        "date: 8 May 2026\ntype: decision\ntags: '#auth'\ntriples:\n- a b | usesModel | "
        "c\nimage: a.png\n"
    )
    assert repairs.repair(before, PATH).done == [
        (4, "tags", "the tags become a list"),
        (3, "tier", "tier: L1 is added, as a decision had"),
        (3, "type", "the type 'decision' becomes 'project', and a tag"),
        (2, "date", "'8 May 2026' becomes 2026-05-08"), (6, "triples", "a triple becomes a list"),
        (6, "entity", "'a b' becomes 'a-b'"), (6, "predicate", "'usesModel' becomes 'uses_model'"),
        (7, "image", "'a.png' is shown in the body"),
    ]  # fmt: skip


@pytest.mark.parametrize("body, image, added", [
    ("Green.\n", "a.png", "\n![](../a.png)\n"), ("Green.", "a.png", "\n\n![](../a.png)\n"),
    ("", "a.png", "\n![](../a.png)\n"),
    ("Green.\n", "raw/images/a b.png", "\n![](<../raw/images/a b.png>)\n"),
    ("`![](a.png)`\n", "a.png", "\n![](../a.png)\n"),
    ("Green.\n", "a (1).png", "\n![](<../a (1).png>)\n"),
    ("Green.\n", "a%20b.png", "\n![](../a%2520b.png)\n"), ("![](a.png)\n", "a.png", ""),
    ("![](../a.png)\n", "a.png", ""), ("![[a.png]]\n", "raw/images/a.png", ""),
    ("![](a.png)\n", "raw/images/a.png", "\n![](../raw/images/a.png)\n"),
    ("![[a.png]]\n", "a.png", ""), ("```\nopen\n", "a.png", ""),
    ("Green.\n", "a<b>.png", "\n![](../a<b>.png)\n"), ("Green.\n", "a <b>.png", ""),
    ("Green.\n", "''", ""), ("Green.\n", '"a\\nb.png"', ""),
])  # fmt: skip
def test_an_image_is_shown(body, image, added):
    data = file(f"{RIGHT}image: {image}\n", body)
    assert mended(data) == data + added.encode()


@pytest.mark.parametrize(
    "ending, mark", [("\n", ""), ("\r\n", ""), ("\n", "\ufeff"), ("\r\n", "\ufeff")], ids=repr
)
def test_line_ends_and_a_mark_stay(ending, mark):
    before = (
        "---\ndate: 8 May 2026\ntype: fact\ntags:\n- '#a'\n# 🍵\nmine: x\nimage: "
        "a.png\n---\nGreen.\n"
    )
    after = (
        "---\ndate: 2026-05-08\ntype: user\ntags:\n- legacy/fact\n- a\n# 🍵\nmine: x\nimage: "
        "a.png\ntier: L1\n---\nGreen.\n\n![](../a.png)\n"
    )
    assert (
        mended((mark + before.replace("\n", ending)).encode())
        == (mark + after.replace("\n", ending)).encode()
    )


# --- fields


KEPT = (
    "# first\ndate: 2026-01-30 # made\ntype: project\nmine: {a: [b]} # 🍵\ntags:\n- a # one\n- "
    "b\n'quoted key': x\nnote: |\n  two\n  lines\ntier: L2\n# last\n"
)


@pytest.mark.parametrize("fields, before, after", [
    ({"date": date(2026, 5, 8)}, "date: 2026-01-30 #", "date: 2026-05-08 #"),
    ({"tags": ["c d"], "quoted key": "y: z"}, "tags:\n- a # one\n- b\n'quoted key': x\n",
      "tags: [c d]\n'quoted key': \"y: z\"\n"),
    ({"triples": [Triple("a", "owns", "b c")]}, "# last\n", "# last\ntriples: [[a, owns, b c]]\n"),
    ({"note": "one"}, "note: |\n  two\n  lines\n", "note: one\n"),
    ({"mine": "yes"}, "{a: [b]}", '"yes"'),
])  # fmt: skip
def test_how_a_field_is_written(fields, before, after):
    made = page_edit.set_fields(file(KEPT), PATH, fields)
    assert made == file(KEPT.replace(before, after))


values = st.one_of(
    st.sampled_from(PIECES), st.text(max_size=12),
    st.sampled_from(["yes", "null", "~", "1e3", "0x1", "2026-01-01", "a: b", "a #b", "- a", "*a",
      "&a", "!a", "|", "a,b", "a]", "a}", "a: ", "a:", "-", "--- a", "...", "a  b", "a\tb"]),
).filter(lambda text: text and not re.search("[\ud800-\udfff]", text))  # fmt: skip
any_value = st.one_of(
    st.none(), st.dates(), values, st.lists(values, max_size=2), st.lists(st.tuples(values, values))
)
KEYS = ["date", "type", "tier", "tags", "triples", "source", "mine", "quoted key", "note", "new"]


@given(
    st.dictionaries(st.sampled_from(KEYS), any_value),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_fields_change_and_nothing_else(fields, ending, marked):
    """What is set reads back, None and empty are gone; all else is as it was, to the byte."""
    data = ("\ufeff" * marked + f"---\n{KEPT}---\nGreen.\n".replace("\n", ending)).encode()
    before = page.split(data, PATH)
    after = page.split(page_edit.set_fields(data, PATH, fields), PATH)
    assert (after.marked, after.body, after.at) == (marked, before.body, before.at)
    gone = [key for key, value in fields.items() if not value]
    said = {key: plain(value) for key, value in fields.items() if value}
    read = yaml.safe_load(before.yaml) | said
    assert yaml.safe_load(after.yaml) == {key: read[key] for key in read if key not in gone}
    old, new = slices(before), slices(after)
    assert list(new) == [key for key in old if key not in gone] + sorted(said.keys() - old.keys())
    rows = [row for key in old if key not in fields for row in old[key].splitlines(True)]
    assert [row for row in after.yaml.splitlines(True) if row in rows] == rows
    assert after.yaml.count("\n") == len(rows) + len(said) + 1 + ("tier" in fields), "one line each"
    assert after.yaml.count("\n") == after.yaml.count(ending)
    comments = {"# first", "# last", *(["# made"] if fields.get("date", True) else [])}
    assert all(f"{comment}{ending}" in after.yaml for comment in comments)


def plain(value):
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("body, old, new", [
    ("New.", "Green.\n", "New.\n"), ("New.\n\n", "\n\nGreen.\n", "\n\nNew.\n"),
    ("a\nb", "x\r\ny\r\n", "a\nb\n"), ("---\nx\n---", "Green.\n", "---\nx\n---\n"),
])  # fmt: skip
def test_a_body_takes_another_s_place(body, old, new):
    assert page_edit.set_fields(file(RIGHT, old), PATH, {}, body) == file(RIGHT, new)


def test_a_body_gets_the_ends_of_lines_of_its_page():
    windows = file(RIGHT, "x\n").replace(b"\n", b"\r\n")
    assert page_edit.set_fields(windows, PATH, {}, "a\nb\r\nc") == file(RIGHT, "a\nb\nc\n").replace(
        b"\n", b"\r\n"
    )


@pytest.mark.parametrize("data, fields, said", [
    (b"Green.\n", {}, "no frontmatter"), (b"---\ndate: x\n", {}, "no frontmatter"),
    (b"---\na: 'b\n---\n", {"tier": "L1"}, "not valid YAML"), (b"\xff", {}, "not valid UTF-8"),
    (b"---\n{a: b}\n---\n", {"tier": "L1"}, "in place; write one"),
    (b"---\n{a: b, c: d}\n---\n", {"a": None}, "in place; write one"),
    (b"---\n  a: b\n---\n", {"tier": "L1"}, "in place; write one"),
    (b"---\n? tags\n: [a]\n---\n", {"tags": ["b"]}, "in place; write one"),
    (b"---\ntags: &t [a]\nx: *t\n---\n", {"tags": None}, "in place; write one"),
    (b"---\nx: &k tags\n*k : [a]\n---\n", {"tags": ["b"]}, "in place; write one"),
    (b"---\na: 1\na: 2\n---\n", {"a": "3"}, "appears twice"),
])  # fmt: skip
def test_heads_whose_fields_cannot_be_changed(data, fields, said):
    with pytest.raises(BadData) as caught:
        page_edit.set_fields(data, PATH, fields)
    assert said in str(caught.value) and caught.value.cure and caught.value.place.startswith(PATH)


# --- hostile heads: a line with ¶ is nobody's business


def numbered(blocks: list[str]) -> str:
    count = iter(range(10_000))
    return "".join(re.sub("¶", lambda _: f"¶{next(count)}.", block) for block in blocks)


FOREIGN = [
    "# ¶ a comment\n", "\n", "  # ¶ further in\n", "mine¶: 1\n", "'quoted¶': \"x\\ty\" # ¶\n",
    "\"k¶\": 'it''s' # ¶\n", "list¶:\n- a # ¶\n- ¶\n", "list¶:\n    - x: 1 # ¶\n      y¶: 2\n",
    "flow¶: {a: [1, 2], b: {c: ¶}} # ¶\n", "text¶: |\n  date: 8 May ¶\n\n  tags: '#a' ¶\n",
    "keep¶: |+\n  ¶\n\n", "fold¶: >-\n  a ¶\n  b ¶\n", "long¶: plain ¶\n  and goes on ¶\n",
    "a¶: &a¶ [x, y]\n", "anchor¶: &b {k: v} # ¶\n", "emoji¶: 🍵 日本 # ¶ 👩‍👩‍👧\n",
    "date¶: 8 May 2026\n", "nested¶:\n  date: 8 May 2026 # ¶\n  tags: ['#a'] # ¶\n",
    "? key¶\n: value ¶\n", "tab¶:\ta\t# ¶\n", "empty¶:\n", "null¶: ~\n", "dq¶: \"a\\\n  b ¶\"\n",
    "odd¶: a\u2028b ¶\n", "nel¶: 'a\x85b ¶'\n", "<<¶: {a: b}\n", "space¶ : 1\n",
    "time¶: 2026-05-08 10:00:00 # ¶\n",
]  # fmt: skip
KNOWN = [
    "date: 8 May 2026 # ¶\n", "date: 2026-05-08\n", "date: \"May 8, 2026\"\n",
    "date:\n  8 May 2026\n", "created: 2026/5/8 # ¶\n", "timestamp : 20260508\n",
    "date: &d 8 May 2026\n", "date: 03/04/2026\n", "valid_from: 1 Jan 2026 # ¶\n",
    "\"valid_to\": '2027/1/1'\n", "type: decision # ¶\n", "type: User\n", "kind: fact\n",
    "'type': \"note\"\n", "type: thing\n", "type:\n", "type: &t lesson\n", "type: project\n",
    "tier: high # ¶\n", "tier: L1\n", "priority: 3\n", "tier: ''\n", "tier:    l1   # ¶\n",
    "tags: one, two # ¶\n", "tags: ['#a', project , b] # ¶\n",
    "tags:\n- '#a' # ¶\n- user # ¶\n# ¶\n- b\n", "tags:\n    - l1\n    - tier:L2 # ¶\n",
    "tags: [a,\n  user, # ¶\n  b]\n", "tags: # ¶\n  - project\n", "tags:\n", "tags: []\n",
    "keywords: '#x #y'\n", "tags: &g [user]\n", "tags:\n-   a\n-\n  user\n", "tags: [a, *b]\n",
    "tags : [L1]\n", "'tags':\n- user\n", "tags : \n- user\n", "tags: [user, &x b]\n",
    "triples:\n- a b | usesModel | c # ¶\n- [x, owns thing, 'y z'] # ¶\n",
    "triples: [[a, is, b], {s: a, p: q r, o: c}]\n",
    "triples:\n- - a b # ¶\n  - usesModel\n  # ¶\n  - c\n",
    "triples:\n- subject: a\n  predicate: b c\n  object: d # ¶\n", "relations: ['a -> b -> c']\n",
    "triples:\n- [a b, &p usesModel, c]\n", "image: raw/a.png\n", "supersedes: x\n",
    "source: explicit # ¶\n", "x:\n\ty: 1\n",
]  # fmt: skip
heads = st.lists(st.one_of(st.sampled_from(FOREIGN), st.sampled_from(KNOWN)), max_size=9).map(
    numbered
)
wrapped = st.tuples(
    st.sampled_from(["", "\ufeff"]),
    heads,
    st.sampled_from(["---", "...", "--- "]),
    st.sampled_from(["", "\n", "Green.\n", "Green.", "---\nx\n---\n", "```\n", "![](raw/a.png)\n"]),
    st.sampled_from(["\n", "\r\n"]),
)

#: which keys a repair may touch
ABOUT = {
    "type": {"type", "tags"}, "tier": {"tier"},
    "date": {"date", "valid_from", "valid_to"}, "tags": {"tags"}, "triples": {"triples"},
    "predicate": {"triples"}, "entity": {"triples"}, "image": set(), "yaml": {"x"},
}  # fmt: skip


def slices(parts: page.PageParts) -> dict[str, str]:
    """The text of each key, from its first character to the next key's."""
    entries = yaml_nodes.read_entries(parts.yaml, PATH, aliases=True)
    ends = [*(entry.start for entry in entries[1:]), len(parts.yaml)]
    return {entry.key: parts.yaml[entry.start : end] for entry, end in zip(entries, ends)}


@given(wrapped)
@example(("", "tags : \n- user\n", "---", "", "\n"))
def test_hostile_heads_are_mended_where_they_must_be(made):
    mark, yaml_text, end, body, ending = made
    data = (mark + f"---\n{yaml_text}{end}\n{body}".replace("\n", ending)).encode()
    once = repairs.repair(data, PATH)
    assert repairs.repair(once.data, PATH) == (once.data, [])
    before, after = page.split(data, PATH), page.split(once.data, PATH)
    # outside the head
    assert after.marked is before.marked and after.text[: after.at] == before.text[: before.at]
    shown = after.body.removeprefix(before.body)
    assert after.text[after.at + len(after.yaml) :].startswith(
        before.text[before.at + len(before.yaml) :]
    )
    assert shown.strip() in ("", "![](../raw/a.png)") and bool(shown.strip()) is any(
        code == "image" for _, code, _ in once.done
    )
    # nobody's business: to the byte, and in the same order
    rows = before.yaml.split("\n")  # the comment of an item that went is a line by itself then
    assert [row for row in after.yaml.split("\n") if foreign(row) and row in rows] == [
        row for row in rows if foreign(row)
    ]
    assert re.findall("¶[0-9]+[.]", after.yaml) == re.findall("¶[0-9]+[.]", before.yaml)
    assert before.newline == "\n" or once.data.count(b"\n") == once.data.count(b"\r\n")
    if any(code == "yaml" for _, code, _ in once.done):
        return
    # every other line too, but for what was said
    try:
        old, new = slices(before), slices(after)
        values = [yaml.load(parts.yaml, yaml.CSafeLoader) or {} for parts in (before, after)]
    except (BadData, yaml.YAMLError, ValueError):  # test_head_lines
        return
    touched = {key for _, code, _ in once.done for key in ABOUT[code]}
    last = list(old)[-1:]  # what is added comes after it
    for key in old:
        if key not in touched:
            assert old[key] == new[key] or [key] == last and new[key].startswith(old[key])
    mine = [
        {key: value for key, value in each.items() if key not in page_keys.KEYS} for each in values
    ]
    assert mine[0] == mine[1]


def foreign(row: str) -> bool:
    """A line on which nothing but ¶ and what belongs to it stands."""
    return "¶" in row and not re.match(
        r"\s*(?:- |['\"]?(?:date|type|tier|tags|triples|created|timestamp|valid_from|source|kind"
        r"|priority|source|keywords|relations)\b(?!¶)|user,|object:|usesModel)",
        row,
    )


@given(st.text("-\n :'\"&*[]{}|>!#?,at\t\\\x85\u2028\r", max_size=60), st.sampled_from(KNOWN))
def test_whatever_the_head_mending_raises_nothing(noise, known):
    data = file(f"{known}{noise}\n{RIGHT}")
    once = repairs.repair(data, PATH)
    assert repairs.repair(once.data, PATH) == (once.data, [])
    assert once.data.endswith(b"---\nGreen.\n") or once.data == data or b"image" in data


def test_surgery_that_touches_what_others_say_is_not_done(monkeypatch):
    """The net below all of it: no head is known that needs it."""

    def slip(mending):
        mending._replace(mending.keys["mine"].node, "2")
        mending._note(5, "date", "slipped")

    monkeypatch.setattr(repairs._Repairs, "all", slip)
    data = file(RIGHT + "mine: 1\n")
    assert repairs.repair(data, PATH) == (data, [])


@given(st.binary(max_size=120))
def test_whatever_the_bytes(data):
    assert mended(data) == data or data.startswith((b"---", b"\xef\xbb\xbf---"))


# --- the nodes below it


@pytest.mark.parametrize("aliases", [True, False])
def test_a_head_of_too_many_keys_is_refused_before_it_is_built(aliases, monkeypatch):
    monkeypatch.setattr("yaml.compose", None)
    with pytest.raises(BadData, match="frontmatter of more than 10,000 values") as caught:
        yaml_nodes.read_entries("a: 1\n" * 48_000, "p", aliases=aliases)
    assert caught.value.place == "p:5001"


def test_lines_of_many_keys():
    text = "".join(f"a{n}: 1\n\n" for n in range(4_999))
    assert [entry.line for entry in yaml_nodes.read_entries(text, "p")] == list(range(2, 10_000, 2))


def test_a_key_that_is_an_alias_has_the_line_of_what_it_stands_for():
    found = yaml_nodes.read_entries(
        "a: 1\n\nb: &k c\nd: 2\n*k : 3\ne: 4\u2028f: 5\ng: 6\n", "p", aliases=True
    )
    assert [(entry.key, entry.line) for entry in found] == [
        ("a", 2), ("b", 4), ("d", 5), ("c", 4), ("e", 7), ("f", 7), ("g", 8),
    ]  # fmt: skip
