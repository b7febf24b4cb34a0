"""The board: what its start costs, and what its pages cost in a large memory folder.

    .venv/bin/python bench/board.py [--turns 100000] [--seconds 60] [--clients 20]

A folder is made with a fixed seed: turns in 200 contexts, 1,000 pages, 20,000 lines of the journal
of work, 200 sessions, 500 reminders. Of each page: its first answer, one when nothing changed, and
one after an event, a task and a page were written, which is the median of some. Then so many
clients watch for changes and ask for every page again and again, while something is written each
second. Times are by the clock, from a process of their own on this machine, and CPU is the
board's own; memory is resident, after a fifth of the time and at the end. Linux only, for what it
tells of processes.
"""

import argparse
import http.client
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(ROOT, "lib"), HERE]

import work  # noqa: E402
from plainmind.board.pages import PAGES  # noqa: E402
from plainmind.formats.work import journal  # noqa: E402
from plainmind.ground import clock, files  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402
from plainmind.truth.log.writer import EventDraft, Log  # noqa: E402

BOARD = os.path.join(ROOT, "bin", "work-board")
CONTEXTS, WINDOWS, NOTES, LINES, SESSIONS, REMINDERS = 200, 5, 1000, 20_000, 200, 500
WORDS = "the invoice printer till landlord key move shop server backup door plan rent van".split()
STARTS, AGAIN = 5, 11


