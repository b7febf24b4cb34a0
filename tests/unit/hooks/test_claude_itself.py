"""The real Claude Code, offline, with a model server of this machine: what it is given by our
hooks, and what is kept of it. Skipped where `claude` is not on the path (PLAINMIND_CLAUDE names
another)."""

import glob
import json
import os
import shutil
import subprocess

import breaking
import pytest
from model_servers import ModelServer, serving
from plainmind.formats.log import injected_blocks
from plainmind.ground import clock
from plainmind.hooks.clients import CLIENTS, shape
from plainmind.truth.log import reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import ROOT

PROGRAM = os.environ.get("PLAINMIND_CLAUDE") or shutil.which("claude")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="Claude Code is not installed")
PLUGINS = os.path.join(ROOT, "integrations")
FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"


@pytest.fixture(scope="module")
def model():
    with serving() as server:
        yield server


class Claude:
    """Claude Code in a folder of its own, its hooks installed."""

    def __init__(self, folder, home, model: ModelServer, hook):
        self.home, self.work, self.model = home, folder / "app", model
        self.work.mkdir()
        path = f"{os.path.join(ROOT, 'bin')}:{os.environ['PATH']}"
        self.env = {
            "PATH": path, "HOME": str(folder), "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }  # fmt: skip
        assert hook("--install").code == 0

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*breaking.list_obedience(), PROGRAM or "", *words], stdin=stdin, stdout=pipe,
            stderr=pipe, text=True, cwd=self.work, env=self.env, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str) -> str:
        process = self.start(*words)
        out, complaints = process.communicate(timeout=60)
        assert process.returncode == 0, complaints
        return out

    def say(self, text: str, *words: str) -> str:
        return self.run("-p", *words, text)

    def logged(self) -> list[tuple[str, str]]:
        paths = reader.list_windows(self.home, "claude-code/app")
        windows = [reader.read_window(self.home, path) for path in paths]
        events = [window.event(block) for window in windows for block in window.blocks()]
        return [(one.role, one.content) for one in events]


@pytest.fixture
def claude(tmp_path, home, model, hook) -> Claude:
    return Claude(tmp_path, home, model, hook)


def given(request: str) -> list[str]:
    """What is between our borders in a request."""
    lines, found = request.split("\n"), []
    for n, line in enumerate(lines):
        if line.startswith(injected_blocks.HOOKED):
            border = next(one for one in reversed(lines[:n]) if injected_blocks.BORDER in one)
            code = border.split(injected_blocks.BORDER)[1][:21]
            last = next(
                m for m in range(n, len(lines)) if f"{injected_blocks.BORDER}{code}" in lines[m]
            )
            found.append("\n".join(lines[n:last]))
    return found


def test_a_fact_of_one_session_is_before_the_model_in_another_and_all_is_logged_once(
    claude, model, imported, home, fork_hooks
):
    fork_hooks()
    model.answer = "Noted, April 15th."
    assert claude.say(FACT) == "Noted, April 15th.\n"
    assert "Persistent memory" in given(model.said())[0]
    model.answer = "On April 15th."
    claude.say(QUESTION)
    start, block = given(model.said())
    assert FACT in block and injected_blocks.MEMORIES in block
    kept = [
        ("user", FACT),
        ("agent", "Noted, April 15th."),
        ("user", QUESTION),
        ("agent", "On April 15th."),
    ]
    assert claude.logged() == kept
    model.answer = "You are welcome."
    # it compacts what has some messages: those of a first try are among them
    for text in ("Thank you", "/compact", "/compact dates", "Again"):
        claude.say(text, "--continue")
    for text in ("Thank you", "Again"):
        kept += [("user", text), ("agent", "You are welcome.")]
    assert claude.logged() == kept
    (page,) = os.listdir(home.path("raw", "compaction"))
    with open(home.path("raw", "compaction", page), encoding="utf-8") as file:
        assert "You are welcome." in file.read()
    # what the hooks printed stays in the client's transcript, and is not imported
    projects = os.path.join(claude.env["HOME"], ".claude", "projects")
    assert QUESTION in imported("claude", projects)


