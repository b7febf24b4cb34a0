"""The real Codex, offline, with a model server of this machine. Skipped where `codex` is not on the
path (PLAINMIND_CODEX names another)."""

import os
import re
import shutil
import subprocess
import time

import breaking
import pytest
from model_servers import ModelServer, serving
from plainmind.formats.log import injected_blocks
from plainmind.truth.log import reader
from scene import ROOT

PROGRAM = os.environ.get("PLAINMIND_CODEX") or shutil.which("codex")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="Codex is not installed")
FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"
TRUSTED = "--dangerously-bypass-hook-trust"
CONFIG = """\
model = "scripted"
model_provider = "here"
[model_providers.here]
name = "here"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "NO_KEY"
"""


def logged(home) -> list[tuple[str, str]]:
    windows = [reader.read_window(home, path) for path in reader.list_windows(home, "codex/app")]
    events = [window.event(block) for window in windows for block in window.blocks()]
    return [(one.role, one.content) for one in events]


@pytest.fixture
def codex(tmp_path, hook):
    """Codex in a folder of its own, with a model, its hooks and our program for its notices:
    `codex.say(words, …)` is what it printed."""
    with serving() as model:
        yield Codex(tmp_path, hook, model)


class Codex:
    def __init__(self, folder, hook, model: ModelServer):
        self.model, self.work = model, folder / "app"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_KEY": "none"}
        self.work.mkdir()
        (folder / ".codex").mkdir()
        told = hook("--install", client="codex").complaints.decode()
        notify = re.search(r"^.*: (notify = \[.*\])$", told, re.M)
        assert notify
        config = f"{notify[1]}\n{CONFIG.format(url=model.url)}"
        (folder / ".codex" / "config.toml").write_text(config)

    def start(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(
            [*breaking.list_obedience(), PROGRAM or "", "exec", "--skip-git-repo-check", *words],
            cwd=self.work, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def say(self, *words: str) -> str:
        process = self.start(*words)
        out, complaints = process.communicate(timeout=60)
        assert process.returncode == 0, complaints
        assert not re.search("timeout|Failed|clamping", complaints), complaints
        return out


def test_a_fact_of_one_session_is_before_the_model_in_another(codex, home, tmp_path, imported):
    say, model = codex.say, codex.model
    say(TRUSTED, FACT)
    say(TRUSTED, QUESTION)
    assert "Persistent memory" in model.said() and injected_blocks.HOOKED in model.said()
    assert FACT in model.said().split(injected_blocks.MEMORIES)[1]
    model.answer = "They spoke of taxes."
    say(TRUSTED, "-c", "model_auto_compact_token_limit=1", "resume", "--last", "Thank you")
    model.answer = "Heard."
    say("Nobody allowed hooks")
    expected = [
        (FACT, "Heard."), (QUESTION, "Heard."), ("Thank you", "They spoke of taxes."),
        ("Nobody allowed hooks", "Heard."),
    ]  # fmt: skip
    waited = time.monotonic() + 30  # the client does not wait for what it notifies
    while len(logged(home)) < 2 * len(expected) and time.monotonic() < waited:
        time.sleep(0.2)
    assert logged(home) == [pair for q, a in expected for pair in (("user", q), ("agent", a))]
    (page,) = os.listdir(home.path("raw", "compaction"))
    assert "They spoke of taxes." in open(home.path("raw", "compaction", page)).read()
    sessions = str(tmp_path / ".codex" / "sessions")
    assert QUESTION in imported("codex", sessions)
    assert os.path.join(ROOT, "bin", "mem-hook") in (tmp_path / ".codex" / "hooks.json").read_text()


def test_a_client_that_was_killed_has_said_what_it_said(codex, home):
    codex.model.may_answer.clear()
    process = codex.start(TRUSTED, FACT)
    try:
        assert codex.model.asked.wait(60)
    finally:
        os.killpg(process.pid, 9)
        process.communicate()
        codex.model.may_answer.set()
    assert logged(home) == [("user", FACT)]
    codex.say(TRUSTED, "resume", "--last", "And then?")
    assert logged(home) == [("user", FACT), ("user", "And then?"), ("agent", "Heard.")]


def test_it_answers_though_the_memory_is_broken(codex, home, command):
    breaking.check(home, codex.model, command, lambda text: codex.say(TRUSTED, text))
    assert ("user", breaking.QUESTION) in logged(home)
