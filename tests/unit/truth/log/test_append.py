"""Appending: references, ids, windows, clocks, large results, and what is refused."""

import json
import os
import stat

import pytest
from plainmind.formats.log import event as events
from plainmind.formats.log import window_heads
from plainmind.ground import clock, files, stream
from plainmind.ground.errors import BadData, Failure, InputOutput
from plainmind.ground.paths import Home, check_context
from plainmind.truth.log import batch, reader, verify
from plainmind.truth.log.writer import KEPT, LARGE, LIMIT, EventDraft, Log
from scene import NOW, STAMP

pytestmark = pytest.mark.usefixtures("unsynced")

CONTEXT = "discord-thread/123"
PATH = f"logs/{CONTEXT}/{STAMP}.md"


def draft(content: str, role: str = "user", **meta) -> EventDraft:
    return EventDraft(NOW, role, content, meta)


def all_contents(home: Home, context: str = CONTEXT) -> list[str]:
    opened = [
        reader.read_window(home, f"logs/{context}/{name}") for name in home.list_windows(context)
    ]
    return [w.event(block).content for w in opened for block in w.blocks()]


def codes(home: Home) -> list[str]:
    return [finding.code for finding in verify.verify_windows(home, [])]


class Session:
    """A command's clock and ears, for append_lines."""

    now, json, verbose = NOW, False, True

    def __init__(self):
        self.reports: list[str] = []
        self.worst, self.said, self.printed = 0, [], []

    def acknowledge(self, refs) -> None:
        self.printed.extend(refs)

    def report(self, failure: Failure) -> None:
        self.reports.append(str(failure))
        self.worst = max(self.worst, failure.code)

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def session() -> Session:
    return Session()


def lines(*records: dict) -> list[bytes]:
    return [json.dumps({"role": "user", **record}).encode() for record in records]


# ---- references


def test_a_reference_is_the_line_of_the_header(home, log):
    refs = [
        log.append(CONTEXT, [draft("a\nb"), draft("", "agent"), draft("c", "tool", name="x")], NOW)
        for _ in range(3)
    ]
    rows = files.read(home.path(PATH)).split(b"\n")
    flat = [w.ref for written in refs for w in written]
    assert [rows[int(ref.rpartition(":")[2]) - 1].split()[2] for ref in flat] == [
        b"user", b"agent", b"tool",
    ] * 3  # fmt: skip


def test_references_stay_right_when_only_the_end_of_a_window_is_read(home):
    """A new process reads the last 64 KiB; here an event may be larger, or hold what looks like a
    header."""
    for n in range(60):
        content = (
            f"{n}\n"
            + (
                "\n## 2026-01-30T14:23:55.120Z user n=0 h=000000000000\n\n"
                * (400 if n % 7 == 0 else 3)
            )
            + "x" * (70_000 if n % 13 == 0 else 10)
        )
        ref = Log(home).append(CONTEXT, [draft(content)], NOW)[0].ref
        assert reader.read_event(home, ref).content == content
        assert reader.read_event(home, ref).ref == ref
    assert codes(home) == []


def test_two_processes_take_turns(home):
    """Each keeps what it knows of the window, and looks again when the other wrote."""
    one, two = Log(home), Log(home)
    for n in range(6):
        (one if n % 3 else two).append(CONTEXT, [draft(str(n))], NOW)
    assert all_contents(home) == list("012345")
    assert codes(home) == []


def test_modes(home, log):
    log.append(CONTEXT, [draft("x"), draft("y" * (LARGE + 1), "tool")], NOW)
    for folder, folders, names in os.walk(home.root):
        for name in folders:
            assert stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == 0o700, name
        for name in names:
            assert stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == 0o600, name
        assert not [name for name in names if name.endswith(".tmp")]


def test_nothing_to_append_makes_nothing(home, log):
    assert log.append(CONTEXT, [], NOW) == []
    assert home.list_windows(CONTEXT) == []


# ---- ids


def test_an_id_is_written_once_in_a_context(home, log):
    first = log.append(
        CONTEXT, [draft("a", id="1"), draft("b", id="2"), draft("again", id="1")], NOW
    )
    assert [w.fresh for w in first] == [True, True, False]
    assert first[2].ref == first[0].ref
    again = Log(home).append(CONTEXT, [draft("a", id="1"), draft("c", id="3")], NOW)
    assert [(w.ref == f.ref, w.fresh) for w, f in zip(again, first, strict=False)] == [
        (True, False),
        (False, True),
    ]
    assert all_contents(home) == ["a", "b", "c"]
    assert log.append("discord-thread/other", [draft("a", id="1")], NOW)[0].fresh, (
        "another context, another id"
    )


