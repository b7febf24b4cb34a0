"""Faults that a turn sees: what is run or read again, a set-up missed, what stays staged."""

import os

import pytest
from plainmind.agent import prompt, residency_faults
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.request import RequestBuilder
from plainmind.agent.turn_log import UserMessage
from plainmind.ground.environment import Environment
from plainmind.ground.settings import Settings
from plainmind.memory import Memory, resident
from plainmind.providers.chat import Call
from plainmind.truth.resident import records
from scene import NOW, ROOT
from scripted import CONTEXT, call, calls

TIGHT = {"MIND_TURN_HISTORY_TOKENS": "60"}
SETUP = "## Setup\n- run make first\n"


class Silent:
    name = by = "command:silent"
    context_tokens, profile, tools = 32_768, "full", "native"


def remember(world, text: str, name: str = "MEMORY.md") -> None:
    os.makedirs(world.home.path("memory"), exist_ok=True)
    with open(world.home.path("memory", name), "w") as file:
        file.write(text)


def faults(world) -> list[str]:
    return [one["type"] for one in records.read(world.home, records.FAULTS)]


def test_a_command_whose_result_left_the_prompt_is_run_again(world, model):
    remember(world, SETUP)
    remember(world, "# Quirks\n", "quirks.md")
    read = "cat $MIND_HOME/memory/quirks.md"
    for command in ("seq 60", read):
        model.then(calls(call(command)), "ok")
        world.turn(f"do {command}")
    assert faults(world) == []
    model.then("long " * 80)
    world.turn("talk at length")
    for command, kind in (("seq 60", "duplicate-tool"), (read, "refetch"), ("seq 61", None)):
        before = len(faults(world))
        model.then(calls(call(command)), "ok")
        world.turn(f"once more {kind}", **TIGHT)
        assert faults(world)[before:] == ([kind] if kind else [])


@pytest.mark.parametrize("read", [60, 9000])
def test_what_left_the_prompt_is_known_without_another_read(world, read):
    """Whether it was left out when the log was read, or when the prompt was built."""
    remember(world, SETUP)
    meta = {"name": "bash", "args": {"command": "seq 60"}, "call": "1"}
    for role, text, more in (("user", "do", {}), ("tool", "1", meta), ("agent", "long " * 80, {})):
        world.append(role, text, **more)
    home, chosen = world.home, Settings("", "config.toml", lambda name: "")
    memory = Memory(home, Environment(home.root), chosen, lambda: NOW, lambda said: None)
    always = resident.find_in_prompt(memory, None, CONTEXT)
    with Shell(home, ROOT, None, ShellOptions.of(chosen, (), always)) as shell:
        builder, asked = RequestBuilder(memory, Silent(), shell, CONTEXT), UserMessage("again", {})
        builder.window = builder.window._replace(history=read)
        log = builder.read_log(asked)
        builder.window = builder.window._replace(history=60)
        messages = builder.build(asked, log)["messages"]
    os.unlink(home.path(home.current_window(CONTEXT)))
    again = [Call("2", "bash", '{"command": "seq 60"}')]
    prompt.add_answer(messages, "", again)
    residency_faults.note_repeats(builder, messages, again)
    assert faults(world) == ["duplicate-tool"]


def test_a_set_up_beyond_the_caps_is_missed_when_history_is_left_out(world, model):
    remember(world, "- a\n" * 200 + SETUP)
    model.then("long " * 80, "b", "c")
    world.turn("one")
    assert faults(world) == []
    world.turn("two", **TIGHT)
    assert faults(world) == ["post-compaction-bootstrap"]
    remember(world, '{"pageTableInjection": true}', "config.json")
    world.turn("three", **TIGHT)
    assert faults(world) == ["post-compaction-bootstrap"]  # it is in the prompt now


def test_what_is_staged_and_not_committed_is_missed_at_the_end(world, model):
    for end, found in (("", ["flush-miss"]), ("; mem-resident flush", [])):
        model.then(calls(call(f"mem-resident remember global 'a fact'{end}")), "ok")
        world.turn(f"remember that{end}")
        assert faults(world)[-1:] == found or end and len(faults(world)) == 1


def test_a_replay_has_fewer_faults_with_the_contract(unsynced, tmp_path, monkeypatch):
    """The page table of ClawVM in short; bench/residency.py prints it."""
    monkeypatch.syspath_prepend(os.path.join(ROOT, "bench"))
    import residency

    off, cut, chosen = (
        residency.replay(str(tmp_path / column), column, rounds=4, budget=160).faults
        for column in residency.COLUMNS
    )
    for kind in ("post-compaction-bootstrap", "flush-miss", "silent-recall", "pinned-invariant"):
        assert off[kind] > chosen[kind], kind
    assert chosen["post-compaction-bootstrap"] == chosen["pinned-invariant"] == 0
    assert cut["post-compaction-bootstrap"] > 0, "without a choice, the set-up is beyond the caps"
    assert off.total() > 2 * chosen.total()
