"""The page Log: what mem-log and mem-recall print, each event at its place."""

import html as markup
import os
import re

import board_home
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.board import wording
from plainmind.board.links import FileLinks, LiveLinks, link_refs, name_file, refer
from plainmind.board.pages import PUBLISHED, find_page, log
from plainmind.formats import words
from plainmind.formats.log import injected_blocks
from plainmind.formats.log.event import Event
from plainmind.ground import clock
from plainmind.ground.errors import BadData, Failure, NoInput, NotPermitted, Usage
from plainmind.ground.masks import Mask
from plainmind.ground.paths import Home
from plainmind.truth.log import reader
from plainmind.truth.log.known_windows import Outlines
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, TIME

pytestmark = pytest.mark.usefixtures("unsynced")
THREAD = "discord-thread/100"


@pytest.fixture
def memory(home):
    return board_home.fill(home)


def show(memory, part="", query=None, links=None) -> str:
    """The page as HTML."""
    return board_home.show_page(memory, "log", part, links=links, **(query or {}))


def records(command, home, name: str, *arguments: str) -> list[dict]:
    printed = command(name, *arguments, "--json", "--now", TIME, home=home)
    return board_home.read_records(printed)


def window_of(home, context=THREAD) -> str:
    return f"{context}/{home.list_windows(context)[-1]}"


# --- what the commands say


def test_contexts_and_windows_are_those_of_mem_log(memory, command):
    told = lambda record: (record["context"], record["events"], record["timestamp"])
    for part, arguments in (("", ()), ("discord-channel/7", ("discord-channel/7",))):
        rows = log.read(memory, part, {})["rows"]
        printed = records(command, memory.home, "mem-log", *arguments)
        assert [(row["context"], row["events"], row["time"]) for row in rows] == [
            *map(told, printed)
        ]
        assert len(rows) > 1, "there is something to compare"


def test_a_window_shows_every_event_of_it(memory):
    part = window_of(memory.home)
    found = log.read(memory, part, {})
    window = reader.read_window(memory.home, f"logs/{part}")
    events = [window.event(block) for block in window.blocks()]
    assert [(e["line"], e["who"], e["stretches"][0]["text"]) for e in found["entries"]] == [
        (event.line, event.author, event.content) for event in events
    ]
    html = show(memory, part)
    assert all(f'id="L{event.line}"' in html for event in events)


def test_a_search_finds_what_mem_recall_does_and_says_why(memory, command):
    query = "print server yesterday"
    since = "2026-01-25"
    found = log.read(memory, "", {"q": query, "since": since})
    printed = records(command, memory.home, "mem-recall", "--explain", "--since", since, query)
    numbers = ("ref", "rank", "score", "relevance", "recency", "penalty", "excerpt")
    shown = [*found["hits"], *found["pins"]]
    shown = [*sorted(shown, key=lambda row: row["rank"]), *found["near"]]
    assert [[row[key] for key in numbers] for row in printed] == [
        [
            row["rank"] or None if key == "rank" else
            round(row[key], 6) if isinstance(row[key], float) else row[key]
            for key in numbers
        ]
        for row in shown
    ]  # fmt: skip
    assert found["pins"] and found["near"]
    assert found["times"] == ["yesterday (2026-01-29 to 2026-02-01)"]
    hits = log.read(memory, "", {"q": "print server"})["hits"]
    shown += hits
    assert any(row["penalty"] for row in shown)
    for row in shown:  # the score is made of what is shown
        assert row["score"] == pytest.approx(sum(adds for *_, adds in row["parts"]), abs=1e-6)
    html = show(memory, "", {"q": query})
    assert f"/log/{hits[0]['path'][5:]}?at={hits[0]['line']}#L" in html
    assert "data-live" not in html, "a model is not asked again"


