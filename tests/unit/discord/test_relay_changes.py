"""What a message says besides its text, and what people change and take back, through the relay's
process."""

import json
import os
import subprocess

import pytest
from discord_server.client import Discord, attachment
from plainmind.surfaces.discord.ledger import Change, noted_step
from scene import ROOT
from talking import Talk

PATIENCE = 60


@pytest.fixture(scope="module")
def discord():
    with Discord() as running:
        yield running


@pytest.fixture(scope="module")
def real(discord, tmp_path_factory):
    """A relay whose turns are agent-turn's, with the tests' model."""
    folder = tmp_path_factory.mktemp("real")
    settings = {
        "MIND_RELAY_TURN": "agent-turn",
        "MIND_TURN_MODEL": f"command:'{folder}/program'",
        "MIND_EMBED_MODEL": "embedded",
    }
    with Talk(folder, discord, **settings) as talk:
        yield talk


def said(talk, place):
    """The log of a thread: (role, text) of each event."""
    return [(e["role"], e["content"]) for e in talk.events(f"discord-thread/{place}")]


def until(talk, predicate):
    return talk.discord.wait(predicate, PATIENCE)


def busy(talk, place, name):
    """A turn that a test ends: what is said meanwhile waits."""
    held = talk.say(f"hold {name}", place)
    until(talk, lambda: [c for c in talk.calls() if c["text"].find(f"hold {name}") > 0])
    return held


def answered(talk, text, place):
    """The id of a message that has its answer."""
    id = talk.say(text, place)
    talk.answer(id, place)
    return id


# --- what a message says


def test_all_that_a_message_says_reaches_agent_and_log_with_ids_beside(real):
    place, general = real.thread(), real.discord.elsewhere
    stranger, role = real.discord.stranger, real.discord.role
    forwarded = {
        "message_reference": {"type": 1, "message_id": "1", "channel_id": general},
        "message_snapshots": [{"message": {"type": 0, "content": "the old plan", "attachments": [],
            "embeds": [], "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None,
            "flags": 0, "mentions": [], "mention_roles": []}}],
    }  # fmt: skip
    poll = {
        "question": {"text": "Tea?"}, "allow_multiselect": False, "layout_type": 1,
        "expiry": "2026-07-01T12:00:00+00:00",
        "answers": [{"answer_id": 1, "poll_media": {"text": "Yes"}}],
    }  # fmt: skip
    embeds = [{"type": "rich", "title": "Release", "description": "What is new"}]
    for more, text in [
        ({"more": forwarded}, "(forwarded from #general)\n> the old plan"),
        ({"embeds": embeds}, "(embed) Release\n> What is new"),
        ({"more": {"poll": poll}},
         "(poll) Tea?\n- Yes\n(the poll is open until Wednesday, 1 July 2026 13:00)"),
        ({"more": {"components": [{"type": 10, "id": 1, "content": "a display"}]}}, "a display"),
    ]:  # fmt: skip
        id = real.say("", place, **more)
        real.answer(id, place)
        assert said(real, place)[-2] == ("user", text)
        reply = real.say("and this?", place, reference=id)
        real.answer(reply, place)
        event = real.events(f"discord-thread/{place}")[-2]
        assert event["meta"]["quoted"] == " ".join(f"Ada: {text}".split())
    wire = f"ask <@{stranger}> of <@&{role}> in <#{general}> at <t:1751371200:R>, `<@{stranger}>`"
    id = real.say(wire, place)
    real.answer(id, place)
    event = real.events(f"discord-thread/{place}")[-2]
    when = "Tuesday, 1 July 2025 13:00"
    assert event["content"].startswith("ask @Mallory of @") and event["content"].endswith(
        f" in #general at {when}, `<@{stranger}>`"
    )
    assert event["meta"]["mentions"][stranger] == "@Mallory"
    assert event["meta"]["mentions"][general] == "#general"


# --- before it is answered


