"""remind-scan and discord-send as processes, with a Discord that behaves as one may."""

import contextlib
import json
import os
import subprocess
import threading
import time

import pytest
from plainmind.ground import files
from provider_servers import dribbles, hangs, resets, says
from scene import PATIENCE, ROOT, TIME

SECRET = "Wh-token_2000"
SENT = says({"id": "4711"})
TEA = '- [ ] date=2026-01-30 time=14:23 recur=none msg="tea" id=t\n'


@pytest.fixture
def run(home, serve):
    """A command run against such a server: code, output, complaints. Its `seen` tells the rest."""
    os.makedirs(home.root)

    def ran(argv: list[str], *answers, stdin: bytes = b"", lines: str = TEA, **env: str):
        ran.server = serve(*answers) if answers else None
        known = (
            {"DISCORD_WEBHOOK_URL": f"{ran.server.url}/api/webhooks/1/{SECRET}"} if answers else {}
        )
        if not os.path.exists(home.path("reminders.md")):
            with open(home.path("reminders.md"), "w") as file:
                file.write(lines)
        ended = subprocess.run(
            [os.path.join(ROOT, "bin", argv[0]), *argv[1:]], input=stdin, capture_output=True,
            env={
                "PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME,
                "MIND_REMIND_TIMEOUT": str(PATIENCE), **known, **env,
            },
        )  # fmt: skip
        out, complaints = ended.stdout.decode(), ended.stderr.decode()
        for folder, _, names in os.walk(home.root):
            for name in names:
                assert SECRET.encode() not in files.read(os.path.join(folder, name)), (
                    f"the secret is in {name}"
                )
        assert SECRET not in out + complaints and "127.0.0.1" not in out + complaints
        return ended.returncode, out, complaints

    return ran


def said(run) -> list[str]:
    return [seen.body["content"] for seen in run.server.seen]


def test_a_scan_sends_and_says_nothing(run):
    assert run(["remind-scan"], SENT) == (0, "", "")
    assert said(run) == ["tea"]
    assert run(["remind-scan"], SENT) == (0, "", "") and said(run) == []


def test_the_journal_knows_the_messages_id(run, home):
    run(["remind-scan"], SENT)
    records = [
        json.loads(row)
        for row in files.read(home.path("remind", "journal.jsonl")).split(b"\n")[:-1]
    ]
    assert [record["did"] for record in records][:2] == ["intent", "sent"]
    assert records[1]["messages"] == ["4711"]


@pytest.mark.parametrize("bad", [resets, says({}, 503), says(b"<html>Oh</html>", 502)])
def test_a_server_that_fails_once_has_it_within_the_run(run, bad):
    assert run(["remind-scan"], bad, SENT, MIND_BACKOFF="0")[0] == 0
    assert said(run) == ["tea", "tea\n(possibly repeated)"]


@pytest.mark.parametrize(
    "bad", [hangs, dribbles(b"HTTP/1.1 200 OK\r\n"), says({}, 500), says({}, 429, Retry_After="60")]
)
def test_a_server_that_stays_bad_is_left_in_time_and_nothing_is_lost(run, bad, home):
    start = time.monotonic()
    code, out, complaints = run(["remind-scan"], bad, MIND_BACKOFF="0", MIND_REMIND_TIMEOUT="1")
    assert (code, out) in ((69, ""), (75, "")) and "the next" in complaints
    assert complaints.count("\n") == 1
    assert time.monotonic() - start < PATIENCE
    assert run(["remind-scan"], SENT)[0] == 0
    assert len(said(run)) == 1 and said(run)[0].startswith("tea")


def test_a_webhook_that_is_gone(run):
    code, _, complaints = run(
        ["remind-scan"], says({"message": "Unknown Webhook", "code": 10015}, 404)
    )
    assert code == 78 and "1 reminder is due" in complaints
    assert complaints.endswith("check DISCORD_WEBHOOK_URL\n")
    assert run(["remind-scan"], SENT)[0] == 0 and said(run) == ["tea"]