def test_a_pin_that_is_not_about_the_question_is_below_the_answers(memory):
    found, html = (
        log.read(memory, "", {"q": "print server"}),
        show(memory, "", {"q": "print server"}),
    )
    beside = html.index("Pinned, not about this")
    assert found["pins"] and all(row["told"].startswith("not relevant") for row in found["pins"])
    assert all(row["relevance"] > found["floor"] for row in found["hits"])
    at = lambda row: html.index(f'id="hit{row["rank"]}"')
    assert max(map(at, found["hits"])) < beside < min(map(at, found["pins"]))
    for row in found["hits"]:  # the word fits the bar beside it
        said = f'{row["told"].capitalize()} <progress max="1" value="{row["relevance"]}"'
        assert said in re.sub(r"<summary>\s*", "", html)
    assert "print <mark>server</mark>" in html.replace("<mark>print</mark>", "print")


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("Restart the print server.", "restarted servers", ["Restart", "server"]),
        ('"<b>server</b>" & <server>', "server b", ["b>server</b", "server"]),
        ("in \u6771\u4eac\u3078", "\u6771\u4eac", ["\u6771\u4eac\u3078"]),
        ("nothing", "server", []), ("", "server", []),
    ],
)  # fmt: skip
def test_words_that_were_asked_for_are_marked_and_no_text_is_lost(text, query, marked):
    html = str(wording.mark(text, words.terms(query)))
    parts = re.findall("<mark>(.*?)</mark>", html)
    assert [*map(markup.unescape, parts)] == marked
    assert markup.unescape(re.sub("</?mark>", "", html)) == text
    assert not re.search("<(?!/?mark>)", html)


def test_a_window_tells_when_its_events_were_and_leads_to_the_newest(home, memory):
    part = fill(home, 450)
    html = show(memory, part, {"from": "0"})
    first, last = (clock.to_text(NOW + at) for at in (0, 199))
    times = re.findall('datetime="([^"]+)"', html[html.index("<h1>") : html.index("</h1>")])
    assert times == [first, last] and f'href="/log/{part}#newest"' in html
    html = show(memory, part)
    assert 'href="#newest"' in html and html.index('id="newest"') < html.index("event 449")
    assert html.index("event 448") < html.index('id="newest"')


@pytest.mark.parametrize(
    ("days", "told"),
    [(1, "24 h ago"), (729, "729 days ago"), (730, "2 years ago"), (20_000, "54 years ago"),
     (-800, "in 2 years")],
)  # fmt: skip
def test_how_long_ago(days, told):
    assert wording.ago(NOW - days * clock.DAY, NOW) == told


def test_a_search_can_be_narrowed(memory):
    hits = lambda **more: log.read(memory, "", {"q": "server", **more})["hits"]
    assert {hit["context"] for hit in hits(context="discord-channel")} == {"discord-channel/7"}
    assert {hit["role"] for hit in hits(role="tool") if not hit["pinned"]} <= {"tool"}
    assert not hits(since="2026-02-01") and not hits(until="2020-01-01")
    for wrong in ({"role": "king"}, {"since": "soonish"}, {"context": "../.."}):
        with pytest.raises(Failure):
            hits(**wrong)
    with pytest.raises(Usage):
        hits(since="2026-01-02", until="2026-01-01")


def test_without_its_model_words_alone_are_searched_with_a_remark(memory, monkeypatch):
    from plainmind.memory import embedding
    from plainmind.providers import registry

    embedding.embed(memory, embedding.EmbedOptions(limit=5), None)

    def refuse(*given, **more):
        raise registry.Misconfigured("no model here")

    monkeypatch.setattr(registry, "open_embedder_of", refuse)
    found = log.read(memory, "", {"q": "print server"})
    assert found["remarks"] == ["by words only: no model here"] and found["hits"]


def test_a_search_writes_nothing_but_the_index(memory):
    before = board_home.digest_truth(memory.home)
    log.read(memory, "", {"q": "print server"})
    show(memory), show(memory, window_of(memory.home))
    assert board_home.digest_truth(memory.home) == before


# --- a window in parts


def fill(home: Home, count: int) -> str:
    drafts = [EventDraft(NOW + at, "user", f"event {at}", {}) for at in range(count)]
    Log(home).append("cli/long", drafts, NOW)
    return window_of(home, "cli/long")


def test_a_long_window_is_shown_in_parts_each_event_once(home, memory):
    part = fill(home, 450)
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        found = log.read(memory, part, query)
        seen = [e["stretches"][0]["text"] for e in found["entries"]] + seen
        if not found["older"]:
            break
        query = {"from": found["older"]}
    assert seen[0] == "event 0" and seen[-1] == "event 449"
    assert len(set(seen)) == 450
    assert len(log.read(memory, part, PUBLISHED)["entries"]) == 450, "a file has all of it"
    at = log.read(memory, part, {"at": "34"})  # in the body of an event
    marked = [entry for entry in at["entries"] if entry["marked"]]
    assert [entry["line"] for entry in marked] == [33] and at["is_found"]
    assert 'id="L34"' in show(memory, part, {"at": "34"})
    assert not log.read(memory, part, {"at": "999999"})["is_found"]
    for wrong in ({"from": "x"}, {"at": "-1"}, {"at": "¹"}):
        with pytest.raises(Usage):
            log.read(memory, part, wrong)


