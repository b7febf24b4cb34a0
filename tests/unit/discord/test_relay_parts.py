"""The relay's parts without a process."""

import asyncio
import errno
import json
import os
import random
import time
from types import SimpleNamespace

import aiohttp
import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import BaseHTTPRequestHandler, listening
from plainmind.ground import backoff, clock, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Busy, InputOutput, Misconfigured
from plainmind.ground.outages import Outages
from plainmind.surfaces.discord import (
    attachments,
    attempts,
    embedding,
    identity,
    inbox,
    lanes,
    logged,
    messages,
    outbox,
    presence,
    relay,
    requests,
)
from plainmind.surfaces.discord.history import Cursor
from plainmind.surfaces.discord.ledger import (
    Attached,
    Change,
    Incoming,
    Ledger,
    RefusedAnswer,
    answered_step,
    began_step,
    changed_step,
    done_step,
    kept_step,
    noted_step,
    posted_step,
    posting_step,
    received_step,
    refused_step,
    returned_step,
    settled_step,
    told_step,
)
from plainmind.surfaces.discord.ledger_writer import LedgerWriter
from plainmind.surfaces.discord.programs import Outcome
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW


def incoming(ms=0, author=1, text="hello", context="discord-thread/7", **more):
    return Incoming(
        messages.to_id(NOW + ms) + more.pop("after", 0), context, 7, "Ann", author, text, **more
    )


@pytest.fixture
def ledger(home):
    return Ledger(home.path("relay", "inbox.jsonl"))


def step(ledger, *steps):
    """Steps known and written, as the relay does it."""
    for record in steps:
        ledger.take(record)
    ledger.write(steps)


def state(ledger):
    """All there is to know of a ledger, so that two can be compared."""
    turns = {
        id: (turn.of, turn.attempts, turn.text, turn.how, turn.posted, turn.posting)
        for id, turn in sorted(ledger.turns.items())
    }
    pending = ledger.changes, ledger.refused
    return ledger.waiting, ledger.kept, turns, ledger.open, ledger.done, ledger.latest, pending


# --- the ledger


def test_a_ledger_read_again_is_as_it_was_after_every_step(home, ledger):
    one, two = incoming(quoted="what", attached=(Attached("a.txt", "http://x/", 3),)), incoming(1)
    three, gone = incoming(2), Change("deleted", 5, one.context)
    change = Change("edited", one.id, one.context, one._replace(edited="2026"))
    refused = RefusedAnswer(3, one.context, 7, "text", "403", (("a.txt", "3-0"),))
    steps = [
        received_step(one), received_step(two), changed_step(two._replace(text="changed")),
        received_step(three), done_step([three.id]),  # it was deleted while it waited
        kept_step(one.id, ["/a"], ["b"]), noted_step(gone), noted_step(change),
        settled_step(gone), refused_step(refused),
        began_step([one, two]), returned_step(two.id), began_step([one, two]),
        answered_step(two.id, "text\u2028\n", "answered", (("a", "2-0"),)), posting_step(two.id, 0),
        posted_step(two.id, 0, 99), posting_step(two.id, 1), posted_step(two.id, 1, 100),
        done_step([one.id, two.id]), settled_step(change), told_step(3),
    ]  # fmt: skip
    before = repr(state(ledger))
    for record in steps:
        step(ledger, record)
        assert state(Ledger(ledger.path)) == state(ledger)
        assert repr(state(ledger)) != before, record
        before = repr(state(ledger))
    assert (ledger.waiting, ledger.turns, ledger.kept, ledger.open) == ({}, {}, {}, set())
    assert ledger.knows(one.id) and ledger.knows(two.id)


