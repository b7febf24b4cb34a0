"""The extension and the skills in the real pi (PLAINMIND_PI, or 'pi' on the path), which asks a
model on this machine."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from loopback import listening
from plainmind.truth.log import reader
from scene import ROOT

PROGRAM = os.environ.get("PLAINMIND_PI") or shutil.which("pi")
SKILLS = os.path.join(ROOT, "skills")

pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="pi is not installed (npm; PLAINMIND_PI names it)"
)


class Model:
    """An OpenAI-compatible server that streams what `answers` holds, then 'Heard.', and keeps what
    it was asked."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    def users(self, number: int) -> list[str]:
        """The texts of the user's messages in a request."""
        messages = [m["content"] for m in self.requests[number]["messages"] if m["role"] == "user"]
        return [
            m if isinstance(m, str) else "\n".join(part["text"] for part in m) for m in messages
        ]


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            model.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            delta = {
                "role": "assistant",
                **(model.answers.pop(0) if model.answers else {"content": "Heard."}),
            }
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for change, reason in (
                (delta, None),
                ({}, "tool_calls" if "tool_calls" in delta else "stop"),
            ):
                choice = {"index": 0, "delta": change, "finish_reason": reason}
                chunk = {
                    "id": "1", "object": "chat.completion.chunk", "created": 1,
                    "model": "scripted", "choices": [choice],
                }  # fmt: skip
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.write(b"data: [DONE]\n\n")

    with listening(Handler) as url:
        model.url = f"{url}/v1"
        yield model


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
            pass

    def _next(self, kind: str) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            if message["type"] == kind:
                return message
        raise AssertionError(f"pi ended before '{kind}'")


