"""The board's answers: the commands' records, as the memory folder is now, whatever happens to it;
and nothing is written by looking."""

import asyncio
import json
import os
import shutil
import sqlite3
import threading
from contextlib import closing

import asking
import pytest
from anyio.to_thread import current_default_thread_limiter
from asking import ask, make_board
from board_home import digest_truth, fill, open_memory, read_records
from plainmind.board import application, changes
from plainmind.board.pages import PAGES, find_page
from plainmind.ground import file_states, files
from plainmind.ground.errors import Misconfigured
from plainmind.index.sqlite import opening
from plainmind.index.sqlite.index_file import IndexFile
from plainmind.truth.work import journal, sessions
from scene import NOW, PATIENCE, TIME

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def app(home):
    fill(home)
    return make_board(lambda: open_memory(home))


ADDRESSES = [page.path for page in PAGES]
SESSIONS = find_page("sessions")
API = {
    "/api/sessions": "work-session list",
    "/api/agents": "work-xp",
    "/api/rl/agent-performance": "work-xp --performance",
    "/api/gamification/leaderboard": "work-xp --leaderboard xp",
    "/api/gamification/leaderboard?board=success": "work-xp --leaderboard success",
    "/api/gamification/agent/backend": "work-xp backend",
    "/api/gamification/achievements": "work-xp --achievements",
    "/api/gamification/achievements?agent=backend": "work-xp --achievements backend",
}


def test_answers_to_programs_are_the_commands_records(app, home, command):
    for address, words in API.items():
        answer = ask(app, address)
        said = read_records(command(*words.split(), "--json", "--now", TIME, home=home))
        found = answer.value if isinstance(answer.value, list) else [answer.value]
        assert (answer.status, found) == (200, said), address
        assert said and answer.headers["content-type"] == "application/json"
        assert ask(app, address, "HEAD").headers == answer.headers
    (first,) = [row for row in ask(app, "/api/rl/agent-performance").value if row["rewards"]]
    assert (first["agent"], first["mean_reward"]) == ("backend", 0.8)


def test_what_is_known_of_sessions_is_what_their_files_say(app, home, monkeypatch):
    read, asked = sessions.read_states, []
    look = lambda home, id, report: asked.append(id) or read(home, id, report)
    monkeypatch.setattr(sessions, "read_states", look)
    first = ask(app, "/api/sessions").value
    one, *others = [row["sessionId"] for row in first]
    asked.clear()
    state = home.path("work", one, "backend.json")
    with open(state, encoding="utf-8") as file:
        changed = file.read().replace('"in_progress"', '"blocked"', 1)
    files.replace(state, changed.encode())
    (row,) = [row for row in ask(app, "/api/sessions").value if row["sessionId"] == one]
    assert row["agents"]["backend"] == "blocked" and asked == [one]
    shutil.rmtree(home.path("work", one))
    assert [row["sessionId"] for row in ask(app, "/api/sessions").value] == others and asked == [
        one
    ]


@pytest.mark.parametrize("address", [*ADDRESSES, "/api/agents"])
def test_an_answer_opens_the_index_once_and_closes_it(address, app, monkeypatch):
    ask(app, "/")  # makes the index
    opened, closed = [], []
    open_store, close = opening._open, IndexFile.close
    monkeypatch.setattr(
        opening, "_open", lambda *asked: opened.append(open_store(*asked)) or opened[-1]
    )
    monkeypatch.setattr(IndexFile, "close", lambda one: closed.append(one) or close(one))
    assert ask(app, address).status == 200
    assert len(opened) <= 1 and closed == opened


