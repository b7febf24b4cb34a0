"""What a model can do wrong: the message is logged once, the exit code is honest, the next run
carries on."""

import json
import os
import socket

import pytest
from plainmind.agent import turn
from plainmind.ground import files
from plainmind.ground.errors import BadData, Failure, Misconfigured, Unavailable
from scripted import call, calls, later, raw_call


def test_a_server_that_recovers_is_asked_again(world, model):
    model.then(500, 503, "There.")
    assert world.turn("--message-id", "m1", "hi") == "There.\n"
    assert model.requests[0] == model.requests[1] == model.requests[2]
    assert world.roles() == ["user", "agent"]


def test_a_server_that_does_not(world, model):
    """Four attempts, 69, the message logged once, each error once; the same id completes the turn
    later."""
    model.then(500, 502, 503, 529)
    assert world.turn("--message-id", "m1", "hi", code=69) == ""
    assert world.said.count("\n") == 1 and "529" in world.said
    assert len(model.requests) == 4
    assert world.roles() == ["user", "system"]
    for _ in range(2):
        model.then(later(503))
        world.turn("--message-id", "m1", "hi", code=69)
        assert world.roles() == ["user", "system", "system"]
    assert ["529" in e.meta["error"] for e in world.events()[1:]] == [True, False]
    model.then("Hello.")
    assert world.turn("--message-id", "m1", "hi") == "Hello.\n"
    assert world.roles() == ["user", "system", "system", "agent"]
    assert model.requests[0] == model.requests[4] == model.requests[5] == model.requests[6]


def test_a_failure_after_a_tool(world, model):
    model.then(calls(call("echo 1 >> count; echo one", id="a")), later(), "Done.")
    world.turn("--message-id", "m1", "hi", code=69)
    assert world.roles() == ["user", "tool", "system"]
    assert world.turn("--message-id", "m1", "hi") == "Done.\n"
    assert world.roles() == ["user", "tool", "system", "agent"]
    assert model.messages[2] == model.messages[1]


def test_without_an_id_the_next_message_sees_the_failed_one(world, model):
    model.then(later(), "Both.")
    world.turn("one", code=69)
    world.turn("two")
    assert [m["content"] for m in model.messages[1][1:]] == [
        "one",
        "(notice) there was no answer",
        "two",
    ]
    assert "for" not in world.events()[1].meta


def test_nobody_listens(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        assert world.turn("hi", code=69, OPENAI_BASE_URL=url) == ""
    assert world.roles() == ["user", "system"]
    assert world.said.count("\n") == 1 and "cannot be reached" in world.said


@pytest.mark.parametrize(
    "reply",
    [
        b"", b"<html>busy</html>", b"[]", b"null", b"{}", b'{"choices":[]}', b'{"choices":[{}]}',
        b'{"choices":[{"message":null}]}', b'{"choices":{"0":1}}', b"\xff\xfe", b"[" * 100_000, "",
        " \n ", {"role": "assistant", "content": None},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant", "content": [], "tool_calls": None},
        {"role": "assistant", "content": 5},
    ],
    ids=lambda r: repr(r)[:30],
)  # fmt: skip
def test_no_answer(library, model, world, reply):
    model.then(reply)
    with pytest.raises(Unavailable):
        library("hi", id="m1")
    assert world.roles() == ["user", "system"]
    model.then("Here.")
    assert library("hi", id="m1") == "Here."
    assert world.roles() == ["user", "system", "agent"]


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, BadData), (422, BadData), (401, Misconfigured), (403, Misconfigured),
        (404, Misconfigured), (302, Misconfigured),
    ],
)  # fmt: skip
def test_a_refusal_is_not_repeated(library, model, world, status, failure):
    model.then((status, {"Location": "http://127.0.0.1:1/"}))
    with pytest.raises(failure):
        library("hi")
    assert world.roles() == ["user", "system"]
    assert len(model.requests) == 1