def test_a_message_that_waits_is_answered_as_it_stands_when_its_turn_begins(real):
    place = real.thread()
    busy(real, place, "waiting")
    told, untold, gone, also = (real.say(f"at five {n}", place) for n in range(4))
    with_file = attachment("pin.txt", b"4711 is in the file")
    filed = real.say("look", place, attachments=[with_file])
    until(real, lambda: {told, untold, gone, also, filed} <= real.received())
    folder = real.relay.path("relay", "files")
    until(real, lambda: os.path.isdir(folder) and os.listdir(folder))
    real.discord.edit(message=told, content="at six")
    real.discord.edit(message=untold, content="at seven", live=False)
    real.discord.delete(message=gone)
    real.discord.delete(message=also, live=False)
    real.discord.delete(message=filed)
    real.let_go("waiting")
    until(real, lambda: len(real.posted(place)) == 2 and {told, untold, also} <= real.done())
    texts = [text for role, text in said(real, place) if role == "user"]
    assert texts == ["hold waiting", "at six\nat seven"]
    assert [role for role, _ in said(real, place)] == ["user", "agent"] * 2
    kept = real.relay.read("relay", "inbox.jsonl")
    assert "at five 2" not in kept and "at five 3" not in kept and os.listdir(folder) == []


# --- after it was logged


def test_a_change_of_a_message_that_is_being_answered_comes_after_it(real):
    place = real.thread()
    id = busy(real, place, "running")
    real.discord.edit(message=id, content="hold nothing")
    other = real.say("next", place)  # told after the change
    until(real, lambda: other in real.received())
    real.let_go("running")
    until(real, lambda: "system" in [role for role, _ in said(real, place)])
    events = real.events(f"discord-thread/{place}")
    assert [e["content"] for e in events if e["role"] == "user"][0] == "hold running"
    change = next(e for e in events if e["role"] == "system")
    assert change["content"] == "the user changed an earlier message to: hold nothing"
    assert change["line"] > events[0]["line"]
    assert change["meta"]["changes"] == [events[0]["ref"]]
    real.answer(other, place)


def forgotten(talk, text):
    """Whether no log has a text any more; what stands beside one while it is changed comes and
    goes."""
    logs = talk.relay.path("logs")
    found = (os.path.join(d, n) for d, _, names in os.walk(logs) for n in names if n[0] != ".")
    return not any(text in open(path, encoding="utf-8").read() for path in found)


def settled(talk, ids):
    keys = [s["key"] for s in talk.relay.steps() if s.get("did") == "settled"]
    return [key for key in keys if any(key == f"deleted-{id}-" for id in ids)]


def note_deletion(talk, id, place):
    """As a relay that was killed before it did what it had noted."""
    with open(talk.relay.path("relay", "inbox.jsonl"), "a") as ledger:
        json.dump(noted_step(Change("deleted", int(id), f"discord-thread/{place}")), ledger)
        ledger.write("\n")


def test_a_persons_own_message_that_is_deleted_is_forgotten_with_its_changes(real):
    place = real.thread()
    ids = [answered(real, f"the pin is {n}4711secret", place) for n in "abc"]
    real.discord.edit(message=ids[0], content="the pin is d4711secret")
    until(real, lambda: not forgotten(real, "d4711secret"))
    real.discord.delete(message=ids[0])
    until(real, lambda: forgotten(real, "> the pin is a4711") and forgotten(real, "d4711secret"))
    assert not forgotten(real, "> the pin is b4711")
    real.discord.delete_many(messages=ids[1:])
    until(
        real,
        lambda: forgotten(real, "> the pin is c4711") and forgotten(real, "> the pin is b4711"),
    )
    assert [role for role, text in said(real, place)].count("agent") == 3  # answers are answers


def test_of_what_was_answered_together_only_the_deleted_message_goes(real):
    place = real.thread()
    busy(real, place, "together")
    one, two = real.say("keep the saffron", place), real.say("drop the turmeric", place)
    until(real, lambda: {one, two} <= real.received())
    real.let_go("together")
    real.answer(two, place)
    assert real.events(f"discord-thread/{place}")[-2]["meta"]["of"] == [one, two]
    real.discord.delete(message=two)
    until(real, lambda: forgotten(real, "> drop the turmeric"))
    assert ("user", "keep the saffron") in said(real, place)


