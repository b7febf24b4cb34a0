"""The tools of mem-mcp: they answer what the commands print, in the commands' words, and change no
more than mcp.write says."""

import json
import os
import shutil
from typing import Any

import board_home
import forks
import hostile
import jsonschema
import pytest
from board_home import HOUR, SECRET, digest_truth, read_records
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plainmind import cli
from plainmind.cli import output
from plainmind.ground import files, masks
from plainmind.ground.paths import Home
from plainmind.mcp import resources, tools
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT, THOROUGH, TIME

pytestmark = pytest.mark.usefixtures("unsynced")
WRITES = ("none", "append", "all")
BY_NAME = {tool.name: tool for tool in tools.TOOLS}
KEY = "ghp_aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zAbCdE"


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = Home(str(tmp_path_factory.mktemp("filled") / "home"))
    board_home.fill(home)
    texts = ["zebra \x1b[2J\u202e \udcff end", "p " * 285 + f"zebra {KEY} " + "x " * 900, SECRET]
    with board_home._unsynced():
        drafts = [EventDraft(NOW - HOUR, "user", text, {}) for text in texts]
        Log(home).append("cli/zebra", drafts, NOW - HOUR)
    return home


@pytest.fixture
def asked(filled, monkeypatch):
    """`ask(name, home, write, **arguments)`: a tool's answer, which keeps its schema and can be
    sent."""
    from plainmind.mcp import server  # its SDK takes each process of the pool most of a second

    monkeypatch.setattr(output, "_home", None)
    monkeypatch.setattr(masks, "_ask", masks._ask)

    def ask(name: str, home: Home = filled, write: str = "all", /, **arguments: Any):
        monkeypatch.setenv("MIND_MCP_WRITE", write)
        monkeypatch.setenv("MIND_REMIND_CONFIRM", "none")
        session = cli.Session(home.root, TIME, False, False, "never")
        answer = tools.call(name, arguments, session.again, cli.tell)
        told = server._tell(answer)
        if not answer.failed:
            jsonschema.validate(told.structured_content, server.describe_output(BY_NAME[name]))
        assert told.content[0].text and told.model_dump_json()
        return answer

    return ask


def run(home: Home, name: str, *words: str, stdin: str = "") -> forks.Ended:
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME}
    env["MIND_REMIND_CONFIRM"] = "none"
    return forks.run([f"{ROOT}/bin/{name}", *words], env, stdin.encode())


ZEBRA = "logs/cli/zebra/20260130T132355Z.md"

READING = [
    ("recall", {"query": "parcel"}, ["mem-recall", "parcel"]),
    ("recall", {"query": "zebra", "n": 1, "context": "cli", "roles": ["user"], "since": "2h ago"},
     ["mem-recall", "-n", "1", "--context", "cli", "--role", "user", "--since", "2h ago", "zebra"]),
    ("recall", {"query": "zebra", "until": "2020-01-01"},
     ["mem-recall", "--until", "2020-01-01", "zebra"]),
    ("recall", {"query": "zebra", "context": "no/such"},
     ["mem-recall", "--context", "no/such", "zebra"]),
    ("knowledge", {"query": "shop"}, ["mem-recall", "--knowledge", "shop"]),
    ("knowledge", {"query": "shop", "n": 1}, ["mem-recall", "--knowledge", "-n", "1", "shop"]),
    ("show", {"refs": [f"{ZEBRA}:3"], "around": 1}, ["mem-show", "-C", "1", f"{ZEBRA}:3"]),
    ("show", {"refs": [f"{ZEBRA}:3"], "window": True}, ["mem-show", "--window", f"{ZEBRA}:3"]),
    ("show", {"refs": ["no-such-page", ZEBRA]}, ["mem-show", "no-such-page", ZEBRA]),
    ("log", {}, ["mem-log"]),
    ("log", {"context": "cli"}, ["mem-log", "cli"]),
    ("log", {"context": "cli/zebra"}, ["mem-log", "cli/zebra"]),
    ("log", {"n": 3}, ["mem-log", "-n", "3"]),
    ("log", {"role": "user", "since": "2h ago", "until": "1h ago"},
     ["mem-log", "--role", "user", "--since", "2h ago", "--until", "1h ago"]),
]  # fmt: skip
FAILING = [
    ("show", {"refs": [".env"]}, ["mem-show", ".env"]),
    ("show", {"refs": ["../../etc/passwd"]}, ["mem-show", "../../etc/passwd"]),
    ("show", {"refs": ["/etc/passwd"]}, ["mem-show", "/etc/passwd"]),
    ("show", {"refs": ["a:0", "\x1b[2J"]}, ["mem-show", "a:0", "\x1b[2J"]),
    ("recall", {"query": "x", "since": "someday"}, ["mem-recall", "--since", "someday", "x"]),
    ("recall", {"query": "x", "context": "NO"}, ["mem-recall", "--context", "NO", "x"]),
    ("log", {"context": "no/such"}, ["mem-log", "no/such"]),
    ("append", {"context": "no", "role": "user", "content": ""},
     ["mem-append", "--context", "no", "--role", "user"]),
    ("append", {"context": "a/b", "role": "user", "content": ""},
     ["mem-append", "--context", "a/b", "--role", "user"]),
    ("note", {"type": "user", "body": KEY}, ["mem-note", "--type", "user"]),
    ("note", {"update": "no-such", "tier": "L1"}, ["mem-note", "--update", "no-such",
                                                   "--tier", "L1"]),
    ("pin", {"refs": ["logs/no/such/20260130T142355Z.md:3"]},
     ["mem-pin", "logs/no/such/20260130T142355Z.md:3"]),
    ("pin", {"text": " "}, ["mem-pin", "--text", " "]),
    ("remind", {"message": "a\nb", "at": "tomorrow"}, ["remind-add", "--at", "tomorrow", "a\nb"]),
    ("remind", {"message": "a", "at": "someday"}, ["remind-add", "--at", "someday", "a"]),
]  # fmt: skip


