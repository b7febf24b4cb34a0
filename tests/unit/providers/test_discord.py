"""Delivery by discord-webhook's client and by the bot's REST, to servers as Discord may be."""

import json
import logging

import pytest
from plainmind.ground import clock
from plainmind.ground.backoff import Backoff
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Failure, Misconfigured, Unavailable
from plainmind.ground.outages import Outages
from plainmind.providers import discord
from plainmind.reminders import confirmation
from provider_servers import Server, dribbles, hangs, resets, says, streams
from scene import PATIENCE

SECRET = "Wh-token_2000"
SENT = {"id": "4711", "content": "x"}


def webhook(server: Server) -> discord.Webhook:
    return discord.Webhook(f"{server.url}/api/webhooks/1/{SECRET}")


def bot(server: Server) -> discord.Bot:
    return discord.Bot("Bot-token_3000", "99", server.url)


def send(deliverer, text="hello", seconds=PATIENCE, **more) -> list[str]:
    return deliverer.send(text, nonce="n1", deadline=clock.monotonic() + seconds, **more)


def said(server: Server) -> list[str]:
    return [seen.body["content"] for seen in server.seen]


@pytest.fixture(autouse=True)
def calm(monkeypatch):
    """Waits are as long as asked for, the others short: it is about what is sent, not when."""
    monkeypatch.setattr("plainmind.providers.retry.WITHIN_A_RUN", Backoff(0.01, 30.0))


def test_the_body_holds_nothing_of_the_clients_own(serve):
    server = serve(says(SENT))
    assert send(webhook(server)) == ["4711"]
    (seen,) = server.seen
    assert seen.body == {"content": "hello", "allowed_mentions": {"parse": []}}
    assert seen.path == f"/api/webhooks/1/{SECRET}?wait=true"


def test_a_thread_in_the_address_stays_there(serve):
    server = serve(says(SENT))
    send(discord.Webhook(f"{server.url}/api/webhooks/1/{SECRET}?thread_id=5"))
    assert server.seen[0].path == f"/api/webhooks/1/{SECRET}?thread_id=5&wait=true"
    assert "thread_id" not in server.seen[0].body


def test_a_bots_message_has_a_nonce_that_is_enforced(serve):
    server = serve(says(SENT))
    assert send(bot(server)) == ["4711"]
    (seen,) = server.seen
    assert seen.body == {
        "content": "hello",
        "allowed_mentions": {"parse": []},
        "nonce": "n1",
        "enforce_nonce": True,
    }
    assert seen.path == "/channels/99/messages"
    assert seen.headers["authorization"] == "Bot Bot-token_3000"
    assert seen.headers["user-agent"].startswith("DiscordBot (")


@pytest.mark.parametrize("make", [webhook, bot])
def test_only_who_is_named_is_mentioned(serve, make):
    server = serve(says(SENT))
    send(make(server), "@everyone <@1> <@&2>", mention=("1",))
    assert server.seen[0].body["allowed_mentions"] == {"parse": [], "users": ["1"]}


def test_a_busy_server_is_asked_again_after_the_time_it_names_and_nothing_is_marked(serve):
    server = serve(says({"retry_after": 0.3}, 429, Retry_After="0.3"), says(SENT))
    start = clock.monotonic()
    assert send(webhook(server)) == ["4711"]
    assert clock.monotonic() - start >= 0.3
    assert said(server) == ["hello", "hello"]


def test_a_wait_that_does_not_fit_is_left_to_later(serve, monkeypatch):
    server, slept = serve(says({}, 429, Retry_After="3600")), []
    monkeypatch.setattr(clock, "sleep", slept.append)
    with pytest.raises(Unavailable) as failed:
        send(webhook(server))
    assert failed.value.undone and failed.value.retry_after == 3600
    assert slept == [] and len(server.seen) == 1


@pytest.mark.parametrize(
    "doubtful",
    [says({}, 500), says(b"<html>Bad gateway</html>", 502), resets, says(b"<html>Hi</html>")],
)
def test_after_an_answer_that_leaves_doubt_a_webhooks_message_is_marked(serve, doubtful):
    """The server may have posted it before it failed."""
    server = serve(doubtful, says(SENT))
    assert send(webhook(server)) == ["4711"]
    assert said(server) == ["hello", "hello\n(possibly repeated)"]


@pytest.mark.parametrize("doubtful", [says({}, 500), resets])
def test_a_bots_message_is_repeated_with_the_same_nonce_unmarked(serve, doubtful):
    server = serve(doubtful, says(SENT))
    assert send(bot(server)) == ["4711"]
    assert said(server) == ["hello", "hello"]
    assert [seen.body["nonce"] for seen in server.seen] == ["n1", "n1"]


def test_doubt_of_earlier_is_marked(serve):
    server = serve(says(SENT))
    send(webhook(server), doubt=True)
    send(bot(server), doubt=True)
    assert said(server) == ["hello\n(possibly repeated)"] * 2


