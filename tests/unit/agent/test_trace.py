"""How much of each request is, byte for byte, as in the one before: what a provider's prompt cache
can keep."""

import json
import os
from itertools import combinations, pairwise

import pytest
from plainmind.agent import tracing
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.tracing import Trace
from plainmind.agent.turn import Model, Turn
from plainmind.agent.turn_log import UserMessage
from plainmind.ground import files
from plainmind.ground.environment import Environment
from plainmind.ground.masks import Mask
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.providers import registry
from plainmind.providers.chat import Call, Reply
from plainmind.truth.log.writer import Log
from scene import NOW, ROOT, TIME
from scripted import CONTEXT, call, calls, raw_call


def sent(request: dict) -> bytes:
    """A request's messages as they are sent, without what closes the list."""
    return json.dumps(request["messages"], ensure_ascii=False).encode()[:-1]


def before_the_message(request: dict) -> bytes:
    """All of a request that stands before its last message of the user."""
    last = max(n for n, message in enumerate(request["messages"]) if message["role"] == "user")
    return sent({"messages": request["messages"][:last]})


@pytest.fixture
def traced(home, model, monkeypatch, unsynced, tmp_path):
    """A turn with its trace: `traced(message)`; `traced.records()` are the lines of it."""
    monkeypatch.setenv("OPENAI_BASE_URL", model.url)
    path = str(tmp_path / "trace")

    def run(text: str, **settings: int) -> str:
        values = {f"MIND_{key.upper()}": str(value) for key, value in settings.items()}
        env, chosen = (
            Environment(home.root),
            Settings("", "config.toml", lambda name: values.get(name, "")),
        )
        means = Memory(home, env, chosen, lambda: NOW, lambda said: None)
        with Shell(
            home, ROOT, None, ShellOptions.of(chosen, (), mask=env.mask, say=means.say)
        ) as shell:
            trace = Trace(home, path, NOW, env.mask, run.said.append)
            asked = Model(registry.open_chat("openai:scripted", env, chosen), trace=trace)
            return Turn(means, asked, shell, Log(home), CONTEXT).run(
                UserMessage(text, {"author": "Ann"})
            )

    def records() -> list[dict]:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    run.said, run.records, run.path = [], records, path
    return run


def test_ten_turns_keep_their_beginnings(traced, world, model):
    """With tools, skills and other memories in each: what stands before a message stands in all
    later requests."""
    facts = [
        "boiler", "garage", "bicycle", "cellar", "attic", "printer", "router", "garden", "mailbox",
        "safe",
    ]  # fmt: skip
    for number, fact in enumerate(facts):
        world.append(
            "user", f"The code of the {fact} is {4711 + number}.", context="discord-thread/9"
        )
    files.make_folder(world.home.path("skills", "codes"))
    files.replace(
        world.home.path("skills", "codes", "SKILL.md"),
        b"---\nname: codes\ndescription: Finds codes.\n---\nLook.\n",
    )
    firsts = []
    for number, fact in enumerate(facts):
        firsts.append(len(model.requests))
        if number % 3 == 0:
            model.then(
                calls(
                    call(f"printf 'ä{number}\\n\\n'", id=f"a{number}"),
                    call("false", id=f"b{number}"),
                    text="« Ich schaue »",
                )
            )
        if number % 4 == 1:
            model.then(calls(raw_call('{"command": "ls', id=f"c{number}")))
        model.then(f"It is {4711 + number}.\n\n![x](y) ## {number}")
        traced(f"What is the code of the {fact}?\n— {number}")
        assert f"code of the {fact} is {4711 + number}" in str(model.injected())
    records, requests = traced.records(), model.requests
    assert len(records) == len(requests) == 10 + 4 + 3
    assert "codes: Finds codes." in requests[0]["messages"][0]["content"]
    assert "brave-search" in requests[0]["messages"][0]["content"]

    for earlier, later in combinations(requests, 2):
        assert sent(later).startswith(before_the_message(earlier))
    print("\n request   bytes  before the message  as in the request before")
    for number, (record, request) in enumerate(zip(records, requests)):
        print(
            f"{number:8d}{record['bytes']:8d}{record['stable_bytes']:20d}{record['same_bytes']:26d}"
        )
        assert record["request"]["messages"] == request["messages"]
        assert (record["bytes"], record["stable_bytes"]) == (
            len(sent(request)),
            len(before_the_message(request)),
        )
    for number, (before, record) in enumerate(pairwise(records), 1):
        common = os.path.commonprefix([sent(requests[number - 1]), sent(requests[number])])
        assert record["same_bytes"] == len(common) >= before["stable_bytes"]
        if number not in firsts:
            assert record["same_bytes"] == before["bytes"], "within a turn, everything stays"
    assert records[0]["same_bytes"] == 0
    assert traced.said == [
        f"prompt: {r['same_bytes']} of {r['bytes']} bytes as in the request before, "
        f"{r['stable_bytes']} before what is injected"
        for r in records[1:]
    ]


def test_a_cut_history_keeps_its_beginning_for_some_turns(traced, model):
    """A quarter of the budget goes at once: of sixty turns, those in which the beginning changed
    are few."""
    for number in range(60):
        model.then(f"answer {number}".ljust(91, "x"))
        traced(f"question {number}".ljust(68, "x"), turn_history_tokens=600)
    records = traced.records()
    moved = [
        n
        for n, (before, record) in enumerate(pairwise(records), 1)
        if record["same_bytes"] < before["stable_bytes"]
    ]
    # a quarter of 600 tokens is 150; a turn costs 29 + 23, and three go at once, or two when the
    # start was already past
    print("the start moved before turns", moved)
    assert 10 < len(moved) <= 60 * 52 // 150 + 1
    assert all(later - earlier >= 2 for earlier, later in pairwise(moved))
    kept = [record["same_bytes"] for n, record in enumerate(records[1:], 1) if n in moved]
    system = len(sent({"messages": model.requests[0]["messages"][:1]}))
    assert all(same >= system for same in kept), "even then the system prompt stays"


