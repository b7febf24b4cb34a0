"""Files that come with messages and files that go with answers, through the relay's process."""

import os

import pytest
from discord_server.client import Discord, attachment
from talking import Talk, option

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    with Discord() as discord, Talk(tmp_path_factory.mktemp("files"), discord) as talk:
        yield talk


@pytest.fixture
def thread(talk):
    return talk.thread()


@pytest.fixture(scope="module")
def workspace(talk):
    """Where the agent's files are: a function that makes one there."""

    def make(name, data=b"data"):
        path = talk.relay.path("workspace", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    return make


def sent(talk, place, *files, content="see"):
    """The paths a turn was given for a message with these files, and the message's id."""
    id = talk.say(content, place, attachments=[attachment(name, data) for name, data in files])
    paths = option(talk.call(id), "attach")
    assert talk.call(id)["found"] == [True] * len(paths)  # they were there before the turn began
    talk.answer(id, place)
    return paths, id


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def kept(talk):
    """Every file that was kept, and nothing else of the home that a name may have led to."""
    return [
        os.path.join(folder, name)
        for top in (("relay", "files"), ("raw", "images"))
        for folder, _, names in os.walk(talk.relay.path(*top))
        for name in names
    ]


def everything(talk):
    around = os.path.dirname(talk.folder)
    return {os.path.join(around, name) for name in os.listdir(around)} | {
        os.path.join(folder, name) for folder, _, names in os.walk(talk.folder) for name in names
    }


# --- files that come


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "/etc/passwd", "..\\..\\windows\\win.ini", "..", ".", "...", "CON",
        "NUL", "aux.txt", "C:evil.txt", "photo\u202egpj.exe", "x" * 300 + ".txt", "n." + "e" * 300,
        ".bashrc", "a b  c.txt", "😀🎉.txt", "naïve.txt", "new\nline.txt", "tab\t.txt", "-rf",
        "--home=x", "$(id).sh", "`id`;rm -rf *", "a\x00b.txt", "[x](y).md", "file.txt ", " ",
        "a" * 59 + "é.txt",
    ],
    ids=repr,
)  # fmt: skip
def test_whatever_a_file_is_called_it_is_kept_under_a_safe_name(talk, thread, name):
    before, data = everything(talk), name.encode() + b" inside"
    said = talk.discord.say(
        "see", channel=thread, live=False, attachments=[attachment("plain", data)]
    )
    said["attachments"][0]["filename"] = name
    talk.discord.event(name="MESSAGE_CREATE", data={**said, "guild_id": talk.discord.guild})
    id = said["id"]
    (path,) = option(talk.call(id), "attach")
    folder, base = os.path.split(path)
    assert folder == talk.relay.path("relay", "files") and contents(path) == data
    assert base.startswith(f"{id}-0-") and len(base) <= 110
    assert set(base) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert not base.endswith(".") and ".." not in base
    new = {
        path for path in everything(talk) - before if "/logs/" not in path and "/index/" not in path
    }
    assert {path} <= new and not {p for p in new if b" inside" in contents(p)} - {
        path,
        os.path.join(talk.folder, "calls.jsonl"),
    }


@pytest.mark.parametrize(
    "name, data, where, ending",
    [
        ("invoice.exe", PNG, "raw/images", ".png"), ("cat", JPEG, "raw/images", ".jpg"),
        ("a.jpg", PNG, "raw/images", ".png"),
        ("moving.bin", b"GIF89a" + bytes(9), "raw/images", ".gif"),
        ("w.png", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "raw/images", ".webp"),
        ("text.png", b"just words", "relay/files", ".png"),
        ("page.jpg", b"<html>", "relay/files", ".jpg"),
        ("drawing.svg", b"<svg onload='x()'/>", "relay/files", ".svg"),
        ("sound.wav", b"RIFF\x00\x00\x00\x00WAVE", "relay/files", ".wav"),
        ("empty.png", b"", "relay/files", ".png"),
    ],
)  # fmt: skip
def test_what_a_file_is_decides_where_it_is_kept(talk, thread, name, data, where, ending):
    (path,), _ = sent(talk, thread, (name, data))
    assert os.path.dirname(path) == talk.relay.path(where) and path.endswith(ending)
    assert contents(path) == data