def test_a_mark_that_has_no_room_goes_into_a_message_of_its_own(serve):
    server = serve(says(SENT))
    send(bot(server), "x" * 2000, doubt=True)
    assert said(server) == ["x" * 2000, "(possibly repeated)"]
    assert [seen.body["nonce"] for seen in server.seen] == ["n1", "n1.1"]


@pytest.mark.parametrize(
    "answer", [hangs, dribbles(b"HTTP/1.1 200 OK\r\n"), dribbles(b"HTTP/1.1 200 OK\r\n\r\n")]
)
@pytest.mark.parametrize("make", [webhook, bot])
def test_a_server_that_does_not_finish_costs_the_deadline_and_no_more(serve, answer, make):
    server = serve(answer)
    start = clock.monotonic()
    with pytest.raises(Unavailable) as failed:
        send(make(server), seconds=0.6)
    assert clock.monotonic() - start < PATIENCE
    assert not failed.value.undone


def test_nobody_there_leaves_no_doubt(serve):
    server = serve(says(SENT))
    server.close()
    with pytest.raises(Unavailable) as failed:
        send(webhook(server))
    assert failed.value.undone


def test_the_answer_may_be_empty(serve):
    """What a proxy that drops wait=true answers: the message was sent, its id is not known."""
    assert send(webhook(serve(says(b"", 204)))) == [""]


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("make", [webhook, bot])
def test_an_address_that_is_not_known_is_not_asked_again(serve, status, make):
    server = serve(says({"message": "Unknown Webhook", "code": 10015}, status))
    with pytest.raises(Misconfigured) as failed:
        send(make(server))
    assert len(server.seen) == 1 and failed.value.undone
    assert str(failed.value).endswith(make(server).cure)


def test_a_refused_text_is_the_texts_fault(serve):
    with pytest.raises(BadData):
        send(webhook(serve(says({"message": "Cannot send an empty message"}, 400))))


def test_after_doubt_a_refusal_is_no_proof(serve):
    with pytest.raises(BadData) as failed:
        send(webhook(serve(resets, says({}, 400))))
    assert not failed.value.undone


def test_a_webhook_that_moved_is_not_followed_with_an_empty_request(serve):
    here = serve(says(SENT))
    server = serve(says(b"", 302, Location=here.url + "/x"))
    with pytest.raises(Misconfigured):
        send(webhook(server))


@pytest.mark.parametrize("url", ["x", "http://", "http://[::1", "ftp://127.0.0.1/x"])
def test_an_address_that_is_none(url):
    with pytest.raises(Misconfigured):
        send(discord.Webhook(url))


def test_no_secret_is_told_logged_or_put_into_an_error(serve, caplog):
    caplog.set_level(logging.DEBUG)
    for answer in (
        says(f"no {SECRET} here".encode(), 404),
        says({"u": f"/1/{SECRET}"}, 500),
        resets,
        says(b"<p>"),
    ):
        server = serve(answer)
        with pytest.raises(Failure) as failed:
            send(webhook(server))
        assert SECRET not in str(failed.value) and server.url not in str(failed.value)
    told = [record.getMessage() for record in caplog.records]
    assert SECRET not in json.dumps(told)


def test_a_long_text_is_sent_in_parts_each_with_its_nonce(serve):
    server = serve(says(lambda seen: {"id": seen.body["nonce"]}))
    assert send(bot(server), "one " * 1200) == ["n1", "n1-1", "n1-2"]
    assert "".join(said(server)).split() == ["one"] * 1200


def test_parts_that_arrived_are_told_as_they_do_and_a_failure_says_how_many(serve):
    told = []
    server = serve(says({"id": "1"}), says({"id": "2"}), says({}, 429, Retry_After="60"))
    with pytest.raises(
        Unavailable, match="^2 of 3 parts were sent; then Discord answered 429"
    ) as failed:
        send(webhook(server), "one " * 1200, arrived=lambda *part: told.append(part))
    assert told == [(1, 3, "1"), (2, 3, "2")]
    assert failed.value.undone, "nothing arrived but what was told"


def test_a_text_goes_on_at_a_part_and_only_that_one_is_in_doubt(serve):
    server = serve(says({"id": "x"}))
    send(webhook(server), "one " * 700, begin=1, doubt=True)
    assert len(server.seen) == 1 and said(server)[0].endswith("(possibly repeated)")
    server = serve(says({"id": "x"}))
    word = "o" * 60
    send(webhook(server), f"{word} " * 90, begin=1, doubt=True)
    assert [text.endswith("(possibly repeated)") for text in said(server)] == [True, False]
    assert "".join(said(server)).replace("(possibly repeated)", "").split() == [word] * (90 - 32)


