"""Whatever is appended comes back byte for byte, and is one event to every parser there is.

Four judges look at each window: our own scanner, a regular expression written here, markdown-it and
mistune. 4,000 cases, always the same ones."""

import io
import itertools
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator

import mistune
import pytest
from hostile import metas, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from plainmind.formats.log import event as events
from plainmind.formats.log.roles import ROLES
from plainmind.ground import stream
from plainmind.ground.paths import Home
from plainmind.truth.log import batch, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW

pytestmark = pytest.mark.usefixtures("unsynced")

HEADER = re.compile(rb"^## \S+Z (user|agent|tool|system) n=")
TITLE = re.compile(rb"^# [a-z/0-9-]+ \d{8}T\d{6}Z$")
PICTURE = re.compile(r"(?<!\\)(?:\\\\)*!\[")
roles = st.sampled_from(ROLES)
number = itertools.count()

markdown_it = MarkdownIt("commonmark").enable(["table", "strikethrough"])
mistune_ast = mistune.create_markdown(
    renderer=None, plugins=["table", "footnotes", "def_list", "math", "task_lists", "abbr"]
)


@pytest.fixture(scope="module")
def homes(tmp_path_factory) -> Iterator[Home]:
    """A home for every 50 cases, each case with a context of its own."""
    root = tmp_path_factory.mktemp("hostile")
    return (Home(str(root / str(n // 50))) for n in itertools.count())


def a_context() -> str:
    return f"test/{next(number)}"


def bytes_of(content: str) -> bytes:
    return (
        content.encode("utf-8", "surrogateescape")
        if _came_from_bytes(content)
        else content.encode("utf-8", "surrogatepass")
    )


def _came_from_bytes(content: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in content)


def as_json(value):
    """What JSON makes of a value: two surrogates side by side become the character they
    stand for."""
    if isinstance(value, tuple):
        return tuple(as_json(part) for part in value)
    return json.loads(json.dumps(value))


def judge(home: Home, context: str, contents: list[str]) -> list[events.Event]:
    """The events of the context's window, after every judge has agreed on how many there are."""
    path = home.current_window(context)
    opened = reader.read_window(home, path)
    assert [type(entry) for entry in opened.entries] == [events.RawEvent] * len(contents)
    found = [opened.event(block) for block in opened.blocks()]
    assert [bytes_of(e.content) for e in found] == [bytes_of(c) for c in contents]

    lines = opened.data.split(b"\n")
    assert [e.line for e in found] == [n for n, line in enumerate(lines, 1) if HEADER.match(line)]
    for n, line in enumerate(lines, 1):
        assert (
            line == b""
            or line.startswith(b">")
            or HEADER.match(line)
            or (n == 1 and TITLE.match(line))
        ), line

    text = opened.data.decode("utf-8")
    assert not {c for c in set(text) if hides(c)}, (
        "a character nobody sees, or that ends a line for somebody"
    )
    assert not PICTURE.search(text), "a picture that a viewer would fetch"

    tokens = [token for token in markdown_it.parse(text) if token.level == 0]
    assert [t.tag for t in tokens if t.type == "heading_open"] == ["h1"] + ["h2"] * len(contents)
    assert {t.type for t in tokens} <= {
        "heading_open", "heading_close", "inline", "blockquote_open", "blockquote_close",
    }  # fmt: skip

    nodes = mistune_ast(text)
    assert [n["attrs"]["level"] for n in nodes if n["type"] == "heading"] == [1] + [2] * len(
        contents
    )
    assert {n["type"] for n in nodes} <= {"heading", "block_quote", "blank_line", "footnotes"}

    assert list(verify.verify_windows(home, [path])) == []
    return found


def hides(char: str) -> bool:
    """Controls, line ends, bidi marks, zero-width and other invisible characters; not tab and
    newline."""
    if char in "\n\t":
        return False
    # Arabic number signs and such
    visible_marks = (
        "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    )
    kind = unicodedata.category(char)
    return kind in ("Cc", "Cs", "Zl", "Zp") or (
        kind == "Cf" and char not in visible_marks and not "\U00013430" <= char <= "\U0001343f"
    )


@given(contents=st.lists(texts, min_size=1, max_size=3), role=roles)
def test_a_body_comes_back_byte_for_byte(homes, contents, role):
    home, context = next(homes), a_context()
    written = Log(home).append(
        context, [EventDraft(NOW, role, content, {}) for content in contents], NOW
    )
    found = judge(home, context, contents)
    assert [w.ref for w in written] == [e.ref for e in found]
    assert {e.role for e in found} == {role}


@given(author=texts, meta=metas, content=texts)
def test_metadata_stays_on_its_line_and_comes_back(homes, author, meta, content):
    home, context = next(homes), a_context()
    given_meta = {"author": author, **meta} if author else meta
    Log(home).append(
        context,
        [EventDraft(NOW, "user", content, given_meta), EventDraft(NOW, "agent", "next", {})],
        NOW,
    )
    event = judge(home, context, [content, "next"])[0]
    assert (event.author, event.meta) == as_json((author, meta))


@given(rows=st.lists(st.tuples(roles, texts, texts), min_size=1, max_size=4))
def test_json_lines_come_back(homes, rows):
    home, context, session = next(homes), a_context(), Reports()
    lines = [
        json.dumps({"role": role, "content": content, "author": author}).encode()
        for role, content, author in rows
    ]
    batch.append_lines(Log(home), lines, context, session)
    found = judge(home, context, [as_json(content) for _, content, _ in rows])
    assert [(e.role, e.author) for e in found] == [
        (role, as_json(author)) for role, _, author in rows
    ]
    assert session.reports == []


@given(
    rows=st.lists(
        st.one_of(
            texts.map(lambda t: t.replace("\n", " ")),
            st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")),
        ),
        max_size=3,
    )
)
def test_lines_that_are_no_events_are_reported_and_the_others_done(homes, rows):
    """Each line of rubbish is reported with its number; the two good events around it
    are written."""
    good = [b'{"role":"user","content":"before"}', b'{"role":"agent","content":"after"}']
    rubbish = [
        row if isinstance(row, bytes) else row.encode("utf-8", "surrogatepass") for row in rows
    ]
    home, context, session = next(homes), a_context(), Reports()
    batch.append_lines(Log(home), [good[0], *rubbish, good[1]], context, session)
    judge(home, context, ["before", "after"])
    assert [r.split(":")[1] for r in session.reports] == [
        str(n) for n, row in enumerate(rubbish, 2) if row.strip()
    ]


@settings(max_examples=30)
@given(
    content=texts.filter(_came_from_bytes),
    author=texts.map(lambda t: t.replace("\0", "")).filter(_came_from_bytes),
)
def test_the_commands_give_back_what_they_were_given(homes, command, content, author):
    home, context, data = next(homes), a_context(), content.encode("utf-8", "surrogateescape")
    options = ["--author", author.encode("utf-8", "surrogateescape")] if author else []
    role = "user" if content.strip() else "tool"  # a tool may say nothing
    given = ["mem-append", "--context", context, "--role", role, *options]
    ref = command(*given, stdin=data, home=home).decode().strip()
    shown = json.loads(command("mem-show", "--json", ref, home=home))
    assert shown["content"].encode("utf-8", "surrogateescape") == data
    assert shown["author"].encode("utf-8", "surrogateescape") == author.encode(
        "utf-8", "surrogateescape"
    )
    judge(home, context, [content])


@pytest.mark.parametrize(
    "content",
    [
        "x" * 1_000_000, "\n" * 1_000_000, "> " * 500_000, "\u2028" * 200_000,
        ("y" * 999 + "\n") * 1000, "![" * 100_000,
    ],
    ids=["one line", "empty lines", "quotes", "escapes", "lines", "pictures"],
)  # fmt: skip
def test_a_megabyte(home, log, content):
    context = a_context()
    log.append(context, [EventDraft(NOW, "user", content, {})], NOW)
    log.append(context, [EventDraft(NOW, "agent", "after", {})], NOW)
    opened = reader.read_window(home, home.current_window(context))
    assert [opened.event(b).content for b in opened.blocks()] == [content, "after"]
    assert len([1 for line in opened.data.split(b"\n") if HEADER.match(line)]) == 2
    assert list(verify.verify_windows(home, [opened.path])) == []


def test_sixteen_million_lines_are_read_in_modest_memory():
    """An event of the greatest size, all line ends: scanning it once took 5 GB."""
    script = (
        "import resource; from plainmind.formats.log import event;"
        "data = event.render('t', 0, 'user', '\\n' * 4_000_000)[0]; event.scan(data);"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "print(peak // (1 if __import__('sys').platform == 'darwin' else 1024) >> 10)"
    )
    mebibytes = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True
    ).stdout
    assert int(mebibytes) < 400


def test_the_file_is_what_the_specification_shows(home):
    log = Log(home)
    log.append(
        "discord-thread/123",
        [EventDraft(NOW, "user", "How do I restart pm2?\nIt hangs.", {"author": "Ann"})],
        NOW,
    )
    log.append(
        "discord-thread/123",
        [EventDraft(NOW + 5884, "tool", "no processes", {"name": "bash", "exit": 0})],
        NOW,
    )
    log.append(
        "discord-thread/123",
        [EventDraft(NOW + 5884, "agent", "", {}), EventDraft(NOW + 5884, "agent", "a\rb", {})],
        NOW,
    )
    shown = re.sub(rb"h=[0-9a-f]{12}", b"h=", home_bytes(home))
    assert shown.decode() == (
        "# discord-thread/123 20260130T142355Z\n"
        "\n"
        '## 2026-01-30T14:23:55.120Z user n=2 h= {"author":"Ann"}\n'
        "> How do I restart pm2?\n"
        "> It hangs.\n"
        "\n"
        '## 2026-01-30T14:24:01.004Z tool n=1 h= {"name":"bash","exit":0}\n'
        "> no processes\n"
        "\n"
        "## 2026-01-30T14:24:01.004Z agent n=0 h=\n"
        "\n"
        "## 2026-01-30T14:24:01.004Z agent n=1 esc h=\n"
        "> a\\rb\n"
        "\n"
    )


def home_bytes(home: Home) -> bytes:
    with open(home.path(home.current_window("discord-thread/123")), "rb") as file:
        return file.read()


class Reports:
    """Stands in for the command's session: a clock, and what it would have said."""

    json = verbose = False
    now = NOW

    def __init__(self):
        self.reports: list[str] = []

    def report(self, failure) -> None:
        self.reports.append(str(failure))

    def acknowledge(self, refs) -> None:
        list(refs)


@pytest.fixture(autouse=True)
def output(monkeypatch):
    """References go nowhere here; what commands print is looked at elsewhere."""
    monkeypatch.setattr(stream, "write", lambda text: None)
    monkeypatch.setattr(stream, "flush", lambda: None)
    return io.BytesIO()


def test_a_count_of_more_digits_than_python_converts_is_no_event(home, log):
    """One such line, from another machine say, ended every command that read the window."""
    first = log.append("a/b", [EventDraft(NOW, "user", "one", {})], NOW)[0]
    with open(home.path(first.path), "a") as file:
        file.write(f"## 2026-01-30T14:23:55.120Z user n={'9' * 5000} h=9f2c41d07a3b\n> two\n\n")
    log.append("a/b", [EventDraft(NOW, "user", "three", {})], NOW)
    window = reader.read_window(home, first.path)
    said = [window.event(block).content for block in window.blocks() if block.role == "user"]
    assert said == ["one", "three"]