def test_what_was_deleted_is_forgotten_though_its_thread_is_gone_and_others_cannot_be_read(real):
    """It was tried once a minute, for ever: nobody can tell which lines were the other's."""
    place = real.thread()
    busy(real, place, "both")
    ids = [real.say(f"the {what} is mine", place) for what in ("fennel", "sorrel")]
    until(real, lambda: set(ids) <= real.received())
    real.let_go("both")
    real.answer(ids[1], place)
    real.relay.stop()
    note_deletion(real, ids[0], place)
    real.discord.delete_channel(channel=place, live=False)
    real.relay.start()
    until(real, lambda: settled(real, ids[:1]))
    assert forgotten(real, "> the fennel is mine")
    assert [role for role, _ in said(real, place)].count("agent") == 2


def test_the_bots_and_strangers_messages_are_not_forgotten(real):
    place = real.thread()
    id = real.say("who paints the fence", place)
    answer = real.answer(id, place)
    real.discord.delete(message=answer["id"])
    answered(real, "then", place)
    assert ("agent", "re: who paints the fence") in said(real, place)


def test_what_was_changed_and_deleted_while_nobody_listened_is_found(real):
    place = real.thread()
    changed, gone = (answered(real, f"{n} of the anchovies", place) for n in ("some", "none"))
    real.relay.stop()
    real.discord.edit(message=changed, content="all of the olives", live=False)
    real.discord.delete(message=gone, live=False)
    real.relay.start()
    until(real, lambda: forgotten(real, "> none of the anchovies"))
    until(real, lambda: any(text.endswith("all of the olives") for _, text in said(real, place)))
    assert not forgotten(real, "> some of the anchovies")  # the log keeps both
    before = said(real, place)
    real.relay.stop()
    real.relay.start()
    answered(real, "again", place)
    assert said(real, place)[:-2] == before  # once


def test_a_deletion_that_a_death_left_undone_is_done_by_the_next_relay(real):
    place = real.thread()
    id = answered(real, "the vault opens at nine", place)
    real.relay.stop()
    note_deletion(real, id, place)
    real.relay.start()
    until(real, lambda: forgotten(real, "> the vault opens"))
    until(real, lambda: settled(real, [id]))


def test_the_log_keeps_what_was_deleted_if_a_person_wants_it_so(real):
    place = real.thread()
    real.relay.stop()
    real.relay.env["MIND_RELAY_DELETED"] = "keep"
    real.relay.start()
    id = answered(real, "the attic is cold", place)
    real.discord.delete(message=id)
    answered(real, "and the cellar", place)
    real.relay.stop()
    del real.relay.env["MIND_RELAY_DELETED"]
    assert not forgotten(real, "> the attic is cold")
    real.relay.start()  # what was deleted is still looked for
    until(real, lambda: forgotten(real, "> the attic is cold"))


def test_a_purge_is_forgotten_at_once(real):
    """Each of its messages took a search of all that there is, one after the other."""
    place = real.thread()
    ids = [answered(real, f"pin {n}4711secret", place) for n in "abcdef"]
    real.discord.delete_many(messages=ids)
    until(real, lambda: all(forgotten(real, f"> pin {n}4711") for n in "abcdef"))
    until(real, lambda: len(settled(real, ids)) == 6)
    records = [e for e in real.events(f"discord-thread/{place}") if e["role"] == "system"]
    assert len(records) == 6
    assert len({record["timestamp"] for record in records}) <= 2, "a run's records have one time"


def notices(talk, place):
    return [text for text in talk.texts() if f"discord-thread/{place} " in text]


