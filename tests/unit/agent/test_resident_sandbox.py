"""Resident memory from inside the sandbox: ordinary commands read and write it, in the global scope
and in the project of --cwd once that is trusted; nothing else of either opens."""

import json
import os

import pytest
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.sandbox import modes
from plainmind.ground import files
from plainmind.memory import resident
from plainmind.truth import changes
from plainmind.truth.resident import trust
from rungs import RUNGS, SANDBOXES
from scene import ROOT
from scripted import call, calls


@pytest.fixture
def app(home, tmp_path):
    """A repository beside a home, each with an index."""
    root = tmp_path / "app"
    for folder in (root / ".pi" / "memory", root / ".pi" / "extensions", home.path("memory")):
        os.makedirs(folder)
    (root / ".pi" / "memory" / "MEMORY.md").write_text("## Build\n- slow\n")
    (root / ".pi" / "settings.json").write_text("{}\n")
    with open(home.path("memory/MEMORY.md"), "w") as file:
        file.write("## Answers\n- in German\n")
    with open(home.path(".env"), "w") as file:
        file.write("MY_KEY=secret-value\n")
    return root


def run(world, rung: str, command: str, cwd=None, may: str = "memory") -> str:
    means = world_memory(world)
    scopes = resident.find_in_prompt(means, str(cwd) if cwd else None)
    options = ShellOptions(rung, memories=tuple(scopes), may=may)
    with Shell(world.home, ROOT, str(cwd) if cwd else None, options) as shell:
        return shell.run(command, 60).for_model


def world_memory(world):
    from plainmind.ground.environment import Environment
    from plainmind.ground.settings import Settings
    from plainmind.memory import Memory
    from scene import NOW

    settings = Settings("", "", lambda name: "")
    return Memory(world.home, Environment(), settings, lambda: NOW, lambda said: None)


ALLOWED = {
    "edit the index": "sed -i s/German/French/ $MIND_HOME/memory/MEMORY.md",
    "add a topic file": "echo '# Quirks' > $MIND_HOME/memory/quirks.md",
    "move one to archive/": "mkdir -p $MIND_HOME/memory/archive; "
    "echo old > $MIND_HOME/memory/o.md; mv $MIND_HOME/memory/o.md $MIND_HOME/memory/archive/",
    "edit the project's": "sed -i s/slow/fast/ .pi/memory/MEMORY.md",
    "add a local one": "echo '- mine' > .pi/memory/MEMORY.local.md",
}
#: folders that a turn makes for itself
UNSEEN = ("workspace", ".changes")
REFUSED = {
    "what pi runs": "echo x > .pi/extensions/x.js",
    "what pi reads": "echo x > .pi/settings.json",
    "replace .pi": "mv .pi pi; mkdir .pi",
    "a page of knowledge": "echo x > $MIND_HOME/knowledge/x.md",
    "trust": "echo x > $MIND_HOME/resident/trust.json",
    "trust by command": "mem-resident trust /",
    "a link out": "ln -s ../.env $MIND_HOME/memory/MEMORY.md",
}


def contents(*roots: str) -> dict[str, bytes]:
    """Every file by path, and every folder and link."""
    found = {}
    for root in roots:
        for above, folders, names in os.walk(root):
            found |= {os.path.join(above, name): b"" for name in folders if name not in UNSEEN}
            paths = [os.path.join(above, name) for name in names]
            found |= {path: files.read(path) for path in paths}
    return found


@pytest.mark.parametrize("rung", SANDBOXES)
@pytest.mark.parametrize("command", ALLOWED.values(), ids=ALLOWED)
def test_ordinary_commands_write_it(world, app, rung, command):
    trust.trust(world.home, str(app))
    assert run(world, rung, command, app) == ""


@pytest.mark.parametrize("rung", SANDBOXES)
@pytest.mark.parametrize("command", REFUSED.values(), ids=REFUSED)
def test_nothing_else_opens(world, app, rung, command):
    trust.trust(world.home, str(app))
    os.makedirs(world.home.path("knowledge"))
    before = contents(world.home.root, app)
    assert "exit" in run(world, rung, command, app)
    assert contents(world.home.root, app) == before
    assert json.loads(files.read(world.home.path("resident/trust.json")))["projects"] == [str(app)]


