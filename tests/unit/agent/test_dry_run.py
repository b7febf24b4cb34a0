"""--dry-run: the exact request, and nothing else in the world."""

import json
import sqlite3

import pytest
from plainmind.agent.bash import TOOL
from scripted import call, calls


@pytest.mark.parametrize("context", [None, "discord-thread/1", "discord-thread/2"])
@pytest.mark.parametrize("indexed", ["no index", "index", "old index", "damaged index"])
def test_it_writes_nothing(world, model, context, indexed):
    world.append("user", "The boiler's service code is 4711.", context="discord-thread/9")
    world.append("user", "hello")
    world.append("agent", "hello you")
    if indexed != "no index":
        world.run("mem-recall", "--lexical", "boiler", "code")
    if indexed == "old index":
        world.append(
            "user", "The boiler's second service code is 4712.", context="discord-thread/9"
        )
    if indexed == "damaged index":
        with open(world.home.path("index/mind.db"), "r+b") as file:
            file.write(b"no database at all")
    before = world.lasting()
    request = json.loads(
        world.turn("--dry-run", "What is the boiler's service code?", context=context)
    )
    assert world.lasting() == before
    assert model.requests == []
    assert request["model"] == "openai:scripted" and request["tools"] == [TOOL]
    assert request["messages"][0]["role"] == "system"
    last = request["messages"][-1]["content"]
    assert last.split("\n")[1] == "INJECTED_CONTEXT_RELEVANT_MEMORIES" and "4711" in last
    assert ("4712" in last) == (indexed == "old index")
    assert [m["content"] for m in request["messages"][1:-1]] == (
        ["hello", "hello you"] if context == "discord-thread/1" else []
    )


def test_an_index_of_another_version(world):
    world.append("user", "The boiler's service code is 4711.", context="discord-thread/9")
    world.run("mem-recall", "--lexical", "boiler")
    with sqlite3.connect(world.home.path("index/mind.db")) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = world.lasting()
    assert "4711" in world.turn("--dry-run", "the boiler's code?", context=None)
    assert world.lasting() == before


def test_an_index_with_wal_keeps_it(world):
    """As a newer SQLite makes it: to leave WAL is to write the file."""
    world.append("user", "The boiler's service code is 4711.", context="discord-thread/9")
    world.run("mem-recall", "--lexical", "boiler")
    path = world.home.path("index/mind.db")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
    db.close()
    world.append("user", "The boiler's second service code is 4712.", context="discord-thread/9")
    with open(path, "rb") as file:
        before = file.read()
    assert "4712" in world.turn("--dry-run", "the boiler's code?", context=None)
    with open(path, "rb") as file:
        assert file.read() == before


def test_no_home_at_all(world):
    request = json.loads(world.turn("--dry-run", "--author", "Ann", "hi"))
    assert [m["content"] for m in request["messages"][1:]] == ["Ann: hi"]
    import os

    assert not os.path.exists(world.home.root)


def test_it_is_the_request_that_is_made(world, model):
    """With history, memories and a turn that was cut off."""
    world.append("user", "The boiler's service code is 4711.", context="discord-thread/9")
    model.then("Hello.", calls(call("echo x", id="a")), 400, 400)
    world.turn("hi")
    ask = ("--author", "Ann", "--message-id", "m2", "What is the boiler's service code?")
    shown = json.loads(world.turn("--dry-run", *ask))
    world.turn(*ask, code=65)
    assert model.requests[1] == {**shown, "model": "scripted"}
    cut = json.loads(world.turn("--dry-run", *ask))
    world.turn(*ask, code=65)
    assert model.requests[3] == {**cut, "model": "scripted"}
    assert cut["messages"] == model.messages[2]


@pytest.mark.parametrize("setting", ["embedded", "command:/nowhere/at/all", "google:x", "ollama:x"])
def test_no_model_is_needed(world, setting):
    request = json.loads(
        world.turn(
            "--dry-run", "--model", setting, "hi", GEMINI_API_KEY="x", OLLAMA_HOST="127.0.0.1:1"
        )
    )
    assert request["model"] == setting
    assert bool(request["tools"]) == (setting != "embedded")
