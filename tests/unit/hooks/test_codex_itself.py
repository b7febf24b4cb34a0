"""The real Codex, offline, with a model server of this machine. Skipped where `codex` is not on the
path (PLAINMIND_CODEX names another)."""

import os
import shutil
import subprocess

import pytest
from model_servers import serving
from plainmind.formats.log import injected_blocks
from plainmind.truth.log import reader
from scene import ROOT

PROGRAM = os.environ.get("PLAINMIND_CODEX") or shutil.which("codex")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="Codex is not installed")
FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"
CONFIG = """\
model = "scripted"
model_provider = "here"
[model_providers.here]
name = "here"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "NO_KEY"
"""


def test_a_fact_of_one_session_is_before_the_model_in_another(hook, home, tmp_path, command):
    (tmp_path / ".codex").mkdir()
    work = tmp_path / "app"
    work.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_KEY": "none"}
    trusted = ["--dangerously-bypass-hook-trust", "--skip-git-repo-check"]
    with serving() as model:
        (tmp_path / ".codex" / "config.toml").write_text(CONFIG.format(url=model.url))
        assert hook("--install", client="codex").code == 0

        def say(*words: str) -> None:
            ended = subprocess.run(
                [PROGRAM or "", "exec", *trusted, *words], cwd=work, env=env, timeout=60,
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
            )  # fmt: skip
            assert ended.returncode == 0 and "Failed" not in ended.stderr, ended.stderr

        say(FACT)
        say(QUESTION)
        assert "Persistent memory" in model.said() and injected_blocks.HOOKED in model.said()
        assert FACT in model.said().split(injected_blocks.MEMORIES)[1]
        say("resume", "--last", "Thank you")
    (path,) = reader.list_windows(home, "codex/app")
    window = reader.read_window(home, path)
    kept = [(e.role, e.content) for e in map(window.event, window.blocks())]
    expected = [
        pair
        for text in (FACT, QUESTION, "Thank you")
        for pair in (("user", text), ("agent", "Heard."))
    ]
    assert kept == expected
    sessions = str(tmp_path / ".codex" / "sessions")
    found = command("mem-import", "--from", "codex", sessions, home=home).decode()
    assert QUESTION in found and "INJECTED" not in found and "Persistent memory" not in found
    assert os.path.join(ROOT, "bin", "mem-hook") in (tmp_path / ".codex" / "hooks.json").read_text()
