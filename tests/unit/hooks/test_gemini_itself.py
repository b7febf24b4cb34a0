"""The real Gemini CLI, offline, with a model server of this machine. Skipped where `gemini` is not
on the path (PLAINMIND_GEMINI names another)."""

import json
import os
import shutil
import subprocess

import breaking
import pytest
from breaking import KINDS
from model_servers import serving
from plainmind.formats.log import injected_blocks
from plainmind.truth.log import reader

PROGRAM = os.environ.get("PLAINMIND_GEMINI") or shutil.which("gemini")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="Gemini CLI is not installed")
FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"
SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
}


@pytest.fixture
def model():
    with serving() as server:
        yield server


@pytest.fixture
def gemini(tmp_path, hook, model):
    """`gemini(words, …)`: it started, its hooks installed."""
    path, work = tmp_path / ".gemini" / "settings.json", tmp_path / "app"
    path.parent.mkdir()
    path.write_text(f"// mine\n{json.dumps(SETTINGS, indent=2)}\n")
    work.mkdir()
    assert hook("--install", client="gemini-cli").code == 0
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "GEMINI_API_KEY": "none",
        "GOOGLE_GEMINI_BASE_URL": model.url, "NO_PROXY": "127.0.0.1",
        "GEMINI_CLI_NO_RELAUNCH": "true",  # it would start itself again, with more memory
    }  # fmt: skip

    def start(*words: str) -> subprocess.Popen:
        argv = [
            *breaking.list_obedience(),
            PROGRAM or "",
            "-m",
            "gemini-2.5-flash",
            "--skip-trust",
            *words,
        ]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            argv, cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True,
            start_new_session=True,
        )  # fmt: skip

    return start


@pytest.fixture
def say(gemini):
    def run(text: str, *words: str) -> str:
        process = gemini(*words, "-p", text)
        out, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints
        assert "INJECTED" not in out + complaints, "what is given is not shown"
        return out

    return run


def logged(home) -> list[tuple[str, str]]:
    windows = [
        reader.read_window(home, path) for path in reader.list_windows(home, "gemini-cli/app")
    ]
    events = [window.event(block) for window in windows for block in window.blocks()]
    return [(one.role, one.content) for one in events]


def test_a_fact_of_one_session_is_before_the_model_in_another(
    say, home, model, tmp_path, imported, fork_hooks
):
    fork_hooks()
    assert "Heard." in say(FACT)
    assert "Persistent memory" in model.said()
    say(QUESTION)
    assert FACT in model.said().split(injected_blocks.MEMORIES)[1]
    long = f"Thank you {'very ' * 2000}much"
    say(long, "--resume", "latest")
    # its first message is still there: what stood before it is not taken for the client's own
    assert QUESTION in model.said().split("Thank you")[0]
    path = tmp_path / ".gemini" / "settings.json"
    compacting = '"model": {"compressionThreshold": 1e-6},\n  "privacy"'
    path.write_text(path.read_text().replace('"privacy"', compacting))
    model.answer = "They spoke of taxes."
    say("Again", "--resume", "latest")
    kept = [(FACT, "Heard."), (QUESTION, "Heard."), (long, "Heard."), ("Again", model.answer)]
    assert logged(home) == [pair for q, a in kept for pair in (("user", q), ("agent", a))]
    (page,) = os.listdir(home.path("raw", "compaction"))
    assert "They spoke of taxes." in open(home.path("raw", "compaction", page)).read()
    sessions = str(tmp_path / ".gemini" / "tmp")
    found = imported("gemini", sessions)
    lines = [json.loads(line) for line in found.splitlines()]
    said = sorted(line["content"] for line in lines if line["role"] == "user")
    assert said == sorted([FACT, QUESTION, long, "Again"])
    assert "hook_context" not in found


def test_a_client_that_was_killed_has_said_what_it_said(gemini, say, home, model):
    model.may_answer.clear()
    process = gemini("-p", FACT)
    try:
        assert model.asked.wait(120)
    finally:
        os.killpg(process.pid, 9)
        process.communicate()
        model.may_answer.set()
    assert logged(home) == [("user", FACT)]


@pytest.mark.parametrize("kinds", [KINDS[:1], pytest.param(KINDS[1:], marks=pytest.mark.slow)])
def test_it_answers_though_the_memory_is_broken(say, model, home, command, kinds):
    breaking.check(home, model, command, say, kinds)
    assert ("user", breaking.QUESTION) in logged(home)
