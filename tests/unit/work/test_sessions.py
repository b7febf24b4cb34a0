"""The files of sessions: found, read and changed, whatever else is there, and whoever saves
meanwhile."""

import json
import os
import stat

import pytest
from plainmind.formats.work import session
from plainmind.ground import exchange, files
from plainmind.ground.errors import BadData, Failure, NoInput, NotPermitted
from plainmind.truth.work import sessions
from scene import NOW

ID, LATER = "session-1769783035", "session-1769783036"  # the first second from NOW on
PATH = f"work/{ID}/backend.json"

pytestmark = pytest.mark.usefixtures("unsynced")


def start(home, id=ID, agent="backend") -> session.State:
    return sessions.change_state(
        home, id, agent, lambda old: session.start_state(old, id, agent, NOW)
    )


def task(description):
    return lambda old: session.add_task(old, description, NOW)


def tasks(home, id=ID, agent="backend") -> list[str]:
    (state,) = (s for s in sessions.read_states(home, id, refuse) if s.agent == agent)
    return [each["description"] for each in state.fields["completedTasks"]]


def refuse(failure: Failure) -> None:
    raise failure


def put(home, path, data: bytes) -> str:
    full = home.path(path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data)
    return full


def test_a_first_change_makes_the_file_and_the_next_change_it(home):
    assert start(home).path == PATH
    sessions.change_state(home, ID, "backend", task("one"))
    state = sessions.change_state(home, ID, "backend", task("two"))
    assert files.read(home.path(PATH)) == session.render(state)
    assert tasks(home) == ["one", "two"]
    assert sorted(os.listdir(home.path("work"))) == [".lock", ID] and os.listdir(
        home.path("work", ID)
    ) == ["backend.json"]
    assert stat.S_IMODE(os.stat(home.path(PATH)).st_mode) == 0o600


def test_a_dry_run_writes_nothing(home):
    state = sessions.change_state(
        home, ID, "backend", lambda old: session.start_state(old, ID, "backend", NOW), dry_run=True
    )
    assert state.status == "in_progress"
    assert sessions.begin_session(home, "backend", NOW, starting, dry_run=True).session == ID
    assert not os.path.exists(home.root)
    start(home)
    before = files.read(home.path(PATH))
    assert (
        len(
            sessions.change_state(home, ID, "backend", task("one"), dry_run=True).fields[
                "completedTasks"
            ]
        )
        == 1
    )
    assert files.read(home.path(PATH)) == before


def starting(id):
    return lambda old: session.start_state(old, id, "backend", NOW)


def test_a_new_session_takes_the_first_second_that_is_free(home):
    assert [sessions.begin_session(home, "backend", NOW, starting).session for _ in range(2)] == [
        ID,
        LATER,
    ]
    assert (
        sessions.begin_session(home, "backend", NOW - 5000, starting).session
        == "session-1769783030"
    )
    os.mkdir(home.path("work", "session-1769783031"))  # a start that was killed
    assert (
        sessions.begin_session(home, "backend", NOW - 5000, starting).session
        == "session-1769783031"
    )


def test_sessions_newest_first_and_what_is_none(home):
    for id in (ID, "session-99", "session-1769783100"):
        start(home, id)
    for path in (
        "work/notes/backend.json",
        "work/session-5/notes.md",
        "work/session-6",
        "work/events.jsonl",
        "work/session-7/.x.json",
    ):
        put(home, path, b"")
    os.makedirs(home.path("work", "session-8"))
    assert sessions.list_sessions(home) == ["session-1769783100", ID, "session-99"]
    assert sessions.resolve_session(home, None) == "session-1769783100"
    assert sessions.resolve_session(home, ID) == ID
    for none in ("session-5", "session-6", "session-8", "session-9"):
        with pytest.raises(NoInput, match=f"no session '{none}'"):
            sessions.resolve_session(home, none)


def test_no_session_at_all(home):
    assert sessions.list_sessions(home) == []
    with pytest.raises(NoInput, match="no session yet; start one"):
        sessions.resolve_session(home, None)


