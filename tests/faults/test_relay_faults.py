"""The relay as a process, while Discord, the network, the disk and the machine do what they do.

Whatever goes wrong: one turn for each message, one delivery for each chunk, nothing lost, and the
truth about it.
"""

import inspect
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from discord_server.client import Discord, attachment
from plainmind.formats import chunks
from plainmind.surfaces.discord import pace, presence
from plainmind.surfaces.discord.relay import LEAVING
from relaying import Relay
from scene import THOROUGH

#: three messages long
LONG = "\n".join(
    f"line {number} of a long answer, which goes on and on until it is long enough"
    for number in range(70)
)
POST = {"method": "POST", "path": "/messages$"}
JITTERS = [number / 256 for number in range(256)]


#: relays at once: they wait nearly all of the time
AT_ONCE = 8


@pytest.fixture(scope="module")
def background(request, tmp_path_factory):
    """All tests of this module that are to run and have a relay of their own, at work; by name,
    what comes of each."""

    def alone(item: pytest.Function, discord: Discord) -> None:
        # only what hangs is given up soon: all else gets its answer, however busy the machine is
        seconds = "2" if "hang" in item.name else "60"
        relay = Relay(tmp_path_factory.mktemp("relay"), discord, MIND_RELAY_TIMEOUT=seconds)
        try:
            item.obj.work(relay, **(item.callspec.params if hasattr(item, "callspec") else {}))
        finally:
            relay.__exit__()

    own = [
        item
        for item in request.session.items
        if getattr(item, "module", None) is request.module and hasattr(item.obj, "work")
    ]
    with Discord() as server, ThreadPoolExecutor(AT_ONCE) as pool:
        yield {item.name: pool.submit(alone, item, server.another()) for item in own}
        pool.shutdown(cancel_futures=True)


def side_by_side(work: Callable[..., None]) -> Callable[..., None]:
    """A test that is done in the background, with a relay on a home and against a Discord of its
    own."""
    names = [name for name in inspect.signature(work).parameters if name != "relay"]

    def test(background, request, **_):
        background[request.node.name].result()

    asked = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
        for name in ("background", "request", *names)
    ]
    test.__signature__ = inspect.Signature(asked)  # type: ignore[attr-defined]
    test.__name__, test.work = work.__name__, work  # type: ignore[attr-defined]
    return test


# --- what is looked at


def ids(messages: list[dict]) -> list[str]:
    return [message["id"] for message in messages]


def done(relay: Relay) -> set[str]:
    return {str(id) for step in relay.steps() if step.get("did") == "done" for id in step["of"]}


def settled(relay: Relay, messages: list[dict]) -> None:
    """Nothing is left to do for these messages."""
    relay.discord.wait(lambda: set(ids(messages)) <= done(relay))


def answered_once(relay: Relay, messages: list[dict]) -> None:
    """One turn for each message and one delivery of its short answer, in the order of each
    place."""
    settled(relay, messages)
    assert sorted(relay.turns()) == sorted(ids(messages))
    for place in {message["channel_id"] for message in messages}:
        own = [message for message in messages if message["channel_id"] == place]
        assert [m["content"] for m in relay.discord.posted(place)] == [
            f"re: {m['content']}" for m in own
        ]
        assert [m["nonce"] for m in relay.discord.posted(place)] == [f"{id}-0" for id in ids(own)]


def works(relay: Relay, said: str = "are you there") -> None:
    """One more message is answered, once."""
    message = relay.discord.say(said)
    settled(relay, [message])
    assert relay.turns().count(message["id"]) == 1
    assert [m["content"] for m in relay.discord.posted() if m["nonce"] == f"{message['id']}-0"] == [
        f"re: {said}"
    ]


def told(relay: Relay, said: str) -> None:
    relay.discord.wait(lambda: said in relay.said)


def gateway(discord: Discord, what: str) -> list[dict]:
    return [entry for entry in discord.log()["gateway"] if entry["what"] == what]


def requests(discord: Discord, method: str, ending: str) -> list[dict]:
    return [
        entry
        for entry in discord.log()["requests"]
        if entry["method"] == method and entry["path"].endswith(ending)
    ]


def ends(relay: Relay, code: int, *said: str) -> None:
    assert relay.wait() == code, relay.said
    for words in said:
        assert words in relay.said
    assert relay.discord.token not in relay.said
    assert "internal error" not in relay.said


# --- how often it connects


def connections(jitter: float, seconds: float, lasting: float) -> int:
    """How many connections that last so long are made within a time."""
    own, now, count = pace.Pace(), 0.0, 0
    while (now := now + own.wait(jitter)) < seconds:
        count, now = count + 1, now + lasting
        own.note_end(lasting)
    return count


@pytest.mark.parametrize("lasting", [0.0, 0.5, 5.0, 59.0])
def test_no_more_than_ten_connections_are_made_in_the_first_minute_whatever_the_jitter(lasting):
    assert max(connections(jitter, 60, lasting) for jitter in JITTERS) <= 10