@pytest.mark.parametrize("answer, expected", [
    (says(b'{"id":"4711","x":"' + b"x" * 200_000 + b'"}'), [""]),
    (streams(b'{"id":', *[b"9" * 65536] * 400), [""]),
], ids=["long", "very long"])  # fmt: skip
def test_an_answer_without_end_is_not_read_to_its_end(serve, answer, expected):
    assert send(webhook(serve(answer))) == expected


@pytest.fixture
def once(monkeypatch):
    monkeypatch.setattr(discord, "ATTEMPTS", 1)


@pytest.mark.usefixtures("once")
def test_a_long_page_of_somebody_else_is_no_answer(serve):
    with pytest.raises(Unavailable, match="not answer with JSON; see that it is Discord"):
        send(webhook(serve(says(b"<html>" + b"x" * 200_000))))


@pytest.mark.parametrize("answer, cure", [
    (says({"message": "no"}, 400), "change the text"),
    (says({}, 500), "discordstatus.com tells of outages"),
    (says(b"<p>"), "see that it is Discord that answers, not a proxy"),
])  # fmt: skip
@pytest.mark.parametrize("make", [webhook, bot])
@pytest.mark.usefixtures("once")
def test_a_failure_has_a_cure(serve, answer, cure, make):
    with pytest.raises(Failure) as failed:
        send(make(serve(answer)))
    assert str(failed.value).endswith(f"; {cure}")


@pytest.mark.parametrize("proxy, said", [
    ("socks5://127.0.0.1:9", "a SOCKS proxy cannot be used; set HTTPS_PROXY"), ("http://", "proxy"),
    ("foo://127.0.0.1:9", "the proxy's address is malformed; fix HTTPS_PROXY"),
])  # fmt: skip
def test_a_proxy_that_cannot_be_is_not_blamed_on_the_address(monkeypatch, proxy, said):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(Failure, match=said):
        send(discord.Webhook(f"https://discord.invalid/api/webhooks/1/{SECRET}"))


def test_which_way(tmp_path, monkeypatch, home):
    for name in ("DISCORD_TOKEN", "DISCORD_CHANNEL_ID", "DISCORD_WEBHOOK_URL", "DISCORD_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    assert discord.open_deliverer(Environment(), home) is None
    monkeypatch.setenv("DISCORD_WEBHOOK_URL", "http://127.0.0.1/x")
    assert isinstance(discord.open_deliverer(Environment(), home), discord.Webhook)
    monkeypatch.setenv("DISCORD_TOKEN", "t")
    assert isinstance(discord.open_deliverer(Environment(), home), discord.Webhook), (
        "a token without a channel is no way"
    )
    monkeypatch.setenv("DISCORD_CHANNEL_ID", "12")
    found = discord.open_deliverer(Environment(), home)
    assert isinstance(found, discord.Bot)
    assert found.url == "https://discord.com/api/v10/channels/12/messages"
    with pytest.raises(Misconfigured):
        discord.open_deliverer(Environment(), home, "general")


@pytest.mark.parametrize("make", [bot, webhook])
def test_a_server_that_wants_quiet_is_not_asked_by_the_next_run(serve, home, monkeypatch, make):
    server = serve(says({}, 429, Retry_After="400"), says(SENT))
    now = clock.system_now()
    for after, asked in ((0, 1), (60, 1), (399, 1), (401, 2)):
        monkeypatch.setattr(clock, "system_now", lambda after=after: now + after * 1000)
        deliverer = make(server)
        deliverer.outages = Outages(home)  # as open_deliverer gives each process its own
        if after < 400:
            with pytest.raises(Unavailable) as raised:
                send(deliverer, seconds=2)
            assert raised.value.undone
        else:
            assert send(deliverer, seconds=2) == ["4711"]
        assert len(server.seen) == asked
    with open(Outages(home).path) as file:
        assert SECRET not in file.read()


def test_what_discord_wants_is_known_to_whoever_sends(serve, home, monkeypatch):
    """A 429 of 400 s that a confirmation was answered with keeps the next one and a scan from
    asking, and one that a scan was answered with keeps a confirmation from it."""
    server = serve(says({}, 429, Retry_After="400"))
    for name in ("DISCORD_TOKEN", "DISCORD_CHANNEL_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISCORD_WEBHOOK_URL", f"{server.url}/1/{SECRET}")
    env, line = Environment(), "- [ ] a reminder"
    with pytest.raises(Unavailable):
        confirmation.send(home, env, "added", line)
    assert len(server.seen) == 1
    for _ in range(2):
        with pytest.raises(Unavailable, match="Discord wants not to be asked"):
            confirmation.send(home, env, "changed", line)
        deliverer = discord.open_deliverer_of_home(env, home)
        with pytest.raises(Unavailable, match="Discord wants not to be asked"):
            deliverer.send("due", nonce="n", deadline=clock.monotonic() + 5)
    assert len(server.seen) == 1
