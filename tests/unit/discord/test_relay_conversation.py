"""A conversation in the channel and its threads, through the relay's process: who is heard, in
which order, and what is said back."""

import json
import time
from itertools import pairwise

import pytest
from discord_server.client import Discord, attachment
from plainmind.surfaces.discord import lanes
from plainmind.surfaces.discord.messages import to_instant
from scene import ROOT
from talking import Talk, option

FRIEND = "1100000000000000077"
AT_ONCE = 3


@pytest.fixture(scope="module")
def discord():
    with Discord() as running:
        yield running


@pytest.fixture(scope="module")
def talk(discord, tmp_path_factory):
    """One relay, which listens to two people; its turns are the tests' program."""
    settings = {
        "MIND_RELAY_ALLOW": f"{discord.owner}, {FRIEND}",
        "MIND_RELAY_CONCURRENCY": str(AT_ONCE),
    }
    with Talk(tmp_path_factory.mktemp("stub"), discord, **settings) as talk:
        yield talk


@pytest.fixture(scope="module")
def real(discord, tmp_path_factory):
    """Another in a world of its own, whose turns are agent-turn's, with the tests' model."""
    folder = tmp_path_factory.mktemp("real")
    model = f"command:'{folder}/program'"
    with Talk(
        folder,
        discord.another(),
        MIND_RELAY_TURN="agent-turn",
        MIND_TURN_MODEL=model,
        MIND_EMBED_MODEL="embedded",
    ) as talk:
        yield talk


@pytest.fixture
def thread(talk):
    return talk.thread()


# --- order and independence


def test_each_place_is_answered_in_order_and_waits_for_no_other(talk):
    places = {"": "channel", talk.thread(): "one", talk.thread(): "two"}
    held = {place: talk.say(f"hold {name}", place) for place, name in places.items()}
    later = {
        place: [talk.say(f"{name} {n}", place, timestamp=time.time() + 5 * n) for n in (1, 2, 3)]
        for place, name in places.items()
    }
    for place, name in reversed(
        places.items()
    ):  # the channel, which was first, is the last to go on
        talk.let_go(name)
        talk.answer(later[place][-1], place)
    for place, name in places.items():
        mine = [
            m
            for m in talk.posted(place)
            if m["message_reference"]["message_id"] in [held[place], *later[place]]
        ]
        assert [m["content"] for m in mine] == [
            f"re: hold {name}",
            *(f"re: {name} {n}" for n in (1, 2, 3)),
        ]


def test_a_held_turn_holds_no_other_place(talk, thread):
    held = talk.say("hold other", thread)
    talk.call(held)
    quick = talk.say("quick")
    assert talk.answer(quick)["content"] == "re: quick"
    assert held not in talk.done()
    talk.let_go("other")
    talk.answer(held, thread)


def test_no_more_turns_than_set_run_at_once(talk):
    places = [talk.thread() for _ in range(AT_ONCE + 2)]
    said = [talk.say(f"hold slot-{n}", place) for n, place in enumerate(places)]
    running = lambda: [n for n, id in enumerate(said) if talk.began(id)]
    talk.discord.wait(lambda: len(running()) == AT_ONCE)
    status = talk.ask("status")[
        "content"
    ]  # the relay has heard all of them: commands come after messages
    assert f"{AT_ONCE} turns running, 2 messages waiting" in status
    assert len(running()) == AT_ONCE
    for n, id in enumerate(said):
        assert len(running()) == min(AT_ONCE + n, len(said))
        talk.let_go(f"slot-{n}")
        talk.answer(id, places[n])
        talk.discord.wait(lambda n=n: len(running()) == min(AT_ONCE + n + 1, len(said)))


# --- which messages make a turn


def spoken_meanwhile(talk, place, *said):
    """Messages (seconds, text and whose) told in one go while a turn runs; their ids."""
    name = place[-6:]
    first, now = talk.say(f"hold {name}", place), time.time() - 60
    talk.call(first)
    made = talk.discord.many(operations=[
        {
            "do": "say", "content": text, "channel": place, "timestamp": now + after,
            "author": who or talk.discord.owner,
        }
        for after, text, who in said
    ])  # fmt: skip
    ids = [message["id"] for message in made]
    talk.discord.wait(lambda: set(ids) <= talk.received())
    talk.let_go(name)
    return ids