# --- the record


@pytest.fixture
def tracer(tmp_path):
    """Record a request with these texts of the user: `tracer(texts…)` -> the record."""
    path, said = str(tmp_path / "trace"), []

    def record(*texts: str, mask=Mask()) -> dict:
        messages = [{"role": "user", "content": text} for text in texts]
        reply = Reply(
            "Yes: hush.", [Call("a", "bash", '{"command": "echo hush"}')], {"input_tokens": 7}
        )
        Trace(Home(str(tmp_path)), path, NOW, mask, said.append)(
            {"model": "m", "messages": messages, "tools": [], "max_tokens": 5}, reply, 0.25
        )
        return json.loads(files.read(path).split(b"\n")[-2])

    record.path, record.said = path, said
    return record


def test_a_line_of_the_trace(tracer):
    messages = [{"role": "user", "content": "größer"}]
    assert tracer("größer") == {
        "now": TIME, "request": {"model": "m", "messages": messages, "tools": [], "max_tokens": 5},
        "reply": "Yes: hush.",
        "calls": [{"id": "a", "name": "bash", "arguments": '{"command": "echo hush"}'}],
        "usage": {"input_tokens": 7},
        "seconds": 0.25, "bytes": 40, "stable_bytes": 1, "same_bytes": 0,
    }  # fmt: skip
    assert tracer.said == []
    assert tracer("größer")["same_bytes"] == 40
    assert tracer("größe")["same_bytes"] == 37
    assert tracer("Größe")["same_bytes"] == len(b'[{"role": "user", "content": "')
    assert len(tracer.said) == 3


@pytest.mark.parametrize(
    "text",
    [
        "use Bearer abcdef", 'see https://discord.com/api/webhooks/1/abc"',
        "\ud800 half a character", "\u2028\x00\x1b[2J", "hush",
    ],
)  # fmt: skip
def test_a_line_is_json_whatever_is_masked(tracer, text):
    mask = Mask(["hush"])
    tracer("first", mask=mask)
    record = tracer(text, "and then", mask=mask)
    assert [m["content"] for m in record["request"]["messages"]] == [mask(text), "and then"]
    assert "hush" not in json.dumps(record) and record["reply"] == "Yes: ***."
    again = tracer(text, "and then", mask=mask)
    assert again["same_bytes"] == again["bytes"] == record["bytes"]


@pytest.mark.parametrize(
    "before",
    [
        b"", b"no JSON\n", b'{"request": {"mess\n', b"[]\n", b'{"reply": "x"}\n',
        b'{"request": 5}\n', b'{"request": {}}\n', b"\xff\xfe\n",
    ],
)  # fmt: skip
def test_a_file_that_is_no_trace_yet(tracer, before):
    with open(tracer.path, "wb") as file:
        file.write(before)
    assert tracer("hello")["same_bytes"] == 0
    assert files.read(tracer.path).startswith(before)
    assert tracer.said == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"", b"", 0), (b"", b"x", 0), (b"abc", b"abc", 3), (b"abc", b"abd", 2),
        (b"xbc", b"abc", 0), (b"ab", b"abc", 2),
    ],
)  # fmt: skip
def test_common_bytes(one, other, same):
    assert tracing.count_common(one, other) == tracing.count_common(other, one) == same


# --- the option


def test_the_option(world, model):
    """The file is where the caller says; standard output has the reply alone, and nothing secret is
    kept."""
    model.then(calls(call("echo hush-hush-hush", id="a")), "The key is hush-hush-hush.")
    out = world.turn("--trace", "trace.jsonl", "say it", OPENAI_API_KEY="hush-hush-hush")
    assert out == "The key is ***.\n"
    with open(world.path("trace.jsonl")) as file:
        text = file.read()
    assert "hush" not in text
    first, second = map(json.loads, text.splitlines())
    assert (first["reply"], first["calls"][0]["name"], second["reply"]) == (
        "",
        "bash",
        "The key is ***.",
    )
    assert second["same_bytes"] == first["bytes"] < second["bytes"]
    assert world.said == (
        f"agent-turn: prompt: {second['same_bytes']} of {second['bytes']} bytes as in the request "
        f"before, "
        f"{second['stable_bytes']} before what is injected\n"
    )
    model.then("Yes.")
    world.turn("--quiet", "--trace", "trace.jsonl", "sure?")
    assert world.said == ""


def test_a_trace_is_not_among_the_logs(world):
    world.turn("--trace", world.home.path("logs", "trace.jsonl"), "hi", code=77)
    assert not os.path.exists(world.home.logs)


@pytest.mark.parametrize("path", ["nowhere/trace", ".", "trace.jsonl/trace"])
def test_a_file_that_cannot_be_written_is_known_before_anything_is_asked(world, path):
    files.replace(world.path("trace.jsonl"), b"")
    world.turn("--trace", path, "hi", code=77)
    assert os.path.normpath(world.path(path)) in world.said and not os.path.exists(world.home.logs)


def test_a_dry_run_leaves_no_trace(world):
    world.turn("--trace", "trace.jsonl", "--dry-run", "hi")
    assert not os.path.exists(world.path("trace.jsonl"))
