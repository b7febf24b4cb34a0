"""Streams, exit codes and messages: what every command does the same way.

A made-up command is run as a process of its own, as the pages in bin/ are.
"""

import os
import stat
import subprocess
import sys
import textwrap

import forks
import pytest
from plainmind import cli
from plainmind.ground import when
from scene import ROOT, TIME

HEAD = f"""
import os, sys
sys.path.insert(0, {ROOT + "/lib"!r})
sys.argv[0] = "mem-try"
import click
from plainmind import cli
from plainmind.ground import clock, stream
from plainmind.ground.errors import *

@cli.command("NAME\\n  mem-try - try\\n\\nFILES\\n  x   y\\n", output=("ref",),
             reads="recall.k", dry_run=True)
@click.argument("words", nargs=-1)
def main(session, words):
"""


@pytest.fixture
def run(tmp_path):
    """Run a command with this body; gives (code, output, complaints)."""

    def running(body: str, *arguments: str, stdin=subprocess.DEVNULL, **env: str):
        script = HEAD + textwrap.indent(textwrap.dedent(body), "    ") + "\ncli.run(main)\n"
        ended = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            stdin=stdin, capture_output=True,
            env={"PATH": os.environ["PATH"], "MIND_HOME": str(tmp_path / "home"), **env},
        )  # fmt: skip
        return ended.returncode, ended.stdout.decode(), ended.stderr.decode()

    return running


@pytest.mark.parametrize("body, code, said", [
    ("pass", 0, ""),
    ("return NO_MATCH", 1, ""),
    ("raise Failure('what is wrong')", 70, "mem-try: what is wrong\n"),
    ("raise BadData('what is wrong', place='file:3', cure='fix it')", 65,
     "mem-try: file:3: what is wrong; fix it\n"),
    ("raise NoInput('x')", 66, "mem-try: x\n"),
    ("raise Unavailable('x', retry_after=3)", 69, "mem-try: x\n"),
    ("raise Busy('x')", 75, "mem-try: x\n"),
    ("raise NotPermitted('x')", 77, "mem-try: x\n"),
    ("raise Misconfigured('x')", 78, "mem-try: x\n"),
    ("raise Failure('x', code=69)", 69, "mem-try: x\n"),
    ("open('/nowhere')", 66, "mem-try: /nowhere: no such file or directory\n"),
    ("os.mkdir('/proc/x')", 66, "mem-try: /proc/x: no such file or directory\n"),
    ("raise PermissionError(13, 'Permission denied', '/x')", 77,
     "mem-try: /x: permission denied\n"),
    ("raise OSError(28, 'No space left on device', '/x')", 74,
     "mem-try: /x: no space left on device\n"),
    ("raise BrokenPipeError(32, 'Broken pipe')", 74, "mem-try: the other end was closed\n"),
    ("raise ValueError('x')", 70,
     "mem-try: internal error: ValueError: x; MIND_DEBUG=1 shows where\n"),
    ("'\\ud800'.encode()", 65,
     "mem-try: text that cannot be encoded: 'utf-8' codec can't encode character '\\ud800' "
     "in position 0: surrogates not allowed\n"),
    ("raise KeyboardInterrupt", 130, "\n"),
    ("raise Failure('two\\nlines\\x1b[2J\\u202e')", 70, "mem-try: two\\x0alines\\x1b[2J\\x202e\n"),
], ids=lambda value: str(value)[:30])  # fmt: skip
def test_how_a_command_ends(run, body, code, said):
    assert run(body) == (code, "", said)


@pytest.mark.parametrize("stays", [False, True])
def test_what_stays_looks_for_garbage(stays):
    """A mem-mcp of which much was asked had 8 MB more: a command that ends has none to look for."""
    tell = "import gc; print(gc.get_threshold()[0], flush=True)"
    script = f"{HEAD}    {tell}\ncli.run(main, stays={stays})\n"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert (int(ended.stdout) < 10_000) == stays
    pages = {name: os.path.join(ROOT, "bin", name) for name in os.listdir(f"{ROOT}/bin")}
    staying = {name for name, page in pages.items() if "stays=True" in open(page).read()}
    assert staying == {"discord-relay", "mem-mcp", "work-board"}


def test_an_empty_value_is_as_good_as_none(tmp_path):
    """As a script's empty variable gives it."""
    env = {"PATH": os.environ["PATH"], "MIND_HOME": str(tmp_path), "MIND_NOW": TIME}
    lines = [
        ["mem-append", "--context", "a/b", "--role", "user", "--timestamp", "", "--meta", ""],
        ["mem-recall", "--lexical", "--context", "", "--since", "", "--until", "", "hello"],
        ["mem-graph", "--as-of", ""],
    ]
    for (command, *given), code in zip(lines, (0, 0, 1), strict=True):
        done = forks.run([f"{ROOT}/bin/{command}", *given], env, b"hello")
        assert (done.code, done.complaints) == (code, b""), command