def test_what_one_person_says_within_two_seconds_is_one_turn(talk, thread):
    ids = spoken_meanwhile(talk, thread, (0, "one", None), (1.9, "two", None), (3.8, "three", None))
    assert talk.answer(ids[2], thread)["content"] == "re: one\ntwo\nthree"
    assert [talk.began(id) for id in ids] == [False, False, True]
    assert len(talk.posted(thread)) == 2


def test_what_is_said_more_than_two_seconds_later_is_a_turn_of_its_own(talk, thread):
    ids = spoken_meanwhile(talk, thread, (0, "one", None), (2.1, "two", None))
    assert [talk.answer(id, thread)["content"] for id in ids] == ["re: one", "re: two"]


def test_two_people_within_two_seconds_are_two_turns(talk, thread):
    ids = spoken_meanwhile(
        talk, thread, (0, "mine", None), (0.5, "yours", FRIEND), (1, "mine again", None)
    )
    assert [talk.answer(id, thread)["content"] for id in ids] == [
        "re: mine",
        "re: yours",
        "re: mine again",
    ]
    authors = [(option(talk.call(id), "author"), option(talk.call(id), "author-id")) for id in ids]
    assert authors == [
        (["Ada"], [talk.discord.owner]),
        (["User0077"], [FRIEND]),
        (["Ada"], [talk.discord.owner]),
    ]


# --- what a turn is given, and what comes back


def test_an_answer_refers_to_its_message_with_its_first_part_only(talk, thread):
    talk.write("long", "\n".join(f"line {n} " + "x" * 90 for n in range(50)))
    parts = talk.parts(talk.say("write long", thread), thread)
    assert len(parts) == 3 and all(len(part["content"]) <= 2000 for part in parts)
    assert ["message_reference" in part for part in parts] == [True, False, False]
    assert len({part["nonce"] for part in parts}) == 3
    assert all(part["enforce_nonce"] for part in parts)
    assert "\n".join(part["content"] for part in parts) == open(f"{talk.folder}/long").read()


def test_a_reply_to_a_reminder_carries_its_text(talk, thread):
    reminder = talk.discord.say(
        "water the plants\nand the cat", channel=thread, webhook_id="1100000000000000023"
    )
    id = talk.say("did it", thread, reference=reminder["id"])
    assert option(talk.call(id), "reply-to") == ["ada: water the plants and the cat"]
    talk.answer(id, thread)


def test_a_reply_to_nothing_and_a_message_that_is_no_reply_carry_none(talk, thread):
    gone = talk.say("soon gone", thread)
    talk.answer(gone, thread)
    talk.discord.delete(message=gone)
    for text, reference in (("to what", gone), ("to nothing", None)):
        id = talk.say(text, thread, reference=reference)
        assert option(talk.call(id), "reply-to") == []
        talk.answer(id, thread)


@pytest.mark.parametrize(
    "text", ["--home=/", "-", "--", "$(touch x) `id` \\ ' \"", "naïve 🎉‮", "\t two  blanks "]
)
def test_whatever_is_said_is_given_as_it_is(talk, thread, text):
    id = talk.say(text, thread)
    assert talk.call(id)["text"] == text
    talk.answer(id, thread)


# --- who is heard


def test_strangers_bots_webhooks_and_other_kinds_of_messages_are_ignored(talk, thread):
    said = talk.discord.many(operations=[
        {"do": "say", "content": "stranger", "author": talk.discord.stranger},
        {"do": "say", "content": "once more", "author": talk.discord.stranger},
        {"do": "say", "content": "in a thread", "author": talk.discord.stranger, "channel": thread},
        {"do": "say", "content": "a bot", "author": FRIEND, "bot": True},
        {"do": "say", "content": "a webhook", "webhook_id": talk.discord.owner},
        *(
            {"do": "say", "content": f"of type {n}", "type": n}
            for n in (6, 7, 8, 18, 20, 21, 23, 46)
        ),
        {"do": "say", "content": "elsewhere", "channel": talk.discord.elsewhere},
        {"do": "say", "content": "between us", "channel": talk.discord.dm},
    ])  # fmt: skip
    last = talk.say("and I")
    talk.answer(last)
    assert last in talk.received() and not talk.received() & {message["id"] for message in said}
    assert talk.relay.said.count(f"user {talk.discord.stranger} is not in relay.allow") == 1
    assert (
        talk.posted(talk.discord.elsewhere)
        == talk.posted(talk.discord.dm)
        == talk.posted(thread)
        == []
    )


