"""Whatever is in the files: no line that mem-append refuses, nothing lost of what is taken, nothing
that stops the rest."""

import copy
import io
import json
import re
import time
from typing import Any

import histories
import pytest
from hostile import texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plainmind.bridges.histories import (
    chatgpt,
    claude,
    claude_memory,
    gemini,
    importing,
    openclaw,
    registry,
    sources,
    tags,
)
from plainmind.bridges.histories.items import HistoryEvent, HistoryPage, Skipped
from plainmind.formats.log import event as events
from plainmind.formats.log import injected_blocks
from plainmind.formats.page.summary import ConversationSummary
from plainmind.ground.errors import BadData, Failure
from plainmind.ground.paths import Home
from plainmind.truth.log import batch, writer
from scene import NOW

#: what may stand where something else should
odd = st.one_of(
    texts, st.none(), st.booleans(), st.integers(), st.floats(), st.just([]), st.just({}),
    st.lists(texts, max_size=2),
    st.dictionaries(texts, texts, max_size=2),
    st.sampled_from([1e400, -1, 0, 2**70, "1e400", "0001-01-01", "9999-12-31T23:59:59-23:59",
      "\ud800"]),
    st.just(json.loads("[" * 200 + "]" * 200)),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    if len(path) > 12:
        return [path]
    return [path, *[place for key, one in inner for place in places(one, (*path, key))]]


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = odd
    return value


#: what reads a text, and of what many in a row took as long as their square: 24 s for 20,000
REPEATED = [
    (claude._typed, "<system-reminder>"), (claude._typed, "<ide_a>"),
    (claude._typed, "<command-name>"),
    (claude._typed, "<command-name>x</command-name><command-args>"),
    (lambda text: list(tags.find_tagged(text, "command|result")), "<command>"),
    (openclaw._strip_trailer, "[message_id: x"), (claude_memory._KEY.findall, "\r\n"),
    (lambda text: claude_memory.link_pages(text, lambda name: None), "["),
    (chatgpt.strip_marks, "\ue200cite"), (chatgpt.strip_marks, "\ue200entity\ue202["),
]  # fmt: skip


@pytest.mark.parametrize("read, piece", REPEATED)
def test_many_beginnings_take_no_longer_than_their_text(read, piece):
    start = time.process_time()
    read(piece * 20_000)
    assert time.process_time() - start < 2


def test_texts_between_tags():
    text = "<a>1</a>\n\n2<b>3<a>4</b>5</a>6</a><a>7"
    found = [(one.name, one.text) for one in tags.find_tagged(text, "a|b")]
    assert found == [("a", "1"), ("b", "3<a>4")]
    assert tags.strip_tagged(text, "a|b") == "25</a>6</a><a>7"
    assert tags.strip_tagged("none", "a|b") == "none"


@st.composite
def mutated(draw: Any, whole: Any, times: int = 3) -> Any:
    value = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, times))):
        value = put(value, draw(st.sampled_from(places(value))), copy.deepcopy(draw(odd)))
    return value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def found(tool: str, path: Any) -> list[Any]:
    return list(
        importing.run(
            registry.load_reader(tool), importing.ImportChoice((str(path),)), lambda done, of: None
        )
    )


def check(tool: str, path: Any) -> list[HistoryEvent]:
    """That each line is one event to mem-append, with the content that was found, and an id."""
    log = writer.Log(Home("/nowhere"))
    kept = []
    for one in found(tool, path):
        assert isinstance(one, (HistoryEvent, ConversationSummary, Skipped, Failure)), one
        if not isinstance(one, HistoryEvent):
            assert isinstance(one, (ConversationSummary, Skipped)) or one.code in (65, 66, 74), one
            continue
        line = one.line().encode()
        assert b"\n" not in line
        context, draft = batch.parse_draft(line, NOW)
        assert context == one.context and draft.meta["id"]
        assert (draft.role, draft.content, draft.instant) == (one.role, one.content, one.instant)
        assert injected_blocks.strip(one.content, echoes=False) == one.content
        block, _ = events.render(
            "", draft.instant, draft.role, log.limit_size(draft).content, draft.meta
        )
        assert (
            len([entry for entry in events.scan(block) if isinstance(entry, events.RawEvent)]) == 1
        )
        kept.append(one)
    return kept


