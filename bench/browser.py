"""The board in a browser: how long until a change is seen, and the pictures of the README.

    .venv/bin/python bench/browser.py [--changes 20]
    .venv/bin/python bench/browser.py --pictures docs

A change is a task that `work-session` writes in another process; its time is from the end of that
process until the page that is open shows it, told by the stream of events, and where streams are
refused. The memory folder is that of the tests (`tests/board_home.py`). Pictures are drawn with the
fonts of this machine: those in docs/ with Inter as the system's, and Noto's emoji.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "lib"), os.path.join(ROOT, "tests")]

from board_home import fill  # noqa: E402
from browsing import Board, browsing, open_page  # noqa: E402
from plainmind.ground import clock  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402
from plainmind.truth.log.writer import EventDraft, Log  # noqa: E402
from plainmind.truth.work import journal, sessions  # noqa: E402
from scene import NOW, TIME  # noqa: E402

#: name of a picture -> what is on it, in which colours, how large
PICTURES = {
    "board-light.png": ("/management-team.html", "light"),
    "board-dark.png": ("/memory", "dark"),
}
SIZE = {"width": 1180, "height": 760}
HOUR = 3_600_000
#: who works in the pictures, and how many tasks a day at most
AGENTS = {"backend": 5, "frontend": 4, "verification": 3, "infrastructure": 2, "content-writer": 3}
VERBS = "Fix Review Test Document Deploy Measure Move Check".split()
THINGS = "till,invoices,shop window,stock list,opening hours,newsletter,backup,rota".split(",")


def time_changes(browser, board: Board, home: Home, is_told: bool, count: int) -> list[float]:
    """Seconds until each of `count` changes was seen, in order."""
    session = sessions.list_sessions(home)[0]
    page = open_page(browser)
    if not is_told:
        page.route("**/events", lambda route: route.fulfill(status=502))
    page.goto(f"{board.url}/sessions/{session}")
    found = []
    for number in range(count):
        text = f"Change {number}, {'told' if is_told else 'asked'}"
        command = [os.path.join(ROOT, "bin", "work-session"), "task", "--agent", "frontend"]
        subprocess.run([*command, "--session", session, text], env=board.env, check=True)
        began = time.monotonic()
        page.get_by_text(text, exact=True).first.wait_for()
        found.append(time.monotonic() - began)
    page.context.close()
    return sorted(found)


def enrich(home: Home) -> None:
    """Eight weeks of a busy team, and of what was said."""
    rnd = random.Random(4)
    drafts, log = [], Log(home)
    for day in range(56, -1, -1):
        morning = NOW - day * clock.DAY - 5 * HOUR
        for agent, most in AGENTS.items():
            for number in range(rnd.randint(0, most)):
                at = morning + number * 20 * 60_000
                drafts.append({
                    "type": "task", "agent": agent, "at": clock.to_text(at),
                    "description": f"{rnd.choice(VERBS)} the {rnd.choice(THINGS)}",
                    "status": "completed" if rnd.random() < 0.93 else "failed",
                    "duration_s": rnd.randint(40, 900),
                })  # fmt: skip
        said = [
            EventDraft(morning + number * 60_000, rnd.choice(("user", "agent")),
                       f"{rnd.choice(VERBS)} the {rnd.choice(THINGS)}, number {number}.", {})
            for number in range(rnd.randint(2, 40))
        ]  # fmt: skip
        log.append("discord-channel/shop", said, NOW)
    journal.log(home, drafts, NOW)


def picture(browser, board: Board, folder: str) -> None:
    for name, (path, scheme) in PICTURES.items():
        page = open_page(browser, SIZE, color_scheme=scheme, device_scale_factor=1.5)
        page.goto(board.url + path)
        page.wait_for_timeout(500)
        page.screenshot(path=os.path.join(folder, name))
        print(f"{name}: {os.path.getsize(os.path.join(folder, name)) // 1000} kB")
        page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--pictures", metavar="DIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        home = Home(os.path.join(folder, "home"))
        fill(home)
        board = Board(home.root, TIME)
        try:
            if options.pictures:
                enrich(home)
                picture(browser, board, options.pictures)
                return
            for is_told in (True, False):
                seen = time_changes(browser, board, home, is_told, options.changes)
                way = "told by the server" if is_told else "asked for every 3 s"
                print(f"{way}: median {statistics.median(seen):.2f} s, longest {seen[-1]:.2f} s")
        finally:
            board.stop()


if __name__ == "__main__":
    main()
