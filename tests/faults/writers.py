"""The commands that write, each with a home to start from and what must hold whenever it dies.

A new command is one more line in WRITERS.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from plainmind.formats.log import pins, window_heads
from plainmind.formats.resident.operation import Operation
from plainmind.formats.work import journal as work_grammar
from plainmind.formats.work import session
from plainmind.ground import files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Failure
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import cache, embedding, engine_in_use, vector_bytes
from plainmind.memory import Memory, care, pages
from plainmind.truth.log import context_ends, pinning, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.resident import journal, trust
from plainmind.truth.work import journal as work_journal
from plainmind.truth.work import sessions
from plainmind.work import routes
from scene import NOW, STAMP, TIME

CONTEXT = "test/kill"
WINDOW = f"logs/{CONTEXT}/{STAMP}.md"
BEFORE = [
    EventDraft(NOW, "user", "one\ntwo", {"id": "b1"}),
    EventDraft(NOW, "agent", "", {}),
    EventDraft(NOW, "tool", "a\rb", {"id": "b2"}),
]
LARGE = b"start " + b"x" * 300_000 + b" end"
MINE = b"# Pinned\n\nmy own line, without an end"
THEIRS, REST = b"\xef\xbb\xbf# Mine\r\n\ttabs \n", b"no end \xff"
OURS = b'- [ ] time=09:00 date=2026-02-01 msg="a" recur=none id=rid_A  \r\n'
EDITED = b'- [ ] date=2026-02-01 time=10:00 recur=none msg="a" id=rid_A  \r\n'
ADDED = b'- [ ] date=2026-01-30 time=18:00 recur=none msg="b" id=rid_NEW\n'
MANY = 5  # two batches, when a batch is three


class Writer(NamedTuple):
    name: str
    argv: list[str]
    stdin: bytes
    prepare: Callable[[Home], None]
    #: check(home, references printed, whether a run has ended): raises AssertionError
    check: Callable[[Home, list[str], bool], None]
    codes: tuple[int, ...] = (0,)  # what a run after a death may end with
    through: str = ""  # how it is run (sabotage.py), when not as it is


def empty(home: Home) -> None:
    os.mkdir(home.root, 0o700)


def with_events(home: Home) -> None:
    empty(home)
    Log(home).append(CONTEXT, BEFORE, NOW)


def with_kept_ids(home: Home) -> None:
    with_events(home)
    context_ends.LEAST, least = 0, context_ends.LEAST
    Log(home).append(CONTEXT, BEFORE[:1], NOW)
    Log(home).append(CONTEXT, [BEFORE[0]._replace(content="three", meta={"id": "b3"})], NOW)
    context_ends.LEAST = least


def with_a_torn_tail(home: Home) -> None:
    with_events(home)
    with open(home.path(WINDOW), "ab") as file:
        file.write(b"## 2026-01-30T14:23:55.120Z user n=1 h=000000000000\n> to")


def with_pins(home: Home) -> None:
    with_events(home)
    os.mkdir(home.path("pins"), 0o700)
    with open(home.pins, "wb") as file:
        file.write(MINE)


def with_a_pin(home: Home) -> None:
    with_pins(home)
    pinning.pin(home, reader.read_event(home, f"{WINDOW}:3"))


def contents(home: Home, context: str = CONTEXT) -> list[str]:
    opened = [
        reader.read_window(home, f"logs/{context}/{name}") for name in home.list_windows(context)
    ]
    return [
        w.event(block).content for w in opened for block in w.blocks() if block.role != "system"
    ]


def sound(home: Home, torn: bool = False) -> None:
    """Every chain holds, and nothing is torn that was not."""
    found = [(finding.code, finding.message) for finding in verify.verify_windows(home, [])]
    assert [f for f in found if f[0] != "torn"] == [], found
    assert torn or not found, found


def heard(home: Home) -> None:
    """The journal names the last event of every window: else the index would not know of it."""
    data = files.read(home.window_heads) if os.path.exists(home.window_heads) else b""
    journal = {(head.window, head.digest) for head in window_heads.parse(data)}
    for path in reader.list_windows(home):
        for block in reader.read_window(home, path).blocks()[-1:]:
            assert (path, block.digest) in journal, (
                f"the journal has not heard of the end of {path}"
            )


def appends(before: list[str], *new: str, torn: bool = False):
    """What was there is there, what is new is there once or not at all, and there once a run has
    ended."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        sound(home, torn and not ended)
        now = contents(home)
        assert now[: len(before)] == before, now
        assert (
            now[len(before) :] in ([], list(new)) if not ended else now[len(before) :] == list(new)
        ), now
        assert [reader.read_event(home, ref).content for ref in printed] == [new[-1]] * len(printed)

    return check