def complaints(ended: forks.Ended, name: str) -> list[str]:
    said = ended.complaints.decode().splitlines()
    return [line.removeprefix(f"{name}: ") for line in said]


@pytest.mark.parametrize("name, arguments, words", READING, ids=lambda value: str(value)[:40])
def test_an_answer_is_what_the_command_prints(filled, asked, name, arguments, words):
    """But for secrets, and halves of characters, which the protocol cannot carry."""
    ended = run(filled, *words[:1], "--json", *words[1:])
    mask = cli.Session(filled.root, TIME, True, False, "never").env.mask
    answer = asked(name, **arguments)
    if name == "recall":  # masked before it was cut, so that not all of an excerpt is the same
        assert [{**one, "excerpt": ""} for one in answer.results] == [
            {**one, "excerpt": ""} for one in read_records(ended.out)
        ]
    else:
        assert answer.results == tools.clean(mask.mask_all(read_records(ended.out)))
    assert answer.remarks == complaints(ended, words[0])


def test_no_part_of_a_secret_is_left_where_an_excerpt_ends(asked, tmp_path):
    home = Home(str(tmp_path / "home"))
    texts = ["gnu " + "x-" * n + SECRET + "-x" * 300 for n in range(440, 500, 2)]
    Log(home).append("cli/gnu", [EventDraft(NOW, "user", text, {}) for text in texts], NOW)
    files.replace(home.path(".env"), f"DB_PASS={SECRET}\n".encode())
    found = asked("recall", home, query="gnu", n=40).results
    assert len(found) == len(texts) and any(one["truncated"] for one in found)
    assert not [one for one in found if f"-{SECRET[:3]}" in one["excerpt"]]


def test_what_is_shown_ends_somewhere(filled, asked, monkeypatch):
    whole = asked("show", refs=[ZEBRA, ZEBRA])
    assert not whole.remarks and len(whole.results) > 3
    monkeypatch.setattr(tools, "SHOWN", 10)
    answer = asked("show", refs=[ZEBRA, "shop"])
    assert answer.results == whole.results[:1] and not answer.failed
    (remark,) = answer.remarks
    assert whole.results[1]["ref"] in remark and "ask for less" in remark


@pytest.mark.parametrize("name, arguments, words", FAILING, ids=lambda value: str(value)[:40])
def test_a_failure_is_told_in_the_commands_words(filled, asked, name, arguments, words):
    before = digest_truth(filled)
    stdin = arguments.get("body") or arguments.get("content") or ""
    ended = run(filled, *words, stdin=stdin)
    answer = asked(name, **arguments)
    assert ended.code > 1 and answer.failed and answer.results == []
    assert answer.remarks == complaints(ended, words[0])
    assert digest_truth(filled) == before