def test_an_id_is_known_across_windows_and_types(home, log):
    log.append(CONTEXT, [draft("a", id=7)], NOW)
    log.start_window(CONTEXT, NOW + 5000)
    assert not Log(home).append(CONTEXT, [draft("a", id="7")], NOW)[0].fresh
    assert not log.append(CONTEXT, [draft("a", id=7)], NOW)[0].fresh
    assert all_contents(home) == ["a"]


def test_an_id_that_another_process_wrote(home):
    one, two = Log(home), Log(home)
    one.append(CONTEXT, [draft("a", id="1")], NOW)
    two.append(CONTEXT, [draft("b", id="2")], NOW)
    assert not one.append(CONTEXT, [draft("b", id="2")], NOW)[0].fresh
    assert not two.append(CONTEXT, [draft("a", id="1")], NOW)[0].fresh


@pytest.mark.parametrize("id", [None, "", False, [], {}, 1.5], ids=repr)
def test_what_is_no_id_loses_no_event(home, log, id):
    """Two events whose metadata says "id": null were once taken for the same."""
    log.append(CONTEXT, [draft("a", id=id), draft("b", id=id)], NOW)
    Log(home).append(CONTEXT, [draft("c", id=id)], NOW)
    assert all_contents(home) == ["a", "b", "c"]


def test_known_ids_and_a_torn_tail(home, log):
    log.append(CONTEXT, [draft("a", id="1")], NOW)
    with open(home.path(PATH), "ab") as file:
        file.write(b'## 2026-01-30T14:23:55.120Z user n=1 h=000000000000 {"id":"2"}\n> b')
    written = Log(home).append(CONTEXT, [draft("a", id="1")], NOW)
    assert [(w.ref, w.fresh) for w in written] == [(f"{PATH}:3", False)]
    assert Log(home).append(CONTEXT, [draft("b", id="2")], NOW)[0].fresh, (
        "a torn event was never acknowledged"
    )
    assert codes(home) == []


# ---- windows and clocks


def test_a_new_window_ends_the_one_before(home, log):
    log.append(CONTEXT, [draft("a")], NOW)
    second = log.start_window(CONTEXT, NOW + 1000)
    log.append(CONTEXT, [draft("b")], NOW + 2000)
    assert second == f"logs/{CONTEXT}/20260130T142356Z.md"
    assert stat.S_IMODE(os.stat(home.path(PATH)).st_mode) == 0o400
    assert reader.read_window(home, PATH).blocks()[0].role == "user"
    assert files.read(home.path(second)).startswith(b"# discord-thread/123 20260130T142356Z\n\n## ")
    assert codes(home) == []


def test_windows_of_one_second(home, log):
    names = [log.start_window(CONTEXT, NOW).rpartition("/")[2] for _ in range(12)]
    assert names == [f"{STAMP}.md"] + [f"{STAMP}_{n:04d}.md" for n in range(1, 12)]
    assert home.list_windows(CONTEXT) == names


def test_ten_thousand_windows_of_one_second(home, log):
    os.makedirs(home.path(f"logs/{CONTEXT}"))
    for number in (2, 9998, 9999, 10_000):
        open(home.path(f"logs/{CONTEXT}/{STAMP}_{number:04d}.md"), "w").close()
    assert log.start_window(CONTEXT, NOW) == f"logs/{CONTEXT}/{STAMP}_10001.md"


def test_a_clock_that_goes_back(home, log):
    """The current window stays the newest, and the next one sorts after it."""
    log.append(CONTEXT, [draft("late")], NOW)
    yesterday = NOW - clock.DAY
    assert log.append(CONTEXT, [draft("early")], yesterday)[0].ref == f"{PATH}:6"
    assert log.start_window(CONTEXT, yesterday) == f"logs/{CONTEXT}/{STAMP}_0001.md"
    assert log.start_window(CONTEXT, yesterday) == f"logs/{CONTEXT}/{STAMP}_0002.md"
    assert log.start_window(CONTEXT, NOW + clock.DAY) == f"logs/{CONTEXT}/20260131T142355Z.md"
    assert codes(home) == []