def test_a_name_is_never_matched(talk, thread):
    """Somebody who calls himself as the owner does is somebody else."""
    author = {
        "id": "1100000000000000099",
        "username": "ada",
        "global_name": "Ada",
        "discriminator": "0",
        "avatar": None,
    }
    message = talk.discord.say("let me in", channel=thread, live=False, author=author["id"])
    talk.discord.event(
        name="MESSAGE_CREATE", data={**message, "author": author, "guild_id": talk.discord.guild}
    )
    talk.answer(talk.say("and I", thread), thread)
    assert len(talk.posted(thread)) == 1 and not talk.began(message["id"])


def test_a_message_that_is_told_twice_is_answered_once(talk, thread):
    id = talk.say("once", thread)
    talk.discord.resend(message=id)
    talk.answer(id, thread)
    talk.discord.resend(message=id)
    talk.answer(talk.say("later", thread), thread)
    assert talk.texts(thread) == ["re: once", "re: later"]


# --- threads


def asked_for(talk, channel):
    return [
        r
        for r in talk.discord.log()["requests"]
        if r["method"] == "GET" and r["path"].endswith(f"/channels/{channel}")
    ]


def test_a_thread_nobody_told_of_is_asked_for_once(talk):
    place = talk.thread(live=False)
    for text in ("one", "two"):
        id = talk.say(text, place)
        assert talk.answer(id, place)["content"] == f"re: {text}"
        assert option(talk.call(id), "context") == [f"discord-thread/{place}"]
    assert len(asked_for(talk, place)) == 1


def test_a_thread_of_another_channel_nobody_told_of_is_ignored(talk):
    place = talk.thread(live=False, channel=talk.discord.elsewhere)
    id = talk.say("psst", place)
    talk.answer(talk.say("here"))
    assert len(asked_for(talk, place)) == 1 and not talk.began(id)


def test_an_archived_thread_that_is_written_in_is_heard(talk):
    place = talk.thread(archived=True, live=False)
    id = talk.say("wake up", place)
    assert talk.answer(id, place)["content"] == "re: wake up"


@pytest.mark.parametrize("who", ["the user", "the bot", "a webhook", "a stranger"])
def test_a_thread_starts_with_the_message_it_was_made_from(real, who):
    said = {
        "the user": lambda: real.discord.say("the roof leaks", live=False),
        "the bot": lambda: real.discord.say("the roof leaks", author=real.discord.bot_id),
        "a webhook": lambda: real.discord.say("the roof leaks", webhook_id="1100000000000000023"),
        "a stranger": lambda: real.discord.say("the roof leaks", author=real.discord.stranger),
    }[who]()
    place = real.thread(message=said["id"])
    text = f"since when, {who}"
    id = real.say(text, place)
    real.answer(id, place)
    starter, asked, answered = real.events(f"discord-thread/{place}")
    stranger = {"a webhook": '"ada", a webhook', "a stranger": '"Mallory", a stranger'}.get(who)
    quoted = f"this thread was made from a message of {stranger}:\n> the roof leaks"
    assert starter["content"] == (quoted if stranger else "the roof leaks")
    assert starter["role"] == {"the bot": "agent", "the user": "user"}.get(who, "system")
    assert starter["meta"]["message_id"] == said["id"]
    assert (
        starter["author"]
        == {"the user": "Ada", "the bot": "", "a webhook": "ada", "a stranger": "Mallory"}[who]
    )
    assert asked["content"] == text and answered["content"] == f"re: {text}"
    messages = real.request(text)["messages"]
    assert [m["role"] for m in messages] == [
        "system",
        "assistant" if who == "the bot" else "user",
        "user",
    ]
    assert messages[1]["content"].endswith("the roof leaks")


