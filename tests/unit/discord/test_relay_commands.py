"""What people ask of the relay by commands, through its process: answered in time, only for those
who may, and what each does."""

import os
import re

import pytest
from discord_server.client import Discord, attachment
from plainmind.ground import files
from talking import Talk

WEBHOOK = "1100000000000000023"


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """One relay whose turns are agent-turn's; the model is the tests' program."""
    folder = tmp_path_factory.mktemp("commands")
    model = f"command:'{folder}/program'"
    with (
        Discord() as discord,
        Talk(
            folder,
            discord,
            MIND_RELAY_TURN="agent-turn",
            MIND_TURN_MODEL=model,
            MIND_EMBED_MODEL="embedded",
            TZ="UTC",
        ) as talk,
    ):
        yield talk


@pytest.fixture(scope="module")
def fresh(talk, tmp_path_factory):
    """A relay on an empty home."""
    with Talk(tmp_path_factory.mktemp("fresh"), talk.discord.another()) as fresh:
        yield fresh


@pytest.fixture
def thread(talk):
    return talk.thread()


def context(place):
    return f"discord-thread/{place}"


def pins(talk):
    return talk.relay.run("mem-pin", "--list").stdout.splitlines()


def ref_of(answered):
    """The reference that an answer shows."""
    return answered["content"].partition("`")[2].rpartition("`")[0]


def shown(talk, ref):
    return talk.relay.run("mem-show", ref).stdout


# --- all of them


def test_the_commands_are_published_once(talk):
    there = {command["name"] for command in talk.discord.commands()}
    assert there == {
        "new",
        "remember",
        "Remember this",
        "memory",
        "recall",
        "stop",
        "status",
        "remind",
        "changes",
        "allow",
        "undo",
    }
    talk.relay.stop()
    puts = lambda: [
        r
        for r in talk.discord.log()["requests"]
        if r["method"] == "PUT" and r["path"].endswith("/commands")
    ]
    before = len(puts())
    talk.relay.start()
    talk.answer(talk.say("there again"))  # it has heard all it has missed, and publishes no more
    assert len(puts()) == before == 1


@pytest.mark.parametrize(
    "command, options",
    [
        ("new", {}), ("remember", {"text": "the key is under the mat"}), ("memory", {}),
        ("recall", {"query": "key"}), ("stop", {}), ("status", {}),
        ("remind add", {"when": "in 2h", "message": "tea"}), ("remind list", {}),
        ("remind remove", {"id": "rid_AAAAAAAAAAAA"}),
        ("changes", {}), ("allow", {"id": "3f9c2a1b"}), ("undo", {"id": "3f9c2a1b"}),
    ],
)  # fmt: skip
def test_each_is_deferred_at_once_and_shown_to_nobody_else(talk, thread, command, options):
    before = len(talk.discord.log()["requests"])
    answered = talk.ask(command, options, thread)
    assert talk.discord.log(requests_from=before)["requests"][0]["path"].endswith("/callback")
    assert answered["deferred"] and answered["ephemeral"] and answered["content"]
    assert talk.posted(thread) == []


def test_the_message_command_is_deferred_too(talk, thread):
    answered = talk.ask(
        "Remember this", place=thread, target=talk.say("nobody heard this", thread, live=False)
    )
    assert answered["deferred"] and answered["ephemeral"]


def test_a_command_is_deferred_before_anything_is_done(talk, thread):
    with files.lock(talk.relay.path(".lock")):  # nothing can be pinned
        asked = talk.discord.interact("remember", {"text": "the lock was held"}, channel=thread)[
            "id"
        ]
        answered = talk.discord.wait(
            lambda: (found := talk.discord.interaction(asked))["answered"] and found
        )
        assert answered["deferred"] and answered["edits"] == 0
    assert "> the lock was held\n" in shown(talk, ref_of(talk.told(asked)))


def test_a_command_in_a_thread_nobody_told_of_is_answered(talk):
    assert talk.ask("stop", place=talk.thread(live=False))["content"] == "Nothing is running here."


def test_in_another_channel_it_says_where_to_ask(talk):
    elsewhere = talk.thread(channel=talk.discord.elsewhere)
    for place in (talk.discord.elsewhere, elsewhere):
        answered = talk.ask("remember", {"text": "not here"}, place)
        assert f"ask in <#{talk.discord.channel}>" in answered["content"] and answered["deferred"]
    assert not any("not here" in shown(talk, line.partition(": ")[0]) for line in pins(talk))