def test_files_of_one_name_are_all_kept(talk, thread):
    paths, _ = sent(talk, thread, ("a.txt", b"one"), ("a.txt", b"two"), ("a.png", PNG))
    assert [contents(path) for path in paths] == [b"one", b"two", PNG]


def test_of_eleven_files_ten_are_kept_and_the_turn_is_told(talk, thread):
    id = talk.say(
        "many",
        thread,
        attachments=[attachment(f"{n}.txt", f"file {n}".encode()) for n in range(11)],
    )
    assert [contents(path) for path in option(talk.call(id), "attach")] == [
        f"file {n}".encode() for n in range(10)
    ]
    assert talk.call(id)["text"] == "many\n(attachment '10.txt' was not kept: more than 10)"
    talk.answer(id, thread)


def test_a_file_that_says_it_is_too_large_is_not_fetched(talk, thread):
    said = talk.discord.say(
        "big",
        channel=thread,
        live=False,
        attachments=[attachment("film.mkv", b"x"), attachment("a.txt", b"small")],
    )
    said["attachments"][0]["size"] = 26 * 1024 * 1024
    talk.discord.event(name="MESSAGE_CREATE", data={**said, "guild_id": talk.discord.guild})
    call = talk.call(said["id"])
    assert call["text"] == "big\n(attachment 'film.mkv' was not kept: 27 MB)"
    assert len(option(call, "attach")) == 1
    assert not [r for r in talk.discord.log()["requests"] if r["path"].endswith("film.mkv")]
    talk.answer(said["id"], thread)


def test_a_file_that_lies_about_its_size_is_not_kept(talk, thread):
    said = talk.discord.say(
        "big",
        channel=thread,
        live=False,
        attachments=[attachment("film.mkv", bytes(25 * 1024 * 1024 + 1))],
    )
    said["attachments"][0]["size"] = 10
    before = kept(talk)
    talk.discord.event(name="MESSAGE_CREATE", data={**said, "guild_id": talk.discord.guild})
    assert (
        talk.call(said["id"])["text"]
        == "big\n(attachment 'film.mkv' was not kept: more than 26 MB)"
    )
    assert kept(talk) == before
    talk.answer(said["id"], thread)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "", "//etc/passwd"])
def test_a_file_without_a_web_address_is_not_fetched(talk, thread, url):
    said = talk.discord.say(
        "odd", channel=thread, live=False, attachments=[attachment("odd.txt", b"x")]
    )
    said["attachments"][0]["url"] = url
    talk.discord.event(name="MESSAGE_CREATE", data={**said, "guild_id": talk.discord.guild})
    assert (
        talk.call(said["id"])["text"]
        == "odd\n(attachment 'odd.txt' was not kept: it has no address)"
    )
    talk.answer(said["id"], thread)


def test_a_file_whose_link_has_expired_is_told_of(talk, thread):
    talk.discord.fault("rest", "404", match={"path": "/cdn/.*gone.txt"}, times=None)
    id = talk.say(
        "look", thread, attachments=[attachment("gone.txt", b"x"), attachment("there.txt", b"here")]
    )
    call = talk.call(id)
    assert call["text"] == "look\n(attachment 'gone.txt' was not kept: Discord answered 404)"
    assert [contents(path) for path in option(call, "attach")] == [b"here"]
    talk.answer(id, thread)


def test_a_message_that_is_only_a_file_is_a_turn(talk, thread):
    (path,), id = sent(talk, thread, ("a.txt", b"alone"), content="")
    assert talk.call(id)["text"] == "" and contents(path) == b"alone"


def test_a_turn_waits_for_the_files_of_all_its_messages(talk, thread):
    talk.discord.fault("rest", "slow", match={"path": "/cdn/.*slow.txt"}, seconds=1)
    first = talk.say("hold files", thread)
    talk.call(first)
    made = talk.discord.many(operations=[
        {
            "do": "say", "content": name, "channel": thread,
            "attachments": [attachment(name, name.encode())],
        }
        for name in ("slow.txt", "fast.txt")
    ])  # fmt: skip
    talk.discord.wait(lambda: {message["id"] for message in made} <= talk.received())
    talk.let_go("files")
    call = talk.call(made[1]["id"])
    assert call["text"] == "slow.txt\nfast.txt" and call["found"] == [True, True]
    assert [contents(path) for path in option(call, "attach")] == [b"slow.txt", b"fast.txt"]
    talk.answer(made[1]["id"], thread)