def test_a_thread_that_is_deleted_stays_in_the_log_and_the_channel_is_told_so_once(real):
    place = real.thread(name="the `cellar`")
    answered(real, "the wine is in the third rack", place)
    empty = real.thread(name="never used")
    fault = {"method": "POST", "path": rf"/channels/{place}/messages$"}
    real.discord.fault("rest", "403", match=fault, times=None, code=50013)
    refused = real.say("and the beer?", place)
    until(real, lambda: refused in real.done())
    busy(real, place, "deleted")
    waiting = real.say("nobody will read this", place)
    until(real, lambda: waiting in real.received())
    for gone in (place, empty):
        real.discord.delete_channel(channel=gone)
    (notice,) = until(real, lambda: notices(real, place))
    command = f"mem-log --since 2000-01-01 discord-thread/{place} | mem-forget --yes"
    assert notice == (
        f"(the thread `the 'cellar'` was deleted; what was said in it stays in the log. "
        f"To forget it: `{command}`)"
    )
    real.discord.clear_faults()
    real.let_go("deleted")
    until(real, lambda: {waiting} <= real.done())
    assert "not posted yet" not in real.ask("status")["content"]
    assert not forgotten(real, "> the wine is in the third rack")
    assert forgotten(real, "nobody will read this") and not real.began(waiting)
    real.relay.stop()
    real.relay.start()
    answered(real, "is it cold", "")
    assert notices(real, place) == [notice]
    ran = subprocess.run(
        ["sh", "-c", command], env={**real.relay.env, "PATH": f"{ROOT}/bin:{os.environ['PATH']}"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    assert forgotten(real, "> the wine is in the third rack")


def test_a_thread_that_was_deleted_while_nobody_listened_is_said_too(real):
    place = real.thread()
    answered(real, "the ladder is behind the shed", place)
    real.relay.stop()
    real.discord.delete_channel(channel=place, live=False)
    real.relay.start()
    assert until(real, lambda: notices(real, place))[0].startswith(f"(the thread `{place}` was")
    assert not forgotten(real, "> the ladder is behind the shed")


# --- refusals


def test_an_answer_that_was_refused_is_posted_once_the_way_is_open_again(real):
    place, path = real.thread(), r"/channels/%s/messages$"
    fault = {"method": "POST", "path": path % place}
    real.discord.fault("rest", "403", match=fault, times=None, code=50013)
    id = real.say("what is the plan", place)
    until(real, lambda: id in real.done())
    shown = real.ask("status")["content"]
    assert f"not posted yet, an answer in discord-thread/{place}: Discord answered 403" in shown
    assert real.posted(place) == []
    real.relay.stop()  # it is not forgotten
    real.relay.start()
    assert real.posted(place) == []
    real.discord.clear_faults()
    real.discord.archive(thread=place, archived=False)  # unlocked, say: it is told
    (answer,) = until(real, lambda: real.posted(place))
    assert answer["content"].startswith("(this answer could not be posted before: ")
    assert answer["content"].endswith("re: what is the plan")
    assert answer["message_reference"]["message_id"] == id
    until(real, lambda: "not posted yet" not in real.ask("status")["content"])
    real.answer(real.say("thanks", place), place)
    assert len(real.posted(place)) == 2


def test_nothing_of_all_this_was_a_bug(real):
    assert "internal error" not in real.relay.said and "Traceback" not in real.relay.said


@pytest.mark.parametrize("how", ["told", "found", "left"])
def test_without_its_channel_a_relay_ends_and_says_so(tmp_path, how):
    """It asked for what it had missed once a minute, for ever."""
    with Discord() as own, Talk(tmp_path, own) as talk:
        talk.answer(talk.say("hello"))
        if how == "found":
            talk.relay.stop()
            own.delete_channel(channel=own.channel, live=False)
            talk.relay.start(ready=False)
        elif how == "told":
            own.delete_channel(channel=own.channel)
        else:
            own.event(name="GUILD_DELETE", data={"id": own.guild})
        assert talk.relay.wait(60) == 78
        assert f"channel {own.channel}" in talk.relay.said.splitlines()[-1]
        assert "DISCORD_CHANNEL_ID" in talk.relay.said.splitlines()[-1]