def fill(home: Home, turns: int) -> None:
    rnd = random.Random(7)
    now = clock.system_now()
    log, sync, files.sync = Log(home), files.sync, lambda fd: None
    each = max(2, turns // CONTEXTS // WINDOWS)
    span = 90 * clock.DAY // WINDOWS
    for number in range(CONTEXTS):
        context = f"cli/c{number:03}"
        for window in range(WINDOWS):
            at = now - 90 * clock.DAY + window * span + number * 1000
            log.start_window(context, at)
            log.append(context, list(talk(rnd, at, each)), at)
    files.sync = sync
    for number in range(NOTES):
        put(home, f"knowledge/note-{number}.md", note(rnd, number))
    with open(make(home, journal.PATH), "wb") as file:
        for event in work.events(LINES):
            file.write(journal.render(event))
    for number in range(SESSIONS):
        put_session(home, now // 1000 - number * 3600)
    rows = (
        f'- [ ] date=2030-01-{n % 28 + 1:02} time=09:00 recur=weekly msg="{say(rnd, 4)}" '
        f"id={make_id(n)}\n"
        for n in range(REMINDERS)
    )
    put(home, "reminders.md", "".join(rows))


def make_id(number: int) -> str:
    """rid_ and 12 letters or digits of base 32."""
    return "rid_" + "".join("ABCDEFGHIJKLMNOP"[int(digit, 16)] for digit in f"{number:012x}")


def say(rnd: random.Random, count: int) -> str:
    return " ".join(rnd.choices(WORDS, k=count))


def talk(rnd: random.Random, at: int, count: int) -> Iterator[EventDraft]:
    for number in range(count):
        usage = {"input_tokens": 900, "output_tokens": 60, "cost": 0.001, "seconds": 1.5}
        meta = {"usage": usage, "model": "openai:gpt-5"} if number % 2 else {"author": "Ann"}
        role = "agent" if number % 2 else "user"
        yield EventDraft(at + number * 60_000, role, say(rnd, rnd.randrange(5, 40)), meta)


def note(rnd: random.Random, number: int) -> str:
    head = "---\ntype: reference\ndate: 2026-01-30\nsource: explicit\n---\n\n"
    links = " ".join(f"[[note-{rnd.randrange(NOTES)}]]" for _ in range(3))
    return f"{head}# Note {number}\n\n{say(rnd, 60)}. {links}\n"


def put_session(home: Home, second: int) -> None:
    for agent in ("orchestrator", "backend", "frontend", "verification"):
        tasks = '{"description": "Fix it", "status": "completed"}'
        put(
            home, f"work/session-{second}/{agent}.json",
            f'{{"agentName": "{agent}", "status": "completed", '
            f'"sessionId": "session-{second}", "completedTasks": [{tasks}]}}\n',
        )  # fmt: skip


def make(home: Home, path: str) -> str:
    os.makedirs(os.path.dirname(home.path(path)), exist_ok=True)
    return home.path(path)


def put(home: Home, path: str, text: str) -> None:
    with open(make(home, path), "w") as file:
        file.write(text)


class Served:
    """A board as a process."""

    def __init__(self, home: Home):
        env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root}
        self.process = subprocess.Popen(
            [BOARD, "--port", "0", "-q"], env=env, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.host = self.process.stdout.readline().strip()[7:-1]

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, timeout=600)

    @property
    def memory(self) -> float:
        """MiB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(row.split()[1]) for row in file if row.startswith("VmRSS")) / 1024

    @property
    def cpu(self) -> float:
        """Seconds."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(home: Home) -> Iterator[Served]:
    board = Served(home)
    try:
        yield board
    finally:
        board.process.terminate()
        board.process.wait()


def ask(opened: http.client.HTTPConnection, path: str, tag: str = "") -> tuple[float, str]:
    """(ms until the whole answer is there, its tag)."""
    began = time.perf_counter()
    opened.request("GET", path, headers={"If-None-Match": tag} if tag else {})
    answer = opened.getresponse()
    told = answer.read().decode()
    assert answer.status in (200, 304), (path, answer.status, told[told.find("<h1>") :][:300])
    return 1000 * (time.perf_counter() - began), answer.headers["etag"]


def change(home: Home, number: int) -> None:
    at = clock.system_now()
    Log(home).append("cli/c000", [EventDraft(at, "user", f"one more {number}", {})], at)
    work.append(home, id=f"x{at}", at=clock.to_text(at), type="task", agent="agent-03",
                description="One more", status="completed")  # fmt: skip
    put(home, "knowledge/note-0.md", note(random.Random(number), 0))


def measure_start() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(os.path.join(folder, "home"))
        found = []
        for _ in range(STARTS):
            began = time.perf_counter()
            with serving(home) as board:
                ask(board.connect(), "/static/board.css")
                found.append((1000 * (time.perf_counter() - began), 1000 * board.cpu, board.memory))
        wall, cpu, memory = (sorted(column)[STARTS // 2] for column in zip(*found))
        print(f"start to first answer: {wall:.0f} ms, {cpu:.0f} ms CPU, {memory:.0f} MiB")


def measure_pages(home: Home, board: Served) -> None:
    opened = board.connect()
    print(f"{'page':24} {'first':>8} {'same':>8} {'changed':>8} {'of CPU':>8}   ms")
    for path in [*(page.path for page in PAGES), "/api/agents", "/api/sessions"]:
        first, _ = ask(opened, path)
        same = min(ask(opened, path)[0] for _ in range(AGAIN))
        changed, cpu = [], 0.0
        for number in range(AGAIN):
            change(home, number)
            before = board.cpu
            changed.append(ask(opened, path)[0])
            cpu += 1000 * (board.cpu - before) / AGAIN
        wall = sorted(changed)[AGAIN // 2]
        print(f"{path:24} {first:8.0f} {same:8.1f} {wall:8.0f} {cpu:8.0f}", flush=True)


def measure_clients(home: Home, board: Served, clients: int, seconds: float) -> None:
    ended, took = threading.Event(), []

    def watch() -> None:
        with suppress(OSError, http.client.HTTPException):
            opened = board.connect()
            opened.request("GET", "/events")
            answer = opened.getresponse()
            while not ended.is_set() and answer.readline():
                pass

    def use(number: int) -> None:
        opened, tags = board.connect(), dict.fromkeys((page.path for page in PAGES), "")
        while not ended.is_set():
            for path in tags:
                spent, tags[path] = ask(opened, path, tags[path])
                took.append(spent)
                if ended.wait(3 / len(tags)):
                    return

    threads = [threading.Thread(target=watch, daemon=True) for _ in range(clients)]
    threads += [threading.Thread(target=use, args=(n,), daemon=True) for n in range(clients)]
    for thread in threads:
        thread.start()
    before, cpu, began, early = board.memory, board.cpu, time.monotonic(), 0.0
    number = 0
    while (passed := time.monotonic() - began) < seconds:
        early = early or (board.memory if passed > seconds / 5 else 0.0)
        change(home, number := number + 1)
        time.sleep(1)
    spent, late = board.cpu - cpu, board.memory
    ended.set()
    for thread in threads[clients:]:
        thread.join()
    took.sort()
    print(
        f"{clients} clients, {seconds:.0f} s: {len(took):,} answers in "
        f"{took[len(took) // 2]:.0f} ms (median), "
        f"95 % in {took[len(took) * 95 // 100]:.0f} ms; {100 * spent / seconds:.0f} % of a core; "
        f"{before:.0f}, {early:.0f}, {late:.0f} MiB before, early and at the end"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=20)
    options = parser.parse_args()
    measure_start()
    folder = tempfile.mkdtemp()
    home = Home(os.path.join(folder, "home"))
    try:
        fill(home, options.turns)
        with serving(home) as board:
            measure_pages(home, board)
            measure_clients(home, board, options.clients, options.seconds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
