"""The loopback Discord, as discord.py's own client sees it: if that is served wrongly, no test of
the relay means anything."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import aiohttp
import discord
import discord_server
import pytest
import requests
import yarl
from discord import app_commands
from discord.ext import commands
from discord_server import mentions, snowflake
from discord_server.client import Discord, attachment


class Bot(commands.Bot):
    """Notes what it hears; discord.py does the rest."""

    def __init__(self, **options):
        intents = options.pop("intents", None) or discord.Intents.default()
        intents.message_content = options.pop("content", True)
        super().__init__("!", intents=intents, guild_ready_timeout=0.05, max_messages=50, **options)
        self.heard, self.said, self.events, self.deleted, self.edited = [], [], [], [], []
        self.running = threading.Event()

    async def before_identify_hook(self, shard_id, *, initial=False):
        """discord.py waits for 5 s here when a session was lost."""

    async def on_ready(self):
        self.running.set()

    async def on_message(self, message):
        self.said.append(message.content)  # discord.py changes the message itself when it is edited
        self.heard.append(message)

    async def on_raw_message_edit(self, raw):
        self.edited.append(raw.message)

    async def on_raw_message_delete(self, raw):
        self.deleted.append(raw.message_id)

    async def on_socket_event_type(self, name):
        self.events.append(name)

    def texts(self):
        return list(self.said)

    def run_there(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)


@contextmanager
def connected(server, bot, ready=True):
    """The bot runs in a thread of its own; `bot.ended` is what `start()` ended with."""
    bot.ended = None
    loops = []

    async def live():
        loops.append(asyncio.get_running_loop())
        try:
            async with bot:
                await bot.start(server.token)
        except BaseException as error:
            bot.ended = error

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    try:
        if ready:
            # it is ready also when its guild takes long to come
            there = lambda: bot.running.is_set() and channel_of(bot, server)
            assert server.wait(lambda: there() or bot.ended) is not bot.ended, bot.ended
        yield bot
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            loops[0].call_soon_threadsafe(lambda: loops[0].create_task(bot.close()))
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def process():
    with Discord() as running:
        yield running
    assert running.process.returncode == 0  # it ended because its standard input did


@pytest.fixture
def server(process, monkeypatch):
    fresh = process.another()
    monkeypatch.setattr(discord.http.Route, "BASE", fresh.api)
    monkeypatch.setattr(
        discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(fresh.gateway)
    )
    return fresh


@pytest.fixture
def bot(server):
    with connected(server, Bot()) as running:
        yield running


def channel_of(bot, server):
    return bot.get_channel(int(server.channel))


def test_no_id_is_given_twice_also_when_the_time_comes_that_another_was_given_for(monkeypatch):
    """What a bot posted in that millisecond replaced the message, and was listed twice."""
    mint, soon = snowflake.Mint(), snowflake.now() + 5000
    ids = [mint.then(soon), mint.then(soon)]
    monkeypatch.setattr(snowflake, "now", lambda: soon)
    ids += [mint.new(), mint.new(), mint.then(soon), mint.new()]
    assert len(set(ids)) == 6


# --- messages


def test_a_message_goes_both_ways(server, bot):
    said = server.say(
        "good morning", attachments=[attachment("../a b.txt", b"\x00hi", "text/plain")]
    )
    server.wait(lambda: bot.heard)
    heard = bot.heard[0]
    assert (str(heard.id), heard.content, str(heard.author.id), heard.guild.id) == (
        said["id"], "good morning", server.owner, int(server.guild),
    )  # fmt: skip
    assert heard.attachments[0].filename == "../a b.txt"
    assert bot.run_there(heard.attachments[0].read()) == b"\x00hi"

    reply = bot.run_there(heard.reply("and to you", file=discord.File(__file__, "me.py")))
    posted = server.posted()
    assert [m["content"] for m in posted] == ["and to you"] and posted[0]["id"] == str(reply.id)
    assert posted[0]["type"] == 19 and posted[0]["message_reference"]["message_id"] == said["id"]
    assert posted[0]["attachments"][0]["filename"] == "me.py" and posted[0]["nonce"]
    assert reply.reference.resolved.content == "good morning"
    with open(__file__, "rb") as file:
        assert bot.run_there(reply.attachments[0].read()) == file.read()


def test_edits_deletions_and_a_second_delivery_are_told(server, bot):
    said = server.say("one")
    server.wait(lambda: bot.texts() == ["one"])
    server.edit(message=said["id"], content="two")
    server.resend(message=said["id"])
    server.delete(message=said["id"])
    server.wait(lambda: bot.deleted)
    assert bot.texts() == ["one", "two"] and bot.heard[0].id == bot.heard[1].id
    assert [m.content for m in bot.edited] == ["two"] and bot.edited[0].edited_at
    assert bot.deleted == [int(said["id"])]
    with pytest.raises(discord.NotFound, match="10008"):
        bot.run_there(channel_of(bot, server).fetch_message(said["id"]))


def test_own_messages_are_edited_and_deleted_others_are_not(server, bot):
    channel = channel_of(bot, server)
    own = bot.run_there(channel.send("draft"))
    assert bot.run_there(own.edit(content="final")).content == "final"
    assert server.posted()[0]["content"] == "final" and server.posted()[0]["edited_timestamp"]
    bot.run_there(own.delete())
    assert server.posted() == []
    theirs = bot.run_there(channel.fetch_message(server.say("mine")["id"]))
    with pytest.raises(discord.Forbidden, match="50005"):
        bot.run_there(theirs.edit(content="yours"))


def test_an_enforced_nonce_makes_one_message(server, bot):
    here, elsewhere = channel_of(bot, server), bot.get_channel(int(server.elsewhere))
    first = bot.run_there(here.send("once", nonce="n1"))
    again = bot.run_there(here.send("twice?", nonce="n1"))
    assert first.id == again.id and again.content == "once"
    assert [m["content"] for m in server.posted()] == ["once"]
    bot.run_there(here.send("another", nonce="n2"))
    bot.run_there(elsewhere.send("there", nonce="n1"))
    assert len(server.posted()) == 2 and len(server.posted(server.elsewhere)) == 1
    with pytest.raises(discord.HTTPException, match="25"):
        bot.run_there(here.send("long", nonce="n" * 26))


def test_a_nonce_is_forgotten_after_a_while(server, bot):
    server.set(nonce_seconds=0)
    for _ in range(2):
        bot.run_there(channel_of(bot, server).send("again", nonce="n1"))
    assert len(server.posted()) == 2


def test_text_is_limited_and_trimmed_and_never_empty(server, bot):
    channel = channel_of(bot, server)
    assert bot.run_there(channel.send("é" * 2000)).content == "é" * 2000
    for text, code in [("é" * 2001, 50035), ("", 50006), (" \n ", 50006)]:
        with pytest.raises(discord.HTTPException) as refused:
            bot.run_there(channel.send(text))
        assert (refused.value.status, refused.value.code) == (400, code)
    assert bot.run_there(channel.send("\n  indented  \n")).content == "indented"
    assert len(server.posted()) == 2


def test_who_would_have_been_notified_is_recorded(server, bot):
    channel = channel_of(bot, server)
    text = f"@everyone <@{server.owner}> <@{server.stranger}> <@&{server.role}>"
    bot.run_there(channel.send(text))
    bot.run_there(channel.send(text, allowed_mentions=discord.AllowedMentions.none()))
    bot.run_there(
        channel.send(
            text,
            allowed_mentions=discord.AllowedMentions(
                everyone=False, roles=False, users=[discord.Object(server.owner)]
            ),
        )
    )
    said = [m["pinged"] for m in server.posted()]
    assert said[0] == {
        "everyone": True,
        "users": [server.owner, server.stranger],
        "roles": [server.role],
    }
    assert said[1] == {"everyone": False, "users": [], "roles": []}
    assert said[2] == {"everyone": False, "users": [server.owner], "roles": []}
    assert server.posted()[1]["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize(
    "allowed, pinged",
    [
        (None, ["7"]),
        ({"parse": []}, []),
        ({"parse": [], "replied_user": True}, ["7"]),
        ({"replied_user": False, "parse": ["users"]}, []),
    ],
)
def test_a_reply_notifies_unless_it_is_told_not_to(allowed, pinged):
    assert mentions.pinged("hi", allowed, {"7"}, set(), "7")["users"] == pinged


def test_without_the_intent_others_messages_are_empty(server):
    with connected(server, Bot(content=False)) as bot:
        server.say("secret")
        server.say(f"<@{server.bot_id}> for you")
        server.wait(lambda: len(bot.heard) == 2)
        assert bot.texts() == ["", f"<@{server.bot_id}> for you"]


def test_what_is_not_a_persons_message_says_so(server, bot):
    server.say("from a program", webhook_id="1100000000000000099")
    server.say("from a bot", author="1100000000000000098", bot=True)
    server.say("", type=7)
    server.say("direct", channel=server.dm)
    sent = requests.post(
        server.webhook,
        params={"wait": "true"},
        json={"content": "remember", "allowed_mentions": {"parse": []}},
        timeout=10,
    )
    server.wait(lambda: len(bot.heard) == 5)
    assert [m.webhook_id for m in bot.heard[:2]] == [1100000000000000099, None]
    assert bot.heard[1].author.bot and bot.heard[2].type is discord.MessageType.new_member
    assert isinstance(bot.heard[3].channel, discord.DMChannel) and bot.heard[3].guild is None
    assert bot.heard[4].webhook_id and str(bot.heard[4].id) == sent.json()["id"]


# --- history and threads


def test_history_is_paged_in_both_directions(server, bot):
    said = server.many(
        operations=[
            {"do": "say", "content": str(n), "live": False, "timestamp": 1_700_000_000 + n}
            for n in range(250)
        ]
    )
    channel = channel_of(bot, server)

    async def texts(**where):
        return [m.content async for m in channel.history(limit=None, **where)]

    numbers = [str(n) for n in range(250)]
    assert bot.run_there(texts()) == numbers[::-1]
    assert bot.run_there(texts(oldest_first=True)) == numbers
    assert (
        bot.run_there(texts(after=discord.Object(said[99]["id"]), oldest_first=True))
        == numbers[100:]
    )
    assert bot.run_there(texts(before=discord.Object(said[99]["id"]))) == numbers[98::-1]
    around = bot.run_there(bot.http.logs_from(channel.id, 5, around=said[99]["id"]))
    assert [m["content"] for m in around] == ["101", "100", "99", "98", "97"]
    assert "nonce" not in around[0] and not bot.heard  # they were there before it came
    with pytest.raises(discord.HTTPException, match="50035"):
        bot.run_there(bot.http.logs_from(channel.id, 101))


def test_a_thread_made_from_a_message_has_its_id(server, bot):
    said = server.say("start here")
    server.wait(lambda: bot.heard)
    thread = bot.run_there(bot.heard[0].create_thread(name="more"))
    assert str(thread.id) == said["id"] and thread.parent_id == int(server.channel)
    server.say("inside", channel=said["id"])
    server.wait(lambda: "inside" in bot.texts())
    types = [m.type for m in bot.heard]
    assert types == [
        discord.MessageType.default,
        discord.MessageType.thread_starter_message,
        discord.MessageType.default,
    ]
    assert isinstance(bot.heard[2].channel, discord.Thread)
    assert bot.heard[1].reference.resolved.content == "start here"
    assert [m.id for m in bot.edited] == [thread.id] and bot.edited[0].flags.has_thread
    assert bot.run_there(bot.fetch_channel(thread.id)).parent_id == int(server.channel)
    assert [t.id for t in bot.run_there(thread.guild.active_threads())] == [thread.id]
    with pytest.raises(discord.HTTPException, match="160004"):
        bot.run_there(bot.heard[0].create_thread(name="again"))


def test_archived_threads_are_paged_and_speaking_wakes_them(server, bot):
    threads = [
        server.thread(name=f"t{n}", archived=True, live=False, timestamp=1_700_000_000 + n)["id"]
        for n in range(103)
    ]
    private = server.thread(name="private", private=True, joined=True, archived=True, live=False)[
        "id"
    ]
    server.say("slept", channel=threads[0], live=False, timestamp=1_700_000_100)
    channel = channel_of(bot, server)

    async def archived(**which):
        return [str(t.id) async for t in channel.archived_threads(limit=None, **which)]

    assert bot.run_there(archived()) == threads[::-1]
    assert (
        bot.run_there(archived(private=True))
        == bot.run_there(archived(private=True, joined=True))
        == [private]
    )
    assert server.counts()["GET /channels/{channel_id}/threads/archived/public"] == 2
    assert "THREAD_UPDATE" not in bot.events
    server.say("awake", channel=threads[0])
    server.wait(lambda: "awake" in bot.texts())
    assert bot.events[-2:] == ["THREAD_UPDATE", "MESSAGE_CREATE"]
    assert not bot.heard[-1].channel.archived


def test_a_private_thread_is_not_there_for_who_is_not_in_it(server, bot):
    hidden = server.thread(name="hidden", private=True)["id"]
    server.say("psst", channel=hidden)
    server.say("loud")
    server.wait(lambda: bot.heard)
    assert bot.texts() == ["loud"]
    with pytest.raises(discord.Forbidden, match="50001"):
        bot.run_there(bot.fetch_channel(hidden))


def test_channels_threads_and_reactions_of_the_bot(server, bot):
    channel = server.new_channel(name="third")["id"]
    server.wait(lambda: bot.get_channel(int(channel)))
    message = bot.run_there(bot.get_channel(int(channel)).send("here"))
    bot.run_there(message.add_reaction("👀"))
    assert server.messages(channel)[0]["reactions"][0]["emoji"]["name"] == "👀"
    thread = bot.run_there(bot.fetch_channel(server.thread(channel=channel)["id"]))
    bot.run_there(thread.join())
    assert bot.run_there(bot.fetch_channel(thread.id)).me
    assert bot.run_there(thread.edit(archived=True)).archived

    async def types():
        async with thread.typing():
            pass

    bot.run_there(types())
    assert [t["channel"] for t in server.typing()] == [str(thread.id)]


# --- commands


class Commanded(Bot):
    async def setup_hook(self):
        tree, memory = self.tree, app_commands.Group(name="memory", description="what is kept")
        more = app_commands.Group(name="more", description="deeper", parent=memory)

        @tree.command(description="how it is")
        async def status(interaction: discord.Interaction):
            await interaction.response.defer(ephemeral=True)
            await interaction.followup.send("all well", ephemeral=True)
            await interaction.followup.send("really", ephemeral=True)

        @memory.command(name="add", description="keep it")
        async def add(interaction: discord.Interaction, text: str, times: int = 1):
            await interaction.response.send_message(
                text * times, allowed_mentions=discord.AllowedMentions.none()
            )
            with pytest.raises(discord.InteractionResponded):
                await interaction.response.defer()
            assert (await interaction.original_response()).content == text * times

        @more.command(name="who", description="who is it")
        async def who(
            interaction: discord.Interaction, user: discord.User, file: discord.Attachment
        ):
            await interaction.response.send_message(
                f"{user.id} {interaction.channel_id} {(await file.read()).decode()}"
            )

        @tree.context_menu(name="Remember this")
        async def remember(interaction: discord.Interaction, message: discord.Message):
            await interaction.response.defer()
            await interaction.edit_original_response(content=f"kept: {message.content}")

        class Form(discord.ui.Modal, title="what shall be kept"):
            text = discord.ui.TextInput(label="text")

            async def on_submit(self, interaction: discord.Interaction):
                await interaction.response.send_message(f"filled in: {self.text.value}")

        @tree.command(description="asks back")
        async def form(interaction: discord.Interaction):
            await interaction.response.send_modal(Form())

        tree.add_command(memory)
        tree.copy_global_to(guild=discord.Object(self.guild_of))
        self.synced = await tree.sync(guild=discord.Object(self.guild_of))


@pytest.fixture
def commanded(server):
    server.set(interaction_seconds=60)  # a slow machine is not what is tested here
    bot = Commanded()
    bot.guild_of = server.guild
    with connected(server, bot) as running:
        yield running


def answered(server, asked, edits=0):
    return server.wait(
        lambda: (i := server.interaction(asked["id"]))["answered"] and i["edits"] >= edits and i
    )


def test_a_command_is_answered(server, commanded):
    assert sorted(c["name"] for c in server.commands()) == [
        "Remember this",
        "form",
        "memory",
        "status",
    ]
    said = answered(server, server.interact("memory add", {"text": "ha", "times": 2}))
    assert (said["type"], said["content"], said["deferred"], said["ephemeral"]) == (
        4,
        "haha",
        False,
        False,
    )
    assert said["answered_after"] > 0 and said["messages"][0]["type"] == 20
    assert [m["content"] for m in server.messages()] == ["haha"] and server.posted() == []


def test_a_deferred_ephemeral_answer_is_in_no_channel(server, commanded):
    asked = server.interact("status")
    said = server.wait(lambda: len((i := server.interaction(asked["id"]))["messages"]) == 2 and i)
    assert (said["type"], said["deferred"], said["ephemeral"], said["edits"]) == (5, True, True, 1)
    assert [(m["content"], m["flags"]) for m in said["messages"]] == [
        ("all well", 64),
        ("really", 64),
    ]
    assert server.messages() == []


def test_groups_users_and_files_reach_a_command_in_a_thread(server, commanded):
    thread = server.thread(name="aside")["id"]
    file = attachment("a.txt", b"bytes")
    said = answered(
        server,
        server.interact("memory more who", {"user": server.stranger, "file": file}, channel=thread),
    )
    assert said["content"] == f"{server.stranger} {thread} bytes"


def test_a_message_command_has_its_message(server, commanded):
    said = server.say("blue")
    done = answered(server, server.interact("Remember this", target=said["id"]), edits=1)
    assert done["content"] == "kept: blue" and done["deferred"]
    assert not done["messages"][0]["flags"] & 128


def test_a_modal_comes_back_filled_in(server, commanded):
    asked = answered(server, server.interact("form"))
    assert asked["type"] == 9 and asked["messages"] == []
    field = asked["answer"]["components"][0]["components"][0]["custom_id"]
    assert (
        answered(server, server.submit(interaction=asked["id"], values={field: "bread"}))["content"]
        == "filled in: bread"
    )


def test_what_is_not_registered_cannot_be_called(server, commanded):
    for command, options in [
        ("nothing", {}),
        ("memory", {}),
        ("memory add", {}),
        ("memory add", {"text": "x", "y": 1}),
    ]:
        with pytest.raises(ValueError, match="interact"):
            server.interact(command, options)


def test_an_answer_that_is_late_is_refused(server, commanded):
    server.set(interaction_seconds=0)
    asked = server.interact("status")
    server.wait(
        lambda: server.counts().get("POST /interactions/{webhook_id}/{webhook_token}/callback")
    )
    assert not server.interaction(asked["id"])["answered"]


# --- the gateway


def test_what_was_missed_is_told_after_a_resume_once(server, bot):
    server.say("before")
    server.wait(lambda: bot.texts() == ["before"])
    server.many(
        operations=[
            {"do": "drop", "code": 4000},
            *[{"do": "say", "content": str(n)} for n in range(20)],
        ]
    )
    server.wait(lambda: "RESUMED" in bot.events)
    server.say("after")
    server.wait(lambda: "after" in bot.texts())
    assert bot.texts() == ["before", *map(str, range(20)), "after"]
    assert bot.events.count("READY") == 1 and server.counts()["identify"] == 1
    resumed = [e for e in server.log()["gateway"] if e["what"] == "resumed"]
    assert len(resumed) == 1 and resumed[0]["replayed"] == 20


def test_a_connection_cut_in_the_middle_of_an_event_is_resumed(server, bot):
    server.fault("gateway", "close_mid_stream")
    server.say("whole in the end")
    server.wait(lambda: "RESUMED" in bot.events)  # which comes after what was missed
    assert bot.texts() == ["whole in the end"]


def test_op_7_is_a_resume(server, bot):
    assert server.reconnect() == {"told": 1}
    server.wait(lambda: "RESUMED" in bot.events)
    assert bot.events.count("READY") == 1


def test_op_9_is_a_new_session_unless_it_can_be_resumed(server, bot):
    server.invalid_session(resumable=True)
    server.wait(lambda: "RESUMED" in bot.events)
    first = server.connected()[0]["session"]
    server.invalid_session(resumable=False)
    server.wait(lambda: bot.events.count("READY") == 2)
    assert server.connected()[0]["session"] != first and server.counts()["identify"] == 2
    assert (
        spoken(server, (6, {"token": server.token, "session_id": first, "seq": 1}))[0][1]["op"] == 9
    )
    server.say("still here")
    server.wait(lambda: bot.texts() == ["still here"])


def test_op_7_and_9_may_also_be_the_first_answer(server):
    server.fault("gateway", "invalid_session", match={"at": "identify"})
    server.fault("gateway", "reconnect")
    with connected(server, Bot()) as bot:
        server.wait(lambda: "RESUMED" in bot.events)
    counts = server.counts()
    assert (counts["identify"], counts["ready"], counts["resumed"]) == (2, 1, 1)


def test_a_session_that_is_not_taken_back_is_made_anew(server, bot):
    server.fault("gateway", "no_resume")
    server.drop(code=4000)
    server.wait(lambda: bot.events.count("READY") == 2)
    assert server.counts()["resume"] == 1 and "resumed" not in server.counts()


def test_the_stream_is_compressed_as_asked(server, bot):
    server.say("long " * 300)
    server.wait(lambda: bot.heard)
    gateway = server.log()["gateway"]
    kind = "zstd" if sys.version_info >= (3, 14) else "zlib"  # discord.py takes what there is
    assert gateway[0]["compress"] == f"{kind}-stream" and gateway[1]["compress"] == kind


def spoken(server, *said, goodbye=4000):
    """Without discord.py: what is sent, what comes back until the server closes, and its code."""

    async def speak():
        async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway) as socket:
            heard = [json.loads((await socket.receive(30)).data)]
            for op, data in said:
                await socket.send_json({"op": op, "d": data})
                answer = await socket.receive(30)
                if answer.type is not aiohttp.WSMsgType.TEXT:
                    return heard, socket.close_code
                heard.append(json.loads(answer.data))
            await socket.close(code=goodbye)
            return heard, None

    return asyncio.run(speak())


def test_who_asks_for_no_compression_gets_text(server):
    login = {"token": server.token, "intents": 0, "properties": {}}
    heard, _ = spoken(server, (1, None), (2, login))
    assert [m["op"] for m in heard] == [10, 11, 0] and heard[0]["d"]["heartbeat_interval"] == 41_250
    assert (heard[2]["t"], heard[2]["s"]) == ("READY", 1)


@pytest.mark.parametrize(
    "said, code",
    [
        ([(2, {"token": "wrong", "intents": 0})], 4004),
        ([(8, {"guild_id": "1"})], 4003),
        (
            [
                (2, {"token": Discord.token, "intents": 0}),
                (2, {"token": Discord.token, "intents": 0}),
            ],
            4005,
        ),
        ([(2, {"token": Discord.token, "intents": 0}), (99, None)], 4001),
        ([(2, "x" * 5000)], 4002),
    ],
)
def test_who_does_not_keep_to_the_protocol_is_closed_on(server, said, code):
    assert spoken(server, *said)[1] == code


def test_an_unknown_session_is_not_resumed_and_a_known_one_not_from_the_future(server):
    unknown = {"token": server.token, "session_id": "0" * 32, "seq": 1}
    assert spoken(server, (6, unknown))[0][1] == {"t": None, "s": None, "op": 9, "d": False}
    heard, _ = spoken(server, (2, {"token": server.token, "intents": 0}))
    server.wait(lambda: not server.connected())
    ahead = {"token": server.token, "session_id": heard[1]["d"]["session_id"], "seq": 77}
    assert spoken(server, (6, ahead))[1] == 4007


@pytest.mark.parametrize("goodbye, answer", [(1000, 9), (1001, 9), (4000, 0)])
def test_a_session_is_over_when_the_client_says_so(server, goodbye, answer):
    heard, _ = spoken(server, (2, {"token": server.token, "intents": 0}), goodbye=goodbye)
    server.wait(lambda: not server.connected())
    again = {"token": server.token, "session_id": heard[1]["d"]["session_id"], "seq": 1}
    assert spoken(server, (6, again))[0][1]["op"] == answer


def test_members_are_told_when_asked_for(server):
    intents = discord.Intents.default()
    intents.members = True
    with connected(server, Bot(intents=intents)) as bot:
        everybody = {server.bot_id, server.owner, server.stranger}
        server.wait(lambda: {str(m.id) for m in bot.guilds[0].members} == everybody)


def test_one_bot_after_another_starts_from_what_there_is(server):
    for n in range(3):
        with connected(server, Bot()) as bot:
            server.say(str(n))
            server.wait(lambda: bot.heard)
            assert bot.texts() == [str(n)]
    server.wait(lambda: server.connected() == [])
    assert server.counts()["identify"] == 3


def test_the_server_ends_with_the_process_that_started_it():
    started = (
        "import time; from discord_server.client import Discord; d = Discord().__enter__(); "
        "print(d.url, flush=True); time.sleep(60)"
    )
    tests = os.path.dirname(os.path.dirname(discord_server.__file__))
    parent = subprocess.Popen(
        [sys.executable, "-c", started],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": tests},
    )
    address = parent.stdout.readline().strip().removeprefix("http://").split(":")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 30
    with pytest.raises(ConnectionRefusedError):
        while time.monotonic() < end:
            socket.create_connection((address[0], int(address[1])), 10).close()
            time.sleep(0.02)


# --- what goes wrong


def test_a_wrong_token_is_refused_by_both(server):
    server.__dict__["token"] = "wrong"
    with connected(server, bot := Bot(), ready=False):
        server.wait(lambda: bot.ended)
    assert isinstance(bot.ended, discord.LoginFailure) and server.counts()["unauthorized"] == 1
    assert not server.log()["requests"][0]["authorized"]


@pytest.mark.parametrize(
    "code, ends", [(4004, discord.ConnectionClosed), (4014, discord.PrivilegedIntentsRequired)]
)
def test_a_close_after_identify_ends_the_client(server, code, ends):
    server.fault("gateway", "close_after_identify", code=code)
    with connected(server, bot := Bot(), ready=False):
        server.wait(lambda: bot.ended)
    assert isinstance(bot.ended, ends) and server.counts()["identify"] == 1


def test_a_malformed_event_makes_discord_py_raise(server, bot):
    server.fault("gateway", "malformed")
    said = server.say("without its id")
    server.wait(lambda: bot.ended)
    assert isinstance(bot.ended, KeyError) and server.messages()[0]["id"] == said["id"]


def test_a_gateway_that_accepts_and_closes_is_asked_again_and_again(server, bot):
    server.fault("gateway", "close_on_accept", times=20, code=4000)
    server.drop(code=4000)
    server.wait(lambda: "RESUMED" in bot.events)
    assert server.counts()["connect"] == 22 and server.counts()["identify"] == 1


def test_a_first_connection_that_is_refused_ends_the_client(server):
    server.fault("gateway", "refuse")
    with connected(server, bot := Bot(), ready=False):
        server.wait(lambda: bot.ended)
    assert isinstance(bot.ended, AttributeError)  # why the relay makes a new one


def test_silence_and_unanswered_heartbeats_are_noticed(server):
    server.set(heartbeat_ms=200)
    server.fault("gateway", "no_ack", times=None)
    with connected(server, Bot(heartbeat_timeout=1)) as bot:
        server.wait(lambda: "RESUMED" in bot.events)
        assert server.counts()["unacknowledged"] >= 1
        server.clear_faults()


def test_no_hello_is_silence(server):
    server.fault("gateway", "no_hello")
    with connected(server, bot := Bot(heartbeat_timeout=1), ready=False):
        server.wait(lambda: bot.ended or server.counts().get("close"))
    assert server.counts()["connect"] == 1 and "identify" not in server.counts()


POST = {"method": "POST", "path": r"/messages$"}


def test_a_429_of_discord_is_waited_for_and_one_of_cloudflare_is_not(server, bot):
    channel = channel_of(bot, server)
    server.fault("rest", "429", match=POST, retry_after=0.1)
    bot.run_there(channel.send("patient"))
    server.fault("rest", "429", match=POST, via=False)
    with pytest.raises(discord.HTTPException, match="429.*DOCTYPE"):
        bot.run_there(channel.send("banned"))
    assert [m["content"] for m in server.posted()] == ["patient"]
    assert [(r["status"], r["fault"]) for r in server.log()["requests"][-3:]] == [
        (429, "429"),
        (200, None),
        (429, "429"),
    ]


@pytest.mark.parametrize(
    "what, raised",
    [("503", discord.DiscordServerError), ("403", discord.Forbidden), ("404", discord.NotFound)],
)
def test_a_status_is_answered_as_told(server, bot, what, raised):
    server.fault("rest", what, match=POST)
    with pytest.raises(raised):
        bot.run_there(channel_of(bot, server).send("no"))
    assert server.posted() == []


def test_an_error_page_is_tried_again_and_slow_is_only_slow(server, bot):
    server.fault("rest", "html", match=POST, status=502)
    server.fault("rest", "slow", match=POST, seconds=0.1)
    bot.run_there(channel_of(bot, server).send("in the end"))
    assert [(r["status"], r["fault"]) for r in server.log()["requests"][-2:]] == [
        (502, "html"),
        (200, "slow"),
    ]
    assert len(server.posted()) == 1


def test_a_reset_before_stores_nothing_and_one_after_stores_it_once(server, bot):
    channel = channel_of(bot, server)
    server.fault("rest", "reset_before", match=POST)
    with pytest.raises(OSError):
        bot.run_there(channel.send("lost", nonce="1"))
    assert server.posted() == []
    server.fault("rest", "reset_after", match=POST)
    with pytest.raises(OSError):
        bot.run_there(channel.send("stored", nonce="2"))
    assert [m["content"] for m in server.posted()] == ["stored"]
    assert str(bot.run_there(channel.send("stored", nonce="2")).id) == server.posted()[0]["id"]
    assert len(server.posted()) == 1


def test_a_hanging_request_is_answered_by_nobody(server, bot):
    server.fault("rest", "hang", match=POST, seconds=30, stored=True)
    sending = asyncio.run_coroutine_threadsafe(
        channel_of(bot, server).send("late", nonce="1"), bot.loop
    )
    assert [m["content"] for m in server.wait(server.posted)] == ["late"]
    with pytest.raises(TimeoutError):
        sending.result(0.3)
    sending.cancel()


def test_rate_limits_hold_for_those_who_do_not_heed_them(server):
    server.set(requests=2, seconds=30)
    url, headers = (
        f"{server.api}/channels/{server.channel}",
        {"Authorization": f"Bot {server.token}"},
    )
    answers = [requests.get(url, headers=headers, timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [r.headers["X-RateLimit-Remaining"] for r in answers] == ["1", "0", "0"]
    assert answers[2].headers["Via"] and 0 < answers[2].json()["retry_after"] <= 30


def test_a_rule_counts_what_it_lets_pass_and_what_it_takes(server, bot):
    channel = channel_of(bot, server)
    server.fault("rest", "404", match=POST, skip=1, times=1)
    bot.run_there(channel.send("first"))
    with pytest.raises(discord.NotFound):
        bot.run_there(channel.send("second"))
    bot.run_there(channel.send("third"))
    assert server.faults()[0] == {
        "where": "rest",
        "what": "404",
        "match": POST,
        "left": 0,
        "used": 1,
    }
    with pytest.raises(ValueError, match="no such fault"):
        server.fault("rest", "earthquake")
