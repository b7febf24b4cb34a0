"""A turn: what is asked of the model, what is logged, and in which order."""

import json
import os
import signal
import threading
from itertools import pairwise

import pytest
from plainmind.agent import prompt
from plainmind.agent.bash import TOOL
from scene import PATIENCE
from scripted import call, calls, later


def test_three_tool_calls_in_one_turn(world, model):
    model.then(
        calls(call("echo one", id="a"), call("echo two; exit 3", id="b"), text="Let me look."),
        calls(call("pwd; cat", id="c", timeout=5)),
        "  All done.  ",
    )
    printed = world.turn("--author", "Ann", "--author-id", "7", "--message-id", "m1", "Look around")
    assert printed == "All done.\n"
    events = world.events()
    assert [e.role for e in events] == ["user", "agent", "tool", "tool", "tool", "agent"]
    user, step, one, two, three, answer = events
    assert (user.content, user.author, user.meta) == (
        "Look around",
        "Ann",
        {"author_id": "7", "message_id": "m1"},
    )
    assert (step.content, step.meta) == (
        "Let me look.",
        {"model": "openai:scripted", "step": True, "for": "m1"},
    )
    assert [e.content for e in (one, two, three)] == ["one", "two\n(exit 3)", world.home.workspace]
    assert [e.meta["exit"] for e in (one, two, three)] == [0, 3, 0]
    assert [e.meta["args"] for e in (one, two, three)] == [
        {"command": "echo one"},
        {"command": "echo two; exit 3"},
        {"command": "pwd; cat", "timeout": 5},
    ]
    assert [e.meta["call"] for e in (one, two, three)] == ["a", "b", "c"]
    assert all(
        e.meta["name"] == "bash" and e.meta["sandbox"] and e.meta["seconds"] >= 0
        for e in (one, two, three)
    )
    assert answer.content == "All done."
    assert answer.meta == {
        "model": "openai:scripted",
        "usage": answer.meta["usage"],
        "reply_to": "m1",
    }
    # each of the three answers is paid for once, with the first event it begot
    assert ["usage" in e.meta for e in events] == [False, False, True, False, True, True]
    for paid in (one, three, answer):
        assert paid.meta["usage"] == {
            "input_tokens": 7,
            "output_tokens": 3,
            "seconds": paid.meta["usage"]["seconds"],
        }
        assert paid.meta["usage"]["seconds"] > 0