def test_the_worst_of_many(run):
    body = "[session.report(kind(word)) for kind, word in zip((BadData, Busy, NoInput), words)]"
    assert run(body, "a", "b", "c") == (75, "", "mem-try: a\nmem-try: b\nmem-try: c\n")


@pytest.mark.parametrize("arguments, said", [
    (["--nonsense"], "mem-try: no such option '--nonsense'; see 'mem-try --help'\n"),
    (["--noise"], "mem-try: no such option '--noise'; see 'mem-try --help'\n"),
    (["--hom"],
     "mem-try: no such option '--hom' (did you mean '--home'?); see 'mem-try --help'\n"),
    (["--now"], "mem-try: option '--now' requires an argument; see 'mem-try --help'\n"),
    (["--now", "someday"],
     f"mem-try: --now: 'someday' is not a time; {when.FORMS}\n"),
    (["--color", "sometimes"],
     "mem-try: invalid value for '--color': 'sometimes' is not one of 'auto', 'always', 'never'; "
     "see 'mem-try --help'\n"),
])  # fmt: skip
def test_wrong_use(run, arguments, said):
    assert run("pass", *arguments) == (2, "", said)


def test_a_choice_that_is_missing_is_told_on_one_line():
    done = forks.run([f"{ROOT}/bin/mem-hook", "--install"], dict(os.environ))
    said = "mem-hook: no client; use one of claude-code, codex, gemini-cli, opencode, pi\n"
    assert (done.code, done.complaints.decode()) == (2, said)


@pytest.mark.parametrize("word", ["- a bullet", "-\thelp", "- h"])
def test_what_begins_with_a_dash_and_a_blank_is_a_word(run, word):
    assert run("stream.write(repr(words))", word, "--now", "2026-01-30")[:2] == (0, repr((word,)))


def test_a_variable_that_is_no_time(run):
    assert run("pass", MIND_NOW="soon") == (
        2,
        "",
        f"mem-try: MIND_NOW: 'soon' is not a time; {when.FORMS}\n",
    )


def test_the_clock(run):
    show = "stream.write(clock.to_text(session.now))"
    assert run(show, "--now", TIME)[1] == TIME
    assert run(show, MIND_NOW=TIME)[1] == TIME
    assert run(show, "--now", TIME, MIND_NOW="2001-01-01")[1] == TIME
    assert run(show)[1] > "2026"


def test_the_home(run, tmp_path):
    show = "stream.write(session.home.root)"
    assert run(show)[1] == str(tmp_path / "home")
    assert run(show, "--home", "/x/../y z")[1] == "/y z"
    assert run(show, MIND_HOME="")[1] == os.path.join(ROOT, "data")


def test_the_home_s_env_file(run, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".env").write_text(f"MIND_KEY=from-the-file\nMIND_NOW={TIME}\n")
    assert (
        run("stream.write(f'{session.key} {clock.to_text(session.now)}')")[1]
        == f"b'from-the-file' {TIME}"
    )
    assert (
        run(
            "stream.write(f'{session.key}')", MIND_KEY="é\udcff".encode("utf-8", "surrogateescape")
        )[1]
        == "b'\\xc3\\xa9\\xff'"
    )


def test_help_and_version(run):
    for option in ("--help", "-h"):
        code, said, complaints = run("1/0", option)
        assert (code, complaints) == (0, "")
        assert (
            said.startswith("NAME\n  mem-try - try\n\nOPTIONS\n  --json, --dry-run, --home DIR")
            and "\n\nENVIRONMENT\n  MIND_HOME " in said
            and "(recall.k)" in said
            and said.endswith("\n\nFILES\n  x   y\n")
        )
    assert run("1/0", "--version") == (0, "mem-try (plainmind) 0.1.0\n", "")


SECRETS = {"DISCORD_TOKEN": "token-of-mine", "SOME_KEY": "key of mine"}


@pytest.mark.parametrize("body", [
    "raise Failure('a token-of-mine b', place='/token-of-mine', cure='not key of mine')",
    "raise ValueError('token-of-mine')", "raise OSError(5, 'key of mine', '/token-of-mine')",
    "session.report(BadData('token-of-mine'))",
    "session.say('key of mine')", "raise click.ClickException('token-of-mine')",
    "raise Failure('see https://discord.com/api/webhooks/1/abc')", "open('/token-of-mine/x')",
])  # fmt: skip
def test_no_message_carries_a_secret(run, tmp_path, body):
    """From the process or the memory folder's .env, and with the traceback shown or not."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".env").write_text("OTHER_PASSWORD='of the file'\n")
    for debug in ("0", "1"):
        _, _, said = run(
            body.replace("of mine", "of mine of the file"), MIND_DEBUG=debug, **SECRETS
        )
        assert "***" in said and not {
            s for s in ("token-of-mine", "key of mine", "of the file", "/abc") if s in said
        }, said


def test_an_argument_that_is_a_secret_is_not_repeated(run):
    assert run("pass", "--color", "token-of-mine", **SECRETS)[2].startswith(
        "mem-try: invalid value for '--color': '***' is not"
    )


def test_a_traceback_only_when_asked_for(run):
    assert "Traceback" not in run("1/0")[2]
    assert "Traceback" in run("1/0", MIND_DEBUG="1")[2]


# ---- standard streams


def shell(run, body: str, redirect: str):
    """The command's exit code and complaints when the shell was told this about its streams."""
    script = HEAD + textwrap.indent(body, "    ") + "\ncli.run(main)\n"
    ended = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {redirect}', sys.executable, script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    return ended.returncode, ended.stderr.decode()


