"""A conversation goes on, however long it is, in whatever script, with whatever window: a server
here refuses what is over its own, counted by a tokenizer of its own."""

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plainmind.agent import window
from plainmind.ground import tokens
from plainmind.ground.errors import BadData
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, THOROUGH
from scripted import CONTEXT, call, calls

TEXTS = {
    "English": "The boiler still leaks, and nobody could find the key on Thursday. ",
    "Russian": "Все люди рождаются свободными и равными в своём достоинстве. ",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน",
    "Chinese": "明天下午三点我们在公司开会,请带上合同。",
    "emoji": "🎉👩‍👩‍👧🚀",
    "code": 'if (a[i] != "{x}") { return b->c(0x1F, "\\n"); }\n',
}
#: how servers count what is not ASCII: as a large vocabulary does, and as one made for English;
#: bytes a token
LARGE, ENGLISH = 3.5, 1.7
SAID = {
    "llama.cpp": "request ({} tokens) exceeds the available context size ({} tokens), try it",
    "nothing told": "Your input exceeds the context window of this model.",
}


class Server:
    """Answers what is within its window, `then` in turn and after that 'Yes.', and counts."""

    def __init__(self, model, size: int, bytes_a_token: float = LARGE, said: str = "llama.cpp"):
        self.model, self.size, self.by, self.said = model, size, bytes_a_token, SAID[said]
        self.then: list = []
        self.refused, self.sizes = 0, []
        model.replies = self

    def pop(self, _: int) -> Callable:
        return self.answer

    def answer(self, body: dict):
        text = json.dumps([body["messages"], body.get("tools")], ensure_ascii=False)
        ascii = sum(map(str.isascii, text))
        size = int(ascii / 4 + (len(text.encode()) - ascii) / self.by) + body["max_tokens"]
        self.sizes.append(size)
        if size > self.size:
            self.refused += 1
            error = {"code": 400, "message": self.said.format(size, self.size)}
            return json.dumps({"error": error}).encode()
        return self.then.pop(0) if self.then else "Yes."


@pytest.fixture
def serve(model):
    yield lambda *given, **more: Server(model, *given, **more)
    model.replies = []


def remember(world, text: str, turns: int, context: str = CONTEXT) -> None:
    drafts = [
        EventDraft(NOW - 86_400_000, role, f"{text} {number}", {})
        for number in range(turns)
        for role in ("user", "agent")
    ]
    Log(world.home).append(context, drafts, NOW)


@given(
    script=st.sampled_from(sorted(TEXTS)),
    size=st.sampled_from([1024, 2048, 4096, 8192, 32_768]),
    by=st.sampled_from([LARGE, ENGLISH]),
    said=st.sampled_from(sorted(SAID)),
    turns=st.sampled_from([0, 3, 100]),
    repeat=st.sampled_from([1, 30]),
    last=st.sampled_from([1, 100, 5000]),
)
@settings(max_examples=100 if THOROUGH else 8)
@example("English", 8192, LARGE, "llama.cpp", 0, 1, 5000)
@example("Chinese", 4096, ENGLISH, "nothing told", 100, 30, 1)
@example("Chinese", 1024, ENGLISH, "llama.cpp", 3, 1, 100)
def test_the_next_message_is_answered(
    library, serve, world, tmp_path_factory, script, size, by, said, turns, repeat, last
):
    context = f"discord-thread/{tmp_path_factory.mktemp('c').name}"
    remember(world, TEXTS[script] * repeat, turns, context)
    server = serve(size, by, said)
    assert library(TEXTS[script] * last, context=context) == "Yes."
    assert server.refused <= window.HALVINGS
    assert library("And now?", context=context) == "Yes.", "nor does it stand in the way later"


def test_what_is_left_out_can_be_recalled(library, serve, world):
    remember(world, "The service code of the boiler is 4711.", 1)
    remember(world, TEXTS["English"] * 20, 15)
    server = serve(8192)
    library("What is the service code of the boiler?")
    assert server.refused == 1
    first, second = server.model.messages
    assert len(first) > len(second) > 3 and server.sizes[1] > server.sizes[0] / 12
    assert "4711" not in first[-1]["content"] and "4711" in second[-1]["content"]
    assert second[-2] == first[-2], "the newest stays"


def test_a_question_nobody_answered_is_cut_in_the_middle(library, serve, world):
    world.append("user", f"BEGIN {TEXTS['English'] * 4200} END")
    server = serve(1 << 30)
    library("hello")
    shown = server.model.messages[0][1]["content"]
    assert shown.startswith("BEGIN") and shown.endswith("END") and " characters left out" in shown
    assert tokens.estimate_by_script(shown) <= 32_768 // 2


def test_a_long_tool_loop_outgrows_no_window(library, serve, world):
    remember(world, TEXTS["English"] * 20, 10)
    server = serve(8192, said="nothing told")
    server.then = [calls(call("seq 20000", id=f"c{number}")) for number in range(8)]
    assert library("go", turn_max_steps=8, turn_sandbox="none") == "Yes."
    last = server.model.messages[-1]
    results = [m["content"] for m in last if m["role"] == "tool"]
    assert len(results) > 1 and results[-1].startswith("1\n2\n3\n")
    for number, message in enumerate(last):
        if message["role"] == "tool":
            asked = [c["id"] for m in last[:number] for c in m.get("tool_calls", ())]
            assert message["tool_call_id"] in asked
    assert [e.role for e in world.events()][-10:] == ["user", *["tool"] * 8, "agent"]
    assert all(len(e.content) > 8192 for e in world.events() if e.role == "tool"), (
        "whole in the log"
    )


def test_the_turn_is_tried_three_times_and_the_setting_named(library, serve, world):
    server = serve(10)
    with pytest.raises(BadData, match=r"lower turn\.history_tokens"):
        library("hello", id="1")
    assert server.refused == 1 + window.HALVINGS
    assert world.roles() == ["user", "system"]
    server.size = 1 << 30
    assert library("hello", id="1") == "Yes.", "the message is answered once there is room"


# --- what fits


def message(role: str, cost: int, **more) -> dict:
    return {"role": role, "content": "x" * (4 * (cost - window.FRAME)), **more}


def steps(*costs: int) -> list[dict]:
    """Calls with results of these costs."""
    made = []
    for number, cost in enumerate(costs):
        made.append({"role": "assistant", "content": "", "tool_calls": [{"id": number}]})
        made.append(message("tool", cost, tool_call_id=number))
    return made


@given(
    history=st.lists(st.integers(5, 300), max_size=20),
    own=st.lists(st.integers(5, 3000), max_size=8),
    room=st.integers(1500, 8000),
    budget=st.integers(310, 3000),
)
@example([5, 5, 100], [], 1500, 310)  # one that costs what the last one does
def test_what_is_sent_is_within_the_room(history, own, room, budget):
    system, last = message("system", 50), message("user", 100, last=True)
    past = [message("user" if n % 2 == 0 else "assistant", c) for n, c in enumerate(history)]
    done = steps(*own)
    before = [system, *past, last, *done]
    made = window.fit(before, 2 + len(past), room, budget)
    assert made[0] == system and last in made
    assert sum(map(window.cost_of, made[1:])) <= room
    at = made.index(last)
    assert made[1:at] == past[len(past) - at + 1 :], "of the past, the oldest is left out"
    results = [m for m in made if m["role"] == "tool"]
    assert [m["tool_call_id"] for m in results] == list(range(len(own)))[len(own) - len(results) :]
    if sum(map(window.cost_of, before[1:])) <= room:
        assert made == before
