"""Budgets of a turn: history by estimate, steps, what a command may print and how long it may take,
the answer's length."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.agent import bash
from plainmind.agent.prompt import find_first_shown
from plainmind.formats.log.event import RawEvent
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from scripted import CONTEXT, call, calls

# --- which event of a window is the first that history shows


def blocks(*events: tuple[str, int]) -> list[RawEvent]:
    """Events by role and cost: a body of 4 characters a token, and 4 tokens more for each event."""
    return [
        RawEvent(0, 0, n, n, "", role, False, "", b"", b"x" * (4 * (cost - 4)))
        for n, (role, cost) in enumerate(events)
    ]


def turns(*costs: int) -> list[RawEvent]:
    """Questions and answers by their costs, in turns."""
    return blocks(*((role, cost) for cost, role in zip(costs, ["user", "agent"] * len(costs))))


@pytest.mark.parametrize(
    ("events", "budget", "first"),
    [
        # all of it, as long as it is within the budget
        (turns(), 100, 0),
        (turns(50, 50), 100, 0),
        (turns(50, 50), 99, 2),
        # one token too much: a quarter of the budget goes, and with it the rest of the turn that is
        # cut into
        (turns(10, 10, 10, 10, 10, 10, 10, 10, 10, 11), 100, 4),
        (turns(20, 5, 20, 20, 20, 16), 100, 2),
        (turns(20, 6, 20, 20, 20, 16), 100, 2),
        (turns(20, 4, 20, 20, 20, 17), 100, 4),
        # 25 too much: still one quarter; 26: two
        (turns(20, 20, 20, 20, 20, 25), 100, 2),
        (turns(20, 20, 20, 20, 20, 26), 100, 4),
        # a question is the first, never a tool's result, an answer or a notice
        (
            blocks(
                ("user", 10),
                ("tool", 30),
                ("agent", 10),
                ("system", 10),
                ("user", 30),
                ("agent", 20),
            ),
            100,
            4,
        ),
        (blocks(("agent", 60), ("agent", 60), ("user", 10), ("agent", 10)), 100, 2),
        # what happened since the last question is more than there is room for: nothing is shown of
        # it
        (blocks(("user", 10), ("tool", 200), ("agent", 10)), 100, 3),
        (blocks(("user", 10), ("agent", 10), ("user", 10), ("tool", 200)), 100, 4),
        # but a question that nobody has answered is shown, whatever it costs
        (blocks(("user", 10), ("agent", 10), ("user", 200)), 100, 2),
        (blocks(("user", 200)), 100, 0),
        # small budgets: a step is at least one token
        (turns(5, 5, 5, 5), 10, 2),
        (turns(5, 5, 5, 5), 1, 4),
    ],
)
def test_the_first_event_that_is_shown(events, budget, first):
    assert find_first_shown(events, budget) == first


def modelled(costs: list[int], roles: list[str], budget: int) -> int:
    """The same, as one would say it: the fewest quarters of the budget whose going makes the rest
    fit."""
    if sum(costs) <= budget:
        return 0
    quarter = max(1, budget // 4)
    quarters = next(n for n in range(sum(costs) + 1) if sum(costs) - n * quarter <= budget)
    fits = [
        n for n, role in enumerate(roles) if role == "user" and sum(costs[:n]) >= quarters * quarter
    ]
    return min(fits, default=len(costs) - 1 if roles[-1] == "user" else len(costs))


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["user", "user", "agent", "agent", "tool", "system"]), st.integers(4, 90)
    ),
    max_size=40,
)


@given(events=_EVENTS, budget=st.integers(1, 600))
@example(events=[("user", 40)], budget=1)
@example(events=[("system", 40)], budget=1)
def test_the_first_event_is_that_of_a_simple_model(events, budget):
    roles, costs = [role for role, _ in events], [cost for _, cost in events]
    first = find_first_shown(blocks(*events), budget)
    assert first == modelled(costs, roles, budget)
    shown = costs[first:]
    assert sum(shown) <= budget or (len(shown) == 1 and roles[-1] == "user")
    assert first == 0 or first == len(events) or roles[first] == "user"


@given(events=_EVENTS, budget=st.integers(20, 300))
def test_the_start_moves_forward_and_seldom(events, budget):
    """As a window grows, the start never goes back, and moves at most once for each quarter of the
    budget that is added."""
    starts = [find_first_shown(blocks(*events[:end]), budget) for end in range(1, len(events) + 1)]
    assert starts == sorted(starts)
    # where nothing, or only one question, is left to show, the start goes along with the end
    proper = {start for end, start in enumerate(starts, 1) if start < end - 1}
    assert len(proper) <= sum(cost for _, cost in events) // (budget // 4) + 1


def test_the_start_moves_seldom_in_a_long_talk():
    events = [(role, 25) for _ in range(100) for role in ("user", "agent")]
    starts = [find_first_shown(blocks(*events[:end]), 1000) for end in range(2, 201, 2)]
    # a quarter of 1000 tokens is 5 turns of 50: after the 20 that fit, the start moves every fifth
    # turn
    assert starts == [0] * 20 + [10 * (1 + turn // 5) for turn in range(80)]


# --- history in a request


@pytest.fixture
def talk(world):
    """Ten turns of a window; each event has 100 bytes in its body, so that it costs 29 tokens."""
    for number in range(10):
        world.append("user", f"question {number}".ljust(91, "x"))
        world.append("agent", f"answer {number}".ljust(91, "x"))
    return world


@pytest.mark.parametrize(
    ("setting", "tokens", "shown"),
    [
        ("openai:scripted", 580, 20),
        (
            "openai:scripted",
            579,
            14,
        ),  # a quarter is 144 tokens: 5 events, and the sixth with its question
        ("openai:scripted", 300, 8),
        ("openai:scripted", 57, 0),
        ("openai:scripted", 0, 20),  # half of its window
        ("openai:tinyllama", 580, 20),
        ("openai:tinyllama", 0, 0),  # it would repeat it
    ],
)
def test_history_within_the_budget(library, talk, model, setting, tokens, shown):
    model.then("Yes.")
    library("hello", setting, turn_history_tokens=tokens)
    history = [m["content"] for m in model.messages[0][1:-1]]
    assert history == [e.content for e in talk.events()[:-2]][20 - shown :]


def test_half_of_the_window_where_nothing_is_set(library, world, model):
    """codellama has 16,384 tokens: half of them are 8192."""
    drafts = [
        EventDraft(NOW, role, f"{role} {number}".ljust(91, "x"), {})
        for number in range(160)
        for role in ("user", "agent")
    ]
    Log(world.home).append(CONTEXT, drafts, NOW)
    model.then("Yes.", "Yes.")
    library("hello", "openai:codellama")
    library("hello", "openai:codellama", turn_history_tokens=8192)
    half, same = ([m["content"] for m in messages[1:-1]] for messages in model.messages)
    # 320 events cost 9280: one quarter goes, 71 events, and the next with its question
    assert len(half) == 248 and same[: len(half)] == half


def test_words_that_are_not_latin_cost_more(library, world, model):
    """A character of Japanese is about a token, not a quarter of one."""
    world.append("user", "あ" * 100)
    world.append("agent", "はい")
    model.then("Yes.", "Yes.")
    library("hello", turn_history_tokens=80)
    assert len(model.messages[0]) == 2
    library("hello", turn_history_tokens=200)
    assert len(model.messages[1]) == 1 + 4 + 1


# --- steps


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_the_model_is_told_that_it_has_no_more_steps(library, model, world, steps):
    model.then(*(calls(call(f"echo {n}", id=str(n))) for n in range(steps)), "Enough.")
    assert library("go", turn_max_steps=steps) == "Enough."
    *before, last = model.requests
    assert all(request["tools"] == [bash.TOOL] for request in before) and not last.get("tools")
    said = [m["content"] for m in last["messages"] if m["role"] == "user"]
    notice = "(notice) No more commands can be run in this turn. Answer now, with what you know."
    assert said == (["go", notice] if steps else ["go"]), (
        "who never had a tool is told nothing of it"
    )
    assert "No more commands" not in str([request["messages"] for request in before])
    assert world.roles() == ["user", *["tool"] * steps, "agent"]


def test_a_refused_call_is_a_step(library, model, world):
    """Else a model that never learns would be asked for ever."""
    model.then(
        *(
            calls(
                call(f"echo {n}", id=str(n))
                | {"function": {"name": "python", "arguments": f'{{"n": {n}}}'}}
            )
            for n in range(3)
        ),
        "Sorry.",
    )
    assert library("go", turn_max_steps=3) == "Sorry."
    assert all(e.content.startswith("not run: ") for e in world.events() if e.role == "tool")


# --- the tool


def test_a_long_output_is_cut_for_the_model_and_in_the_log(library, model, world):
    model.then(calls(call("seq 20000", id="a")), "Long.")
    library("go")
    tool = world.events()[1]
    whole = "".join(f"{n}\n" for n in range(1, 20001))
    left_out = len(whole) - 2 * bash.SHOWN
    assert tool.content == (
        f"{whole[: bash.SHOWN]}\n… {left_out} bytes left out; the whole is in {tool.meta['full']} "
        f"…\n{whole[-bash.SHOWN :]}"
    )
    assert model.messages[1][-1]["content"] == tool.content
    with open(world.home.path(tool.meta["full"])) as file:
        assert file.read() == whole
    assert os.path.dirname(tool.meta["full"]) == "work/logs"


@pytest.mark.parametrize(
    ("more", "settings", "given"),
    [
        ({}, {}, 120),
        ({}, {"turn_tool_timeout": 7}, 7),
        ({"timeout": 9}, {"turn_tool_timeout": 7}, 9),
        ({"timeout": 99999}, {}, bash.LONGEST),
        ({"timeout": -1}, {"turn_tool_timeout": 7}, 7),
        ({"timeout": "9"}, {"turn_tool_timeout": 7}, 7),
    ],
)
def test_the_time_a_command_is_given(library, model, monkeypatch, more, settings, given):
    seen = []

    def run(shell, command, timeout):
        seen.append((command, timeout))
        return bash.Output("", 0, 0.0, "", "none")

    monkeypatch.setattr(bash.Shell, "run", run)
    model.then(calls(call("true", **more)), "Done.")
    library("go", **settings)
    assert seen == [("true", given)]


def test_a_command_that_takes_too_long(library, model, world, expire):
    begun = os.path.join(world.home.workspace, "begun")
    limit = expire(lambda: os.path.exists(begun))
    model.then(
        calls(call("echo begun; sleep 0.2; echo > begun; sleep 600", timeout=limit)), "Slow."
    )
    assert library("go") == "Slow."
    tool = world.events()[1]
    assert tool.content.startswith("begun") and "the time limit" in tool.content
    assert tool.meta["exit"] is None
    assert model.messages[1][-1]["content"] == tool.content


# --- the answer


@pytest.mark.parametrize(("settings", "sent"), [({}, 1024), ({"turn_max_tokens": 77}, 77)])
@pytest.mark.parametrize("setting", ["openai:scripted", "openai:smollm2", "openai:gemma-3"])
def test_the_answers_length_is_the_providers_to_keep(library, model, setting, settings, sent):
    model.then("Brief.")
    library("hello", setting, **settings)
    assert model.requests[0]["max_tokens"] == sent


def test_every_request_of_a_turn_has_it(library, model):
    model.then(calls(call("true")), "EXPAND logs/a/b/c.md:3", "Brief.")
    library("hello", turn_max_tokens=77)
    assert [request["max_tokens"] for request in model.requests] == [77, 77, 77]
