"""mem-forget is killed at every system call and run again: the text is in no byte of the memory
folder, every other event is there, and the logs are proved.

While it is unfinished, that is a finding; no body is ever blank without a record of it, and if the
power went, none is blank whose record is not on disk. Each check is seen to fail when its promise
is broken.
"""

import os

import kill
import pytest
import writers
from plainmind.ground import files
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import cache
from plainmind.memory import Memory, care
from plainmind.truth.log import pinning, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, TIME
from test_forgetting_kill import everything, outside_the_index
from traced import needs_strace
from writers import CONTEXT, WINDOW, Writer

pytestmark = needs_strace

WORD = b"zanzibarquux"
TEXT = f"Ben keeps the {WORD.decode()} stamps in a blue album."
OTHERS = ["before", "after"]
UNFINISHED = {"unforgotten", "unfinished"}
MODEL = "m:1"


def said(home: Home) -> None:
    """The text in a window, its index, vectors, pins, a long output and a copy of it."""
    writers.empty(home)
    texts = (("user", "before"), ("tool", f"{TEXT}\n" + "x" * 300_000), ("agent", "after"))
    log = Log(home)
    log.append(CONTEXT, [EventDraft(NOW, role, text, {}) for role, text in texts], NOW)
    log.append("test/other", [EventDraft(NOW, "user", TEXT, {})], NOW)
    pinning.pin(home, reader.read_event(home, f"{WINDOW}:6"))
    files.replace(home.path("relay/inbox.jsonl"), b'{"text":"%s"}\n{"did":1}\n' % TEXT.encode())
    memory = Memory(home, Environment(), Settings("", "", lambda name: ""), lambda: NOW, print)
    cache.Cache(home, MODEL).put({cache.content_hash(text): b"\1" * 8 for text in (TEXT, "before")})
    cache.set_serving(home, MODEL)
    care.state(memory)


def check(home: Home, printed: list[str], ended: bool) -> None:
    found = {finding.code for finding in verify.verify_windows(home, [])}
    assert found <= (set() if ended else UNFINISHED), found
    contents = writers.contents(home)
    assert [contents[0], contents[-1]] == OTHERS, contents
    if ended:
        assert not found, found
        assert [name for name, data in everything(home) if WORD in data] == []
        assert set(contents[1].split("\n")) == {"(forgotten)"}
        hashes = [cache.content_hash(text) for text in (TEXT, "before")]
        assert list(cache.Cache(home, MODEL).get(hashes)) == hashes[1:]
        assert pinning.read_pins(home) == []
        assert files.read(home.path("relay/inbox.jsonl")).endswith(b'"}\n{"did":1}\n')
        left = [name for name, _ in everything(home) if name.endswith((".tmp", ".swap"))]
        assert left == [] and not os.path.exists(home.path("raw/maintenance-log/forgetting.json"))


FORGET = Writer(
    "a text taken back",
    [
        "mem-forget",
        "--quiet",
        "--now",
        TIME,
        f"{WINDOW}:6",
        "logs/test/other/" + WINDOW[-19:] + ":3",
    ],
    b"",
    said,
    check,
    through="unforked",
)


def test_every_death_outside_the_index(tmp_path):
    report = kill.grid(FORGET, str(tmp_path), only=outside_the_index)
    assert not report.wrong, "\n".join(report.wrong)
    assert report.faults >= 40, "there was nothing to kill"


@pytest.mark.slow
def test_every_death(tmp_path):
    report = kill.grid(FORGET, str(tmp_path))
    assert not report.wrong, "\n".join(report.wrong)
    assert report.faults >= 80, "there was nothing to kill"


@pytest.mark.parametrize("sabotage, again, wrong", [
    ("unrecorded", "", "chain"),
    ("unwritten_forgetting", "unwritten_forgetting", "ended with 1"),
    ("unsynced", "", "is not durable when the command ended with 0"),
])  # fmt: skip
def test_a_broken_promise_is_noticed(sabotage, again, wrong, tmp_path):
    only = lambda call: outside_the_index(call) and "/logs/" in call.text
    report = kill.grid(
        FORGET, str(tmp_path), sabotage=sabotage, again=again, only=only, until=wrong
    )
    assert any(wrong in one for one in report.wrong), report.wrong