def test_a_gateway_that_never_stays_is_asked_less_than_three_times_a_minute_in_the_long_run():
    assert max(connections(jitter, 86_400, 0) for jitter in JITTERS) <= 3 * 24 * 60


def test_the_wait_grows_to_a_minute_and_begins_anew_after_a_good_connection():
    own = pace.Pace()
    waits = []
    for _ in range(100):
        own.note_end(0)
        waits.append(own.wait(0))
    assert waits == sorted(waits) and waits[0] == 1 and waits[-1] == 60
    own.note_end(60)
    assert own.wait(0) == 1


def test_two_hundred_identifications_a_day_are_counted_across_restarts(home):
    path, start, day = home.path("relay", "identifications.json"), 1_769_783_035_120, 86_400_000
    for number in range(200):
        budget = pace.Identifications(path)
        assert budget.wait(start + number * 1000) == 0
        budget.count(start + number * 1000)
    now = start + 200_000
    assert pace.Identifications(path).wait(now) == pytest.approx((day - 200_000) / 1000)
    assert pace.Identifications(path).wait(start + day - 1) > 0
    assert pace.Identifications(path).wait(start + day) == 0
    budget = pace.Identifications(path)
    budget.wait(start + day)
    budget.count(start + day)
    assert pace.Identifications(path).wait(start + day + 1) == pytest.approx(0.999)


@pytest.mark.parametrize("content", ["", "nonsense", "{}", "7", "[null]", '{"a": 1}', "[1, 2"])
def test_a_file_of_identifications_that_cannot_be_read_counts_none(home, content):
    path = home.path("relay", "identifications.json")
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write(content)
    budget = pace.Identifications(path)
    assert budget.wait(1_769_783_035_120) == 0
    budget.count(1_769_783_035_120)
    assert pace.Identifications(path).times == [1_769_783_035_120]


@side_by_side
def test_a_relay_whose_identifications_are_used_up_waits_and_can_be_ended(relay):
    os.makedirs(relay.path("relay"))
    with open(relay.path("relay", "identifications.json"), "w") as file:
        json.dump([int(time.time() * 1000) - 3_600_000] * 200, file)
    relay.start(ready=False)
    told(relay, "the bot has identified too often today; the next time is in 23.0 h")
    assert relay.stop() == 0
    assert not gateway(relay.discord, "connect")


@side_by_side
def test_a_gateway_that_accepts_and_closes_is_asked_ever_more_seldom_and_used_when_it_stays(relay):
    relay.discord.fault("gateway", "close_on_accept", times=None)
    relay.start(ready=False)
    relay.discord.wait(lambda: len(gateway(relay.discord, "connect")) >= 3)
    at = [entry["at"] for entry in gateway(relay.discord, "connect")]
    for number, (earlier, later) in enumerate(zip(at, at[1:])):
        assert later - earlier >= 2**number / 2 - 0.05
    assert not gateway(relay.discord, "identify")
    relay.discord.clear_faults()
    relay.discord.wait(relay.discord.connected)
    relay.discord.wait(lambda: os.path.exists(relay.path("relay", "cursor.json")))
    works(relay)


# --- how it gives up


@pytest.mark.parametrize(
    "code, said",
    [
        (4004, "check DISCORD_TOKEN"),
        (4010, "no shards"),
        (4011, "too many servers"),
        (4012, "update plainmind"),
        (4013, "an intent"),
        (4014, "Message Content Intent"),
    ],
)
@side_by_side
def test_a_close_that_is_for_good_ends_it_with_78_and_what_to_do(relay, code, said):
    relay.discord.fault("gateway", "close_after_identify", code=code)
    relay.start(ready=False)
    ends(relay, 78, said)


@side_by_side
def test_a_token_that_is_reset_while_it_runs_ends_it_with_78(relay):
    relay.start()
    relay.discord.fault("gateway", "close_on_accept", code=4004)
    relay.discord.drop(code=4000)
    ends(relay, 78, "check DISCORD_TOKEN")


@side_by_side
def test_a_wrong_token_ends_it_with_78_and_is_not_shown(relay):
    relay.env["DISCORD_TOKEN"] = "a.wrong.token-nobody-should-see"
    relay.start(ready=False)
    ends(relay, 78, "check DISCORD_TOKEN")
    assert "a.wrong.token" not in relay.said


