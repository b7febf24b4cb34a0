"""The relay and sudden death: at each write of its own, at any time, alone or with its turns.

One logged event for each message, one answer delivered, whole and in order, whatever was killed.
"""

import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random

import pytest
import relay_killed
from discord_server.client import Discord, attachment
from scene import THOROUGH

#: every kind of write, and the second and the last message of an answer
WRITES = [
    "received 1",
    "began 1",
    "answered 1",
    "posting 1",
    "posted 1",
    "posting 2",
    "posted 3",
    "done 1",
    "cursor.json 1",
    "compacted 1",
    "identifications.json 1",
]
#: of two worlds; `make test` tries each write in one of them
BEFORE = [f"before {write}" for write in WRITES[:: 1 if THOROUGH else 2]]
AFTER = [f"after {write}" for write in (WRITES if THOROUGH else WRITES[1::2])]


@pytest.fixture(scope="module")
def server():
    with Discord() as discord:
        yield discord


@pytest.fixture
def world(server, tmp_path):
    """Makes worlds, which end with the test."""
    made = []

    def make(*sabotage: str, nonces: float = 300) -> relay_killed.World:
        discord = server.another()
        discord.set(nonce_seconds=nonces)
        made.append(relay_killed.World(str(tmp_path / str(len(made))), discord, *sabotage))
        return made[-1].begin()

    yield make
    for one in made:
        one.end()


def ended(world: relay_killed.World) -> relay_killed.World:
    """After its last run, which ends by itself, or had not even begun."""
    assert world.stop() in (0, -signal.SIGTERM)
    return world


def deadly(world: relay_killed.World, deaths: list[str]) -> relay_killed.World:
    """These deaths, one after the other, and a last run."""
    for death in deaths:
        assert world.strike(death), f"it did not die {death}: {world.complaints()}"
    return ended(world)


def test_death_at_each_kind_of_write(world):
    """In one of two worlds nonces are forgotten at once: what was posted has to be found there."""
    forgetful, knowing = world(nonces=0), world()
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(deadly, (forgetful, knowing), (BEFORE, AFTER)))
    assert [one.wrong() for one in done] == [[], []]
    assert all(set(one.asked().values()) == {1} for one in done), "a turn was taken again"
    assert done[0].kills >= len(BEFORE) and done[1].kills >= len(AFTER)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nonces", [0, 300], ids=["nonces are forgotten", "nonces are known"])
def test_death_at_every_write(world, when, nonces):
    """The first, the second, ... that it makes, until there is none left."""
    here = world(nonces=nonces)
    number = next(number for number in count(1) if not here.strike(f"{when} any {number}"))
    assert number > 20 and here.kills == number - 1
    assert ended(here).wrong() == []
    assert set(here.asked().values()) == {1}, "a turn was taken again"


def harassed(world: relay_killed.World, seed: int, kills: int) -> relay_killed.World:
    draw = Random(seed)
    while world.kills < kills:
        world.harass(draw)
    return ended(world)


def killed_at_any_time(world, kills: int, worlds: int = 2) -> None:
    made = [world(nonces=0 if number % 2 else 300) for number in range(worlds)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(harassed, made, range(worlds), [kills // worlds] * worlds))
    assert [one.wrong() for one in done] == [[]] * worlds
    assert sum(one.kills for one in done) >= kills


def test_death_at_any_time(world):
    killed_at_any_time(world, 4)


@pytest.mark.slow
def test_two_hundred_deaths_at_any_time(world):
    killed_at_any_time(world, 200, 4)


def test_a_turn_whose_relay_died_is_not_taken_again(world):
    """It goes on without it, for longer than the next relay's turn waits for it."""
    here = world()
    here.say("x2h")
    here.say(place=here.thread)
    here.discord.wait(lambda: "h" in str(here.asked()))
    here.kill()
    here.start()
    here.discord.wait(lambda: "ended with 75" in here.complaints())
    here.say("x2", here.thread)
    here.release()
    here.settle()
    assert ended(here).wrong() == []
    assert set(here.asked().values()) == {1}, "a turn was taken again"


def test_a_turn_whose_relay_died_before_it_could_read_has_the_whole_message(world):
    """What is attached would make a message of nothing."""
    here = world()
    here.order("after agent-turn 1")
    here.say(attachments=[attachment("a.txt", b"a file")])
    assert here.dies()
    here.start()
    here.settle()
    assert ended(here).wrong() == []


def test_an_answer_far_behind_its_message_is_found_again(world):
    """Others said much in between, and nonces are forgotten."""
    here = world(nonces=0)
    here.kill()
    here.say()
    others = {
        "do": "say",
        "content": "hm",
        "author": here.discord.stranger,
        "channel": here.discord.channel,
    }
    here.discord.many(operations=[others] * 450)
    here.order("before posted 1")
    here.start(ready=False)
    assert here.dies()
    here.start()
    here.settle()
    assert ended(here).wrong() == []


# the controls: each promise that is broken is seen by the same eyes


@pytest.mark.parametrize(
    "sabotage, nonces, death",
    [
        (["unwritten"], 0, "after done 1"),
        (["unsure"], 0, "before posted 1"),
        (["unsure", "nonceless"], 300, "before posted 1"),
    ],
)
def test_a_relay_that_does_not_know_what_it_posted_is_noticed(world, sabotage, nonces, death):
    with pytest.raises(AssertionError, match="too many"):
        deadly(world(*sabotage, nonces=nonces), [death])


def test_a_relay_that_does_not_know_what_it_received_is_noticed(world):
    here = world("unwritten", "hasty")
    here.order("after answered 1")
    here.say("s2")
    here.say()
    assert here.dies()
    here.start()
    with pytest.raises(AssertionError, match="not answered: .* lost"):
        here.settle(10)


def test_a_turn_that_is_given_nothing_is_noticed(world):
    here = world("tardy")
    context = f"discord-channel/{here.discord.channel}"
    before = len(here.events(context))
    here.order("after agent-turn 1")
    here.say(attachments=[attachment("a.txt", b"a file")])
    assert here.dies()
    here.discord.wait(lambda: len(here.events(context)) > before)  # it goes first, not the next one
    here.start()
    here.settle()
    assert any("has of its users: lost" in wrong for wrong in ended(here).wrong())
