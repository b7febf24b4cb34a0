"""Which commands are the same command given again."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.team.commands import normalize

SAME = [
    # case, spaces, the punctuation of sentences
    ("Run the tests", "run the tests"),
    ("run the tests", "  run   the\ttests "),
    ("Run the tests.", "run the tests!"),
    ("Is the build green?", "is the build green"),
    ("Lint, then test", "lint then test"),
    ("ＲＵＮ ｔｈｅ ｔｅｓｔｓ", "run the tests"),
    ("Straße prüfen", "STRASSE PRÜFEN"),
    # politeness
    ("Please run the tests", "run the tests"),
    ("Can you run the tests, please?", "run the tests"),
    ("could you please run the tests? thanks", "Run the tests"),
    ("Hey, run the tests, thank you!", "run the tests"),
    # numbers
    ("close issue 12", "close issue 7"),
    ("close issue #12", "close issue 7"),
    ("close issues 1, 2 and 3", "close issues 40 and 41"),
    ("delete 1 file", "delete 300 files"),
    ("upgrade to v1.2.3", "upgrade to 2.0.0-rc.1"),
    ("tail -n 100", "tail -n 5"),
    ("wait 10s", "wait 90s"),
    ("fix ABC-12", "fix abc-345"),
    ("serve --port=3030", "serve --port=8080"),
    ("yarn add lodash@4.17.21", "yarn add lodash@4.17.22"),
    ("give me the 3rd one", "give me the 21st one"),
    ("ping 127.0.0.1", "ping 10.0.0.7"),
    ("work in session-1770451234", "work in session-1770451299"),
    # days and times
    ("summarise the log of 2026-02-07", "summarise the log of 7 February 2026"),
    ("summarise the log of Feb 7", "summarise the log of yesterday"),
    ("summarise Monday's log", "summarise today's log"),
    ("report the week of 07/02/2026", "report the week of 7.2.2026"),
    ("deploy at 14:30", "deploy at 2 pm"),
    ("deploy at 2pm", "deploy at 09:15:00"),
    ("show 2026-02-07T22:00:00Z", "show 20260207T220000Z"),
    # paths
    ("format src/app.ts", "format lib/db/pool.py"),
    ("format README.md", "format ./docs/guide.md"),
    ("Format the file /srv/app/main.go:12:3", "format the file ~/notes.txt"),
    ("format src/a.ts src/b.ts and c.ts", "format src/d.ts"),
    ("format **/*.ts", "format *.tsx"),
    ("delete build/", "delete /tmp/build"),
    ("git add .", "git add src/app.ts"),
    (r"open C:\Users\ann\x.txt", "open notes.md"),
    ("show .env", "show config.toml"),
    # addresses
    ("fetch https://example.com/a?b=1", "fetch http://localhost:3030/api/agents"),
    ("write to ann@example.com", "write to bob.b@mail.example.org"),
    # quoted texts
    ('git commit -m "Fix typo"', "git commit -m 'Don't break it'"),
    ("search for “the key”", "search for `key`"),
    ("name it 'a b'", 'name it "c"'),
    ("explain ```\nx = 1\n```", "explain `y`"),
    # hashes
    ("revert 3cd3dd5", "revert 3cd3dd5f00aa11bb22cc33dd44ee55ff66007788"),
    ("show order 7f3b9f0c-8f7d-4b1e-9a3c-2d1e5f6a7b8c", "show order 0c7f3b9"),
]

DIFFERENT = [
    ("deploy to staging", "deploy to production"),
    ("run the tests", "run the linter"),
    ("run the tests", "write the tests"),
    ("git push", "git push --force"),
    ("upgrade Node.js", "upgrade Vue.js"),
    ("use ec2", "use s3"),
    ("port it to python3", "port it to python2"),
    ("read and write", "read/write it"),
    ("the client/server split", "the read/write split"),
    ("/review 12", "/deploy 12"),
    ("close issue 12", "close issue src/app.ts"),
    ("name it 'a'", "name it a"),
    ("show config", "show config.toml"),
    ("revert facade", "revert 3cd3dd5"),
    ("it's done", "its done"),
    ("tests for login", "login"),
    ("may I", "march on"),
    ("add @types/node", "add @types/react"),
    ("C", "C++"),
]


@pytest.mark.parametrize("first, second", SAME)
def test_the_same_command(first, second):
    assert normalize(first) == normalize(second) != ""


@pytest.mark.parametrize("first, second", DIFFERENT)
def test_another_command(first, second):
    assert normalize(first) != normalize(second)


def test_what_says_nothing_is_no_command():
    assert {normalize(text) for text in ("", " \n", "?!", "...")} == {""}


WORDS = "run Fix deploy may february 7 12.5 2pm 14:30 please can you and the #4 v2.0 src/a.ts /x . "
WORDS += "'don't' \"a b\" it's 3cd3dd5 ann@x.org https://x.org/y … ( ] <n> <path> x=1 -5 10s Monday"
pieces = st.sampled_from(WORDS.split()) | st.text(string.printable + "“”«»ß٣ﬁ", max_size=6)


@given(st.lists(pieces, max_size=8))
def test_a_normal_form_has_itself_as_its_normal_form(words):
    once = normalize(" ".join(words))
    assert normalize(once) == once


@pytest.mark.parametrize(
    "piece", ["a", "a.", "'a ", '"', "1", "1-", "a/", "a@", "/", "<n> ", "please ", "``", "7 may "]
)
def test_a_long_command_takes_no_longer_than_its_length(piece):
    import time

    def seconds(count):
        started = time.process_time()
        normalize(piece * count)
        return time.process_time() - started

    few = min(seconds(4_000) for _ in range(3))
    many = min(seconds(16_000) for _ in range(3))
    assert many < 12 * few + 0.01  # 16 times the square