@side_by_side
def test_a_token_that_is_no_longer_accepted_when_it_asks_for_the_gateway_ends_it_with_78(relay):
    relay.discord.fault("rest", "401", match={"path": "/gateway/bot"})
    relay.start(ready=False)
    ends(relay, 78, "check DISCORD_TOKEN")


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"DISCORD_TOKEN": ""}, "put the bot's token into .env"),
        ({"DISCORD_TOKEN": "two\nlines"}, "DISCORD_TOKEN"),
        ({"DISCORD_CHANNEL_ID": ""}, "put the id of the bot's channel"),
        ({"DISCORD_CHANNEL_ID": "general"}, "'general' is not a channel id"),
        ({"DISCORD_CHANNEL_ID": "1100000000000000099"}, "check DISCORD_CHANNEL_ID"),
        ({"DISCORD_CHANNEL_ID": "1100000000000000012"}, "not a text channel"),
        ({"MIND_RELAY_ALLOW": ""}, 'allow = "YOUR USER ID"'),
        ({"MIND_RELAY_ALLOW": "ada"}, "'Copy User ID'"),
        ({"MIND_RELAY_TIMEOUT": "soon"}, "give one from"),
        ({"DISCORD_API_BASE": "nonsense"}, "DISCORD_API_BASE"),
        ({"DISCORD_API_BASE": "{url}/elsewhere"}, "DISCORD_API_BASE"),
    ],
)
@side_by_side
def test_what_is_set_wrongly_ends_it_with_78_and_the_cure(relay, settings, said):
    relay.env.update(
        {name: value.replace("{url}", relay.discord.url) for name, value in settings.items()}
    )
    relay.start(ready=False)
    ends(relay, 78, said)


@side_by_side
def test_a_second_relay_on_the_same_home_ends_with_75_and_the_first_goes_on(relay):
    relay.start()
    second = relay.run("discord-relay")
    assert second.returncode == 75 and "running already" in second.stderr
    works(relay)


# --- how it comes back


@pytest.mark.parametrize("what", ["refuse", "close_after_identify"])
@side_by_side
def test_a_first_connection_that_fails_is_made_again(relay, what):
    relay.discord.fault("gateway", what)
    relay.start()
    works(relay)


@pytest.mark.parametrize("what", ["503", "html", "reset_before", "reset_after", "hang", "429"])
@side_by_side
def test_a_discord_that_is_not_there_at_the_start_is_waited_for(relay, what):
    relay.env["MIND_RELAY_TIMEOUT"] = "2"  # discord.py tries some of these again, for longer
    relay.discord.fault("rest", what, match={"path": "/users/@me$"}, times=2, via=False)
    relay.start(ready=False)
    told(relay, "Discord cannot be reached")
    relay.discord.wait(lambda: os.path.exists(relay.path("relay", "cursor.json")))
    works(relay)


@pytest.mark.parametrize("path", ["/gateway/bot$", "/channels/[0-9]+$", "/commands$"])
@side_by_side
def test_whatever_is_not_there_at_the_start_is_waited_for(relay, path):
    relay.discord.fault("rest", "reset_before", match={"path": path}, times=2)
    relay.start()
    works(relay)
    relay.discord.wait(relay.discord.commands)


@side_by_side
def test_commands_that_discord_never_takes_do_not_end_it(relay):
    relay.discord.fault("rest", "403", match={"path": "/commands$"}, times=None)
    relay.start()
    told(relay, "invite the bot with the scope applications.commands")
    works(relay)


@pytest.mark.slow  # it is given 20 seconds to say hello
@side_by_side
def test_a_gateway_that_never_says_hello_is_left(relay):
    relay.discord.fault("gateway", "no_hello")
    relay.start()
    told(relay, "it did not answer in time")
    works(relay)


@side_by_side
def test_a_message_that_cannot_be_read_as_an_event_is_read_from_history_and_turns_go_on(relay):
    relay.start()
    relay.discord.fault("gateway", "malformed")
    first = relay.discord.say("one")
    told(relay, "an event that cannot be read")
    settled(relay, [first])
    answered_once(relay, [first, relay.discord.say("two")])


@pytest.mark.parametrize(
    "name, data",
    [
        ("MESSAGE_CREATE", {"channel_id": "x"}),
        ("GUILD_CREATE", {"id": None}),
        ("THREAD_UPDATE", {}),
        ("NOBODY_KNOWS", {}),
    ],
)
@side_by_side
def test_events_that_nobody_can_read_end_no_relay(relay, name, data):
    relay.start()
    relay.discord.event(name=name, data=data)
    works(relay)


@side_by_side
def test_a_gateway_that_stops_answering_heartbeats_is_left_and_the_file_tells_when_it_last_did(
    relay,
):
    relay.discord.set(heartbeat_ms=1000)
    relay.start()
    alive = relay.path("relay", "alive")
    relay.discord.wait(lambda: os.path.exists(alive))
    relay.discord.fault("gateway", "no_ack", times=None)
    relay.discord.wait(lambda: relay.discord.counts().get("unacknowledged"))
    touched, count = os.stat(alive).st_mtime_ns, len(gateway(relay.discord, "connect"))
    works(relay, "while heartbeats are unanswered")
    relay.discord.wait(lambda: len(gateway(relay.discord, "connect")) >= count + 2)
    assert os.stat(alive).st_mtime_ns == touched
    assert "it did not answer in time" in relay.said
    relay.discord.clear_faults()
    relay.discord.wait(lambda: os.stat(alive).st_mtime_ns > touched)
    works(relay, "when they are answered again")