WRITING = [
    ("append", {"context": "a/b", "role": "user", "content": "said \x1b[2J\r\n", "author": "Ann",
                "id": "1"},
     ["mem-append", "--context", "a/b", "--role", "user", "--author", "Ann", "--id", "1"]),
    ("append", {"context": "a/b", "role": "agent", "content": KEY},
     ["mem-append", "--context", "a/b", "--role", "agent"]),
    ("note", {"type": "user", "body": "# Tea\n\nGreen.\n", "tags": ["#drink"], "tier": "L1",
              "triples": [["ann", "is fond of", "tea"]], "cites": [f"{ZEBRA}:3"]},
     ["mem-note", "--type", "user", "--tag", "#drink", "--tier", "L1", "--triple", "ann",
      "is fond of", "tea", "--cite", f"{ZEBRA}:3", "--source", "agent"]),
    ("pin", {"text": "the door code"}, ["mem-pin", "--text", "the door code"]),
    ("pin", {"refs": [f"{ZEBRA}:3", "no:1"]}, ["mem-pin", f"{ZEBRA}:3", "no:1"]),
]  # fmt: skip


def contents(home: Home) -> dict[str, bytes]:
    """What the files hold, without locks, which name who had them last. The day of a pin's or a
    page's writing is the clock's."""
    held = {path: data for path, (_, data) in digest_truth(home).items()}
    return {
        os.path.relpath(path, home.root): data
        for path, data in held.items()
        if not path.endswith(".lock")
    }


@pytest.mark.parametrize("name, arguments, words", WRITING, ids=lambda value: str(value)[:40])
def test_it_writes_what_the_command_writes(filled, asked, tmp_path, name, arguments, words):
    one, other = Home(str(tmp_path / "one" / "home")), Home(str(tmp_path / "two" / "home"))
    for home in (one, other):
        shutil.copytree(filled.root, home.root)
    stdin = arguments.get("body") or arguments.get("content") or ""
    ended = run(one, words[0], "--json", *words[1:], stdin=stdin)
    answer = asked(name, other, **arguments)
    assert answer.results == read_records(ended.out) and not answer.failed
    assert [text.replace("two", "one") for text in answer.remarks] == complaints(ended, words[0])
    assert contents(one) == contents(other)


def test_a_reminder_is_added_as_the_command_adds_it(filled, asked, tmp_path):
    home = Home(str(tmp_path / "home"))
    shutil.copytree(filled.root, home.root)
    (record,) = asked("remind", home, message="bread", **{"in": "2h"}, recur="daily").results
    ended = run(home, "remind-add", "--json", "--in", "2h", "--recur", "daily", "bread")
    (other,) = read_records(ended.out)
    assert other["line"] == record["line"] + 1
    assert {**record, "id": "", "line": 0} == {**other, "id": "", "line": 0}


def test_a_page_is_changed_as_by_an_agent(filled, asked, tmp_path):
    """Its old body is kept, and it does not expire earlier."""
    home = Home(str(tmp_path / "home"))
    shutil.copytree(filled.root, home.root)
    asked("note", home, type="project", name="kept", body="The old body.")
    asked("note", home, update="kept", body="The new body.")
    kept = [data for path, data in contents(home).items() if path.startswith("raw/observations/")]
    assert any(b"The old body." in data for data in kept)


@pytest.mark.parametrize("write, names", [
    ("none", ["recall", "knowledge", "show", "log"]),
    ("append", ["recall", "knowledge", "show", "log", "append"]),
    ("all", [*BY_NAME]),
])  # fmt: skip
def test_what_may_not_be_used_is_not_listed_and_refused(filled, asked, write, names):
    assert [tool.name for tool in tools.allowed(write)] == names
    before = digest_truth(filled)
    for name in set(BY_NAME) - set(names):
        refused = asked(name, filled, write, refs=["x"], text="x", body="x", type="user")
        assert refused.failed and f"mcp.write is '{write}'" in refused.remarks[0]
    assert digest_truth(filled) == before