# case -> what the model answers, settings, exit code, what is logged, what the error says
NO_ANSWER = {
    "it fails": ([500], {}, 69, ["user"], "answered 500"),
    "it says no to the request": ([400], {}, 65, ["user"], "answered 400"),
    "it says no to the key": ([401], {}, 78, ["user"], "check the key"),
    "an error in a good answer": ([b'{"error": {"message": "overloaded"}}'], {}, 69, ["user"],
        "overloaded"),
    "no JSON": ([b"<html>busy</html>"], {}, 69, ["user"], "did not answer with JSON"),
    "nothing": ([""], {}, 69, ["user"], "answered nothing"),
    "nothing, as its tokens were used up": (
        [b'{"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}'], {}, 78,
        ["user"], "raise turn.max_tokens"
    ),
    "nothing after a command": ([calls(call("echo 1 >> count", id="a")), ""], {}, 69,
        ["user", "tool"], "answered nothing"),
    "calls when no more are allowed": (
        [calls(call("echo 1 >> count", id="a")), calls(call("echo 2 >> count", id="b"))],
        {"turn_max_steps": 1}, 69, ["user", "tool"],
        "keeps asking for more",
    ),
    "calls where there is no tool": ([calls(call("echo 1 >> count"))], {"turn_max_steps": 0}, 69,
        ["user"], "keeps asking for more"),
    "a small model calls what it was not given": (
        [calls(call("echo 1 >> count"))], {"setting": "openai:smollm2"}, 69, ["user"],
        "keeps asking for more"
    ),
    "it asks for lines again and again": (["EXPAND logs/a/b/c.md:3"] * 4, {}, 69, ["user"],
        "keeps asking for more"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_ANSWER)
def test_no_answer_is_logged_once_and_the_next_run_goes_on(library, model, world, case):
    replies, settings, code, logged, said = NO_ANSWER[case]
    model.then(*replies)
    with pytest.raises(Failure, match=said) as failed:
        library("go", id="m1", **settings)
    assert failed.value.code == code and len(model.requests) == len(replies)
    assert world.roles() == [*logged, "system"]
    notice = world.events()[-1]
    assert notice.content == "there was no answer"
    told = {key: value for key, value in notice.meta.items() if key != "usage"}
    model_of = {"model": notice.meta["model"]} if "usage" in notice.meta else {}
    assert told == {"error": str(failed.value), "code": code, "for": "m1", **model_of}
    # the same once more: it begins after the last result that was logged, and the same error is not
    # logged again
    again = replies[logged.count("tool") :]
    begun = model.messages[logged.count("tool")]
    model.then(*again)
    with pytest.raises(Failure, match=said):
        library("go", id="m1", **settings)
    assert world.roles() == [*logged, "system"]
    assert model.messages[-len(again)] == begun
    model.then("Here.", "Later.")
    assert library("go", id="m1", **settings) == "Here."
    assert world.roles() == [*logged, "system", "agent"]
    assert model.messages[-1] == begun
    library("and now?", **settings)
    past = ["go", "(notice) there was no answer"] * ("setting" not in settings)  # a small model
    said = [m["content"] for m in model.messages[-1][1:] if m["role"] == "user"]
    assert said == [*past, "and now?"]
    if "tool" in logged:
        with open(os.path.join(world.home.workspace, "count")) as file:
            assert file.read() == "1\n"
    else:
        assert not os.path.exists(world.home.workspace)


def test_the_same_error_of_another_message_is_logged(library, model, world):
    model.then(400, 400, 400, 400)
    for id in ("m1", "m2", "", ""):
        with pytest.raises(BadData):
            library("go", id=id)
    assert world.roles() == ["user", "system"] * 4
    assert [e.meta.get("for") for e in world.events() if e.role == "system"] == [
        "m1", "m2", None, None,
    ]  # fmt: skip


def test_without_a_context_a_failure_is_only_told(library, model, world):
    model.then(400)
    with pytest.raises(BadData):
        library("go", context=None)
    assert not os.path.exists(world.home.logs)


def test_the_key_is_never_told(world, model):
    model.then((401, {}))
    world.turn("hi", code=78, OPENAI_API_KEY="hush-hush-hush")
    assert model.headers[0]["Authorization"] == "Bearer hush-hush-hush"
    assert "hush" not in world.said
    model.then(b'{"error": {"message": "your key hush-hush-hush is bad", "code": 400}}', b"{}")
    world.turn("hi", code=65, OPENAI_API_KEY="hush-hush-hush")
    assert "hush" not in world.said
    model.replies.clear()
    # an error without a status is told in the server's own words, and logged in them
    model.then(
        *[
            b'{"error": {"message": "your key hush-hush-hush is worn", "code": '
            b'"context_length_exceeded"}}'
        ]
        * 4
    )
    world.turn("hi", code=65, OPENAI_API_KEY="hush-hush-hush")
    assert "hush" not in world.said
    assert "your key *** is worn" in world.events()[-1].meta["error"]
    assert b"hush" not in files.read(world.home.path(world.home.current_window("discord-thread/1")))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            raw_call('{"command": "ls"}', name="python"),
            "there is no tool 'python'; the only tool is bash",
        ),
        (raw_call("{}", name=""), "there is no tool ''"),
        (raw_call('{"command": "ls'), "the arguments are not valid JSON"),
        (raw_call("ls -l"), "the arguments are not valid JSON"),
        (raw_call(""), "'command' is missing"),
        (raw_call("{}"), "'command' is missing"),
        (raw_call('["ls"]'), "'command' is missing"),
        (raw_call('{"command": ["ls"]}'), "'command' is missing"),
        (raw_call('{"command": null, "timeout": 5}'), "'command' is missing"),
        (raw_call("[" * 100_000), "the arguments are not valid JSON"),
    ],
    ids=lambda m: json.dumps(m)[-40:] if isinstance(m, dict) else m[:20],
)
def test_a_call_that_cannot_be_run_is_answered(library, model, world, made, told):
    """The model reads what was wrong, and goes on."""
    model.then(calls(made), calls(call("echo better", id="b")), "Done.")
    assert library("go") == "Done."
    wrong, better = [e for e in world.events() if e.role == "tool"]
    assert wrong.content.startswith("not run: ") and told in wrong.content
    assert wrong.meta["exit"] is None
    assert (better.content, better.meta["exit"]) == ("better", 0)
    shown = model.messages[1][-2:]
    assert shown[0]["tool_calls"] == [made]
    assert shown[1] == {"role": "tool", "tool_call_id": "c1", "content": wrong.content}
    assert wrong.meta["args"] == {"raw": made["function"]["arguments"][:2000]}
    # the next turn's history has it as a call like any other
    model.then("Yes.")
    library("again?")
    shown = model.messages[3][2:4]
    assert json.loads(shown[0]["tool_calls"][0]["function"]["arguments"]) == wrong.meta["args"]
    assert shown[1] == {"role": "tool", "tool_call_id": "c1", "content": wrong.content}