def test_without_any_way_to_send(run):
    code, out, complaints = run(["remind-scan"])
    assert (code, out) == (78, "") and "DISCORD_WEBHOOK_URL" in complaints
    assert "--stdout" in complaints
    code, out, complaints = run(["remind-scan", "--stdout"])
    assert (code, out) == (0, "tea\n") and "it works again" in complaints
    assert run(["remind-scan", "--stdout"]) == (0, "", "")


def test_nothing_due_needs_no_way_to_send(run):
    assert run(["remind-scan"], lines=TEA.replace("2026", "2027")) == (0, "", "")


def test_a_reader_of_stdout_who_leaves_gets_it_again(run, home):
    """Nobody knows what was read: the next scan prints it again, and says so."""
    run(["remind-scan"], lines=TEA.replace("2026", "2027"))
    with open(home.path("reminders.md"), "w") as file:
        file.write(TEA)
    reader, writer = os.pipe()
    os.close(reader)
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME}
    ended = subprocess.run(
        [os.path.join(ROOT, "bin", "remind-scan"), "--stdout"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=env,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert run(["remind-scan", "--stdout"]) == (0, "tea (possibly repeated)\n", "")


def test_another_host_is_silent(run):
    assert run(["remind-scan"], SENT, MIND_REMIND_HOST="another-machine") == (0, "", "")
    assert said(run) == []


@pytest.mark.parametrize("option", ["--verbose", "--dry-run"])
def test_another_host_is_named_when_asked(run, option):
    code, out, complaints = run(["remind-scan", option], MIND_REMIND_HOST="another-machine")
    assert (code, out) == (0, "")
    assert complaints.startswith("remind-scan: host 'another-machine' fires, this is '")


@pytest.mark.parametrize("now", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_time(run, now):
    lines = TEA + "".join(
        TEA.replace("none", how).replace("id=t", f"id={how}") for how in ("daily", "monthly")
    )
    for command in (
        ["remind-scan", "--stdout"],
        ["remind-scan", "--stdout", "--dry-run"],
        ["remind-list", "--next", "3"],
    ):
        code, _, complaints = run([*command, "--now", now], lines=lines)
        assert code in (0, 1), complaints


def test_two_scans_at_once_one_fires(run, home, serve):
    """The second is told at once that there is a first, and nothing is sent twice."""
    answered = threading.Event()

    def slowly(handler, seen):
        answered.wait(PATIENCE)
        SENT(handler, seen)

    server = serve(slowly)
    with open(home.path("reminders.md"), "w") as file:
        file.write(TEA)
    env = {
        "PATH": os.environ["PATH"],
        "MIND_HOME": home.root,
        "MIND_NOW": TIME,
        "DISCORD_WEBHOOK_URL": server.url,
        "MIND_REMIND_TIMEOUT": str(PATIENCE),
    }
    first = subprocess.Popen(
        [os.path.join(ROOT, "bin", "remind-scan")], env=env, stderr=subprocess.PIPE
    )
    try:
        while not server.seen and first.poll() is None:
            time.sleep(0.005)
        code, out, complaints = run(["remind-scan"], SENT)
        assert (code, out) == (75, "") and said(run) == []
    finally:
        answered.set()
        first.communicate()
    assert [seen.body["content"] for seen in server.seen][0] == "tea"


def test_a_run_that_takes_too_long_is_ended_and_written_down(run, home):
    """Something that hangs: here, a pipe on standard output that is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    start = time.monotonic()
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME}
    with open(home.path("reminders.md"), "w") as file:
        file.write(TEA)
    ended = subprocess.run(
        [os.path.join(ROOT, "bin", "remind-scan"), "--stdout"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=env,
    )
    os.close(reading)
    os.close(writing)
    assert ended.returncode == 75 and b"more than 3 s" in ended.stderr
    assert 3 <= time.monotonic() - start < PATIENCE
    (record,) = [
        json.loads(row)
        for row in files.read(home.path("raw", "maintenance-log", "remind-scan.jsonl")).split(
            b"\n"
        )[:-1]
    ]
    assert "more than 3 s" in record["what"]


def test_send_prints_the_ids(run):
    assert run(["discord-send", "hello", "there"], SENT) == (0, "4711\n", "")
    assert said(run) == ["hello there"]
    assert run(["discord-send", "--json"], SENT, stdin=b"from a \xff pipe") == (
        0,
        '{"id":"4711"}\n',
        "",
    )
    assert said(run) == ["from a ? pipe"]


def test_send_prints_the_ids_of_what_was_sent_before_it_failed(run):
    answers = [says({"id": "1"}), says({"id": "2"}), says({"message": "no"}, 400)]
    code, out, complaints = run(["discord-send", "one " * 1200], *answers)
    assert (code, out) == (65, "1\n2\n")
    assert complaints.startswith("discord-send: 2 of 3 parts were sent; then Discord answered 400")


def test_send_sends_all_parts_though_nobody_reads_their_ids(run, home, serve):
    server = serve(SENT)
    reader, writer = os.pipe()
    os.close(reader)
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "DISCORD_WEBHOOK_URL": server.url}
    ended = subprocess.run(
        [os.path.join(ROOT, "bin", "discord-send"), "one " * 1200],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=env,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr, len(server.seen)) == (0, b"", 3)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a full disk at hand")
@pytest.mark.parametrize(
    "argv, done",
    [
        (["remind-add", "--in", "2h", "x"], "added"),
        (["remind-edit", "t", "--msg", "x"], "changed"),
        (["remind-rm", "t"], "removed"),
    ],
)
def test_a_change_that_cannot_be_printed_stands_and_is_confirmed(home, serve, run, argv, done):
    server = serve(SENT)
    with open(home.path("reminders.md"), "w") as file:
        file.write(TEA)
    env = {
        "PATH": os.environ["PATH"],
        "MIND_HOME": home.root,
        "MIND_NOW": TIME,
        "DISCORD_WEBHOOK_URL": server.url,
    }
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [os.path.join(ROOT, "bin", argv[0]), *argv[1:]],
            stdout=full,
            stderr=subprocess.PIPE,
            env=env,
        )
    assert ended.returncode == 74
    assert f"the line is {done} all the same; do not repeat the command" in ended.stderr.decode()
    assert len(server.seen) == 1 and files.read(home.path("reminders.md")) != TEA.encode()


def test_send_to_a_channel_needs_the_bot_and_uses_it(run, serve):
    assert run(["discord-send", "--channel", "99", "hello"], SENT)[0] == 78
    api = serve(SENT)
    code, out, _ = run(
        ["discord-send", "--channel", "99", "hello"],
        SENT,
        DISCORD_TOKEN="Bot-token_3000",
        DISCORD_API_BASE=api.url,
    )
    assert (code, out) == (0, "4711\n") and said(run) == []
    assert api.seen[0].path == "/channels/99/messages"


def test_send_mentions_only_who_is_named(run):
    run(["discord-send", "--mention", "42", "<@42> and @everyone"], SENT)
    assert run.server.seen[0].body["allowed_mentions"] == {"parse": [], "users": ["42"]}
    assert run(["discord-send", "--mention", "everyone", "hello"], SENT)[0] == 2


def test_send_has_something_to_send_and_somewhere(run):
    assert run(["discord-send"], SENT, stdin=b" \n")[0] == 65
    assert run(["discord-send", "hello"])[0] == 78
    assert run(["discord-send", "hello"], says({}, 404))[0] == 78
    assert run(["discord-send", "hello"], says({}, 429, Retry_After="3600"))[0] == 69


def test_a_look_at_what_would_be_sent(run):
    assert run(["discord-send", "--dry-run", "x" * 2001])[1] == "x" * 2000 + "\n---\nx\n"
    assert run(["remind-scan", "--dry-run"]) == (0, "tea\n", "")
