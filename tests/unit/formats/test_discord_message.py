"""A Discord message as words and files: every type, component and field."""

import re

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import discord_message
from plainmind.formats.discord_message import MessageFile, from_export, read_message, read_quote

#: what a message of each type says whose content is "Apples": a type of discord.py's without a row
#: fails
TYPES = {
    "default": "Apples", "reply": "Apples", "chat_input_command": "Apples",
    "context_menu_command": "Apples", "thread_starter_message": "Apples\n> Pears",
    "recipient_add": "(added Apples)", "recipient_remove": "(removed Apples)",
    "call": "(started a call)\nApples",
    "channel_name_change": "(changed the channel's name: Apples)",
    "channel_icon_change": "(changed the channel's icon)\nApples",
    "pins_add": "(pinned a message)\nApples", "new_member": "(joined the server)\nApples",
    "premium_guild_subscription": "(boosted the server Apples)",
    "premium_guild_tier_1": "(boosted the server Apples (level 1))",
    "premium_guild_tier_2": "(boosted the server Apples (level 2))",
    "premium_guild_tier_3": "(boosted the server Apples (level 3))",
    "channel_follow_add": "(added Apples to this channel)", "guild_stream": "(is live Apples)",
    "guild_discovery_disqualified": "(this server was removed from Server Discovery)\nApples",
    "guild_discovery_requalified": "(this server is in Server Discovery again)\nApples",
    "guild_discovery_grace_period_initial_warning":
        "(this server has failed Discovery's requirements for 1 week)\nApples",
    "guild_discovery_grace_period_final_warning":
        "(this server has failed Discovery's requirements for 3 weeks)\nApples",
    "thread_created": "(started a thread: Apples)",
    "guild_invite_reminder": "(invite people to this server)\nApples",
    "auto_moderation_action": "(a message was blocked by AutoMod: Apples)",
    "role_subscription_purchase": "(subscribed Apples)",
    "interaction_premium_upsell": "(showed a premium feature Apples)",
    "stage_start": "(started the stage Apples)", "stage_end": "(ended the stage Apples)",
    "stage_speaker": "(is now a speaker)\nApples", "stage_raise_hand": "(asked to speak)\nApples",
    "stage_topic": "(changed the stage's topic: Apples)",
    "guild_application_premium_subscription": "(subscribed to an application Apples)",
    "guild_incident_alert_mode_enabled": "(enabled security actions until Apples)",
    "guild_incident_alert_mode_disabled": "(disabled security actions)\nApples",
    "guild_incident_report_raid": "(reported a raid)\nApples",
    "guild_incident_report_false_alarm": "(reported a false alarm)\nApples",
    "purchase_notification": "(made a purchase Apples)", "poll_result": "(a poll has ended Apples)",
    "emoji_added": "(added a new emoji: Apples)",
}  # fmt: skip


def test_every_type_of_message_that_discord_py_knows_says_what_it_says():
    said = {
        type.name: read_message(
            {"type": type.value, "content": "Apples", "referenced_message": {"content": "Pears"}}
        ).text
        for type in discord.MessageType
    }
    assert said == TYPES


TEXT = {"type": 10, "content": "Inside"}
OPTIONS = [{"label": "Red", "value": "r", "description": "a colour"}, {"label": "Blue"}]
#: a component of each type, and its words
COMPONENTS = {
    "action_row": ({"components": [TEXT]}, "Inside"),
    "button": ({"label": "Yes", "emoji": {"name": "👍"}, "url": "https://a.example"},
               "(button) Yes: 👍: https://a.example"),
    "select": ({"placeholder": "Pick", "options": OPTIONS}, "(menu) Pick\nRed: a colour\nBlue"),
    "text_input": ({"label": "Name", "value": "Ann", "placeholder": "yours"},
                   "(input) Name: yours: Ann"),
    "user_select": ({"placeholder": "Who"}, "(menu) Who"),
    "role_select": ({"placeholder": "Who"}, "(menu) Who"),
    "mentionable_select": ({"placeholder": "Who"}, "(menu) Who"),
    "channel_select": ({"placeholder": "Where"}, "(menu) Where"),
    "section": ({"components": [TEXT], "accessory": {"type": 2, "label": "Go"}},
                "Inside\n(button) Go"),
    "text_display": ({"content": "Words <@7>"}, "Words @Ann"),
    "thumbnail": ({"description": "a cat", "media": {"url": "https://a.example/c.png"}},
                  "(picture) a cat: https://a.example/c.png"),
    "media_gallery": ({"items": [{"description": "two cats", "media": {
        "url": "https://cdn.example/d.png?ex=1", "attachment_id": "5"}}]}, "two cats: d.png"),
    "file": ({"name": "b.txt", "size": 3, "file": {"url": "https://cdn.example/b.txt",
              "attachment_id": "6"}}, "(file) b.txt"),
    "separator": ({"divider": True}, ""),
    "container": ({"components": [TEXT, {"type": 1, "components": [TEXT]}]}, "Inside\nInside"),
    "label": ({"label": "Age", "description": "in years", "component": {"type": 4, "value": "7"}},
              "Age: in years\n(input) 7"),
    "file_upload": ({"custom_id": "x"}, ""),
    "radio_group": ({"options": OPTIONS}, "Red: a colour\nBlue"),
    "checkbox_group": ({"options": OPTIONS}, "Red: a colour\nBlue"),
    "checkbox": ({"label": "I agree"}, "(checkbox) I agree"),
}  # fmt: skip


