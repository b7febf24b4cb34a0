"""The first page: what needs a person, what is due, what was done; and that it is short."""

import html
import json
import os
import re
import shutil

import board_home
import pytest
import vault
from plainmind.agent import failures
from plainmind.board import checks
from plainmind.board.pages import today as page
from plainmind.formats.change import FileChange
from plainmind.formats.log.event import Event
from plainmind.ground import clock, environment, schedules, zone
from plainmind.ground.errors import NotPermitted
from plainmind.ground.paths import Home
from plainmind.truth import changes
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, TIME

DAY, MINUTE = board_home.DAY, board_home.MINUTE
SINCE = "2026-01-29T00:00:00.000Z"  # of the day before


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    monkeypatch.setattr(schedules, "read_crontab", list)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(checks, "_known", {})
    monkeypatch.setattr(checks.zone, "find_machines", lambda variable: "")
    monkeypatch.setattr(clock, "system_now", lambda: NOW)
    return monkeypatch


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("today") / "home")
    board_home.fill(Home(folder))
    return folder


@pytest.fixture
def filled(home, made):
    shutil.copytree(made, home.root, symlinks=True)
    return board_home.open_memory(home)


def read(memory) -> dict:
    return page.read(memory, "", {})


def tell(memory, *, state: str = "") -> list[str]:
    return [one.what for one in read(memory)["concerns"] if state in ("", one.state)]


def ago(days: int, text: str = "") -> str:
    return clock.to_text(NOW - days * DAY)


def test_its_figures_are_those_of_the_commands(filled, command):
    found, home = read(filled), filled.home

    def printed(name, *options):
        given = (name, *options, "--json", "--now", TIME)
        return board_home.read_records(command(*given, home=home))

    def by_day(records, key):
        days = [zone.to_day(clock.parse(one[key])).isoformat() for one in records]
        return [days.count("2026-01-29"), days.count("2026-01-30")]

    said = printed("mem-log", "--since", "2026-01-29")
    figures = found["figures"]
    assert figures["messages"] == by_day([e for e in said if e["role"] == "user"], "timestamp")
    costs = [0.0, 0.0]
    for row in printed("work-log", "cost", "2"):
        costs[row["day"] == "2026-01-30"] += row["cost"]
    assert figures["cost"] == pytest.approx(costs)
    with open(home.path("work/events.jsonl")) as file:
        events = [json.loads(line) for line in file]
    tasks = [one for one in events if one["type"] == "task" and one["at"] >= SINCE]
    for status in ("completed", "failed"):
        assert figures[status] == by_day([t for t in tasks if t["status"] == status], "at")
    (backend,) = [one for one in printed("work-xp") if one["agent"] == "backend"]
    assert found["streaks"] == [("backend", backend["streak"])] and backend["streak"] == 21
    upcoming = [
        one
        for one in printed("remind-list", "--until", "tomorrow")
        if one["next"] >= "2026-01-30T14:24"
    ]
    waiting = [one for one in printed("remind-list", "--past") if one["waits"]]
    due = sorted(waiting, key=lambda one: one["due"]) + upcoming
    assert [one["msg"] for one in found["due"]] == [one["msg"] for one in due]
    assert [one["state"] for one in found["due"]] == ["in doubt", "failed", "", ""]
    (running,) = found["running"]
    listed = printed("work-session", "list")
    assert running["id"] == listed[0]["sessionId"] and running["agents"]


def test_earned_today_is_what_was_earned_today(filled):
    day_before = read(filled)["figures"]["xp"][1]
    board_home.journal.log(
        filled.home, [{"type": "award", "agent": "backend", "amount": 7, "reason": "x"}], NOW
    )
    assert read(filled)["figures"]["xp"][1] == day_before + 7


def test_what_failed_comes_first_and_leads_there(filled):
    found = read(filled)["concerns"]
    assert [one.what for one in found[:3]] == [
        "No answer in discord-thread/200", "frontend: Page 0", "Reminders",
    ]  # fmt: skip
    assert found[0].detail == "the model is unavailable"
    states = [one.state for one in found]
    assert states == sorted(states)  # failed, then warning
    shown = board_home.show_page(filled, "today")
    assert re.search(r'href="/log/discord-thread/200/\d{8}T\d{6}Z\.md\?at=\d+', shown)
    order = [shown.index(text) for text in ("Needs a look", "Messages", '"due"', '"running"')]
    assert order == sorted(order)