def test_a_file_is_fetched_while_another_turn_still_runs(talk, thread):
    """Its address expires, and the turn may take longer."""
    first = talk.say("hold the fetching", thread)
    talk.call(first)
    id = talk.say("look", thread, attachments=[attachment("soon.txt", b"soon")])
    talk.discord.wait(lambda: any(path.endswith(f"{id}-0-soon.txt") for path in kept(talk)))
    assert not talk.began(id)
    talk.let_go("the")
    talk.answer(id, thread)


# --- files that go


def answered(talk, place, text):
    """The messages of an answer of this text."""
    talk.write(f"answer-{place}", text)
    return talk.parts(talk.say(f"write answer-{place}", place), place)


def test_a_file_of_the_workspace_goes_with_the_answer(talk, thread, workspace):
    workspace("plots/plot.png", PNG), workspace("my notes.md", b"# notes")
    path = workspace("data.csv", b"1,2")
    text = (
        "Here is [the plot](plots/plot.png), ![](plots/plot.png), [notes](<my notes.md>), "
        f"[more](my%20notes.md) and [data](file://{path})."
    )
    (message,) = answered(talk, thread, text)
    assert message["content"] == "Here is the plot, plot.png, notes, more and data."
    assert [f["filename"] for f in message["attachments"]] == [
        "plot.png",
        "my notes.md",
        "data.csv",
    ]
    assert [talk.fetched(f) for f in message["attachments"]] == [PNG, b"# notes", b"1,2"]


def test_a_file_that_the_user_sent_can_go_back(talk, thread):
    (path,), _ = sent(talk, thread, ("mine.txt", b"mine"))
    (message,) = answered(talk, thread, f"[yours]({path})")
    assert [talk.fetched(f) for f in message["attachments"]] == [b"mine"]


def test_an_answer_that_is_only_a_file_is_posted(talk, thread, workspace):
    workspace("only.txt", b"all")
    (message,) = answered(talk, thread, "![](only.txt)")
    assert message["content"] == "only.txt"
    assert [talk.fetched(f) for f in message["attachments"]] == [b"all"]


@pytest.mark.parametrize(
    "link",
    [
        "../.env", ".env", "../relay/inbox.jsonl", "/etc/passwd", "file:///etc/passwd",
        "~/.ssh/id_rsa", "outside", "way/out/passwd", "env-link", "folder", "missing.txt",
        "https://example.org/a.txt", "%2e%2e/.env", "..%2f.env", "../workspace-evil/a.txt",
        "file://..%2f.env", "", "a\x00b", "sneaky/../../.env",
    ],
)  # fmt: skip
def test_what_is_outside_of_the_workspace_stays_there(talk, thread, workspace, link):
    with open(talk.relay.path(".env"), "w") as file:
        file.write("SECRET=hush\n")
    workspace("folder/file.txt"), workspace("sneaky/file.txt")
    os.makedirs(talk.relay.path("workspace-evil"), exist_ok=True)
    with open(talk.relay.path("workspace-evil", "a.txt"), "w") as file:
        file.write("hush")
    for name, to in (("outside", "/etc/passwd"), ("way", "/"), ("env-link", "../.env")):
        if not os.path.lexists(talk.relay.path("workspace", name)):
            os.symlink(to, talk.relay.path("workspace", name))
    (message,) = answered(talk, thread, f"[secret]({link}) and more")
    assert message["content"] == f"[secret]({link}) and more" and message["attachments"] == []