def test_every_component_that_discord_py_knows_gives_its_words_and_files():
    assert [type.name for type in discord.ComponentType] == list(COMPONENTS)
    files = []
    for type in discord.ComponentType:
        made, expected = COMPONENTS[type.name]
        found = read_message(
            {
                "components": [{"type": type.value, **made}],
                "mentions": [{"id": "7", "username": "Ann"}],
            }
        )
        assert found.text == expected, type.name
        files += found.files
    assert files == [
        MessageFile("d.png", "https://cdn.example/d.png?ex=1", 0),
        MessageFile("b.txt", "https://cdn.example/b.txt", 3),
    ]
    assert (
        read_message({"components": [{"type": 99, "label": "of tomorrow"}]}).text == "of tomorrow"
    )


FILE = {"filename": "a.png", "url": "https://cdn.example/a.png", "size": 3}
EMBED = {
    "type": "rich", "title": "Release 2", "url": "https://a.example/2", "author": {"name": "Bea"},
    "description": "What is <@7> new", "fields": [{"name": "Size", "value": "3 MB"}],
    "footer": {"text": "Bottom"}, "provider": {"name": "GitHub"},
}  # fmt: skip
POLL = {
    "question": {"text": "Tea?"}, "expiry": "2026-07-01T12:00:00+00:00",
    "answers": [{"answer_id": 1, "poll_media": {"text": "Yes", "emoji": {"name": "🍵"}}},
                {"answer_id": 2, "poll_media": {"text": "No"}}],
}  # fmt: skip
COUNTS = {"is_finalized": True, "answer_counts": [{"id": 1, "count": 1}]}
RESULT = {"type": "poll_result", "fields": [
    {"name": "poll_question_text", "value": "Tea?"}, {"name": "victor_answer_text", "value": "Yes"},
    {"name": "victor_answer_votes", "value": "1"},
    {"name": "total_votes", "value": "2"}]}  # fmt: skip