def add_failures(count: int):
    def add(memory) -> None:
        task = {"type": "task", "agent": "seo", "status": "failed", "at": ago(0)}
        drafts = [{**task, "description": f"Task {n}"} for n in range(count)]
        board_home.journal.log(memory.home, drafts, NOW)

    return add


def log_tasks(*tasks):
    """Of (agent, description, status, minutes ago)."""

    def add(memory) -> None:
        drafts = [
            {"type": "task", "agent": agent, "description": text, "status": status,
             "at": clock.to_text(NOW - minutes * MINUTE)}
            for agent, text, status, minutes in tasks
        ]  # fmt: skip
        board_home.journal.log(memory.home, drafts, NOW)

    return add


def answer(memory) -> None:
    meta = {"reply_to": "m9", "model": "embedded"}
    Log(memory.home).append("discord-thread/200", [EventDraft(NOW, "agent", "Here.", meta)], NOW)


def wait_for_yes(memory) -> None:
    turn = environment.TurnRights("3f9c2a1b", 1, "cli/x", frozenset())
    made = FileChange.of("knowledge/tea.md", None, b"# Tea\n")
    with pytest.raises(NotPermitted):
        changes.keep(memory.home, turn, "pages", (made,))


@pytest.mark.parametrize(
    ("change", "gone", "new"),
    [
        (answer, {"No answer in discord-thread/200"}, set()),
        (wait_for_yes, set(), {"1 change waits for your yes"}),
        (add_failures(2), set(), {"seo: Task 0", "seo: Task 1"}),
        (log_tasks(("frontend", "page  0", "completed", 0)), {"frontend: Page 0"}, set()),
        (
            log_tasks(("frontend", "Page 1", "completed", 0), ("seo", "Page 0", "completed", 0)),
            set(),
            set(),
        ),
        (
            log_tasks(("seo", "Rank", "completed", 9), ("seo", "Rank", "failed", 5)),
            set(),
            {"seo: Rank"},
        ),
        (log_tasks(("seo", "Rank", "failed", 3 * DAY // MINUTE)), set(), set()),
        (lambda memory: board_home._put(memory.home, "reminders.md", ""), {"Reminders"}, set()),
    ],
)
def test_a_change_is_seen(filled, change, gone, new):
    before = set(tell(filled))
    change(filled)
    after = set(tell(filled))
    assert (before - after, after - before) == (gone, new)


def test_what_failed_again_is_told_once(filled):
    before = len(tell(filled))
    log_tasks(*[("seo", "Rank", "failed", minutes) for minutes in (9, 7, 5)])(filled)
    (one,) = [one for one in read(filled)["concerns"] if one.what == "seo: Rank"]
    assert one.detail == "3 times" and one.at == clock.to_text(NOW - 5 * MINUTE)
    assert len(tell(filled)) == before + 1


def test_what_was_done_leads_to_its_session_or_its_agent(filled):
    shown = board_home.show_page(filled, "today")
    assert '<a href="/team/backend"><bdi>Invoices 0</bdi></a>' in shown
    id = board_home.end_badly(filled.home)
    task = {"type": "task", "agent": "ux", "status": "completed", "session": id}
    board_home.journal.log(filled.home, [{**task, "description": "Sketch"}], NOW)
    assert f'<a href="/sessions/{id}"><bdi>Sketch</bdi></a>' in board_home.show_page(
        filled, "today"
    )


def test_a_session_without_success_has_ended_and_is_not_completed(filled):
    id = board_home.end_badly(filled.home)
    for name, each in (("today", "<li>"), ("sessions", "<tr")):
        rows = board_home.show_page(filled, name).split(each)
        (row,) = [one for one in rows if id in one and 'data-status="ended"' in one]
        assert "1 failed, 1 blocked" in row and 'data-status="completed"' not in row, name
    shown = board_home.show_page(filled, "sessions", id).partition("<h2")[0]
    assert 'data-status="ended"' in shown and "1 failed, 1 blocked" in shown


def test_much_is_cut_and_counted(filled):
    add_failures(40)(filled)
    lines = [f'- [ ] date=2026-01-30 time=20:00 recur=none msg="n{n}" id=a{n}\n' for n in range(90)]
    board_home._put(filled.home, "reminders.md", "".join(lines))
    found = read(filled)
    assert len([one for one in found["concerns"] if one.page == "team" and "seo" in one.what]) <= 5
    assert "and 36 more" in tell(filled)
    assert len(found["due"]) == page.DUE and found["due_left"] == 90 - page.DUE
    assert "78 more until tomorrow night" in board_home.show_page(filled, "today")


def test_long_texts_are_cut_after_their_secrets_are(filled):
    text = "word " * 26 + board_home.SECRET + " more" * 500
    task = {"id": "long", "type": "task", "agent": "seo", "status": "failed", "at": ago(0)}
    board_home.journal.append(filled.home, [{**task, "description": text}])
    shown = board_home.show_page(filled, "today")
    assert "word ***" in shown and "more more" not in shown and "swordfish" not in shown


def test_what_lasts_is_told_without_its_id(filled, home):
    turn = environment.TurnRights("3f9c2a1b", 1, "cli/x", frozenset({"pages"}))
    made = FileChange.of("knowledge/tea.md", None, b"# Tea\n")
    (path,) = changes.keep(home, turn, "pages", (made,))
    board_home._put(home, "knowledge/tea.md", "# Tea\n")
    shown = html.unescape(board_home.show_page(filled, "today"))
    assert 'knowledge/tea.md, new: "# Tea"' in shown and "agent-changes" in shown
    (kept,) = changes.list_kept(home)
    assert kept.id not in shown
    changes.settle(home, [kept])
    os.unlink(home.path("knowledge/tea.md"))  # taken out by hand: the listing may let it go
    assert read(filled)["kept"] == []
    assert os.path.exists(path.removesuffix(".new"))  # but a page that is read does not


def test_nothing_is_written_and_nothing_hostile_is_obeyed(home):
    memory = board_home.fill(home, hostile=True)
    keep = lambda: {p: f for p, f in vault.contents(home.root).items() if "index/" not in p}
    before = keep()
    for live in (True, False):
        assert board_home.find_harm(board_home.show_page(memory, "today", live=live)) == []
    assert keep() == before


def test_an_empty_home_and_a_quiet_day(home):
    shown = board_home.show_page(board_home.open_memory(home), "today")
    assert "agent-turn" in shown and not os.path.exists(home.root)
    os.makedirs(home.root, 0o700)
    monday = board_home.show_page(board_home.open_memory(home), "today")
    assert "Nothing until tomorrow night" in monday and "No answer" not in monday
    checks._known[home.root] = checks._look_at_machine(board_home.open_memory(home))._replace(
        jobs=[schedules.InstalledJob(job, "crontab") for job in schedules.JOBS]
    )
    assert "A quiet day" in board_home.show_page(board_home.open_memory(home), "today")


BROKEN = ("work/events.jsonl", "reminders.md", "index/mind.db", "remind/seen.json",
          "remind/journal.jsonl", "raw/maintenance-log/nights.json", "relay/dead.jsonl",
          "raw/maintenance-log/outages.json", "relay/alive", ".changes/x.made", "work/teams.toml",
          "raw/maintenance-log/last-forget.json")  # fmt: skip


@pytest.mark.parametrize("path", BROKEN)
@pytest.mark.parametrize("data", [b"\xff\xfe\0{[", b'[]\n{}\n"x"\nnull\n', b""])
def test_a_broken_file_costs_its_own_lines_at_most(filled, home, path, data):
    os.makedirs(os.path.dirname(home.path(path)), exist_ok=True)
    with open(home.path(path), "wb") as file:
        file.write(data)
    shown = board_home.show_page(filled, "today")
    assert "No answer in discord-thread/200" in html.unescape(shown)
    assert "Health" in board_home.show_page(filled, "health")


def event(role: str, line: int, **meta) -> Event:
    return Event("logs/a/b/w.md", line, line, TIME, role, "", "a/b", "x", meta)


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        ([event("system", 1, error="e")], [1]),
        ([event("system", 1, error="e", **{"for": "m"})], [1]),
        ([event("system", 1, error="e", **{"for": "m"}), event("agent", 2, reply_to="m")], []),
        ([event("system", 1, error="e", **{"for": "m"}), event("agent", 2, reply_to="o")], [1]),
        ([event("system", n, error=f"e{n}", **{"for": "m"}) for n in (1, 2)], [2]),
        ([event("system", n, error="e") for n in (1, 2)], [1, 2]),
        ([event("system", 1), event("tool", 2, error="e"), event("user", 3, error="e")], []),
    ],
)
def test_turns_that_had_no_answer(events, lines):
    assert [int(one.ref.split(":")[1]) for one in failures.find_failed(events)] == lines
