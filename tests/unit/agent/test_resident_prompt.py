"""Resident memory in a turn's system prompt: its place, its bytes, and how it is left out."""

import json
import os

import pytest
from plainmind.agent import tracing
from scripted import CONTEXT, call, calls


@pytest.fixture
def remembering(world):
    os.makedirs(world.home.path("memory"))
    with open(world.home.path("memory/MEMORY.md"), "w") as file:
        file.write("## Answers\n- in German\n- in one sentence\n")
    return world


def system(world, *options: str, context: str | None = CONTEXT) -> str:
    request = json.loads(world.turn("--dry-run", *options, "hi", context=context))
    assert request["messages"][0]["role"] == "system"
    assert "Persistent memory" not in json.dumps(request["messages"][1:])
    return request["messages"][0]["content"]


def test_it_stands_after_skills_and_surroundings_and_before_the_notice(remembering):
    for number in range(20):
        remembering.run("mem-note", "--type", "user", "--name", f"n{number}", stdin=b"%d" % number)
    text = system(remembering, "--now", "2026-02-10")
    order = [
        "memory-search",
        "Commands start in",
        "## Persistent memory",
        "- in German",
        "(notice)",
        "Today is Tuesday, 2026-02-10, in Europe/London.",
    ]
    places = [text.rindex(part) for part in order]
    assert places == sorted(places)
    assert remembering.run("mem-resident").strip() in text


@pytest.mark.parametrize("options", [("--no-memory",), ("--model", "embedded")])
def test_it_is_left_out(remembering, options):
    assert "Persistent memory" not in system(remembering, *options)


def test_it_is_off_in_a_context(remembering):
    remembering.run("mem-resident", "off", "--context", CONTEXT)
    assert "Persistent memory" not in system(remembering)
    assert "Persistent memory" in system(remembering, context=None)


def test_a_project_is_that_of_cwd_once_it_is_trusted(remembering, tmp_path):
    folder = tmp_path / "app" / ".pi" / "memory"
    os.makedirs(folder)
    (folder / "MEMORY.md").write_text("- the schema is generated\n")
    cwd = ("--cwd", str(tmp_path / "app"))
    assert "schema" not in system(remembering, *cwd)
    remembering.run("mem-resident", "trust", str(tmp_path / "app"))
    assert "schema" in system(remembering, *cwd) and "schema" not in system(remembering)
    assert "schema" not in system(remembering, *cwd, "--no-memory")


def test_a_hundred_turns_have_the_same_prefix_and_the_log_has_none_of_it(
    remembering, model, library
):
    """With tools and memories."""
    for number in range(100):
        if number % 9 == 4:
            model.then(calls(call(f"seq {number}", id=f"c{number}")))
        model.then(f"Answer {number}.")
        library(f"question {number} about the boiler", turn_sandbox="none")
    assert len(model.messages) == 111
    assert len({messages[0]["content"] for messages in model.messages}) == 1
    logged = "".join(event.content for event in remembering.events())
    assert "Persistent memory" not in logged and "in German" not in logged


def test_an_edit_of_a_bullet_changes_the_prompt_from_there_on(remembering, model, tmp_path):
    path = str(tmp_path / "trace")
    for language in ("German", "French"):
        with open(remembering.home.path("memory/MEMORY.md"), "w") as file:
            file.write(f"## Answers\n- in {language}\n- in one sentence\n")
        model.then("Oui.")
        remembering.turn("--trace", path, "hi")
    with open(path) as file:
        after = json.loads(file.read().splitlines()[1])
    same = tracing.render(after["request"]).index(b"French")
    assert after["same_bytes"] == same
    assert f"prompt: {same} of {after['bytes']} bytes as in the request before" in remembering.said