def scenario(draw):
    """Steps as a relay may make them, some of them left out at the end."""
    steps, messages = (
        [],
        [incoming(n, context=f"discord-thread/{draw.randrange(3)}") for n in range(12)],
    )
    for context in sorted({m.context for m in messages}):
        mine = [m for m in messages if m.context == context]
        steps += map(received_step, mine)
        while mine:
            of, mine = mine[: (count := draw.randint(1, 3))], mine[count:]
            steps += [kept_step(m.id, [f"/{m.id}"], []) for m in of if draw.random() < 0.3]
            for _ in range(draw.randint(1, 3)):
                steps += [began_step(of)] + (
                    [returned_step(of[-1].id)] if draw.random() < 0.4 else []
                )
            steps += [answered_step(of[-1].id, "text", "answered")]
            for part in range(draw.randint(0, 3)):
                steps += [
                    posting_step(of[-1].id, part),
                    posted_step(of[-1].id, part, draw.randrange(1000)),
                ]
            steps += [done_step([m.id for m in of])]
            change = Change("edited", of[0].id, context, of[0])
            some = [noted_step(change), settled_step(change)]
            refused = RefusedAnswer(of[-1].id, context, 7, "text", "why")
            some += [refused_step(refused), told_step(of[-1].id)]
            steps += some[: draw.randint(0, 4)]
            if draw.random() < 0.3:
                break
    return steps[: draw.randint(0, len(steps))]


@given(st.integers(0, 10_000))
def test_a_ledger_that_is_compacted_says_the_same(tmp_path_factory, seed):
    ledger = Ledger(str(tmp_path_factory.mktemp("ledger") / "inbox.jsonl"))
    step(ledger, *scenario(random.Random(seed)))
    before = state(ledger)
    ledger.replace(ledger.whole())
    assert state(ledger) == before == state(Ledger(ledger.path))


def test_what_was_torn_by_a_crash_is_left_out_and_what_follows_is_not_damaged(ledger):
    one, two = incoming(), incoming(1)
    step(ledger, received_step(one), received_step(two))
    with open(ledger.path, "rb+") as file:
        file.truncate(os.path.getsize(ledger.path) - 10)
    again = Ledger(ledger.path)
    assert again.knows(one.id) and not again.knows(two.id)
    step(again, received_step(two))
    assert state(Ledger(ledger.path)) == state(again) == state(ledger)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"did":"began"}',
        b'{"did":"done","of":3}',
        b"null",
        b"\xff",
        b'{"did":"received","message":{"id":1}}',
    ],
)
def test_a_line_that_cannot_be_read_hides_no_other(ledger, line):
    step(ledger, received_step(incoming()))
    with open(ledger.path, "ab") as file:
        file.write(line + b"\n")
    step(Ledger(ledger.path), received_step(incoming(1)))
    again = Ledger(ledger.path)
    assert len(again.open) == 2
    torn = line.startswith(b'{"did"') and not line.endswith(b"}")  # of what nobody was told
    assert again.damaged == ([] if torn else [2])


def test_any_byte_of_a_ledger_may_be_flipped(ledger):
    """It is read all the same, and what is left out is told by its line."""
    one, two = incoming(), incoming(1)
    for record in (received_step(one), received_step(two), began_step([one])):
        step(ledger, record)
    whole = files.read(ledger.path)
    for at, old in enumerate(whole):
        with open(ledger.path, "wb") as file:
            file.write(whole[:at] + bytes([old ^ 0x15]) + whole[at + 1 :])
        read = Ledger(ledger.path)
        assert two.id in read.open or read.damaged or old == 10 or read.open, at


def test_what_is_done_is_known_until_the_cursor_has_passed_it(ledger):
    one, two = incoming(), incoming(60_000)
    step(ledger, received_step(one), received_step(two), done_step([one.id, two.id]))
    ledger.forget(one.id)
    assert not ledger.knows(one.id) and ledger.knows(two.id)


def test_a_ledger_grows_large_only_by_what_is_new(ledger, monkeypatch):
    monkeypatch.setattr("plainmind.surfaces.discord.ledger.LEAST", 1000)
    step(ledger, *(received_step(incoming(n)) for n in range(20)))
    assert ledger.large
    ledger.replace(ledger.whole())
    assert not ledger.large and not Ledger(ledger.path).large
    step(ledger, *(received_step(incoming(100 + n)) for n in range(30)))
    assert ledger.large and Ledger(ledger.path).large


