"""What an empty page says to do is done as it is written, and then there is something on it."""

import html as markup
import os
import re
import subprocess
import time

import board_home
import pytest
from plainmind.board import rendering
from plainmind.ground.errors import NO_MATCH
from scene import ROOT

SAID = "echo 'Our dentist is Dr Hale' | mem-append --context a/b --role user"
#: what is done before, and the pages that then say how to begin: name, part
SEEN = [
    ("", [("today", ""), ("sessions", ""), ("team", ""), ("memory", ""), ("log", ""),
          ("knowledge", ""), ("knowledge", "graph"), ("reminders", ""), ("cost", ""),
          ("health", "")]),
    (SAID, [("memory", "")]),
    ("work-log agent name=ann", [("team", ""), ("team", "ann")]),
]  # fmt: skip
HINT = re.compile(
    r'<p class="empty">[^<]*<code>(.*?)</code>|<td>there is no memory folder.*?<code>(.*?)</code>'
)
WRITTEN = re.compile(r'parts\.empty\((?:"[^"]*"|[^",{])*, "([^"]+)"')


def run(home, line: str, *codes: int) -> None:
    path = os.pathsep.join((os.path.join(ROOT, "bin"), os.environ["PATH"]))
    env = {"PATH": path, "MIND_HOME": home.root}
    ended = subprocess.run(["sh", "-c", line], env=env, capture_output=True, timeout=60)
    unconfirmed = line.startswith("remind-add") and ended.returncode == 69  # and written
    assert ended.returncode in (0, *codes) or unconfirmed, ended.stderr.decode()


def find_hints(home, name: str, part: str) -> set[str]:
    memory = board_home.open_memory(home, now=int(time.time() * 1000))
    html = board_home.show_page(memory, name, part)
    return {markup.unescape(one or other) for one, other in HINT.findall(html)}


def test_what_an_empty_page_says_to_do_fills_it(make_home):
    done: set[str] = set()
    for before, places in SEEN:
        home = make_home()
        if before:
            run(home, before)
        hints = {place: find_hints(home, *place) for place in places}
        for hint in sorted(set().union(*hints.values()) - done):
            filled = make_home()
            if before:
                run(filled, before)
            run(filled, hint.replace("…", "our dentist Dr Hale"))
            for place, shown in hints.items():
                assert hint not in shown or hint not in find_hints(filled, *place), (hint, place)
            done.add(hint)
    folder = rendering.FOLDER
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            for hint in WRITTEN.findall(file.read()):
                assert any(one.startswith(hint) for one in done), f"nobody tried '{hint}'"


def test_commands_that_are_named_are_called_like_that(make_home):
    home, session, found = make_home(), "session-1", []
    for before in (SAID, f"work-session start --agent orchestrator --session {session}"):
        run(home, before)
    values = {"{{ .*session.* }}": session, "{{ .*AGENT.* }}": "backend", "QUERY": "dentist"}
    values |= {"DAY": "2099-01-01"}
    for name in os.listdir(rendering.FOLDER):
        with open(os.path.join(rendering.FOLDER, name), encoding="utf-8") as file:
            found += re.findall("<code>([a-z]+-[a-z-]+)([^<]*)</code>", file.read())
    for command, words in {*found}:
        assert os.path.exists(os.path.join(ROOT, "bin", command)), command
        for placeholder, value in values.items():
            words = re.sub(placeholder, value, words)
        if words:
            run(home, command + words, NO_MATCH)
    assert any("next" in words for _, words in found)


@pytest.fixture
def make_home(tmp_path):
    numbers = iter(range(1000))
    return lambda: board_home.Home(str(tmp_path / str(next(numbers)) / "home"))