@side_by_side
def test_the_status_is_alive_while_heartbeats_are_answered_and_1_after_long_silence(relay):
    status = relay.run("discord-relay", "--status")
    assert (status.returncode, status.stdout) == (1, "no relay has run here\n")
    relay.discord.set(heartbeat_ms=500)
    relay.start()
    alive = relay.path("relay", "alive")
    relay.discord.wait(lambda: os.path.exists(alive))
    status = relay.run("discord-relay", "--status")
    assert status.returncode == 0 and status.stdout.startswith("alive: ")
    relay.discord.fault("gateway", "no_ack", times=None)
    relay.discord.wait(lambda: relay.discord.counts().get("unacknowledged"))
    long_ago = time.time() - presence.SILENT - 1
    os.utime(alive, (long_ago, long_ago))
    works(relay)
    status = relay.run("discord-relay", "--status")
    assert status.returncode == 1 and status.stdout.startswith("not alive: ")
    relay.discord.clear_faults()
    relay.discord.wait(lambda: relay.run("discord-relay", "--status").returncode == 0)


@pytest.mark.parametrize(
    "how",
    ["op 7", "op 9, resumable", "op 9", "close 1000", "close 4009", "a reset", "a lost session"],
)
@side_by_side
def test_a_connection_that_ends_is_followed_by_one_that_has_missed_nothing(relay, how):
    relay.start()
    before = relay.discord.say("before")
    settled(relay, [before])
    session_lost = how in ("op 9", "a lost session")
    if not session_lost:  # a new one takes its time, and something is missed for sure
        relay.discord.fault("gateway", "refuse")
    {
        "op 7": relay.discord.reconnect,
        "op 9, resumable": lambda: relay.discord.invalid_session(resumable=True),
        "op 9": relay.discord.invalid_session,
        "close 1000": lambda: relay.discord.drop(code=1000),
        "close 4009": lambda: relay.discord.drop(code=4009),
        "a reset": relay.discord.drop,
        "a lost session": lambda: relay.discord.drop(code=4000, forget=True),
    }[how]()
    relay.discord.wait(lambda: not relay.discord.connected())
    away = [
        relay.discord.say(f"away {number}", timestamp=time.time() + 3 * number)
        for number in range(3)
    ]
    relay.discord.wait(relay.discord.connected)
    relay.discord.resend(message=before["id"])
    relay.discord.resend(message=away[1]["id"])
    after = relay.discord.say("after", timestamp=time.time() + 10)
    answered_once(relay, [before, *away, after])
    replayed = [entry["replayed"] for entry in gateway(relay.discord, "resumed")]
    assert len(replayed) == (0 if session_lost else 1)
    assert len(gateway(relay.discord, "identify")) == (2 if session_lost else 1)


@pytest.mark.parametrize("lost", [False, True], ids=["resumed", "a new session"])
@pytest.mark.parametrize("when", ["while the turn runs", "between two parts"])
@side_by_side
def test_a_connection_that_ends_in_the_middle_of_an_answer_costs_and_doubles_nothing(
    relay, when, lost
):
    relay.start()
    if when == "between two parts":
        relay.discord.fault("rest", "slow", match=POST, skip=1, times=1, seconds=3)
        message = relay.discord.say(f"say {LONG}")
        relay.discord.wait(relay.discord.posted)
    else:
        message = relay.discord.say(f"wait 3 say {LONG}")
        began(relay, message)
    relay.discord.drop(code=4000, forget=lost)
    relay.discord.wait(lambda: not relay.discord.connected())
    away = relay.discord.say("away", timestamp=time.time() + 9)
    relay.discord.wait(relay.discord.connected)
    relay.discord.resend(message=message["id"])
    settled(relay, [message, away])
    delivered(relay, message, LONG)
    assert relay.turns() == ids([message, away])


#: in a process that finds it: its clock is as many seconds off as a file says
CLOCK = """
import os, time
open(os.path.join(os.path.dirname(__file__), "read"), "w").close()
true = time.time_ns
def off():
    with open(os.path.join(os.path.dirname(__file__), "off")) as file:
        return int(file.read() or 0)
time.time_ns = lambda: true() + off() * 1_000_000_000
time.time = lambda: time.time_ns() / 1e9
"""


@side_by_side
def test_a_clock_that_goes_back_under_a_relay_loses_and_doubles_nothing(relay):
    def put(name: str, text: str) -> None:
        with open(f"{relay.folder}/{name}.new", "w") as file:
            file.write(text)
        os.replace(f"{relay.folder}/{name}.new", f"{relay.folder}/{name}")

    put("sitecustomize.py", CLOCK)
    put("off", "0")
    relay.errors = open(f"{relay.folder}/stderr", "ab")
    env = relay.env | {"PYTHONPATH": relay.folder, "MIND_BACKOFF": "0.05"}
    relay.process = subprocess.Popen(relay.command, env=env, stderr=relay.errors)
    relay.discord.wait(lambda: relay.read("relay", "cursor.json") and relay.discord.connected())
    said = []
    for seconds in (0, -6 * 3600, -400 * 86400, 0, -90) if THOROUGH else (-400 * 86400, 0, -90):
        put("off", str(seconds))
        said.append(
            relay.discord.say(f"at {seconds} {len(said)}", timestamp=time.time() + len(said))
        )
        settled(relay, said)
        relay.discord.drop(code=4000, forget=True)
        said.append(relay.discord.say(f"away {len(said)}", timestamp=time.time() + len(said)))
        settled(relay, said)
    answered_once(relay, said)
    assert os.path.exists(f"{relay.folder}/read")
    assert json.loads(relay.read("relay", "cursor.json"))["cursor"] <= int(said[-1]["id"])


