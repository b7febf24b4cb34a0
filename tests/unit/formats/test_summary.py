"""What of a run is told to the journal, and that it is told once."""

import json

import pytest
from hostile import metas, texts
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.work import journal, session, summary
from plainmind.ground import clock
from scene import NOW, TIME
from test_session import SEEN

ID = "session-1770451234"
LATER = NOW + 60_000


def state(agent="backend", status="completed", tasks=(), start=TIME, **more) -> session.State:
    fields = {
        "agentName": agent, "status": status, "sessionId": ID, "startTime": start,
        "completedTasks": list(tasks), **more,
    }  # fmt: skip
    return session.State(f"work/{ID}/{agent}.json", fields)


def task(description, status="completed", **more) -> dict:
    return {"description": description, "status": status, **more}


def test_the_seeds_example():
    at = clock.parse("2026-02-07T22:15:00Z")
    one = session.parse(SEEN, f"work/{ID}/backend.json")
    first, second = summary.list_tasks(one, at)
    id = first.pop("id")
    assert first == {
        "type": "task", "at": "2026-02-07T22:15:00.000Z", "agent": "backend", "session": ID,
        "description": "Update Prisma schema with certifications model", "status": "completed",
        "file": "apps/dashboard-server/src/schema.prisma",
    }  # fmt: skip
    assert id.startswith("run-") and id != second["id"]
    told = summary.make_session([one], at)
    assert told == {
        "type": "session", "id": told["id"], "at": "2026-02-07T22:15:00.000Z", "session": ID,
        "status": "completed", "agents": ["backend"],
        "repository": "/Users/bjornevers_MacPro/HomeCare/beta-appcaire",
        "started": "2026-02-07T22:00:00.000Z", "ended": "2026-02-07T22:15:00.000Z",
    }  # fmt: skip
    assert id < told["id"], "at one instant, a task comes before the end of its session"


def test_what_the_state_knows_is_told_and_nothing_is_made_up():
    later = clock.to_text(LATER)
    tasks = [
        task("timed", startTime=TIME, endTime=later, kind="migration", model="m", error="old"),
        task("failed", "failed", error="no\nserver", file="a\nb\x1b[2J"),
        task("blocked", "blocked", endTime=later),
        *(task(status, status) for status in ("pending", "in_progress")),
        task("ahead", startTime=TIME, endTime=clock.to_text(LATER + 1)),
        task("backwards", startTime=later, endTime=TIME),
        task("not a time", startTime="yesterday", endTime=7),
        task("long" * 9000),
    ]
    events = {one["description"][:10]: one for one in summary.list_tasks(state(tasks=tasks), LATER)}
    extra = {"type", "id", "agent", "session", "description"}
    told = {name: {k: v for k, v in one.items() if k not in extra} for name, one in events.items()}
    long = told.pop("longlongl" + "o")
    done = {"status": "completed", "at": later}
    assert told == {
        "timed": {**done, "started": TIME, "ended": later, "kind": "migration", "model": "m"},
        "failed": {"status": "failed", "at": later, "error": "no\nserver", "file": "a b\ufffd[2J"},
        "blocked": {"status": "blocked", "at": later},
        "ahead": done, "backwards": done, "not a time": done,
    }  # fmt: skip
    assert long == done
    assert events["longlongl" + "o"]["description"].endswith("… (36000 characters)")


@pytest.mark.parametrize("agents, ended", [
    ([("orchestrator", "completed"), ("backend", "in_progress")], "completed"),
    ([("orchestrator", "failed"), ("backend", "completed")], "failed"),
    ([("orchestrator", "in_progress"), ("backend", "completed")], None),
    ([("backend", "completed"), ("frontend", "in_progress")], None),
    ([("backend", "completed"), ("frontend", "pending")], None),
    ([("backend", "completed"), ("frontend", "blocked")], "blocked"),
    ([("backend", "failed"), ("frontend", "completed")], "failed"),
])  # fmt: skip
def test_when_a_session_has_ended(agents, ended):
    states = [state(*one) for one in agents]
    assert summary.has_ended(states) == bool(ended)
    told = summary.make_session(states, LATER)
    assert ("ended" in told, told["agents"]) == (bool(ended), sorted(name for name, _ in agents))
    assert told["status"] == ended or not ended and told["status"] in ("in_progress", "pending")


@pytest.mark.parametrize("artifacts, url", [
    ({"prUrl": "https://example.org/1"}, "https://example.org/1"),
    ({"pull_request": "http://example.org/2", "report": "https://example.org"},
     "http://example.org/2"),
    ({"prUrl": 7, "pr": "none"}, None),
])  # fmt: skip
def test_the_pull_request(artifacts, url):
    told = summary.make_session([state("orchestrator"), state(artifacts=artifacts)], NOW)
    assert told.get("pr_url") == url


def test_a_second_run_tells_only_what_is_new():
    """Each line is a run: when it started, its tasks, and which of them are told of it."""
    known: list[dict] = []
    for start, tasks, told in (
        (1, {"a": "completed", "b": "failed"}, ["a", "b"]),
        (1, {"a": "completed", "b": "failed"}, []),  # killed before the state was written
        (1, {"a": "completed", "b": "failed", "c": "in_progress"}, []),
        (2, {"a": "completed", "b": "completed", "c": "completed"}, ["b", "c"]),
        (3, {"a": "failed", "b": "completed", "c": "completed"}, ["a"]),
        (4, {"a": "completed", "b": "completed", "c": "completed"}, ["a"]),
    ):
        one = state(tasks=[task(*pair) for pair in tasks.items()], start=clock.to_text(start))
        new = summary.leave_out(summary.list_tasks(one, NOW + start), known)
        assert [event["description"] for event in new] == told
        known += new
    assert len({event["id"] for event in known}) == len(known)


def test_a_task_that_was_tried_again_within_one_status():
    times = {"startTime": clock.to_text(1000), "endTime": clock.to_text(2000)}
    again = {"startTime": clock.to_text(3000), "endTime": clock.to_text(4000)}
    first, second = (summary.list_tasks(state(tasks=[task("a", **t)]), NOW) for t in (times, again))
    assert summary.leave_out(second, first) == second
    assert summary.leave_out(second, [*second, *first]) == []


def test_what_the_agent_logged_itself_is_not_told_again():
    own = {"type": "task", "id": "x", "at": TIME, "agent": "backend", "session": ID,
           "description": "a", "status": "completed", "duration_s": 5}  # fmt: skip
    events = summary.list_tasks(state(tasks=[task("a"), task("b")]), LATER)
    assert [one["description"] for one in summary.leave_out(events, [own])] == ["b"]
    assert len(summary.leave_out(events, [{**own, "agent": "frontend"}])) == 2


@given(
    description=texts.filter(str.strip),
    file=texts,
    keys=metas,
    status=st.sampled_from(summary.ENDED),
)
def test_whatever_a_state_holds_makes_events_that_the_journal_takes(
    description, file, keys, status
):
    one = state(tasks=[{**keys, **task(description, status, file=file)}], targetRepo=file)
    for event in [*summary.list_tasks(one, NOW), summary.make_session([one], NOW)]:
        made = journal.compose(dict(event), NOW, journal.Mint())
        assert made["id"] == event["id"]
        assert journal.parse(journal.render(made)).fields == json.loads(journal.render(made))
