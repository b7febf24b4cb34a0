"""command:PROGRAM as the model: what it gets, what it may answer, what happens when it fails."""

import json
import os
import sys

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from scripted import ends


@pytest.fixture
def program(tmp_path):
    """Write a Python program and return the setting that names it. `request` is what it is sent."""

    def write(body: str) -> str:
        path = tmp_path / "a model.py"
        path.write_text(f"import json, os, sys\nrequest = json.load(sys.stdin)\n{body}\n")
        return f"command:'{sys.executable}' '{path}' --flag"

    return write


def test_a_turn_with_a_tool(world, program):
    setting = program(
        "with open('requests', 'a') as f: print(json.dumps(request), file=f)\n"
        "done = request['messages'][-1]['role'] == 'tool'\n"
        "function = {'name': 'bash', 'arguments': {'command': 'echo hi'}}\n"
        "print(json.dumps({'text': 'Done.', 'usage': {'input_tokens': 1}} if done else "
        "{'tool_calls': [{'id': 'a', 'function': function}]}))"
    )
    assert world.turn("--model", setting, "--message-id", "m", "hi") == "Done.\n"
    user, tool, agent = world.events()
    assert (tool.content, tool.meta["args"]) == ("hi", {"command": "echo hi"})
    assert agent.meta["model"] == setting and agent.meta["usage"] == {
        "input_tokens": 1,
        "seconds": agent.meta["usage"]["seconds"],
    }
    assert list(tool.meta["usage"]) == ["seconds"], "what the program does not tell is not made up"
    with open(world.path("requests")) as file:
        first, second = map(json.loads, file)
    assert [m["role"] for m in first["messages"]] == ["system", "user"] and first["tools"]
    assert second["messages"][:2] == first["messages"]


def test_it_sees_no_secret(world, program):
    os.makedirs(world.home.root)
    with open(world.home.path(".env"), "w") as file:
        file.write("GEMINI_API_KEY=canary1\n")
    setting = program("print(json.dumps({'text': json.dumps(dict(os.environ))}))")
    seen = json.loads(
        world.turn(
            "--model",
            setting,
            "hi",
            OPENAI_API_KEY="canary2",
            MIND_KEY="canary3",
            DISCORD_TOKEN="canary4",
        )
    )
    assert "canary" not in json.dumps(seen)
    assert seen["MIND_HOME"] == world.home.root and "PATH" in seen


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("sys.exit(1)", Unavailable), ("sys.exit(65)", BadData),
        ("os.kill(os.getpid(), 9)", Unavailable), ("pass", Unavailable),
        ("print('hello')", Unavailable), ("print('[]')", Unavailable), ("print('5')", Unavailable),
        ("print('{}')", Unavailable), ('print(\'{"text": "  "}\')', Unavailable),
        ("sys.stdout.buffer.write(b'\\xff\\xfe{')", Unavailable),
        ('print(\'{"text": "hi"}\'); sys.exit(3)', Unavailable),
        ("print('[' * 100000)", Unavailable),
    ],
)  # fmt: skip
def test_a_program_that_fails(library, program, world, body, failure):
    with pytest.raises(failure):
        library("hi", program(body))
    assert world.roles() == ["user", "system"]


@pytest.mark.parametrize(
    "body", ['print(\'{"content": "hi"}\')', 'print(\'{"text": "hi", "tool_calls": null}\')']
)
def test_what_is_an_answer(library, program, body):
    assert library("hello", program(body)) == "hi"


def test_one_that_never_answers(library, program, expire, tmp_path):
    """It is ended with all it started, and its input was not waited for."""
    started = tmp_path / "pid"
    limit = expire(lambda: started.exists() and started.read_text())
    body = (
        f"import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(started)!r}, 'w').write(str(child.pid))\nchild.wait()"
    )
    with pytest.raises(Unavailable, match="within 500 s"):
        library("hi", program(body), turn_timeout=limit)
    assert ends(int(started.read_text()))


def test_one_that_reads_nothing(library, world):
    with pytest.raises(Unavailable):
        library("x" * 1_000_000, "command:true")
    with pytest.raises(Misconfigured):
        library("x", "command:/nowhere/at/all")


def test_exit_codes_of_the_turn(world, program):
    world.turn("--model", program("sys.exit(65)"), "hi", code=65)
    world.turn("--model", "command:/nowhere/at/all", "hi", code=78)
    assert world.roles() == ["user", "system"] * 2
    assert [e.meta["code"] for e in world.events() if e.role == "system"] == [65, 78]