@pytest.mark.parametrize("trouble", ["500", "403"])
def test_what_was_judged_is_what_is_posted(talk, thread, workspace, trouble):
    """While Discord has trouble, or does not allow it yet, the name becomes a link to `.env`."""
    with open(talk.relay.path(".env"), "w") as file:
        file.write("SECRET=hush\n")
    path = workspace(f"{trouble}.txt", b"the report")
    match = {"method": "POST", "path": f"/{thread}/messages$"}
    talk.discord.fault("rest", trouble, match=match, times=None)
    talk.write(f"answer-{thread}", f"[report]({trouble}.txt)")
    id = talk.say(f"write answer-{thread}", thread)
    wanted = "posting" if trouble == "500" else "refused"
    talk.discord.wait(
        lambda: [s for s in talk.relay.steps() if s.get("did") == wanted and str(id) in str(s)]
    )
    os.unlink(path)
    os.symlink("../.env", path)
    talk.discord.clear_faults()
    if trouble == "403":  # the next answer of the thread tells it
        talk.answer(talk.say("go on", thread), thread)
    talk.discord.wait(lambda: [m for m in talk.posted(thread) if m["attachments"]])
    (message,) = [m for m in talk.posted(thread) if m["attachments"]]
    assert message["content"].endswith("report")
    assert [talk.fetched(f) for f in message["attachments"]] == [b"the report"]
    talk.discord.wait(lambda: id in talk.done())
    talk.discord.wait(lambda: os.listdir(talk.relay.path("relay", "outgoing")) == [])


def test_a_link_in_a_code_block_is_code(talk, thread, workspace):
    workspace("real.txt", b"real")
    text = "```\n[a](real.txt)\n```\n~~~md\n[b](real.txt)\n~~~\n[c](real.txt)"
    (message,) = answered(talk, thread, text)
    assert message["content"] == "```\n[a](real.txt)\n```\n~~~md\n[b](real.txt)\n~~~\nc"
    assert len(message["attachments"]) == 1


def test_a_file_that_is_too_large_is_told_of(talk, thread, workspace):
    workspace("huge.bin", bytes(11 * 1024 * 1024)), workspace("small.bin", b"small")
    (message,) = answered(talk, thread, "[huge](huge.bin) and [small](small.bin)")
    assert message["content"] == "huge (not attached: 11.5 MB) and small"
    assert [f["filename"] for f in message["attachments"]] == ["small.bin"]


def test_of_eleven_files_ten_go(talk, thread, workspace):
    text = "\n".join(
        f"[{n}]({os.path.basename(workspace(f'file-{n}.txt', str(n).encode()))})" for n in range(11)
    )
    (message,) = answered(talk, thread, text)
    assert len(message["attachments"]) == 10
    assert message["content"].endswith("\n9\n10 (not attached: more than 10)")


def test_files_go_with_the_last_part(talk, thread, workspace):
    workspace("last.txt", b"last")
    parts = answered(talk, thread, "[last](last.txt)\n" + "\n".join(["x" * 90] * 30))
    assert [len(part["attachments"]) for part in parts] == [0, 1]


def test_beside_a_whole_answer_as_a_file_nine_files_go_and_the_tenth_is_told_of(
    talk, thread, workspace
):
    links = "\n".join(
        f"[{n}]({os.path.basename(workspace(f'nine-{n}.txt', str(n).encode()))})" for n in range(10)
    )
    parts = answered(talk, thread, links + "\n" + "\n".join(["y" * 95] * 230))
    assert len(parts) == 2 and parts[0]["attachments"] == []
    assert [f["filename"] for f in parts[1]["attachments"]] == [
        "answer.md",
        *(f"nine-{n}.txt" for n in range(9)),
    ]
    assert b"\n8\n9 (not attached: more than 9)\n" in talk.fetched(parts[1]["attachments"][0])
    assert "9 (not attached: more than 9)" in parts[0]["content"]


def test_nothing_of_all_this_was_a_bug(talk):
    assert "internal error" not in talk.relay.said and "Traceback" not in talk.relay.said


def test_a_secret_is_posted_by_no_program(talk, thread):
    """Whatever takes the turns: what is posted, and the ledger, have it masked; also where a
    message ends within it."""
    token = talk.discord.token
    talk.write(f"leak-{thread}", f"{'so ' * 663}it is {token}, or sk-{'aB3d' * 6}")
    first, second, *_ = talk.parts(talk.say(f"write leak-{thread}", thread), thread)
    posted = first["content"] + second["content"]
    assert posted.count("***") == 2
    with open(talk.relay.path("relay/inbox.jsonl")) as file:
        everywhere = posted + file.read()
    assert token not in everywhere and "aB3daB3d" not in everywhere
