"""The page of the team shows what work-xp prints, whoever wrote what."""

import os
from collections.abc import Callable

import pytest
from board_home import fill, open_memory, read_records
from plainmind.board import rendering
from plainmind.board.links import FileLinks, Links, LiveLinks
from plainmind.board.pages import find_page, team
from plainmind.ground import clock
from plainmind.ground.errors import BadData, NoInput
from plainmind.ground.paths import Home
from plainmind.memory import Memory
from plainmind.team.achievements import ACHIEVEMENTS
from plainmind.truth.work import journal
from plainmind.work import standings
from scene import NOW, TIME


@pytest.fixture(scope="module")
def memory(tmp_path_factory) -> Memory:
    return fill(Home(str(tmp_path_factory.mktemp("home"))))


@pytest.fixture
def ask(command, memory) -> Callable[..., list]:
    """What `work-xp … --json` prints."""
    return lambda *words: read_records(
        command("work-xp", "--json", "--now", TIME, *words, home=memory.home)
    )


def show(memory: Memory, part: str = "", links: Links = LiveLinks()) -> str:
    """The page as it is sent, or written."""
    data = rendering.show(team.read(memory, part, {}), memory.env.mask)
    return rendering.render(find_page("team"), data, links, memory.now(), part=part)


def test_agents_are_those_of_work_xp(memory, ask):
    shown = team.read(memory, "", {})
    records = ask()
    found = [one for each in shown["teams"] for one in each.agents]
    assert {one.agent: standings.row_of_agent(one, people=False).record for one in found} == {
        record["agent"]: record for record in records
    }
    assert [each.team for each in shown["teams"]] == ["Engineering", "Marketing", "Support"]
    for name in ("xp", "tasks", "failed"):
        assert getattr(shown["all"], name) == sum(record[name] for record in records) > 0
        for each in shown["teams"]:
            of = [record[name] for record in records if record["team"] == each.team]
            assert getattr(each, name) == sum(of)
    assert shown["streak"] == max(record["streak"] for record in records) == 21
    html = show(memory)
    for record in records:
        assert f'href="/team/{record["agent"]}"' in html


@pytest.mark.parametrize("board", ["xp", "tasks", "success"])
def test_leaderboards_are_those_of_work_xp(memory, ask, board):
    shown = {each["name"]: each["rows"] for each in team.read(memory, "", {})["boards"]}
    assert [row._asdict() for row in shown[board]] == ask("--leaderboard", board) != []


def test_an_agents_page_is_its_record_and_how_far_it_is(memory, ask):
    shown = team.read(memory, "backend", {})
    assert [shown["record"]] == ask("backend")
    told = {row["name"]: row for row in shown["reached"] + shown["open"]}
    for record in ask("--achievements", "backend"):
        assert told[record["name"]] == {**told[record["name"]], **record}
    assert len(told) == len(ACHIEVEMENTS)
    assert len(shown["reached"]) == shown["record"]["achievements"]
    assert all(row["at"] for row in shown["reached"])
    assert not any(row["at"] for row in shown["open"])
    newest = [row["at"] for row in shown["history"].gains]
    assert newest == sorted(newest, reverse=True) and len(newest) == team.LAST
    tasks = [row["description"] for row in shown["history"].tasks]
    assert tasks == [f"Invoices {days}" for days in range(team.LAST)]
    assert [row["value"] for row in shown["history"].rewards] == [0.8]


def test_what_xp_was_for_is_told(tmp_path):
    memory = open_memory(Home(str(tmp_path)))
    said = {"agent": "ux", "at": clock.to_text(NOW)}
    drafts = [
        {**said, "type": "award", "amount": 200, "reason": "found <b>it</b>"},
        {**said, "type": "award", "amount": 30, "reason": "by mistake", "id": "w"},
        {"type": "void", "of": "w", "reason": "x"},
        {**said, "type": "praise", "reason": "no downtime"},
        {**said, "type": "pr_merged"},
        {**said, "type": "task", "description": "Draw", "duration_s": 5, "status": "completed"},
    ]
    journal.log(memory.home, drafts, NOW)
    html = show(memory, "ux")
    for text in (
        "award: <bdi>found &lt;b&gt;it&lt;/b&gt;</bdi>", "praise: <bdi>no downtime</bdi>",
        "level 2, Apprentice", "achievement First Steps 🎯", "pull request merged",
        "quick task", "first of the day", "achievement Merged 🔀",
    ):  # fmt: skip
        assert f"<td>{text}</td>" in html, text
    assert "by mistake" not in html and "first-steps" not in html