def a_large_result(home: Home, printed: list[str], ended: bool) -> None:
    sound(home)
    opened = [reader.read_event(home, f"{WINDOW}:3")] if home.list_windows(CONTEXT) else []
    assert len(contents(home)) == len(opened) == 1 or not ended
    for event in opened:
        assert files.read(home.path(event.meta["full"])) == LARGE, (
            "the log names a file that is not whole"
        )
        assert event.content.startswith("start x") and event.content.endswith("x end")


def many_lines(home: Home, printed: list[str], ended: bool) -> None:
    """Every line of the input, in order, from the start to where it was cut off; nothing twice."""
    sound(home)
    for context, numbers in (("test/even", range(0, MANY, 2)), ("test/odd", range(1, MANY, 2))):
        now = contents(home, context)
        assert now == [f"line {n}" for n in numbers][: len(now)]
        assert not ended or len(now) == len(numbers)
    there = {
        block.line
        for path in reader.list_windows(home)
        for block in reader.read_window(home, path).blocks()
    }
    assert {int(ref.rpartition(":")[2]) for ref in printed} <= there


def a_new_window(home: Home, printed: list[str], ended: bool) -> None:
    sound(home)
    assert contents(home) == [draft.content for draft in BEFORE]
    names = home.list_windows(CONTEXT)
    assert len(names) <= (3 if ended else 2)
    assert [f"logs/{CONTEXT}/{name}" for name in names][-1:] == printed[-1:] or not printed


def a_pin(human: bytes):
    def check(home: Home, printed: list[str], ended: bool) -> None:
        sound(home)
        data = files.read(home.pins) if os.path.exists(home.pins) else b""
        assert data.startswith(human) or not data and not human
        refs = [pin.ref for pin in pins.parse(data)]
        assert refs == [f"{WINDOW}:3"] or not refs and not printed and not ended, data
        assert [draft.content for draft in BEFORE] == contents(home)

    return check


def no_pin(home: Home, printed: list[str], ended: bool) -> None:
    sound(home)
    data = files.read(home.pins)
    pin = f"- {WINDOW}:3 one two\n".encode()
    assert data == MINE + b"\n" or data == MINE + b"\n" + pin and not ended, data


def a_pinned_text(home: Home, printed: list[str], ended: bool) -> None:
    sound(home)
    assert contents(home, "note/pinned") in ([["the code"]] if ended else [[], ["the code"]])
    refs = [pin.ref for pin in pinning.read_pins(home)]
    assert len(refs) == 1 or not refs and not ended and not printed
    assert [reader.read_event(home, ref).content for ref in refs] == ["the code"] * len(refs)


def with_a_session(home: Home) -> None:
    """A state as somebody else lays it out, with a key that only they know."""
    empty(home)
    files.replace(
        home.path(STATE),
        json.dumps(
            {**session.start_state(None, SESSION, "backend", NOW), "theirs": [1.5]}
        ).encode(),
    )


def with_a_task(home: Home) -> None:
    with_a_session(home)
    sessions.change_state(
        home, SESSION, "backend", lambda old: session.add_task(old, "migrate", NOW)
    )