@pytest.mark.parametrize("name", [
    "README.md", "notes.md", f".{STAMP}.md.123-0.tmp",
    f"{STAMP}.sync-conflict-20270101-000000-ABCDEF.md", f"{STAMP} (copy).md",
    "99999999T999999.md", f"{STAMP}.md~", f"{STAMP}.md.orig",
])  # fmt: skip
def test_a_file_that_is_no_window_never_becomes_the_current_one(home, log, name):
    log.append(CONTEXT, [draft("a")], NOW)
    with open(home.path(f"logs/{CONTEXT}/{name}"), "w") as file:
        file.write("a person's note\n")
    assert Log(home).append(CONTEXT, [draft("b")], NOW)[0].ref == f"{PATH}:6"
    assert files.read(home.path(f"logs/{CONTEXT}/{name}")) == b"a person's note\n"


@pytest.mark.parametrize("year", [1, 500, 999, 1969, 9999])
def test_events_of_any_year_are_events(home, log, year):
    """A year before 1000 was once written with three digits, and no reader took it for an event."""
    instant = clock.parse(f"{year:04d}-06-01T00:00:00Z")
    ref = log.append(CONTEXT, [EventDraft(instant, "user", "x", {})], instant)[0].ref
    assert reader.read_event(home, ref).timestamp == f"{year:04d}-06-01T00:00:00.000Z"
    assert codes(home) == []


# ---- contexts


@pytest.mark.parametrize("context", [
    "", "/", "a", "a/", "/a", "a/b/c", "../etc", "a/..", "a/.", "./a", "a/../b", "a//b", "A/b",
    "a/B", "a/ü", "a/b ", " a/b", "a/b\n", "\na/b", "a/b\0",
    "a/" + "x" * 65, "x" * 33 + "/a", "1a/b", "-a/b", "a/١٢٣", "a/1²", "a/b:c", "a/b*", "a\\b",
    "a/%2e%2e", "a/b.md", "~/b", "a/\u200b", "ａ/b", "a/ı", "a/K",
], ids=ascii)  # fmt: skip
def test_contexts_that_are_refused(home, log, context):
    with pytest.raises(BadData, match=r"invalid context '[^']*'; use SURFACE/ID"):
        log.append(context, [draft("x")], NOW)
    with pytest.raises(BadData):
        log.start_window(context, NOW)
    assert not os.path.exists(home.root)


@pytest.mark.parametrize(
    "context", ["a/b", "discord-thread/123", "discord-channel/_-", "a/" + "x" * 64, "x" * 32 + "/0"]
)
def test_contexts_that_are_taken(home, log, context):
    assert check_context(context) == context
    ref = log.append(context, [draft("x")], NOW)[0].ref
    assert ref == f"logs/{context}/{STAMP}.md:3"
    assert events.parse_title(files.read(home.path(ref[:-2]))) == events.Title(context, STAMP)


# ---- what is refused, and what is too large


def test_an_unknown_role(log):
    with pytest.raises(BadData, match="unknown role 'root'; use one of user, agent, tool, system"):
        log.append(CONTEXT, [draft("x", "root")], NOW)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), object(), {1: {2}}, b"x"],
    ids=["nan", "inf", "object", "set", "bytes"],
)
def test_metadata_that_is_no_json(home, log, value):
    with pytest.raises(BadData, match="meta holds what JSON cannot say"):
        log.append(CONTEXT, [draft("x"), draft("y", x=value)], NOW)
    assert home.list_windows(CONTEXT) == []


def test_metadata_nested_too_deep(log):
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(BadData, match="meta holds what JSON cannot say"):
        log.append(CONTEXT, [draft("y", x=value)], NOW)


def test_a_large_tool_result_keeps_its_ends_and_is_whole_in_a_file(home, log):
    content = "start\n" + "é" * LARGE + "\nend"
    event = reader.read_event(
        home, log.append(CONTEXT, [draft(content, "tool", name="bash")], NOW)[0].ref
    )
    assert event.meta["bytes"] == len(content.encode())
    assert files.read(home.path(event.meta["full"])).decode() == content
    assert event.content.startswith("start\né") and event.content.endswith("é\nend")
    assert f"bytes left out; the whole is in {event.meta['full']} …" in event.content
    assert len(event.content.encode()) < 2 * KEPT + 200
    log.append(CONTEXT, [draft(content, "tool")], NOW)
    assert len(os.listdir(home.path("work/logs"))) == 1, "the same result is kept once"


def test_a_tool_result_at_the_limit_stays_in_the_log(home, log):
    event = reader.read_event(home, log.append(CONTEXT, [draft("x" * LARGE, "tool")], NOW)[0].ref)
    assert event.content == "x" * LARGE and event.meta == {}


