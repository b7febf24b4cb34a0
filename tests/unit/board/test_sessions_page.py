"""The page of sessions, as data: what it says of them, and how much of much."""

import json

import pytest
from board_home import ENDED, MINUTE, NOW, REPO, do, end_badly, fill, open_memory
from plainmind.board import changes, rendering
from plainmind.board.links import LiveLinks
from plainmind.board.pages import find_page, sessions
from plainmind.ground.errors import BadData, NoInput

PAGE = find_page("sessions")


@pytest.fixture
def memory(home):
    return fill(home)


def render(memory, part="", **query):
    data = rendering.show(sessions.read(memory, part, query), memory.env.mask)
    return rendering.render(PAGE, data, LiveLinks(), NOW, part=part)


def test_a_session_says_who_does_what_and_who_is_next(memory):
    running, ended = sessions.read(memory, "", {})["sessions"]
    assert (running["status"], running["phase"], running["repo"]) == ("in_progress", "build", REPO)
    steps = [(step["state"], step["agent"], step["unmet"]) for step in running["steps"]]
    assert steps == [
        ("ready", "infrastructure", []), ("waiting", "verification", ["frontend-completed"]),
    ]  # fmt: skip
    by_name = {agent["name"]: agent for agent in running["team"]}
    assert by_name["backend"]["artifacts"] == [("schema", "docs/schema.md")]
    assert by_name["frontend"]["counts"] == {"in_progress": 1}
    assert (ended["status"], ended["seconds"]) == ("failed", 11 * 60)
    failed = ended["team"][1]["tasks"][1]
    assert (failed["error"], failed["file"]) == ("the router refused", "router.cfg")
    html = render(memory, running["sessionId"])
    for text in ("Number the invoices", "docs/schema.md", "three without a number", "waits for"):
        assert text in html


def test_a_session_that_has_ended_asks_for_nothing(memory):
    id = end_badly(memory.home)
    html = render(memory, id)
    assert "Never started</h2>" in html and ">Next<" not in html and ">ready<" not in html
    assert "Draw it" in html and "No tasks</span>" in html and "No tasks yet" not in html
    running = next(one for one in sessions.read(memory, "", {})["sessions"] if not one["has_ended"])
    html = render(memory, running["sessionId"])
    assert ">Next<" in html and ">ready<" in html and "No tasks yet" in html
    for agent in ("backend", "infrastructure"):  # one that works, and one that is to
        assert f'<a href="/team/{agent}">{agent}</a>' in html


def test_times_of_tasks_are_those_that_can_be(memory):
    """What another program wrote there says nothing, and breaks nothing."""
    id = do(memory.home, NOW, "start", agent="frontend")
    path = memory.home.path("work", id, "frontend.json")
    times = [
        ("2026-01-30T10:00:00Z", "2026-01-30T10:01:30Z", 90.0),
        ("2026-01-30T10:00:00Z", None, None),
        ("2026-01-30T10:00:00Z", "2026-01-30T09:00:00Z", None),
        ("2026-01-30T10:00:00Z", "2099-01-01T00:00:00Z", None),
        ("soon", ["never"], None),
    ]
    with open(path) as file:
        state = json.load(file)
    state["completedTasks"] = [
        {"description": "x", "status": "completed", "startTime": begun, "endTime": ended}
        for begun, ended, _ in times
    ]
    state["completedTasks"][4] |= {"status": "failed", "error": {"code": 7}, "file": None}
    with open(path, "w") as file:
        json.dump(state, file)
    tasks = sessions.read(memory, id, {})["one"]["team"][0]["tasks"]
    assert [task["seconds"] for task in tasks] == [seconds for *_, seconds in times]
    assert tasks[4]["error"] == '{"code": 7}'
    assert "1 min 30 s" in render(memory, id)


def test_much_is_shown_in_portions_and_all_of_it_can_be_reached(home):
    memory = fill(home, sessions=sessions.SHOWN + 1)
    ids, before = [], ""
    while True:
        shown = sessions.read(memory, "", {"before": before})
        ids += [one["sessionId"] for one in shown["sessions"]]
        if not shown["older"]:
            break
        assert f"before={shown['older']}" in render(memory, before=before)
        before = shown["older"]
    assert len(ids) == len({*ids}) == sessions.SHOWN + 3
    assert [*sessions.list_parts(memory)] == ids[: sessions.SHOWN]
    id = ids[0]
    path = home.path("work", id, "backend.json")
    with open(path) as file:
        state = json.load(file)
    task = state["completedTasks"][0]
    state["completedTasks"] = [task | {"description": f"Task {n}"} for n in range(2000)]
    with open(path, "w") as file:
        json.dump(state, file)
    few, whole = render(memory, id), render(memory, id, all="1")
    assert few.count("Task 1") < 300 and ">Task 1999<" in few and ">Task 0<" not in few
    assert all(f">Task {n}<" in whole for n in range(2000))
    for query in ({"before": "x"}, {"before": "session-1/../2"}):
        with pytest.raises(BadData):
            sessions.read(memory, "", query)
    with pytest.raises(NoInput):
        sessions.read(memory, "session-1", {})


def test_what_an_agent_logs_is_a_change(memory):
    id = sessions.read(memory, "", {})["sessions"][0]["sessionId"]
    look = lambda: changes.digest(memory.home, memory.env, PAGE.watches)
    before = look()
    assert look() == before
    with open(memory.home.path("work", "logs", id, "backend.log"), "a") as file:
        file.write("one more\n")
    assert look() != before
    assert "one more" in render(memory, id)


def test_a_state_that_cannot_be_read_is_told_and_the_others_are_shown(memory):
    id = do(memory.home, ENDED + 20 * MINUTE, "start", agent="backend")
    do(memory.home, ENDED + 20 * MINUTE, "start", session=id, agent="frontend")
    with open(memory.home.path("work", id, "backend.json"), "w") as file:
        file.write('{"agentName": ')
    for shown in (sessions.read(open_memory(memory.home), part, {}) for part in ("", id)):
        assert len(shown["problems"]) == 1 and f"work/{id}/backend.json" in shown["problems"][0]
    assert shown["one"]["team"][0]["name"] == "frontend"
