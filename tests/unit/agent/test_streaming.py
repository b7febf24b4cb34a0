"""Answers on a terminal: text as it comes, nothing in it obeyed, what is not for the user held
back, a clean cut.

The terminal is a real one (a pty), and so is the Ctrl-C; the server goes on only when a test says
so.
"""

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from loopback import listening
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.terminal import AnswerDisplay
from plainmind.agent.turn import Model, Turn
from plainmind.agent.turn_log import UserMessage
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Unavailable
from plainmind.ground.masks import Mask
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.providers import registry
from plainmind.recall import expansion
from plainmind.truth.log.writer import Log
from scene import NOW, ROOT
from scripted import CONTEXT, raw_call

WINDOW = "logs/discord-thread/9/20260129T142355Z.md"
DIES = b"dies"  # the connection ends where this stands

Piece = str | dict[str, Any] | threading.Event | bytes
"""What a server sends: text, an event, or a wait until a test lets it go on."""


class Streams:
    """A model that answers in pieces; `answers` are lists of them, used in turn."""

    def __init__(self) -> None:
        self.answers: list[list[Piece]] = []
        self.requests: list[dict[str, Any]] = []
        self.over = threading.Event()
        self.url = ""

    def then(self, *pieces: Piece) -> "Streams":
        self.answers.append(list(pieces))
        return self

    def hold(self) -> threading.Event:
        """A piece at which the server waits."""
        return threading.Event()


@pytest.fixture
def streams() -> Iterator[Streams]:
    script = Streams()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            script.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            pieces = script.answers.pop(0)
            self.send_response(200)
            self.end_headers()
            if not script.requests[-1].get("stream"):
                self.wfile.write(
                    json.dumps(
                        {"choices": [{"message": {"content": "".join(map(str, pieces))}}]}
                    ).encode()
                )
                return
            try:
                for piece in pieces:
                    if piece is DIES:
                        return
                    if isinstance(piece, threading.Event):
                        while not piece.wait(0.01) and not script.over.is_set():
                            pass
                        continue
                    event = (
                        {"choices": [{"delta": {"content": piece}}]}
                        if isinstance(piece, str)
                        else piece
                    )
                    self._send(json.dumps(event))
                self._send(
                    json.dumps(
                        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
                    )
                )
                self._send("[DONE]")
            except OSError:  # the turn was cut off
                pass

        def _send(self, data: str) -> None:
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()

    with listening(Handler) as url:
        script.url = f"{url}/v1"
        try:
            yield script
            assert not script.answers, "the model was asked less often than the script says"
        finally:
            script.over.set()


class Terminal:
    """What a command shows on a terminal, and the keys that are pressed at it."""

    def __init__(self, process: subprocess.Popen, fd: int):
        self.process, self._fd = process, fd
        self._seen = b""

    @property
    def seen(self) -> str:
        return self._seen.decode()

    def until(self, text: str) -> None:
        """Wait until all that was shown is this."""
        while self.seen != text:
            assert text.startswith(self.seen) and self._read(), (
                f"instead of {text!r}: {self.seen!r} {self.said()}"
            )

    def press(self, key: bytes) -> None:
        os.write(self._fd, key)

    def end(self, code: int = 0) -> str:
        """All that was shown, when the command has ended."""
        while self._read():
            pass
        assert self.process.wait(30) == code, (self.seen, self.said())
        return self.seen

    def said(self) -> str:
        """Standard error, when the command has ended."""
        return self.process.communicate(timeout=30)[1].decode()

    def _read(self) -> bool:
        """More of what is shown; False at its end."""
        assert select.select([self._fd], [], [], 60)[0], f"nothing more after {self.seen!r}"
        try:
            piece = os.read(self._fd, 4096)
        except OSError:  # how Linux says that nobody has the terminal open any more
            piece = b""
        self._seen += piece
        return bool(piece)


@pytest.fixture
def terminal(world, streams):
    """Start a turn at a terminal of its own."""
    started: list[tuple[subprocess.Popen, int]] = []

    def start(*arguments: str, **env: str) -> Terminal:
        ours, theirs = pty.openpty()
        mode = termios.tcgetattr(theirs)
        mode[1] &= ~termios.OPOST  # bytes are shown as they are written
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(theirs, termios.TCSANOW, mode)

        def take() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            fcntl.ioctl(1, termios.TIOCSCTTY, 0)  # so that its Ctrl-C reaches the command

        process = subprocess.Popen(
            [os.path.join(ROOT, "bin", "agent-turn"), "--context", CONTEXT, *arguments],
            stdin=subprocess.DEVNULL, stdout=theirs,
            stderr=subprocess.PIPE, env={**world.env, "OPENAI_BASE_URL": streams.url, **env},
            start_new_session=True, preexec_fn=take,
        )  # fmt: skip
        os.close(theirs)
        started.append((process, ours))
        return Terminal(process, ours)

    yield start
    for process, fd in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
        os.close(fd)