def test_steps_written_at_once_share_a_write_and_keep_their_order(ledger, monkeypatch):
    writes, real = [], Ledger.write
    monkeypatch.setattr(
        Ledger, "write", lambda self, records: (writes.append(len(records)), real(self, records))[1]
    )

    async def live():
        writer = LedgerWriter(ledger)
        await asyncio.gather(*(writer.write(received_step(incoming(n))) for n in range(50)))

    asyncio.run(live())
    assert len(writes) < 10 and sum(writes) == 50
    ids = [json.loads(line)["message"]["id"] for line in open(ledger.path)]
    assert ids == sorted(ids) and len(ids) == 50


def test_nothing_is_written_behind_a_step_that_the_disk_did_not_take(ledger, monkeypatch):
    """A turn that began, and whose message is not in the ledger, would be nobody's."""
    real, room = Ledger.write, [False, True]

    def write(self, records):
        if not room.pop(0):
            raise OSError(errno.EFBIG, "file too large")
        real(self, records)

    monkeypatch.setattr(Ledger, "write", write)

    async def live():
        writer, message = LedgerWriter(ledger), incoming(1)
        first = asyncio.create_task(writer.write(received_step(message)))
        await asyncio.sleep(0)
        second = asyncio.create_task(writer.write(began_step([message])))
        return await asyncio.gather(first, second, return_exceptions=True)

    assert [type(ended) for ended in asyncio.run(live())] == [InputOutput, InputOutput]
    assert not os.path.exists(ledger.path) or not os.path.getsize(ledger.path)


def test_history_is_never_read_from_a_cursor_that_is_about_to_move(ledger):
    """What is done is forgotten when the cursor moves: told again, it was answered again."""
    step(ledger, received_step(incoming(0)), done_step([incoming(0).id]))
    read = []

    class Moving:
        id = 5

        def move(self, id):
            time.sleep(0.1)  # the disk is busy
            self.id = id

    async def read_missed(cursor, take):
        read.append(cursor)

    async def live():
        listening_to = seeing(ledger, Moving(), read_missed)
        listening_to.whole = True
        moving = asyncio.create_task(listening_to.advance())
        await asyncio.sleep(0.02)
        await listening_to.catch_up()
        await moving
        return listening_to.services.cursor.id

    assert read == [asyncio.run(live())] and read[0] > 5


def seeing(ledger, cursor, read_missed) -> inbox.Inbox:
    """An inbox that reads history, and nothing else."""

    async def looked_back():
        pass

    services = SimpleNamespace(
        ledger=ledger, writer=None, cursor=cursor, client=SimpleNamespace(connected=True),
        history=SimpleNamespace(read_missed=read_missed), settings={"relay.deleted": "forget"},
        in_background=asyncio.create_task, say=lambda text: None,
    )  # fmt: skip
    listening_to = inbox.Inbox(services, wake=lambda context: None)
    listening_to.changes.look_back = looked_back
    return listening_to


