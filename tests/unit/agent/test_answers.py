"""What of a model's words is its answer: what is shown, streamed, logged, recalled and sent again.

One row a shape and server. Each is taken whole, and in pieces of one character on a terminal.
"""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from loopback import listening
from plainmind.agent.bash import Output, Shell, ShellOptions
from plainmind.agent.terminal import THOUGHTS, AnswerDisplay
from plainmind.agent.turn import Model, Turn
from plainmind.agent.turn_log import UserMessage
from plainmind.formats.answer import AnswerReader, clean, join
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Failure, Misconfigured, Unavailable
from plainmind.ground.masks import Mask
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.providers import registry
from plainmind.truth.log.writer import Log
from scene import NOW, ROOT
from scripted import CONTEXT

LIMIT = "(cut off: the answer reached its token limit)"
LEFT_OUT = "(left out: a tool call written as text)"
CALL = '{"name": "bash", "arguments": {"command": "ls"}}'


class Row(NamedTuple):
    said: str | dict[str, Any]  # content, or a message with more
    answer: str = ""  # as it is logged, recalled and sent
    note: str = ""  # shown under it
    finish: str = "stop"
    meta: dict[str, str] = {}  # noqa: RUF012
    model: str = "openai:m"
    streamed: str = ""  # where a terminal shows more
    failure: type[Failure] | None = None
    why: str = ""
    runs: str = ""  # the command that is run


def cut(said: str, finish: str, note: str, model: str = "openai:m") -> Row:
    return Row(said, said, note, finish, {"cut": finish.lower()}, model)


def runs(said: str, model: str, before: str = "") -> Row:
    return Row(said, before, runs="ls", model=model)


