"""The real pi (PLAINMIND_PI, or 'pi' on the path), offline, with a model server of this machine:
the file that mem-hook installs, and the package with its skills."""

import glob
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from http.server import SimpleHTTPRequestHandler
from typing import Any

import breaking
import pytest
from loopback import listening
from model_servers import ModelServer, serving
from plainmind.formats.log import injected_blocks
from plainmind.truth.log import reader
from scene import ROOT

PROGRAM = os.environ.get("PLAINMIND_PI") or shutil.which("pi")
PACKAGE = os.path.join(ROOT, "integrations", "pi")
SKILLS = os.path.join(ROOT, "skills")
FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"

pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="pi is not installed (npm; PLAINMIND_PI names it)"
)


@pytest.fixture(scope="module")
def model():
    with serving() as server:
        yield server


class Conversation:
    """A pi that is told what to do on standard input (its RPC mode)."""

    def __init__(self, process: subprocess.Popen):
        self.process = process

    def do(self, kind: str, **more: Any) -> dict[str, Any]:
        """Run a command of pi's, and return its data."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"type": kind, **more}) + "\n")
        self.process.stdin.flush()
        response = self._next("response")
        assert response["success"], response
        return response.get("data") or {}

    def say(self, text: str) -> None:
        """Prompt, and wait until the agent is done."""
        self.do("prompt", message=text)
        self._next("agent_end")
        while self.do("get_state")["isStreaming"]:
            time.sleep(0.05)

    def _next(self, kind: str) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            if message["type"] == kind:
                return message
        raise AssertionError(f"pi ended before '{kind}'")


class Pi:
    """pi with a folder of its own, and the model as its only one."""

    def __init__(self, folder, home, model: ModelServer):
        self.home, self.model, self.work = home, model, folder / "app"
        self.work.mkdir()
        path = f"{os.path.join(ROOT, 'bin')}:{os.environ['PATH']}"
        self.env = {
            "PATH": path, "HOME": str(folder), "MIND_HOME": home.root, "PI_OFFLINE": "1",
            "MIND_HOOK_TIMEOUT": "60",
        }  # fmt: skip
        agent = folder / ".pi" / "agent"
        agent.mkdir(parents=True)
        # only when it is asked for, and then of nearly all
        compaction = {"enabled": False, "keepRecentTokens": 1}
        settings = {"defaultProvider": "here", "defaultModel": "scripted", "compaction": compaction}
        (agent / "settings.json").write_text(json.dumps(settings))
        provider = {
            "baseUrl": f"{model.url}/v1", "api": "openai-completions", "apiKey": "none",
            "models": [{"id": "scripted"}],
        }  # fmt: skip
        (agent / "models.json").write_text(json.dumps({"providers": {"here": provider}}))

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*breaking.list_obedience(), PROGRAM or "", *words], stdin=stdin, stdout=pipe,
            stderr=pipe, text=True, cwd=self.work, env=self.env, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str) -> str:
        """Run it to its end; what it printed."""
        process = self.start(*words)
        out, complaints = process.communicate(timeout=120)
        assert process.returncode == 0 and not complaints, complaints
        return out

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        process = self.start("--mode", "rpc", stdin=subprocess.PIPE)
        watch = threading.Timer(120, process.kill)
        watch.start()
        try:
            yield Conversation(process)
            process.communicate(timeout=60)
        finally:
            watch.cancel()
            process.kill()
            process.wait()

    def users(self, number: int = -1) -> list[str]:
        """The texts of the user's messages in a request."""
        messages = self.model.requests[number]["messages"]
        texts = [one["content"] for one in messages if one["role"] == "user"]
        return [
            text if isinstance(text, str) else "\n".join(part["text"] for part in text)
            for text in texts
        ]

    def logged(self) -> list[list[tuple[str, str]]]:
        """The events of each window, in the order they were begun."""
        windows = [reader.read_window(self.home, path) for path in self.windows()]
        events = [map(window.event, window.blocks()) for window in windows]
        return [[(one.role, one.content) for one in window] for window in events]

    def windows(self) -> list[str]:
        return list(reader.list_windows(self.home, "pi"))


@pytest.fixture
def pi(tmp_path, home, model) -> Pi:
    model.answer, model.answers, model.requests = "Heard.", [], []
    return Pi(tmp_path, home, model)


def test_a_fact_of_one_session_is_before_the_model_in_another_and_all_is_logged_once(
    pi, model, hook, home, command, imported, fork_hooks
):
    assert hook("--install", client="pi").code == 0
    fork_hooks()
    sessions = os.path.join(pi.env["HOME"], ".pi", "agent", "sessions")
    function = {"name": "bash", "arguments": json.dumps({"command": "echo April"})}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    model.answers = [{"content": "I look.", "tool_calls": [call]}]
    with pi.conversation() as talk:
        talk.say(FACT)
        talk.say("Thank you")
        assert injected_blocks.MEMORIES not in "".join(map(model.said, range(3)))
        talk.do("compact")
        talk.say(QUESTION)  # what the summary replaced is recalled
        assert FACT in pi.users()[-1].split(injected_blocks.MEMORIES)[1]
        talk.do("fork", entryId=talk.do("get_fork_messages")["messages"][-1]["entryId"])
        talk.say("And the next one?")
    last = max(
        glob.glob(f"{sessions}/*/*.jsonl"), key=os.path.basename
    )  # --continue may take the other
    assert pi.run("-p", "--session", last, "And then?") == "Heard.\n"
    pi.run("-p", QUESTION)
    (asked,) = pi.users()
    border, note, marker, block, closing, empty, prompt = asked.split("\n")
    assert closing == border and border.startswith(injected_blocks.BORDER) and not empty
    assert (marker, prompt) == (injected_blocks.MEMORIES, QUESTION) and FACT in block
    assert note.startswith(injected_blocks.HOOKED)
    assert "Persistent memory" in model.requests[-1]["messages"][0]["content"]
    heard = ("agent", "Heard.")
    wanted = [
        [("user", FACT), ("agent", "I look."), ("tool", "April\n"), heard,
         ("user", "Thank you"), heard],
        [("user", QUESTION), heard],
        [("user", "And the next one?"), heard, ("user", "And then?"), heard],
        [("user", QUESTION), heard],
    ]  # fmt: skip
    # a fork does not wait for the hook of the answer before it: which window is older is chance
    assert sorted(pi.logged()) == sorted(wanted)
    assert len(os.listdir(home.path("raw", "compaction"))) == 1
    # what is put into requests is in none of pi's files, and an import adds nothing
    lines = imported("pi", sessions)
    assert len(lines.splitlines()) == 14
    assert command("mem-append", "--jsonl", stdin=lines.encode(), home=home) == b""