# --- on a terminal


def test_text_is_seen_before_the_answer_is_complete(terminal, streams, world):
    first, second = streams.hold(), streams.hold()
    streams.then("Hello", first, ", wor", second, "ld.\n\n")
    screen = terminal("--message-id", "m1", "hi")
    screen.until("Hello")
    first.set()
    screen.until("Hello, wor")
    assert world.roles() == ["user"]
    second.set()
    assert screen.end() == "Hello, world.\n"
    assert screen.said() == ""
    assert streams.requests[0]["stream"] is True
    _, answer = world.events()
    assert answer.content == "Hello, world."
    assert answer.meta["usage"]["input_tokens"] == 7 and answer.meta["usage"]["seconds"] > 0
    assert terminal("--message-id", "m1", "hi").end() == "Hello, world.\n", (
        "a reply that was logged is shown again"
    )


def test_nothing_of_an_answer_is_obeyed(terminal, streams, world):
    """Also when it comes in pieces; the log has it as it was."""
    streams.then("a\x1b", "[2J", "b\rc", "\x1b]0;title\x07", "\x9b31m\u202ed\x7f\te\n")
    shown = "a\\x1b[2Jb\\x0dc\\x1b]0;title\\x07\\x9b31m\\x202ed\\x7f\te\n"
    assert terminal("--message-id", "m1", "hi").end() == shown
    assert world.events()[1].content == "a\x1b[2Jb\rc\x1b]0;title\x07\x9b31m\u202ed\x7f\te"
    assert terminal("--message-id", "m1", "hi").end() == shown


def test_text_before_a_command_is_seen_and_what_only_asks_for_lines_is_not(
    terminal, streams, world
):
    world.append("user", "The garage code is 4711", context="discord-thread/9")
    made = raw_call(json.dumps({"command": "echo hi"}), id="a")
    last = streams.hold()
    streams.then("EXP", "AND ", f"{WINDOW}:3")
    streams.then(
        "I look.\n", {"choices": [{"delta": {"tool_calls": [made]}, "finish_reason": "tool_calls"}]}
    )
    streams.then(last, "EXPANSIVE it is: ", "4711.")
    screen = terminal("what is the code?")
    screen.until("I look.\n")
    last.set()
    assert screen.end() == "I look.\nEXPANSIVE it is: 4711.\n"
    assert [(e.role, e.content) for e in world.events()] == [
        ("user", "what is the code?"), ("agent", "I look.\n"), ("tool", "hi"),
        ("agent", "EXPANSIVE it is: 4711.")
    ]  # fmt: skip
    assert "4711" in streams.requests[1]["messages"][-1]["content"]


def test_ctrl_c_in_the_middle_of_an_answer(terminal, streams, world, model):
    """What was seen is logged, and why it ends; the same message is asked anew, without it."""
    streams.then("Half an ans", streams.hold())
    screen = terminal("--message-id", "m1", "go")
    screen.until("Half an ans")
    screen.press(b"\x03")
    assert screen.end(130) == "Half an ans\n"
    assert screen.said().strip() == ""
    user, cut, notice = events = world.events()
    assert [e.role for e in events] == ["user", "agent", "system"]
    assert (cut.content, cut.meta) == (
        "Half an ans",
        {"model": "openai:scripted", "cut": True, "for": "m1"},
    )
    assert notice.content == "the user interrupted the turn"
    usage = notice.meta.pop("usage")  # its tokens are known to nobody, that it was asked is
    assert (notice.meta, usage.pop("seconds") > 0, usage) == (
        {"model": "openai:scripted", "for": "m1"}, True, {"failed": 1},
    )  # fmt: skip
    model.then("A whole answer.", "Yes.")
    assert world.turn("--message-id", "m1", "go") == "A whole answer.\n"
    assert model.messages[0] == streams.requests[0]["messages"] and "Half" not in str(
        model.messages[0]
    )
    assert world.turn("--message-id", "m1", "go") == "A whole answer.\n"
    assert world.turn("--message-id", "m2", "really?") == "Yes.\n"
    assert [m["content"] for m in model.messages[1][1:]] == [
        "go", "Half an ans", "(notice) the user interrupted the turn", "A whole answer.", "really?"
    ]  # fmt: skip
    world.run("mem-lint", "--logs")