def test_history_that_takes_long_is_not_read_again_and_again(ledger):
    """Each minute one more reading waited for the last one, and the cursor never moved."""
    step(ledger, received_step(incoming(0)), done_step([incoming(0).id]))
    cursor, reads, ends = SimpleNamespace(id=5), [], []
    cursor.move = lambda id: setattr(cursor, "id", id)

    async def read_missed(after, take):
        reads.append(after)
        await ends[len(reads) - 1].wait()
        if len(reads) == 1:
            raise requests.Refused("it broke")

    async def live():
        ends.extend(asyncio.Event() for _ in range(9))
        listening_to = seeing(ledger, cursor, read_missed)
        for number in range(2):  # the first one fails, and is made up for in a minute
            for _ in range(5):
                listening_to.retry()
                await asyncio.sleep(0)
                await listening_to.advance()
            ends[number].set()
            await asyncio.sleep(0.01)
        # connected again, and again, while it is read: once more is enough
        running = [asyncio.create_task(listening_to.catch_up()) for _ in range(5)]
        await asyncio.sleep(0)
        for end in ends:
            end.set()
        await asyncio.gather(*running)
        await listening_to.advance()

    asyncio.run(live())
    assert (reads, cursor.id > 5) == ([5] * 4, True)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_file_of_a_message_that_was_deleted_meanwhile_goes(ledger, tmp_path, deleted):
    message, path = incoming(), str(tmp_path / "a.png")
    step(ledger, received_step(message))
    written = []

    async def ask(download, what, tries, timeout):
        files.replace(path, b"x")
        if deleted:
            step(ledger, done_step([message.id]))
        return [path], []

    async def write(*steps):
        written.extend(steps)

    services = SimpleNamespace(
        ledger=ledger, writer=SimpleNamespace(write=write), home=None,
        requests=SimpleNamespace(ask=ask), settings={"relay.deleted": "forget"},
    )  # fmt: skip

    async def live():
        await inbox.Inbox(services, wake=lambda context: None)._keep(message)

    asyncio.run(live())
    assert (os.path.exists(path), bool(written)) == (not deleted, not deleted)


# --- lanes


def test_what_one_person_said_in_one_go_is_one_turn_whatever_the_order_it_came_in():
    said = [incoming(ms) for ms in (0, 2000, 4000, 6001)]
    for order in (said, said[::-1], said[2:] + said[:2]):
        assert messages.take_turn(order) == said[:3]
    assert messages.take_turn([]) == []


def test_the_relay_ends_in_ten_seconds():
    """Turns that may end, those handed back, what follows them, and the connection."""
    assert relay.LEAVING + attempts.LAST + 2 * lanes.WIND_UP < 10


def test_ids_that_are_not_discord_s_end_no_look_at_the_log(home):
    """Anybody may append to a context of Discord's."""
    odd = "x", "9" * 5000, "٣", "-1", "1.0", ""
    metas = [{"message_id": id, "author_id": id, "of": [id, 7]} for id in odd]
    metas += [{"message_id": "12", "author_id": "x", "starter": True}]
    drafts = [EventDraft(NOW, "user", "tea", meta) for meta in metas]
    Log(home).append("discord-thread/1", drafts, NOW)
    (found,) = logged.find(home, "discord-thread/1")
    assert (found.ids, found.author_id, found.starter) == ((12,), 0, True)


def test_another_person_ends_a_turn():
    said = [incoming(0), incoming(1, author=2), incoming(2)]
    assert messages.take_turn(said) == said[:1]