@pytest.mark.parametrize("name, arguments, told", [
    ("recall", {}, "'query' is missing; the arguments are query, n, context, since, until, roles"),
    ("recall", {"query": "x", "n": "many"}, "'n' is not a whole number"),
    ("recall", {"query": "x", "n": 0}, "'n': input should be greater than or equal to 1"),
    ("recall", {"query": 7}, "'query' is not a text"),
    ("recall", {"query": " "}, "the query is empty; say what it is about"),
    ("recall", {"query": "x", "kk": 1}, "no such argument 'kk'"),
    ("recall", {"query": "x", "since": "today", "until": "yesterday"}, "'until' is before 'since'"),
    ("show", {"refs": "x"}, "'refs' is not a list"),
    ("show", {"refs": []}, "'refs': list should have at least 1 item"),
    ("note", {"body": "x"}, "'type' is missing; say what the page is about, or give 'update'"),
    ("note", {"update": "x", "name": "y"}, "'update' does not rename"),
    ("note", {"update": "x"}, "nothing to change"),
    ("pin", {}, "say what to pin; give 'refs' or 'text'"),
    ("remind", {"message": "x"}, "say when; give 'at' or 'in'"),
    ("nope", {}, "no such tool: 'nope'; use one of recall, knowledge, show"),
])  # fmt: skip
def test_wrong_arguments_are_told(filled, asked, name, arguments, told):
    answer = asked(name, **arguments)
    assert answer.failed and answer.remarks[0].startswith(told)


def find_leaks(text: str) -> list[str]:
    pieces = [one[at : at + 8] for one in (KEY, SECRET) for at in range(len(one) - 7)]
    return [piece for piece in pieces if piece in text]


def test_no_half_of_a_secret_comes_out(filled, asked, tmp_path):
    home = Home(str(tmp_path / "home"))
    shutil.copytree(filled.root, home.root)
    page = f"---\ndate: 2026-01-20\ntype: project\n---\n{'w ' * 900}zebra {KEY} {'x ' * 900}\n"
    board_home._put(home, "knowledge/zebra.md", page)
    calls = [
        ("recall", {"query": "zebra"}), ("knowledge", {"query": "zebra"}), ("log", {"n": 9}),
        ("show", {"refs": [ZEBRA, "zebra"]}), ("show", {"refs": [f"no-{SECRET}"]}),
        ("recall", {"query": "x", "since": KEY}),
    ]  # fmt: skip
    for name, arguments in calls:
        answer = asked(name, home, **arguments)
        assert answer.results or answer.failed
        assert find_leaks(json.dumps([answer.results, answer.remarks])) == [], name
    session = cli.Session(home.root, TIME, False, False, "never")
    for path in (ZEBRA, "knowledge/zebra.md"):
        text = resources.read(session, f"plainmind://{path}")
        assert "zebra" in text and find_leaks(text) == []


def test_a_corrupt_index_and_a_broken_setting_do_as_in_the_commands(filled, asked, tmp_path):
    home = Home(str(tmp_path / "home"))
    shutil.copytree(filled.root, home.root)
    for path in (tmp_path / "home" / "index").glob("*.db"):
        path.write_bytes(b"no database" * 1000)
    answer = asked("recall", home, query="parcel")
    assert not answer.failed and answer.results and "set aside" in answer.remarks[0]
    (tmp_path / "home" / "config.toml").write_text('mcp.wrong = "x"\n')
    broken = asked("recall", home, query="parcel")
    assert broken.failed and broken.remarks[0].startswith(f"{home.root}/config.toml:1: ")


@pytest.mark.parametrize("name, broken, told", [
    ("_flock", lambda fd, kind, wait, bounded: False, "is held by another process; try again"),
    ("append", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only file system", "/x")),
     "/x: read-only file system"),
    ("append", lambda *_, **__: 1 / 0,
     "internal error: ZeroDivisionError: division by zero; MIND_DEBUG=1 shows where"),
])  # fmt: skip
def test_what_the_machine_refuses_is_told(filled, asked, monkeypatch, name, broken, told):
    before = contents(filled)
    monkeypatch.setattr(files, name, broken)
    answer = asked("append", context="a/b", role="user", content="x")
    assert answer.failed and answer.remarks[0].endswith(told)
    assert contents(filled) == before


def test_a_first_append_is_not_told_that_nothing_is_there(asked, tmp_path):
    home = Home(str(tmp_path / "new"))
    answer = asked("append", home, context="note/home", role="user", content="The key is here.")
    assert answer.remarks == [] and files.read(home.path(answer.results[0]["ref"][:-2]))