def test_ctrl_c_before_anything_is_seen(terminal, streams, world):
    """Also while only a request for lines has come, which is nobody's answer."""
    streams.then(f"EXPAND {WINDOW}:3", streams.hold())
    screen = terminal("--message-id", "m1", "go")
    while not streams.requests:
        time.sleep(0.01)
    screen.press(b"\x03")
    assert screen.end(130) == ""
    assert world.roles() == ["user", "system"]


def test_ctrl_c_in_a_command_cuts_no_answer(terminal, streams, world):
    """The text before the command was whole: it is logged as that, once."""
    made = raw_call(json.dumps({"command": "touch started; sleep 60"}), id="a")
    streams.then(
        "I look.", {"choices": [{"delta": {"tool_calls": [made]}, "finish_reason": "tool_calls"}]}
    )
    screen = terminal("--message-id", "m1", "go")
    screen.until("I look.\n")
    started = os.path.join(world.home.workspace, "started")
    while screen.process.poll() is None and not os.path.exists(started):
        time.sleep(0.01)
    screen.press(b"\x03")
    assert screen.end(130) == "I look.\n"
    assert [e.role for e in world.events()] == ["user", "agent", "tool", "system"]
    assert all("cut" not in e.meta for e in world.events())


def test_a_stream_that_dies(terminal, streams, world, model):
    """What was seen is logged once, and the error once; it is not asked for again within the
    run."""
    for _ in range(2):
        streams.then("Half an ans", DIES)
        screen = terminal("--message-id", "m1", "go")
        assert screen.end(69) == "Half an ans\n"
        assert "before it was complete (after 11 characters)" in screen.said()
        user, cut, notice = events = world.events()
        assert [e.role for e in events] == ["user", "agent", "system"]
        assert (cut.content, cut.meta["cut"], cut.meta["for"]) == ("Half an ans", True, "m1")
        assert (notice.content, notice.meta["code"], notice.meta["for"]) == (
            "there was no answer",
            69,
            "m1",
        )
    model.then("A whole answer.")
    assert world.turn("--message-id", "m1", "go") == "A whole answer.\n"
    assert model.messages[0] == streams.requests[0]["messages"]


def test_json_is_not_streamed(terminal, streams, world):
    streams.then("Hel", "lo.")
    assert json.loads(terminal("--json", "hi").end()) == {
        "reply": "Hello.",
        "model": "openai:scripted",
    }
    assert "stream" not in streams.requests[0]


# --- through the library: more of what can come


@pytest.fixture
def shown(home, streams, monkeypatch, unsynced):
    """A turn whose answers are streamed into a list:

    `shown(text)` -> all that was shown. `failed` has the failure.
    """
    monkeypatch.setenv("OPENAI_BASE_URL", streams.url)

    def run(
        text: str,
        setting: str = "openai:scripted",
        id: str = "m1",
        failure: type[Exception] | None = None,
    ) -> str:
        written: list[str] = []
        env, chosen = Environment(home.root), Settings("", "config.toml", lambda name: "")
        means = Memory(home, env, chosen, lambda: NOW, lambda said: None)
        with Shell(
            home, ROOT, None, ShellOptions.of(chosen, (), mask=env.mask, say=means.say)
        ) as shell:
            asked = Model(
                registry.open_chat(setting, env, chosen),
                display=AnswerDisplay(written.append, Mask()),
            )
            turn = Turn(means, asked, shell, Log(home), CONTEXT)
            if failure:
                with pytest.raises(failure):
                    turn.run(UserMessage(text, {"message_id": id}))
            else:
                turn.run(UserMessage(text, {"message_id": id}))
        return "".join(written)

    return run


@pytest.mark.parametrize(
    ("pieces", "seen", "logged", "failure"),
    [
        (["Half", DIES], "Half\n", ["Half"], Unavailable),
        (["Half\n\n", DIES], "Half\n", ["Half"], Unavailable),
        ([" \n", DIES], "", [], Unavailable),
        ([DIES], "", [], Unavailable),
        # what asks for lines is not for the user, whole or not
        ([f"EXPAND {WINDOW}:3", DIES], "", [], Unavailable),
        (["EXPAND", DIES], "EXPAND\n", ["EXPAND"], Unavailable),
        # a call that did not come whole is none
        (
            [
                "I look.",
                {"choices": [{"delta": {"tool_calls": [raw_call('{"command": "ech')]}}]},
                DIES,
            ],
            "I look.\n",
            ["I look."],
            Unavailable,
        ),
        (
            [{"choices": [{"delta": {"tool_calls": [raw_call('{"command": "ech')]}}]}, DIES],
            "",
            [],
            Unavailable,
        ),
        # the server says what is wrong, after it had begun to answer
        (
            ["Half", {"error": {"message": "overloaded", "code": 529}}],
            "Half\n",
            ["Half"],
            Unavailable,
        ),
        (
            ["Half", {"error": {"message": "not like this", "code": 400}}],
            "Half\n",
            ["Half"],
            BadData,
        ),
    ],
    ids=str,
)
def test_what_is_logged_of_an_answer_that_breaks_off(
    shown, streams, world, pieces, seen, logged, failure
):
    streams.then(*pieces)
    assert shown("go", failure=failure) == seen
    user, *cut, notice = world.events()
    assert [(e.role, e.content, e.meta.get("cut")) for e in cut] == [
        ("agent", text, True) for text in logged
    ]
    assert (notice.role, notice.content, notice.meta["code"]) == (
        "system",
        "there was no answer",
        failure.code,
    )
    streams.then("Whole.")
    assert shown("go") == "Whole.\n"
    assert streams.requests[1] == streams.requests[0]