def a_first_run(named: bool):
    """There is one session when it is named; else one more for each start that nobody heard of."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        found = sessions.list_sessions(home)
        assert len(found) in ((1,) if ended and named else (1, 2) if ended else (0, 1)), found
        assert set(printed) <= set(found)
        for id in found:
            data = files.read(home.path("work", id, "backend.json"))
            assert session.parse(data, f"work/{id}/backend.json").fields == session.start_state(
                None, id, "backend", NOW
            )
        assert not ended or os.path.isdir(home.path("work", "logs", found[0]))

    return check


def a_state(*expected: session.Fields):
    """One of these before a run has ended, the last one after it; what is theirs is there all the
    time."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        before = {**session.start_state(None, SESSION, "backend", NOW), "theirs": [1.5]}
        now = session.parse(files.read(home.path(STATE)), STATE).fields
        assert now in [{**before, **fields} for fields in (expected[-1:] if ended else expected)], (
            now
        )
        names = os.listdir(home.path("work", SESSION))
        assert [name for name in names if not name.startswith(".")] == ["backend.json"], names

    return check


def vectors_made(home: Home, printed: list[str], ended: bool) -> None:
    """What the cache has is not asked for again; in the end every turn has its vector, and the
    index is right."""
    sound(home)
    beside = os.path.join(os.path.dirname(home.root), "asked")
    asked = files.read(beside).decode().split("\n")[:-1] if os.path.exists(beside) else []
    assert len(asked) <= 2 * len(_SAID) and set(asked) <= set(map(repr, _SAID))
    cached = cache.Cache(home, "instant:1").get([cache.content_hash(text) for text in _SAID])
    assert set(cached.values()) <= {_VECTOR}
    if ended:
        assert len(cached) == len(set(_SAID)), f"in the cache are {len(cached)}"
        with engine_in_use().made_in(home, home.index) as index:
            status = index.status("instant:1")
        assert (status.ok, status.pending, status.failed) == (3, 0, 0), status
        assert (
            care.verify(
                Memory(home, Environment(), Settings("", "", lambda name: ""), lambda: NOW, print)
            )
            == []
        )


def with_a_turn_taken_out(home: Home) -> None:
    """By hand, after it got its vector."""
    with_three_turns(home)
    kept = {cache.content_hash(text): _VECTOR for text in _SAID}
    cache.Cache(home, "instant:1").put(kept)
    cache.set_serving(home, "instant:1")
    with engine_in_use().made_in(home, home.index) as index:
        assert index.model() == "instant:1" and not embedding.sweep(index)
    path = home.path(WINDOW)
    files.replace(path, files.read(path).replace(b"> two", b"> 2"))


def vectors_gone(home: Home, printed: list[str], ended: bool) -> None:
    """Of the text, and of the one that was embedded with it; in the end the new ones are there."""
    count = lambda *texts: len(
        cache.Cache(home, "instant:1").get([cache.content_hash(text) for text in texts])
    )
    assert count("one") == 1
    if ended:
        before, now = count(*_SAID[1:]), count("one\n2", "2\nthree")
        assert (before, now) == (0, 2), f"in the cache are {before} of before, and {now}"
        with engine_in_use().made_in(home, home.index) as index:
            assert index.removed_hashes() == (set(), set(), True)


def with_reminders(home: Home) -> None:
    with_events(home)
    with open(home.path("reminders.md"), "wb") as file:
        file.write(THEIRS + OURS + REST)