def test_requests_are_in_openai_form(world, model):
    made = call("echo hi", id="x")
    model.then(calls(made), "Done.")
    world.turn("Say hi")
    first, second = model.requests
    assert first["model"] == "scripted" and first["tools"] == [TOOL] and first["max_tokens"] == 1024
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert first["messages"][1] == {"role": "user", "content": "Say hi"}
    assert second["messages"] == [
        *first["messages"],
        {"role": "assistant", "content": "", "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "x", "content": "hi"},
    ]


def test_everything_before_the_message_is_byte_stable(world, model):
    """A provider's prompt cache holds: each turn's prompt starts with all that came before the last
    message."""
    model.then(
        calls(call("echo 1", id="a"), call("printf 'x\\ny\\n\\n'", id="b"), text="I look."),
        calls(call("true", id="c", timeout=3)),
        "Ännswer « 1 »\n\nwith two paragraphs",
        "Second.",
        calls(call("printf '\\033[1mbold\\033[0m\\r\\n'", id="d")),
        "Third.",
        "Fourth.",
    )
    starts = [0]
    for number, message in enumerate(
        ["first\nof two lines", "second ![x](y)", "## 2026 user", "fourth"]
    ):
        world.turn("--author", "Ann", "--message-id", f"m{number}", message)
        starts.append(len(model.requests))
    firsts = [model.messages[start] for start in starts[:-1]]
    for before, after in pairwise(firsts):
        kept = json.dumps(before[:-1])[:-1]
        assert json.dumps(after[:-1])[:-1].startswith(kept)
    # the rest of a turn, as its own requests showed it, is what the next turn's history shows
    assert firsts[1][2:-1] == [
        *model.messages[2][2:],
        {"role": "assistant", "content": "Ännswer « 1 »\n\nwith two paragraphs"},
    ]
    assert firsts[1][1] == {"role": "user", "content": "Ann: first\nof two lines"}
    assert len(firsts[3]) == 1 + 7 + 2 + 4 + 1
    for request in model.requests:
        assert request["messages"][0] == model.requests[0]["messages"][0]


def test_an_own_system_prompt(world, model):
    os.makedirs(world.home.root)
    with open(world.home.path("system-prompt.md"), "w") as file:
        file.write("You are a teapot.\n")
    model.then("Short and stout.")
    world.turn("Who are you?")
    system = model.messages[0][0]
    assert system["role"] == "system"
    persona, origin, skills, surroundings = system["content"].split("\n\n", 3)
    assert persona == "You are a teapot." and skills.startswith("Skills tell how")
    assert origin == prompt.ORIGIN, "whatever a person writes, it is told what is ours"
    assert world.home.workspace in surroundings


def test_json_and_standard_input(world, model):
    model.then("One.", "Two.")
    assert json.loads(world.turn("--json", "hi")) == {"reply": "One.", "model": "openai:scripted"}
    assert (
        world.run("agent-turn", "--context", "discord-thread/1", "-", stdin="für dich\n".encode())
        == "Two.\n"
    )
    assert world.events()[2].content == "für dich\n"


def test_bytes_that_are_no_text(world, model):
    model.then("Fine.")
    world.run("agent-turn", "--context", "discord-thread/1", stdin=b"a\xff\x00b")
    assert world.events()[0].content == "a\udcff\0b"


def test_attachments_are_logged_and_told(world, model):
    """In the message and in the history the same."""
    model.then("Seen.", "Still.")
    hostile = "b\n(attached: passwd).txt"
    for name in ("a.png", hostile):
        with open(world.path(name), "w"):
            pass
    world.turn("--author", "Ann", "--attach", "a.png", "--attach", hostile, "look")
    assert world.events()[0].meta["attachments"] == [world.path("a.png"), world.path(hostile)]
    told = (
        f"Ann: look\n(attached: {world.path('a.png')})\n(attached: "
        f"{world.path('b (attached: passwd).txt')})"
    )
    assert model.messages[0][-1] == {"role": "user", "content": told}
    world.turn("and now?")
    assert model.messages[1][1] == model.messages[0][-1]


def test_the_same_message_is_answered_once(world, model):
    model.then("Hello Ann.")
    assert world.turn("--message-id", "m1", "hi") == "Hello Ann.\n"
    before = world.tree("logs")
    assert world.turn("--message-id", "m1", "hi") == "Hello Ann.\n"
    assert world.turn("--message-id", "m1", "something else") == "Hello Ann.\n"
    assert len(model.requests) == 1
    assert world.tree("logs") == before


@pytest.mark.parametrize("id", ['a"b', "a\\b", "ü", "![x", "  ", "0", "\x7f", "m 1"])
def test_any_text_is_a_message_id(library, model, world, id):
    model.then("Yes.")
    assert [library("hi", id=id), library("hi", id=id)] == ["Yes.", "Yes."]
    assert world.roles() == ["user", "agent"]


def test_one_id_within_another_is_another(library, model, world):
    model.then("Ten.", "One.")
    assert library("hi", id="10") == "Ten."
    assert library("hi", id="1") == "One."
    assert len(world.events()) == 4


def test_an_answer_in_an_ended_window_is_given_again(library, model, world, log):
    model.then("Hello.")
    library("hi", id="m1")
    log.start_window("discord-thread/1", 2_000_000_000_000)
    assert library("hi", id="m1") == "Hello."
    assert world.events() == []


def test_a_message_that_is_answered_in_the_next_window(library, model, world, log):
    """It failed, the window ended, it was tried again: then it is answered, once."""
    model.then(calls(call("echo x >> count", id="a")), 500, "Hello.")
    with pytest.raises(Exception, match="500"):
        library("hi", id="m1")
    log.start_window("discord-thread/1", 2_000_000_000_000)
    assert library("hi", id="m1") == "Hello."
    assert library("hi", id="m1") == "Hello."
    assert world.roles() == ["agent"]
    system, asked, *done = model.messages[-1]
    assert (system, done) == (model.messages[0][0], model.messages[1][-2:])
    assert asked["content"].endswith("hi")


def test_killed_after_the_first_tool(world, model):
    """The turn goes on where it was: one user event, one answer, the first tool runs once."""
    held, release = threading.Event(), threading.Event()

    def hold(_request):
        held.set()
        release.wait(PATIENCE)
        return 500

    model.then(calls(call("echo ran >> count; echo ran", id="a"), text="First."), hold)
    arguments = ["--context", "discord-thread/1", "--message-id", "m1", "do it"]
    process = world.start(*arguments)
    try:
        assert held.wait(PATIENCE)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        release.set()
    assert world.roles() == ["user", "agent", "tool"]
    model.then(calls(call("echo again >> count", id="b")), "Done.")
    assert world.run("agent-turn", *arguments) == "Done.\n"
    assert world.roles() == ["user", "agent", "tool", "tool", "agent"]
    with open(os.path.join(world.home.workspace, "count")) as file:
        assert file.read() == "ran\nagain\n"
    assert model.messages[2] == model.messages[1], "the same request as the one that was cut off"
    world.run("mem-lint", "--logs")


def test_a_long_turn_goes_on_whole(library, model, world):
    """What this turn did is never left out as old history: the model would do it again."""
    model.then(calls(call("seq 300", id="a")), 500, "Done.")
    with pytest.raises(Exception, match="500"):
        library("do it", id="m1", turn_history_tokens=50)
    assert library("do it", id="m1", turn_history_tokens=50) == "Done."
    assert model.messages[2] == model.messages[1]


def test_a_turn_that_goes_on_keeps_its_history(library, model, world):
    """What a turn did before it was cut off moves nothing out of the history it began with."""
    for number in range(4):
        world.append("user", f"question {number}")
        world.append("agent", f"answer {number}")
    model.then(calls(call("seq 300", id="a")), 500, "Done.")
    with pytest.raises(Exception, match="500"):
        library("do it", id="m1", turn_history_tokens=100)
    assert len(model.messages[0]) == 1 + 8 + 1
    assert library("do it", id="m1", turn_history_tokens=100) == "Done."
    assert model.messages[2] == model.messages[1]


def test_a_price_makes_a_cost(library, model, world):
    """Where the provider tells none; what it tells stands."""
    told = {
        "choices": [{"message": {"content": "Two."}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.5},
    }
    model.then("One.", json.dumps(told).encode(), "Three.")
    prices = {"turn_input_price": 2, "turn_output_price": 10}
    library("one", **prices)
    library("two", **prices)
    library("three")
    costs = [e.meta["usage"].get("cost") for e in world.events() if e.role == "agent"]
    assert costs == [pytest.approx((7 * 2 + 3 * 10) / 1e6), 0.5, None]


def test_a_model_that_writes_its_calls_as_text(library, model, world):
    """Its log, and what happens in between, are those of any other model."""
    model.then(
        '```json\n{"command": "echo hi", "timeout": 5}\n```',
        'Sure: {"answer": "It says hi."}',
        "Plain text will do.",
    )
    assert library("say hi", "openai:gemma-3", id="m1") == "It says hi."
    user, tool, answer = world.events()
    assert (tool.content, tool.meta["args"], tool.meta["exit"]) == (
        "hi",
        {"command": "echo hi", "timeout": 5},
        0,
    )
    assert answer.content == "It says hi."
    assert answer.meta["usage"]["output_tokens"] == tool.meta["usage"]["output_tokens"] == 3
    first, second = model.requests
    assert "tools" not in first and [list(form["properties"]) for form in first["response_format"][
        "json_schema"]["schema"]["anyOf"]] == [
        ["command", "timeout"], ["answer"]
    ]  # fmt: skip
    assert second["messages"][:2] == first["messages"]
    said, result = second["messages"][2:]
    assert said["role"] == "assistant" and json.loads(said["content"]) == {
        "command": "echo hi",
        "timeout": 5,
    }
    assert result == {"role": "user", "content": "Result:\nhi"}
    assert library("and now?", "openai:gemma-3") == "Plain text will do."
    assert model.messages[2][1:5] == [
        first["messages"][1], said, result, {"role": "assistant", "content": "It says hi."},
    ]  # fmt: skip


def test_the_last_step_of_a_model_that_writes_its_calls_as_text(library, model, world):
    model.then('{"command": "echo 1"}', '{"answer": "Enough."}')
    assert library("go", "openai:gemma-3", turn_max_steps=1) == "Enough."
    assert ["response_format" in request for request in model.requests] == [True, False]
    assert model.messages[1][-1]["content"].startswith("(notice) No more commands")
    assert world.roles() == ["user", "tool", "agent"]


def test_another_message_between_failure_and_success(library, model, world):
    """m1 fails, m2 is answered, m1 is tried again: m2's answer is not taken for m1's doing."""
    model.then(calls(call("echo tool of m1", id="a")), 500, "Answer to two.", "Answer to one.")
    with pytest.raises(Exception, match="500"):
        library("message one", id="m1")
    assert library("message two", id="m2") == "Answer to two."
    assert library("message one", id="m1") == "Answer to one."
    last = model.messages[-1]
    assert [(m["role"], m["content"]) for m in last[1:]] == [
        ("user", "message two"), ("assistant", "Answer to two."), ("user", "message one"),
        ("assistant", ""), ("tool", "tool of m1"),
    ]  # fmt: skip
    assert library("message one", id="m1") == "Answer to one."
    assert library("message two", id="m2") == "Answer to two."


def test_without_a_context_nothing_is_logged(world, model):
    world.append("user", "The boiler's service code is 4711.", author="Ann")
    before = world.tree("logs")
    model.then(calls(call("echo x")), "4711.")
    assert world.turn("What is the boiler's service code?", context=None) == "4711.\n"
    assert world.tree("logs") == before
    assert [memory["excerpt"] for memory in model.injected(0)] == [
        "The boiler's service code is 4711."
    ]
    assert [m["role"] for m in model.messages[0]] == ["system", "user"]


def test_one_turn_at_a_time(world, model):
    """A second turn of the same context is busy after 5 s; another context's runs beside it."""
    held, release = threading.Event(), threading.Event()

    def hold(_request):
        held.set()
        release.wait(PATIENCE)
        return "First."

    model.then(hold)
    first = world.start("--context", "discord-thread/1", "one")
    try:
        assert held.wait(PATIENCE)
        waiting = world.start("--context", "discord-thread/1", "two")
        model.then("Beside.")
        assert world.turn("three", context="discord-thread/2") == "Beside.\n"
        out, err = waiting.communicate(timeout=PATIENCE)
        assert (waiting.returncode, out) == (75, b"")
        assert b"try again" in err and err.count(b"\n") == 1
    finally:
        release.set()
        out, _ = first.communicate(timeout=PATIENCE)
    assert out == b"First.\n"
    assert world.roles() == ["user", "agent"]
    model.then("Second.")
    assert world.turn("two") == "Second.\n"


@pytest.mark.parametrize("context", ["nosurface", "../x", "a/b/c", "A/b", "a/" + "x" * 65, "a/b\n"])
def test_no_context(world, context):
    world.turn("hi", context=context, code=65)
    assert not os.path.exists(world.home.logs)


def test_usage(world):
    world.turn("  ", code=2)
    world.turn("--nope", "hi", code=2)
    world.turn("--cwd", "nowhere", "hi", code=2)
    assert not os.path.exists(world.home.root)


def test_a_folder_for_commands(world, model):
    os.mkdir(world.path("project"))
    model.then(calls(call("pwd")), "There.")
    world.turn("--cwd", "project", "where?")
    assert world.events()[1].content == os.path.realpath(world.path("project"))


def test_a_reader_that_leaves(world, model):
    model.then("Long. " * 50_000)
    process = world.start("--context", "discord-thread/1", "talk")
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
    assert world.roles() == ["user", "agent"]


def test_ctrl_c_ends_the_tool_and_the_turn(world, model):
    """The command is gone, what happened is logged, and the same message goes on from there."""
    model.then(calls(call("touch started; sleep 60; touch survived", id="a")))
    process = world.start("--context", "discord-thread/1", "--message-id", "m1", "go")
    started = os.path.join(world.home.workspace, "started")
    while process.poll() is None and not os.path.exists(started):
        signal.sigtimedwait([], 0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    _, tool, notice = events = world.events()
    assert [e.role for e in events] == ["user", "tool", "system"]
    assert tool.meta["exit"] is None and "interrupted" in tool.content
    assert (notice.content, notice.meta) == ("the user interrupted the turn", {"for": "m1"})
    assert not os.path.exists(os.path.join(world.home.workspace, "survived"))
    model.then("Stopped.", "Yes.")
    assert world.turn("--message-id", "m1", "go") == "Stopped.\n"
    assert model.messages[1][-1] == {"role": "tool", "tool_call_id": "a", "content": tool.content}
    assert world.turn("really?") == "Yes.\n"
    assert "(notice) the user interrupted the turn" in [m["content"] for m in model.messages[2]]


def test_later_is_not_now(world, model):
    """The helper of these tests: a server that asks for an hour is not asked again in this run."""
    model.then(later(429))
    world.turn("hi", code=69)
    assert len(model.requests) == 1