def test_a_stranger_is_ignored_and_told_of_once(talk, thread):
    before = pins(talk)
    target = talk.say("mine", thread, live=False)
    asked = [
        talk.discord.interact(
            "remember", {"text": "let me in"}, channel=thread, user=talk.discord.stranger
        ),
        talk.discord.interact(
            "remind add",
            {"when": "in 1h", "message": "me"},
            channel=thread,
            user=talk.discord.stranger,
        ),
        talk.discord.interact(
            "Remember this", channel=thread, user=talk.discord.stranger, target=target
        ),
    ]
    talk.discord.say("and me", channel=thread, author=talk.discord.stranger)
    talk.ask("status", place=thread)  # they were heard before
    talk.answer(talk.say("and I", thread), thread)
    assert [talk.discord.interaction(i["id"])["answered"] for i in asked] == [False] * 3
    assert pins(talk) == before
    assert talk.relay.said.count(f"user {talk.discord.stranger} is not in relay.allow") == 1


# --- /new


def test_new_begins_a_window_that_the_next_message_is_the_first_of(talk, thread):
    talk.answer(talk.say("the old story", thread), thread)
    answered = talk.ask("new", place=thread)
    windows = talk.windows(context(thread))
    assert len(windows) == 2
    assert answered["content"] == f"A new window: `logs/{context(thread)}/{windows[-1]}`"
    talk.answer(talk.say("a fresh start", thread), thread)
    assert [e["content"] for e in talk.events(context(thread))] == [
        "a fresh start",
        "re: a fresh start",
    ]
    assert [m["role"] for m in talk.request("a fresh start")["messages"]] == ["system", "user"]


def test_new_stops_a_turn_first(talk, thread):
    id = talk.say("hold for ever", thread)
    talk.request("hold for ever")
    answered = talk.ask("new", place=thread)
    assert answered["content"].endswith("(a turn was stopped)")
    assert talk.answer(id, thread)["content"] == "(stopped)"
    old, new = talk.windows(context(thread))
    assert (
        talk.relay.read("logs", context(thread), old).count("\n## ") == 2
    )  # what was said, and that it was stopped
    assert "hold for ever" in talk.relay.read("logs", context(thread), old)
    next_one = talk.say("go on", thread)
    assert talk.answer(next_one, thread)["content"] == "re: go on"
    assert [e["content"] for e in talk.events(context(thread))] == ["go on", "re: go on"]
    assert len(talk.windows(context(thread))) == 2 and new


def test_new_in_one_place_leaves_the_others(talk, thread):
    other = talk.thread()
    for place in (thread, other):
        talk.answer(talk.say("hello", place), place)
    talk.ask("new", place=thread)
    assert len(talk.windows(context(thread))) == 2 and len(talk.windows(context(other))) == 1


# --- /remember


def test_remember_pins_a_text(talk, thread):
    ref = ref_of(talk.ask("remember", {"text": "Ann's birthday is on May 3rd\nlike Bob's"}, thread))
    assert "> Ann's birthday is on May 3rd\n> like Bob's\n" in shown(talk, ref)
    assert ref.startswith(f"logs/{context(thread)}/")
    assert any(line.startswith(f"{ref}:") for line in pins(talk))


def test_remember_without_a_text_pins_what_was_said_last(talk, thread):
    talk.answer(talk.say("the first thing", thread), thread)
    talk.answer(talk.say("the last thing", thread), thread)
    ref = ref_of(talk.ask("remember", place=thread))
    assert "> the last thing\n" in shown(talk, ref)
    assert any(line.startswith(f"{ref}:") for line in pins(talk))


def test_remember_without_a_text_where_nothing_was_said_asks_for_one(talk, thread):
    before = pins(talk)
    assert (
        "nothing has been said here yet; give a text"
        in talk.ask("remember", place=thread)["content"]
    )
    assert pins(talk) == before


@pytest.mark.parametrize("text", ["--list", "-", "`tick` ```"])
def test_what_looks_like_an_option_is_a_text(talk, thread, text):
    answered = talk.ask("remember", {"text": text}, thread)
    assert f"> {text}\n" in shown(talk, ref_of(answered))


def test_remember_this_pins_the_message_in_the_log(talk, thread):
    id = talk.say("the tea is in the tin", thread)
    talk.answer(id, thread)
    talk.answer(talk.say("something else", thread), thread)
    ref = ref_of(talk.ask("Remember this", place=thread, target=id))
    assert any(line.startswith(f"{ref}:") for line in pins(talk))
    assert [
        e["ref"] for e in talk.events(context(thread)) if e["meta"].get("message_id") == id
    ] == [ref]


def test_remember_this_finds_what_was_said_before_a_new_window(talk, thread):
    id = talk.say("the sugar is in the jar", thread)
    talk.answer(id, thread)
    before = len(talk.events(context(thread)))
    talk.ask("new", place=thread)
    ref = ref_of(talk.ask("Remember this", place=thread, target=id))
    assert "> the sugar is in the jar\n" in shown(talk, ref)
    assert before == 2 and talk.events(context(thread)) == []
    assert ref.partition(":")[0].endswith(talk.windows(context(thread))[0])