@side_by_side
def test_a_connection_that_breaks_in_the_middle_of_an_event_loses_nothing(relay):
    relay.start()
    relay.discord.fault("gateway", "close_mid_stream", times=2)
    first = relay.discord.say("one")
    settled(relay, [first])
    answered_once(relay, [first, relay.discord.say("two")])
    assert gateway(relay.discord, "resumed")


@pytest.mark.slow
@side_by_side
def test_a_session_that_is_refused_five_times_is_begun_anew(relay):
    relay.start()
    relay.discord.fault("gateway", "close_on_accept", times=4, code=4000)
    relay.discord.drop(code=4000)
    message = relay.discord.say("meanwhile")
    answered_once(relay, [message])


# --- what was said while it was away


@side_by_side
def test_missed_messages_in_the_channel_and_in_threads_are_answered_once_and_in_order(relay):
    discord, minute = relay.discord, 60.0
    relay.start()
    seen = discord.say("before it went away")
    settled(relay, [seen])
    assert relay.stop() == 0
    start = time.time() - 11 * 3600
    old = [
        discord.say(f"old {n}", timestamp=start - 2 * 3600 + n * minute, live=False)
        for n in range(20)
    ]
    places = {
        name: said_in(discord, start - 60, name) for name in ("active", "archived", "private")
    }
    places["channel"] = discord.channel
    missed = []
    for number in range(250 if THOROUGH else 126):  # of the channel more than a page of 100
        place = ("active", "archived", "private", *["channel"] * 15)[number % 18]
        missed.append(
            discord.say(
                f"missed {number}",
                channel=places[place],
                timestamp=start + number * minute,
                live=False,
            )
        )
    for name in ("archived", "private"):
        discord.archive(thread=places[name], timestamp=start + 300 * minute, live=False)
    put_back(relay, start - 3 * 3600)
    relay.start(ready=False)
    settled(relay, missed)
    assert relay.turns() == sorted(set(relay.turns()), key=relay.turns().index)
    answered_once(relay, [seen, *missed])
    log = relay.log(f"discord-channel/{discord.channel}")
    assert [log.count(f"> old {n}\n") for n in range(20)] == [1] * 20
    assert (
        log.index("> old 0\n") < log.index("> old 19\n")
        and '"read":true' in log
        and "> missed" not in log
    )
    assert [str(id) for id in json_ids(log)] == ids(old)
    before = log, discord.posted(), relay.turns()
    for _ in range(2):
        assert relay.stop() == 0
        put_back(relay, start - 3 * 3600)
        count = len(requests(discord, "GET", "/messages"))
        relay.start(ready=False)
        discord.wait(lambda count=count: len(requests(discord, "GET", "/messages")) >= count + 4)
        works_after = discord.say("one more")
        settled(relay, [works_after])
        assert relay.log(f"discord-channel/{discord.channel}") == before[0]
        assert [m for m in discord.posted() if m["content"] != "re: one more"] == before[1]
        assert [id for id in relay.turns() if id in ids([seen, *missed, *old])] == before[2]


def said_in(discord: Discord, when: float, name: str) -> str:
    """A thread, made from a message that was seen."""
    return discord.thread(
        name=name, private=name == "private", joined=True, live=False, timestamp=when
    )["id"]


def put_back(relay: Relay, when: float) -> None:
    """As if nothing had been seen since then."""
    with open(relay.path("relay", "cursor.json"), "w") as file:
        json.dump({"cursor": int(when * 1000 - 1_420_070_400_000) << 22}, file)


def json_ids(log: str) -> list[int]:
    heads = [line.split(" ", 5)[-1] for line in log.splitlines() if line.startswith("## ")]
    return [int(json.loads(head[head.index("{") :])["message_id"]) for head in heads]


@side_by_side
def test_what_was_said_before_its_first_start_is_no_message_to_it_in_threads_neither(relay):
    discord = relay.discord
    thread = discord.thread(name="early", joined=True, timestamp=time.time() - 4000)["id"]
    discord.say("in the channel", timestamp=time.time() - 3700)
    discord.say("in a thread", channel=thread, timestamp=time.time() - 3600)
    relay.start()
    discord.drop(code=4000)
    discord.wait(lambda: gateway(discord, "resumed"))
    works(relay)
    works_in = discord.say("now", channel=thread)
    settled(relay, [works_in])
    assert [m["content"] for m in discord.posted(thread)] == ["re: now"]
    assert [m["content"] for m in discord.posted()] == ["re: are you there"]


