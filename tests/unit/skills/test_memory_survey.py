"""memory-survey: counts and findings, and never a secret."""

import json
import os

import pytest
from plainmind.formats.log.injected_blocks import MEMORIES
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW

SURVEY = "memory-audit/memory-survey"
MONTH = 31 * 86_400_000
WINDOW = "logs/discord-thread/1/20260130T142355Z.md"
LONG = "A text of forty characters is no accident."


@pytest.fixture
def say(home, unsynced):
    def append(
        content: str, month: int = 0, context: str = "discord-thread/1", role: str = "user", **meta
    ):
        Log(home).append(context, [EventDraft(NOW + month * MONTH, role, content, meta)], NOW)

    return append


@pytest.fixture
def survey(script):
    """Counts and findings (their lines less the window's path)."""

    def run(*arguments: str, code: int = 0) -> tuple[dict[str, int], list[str]]:
        ended = script(SURVEY, *arguments)
        assert ended.code == code, ended.err
        rows = [line.split("\t") for line in ended.out.splitlines() if "\t" in line]
        return {name: int(number) for name, number in rows}, [
            line.removeprefix(WINDOW + ":") for line in ended.out.splitlines() if "\t" not in line
        ]

    return run


def test_nothing_yet(survey, home):
    counts, findings = survey()
    assert not any(counts.values()) and findings == [] and not os.path.exists(home.root)


def test_counts(survey, say, home):
    say("one")
    say("two", role="agent")
    say("three", role="agent")
    say("four", month=1, context="discord-channel/2", role="tool", name="bash")
    counts, findings = survey()
    size = sum(
        os.path.getsize(home.path("logs", name))
        for name in (
            "discord-thread/1/20260130T142355Z.md",
            "discord-channel/2/20260130T142355Z.md",
        )
    )
    assert findings == []
    assert counts == {
        "contexts": 2, "windows": 2, "bytes": size, "events": 4, "events 2026-01 agent": 2,
        "events 2026-01 user": 1,
        "events 2026-03 tool": 1, "torn": 0, "duplicate": 0, "injected": 0, "secret": 0,
    }  # fmt: skip


def test_duplicates_of_what_people_said(survey, say):
    say(LONG)
    say(LONG, role="agent", context="discord-channel/2")
    for _ in range(2):
        say("Short.")
        say(LONG + " By a tool.", role="tool")
    counts, findings = survey(code=1)
    assert counts["duplicate"] == 1
    # windows of the same second are taken in the order of their paths
    assert findings == [
        "3: duplicate: the same text as logs/discord-channel/2/20260130T142355Z.md:3"
    ]


def test_an_injected_block_that_was_stored(survey, say):
    say(f'{MEMORIES}\n{{"budget_tokens_est":1000,"memories":[]}}\nWhat about tea?')
    say(f"What is {MEMORIES}?")
    assert survey(code=1)[1] == ["3: injected: a recall's own block, stored"]


def test_a_torn_write(survey, say, home):
    say("tea")
    with open(home.path(WINDOW), "ab") as file:
        file.write(b"## 2026-01-30T14:23:55.120Z user n=2 h=000000000000\n> half")
    assert survey(code=1)[1] == ["6: torn: lines 6-7: not an event"]


SECRETS = [
    "sk-" + "a1B2" * 6, "AIza" + "x" * 35, "https://discord.com/api/webhooks/123/abc-DEF",
    "ghp_" + "0123456789abcdef" * 2, "postgres://user:hunter22@db/x",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_secret_is_counted_and_never_printed(script, say, secret, form):
    say("nothing here")
    say(f"it is {secret}\nthanks")
    say("done", role="tool", name="bash", args={"command": f"curl {secret}"})
    ended = script(SURVEY, *form)
    assert ended.code == 1 and ended.out.count("looks like a secret") == 2
    assert f"{WINDOW}:6" in ended.out and f"{WINDOW}:10" in ended.out
    assert secret not in ended.out + ended.err


def test_a_value_of_the_env_file_is_a_secret(script, say, home):
    say("the password is swordfish-9, tell nobody")
    path = home.path(".env")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("DOOR_PASSWORD=swordfish-9\n")
    ended = script(SURVEY)
    assert ended.code == 1 and f"{WINDOW}:3: secret:" in ended.out
    assert "swordfish" not in ended.out + ended.err


def test_since_looks_at_what_is_new_and_knows_what_was_before(survey, say):
    say(LONG)
    say(LONG)
    say(LONG, month=1)
    say("new", month=1)
    counts, findings = survey("--since", "2026-02-01", code=1)
    assert counts["events"] == 2 and counts["duplicate"] == 1 and counts["windows"] == 1
    assert findings == [f"9: duplicate: the same text as {WINDOW}:3"]
    assert survey("--since", "2026-04-01")[1] == []


def test_all_are_counted_some_are_printed(survey, say):
    for _ in range(6):
        say(LONG)
    counts, findings = survey("-n", "2", code=1)
    assert counts["duplicate"] == 5 and len(findings) == 2


def test_json(script, say):
    say(LONG)
    say(LONG)
    rows = [json.loads(line) for line in script(SURVEY, "--json").out.splitlines()]
    assert {"count": "events", "value": 2} in rows and {
        "count": "events 2026-01 user",
        "value": 2,
    } in rows
    assert rows[-1] == {
        "ref": f"{WINDOW}:6", "path": WINDOW, "line": 6, "finding": "duplicate",
        "message": f"the same text as {WINDOW}:3"
    }  # fmt: skip


def test_a_window_that_cannot_be_read_is_reported(script, say, home):
    say("tea")
    os.makedirs(home.path("logs/discord-thread/2/20260130T142355Z.md"))
    ended = script(SURVEY)
    assert ended.code == 66 and "no such window" in ended.err and "events\t1" in ended.out


def test_wrong_use(script):
    assert script(SURVEY, "everything").code == 2
    assert script(SURVEY, "--since", "someday").code == 65