@pytest.mark.parametrize(
    ("address", "method", "body", "status", "said"),
    [
        ("agents/", "GET", b"", 404, "not found"),
        ("gamification/agent/nobody", "GET", b"", 404, "no agent 'nobody'"),
        ("gamification/agent/bakend", "GET", b"", 404, "did you mean 'backend'"),
        ("gamification/agent/", "GET", b"", 404, ""),
        ("gamification/agent/..%2fx", "GET", b"", 404, ""),
        ("gamification/leaderboard?board=fame", "GET", b"", 400, "one of xp, tasks, success"),
        ("gamification/achievements?agent=A", "GET", b"", 400, "invalid agent"),
        ("agents", "DELETE", b"", 405, "not allowed"),
        ("agents", "OPTIONS", b"", 405, "not allowed"),
        ("gamification/award-xp", "POST", b"", 400, "not JSON"),
        ("gamification/award-xp", "POST", b"\xff\xfe", 400, "not JSON"),
        ("gamification/award-xp", "POST", b"[" * 60_000, 400, "not JSON"),
        ("gamification/award-xp", "POST", b"[]", 400, "not an object"),
        ("gamification/award-xp", "POST", b"{}", 400, "agent"),
        ("gamification/award-xp", "POST", b'{"agent":["x"]}', 400, "agent"),
        ("gamification/award-xp", "POST",
         b'{"agent":"backend","amount":5,"reason":"x","foo":1}', 400, "'foo' is not a field"),
        ("gamification/award-xp", "POST", b'{"agent":"ghost","amount":1,"reason":"x"}', 404,
         "no agent"),
        *[("gamification/award-xp", "POST", b'{"agent":"backend",%s}' % rest, 400, said)
          for rest, said in (
              (b'"amount":0,"reason":"x"', "amount"), (b'"amount":1001,"reason":"x"', "amount"),
              (b'"amount":1.5,"reason":"x"', "amount"), (b'"amount":true,"reason":"x"', "amount"),
              (b'"amount":"5","reason":"x"', "amount"), (b'"amount":NaN,"reason":"x"', "amount"),
              (b'"amount":5', "reason"), (b'"amount":5,"reason":""', "reason"),
              (b'"amount":5,"reason":7', "reason"),
          )],
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(home, address, method, body, status, said):
    app = make_board(lambda: open_memory(home))
    os.makedirs(home.path("work"))
    answer = ask(app, f"/api/{address}", method, body)
    assert (answer.status, list(answer.value)) == (status, ["error"])
    assert said in answer.value["error"]
    assert not os.path.exists(home.path("work", "events.jsonl"))


def test_an_award_is_a_line_of_the_journal_and_seen_at_once(app, home, monkeypatch):
    before = ask(app, "/api/gamification/agent/frontend").value["xp"]
    given = {"agent": "frontend", "amount": 30, "reason": "tidy\n\x1b[31m"}
    made = ask(app, "/api/gamification/award-xp", "POST", json.dumps(given).encode())
    assert (made.status, made.value) == (201, {"id": made.value["id"], **given})
    assert ask(app, "/api/gamification/agent/frontend").value["xp"] == before + 30
    with open(home.path(journal.PATH)) as file:
        assert json.loads(file.readlines()[-1])["reason"] == given["reason"]
    monkeypatch.setenv("MIND_AGENT", "frontend")
    refused = ask(app, "/api/gamification/award-xp", "POST", json.dumps(given).encode())
    assert refused.status == 403


def ask_everything(app):
    for address in (*ADDRESSES, *API):
        answer = ask(app, address)
        assert answer.status == 200, (address, answer.text)
    return ask(app, "/api/agents").body


def test_looking_writes_nothing(app, home, monkeypatch):
    """Nor does it need to, where the folder cannot be written and has no index."""
    before, real = digest_truth(home), os.access
    found = ask_everything(app)
    assert digest_truth(home) == before
    shutil.rmtree(home.index)

    def access(path, how):
        return not (how & os.W_OK and str(path).startswith(home.root)) and real(path, how)

    monkeypatch.setattr(os, "access", access)
    assert ask_everything(make_board(lambda: open_memory(home))) == found
    assert digest_truth(home) == before and not os.path.exists(home.index)


def test_a_folder_that_is_not_there_is_not_made(home):
    app = make_board(lambda: open_memory(home))
    for address in (*ADDRESSES, "/api/sessions", "/api/agents", "/api/gamification/achievements"):
        assert ask(app, address).status == 200, address
    assert not os.path.exists(home.root)
    fill(home)  # and is seen when it comes
    assert ask(app, "/api/sessions").value


def test_what_happens_to_the_index_while_it_is_open(app, home):
    found = ask_everything(app)

    def remove():
        shutil.rmtree(home.index)

    def damage():
        for name in os.listdir(home.index):
            if name == "mind.db":
                with open(os.path.join(home.index, name), "r+b") as file:
                    file.write(b"\0" * 4096)

    for happen in (remove, damage):
        happen()
        with open(home.path("pins", "pins.md"), "a") as file:
            file.write("\n")  # so that nothing is given again
        app = make_board(lambda: open_memory(home))
        assert ask_everything(app) == found


def test_the_index_is_read_while_another_writes(app, home, monkeypatch):
    """As mem-embed does, with the lock of the index and a transaction."""
    monkeypatch.setattr(file_states, "UNSETTLED", 0)
    found = ask_everything(app)
    with (
        files.lock(os.path.join(home.index, "lock")),
        closing(sqlite3.connect(os.path.join(home.index, "mind.db"), isolation_level=None)) as db,
    ):
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO settings VALUES ('being written', '1')")
        assert ask_everything(make_board(lambda: open_memory(home))) == found
        db.execute("ROLLBACK")


def test_a_damaged_state_is_told_on_its_page_and_hides_no_other(app, home):
    ids = sorted(os.listdir(home.path("work")))
    id = next(name for name in ids if name.startswith("session-"))
    with open(home.path("work", id, "orchestrator.json"), "w") as file:
        file.write("{")
    page = ask(app, f"/sessions/{id}")
    assert page.status == 200 and "orchestrator.json" in page.text
    assert ask(app, "/api/sessions").status == 200


def test_settings_that_are_wrong_are_told_until_they_are_right(app, home):
    """Each answer is as they are now, and what was secret before is secret still."""
    path = home.path("config.toml")
    with open(path) as file:
        right = file.read()
    for wrong, said in (("zone = 'Nowhere'", "config.toml:1"), ("x = ", "not valid TOML")):
        with open(path, "w") as file:
            file.write(wrong)
        page, data = ask(app, "/"), ask(app, "/api/agents")
        assert (page.status, data.status) == (503, 503)
        assert said in page.text and said in data.value["error"]
        assert page.headers["refresh"] == "5" and page.headers["retry-after"] == "5"
        assert ask(app, "/static/board.css").status == 200
        with open(path, "w") as file:
            file.write(right)
        assert ask(app, "/").status == 200
    with open(path, "w") as file:
        file.write('zone = "Asia/Tokyo"\n')
    assert ask(app, "/").status == 200
    os.rename(home.path(".env"), home.path(".env.away"))
    os.mkfifo(home.path(".env"))  # nobody waits for it
    page = ask(app, "/")
    assert page.status == 503 and home.path(".env") in page.text
    os.remove(home.path(".env"))
    assert ask(app, "/").status == 200


def test_what_somebody_has_is_not_sent_again(app, home):
    first = ask(app, SESSIONS.path)
    again = ask(app, SESSIONS.path, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert ask(app, "/api/agents", if_none_match=first.headers["etag"]).status in (200, 304)
    journal.log(home, [{"type": "praise", "agent": "backend"}], NOW)
    assert ask(app, "/api/agents", if_none_match=first.headers["etag"]).status == 200


@pytest.mark.parametrize(("path", "is_new"), [("index/mind.db", False), ("reminders.md", True)])
def test_what_is_written_while_a_page_is_made(app, home, monkeypatch, path, is_new):
    """The index by the page itself, which makes nothing new; anything else by somebody."""
    module = PAGES[0].module
    read = module.read
    ask(app, "/")

    def read_and_write(*given):
        found = read(*given)
        os.utime(home.path(path), ns=(1, 1))
        return found

    monkeypatch.setattr(module, "read", read_and_write)
    os.utime(home.path("reminders.md"), ns=(2, 2))
    answer = ask(app, "/")
    monkeypatch.setattr(module, "read", read)
    again = ask(app, "/", if_none_match=answer.headers["etag"])
    assert again.status == (200 if is_new else 304)


def test_who_asks_at_once_for_the_same_is_given_the_same(home, monkeypatch):
    """Though something is written all the time: who waits is given what was begun meanwhile."""
    fill(home)
    board = application.Board(lambda: open_memory(home))
    module, made, begun = PAGES[0].module, [], threading.Event()
    read = module.read

    def read_slowly(*given):
        made.append(given)
        begun.wait(30)
        os.utime(home.path("reminders.md"), ns=(1, len(made)))
        return read(*given)

    monkeypatch.setattr(module, "read", read_slowly)

    async def ask_all() -> None:
        # what nobody asks for is not looked at, and makes no answer another
        asked = [board.answer_page(PAGES[0], "", {"x": str(n)}, "") for n in range(8)]
        tasks = [asyncio.create_task(one) for one in asked]
        await asyncio.sleep(0)  # by when all of them have asked
        begun.set()
        assert [(await task).status_code for task in tasks] == [200] * 8

    asyncio.run(ask_all())
    assert len(made) <= 3


def test_slow_pages_keep_no_other_from_being_made(home, monkeypatch):
    """However many are asked for: who waits holds no thread, nor do those of one page all."""
    app, released = make_board(lambda: open_memory(home)), threading.Event()
    monkeypatch.setattr(SESSIONS.module, "read", lambda *given: released.wait(2 * PATIENCE))

    async def ask_all() -> None:
        current_default_thread_limiter().total_tokens = application.THREADS
        slow = [asyncio.create_task(_ask(app, f"{SESSIONS.path}?before={n}")) for n in range(45)]
        await asyncio.sleep(0.1)
        try:
            for path in ("/health", "/api/agents", "/static/board.css"):
                assert (await asyncio.wait_for(_ask(app, path), PATIENCE)).status == 200
        finally:
            released.set()
            await asyncio.gather(*slow)

    async def _ask(app, address):
        return await asking._ask(app, address, "GET", b"", {"host": asking.HOST})

    asyncio.run(ask_all())


def test_what_is_given_again_has_its_bounds(home, monkeypatch):
    fill(home)
    board = application.Board(lambda: open_memory(home))
    monkeypatch.setattr(application, "_KEPT", 100_000)
    for number in range(40):
        asyncio.run(board.answer_page(SESSIONS, "", {"all": f"{number}" * 2000}, ""))
        weights = [len(kept.body) + len(repr(key)) for key, kept in board._kept.items()]
        assert sum(weights) == board._size <= 100_000
        assert not board._making
    assert 0 < len(board._kept) < 40
    monkeypatch.setattr(application, "_COUNT", 3)
    asyncio.run(board.answer_page(SESSIONS, "", {"all": "1"}, ""))
    assert len(board._kept) == 3
    for number in range(5):  # what means nothing to it
        asyncio.run(board.answer_page(SESSIONS, "", {"x": str(number)}, ""))
        asyncio.run(board.answer_data("agents", "", {"x": str(number)}, ""))
    assert len(board._kept) == 3


# --- who watches


def watched(board, happen):
    """The topics that were told while these things happened, one after the other."""

    async def watch():
        told, events = [], board.watch()
        await anext(events)
        for each in happen:
            each()
            told.append((await anext(events)).partition("data: ")[2].strip())
        board.ended.set()
        return told, [event async for event in events]

    return asyncio.run(asyncio.wait_for(watch(), 30))


@pytest.fixture
def board(home, monkeypatch):
    fill(home)
    monkeypatch.setattr(application, "PAUSE", 0.05)
    return application.Board(lambda: open_memory(home))


def test_who_watches_is_told_what_changed_until_the_end(board, home):
    def write(path, text):
        def happen():
            with open(home.path(path), "a") as file:
                file.write(text)

        return happen

    def break_settings():
        write("config.toml", "nonsense")()
        with pytest.raises(Misconfigured):
            board.open_memory()

    told, rest = watched(
        board,
        [
            lambda: journal.log(home, [{"type": "praise", "agent": "backend"}], NOW),
            write("knowledge/move.md", "\n"),
            write("reminders.md", "\n"),
            write("memory/MEMORY.md", "\n"),
            break_settings,
        ],
    )
    assert told[:4] == ["work", "knowledge", "reminders", "memory"]
    assert set(told[4].split()) == set(changes.TOPICS)  # so that it is asked, and tells why
    assert rest == []


def test_looking_is_no_change(board, home, monkeypatch):
    """Else a page that is asked for because something changed would be asked for again. What was
    written a moment ago is looked at again, which is left out here."""
    monkeypatch.setattr(file_states, "UNSETTLED", 0)
    app = make_board(lambda: open_memory(home))
    ask_everything(app)
    before = {name: changes.digest(home, open_memory(home).env, [name]) for name in changes.TOPICS}
    for address in (*ADDRESSES, *API):
        ask(make_board(lambda: open_memory(home)), address)
    for name in ("mind.db-shm", "mind.db-journal", "lock", ".x.tmp"):
        with open(os.path.join(home.index, name), "a") as file:
            file.write("x")
    after = {name: changes.digest(home, open_memory(home).env, [name]) for name in changes.TOPICS}
    assert after == before
