"""search-exact: what is there, letter by letter, newest first, and nothing that hangs."""

import json
import os
import re

import pytest
from plainmind.ground import files
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT

SEARCH = "memory-search/search-exact"
HOUR = 3_600_000


@pytest.fixture
def say(home, unsynced):
    """Append an event so many hours after the beginning."""

    def append(
        content: str, hour: int = 0, context: str = "discord-thread/1", role: str = "user", **meta
    ):
        Log(home).append(context, [EventDraft(NOW + hour * HOUR, role, content, meta)], NOW)

    return append


@pytest.fixture
def search(script):
    """Texts that are found, in order."""

    def run(*arguments: str, code: int = 0) -> list[str]:
        ended = script(SEARCH, *arguments)
        assert ended.code == code, ended.err
        return [line.partition(": ")[2] for line in ended.out.splitlines()]

    return run


def test_the_reference_is_the_line_itself(say, script, home):
    say("one\ntwo\nthe door code is 4711\nfour")
    path, line, text = script(SEARCH, "door", "code").out.rstrip("\n").split(":", 2)
    assert text == " the door code is 4711"
    assert files.read(home.path(path)).split(b"\n")[int(line) - 1] == b"> the door code is 4711"
    shown = script(os.path.join(ROOT, "bin", "mem-show"), stdin=f"{path}:{line}:{text}\n".encode())
    assert shown.code == 0 and "> four" in shown.out


def test_newest_first_over_all_contexts(say, search):
    for hour, context in ((3, "a/1"), (1, "b/1"), (4, "a/1"), (2, "c/1")):
        say(f"tea {hour}\nand tea again {hour}", hour, context)
    assert search("tea") == [
        f"{said} {hour}" for hour in (4, 3, 2, 1) for said in ("tea", "and tea again")
    ]
    assert search("-n", "3", "tea") == ["tea 4", "and tea again 4", "tea 3"]


def test_letter_by_letter(say, search):
    say("a.c\nabc\nA.C\n[a.c]*\nüber")
    assert search("a.c") == ["a.c", "[a.c]*"]
    assert search("-i", "a.c") == ["a.c", "A.C", "[a.c]*"]
    assert search("[a.c]*") == ["[a.c]*"]
    assert search("-i", "ÜBER") == ["über"]
    assert search("--", "-n", code=1) == []


def test_expressions(say, search):
    say("pm2 restart\npm2 reload\npm2 stop")
    assert search("-E", "pm2 (restart|reload)") == ["pm2 restart", "pm2 reload"]
    assert search("-E", "^PM2.*P$", "-i") == ["pm2 stop"]
    assert search("pm2 (restart|reload)", code=1) == []


def test_only_some_events(say, search):
    say("tea of Ann", 1, author="Ann")
    say("tea of Bob", 2, author="Bob", context="discord-channel/2")
    say("tea of a tool", 3, role="tool", name="bash")
    say("tea of the agent", 4, role="agent")
    assert search("--author", "Ann", "tea") == ["tea of Ann"]
    assert search("--author", "ann", "tea", code=1) == []
    assert search("--context", "discord-channel/2", "tea") == ["tea of Bob"]
    assert search("--role", "tool", "--role", "agent", "tea") == [
        "tea of the agent",
        "tea of a tool",
    ]
    assert search("--since", "2026-01-30T17:00:00Z", "tea") == ["tea of the agent", "tea of a tool"]
    assert search("--until", "2026-01-30T17:00:00+01:00", "tea") == ["tea of Ann"]
    assert search("--since", "2026-01-30", "--until", "2026-01-30T16:23:55.120Z", "tea") == [
        "tea of Bob",
        "tea of Ann",
    ]


def test_json(say, script):
    say("the tea", 1, author="Ann")
    assert json.loads(script(SEARCH, "--json", "tea").out) == {
        "ref": "logs/discord-thread/1/20260130T142355Z.md:4",
        "path": "logs/discord-thread/1/20260130T142355Z.md", "line": 4,
        "timestamp": "2026-01-30T15:23:55.120Z", "role": "user", "author": "Ann",
        "context": "discord-thread/1", "text": "the tea",
    }  # fmt: skip


def test_what_the_log_escapes_is_found_as_it_was_said(say, search):
    say("see ![cat](cat.png)\nC:\\dir\\file\nred \x1b[31malert\x1b[0m")
    assert search("![cat]") == ["see ![cat](cat.png)"]
    assert search("C:\\dir\\f") == ["C:\\dir\\file"]
    assert search("[31malert") == ["red  [31malert [0m"]


def test_of_a_long_line_the_part_around_the_match(say, search):
    say("x " * 50_000 + "needle" + " y" * 50_000)
    (line,) = search("needle")
    assert len(line) == 1002 and line[0] == line[-1] == "…" and "needle" in line
    assert search("-E", "^x x")[0].startswith("x x") and search("-E", "y$")[0].endswith("y")


def test_headers_and_damage_are_not_searched(say, search, home):
    say("tea", author="Needle")
    with open(home.path("logs/discord-thread/1/20260130T142355Z.md"), "ab") as file:
        file.write(b"## torn needle")
    assert search("-i", "needle", code=1) == []


def test_nothing_logged_yet(search, home):
    assert search("tea", code=1) == []
    assert not os.path.exists(home.root)


def test_a_window_that_cannot_be_read_is_reported_and_the_rest_searched(say, script, home):
    say("tea")
    os.makedirs(home.path("logs/discord-thread/2/20260130T142355Z.md"))
    ended = script(SEARCH, "tea")
    assert ended.code == 66 and "no such window" in ended.err and ended.out.endswith(": tea\n")


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "(a|aa)+$", "(.*)*=", "a*" * 30 + "=", r"(a*)*\1="]
)
def test_an_expression_that_would_never_end_is_ended(say, script, expression):
    say("a" * 4000 + "b")
    ended = script(SEARCH, "-E", "--timeout", "0.3", expression)
    assert ended.code == 65 and "took more than 0.3 s; write a simpler one" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    "expression",
    ["(", "*", "(?P<a", "[z-a]", "a{99999999999999999999}", "(" * 5000 + ")" * 5000],
    ids=lambda e: e[:8],
)
def test_what_is_no_expression(script, expression):
    ended = script(SEARCH, "-E", expression)
    assert ended.code == 65 and re.search(r"invalid regular expression .*; leave out -E", ended.err)


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("",), (" ",), ("a\nb",), ("-n", "0", "a"), ("--role", "cook", "a"),
        ("--timeout", "0", "a"),
    ],
)  # fmt: skip
def test_wrong_use(script, arguments):
    assert script(SEARCH, *arguments).code == 2


@pytest.mark.parametrize(
    "arguments", [("--context", "../x"), ("--since", "someday"), ("--until", "2026-01-30T12")]
)
def test_bad_data(script, arguments):
    assert script(SEARCH, *arguments, "tea").code == 65