WORD_OF_END = "To end a thought the model writes </think> and goes on. That is all."
WORD_OF_BOTH = "Use <think> to think and </think> to stop."
ROWS = {
    # thoughts in the text
    "a thought": Row("<think>\nHm.\n</think>\n\nFour.", "Four."),
    "several": Row("<think>a</think>One <think>b</think>and <think>c</think>two.", "One and two."),
    "thinking": Row("<thinking>a</thinking>Four.", "Four."),
    "MiniMax": Row("<mm:think>a</mm:think>Four.", "Four."),
    "Kimi-VL": Row("◁think▷a◁/think▷Four.", "Four."),
    "Magistral": Row("[THINK]a[/THINK]Four.", "Four."),
    "opened in the prompt": Row(
        "Hm, four.\n</think>\n\nFour.", "Four.", streamed=f"Hm, four.{THOUGHTS}Four.\n"
    ),
    "opened in the prompt of a model known for it": Row(
        "Hm, four.\n</think>\n\nFour.", "Four.", model="openai:deepseek-r1-distill"
    ),
    "known for it, but it did not think": Row("Four.", "Four.", model="openai:qwq-32b"),
    "opened in the prompt, on one line": Row(
        "Hm, four.</think>Four.", "Four.", streamed=f"Hm, four.{THOUGHTS}Four.\n"
    ),
    "opened in the prompt, closed at a line's end": Row(
        "Hm, four. </think> \nFour.", "Four.", streamed=f"Hm, four.{THOUGHTS}Four.\n"
    ),
    "a word about the end": Row(WORD_OF_END, WORD_OF_END),
    "a word about both": Row(WORD_OF_BOTH, WORD_OF_BOTH),
    "with bars": Row("<|think|>x<|/think|>ok", "ok"),
    "with spaces": Row("<think >a</think >ok", "ok"),
    "nothing thought": Row("<think/>ok", "ok"),
    "thoughts in thoughts": Row(
        "<think>a<think>b</think>c</think>ok", "ok", streamed=f"c{THOUGHTS}ok\n"
    ),
    "about thoughts": Row("<think>Say <think>?</think>No.", "No."),
    "never closed, within a word": Row("ok<think>secret", "ok"),
    "a closing tag once more": Row("<think>a</think>Here</think> it is", "Here it is"),
    "never closed": Row("<think>Hm", failure=Unavailable, why="its thoughts alone"),
    "never closed, for want of tokens": Row(
        "<think>Hm", finish="length", failure=Misconfigured, why="raise turn.max_tokens"
    ),
    "never closed, after an answer": Row("Four.\n<think>Or is it", "Four."),
    "a word about it": Row("Write <think> before it.", "Write <think> before it."),
    "quoted": Row("Put it into `<think>` and `</think>`.", "Put it into `<think>` and `</think>`."),
    "in a code block": Row(
        "So:\n```\n<think>\n</think><|im_end|>\n```\nDone.",
        "So:\n```\n<think>\n</think><|im_end|>\n```\nDone.",
    ),
    # thoughts beside the text
    "DeepSeek": Row({"content": "Four.", "reasoning_content": "Hm."}, "Four."),
    "vLLM, OpenRouter": Row({"content": "Four.", "reasoning": "Hm."}, "Four."),
    "thoughts alone": Row({"content": "", "reasoning": "Hm."}, failure=Unavailable, why="nothing"),
    "Mistral": Row(
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                {"type": "text", "text": "Four."},
            ]
        },
        "Four.",
    ),
    "Ollama": Row({"content": "Four.", "thinking": "Hm."}, "Four.", model="ollama:qwen3"),
    "Ollama of old": Row("<think>Hm.</think>Four.", "Four.", model="ollama:qwen3"),
    "a program": Row("<think>Hm.</think>Four.<|im_end|>", "Four.", model="command"),
    # control tokens
    "ChatML": Row("Four.<|im_end|>", "Four."),
    "ChatML that runs on": Row("Four.<|im_end|>\n<|im_start|>user\nAnd five?", "Four."),
    "ChatML's head": Row("<|im_start|>assistant\nFour.<|im_end|>", "Four."),
    "Llama 3": Row("<|start_header_id|>assistant<|end_header_id|>\n\nFour.<|eot_id|>", "Four."),
    "Llama 2": Row("<s>Four.</s>", "Four."),
    "GPT": Row("Four.<|endoftext|>", "Four."),
    "Phi that runs on": Row("Four.<|end|><|assistant|> Good day!", "Four."),
    "Gemma": Row("Four.<end_of_turn>", "Four."),
    "DeepSeek's end": Row("Four.<｜end▁of▁sentence｜>", "Four."),
    "after a code block": Row("```\nx = 4\n```<|im_end|>", "```\nx = 4\n```"),
    "in a code block that is cut": Row("```\nx = 4<|im_end|>", "```\nx = 4"),
    "struck out": Row("It is <s>five</s> four.", "It is <s>five</s> four."),
    "harmony": Row(
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"
        "Four.<|return|>",
        "Four.",
    ),
    "harmony without its tokens": Row("analysisWe add.assistantfinalFour.", "Four."),
    "a word that begins like it": Row("analysis of it: four", "analysis of it: four"),
    # half an answer
    "OpenAI: length": cut("Two and t", "length", LIMIT),
    "OpenAI: filter": cut("Two", "content_filter", "(cut off by the provider: content_filter)"),
    "Mistral: length": cut("Two and t", "model_length", LIMIT),
    "DeepSeek: busy": cut(
        "Two", "insufficient_system_resource",
        "(cut off by the provider: insufficient_system_resource)",
    ),
    "Ollama: length": cut("Two and t", "length", LIMIT, "ollama:qwen3"),
    "a program: length": cut("Two and t", "length", LIMIT, "command"),
    "Gemini: length": Row(
        "Two and t", "Two and t", LIMIT, "MAX_TOKENS", {"cut": "length"}, "google:g"
    ),
    "Gemini: safety": cut("Two", "SAFETY", "(cut off by the provider: safety)", "google:g"),
    "Gemini: recitation": cut(
        "Two", "RECITATION", "(cut off by the provider: recitation)", "google:g"
    ),
    # no answer
    "nothing": Row("", failure=Unavailable, why="nothing"),
    "only a token": Row("<|im_end|>", failure=Unavailable, why="nothing"),
    "filtered": Row("", finish="content_filter", failure=Unavailable, why="content_filter"),
    "Gemini: a blocked prompt": Row(
        {"blocked": "PROHIBITED_CONTENT"}, model="google:g", failure=BadData,
        why="PROHIBITED_CONTENT",
    ),
    "Gemini: nothing, for safety": Row(
        "", finish="SAFETY", model="google:g", failure=Unavailable, why="safety"
    ),
    # a refusal is the answer
    "a refusal": Row({"content": None, "refusal": "I can't."}, "I can't."),
    "Azure's": Row({"content": "", "refusal": "I can't."}, "I can't."),
    "after some text": Row({"content": "Well.", "refusal": "I can't."}, "Well.\n\nI can't."),
    "in parts": Row({"content": [{"type": "refusal", "refusal": "I can't."}]}, "I can't."),
    # a tool call as text, of a model known for them
    "Qwen": runs(f"<think>a</think>\n<tool_call>\n{CALL}\n</tool_call>", "openai:qwen3"),
    "Qwen with words": runs(f"I look.\n<tool_call>{CALL}</tool_call>", "openai:qwen3", "I look."),
    "Qwen Coder": runs(
        "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n"
        "</tool_call>", "ollama:qwen3-coder",
    ),
    "Llama": runs('<|python_tag|>{"name": "bash", "parameters": {"command": "ls"}}<|eom_id|>',
        "openai:llama-3.1-8b"),
    "bare JSON": runs(CALL, "openai:llama-3.1-8b"),
    "JSON in a fence": runs(f"```json\n{CALL}\n```", "openai:hermes-4"),
    "Mistral of old": runs(f"[TOOL_CALLS][{CALL}]", "openai:mistral-7b"),
    "Mistral of now": runs('[TOOL_CALLS]bash[ARGS]{"command": "ls"}', "openai:mistral-small"),
    "DeepSeek V3": runs(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>bash\n```json\n"
        '{"command": "ls"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>', "openai:deepseek-v3",
    ),
    "Kimi": runs(
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.bash:0"
        '<|tool_call_argument_begin|>{"command": "ls"}<|tool_call_end|>'
        "<|tool_calls_section_end|>", "openai:kimi-k2",
    ),
    "MiniMax M2": runs(
        '<minimax:tool_call><invoke name="bash"><parameter name="command">ls</parameter></invoke>'
        "</minimax:tool_call>", "openai:minimax-m2",
    ),
    "GLM": runs(
        "<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>ls</arg_value>\n</tool_call>",
        "openai:glm-4.6",
    ),
    "GLM, with more digits than Python converts": runs(
        "<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>ls</arg_value>\n<arg_key>x"
        f"</arg_key>\n<arg_value>{'9' * 5000}</arg_value></tool_call>", "openai:glm-4.6",
    ),
    "gpt-oss": runs(
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary "
        'to=functions.bash <|constrain|>json<|message|>{"command": "ls"}<|call|>',
        "openai:gpt-oss-20b",
    ),
    "by a schema, after thoughts": runs(
        '<think>{"command": "rm"}</think>{"command": "ls"}', "openai:gemma-3"
    ),
    # ... and of one that is not: it may quote somebody
    "unknown": Row(
        f"I look.\n<tool_call>{CALL}</tool_call>", "I look.", LEFT_OUT,
        meta={"left_out": "a tool call written as text"},
    ),
    "unknown, nothing else": Row(
        f"<tool_call>{CALL}</tool_call>", failure=Misconfigured, why="start the server with"
    ),
    "unknown, JSON": Row(CALL, failure=Misconfigured, why="a tool call written as text"),
    "about a call": Row(
        f"It writes:\n```\n<tool_call>{CALL}</tool_call>\n```\nNo?",
        f"It writes:\n```\n<tool_call>{CALL}</tool_call>\n```\nNo?", model="openai:qwen3",
    ),
    "JSON that is no call": Row('{"name": "Ann"}', '{"name": "Ann"}', model="openai:qwen3"),
}  # fmt: skip


class Answers:
    """A server that gives a row's answer first, then "Done."."""

    def __init__(self) -> None:
        self.url, self.row, self.requests = "", Row(""), []  # type: ignore[var-annotated]

    def answer(self, path: str, body: dict[str, Any]) -> bytes:
        self.requests.append(body)
        row = self.row if len(self.requests) == 1 else Row("Done.")
        said = row.said if isinstance(row.said, dict) else {"content": row.said}
        if "generatecontent" in path.lower():
            return self._gemini(row, said, "streamG" in path)
        pieces = _in_pieces(said) if body.get("stream") else [said]
        if path == "/api/chat":
            last = {"message": {}, "done": True, "done_reason": row.finish}
            lines = [{"message": p} for p in pieces] + [last]
            whole = {**last, "message": said}
            return b"".join(json.dumps(x).encode() + b"\n" for x in lines if body["stream"]) or (
                json.dumps(whole).encode()
            )
        if body.get("stream"):
            events = [{"choices": [{"delta": piece}]} for piece in pieces]
            return _sse([*events, {"choices": [{"delta": {}, "finish_reason": row.finish}]}])
        return json.dumps(
            {"choices": [{"message": {"role": "assistant", **said}, "finish_reason": row.finish}]}
        ).encode()

    def _gemini(self, row: Row, said: dict[str, Any], stream: bool) -> bytes:
        if "blocked" in said:
            made: list[Any] = [{"promptFeedback": {"blockReason": said["blocked"]}}]
        else:
            texts = list(said["content"]) if stream else [said["content"]]
            contents = [{"role": "model", "parts": [{"text": text}]} for text in texts if text]
            made = [{"candidates": [{"content": content}]} for content in contents]
            made = made or [{"candidates": [{}]}]
            finish = "STOP" if row.finish == "stop" else row.finish
            made[-1]["candidates"][0]["finishReason"] = finish
        return _sse(made) if stream else json.dumps(made[0]).encode()


def _in_pieces(said: dict[str, Any]) -> list[dict[str, Any]]:
    pieces: list[dict[str, Any]] = []
    for key in sorted(said, reverse=True):  # thoughts come first, a refusal last
        value = said[key]
        pieces += [{key: char} for char in value] if isinstance(value, str) else [{key: value}]
    return sorted(pieces, key=lambda piece: "content" in piece or 2 * ("refusal" in piece))


def _sse(events: list[Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.fixture
def answers(monkeypatch, unsynced, tmp_path) -> Iterator[Answers]:
    script = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = script.answer(
                self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(200)
            kind = "text/event-stream" if data.startswith(b"data:") else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as script.url:
        monkeypatch.setenv("OPENAI_BASE_URL", script.url + "/v1")
        monkeypatch.setenv("OLLAMA_HOST", script.url)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", script.url)
        monkeypatch.setenv("GEMINI_API_KEY", "x")
        yield script


@pytest.fixture
def take(home, answers, tmp_path):
    """A turn: (what is printed, what a terminal is shown)."""

    def run(model: str, id: str, terminal: bool) -> tuple[str, str]:
        if model == "command":
            program = tmp_path / "program"
            answer = {"text": answers.row.said, "finish_reason": answers.row.finish}
            program.write_text(f"#!/bin/sh\ncat > /dev/null; cat <<'.'\n{json.dumps(answer)}\n.\n")
            program.chmod(0o700)
            model = f"command:{program}"
        written: list[str] = []
        env, chosen = Environment(home.root), Settings("", "config.toml", lambda name: "")
        memory = Memory(home, env, chosen, lambda: NOW, lambda said: None)
        options = ShellOptions.of(chosen, (), mask=env.mask, say=memory.say)
        with Shell(home, ROOT, None, options) as shell:
            shell.run = lambda command, seconds: Output(command, 0, 0.0, "", "none")
            display = AnswerDisplay(written.append, Mask()) if terminal else None
            chat = Model(registry.open_chat(model, env, chosen), display=display)
            reply = Turn(memory, chat, shell, Log(home), CONTEXT).run(
                UserMessage("go", {"message_id": id})
            )
        return reply, "".join(written)

    return run


@pytest.mark.parametrize("terminal", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ROWS)
def test_what_becomes_of_an_answer(answers, take, world, name, terminal):
    row = answers.row = ROWS[name]
    if row.failure:
        with pytest.raises(row.failure, match=row.why):
            take(row.model, "m1", terminal)
        assert [(e.role, e.content) for e in world.events()][1:] == [
            ("system", "there was no answer")
        ]
        return
    reply, shown = take(row.model, "m1", terminal)
    *steps, last = world.events()[1:]
    if row.runs:
        assert [e.content.strip() for e in steps] == [*filter(None, [row.answer]), row.runs]
        assert (reply, last.content) == ("Done.", "Done.")
        assert shown in ("", f"{row.answer}\nDone.\n".lstrip())
    else:
        printed = f"{row.answer}\n\n{row.note}" if row.note else row.answer
        assert (reply, last.content, steps) == (printed, row.answer, [])
        seen = f"{row.answer}\n{row.note}\n" if row.note else f"{row.answer}\n"
        assert shown in ("", row.streamed or seen) and bool(shown) == terminal
        assert {
            key: last.meta.get(key) for key in ("cut", "left_out") if key in last.meta
        } == row.meta
        # the same message prints the same again, and asks nobody
        asked = len(answers.requests)
        assert take(row.model, "m1", False) == (printed, "")
        assert len(answers.requests) == asked
        # what is recalled and sent is what was logged
        assert clean(last.content) == row.answer
    if row.model.startswith("openai") and not row.runs:
        take(row.model, "m2", False)
        sent = answers.requests[-1]["messages"][2]
        assert (sent["role"], sent["content"]) == ("assistant", row.answer)
        assert not {"reasoning", "thinking", "native"} & set(sent)
        assert not sent.get("reasoning_content")


def test_old_logs_give_no_thoughts_back(world, model):
    """They are as they were; what is sent and recalled of them is the answer."""
    for context in ("discord-thread/1", "discord-thread/9"):
        world.append("user", "What is the boiler's code?", context=context)
        world.append("agent", "<think>Zebra</think>The boiler's code is 4711.<|im_end|>",
            context=context)  # fmt: skip
        world.append("agent", "<think>Zebra boiler", context=context)
    model.then("Yes.")
    world.turn("What is the boiler's code?")
    sent = json.dumps(model.messages[0])
    assert sent.count("The boiler's code is 4711.") >= 2, "as history, and recalled"
    assert "Zebra" not in sent and "im_end" not in sent
    assert world.run("mem-recall", "zebra", code=1) == ""
    assert "<think>Zebra" in world.events()[1].content


PIECES = [
    "<think>", "</think>", "`", "```", "~~~", "\n", "<|im_end|>", "<|im_start|>", "assistant",
    "user", "</s>", "<s>", "a", " ", "<tool_call>", "</tool_call>", "[TOOL_CALLS]",
    "<|channel|>", "<|message|>", "final", "analysis", "assistantfinal", "to=functions.bash",
    "<think >", "</think >", "<think/>", "<|think|>", "commentary ",
    '{"name":', '"bash"}', "<function=", "<", "[", "◁think▷", "> ", "Word",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.data(), st.booleans())
@example("<think>a\n\n</think>\n\nOne", None, False)
def test_the_pieces_make_no_difference(text, data, opened):
    def read(pieces: list[str]) -> tuple[str, list[Any]]:
        reader = AnswerReader(opened=opened)
        out = [part for piece in pieces for part in reader.feed(piece)]
        return join([*out, *reader.finish()]), reader.blocks

    whole = read([text])
    assert read(list(text)) == whole
    if data:
        places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
        ends = [0, *places, len(text)]
        assert read([text[a:b] for a, b in zip(ends, ends[1:], strict=False)]) == whole


@given(st.text(alphabet="abc é\n.,;:!?()*_#-'\"/\\0123456789"))
def test_plain_words_are_the_answer(text):
    assert clean(text) == text


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize(
    "begin, unit",
    [("", " "), ("", "\n"), ("<think>", " "), ("x", " "), ("x", "a <think> "), ("{", " "),
     ("analysisWe ", "b "), ("x </think>", " "), ("`", " "), ("```\n", " "), ("<|channel|>", " ")],
)  # fmt: skip
def test_an_answer_costs_what_it_is_long(begin, unit, opened):
    def measure(count: int) -> float:
        reader, start = AnswerReader(opened=opened), time.process_time()
        for piece in [begin, *[unit] * count, "</think>", "end"]:
            reader.feed(piece)
        reader.finish()
        return time.process_time() - start

    measure(100)
    assert measure(40_000) < 3 * measure(20_000) + 0.3  # memory is copied


def test_many_tokens_take_no_longer_each():
    """Each unclosed tag could be looked for to the end of the text."""
    for token in (
        "a <think> b ",
        "a <tool_call> b ",
        "`",
        "<|im_end|>",
        "a [TOOL_CALLS] b",
        "```\n",
    ):
        assert isinstance(clean(token * 40_000), str)