def reminders_are(*allowed: bytes, finally_: tuple[bytes, ...] = ()):
    """The reminders file holds what is the person's, and between it one of these; a printed line
    was written or taken out."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        data = (
            files.read(home.path("reminders.md"))
            if os.path.exists(home.path("reminders.md"))
            else b""
        )
        data = re.sub(rb"rid_[A-Z2-7]{12}", b"rid_NEW", data)
        assert data in (finally_ if ended else allowed + finally_), data
        assert not printed or data in finally_, f"{printed} is not so: {data!r}"
        assert not [name for name in os.listdir(home.root) if "(conflict " in name], (
            "nobody else saved"
        )

    return check


def an_end(home: Home, printed: list[str], ended: bool) -> None:
    """A state that says that its run ended has the run in the journal, once; no event is torn."""
    a_state(_DONE, {**_DONE, **_ENDED})(home, printed, ended)
    (state,) = sessions.read_states(home, SESSION, print)
    rows = [row.line.fields for row in work_journal.read(home)]
    assert sorted(row["type"] for row in rows) in ([], ["session", "task"]), rows
    assert rows or state.status != "completed", "it has ended, and nobody was told"


PERSON = (
    b"\xef\xbb\xbf---\r\n# mine\r\ndate: 2026-01-01\r\ntype: Project\r\ntier: L2\r\n---\r\n\r\n"
    b"My own text.\r\n"
)
PROJECT = PERSON.replace(b"Project", b"project")
SAID = "Ann drinks green tea in the morning."
TEA_PAGE = (
    f"---\ndate: 2026-01-30\ntype: user\ntier: L2\nsource: explicit\n---\n\n{SAID}\n".encode()
)


def with_a_page(data: bytes):
    def prepare(home: Home) -> None:
        empty(home)
        files.replace(home.path("knowledge/mine.md"), data)
        # else whether the index reads it once more depends on how long ago this was
        os.utime(home.path("knowledge/mine.md"), ns=(0, NOW * 1_000_000))
        memory = Memory(home, Environment(), Settings("", "", lambda name: ""), lambda: NOW, print)
        pages.facts(memory, ("", "", ""), None)  # the index has it

    return prepare


def pages_of(home: Home) -> dict[str, bytes]:
    """What anybody who lists the folder sees."""
    folder = home.path("knowledge")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return {
        name: files.read(os.path.join(folder, name)) for name in names if not name.startswith(".")
    }


def nothing_left(home: Home) -> None:
    """No half of a file lies about where pages are."""
    for place in ("knowledge", "raw/compaction", "raw/observations", "raw/sessions/a"):
        names = os.listdir(home.path(place)) if os.path.isdir(home.path(place)) else []
        assert not [name for name in names if name.startswith(".")], names


def pages_are(before: dict[str, bytes], after: dict[str, bytes]):
    """The pages are these or those while nobody acknowledged anything, and those from then on; none
    is torn."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        found = pages_of(home)
        done = ended or any(ref.endswith(".md:1") for ref in printed)
        assert found in ([after] if done else [before, after]), found
        if ended:
            nothing_left(home)

    return check


def a_page_elsewhere(place: str):
    def check(home: Home, printed: list[str], ended: bool) -> None:
        folder = home.path(place)
        found = (
            [name for name in os.listdir(folder) if not name.startswith(".")]
            if os.path.isdir(folder)
            else []
        )
        assert len(found) == 1 or not found and not ended and not printed, found
        assert all(SAID.encode() in files.read(os.path.join(folder, name)) for name in found)
        if ended:
            nothing_left(home)

    return check


def an_audit(home: Home, printed: list[str], ended: bool) -> None:
    path = home.path("raw/maintenance-log/last-audit.json")
    data = files.read(path) if os.path.exists(path) else b""
    assert data == f'{{"time":"{TIME}","total":0}}\n'.encode() or not data and not ended, data


def with_three_turns(home: Home) -> None:
    empty(home)
    Log(home).append(
        CONTEXT,
        [EventDraft(NOW + n, "user", text, {}) for n, text in enumerate(("one", "two", "three"))],
        NOW,
    )


INDEX = b"\xef\xbb\xbf# Mine\r\n\r\n## Notes\r\n- one\r\n- two  \r\n\r\n## Other\r\nno end \xff"
TEA = "Ann drinks tea (2026-01-30)"
WITH_TEA = INDEX.replace(b"two  \r\n", f"two\r\n- {TEA}  \r\n".encode())


def staged(index: bytes, *operations: Operation):
    """A home whose index is this, and to which these operations are to be done."""

    def prepare(home: Home) -> None:
        empty(home)
        if index:
            files.replace(home.path("memory/MEMORY.md"), index)
        for one in operations:
            with trust.lock(home):
                journal.stage(home, one, TIME)

    return prepare


def operate(id: str, text: str, base: str = "", topic: str = "Notes") -> Operation:
    return Operation(id, "global", "", "replace" if base else "add", topic, text, base, "user")