def test_a_client_that_was_killed_has_said_what_it_said(claude, model):
    model.answer = "Noted."
    model.asked.clear()
    model.may_answer.clear()
    process = claude.start("-p", FACT)
    try:
        assert model.asked.wait(60)
    finally:
        os.killpg(process.pid, 9)
        process.communicate()
        model.may_answer.set()
    assert claude.logged() == [("user", FACT)]
    claude.say("And then?", "--continue")
    assert claude.logged() == [("user", FACT), ("user", "And then?"), ("agent", "Noted.")]


def test_all_that_is_given_arrives(claude, model, home):
    log, now = Log(home), clock.parse("2026-11-01T00:00:00Z")
    bodies = [f"tax extension {n} " + "\U0001f600 é word " * 200 for n in range(40)]
    log.append("x/y", [EventDraft(now, "user", body, {}) for body in bodies], now)
    claude.say("tax extension")
    (block,) = [one for one in given(model.said()) if injected_blocks.MEMORIES in one]
    assert 0.35 * CLIENTS["claude-code"].limit < shape.utf16(block)


def test_it_answers_though_the_memory_is_broken(claude, model, home, command):
    form = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
    process = claude.start("-p", *form, stdin=subprocess.PIPE)

    def say(text: str) -> str:
        message = {"role": "user", "content": text}
        process.stdin.write(json.dumps({"type": "user", "message": message}) + "\n")
        process.stdin.flush()
        told = map(json.loads, process.stdout)
        return next(one["result"] for one in told if one["type"] == "result")

    try:
        breaking.check(home, model, command, say)
        _, complaints = process.communicate(timeout=60)
        assert (process.returncode, complaints) == (0, "")
    finally:
        process.kill()
        process.wait()
    assert ("user", breaking.QUESTION) in claude.logged()


@pytest.mark.parametrize("folder", ["claude-code", "claude-code-mcp"])
def test_the_plugin_is_valid(claude, folder):
    assert "passed" in claude.run("plugin", "validate", "--strict", os.path.join(PLUGINS, folder))


def test_the_plugin_does_what_the_hooks_do(claude, hook, model):
    hook("--uninstall")
    claude.run("plugin", "marketplace", "add", ROOT)
    claude.run("plugin", "install", "plainmind@plainmind")
    assert "calls\tpackage" in hook("--status").out.decode()
    claude.env["MIND_HOME"] = claude.home.root
    claude.say(FACT)
    assert claude.logged()[0] == ("user", FACT)
    assert "memory-search" in model.said()
    # what it copied, links of ours among it
    cache = os.path.join(claude.env["HOME"], ".claude", "plugins", "cache", "plainmind")
    (page,) = glob.glob(f"{cache}/plainmind/*/skills/memory-search/search-exact")
    found = subprocess.run([page, FACT], env=claude.env, capture_output=True, text=True)
    assert FACT in found.stdout, found.stderr


def test_the_plugin_of_tools_starts_their_server(claude, hook, model):
    hook("--uninstall")
    claude.env["MIND_HOME"] = claude.home.root
    noted, started = claude.work / "mem-mcp", claude.work / "started"
    noted.write_text(f"#!/bin/sh\ntouch '{started}'\nexec '{ROOT}/bin/mem-mcp' \"$@\"\n")
    noted.chmod(0o700)
    claude.env["PATH"] = f"{claude.work}:{claude.env['PATH']}"
    # the first request does not wait for a server, and may or may not have its tools
    for plugin, starts in (("claude-code", False), ("claude-code-mcp", True)):
        claude.say("Hello", "--plugin-dir", os.path.join(PLUGINS, plugin))
        assert started.exists() == starts