CHANGES = ("append", "torn", "close", "edit", "cut", "blur")


@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(1, 5)), max_size=8))
def test_what_is_known_of_a_window_is_what_a_new_look_finds(tmp_path_factory, steps):
    """Whatever is appended, torn, edited in its place or cut off."""
    home = Home(str(tmp_path_factory.mktemp("grown")))
    part = fill(home, 3)
    path, full = f"logs/{part}", home.path(f"logs/{part}")
    of_all, of_ends = Outlines(), Outlines()
    for number, (change, size) in enumerate([("append", 1), *steps]):
        with open(full, "rb") as file:
            data = file.read()
        if change == "append":
            draft = EventDraft(NOW + number, "user", f"step {number}\n" * size, {})
            Log(home).append("cli/long", [draft], NOW)
        elif change in ("torn", "close"):
            with open(full, "ab") as file:
                file.write(b"## 2026-01-30T" if change == "torn" else b"\n\n")
        else:
            with open(full, "r+b") as file:  # the same inode
                if change == "edit":
                    file.write(data.replace(b"event 1", b"event 1" + b"\n> x" * size, 1))
                elif change == "blur":  # two events become none, in as many bytes; and it grows
                    file.write(data.replace(b"event 0\n\n##", b"event 0#\n##", 1) + b"\n" * size)
                elif change == "cut":
                    file.truncate(max(0, len(data) - 9 * size))
        for known, count in ((of_all, 1 << 30), (of_ends, size)):
            select = lambda lines, count=count: (max(0, len(lines) - count), len(lines))
            assert known.read(home, path, select) == Outlines().read(home, path, select)


def test_a_torn_write_is_told_of(home, memory):
    part = fill(home, 2)
    with open(home.path(f"logs/{part}"), "ab") as file:
        file.write(b"## 2026-01-30T14:24")
    found = log.read(memory, part, {})
    assert [entry["gap"] for entry in found["entries"]] == [False, False, True]
    assert found["events"] == 2 and "no event" in show(memory, part)


# --- what is not there, or is not a window


def test_what_is_no_window_is_not_shown(home, memory, tmp_path):
    context = home.path("logs", THREAD)
    (tmp_path / "outside.md").write_text("# cli/a 20260130T142355Z\n\n")
    os.symlink(tmp_path / "outside.md", f"{context}/20260130T142356Z.md")
    os.symlink(home.path(".env"), f"{context}/20260130T142357Z.md")
    os.mkfifo(f"{context}/20260130T142358Z.md")
    os.mkdir(f"{context}/20260130T142359Z.md")
    table = [
        (f"{THREAD}/20260130T142356Z.md", NotPermitted),
        (f"{THREAD}/20260130T142357Z.md", NotPermitted),
        (f"{THREAD}/20260130T142358Z.md", NoInput),
        (f"{THREAD}/20260130T142359Z.md", NoInput),
        (f"{THREAD}/20200130T142359Z.md", NoInput),
        ("discord-thread/101", NoInput),
        ("nowhere", NoInput),
        ("../../etc/passwd", BadData),
        ("..", BadData),
        ("logs/../.env", BadData),
        (f"{THREAD}/../../../config.md", BadData),
        (f"{THREAD}/..%2f.md", NoInput),
        ("/etc/x.md", BadData),
        ("a\0b", BadData),
        ("a\0b/c/20260130T142355Z.md", BadData),
    ]
    for part, failure in table:
        with pytest.raises(failure):
            log.read(memory, part, {})
    assert log.read(memory, "", {})["rows"], "the others are there"


def test_a_window_that_is_removed_is_gone_and_one_that_cannot_be_read_is_told_of(
    home, memory, monkeypatch
):
    part = fill(home, 1)
    assert "cli/long" in show(memory)
    Log(home).append("cli/long", [EventDraft(NOW, "user", "one more", {})], NOW)
    assert "user: one more" in show(memory)
    os.unlink(home.path(f"logs/{part}"))
    assert "cli/long" not in show(memory)
    with pytest.raises(NoInput):
        log.read(memory, part, {})
    part = fill(home, 1)
    from plainmind.truth.log import overview

    summarize = overview.summarize_window

    def refuse(home, path):
        if path == f"logs/{part}":
            raise PermissionError(13, "Permission denied", path)
        return summarize(home, path)

    monkeypatch.setattr(overview, "summarize_window", refuse)
    found = log.read(memory, "", {})
    assert [part in problem for problem in found["problems"]] == [True]
    assert "discord-thread/100" in {row["context"] for row in found["rows"]}


