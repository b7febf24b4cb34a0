"""Many at once: nothing is lost, nothing is mixed, nobody is told to come back."""

import multiprocessing
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial

import pytest
from plainmind.formats.resident import bullets
from plainmind.ground import exchange, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BUSY, BadData
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.memory.resident import writing
from plainmind.truth.log import context_ends, pinning, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.resident import journal
from plainmind.truth.work import journal as work_journal
from plainmind.truth.work import sessions
from plainmind.work import verbs
from scene import NOW, ROOT, STAMP, TIME

CONTEXT = "test/many"
WINDOW = f"logs/{CONTEXT}/{STAMP}.md"
PROCESSES, EVENTS = 64, 20

fork = multiprocessing.get_context("fork")
pytestmark = pytest.mark.usefixtures("patient")


@pytest.fixture
def home(tmp_path) -> Home:
    """In memory where that can be: fsync is not what this is about."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else str(tmp_path)
    ) as folder:
        yield Home(os.path.join(folder, "home"))


def content(process: int, event: int) -> str:
    return f"{process}/{event}\n" * (1 + (process * event) % 40)


def together(work, count: int) -> list:
    """Run `work(number)` in so many processes that start as one; what each returns."""
    start, answers = fork.Event(), fork.SimpleQueue()

    def one(number: int) -> None:
        start.wait(60)
        try:
            answers.put((number, work(number)))
        except BaseException as error:
            answers.put((number, error))

    processes = [fork.Process(target=one, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    start.set()
    found = dict(answers.get() for _ in processes)
    for process in processes:
        process.join(60)
    assert not [a for a in found.values() if isinstance(a, BaseException)], found
    return [found[number] for number in range(count)]


def at_once(env: dict[str, str], commands: list[tuple[list[str], str]]) -> list[str]:
    """What commands print, each with its input. One that waited 5 s for the others on a busy
    machine, and was told to come back, does so."""

    def run(one: tuple[list[str], str]) -> str:
        for _ in range(5):
            done = subprocess.run(one[0], input=one[1], capture_output=True, text=True, env=env)
            if done.returncode != BUSY:
                break
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, commands))


def test_64_processes_append_20_events_each(home):
    def work(number: int) -> list[str]:
        log = Log(home)
        return [
            log.append(CONTEXT, [EventDraft(NOW, "user", content(number, n), {"p": number})], NOW)[
                0
            ].ref
            for n in range(EVENTS)
        ]

    refs = together(work, PROCESSES)
    opened = reader.read_window(home, WINDOW)
    found = {e.ref: e.content for e in map(opened.event, opened.blocks())}
    assert len(found) == len(opened.entries) == PROCESSES * EVENTS, "lost, or not an event"
    for number, mine in enumerate(refs):
        assert [found[ref] for ref in mine] == [content(number, n) for n in range(EVENTS)]
        assert mine == sorted(mine, key=lambda ref: int(ref.rpartition(":")[2])), "out of order"
    assert list(verify.verify_windows(home, [])) == []
    assert files.read(home.window_heads).count(b"\n") == PROCESSES * EVENTS


def test_64_processes_append_events_with_ids_to_four_contexts(home, monkeypatch):
    """Each event twice, by two processes: it is there once, and both are told where."""
    monkeypatch.setattr(context_ends, "LEAST", 4096)
    contexts = [f"test/many{n}" for n in range(4)]

    def work(number: int) -> list[str]:
        log, pair = Log(home), number // 2
        some = [
            EventDraft(NOW, "user", content(pair, n), {"id": f"{pair}/{n}"}) for n in range(EVENTS)
        ]
        at = [some[: EVENTS // 2], *([one] for one in some[EVENTS // 2 :])]
        return [one.ref for part in at for one in log.append(contexts[pair % 4], part, NOW)]

    refs = together(work, PROCESSES)
    assert refs[::2] == refs[1::2]
    windows = [reader.read_window(home, f"logs/{one}/{STAMP}.md") for one in contexts]
    found = {e.ref: e.content for one in windows for e in map(one.event, one.blocks())}
    assert len(found) == PROCESSES // 2 * EVENTS
    for pair, mine in enumerate(refs[::2]):
        assert [found[ref] for ref in mine] == [content(pair, n) for n in range(EVENTS)]
    assert list(verify.verify_windows(home, [])) == []


def test_64_commands_at_once(home):
    """The first events of a home: the folders and the window are made once."""
    command = [os.path.join(ROOT, "bin", "mem-append"), "--context", CONTEXT, "--role", "user"]
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME}
    for number, ref in enumerate(
        at_once(env, [(command, content(n, 7)) for n in range(PROCESSES)])
    ):
        assert reader.read_event(home, ref.strip()).content == content(number, 7)
    assert home.list_windows(CONTEXT) == [f"{STAMP}.md"]
    assert len(reader.read_window(home, WINDOW).blocks()) == PROCESSES
    assert list(verify.verify_windows(home, [])) == []


def test_ids_that_many_bring_are_written_once(home):
    """Sixteen imports of the same lines at the same time."""

    def work(_: int) -> list[str]:
        log, refs = Log(home), []
        for start in range(0, 60, 10):
            drafts = [
                EventDraft(NOW, "user", f"line {n}", {"id": n}) for n in range(start, start + 10)
            ]
            refs += [w.ref for w in log.append(CONTEXT, drafts, NOW)]
        return refs

    answers = together(work, 16)
    assert all(answer == answers[0] for answer in answers)
    opened = reader.read_window(home, WINDOW)
    assert sorted(opened.event(b).content for b in opened.blocks()) == sorted(
        f"line {n}" for n in range(60)
    )
    assert list(verify.verify_windows(home, [])) == []


def test_windows_end_while_others_append(home):
    """An ended window is never written again, and no event falls between two."""

    def work(number: int) -> list[str]:
        log = Log(home)
        if number % 4 == 0:
            return [log.start_window(CONTEXT, NOW + n) and "" for n in range(8)]
        return [
            log.append(CONTEXT, [EventDraft(NOW, "user", content(number, n), {})], NOW)[0].ref
            for n in range(EVENTS)
        ]

    answers = together(work, 16)
    for number, refs in enumerate(answers):
        if number % 4:
            assert [reader.read_event(home, ref).content for ref in refs] == [
                content(number, n) for n in range(EVENTS)
            ]
    windows = [
        reader.read_window(home, f"logs/{CONTEXT}/{name}") for name in home.list_windows(CONTEXT)
    ]
    assert len(windows) in (32, 33), "32 were started, and one more if somebody appended before"
    assert sum(len(window.blocks()) for window in windows) == 12 * EVENTS
    modes = [os.stat(home.path(window.path)).st_mode & 0o777 for window in windows]
    assert modes == [0o400] * (len(windows) - 1) + [0o600]
    assert list(verify.verify_windows(home, [])) == []


def test_pins_that_many_add_and_remove(home):
    """Every pin that was added and not removed is there once, and so is what a person wrote
    before."""
    log = Log(home)
    refs = [
        w.ref
        for w in log.append(CONTEXT, [EventDraft(NOW, "user", str(n), {}) for n in range(64)], NOW)
    ]
    files.make_folder(home.path("pins"))
    with open(home.pins, "wb") as file:
        file.write(b"mine, without an end")

    def work(number: int) -> None:
        for ref in refs[number * 8 : number * 8 + 8]:
            event = reader.read_event(home, ref)
            pinning.pin(home, event)
            if event.line % 2:
                pinning.unpin(home, event.path, event.line)

    together(work, 8)
    kept = sorted(ref for ref in refs if int(ref.rpartition(":")[2]) % 2 == 0)
    assert sorted(pin.ref for pin in pinning.read_pins(home)) == kept
    assert files.read(home.pins).startswith(b"mine, without an end\n")
    assert os.listdir(home.path("pins")) == ["pins.md"]


SESSION = "session-1769783035"


def order(home, agent: str, verb: str, *words: str, id: str | None = SESSION):
    return verbs.carry_out(home, verbs.parse(verb, words, {}), id, agent, NOW, bytes, False)


def states(home) -> dict:
    def broken(failure) -> None:
        raise failure

    return {state.agent: state for state in sessions.read_states(home, SESSION, broken)}


def test_sixteen_write_the_state_of_one_agent_while_others_look(home):
    """Every task, artifact and step of every one is there, each one's in its order, and so is a
    person's key."""
    order(home, "backend", "start")
    sessions.change_state(home, SESSION, "backend", lambda old: {**old, "theirs": [1.5]})

    def work(number: int) -> None:
        for n in range(8):
            order(home, "backend", "task", f"{number}/{n}")
            order(home, "backend", "artifact", f"{number}/{n}:={n}")
            assert f"{number}/{n}" in states(home)["backend"].fields["artifacts"]
            order(home, "backend", "next", "frontend", f"{number}/{n}")

    together(work, 16)
    fields = states(home)["backend"].fields
    found = [task["description"] for task in fields["completedTasks"]]
    for number in range(16):
        mine = [f"{number}/{n}" for n in range(8)]
        assert [each for each in found if each in mine] == mine
        assert [step["action"] for step in fields["nextSteps"] if step["action"] in mine] == mine
    assert (len(found), len(fields["artifacts"]), len(fields["nextSteps"])) == (128, 128, 128)
    assert fields["theirs"] == [1.5]
    assert os.listdir(home.path("work", SESSION)) == ["backend.json"]