def test_an_event_that_is_too_large(home, log):
    with pytest.raises(BadData, match=f"an event of {LIMIT + 1} bytes is too large"):
        log.append(CONTEXT, [draft("x" * (LIMIT + 1))], NOW)
    assert home.list_windows(CONTEXT) == []


# ---- the journal of heads


def test_every_append_is_in_the_journal(home, log):
    log.append(CONTEXT, [draft("a")], NOW)
    log.append(CONTEXT, [draft("b\nc"), draft("d")], NOW)
    log.start_window(CONTEXT, NOW + 1000)
    found = window_heads.parse(files.read(home.window_heads))
    assert [(h.window.rpartition("/")[2], h.line) for h in found] == [
        (f"{STAMP}.md", 3), (f"{STAMP}.md", 10), ("20260130T142356Z.md", 1),
    ]  # fmt: skip
    assert found[1].size == os.path.getsize(home.path(PATH))


def test_an_event_acknowledged_a_second_time_is_in_the_journal(home, log):
    """Its writer was killed between the window and the journal: the index would not have heard of
    it."""
    log.append(CONTEXT, [draft("a", id="1")], NOW)
    os.unlink(home.window_heads)
    assert not Log(home).append(CONTEXT, [draft("a", id="1")], NOW)[0].fresh
    assert [(h.window, h.line) for h in window_heads.parse(files.read(home.window_heads))] == [
        (PATH, 3)
    ]


def test_a_journal_that_cannot_be_written_takes_the_event_back(home, log, monkeypatch):
    """Else a retry would write the event twice, and the index would not hear of the first."""
    log.append(CONTEXT, [draft("a")], NOW)
    before = files.read(home.path(PATH))
    monkeypatch.setattr(window_heads, "render", lambda head: 1 / 0)
    for context in (CONTEXT, "discord-thread/new"):
        with pytest.raises(ZeroDivisionError):
            log.append(context, [draft("b")], NOW)
        with pytest.raises(ZeroDivisionError):
            log.start_window(context, NOW + 1000)
    monkeypatch.undo()
    assert files.read(home.path(PATH)) == before
    assert (
        home.list_windows(CONTEXT) == [f"{STAMP}.md"]
        and home.list_windows("discord-thread/new") == []
    )
    log.append(CONTEXT, [draft("b")], NOW)
    assert all_contents(home) == ["a", "b"] and codes(home) == []


# ---- many lines


def test_lines_with_contexts_authors_times_and_ids(home, log, session):
    batch.append_lines(log, lines(
        {"content": "a", "author": "Ann", "timestamp": "2020-01-01T00:00:00+01:00", "id": 1,
          "unknown": 1},
        {"content": "b", "context": "note/x", "meta": {"k": [1], "author": "ignored"},
          "author": "Ben"},
        {"content": "c", "author": "", "id": "", "meta": None, "timestamp": None},
    ), CONTEXT, session)  # fmt: skip
    assert session.reports == []
    assert session.printed == [f"{PATH}:3", f"logs/note/x/{STAMP}.md:3", f"{PATH}:6"]
    first, third = [reader.read_event(home, session.printed[n]) for n in (0, 2)]
    assert (first.timestamp, first.author, first.meta) == (
        "2019-12-31T23:00:00.000Z", "Ann", {"id": "1"},
    )  # fmt: skip
    assert (third.timestamp, third.author, third.meta) == ("2026-01-30T14:23:55.120Z", "", {})
    second = reader.read_event(home, session.printed[1])
    assert (second.author, second.meta) == ("Ben", {"k": [1]})