@pytest.mark.parametrize("what", ["503", "reset_before", "429", "hang"])
@side_by_side
def test_history_that_cannot_be_read_at_once_is_read_later(relay, what):
    relay.start()
    assert relay.stop() == 0
    missed = [
        relay.discord.say(f"missed {n}", timestamp=time.time() - 600 + n * 60, live=False)
        for n in range(3)
    ]
    relay.discord.fault(
        "rest",
        what,
        match={"method": "GET", "path": "/(messages|active|public|private)$"},
        times=3,
        via=False,
    )
    relay.start(ready=False)
    told(relay, "trying again")
    answered_once(relay, missed)


@pytest.mark.slow  # it asks again in a minute
@pytest.mark.parametrize("what", ["503", "reset_before"])
@pytest.mark.parametrize(
    "path",
    ["/messages$", "/{thread}/messages$", "/active$", "/archived/public$", "/archived/private$"],
)
@side_by_side
def test_history_that_cannot_be_read_for_long_is_read_in_the_end_and_turns_go_on(relay, path, what):
    discord, long_ago = relay.discord, time.time() - 90_000
    thread = discord.thread(
        name="private", private=True, joined=True, live=False, timestamp=long_ago
    )["id"]
    relay.start()
    assert relay.stop() == 0
    missed = discord.say("missed", channel=thread, timestamp=time.time() - 600, live=False)
    discord.archive(thread=thread, live=False)
    discord.fault(
        "rest", what, match={"method": "GET", "path": path.replace("{thread}", thread)}, times=None
    )
    relay.start(ready=False)
    told(relay, "trying again in a minute")
    live = discord.say("live")
    settled(relay, [live])
    assert relay.turns() == [live["id"]]
    discord.clear_faults()
    settled(relay, [missed])
    assert relay.turns() == ids([live, missed])


@pytest.mark.parametrize("what", ["503", "reset_before"])
@side_by_side
def test_a_thread_whose_channel_cannot_be_asked_for_is_answered_once_it_can(relay, what):
    discord = relay.discord
    thread = discord.thread(
        name="old", archived=True, joined=True, live=False, timestamp=time.time() - 50_000
    )["id"]
    relay.start()
    discord.archive(thread=thread, archived=False, live=False)  # so that it is in no cache
    discord.fault("rest", what, match={"path": f"/channels/{thread}$"}, times=7)
    message = discord.say("in an old thread", channel=thread)
    answered_once(relay, [message, discord.say("in the channel")])
    assert [rule["used"] for rule in discord.faults()] == [7]


# --- getting answers to Discord


def delivered(relay: Relay, message: dict, text: str) -> None:
    """The whole answer, in order, each chunk once and under its own nonce."""
    own = [m for m in relay.discord.posted() if m["nonce"].startswith(f"{message['id']}-")]
    assert [m["content"] for m in own] == [chunk.strip() for chunk in chunks.split(text)]
    assert [m["nonce"] for m in own] == [f"{message['id']}-{number}" for number in range(len(own))]
    assert all(m["enforce_nonce"] for m in own)
    assert [m.get("message_reference", {}).get("message_id") for m in own] == [message["id"]] + [
        None
    ] * (len(own) - 1)


@pytest.mark.parametrize(
    "what, more",
    [
        ("429", {"retry_after": 0.3}),
        ("429", {"retry_after": 0.3, "everywhere": True}),
        ("429", {"retry_after": 3}),
        ("429", {"retry_after": 4, "everywhere": True}),
        ("429", {"via": False}),
        ("500", {}),
        ("503", {}),
        ("html", {}),
        ("html", {"status": 520, "title": "Web server is returning an unknown error"}),
        ("reset_before", {}),
        ("reset_after", {}),
        ("hang", {}),
        ("hang", {"stored": True}),
        ("slow", {"seconds": 3}),
        ("reset_after", {"forgetful": True}),
        ("hang", {"stored": True, "forgetful": True}),
        ("503", {"forgetful": True}),
    ],
)
@side_by_side
def test_an_answer_of_several_chunks_gets_there_whole_whatever_passes(relay, what, more):
    assert len(chunks.split(LONG)) == 3
    relay.start()
    if more.get("forgetful"):  # as it is after some minutes
        relay.discord.set(nonce_seconds=0)
    relay.discord.fault("rest", what, match=POST, skip=1, times=2, **more)
    message = relay.discord.say(f"say {LONG}")
    settled(relay, [message])
    delivered(relay, message, LONG)
    assert relay.turns() == ids([message])
    assert sum(rule["used"] for rule in relay.discord.faults()) == 2
    works(relay)