def test_remember_this_on_an_answer_pins_the_answer_in_the_log(talk, thread):
    talk.write("recipe", "\n".join(["two eggs and a spoon of flour, " + "stir " * 20] * 40))
    first, second, *_ = talk.parts(talk.say("write recipe", thread), thread)
    ref = ref_of(talk.ask("Remember this", place=thread, target=first["id"]))
    assert [e["ref"] for e in talk.events(context(thread)) if e["role"] == "agent"] == [ref]
    assert any(line.startswith(f"{ref}:") for line in pins(talk))
    part = ref_of(
        talk.ask("Remember this", place=thread, target=second["id"])
    )  # which refers to nothing
    assert "".join(f"> {line}\n" for line in second["content"].split("\n")) in shown(talk, part)


def test_remember_this_on_a_message_of_a_webhook_pins_its_text(talk, thread):
    message = talk.discord.say("pay the rent", channel=thread, webhook_id=WEBHOOK)
    ref = ref_of(talk.ask("Remember this", place=thread, target=message["id"]))
    assert ", a webhook wrote:\n> > pay the rent\n" in shown(talk, ref), "and says whose it is"
    assert any(line.startswith(f"{ref}:") for line in pins(talk))


def test_remember_this_on_a_message_of_nothing_says_so(talk, thread):
    before = pins(talk)
    answered = talk.ask("Remember this", place=thread, target=talk.say("", thread, live=False))
    assert answered["content"] == "That did not work: that message has no text"
    assert pins(talk) == before


def test_remember_this_on_a_file_nobody_logged_pins_its_name(talk, thread):
    target = talk.say("", thread, live=False, attachments=[attachment("roof.jpg", b"x")])
    assert "> (attached: roof.jpg)\n" in shown(
        talk, ref_of(talk.ask("Remember this", place=thread, target=target))
    )


# --- /memory, /recall


def test_memory_answers_the_verbs_of_mem_resident(talk, thread):
    def memory(verb: str = "", **options: str) -> str:
        given = {**({"verb": verb} if verb else {}), **options}
        return talk.ask("memory", given, thread)["content"]

    assert "nothing there yet" in memory()
    staged = memory("remember", text="Ann drinks --tea, `really`")
    id = staged.partition("`")[2].partition("`")[0]
    assert id.startswith("op-") and id in memory("show")
    assert "memory/MEMORY.md:3: Ann drinks --tea" in memory("flush")
    assert "Ann drinks" in memory("recall", text="what does Ann drink")
    assert memory("recall", text="zebra") == "There is nothing."
    assert "no trusted project" in memory("remember", text="x", scope="project")
    assert "denied" in memory("recall", text="tea", scope="project")
    assert "Ann drinks" in memory("confirm", text="memory/MEMORY.md:3")
    assert "global:Notes" in memory("pages") and memory("faults") == "There is nothing."
    assert "(done)" in memory("off") and "off" in memory("show")
    assert "(done)" in memory("on") and "key or a password" in memory(
        "remember", text="the password is hunter2x"
    )
    assert "no operation" in memory("drop", text="op-1 op-2")


def test_recall_shows_what_it_finds_with_its_place(talk, thread):
    talk.ask("remember", {"text": "the zebra sleeps in the garage"}, thread)
    content = talk.ask("recall", {"query": "zebra in the garage"}, thread)["content"]
    assert content.startswith("```\nlogs/") and content.endswith("\n```")
    assert "the zebra sleeps in the garage" in content


def test_recall_of_what_looks_like_an_option_is_a_query(talk, thread):
    assert "No such option" not in talk.ask("recall", {"query": "--help zebra"}, thread)["content"]


def test_recall_shows_code_without_ending_the_block_it_is_in(talk, thread):
    talk.ask(
        "remember", {"text": "restart with ```sudo systemctl restart xylophone``` and wait"}, thread
    )
    content = talk.ask("recall", {"query": "restart xylophone"}, thread)["content"]
    assert "sudo systemctl restart xylophone" in content
    assert content.count("```") == 2 and content.startswith("```") and content.endswith("```")


def test_recall_of_nothing_says_so(fresh):
    assert fresh.ask("recall", {"query": "anything"})["content"] == "Nothing comes to mind."


# --- /remind


def remind(talk, what="list", **options):
    return talk.ask(f"remind {what}", options)["content"]