def test_the_relay_alone_gives_what_was_said_its_vectors(real):
    """Without cron, and nobody else to run mem-embed."""
    real.answer(real.say("the shed has a new lock"))
    real.discord.wait(
        lambda: '"pending":0' in real.relay.run("mem-embed", "--status", "--json").stdout
    )
    assert "mem-embed" not in real.relay.said


def test_a_thread_made_from_nothing_starts_with_what_is_said_in_it(real):
    place = real.thread()
    real.answer(real.say("just like that", place), place)
    assert [e["content"] for e in real.events(f"discord-thread/{place}")] == [
        "just like that",
        "re: just like that",
    ]


def test_a_thread_is_given_pins_and_nothing_else_of_the_channel(real):
    real.answer(real.say("the gate code is 4711"))
    pinned = real.ask("remember", {"text": "my gate key hangs behind the door"})
    place = real.thread()
    real.answer(real.say("about the gate", place), place)
    system, last = real.request("about the gate")["messages"]
    injected = last["content"]
    assert "INJECTED_CONTEXT_RELEVANT_MEMORIES" in injected
    memories = json.loads(injected[injected.index("{") :].partition("\n")[0])["memories"]
    assert memories[0]["excerpt"].startswith("my gate key")
    assert f"{memories[0]['path']}:{memories[0]['line']}" in pinned["content"]


def test_what_is_logged_in_a_thread_before_the_first_turn_comes_after_its_message(real):
    said = real.discord.say("the fence is green", webhook_id="1100000000000000023")
    place = real.thread(message=said["id"])
    real.ask("remember", {"text": "paint is in the shed"}, place)
    assert [e["content"] for e in real.events(f"discord-thread/{place}")] == [
        'this thread was made from a message of "ada", a webhook:\n> the fence is green',
        "paint is in the shed",
    ]
    said = real.discord.say("the gate is red")
    place = real.thread(message=said["id"])
    unheard = real.say("who paints it", place, live=False)
    real.discord.edit(message=unheard, content="who has painted it")
    real.discord.wait(lambda: edits(real, place))
    assert real.events(f"discord-thread/{place}")[0]["content"] == "the gate is red"


# --- what the log has


def test_the_log_has_the_message_with_its_ids_and_the_answer(real):
    reminder = real.discord.say("call Bob", webhook_id="1100000000000000023")
    place = real.thread()
    first = real.say("hello there", place)
    real.answer(first, place)
    id = real.say("and who", place, reference=reminder["id"])
    assert real.answer(id, place)["content"] == "re: and who"
    *_, asked, answered = real.events(f"discord-thread/{place}")
    assert asked["role"], asked["content"] == ("user", "and who")
    assert asked["author"] == "Ada"
    assert asked["meta"]["author_id"] == real.discord.owner and asked["meta"]["message_id"] == id
    assert (answered["role"], answered["content"], answered["meta"]["reply_to"]) == (
        "agent",
        "re: and who",
        id,
    )
    history = real.request("and who")["messages"][1:-1]
    assert [m["role"] for m in history] == ["user", "assistant"]
    assert history[1]["content"] == "re: hello there"
    assert real.relay.run("mem-lint", "--logs").returncode == 0


def test_a_reply_to_a_reminder_is_logged_and_asked_with_its_text(real):
    reminder = real.discord.say("call Bob", webhook_id="1100000000000000023")
    id = real.say("when was that", reference=reminder["id"])
    real.answer(id)
    asked = next(
        e
        for e in real.events(f"discord-channel/{real.discord.channel}")
        if e["meta"].get("message_id") == id
    )
    assert asked["meta"]["quoted"] == "ada: call Bob" and asked["content"] == "when was that"
    assert (
        '(in reply to: "ada: call Bob")\nAda: when was that'
        in real.request("when was that")["messages"][-1]["content"]
    )


# --- edits


def edits(talk, place):
    return [e["content"] for e in talk.events(f"discord-thread/{place}") if e["role"] == "system"]