SESSIONS = {
    "pi": [histories.header(), *histories.pi_entries()],
    "openclaw": [
        histories.header(), *histories.pi_entries(),
        histories.entry(20, "user", [histories.part("Hello\n[message_id: 2302]")]),
    ],
    "claude": histories.claude_lines(), "codex": histories.codex_lines(),
    "gemini": histories.gemini_lines(),
    "mom": [
        {
            "date": "2026-01-30T09:00:01Z", "ts": "1769763601.1", "user": "U", "text": "hi",
            "attachments": [{"original": "a"}], "isBot": False,
        },
    ] * 2,
}  # fmt: skip
EXPORTS = {
    "chatgpt": [histories.conversation()],
    "claude-ai": [histories.claude_chat()],
    "discord": histories.exported(
        "1334", "GuildTextChat", histories.posted(1, "x"), histories.posted(2, "y", bot=True)
    ),
    "telegram": histories.telegram_chat(
        77,
        "bot_chat",
        histories.sent(1, ["x", {"type": "bold", "text": "y"}]),
        histories.sent(2, "", poll={"question": "q", "answers": [{"text": "a", "voters": 1}]}),
    ),
}
SURROGATE = re.compile("[\ud800-\udfff]")
QUIET = settings(max_examples=40, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("tool", sorted(SESSIONS))
def test_sessions_of_anything(tool, folder):
    name = "log.jsonl" if tool == "mom" else "s.jsonl"

    @QUIET
    @given(mutated(SESSIONS[tool]), st.booleans())
    def run(value, ascii):
        lines = value if isinstance(value, list) else [value]
        text = "".join(json.dumps(line, ensure_ascii=ascii) + "\n" for line in lines)
        check(tool, histories.write(folder / tool / name, text.encode("utf-8", "surrogatepass")))

    run()


def is_storable(value) -> bool:
    """Whether SQLite takes it, or each of a list; lists and objects within are written as JSON."""
    rows = value if isinstance(value, list) else [value]
    whole = (row for row in rows if isinstance(row, int))
    texts = (row for row in rows if isinstance(row, str))
    return all(abs(n) < 1 << 63 for n in whole) and not any(map(SURROGATE.search, texts))


def test_a_database_of_anything(folder):
    tables = histories.opencode_rows()
    known, data = tables["part"][0], [row["data"] for row in tables["part"]]

    @QUIET
    @given(mutated(data).filter(is_storable))
    def run(value):
        values = enumerate(value if isinstance(value, list) else [value])
        tables["part"] = [{**known, "id": f"prt_{n}", "data": one} for n, one in values]
        check("opencode", histories.write_opencode(folder / "opencode.db", tables))

    run()


@pytest.mark.parametrize("tool", sorted(EXPORTS))
def test_exports_of_anything(tool, folder):
    @QUIET
    @given(mutated(EXPORTS[tool]), st.booleans())
    def run(value, ascii):
        text = json.dumps(value, ensure_ascii=ascii)
        check(
            tool,
            histories.write(folder / "conversations.json", text.encode("utf-8", "surrogatepass")),
        )

    run()


@pytest.mark.parametrize("tool", [*SESSIONS, *EXPORTS])
def test_bytes_that_were_damaged(tool, folder):
    whole = SESSIONS.get(tool) or EXPORTS[tool]
    text = (
        "".join(json.dumps(line) + "\n" for line in whole)
        if tool in SESSIONS
        else json.dumps(whole)
    )
    name = "log.jsonl" if tool == "mom" else "s.jsonl"

    @QUIET
    @given(
        st.lists(st.tuples(st.integers(0, len(text) - 1), st.binary(max_size=3)), max_size=3),
        st.integers(0, len(text)),
    )
    def run(damages, end):
        data = bytearray(text.encode())
        for at, other in damages:
            data[at : at + 2] = other
        check(tool, histories.write(folder / tool / name, bytes(data[:end])))

    run()


@pytest.mark.parametrize("tool", ["pi", "claude", "mom", "claude-ai", "discord"])
def test_texts_come_through_as_they_are(tool, folder):
    @QUIET
    @given(texts)
    def run(said):
        if tool == "pi":
            path = histories.jsonl(
                folder / "x.jsonl", histories.header(), histories.entry(1, "user", said)
            )
        elif tool == "claude":
            said = f"({said}"  # nothing that Claude Code would have put in
            path = histories.jsonl(folder / "y.jsonl", histories.claude_line(1, "user", said))
        elif tool == "mom":
            path = histories.jsonl(
                folder / "m" / "log.jsonl",
                {"date": "2026-01-30T09:00:01Z", "ts": "1", "user": "U", "text": said},
            )
        elif tool == "claude-ai":
            chat = {
                "uuid": "u",
                "created_at": "2026-01-30T09:00:01Z",
                "chat_messages": [{"sender": "human", "uuid": "v", "text": said}],
            }
            path = histories.write(folder / "conversations.json", json.dumps([chat]))
        else:
            path = histories.write(
                folder / "d.json",
                json.dumps(histories.exported("1", "GuildTextChat", histories.posted(1, said))),
            )
        text = said if tool in ("pi", "claude", "mom") else lone(said)
        whole = injected_blocks.strip(text, echoes=False)
        if "<system-reminder>" not in whole:
            assert [one.content for one in check(tool, path)] == ([whole] if whole.strip() else [])

    def lone(said: str) -> str:
        """Half a character is none to ijson."""
        return said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    run()


ESCAPES = [
    "\\ud83d", "\\ude00", "\\uD83D\\uDE00", "\\\\", "\\n", '\\"', "\\u00e9", "u", "ud83d", "x", "é",
    "\\/",
]  # fmt: skip


@given(st.lists(st.sampled_from(ESCAPES), max_size=12), st.integers(1, 30))
def test_halves_of_characters_are_replaced_wherever_a_read_ends(pieces, size):
    text = '"' + "".join(pieces) + '"'
    clean = sources.Text(sources.Bytes(io.BytesIO(text.encode()), lambda count: None))
    read = b"".join(iter(lambda: clean.read(size), b""))
    assert json.loads(read) == json.loads(text).encode("utf-16-le", "surrogatepass").decode(
        "utf-16-le", "replace"
    )


def test_memory_of_anything(folder):
    @QUIET
    @given(texts, texts, texts)
    def run(name, description, body):
        text = f"---\nname: {name}\ndescription: {description}\ntype: user\n---\n{body}"
        path = histories.write(folder / "memory" / "fact.md", text.encode("utf-8", "surrogatepass"))
        for one in found("claude-memory", path):
            assert isinstance(one, (HistoryPage, Skipped, BadData))
            if isinstance(one, HistoryPage):
                page = json.loads(one.line())
                assert page["body"].strip() and "INJECTED_CONTEXT" not in page["body"].split("\n")
                assert page["type"] in ("user", "project", "agent-feedback", "reference")

    run()


def test_a_long_session_of_gemini_takes_what_it_is_long(tmp_path):
    """Each line was looked for among all before it."""
    path = tmp_path / "session-1.jsonl"
    lines = [{"sessionId": "s"}]
    for number in range(15_000):
        lines += [{"id": f"m{number}", "type": "user", "content": "x"}, {"$rewindTo": "m"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    start = time.process_time()
    gemini._Session(sources.find_file(str(path)))
    assert time.process_time() - start < 2
