"""Resident memory in a turn's system prompt: its place, its bytes, and how it is left out."""

import json
import os

import pytest
from scripted import CONTEXT


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
    """With tools and memories; an edit of a bullet changes nothing before itself."""
    for number in range(100):
        model.then(f"Answer {number}.")
        library(f"question {number} about the boiler")
    systems = {messages[0]["content"] for messages in model.messages}
    assert len(systems) == 1
    logged = "".join(event.content for event in remembering.events())
    assert "Persistent memory" not in logged and "in German" not in logged
    with open(remembering.home.path("memory/MEMORY.md"), "w") as file:
        file.write("## Answers\n- in French\n- in one sentence\n")
    model.then("Oui.")
    library("and now?")
    before, after = systems.pop(), model.messages[-1][0]["content"]
    assert os.path.commonprefix([before, after]).endswith("- in ")