def test_nothing_is_made_of_a_home_that_is_not_there(asked, tmp_path):
    answer = asked("recall", Home(str(tmp_path / "none")), query="x")
    assert answer.results == [] and "no memory folder" in answer.remarks[0]
    assert not os.path.exists(tmp_path / "none")


# --- whatever a client sends

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 1 << 70), st.floats(), hostile.texts,
    st.lists(hostile.texts, max_size=3), hostile.metas,
)  # fmt: skip
LIKELY = {
    "context": st.sampled_from(["a/b", "cli/zebra", "cli", "../x", "no/such"]),
    "refs": st.lists(st.sampled_from([ZEBRA, f"{ZEBRA}:3", "shop", ".env", "../x:1"]), max_size=3),
    "since": st.sampled_from(["2h ago", "yesterday", "9999-12-31", "0001-01-01", "x"]),
    "at": st.sampled_from(["tomorrow", "9999-12-31 23:59", "0001-01-01 00:00", "x"]),
    "in": st.sampled_from(["2h", "99999999w", "x"]),
    "update": st.sampled_from([None, "shop", "no-such"]),
    "content": st.one_of(st.sampled_from(["tea", " "]), hostile.texts),
}
LIKELY["until"] = LIKELY["since"]


def of_schema(schema: dict[str, Any]) -> st.SearchStrategy:
    """Values of a property of a tool's schema, hostile where it takes any text."""
    kinds = {
        "string": hostile.texts, "boolean": st.booleans(), "null": st.none(),
        "integer": st.integers(schema.get("minimum", 0), schema.get("maximum", 9)),
    }  # fmt: skip
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([of_schema(one) for one in schema["anyOf"]])
    if schema.get("type") == "array":
        least = schema.get("minItems", 0)
        return st.lists(of_schema(schema["items"]), min_size=least, max_size=max(least, 3))
    return kinds[schema["type"]]


def arguments_of(tool: tools.Tool) -> st.SearchStrategy[dict[str, Any]]:
    schema = tool.arguments.model_json_schema()
    kinds = {name: of_schema(one) for name, one in schema["properties"].items()}
    some = [
        {name: LIKELY.get(name, one) for name, one in kinds.items()},  # most of these do something
        {name: st.one_of(LIKELY.get(name, one), one, VALUES) for name, one in kinds.items()},
    ]
    needed = schema.get("required", ())
    return st.one_of(
        *(
            st.fixed_dictionaries(
                {name: one[name] for name in needed},
                optional={name: one[name] for name in one if name not in needed},
            )
            for one in some
        ),
        st.dictionaries(st.one_of(st.sampled_from([*kinds]), hostile.texts), VALUES, max_size=4),
    )


CALLS = st.one_of([st.tuples(st.just(tool.name), arguments_of(tool)) for tool in tools.TOOLS])


@pytest.mark.parametrize("write", WRITES)
def test_whatever_is_sent_has_an_answer_and_writes_no_more_than_it_may(
    filled, asked, tmp_path, write
):
    from plainmind.mcp import server

    home = Home(str(tmp_path / "home"))
    shutil.copytree(filled.root, home.root)
    before = contents(home)

    @settings(max_examples=2400 if THOROUGH else 120)
    @example(("remind", {"message": "tea", "at": "0001-01-01 00:00"}))  # drawn by 2,400 alone
    @given(CALLS)
    def send(call: tuple[str, dict[str, Any]]) -> None:
        name, arguments = call
        answer = tools.call(name, arguments, session.again, cli.tell)
        told = "\n".join(answer.remarks)
        assert "internal error" not in told and "Traceback" not in told, told
        assert server._tell(answer).model_dump_json() and (answer.remarks or not answer.failed)

    asked("log", home, write)  # sets what is written, and whose secrets are masked
    session = cli.Session(home.root, TIME, False, False, "never")
    send()
    after = contents(home)
    if write == "none":
        assert after == before
    elif write == "append":
        mine = ("logs/", "raw/maintenance-log/window-heads.jsonl", "work/logs/")
        changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        assert changed and all(path.startswith(mine) for path in changed), changed
        assert all(after[path].startswith(before.get(path, b"")) for path in changed)
    else:
        assert len(after) > len(before)