def test_a_stream_that_dies_after_a_command(shown, streams, world):
    """An answer that was seen whole is no part of what is cut."""
    made = raw_call(json.dumps({"command": "echo hi"}), id="a")
    streams.then(
        "I look.", {"choices": [{"delta": {"tool_calls": [made]}, "finish_reason": "tool_calls"}]}
    )
    streams.then(DIES)
    assert shown("go", failure=Unavailable) == "I look.\n"
    assert [e.content for e in world.events()] == ["go", "I look.", "hi", "there was no answer"]
    assert all("cut" not in e.meta for e in world.events())
    streams.then("Done.")
    assert shown("go") == "Done.\n"
    assert streams.requests[2] == streams.requests[1]


def test_json_of_a_model_that_writes_its_calls_as_text_is_not_shown(shown, streams, world):
    streams.then('{"command": "echo hi"}').then(f'{{"answer": "EXPAND {WINDOW}:3"}}').then(
        '{"answer": "It says hi."}'
    )
    assert shown("go", "openai:gemma-3") == "It says hi.\n"
    assert world.roles() == ["user", "tool", "agent"]


# --- what is shown when


def written(pieces: list[str]) -> list[str]:
    """What is written after each piece, and at the end."""
    steps: list[str] = []
    display = AnswerDisplay(lambda text: steps.__setitem__(-1, steps[-1] + text), Mask())
    for piece in pieces:
        steps.append("")
        display.add(piece)
    steps.append("")
    seen = display.end(expansion.asks)
    assert display.shown == bool(seen) == bool("".join(steps)) and display.text == ""
    assert "".join(steps) == (f"{seen}\n" if seen else "")
    return steps


@pytest.mark.parametrize(
    ("pieces", "steps"),
    [
        # what may be the beginning of a secret waits for its end
        (["Hello", " you"], ["Hello", " you", "\n"]),
        (["Hello s", "k", "-", "learn ", "w"], ["Hello", "", "", " sk-learn", " w", "\n"]),
        ([" \n", " Hello \n", "\nyou\n"], ["", "Hello", " \n\nyou", "\n"]),
        (["E", "XPA", "ct it"], ["", "", "EXPAct it", "\n"]),
        (["EXPAND", " a.md:3", "\nEXPAND b.md:4-5\n"], ["", "", "", ""]),
        (["`EXPAND a.md:3`"], ["", ""]),
        (["EXPAND a.md:3", "\nis what I want"], ["", "", "EXPAND a.md:3\nis what I want\n"]),
        (["EXP"], ["", "EXP\n"]),
        (["``", "`\ncode\n```"], ["", "```\ncode\n```", "\n"]),
        (["", " ", "\n"], ["", "", "", ""]),
        ([], [""]),
    ],
)
def test_what_is_written_when(pieces, steps):
    assert written(pieces) == steps


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["EXPAND", " a.md:3", "EXP", "AND", "\n", " ", "`", "x", "\x1b[2J", "é"]
            ),
            st.text(max_size=4),
        )
    )
)
@example(["EXPAND", " a.md:3", "\n", "EXPAND a.md:9-12"])
def test_the_same_is_shown_however_it_comes(pieces):
    text = "".join(pieces)
    whole = "" if expansion.asks(text) or not text.strip() else f"{text.strip()}\n"
    assert "".join(written(pieces)) == "".join(written([text])) == whole


def test_what_ctrl_c_falls_into_is_not_written_twice():
    """It may come when a piece is on the terminal, and before anybody could note that."""
    written = []

    def write(text: str) -> None:
        written.append(text)
        if text == "Half":
            raise KeyboardInterrupt

    display = AnswerDisplay(write, Mask())
    with pytest.raises(KeyboardInterrupt):
        display.add("Half")
    assert display.end(lambda text: False) == "Half" and "".join(written) == "Half\n"