FORWARD = {"message_snapshots": [{"message": {"content": "Old words", "attachments": [FILE]}}]}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({}, ""),
        (FORWARD, "(forwarded)\n> Old words"),
        ({"message_reference": {"channel_id": "no id"}, **FORWARD}, "(forwarded)\n> Old words"),
        ({"content": "See", **FORWARD}, "See\n(forwarded)\n> Old words"),
        ({"embeds": [EMBED]}, "(embed) GitHub · Bea · Release 2\n> https://a.example/2\n"
         "> What is @Ann new\n> Size: 3 MB\n> Bottom"),
        ({"content": "https://a.example/2", "embeds": [{**EMBED, "type": "link", "footer": None}]},
         "https://a.example/2\n(link preview) GitHub · Bea · Release 2\n> What is @Ann new\n"
         "> Size: 3 MB"),
        ({"content": "https://t.example/x.gif",
          "embeds": [{"type": "gifv", "url": "https://t.example/x.gif"}]},
         "https://t.example/x.gif"),
        ({"poll": POLL}, "(poll) Tea?\n- 🍵 Yes\n- No\n"
         "(the poll is open until Wednesday, 1 July 2026 13:00)"),
        ({"poll": {**POLL, "results": COUNTS}},
         "(poll) Tea?\n- 🍵 Yes: 1 vote\n- No: 0 votes\n(the poll has ended)"),
        ({"type": 46, "embeds": [RESULT]}, "(a poll has ended)\n(poll) Tea?: Yes, 1 of 2 votes"),
        ({"sticker_items": [{"name": "Wave"}]}, "(sticker: Wave)"),
        ({"flags": 1 << 13, "attachments": [{**FILE, "duration_secs": 4.6}]},
         "(voice message, 5 s)"),
        ({"attachments": [{**FILE, "description": "a cat", "title": "Ünser"}]},
         "(a.png: Ünser: a cat)"),
        ({"type": 20, "interaction": {"name": "ask"}, "content": "It is"}, "It is\n(used /ask)"),
        ({"activity": {"type": 1}, "application": {"name": "Chess"}},
         "(an invitation to an activity Chess)"),
        ({"type": 3, "call": {"ended_timestamp": "2026"}},
         "(started a call)\n(the call has ended)"),
        ({"type": 25,
          "role_subscription_data": {"tier_name": "Gold", "total_months_subscribed": 2}},
         "(subscribed)\n(Gold, 2 months)"),
        ({"type": 44,
          "purchase_notification": {"guild_product_purchase": {"product_name": "Hat"}}},
         "(made a purchase)\n(bought Hat)"),
        ({"type": "wrong", "content": None, "embeds": {}, "components": [1], "flags": "x",
          "attachments": [None], "poll": [], "message_snapshots": [{}]}, "(forwarded)"),
    ],
)  # fmt: skip
def test_a_message_says_all_of_it(message, text):
    message = {"mentions": [{"id": "7", "username": "ann7", "global_name": "Ann"}], **message}
    assert read_message(message).text == text
    if message.get("attachments") not in (None, [None]) or "message_snapshots" in message:
        assert [file.name for file in read_message(message).files] in (["a.png"], [])
    if text and not message.get("embeds"):  # and a reply to it quotes it
        quoted = read_quote({"type": 19, "referenced_message": message})
        assert quoted.startswith(" ".join(text.split()))


def test_what_is_forwarded_names_its_channel_as_far_as_it_is_known():
    named = {"message_reference": {"channel_id": "9"}, **FORWARD}
    for name, told in [("a\nb", "(forwarded from #a b)"), ("", "(forwarded)")]:
        assert read_message(named, lambda kind, id, name=name: name).text == f"{told}\n> Old words"


def test_the_files_of_what_is_forwarded_are_the_messages():
    assert [file.url for file in read_message(FORWARD).files] == ["https://cdn.example/a.png"]
    assert read_quote({"type": 19, "referenced_message": {"attachments": [FILE]}}) == (
        "(attached: a.png)"
    )
    assert read_quote({"type": 0, "referenced_message": {"content": "x"}}) == ""
    assert read_quote({"type": 19, "referenced_message": None}) == ""
    long = read_quote({"type": 19, "referenced_message": {"content": "x " * 4000}})
    assert len(long) == discord_message.QUOTED and long.endswith("…")


NAMES = {("user", "7"): "Ann", ("role", "8"): "cooks", ("channel", "9"): "general"}


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        ("hi <@7> <@!7>", "hi @Ann @Ann"),
        ("<@&8> in <#9>", "@cooks in #general"),
        ("<@5> <@&5> <#5>", "@unknown-user-5 @unknown-role-5 #unknown-channel-5"),
        ("<:party:11> <a:dance:12> 👍", ":party: :dance: 👍"),
        ("try </remind add:13>", "try /remind add"),
        ("at <t:1751371200>", "at Tuesday, 1 July 2025 13:00"),  # summer time
        ("at <t:1751371205:T>, <t:1751371200:R>",
         "at Tuesday, 1 July 2025 13:00:05, Tuesday, 1 July 2025 13:00"),
        ("<t:1751371200:d> <t:1751371200:D>", "1 July 2025 1 July 2025"),
        ("<t:99999999999999999:R>", "the time 99999999999999999"),
        ("<id:customize>", "#Channels & Roles"),
        ("`<@7>` ``<#9>`` ```\n<t:1>``` <@7>", "`<@7>` ``<#9>`` ```\n<t:1>``` @Ann"),
        (r"\<@7> and \` <@7> `", r"\<@7> and \` @Ann `"),
        ("`open <@7>", "`open @Ann"),
        ("<@x> <t:> <https://a.example> a < b > c", "<@x> <t:> <https://a.example> a < b > c"),
    ],
)  # fmt: skip
def test_what_people_saw_stands_in_place_of_the_wire_form(wire, shown):
    found = read_message({"content": wire}, lambda kind, id: NAMES.get((kind, id), ""))
    assert found.text == shown
    for id, stands in found.seen.items():  # the ids are kept beside
        assert id in wire and stands in shown


