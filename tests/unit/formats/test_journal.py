"""The journal of work: a line to an event and back, and what is refused, by its field."""

import json
import re

import pytest
from hostile import metas, texts
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.work import journal, kinds
from plainmind.formats.work.journal import Author, Mint
from plainmind.formats.work.schemas import KINDS, SCHEMAS, describe
from plainmind.ground import clock
from plainmind.ground.errors import BadData, NotPermitted
from plainmind.truth.log.writer import encode_any

AT = "2026-02-07T22:15:00.000Z"
NOW = clock.parse(AT)
TASK = {"id": "e1", "at": AT, "type": "task", "agent": "backend", "description": "Migrate",
        "status": "completed"}  # fmt: skip


def line(**fields) -> bytes:
    return json.dumps({**TASK, **fields}).encode() + b"\n"


def said(data: bytes) -> str:
    with pytest.raises(BadData) as caught:
        journal.parse(data)
    return str(caught.value)


def test_a_line_is_read_as_it_was_written():
    made = journal.compose({"type": "task", "agent": "backend", "description": "é"}, NOW, Mint())
    data = journal.render(made)
    assert data == (
        b'{"id":"%s","at":"2026-02-07T22:15:00.000Z","type":"task","agent":"backend",'
        b'"description":"\xc3\xa9","status":"completed"}\n' % made["id"].encode()
    )
    assert journal.parse(data) == (made["id"], NOW, "task", made)


REFUSED = [
    (line(agent="Backend"), "agent: 'Backend' is an invalid name; use lower-case letters"),
    (line(agent=7), "agent: 7 is not a text; give a text"),
    (line(status="done"), "status: 'done' is not a status; use one of pending, "),
    (line(duration_s="95"), "duration_s: '95' is not a number; give a number"),
    (line(duration_s=-1), "duration_s: -1 is out of range; give a number from 0 on"),
    (line(duration_s=True), "duration_s: true is not a number"),
    (line(type="party"), "type: 'party' is not a type of event; use one of team, agent, session"),
    (line(type=["task"]), 'type: ["task"] is not a type of event'),
    (line(type=None), "type: missing"),
    (line(description=None), "description: missing; give description=…: what was done"),
    (line(description=" \n"), "description: ' \n' says nothing"),
    (line(id="a b"), "id: 'a b' is not an id"),
    (line(at="yesterday"), "at: 'yesterday' is not a time; write it as 2026-01-30T14:23:55Z"),
    (line(at="2026-02-07T22:15:00"), "at: '2026-02-07T22:15:00' names no zone"),
    (line(file="a\x1b[2J"), "file: 'a\x1b[2J' has the character U+001B; leave it out"),
    (line(file="a\u202eb"), "file: 'a\u202eb' has the character U+202E"),
    (line(status="x" * 60), f"status: '{'x' * 57}…' is not a status"),
    (
        line(description="a\udcff"),
        "description: 'a\udcff' has the byte 0xFF, and is not valid UTF-8",
    ),
    (line(file="a\udc80"), "file: 'a\udc80' has the byte 0x80, and is not valid UTF-8; convert"),
    (line(description="\ud800"), "description: '\ud800' is not valid Unicode"),
    (b"not JSON\n", "not valid JSON; write one JSON object a line"),
    (b"[1]\n", 'not one JSON object; write {"type": …}'),
    (b'{"type":"task"} {}\n', "not one JSON object"),
    (b'{"type":"task","type":"task"}\n', "'type' appears twice"),
    (b'{"type":"metric","value":NaN}\n', "NaN is not a number"),
    (line(duration_s=0).replace(b": 0}", b": 1e999}"), "duration_s: Infinity is out of range"),
    (b'{"type":"route","evidence":{"a":[1e999]}}\n', 'evidence: {"a": [Infinity]} is not JSON'),
    (b'{"type":"route","inputs":' + b'{"a":' * 20 + b"1" + b"}" * 21 + b"\n", "inputs: {"),
    # Python 3.14 reads so deep, and sees that no end follows
    (b'{"a":' + b"[" * 30_000 + b"\n", ("nested too deep", "not valid JSON")),
    (b'{"a":"\xff"}\n', "not valid UTF-8"),
    (b'{"a":' + b"9" * 5000 + b"}\n", "Exceeds the limit"),
    (b'"' + b"x" * journal.MOST + b'"\n', "a line of more than 64 KiB; put what is long in a file"),
]