def index_is(before: bytes, after: bytes):
    """The index is one or the other, the second once a run has ended; what is not in it is in the
    journal, and what is in it is not."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        path = home.path("memory/MEMORY.md")
        data = files.read(path) if os.path.exists(path) else b""
        assert data in ((after,) if ended else (before, after)), data
        there = journal.read(home)
        assert not there.rejected and not there.malformed, there
        assert not (ended and there.staged), there.staged
        assert data == after or there.staged, "an operation is lost"
        assert all(ref.startswith("memory/MEMORY.md:") for ref in printed)
        names = os.listdir(home.path("memory")) if os.path.isdir(home.path("memory")) else []
        assert not ended or names == ["MEMORY.md"], names

    return check


def one_is_staged(home: Home, printed: list[str], ended: bool) -> None:
    there = journal.read(home)
    assert set(printed) <= set(there.staged), "what was acknowledged is lost"
    assert {one.text for one in there.staged.values()} <= {TEA} and len(there.staged) <= 2
    assert there.malformed <= 1 and (there.staged or not ended), there


TORN = b'{"id":"torn","at":'


def with_work(*lines: bytes):
    def prepare(home: Home) -> None:
        empty(home)
        files.make_folder(home.path("work"))
        files.append(home.path(work_grammar.PATH), b"".join(lines))

    return prepare


def work_is(*ids: str, before: tuple[str, ...] = (), torn: int = 0):
    """What was there is there; of what is new, a beginning, whole and in order, all of it once a
    run has ended. A run after a death may say all of it again. What was torn stays as it was."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        path = home.path(work_grammar.PATH)
        data = files.read(path) if os.path.exists(path) else b""
        rows = list(work_grammar.scan(data))
        assert data.count(TORN) == torn, "no byte of the torn line may go"
        refused = [row for row in rows if isinstance(row, BadData)]
        assert len(refused) <= torn, f"a line is torn: {refused}"
        found = [row.line.id for row in rows if not isinstance(row, BadData)]
        assert tuple(found[: len(before)]) == before, found
        new = found[len(before) :]
        assert list(dict.fromkeys(new)) == list(ids[: len(set(new))]), found
        assert set(ids) <= set(new) or not ended, f"no event {ids}: {found}"
        assert {json.loads(line)["id"] for line in printed} <= set(found), "acknowledged, and lost"

    return check


def a_route(before: int):
    """What was there is there, and whole decisions: each can be made again from its line, and what
    was printed of it is what a replay prints."""

    def check(home: Home, printed: list[str], ended: bool) -> None:
        refused: list[Failure] = []
        made = dict.fromkeys(map(json.dumps, map(routes.to_record, _replay(home, refused))))
        rows = [row for row in work_journal.read(home) if not isinstance(row, BadData)]
        assert not refused and len(rows) == before + len(made), (refused, rows)
        assert set(map(json.dumps, map(json.loads, printed))) <= set(made), "printed, and not so"
        assert len(made) <= 2 and (made or not ended), f"no decision: {made}"

    return check


def _replay(home: Home, refused: list[Failure]) -> Iterator[dict]:
    for decision, difference in routes.read_decisions(home, "", refused.append):
        assert not difference and decision["decision"] == "local", (decision, difference)
        yield decision


SESSION = "session-1769783035"
STATE = f"work/{SESSION}/backend.json"
_DONE = {"completedTasks": [{"description": "migrate", "status": "completed"}]}
_ENDED = {"status": "completed", "endTime": TIME}
_ME = ["--agent", "backend", "--now", TIME]

_SAID = ["one", "one\ntwo", "two\nthree"]  # what is embedded: each turn after the one before it
_VECTOR = vector_bytes.to_blob((0.6, 0.8))  # of each (sabotage.instant_vectors)
_LESSON = b'{"id":"e0","at":"%s","type":"lesson","lesson":"one"}\n' % TIME.encode()
_REWARD = (
    b'{"id":"e0","at":"2026-01-29T14:00:00.000Z","type":"reward","agent":"docs","value":1,'
    b'"kind":"packages","route":"local"}\n'
)
_WORK = ["work-log", "task", "agent=backend", "description=x", "id=e1", "--json", "--now", TIME]
_ROUTE = ["agent-route", "Bump lodash from 4.17.20 to 4.17.21", "--json", "--now", TIME]
_HERE = ["--context", CONTEXT, "--now", TIME]
_OLD = [draft.content for draft in BEFORE]
_LINES = "".join(
    json.dumps(
        {
            "role": "user",
            "content": f"line {n}",
            "id": n,
            "context": "test/odd" if n % 2 else "test/even",
        }
    )
    + "\n"
    for n in range(MANY)
).encode()

