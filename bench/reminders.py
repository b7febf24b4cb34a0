"""Speed of remind-scan against the interpreter's own floor, measured in the same run.

    .venv/bin/python bench/reminders.py [--lines 10000] [--due 500]

Nothing due: reminders of all recurrences, fired or to come, among lines of a person's own. Due at
once: reminders that fire once, missed last night, sent as digests to a webhook on this machine.
Medians of 11 runs, as in bench/speed.py.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import speed
from plainmind.ground import clock  # speed puts lib on the path
from speed import BIN, PYTHON, cost, line

NOW = "2026-06-15T08:00:30Z"


def reminders(count: int) -> str:
    """Six in ten fire once in the two years to come, the others recur; one line in ten is no
    reminder. A fixed seed."""
    chance = random.Random(5)
    rows = ["# Reminders", ""]
    for number in range(count):
        if number % 10 == 9:
            rows.append(
                chance.choice(
                    ["", "- [x] done", "- [ ] buy milk", "some text of my own", "## A heading"]
                )
            )
            continue
        recur = chance.choice(["none"] * 6 + ["daily", "weekly", "weekly", "monthly"])
        day = date(2026, 6, 16) + timedelta(chance.randrange(700))
        if recur != "none":
            day -= timedelta(chance.randrange(1500))
        time = f"{chance.randrange(24):02}:{chance.randrange(60):02}"
        rows.append(
            f'- [ ] date={day} time={time} recur={recur} msg="number {number}, '
            f'{"word " * chance.randrange(12)}" id=rid_{number:012}'
        )
    return "\n".join(rows) + "\n"


def overdue(count: int) -> str:
    return "".join(
        f'- [ ] date=2026-06-14 time={n % 24:02}:{n % 60:02} recur=none msg="number {n}: what '
        f'was missed" id=rid_{n:012}\n'
        for n in range(count)
    )


class Webhook:
    """Answers as Discord does, and counts."""

    def __init__(self) -> None:
        self.got = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.got += 1
                self.wfile.write(b'HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n{"id":1}')

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--due", type=int, default=500)
    given = parser.parse_args()
    speed.compile_all()
    floor = cost([PYTHON, "-I", "-c", "import click"], dict(os.environ))
    line("floor: the interpreter and click", floor, floor)
    webhook = Webhook()
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "MIND_HOME": home, "DISCORD_WEBHOOK_URL": webhook.url}
        scan = [f"{BIN}/remind-scan", "--now", NOW]
        path = os.path.join(home, "reminders.md")

        def prepare(text: str) -> None:
            with open(path, "w") as file:
                file.write(text)

        prepare("")
        line("remind-scan, an empty file", cost(scan, env), floor)
        prepare(reminders(given.lines))
        cost(scan, env, runs=1)  # what recurs fires once
        clock.sleep(
            2.1
        )  # a file younger than that may be changed again within one tick of its clock
        line(f"remind-scan, {given.lines} lines, nothing due", cost(scan, env), floor)
        seen = os.path.join(home, "remind", "seen.json")
        line(
            "the same, the file just saved",
            cost(["sh", "-c", 'rm "$0"; exec "$@"', seen, *scan], env),
            floor,
        )
        rows = []
        for _ in range(5):
            os.remove(os.path.join(home, "remind", "journal.jsonl"))
            prepare(overdue(given.due))
            before = webhook.got
            rows.append(cost(scan, env, runs=1, peak=False))
        middle = sorted(rows, key=lambda found: found.cpu)[2]
        line(
            f"remind-scan, {given.due} due at once",
            middle,
            floor,
            f"{webhook.got - before} messages",
        )


if __name__ == "__main__":
    sys.exit(main())