@pytest.mark.parametrize("part", ["", THREAD, "window", "search"])
def test_whatever_people_wrote_stays_text(home, part):
    memory = board_home.fill(home, hostile=True)
    query = {"q": f"server {board_home.HOSTILE}"} if part == "search" else {}
    place = window_of(home) if part == "window" else "" if part == "search" else part
    html = show(memory, place, query)
    assert "planted" in html and "&lt;script" in html, "it is shown"
    assert board_home.find_harm(html) == []
    assert not re.search(r'href="[^"]*javascript:', html)


def test_an_empty_memory_says_what_would_be_there(home):
    html = show(board_home.open_memory(home))
    assert "mem-append" in html and "Nothing is logged yet" in html


# --- what is folded


BLOCK = f'{injected_blocks.MEMORIES}\n{{"memories": [],\n "note": "x"}}\n'


@pytest.mark.parametrize(
    "text, told",
    [
        (f"Hello\n{BLOCK}and more\nlines", [False, True, False]),
        (BLOCK, [True]),
        ("nothing of it", [False]),
        (f"see {injected_blocks.MEMORIES} there", [False]),
        ("", [False]),
    ],
)
def test_an_injected_block_is_folded_and_nothing_is_lost(text, told):
    found = injected_blocks.split(text, echoes=False)
    assert [injected for _, injected in found] == told
    assert "\n".join(part for part, _ in found) == text


PIECES = st.sampled_from(["a" * 300, "word ", "\n", "line\n" * 9, " "])


@given(st.lists(PIECES, max_size=30).map("".join))
def test_a_long_text_is_folded_and_nothing_of_it_is_lost(text):
    event = Event("logs/cli/a/w.md", 3, 9, clock.to_text(NOW), "user", "", "cli/a", text, {})
    (stretch,) = log._describe(event, 0, Mask())["stretches"]
    beginning, rest = stretch["text"], stretch["rest"]
    assert text in (beginning + rest, f"{beginning}\n{rest}", f"{beginning} {rest}")
    assert not rest or len(beginning) <= log.SHORT


def test_a_command_and_what_it_printed(home, memory):
    meta = {"name": "bash", "args": {"command": "uptime"}, "exit": 0}
    Log(home).append("cli/t", [EventDraft(NOW, "tool", "up 12 days", meta)], NOW)
    (entry,) = log.read(memory, window_of(home, "cli/t"), {})["entries"]
    assert (entry["command"], entry["meta"]) == ("uptime", [("name", "bash"), ("exit", "0")])


# --- references

WINDOW = "discord-thread/100/20260110T092355Z.md"


@pytest.mark.parametrize(
    "ref, live, place",
    [
        (f"logs/{WINDOW}:12", f"/log/{WINDOW}?at=12#L12", "#L12"),
        (f"logs/{WINDOW}:12-20", f"/log/{WINDOW}?at=12#L12", "#L12"),
        (f"logs/{WINDOW}", f"/log/{WINDOW}", ""),
        ("logs/../.env:1", "", ""),
        ("javascript:1", "", ""),
        ("logs/cli/a/notes.md:1", "", ""),
        ("memory/MEMORY.md:1", "", ""),
    ],
)
def test_where_a_reference_leads(ref, live, place):
    published = FileLinks({("log", WINDOW)})
    assert refer(LiveLinks(), ref) == live
    file = name_file(find_page("log"), WINDOW) + place if live else ""
    assert refer(published, ref) == file
    assert refer(FileLinks(set()), ref) == "", "it is not among what was published"


def test_references_in_a_text_lead_to_their_places():
    ref = f"logs/{WINDOW}:12"
    text = f'<b> see {ref}, and "{ref}".'
    html = link_refs(LiveLinks(), text)
    assert re.sub("<a [^>]*>|</a>", "", html) == link_refs(FileLinks(set()), text)
    assert html.count(f'<a href="/log/{WINDOW}?at=12#L12">{ref}</a>') == 2 and "<b>" not in html


def test_the_windows_of_a_month_are_published(home, memory):
    Log(home).append("cli/old", [EventDraft(NOW - 40 * clock.DAY, "user", "x", {})], NOW)
    parts = list(log.list_parts(memory))
    assert {"cli/old", THREAD, window_of(home)} <= {*parts}
    assert window_of(home, "cli/old") not in parts
    links = FileLinks({("log", part) for part in parts})
    html = show(memory, "cli/old", PUBLISHED, links)
    assert "31 days" in html and "<form" not in html
    assert 'href="log' not in html.partition('<ul class="places">')[2]
