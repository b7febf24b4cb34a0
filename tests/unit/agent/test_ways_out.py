"""No secret goes out, whichever way: canaries in what a model answers, calls and is told, and in
what servers say of it. What a person said stays in the log as it was said."""

import os
import tempfile
from collections.abc import Callable
from itertools import count

import pytest
from discord import HTTPException
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.agent import bash
from plainmind.agent.bash import Output, Shell, ShellOptions
from plainmind.agent.terminal import AnswerDisplay
from plainmind.agent.tracing import Trace
from plainmind.agent.turn import Model, Turn
from plainmind.agent.turn_log import UserMessage
from plainmind.cli import output
from plainmind.ground import clock, masks
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Failure, Unavailable
from plainmind.ground.masks import Mask
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.providers import brave, discord, http
from plainmind.providers.chat import Call, Reply
from plainmind.surfaces.discord import outbox, requests
from plainmind.truth.log.writer import Log
from scene import NOW, ROOT

#: a canary is told by any six characters of its core
CORE = "Zq7-Kx9_Vb3-Wn5_"
KNOWN = f"{CORE}open sesame"
CANARIES = [CORE, KNOWN, f"sk-{CORE}{CORE}", f"postgres://ann:{CORE}@db/x", f"Bearer {CORE}"]
PIECES = [CORE[at : at + 6] for at in range(len(CORE) - 5)]
SAFE = "ordinary words, "


def leaks(text: str) -> bool:
    return any(piece in text for piece in PIECES)


class Parrot:
    """A model that says, calls and fails as it is told, in pieces of `size` characters."""

    name = by = "command:parrot"
    context_tokens, profile, tools = 32_768, "full", "native"

    def __init__(self, size: int, *replies: Reply | Failure):
        self.size, self.replies, self.asked = size, list(replies), []

    def complete(self, request, on_text=None) -> Reply:
        self.asked.append(request)
        reply = self.replies.pop(0)
        text = reply.partial if isinstance(reply, Broken) else getattr(reply, "text", "")
        for at in range(0, len(text), self.size) if on_text else ():
            on_text(text[at : at + self.size])
        if isinstance(reply, Failure):
            raise reply
        return reply


class Broken(Unavailable):
    partial = ""


def printing(shell: Shell, printed: str) -> Output:
    """What a command that prints this leaves, without running one."""
    data = printed.encode()
    with tempfile.TemporaryFile() as spool:
        spool.write(data[: bash.KEPT])
        tail = data[-bash.SHOWN - bash.MARGIN :]
        text, full = shell._shorten(spool, len(data), tail)
    return Output(text, 0, 0.0, full, "none")


@pytest.fixture(scope="module")
def take(tmp_path_factory, unsynced):
    """A turn in a home of its own, whose `.env` has the canaries: everything that came out of it,
    by its way. `said` is the person's, `replies` the model's, `printed` what its command prints."""
    numbers = count()

    def run(said: str, printed: str, size: int, *replies: Reply | Failure) -> dict[str, str]:
        home = Home(str(tmp_path_factory.mktemp(f"home{next(numbers)}")))
        with open(home.path(".env"), "w") as file:
            file.write(f"DB_PASS={KNOWN}\nOTHER={CORE}\n")
        os.chmod(home.path(".env"), 0o600)
        env, chosen = Environment(home.root), Settings("", "config.toml", lambda name: "")
        shown, remarks, trace = [], [], home.path("trace")
        memory = Memory(home, env, chosen, lambda: NOW, remarks.append)
        options = ShellOptions.of(chosen, (), mask=env.mask, say=memory.say)
        out = {}
        with Shell(home, ROOT, None, options) as shell:
            shell.run = lambda command, seconds: printing(shell, printed)
            model = Model(
                Parrot(size, *replies),
                display=AnswerDisplay(shown.append, env.mask),
                trace=Trace(home, trace, NOW, env.mask, remarks.append),
            )
            turn = Turn(memory, model, shell, Log(home), "note/x")
            try:
                out["reply"] = turn.run(UserMessage(said, {"message_id": "1"}))
            except Failure as failure:
                out["failure"] = env.mask(str(failure))
        out |= {"screen": "".join(shown), "remarks": "\n".join(map(env.mask, remarks))}
        for folder in ("logs", "work/logs"):
            for at, _, names in os.walk(home.path(folder)):
                for name in names:
                    with open(os.path.join(at, name), errors="replace") as file:
                        out[f"{folder}/{name}"] = file.read()
        with open(trace) if os.path.exists(trace) else open(os.devnull) as file:
            out["trace"] = file.read()
        return out

    return run


