"""The end of a run is in the journal once, however often it is ended, whoever saves meanwhile."""

import os

import pytest
from plainmind.formats.work import session
from plainmind.ground import exchange, files
from plainmind.ground.errors import BadData, NotPermitted
from plainmind.truth.work import journal, sessions
from plainmind.work import verbs
from scene import NOW

ID = "session-1769783035"

pytestmark = pytest.mark.usefixtures("unsynced")


def order(home, agent, verb, *words, at=0, dry_run=False, **options):
    call = verbs.parse(verb, words, options)
    return verbs.carry_out(home, call, ID, agent, NOW + at * 1000, bytes, dry_run)


def told(home) -> list[str]:
    """Each event of the journal in a word or two."""
    rows = [row.line.fields for row in journal.read(home)]
    done = {"completed": "", "failed": "!", "blocked": "?"}
    return [
        (row.get("agent") or "session") + " " + row.get("description", "") + done[row["status"]]
        for row in rows
    ]


def test_a_night_of_a_team(home):
    order(home, "orchestrator", "start")
    order(home, "backend", "start")
    order(home, "backend", "task", "model", status="in_progress")
    order(home, "backend", "task", "model", at=90)
    order(home, "backend", "task", "migrate", status="failed", error="no server")
    assert told(home) == []
    order(home, "backend", "end", at=100, status="failed")
    assert told(home) == ["backend model", "backend migrate!"]
    order(home, "backend", "end", at=101)  # said again: nothing new
    order(home, "backend", "start", at=200)
    order(home, "backend", "task", "migrate", at=210)
    order(home, "backend", "end", at=220)
    order(home, "orchestrator", "artifact", "prUrl=https://example.org/7", at=230)
    order(home, "orchestrator", "end", at=240)
    order(home, "frontend", "start", at=250)  # somebody comes late
    order(home, "frontend", "task", "form", at=260, kind="ui")
    order(home, "frontend", "end", at=270)
    events = ["backend model", "backend migrate!", "backend migrate", "session ", "frontend form"]
    assert told(home) == events
    first, failed, _, ended, form = (row.line.fields for row in journal.read(home))
    assert (first["started"], first["ended"], first["at"], failed["error"], form["kind"]) == (
        "2026-01-30T14:23:55.120Z", "2026-01-30T14:25:25.120Z", "2026-01-30T14:25:25.120Z",
        "no server", "ui",
    )  # fmt: skip
    assert (ended["pr_url"], ended["agents"]) == (
        "https://example.org/7", ["backend", "orchestrator"],
    )  # fmt: skip
    assert "ended" not in failed


def test_without_an_orchestrator_the_last_agent_ends_the_session(home):
    for agent in ("backend", "frontend"):
        order(home, agent, "start")
        order(home, agent, "task", agent)
    order(home, "backend", "end")
    assert told(home) == ["backend backend"]
    order(home, "frontend", "end", status="blocked")
    assert told(home)[1:] == ["frontend frontend", "session ?"]
    order(home, "backend", "start", at=9)
    order(home, "backend", "end", at=10)
    assert told(home)[3:] == ["session ?"], "another end of the session, nothing else"


def test_a_state_that_cannot_be_read_may_be_the_orchestrators(home):
    order(home, "backend", "start")
    path = home.path("work", ID, "orchestrator.json")
    files.replace(path, b"{")
    order(home, "backend", "end")
    assert told(home) == []
    os.unlink(path)
    order(home, "backend", "end")
    assert told(home) == ["session "]


def test_a_dry_run_and_what_is_refused_log_nothing(home):
    order(home, "backend", "start")
    order(home, "backend", "task", "a")
    order(home, "backend", "end", dry_run=True)
    files.replace(home.path("work", ID, "frontend.json"), b"{}")
    with pytest.raises(BadData):
        order(home, "frontend", "end")
    assert told(home) == [] and not os.path.exists(home.path("work/events.jsonl"))


def test_what_somebody_saves_at_that_moment_is_told_too(home, monkeypatch):
    """A task comes between the reading of the state and its exchange: the change is made again."""
    order(home, "backend", "start")
    order(home, "backend", "task", "a")
    stage, path = exchange._stage, home.path("work", ID, "backend.json")

    def save_first(*args):
        monkeypatch.setattr(exchange, "_stage", stage)
        beside = stage(*args)
        state = session.parse(files.read(path), f"work/{ID}/backend.json")
        theirs = session.State(state.path, session.add_task(state.fields, "b", NOW))
        files.replace(path, session.render(theirs))
        return beside

    monkeypatch.setattr(exchange, "_stage", save_first)
    order(home, "backend", "end")
    assert told(home) == ["backend a", "session ", "backend b"]
    (state,) = sessions.read_states(home, ID, print)
    assert (state.status, len(state.fields["completedTasks"])) == ("completed", 2)


def test_secrets_are_masked_and_still_told_once(home):
    order(home, "backend", "start")
    order(home, "backend", "task", "log in with sk-0123456789abcdefghij")
    for _ in range(2):
        order(home, "backend", "end")
    assert told(home) == ["backend log in with ***", "session "]


def test_a_session_is_found_among_others_whatever_the_lines_are(home):
    """Torn, too long, of another session that names this one, and over the edges of pieces."""
    order(home, "backend", "start")
    order(home, "backend", "task", "a")
    order(home, "backend", "end")
    ours = files.read(home.path("work/events.jsonl"))
    other = b'{"type":"lesson","id":"x%d","at":"2026-01-30T14:23:55.120Z","lesson":"%s"}\n'
    noise = b"".join(
        other % (n, b'\\"' + ID.encode() + b'\\"' + b"x" * (n % 900)) for n in range(4000)
    )
    junk = b'{"session":"' + ID.encode() + b'"\n' + b"y" * 3_000_000 + b"\n"
    for data in (noise + ours, junk + noise + ours + b'{"session":"' + ID.encode() + b'"'):
        files.replace(home.path("work/events.jsonl"), data)
        assert [row["type"] for row in journal.find(home, ID)] == ["task", "session"]
        order(home, "backend", "end")
        assert files.read(home.path("work/events.jsonl")) == data


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_journal_that_is_no_file_ends_nothing(home, kind, tmp_path):
    order(home, "backend", "start")
    order(home, "backend", "task", "a")
    path = home.path("work/events.jsonl")
    {"pipe": os.mkfifo, "folder": os.mkdir}.get(
        kind, lambda path: os.symlink(tmp_path / "elsewhere", path)
    )(path)
    with pytest.raises(NotPermitted, match="the journal is"):
        order(home, "backend", "end")
    (state,) = sessions.read_states(home, ID, print)
    assert state.status == "in_progress" and not (tmp_path / "elsewhere").exists()