@side_by_side
def test_while_an_answer_cannot_be_posted_the_status_says_so_and_other_places_go_on(relay):
    discord = relay.discord
    thread = discord.thread(name="elsewhere", joined=True)["id"]
    relay.start()
    discord.fault(
        "rest", "503", match={"method": "POST", "path": f"/{discord.channel}/messages$"}, times=None
    )
    message = discord.say("one")
    told(relay, f"a message to {discord.channel}: Discord answered 503")
    other = discord.say("two", channel=thread)
    settled(relay, [other])
    discord.wait(discord.commands)
    asked = discord.interact("status", channel=thread)["id"]
    status = discord.wait(lambda: discord.interaction(asked)["content"])
    assert (
        "connected" in status
        and "0 turns running, 0 messages waiting, 1 answers to be posted" in status
    )
    discord.clear_faults()
    answered_once(relay, [message, other])
    asked = discord.interact("status")["id"]
    assert "0 answers to be posted" in discord.wait(lambda: discord.interaction(asked)["content"])


@pytest.mark.parametrize(
    "what, more",
    [("403", {}), ("404", {"code": 10003}), ("html", {"status": 400, "title": "Bad Request"})],
)
@side_by_side
def test_what_discord_refuses_for_good_is_kept_and_said_and_what_comes_next_goes_on(
    relay, what, more
):
    relay.start()
    relay.discord.fault("rest", what, match=POST, skip=1, **more)
    message = relay.discord.say(f"say {LONG}")
    settled(relay, [message])
    assert [m["content"] for m in relay.discord.posted()] == chunks.split(LONG)[:1]
    (dead,) = [json.loads(line) for line in relay.read("relay", "dead.jsonl").splitlines()]
    status = more.get("status", what)
    assert (
        dead["of"] == [int(message["id"])]
        and dead["answer"] == LONG
        and f"Discord answered {status}" in dead["why"]
    )
    assert f"could not be posted: Discord answered {status}" in relay.said
    works(relay)
    assert relay.stop() == 0
    relay.start(ready=False)
    works(relay, "and after a restart")
    # what may be allowed again is posted then, and says so
    more_to_come = 2 if what == "403" else 0
    posted = relay.discord.posted
    relay.discord.wait(lambda: len(posted()) == 3 + more_to_come)
    said = "\n".join(message["content"] for message in posted())
    assert ("(this answer could not be posted before: " in said) == bool(more_to_come)
    assert all(line in said for line in LONG.split("\n")) == bool(more_to_come)


@side_by_side
def test_a_token_that_is_no_longer_accepted_ends_it_with_78_and_the_answer_is_posted_by_the_next(
    relay,
):
    relay.start()
    relay.discord.fault("rest", "401", match=POST)
    message = relay.discord.say("one")
    ends(relay, 78, "does not accept the token any more")
    relay.start(ready=False)
    answered_once(relay, [message])


@pytest.mark.parametrize("what", ["500", "403", "reset_before", "hang", "429"])
@side_by_side
def test_an_answer_does_not_depend_on_typing(relay, what):
    relay.start()
    relay.discord.fault(
        "rest", what, match={"path": "/typing$"}, times=None, retry_after=20, everywhere=True
    )
    answered_once(relay, [relay.discord.say("one")])
    works(relay)


@pytest.mark.parametrize(
    "what, times, fetched",
    [("503", 2, True), ("reset_before", 2, True), ("503", 9, False), ("404", 9, False)],
)
@side_by_side
def test_an_attachment_is_fetched_again_or_said_to_be_missing(relay, what, times, fetched):
    relay.start()
    relay.discord.fault("rest", what, match={"path": "/cdn/"}, times=times)
    message = relay.discord.say("look", attachments=[attachment("a.txt", b"text")])
    settled(relay, [message])
    assert relay.turns() == ids([message])
    (post,) = relay.discord.posted()
    (kept,) = [step for step in relay.steps() if step.get("did") == "kept"]
    assert len(kept["files"]) == fetched
    if fetched:
        assert open(kept["files"][0], "rb").read() == b"text" and post["content"] == "re: look"
    else:
        assert post["content"].startswith("re: look\n(") and "attach" in post["content"]


# --- how it ends


@side_by_side
def test_a_signal_while_nothing_happens_ends_it_at_once(relay):
    relay.start()
    took = [LEAVING]
    while took[-1] >= LEAVING and len(took) <= 5:  # once, the machine may be slow
        works(relay)
        began = time.monotonic()
        assert relay.stop() == 0
        took.append(time.monotonic() - began)
        relay.discord.wait(lambda: not relay.discord.connected())
        relay.start(ready=False)
    assert took[-1] < LEAVING, "it waits for what does not run"


@side_by_side
def test_a_signal_before_discord_was_ever_reached_ends_it(relay):
    relay.discord.fault("rest", "503", match={"path": "/users/@me$"}, times=None)
    relay.start(ready=False)
    told(relay, "Discord cannot be reached")
    assert relay.stop() == 0


@side_by_side
def test_a_short_turn_is_finished_and_delivered_before_it_ends(relay):
    relay.start()
    message = relay.discord.say("wait 2 seconds")
    began(relay, message)
    assert relay.stop() == 0
    assert relay.turns() == ids([message]) and len(relay.discord.posted()) == 1
    relay.start(ready=False)
    works(relay)
    answered_once(relay, [message, *others(relay, [message])])