def test_who_was_only_given_a_reward_has_a_page(tmp_path):
    memory = open_memory(Home(str(tmp_path)))
    show(memory)  # the index is made: what comes then is taken in alone
    reward = {"type": "reward", "agent": "docs", "value": 1, "reason": "clear"}
    (event,) = journal.log(memory.home, [reward], NOW)
    assert "clear" in show(memory, "docs") and "docs" in team.list_parts(memory)
    journal.log(memory.home, [{"type": "void", "of": event["id"], "reason": "x"}], NOW)
    assert "docs" not in team.list_parts(memory)


def test_the_last_tasks_are_those_of_the_last_hours(tmp_path):
    memory = open_memory(Home(str(tmp_path)))
    task = {"type": "task", "agent": "ux", "status": "completed"}
    journal.log(memory.home, [
        {**task, "id": id, "at": clock.to_text(NOW - ago), "description": id}
        for id, ago in (("z", 9000), ("m", 1000), ("a", 5000))
    ], NOW)  # fmt: skip
    tasks = team.read(memory, "ux", {})["history"].tasks
    assert [row["id"] for row in tasks] == ["m", "a", "z"]


def test_xp_by_day_adds_up_to_all_xp(memory, ask):
    gains = team.read(memory, "", {})["gains"]
    sums = [sum(row[at] or 0 for row in gains.rows) for at in range(1, len(gains.columns) + 1)]
    xp = {record["agent"]: record["xp"] for record in ask()}
    assert dict(zip(gains.columns, sums)) == {"Engineering": sum(xp.values())}
    assert len(gains.rows) == team.DAYS and gains.rows[-1][0] == TIME[:10]
    one = team.read(memory, "frontend", {})["gains"]
    assert one.columns == ["frontend"] and sum(row[1] or 0 for row in one.rows) == xp["frontend"]


def test_who_holds_an_achievement(memory, ask):
    holders = {row["title"]: row["holders"] for row in team.read(memory, "", {})["achievements"]}
    for record in ask("--achievements", "backend"):
        assert ("backend" in holders[record["title"]]) == bool(record["at"])


def test_what_was_learned_is_there(memory):
    at = clock.to_text(NOW)
    said = {"type": "user_command", "at": at, "command": "Update the packages"}
    journal.log(memory.home, [said, said], NOW)
    learned = team.read(memory, "", {})["learned"]
    (candidate,) = learned.candidates
    assert (candidate["count"], candidate["example"]) == (3, "update the packages")
    assert candidate["normal"] not in {row["subject"] for row in learned.patterns}
    (experiment,) = learned.experiments
    assert (experiment["status"], experiment["samples"]) == ("double_down", 10)
    assert experiment["mean"] == pytest.approx(2.775)
    assert {row["subject"] for row in learned.patterns} >= {"the printer jams"}
    html = show(memory)
    for text in ("double down", "30.6%", "the printer jams", "Print a test page first"):
        assert text in html


def test_an_empty_home_says_what_makes_it(tmp_path):
    html = show(open_memory(Home(str(tmp_path / "none"))))
    assert "Nobody has XP yet" in html and "work-log task agent=backend" in html
    assert "work-log experiment" in html and 'id="award"' not in html
    assert not os.path.exists(tmp_path / "none")


@pytest.mark.parametrize("name, error", [
    ("nobody", NoInput), ("../backend", BadData), ("<b>", BadData), ("x" * 65, BadData),
])  # fmt: skip
def test_nobody_else_has_a_page(memory, name, error):
    with pytest.raises(error):
        team.read(memory, name, {})


def test_names_and_words_of_others_stay_inert(tmp_path):
    memory = fill(Home(str(tmp_path)), hostile=True)
    teams = '[[team]]\nname = "<script>window.planted = 1</script>"\nagents = [\n'
    teams += '{ name = "backend", role = "<img src=x onerror=planted()>" }]\n'
    with open(memory.home.path("work", "teams.toml"), "w", encoding="utf-8") as file:
        file.write(teams)
    pages = [show(memory), *(show(memory, part) for part in team.list_parts(memory))]
    assert len(pages) == 6
    for html in pages:
        for sign in ("<script>window", "<img src=x", "\x1b", "\u202e", "swordfish"):
            assert sign not in html, sign
    assert "&lt;script&gt;window.planted" in pages[0] and "\\u202e" in pages[0]


def test_a_page_of_files_has_no_form_and_leads_to_every_agent(memory):
    parts = list(team.list_parts(memory))
    links = FileLinks({("team", part) for part in ["", *parts]})
    html = show(memory, links=links)
    assert "award" not in html and "award" not in show(memory, "backend", links)
    assert len(parts) == 21 and all(f'href="team.{part}.html"' in html for part in parts)


def test_a_page_looked_at_again_is_the_same(memory):
    assert memory.now() == NOW and show(memory) == show(memory)