class Installed:
    """pi with the extension and the skills installed as skills/pi/README.md says, and the model as
    its only one."""

    def __init__(self, folder: Path, home: str, model: Model):
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "MIND_HOME": home, "PI_OFFLINE": "1",
        }  # fmt: skip
        self.work = folder / "work"
        self.work.mkdir()
        agent = folder / ".pi" / "agent"
        (agent / "extensions").mkdir(parents=True)
        (agent / "extensions" / "plainmind").symlink_to(os.path.join(SKILLS, "pi"))
        compaction = {
            "enabled": False,
            "keepRecentTokens": 1,
        }  # only when it is asked for, and then of nearly all
        settings = {
            "skills": [SKILLS],
            "defaultProvider": "here",
            "defaultModel": "scripted",
            "compaction": compaction,
        }
        (agent / "settings.json").write_text(json.dumps(settings))
        provider = {
            "baseUrl": model.url,
            "api": "openai-completions",
            "apiKey": "none",
            "models": [{"id": "scripted"}],
        }
        (agent / "models.json").write_text(json.dumps({"providers": {"here": provider}}))

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run it to its end."""
        assert PROGRAM
        command = [PROGRAM, "-p", *arguments]
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.work,
            env=self.env,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stderr
        return ended

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        assert PROGRAM
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [PROGRAM, "--mode", "rpc"],
            stdin=pipe,
            stdout=pipe,
            text=True,
            cwd=self.work,
            env=self.env,
        )
        watch = threading.Timer(120, process.kill)
        watch.start()
        try:
            yield Conversation(process)
            process.communicate(timeout=60)
        finally:
            watch.cancel()
            process.kill()
            process.wait()


@pytest.fixture
def pi(tmp_path, home, model) -> Installed:
    return Installed(tmp_path, home.root, model)


def logged(home, id: str, name: str) -> list:
    """The events of a window."""
    window = reader.read_window(home, f"logs/pi/{id}/{name}")
    return [window.event(block) for block in window.blocks()]


def only_window(home) -> list:
    """The events of the only window there is."""
    (id,) = os.listdir(home.path("logs", "pi"))
    (name,) = home.list_windows(f"pi/{id}")
    return logged(home, id, name)


def test_pi_recalls_before_the_model_is_asked_and_logs_what_was_said(pi, model, home, command):
    command(
        "mem-append",
        "--context",
        "discord-thread/1",
        "--role",
        "user",
        stdin=b"The tax extension is due on April 15th",
        home=home,
    )
    function = {"name": "bash", "arguments": json.dumps({"command": "echo April"})}
    model.answers = [
        {
            "content": "I look.",
            "tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}],
        },
        {"content": "On April 15th."},
        {"content": "You are welcome."},
    ]
    ended = pi.run("When is the tax extension due?")
    assert (ended.stdout, ended.stderr) == ("On April 15th.\n", "")

    (asked,), (again,) = model.users(0), model.users(1)
    border, marker, block, closing, empty, prompt = asked.split("\n")
    assert closing == border and border.startswith("INJECTED_CONTEXT_BORDER ")
    assert marker == "INJECTED_CONTEXT_RELEVANT_MEMORIES" and not empty
    assert "INJECTED_CONTEXT_BORDER" in json.dumps(model.requests[0]["messages"][0])
    assert [m["excerpt"] for m in json.loads(block)["memories"]] == [
        "The tax extension is due on April 15th"
    ]
    assert prompt == "When is the tax extension due?"
    assert again == asked

    expected = [
        ("user", "When is the tax extension due?"), ("agent", "I look."), ("tool", "April\n"),
        ("agent", "On April 15th."),
    ]  # fmt: skip
    assert [(event.role, event.content) for event in only_window(home)] == expected
    assert only_window(home)[2].meta["args"] == {"command": "echo April"}

    pi.run("--continue", "qwertyuiop")
    assert model.users(2) == ["When is the tax extension due?", "qwertyuiop"]
    assert [(event.role, event.content) for event in only_window(home)] == [
        *expected, ("user", "qwertyuiop"), ("agent", "You are welcome.")
    ]  # fmt: skip

    assert pi.run("/mem-import").stderr == "sessions: 1, new events: 0\n"
    assert len(model.requests) == 3


def test_what_was_compacted_is_recalled_and_a_fork_is_logged_as_its_own(pi, model, home):
    with pi.conversation() as talk:
        talk.say("The tax extension is due on April 15th")
        talk.say("The tax extension was due on April 1st before")
        assert "INJECTED_CONTEXT_R" not in json.dumps(model.requests)
        talk.do("compact")
        talk.say("When is the tax extension due?")
        assert (
            "The tax extension is due on April 15th"
            in model.users(-1)[-1].split("INJECTED_CONTEXT_R")[1]
        )
        (origin,) = os.listdir(home.path("logs", "pi"))
        talk.do("fork", entryId=talk.do("get_fork_messages")["messages"][-1]["entryId"])
        talk.say("And the next one?")
    (fork,) = set(os.listdir(home.path("logs", "pi"))) - {origin}
    assert [
        [len(logged(home, id, name)) for name in home.list_windows(f"pi/{id}")]
        for id in (origin, fork)
    ] == [[4, 2], [2]]
    assert [event.content for event in logged(home, fork, home.list_windows(f"pi/{fork}")[0])] == [
        "And the next one?",
        "Heard.",
    ]


def test_what_a_session_writes_into_memory_md_is_in_the_next_ones_system_prompt(pi, model, home):
    index, fact = home.path("memory", "MEMORY.md"), "- Ann lives in Graz."
    write = f"mkdir -p '{os.path.dirname(index)}' && echo '{fact}' >> '{index}'"
    function = {"name": "bash", "arguments": json.dumps({"command": write})}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    model.answers = [{"content": "", "tool_calls": [call]}, {"content": "Noted."}]
    pi.run("I live in Graz")
    pi.run("Where do I live?")
    first, last = (model.requests[n]["messages"][0]["content"] for n in (0, -1))
    assert last.startswith(first) and fact not in first and fact in last


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


def test_pi_knows_every_skill(pi, model):
    names = [
        name
        for name in sorted(os.listdir(SKILLS))
        if os.path.exists(os.path.join(SKILLS, name, "SKILL.md"))
    ]
    assert names
    pi.run("Hello")
    system = json.dumps(model.requests[0]["messages"][0])
    assert [name for name in names if f"<name>{name}</name>" not in system] == []