@pytest.mark.parametrize("line, said", [
    (b"{", "not valid JSON"), (b"[]", "not a JSON object"), (b"7", "not a JSON object"),
    (b'"x"', "not a JSON object"), (b"\xff", "not valid JSON"),
    (b"\xef\xbb\xbf{}", "not valid JSON"),
    (b"{}", "no 'role'; use one of"), (b'{"role":"root","content":""}', "unknown role 'root'"),
    (b'{"role":["user"],"content":""}', "unknown role ['user']"),
    (b'{"role":"user"}', "no 'content'"), (b'{"role":"user","content":7}', "'content' is not text"),
    (b'{"role":"user","content":null}', "'content' is not text"),
    (b'{"role":"user","content":"","meta":[]}', "'meta' is not an object"),
    (b'{"role":"user","content":"","meta":{"x":NaN}}', "meta holds what JSON cannot say"),
    (b'{"role":"user","content":"","meta":{"x":1e999}}', "meta holds what JSON cannot say"),
    (b'{"role":"user","content":"","author":["x"]}', "'author' is not text"),
    (b'{"role":"user","content":"","id":true}', "'id' is not text"),
    (b'{"role":"user","content":"","context":"../x"}', "invalid context '../x'"),
    (b'{"role":"user","content":"","context":7}', "invalid context '7'"),
    (b'{"role":"user","content":"","timestamp":"someday"}', "'someday' is not a time"),
    (b'{"role":"user","content":"","timestamp":7}', "'7' is not a time"),
    (b'{"role":"user","content":"","timestamp":"2026-02-30"}', "'2026-02-30' is not a day"),
    (b"[" * 100_000, "not valid JSON"),
    (b'{"role":"user","content":"' + b"x" * (LIMIT + 1) + b'"}', "is too large"),
    (b'{"role":"user","content":"","id":' + b"1" * 5000 + b"}", "not valid JSON"),
], ids=lambda value: ascii(value)[:60])  # fmt: skip
def test_a_bad_line_is_reported_with_its_number_and_the_others_are_done(
    home, log, session, line, said
):
    batch.append_lines(
        log, [*lines({"content": "before"}), b"", line, *lines({"content": "after"})], CONTEXT,
        session,
    )  # fmt: skip
    [report] = session.reports
    assert report.startswith("<stdin>:3: ") and said in report and session.worst == 65
    assert all_contents(home) == ["before", "after"]
    assert len(session.printed) == 2


def test_a_context_whose_window_is_damaged_does_not_stop_the_others(home, log, session):
    log.append("note/bad", [draft("x")], NOW)
    with open(home.path(f"logs/note/bad/{STAMP}.md"), "w") as file:
        file.write("damaged")
    batch.append_lines(log, lines(
        {"content": "a", "context": "note/one"}, {"content": "b", "context": "note/bad"},
        {"content": "c", "context": "note/two"},
    ), None, session)  # fmt: skip
    assert session.printed == [f"logs/note/one/{STAMP}.md:3", f"logs/note/two/{STAMP}.md:3"]
    assert session.reports == [
        f"logs/note/bad/{STAMP}.md: the title of the window is damaged; run mem-lint --logs"
    ]
    assert session.worst == InputOutput.code


def test_a_context_that_failed_gets_no_later_events(home, log, session, monkeypatch):
    """Else the next import would put the missing ones after them."""
    monkeypatch.setattr(stream, "BATCH_LINES", 2)
    append, calls = log.append, []

    def failing_once(context, drafts, now):
        calls.append(context)
        if calls.count("note/bad") == 1 and context == "note/bad":
            raise OSError(5, "Input/output error", "/window")
        return append(context, drafts, now)

    monkeypatch.setattr(log, "append", failing_once)
    rows = lines(
        *({"content": str(n), "context": "note/bad" if n % 2 else "note/good"} for n in range(6))
    )
    batch.append_lines(log, rows, None, session)
    assert (
        all_contents(home, "note/good") == ["0", "2", "4"] and all_contents(home, "note/bad") == []
    )
    assert session.reports == ["/window: input/output error"] and session.worst == 74


def test_lines_without_a_context(log, session):
    batch.append_lines(log, lines({"content": "a"}), None, session)
    assert session.reports == ["<stdin>:1: no 'context'; name one in the line or with --context"]


def test_an_import_can_be_repeated(home, session):
    rows = lines(*({"content": str(n), "id": n} for n in range(50)))
    batch.append_lines(Log(home), rows[:30], CONTEXT, session)
    before = len(session.printed)
    batch.append_lines(Log(home), rows, CONTEXT, session)
    assert (before, len(session.printed)) == (30, 50)
    assert session.said == ["30 events were already there"]
    batch.append_lines(Log(home), rows, CONTEXT, session)
    assert all_contents(home) == [str(n) for n in range(50)] and codes(home) == []


def test_batches_end_by_number_and_by_size(monkeypatch):
    monkeypatch.setattr(stream, "BATCH_LINES", 3)
    monkeypatch.setattr(stream, "BATCH_BYTES", 100)
    sizes = [
        [number for number, _ in part]
        for part in stream.list_batches([b"x"] * 4 + [b"", b"y" * 100, b"z"])
    ]
    assert sizes == [[1, 2, 3], [4, 6], [7]]