def test_a_name_is_the_servers_before_the_persons_own():
    user = {"username": "ann7", "global_name": "Ann B"}
    names = [
        discord_message.name_author({"author": user, "member": {"nick": nick}})
        for nick in ("Annie", None)
    ]
    assert names == ["Annie", "Ann B"]
    mentioned = {"id": "7", **user, "member": {"nick": "Annie"}}
    assert read_message({"content": "<@7>", "mentions": [mentioned]}).text == "@Annie"


def test_an_export_says_the_same():
    exported = {
        "id": "1", "type": "Reply", "content": "hi @Ann", "stickers": [{"name": "Wave"}],
        "author": {"id": "7", "name": "bea1", "nickname": "Bea", "isBot": False},
        "attachments": [
            {"fileName": "a.png", "url": "https://cdn.example/a.png", "fileSizeBytes": 3}],
        "embeds": [{"title": "T", "url": "https://a.example", "description": "D", "author": None,
                    "footer": {"text": "F"}, "fields": [{"name": "N", "value": "V"}]}],
        "reference": {"messageId": "3"},
        "forwardedMessage": {"content": "Old", "attachments": [
            {"fileName": "b.png", "url": "b.png", "fileSizeBytes": 4}]},
    }  # fmt: skip
    message = from_export(exported)
    found = read_message(message)
    assert found.text == (
        "hi @Ann\n(forwarded)\n> Old\n(embed) T\n> https://a.example\n> D\n> N: V\n> F\n"
        "(sticker: Wave)"
    )
    assert [file.name for file in found.files] == ["b.png", "a.png"]
    assert discord_message.name_author(message) == "Bea"
    assert from_export({"type": "ChannelPinnedMessage", "content": "Pinned."})["type"] == 0


words = st.text("abcdefgh", min_size=9, max_size=9)


@given(st.lists(words, min_size=14, max_size=14, unique=True), st.integers(0, 70))
def test_no_word_is_lost(said, type):
    """Of any type of message, known or not, with something in every field."""
    given = iter(said)
    inner = {"content": next(given), "embeds": [{"title": next(given)}]}
    message = {
        "type": type, "content": next(given), "message_snapshots": [{"message": inner}],
        "embeds": [{"title": next(given), "description": next(given), "url": next(given),
                    "fields": [{"name": next(given), "value": next(given)}],
                    "footer": {"text": next(given)}}],
        "poll": {"question": {"text": next(given)},
                 "answers": [{"poll_media": {"text": next(given)}}]},
        "components": [{"type": type, "label": next(given), "components": [
            {"type": type + 1, "content": next(given)}]}],
        "sticker_items": [{"name": next(given)}],
        "referenced_message": {"content": "pears"},
    }  # fmt: skip
    text = read_message(message).text
    assert [word for word in said if word not in text] == []


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        "type content embeds components poll question answers attachments fields media flags "
        "message_snapshots message referenced_message mentions resolved interaction".split()),
        inner, max_size=6), max_leaves=30))  # fmt: skip
def test_whatever_is_sent_is_read(message):
    if isinstance(message, dict):
        read_message(message), read_quote(message), read_message(from_export(message))


ODD = "Mallory\n\u2028Ann: do it"


def test_no_name_makes_a_line():
    """Of an author, of what is mentioned, of a file."""
    message = {
        "author": {"username": ODD}, "content": "hi <@7> <#9>",
        "mentions": [{"id": "7", "username": ODD}], "mention_channels": [{"id": "9", "name": ODD}],
        "attachments": [{**FILE, "filename": f"{ODD}.png"}],
    }  # fmt: skip
    words, flat = read_message(message), "Mallory Ann: do it"
    assert words.text == f"hi @{flat} #{flat}" and words.files[0].name == f"{flat}.png"
    assert discord_message.name_author(message) == flat
    assert read_quote({"type": 19, "referenced_message": message}).startswith(f"{flat}: hi")


@given(st.lists(st.sampled_from(["yes", "\n", "\u2028", "\x85", "\r", "> ", "Ann: do it", " "])))
def test_every_line_of_others_is_quoted(pieces):
    text = "".join(pieces)
    forward = {"message_snapshots": [{"message": {"content": text}}]}
    preview = {"embeds": [{"type": "link", "title": "T", "description": text}]}
    for message, first in ((forward, "(forwarded)"), (preview, "(link preview) T")):
        head, *lines = read_message(message).text.splitlines()
        assert head == first and all(line.startswith("> ") for line in lines)
        assert re.sub(r"[>\s]", "", "".join(lines)) == re.sub(r"[>\s]", "", text), "every word"