def test_reminders_are_added_shown_and_removed(talk):
    added = remind(talk, "add", when="2031-03-04 09:00", message="see the dentist")
    assert 'date=2031-03-04 time=09:00 recur=none msg="see the dentist" id=rid_' in added
    assert added.startswith("```\n- [ ] ")
    id = added.partition(" id=")[2].split()[0]
    assert any(
        id in line and "see the dentist" in line and "2031-03-04T09:00" in line
        for line in remind(talk).split("\n")
    )
    assert id in remind(talk, "remove", id=id)
    assert id not in remind(talk)
    assert remind(talk, "remove", id=id).startswith("That did not work: ")


def test_a_reminder_can_recur(talk):
    added = remind(talk, "add", when="tomorrow 09:00", message="water", recur="weekly")
    assert "time=09:00 recur=weekly" in added


@pytest.mark.parametrize("when", ["in 2h", "In 2h", " in 2h"])
def test_a_reminder_can_be_in_a_while(talk, when):
    assert 'recur=none msg="tea" id=rid_' in remind(talk, "add", when=when, message="tea")


@pytest.mark.parametrize("when", ["whenever", "in a bit", "", "--help", "2031-02-30 09:00"])
def test_a_time_that_nobody_understands_is_refused(talk, when):
    before = remind(talk)
    assert remind(talk, "add", when=when, message="tea").startswith("That did not work: ")
    assert remind(talk) == before


def test_a_message_that_looks_like_an_option_or_a_mark_is_a_message(talk):
    added = remind(talk, "add", when="2032-01-01 09:00", message="--recur=daily ```x``` @everyone")
    assert "recur=none" in added and "--recur=daily" in added and added.count("```") == 2


def test_no_reminders_are_said_to_be_none(fresh):
    assert remind(fresh) == "Nothing is to come."


# --- /stop, /status


# --- what the agent changes for good


def test_a_yes_is_given_and_a_change_undone_where_they_are_asked(talk, thread):
    note = "echo Obey. | mem-note --type user --tier L1 --name obey"
    answered = talk.answer(talk.say(f"run {note}", thread), thread)
    page = talk.relay.path("knowledge", "obey.md")
    (id,) = re.findall(r'obey\.md \(L1.*: "Obey\."; yes: /allow (\w+)\)$', answered["content"])
    assert id in talk.ask("changes", place=thread)["content"] and not os.path.exists(page)
    asked = talk.discord.interact("allow", {"id": id}, channel=thread, user=talk.discord.stranger)
    assert "+Obey." in talk.ask("allow", {"id": id}, thread)["content"]
    assert not talk.discord.interaction(asked["id"])["answered"]
    assert os.path.exists(page)
    assert "made already; undo it" in talk.ask("allow", {"id": id}, thread)["content"]
    assert "-Obey." in talk.ask("undo", {"id": id}, thread)["content"]
    assert not os.path.exists(page)
    assert [e["content"].partition(":")[0] for e in talk.events(context(thread))[-2:]] == [
        "the user said yes to",
        "the user undid",
    ]


def test_stop_stops_the_turn_that_runs_here_and_only_here(talk, thread):
    other = talk.thread()
    here, there = talk.say("hold this", thread), talk.say("hold that", other)
    talk.request("hold this"), talk.request("hold that")
    waiting = talk.say("and then", thread, timestamp=4_000_000_000)  # not one with the first
    assert talk.ask("stop", place=thread)["content"] == "Stopped."
    assert talk.answer(here, thread)["content"] == "(stopped)"
    assert talk.answer(waiting, thread)["content"] == "re: and then"
    assert there not in talk.done()
    talk.let_go("that")
    assert talk.answer(there, other)["content"] == "re: hold that"


def test_stop_says_when_nothing_runs(talk, thread):
    assert talk.ask("stop", place=thread)["content"] == "Nothing is running here."


def test_status_tells_how_it_is_going(talk, thread):
    talk.answer(talk.say("hi", thread), thread)
    first = talk.say("hold status", thread)
    talk.request("hold status")
    second = talk.say("later", thread)
    talk.discord.wait(lambda: second in talk.received())
    told = talk.ask("status", place=thread)["content"]
    assert "plainmind 0.1.0, connected, " in told
    assert "1 turns running, 1 messages waiting, 0 answers to be posted" in told
    assert "last turn: answered after" in told and f"in {context(thread)}" in told
    assert re.search(r"embeddings: \d+ made, \d+ to be made", told)
    talk.let_go("status")
    talk.answer(second, thread)
    assert first in talk.done()
    told = talk.ask("status", place=thread)["content"]
    assert "0 turns running, 0 messages waiting, 0 answers to be posted" in told


def test_nothing_of_all_this_was_a_bug(talk):
    assert "internal error" not in talk.relay.said and "Traceback" not in talk.relay.said
    assert talk.relay.run("mem-lint", "--logs").returncode == 0