@pytest.mark.parametrize(
    "made", [raw_call("{}", name=["bash"]), raw_call("ls"), raw_call('{"command": 5}')]
)
def test_the_same_call_refused_twice_is_the_last(library, model, world, made):
    model.then(calls(made), calls(made), "Then not.")
    assert library("go") == "Then not."
    assert model.requests[1]["tools"] and not model.requests[2].get("tools")
    assert world.roles() == ["user", "tool", "tool", "agent"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-5", "1" + "0" * 400])
def test_a_number_that_no_log_takes_costs_nothing_but_itself(library, model, world, number):
    usage = f'"usage": {{"prompt_tokens": {number}, "completion_tokens": 3, "cost": {number}}}'
    for message in (calls(call("echo 1 >> count", logprob="@")), {"content": "Done.", "x": ["@"]}):
        answer = json.dumps({"choices": [{"message": message}]}).replace('"@"', number)
        model.then(f"{answer[:-1]}, {usage}}}".encode())
    assert library("go", id="m1", turn_input_price=1) == "Done."
    assert world.roles() == ["user", "tool", "agent"]
    assert all(e.meta["usage"]["output_tokens"] == 3 for e in world.events()[1:])
    assert not {"input_tokens"} & set(world.events()[1].meta["usage"])


def test_a_deep_answer_is_told(library, model, world):
    for depth in (95, 200, 900, 100_000):
        for field in ("x", "reasoning_details"):
            deep = "[" * depth + "]" * depth
            model.then(f'{{"choices":[{{"message":{{"content":"A","{field}":{deep}}}}}]}}'.encode())
            if depth < 100:
                assert library("hi") == "A"
                continue
            with pytest.raises(Unavailable, match="nested deeper than 100 levels"):
                library("hi")
            assert world.events()[-1].role == "system"


def test_an_answer_larger_than_an_event_keeps_its_head_and_tail(library, model, world, monkeypatch):
    monkeypatch.setattr(turn, "LIMIT", 40_000)
    answer = f"First. {'é' * 30_000} Last."
    model.then(calls(call("true"), text=answer), answer)
    shown = library("go", id="m1")
    assert shown.startswith("First. é") and "é Last.\n\n(cut: the answer was larger" in shown
    for event in (world.events()[1], world.events()[3]):
        assert event.content.startswith("First. ") and event.content.endswith(" Last.")
        assert len(event.content.encode()) < 40_000 and "bytes left out" in event.content
    assert world.events()[3].meta["cut"] == "size"
    assert library("go", id="m1") == shown


def test_what_cannot_be_logged_is_told_in_the_log(library, model, world, monkeypatch):
    odd = iter([{"seconds": float("nan")}])
    monkeypatch.setattr(turn.UsageMeter, "take", lambda meter: next(odd, {}))
    model.then("One.")
    with pytest.raises(BadData):
        library("go", id="m1")
    assert world.roles() == ["user", "system"] and world.events()[1].meta["code"] == 65


@pytest.mark.parametrize(
    "arguments",
    [
        '{"command": "echo x", "timeout": 1e999}', '{"command": "echo x", "timeout": NaN}',
        '{"command": "echo x", "timeout": -5}', '{"command": "echo x", "timeout": "soon"}',
        '{"command": "echo x", "timeout": true}', '{"command": "echo x", "timeout": 0.2}',
        '{"command": "echo x", "timeout": 99999999}', '{"command": "echo x", "why": "because"}',
    ],
)  # fmt: skip
def test_odd_arguments_still_run(library, model, world, arguments):
    model.then(calls(raw_call(arguments)), "Done.")
    assert library("go") == "Done."
    assert [e.content for e in world.events()] == ["go", "x", "Done."]


@pytest.mark.parametrize(
    "command",
    ["echo a\0b", "echo \ud800", "echo " + "x" * 300_000],
    ids=["NUL", "surrogate", "long"],
)
def test_a_command_no_system_can_start(library, model, world, command):
    model.then(calls(call(command)), "Sorry.")
    assert library("go") == "Sorry."
    tool = world.events()[1]
    assert tool.content.startswith("not run: ") and tool.meta["exit"] == (
        None if len(command) > 1000 else 127
    )
    assert len(json.dumps(tool.meta)) < 3000, "it is not sent again with every turn"


def test_the_last_step_has_no_tools(library, model, world):
    """After max_steps calls the model is asked without tools, and must answer."""
    model.then(calls(call("echo 1", id="a")), calls(call("echo 2", id="b")), "Enough.")
    assert library("go", turn_max_steps=2) == "Enough."
    assert [bool(request.get("tools")) for request in model.requests] == [True, True, False]
    assert world.roles() == ["user", "tool", "tool", "agent"]


def test_more_calls_at_once_than_steps_are_left(library, model, world):
    model.then(calls(*(call(f"echo {n}", id=str(n)) for n in range(5))), "Enough.")
    assert library("go", turn_max_steps=3) == "Enough."
    left = "not run: no more commands can be run in this turn"
    assert [e.content for e in world.events() if e.role == "tool"] == ["0", "1", "2", left, left]
    assert [bool(request.get("tools")) for request in model.requests] == [True, False]
    # every call that is shown has its result, and the last word is the notice
    *_, notice = model.messages[1]
    (asked,) = [m["tool_calls"] for m in model.messages[1] if "tool_calls" in m]
    results = [m["tool_call_id"] for m in model.messages[1] if m["role"] == "tool"]
    assert [made["id"] for made in asked] == results == list("01234")
    assert notice["role"] == "user" and notice["content"].startswith("(notice) No more commands")


def test_calls_where_none_are_possible(library, model, world):
    """A model that calls without being given a tool: its text counts."""
    for settings in ({"turn_max_steps": 0}, {"setting": "openai:smollm2"}):
        model.then(calls(call("echo 1", id="a"), text="Well."))
        assert library("go", **settings) == "Well."
        assert not model.requests[-1].get("tools")
    assert world.roles() == ["user", "agent"] * 2


def test_steps_count_over_a_cut(library, model):
    model.then(calls(call("true", id="a")), 500, calls(call("true", id="b")), "Done.")
    with pytest.raises(Unavailable):
        library("go", id="m", turn_max_steps=2)
    assert library("go", id="m", turn_max_steps=2) == "Done."
    assert [bool(request.get("tools")) for request in model.requests] == [True, True, True, False]


@pytest.mark.parametrize(
    "setting", ["nobody", "nobody:x", "openai:", "command:", "command:/nowhere/model", "command:'"]
)
def test_no_such_model(world, setting):
    assert world.turn("--model", setting, "hi", code=78) == ""
    assert world.said.count("\n") == 1 and "turn.model" in world.said