def test_an_edit_is_logged_once_and_answered_by_nobody(real):
    place = real.thread()
    id = real.say("at five", place)
    real.answer(id, place)
    real.discord.edit(message=id, content="at six")
    real.discord.wait(lambda: edits(real, place))
    real.discord.event(
        name="MESSAGE_UPDATE", data=message_update(real, id, place)
    )  # the same once more
    real.discord.edit(message=id, content="at seven")
    real.discord.wait(lambda: any("seven" in said for said in edits(real, place)))
    assert edits(real, place) == [
        f"the user changed an earlier message to: at {n}" for n in ("six", "seven")
    ]
    found = next(e for e in real.events(f"discord-thread/{place}") if e["role"] == "system")
    assert found["meta"]["edits"] == id
    assert real.texts(place) == ["re: at five"]


def message_update(talk, id, place):
    return {
        **next(m for m in talk.discord.messages(place) if m["id"] == id),
        "guild_id": talk.discord.guild,
    }


def test_changes_by_others_and_of_links_are_not_logged(real):
    place = real.thread()
    id = real.say("see https://example.org", place)
    answer = real.answer(id, place)
    stranger = real.discord.say("x", author=real.discord.stranger, channel=place)
    reminder = real.discord.say("call Bob", channel=place, webhook_id="1100000000000000023")
    elsewhere = real.discord.say("mine, elsewhere", channel=real.discord.elsewhere)
    for other in (stranger["id"], answer["id"], reminder["id"], elsewhere["id"]):
        real.discord.edit(message=other, content="changed")
    unfurled = message_update(real, id, place) | {
        "embeds": [{"type": "link", "url": "https://example.org"}]
    }
    real.discord.event(name="MESSAGE_UPDATE", data=unfurled)
    real.discord.event(
        name="MESSAGE_UPDATE",
        data={k: unfurled[k] for k in ("id", "channel_id", "guild_id", "embeds")},
    )
    real.discord.edit(message=id, content="see nothing")
    real.discord.wait(lambda: edits(real, place))
    assert edits(real, place) == ["the user changed an earlier message to: see nothing"]
    assert not real.relay.log(f"discord-channel/{real.discord.elsewhere}")
    assert "internal error" not in real.relay.said


# --- answers that are none, and mentions


def test_mentions_in_an_answer_call_nobody(talk, thread):
    said = f"@everyone @here <@{FRIEND}> <@!{talk.discord.owner}> <@&{talk.discord.role}>"
    talk.write("calls", "\n".join([said, *["y" * 100] * 25, said]))
    parts = talk.parts(talk.say("write calls", thread), thread)
    assert len(parts) == 2 and said in parts[0]["content"] and said in parts[1]["content"]
    assert [part["pinged"] for part in parts] == [{"everyone": False, "users": [], "roles": []}] * 2


def test_the_server_would_have_told_of_a_mention(talk):
    said = talk.discord.say(f"@everyone <@{talk.discord.owner}>", channel=talk.discord.elsewhere)
    assert said["pinged"]["everyone"] and said["pinged"]["users"] == [talk.discord.owner]


@pytest.mark.parametrize("answer", ["", "\n \n"])
def test_an_answer_of_nothing_says_so(talk, thread, answer):
    talk.write("nothing", answer)
    id = talk.say("write nothing", thread)
    assert talk.answer(id, thread)["content"] == "(the agent said nothing)"
    assert talk.dead()[-1] | {"at": ""} == {
        "at": "", "context": f"discord-thread/{thread}", "of": [int(id)],
        "why": "(the agent said nothing)"
    }  # fmt: skip


@pytest.mark.parametrize("code", [65, 78, 1])
def test_a_turn_that_cannot_succeed_says_so_at_once_and_is_noted(talk, thread, code):
    id = talk.say(f"end {code}", thread)
    assert talk.answer(id, thread)["content"] == "(no answer: it is broken)"
    assert talk.dead()[-1]["of"] == [int(id)]
    assert talk.dead()[-1]["why"] == "(no answer: it is broken)"
    assert sum(f"--message-id={id}" in call["options"] for call in talk.calls()) == 1
    assert talk.answer(talk.say("next", thread), thread)["content"] == "re: next"