def test_the_orchestrator_comes_first(home):
    for agent in ("verification", "backend", "orchestrator"):
        start(home, agent=agent)
    put(home, f"work/{ID}/backend (conflict 20260130T142355Z).json", b"")
    put(home, f"work/{ID}/.backend.json.77-0.tmp", b"")
    assert sessions.list_agents(home, ID) == ["orchestrator", "backend", "verification"]


def test_one_broken_state_of_many_is_reported(home):
    for agent in ("a", "b", "c", "d"):
        start(home, agent=agent)
    put(home, f"work/{ID}/b.json", b'{"agentName": "b",')
    os.unlink(home.path("work", ID, "c.json"))
    os.mkdir(home.path("work", ID, "c.json"))
    reported: list[Failure] = []
    assert [state.agent for state in sessions.read_states(home, ID, reported.append)] == ["a", "d"]
    assert [f"{failure.place} {failure.what}".partition(": ")[0] for failure in reported] == [
        f"work/{ID}/b.json:1 not valid JSON",
        f"work/{ID}/c.json no file",
    ]


def test_who_is_running(home):
    start(home)
    start(home, agent="frontend")
    sessions.change_state(home, ID, "backend", lambda old: session.end_state(old, NOW))
    assert sessions.is_running(home, ID) and sessions.is_running(home, ID, "frontend")
    assert not sessions.is_running(home, ID, "backend")
    put(home, f"work/{ID}/frontend.json", b"broken")
    assert not sessions.is_running(home, ID)


# ---- what others write


def test_keys_and_layout_of_another_program(home):
    theirs = {
        "agentName": "backend", "status": "in_progress", "sessionId": ID,
        "reasoning": [{"so": 1.5}], "completedTasks": None,
    }  # fmt: skip
    full = put(home, PATH, json.dumps(theirs, indent=8).encode())
    os.chmod(full, 0o664)
    state = sessions.change_state(home, ID, "backend", task("one"))
    assert state.fields == {
        **theirs,
        "completedTasks": [{"description": "one", "status": "completed"}],
    }
    assert json.loads(files.read(full)) == state.fields
    assert stat.S_IMODE(os.stat(full).st_mode) == 0o664


def test_a_change_that_changes_nothing_keeps_every_byte(home):
    data = json.dumps(
        {"agentName": "backend", "status": "pending", "sessionId": ID, "artifacts": {"n": 1}}
    ).encode()
    full = put(home, PATH, data)
    inode = os.stat(full).st_ino
    sessions.change_state(home, ID, "backend", lambda old: session.add_artifacts(old, {"n": 1}))
    assert files.read(full) == data and os.stat(full).st_ino == inode
    sessions.change_state(
        home, ID, "backend", lambda old: session.add_artifacts(old, {"n": True})
    )  # which Python takes for 1
    assert json.loads(files.read(full))["artifacts"] == {"n": True}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"agentName":"backend"}', b"\xff", b'{"a":1,"a":2}']
)
def test_what_is_broken_is_never_touched(home, data):
    start(home)
    full = put(home, PATH, data)
    before = files.read(full), os.stat(full).st_ino, os.stat(full).st_mtime_ns
    for change in (task("x"), lambda old: session.start_state(old, ID, "backend", NOW)):
        with pytest.raises(BadData) as refused:
            sessions.change_state(home, ID, "backend", change)
        assert refused.value.place.startswith(PATH)
    assert (files.read(full), os.stat(full).st_ino, os.stat(full).st_mtime_ns) == before
    assert os.listdir(os.path.dirname(full)) == ["backend.json"]


