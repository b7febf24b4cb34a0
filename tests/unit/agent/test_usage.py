"""Every call of a model is counted with the event it led to: tries that failed, too."""

import pytest
from plainmind.ground.errors import Failure
from scripted import call, calls, later

ID = "session-1770451234"


def paid(world) -> list[dict]:
    """The meta of the events that tell of calls, less how long they took."""
    found = []
    for event in world.events():
        if usage := event.meta.get("usage"):
            assert usage["seconds"] >= 0
            usage = {key: value for key, value in usage.items() if key != "seconds"}
            known = ("model", "agent", "session")
            found.append({**{k: event.meta[k] for k in known if k in event.meta}, **usage})
    return found


ONE = {"model": "openai:scripted", "input_tokens": 7, "output_tokens": 3}


def test_tries_that_fail_are_counted(world, model):
    model.then(503, 429, "Hello.", calls(call("true")), 500, "Done.")
    world.turn("hi")
    world.turn("go")
    assert paid(world) == [{**ONE, "calls": 3, "failed": 2}, ONE, {**ONE, "calls": 2, "failed": 1}]


def test_a_turn_without_an_answer_is_counted(library, world, model):
    model.then(calls(call("true")), later())
    with pytest.raises(Failure):
        library("go", id="m1")
    assert paid(world) == [ONE, {"model": "openai:scripted", "failed": 1}]
    model.then(400, "Here.")
    with pytest.raises(Failure):
        library("go", id="m1")
    assert library("go", id="m1") == "Here."
    assert sum(one.get("calls", 1) for one in paid(world)) == len(model.requests)


@pytest.mark.parametrize("env, expected", [
    ({"MIND_AGENT": "backend", "MIND_SESSION": ID}, {"agent": "backend", "session": ID}),
    ({"MIND_AGENT": "backend"}, {"agent": "backend"}),
    ({"MIND_AGENT": "../x", "MIND_SESSION": "yesterday"}, {}),
])  # fmt: skip
def test_whose_call_it_was(world, model, env, expected):
    model.then(calls(call("true")), "Done.")
    world.turn("go", **env)
    assert paid(world) == [{**ONE, **expected}] * 2