def call(text: str, command: str) -> Reply:
    return Reply(text, [Call("c1", "bash", f'{{"command": "echo {command}"}}')], {})


WHERE = st.integers(0, 40)
SIZES = st.sampled_from([1, 3, 7, 1000])


@settings(max_examples=25)
@given(st.sampled_from(CANARIES), SIZES, WHERE, st.integers(0, 3 * bash.SHOWN))
def test_nothing_that_a_model_or_a_command_puts_out(take, canary, size, before, lines):
    """The command's output is cut somewhere around the canaries in it."""
    text = f"{SAFE * (before // 8)}the key is {canary} and so on"
    printed = f"{'x' * (before * 400)}\n{canary}\n{'y' * lines} {canary}\n" * (1 + before % 3)
    raw = Call("c2", f"bash{canary}", f"no JSON {SAFE * 130}{canary}")
    steps = call(text, canary), Reply(text, [raw], {}), Reply(text, [], {})
    out = take("hello", printed, size, *steps)
    assert {"reply", "screen", "trace"} <= set(out) and any(way.startswith("logs/") for way in out)
    assert not {way: told for way, told in out.items() if leaks(told)}
    assert masks.HIDDEN in out["screen"] and masks.HIDDEN in out["reply"]


@settings(max_examples=15)
@given(st.sampled_from([c for c in CANARIES if "://" not in c]), SIZES, st.integers(6, 30))
def test_nothing_of_an_answer_that_is_broken_off(take, canary, size, kept):
    broken = Broken(f"the server said {SAFE * 20}{canary}")
    broken.partial = f"the key is {canary[:kept]}"
    cut = Reply(f"the key is {canary[:kept]}", [], {}, finish="length")
    for replies in ((broken,), (cut,)):
        out = take("hello", "", size, *replies)
        assert not {way: told for way, told in out.items() if leaks(told)}


def test_what_a_person_says_stays_as_it_was_said(take):
    """Theirs is the log's truth (mem-append warns); what is printed of it is masked."""
    out = take(f"my password is {KNOWN}", "", 3, Reply(f"It is {KNOWN}.", [], {}))
    log = next(told for way, told in out.items() if way.endswith(".md"))
    assert f"> my password is {KNOWN}\n" in log and "> It is ***.\n" in log
    assert out["reply"] == "It is ***." and not leaks(out["trace"])


def test_what_the_canaries_show_without_a_mask(take, monkeypatch):
    """The control: every way out is looked at, and would tell."""
    monkeypatch.setattr(Mask, "_find", lambda self, text: iter(()))
    monkeypatch.setattr(Mask, "find_safe", lambda self, text, start: len(text))
    out = take(
        "hello", f"{KNOWN}\n{'y' * 3 * bash.SHOWN}", 3, call(KNOWN, CORE), Reply(KNOWN, [], {})
    )
    assert {way for way, told in out.items() if not leaks(told)} == {"remarks", "logs/.turn"}


# --- messages, wherever a text is cut for one


class Keeper(discord.Deliverer):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def post(self, message, timeout):
        self.sent.append(message.content)
        return {"id": "1"}


def send(text: str) -> str:
    keeper = Keeper()
    keeper.send(text, nonce="n", deadline=clock.monotonic() + 60)
    return "".join(keeper.sent)


class Refusal(HTTPException):
    def __init__(self, text: str):
        self.status, self.text = 400, text


#: how a text of somebody else's becomes a message
TELLERS: dict[str, Callable[[str], str]] = {
    "an HTTP server": lambda text: str(http.failure_of_status("x", 500, text, None)),
    "Discord": lambda text: requests.describe(Refusal(text)),
    "a search": lambda text: brave.to_plain_line(text, 200, "key"),
    "a message to Discord": send,
    "an answer in Discord": lambda text: "".join(
        part.content + part.whole for part in outbox.split_answer(text)
    ),
}


@settings(max_examples=20)
@given(st.sampled_from(CANARIES), st.integers(0, 2100))
@pytest.mark.parametrize("teller", TELLERS)
def test_no_message_has_a_piece_of_one(teller, canary, before):
    mask, written = Mask([KNOWN, CORE]), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "_ask", lambda: mask)
        patch.setattr(output, "write_error", written.append)
        told = TELLERS[teller](f"{('word ' * 500)[:before]}{canary} and so on")
        output.complain(told)
    assert not leaks(told) and not leaks(written[0])


@pytest.mark.parametrize("teller", TELLERS)
def test_what_messages_have_without_a_mask(teller, monkeypatch):
    monkeypatch.setattr(masks, "_ask", lambda: str)
    assert leaks(TELLERS[teller](f"{CORE} and so on"))