def test_a_closed_pipe_ends_quietly_with_0():
    """However much was printed: a little at the end, or so much that writing itself fails."""
    for lines in (1, 100_000):
        script = HEAD + f"    for _ in range({lines}): stream.write('line\\n')\ncli.run(main)\n"
        reader, writer = os.pipe()
        os.close(reader)
        ended = subprocess.run(
            [sys.executable, "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
        )
        os.close(writer)
        assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_closed_pipe_behind_the_help():
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-c", HEAD + "    pass\ncli.run(main)\n", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(
    not stat.S_ISCHR(os.stat("/dev/full").st_mode if os.path.exists("/dev/full") else 0),
    reason="this system has no /dev/full",
)
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_full_disk_behind_standard_output(run, lines):
    body = f"for _ in range({lines}): stream.write('line\\n')"
    assert shell(run, body, "> /dev/full") == (
        74,
        "mem-try: standard output: no space left on device\n",
    )


def test_closed_streams(run):
    assert shell(run, "stream.write('x')", ">&-") == (
        74,
        "mem-try: standard output: bad file descriptor\n",
    )
    assert shell(run, "pass", ">&-") == (0, "")
    assert shell(run, "session.read_input()", "<&-") == (
        2,
        "mem-try: nothing to read on standard input; see 'mem-try --help'\n",
    )
    assert shell(run, "raise Busy('x')", "2>&-") == (75, "")


def test_a_message_never_goes_to_a_file_that_has_the_terminal_s_number(run, tmp_path):
    body = (
        f"file = open({str(tmp_path / 'log')!r}, 'wb')\nsession.report(BadData('x'))\nfile.close()"
    )
    assert shell(run, body, "2>&-") == (65, "")
    assert (tmp_path / "log").read_bytes() == b""


@pytest.mark.parametrize("said, shown", [
    ("knowledge/tea.md:1: date: no 'date'", "knowledge/tea.md:1: date: no 'date'"),
    ("a\nb.md:1: secret: forged", "a\\x0ab.md:1: secret: forged"),
    ("\x1b[31mred\x9b0m", "\\x1b[31mred\\x9b0m"), ("a\tb\u202ec\u2028d", "a\\x09b\\x202ec\\x2028d"),
    ("日本語 é 😀", "日本語 é 😀"),
])  # fmt: skip
def test_a_finding_is_one_line_and_moves_no_cursor(said, shown):
    assert cli.plain(said) == shown


@pytest.mark.parametrize("place, said", [
    ("logs/a/b/x.md:3", "HOME/logs/a/b/x.md:3"), ("work/logs/none", "HOME/work/logs/none"),
    ("knowledge/a.md:1-2", "HOME/knowledge/a.md:1-2"), ("<stdin>:3", "<stdin>:3"),
    ("notes/a.md:3", "notes/a.md:3"), ("/logs/x.md:3", "/logs/x.md:3"),
])  # fmt: skip
@pytest.mark.parametrize("how", ["raise {}", "session.report({})"])
def test_a_file_of_the_home_is_named_by_a_path_that_can_be_pasted(run, tmp_path, how, place, said):
    home = str(tmp_path / "home")
    ended = run(how.format(f"BadData('wrong', place={place!r})"))
    assert ended == (65, "", f"mem-try: {said.replace('HOME', home)}: wrong\n")


def test_a_path_that_can_be_pasted_here_stays(run, tmp_path):
    os.makedirs(tmp_path / "home" / "logs")
    body = f"os.chdir({str(tmp_path / 'home')!r}); raise BadData('wrong', place='logs:3')"
    assert run(body)[2] == "mem-try: logs:3: wrong\n"


def test_no_message_names_a_variable_instead_of_a_path():
    """`$MIND_HOME/…` is nothing to paste where the variable is not set."""
    for folder, _, names in os.walk(os.path.join(ROOT, "lib")):
        for name in names:
            if name.endswith((".py", ".sql", ".md")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    assert "$MIND_HOME" not in file.read(), name


def test_a_complaint_about_secrets_is_made_once(run, tmp_path):
    """By what runs for long, too, which reads .env again."""
    (tmp_path / ".env").write_text("A=b\n")
    os.chmod(tmp_path / ".env", 0o644)
    code, _, said = run("session.again().again()", MIND_HOME=str(tmp_path))
    assert (code, said.count("chmod 600")) == (0, 1)
