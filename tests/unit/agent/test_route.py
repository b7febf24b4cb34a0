"""agent-turn --route: which model is asked, what is written of it, and who takes over."""

import json

import pytest
from scripted import call, calls, later

LOCAL = "Fix the typos in the README"
CLOUD = "Design the database schema"


@pytest.fixture
def routed(world, model):
    """A turn with the scripted server as both models: `openai:near` and `openai:far`."""
    world.env |= {"MIND_TURN_MODEL": "openai:far", "MIND_ROUTE_LOCAL": "openai:near"}
    return world


def asked(model):
    return [request["model"] for request in model.requests]


def journal(world):
    try:
        with open(world.home.path("work/events.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


@pytest.mark.parametrize(
    ("route", "text", "name", "logged"),
    [
        ("auto", LOCAL, "near", "local"),
        ("auto", CLOUD, "far", "cloud"),
        ("local", CLOUD, "near", "local"),  # a person may say so
        ("cloud", LOCAL, "far", "cloud"),
    ],
)
def test_the_route_chooses_the_model_and_is_logged(routed, model, route, text, name, logged):
    model.then("done")
    assert routed.turn("--route", route, "--message-id", "m", "-v", text) == "done\n"
    assert asked(model) == [name]
    reply = routed.events()[-1]
    assert (reply.meta["route"], reply.meta["model"]) == (logged, f"openai:{name}")
    lines = journal(routed)
    assert [line["decision"] for line in lines] == ([logged] if route == "auto" else [])
    assert text not in json.dumps(lines), "the journal is never changed, and a log is forgotten"
    assert (f"route: {logged} " in routed.said) == (route == "auto")


def test_without_a_route_nothing_is_decided(routed, model):
    model.then("done")
    routed.turn(LOCAL)
    assert asked(model) == ["far"] and "route" not in routed.events()[-1].meta
    assert journal(routed) == []


def test_the_trace_has_the_route(routed, model):
    model.then("done")
    routed.turn("--route", "auto", "--trace", routed.path("trace"), LOCAL)
    with open(routed.path("trace"), encoding="utf-8") as file:
        assert json.loads(file.read())["route"] == "local"


def test_without_a_context_and_in_a_dry_run_nothing_is_written(routed, model):
    model.then("done")
    routed.turn("--route", "auto", LOCAL, context=None)
    request = json.loads(routed.turn("--route", "auto", "--dry-run", CLOUD))
    assert request["model"] == "openai:far"
    assert journal(routed) == [] and not routed.tree("work")


def test_a_message_given_again_is_decided_once(routed, model):
    model.then("done")
    for _ in range(2):
        assert routed.turn("--route", "auto", "--message-id", "m", LOCAL) == "done\n"
    assert len({line["id"] for line in journal(routed)}) == 1
    assert routed.run("agent-route", "--replay").count("\n") == 1


def test_an_attachment_is_for_the_cloud(routed, model):
    model.then("done")
    with open(routed.path("a.txt"), "w") as file:
        file.write("x")
    routed.turn("--route", "auto", "--attach", routed.path("a.txt"), LOCAL)
    assert asked(model) == ["far"] and journal(routed)[0]["rule"] == "attachments"


def test_turn_model_takes_over_where_the_local_one_is_unavailable(routed, model):
    model.then(later(), "done")
    assert routed.turn("--route", "auto", LOCAL) == "done\n"
    assert asked(model) == ["near", "far"]
    assert "; asking 'openai:far' instead" in routed.said
    assert routed.roles() == ["user", "system", "agent"]  # the message is logged once
    reply = routed.events()[-1].meta
    assert (reply["route"], reply["model"]) == ("cloud", "openai:far")
    assert [line["decision"] for line in journal(routed)] == ["local"]


def test_what_the_local_model_ran_is_not_run_again(routed, model):
    model.then(calls(call("echo x >> ran")), later(), "done")
    assert routed.turn("--route", "auto", LOCAL) == "done\n"
    assert asked(model) == ["near", "near", "far"]
    assert model.messages[-1][-1]["role"] == "tool"
    with open(routed.home.path("workspace", "ran"), encoding="utf-8") as file:
        assert file.read() == "x\n"


@pytest.mark.parametrize(
    ("route", "context", "first"),
    [
        ("local", "cli/a", []),
        ("auto", None, [calls(call("echo x"))]),  # nothing says what was run
    ],
)
def test_nobody_takes_over(routed, model, route, context, first):
    model.then(*first, later())
    routed.turn("--route", route, LOCAL, context=context, code=69)
    assert set(asked(model)) == {"near"}


@pytest.mark.parametrize("name", ["auto", "google", "google:gemini-3"])
def test_a_local_model_that_is_elsewhere_is_refused(routed, name):
    for route in ("auto", "local"):
        routed.turn("--route", route, LOCAL, code=78, MIND_ROUTE_LOCAL=name)
        assert f"route.local: '{name}' is not a model of your own" in routed.said
    assert routed.events() == []


def test_a_failure_that_is_not_for_another_model_ends_the_turn(routed, model):
    model.then(400)
    routed.turn("--route", "auto", LOCAL, code=65)
    assert asked(model) == ["near"]