@pytest.mark.parametrize("rung", SANDBOXES)
def test_without_trust_or_without_the_right_nothing_is_written(world, app, rung):
    """A project that is not trusted, memory that turn.may leaves out, and none that is off."""
    command = "echo '- x' >> .pi/memory/MEMORY.md"
    assert "exit" in run(world, rung, command, app)
    trust.trust(world.home, str(app))
    assert "exit" in run(world, rung, command, app, may="pages")
    assert (app / ".pi" / "memory" / "MEMORY.md").read_text() == "## Build\n- slow\n"
    trust.switch(world.home, None, False)
    assert "exit" in run(world, rung, "echo x >> $MIND_HOME/memory/MEMORY.md")


@pytest.mark.parametrize("rung", SANDBOXES)
def test_a_link_that_was_planted_shows_nothing(world, app, rung):
    """The agent may write in memory/; what a link there leads to is in no prompt."""
    command = "cd $MIND_HOME/memory && rm MEMORY.md && ln -s ../.env MEMORY.md"
    assert run(world, rung, command) == ""
    means = world_memory(world)
    assert "secret" not in resident.build_block(means, resident.find_in_prompt(means, None))


@pytest.mark.parametrize("rung", RUNGS)
def test_what_does_not_exist_yet_is_begun_by_the_suites_own_command(world, tmp_path, rung):
    """And stays: a new .pi that holds nothing but memory is not set aside."""
    root = tmp_path / "new"
    root.mkdir()
    trust.trust(world.home, str(root))
    command = "mem-resident remember {} 'a fact' && mem-resident flush"
    for scope in ("global", "project"):
        said = run(world, rung, command.format(scope), root)
        assert "MEMORY.md:3: a fact (" in said and "exit" not in said, said
    assert "- a fact" in (root / ".pi" / "memory" / "MEMORY.md").read_text()
    edited = run(world, rung, "echo '- more' >> .pi/memory/MEMORY.md", root)
    assert edited == "" and "- more" in (root / ".pi" / "memory" / "MEMORY.md").read_text()


@pytest.mark.parametrize("rung", SANDBOXES)
@pytest.mark.parametrize("closed", ["the new .pi", "a mode"])
def test_what_cannot_be_examined_keeps_nothing_else_armed(
    world, tmp_path, rung, closed, monkeypatch
):
    """As for a user who is not root, once a command has closed a folder."""
    root = tmp_path / "new"
    root.mkdir()
    trust.trust(world.home, str(root))
    real = os.listdir

    def refuse(folder: object = ".") -> list[str]:
        if folder == str(root / ".pi"):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    if closed == "a mode":
        monkeypatch.setattr(modes.Modes, "put_back", lambda self: refuse(str(root / ".pi")))
    else:
        monkeypatch.setattr(os, "listdir", refuse)
    command = "mkdir -p .pi/memory; echo x > .pi/memory/MEMORY.md; echo x > .envrc"
    said = run(world, rung, command, root)
    assert "it is now '.envrc.set-aside'" in said and not (root / ".envrc").exists(), said


def test_it_is_named_under_the_reply_and_undone(world, app, model):
    trust.trust(world.home, str(app))
    commands = [
        "echo '- in one sentence' >> $MIND_HOME/memory/MEMORY.md",
        "rm .pi/memory/MEMORY.md",
    ]
    commands += ["mem-resident remember global 'a fact' && mem-resident flush"]
    for command in commands:
        model.then(calls(call(command)))
    model.then("Noted.")
    reply = world.turn("--cwd", str(app), "remember that")
    assert reply.count("(changed: ") == 3 and reply.count("undo: ") == 3
    kept = changes.list_kept(world.home)
    assert [(one.state, one.change.files[0].verb) for one in kept] == [
        (".made", "added"), (".made", "removed"), (".made", "added")
    ]  # fmt: skip
    for one in reversed(kept):
        world.run("agent-changes", "--undo", one.id)
    assert files.read(world.home.path("memory/MEMORY.md")) == b"## Answers\n- in German\n"
    assert (app / ".pi" / "memory" / "MEMORY.md").read_text() == "## Build\n- slow\n"


def test_a_lasting_fact_is_known_in_a_new_window(world, model):
    """Told once, written by bash, and given to the next conversation."""
    note = "mem-resident remember global 'Ann is allergic to nuts' && mem-resident flush"
    model.then(calls(call(note)), "I will remember that.", "No nuts.")
    world.turn("I am allergic to nuts.")
    world.run("mem-new", "discord-thread/1")
    world.turn("What must a cake for me not have?")
    assert "Ann is allergic to nuts" in model.messages[-1][0]["content"]
    assert "allergic" not in "".join(m["content"] for m in model.messages[-1][1:-1])