@pytest.mark.parametrize("data, what", REFUSED)
def test_what_does_not_fit_is_refused_with_its_field(data, what):
    assert said(data).startswith(what)


def test_a_bad_line_does_not_stop_the_rest_and_a_torn_one_waits():
    data = line() + b"{\n" + b"\n" + line(id="e2") + line(id="e3")[:-1]
    good, bad, last = journal.scan(data, 10, 5)
    assert (good.offset, good.bytes, good.number) == (10, len(line()), 5)
    assert (bad.place, last.number) == ("work/events.jsonl:6", 8)
    assert (last.offset, last.line.id) == (10 + len(line()) + 3, "e2")


VALUES = st.one_of(
    texts, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(texts, max_size=3), metas,
    st.sampled_from(["backend", "session-1", AT, "completed", "local", 1, 0.5]),
    st.just("'; DROP TABLE x--"),
)  # fmt: skip
NAMES = sorted({field.name for schema in SCHEMAS.values() for field in schema.fields})
DRAFTS = st.builds(
    lambda type, more, id: {**more, "type": type, **id},
    st.sampled_from([*SCHEMAS, "party", 7]),
    st.dictionaries(st.sampled_from([*NAMES, "at", "mood"]), VALUES, max_size=6),
    st.one_of(st.just({}), st.fixed_dictionaries({"id": VALUES})),
)


@given(DRAFTS)
def test_what_is_written_is_read_and_what_is_not_is_refused(draft):
    """Whatever a draft holds: it is refused, or its line is one line that comes back as it is and
    holds nothing that a terminal obeys."""
    try:
        made = journal.compose(draft, NOW, Mint())
        data = journal.render(made)
    except BadData:
        return
    assert journal.parse(data).fields == made
    assert data.count(b"\n") == 1 and data.endswith(b"\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", data.decode())


@given(st.lists(st.one_of(DRAFTS.map(json.dumps), texts, st.just(line().decode())), max_size=5))
def test_a_hostile_line_hides_no_other(lines):
    data = b"".join(encode_any(one).replace(b"\n", b" ") + b"\n" for one in lines)
    rows = list(journal.scan(data))
    good = [row for row in rows if isinstance(row, journal.Row)]
    assert sum(row.line.id == "e1" for row in good) == sum(one == line().decode() for one in lines)
    for row in good:
        assert journal.parse(data[row.offset : row.offset + row.bytes]) == row.line
        names = ["id", "at", "type", *(field.name for field in SCHEMAS[row.line.type].fields)]
        known = {name: value for name, value in row.line.fields.items() if name in names}
        assert json.dumps(known, ensure_ascii=False, allow_nan=False).encode()
    for bad in rows:
        assert isinstance(bad, journal.Row) or bad.place.startswith("work/events.jsonl:")


def test_the_table_says_what_the_checks_do():
    """Words of a kind in the manual are those that are checked, and every kind is told."""
    told = dict(row.split(maxsplit=1) for row in KINDS.strip().split("\n"))
    for kind, words in kinds.WORDS.items():
        assert re.findall(r"\w+", told[kind].replace(" or ", ", ")) == list(words)
    assert {field.kind for schema in SCHEMAS.values() for field in schema.fields} <= {*told}
    assert str(kinds.LONGEST_NAME) in told["name"] and str(kinds.LONGEST_LINE) in told["line"]
    for schema in SCHEMAS.values():
        assert {*schema.by} <= {field.name for field in schema.fields}
        head = f"NAME\n  work-log {schema.type} - {schema.meaning}\n"
        assert describe(schema.type).startswith(head)
        assert all(f"\n  {field.name}" in describe(schema.type) for field in schema.fields)


def test_every_type_of_the_specification_is_there():
    assert (
        list(SCHEMAS)
        == (
            "team agent session task experiment metric pattern reward user_command lesson campaign "
            "lead content repository llm_usage pr_merged praise award route void"
        ).split()
    )


