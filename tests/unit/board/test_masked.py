"""Half a secret is one, too: a text is masked before it is cut, and where it is put together."""

import json
import re
import time
from urllib.parse import unquote

import board_home
import pytest
from board_home import HOUR, SECRET, show_page
from plainmind.board.links import LiveLinks, link_refs
from plainmind.board.pages import reminders
from plainmind.ground import masks
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW

pytestmark = pytest.mark.usefixtures("unsynced")
KEY = "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0z"
LINES = [f"MII{KEY}" + "A" * 30] * 60
PEM = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *LINES])


@pytest.fixture
def memory(home):
    return board_home.fill(home)


def find_leaks(html: str) -> list[str]:
    """What of KEY and SECRET a page tells, six characters in a row, in whatever case."""
    seen = unquote(re.sub("<(?!a )[^>]*>|<a href=|>", "", html)).casefold()
    pieces = (one[at : at + 6].casefold() for one in (KEY, SECRET) for at in range(len(one) - 5))
    return [piece for piece in pieces if piece in seen]


def put(memory, text: str, more: str = "") -> None:
    head = f"---\ntitle: t\ndate: 2026-01-20\ntype: project\ntier: L2\n{more}---\n"
    board_home._put(memory.home, "knowledge/esc.md", head + text)


@pytest.mark.parametrize(
    "text",
    [
        "y" * 580 + SECRET + " tail" * 400,
        "p " * 285 + f"Authorization: Bearer {KEY} " + "x " * 900,
        f"my key:\n{PEM}\nend",
        "w" * 125 + f" glpat-{KEY}",
        "v" * 120 + f" {PEM}",
        " " * 1980 + f"ghp_{KEY}" + " " * 200,
        f"ghp_{KEY}" * 40,
    ],
)
def test_no_half_of_a_secret_is_shown_of_the_log(memory, text):
    with board_home._unsynced():
        draft = EventDraft(NOW - HOUR, "user", f"zebra\n{text}", {})
        path, *_ = Log(memory.home).append("cli/x", [draft], NOW - HOUR)
    window = memory.home.list_windows("cli/x")[0]
    for part in ("", "cli/x", f"cli/x/{window}"):
        assert find_leaks(show_page(memory, "log", part)) == []
    assert find_leaks(show_page(memory, "log", q="zebra")) == []


@pytest.mark.parametrize("before", [0, 1, 20])
def test_no_middle_of_a_key_is_found_among_pages(memory, before):
    """The passage that fits best is shown, and its key begins in another one."""
    put(memory, f"{'First. ' * before}\n\n{PEM}\nzebra zebra\n" + "Last. " * 400)
    html = show_page(memory, "knowledge", q="zebra")
    assert "esc" in html and find_leaks(html) == []


def test_a_key_in_an_agents_log_is_known_by_a_header_that_is_further_up(memory):
    from plainmind.truth.work import sessions

    id = sessions.list_sessions(memory.home)[0]
    path = memory.home.path(f"work/logs/{id}/backend.log")
    with open(path, "a") as file:
        file.write(f"{PEM}\ndone\n")
    html = show_page(memory, "sessions", id)
    assert "done\n" in html and find_leaks(html) == []


WHOLE = "swordfish-4711-9f2c41d07a3b"


@pytest.mark.parametrize(
    "text",
    [
        WHOLE.replace("-", r"\-"), f"**{WHOLE[:5]}**{WHOLE[5:]}", WHOLE.replace("f", "&#102;"),
        f"`{WHOLE[:9]}`{WHOLE[9:]}", f"[{WHOLE[:9]}](https://a.example){WHOLE[9:]}",
        f"![{WHOLE[:9]}](x){WHOLE[9:]}", f"[x](https://a.example/{WHOLE.replace('f', '%66')})",
        f"[x]: https://a.example/{WHOLE.replace('f', '&#102;')}\n\n[x]", "a &#x202e;b",
        f"| a |\n|---|\n| ~~{WHOLE[:9]}~~{WHOLE[9:]} |", f"# t\n\n## *{WHOLE[:9]}*{WHOLE[9:]}",
        f"~~~{WHOLE.replace('f', '&#102;')}\nx\n~~~", f"Bearer\n{KEY}",
    ],
)  # fmt: skip
def test_no_secret_is_put_together_again(memory, text):
    put(memory, text)
    html = show_page(memory, "knowledge", "esc.md")
    assert board_home.find_harm(html) == [] == find_leaks(html)


def test_no_half_of_a_secret_is_shown_of_a_graph(memory, monkeypatch):
    monkeypatch.setattr(masks, "_ask", lambda: memory.env.mask)
    name = "Long name " * 3
    rows = [f"{name}ghp_{KEY}", "uses", f"{name}{SECRET}"], ["a", f"sees {SECRET}", "Mill Lane"]
    put(memory, "# t", f"triples: {json.dumps(rows)}\n")
    for part in ("graph", "health", "esc.md"):
        assert find_leaks(show_page(memory, "knowledge", part)) == []


def test_no_half_of_a_secret_is_shown_of_a_line_that_is_no_reminder(memory):
    path = reminders.file.locate(memory.home, memory.env)
    with open(path, "a") as file:
        file.write(f'- [ ] date=2026-02-01 id=Bearer {KEY} time=10:00 recur=none msg="a"\n')
    html = show_page(memory, "reminders")
    assert "it holds a secret" in html and find_leaks(html) == []


@pytest.mark.parametrize("piece", ["knowledge/", "knowledge/a.md ", "logs/a/", "logs/a/b/"])
def test_no_text_takes_long_to_link(piece):
    start = time.process_time()
    link_refs(LiveLinks(), piece * (200_000 // len(piece)))
    assert time.process_time() - start < 5  # 0.2 and less