def in_place(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def by_rename(path: str, data: bytes) -> None:
    in_place(path + ".new", data)
    os.rename(path + ".new", path)


@pytest.mark.parametrize("save", [in_place, by_rename])
@pytest.mark.parametrize("moment", ["before", "while", "after"])
def test_what_somebody_saves_meanwhile_is_in_the_end_there(home, save, moment, monkeypatch):
    """Before the file is read, while the change is made, right before the exchange."""
    start(home)
    full = home.path(PATH)
    saves = []

    def once() -> None:
        if not saves:
            saves.append(1)
            save(full, json.dumps({**json.loads(files.read(full)), "theirs": "words"}).encode())

    if moment == "before":
        once()
    swap = exchange.swap
    monkeypatch.setattr(
        exchange, "swap", lambda one, other: (moment == "after" and once(), swap(one, other))[1]
    )

    def change(old):
        if moment == "while":
            once()
        return session.add_task(old, "ours", NOW)

    sessions.change_state(home, ID, "backend", change)
    fields = json.loads(files.read(full))
    assert fields["theirs"] == "words" and fields["completedTasks"] == [
        {"description": "ours", "status": "completed"}
    ]
    assert saves and os.listdir(os.path.dirname(full)) == ["backend.json"]


def test_what_a_change_that_was_killed_left_is_cleared_by_the_next(home):
    start(home)
    full, dead = home.path(PATH), 2**22 + 1
    taken = f"{exchange._digest(b'old')}-{exchange._digest(b'new')}"
    put(home, f"work/{ID}/.backend.json.{dead}-0.{taken}.swap", b"old")
    put(home, f"work/{ID}/.backend.json.{dead}-1.{taken}.swap", b"a save of somebody's")
    put(home, f"work/{ID}/.backend.json.{dead}-2.tmp", b"ne")
    sessions.change_state(home, ID, "backend", task("ours"))
    kept, ours = sorted(os.listdir(os.path.dirname(full)))
    assert kept.startswith("backend (conflict ") and ours == "backend.json"
    assert files.read(home.path("work", ID, kept)) == b"a save of somebody's"
    assert sessions.list_agents(home, ID) == ["backend"]


def test_what_somebody_breaks_meanwhile_stays_as_they_left_it(home):
    start(home)
    full = home.path(PATH)

    def change(old):
        in_place(full, b"half a fi")
        return session.add_task(old, "ours", NOW)

    with pytest.raises(BadData, match="not valid JSON"):
        sessions.change_state(home, ID, "backend", change)
    assert files.read(full) == b"half a fi" and os.listdir(os.path.dirname(full)) == [
        "backend.json"
    ]


def test_a_state_that_another_program_makes_at_the_same_moment(home):
    theirs = {"agentName": "backend", "status": "pending", "sessionId": ID, "theirs": 1}

    def change(old):
        if old is None:
            put(home, PATH, json.dumps(theirs).encode())
        return session.start_state(old, ID, "backend", NOW)

    assert sessions.change_state(home, ID, "backend", change).fields["theirs"] == 1
    assert json.loads(files.read(home.path(PATH)))["status"] == "in_progress"


# ---- what leads elsewhere


@pytest.mark.parametrize("id, agent", [
    ("../session-1", "backend"), ("session-1/../..", "backend"), (ID, "../../../etc/passwd"),
    (ID, "a/b"), (ID, ".lock"), (ID, ""),
    ("session-1\0", "backend"), (ID, "a\0"), ("/tmp", "backend"), (ID, "x" * 300), ("", "backend"),
])  # fmt: skip
def test_names_that_lead_elsewhere(home, id, agent):
    with pytest.raises(BadData):
        sessions.change_state(home, id, agent, lambda old: session.start_state(old, id, agent, NOW))
    assert not os.path.exists(home.root)


def test_links_that_lead_out_of_the_home(home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    target = outside / "backend.json"
    target.write_bytes(
        json.dumps({"agentName": "backend", "status": "pending", "sessionId": ID}).encode()
    )
    os.makedirs(home.path("work", LATER))
    os.symlink(outside, home.path("work", ID))
    os.symlink(target, home.path("work", LATER, "backend.json"))
    reported: list[Failure] = []
    for id in (ID, LATER):
        with pytest.raises(NotPermitted):
            start(home, id)
        assert sessions.read_states(home, id, reported.append) == []
    assert [type(failure) for failure in reported] == [NotPermitted, NotPermitted]
    assert json.loads(target.read_bytes())["status"] == "pending" and os.listdir(outside) == [
        "backend.json"
    ]


def test_a_pipe_under_the_name_of_a_state_is_not_waited_for(home):
    os.makedirs(home.path("work", ID))
    os.mkfifo(home.path(PATH))
    with pytest.raises(BadData, match="no file"):
        start(home)
    reported: list[Failure] = []
    assert sessions.read_states(home, ID, reported.append) == [] and len(reported) == 1
