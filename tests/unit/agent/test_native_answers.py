"""An answer goes back to its provider as it came, whatever was killed in between."""

import os
import signal
from itertools import permutations
from typing import Any

import pytest
from plainmind.agent.bash import Output, Shell, ShellOptions
from plainmind.agent.turn import Model, Turn
from plainmind.agent.turn_log import UserMessage
from plainmind.formats.log.event import Event
from plainmind.ground import files
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.providers import registry
from plainmind.truth.log import native_answers, reader
from plainmind.truth.log.writer import EventDraft, Log
from ruled import MODELS, STEPS, THOUGHT, Ruled, ruling
from scene import NOW, ROOT, THOROUGH
from scripted import CONTEXT

COMMANDS = [command for step in STEPS for command in step]


@pytest.fixture
def ruled(monkeypatch, unsynced):
    with ruling() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v1")
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        monkeypatch.setenv("GEMINI_API_KEY", "x")
        yield server


class Steps:
    """Counts what a turn does, before and after each; at `last` the process dies, really."""

    def __init__(self, last: int = 0):
        self.count, self._last = 0, last

    def take(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, work):
        def wrapped(*arguments: Any, **options: Any) -> Any:
            self.take()
            result = work(*arguments, **options)
            self.take()
            return result

        return wrapped


def take_turn(root: str, setting: str, id: str = "m1", steps: Steps | None = None) -> str:
    """One turn of a model whose commands are not really run."""
    steps, home = steps or Steps(), Home(root)
    chosen = Settings("", "config.toml", lambda name: "")
    env = Environment(home.root)
    memory = Memory(home, env, chosen, lambda: NOW, lambda said: None)
    log, chat = Log(home), registry.open_chat(setting, env, chosen)
    log.append = steps.around(log.append)  # type: ignore[method-assign]
    chat.complete = steps.around(chat.complete)  # type: ignore[method-assign]
    with (
        pytest.MonkeyPatch.context() as patch,
        Shell(
            home, ROOT, None, ShellOptions.of(chosen, (), mask=env.mask, say=memory.say)
        ) as shell,
    ):
        patch.setattr(native_answers, "keep", steps.around(native_answers.keep))
        patch.setattr(native_answers, "remove", steps.around(native_answers.remove))
        run = lambda command, seconds: Output(command.removeprefix("echo "), 0, 0.0, "", "none")
        shell.run = steps.around(run)  # type: ignore[method-assign]
        return Turn(memory, Model(chat), shell, log, CONTEXT).run(
            UserMessage("go", {"message_id": id})
        )


def die_in_turn(root: str, setting: str, last: int) -> None:
    """A turn in a process of its own that kills itself at a step."""
    child = os.fork()
    if not child:
        try:
            take_turn(root, setting, steps=Steps(last))
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, f"step {last}"


def read_events(root: str) -> list[Event]:
    home = Home(root)
    window = reader.read_window(home, home.current_window(CONTEXT))
    return [window.event(block) for block in window.blocks()]


def check(root: str, ruled: Ruled, setting: str) -> None:
    """The turn is over: everything once, nothing left over, no thought in the log."""
    events = read_events(root)
    assert [e.role for e in events] == ["user", *["tool"] * len(COMMANDS), "agent"]
    assert [e.content for e in events[1:]] == ["one", "two", "three", "Done."]
    left = [name for _, _, names in os.walk(os.path.join(root, "work")) for name in names]
    assert left == []
    assert THOUGHT.encode() not in files.read(Home(root).path(events[0].path))
    # Groq refuses once in a process what it sent itself
    assert [told for told in ruled.refused if "is unsupported" not in told] == []


@pytest.mark.parametrize("setting", MODELS)
def test_killed_between_any_two_steps_the_turn_converges(tmp_path, ruled, setting):
    steps = Steps()
    assert take_turn(str(tmp_path / "whole"), setting, steps=steps) == "Done."
    check(str(tmp_path / "whole"), ruled, setting)
    # 3 questions, 3 commands and 5 appends, each with a before and an after, at the least
    assert steps.count >= 22
    # each step with the first model, every third with the others, each with a third of its own
    number = [*MODELS].index(setting)
    first, step = (1 + number % 3, 3) if number and not THOROUGH else (1, 1)
    for last in range(first, steps.count + 1, step):
        root = str(tmp_path / str(last))
        die_in_turn(root, setting, last)
        assert take_turn(root, setting) == "Done.", f"after step {last}"
        check(root, ruled, setting)
    # thoughts do not come back in a later turn, of which the server would complain
    assert take_turn(root, setting, "m2") == "Done."
    assert len(read_events(root)) == 2 * (2 + len(COMMANDS))