def test_sixteen_agents_of_one_session(home):
    def work(number: int) -> None:
        order(home, f"agent-{number}", "start")
        for n in range(8):
            order(home, f"agent-{number}", "task", str(n))
        order(home, f"agent-{number}", "end")

    together(work, 16)
    found = states(home)
    assert len(found) == 16 and {state.status for state in found.values()} == {"completed"}
    assert all(
        [task["description"] for task in s.fields["completedTasks"]] == list("01234567")
        for s in found.values()
    )


def test_runs_that_end_at_once_are_in_the_journal_once(home):
    """Fifteen processes end five agents, each of them three times."""
    agents = ("orchestrator", "backend", "frontend", "infrastructure", "verification")
    for agent in agents:
        order(home, agent, "start")
        for n in range(3):
            order(home, agent, "task", f"{agent} {n}")
    together(lambda number: order(home, agents[number % 5], "end"), 15)
    told = [row.line.fields for row in work_journal.read(home)]
    tasks = [one["description"] for one in told if one["type"] == "task"]
    assert sorted(tasks) == sorted(f"{agent} {n}" for agent in agents for n in range(3))
    assert [one["status"] for one in told if one["type"] == "session"] == ["completed"]


def test_sixteen_processes_write_five_agents_of_one_session(home):
    """Whoever writes for whom: every task, artifact and step is there, each one's in its order."""
    agents = ("orchestrator", "backend", "frontend", "infrastructure", "verification")
    for agent in agents:
        order(home, agent, "start")

    def work(number: int) -> None:
        for n in range(10):
            agent = agents[(number + n) % 5]
            order(home, agent, "task", f"{number}/{n}")
            order(home, agent, "artifact", f"{number}/{n}:={n}")
            order(home, agent, "next", agents[number % 5], f"{number}/{n}")

    together(work, 16)
    found = {agent: state.fields for agent, state in states(home).items()}
    for at, agent in enumerate(agents):
        due = [f"{number}/{n}" for number in range(16) for n in range(10) if (number + n) % 5 == at]
        tasks = [task["description"] for task in found[agent]["completedTasks"]]
        assert sorted(tasks) == sorted(due) == sorted(found[agent]["artifacts"])
        assert sorted(step["action"] for step in found[agent]["nextSteps"]) == sorted(due)
        for number in range(16):
            mine = [one for one in due if one.startswith(f"{number}/")]
            assert [one for one in tasks if one in mine] == mine


