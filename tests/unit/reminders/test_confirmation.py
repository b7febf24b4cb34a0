"""Confirmations say the exact line; if one cannot arrive, the line stands and that is said."""

import pytest
from plainmind.formats import chunks
from plainmind.ground import clock, stream
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, InputOutput, Misconfigured, Unavailable
from plainmind.providers import discord
from plainmind.reminders import confirmation

LINE = (
    '- [ ] date=2026-03-29 time=01:30 recur=none msg="*say* _it_ \\"now\\" @everyone" '
    "id=rid_K5V4M2J7Q2ZP"
)


class Recorder:
    def __init__(self, *failures: Exception):
        self.failures, self.sent = list(failures), []

    def send(self, text, *, nonce, deadline):
        self.sent.append((text, nonce, deadline - clock.monotonic()))
        if self.failures:
            raise self.failures.pop()
        return ["1"]


@pytest.fixture
def recorder(monkeypatch):
    made = Recorder()
    monkeypatch.setattr(discord, "open_deliverer", lambda *_: made)
    return made


def test_the_line_is_sent_as_it_stands(home, recorder):
    confirmation.send(home, Environment(), "added", LINE)
    confirmation.send(home, Environment(), "removed", LINE)
    assert [text for text, _, _ in recorder.sent] == [
        f"Reminder added:\n```\n{LINE}\n```",
        f"Reminder removed:\n```\n{LINE}\n```",
    ]
    (_, one, patience), (_, other, _) = recorder.sent
    assert one != other and len(one) <= 20, "the same words twice are two messages"
    assert 5 < patience <= confirmation.PATIENCE


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("say", "```"),
        LINE + "`",
        LINE.replace("say", "x" * 1990),
        LINE.replace("say", "😀" * 990),
    ],
)
def test_what_fits_into_no_code_block_is_sent_plain(line):
    assert confirmation.compose("added", line) == f"Reminder added:\n{line}"


@pytest.mark.parametrize("length", range(1700, 1900, 37))
def test_what_is_in_a_code_block_is_one_message(length):
    line = LINE.replace("say", "x" * length)
    said = confirmation.compose("changed", line)
    assert line in said and (said.count("```") == 0 or chunks.split(said) == [said])


@pytest.mark.parametrize("failure, said", [
    (
        Unavailable("Discord cannot be reached"),
        "Discord cannot be reached; the line is added all the same; do not repeat the command",
    ),
    (
        Misconfigured("Discord answered 404", cure="check it"),
        "Discord answered 404; check it; the line is added all the same",
    ),
    (BadData("what it is"), "what it is; the line is added"),
], ids=str)  # fmt: skip
def test_whatever_fails_the_line_stands(home, recorder, failure, said):
    recorder.failures = [failure]
    with pytest.raises(Unavailable) as failed:
        confirmation.send(home, Environment(), "added", LINE)
    assert str(failed.value).startswith(f"no confirmation was sent: {said}")


def test_nowhere_to_send_is_a_failed_confirmation_too(home):
    with pytest.raises(
        Unavailable,
        match="nowhere to send it; put DISCORD_WEBHOOK_URL, or DISCORD_TOKEN and "
        "DISCORD_CHANNEL_ID, into .env, or set remind.confirm to none; the line is changed",
    ):
        confirmation.send(home, Environment(), "changed", LINE)


def test_a_channel_that_is_none_is_a_failed_confirmation_too(home, monkeypatch):
    monkeypatch.setenv("DISCORD_TOKEN", "x" * 20)
    monkeypatch.setenv("DISCORD_CHANNEL_ID", "general")
    monkeypatch.setenv("DISCORD_API_BASE", "http://127.0.0.1:9")
    with pytest.raises(
        Unavailable, match="no confirmation was sent: 'general' is not a channel id"
    ):
        confirmation.send(home, Environment(), "added", LINE)


@pytest.mark.parametrize(
    "failure",
    [InputOutput("no space left on device", place="standard output"), stream.ReaderLeft()],
)
def test_what_cannot_be_printed_is_confirmed_all_the_same(home, recorder, monkeypatch, failure):
    def failing():
        raise failure

    monkeypatch.setattr(stream, "flush", failing)
    with pytest.raises(type(failure)) as failed:
        confirmation.print_and_send(
            home, Environment(), "changed", LINE, lambda: stream.write(LINE + "\n")
        )
    assert len(recorder.sent) == 1
    if isinstance(failure, InputOutput):
        assert str(failed.value).endswith(
            "no space left on device; the line is changed all the same; do not repeat the command"
        )


@pytest.mark.parametrize("how", [{"dry_run": True}, {"how": "none"}])
def test_a_dry_run_and_who_has_no_discord_confirm_nothing(home, recorder, capfdbinary, how):
    confirmation.print_and_send(
        home, Environment(), "added", LINE, lambda: stream.write("printed\n"), **how
    )
    assert recorder.sent == [] and capfdbinary.readouterr().out == b"printed\n"


def test_the_cure_of_a_refused_text_is_not_to_repeat_it(home, recorder):
    recorder.failures = [BadData("Discord answered 400", cure="change the text")]
    with pytest.raises(Unavailable) as failed:
        confirmation.send(home, Environment(), "added", LINE)
    assert "change the text" not in str(failed.value)