def test_a_turn_is_never_longer_or_of_more_messages_than_set():
    assert len(messages.take_turn(incoming(n) for n in range(100))) == messages.MOST
    half = "x" * (messages.LONGEST // 2)
    assert len(messages.take_turn(incoming(n, text=half) for n in range(3))) == 2
    assert (
        len(messages.take_turn(incoming(n, text=half * 3) for n in range(3))) == 1
    )  # one is always taken


def test_the_text_of_a_turn_is_its_messages_lines_and_what_is_to_be_known_of_files():
    assert (
        messages.turn_text(
            [incoming(text="a\nb"), incoming(text=""), incoming(text="c")], ["d is gone"]
        )
        == "a\nb\nc\n(d is gone)"
    )
    assert messages.turn_text([incoming(text="")]) == ""


# --- names


@given(st.text())
def test_every_name_is_made_safe(name):
    safe = attachments.make_safe_name(name)
    assert 0 < len(safe) <= 72
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert safe[0] not in ".-" and safe[-1] != "."


@pytest.mark.parametrize("name, safe", [
    ("a.txt", "a.txt"), ("../../etc/passwd", "passwd"), ("a\\b.txt", "b.txt"),
    ("Tax 2026 (final).pdf", "Tax-2026-final-.pdf"), ("", "file"), ("...", "file"), ("😀", "file"),
    ("x" * 300 + ".pdf", "x" * 60 + ".pdf"), ("archive.tar.gz", "archive.tar.gz"),
    ("a." + "b" * 300, "a." + "b" * 11), (".env", "env"), ("n" * 59 + "-tail", "n" * 59 + "-"),
])  # fmt: skip
def test_names_that_people_give(name, safe):
    assert attachments.make_safe_name(name) == safe


# --- fetching, from a server of this machine


class Files(BaseHTTPRequestHandler):
    """`/N` is N bytes, in chunks without a length; other paths are other statuses."""

    def do_GET(self):
        what = self.path[1:]
        if what in ("404", "500", "429", "302"):
            self.send_response(int(what))
            self.send_header("Location", "/5")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(int(what) // 1000):
                self.wfile.write(bytes(1000))
            self.wfile.write(bytes(int(what) % 1000))
        except OSError:  # nobody wants the rest
            pass


@pytest.fixture(scope="module")
def address():
    with listening(Files) as url:
        yield url


def keep(home, address, *names, size=1):
    message = incoming(
        attached=tuple(Attached(f"{name}.bin", f"{address}/{name}", size) for name in names)
    )
    return message.id, *asyncio.run(attachments.keep(home, message))


def test_a_file_of_the_largest_size_is_kept_and_one_byte_more_is_not(home, address, monkeypatch):
    monkeypatch.setattr(attachments, "LARGEST", 100_000)
    id, paths, notes = keep(home, address, "100000", "100001", "50000000")
    assert [os.path.getsize(path) for path in paths] == [100_000]
    assert notes == [
        f"attachment '{name}.bin' was not kept: more than 0 MB" for name in ("100001", "50000000")
    ]


def test_what_discord_refuses_is_told_and_what_may_pass_is_raised(home, address):
    id, paths, notes = keep(home, address, "404", "302", "5")
    assert len(paths) == 1 and notes == [
        f"attachment '{code}.bin' was not kept: Discord answered {code}" for code in (404, 302)
    ]
    for code in ("500", "429"):
        with pytest.raises(aiohttp.ClientError):
            keep(home, address, "5", code)


def test_a_fetch_done_again_makes_the_same_files(home, address):
    first, second = keep(home, address, "5", "7"), keep(home, address, "5", "7")
    assert first == second and len(os.listdir(home.path("relay", "files"))) == 2


# --- the parts of an answer


@pytest.fixture
def workspace(home):
    os.makedirs(home.workspace)
    for name in ("a.txt", "b.txt"):
        with open(os.path.join(home.workspace, name), "w") as file:
            file.write(name)
    return home.workspace


def test_an_answer_of_nothing_has_no_part():
    assert outbox.split_answer("") == [] == outbox.split_answer("\n \n")


def test_a_short_answer_is_one_part_and_its_files_go_with_it():
    assert outbox.split_answer("hello") == [outbox.AnswerPart("hello")]
    copies = (("a.txt", "7-0"),)
    assert outbox.split_answer("see a", copies) == [outbox.AnswerPart("see a", copies)]


def test_ten_messages_are_messages_and_more_are_a_file():
    line = "x" * 1999
    assert outbox.split_answer("\n".join([line] * 10)) == [outbox.AnswerPart(line)] * 10
    text = "\n".join([line] * 11)
    assert outbox.split_answer(text) == [
        outbox.AnswerPart(line),
        outbox.AnswerPart("(the whole answer is in the file)", (), text),
    ]


def test_a_link_in_a_block_that_is_never_closed_stays(home, workspace):
    text = "[a](a.txt)\n```\n[b](b.txt)\n~~~\n[b](b.txt)"
    assert attachments.extract_files(home, text) == (
        "a\n```\n[b](b.txt)\n~~~\n[b](b.txt)",
        [("a.txt", b"a.txt")],
    )


def test_a_file_named_twice_goes_once_and_is_counted_once(home, workspace, monkeypatch):
    monkeypatch.setattr(attachments, "OUTGOING", 10)
    found = attachments.extract_files(home, "[a](a.txt) [a](./a.txt) [b](b.txt) [a](a.txt)")
    assert found.text == "a a b a" and len(found.files) == 2
    monkeypatch.setattr(attachments, "OUTGOING", 9)
    assert (
        attachments.extract_files(home, "[a](a.txt) [b](b.txt)").text
        == "a b (not attached: 0.0 MB)"
    )


@pytest.mark.parametrize("when", ["judged", "opened on the way", "written down"])
@pytest.mark.parametrize("what", ["the file", "its folder", "a hard link"])
def test_what_was_judged_is_what_goes(home, workspace, monkeypatch, when, what):
    """The agent swaps a name for a way to `.env` after each step; the old bytes go, or none."""
    files.replace(home.path(".env"), b"SECRET")
    Environment(home.root)
    files.replace(f"{workspace}/sub/report", b"report")
    files.replace(home.path("sub/report"), b"SECRET")

    def swap():
        if what == "its folder":
            os.rename(f"{workspace}/sub", f"{workspace}/was")
            os.symlink("../sub", f"{workspace}/sub")
            return
        os.unlink(f"{workspace}/sub/report")
        (os.link if what == "a hard link" else os.symlink)(
            home.path(".env"), f"{workspace}/sub/report"
        )

    def after(module, name, calls=1):
        original, seen = getattr(module, name), []

        def run(*given, **more):
            result = original(*given, **more)
            seen.append(1)
            if len(seen) == calls:
                swap()
            return result

        monkeypatch.setattr(module, name, run)

    if when == "judged":
        after(attachments, "_locate")
    elif when == "opened on the way" and what == "its folder":
        after(os, "open", 2)  # the workspace, then `sub`
    elif when == "opened on the way":
        after(os, "open", 1)
    text, copies = outbox._take_along(home, 7, "[it](sub/report)")
    monkeypatch.undo()
    if when == "written down":
        swap()
    going = [file.data for file in attachments.read_outgoing(home, copies)]
    if when == "written down" or (when, what) == ("opened on the way", "its folder"):
        assert (text, going) == ("it", [b"report"])
    else:
        assert (text, going) == ("[it](sub/report)", [])


def test_copies_of_what_goes_are_swept(home, workspace):
    ledger = Ledger(home.path("relay", "inbox.jsonl"))
    copies = attachments.copy_outgoing(home, 7, [attachments.OutgoingFile("a", b"a")] * 2)
    ledger.take(refused_step(RefusedAnswer(7, "a/b", 1, "", "why", copies[:1])))
    attachments.copy_outgoing(home, 8, [attachments.OutgoingFile("a", b"a")])
    attachments.sweep_outgoing(home, ledger)
    assert os.listdir(home.path("relay", "outgoing")) == ["7-0"]


def test_text_that_is_no_unicode_can_be_posted():
    assert outbox.split_answer("half of an emoji: \ud83d") == [
        outbox.AnswerPart("half of an emoji: ?")
    ]


@given(st.text(alphabet="[]()<>!ab./\\~`\n %2e0", max_size=60))
def test_nothing_but_the_folders_that_may_go_goes(tmp_path_factory, text):
    from plainmind.ground.paths import Home

    home = Home(str(tmp_path_factory.getbasetemp() / "guarded"))
    os.makedirs(os.path.join(home.workspace, "a"), exist_ok=True)
    for path, data in ((os.path.join(home.workspace, "b"), "x"), (home.path("b"), "no")):
        with open(path, "w") as file:
            file.write(data)
    found = attachments.extract_files(home, text)
    assert found.files in ([], [("b", b"x")])
    if not found.files:
        assert found.text == text


# --- who the relay is


GIVEN = {"DISCORD_TOKEN": "abc.def", "DISCORD_CHANNEL_ID": "123", "DISCORD_API_BASE": ""}


def read(allow="1, 2 3", **given):
    return identity.read_identity(GIVEN | given, {"relay.allow": allow})


def test_an_identity_is_read_from_settings():
    assert read() == identity.BotIdentity("abc.def", 123, frozenset({1, 2, 3}), "")
    assert read(DISCORD_API_BASE="http://127.0.0.1:1/api/v10").api == "http://127.0.0.1:1/api/v10"


@pytest.mark.parametrize("given, says", [
    ({"DISCORD_TOKEN": ""}, "DISCORD_TOKEN is missing"),
    ({"DISCORD_TOKEN": "a b"}, "is not a token"), ({"DISCORD_TOKEN": "a\nb"}, "is not a token"),
    ({"DISCORD_CHANNEL_ID": ""}, "DISCORD_CHANNEL_ID is missing"),
    ({"DISCORD_CHANNEL_ID": "#agent"}, "'#agent' is not a channel id"),
    ({"DISCORD_CHANNEL_ID": "١٢٣"}, "is not a channel id"), ({"allow": ""}, "names nobody"),
    ({"allow": "ada"}, "'ada' is not a user id"), ({"allow": "1,ada#0001"}, "is not a user id"),
    ({"DISCORD_API_BASE": "discord.com"}, "is not a URL"),
    ({"DISCORD_API_BASE": "https://x/api?y"}, "is not a URL"),
])  # fmt: skip
def test_what_is_missing_or_wrong_is_said_and_the_token_is_not(given, says):
    with pytest.raises(Misconfigured, match=says) as raised:
        read(**given)
    assert "abc.def" not in str(raised.value)


def test_there_is_one_relay_of_a_home(home):
    with (
        identity.hold_lock(home),
        pytest.raises(Busy, match="running already"),
        identity.hold_lock(home),
    ):
        pass
    with identity.hold_lock(home):
        pass


# --- signs of life


def test_a_cursor_is_kept(home):
    own = Cursor(home)
    assert own.id is None
    own.move(42)
    assert Cursor(home).id == 42


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"cursor":"x"}', '{"cursor":1e999}', "\x00"])
def test_a_cursor_that_cannot_be_read_is_none(home, content):
    files.make_folder(home.path("relay"))
    with open(home.path("relay", "cursor.json"), "w") as file:
        file.write(content)
    assert Cursor(home).id is None


def test_a_relay_is_alive_as_long_as_the_gateway_answers(home):
    assert presence.read_sign(home, NOW) is None
    presence.Presence(home).beat()
    os.utime(home.path("relay", "alive"), (NOW / 1000 - 149, NOW / 1000 - 149))
    assert str(presence.read_sign(home, NOW)) == "alive: the gateway last answered 2 min ago"
    assert (
        str(presence.read_sign(home, NOW + 2000))
        == "not alive: the gateway last answered 3 min ago"
    )
    assert presence.read_sign(home, NOW - 10**6).silence == 0  # a clock that was set back
    for nobody in ("2026-01-30T14:23:55Z 99999999\n", "\n", "x y\n"):
        with open(home.path("relay", "alive"), "w") as file:
            file.write(nobody)
        assert str(presence.read_sign(home, NOW)).startswith("not running: ")


def test_a_stranger_is_told_of_once_and_a_crowd_is_not_remembered():
    told = []
    allowed = identity.AllowList(frozenset({7}), told.append)
    assert [allowed.admits(n) for n in (1, 1, 2, 7)] == [False, False, False, True]
    assert told == [f"user {n} is not in relay.allow, and is ignored" for n in (1, 2)]
    assert not any(allowed.admits(n) for n in range(10, 5000))
    assert len(told) == identity.STRANGERS


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_a_span_is_said_in_one_unit(seconds, text):
    assert presence.span(seconds) == text


@given(st.integers(NOW, NOW + 10**12), st.integers(0, 2**22 - 1))
def test_an_id_is_made_of_its_time(instant, low):
    assert messages.to_instant(messages.to_id(instant) + low) == instant
    assert messages.to_id(0) == 0


# --- vectors


class EmbedSuite:
    """`mem-embed` that ends by itself with the next of `codes`, or not before it is killed."""

    def __init__(self, *codes: int | None):
        self.codes, self.started, self.at_once = list(codes), [], 0

    async def start(self, name: str):
        self.started.append(name)
        self.at_once += 1
        assert self.at_once == 1, "two at a time"
        code, over = self.codes.pop(0) if self.codes else 0, asyncio.Event()
        suite = self

        async def outcome():
            if code is None:
                await over.wait()
            suite.at_once -= 1
            return Outcome(-9 if code is None else code, "", f"mem-embed: what {code}\n")

        return SimpleNamespace(outcome=outcome, kill=over.set)


def embed(suite: EmbedSuite, script, monkeypatch) -> list[str]:
    """What it says while the script goes on."""
    said: list[str] = []
    monkeypatch.setattr(embedding, "QUIET", 0.02)
    monkeypatch.setenv("MIND_BACKOFF", "0")

    async def live() -> None:
        work = embedding.Embedding(suite, said.append)
        task = asyncio.create_task(work.run())
        try:
            await asyncio.wait_for(script(work), 30)
        finally:
            task.cancel()

    asyncio.run(live())
    return said


async def until(true) -> None:
    while not true():
        await asyncio.sleep(0.01)


def test_vectors_are_made_at_start_up_and_after_turns_never_beside_one(monkeypatch):
    suite = EmbedSuite(0, None, 0)

    async def script(work):
        await until(lambda: len(suite.started) == 1)
        work.begin()
        work.begin()  # in another context
        work.end()
        await asyncio.sleep(0.1)
        assert len(suite.started) == 1, "a turn runs"
        work.end()
        await until(lambda: len(suite.started) == 2 and suite.at_once)
        work.begin()  # ends it, and it is done again after the turn
        await until(lambda: not suite.at_once)
        await asyncio.sleep(0.1)
        assert len(suite.started) == 2
        work.end()
        await until(lambda: len(suite.started) == 3)
        await asyncio.sleep(0.1)
        assert len(suite.started) == 3, "nothing more to do"

    assert embed(suite, script, monkeypatch) == []
    assert set(suite.started) == {"mem-embed"}


def test_what_is_wrong_is_said_once_and_tried_again(monkeypatch):
    suite = EmbedSuite(69, 69, 75, 78, 0)

    async def script(work):
        await until(lambda: len(suite.started) == 5 and not suite.at_once)
        await until(lambda: not work.failures)

    monkeypatch.setattr(embedding, "SHORTEST_WAIT", 0.01)
    assert embed(suite, script, monkeypatch) == [
        "mem-embed ended with 69: what 69", "mem-embed ended with 78: what 78",
    ]  # fmt: skip


def test_a_command_that_cannot_be_run_ends_no_relay(monkeypatch):
    class Missing(EmbedSuite):
        async def start(self, name: str):
            self.started.append(name)
            raise FileNotFoundError(2, "No such file or directory")

    suite = Missing()

    async def script(work):
        await until(lambda: len(suite.started) == 3)

    monkeypatch.setattr(embedding, "SHORTEST_WAIT", 0.01)
    assert len(embed(suite, script, monkeypatch)) == 1


@pytest.mark.parametrize("via", ["discord.py", "a header", "an earlier process"])
def test_quiet_that_discord_asks_for_is_kept(home, monkeypatch, via):
    """Asked for 400 s, the relay asked six times in 40."""
    slept, tries = [], []

    async def sleep(seconds):
        slept.append(seconds)

    async def request():
        tries.append(1)
        if len(tries) > 1 or via == "an earlier process":
            return "done"
        if via == "discord.py":
            raise discord.RateLimited(400.0)
        response = SimpleNamespace(status=429, reason="", headers={"Retry-After": "400"})
        raise discord.HTTPException(response, "")

    monkeypatch.setattr(backoff, "sleep_async", sleep)
    kept = Outages(home)
    if via == "an earlier process":  # remind-scan was told
        kept.keep_quiet("channel 7", 400, clock.system_now())
    asking = requests.Requests(5.0, lambda text: None, kept).ask(request, "it", who="channel 7")
    assert asyncio.run(asking) == "done"
    assert 395 < slept[0] <= 400
    left = kept.quiet_left("channel 7", clock.system_now())  # and the others know
    assert 395 < left <= 400