WRITERS = [
    Writer(
        "the first event of a home",
        ["mem-append", *_HERE, "--role", "user", "--id", "1"],
        b"new\n\xff",
        empty,
        appends([], "new\n\udcff"),
    ),
    Writer(
        "one more event",
        ["mem-append", *_HERE, "--role", "user", "--id", "1"],
        b"new",
        with_events,
        appends(_OLD, "new"),
    ),
    Writer(
        "one more event, where ids are kept",
        ["mem-append", *_HERE, "--role", "user", "--id", "1"],
        b"new",
        with_kept_ids,
        appends([*_OLD, "three"], "new"),
        through="short_contexts",
    ),
    Writer(
        "an event after a torn one",
        ["mem-append", *_HERE, "--role", "user", "--id", "1"],
        b"new",
        with_a_torn_tail,
        appends(_OLD, "new", torn=True),
    ),
    Writer(
        "an event that is there",
        ["mem-append", *_HERE, "--role", "tool", "--id", "b2"],
        b"a\rb",
        with_events,
        appends(_OLD[:-1], "a\rb"),
    ),
    Writer(
        "a large result",
        ["mem-append", *_HERE, "--role", "tool", "--id", "1"],
        LARGE,
        empty,
        a_large_result,
    ),
    Writer(
        "many lines",
        ["mem-append", "--jsonl", "--now", TIME],
        _LINES,
        empty,
        many_lines,
        through="small_batches",
    ),
    Writer("a new window", ["mem-new", CONTEXT, "--now", TIME], b"", with_events, a_new_window),
    Writer("the first pin", ["mem-pin", f"{WINDOW}:3"], b"", with_events, a_pin(b"")),
    Writer("a pin in a person's file", ["mem-pin", f"{WINDOW}:3"], b"", with_pins, a_pin(MINE)),
    Writer(
        "a pin removed",
        ["mem-pin", "--remove", f"{WINDOW}:3"],
        b"",
        with_a_pin,
        no_pin,
        codes=(0, 66),
    ),
    Writer(
        "vectors",
        ["mem-embed", "--now", TIME],
        b"",
        with_three_turns,
        vectors_made,
        through="instant_vectors",
    ),
    Writer(
        "vectors of what is taken out",
        ["mem-embed", "--quiet", "--now", TIME],
        b"",
        with_a_turn_taken_out,
        vectors_gone,
        through="instant_vectors",
    ),
    Writer(
        "a pinned text", ["mem-pin", "--text", "the code", "--now", TIME], b"", empty, a_pinned_text
    ),
    Writer("a new session", ["work-session", "start", *_ME], b"", empty, a_first_run(named=False)),
    Writer(
        "a run in a session",
        ["work-session", "start", "--session", SESSION, *_ME],
        b"",
        empty,
        a_first_run(named=True),
    ),
    Writer(
        "a task",
        ["work-session", "task", "-", "--session", SESSION, *_ME],
        b"migrate\n",
        with_a_session,
        a_state({}, _DONE),
    ),
    Writer(
        "a task that is there",
        ["work-session", "task", "migrate", "--session", SESSION, *_ME],
        b"",
        with_a_task,
        a_state(_DONE),
    ),
    Writer("the first event of work", _WORK, b"", empty, work_is("e1")),
    Writer("an event of work", _WORK, b"", with_work(_LESSON), work_is("e1", before=("e0",))),
    Writer(
        "an event of work after a torn one",
        _WORK,
        b"",
        with_work(_LESSON, TORN),
        work_is("e1", before=("e0",), torn=1),
    ),
    Writer(
        "many events of work",
        ["work-log", "-", "--json", "--now", TIME],
        b"".join(_LESSON.replace(b"e0", b"e%d" % n) for n in range(1, 6)),
        with_work(TORN),
        work_is(*(f"e{n}" for n in range(1, 6)), torn=1),
        through="small_batches",
    ),
    Writer("the first decision of a home", _ROUTE, b"", empty, a_route(0)),
    Writer("a decision by past success", _ROUTE, b"", with_work(_REWARD), a_route(1)),
    Writer(
        "the end of a run",
        ["work-session", "end", "--session", SESSION, *_ME],
        b"",
        with_a_task,
        an_end,
    ),
    Writer(
        "the first reminder",
        ["remind-add", "--at", "18:00", "b", "--now", TIME],
        b"",
        with_events,
        reminders_are(b"", finally_=(ADDED, ADDED * 2)),
        through="untold",
    ),
    Writer(
        "one more reminder",
        ["remind-add", "--at", "18:00", "b", "--now", TIME],
        b"",
        with_reminders,
        reminders_are(
            THEIRS + OURS + REST,
            finally_=tuple(
                THEIRS + OURS + REST + b"\r\n" + (ADDED[:-1] + b"\r\n") * n for n in (1, 2)
            ),
        ),
        through="untold",
    ),
    Writer(
        "a reminder changed",
        ["remind-edit", "rid_A", "--time", "10:00", "--now", TIME],
        b"",
        with_reminders,
        reminders_are(THEIRS + OURS + REST, finally_=(THEIRS + EDITED + REST,)),
        through="untold",
    ),
    Writer(
        "a reminder removed",
        ["remind-rm", "rid_A", "--now", TIME],
        b"",
        with_reminders,
        reminders_are(THEIRS + OURS + REST, finally_=(THEIRS + REST,)),
        codes=(0, 66),
        through="untold",
    ),
    Writer(
        "the first page of a home",
        ["mem-note", "--type", "user", "--name", "tea", "--now", TIME],
        SAID.encode(),
        empty,
        pages_are({}, {"tea.md": TEA_PAGE}),
    ),
    Writer(
        "one more page",
        ["mem-note", "--type", "user", "--now", TIME],
        SAID.encode(),
        with_a_page(PROJECT),
        pages_are(
            {"mine.md": PROJECT},
            {"mine.md": PROJECT, "ann-drinks-green-tea-in-the-morning.md": TEA_PAGE},
        ),
    ),
    Writer(
        "an observation",
        ["mem-note", "--observe", "--now", TIME],
        SAID.encode(),
        empty,
        a_page_elsewhere("raw/observations"),
    ),
    Writer(
        "a page changed",
        ["mem-note", "--update", "mine", "--tier", "L1", "--now", TIME],
        b"",
        with_a_page(PROJECT),
        pages_are({"mine.md": PROJECT}, {"mine.md": PROJECT.replace(b"L2", b"L1")}),
    ),
    Writer(
        "a page mended",
        ["mem-lint", "--fix", "--now", TIME],
        b"",
        with_a_page(PERSON),
        pages_are({"mine.md": PERSON}, {"mine.md": PROJECT}),
    ),
    Writer(
        "a bullet staged",
        ["mem-resident", "remember", "global", "Ann drinks tea", "--now", TIME],
        b"",
        empty,
        one_is_staged,
    ),
    Writer(
        "a bullet in a person's index",
        ["mem-resident", "flush", "--now", TIME],
        b"",
        staged(INDEX, operate("op-1", TEA)),
        index_is(INDEX, WITH_TEA),
    ),
    Writer(
        "the first bullets of a home",
        ["mem-resident", "flush", "--now", TIME],
        b"",
        staged(b"", operate("op-1", "one"), operate("op-2", "two"), operate("op-3", "one")),
        index_is(b"", b"## Notes\n\n- one\n- two\n"),
    ),
    Writer(
        "a bullet replaced and one added",
        ["mem-resident", "flush", "--now", TIME],
        b"",
        staged(INDEX, operate("op-1", TEA, base="two"), operate("op-2", "x", topic="Other")),
        index_is(INDEX, INDEX.replace(b"two  ", TEA.encode()) + b"\r\n\r\n- x\r\n"),
    ),
    Writer("an audit done", ["mem-audit", "--done", "--now", TIME], b"", empty, an_audit),
]