def test_a_client_that_was_killed_has_said_what_it_said(pi, model, hook):
    hook("--install", client="pi")
    model.asked.clear()
    model.may_answer.clear()
    process = pi.start("-p", FACT)
    try:
        assert model.asked.wait(60)
    finally:
        os.killpg(process.pid, 9)
        process.communicate()
        model.may_answer.set()
    assert pi.logged() == [[("user", FACT)]]


def test_it_answers_though_the_memory_is_broken(pi, model, home, hook, command):
    hook("--install", client="pi")
    del pi.env["MIND_HOOK_TIMEOUT"]
    with pi.conversation() as talk:

        def say(text: str) -> str:
            talk.say(text)
            return talk.do("get_last_assistant_text")["text"]

        breaking.check(home, model, command, say)
    # what was not kept was handed over again
    assert pi.logged() == [3 * [("user", breaking.QUESTION), ("agent", "Heard.")]]


@contextmanager
def offered(kind: str, folder, env: dict[str, str]) -> Iterator[str]:
    """The package as `pi install` takes it: a folder, from a registry of npm, or from git."""
    if kind in ("folder", "repository"):
        yield {"folder": PACKAGE, "repository": ROOT}[kind]
        return
    (srv := folder / "srv").mkdir()
    init = partialmethod(SimpleHTTPRequestHandler.__init__, directory=srv)
    with listening(type("Folder", (SimpleHTTPRequestHandler,), {"__init__": init})) as url:
        if kind == "npm":
            # npm, which pi runs, installs into its prefix
            names = {"prefix": folder / "prefix", "cache": folder / "cache", "registry": url}
            env |= {f"npm_config_{name}": str(value) for name, value in names.items()}
            run = ["npm", "pack", "--offline", "--json", "--pack-destination", srv, ROOT]
            packed = subprocess.run(run, capture_output=True, check=True).stdout
            (one,) = json.loads(packed)
            about = {"name": one["name"], "version": one["version"]}
            about["dist"] = {"tarball": f"{url}/{one['filename']}", "integrity": one["integrity"]}
            tags, versions = {"latest": one["version"]}, {one["version"]: about}
            known = {"name": one["name"], "dist-tags": tags, "versions": versions}
            (srv / one["name"]).write_text(json.dumps(known))
            yield f"npm:{one['name']}"
        else:
            bare = srv / "ann" / "plainmind.git"
            subprocess.run(["git", "clone", "-q", "--bare", ROOT, bare], check=True)
            subprocess.run(["git", "update-server-info"], cwd=bare, check=True)
            yield f"git:{url}/ann/plainmind.git"


@pytest.mark.parametrize("kind", [
    "folder", "repository", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("npm", "git"))
])  # fmt: skip
def test_the_package_brings_the_extension_and_every_skill(pi, model, hook, kind, tmp_path):
    with offered(kind, tmp_path, pi.env) as package:
        pi.env["PI_OFFLINE"] = "" if kind in ("npm", "git") else "1"
        ended = pi.start("install", package)
        assert ended.communicate(timeout=120) and ended.returncode == 0
    assert "calls\tpackage" in hook("--status", client="pi").out.decode()
    pi.env["PI_OFFLINE"] = "1"
    pi.run("-p", "Hello")
    names = [
        name
        for name in sorted(os.listdir(SKILLS))
        if os.path.exists(os.path.join(SKILLS, name, "SKILL.md"))
    ]
    system = json.dumps(model.requests[0]["messages"][0])
    assert names and [name for name in names if f"<name>{name}</name>" not in system] == []
    assert pi.logged() == [[("user", "Hello"), ("agent", "Heard.")]]
    # wherever the skill lies, its page runs
    (place,) = re.findall(r"<location>([^<]*/memory-search)/SKILL.md</location>", system)
    page = subprocess.run([f"{place}/search-exact", "Hello"], env=pi.env, capture_output=True)
    assert b"Hello" in page.stdout, page.stderr


def test_pi_has_nothing_against_the_folder_of_skills(tmp_path):
    assert PROGRAM
    library = os.path.join(os.path.dirname(os.path.realpath(PROGRAM)), "index.js")
    if not os.path.exists(library):
        pytest.skip("this pi is one binary: its loader cannot be asked")
    script = """
        const { loadSkills } = await import(process.argv[1]);
        const [cwd, skills] = process.argv.slice(2);
        const options = { cwd, agentDir: cwd, skillPaths: [skills], includeDefaults: false };
        console.log(JSON.stringify(loadSkills(options).diagnostics));
    """
    command = ["node", "--input-type=module", "--eval", script, library, str(tmp_path), SKILLS]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == []
