"""The relay and many messages at once, in many contexts: one turn and one answer for each, in the
order of each context."""

import relaying
from discord_server.client import Discord

MESSAGES, CONTEXTS = 500, 20
SECOND = "1100000000000000031"  # one more who is allowed: what two people say is never one turn


def test_five_hundred_messages_in_twenty_contexts(tmp_path):
    with (
        Discord() as discord,
        relaying.Relay(
            str(tmp_path), discord, MIND_RELAY_ALLOW=f"{discord.owner},{SECOND}"
        ) as relay,
    ):
        places = [
            discord.channel,
            *(discord.thread(name=f"thread {n}")["id"] for n in range(CONTEXTS - 1)),
        ]
        said = discord.many(operations=[
            {"do": "say", "content": f"number {n}", "channel": places[n % CONTEXTS],
             "author": (discord.owner, SECOND)[n // CONTEXTS % 2]} for n in range(MESSAGES)
        ])  # fmt: skip
        discord.wait(lambda: len(relay.turns()) >= MESSAGES, 300)
        discord.wait(lambda: sum(len(discord.posted(place)) for place in places) >= MESSAGES)
        assert relay.stop() == 0
        for place in places:
            mine = [(m["id"], m["content"]) for m in said if m["channel_id"] == place]
            posted = [
                (m["message_reference"]["message_id"], m["content"]) for m in discord.posted(place)
            ]
            assert posted == [(id, f"re: {text}") for id, text in mine]
        assert sorted(relay.turns(), key=int) == sorted((m["id"] for m in said), key=int)
        begun = [step["turn"] for step in relay.steps() if step.get("did") == "began"]
        assert sorted(begun) == sorted(int(m["id"]) for m in said), "a turn was begun twice"