@pytest.mark.parametrize(("first", "second"), list(permutations(MODELS, 2)))
def test_another_model_goes_on(tmp_path, ruled, first, second, monkeypatch):
    """It is not sent the first one's message, but the same calls in its own form."""
    root = str(tmp_path)
    die_in_turn(root, first, 16 if "plain" in first else 18)
    asked = len(ruled.requests)
    monkeypatch.setattr("ruled.need", lambda what, told: None)  # another's calls are all right
    take_turn(root, second)
    sent = str(ruled.requests[asked:])
    assert "echo one" in sent and "echo two" in sent, "the calls themselves are"
    assert THOUGHT not in str(ruled.requests[asked]), "thoughts of another model"
    for mark in ("reasoning_details", "thinking", "native", "thoughtSignature"):
        allowed = mark == "thoughtSignature" and second.startswith("google")
        assert allowed or mark not in str(ruled.requests[asked]), mark


def test_what_a_log_names_is_read_only_if_it_was_kept(tmp_path, unsynced):
    """A digest in an event's meta is no path, and belongs to one content of one message."""
    home = Home(str(tmp_path))
    digest = native_answers.keep(home, CONTEXT, "m1", {"calls": []})
    assert native_answers.load(home, CONTEXT, "m1", digest) == {"calls": []}
    assert native_answers.load(home, CONTEXT, "m2", digest) is None
    for wrong in ("../../.env", "0" * 32, "", None, 7, digest + "/../" + digest):
        assert native_answers.load(home, CONTEXT, "m1", wrong) is None
    folder = home.path("work", "turns", CONTEXT)
    (name,) = os.listdir(folder)
    files.replace(os.path.join(folder, name), b'{"calls":[["x","bash","rm"]]}')
    assert native_answers.load(home, CONTEXT, "m1", digest) is None
    native_answers.remove(home, CONTEXT, "m2")
    assert os.listdir(folder) == [name]
    native_answers.remove(home, CONTEXT, "m1")
    assert os.listdir(folder) == []


def test_what_is_forgotten_is_in_no_kept_answer(world):
    world.append("user", "The boiler's service code is 4711-0815.")
    kept = {"native": {"message": "They say: The boiler's service code is 4711-0815."}}
    native_answers.keep(world.home, CONTEXT, "m1", kept)
    world.run("mem-forget", world.events()[0].ref)
    assert os.listdir(world.home.path("work", "turns", CONTEXT)) == []


@pytest.mark.parametrize("setting", MODELS)
def test_without_what_was_kept_the_turn_goes_on_all_the_same(tmp_path, ruled, setting, monkeypatch):
    """It is deleted, or on another machine: the calls go back in the form of the log."""
    root = str(tmp_path)
    die_in_turn(root, setting, 16 if "plain" in setting else 18)
    native_answers.remove(Home(root), CONTEXT, "m1")
    asked = len(ruled.requests)
    monkeypatch.setattr("ruled.need", lambda what, told: None)
    assert take_turn(root, setting) == "Done."
    request = ruled.requests[asked]
    if setting.startswith("google"):
        (part, *more) = request["contents"][1]["parts"]
        assert part["thoughtSignature"] and len(more) == 1, "what Google lets stand for one"
    if "deepseek" in setting:
        assert all(
            "reasoning_content" in m for m in request["messages"] if m["role"] == "assistant"
        )


def test_a_log_of_an_earlier_version_has_a_message_for_each_call(tmp_path, ruled):
    log, home = Log(Home(str(tmp_path))), Home(str(tmp_path))
    call = lambda id: {"name": "bash", "call": id, "args": {"command": "ls"}, "exit": 0}
    for role, content, meta in [
        ("user", "earlier", {}), ("tool", "a", call("x")), ("tool", "b", call("x")),
        ("agent", "Both.", {}),
    ]:  # fmt: skip
        log.append(CONTEXT, [EventDraft(NOW, role, content, meta)], NOW)
    assert home.current_window(CONTEXT)
    take_turn(str(tmp_path), "openai:plain")
    shown = ruled.requests[0]["messages"][2:-1]
    assert [m["role"] for m in shown] == ["assistant", "tool"] * 2 + ["assistant"]