def test_sixteen_sessions_started_in_one_second(home):
    ids = together(lambda number: order(home, "orchestrator", "start", id=None).session, 16)
    assert (
        sorted(ids)
        == sorted(sessions.list_sessions(home))
        == [f"session-{NOW // 1000 + n}" for n in range(16)]
    )


def test_sixteen_log_work_at_once(home):
    """Every event of every one is there, once, whole, and each one's in its order."""

    def work(number: int) -> list[str]:
        log = partial(work_journal.log, home, now=NOW)
        draft = {"type": "task", "agent": f"agent-{number}", "description": content(number, 3)}
        return [event["id"] for n in range(20) for event in log([draft] * (1 + n % 3))]

    ids = together(work, 16)
    rows = list(work_journal.read(home))
    assert [row for row in rows if isinstance(row, BadData)] == []
    for number, mine in enumerate(ids):
        found = [row.line for row in rows if row.line.fields["agent"] == f"agent-{number}"]
        assert [line.id for line in found] == mine
        assert {line.fields["description"] for line in found} == {content(number, 3)}
    assert len({id for mine in ids for id in mine}) == len(rows) == 16 * 39


def test_sixteen_commands_write_at_once(home):
    order(home, "backend", "start")
    env = {
        "PATH": os.environ["PATH"],
        "MIND_HOME": home.root,
        "MIND_SESSION": SESSION,
        "MIND_AGENT": "backend",
    }
    page = os.path.join(ROOT, "bin", "work-session")
    assert at_once(env, [([page, "task", f"task {n}"], "") for n in range(16)]) == [""] * 16
    assert {task["description"] for task in states(home)["backend"].fields["completedTasks"]} == {
        f"task {n}" for n in range(16)
    }
    page = os.path.join(ROOT, "bin", "work-log")
    lines = [
        "".join(f'{{"type":"lesson","lesson":"{n}/{m}"}}\n' for m in range(9)) for n in range(8)
    ]
    both = [([page, "-"], text) for text in lines]
    both += [([page, "task", f"description={n}"], "") for n in range(8)]
    assert at_once(env, both) == [""] * 16
    events = [row.line.fields for row in work_journal.read(home)]
    said = [event.get("lesson", event.get("description")) for event in events]
    assert sorted(said) == sorted(
        [f"{n}/{m}" for n in range(8) for m in range(9)] + [str(n) for n in range(8)]
    )