@pytest.mark.parametrize("type", ("task", "session", "campaign"))
def test_what_ends_before_it_starts_is_refused(type):
    draft = {"type": type, "agent": "a", "description": "x", "name": "x", "session": "session-1"}
    names = {field.name for field in SCHEMAS[type].fields}
    draft = {key: value for key, value in draft.items() if key in ("type", *names)}
    draft |= {"status": "completed"} if type == "session" else {}
    times = {"started": "2026-02-07T12:00:00Z", "ended": "2026-02-07T12:30:00+01:00"}
    what = "ended: '2026-02-07T11:30:00.000Z' is before started, '2026-02-07T12:00:00.000Z'"
    with pytest.raises(BadData, match=f"^{what}; give both times as they were"):
        journal.compose(draft | times, NOW, Mint())
    journal.compose(draft | times | {"ended": times["started"]}, NOW, Mint())


def test_who_may_say_what():
    def asked(author: Author, **fields) -> str:
        try:
            made = journal.compose(fields, NOW, Mint(), author)
            return made.get("agent", "")
        except NotPermitted as failure:
            return failure.what

    backend, lead = Author("backend", "session-1"), Author("orchestrator")
    task = {"type": "task", "description": "x"}
    assert asked(backend, **task) == "backend"
    assert asked(Author(), **task, agent="frontend") == "frontend"
    assert asked(lead, **task, agent="frontend") == "frontend"
    assert asked(backend, **task, agent="frontend") == (
        "agent: 'frontend' is not 'backend', who logs this (MIND_AGENT)"
    )
    assert asked(backend, type="praise", agent="backend").startswith("type: 'praise' is not for")
    assert asked(lead, type="praise", agent="orchestrator").startswith("type: 'praise' is not for")
    assert asked(lead, type="praise", agent="backend") == "backend"
    assert asked(backend, type="void", of="e1", reason="x") == (
        "type: 'void' is not for 'backend' to log"
    )
    inside = Author("orchestrator", inside=True)
    assert asked(inside, **task) == "orchestrator"
    assert asked(inside, **task, agent="backend").startswith("agent: 'backend' is not")
    assert asked(inside, type="praise", agent="backend").startswith("type: 'praise' is not for")
    assert asked(inside, **task, id="e1").startswith("id: an event of a turn gets an id of its own")
    assert asked(Author(inside=True), type="metric", name="x", value=1).startswith("a turn logs as")


_GOOD = [line(id="a"), line(id="b", description='é {"b":[1], \\ : , \n'), line(id="c", x=[{}])]
#: what may stand in a line, so that several together would be what none is alone
_PIECES = [
    *(good[:-1] for good in _GOOD), b"\xef\xbb\xbf", b"\r", b" ", b'"', b"{", b"}", b"[", b"]",
    b",", b'{"c":[1', b"2]}", b'{"a":1,"a":2}', b"{},{}", b"0", b"NaN", b"1" * 5000, b"\xff",
    b"[" * 2000, b'{"x":"' + b"x" * journal.MOST + b'"}',
]  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.sampled_from(_GOOD),
            st.lists(st.sampled_from(_PIECES), max_size=3).map(lambda some: b"".join(some) + b"\n"),
        ),
        max_size=6,
    )
)
def test_lines_that_are_read_together_are_what_each_is_alone(lines):
    alone, place = [], 7
    for number, data in enumerate(lines, 3):
        try:
            if data != b"\n":
                alone.append((place, len(data), number, journal.parse(data)))
        except BadData as error:
            alone.append(f"work/events.jsonl:{number}: {error}")
        place += len(data)
    found = journal.scan(b"".join(lines) + b"cut off", 7, 3)
    assert [str(one) if isinstance(one, BadData) else one for one in found] == alone


def test_lines_are_read_together():
    """Else the test above shows nothing; and not by chance."""
    objects = journal._parse_together([good[:-1] for good in _GOOD])
    assert [one["id"] for one in objects] == ["a", "b", "c"]
    for swapped in (
        [b'{"c":[1', b"2]}"],
        [b'{"a":1},{"b":2}', b'{"c":"', b'"}'],
        [b"{}, 1", b"{}"],
        [b"{}", b"{}] 1"],
    ):
        assert journal._parse_together(swapped) == []