def others(relay: Relay, messages: list[dict]) -> list[dict]:
    own = relay.discord.messages()
    return [
        m for m in own if m["author"]["id"] == relay.discord.owner and m["id"] not in ids(messages)
    ]


def began(relay: Relay, message: dict) -> None:
    path = os.path.join(relay.folder, "began")
    relay.discord.wait(lambda: os.path.exists(path) and message["id"] in open(path).read())


@pytest.mark.parametrize(
    "stubborn", ["", "trap '' TERM INT; "], ids=["ends when asked", "does not end when asked"]
)
@side_by_side
def test_a_long_turn_is_handed_back_in_time_and_answered_by_the_next(relay, stubborn):
    relay.start()
    with open(relay.stub) as file:
        text = file.read()
    with open(relay.stub, "w") as file:
        file.write(text.replace("case $text in", f"{stubborn}case $text in", 1))
    message = relay.discord.say("wait 120 seconds")
    began(relay, message)
    queued = relay.discord.say("next", timestamp=time.time() + 5)
    relay.discord.wait(lambda: queued["id"] in relay.read("relay", "inbox.jsonl"))
    assert relay.stop() == 0
    assert not relay.turns() and not relay.discord.posted()
    assert [step["did"] for step in relay.steps() if step.get("turn") == int(message["id"])] == [
        "began",
        "returned",
    ]
    with open(relay.stub, "w") as file:
        file.write(text.replace("sleep ", ": "))
    relay.start(ready=False)
    answered_once(relay, [message, queued])


@side_by_side
def test_a_signal_while_a_delivery_hangs_ends_it_in_time_and_the_next_delivers_it(relay):
    relay.env["MIND_RELAY_TIMEOUT"] = "120"
    relay.start()
    relay.discord.fault("rest", "hang", match=POST, skip=1, stored=True)
    message = relay.discord.say(f"say {LONG}")
    relay.discord.wait(lambda: len(relay.discord.posted()) == 2)
    assert relay.stop() == 0
    relay.discord.set(nonce_seconds=0)
    relay.start(ready=False)
    settled(relay, [message])
    delivered(relay, message, LONG)
    assert relay.turns() == ids([message])


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"),
    reason="the greatest size of another process's files is set on Linux only",
)
@pytest.mark.parametrize(
    "said", ["x" * 3000, "say " + "y" * 1000], ids=["when it is received", "when it is answered"]
)
@side_by_side
def test_a_ledger_that_cannot_be_written_ends_it_with_74_and_nothing_is_lost(relay, said):
    relay.start()
    first = relay.discord.say(f"say {LONG}")
    settled(relay, [first])
    size = os.path.getsize(relay.path("relay", "inbox.jsonl"))
    room = 300 if said.startswith("x") else 2200
    assert relay.process
    resource.prlimit(
        relay.process.pid, resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY)
    )
    message = relay.discord.say(said)
    ends(relay, 74)
    steps = [step.get("did") for step in relay.steps() if str(message["id"]) in json.dumps(step)]
    assert steps == ([] if said.startswith("x") else ["received", "began"])
    assert len(relay.discord.posted()) == 3
    relay.start(ready=False)
    settled(relay, [message])
    assert relay.turns()[-1] == message["id"]
    assert [m["content"] for m in relay.discord.posted()[3:]] == chunks.split(
        said.removeprefix("say ") if "say" in said else f"re: {said}"
    )


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"),
    reason="the greatest size of another process's files is set on Linux only",
)
@side_by_side
def test_a_ledger_that_cannot_be_written_while_it_catches_up_ends_it_with_74(relay):
    relay.start()
    first = relay.discord.say(f"say {LONG}")
    settled(relay, [first])
    assert relay.process
    limit = os.path.getsize(relay.path("relay", "inbox.jsonl"))
    relay.discord.fault("gateway", "refuse")
    relay.discord.drop(code=4000)
    relay.discord.wait(lambda: not relay.discord.connected())
    message = relay.discord.say("x" * 2500, live=False)
    resource.prlimit(relay.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    ends(relay, 74)
    assert not [step for step in relay.steps() if message["id"] in json.dumps(step)]
    assert relay.turns() == ids([first])
    relay.start(ready=False)
    settled(relay, [message])
    assert relay.turns() == ids([first, message])


@side_by_side
def test_a_relay_that_is_stopped_and_continued_goes_on(relay):
    relay.discord.set(heartbeat_ms=500)
    relay.start()
    assert relay.process
    relay.process.send_signal(signal.SIGSTOP)
    message = relay.discord.say("while it slept")
    acks = relay.discord.counts().get("heartbeat", 0)
    time.sleep(2)
    assert relay.discord.counts().get("heartbeat", 0) <= acks + 1
    relay.process.send_signal(signal.SIGCONT)
    answered_once(relay, [message])
    works(relay)