def test_an_answer_longer_than_ten_messages_goes_as_a_file(talk, thread):
    text = "\n".join(f"{n} " + "z" * 95 for n in range(230))
    talk.write("endless", text)
    parts = talk.parts(talk.say("write endless", thread), thread)
    assert len(parts) == 2 and text.startswith(parts[0]["content"])
    assert len(parts[0]["content"]) > 1800
    assert parts[1]["content"] == "(the whole answer is in the file)"
    assert [found["filename"] for found in parts[1]["attachments"]] == ["answer.md"]
    assert talk.fetched(parts[1]["attachments"][0]) == text.encode()


# --- turns that are tried again, and typing


#: the relay, which shows more often that it is typing
TYPING = """
import runpy, sys
from plainmind.surfaces.discord import lanes
lanes.TYPING_EVERY = 1.0
sys.argv = [sys.argv[1], "--verbose"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module", autouse=True)
def begun(discord, tmp_path_factory):
    """Four turns at once in a relay of their own: no model, one dies, one elsewhere, one well.

    Its waits are a fifth of the real ones: it takes 5 seconds, and goes on while others run.
    """
    folder = tmp_path_factory.mktemp("story")
    talk = Talk(folder, discord.another(), MIND_BACKOFF="0.2")
    (folder / "typing.py").write_text(TYPING)
    talk.relay.command = [str(folder / "typing.py"), f"{ROOT}/bin/discord-relay"]
    with talk:
        talk.said = {
            text: (place := talk.thread(), talk.say(text, place))
            for text in ("end 69", "die", "busy 2", "well")
        }
        yield talk


@pytest.fixture
def story(begun):
    """How that went, once it is over."""
    for place, id in begun.said.values():
        begun.answer(id, place)
    return begun


def tried(story, text):
    return sum(f"--message-id={story.said[text][1]}" in call["options"] for call in story.calls())


@pytest.mark.parametrize(
    "text, why", [("end 69", "it is broken"), ("die", "it was killed by signal 9")]
)
def test_a_turn_whose_model_is_away_or_that_is_killed_is_tried_three_times(story, text, why):
    place, id = story.said[text]
    assert story.texts(place) == [f"(no answer: {why})"]
    assert tried(story, text) == 3
    assert [
        (line["of"], line["why"]) for line in story.dead() if line["context"].endswith(place)
    ] == [([int(id)], f"(no answer: {why})")]


def test_a_context_that_is_busy_is_waited_for_and_costs_no_attempt(story):
    place, id = story.said["busy 2"]
    assert story.texts(place) == ["re: busy 2"] and tried(story, "busy 2") == 3
    assert sum(step == {"did": "returned", "turn": int(id)} for step in story.relay.steps()) == 2


def test_typing_is_shown_all_the_time_and_no_more_when_the_turn_is_over(story):
    shown = {
        text: [t["at"] for t in story.discord.typing() if t["channel"] == place]
        for text, (place, _) in story.said.items()
    }
    for text, (place, _) in story.said.items():
        answered = to_instant(int(story.discord.posted(place)[-1]["id"])) / 1000
        assert shown[text] and max(shown[text]) < answered + 1  # one may be on its way
        assert all(b - a > 0.95 for a, b in pairwise(shown[text]))
    for text in ("end 69", "die"):
        assert len(shown[text]) >= 4
        assert all(b - a < 10 for a, b in pairwise(shown[text]))  # Discord shows it for 10 s
    assert lanes.TYPING_EVERY < 10  # seconds for which Discord shows it
    assert not any("internal error" in line for line in story.relay.said.splitlines())


# --- what comes with a message is in test_relay_files


def test_a_message_without_text_says_so(talk, thread):
    id = talk.say("", thread)
    assert talk.call(id)["text"] == "(a message without text)"
    talk.answer(id, thread)


def test_files_are_named_in_the_log_and_the_prompt(real):
    place = real.thread()
    id = real.say(
        "what is this", place, attachments=[attachment("notes.txt", b"hello", "text/plain")]
    )
    real.answer(id, place)
    asked = real.events(f"discord-thread/{place}")[0]
    assert [open(path).read() for path in asked["meta"]["attachments"]] == ["hello"]