def remember_and_flush(home: Home, number: int) -> None:
    said: list[str] = []
    memory = Memory(
        home, Environment(), Settings("", "", lambda name: ""), lambda: NOW, said.append
    )
    for n in range(8):
        writing.stage(memory, None, "global", f"fact {number}/{n}", topic=f"Topic {n % 3}")
        writing.flush(memory)


def test_sixteen_agents_remember_and_flush_at_once(home):
    """Each bullet is in the index once, and nothing waits in the journal."""
    together(lambda number: remember_and_flush(home, number), 16)
    data = files.read(home.path("memory/MEMORY.md"))
    facts = [one.fact for one in bullets.parse(data).bullets]
    assert sorted(facts) == sorted(f"fact {number}/{n}" for number in range(16) for n in range(8))
    there = journal.read(home)
    assert not there.staged and not there.rejected and os.listdir(home.path("memory")) == [
        "MEMORY.md"
    ]  # fmt: skip


def test_without_the_lock_tasks_would_be_lost(home, monkeypatch):
    """The control: two read the same state before either has written, and nothing is exchanged
    back."""
    order(home, "backend", "start")
    both = fork.Barrier(2)
    monkeypatch.setattr(files, "lock", lambda *_, **__: nullcontext())

    def replaced(path: str, change, **how) -> None:
        data = change(files.read(path))
        both.wait(60)
        files.replace(path, data)

    monkeypatch.setattr(exchange, "edit", replaced)
    together(lambda number: order(home, "backend", "task", str(number)), 2)
    assert len(states(home)["backend"].fields["completedTasks"]) == 1


def test_without_the_lock_this_would_fail(home, monkeypatch):
    """The control: two find the same end of the window before either has written."""
    Log(home).append(CONTEXT, [EventDraft(NOW, "user", "before", {})], NOW)
    both, append = fork.Barrier(2), files.append

    def append_together(path: str, data: bytes, **more) -> int:
        if path == home.path(WINDOW):
            both.wait(60)
        return append(path, data, **more)

    monkeypatch.setattr(files, "lock", lambda *_, **__: nullcontext())
    monkeypatch.setattr(files, "append", append_together)

    def work(number: int) -> str:
        return Log(home).append(CONTEXT, [EventDraft(NOW, "user", "at once", {})], NOW)[0].ref

    one, other = together(work, 2)
    assert one == other and list(verify.verify_windows(home, [])) != []
