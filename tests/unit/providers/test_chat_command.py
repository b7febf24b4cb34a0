import json
import shlex
import subprocess
import sys

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers import chat_command, registry
from plainmind.providers.chat import Call
from provider_servers import CALLED, TOOL, asking


@pytest.fixture
def command(env, settings, tmp_path):
    """A program in Python as the model."""

    def start(code, *arguments):
        program = tmp_path / "a model.py"
        program.write_text("import json, os, sys\n" + code)
        return registry.open_chat(
            "command:" + shlex.join([sys.executable, str(program), *arguments]), env, settings
        )

    return start


def test_a_reply(command):
    chat = command(
        "text = json.load(sys.stdin)['messages'][1]['content'] + sys.argv[1]\n"
        "print(json.dumps({'text': text, 'usage': {'input_tokens': 3}, 'model': 'x'}))",
        "a b",
    )
    shown = []
    reply = chat.complete(asking("Hé"), shown.append)
    assert reply[:5] == ("Héa b", [], {"input_tokens": 3}, "", "x")
    assert shown == ["Héa b"]
    assert chat.name.startswith("command:")


def test_the_program_gets_the_whole_request(command, tmp_path):
    out = tmp_path / "request"
    command(
        f"open({str(out)!r}, 'w').write(sys.stdin.read()); print('{{\"content\": \"ok\"}}')"
    ).complete(asking("Hi.", *CALLED, tools=[TOOL]))
    assert json.loads(out.read_text()) == asking("Hi.", *CALLED, tools=[TOOL])


def test_tool_calls(command):
    made = [
        {
            "id": "x",
            "type": "function",
            "function": {"name": "bash", "arguments": '{"command": "ls"}'},
        },
        7,
    ]
    reply = command(f"print({json.dumps({'tool_calls': made})!r})").complete(asking(tools=[TOOL]))
    assert reply.calls == [Call("x", "bash", '{"command": "ls"}')]


def test_no_secret_reaches_the_program(command, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1234567")
    monkeypatch.setenv("MIND_HOME", "/somewhere")
    reply = command("print(json.dumps({'text': json.dumps(dict(os.environ))}))").complete(asking())
    given = json.loads(reply.text)
    assert set(given) <= {
        "PATH",
        "HOME",
        "LANG",
        "TMPDIR",
        "MIND_HOME",
        "LC_CTYPE",
    }  # the last is Python's own
    assert given["MIND_HOME"] == "/somewhere"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("print('no json')", Unavailable),
        ("print('[]')", Unavailable),
        ("print('{}')", Unavailable),
        ("print('{\"text\": 7}')", Unavailable),
        ("sys.stdout.buffer.write(b'\\xff')", Unavailable),
        ("sys.exit(1)", Unavailable),
        ("os.kill(os.getpid(), 9)", Unavailable),
        ("sys.exit(65)", BadData),
        ("sys.exit(78)", Misconfigured),
        ("sys.stdin.close(); sys.exit(69)", Unavailable),
    ],
)
def test_programs_that_fail(command, code, kind):
    with pytest.raises(kind):
        command(code).complete(asking("x" * 200_000))


def test_an_answer_that_comes_with_the_programs_end_is_read(command, look_away):
    """Between two looks at it: it was taken for a program that says nothing, and asked again."""
    look_away(chat_command)
    assert command('print(\'{"text": "yes"}\')').complete(asking()).text == "yes"


def test_a_program_that_hangs_is_killed_with_all_it_started(command, settings, expire, tmp_path):
    pids = tmp_path / "pids"
    settings.override("turn.timeout", expire(lambda: pids.exists() and pids.read_text()))
    code = f"""
import subprocess, time
child = subprocess.Popen(['sleep', '600'])
open({str(pids)!r}, 'w').write(str(child.pid))
time.sleep(600)
"""
    with pytest.raises(Unavailable, match="within 500 s"):
        command(code).complete(asking())
    assert not runs(int(pids.read_text()))


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


def test_a_program_that_is_none(env, settings):
    for setting in (
        "command:",
        "command: ",
        "command:'x",
        "command:/no/such/program",
        "command:/etc",
    ):
        with pytest.raises(Misconfigured, match="turn.model"):
            registry.open_chat(setting, env, settings).complete(asking())
